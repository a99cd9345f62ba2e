//! Messages that never come. One more story is told for each kind of message, without that message, and the hub is watched:
//! does it show that something is missing, and after how long? Nothing is assumed: what the hub does not show is told as
//! not noticed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crossdock_core::changeset::TimerPurpose;
use crossdock_core::exception::Exception;
use crossdock_core::ids::TransmissionId;
use crossdock_core::transmission::{Transmission, TransmissionState};
use crossdock_store::{ExceptionFilter, Page, SqliteStore, Store, TransmissionFilter};
use jiff::Timestamp;
use serde::Serialize;

use super::story::{Letter, Story};
use super::verdict::story_of;
use super::world::World;

/// Kinds of messages that are withheld, each in a story of its own.
pub const KINDS_MAX: usize = 24;
/// The hub is watched for at least this long.
const WATCH_MIN: Duration = Duration::from_secs(8);
/// Pause between two looks.
const LOOKS: Duration = Duration::from_millis(250);
/// Exceptions, timers and transmissions looked at.
const ROWS_MAX: usize = 5_000;

/// A message that is withheld.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Withheld {
    /// The system and what it tells, for people.
    pub kind: String,
    /// The part of the story; an order in Odoo is none.
    pub part: Option<usize>,
}

/// What the hub showed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "noticed", rename_all = "snake_case")]
pub enum Noticed {
    /// An exception was opened: somebody is told.
    Told { after_ms: u64, class: String, summary: String },
    /// Nobody is told yet. Something is held for what did not come, and a timer is set: its owner is told so many seconds
    /// after the message should have come.
    Timed { after_ms: u64, told_in_s: u64, what: String },
    /// Something is tried again and again for want of it; somebody is told when the tries are used up.
    Retried { after_ms: u64, what: String },
    /// The hub does not show that anything is missing.
    Not,
}

/// One kind of message, withheld.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Silence {
    pub message: String,
    #[serde(flatten)]
    pub noticed: Noticed,
}

/// What the watch found.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Silences {
    pub kinds: Vec<Silence>,
    /// For how long the hub was watched.
    pub watched_s: u64,
}

/// The kinds of messages of a story, by system and channel: what makes events, once each.
pub fn kinds(story: &Story, order_systems: &BTreeSet<String>) -> Vec<Withheld> {
    let mut kinds: Vec<Withheld> = order_systems
        .iter()
        .map(|system| Withheld { kind: format!("{system}: confirmed sales order"), part: None })
        .collect();
    for (at, part) in story.parts.iter().enumerate() {
        let channel = if part.channel.is_empty() { "webhook" } else { &part.channel };
        let kind = format!("{}: {channel}", part.system);
        if part.makes_events && !order_systems.contains(&part.system) && kinds.iter().all(|known| known.kind != kind) {
            kinds.push(Withheld { kind, part: Some(at) });
        }
    }
    kinds.truncate(KINDS_MAX);
    kinds
}

/// Tells each of `stories` without its message, and watches until `enough` is set.
///
/// # Errors
/// When the hub's store cannot be read, or a partner does not answer.
pub async fn watch(world: &World, stories: &[(usize, Withheld)], enough: &AtomicBool) -> anyhow::Result<Silences> {
    if stories.is_empty() {
        return Ok(Silences::default());
    }
    let store = SqliteStore::open_read_only(&world.hub.folder().join(".data"))?;
    let known: BTreeSet<String> = exceptions(&store)?.iter().map(kind_of).collect();
    let since = tell(world, stories).await?;
    let begun = Instant::now();
    let mut noticed: BTreeMap<usize, Noticed> = BTreeMap::new();
    while begun.elapsed() < WATCH_MIN || !enough.load(Ordering::SeqCst) {
        look(world, &store, &since, &known, &mut noticed)?;
        if since.keys().all(|story| matches!(noticed.get(story), Some(Noticed::Told { .. }))) {
            break;
        }
        tokio::time::sleep(LOOKS).await;
    }
    let kinds = stories.iter().map(|(story, withheld)| Silence {
        message: withheld.kind.clone(),
        noticed: noticed.remove(story).unwrap_or(Noticed::Not),
    });
    Ok(Silences { kinds: kinds.collect(), watched_s: begun.elapsed().as_secs() })
}

/// Tells them; returns when each withheld message would have come, by story.
async fn tell(world: &World, stories: &[(usize, Withheld)]) -> anyhow::Result<BTreeMap<usize, Instant>> {
    let mut since = BTreeMap::new();
    let ordered: Vec<usize> = stories.iter().filter(|(_, it)| it.part.is_some()).map(|(story, _)| *story).collect();
    for orders in world.orders.values() {
        orders.confirm(&ordered).await?;
    }
    for (story, _) in stories.iter().filter(|(_, it)| it.part.is_none()) {
        since.insert(*story, Instant::now());
    }
    // What waits for what never comes may keep the hub at work: no more than a moment is waited for.
    let pause = || async { drop(world.rest(Duration::from_secs(3)).await) };
    pause().await;
    let of = |story: usize| world.letters.get(story).map_or(&[][..], Vec::as_slice);
    let parts: BTreeSet<usize> = stories.iter().flat_map(|(story, _)| of(*story)).map(|letter| letter.part).collect();
    for part in parts {
        for (story, withheld) in stories {
            let letter: Option<&Letter> = of(*story).iter().find(|letter| letter.part == part);
            match letter {
                Some(_) if withheld.part == Some(part) => drop(since.insert(*story, Instant::now())),
                Some(letter) => world.post.deliver(letter).await,
                None => {}
            }
        }
        pause().await;
    }
    Ok(since)
}

