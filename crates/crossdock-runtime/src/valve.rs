//! The valve at the intake: what waits is bounded, and so is the disk (I10). When a limit nears, what fetches in batches
//! pauses first; at the limit senders are told to come again. What was accepted goes on meanwhile, so it opens by itself.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crossdock_core::changeset::{Change, Changeset};
use crossdock_core::exception::{Exception, ExceptionClass, ExceptionStatus};
use crossdock_core::ids::{ExceptionId, SystemName};
use crossdock_store::{CommitError, Counts, StoreError};
use tokio::sync::{Notify, watch};

use crate::shell::Shell;

/// The longest time between two looks at what waits.
const REST: Duration = Duration::from_secs(5);
/// Time between two looks while nothing is taken.
const SHUT_REST: Duration = Duration::from_secs(1);
/// So many bytes taken are a reason to look.
const LOOK_BYTES: u64 = 16 << 20;
/// So many messages taken are a reason to look, and fewer when the limit is small.
const LOOK_MESSAGES_MAX: u64 = 1_000;
/// Names the hub's own exception about it.
const FINGERPRINT: &str = "hub/intake";

/// How much may wait, and how much of the disk is left alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IntakeLimits {
    /// Messages that are not routed yet.
    pub messages_waiting_max: u64,
    /// Transmissions that are held, owed, under way or paused, over all systems.
    pub transmissions_waiting_max: u64,
    /// The same of one system.
    pub system_waiting_max: u64,
    /// Bytes of the disk that are left free.
    pub free_bytes_min: u64,
}

impl Default for IntakeLimits {
    fn default() -> Self {
        Self {
            messages_waiting_max: 1_000_000,
            transmissions_waiting_max: 5_000_000,
            system_waiting_max: 2_000_000,
            free_bytes_min: 256 << 20,
        }
    }
}

/// Why nothing is taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shut {
    /// There is less room on the disk than is left free.
    Disk {
        /// Bytes that are free.
        free: u64,
        /// Bytes that have to be.
        min: u64,
    },
    /// The store does not take what is brought to it.
    Store(String),
    /// Too many messages wait to be routed.
    Messages {
        /// So many wait.
        waiting: u64,
        /// So many may.
        max: u64,
    },
    /// Too many transmissions wait.
    Transmissions {
        /// At this system; `None` is all of them.
        system: Option<SystemName>,
        /// So many wait.
        waiting: u64,
        /// So many may.
        max: u64,
    },
}

impl Shut {
    /// For the sender: nothing of the hub's insides.
    pub fn for_sender(&self) -> &'static str {
        match self {
            Shut::Disk { .. } => "the hub has no room on its disk now",
            Shut::Store(_) => "the hub cannot write to its disk now",
            Shut::Messages { .. } | Shut::Transmissions { .. } => "too much waits in the hub now",
        }
    }

    /// When the sender may come again, in seconds.
    pub fn after_s(&self) -> u32 {
        match self {
            Shut::Disk { .. } => 30,
            Shut::Store(_) => 10,
            Shut::Messages { .. } => 5,
            Shut::Transmissions { .. } => 15,
        }
    }
}

/// For the operator: what happened and what to do.
impl std::fmt::Display for Shut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Shut::Disk { free, min } => write!(
                f,
                "{} MiB are free on the disk of the data folder, and {} MiB are to be left (`store: {{free_bytes_min}}`): \
                 free some space",
                free >> 20,
                min >> 20
            ),
            Shut::Store(reason) => write!(f, "the store does not take anything: {reason}"),
            Shut::Messages { waiting, max } => write!(
                f,
                "{waiting} messages wait to be routed, and {max} may (`limits: {{messages_waiting_max}}`): nothing is to \
                 be done if that shrinks; if not, read the hub's log"
            ),
            Shut::Transmissions { system, waiting, max } => {
                let (whose, limit) = match system {
                    Some(system) => (format!(" for {system}"), "system_waiting_max"),
                    None => (String::new(), "transmissions_waiting_max"),
                };
                write!(
                    f,
                    "{waiting} transmissions wait{whose}, and {max} may (`limits: {{{limit}}}`): see which system does \
                     not take them (`crossdock overview`), or what is paused"
                )
            }
        }
    }
}

/// How far it is open.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Level {
    #[default]
    Open,
    /// A limit is near: batches wait.
    Near,
    Shut(Shut),
}

impl Level {
    fn code(&self) -> u8 {
        match self {
            Level::Open => 0,
            Level::Near => 1,
            Level::Shut(_) => 2,
        }
    }
}

/// The valve of one hub.
#[derive(Debug)]
pub struct Valve {
    limits: IntakeLimits,
    level: Mutex<Level>,
    /// The same, for those who only pass.
    code: AtomicU8,
    messages: AtomicU64,
    bytes: AtomicU64,
    look: Notify,
}

