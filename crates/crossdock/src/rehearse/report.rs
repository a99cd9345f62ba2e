//! What a rehearsal found, for a manager to read and for a machine.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crossdock_sim::site::{Ledger, Trouble};
use serde::Serialize;

use super::silence::{Noticed, Silence, Silences};
use super::storm::Damage;
use super::verdict::{Sight, Verdict, story_of};
use super::world::{Script, World};
use crate::cli::screen::{Screen, Tone};

/// The fault that is a kill.
const KILLED: &str = "hub killed (SIGKILL)";
/// Notes shown.
const NOTES_MAX: usize = 30;
/// Cases shown of each kind.
const CASES_MAX: usize = 10;

/// The report.
#[derive(Debug, Serialize)]
pub struct Report {
    pub hub: String,
    pub seed: u64,
    pub seconds: f64,
    pub holds: bool,
    pub stories: usize,
    pub messages: Messages,
    pub faults: Vec<Fault>,
    pub verdict: Verdict,
    /// The flows send nothing outside: there was nothing to prove.
    pub nothing_to_prove: bool,
    /// What the hub shows of messages that never come.
    pub silences: Silences,
    /// Kinds of messages whose absence the hub does not show.
    pub silences_not_noticed: usize,
    /// Repetitions that partners recognised by the hub's key: they would be doubled effects without it.
    pub repetitions_recognised: u64,
    /// Messages and transmissions that wait for a person after the calm day too.
    pub waiting_on_a_calm_day: u64,
    /// Reasons of those, for the one who looks after the folder.
    pub calm_reasons: Vec<String>,
    pub settled_ms: u64,
    pub notes: Vec<String>,
}

/// What was sent.
#[derive(Debug, Serialize)]
pub struct Messages {
    /// Different messages, orders in Odoo included.
    pub different: u64,
    /// Deliveries, duplicates included.
    pub delivered: u64,
    pub refused: u64,
    /// Tries that were not heard and were made again.
    pub tried_again: u64,
}

/// One kind of fault.
#[derive(Debug, Serialize)]
pub struct Fault {
    pub kind: String,
    pub injected: u64,
    /// From the fault to where it made no difference any more: median and longest, where that can be measured.
    pub recovery_ms: Option<(u64, u64)>,
    pub what_recovery_is: &'static str,
}

/// What a rehearsal found, before it is told.
pub struct Found {
    pub damage: Damage,
    pub calm: Sight,
    pub storm: Sight,
    pub verdict: Verdict,
    pub silences: Silences,
}

impl Report {
    pub fn new(script: &Script<'_>, world: &World, found: Found, took: Duration) -> Self {
        let Found { damage, calm, storm, verdict, silences } = found;
        let count = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        let letters: usize = world.letters.iter().map(Vec::len).sum();
        let orders: usize = world.orders.values().map(|orders| orders.taken.len()).sum();
        let mut notes = world.copied.notes.clone();
        notes.extend(not_told(script, world));
        let is_not_noticed = |silence: &&Silence| silence.noticed == Noticed::Not;
        let mut calm_reasons: Vec<String> = calm.waiting.values().cloned().collect();
        calm_reasons.sort();
        calm_reasons.dedup();
        Self {
            hub: script.folder.root.display().to_string(),
            seed: script.seed,
            seconds: took.as_secs_f64(),
            holds: verdict.holds(),
            stories: world.stories,
            messages: Messages {
                different: (letters + orders) as u64,
                delivered: count(&world.post.accepted),
                refused: count(&world.post.refused),
                tried_again: count(&world.post.retried),
            },
            faults: faults(world, &damage),
            nothing_to_prove: verdict.expected == 0,
            silences_not_noticed: silences.kinds.iter().filter(is_not_noticed).count(),
            silences,
            verdict,
            repetitions_recognised: storm.repeats,
            waiting_on_a_calm_day: calm.waiting_count,
            calm_reasons,
            settled_ms: damage.settled.as_millis() as u64,
            notes,
        }
    }

