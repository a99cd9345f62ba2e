//! What the outside world holds after the storm, against what it holds after a calm day with the same messages.

use std::collections::{BTreeMap, BTreeSet};

use crossdock_core::ids::{OrderingKey, SystemName};
use crossdock_core::message::MessageState;
use crossdock_core::transmission::{Transmission, TransmissionState};
use crossdock_core::value::Value;
use crossdock_store::{MessageFilter, Page, SqliteStore, Store, TransmissionFilter};
use serde::Serialize;
use serde_json::Value as Json;

use super::content::{Aside, difference};
use super::world::World;

/// An effect outside: system, what it is, and the story it belongs to.
pub type Effect = (String, String, Option<usize>);

/// What is to be seen of a world.
#[derive(Clone, Debug, Default)]
pub struct Sight {
    pub effects: BTreeMap<Effect, i64>,
    /// What they say, without what differs from day to day; sorted.
    pub contents: BTreeMap<Effect, Vec<Json>>,
    /// Messages that a sender was told are taken, and the hub does not have.
    pub not_kept: Vec<String>,
    /// Stories in which something waits for a person or for what does not come, with the reason.
    pub waiting: BTreeMap<Option<usize>, String>,
    /// How many messages and transmissions wait so.
    pub waiting_count: u64,
    /// Effects that took place in another order than their line.
    pub out_of_order: Vec<String>,
    /// Repetitions that partners recognised by their key.
    pub repeats: u64,
}

/// The verdict.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Verdict {
    pub expected: i64,
    pub lost: Vec<String>,
    pub doubled: Vec<String>,
    pub out_of_order: Vec<String>,
    /// Effects that say something else than on the calm day.
    pub changed: Vec<String>,
    /// Effects that wait behind something that the hub shows and a person can resume.
    pub waiting: Vec<String>,
}

impl Verdict {
    pub fn holds(&self) -> bool {
        [&self.lost, &self.doubled, &self.out_of_order, &self.changed, &self.waiting]
            .iter()
            .all(|found| found.is_empty())
    }
}

/// Looks at the partners and into the hub's store.
///
/// # Errors
/// When one of them cannot be read.
pub async fn look(world: &World) -> anyhow::Result<Sight> {
    let mut sight = Sight::default();
    let mut invoices = BTreeMap::new();
    let mut said: Vec<(Effect, String)> = Vec::new();
    for (system, orders) in &world.orders {
        let held = orders.effects(world.stories).await?;
        for ((what, story), count) in held.effects {
            sight.effects.insert((system.clone(), what, story), count);
        }
        let delivery = |story| (system.clone(), "delivery done".to_owned(), Some(story));
        said.extend(held.deliveries.into_iter().map(|(story, body)| (delivery(story), body)));
        invoices.extend(held.invoices);
    }
    for (system, site) in &world.sites {
        let state = site.state();
        for effect in state.ledger().map(|ledger| ledger.effects().to_vec()).unwrap_or_default() {
            let story = story_of(world, &format!("{} {}", effect.path, effect.body));
            let name = (system.clone(), name_of(world, &effect.method, &effect.path, &effect.body), story);
            *sight.effects.entry(name.clone()).or_default() += 1;
            sight.repeats += u64::from(effect.repeats);
            said.push((name, effect.body));
        }
    }
    #[expect(clippy::disallowed_methods, reason = "what the hub's clock wrote just now is told from what was recorded")]
    let aside = Aside::new(jiff::Timestamp::now(), invoices);
    for (effect, body) in said {
        sight.contents.entry(effect).or_default().push(aside.of(&body));
    }
    sight.contents.values_mut().for_each(|bodies| bodies.sort_by_cached_key(Json::to_string));
    let store = SqliteStore::open_read_only(&world.hub.folder().join(".data"))?;
    kept(world, &store, &mut sight)?;
    waits(world, &store, &mut sight)?;
    in_order(world, &store, &mut sight)?;
    Ok(sight)
}

/// Compares the storm with the calm day.
pub fn compare(calm: &Sight, storm: &Sight) -> Verdict {
    let mut verdict =
        Verdict { lost: storm.not_kept.clone(), out_of_order: storm.out_of_order.clone(), ..Verdict::default() };
    let effects: BTreeSet<&Effect> = calm.effects.keys().chain(storm.effects.keys()).collect();
    for effect in effects {
        let count = |sight: &Sight| sight.effects.get(effect).copied().unwrap_or(0);
        let (expected, found) = (count(calm), count(storm));
        verdict.expected += if is_counted(effect) { expected } else { 0 };
        let (system, what, story) = effect;
        let story_told = story.map(|story| format!(" of story {}", story + 1)).unwrap_or_default();
        let told = format!("{system}: {what}{story_told}: {found} instead of {expected}");
        let waits = storm.waiting.get(story).filter(|_| !calm.waiting.contains_key(story));
        match found.cmp(&expected) {
            std::cmp::Ordering::Less => match waits {
                Some(reason) => verdict.waiting.push(format!("{told} ({reason})")),
                None if story.is_none() && !storm.waiting.is_empty() => {}
                None => verdict.lost.push(told),
            },
            std::cmp::Ordering::Greater => verdict.doubled.push(told),
            std::cmp::Ordering::Equal => verdict.changed.extend(changed(effect, calm, storm, &story_told)),
        }
    }
    for (story, reason) in storm.waiting.iter().filter(|(story, _)| !calm.waiting.contains_key(story)) {
        if verdict.waiting.is_empty() {
            let story = story.map(|story| format!("story {}", story + 1)).unwrap_or_else(|| "the hub".to_owned());
            verdict.waiting.push(format!("{story}: {reason}"));
        }
    }
    verdict
}

