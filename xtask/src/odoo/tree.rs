//! Odoo itself: Debian's package from sid, fetched through a private apt source and unpacked, never installed. The
//! machine's own apt sources stay as they are; their address is read from them, so a mirror is honoured.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::site::{Site, remove_folder};
use crate::command::{logged, with_retries};

const STEP: &str = "tree";
const PACKAGE: &str = "odoo-19";
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";
const SOURCES: &str = "/etc/apt";

/// What the stamp of this step says; the package's own version is read from its file name.
const INPUTS: &str = "odoo-19 from sid without translations";

/// Whether the tree is complete.
pub fn is_ready(site: &Site) -> bool {
    site.is_stamped(STEP, INPUTS) && site.tree().join("usr/bin/odoo").is_file()
}

/// Fetches and unpacks the tree.
pub fn build(site: &Site) -> Result<()> {
    site.unstamp(STEP);
    remove_folder(&site.tree())?;
    let log = site.log("tree");
    let apt = site.dir.join("apt");
    remove_folder(&apt)?;
    let config = private_apt(&apt)?;
    with_retries("fetching the list of Debian's packages", || {
        // Otherwise apt calls it a success when no list could be fetched.
        let mut update = Command::new("apt-get");
        update.args(["update", "-o", "APT::Update::Error-Mode=any"]);
        logged(update.env("APT_CONFIG", &config), &log)
    })?;
    with_retries("fetching Odoo's package", || {
        let mut download = Command::new("apt-get");
        download.args(["download", PACKAGE]).current_dir(&apt);
        logged(download.env("APT_CONFIG", &config), &log)
    })?;
    let package = downloaded(&apt)?;
    logged(Command::new("dpkg").arg("-x").arg(&package).arg(site.tree()), &log)?;
    drop_translations(&site.tree())?;
    remove_folder(&apt)?;
    site.stamp(STEP, INPUTS)
}

/// Writes an apt configuration that has sid as its only source and keeps all its files in `apt`.
fn private_apt(apt: &Path) -> Result<PathBuf> {
    for folder in ["lists/partial", "cache/archives/partial", "empty.d"] {
        fs::create_dir_all(apt.join(folder)).with_context(|| format!("creating {folder}"))?;
    }
    let uri = debian_uri(Path::new(SOURCES))?;
    let signed = if Path::new(KEYRING).is_file() { format!("[signed-by={KEYRING}] ") } else { String::new() };
    fs::write(apt.join("sources.list"), format!("deb {signed}{uri} sid main\n"))?;
    let dir = apt.display();
    let text = format!(
        "Dir::Etc::sourcelist \"{dir}/sources.list\";\nDir::Etc::sourceparts \"{dir}/empty.d\";\n\
         Dir::State::lists \"{dir}/lists\";\nDir::Cache \"{dir}/cache\";\nAcquire::Languages \"none\";\n"
    );
    let config = apt.join("apt.conf");
    fs::write(&config, text)?;
    Ok(config)
}

/// The address of Debian's main archive in the machine's own apt sources (both file formats).
fn debian_uri(etc_apt: &Path) -> Result<String> {
    let mut files: Vec<PathBuf> = vec![etc_apt.join("sources.list")];
    if let Ok(entries) = fs::read_dir(etc_apt.join("sources.list.d")) {
        files.extend(entries.flatten().map(|entry| entry.path()));
    }
    files.sort();
    let texts = files.iter().filter_map(|file| fs::read_to_string(file).ok());
    texts
        .flat_map(|text| uris(&text))
        .find(|uri| uri.trim_end_matches('/').ends_with("/debian"))
        .context("no Debian archive among this machine's apt sources; the test Odoo needs a Debian machine")
}

/// All archive addresses of a sources file.
fn uris(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in text.lines() {
        let mut words = line.split_whitespace();
        match words.next() {
            Some("URIs:") => found.extend(words.map(str::to_owned)),
            Some("deb") => found.extend(words.find(|word| word.contains("://")).map(str::to_owned)),
            _ => {}
        }
    }
    found
}

fn downloaded(folder: &Path) -> Result<PathBuf> {
    let mut entries = fs::read_dir(folder)?.flatten().map(|entry| entry.path());
    match entries.find(|path| path.extension().is_some_and(|extension| extension == "deb")) {
        Some(path) => Ok(path),
        None => bail!("apt-get said it fetched {PACKAGE}, but no package lies in {}", folder.display()),
    }
}

/// Removes the translations: three quarters of the tree and a third of the time to make a database.
fn drop_translations(tree: &Path) -> Result<()> {
    let mut folders = vec![tree.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)?.flatten() {
            if !entry.file_type()?.is_dir() {
                continue;
            }
            let name = entry.file_name();
            if name == "i18n" || name == "i18n_extra" {
                remove_folder(&entry.path())?;
            } else {
                folders.push(entry.path());
            }
        }
    }
    remove_folder(&tree.join("usr/share/doc"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: &[&str]) {
        assert_eq!(uris(text), expect);
    }

    #[test]
    fn addresses_are_read_from_both_formats() {
        check(
            "Types: deb\n# URIs: http://old.example/x\nURIs: http://a.example/debian http://b.example/debian/\n",
            &["http://a.example/debian", "http://b.example/debian/"],
        );
        check(
            "deb [signed-by=/k arch=amd64] https://m.example/debian bookworm main\n#deb http://n.example/debian x\n",
            &["https://m.example/debian"],
        );
        check("deb-src https://m.example/debian bookworm main\n", &[]);
    }
}
