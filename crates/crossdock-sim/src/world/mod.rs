//! A whole world on one thread, from one seed: the real hub — core, connectors and workers as they are shipped — over a
//! simulated disk, clock, network and partners. Everything that can go wrong does, by lot; after every commit the
//! invariants are asked, and at the end the partners are: was anything lost, doubled or out of order? The same seed gives
//! the same world, to the microsecond.
//!
//! - `clock` is time and the thread; `disk` the store with its faults; `wire` the network; `stage` who is behind it.
//! - `people` sell, pack, drive, send webhooks, look after what is paused; `programs` hand events in through the API;
//!   `weather` lets things fail for a while.
//! - `watch` looks at each commit, `verdict` at the end of the world; `limits` is its part about what may be done at once.
//! - `seams` is where a test breaks the machine below the hub, to show that the invariants notice.

mod clock;
mod dice;
mod disk;
mod faults;
mod limits;
mod office;
mod people;
mod programs;
mod seams;
mod stage;
mod trace;
mod verdict;
mod watch;
mod weather;
mod wire;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crossdock_runtime::clock::Clock as _;
use crossdock_runtime::hub::RunningHub;
use crossdock_runtime::plan::Plan;
use jiff::Timestamp;

pub use clock::SimClock;
pub use dice::Dice;
pub use faults::{DiskFaults, Faults, PostFaults, Tally, Weather, WireFaults};
pub use seams::{CallSeam, DueSeam, Seams, WriteSeam};
pub use stage::{CUSTOMER, ODOO, WAREHOUSE, environment};

use disk::Disk;
use people::People;
use stage::Stage;
use trace::{Trace, tell};
use wire::Network;

/// How long a world may last by its own clock, in hours, unless its scenario says otherwise; one that is not at rest by
/// then never will be.
pub const HOURS_MAX: u64 = 6;
/// How often time may jump in a world; one that needs more runs in circles.
const JUMPS_MAX: u64 = 400_000;
/// How often the hub looks dead before the world gives up starting it.
const STARTS_MAX: u64 = 400;

/// What a world is made of, besides its seed.
pub struct Scenario {
    /// The versions of the hub's configuration; it starts with the first.
    pub plans: Vec<Arc<Plan>>,
    /// What goes wrong; by lot when `None`.
    pub faults: Option<Faults>,
    /// Orders that are sold.
    pub orders: usize,
    pub seams: Arc<Seams>,
    /// How long it may take to come to rest, in hours by its own clock.
    pub hours_max: u64,
    /// Keep what happened as lines.
    pub told: bool,
}

/// What became of a world.
#[derive(Clone, Debug, Default)]
pub struct Report {
    pub seed: u64,
    /// Invariants that did not hold, effects lost, doubled or out of order, and what never came to rest. Empty when all
    /// is well.
    pub wrong: Vec<String>,
    /// The hash of everything that happened.
    pub trace: u64,
    /// How many things happened.
    pub steps: u64,
    /// The most calls that were under way to each host at once.
    pub at_once: BTreeMap<String, usize>,
    /// When each call to each host was made.
    pub calls: BTreeMap<String, Vec<Duration>>,
    /// Messages that the hub accepted.
    pub messages: usize,
    /// Transmissions that took effect.
    pub done: usize,
    /// Commits.
    pub commits: u64,
    /// How often each fault struck.
    pub struck: BTreeMap<&'static str, u64>,
    /// How long it lasted by its own clock.
    pub lasted: Duration,
    /// The last lines of what happened, when they were wanted.
    pub lines: Vec<String>,
}

/// Everything there is.
pub(crate) struct World {
    clock: SimClock,
    trace: Arc<Trace>,
    disk: Arc<Disk>,
    network: Arc<Network>,
    people: Arc<People>,
    faults: Faults,
    plans: Vec<Arc<Plan>>,
    seams: Arc<Seams>,
    /// When a hub began.
    starts: Mutex<Vec<Timestamp>>,
    hours_max: u64,
}

