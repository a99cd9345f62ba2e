//! Odoo's Python: a virtual environment of Debian's own interpreter with pinned packages.

use std::process::Command;

use anyhow::Result;

use super::site::{Site, remove_folder};
use crate::command::{logged, with_retries};

const STEP: &str = "python";
const INTERPRETER: &str = "/usr/bin/python3";

/// Odoo's direct requirements. Only these are pinned: pinning what they pull in has failed to resolve later.
const PINS: &[&str] = &[
    "asn1crypto==1.5.1",
    "babel==2.18.0",
    "cbor2==6.3.0",
    "chardet==7.7.0",
    "cryptography==50.0.2",
    "docutils==0.23",
    "freezegun==1.5.5",
    "geoip2==5.3.0",
    "gevent==26.9.0",
    "greenlet==3.5.6",
    "idna==3.20",
    "Jinja2==3.1.6",
    "libsass==0.23.0",
    "lxml==6.1.3",
    "lxml_html_clean==0.4.6",
    "MarkupSafe==3.0.4",
    "num2words==0.5.14",
    "ofxparse==0.21",
    "openpyxl==3.1.5",
    "passlib==1.7.4",
    "pillow==13.0.0",
    "polib==1.2.0",
    "psutil==7.2.2",
    "psycopg2-binary==2.9.13",
    "pyOpenSSL==26.4.0",
    "pypdf==7.1.0",
    "pyserial==3.5",
    "python-dateutil==4.0.0",
    "python-magic==0.4.27",
    "python-stdnum==2.2",
    "pytz==2026.6",
    "pyusb==1.3.1",
    "qrcode==8.2",
    "reportlab==5.1.0",
    "requests==2.34.2",
    "rjsmin==1.3.0",
    "vobject==0.9.9",
    "Werkzeug==3.1.9",
    "xlrd==2.0.2",
    "xlsxwriter==3.3.1",
    "zeep==4.3.3",
];

/// Whether the environment is complete and its interpreter still runs (a system upgrade can break it).
pub fn is_ready(site: &Site) -> bool {
    let imports = ["-c", "import psycopg2, lxml.etree, werkzeug"];
    site.is_stamped(STEP, &PINS.join("\n")) && crate::command::succeeds(Command::new(site.python()).args(imports))
}

/// Makes the environment anew.
pub fn build(site: &Site) -> Result<()> {
    site.unstamp(STEP);
    let venv = site.dir.join("venv");
    remove_folder(&venv)?;
    let log = site.log("python");
    logged(Command::new(INTERPRETER).args(["-m", "venv"]).arg(&venv), &log)?;
    with_retries("installing Odoo's Python packages", || {
        let mut pip = Command::new(site.python());
        pip.args(["-m", "pip", "install", "--disable-pip-version-check", "--no-input"]);
        logged(pip.args(PINS), &log)
    })?;
    site.stamp(STEP, &PINS.join("\n"))
}
