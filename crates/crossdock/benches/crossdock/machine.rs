//! Where and when a run took place, as far as the system tells; what it does not tell is `unknown`.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde::Serialize;

/// Clock ticks in the times of `/proc`: 100 a second on every Linux.
const TICKS_PER_S: f64 = 100.0;

/// The machine and the program.
#[derive(Debug, Serialize)]
pub struct Machine {
    pub date: String,
    pub processor: String,
    pub processors: usize,
    pub memory_gib: f64,
    pub system: String,
    /// Of the folder the data lie in while measuring.
    pub filesystem: String,
    pub crossdock: String,
    pub compiler: String,
}

impl Machine {
    pub fn look(data: &Path, root: &Path) -> Self {
        #[expect(clippy::disallowed_methods, reason = "a benchmark is at the rim: it says when it ran")]
        let now = jiff::Timestamp::now();
        let release = read("/proc/sys/kernel/osrelease");
        let name = field(&read("/etc/os-release"), "PRETTY_NAME", '=');
        let memory = field(&read("/proc/meminfo"), "MemTotal", ':');
        let memory_kib: f64 = memory.split(' ').next().and_then(|kib| kib.parse().ok()).unwrap_or(0.0);
        let commit = told(Command::new("git").current_dir(root).args(["describe", "--always", "--dirty"]));
        Self {
            date: now.strftime("%Y-%m-%d %H:%M UTC").to_string(),
            processor: field(&read("/proc/cpuinfo"), "model name", ':'),
            processors: std::thread::available_parallelism().map_or(1, usize::from),
            memory_gib: (memory_kib / 1024.0 / 1024.0 * 10.0).round() / 10.0,
            system: format!("{}, Linux {}", name.trim_matches('"'), release.trim()),
            filesystem: filesystem(data),
            crossdock: format!("{} ({commit})", env!("CARGO_PKG_VERSION")),
            compiler: told(Command::new("rustc").arg("--version")),
        }
    }

    pub fn write_markdown(&self, text: &mut String) {
        let Self { date, processor, processors, memory_gib, system, filesystem, crossdock, compiler } = self;
        let _ = write!(
            text,
            "| | |\n|---|---|\n| Written | {date} |\n| Machine | {processors} × {processor}, {memory_gib} GiB memory |\n\
             | System | {system}; data on {filesystem} |\n| Crossdock | {crossdock}, {compiler}, release build |\n"
        );
    }
}

/// The load averages of one, five and fifteen minutes.
pub fn load() -> String {
    let text = read("/proc/loadavg");
    let averages: Vec<&str> = text.split(' ').take(3).collect();
    if averages.len() == 3 { averages.join(" / ") } else { "unknown".to_owned() }
}

/// Processor time spent so far, in seconds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spent {
    /// By everything on this machine.
    all: f64,
    /// By this process and those it started and has awaited.
    ours: f64,
}

impl Spent {
    pub fn now() -> Self {
        let stat = read("/proc/stat");
        let fields: Vec<f64> =
            stat.lines().next().unwrap_or("").split_whitespace().skip(1).filter_map(|tick| tick.parse().ok()).collect();
        // user nice system idle iowait irq softirq …: all but the fourth and fifth is work.
        let busy: f64 =
            fields.iter().take(7).enumerate().filter(|(at, _)| !matches!(at, 3 | 4)).map(|(_, tick)| tick).sum();
        let own = ticks("self");
        Self { all: busy / TICKS_PER_S, ours: (own.0 + own.1) / TICKS_PER_S }
    }

    /// Seconds that others spent between `before` and this.
    pub fn others_since(self, before: Self) -> f64 {
        ((self.all - before.all) - (self.ours - before.ours)).max(0.0)
    }
}

/// Processor seconds that a process has spent: by its id, or `self`.
pub fn cpu_seconds(process: &str) -> f64 {
    ticks(process).0 / TICKS_PER_S
}

/// Memory of a process in MiB: resident now, and the most it ever was.
pub fn memory_mib(process: &str) -> (f64, f64) {
    let status = read(&format!("/proc/{process}/status"));
    let mib = |name: &str| {
        let text = field(&status, name, ':');
        text.split(' ').next().and_then(|kib| kib.parse::<f64>().ok()).unwrap_or(0.0) / 1024.0
    };
    (mib("VmRSS"), mib("VmHWM"))
}

/// Ticks spent by a process, and by its children that have ended.
fn ticks(process: &str) -> (f64, f64) {
    let stat = read(&format!("/proc/{process}/stat"));
    // The name in parentheses may hold anything; what follows it is numbers, from field 3 on.
    let Some((_, fields)) = stat.rsplit_once(')') else { return (0.0, 0.0) };
    let fields: Vec<f64> = fields.split_whitespace().map(|field| field.parse().unwrap_or(0.0)).collect();
    let at = |number: usize| fields.get(number - 3).copied().unwrap_or(0.0);
    (at(14) + at(15), at(16) + at(17))
}

fn filesystem(folder: &Path) -> String {
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let mounts = read("/proc/mounts");
    let found = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ');
        let (device, place, kind) = (fields.next()?, fields.next()?, fields.next()?);
        folder.starts_with(place).then_some((place.len(), format!("{kind} ({device})")))
    });
    found.max_by_key(|(length, _)| *length).map_or("unknown".to_owned(), |(_, shown)| shown)
}

fn field(text: &str, name: &str, separator: char) -> String {
    let found = text.lines().find_map(|line| {
        let (key, value) = line.split_once(separator)?;
        (key.trim() == name).then(|| value.trim().to_owned())
    });
    found.unwrap_or_else(|| "unknown".to_owned())
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

fn told(command: &mut Command) -> String {
    let output = command.output().ok().filter(|output| output.status.success());
    output.map_or("unknown".to_owned(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