impl Valve {
    /// An open one.
    pub fn new(limits: IntakeLimits) -> Self {
        Self {
            limits,
            level: Mutex::default(),
            code: AtomicU8::new(0),
            messages: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            look: Notify::new(),
        }
    }

    /// Whether something of this size may come in.
    ///
    /// # Errors
    /// Why not.
    pub fn admit(&self, bytes: usize) -> Result<(), Shut> {
        if let (2, Some(shut)) = (self.code.load(Ordering::Relaxed), self.shut()) {
            return Err(shut);
        }
        let messages = self.messages.fetch_add(1, Ordering::Relaxed) + 1;
        let bytes = self.bytes.fetch_add(bytes as u64, Ordering::Relaxed) + bytes as u64;
        let often = (self.limits.messages_waiting_max / 20).clamp(1, LOOK_MESSAGES_MAX);
        if messages >= often || bytes >= LOOK_BYTES {
            self.look.notify_one();
        }
        Ok(())
    }

    /// Whether what comes in batches, and can wait where it is, may be fetched.
    pub fn is_open(&self) -> bool {
        self.code.load(Ordering::Relaxed) == 0
    }

    /// Why nothing is taken, if nothing is.
    pub fn shut(&self) -> Option<Shut> {
        match &*self.level.lock().unwrap_or_else(PoisonError::into_inner) {
            Level::Shut(shut) => Some(shut.clone()),
            Level::Open | Level::Near => None,
        }
    }

    /// The store did not take something. Until it takes a small thing again, nothing else is tried.
    pub fn failed(&self, reason: &str) {
        let mut level = self.level.lock().unwrap_or_else(PoisonError::into_inner);
        if !matches!(*level, Level::Shut(_)) {
            tracing::error!(reason, "intake has stopped: the store does not take anything; nothing accepted is lost");
            *level = Level::Shut(Shut::Store(reason.to_owned()));
            self.code.store(2, Ordering::Relaxed);
            self.look.notify_one();
        }
    }

    fn set(&self, next: Level) {
        let mut level = self.level.lock().unwrap_or_else(PoisonError::into_inner);
        self.messages.store(0, Ordering::Relaxed);
        self.bytes.store(0, Ordering::Relaxed);
        match (&*level, &next) {
            (Level::Shut(_), Level::Shut(_)) | (Level::Open, Level::Open) | (Level::Near, Level::Near) => {}
            (_, Level::Shut(shut)) => tracing::error!(reason = %shut, "intake has stopped; nothing accepted is lost"),
            (Level::Shut(_), _) => tracing::info!("intake goes on"),
            (Level::Open, Level::Near) => tracing::warn!("a limit is near: polls wait"),
            (Level::Near, Level::Open) => tracing::info!("no limit is near any more: polls go on"),
        }
        self.code.store(next.code(), Ordering::Relaxed);
        *level = next;
    }

