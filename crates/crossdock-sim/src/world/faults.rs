//! What goes wrong in a world, and how often.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::dice::Dice;

/// Everything that may go wrong. Chances are per thousand.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    pub disk: DiskFaults,
    pub wire: WireFaults,
    pub weather: Weather,
    pub post: PostFaults,
}

/// At each sync of the disk, or each read.
#[derive(Clone, Debug, Default)]
pub struct DiskFaults {
    /// The machine stops; nothing of the group is on the disk.
    pub crash_before: u32,
    /// The machine stops; all of the group is on the disk, and nobody was told.
    pub crash_after: u32,
    /// The machine stops; a part of the group is on the disk.
    pub torn: u32,
    /// The sync takes up to two seconds.
    pub slow: u32,
    /// A read fails.
    pub unreadable: u32,
}

/// At each call to a system.
#[derive(Clone, Debug, Default)]
pub struct WireFaults {
    /// No connection.
    pub refused: u32,
    /// The request is lost; the caller waits until its time is up.
    pub request_lost: u32,
    /// It was carried out; the answer is lost.
    pub answer_lost: u32,
    /// 500 or 503, and nothing was done.
    pub failed: u32,
    /// It was carried out, and a gateway answers 502.
    pub failed_after: u32,
    /// 429 with `Retry-After`.
    pub too_many: u32,
    /// It takes minutes: the caller has given up when it is carried out.
    pub slow: u32,
}

/// Things that last, by how many there are of each in a world.
#[derive(Clone, Debug, Default)]
pub struct Weather {
    /// The hub's process is killed.
    pub kills: u64,
    /// The hub's machine stands still while another one takes over; then it goes on.
    pub freezes: u64,
    /// A system cannot be reached for a while.
    pub outages: u64,
    /// A system no longer takes the hub's key, until somebody renews it.
    pub expired_keys: u64,
    /// The disk is full for a while.
    pub full_disks: u64,
    /// The hub's clock is set wrong, and right again later.
    pub clock_jumps: u64,
    /// The hub is restarted with another version of its configuration.
    pub reconfigurations: u64,
    /// One system is away for a long time: its host, from when on and for how long, in seconds.
    pub long_outage: Option<(&'static str, u64, u64)>,
}

/// At each webhook.
#[derive(Clone, Debug, Default)]
pub struct PostFaults {
    /// How often it is sent at most.
    pub copies_max: u64,
    /// How long it may be on the way, in milliseconds; those that are faster overtake.
    pub delay_ms_max: u64,
    /// A program hands the event in through the API, in place of a webhook.
    pub by_api: u32,
    /// Somebody changed it on the way: its signature does not hold.
    pub forged: u32,
    /// Shipments leave spread over this time instead of at once, in milliseconds.
    pub spread_ms: u64,
    /// A message comes along that no mapping can read.
    pub unreadable: u32,
    /// A message comes along that makes sense, but not to a system behind: a shipment of an order that nobody knows.
    pub senseless: u32,
}

impl Faults {
    /// Some faults, none of some kinds, many of others: each world has a character of its own.
    pub fn drawn(dice: &mut Dice) -> Self {
        let mut rate = |often: u32| match dice.below(3) {
            0 => 0,
            1 => often / 4 + 1,
            _ => often,
        };
        let disk = DiskFaults {
            crash_before: rate(12),
            crash_after: rate(12),
            torn: rate(60),
            slow: rate(60),
            unreadable: rate(4),
        };
        let wire = WireFaults {
            refused: rate(60),
            request_lost: rate(20),
            answer_lost: rate(60),
            failed: rate(60),
            failed_after: rate(30),
            too_many: rate(40),
            slow: rate(12),
        };
        let mut many = |most: u64| dice.below(most + 1);
        let weather = Weather {
            kills: many(3),
            freezes: many(1),
            outages: many(2),
            expired_keys: many(1),
            full_disks: many(1),
            clock_jumps: many(1),
            reconfigurations: many(1),
            long_outage: None,
        };
        let post = PostFaults {
            copies_max: 1 + many(3),
            delay_ms_max: [0, 500, 20_000][many(2) as usize],
            spread_ms: 0,
            by_api: [0, 400][many(1) as usize],
            forged: [0, 60][many(1) as usize],
            unreadable: [0, 80][many(1) as usize],
            senseless: [0, 80][many(1) as usize],
        };
        Self { disk, wire, weather, post }
    }

    /// Nothing goes wrong.
    pub fn none() -> Self {
        Self { post: PostFaults { copies_max: 1, ..PostFaults::default() }, ..Self::default() }
    }
}

/// How often each fault struck.
#[derive(Debug, Default)]
pub struct Tally(Mutex<BTreeMap<&'static str, u64>>);

impl Tally {
    /// One more.
    pub fn add(&self, what: &'static str) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(what).or_default() += 1;
    }

    /// All of them.
    pub fn all(&self) -> BTreeMap<&'static str, u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
