//! A real Odoo 19 for tests: `cargo xtask odoo up` brings one up from Debian's packages and PyPI, with its own
//! PostgreSQL and its own ports, without touching anything the machine has; `db` gives each test a fresh database.
//! Progress goes to standard error, so that standard output is the result a program can read.

mod python;
mod server;
mod site;
mod template;
mod tree;

pub mod postgres;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::apt;
use crate::command::step;
use postgres::Cluster;
use site::{Site, TEMPLATE};

pub const USAGE: &str = "\
cargo xtask odoo COMMAND
  up                      bring up PostgreSQL and Odoo; the first time takes minutes, later ones seconds
  down                    stop both; what is cached stays
  status [--json]         what runs, and where
  db NAME [--replace]     a fresh test database (NAME starts with t_); prints {url, database, key}
  drop NAME | --all       remove a test database, or all of them
  stop [--kill]           stop only Odoo's HTTP server, to rehearse an outage or a crash
  start | restart         start it again
  remove                  stop both and delete everything, cache included
Environment: CROSSDOCK_ODOO_DIR (folder), CROSSDOCK_ODOO_PORT, CROSSDOCK_ODOO_PG_PORT";

/// Runs one `odoo` command.
pub fn run(args: &[&str]) -> Result<()> {
    match args {
        ["up"] => up(),
        ["down"] => down(),
        ["status"] => status(false),
        ["status", "--json"] => status(true),
        ["db", name] => db(name, false),
        ["db", name, "--replace"] | ["db", "--replace", name] => db(name, true),
        ["drop", "--all"] => drop_all(),
        ["drop", name] => drop_one(name),
        ["stop"] => locked(|site| server::stop(site, server::Stop::Orderly)),
        ["stop", "--kill"] => locked(|site| server::stop(site, server::Stop::Kill)),
        ["start"] => locked(start_server),
        ["restart"] => locked(|site| server::stop(site, server::Stop::Orderly).and_then(|()| start_server(site))),
        ["remove"] => remove(),
        _ => bail!("unknown `odoo` command\n\n{USAGE}"),
    }
}

/// Brings up what is missing: packages, Python, PostgreSQL, the template, the server.
pub fn up() -> Result<()> {
    let site = Site::find()?;
    let _lock = site.lock()?;
    let all = [apt::CERTIFICATES, apt::POSTGRESQL, apt::PYTHON];
    apt::ensure(&all, &site.log("apt"))?;
    site.remember_ports()?;
    fetch(&site)?;
    let cluster = Cluster::of(&site)?;
    if !cluster.is_running() {
        // A server that lost its database would answer nothing but errors.
        server::stop(&site, server::Stop::Orderly)?;
        step("starting PostgreSQL", || cluster.start(&site))?;
    }
    server::write_config(&site)?;
    if !template::is_dumped(&site) {
        step("making the template database (a minute or two)", || template::build(&site, &cluster))?;
    } else if !template::is_loaded(&site, &cluster)? {
        step("restoring the template database", || template::restore(&site, &cluster))?;
    }
    if !server::is_healthy(&site) {
        step("starting Odoo", || server::start(&site))?;
    }
    eprintln!("  Odoo 19 at {} (folder {})", site.url(), site.dir.display());
    Ok(())
}

/// Stops Odoo and PostgreSQL.
pub fn down() -> Result<()> {
    locked(|site| {
        server::stop(site, server::Stop::Orderly)?;
        match Cluster::of(site) {
            Ok(cluster) => cluster.stop(),
            Err(_) => Ok(()),
        }
    })
}

/// Removes all test databases, then stops both: a run of tests that failed half-way leaves nothing behind.
pub fn clear_and_down() -> Result<()> {
    let site = Site::find()?;
    if Cluster::of(&site).is_ok_and(|cluster| cluster.is_running()) {
        drop_all()?;
    }
    down()
}

/// Whether both run.
pub fn is_up() -> Result<bool> {
    let site = Site::find()?;
    Ok(Cluster::of(&site).is_ok_and(|cluster| cluster.is_running()) && server::is_healthy(&site))
}