    fn level(&self) -> Level {
        self.level.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// How far it is to be open. It opens again only once there is some room, so that it does not flutter.
fn judge(limits: &IntakeLimits, free: Option<u64>, counts: &Counts, is_shut: bool) -> Level {
    let min = limits.free_bytes_min;
    let mut is_near = free.is_some_and(|free| free < min.saturating_add(min / 4));
    // Shut at the limit, open again below 95 %, near from 80 % on.
    let mut is_over = |waiting: u64, max: u64| {
        is_near |= waiting >= max - max / 5;
        waiting >= if is_shut { max - max / 20 } else { max }
    };
    let wanted = if is_shut { min.saturating_add(min / 8) } else { min };
    if let Some(free) = free.filter(|free| *free < wanted) {
        return Level::Shut(Shut::Disk { free, min });
    }
    let waiting = counts.systems.values().filter_map(|it| it.messages.get("waiting")).sum();
    let max = limits.messages_waiting_max;
    if is_over(waiting, max) {
        return Level::Shut(Shut::Messages { waiting, max });
    }
    let mut all = 0;
    for (system, figures) in &counts.systems {
        let states = ["held", "owed", "sending", "paused"];
        let waiting: u64 = states.iter().filter_map(|state| figures.transmissions.get(*state)).sum();
        let max = limits.system_waiting_max;
        all += waiting;
        if is_over(waiting, max) {
            return Level::Shut(Shut::Transmissions { system: Some(system.clone()), waiting, max });
        }
    }
    let max = limits.transmissions_waiting_max;
    if is_over(all, max) {
        return Level::Shut(Shut::Transmissions { system: None, waiting: all, max });
    }
    if is_near { Level::Near } else { Level::Open }
}

/// Why it could not be looked.
#[derive(Debug, thiserror::Error)]
enum Blind {
    #[error(transparent)]
    Read(#[from] StoreError),
    #[error(transparent)]
    Commit(#[from] CommitError),
}

/// Looks at what waits, until `stop` turns true.
pub async fn run(shell: Arc<Shell>, mut stop: watch::Receiver<bool>) {
    // An exception of a former process may be open.
    let mut is_told = true;
    while !*stop.borrow() {
        if let Err(error) = look(&shell, &mut is_told).await {
            tracing::debug!(%error, "what waits cannot be looked at");
        }
        let rest = if shell.valve.shut().is_some() { SHUT_REST } else { REST };
        tokio::select! {
            biased;
            _ = stop.changed() => {}
            () = shell.valve.look.notified() => {}
            () = shell.clock.sleep(rest) => {}
        }
    }
}

async fn look(shell: &Arc<Shell>, is_told: &mut bool) -> Result<(), Blind> {
    let before = shell.valve.level();
    if let Level::Shut(Shut::Store(_)) = before {
        let value = shell.clock.now().to_string();
        shell.commit(Changeset::new().with(Change::SetCursor { name: "intake/probe".into(), value })).await?;
    }
    let (free, counts) = shell.read(|store| Ok((store.free_bytes(), store.counts()?))).await?;
    let was_full = matches!(before, Level::Shut(ref shut) if !matches!(shut, Shut::Store(_)));
    let level = judge(&shell.valve.limits, free, &counts, was_full);
    shell.valve.set(level.clone());
    match level {
        Level::Shut(shut) if !*is_told || !was_full => {
            raise(shell, &shut).await?;
            *is_told = true;
        }
        Level::Open | Level::Near if *is_told => {
            settle(shell).await?;
            *is_told = false;
        }
        _ => {}
    }
    Ok(())
}

async fn raise(shell: &Arc<Shell>, shut: &Shut) -> Result<(), Blind> {
    if open(shell).await?.is_some() {
        return Ok(());
    }
    let now = shell.clock.now();
    let exception = Exception {
        id: ExceptionId::derive(uuid::Uuid::nil(), &format!("{FINGERPRINT}@{now}")),
        class: ExceptionClass::IntakeStopped,
        fingerprint: FINGERPRINT.to_owned(),
        status: ExceptionStatus::Open,
        summary: format!("senders are told to come again: {shut}. It goes on by itself; nothing accepted is lost"),
        owner: None,
        affects: Vec::new(),
        system: None,
        flow: None,
        message: None,
        transmission: None,
        opened_at: now,
        closed_at: None,
        count: 1,
    };
    Ok(shell.commit(Changeset::new().with(Change::PutException(exception))).await?)
}

async fn settle(shell: &Arc<Shell>) -> Result<(), Blind> {
    let Some(open) = open(shell).await? else { return Ok(()) };
    let closed = Exception { status: ExceptionStatus::Resolved, closed_at: Some(shell.clock.now()), ..open };
    Ok(shell.commit(Changeset::new().with(Change::PutException(closed))).await?)
}

async fn open(shell: &Arc<Shell>) -> Result<Option<Exception>, StoreError> {
    shell.read(|store| store.open_exception(FINGERPRINT)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(messages: u64, odoo: u64, shop: u64) -> Counts {
        let mut counts = Counts::default();
        counts.systems.entry("shop".into()).or_default().messages.insert("waiting".into(), messages);
        counts.systems.entry("odoo".into()).or_default().transmissions.insert("owed".into(), odoo);
        counts.systems.entry("shop".into()).or_default().transmissions.insert("paused".into(), shop);
        counts
    }

    #[test]
    fn it_nears_shuts_at_the_limit_and_opens_with_some_room() {
        let limits = IntakeLimits {
            messages_waiting_max: 100,
            transmissions_waiting_max: 1_000,
            system_waiting_max: 600,
            free_bytes_min: 1_000,
        };
        let code = |free, counts: Counts, is_shut| judge(&limits, free, &counts, is_shut).code();
        for (at, level) in [(0, 0), (79, 0), (80, 1), (99, 1), (100, 2)] {
            assert_eq!(code(None, counts(at, 0, 0), false), level, "{at} messages");
        }
        for (at, level) in [(99, 2), (95, 2), (94, 1), (79, 0)] {
            assert_eq!(code(None, counts(at, 0, 0), true), level, "{at} messages, shut before");
        }
        for (odoo, shop, level) in [(479, 0, 0), (480, 0, 1), (600, 0, 2), (400, 400, 1), (500, 500, 2), (599, 400, 1)]
        {
            assert_eq!(code(None, counts(0, odoo, shop), false), level, "{odoo} and {shop} transmissions");
        }
        for (free, level) in [(5_000, 0), (1_250, 0), (1_030, 1), (1_000, 1), (999, 2)] {
            assert_eq!(code(Some(free), counts(0, 0, 0), false), level, "{free} bytes");
        }
        assert_eq!(code(Some(1_100), counts(0, 0, 0), true), 2);
        assert_eq!(code(Some(1_125), counts(0, 0, 0), true), 1);
    }
}
