//! What a rehearsal found, for a manager to read and for a machine.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crossdock_sim::site::Trouble;
use serde::Serialize;

use super::storm::Damage;
use super::verdict::{Sight, Verdict};
use super::world::{Script, World};
use crate::cli::screen::{Screen, Tone};

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

impl Report {
    pub fn new(
        script: &Script<'_>,
        world: &World,
        damage: Damage,
        (calm, storm): (&Sight, &Sight),
        verdict: Verdict,
        took: Duration,
    ) -> Self {
        let count = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        let letters: usize = world.letters.iter().map(Vec::len).sum();
        let orders: usize = world.orders.values().map(|orders| orders.taken.len()).sum();
        let mut notes = world.copied.notes.clone();
        notes.extend(not_told(script, world));
        let mut calm_reasons: Vec<String> = calm.waiting.values().cloned().collect();
        calm_reasons.sort();
        calm_reasons.dedup();
        Self {
            hub: script.folder.root.display().to_string(),
            seed: script.seed,
            seconds: took.as_secs_f64(),
            holds: verdict.holds(),
            stories: world.letters.len(),
            messages: Messages {
                different: (letters + orders) as u64,
                delivered: count(&world.post.accepted),
                refused: count(&world.post.refused),
                tried_again: count(&world.post.retried),
            },
            faults: faults(world, &damage),
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
        text += &format!(
            "{} messages in {} stories; {} deliveries with duplicates, {} tries made again; {} effects expected outside\n\n",
            self.messages.different,
            self.stories,
            self.messages.delivered,
            self.messages.tried_again,
            self.verdict.expected
        );
        text += &format!(
            "  {:<30} {:>9} {:>10} {:>10}  {}\n",
            "fault", "how often", "recovery", "longest", "recovered when"
        );
        self.faults.iter().for_each(|fault| text += &line(fault));
        text += "\n";
        for (what, cases) in [
            ("lost", &self.verdict.lost),
            ("doubled", &self.verdict.doubled),
            ("out of order", &self.verdict.out_of_order),
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
        text += &format!("\n  repetitions recognised by partners: {}\n", self.repetitions_recognised);
        text += &format!("  at rest {:.1} s after the storm\n", self.settled_ms as f64 / 1000.0);
        if self.waiting_on_a_calm_day > 0 {
            text += &format!("  waiting for a person even on a calm day: {}\n", self.waiting_on_a_calm_day);
            self.calm_reasons.iter().take(CASES_MAX).for_each(|reason| text += &format!("      {reason}\n"));
        }
        for note in &self.notes {
            text += &format!("  note: {note}\n");
        }
        text += match self.holds {
            true => "\nAfter the storm the world outside is as after a calm day.\n",
            false => "\nAfter the storm the world outside is not as after a calm day.\n",
        };
        text
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
    let mut faults = vec![
        plain("message sent again", damage.duplicates),
        plain("message before an earlier one", damage.reordered),
        plain("message late", damage.delayed),
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
        kind: "hub killed (SIGKILL)".into(),
        injected: damage.kills.len() as u64,
        recovery_ms: spread(damage.kills.clone()),
        what_recovery_is: "the hub was ready again",
    });
    faults
}

/// Median and longest, in milliseconds.
fn spread(mut times: Vec<Duration>) -> Option<(u64, u64)> {
    times.sort();
    let longest = times.last()?.as_millis() as u64;
    Some((times[times.len() / 2].as_millis() as u64, longest))
}

/// Recorded bodies that were not sent.
fn not_told(script: &Script<'_>, world: &World) -> Vec<String> {
    let told: std::collections::BTreeSet<usize> = world.letters.iter().flatten().map(|letter| letter.part).collect();
    let mut notes: Vec<String> = script
        .story
        .parts
        .iter()
        .enumerate()
        .filter(|(at, part)| !told.contains(at) && !world.orders.contains_key(&part.system))
        .map(|(_, part)| {
            format!(
                "{}: a recorded body of channel {} was not sent: its connector does not take it",
                part.system, part.channel
            )
        })
        .collect();
    notes.dedup();
    notes.extend(script.story.notes.iter().cloned());
    notes
}
