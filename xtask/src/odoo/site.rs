//! Where the test Odoo lives: its folder, its ports and its names. One folder holds everything and lies outside the
//! clone, so that deleting it is the whole clean-up and a fresh clone finds it ready.

use std::env;
use std::fs::{self, File};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::command::{cache_folder, wait_until};

/// The database that every test database is copied from. Odoo never serves it: its name does not match the filter.
pub const TEMPLATE: &str = "tmpl_crossdock";
/// The template while it is being made.
pub const TEMPLATE_BUILD: &str = "tmpl_crossdock_build";

const HTTP_PORT: u16 = 28069;
const POSTGRES_PORT: u16 = 25432;

/// Waiting for another command is worth a line only after this time.
const QUIET_WAIT: Duration = Duration::from_secs(3);

/// The folder and ports of one test Odoo.
#[derive(Clone, Debug)]
pub struct Site {
    /// Everything that can be cached: packages, Python, template, filestore, logs.
    pub dir: PathBuf,
    /// Port of Odoo's HTTP server, on 127.0.0.1.
    pub http_port: u16,
    /// Port of the PostgreSQL cluster, on 127.0.0.1.
    pub postgres_port: u16,
}

impl Site {
    /// Finds the site: environment first, then what the last `up` used, then the defaults.
    pub fn find() -> Result<Self> {
        let dir = match env::var_os("CROSSDOCK_ODOO_DIR") {
            Some(dir) => PathBuf::from(dir),
            None => cache_folder()?.join("odoo-19"),
        };
        fs::create_dir_all(&dir).with_context(|| format!("creating {}", dir.display()))?;
        let dir = dir.canonicalize().with_context(|| format!("resolving {}", dir.display()))?;
        let last: Value = fs::read(dir.join("ports.json"))
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or(Value::Null);
        let http_port = port("CROSSDOCK_ODOO_PORT", &last["http"], HTTP_PORT)?;
        let postgres_port = port("CROSSDOCK_ODOO_PG_PORT", &last["postgres"], POSTGRES_PORT)?;
        Ok(Self { dir, http_port, postgres_port })
    }

    /// Remembers the ports, so that later commands need not be told again.
    pub fn remember_ports(&self) -> Result<()> {
        let ports = json!({ "http": self.http_port, "postgres": self.postgres_port });
        fs::write(self.dir.join("ports.json"), ports.to_string()).context("writing ports.json")
    }

    /// Waits until no other `xtask odoo` works on this folder, and keeps others out until the file is dropped.
    pub fn lock(&self) -> Result<File> {
        let path = self.dir.join("lock");
        let file = File::create(&path).with_context(|| format!("creating {}", path.display()))?;
        if !wait_until(QUIET_WAIT, || file.try_lock().is_ok()) {
            eprintln!("  waiting for another `cargo xtask odoo` on {}", self.dir.display());
            file.lock().with_context(|| format!("locking {}", path.display()))?;
        }
        Ok(file)
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.http_port)
    }
    /// What `dpkg -x` unpacked.
    pub fn tree(&self) -> PathBuf {
        self.dir.join("root")
    }
    pub fn python(&self) -> PathBuf {
        self.dir.join("venv/bin/python")
    }
    pub fn config_file(&self) -> PathBuf {
        self.dir.join("odoo.conf")
    }
    pub fn filestore(&self, database: &str) -> PathBuf {
        self.dir.join("data/filestore").join(database)
    }
    /// Holds the administrator's API key, which works in every copy of the template.
    pub fn key_file(&self) -> PathBuf {
        self.dir.join("template/admin.key")
    }
    pub fn key(&self) -> Result<String> {
        let path = self.key_file();
        let key = fs::read_to_string(&path)
            .with_context(|| format!("no API key at {}; run `cargo xtask odoo up`", path.display()))?;
        Ok(key.trim().to_owned())
    }
    pub fn log(&self, name: &str) -> PathBuf {
        self.dir.join("logs").join(format!("{name}.log"))
    }

    /// Whether a step was finished with exactly these inputs.
    pub fn is_stamped(&self, step: &str, inputs: &str) -> bool {
        fs::read_to_string(self.stamp_file(step)).is_ok_and(|stamp| stamp == inputs)
    }
    /// Marks a step as finished; written last, so a step that was cut short is done again.
    pub fn stamp(&self, step: &str, inputs: &str) -> Result<()> {
        let path = self.stamp_file(step);
        fs::create_dir_all(path.parent().context("a stamp lies in a folder")?)?;
        let part = path.with_extension("part");
        fs::write(&part, inputs)?;
        fs::rename(&part, &path).with_context(|| format!("writing {}", path.display()))
    }
    pub fn unstamp(&self, step: &str) {
        // Absent is what we want.
        let _ = fs::remove_file(self.stamp_file(step));
    }
    fn stamp_file(&self, step: &str) -> PathBuf {
        self.dir.join("stamps").join(step)
    }
}

/// Whether something listens on this port of the loopback interface.
pub fn listens(port: u16) -> bool {
    TcpStream::connect_timeout(&SocketAddr::from(([127, 0, 0, 1], port)), Duration::from_millis(500)).is_ok()
}

/// Fails clearly when a port that is about to be used belongs to somebody else.
pub fn require_free(port: u16, variable: &str) -> Result<()> {
    if listens(port) {
        bail!("port {port} is taken by another program; stop it, or choose a free port with {variable}=…");
    }
    Ok(())
}

/// Removes a folder and all below it; that it is already gone is fine.
pub fn remove_folder(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("removing {}", path.display()))
        }
        _ => Ok(()),
    }
}

fn port(variable: &str, last: &Value, default: u16) -> Result<u16> {
    if let Some(text) = env::var_os(variable) {
        let text = text.to_string_lossy().into_owned();
        return text.parse().with_context(|| format!("{variable}={text} is not a port number"));
    }
    Ok(last.as_u64().and_then(|port| u16::try_from(port).ok()).unwrap_or(default))
}