    pub fn as_json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    pub fn as_text(&self, screen: Screen) -> String {
        let mut text = format!("\nRehearsal of {}, seed {}, {:.0} s\n\n", self.hub, self.seed, self.seconds);
        text += &self.result(screen);
        text += &format!(
            "\n{} messages in {} stories were sent; {} deliveries with duplicates, {} tries made again\n\n",
            self.messages.different, self.stories, self.messages.delivered, self.messages.tried_again,
        );
        text += "What was made to go wrong\n\n";
        text += &format!(
            "  {:<30} {:>9} {:>10} {:>10}  {}\n",
            "fault", "how often", "recovery", "longest", "recovered when"
        );
        self.faults.iter().for_each(|fault| text += &line(fault));
        text += &format!("\n  The hub was at rest {:.1} s after the storm.\n", self.settled_ms as f64 / 1000.0);
        text += &format!("\nWhat it did to the world outside ({} effects expected)\n\n", self.verdict.expected);
        for (what, cases) in [
            ("lost", &self.verdict.lost),
            ("doubled", &self.verdict.doubled),
            ("out of order", &self.verdict.out_of_order),
            ("changed", &self.verdict.changed),
            ("waiting for a person", &self.verdict.waiting),
        ] {
            let tone = if cases.is_empty() { Tone::Good } else { Tone::Bad };
            text += &format!("  {what:<22} {}\n", screen.paint(&cases.len().to_string(), tone));
            for case in cases.iter().take(CASES_MAX) {
                text += &format!("      {case}\n");
            }
            if cases.len() > CASES_MAX {
                text += &format!("      and {} more: --json tells all\n", cases.len() - CASES_MAX);
            }
        }
        text += &format!("  {} repetitions were recognised by partners as such\n", self.repetitions_recognised);
        if self.waiting_on_a_calm_day > 0 {
            text += &format!("  waiting for a person even on a calm day: {}\n", self.waiting_on_a_calm_day);
            self.calm_reasons.iter().take(CASES_MAX).for_each(|reason| text += &format!("      {reason}\n"));
        }
        text += &self.silence(screen);
        if !self.notes.is_empty() {
            text += "\nNotes\n\n";
        }
        self.notes.iter().take(NOTES_MAX).for_each(|note| text += &format!("  {note}\n"));
        if self.notes.len() > NOTES_MAX {
            text += &format!("  and {} more: --json tells all\n", self.notes.len() - NOTES_MAX);
        }
        text + &self.summary()
    }

    /// The whole in one line, to keep or to search for.
    fn summary(&self) -> String {
        let Verdict { expected, lost, doubled, out_of_order, changed, waiting } = &self.verdict;
        let kills = self.faults.iter().find(|fault| fault.kind == KILLED).map_or(0, |fault| fault.injected);
        format!(
            "\nseed {}: {kills} kills in {:.0} s, {expected} effects: {} lost, {} doubled, {} out of order, {} changed, {} \
             waiting for a person\n",
            self.seed,
            self.seconds,
            lost.len(),
            doubled.len(),
            out_of_order.len(),
            changed.len(),
            waiting.len()
        )
    }

    /// The result in words, for those who read no further.
    fn result(&self, screen: Screen) -> String {
        let struck: u64 = self.faults.iter().map(|fault| fault.injected).sum();
        let Verdict { lost, doubled, out_of_order, changed, waiting, .. } = &self.verdict;
        let (word, tone, told) = match (self.holds, self.nothing_to_prove) {
            (true, false) => (
                "GOOD",
                Tone::Good,
                format!(
                    "{struck} faults struck, and after the storm the world outside is as after a calm day: {} effects, \
                     none lost, doubled, out of order or changed.",
                    self.verdict.expected
                ),
            ),
            (true, true) => (
                "NOTHING TO PROVE",
                Tone::Bad,
                "the flows of this folder send nothing outside. All that was shown is that messages which the hub \
                 took are still there."
                    .to_owned(),
            ),
            (false, _) => (
                "BAD",
                Tone::Bad,
                format!(
                    "after the storm the world outside is not as after a calm day: {} lost, {} doubled, {} out of order, \
                     {} changed, {} waiting for a person.",
                    lost.len(),
                    doubled.len(),
                    out_of_order.len(),
                    changed.len(),
                    waiting.len()
                ),
            ),
        };
        let mut text = format!("Result: {} — {told}\n", screen.paint(word, tone));
        let kinds = self.silences.kinds.len();
        if self.silences_not_noticed > 0 {
            let not = self.silences_not_noticed;
            text += &format!("Of {kinds} kinds of messages, {not} can go missing without the hub showing it.\n");
        }
        text
    }

    fn silence(&self, screen: Screen) -> String {
        let Silences { kinds, watched_s } = &self.silences;
        if kinds.is_empty() {
            return String::new();
        }
        let mut text =
            format!("\nWhat the hub shows when a message never comes (watched for {watched_s} s after the last)\n\n");
        for Silence { message, noticed } in kinds {
            let after = |ms: &u64| format!("after {:.1} s", *ms as f64 / 1000.0);
            let told = match noticed {
                Noticed::Told { after_ms, class, summary } => {
                    format!("{}: an exception, {class}: {summary}", screen.paint(&after(after_ms), Tone::Good))
                }
                Noticed::Timed { after_ms, told_in_s, what } => {
                    let told_in = duration(*told_in_s);
                    format!("{}: {what}; nobody is told until {told_in} after it should have come", after(after_ms))
                }
                Noticed::Retried { after_ms, what } => format!("{}: {what}; nobody is told yet", after(after_ms)),
                Noticed::Not => screen.paint("not noticed: no expectation covers it", Tone::Bad).to_string(),
            };
            text += &format!("  {message:<34} {told}\n");
        }
        let not = self.silences_not_noticed;
        let told = kinds.iter().filter(|kind| matches!(kind.noticed, Noticed::Told { .. })).count();
        let shown = kinds.len() - told - not;
        text + &format!("  somebody is told of {told}, {shown} are shown as waiting, {not} are not noticed\n")
    }
}

