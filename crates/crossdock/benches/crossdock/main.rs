//! The benchmarks: the real program under load, each figure beside a baseline that is measured in the same run, in turns
//! with it. `cargo xtask bench` runs them all and writes `docs/benchmarks.md`; nothing here asserts a time. What is
//! asserted is that every answer is right and nothing is lost.

mod backlog;
mod checking;
mod end_to_end;
mod history;
mod hub;
mod intake;
mod load;
mod machine;
mod mapping;
mod messages;
mod moments;
mod odoo;
mod peers;
mod plot;
mod report;
mod seed;
mod stats;
mod waiting;

use std::cell::Cell;
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::Context as _;
use clap::{Parser, ValueEnum};

use load::Requests;
use machine::{Machine, Spent};
use messages::Signer;
use peers::Role;
use report::{Report, Section};

/// As in the program that is measured.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures Crossdock against baselines of the same run.
#[derive(Parser)]
struct Arguments {
    /// Writes the run into a document, in place of what it says of these sections, with plots beside it; a relative path
    /// begins at the project's folder. A run with --quick writes nothing.
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
    /// Prints the figures as JSON.
    #[arg(long)]
    json: bool,
    /// A short run with small counts: shows that all works, measures nothing.
    #[arg(long)]
    quick: bool,
    /// Only these sections [default: all but those that take minutes: flatness, waiting].
    #[arg(long = "part", alias = "only", value_delimiter = ',', value_name = "SECTIONS")]
    only: Vec<Part>,
    /// How many messages the section flatness stores at most: ten million take some 10 GB of disk.
    #[arg(long, default_value_t = 10_000_000, value_name = "NUMBER")]
    stored_max: usize,
    /// Where the measured hubs keep their data while they run [default: the build folder].
    #[arg(long, value_name = "FOLDER")]
    place: Option<PathBuf>,
    /// The task runner, for databases in the test Odoo.
    #[arg(long, env = "CROSSDOCK_XTASK", value_name = "PROGRAM")]
    xtask: Option<PathBuf>,
    /// Cargo says that it is a benchmark that runs.
    #[arg(long, hide = true)]
    bench: bool,
    /// Not the benchmarks but one of their peers.
    #[arg(long, hide = true)]
    serve: Option<Role>,
    /// Where a proxy hands requests on to.
    #[arg(long, hide = true)]
    target: Option<SocketAddr>,
}

/// A section of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    Intake,
    IntakeInMemory,
    Grouping,
    Mapping,
    Checking,
    EndToEnd,
    Backlog,
    Odoo,
    /// Minutes, and some 10 GB of disk meanwhile.
    Flatness,
    /// Minutes.
    Waiting,
}

/// Those of a run that names none.
const PARTS: [Part; 8] = [
    Part::Intake,
    Part::IntakeInMemory,
    Part::Grouping,
    Part::Mapping,
    Part::Checking,
    Part::EndToEnd,
    Part::Backlog,
    Part::Odoo,
];

/// What all sections share.
pub struct Bench {
    pub quick: bool,
    pub stored_max: usize,
    /// Where the measured hubs keep their data.
    pub place: PathBuf,
    /// The project's folder.
    pub root: PathBuf,
    pub xtask: Option<PathBuf>,
    signer: Signer,
    next_number: Cell<usize>,
}

impl Bench {
    /// The number of the next message.
    pub fn next_number(&self) -> usize {
        self.next_number.get()
    }

    /// Takes numbers that nothing else gets; returns the first.
    pub fn take_numbers(&self, count: usize) -> usize {
        self.next_number.replace(self.next_number.get() + count)
    }

    /// Signed requests with the next numbers.
    pub fn signed(&self, path: &str, count: usize, body: fn(usize) -> String) -> anyhow::Result<Requests> {
        self.signer.requests(path, self.take_numbers(count), count, body)
    }

    pub fn rounds(&self) -> usize {
        if self.quick { 1 } else { 5 }
    }

    /// Connections, messages a round, rounds.
    fn intake_loads(&self) -> [(usize, usize, usize); 3] {
        match self.quick {
            true => [(64, 200, 1), (8, 50, 1), (1, 20, 1)],
            false => [(64, 20_000, 5), (8, 6_000, 3), (1, 1_500, 3)],
        }
    }