/// In what an effect that took place as often as it should says something else.
fn changed(effect: &Effect, calm: &Sight, storm: &Sight, story: &str) -> Option<String> {
    let (mut expected, mut found) = (calm.contents.get(effect)?.clone(), storm.contents.get(effect)?.clone());
    let common = expected.clone();
    for body in common {
        if let Some(at) = found.iter().position(|other| *other == body) {
            found.remove(at);
            let at = expected.iter().position(|other| *other == body)?;
            expected.remove(at);
        }
    }
    let told = difference(expected.first()?, found.first()?)?;
    let (system, what, _) = effect;
    Some(format!("{system}: {what}{story}: {told}"))
}

/// Stock is a sum over all stories, not an effect by itself.
fn is_counted((_, what, story): &Effect) -> bool {
    story.is_some() || !what.starts_with("pieces of ")
}

/// The story whose key stands in a text as a word.
pub fn story_of(world: &World, text: &str) -> Option<usize> {
    words(text).find_map(|word| world.stories_by_key.get(word).copied())
}

/// Pieces of one word that are looked at.
const PIECES_MAX: usize = 12;

/// The words of a text: with their hyphens, points and underscores, and every part between such.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let within = |c: char| matches!(c, '-' | '_' | '.');
    text.split(move |c: char| !c.is_ascii_alphanumeric() && !within(c)).filter(|word| !word.is_empty()).flat_map(
        move |word| {
            let ends = word.char_indices().filter(move |(_, c)| within(*c)).map(|(at, _)| at);
            let ends: Vec<usize> = ends.chain([word.len()]).take(PIECES_MAX).collect();
            let starts: Vec<usize> = [0].into_iter().chain(ends.iter().map(|end| end + 1)).collect();
            let pairs: Vec<(usize, usize)> =
                starts.iter().flat_map(|from| ends.iter().rev().map(move |to| (*from, *to))).collect();
            pairs.into_iter().filter(|(from, to)| from < to).map(move |(from, to)| &word[from..to])
        },
    )
}

/// Method and path without keys, and the type where the body says one.
fn name_of(world: &World, method: &str, path: &str, body: &str) -> String {
    let path: Vec<&str> = path
        .split('?')
        .next()
        .unwrap_or_default()
        .split('/')
        .map(|part| if story_of(world, part).is_some() { "*" } else { part })
        .collect();
    let body: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
    let kind = body["type"].as_str().map(|kind| format!(" {kind}")).unwrap_or_default();
    format!("{method} {}{kind}", path.join("/"))
}

fn kept(world: &World, store: &SqliteStore, sight: &mut Sight) -> anyhow::Result<()> {
    for letter in world.letters.iter().take(world.stories).flatten() {
        if store.message_with_key(&SystemName::from(letter.system.as_str()), &letter.dedup_key)?.is_none() {
            let told = format!("{}: message {} of story {}", letter.system, letter.dedup_key, letter.story + 1);
            sight.not_kept.push(told);
        }
    }
    Ok(())
}

fn waits(world: &World, store: &SqliteStore, sight: &mut Sight) -> anyhow::Result<()> {
    for transmission in transmissions(store, None)? {
        let reason = match &transmission.state {
            TransmissionState::Paused { reason } => format!("{} paused: {reason}", transmission.flow),
            TransmissionState::Held { after } => {
                let after: Vec<&str> = after.iter().map(|flow| flow.as_str()).collect();
                format!("{} held for {}", transmission.flow, after.join(", "))
            }
            _ => continue,
        };
        let text = format!("{} {:?} {}", transmission.about, transmission.key, transmission.input.to_json_string());
        sight.waiting.insert(story_of(world, &text), reason);
        sight.waiting_count += 1;
    }
    let mut skip = 0;
    loop {
        let filter = MessageFilter { system: None, state: Some("failed".to_owned()) };
        let page = store.messages(&filter, Page { skip, limit: 500 })?;
        if page.is_empty() {
            return Ok(());
        }
        skip += page.len();
        for stored in page {
            if let MessageState::Failed { .. } = stored.state {
                let text = String::from_utf8_lossy(&stored.message.body).into_owned();
                let reason = format!("a message of {} failed", stored.message.system);
                sight.waiting.insert(story_of(world, &text), reason);
                sight.waiting_count += 1;
            }
        }
    }
}