/// Seconds as people say them.
fn duration(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", (seconds + 30) / 60),
        _ => format!("{} h", (seconds + 1_800) / 3_600),
    }
}

fn line(fault: &Fault) -> String {
    let time = |ms: Option<u64>| ms.map_or_else(String::new, |ms| format!("{:.1} s", ms as f64 / 1000.0));
    let (median, longest) = fault.recovery_ms.unzip();
    let line = format!(
        "  {:<30} {:>9} {:>10} {:>10}  {}",
        fault.kind,
        fault.injected,
        time(median),
        time(longest),
        fault.what_recovery_is
    );
    line.trim_end().to_owned() + "\n"
}

fn faults(world: &World, damage: &Damage) -> Vec<Fault> {
    let plain = |kind: &str, injected| Fault { kind: kind.into(), injected, recovery_ms: None, what_recovery_is: "" };
    let of_letters = |kind: &str, injected, letters: &BTreeSet<(usize, usize)>| {
        let recovery_ms = spread(completed(world, letters));
        let what_recovery_is = if recovery_ms.is_some() { "all of its story had taken effect outside" } else { "" };
        Fault { kind: kind.into(), injected, recovery_ms, what_recovery_is }
    };
    let mut faults = vec![
        plain("message sent again", damage.duplicates),
        of_letters("message before an earlier one", damage.reordered, &damage.early),
        of_letters("message late", damage.delayed, &damage.late),
    ];
    let mut troubles: BTreeMap<Trouble, (u64, Vec<Duration>)> = BTreeMap::new();
    for site in world.sites.values() {
        for mishap in &site.state().mishaps {
            let (count, times) = troubles.entry(mishap.trouble).or_default();
            *count += 1;
            times.extend(mishap.recovered);
        }
    }
    for (trouble, kind) in [
        (Trouble::Busy, "partner answers 429"),
        (Trouble::Broken, "partner answers 5xx"),
        (Trouble::AnswerLost, "answer lost after the effect"),
        (Trouble::Slow, "answer late"),
    ] {
        let (injected, times) = troubles.remove(&trouble).unwrap_or_default();
        let recovery_ms = spread(times).filter(|_| trouble != Trouble::Slow);
        let what_recovery_is = if recovery_ms.is_some() { "the same call went well" } else { "" };
        faults.push(Fault { kind: kind.into(), injected, recovery_ms, what_recovery_is });
    }
    let back: Vec<Duration> = damage.outages.iter().filter_map(|(_, back)| *back).collect();
    faults.push(Fault {
        kind: "partner away".into(),
        injected: damage.outages.len() as u64,
        recovery_ms: spread(back),
        what_recovery_is: "a call went well after its return",
    });
    faults.push(Fault {
        kind: KILLED.into(),
        injected: damage.kills.len() as u64,
        recovery_ms: spread(damage.kills.clone()),
        what_recovery_is: "the hub was ready again",
    });
    faults
}

/// From when each of these letters was taken to the last effect of its story that a partner keeps a time of. What had
/// taken effect before is not waited for.
fn completed(world: &World, letters: &BTreeSet<(usize, usize)>) -> Vec<Duration> {
    let mut last: BTreeMap<usize, Instant> = BTreeMap::new();
    for site in world.sites.values() {
        let state = site.state();
        for effect in state.ledger().map(Ledger::effects).unwrap_or_default() {
            if let Some(story) = story_of(world, &format!("{} {}", effect.path, effect.body)) {
                let latest = last.entry(story).or_insert(effect.at);
                *latest = effect.at.max(*latest);
            }
        }
    }
    let taken = world.post.taken.lock().unwrap_or_else(PoisonError::into_inner);
    let after = |letter: &(usize, usize)| Some(last.get(&letter.0)?.saturating_duration_since(*taken.get(letter)?));
    letters.iter().filter_map(after).collect()
}

/// Median and longest, in milliseconds.
fn spread(mut times: Vec<Duration>) -> Option<(u64, u64)> {
    times.sort();
    let longest = times.last()?.as_millis() as u64;
    Some((times[times.len() / 2].as_millis() as u64, longest))
}

/// Recorded bodies that were not sent, and why.
fn not_told(script: &Script<'_>, world: &World) -> Vec<String> {
    let parts = &script.story.parts;
    let told = |system: &str, body: &serde_json::Value| {
        parts
            .iter()
            .enumerate()
            .any(|(at, part)| part.system == system && part.body == *body && !world.left_out.contains_key(&at))
    };
    let mut notes = BTreeMap::new();
    for (at, reason) in &world.left_out {
        let part = &parts[*at];
        // The same body is often recorded for several channels, and is told on the one that it is of.
        if !world.orders.contains_key(&part.system) && !told(&part.system, &part.body) {
            let note = format!("{}: a recorded body of channel {} was not sent: {reason}", part.system, part.channel);
            *notes.entry(note).or_insert(0) += 1;
        }
    }
    let times = |(note, count): (String, u32)| if count > 1 { format!("{note} ({count} bodies)") } else { note };
    notes.into_iter().map(times).chain(script.story.notes.iter().cloned()).collect()
}