/// Runs the world of a seed to its end.
pub fn run(scenario: &Scenario, seed: u64) -> Report {
    let mut dice = Dice::new(seed);
    let clock = SimClock::new(dice.fork());
    let trace = Arc::new(Trace::new(clock.clone(), scenario.told));
    let faults = match &scenario.faults {
        Some(faults) => faults.clone(),
        None => Faults::drawn(&mut dice.fork()),
    };
    let stage = Arc::new(Stage::new());
    let seams = scenario.seams.clone();
    let disk = Disk::new(clock.clone(), trace.clone(), seams.clone(), faults.disk.clone(), dice.fork());
    let network =
        Network::new(stage.clone(), clock.clone(), trace.clone(), seams.clone(), faults.wire.clone(), dice.fork());
    for plan in &scenario.plans {
        disk.watch.allow(plan);
    }
    let people = People::new(
        clock.clone(),
        trace.clone(),
        stage,
        disk.clone(),
        faults.post.clone(),
        scenario.orders,
        dice.fork(),
    );
    let world = Arc::new(World {
        clock: clock.clone(),
        trace,
        disk,
        network,
        people,
        faults,
        plans: scenario.plans.clone(),
        seams,
        starts: Mutex::default(),
        hours_max: scenario.hours_max,
    });
    clock.run(world.clone().play(seed, dice))
}

impl World {
    async fn play(self: Arc<Self>, seed: u64, mut dice: Dice) -> Report {
        tokio::spawn(self.disk.clone().spin());
        let mut wrong = Vec::new();
        let stop = match self.live(&mut dice).await {
            Ok(hub) => Some(hub),
            Err(told) => {
                wrong.push(told);
                None
            }
        };
        drop(stop);
        wrong.splice(0..0, self.disk.watch.wrong());
        wrong.extend(verdict::judge(&self));
        let (trace, steps) = self.trace.sum();
        let mut struck = self.disk.tally.all();
        struck.extend(self.network.tally.all());
        struck.extend(self.people.tally.all());
        Report {
            seed,
            wrong,
            trace,
            steps,
            at_once: self.network.peaks(),
            calls: stage::HOSTS.iter().map(|host| ((*host).to_owned(), self.network.begun(host))).collect(),
            messages: self.people.accepted().len(),
            done: verdict::done(&self),
            commits: self.disk.watch.commits(),
            struck,
            lasted: self.clock.elapsed(),
            lines: self.trace.lines(),
        }
    }

    /// Lets the hub live, crash and start again until everything is at rest. The error says what never came to rest.
    async fn live(self: &Arc<Self>, dice: &mut Dice) -> Result<RunningHub, String> {
        let weather = weather::Weather::new(self, dice.fork());
        self.people.clone().start();
        weather.clone().start();
        let mut starts = 0;
        loop {
            starts += 1;
            if starts > STARTS_MAX {
                return Err("liveness: the hub does not start any more".to_owned());
            }
            let plan = self.plans[weather.version() % self.plans.len()].clone();
            let hub = match RunningHub::start_on_one_thread(
                self.disk.taken_over(),
                Arc::new(self.clock.clone()),
                self.network.taken_over(),
                plan,
            ) {
                Ok(hub) => hub,
                Err(error) => {
                    tell!(self.trace, "hub: cannot start: {error}");
                    self.clock.sleep(Duration::from_secs(1)).await;
                    continue;
                }
            };
            tell!(self.trace, "hub: start {starts}");
            self.starts.lock().unwrap_or_else(PoisonError::into_inner).push(self.clock.true_now());
            self.people.open_door(hub.intake(), hub.desk());
            let is_over = tokio::select! {
                biased;
                () = self.disk.stopped() => false,
                () = weather.kill() => false,
                rest = self.rest(&weather) => return rest.map(|()| hub),
            };
            debug_assert!(!is_over);
            self.people.shut_door();
            self.disk.abandon();
            tell!(self.trace, "hub: gone");
            if weather.freezes_next() {
                // It stands still, and wakes up when another one has taken over.
                let clock = self.clock.clone();
                let nap = Duration::from_secs(30);
                tokio::spawn(async move {
                    clock.sleep(nap).await;
                    drop(hub);
                });
            } else {
                drop(hub);
            }
            let pause = Duration::from_millis(dice.between(100, 3_000));
            self.clock.sleep(pause).await;
        }
    }

    /// Returns when the people have done their work and the hub has nothing left to do.
    async fn rest(&self, weather: &weather::Weather) -> Result<(), String> {
        loop {
            self.clock.sleep(Duration::from_secs(1)).await;
            let open = match weather.is_over() && self.people.are_done() {
                true => verdict::open(self),
                false => vec!["the people are still at work".to_owned()],
            };
            if open.is_empty() {
                return Ok(());
            }
            if self.clock.elapsed() > Duration::from_secs(self.hours_max * 3600) || self.clock.jumps() > JUMPS_MAX {
                return Err(format!("liveness: {}", open.join("; ")));
            }
        }
    }
}