fn transmissions(store: &SqliteStore, state: Option<&str>) -> anyhow::Result<Vec<Transmission>> {
    let filter = TransmissionFilter { state: state.map(str::to_owned), ..TransmissionFilter::default() };
    let mut all = Vec::new();
    loop {
        let page = store.transmissions(&filter, Page { skip: all.len(), limit: 500 })?;
        if page.is_empty() {
            return Ok(all);
        }
        all.extend(page);
    }
}

/// Per system and ordering key, effects took place in the order of their line (I3). Where the partner keeps a ledger its
/// order counts; in Odoo the order in which the transmissions were done.
fn in_order(world: &World, store: &SqliteStore, sight: &mut Sight) -> anyhow::Result<()> {
    let mut lines: BTreeMap<(SystemName, OrderingKey), Vec<Transmission>> = BTreeMap::new();
    for transmission in transmissions(store, Some("done"))? {
        lines.entry((transmission.system.clone(), transmission.key.clone())).or_default().push(transmission);
    }
    for ((system, _), mut line) in lines {
        line.sort_by_key(|transmission| transmission.place);
        let Some(site) = world.sites.get(system.as_str()) else { continue };
        let state = site.state();
        let place_outside = |transmission: &Transmission| match state.ledger() {
            Some(ledger) => {
                let own = transmission.id.to_string();
                let named = transmission.input.get("id").and_then(Value::as_text).unwrap_or(&own);
                let is_it = |key: &str| key == own || key == named;
                ledger.effects().iter().position(|effect| effect.key.as_deref().is_some_and(is_it)).map(|at| at as i64)
            }
            None => transmission.finished_at.map(|at| at.as_microsecond()),
        };
        for pair in line.windows(2) {
            let (Some(first), Some(second)) = (place_outside(&pair[0]), place_outside(&pair[1])) else { continue };
            if first > second {
                let told = format!("{system}: {} took effect before {}", pair[1].flow, pair[0].flow);
                sight.out_of_order.push(format!("{told} ({})", pair[0].about));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sight(effects: &[(usize, i64)]) -> Sight {
        let effects = effects.iter().map(|(story, count)| (("tms".into(), "POST /".into(), Some(*story)), *count));
        Sight { effects: effects.collect(), ..Sight::default() }
    }

    #[test]
    fn words_are_found_with_and_without_what_joins_them() {
        let found: Vec<&str> = words(r#"{"a":"x-SO-1.b"}"#).collect();
        for word in ["a", "x-SO-1.b", "SO-1", "SO-1.b", "SO", "1", "b"] {
            assert!(found.contains(&word), "{word} in {found:?}");
        }
    }

    #[test]
    fn equal_worlds_hold() {
        let verdict = compare(&sight(&[(0, 1), (1, 2)]), &sight(&[(0, 1), (1, 2)]));
        assert!(verdict.holds());
        assert_eq!(verdict.expected, 3);
    }

    #[test]
    fn a_missing_effect_is_lost_and_one_too_many_is_doubled() {
        let verdict = compare(&sight(&[(0, 1), (1, 1)]), &sight(&[(1, 2), (2, 1)]));
        assert_eq!(verdict.lost, ["tms: POST / of story 1: 0 instead of 1"]);
        let doubled = ["tms: POST / of story 2: 2 instead of 1", "tms: POST / of story 3: 1 instead of 0"];
        assert_eq!(verdict.doubled, doubled);
        assert!(!verdict.holds());
    }

    #[test]
    fn what_waits_for_a_person_is_not_lost_and_not_passed_over() {
        let calm = sight(&[(0, 1)]);
        let mut storm = sight(&[]);
        storm.waiting.insert(Some(0), "paused".into());
        let verdict = compare(&calm, &storm);
        assert!(verdict.lost.is_empty());
        assert_eq!(verdict.waiting.len(), 1);
        assert!(!verdict.holds());
    }

    #[test]
    fn an_effect_that_says_something_else_is_told_with_its_place() {
        let said = |pieces: u64| {
            let mut sight = sight(&[(0, 1)]);
            let effect = sight.effects.keys().next().expect("one").clone();
            sight.contents.insert(effect, vec![serde_json::json!({"pieces": pieces})]);
            sight
        };
        assert!(compare(&said(4), &said(4)).holds());
        let verdict = compare(&said(4), &said(5));
        assert_eq!(verdict.changed, ["tms: POST / of story 1: pieces is 5 instead of 4"]);
        assert!(!verdict.holds());
    }

    #[test]
    fn a_message_that_is_not_kept_is_lost() {
        let storm = Sight { not_kept: vec!["tms: message id:1 of story 1".into()], ..Sight::default() };
        assert_eq!(compare(&Sight::default(), &storm).lost.len(), 1);
    }
}
