//! The PostgreSQL cluster of the test Odoo: its own data folder, its own port, only on the loopback interface, and not
//! synced to disk, because all that is in it can be made again from the template's dump.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::site::{self, Site, remove_folder};
use crate::command::{is_root, logged, output, succeeds, tail};

/// Where Debian keeps each version's programs.
const PROGRAMS: &str = "/usr/lib/postgresql";
/// The owner of all test databases, and a superuser of the cluster.
const ROLE: &str = "odoo";
/// The system user of Debian's package; PostgreSQL refuses to run as root.
const SYSTEM_USER: &str = "postgres";

const SETTINGS: &str = "
# written by `cargo xtask odoo up`
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
fsync = off
synchronous_commit = off
full_page_writes = off
max_connections = 200
";

/// The folder with the programs of the newest PostgreSQL on this machine.
pub fn newest_programs() -> Option<PathBuf> {
    let entries = fs::read_dir(PROGRAMS).ok()?.flatten();
    let versions = entries.filter_map(|entry| entry.file_name().to_string_lossy().parse::<u32>().ok());
    let mut versions: Vec<u32> = versions.filter(|version| programs_of(*version).join("initdb").is_file()).collect();
    versions.sort_unstable();
    versions.pop().map(programs_of)
}

/// One cluster, as programs to run.
pub struct Cluster {
    data: PathBuf,
    log: PathBuf,
    programs: PathBuf,
    port: u16,
    runs_as: Option<&'static str>,
}

impl Cluster {
    /// The cluster of a site. Its folder lies in the site's, unless this is root and the user `postgres` cannot reach
    /// that (a private home, say): then in `/var/lib/crossdock`.
    pub fn of(site: &Site) -> Result<Self> {
        let runs_as = is_root().then_some(SYSTEM_USER);
        let reachable = match runs_as {
            None => true,
            Some(user) => succeeds(Command::new("runuser").args(["-u", user, "--", "test", "-x"]).arg(&site.dir)),
        };
        let folder = if reachable {
            site.dir.join("pg")
        } else {
            PathBuf::from("/var/lib/crossdock").join(folder_name(&site.dir))
        };
        let data = folder.join("data");
        let of_cluster = fs::read_to_string(data.join("PG_VERSION")).ok().and_then(|text| text.trim().parse().ok());
        let programs = of_cluster.map(programs_of).filter(|programs| programs.join("postgres").is_file());
        let programs = programs.or_else(newest_programs).context("PostgreSQL is not installed")?;
        Ok(Self { log: folder.join("server.log"), data, programs, port: site.postgres_port, runs_as })
    }

    /// Whether the server answers on the site's port.
    pub fn is_running(&self) -> bool {
        self.is_up() && succeeds(self.plain("pg_isready").args(["-h", "127.0.0.1", "-p", &self.port.to_string()]))
    }

    /// Makes the cluster where there is none, and starts it where it stands still. One that cannot start any more is
    /// thrown away and made anew, once.
    pub fn start(&self, site: &Site) -> Result<()> {
        if self.is_running() {
            return Ok(());
        }
        // It may be up on the port of an earlier call.
        self.stop()?;
        site::require_free(self.port, "CROSSDOCK_ODOO_PG_PORT")?;
        if self.is_complete() {
            match self.launch() {
                Ok(()) => return Ok(()),
                Err(error) => eprintln!("       the old cluster does not start and is made anew: {error:#}"),
            }
        }
        self.init(site)?;
        self.launch()
    }

    /// Stops the server if it runs.
    pub fn stop(&self) -> Result<()> {
        if !self.is_up() {
            return Ok(());
        }
        output(self.as_owner("pg_ctl").arg("-D").arg(&self.data).args(["-m", "fast", "-w", "stop"])).map(drop)
    }

    /// Runs one statement on the maintenance database and returns its rows, tabs between columns.
    pub fn sql(&self, statement: &str) -> Result<String> {
        output(self.client("psql").args(["-d", "postgres", "-XAtq", "-v", "ON_ERROR_STOP=1", "-c", statement]))
    }

    /// One of the client programs, told where the server is.
    pub fn client(&self, name: &str) -> Command {
        let mut command = self.plain(name);
        command.args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-U", ROLE]);
        command
    }

    /// Deletes the cluster; it must be stopped.
    pub fn remove(&self) -> Result<()> {
        remove_folder(self.folder()?)
    }

    fn folder(&self) -> Result<&Path> {
        self.data.parent().context("the cluster lies in a folder")
    }

    fn is_up(&self) -> bool {
        self.data.join("postmaster.pid").is_file()
            && succeeds(self.as_owner("pg_ctl").arg("status").arg("-D").arg(&self.data))
    }

    fn is_complete(&self) -> bool {
        self.data.join("crossdock-complete").is_file()
    }

    fn init(&self, site: &Site) -> Result<()> {
        let folder = self.folder()?;
        remove_folder(folder)?;
        fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
        if let Some(user) = self.runs_as {
            output(Command::new("chown").arg(user).arg(folder))?;
        }
        let mut initdb = self.as_owner("initdb");
        initdb.arg("-D").arg(&self.data).args(["-A", "trust", "-U", ROLE, "-E", "UTF8", "--locale=C.UTF-8", "-N"]);
        logged(&mut initdb, &site.log("postgres"))?;
        let settings = self.data.join("postgresql.conf");
        let mut file = OpenOptions::new().append(true).open(&settings).context("opening postgresql.conf")?;
        file.write_all(SETTINGS.as_bytes())?;
        fs::write(self.data.join("crossdock-complete"), "").context("marking the cluster as complete")
    }

    fn launch(&self) -> Result<()> {
        let begin = fs::metadata(&self.log).map(|m| m.len()).unwrap_or(0);
        let mut start = self.as_owner("pg_ctl");
        start.arg("-D").arg(&self.data).arg("-l").arg(&self.log);
        start.args(["-o", &format!("-p {}", self.port), "-t", "60", "-w", "start"]);
        if succeeds(&mut start) {
            return Ok(());
        }
        bail!("PostgreSQL did not start\n{}\nwhole output: {}", tail(&self.log, begin), self.log.display())
    }

    fn plain(&self, name: &str) -> Command {
        Command::new(self.programs.join(name))
    }

    /// A server program, run by the user who owns the cluster.
    fn as_owner(&self, name: &str) -> Command {
        let Some(user) = self.runs_as else {
            return self.plain(name);
        };
        let mut command = Command::new("runuser");
        // The owner may not enter the caller's working directory.
        command.current_dir("/").args(["-u", user, "--"]).arg(self.programs.join(name));
        command
    }
}

fn programs_of(version: u32) -> PathBuf {
    PathBuf::from(PROGRAMS).join(version.to_string()).join("bin")
}

/// One name for a whole path, so that two sites never share a cluster.
fn folder_name(path: &Path) -> String {
    path.to_string_lossy().trim_start_matches('/').replace('/', "-")
}
