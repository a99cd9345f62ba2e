//! What lasts: outages, expired keys, full disks, wrong clocks; and the moments at which a hub is killed.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crossdock_runtime::clock::Clock as _;
use jiff::SignedDuration;
use tokio::sync::Notify;

use super::World;
use super::dice::Dice;
use super::stage::HOSTS;
use super::trace::tell;

/// Faults strike within this time from the beginning, in milliseconds.
const STRIKES_WITHIN_MS: u64 = 45_000;
/// How long something lasts at most, in milliseconds.
const LASTS_MS_MAX: u64 = 30_000;
/// How wrong the hub's clock is set at most, in seconds.
const AHEAD_S_MAX: u64 = 7_200;

/// The weather over a world.
pub struct Weather {
    world: std::sync::Weak<World>,
    dice: Mutex<Dice>,
    killed: Notify,
    freezes: AtomicBool,
    version: AtomicUsize,
    /// Things that have not yet passed.
    left: AtomicUsize,
}

/// One thing that happens.
#[derive(Clone, Copy, Debug)]
enum Event {
    Kill,
    Freeze,
    Outage(&'static str),
    ExpiredKey(&'static str),
    FullDisk,
    ClockJump { ahead_s: i64 },
    Reconfigure,
}

impl Weather {
    pub fn new(world: &Arc<World>, dice: Dice) -> Arc<Self> {
        Arc::new(Self {
            world: Arc::downgrade(world),
            dice: Mutex::new(dice),
            killed: Notify::new(),
            freezes: AtomicBool::new(false),
            version: AtomicUsize::new(0),
            left: AtomicUsize::new(1),
        })
    }

    /// Lets everything happen that is to happen, each at its time, and then makes an end of all faults.
    pub fn start(self: Arc<Self>) {
        let Some(world) = self.world.upgrade() else { return };
        let plan = self.plan(&world.faults.weather);
        let mut over = Duration::ZERO;
        for (at, lasts, event) in plan {
            over = over.max(at + lasts);
            self.left.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(self.clone().happen(at, lasts, event));
        }
        let until = over.max(Duration::from_millis(STRIKES_WITHIN_MS));
        tokio::spawn(async move {
            world.clock.sleep(until).await;
            world.disk.calm();
            world.network.calm();
            world.people.calm();
            world.clock.set_ahead(SignedDuration::ZERO);
            tell!(world.trace, "weather: calm");
            self.left.fetch_sub(1, Ordering::Relaxed);
        });
    }

    fn plan(&self, faults: &super::Weather) -> Vec<(Duration, Duration, Event)> {
        let mut dice = self.dice.lock().unwrap_or_else(PoisonError::into_inner);
        let mut events = Vec::new();
        let mut add = |dice: &mut Dice, event: Event| {
            let at = Duration::from_millis(dice.below(STRIKES_WITHIN_MS));
            events.push((at, Duration::from_millis(dice.between(500, LASTS_MS_MAX)), event));
        };
        (0..faults.kills).for_each(|_| add(&mut dice, Event::Kill));
        (0..faults.freezes).for_each(|_| add(&mut dice, Event::Freeze));
        for _ in 0..faults.outages {
            let host = HOSTS[dice.below(HOSTS.len() as u64) as usize];
            add(&mut dice, Event::Outage(host));
        }
        for _ in 0..faults.expired_keys {
            let host = HOSTS[dice.below(HOSTS.len() as u64) as usize];
            add(&mut dice, Event::ExpiredKey(host));
        }
        (0..faults.full_disks).for_each(|_| add(&mut dice, Event::FullDisk));
        for _ in 0..faults.clock_jumps {
            let ahead_s = dice.below(2 * AHEAD_S_MAX) as i64 - AHEAD_S_MAX as i64;
            add(&mut dice, Event::ClockJump { ahead_s });
        }
        (0..faults.reconfigurations).for_each(|_| add(&mut dice, Event::Reconfigure));
        if let Some((host, from_s, lasts_s)) = faults.long_outage {
            events.push((Duration::from_secs(from_s), Duration::from_secs(lasts_s), Event::Outage(host)));
        }
        events
    }

    async fn happen(self: Arc<Self>, at: Duration, lasts: Duration, event: Event) {
        let Some(world) = self.world.upgrade() else { return };
        world.clock.sleep(at).await;
        tell!(world.trace, "weather: {event:?} for {lasts:?}");
        world.people.tally.add(event.word());
        self.switch(&world, event, true);
        world.clock.sleep(lasts).await;
        self.switch(&world, event, false);
        self.left.fetch_sub(1, Ordering::Relaxed);
    }

    fn switch(&self, world: &World, event: Event, begins: bool) {
        match event {
            Event::Outage(host) => world.network.set_down(host, begins),
            Event::ExpiredKey(host) => world.network.set_expired(host, begins),
            Event::FullDisk => world.disk.set_full(begins),
            Event::ClockJump { ahead_s } => {
                world.clock.set_ahead(SignedDuration::from_secs(if begins { ahead_s } else { 0 }));
            }
            Event::Kill if begins => self.killed.notify_one(),
            Event::Freeze if begins => {
                self.freezes.store(true, Ordering::Relaxed);
                self.killed.notify_one();
            }
            Event::Reconfigure if begins => {
                self.version.fetch_add(1, Ordering::Relaxed);
                self.killed.notify_one();
            }
            Event::Kill | Event::Freeze | Event::Reconfigure => {}
        }
    }

    /// Returns when the hub is to be killed.
    pub async fn kill(&self) {
        self.killed.notified().await;
    }

    /// Whether the hub that is gone only stands still.
    pub fn freezes_next(&self) -> bool {
        self.freezes.swap(false, Ordering::Relaxed)
    }

    /// Which version of the configuration the next hub starts with.
    pub fn version(&self) -> usize {
        self.version.load(Ordering::Relaxed)
    }

    /// Nothing goes wrong any more.
    pub fn is_over(&self) -> bool {
        self.left.load(Ordering::Relaxed) == 0
    }
}

impl Event {
    fn word(self) -> &'static str {
        match self {
            Event::Kill => "kill",
            Event::Freeze => "lease lost",
            Event::Outage(_) => "outage",
            Event::ExpiredKey(_) => "expired key",
            Event::FullDisk => "full disk",
            Event::ClockJump { .. } => "clock jump",
            Event::Reconfigure => "new configuration",
        }
    }
}