/// What the end-to-end tests must know, as environment variables.
pub fn test_environment() -> Result<Vec<(&'static str, String)>> {
    let site = Site::find()?;
    Ok(vec![
        ("CROSSDOCK_ODOO_DIR", site.dir.display().to_string()),
        ("CROSSDOCK_ODOO_URL", site.url()),
        ("CROSSDOCK_ODOO_KEY_FILE", site.key_file().display().to_string()),
        ("CROSSDOCK_ODOO_TEMPLATE", TEMPLATE.to_owned()),
    ])
}

/// The packages and the Python environment come from different places, so they are fetched side by side.
fn fetch(site: &Site) -> Result<()> {
    std::thread::scope(|scope| {
        let tree = scope.spawn(|| {
            if tree::is_ready(site) {
                return Ok(());
            }
            step("fetching and unpacking Odoo from Debian", || tree::build(site))
        });
        let python = if python::is_ready(site) {
            Ok(())
        } else {
            step("installing Odoo's Python packages", || python::build(site))
        };
        let tree = tree.join().unwrap_or_else(|_| bail!("fetching Odoo's packages panicked"));
        match (tree, python) {
            (Err(tree), Err(python)) => bail!("{tree:#}\nand: {python:#}"),
            (tree, python) => tree.and(python),
        }
    })
}

fn status(as_json: bool) -> Result<()> {
    let site = Site::find()?;
    let cluster = Cluster::of(&site).ok().filter(Cluster::is_running);
    let databases = cluster.as_ref().map_or_else(|| Ok(Vec::new()), template::test_databases)?;
    let running = cluster.is_some() && server::is_healthy(&site);
    let facts = json!({
        "url": site.url(),
        "running": running,
        "odoo_pid": server::pid(&site),
        "postgres_running": cluster.is_some(),
        "postgres_port": site.postgres_port,
        "template": TEMPLATE,
        "template_ready": template::is_dumped(&site),
        "key_file": site.key_file(),
        "folder": site.dir,
        "server_log": site.log("server"),
        "databases": databases,
    });
    if as_json {
        println!("{facts:#}");
        return Ok(());
    }
    let facts = facts.as_object().context("status is an object")?;
    for (name, value) in facts {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        println!("{name:<17}{text}");
    }
    Ok(())
}

fn db(name: &str, replace: bool) -> Result<()> {
    template::check_name(name)?;
    locked(|site| {
        let cluster = running_cluster(site)?;
        if replace {
            template::drop_database(site, &cluster, name)?;
        }
        template::create_database(site, &cluster, name)?;
        let result: Value = json!({ "url": site.url(), "database": name, "key": site.key()? });
        println!("{result}");
        Ok(())
    })
}

fn drop_one(name: &str) -> Result<()> {
    template::check_name(name)?;
    locked(|site| template::drop_database(site, &running_cluster(site)?, name))
}

fn drop_all() -> Result<()> {
    locked(|site| {
        let cluster = running_cluster(site)?;
        for name in template::test_databases(&cluster)? {
            template::drop_database(site, &cluster, &name)?;
            eprintln!("  dropped {name}");
        }
        Ok(())
    })
}

fn remove() -> Result<()> {
    down()?;
    let site = Site::find()?;
    let _lock = site.lock()?;
    if let Ok(cluster) = Cluster::of(&site) {
        cluster.remove()?;
    }
    site::remove_folder(&site.dir)
}

/// The cluster, when it runs and holds the template; Odoo's HTTP server may be stopped.
fn running_cluster(site: &Site) -> Result<Cluster> {
    let cluster = Cluster::of(site)?;
    if !cluster.is_running() || !template::is_loaded(site, &cluster)? {
        bail!("the test Odoo is not up; run `cargo xtask odoo up`");
    }
    Ok(cluster)
}

fn start_server(site: &Site) -> Result<()> {
    running_cluster(site)?;
    server::start(site)
}

fn locked(work: impl FnOnce(&Site) -> Result<()>) -> Result<()> {
    let site = Site::find()?;
    let _lock = site.lock()?;
    work(&site)
}
