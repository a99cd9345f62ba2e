//! Odoo's HTTP server as a process of its own: it outlives this program, is found again by its process id, and can be
//! stopped and started alone to rehearse an outage.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::site::{self, Site};
use crate::command::{open_log, succeeds, tail, wait_until};

/// Only databases of tests are served; the template never is, so it can always be copied.
const DATABASE_FILTER: &str = "--db-filter=^t_[a-z0-9_]+$";
const START_LIMIT: Duration = Duration::from_secs(90);
/// Odoo finishes running requests after SIGTERM; past this time it is killed.
const STOP_LIMIT: Duration = Duration::from_secs(15);

/// How to stop the server.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// SIGTERM: running requests are cut off in an orderly way.
    Orderly,
    /// SIGKILL: connections break without an answer, as in a crash.
    Kill,
}

/// An `odoo` command that uses this site's packages, cluster and filestore.
pub fn odoo(site: &Site, subcommand: &str) -> Command {
    let mut command = Command::new(site.python());
    command.arg(site.tree().join("usr/bin/odoo")).arg(subcommand).arg("-c").arg(site.config_file());
    command.env("PYTHONPATH", site.tree().join("usr/lib/python3/dist-packages"));
    command.env("LANG", "C.UTF-8").current_dir(&site.dir);
    command
}

/// Writes Odoo's configuration file; a server that runs with another one is stopped.
pub fn write_config(site: &Site) -> Result<()> {
    let addons = site.tree().join("usr/lib/python3/dist-packages/odoo/addons");
    let text = format!(
        "[options]\naddons_path = {}\ndata_dir = {}\ndb_host = 127.0.0.1\ndb_port = {}\ndb_user = odoo\n\
         http_interface = 127.0.0.1\nhttp_port = {}\nmax_cron_threads = 0\n",
        addons.display(),
        site.dir.join("data").display(),
        site.postgres_port,
        site.http_port,
    );
    if fs::read_to_string(site.config_file()).is_ok_and(|old| old == text) {
        return Ok(());
    }
    stop(site, Stop::Orderly)?;
    fs::write(site.config_file(), text).context("writing odoo.conf")
}

/// The process id of the running server.
pub fn pid(site: &Site) -> Option<u32> {
    let pid: u32 = fs::read_to_string(pid_file(site)).ok()?.trim().parse().ok()?;
    // The id may have passed on to another program since.
    let command_line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let own = site.config_file();
    let is_ours = command_line.split(|byte| *byte == 0).any(|word| word == own.as_os_str().as_encoded_bytes());
    is_ours.then_some(pid)
}

/// Whether the server runs and answers its health check.
pub fn is_healthy(site: &Site) -> bool {
    pid(site).is_some() && health(site).is_some_and(|answer| answer.contains("\"pass\""))
}

/// Starts the server if it does not run, and waits until it answers.
pub fn start(site: &Site) -> Result<()> {
    let log = site.log("server");
    let begin = fs::metadata(&log).map(|m| m.len()).unwrap_or(0);
    if pid(site).is_none() {
        site::require_free(site.http_port, "CROSSDOCK_ODOO_PORT")?;
        spawn(site, &log)?;
    }
    let mut alive = true;
    let healthy = wait_until(START_LIMIT, || {
        alive = pid(site).is_some();
        !alive || is_healthy(site)
    });
    if healthy && alive {
        return Ok(());
    }
    let what = if alive { "does not answer" } else { "ended at once" };
    bail!("Odoo's server {what}\n{}\nwhole output: {}", tail(&log, begin), log.display())
}

/// Stops the server if it runs.
pub fn stop(site: &Site, how: Stop) -> Result<()> {
    let Some(pid) = pid(site) else { return Ok(()) };
    if how == Stop::Orderly {
        signal(pid, "TERM");
        if wait_until(STOP_LIMIT, || self::pid(site).is_none()) {
            return forget_pid(site);
        }
    }
    signal(pid, "KILL");
    if !wait_until(Duration::from_secs(10), || self::pid(site).is_none()) {
        bail!("Odoo's server (process {pid}) cannot be stopped; end it by hand");
    }
    forget_pid(site)
}

fn spawn(site: &Site, log: &std::path::Path) -> Result<()> {
    let server = odoo(site, "server");
    let file = open_log(log)?;
    // A session of its own: neither the end of this program nor a Ctrl-C in its terminal reaches the server.
    let mut command = Command::new("setsid");
    command.arg(server.get_program()).args(server.get_args()).arg(DATABASE_FILTER);
    for (name, value) in server.get_envs() {
        command.env(name, value.unwrap_or_default());
    }
    let child = command
        .current_dir(&site.dir)
        .stdin(Stdio::null())
        .stdout(file.try_clone().context("sharing the log")?)
        .stderr(file)
        .spawn()
        .context("starting setsid")?;
    fs::write(pid_file(site), child.id().to_string()).context("writing the process id")?;
    // `setsid` becomes the server without forking; until then the command line is not yet the server's.
    wait_until(Duration::from_secs(5), || pid(site).is_some());
    Ok(())
}

fn signal(pid: u32, name: &str) {
    // That the process has just ended by itself is fine; the caller looks.
    succeeds(Command::new("sh").args(["-c", &format!("kill -{name} {pid}")]));
}

fn pid_file(site: &Site) -> PathBuf {
    site.dir.join("odoo.pid")
}

fn forget_pid(site: &Site) -> Result<()> {
    fs::remove_file(pid_file(site)).context("removing the process id")
}

/// The answer of Odoo's health check, database server included.
fn health(site: &Site) -> Option<String> {
    let address = SocketAddr::from(([127, 0, 0, 1], site.http_port));
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(1)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
    stream.write_all(b"GET /web/health?db_server_status=1 HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}
