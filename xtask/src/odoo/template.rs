//! Databases: the template with all modules, a chart of accounts and an API key, made once and kept as a dump; and the
//! test databases that are copied from it in a third of a second.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::postgres::Cluster;
use super::server;
use super::site::{Site, TEMPLATE, TEMPLATE_BUILD, remove_folder};
use crate::command::{logged, logged_with_input, output};

const STEP: &str = "template";
const SEED: &str = include_str!("seed.py");
/// PostgreSQL's limit for a name.
const NAME_BYTES_MAX: usize = 63;

/// What the examples and the connector's operations need.
const MODULES: &[&str] = &[
    "sale_management",
    "stock_delivery",
    "account",
    "fleet",
    "stock_fleet",
    "purchase",
    "stock_picking_batch",
    "base_automation",
    "api_doc",
];

/// Whether the dump is there and was made from the same modules and seed.
pub fn is_dumped(site: &Site) -> bool {
    site.is_stamped(STEP, &inputs()) && dump_file(site).is_file() && site.key_file().is_file()
}

/// Makes the template database from nothing, and its dump.
pub fn build(site: &Site, cluster: &Cluster) -> Result<()> {
    site.unstamp(STEP);
    let log = site.log("template");
    drop_database(site, cluster, TEMPLATE)?;
    drop_database(site, cluster, TEMPLATE_BUILD)?;
    remove_folder(&site.dir.join("template"))?;
    fs::create_dir_all(site.dir.join("template"))?;
    output(cluster.client("createdb").arg(TEMPLATE_BUILD))?;
    let mut install = server::odoo(site, "server");
    install.args(["-d", TEMPLATE_BUILD, "-i", &MODULES.join(",")]);
    install.args(["--without-demo=true", "--stop-after-init", "--no-http", "--log-level=warn"]);
    logged(&mut install, &log)?;
    seed(site, &log)?;
    logged(cluster.client("pg_dump").args(["-Fc", "-Z9", "-f"]).arg(dump_file(site)).arg(TEMPLATE_BUILD), &log)?;
    copy_folder(&site.filestore(TEMPLATE_BUILD), &site.dir.join("template/filestore"))?;
    adopt(site, cluster)?;
    site.stamp(STEP, &inputs())
}

/// Whether the cluster holds the template that belongs to the dump, completely.
pub fn is_loaded(site: &Site, cluster: &Cluster) -> Result<bool> {
    let query = format!("select shobj_description(oid, 'pg_database') from pg_database where datname = '{TEMPLATE}'");
    Ok(cluster.sql(&query)? == marker(site)? && site.filestore(TEMPLATE).is_dir())
}

/// Restores the template from its dump.
pub fn restore(site: &Site, cluster: &Cluster) -> Result<()> {
    drop_database(site, cluster, TEMPLATE)?;
    drop_database(site, cluster, TEMPLATE_BUILD)?;
    output(cluster.client("createdb").arg(TEMPLATE_BUILD))?;
    let mut restore = cluster.client("pg_restore");
    restore.args(["-j2", "--exit-on-error", "-d", TEMPLATE_BUILD]).arg(dump_file(site));
    logged(&mut restore, &site.log("template"))?;
    copy_folder(&site.dir.join("template/filestore"), &site.filestore(TEMPLATE_BUILD))?;
    adopt(site, cluster)
}

/// Makes a test database as a copy of the template.
pub fn create_database(site: &Site, cluster: &Cluster, name: &str) -> Result<()> {
    check_name(name)?;
    if database_exists(cluster, name)? {
        bail!("database {name} exists already; run `cargo xtask odoo drop {name}` first, or add --replace");
    }
    // The files come first: a database without its files would look complete and is not.
    remove_folder(&site.filestore(name))?;
    copy_folder(&site.filestore(TEMPLATE), &site.filestore(name))?;
    output(cluster.client("createdb").args(["-T", TEMPLATE, name])).map(drop)
}

/// Removes a database, whoever is connected to it, and its files; that it does not exist is fine.
pub fn drop_database(site: &Site, cluster: &Cluster, name: &str) -> Result<()> {
    output(cluster.client("dropdb").args(["--force", "--if-exists", name]))?;
    remove_folder(&site.filestore(name))
}

/// All test databases.
pub fn test_databases(cluster: &Cluster) -> Result<Vec<String>> {
    let names = cluster.sql("select datname from pg_database where datname ~ '^t_[a-z0-9_]+$' order by 1")?;
    Ok(names.lines().map(str::to_owned).collect())
}

/// Only names that Odoo's database filter lets through.
pub fn check_name(name: &str) -> Result<()> {
    let tail = name.strip_prefix("t_").unwrap_or_default();
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    if tail.is_empty() || !tail.bytes().all(is_plain) || name.len() > NAME_BYTES_MAX {
        bail!(
            "`{name}` cannot be a test database: use t_ and then lower-case letters, digits and _, at most {NAME_BYTES_MAX} in all"
        );
    }
    Ok(())
}

fn seed(site: &Site, log: &Path) -> Result<()> {
    let script = site.dir.join("seed.py");
    fs::write(&script, SEED).context("writing the seed script")?;
    let mut shell = server::odoo(site, "shell");
    shell.args(["-d", TEMPLATE_BUILD, "--no-http", "--log-level=warn"]);
    shell.env("CROSSDOCK_KEY_OUT", site.key_file());
    logged_with_input(&mut shell, File::open(&script)?, log)?;
    if site.key().is_ok_and(|key| key.len() == 40) {
        return output(Command::new("chmod").arg("600").arg(site.key_file())).map(drop);
    }
    bail!("Odoo made no API key\n{}\nwhole output: {}", crate::command::tail(log, 0), log.display())
}

/// Gives the finished template its name and marks it as belonging to the dump.
fn adopt(site: &Site, cluster: &Cluster) -> Result<()> {
    remove_folder(&site.filestore(TEMPLATE))?;
    fs::rename(site.filestore(TEMPLATE_BUILD), site.filestore(TEMPLATE)).context("naming the template's files")?;
    cluster.sql(&format!("alter database {TEMPLATE_BUILD} rename to {TEMPLATE}"))?;
    cluster.sql(&format!("comment on database {TEMPLATE} is '{}'", marker(site)?)).map(drop)
}

/// Tells dumps apart: the key's first digits are as good as random and no secret by themselves.
fn marker(site: &Site) -> Result<String> {
    let key = site.key()?;
    Ok(format!("crossdock template {}", key.get(..8).unwrap_or_default()))
}

fn database_exists(cluster: &Cluster, name: &str) -> Result<bool> {
    Ok(cluster.sql(&format!("select 1 from pg_database where datname = '{name}'"))? == "1")
}

fn dump_file(site: &Site) -> std::path::PathBuf {
    site.dir.join("template/template.dump")
}

fn inputs() -> String {
    format!("{}\n{SEED}", MODULES.join(","))
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("creating {}", to.display()))?;
    for entry in fs::read_dir(from).with_context(|| format!("reading {}", from.display()))? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target).with_context(|| format!("copying to {}", target.display()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::check_name;

    #[test]
    fn only_names_that_odoo_serves_are_taken() {
        for good in ["t_1", "t_probe", "t_orders_200", &format!("t_{}", "x".repeat(61))] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        for bad in ["", "t_", "probe", "T_x", "t_X", "t_a-b", "t_a;drop", "t_ü", &format!("t_{}", "x".repeat(62))] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }
}