    /// Messages a round, rounds.
    fn grouping_load(&self) -> (usize, usize) {
        if self.quick { (200, 1) } else { (20_000, 5) }
    }

    /// Messages a round, rounds.
    fn end_to_end_load(&self) -> (usize, usize) {
        if self.quick { (100, 1) } else { (8_000, 5) }
    }

    /// Partners a round through the hub, those one by one, rounds.
    fn odoo_load(&self) -> (usize, usize, usize) {
        if self.quick { (20, 2, 1) } else { (1_000, 40, 3) }
    }
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    if let Some(role) = arguments.serve {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        return runtime.block_on(peers::serve(role, arguments.target));
    }
    // Fails only when there is one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let root = root()?;
    let place = arguments.place.clone().unwrap_or_else(|| PathBuf::from(env!("CARGO_TARGET_TMPDIR")));
    fs::create_dir_all(&place).with_context(|| format!("creating {}", place.display()))?;
    let machine = Machine::look(&place, &root);
    let bench = Bench {
        quick: arguments.quick,
        stored_max: arguments.stored_max,
        place,
        root,
        xtask: arguments.xtask.clone(),
        signer: Signer::new()?,
        next_number: Cell::new(1),
    };
    // One thread: a load generator that spreads itself takes from what it measures.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let parts = if arguments.only.is_empty() { &PARTS[..] } else { &arguments.only };
    let mut sections = Vec::new();
    for part in parts {
        let measured = format!("{} with {}", machine.date, machine.crossdock);
        sections.push(Section { measured, ..runtime.block_on(measured_part(&bench, *part))? });
    }
    finish(&arguments, &bench, &Report { machine, quick: bench.quick, sections })
}

async fn measured_part(bench: &Bench, part: Part) -> anyhow::Result<Section> {
    let (load_before, spent, begun) = (machine::load(), Spent::now(), Instant::now());
    eprintln!("{part:?} …");
    let section = match part {
        Part::Intake => intake::measure(bench).await,
        Part::IntakeInMemory => intake::measure_in_memory(bench).await,
        Part::Grouping => intake::measure_grouping(bench).await,
        Part::Mapping => mapping::measure(bench),
        Part::Checking => checking::measure(bench),
        Part::EndToEnd => end_to_end::measure(bench).await,
        Part::Backlog => backlog::measure(bench).await,
        Part::Odoo => odoo::measure(bench).await,
        Part::Flatness => history::measure(bench).await,
        Part::Waiting => waiting::measure(bench).await,
    };
    let section = section.with_context(|| format!("measuring {part:?}"))?;
    let seconds = begun.elapsed().as_secs_f64();
    eprintln!("{part:?}: {seconds:.1} s");
    let others_cpus = Spent::now().others_since(spent) / seconds.max(f64::MIN_POSITIVE);
    Ok(Section { seconds, load_before, load_after: machine::load(), others_cpus, ..section })
}

fn finish(arguments: &Arguments, bench: &Bench, report: &Report) -> anyhow::Result<()> {
    match &arguments.write {
        Some(path) if !bench.quick => {
            let path = bench.root.join(path);
            let before = fs::read_to_string(&path).unwrap_or_default();
            fs::write(&path, report.markdown(&before)).with_context(|| format!("writing {}", path.display()))?;
            eprintln!("written: {}", path.display());
            for plot in report.sections.iter().flat_map(|section| &section.plots) {
                let path = path.with_file_name(plot.file);
                fs::write(&path, plot.svg()).with_context(|| format!("writing {}", path.display()))?;
            }
        }
        Some(path) => eprintln!("{} is not written: this was a quick run", path.display()),
        None => {}
    }
    match arguments.json {
        true => println!("{}", serde_json::to_string_pretty(report)?),
        false => println!("{}", report.markdown("")),
    }
    Ok(())
}

/// The project's folder: cargo starts benchmarks in the package's.
fn root() -> anyhow::Result<PathBuf> {
    let here = std::env::current_dir()?;
    let root = here.ancestors().find(|folder| folder.join("xtask/Cargo.toml").is_file());
    root.map(PathBuf::from).context("run this inside the project's folder")
}