/// Looks once, and keeps what is seen for the first time.
fn look(
    world: &World,
    store: &SqliteStore,
    since: &BTreeMap<usize, Instant>,
    known: &BTreeSet<String>,
    noticed: &mut BTreeMap<usize, Noticed>,
) -> anyhow::Result<()> {
    let after_ms = |story: usize| since.get(&story).map(|since| since.elapsed().as_millis() as u64);
    let unsettled = unsettled(store)?;
    let about = |id: Option<TransmissionId>| id.and_then(|id| unsettled.iter().find(|it| it.id == id));
    for exception in exceptions(store)?.iter().filter(|exception| !known.contains(&kind_of(exception))) {
        let transmission = about(exception.transmission).map(text_of).unwrap_or_default();
        let message = exception.message.and_then(|id| store.message(id).ok().flatten());
        let body = message.map(|it| String::from_utf8_lossy(&it.message.body).into_owned()).unwrap_or_default();
        let text = format!("{} {:?} {transmission} {body}", exception.summary, exception.affects);
        if let Some((story, after_ms)) = story_of(world, &text).and_then(|story| Some((story, after_ms(story)?))) {
            let (class, summary) = (exception.class.word().to_owned(), exception.summary.clone());
            if !matches!(noticed.get(&story), Some(Noticed::Told { .. })) {
                noticed.insert(story, Noticed::Told { after_ms, class, summary });
            }
        }
    }
    #[expect(clippy::disallowed_methods, reason = "timers are due by the clock of the hub, a program beside this one")]
    let now = Timestamp::now();
    for timer in store.due_timers(Timestamp::MAX, ROWS_MAX)? {
        let TimerPurpose::HeldTooLong { transmission } = timer.purpose;
        let Some(held) = about(Some(transmission)) else { continue };
        let TransmissionState::Held { after } = &held.state else { continue };
        let Some((story, after_ms)) = story_of(world, &text_of(held)).and_then(|story| Some((story, after_ms(story)?)))
        else {
            continue;
        };
        let after: Vec<&str> = after.iter().map(|flow| flow.as_str()).collect();
        let what = format!("{} is held for {}", held.flow, after.join(", "));
        let left_s = timer.due_at.duration_since(now).as_secs().max(0) as u64;
        let told_in_s = left_s + after_ms / 1000;
        // Seconds are rounded, and what was seen first is what counts.
        let sooner =
            |other: &Noticed| matches!(other, Noticed::Timed { told_in_s: other, .. } if *other <= told_in_s + 2);
        match noticed.get(&story) {
            Some(Noticed::Told { .. }) => {}
            Some(other) if sooner(other) => {}
            _ => drop(noticed.insert(story, Noticed::Timed { after_ms, told_in_s, what })),
        }
    }
    for it in unsettled.iter().filter(|it| it.failing_since.is_some() && it.state == TransmissionState::Owed) {
        if let Some((story, after_ms)) = story_of(world, &text_of(it)).and_then(|story| Some((story, after_ms(story)?)))
        {
            let what = format!("{} is tried again: {}", it.flow, it.last_problem.as_deref().unwrap_or("it fails"));
            noticed.entry(story).or_insert(Noticed::Retried { after_ms, what });
        }
    }
    Ok(())
}

fn exceptions(store: &SqliteStore) -> anyhow::Result<Vec<Exception>> {
    let filter = ExceptionFilter { open: Some(true), ..ExceptionFilter::default() };
    Ok(store.exceptions(&filter, Page::first(ROWS_MAX))?)
}

/// A problem that whole stories have too says nothing about a missing message.
fn kind_of(exception: &Exception) -> String {
    let name = |name: Option<&str>| name.unwrap_or_default().to_owned();
    let (system, flow) = (exception.system.as_ref(), exception.flow.as_ref());
    format!("{} {} {}", exception.class.word(), name(system.map(|it| it.as_str())), name(flow.map(|it| it.as_str())))
}

fn unsettled(store: &SqliteStore) -> anyhow::Result<Vec<Transmission>> {
    let mut all = Vec::new();
    for state in ["held", "owed", "paused"] {
        let filter = TransmissionFilter { state: Some(state.to_owned()), ..TransmissionFilter::default() };
        all.extend(store.transmissions(&filter, Page::first(ROWS_MAX))?);
    }
    Ok(all)
}

fn text_of(transmission: &Transmission) -> String {
    format!("{} {:?} {}", transmission.about, transmission.key, transmission.input.to_json_string())
}
