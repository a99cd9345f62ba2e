//! Whether the hub kept the limits it was given: judged by the attempts on record, not by what the hub counted.

use std::collections::{BTreeMap, BTreeSet};

use crossdock_core::ids::{SystemName, TransmissionId};
use crossdock_core::invariants;
use crossdock_core::transmission::gate::GateLimit;
use crossdock_core::transmission::pace::PaceLimit;
use crossdock_core::transmission::{Attempt, Transmission};
use crossdock_runtime::plan::Plan;
use jiff::Timestamp;

/// From when to when something was under way. Transmissions that shared a call share this, so it is there once.
type Spans = BTreeSet<(Timestamp, Timestamp)>;

/// What goes beyond the limits of operations and groups in `plan`. `starts` tells when a hub began: each begins with full
/// buckets.
pub fn exceeded(
    plan: &Plan,
    transmissions: &[Transmission],
    attempts: &[Attempt],
    starts: &[Timestamp],
) -> Vec<String> {
    let by_id: BTreeMap<TransmissionId, &Transmission> = transmissions.iter().map(|it| (it.id, it)).collect();
    let mut limited: BTreeMap<(SystemName, String), (GateLimit, Spans)> = BTreeMap::new();
    for attempt in attempts {
        let Some(it) = by_id.get(&attempt.transmission) else { continue };
        let Some(system) = plan.systems.get(&it.system) else { continue };
        let operation = system.limits.operations.get(&it.operation).map(|limit| (it.operation.clone(), *limit));
        let group = it.group.as_ref().and_then(|group| {
            let limit = system.limits.groups.get(&group.kind)?;
            Some((format!("group {group}"), *limit))
        });
        for (what, limit) in operation.into_iter().chain(group) {
            let (_, spans) = limited.entry((it.system.clone(), what)).or_insert_with(|| (limit, Spans::new()));
            spans.insert((attempt.started_at, attempt.ended_at));
        }
    }
    let mut wrong = Vec::new();
    for ((system, what), (limit, spans)) in limited {
        if let Some(most) = limit.concurrency_max {
            let name = format!("attempts at {what} of {system}");
            wrong.extend(invariants::i10_no_more_at_once(&name, most_at_once(&spans), most));
        }
        if let Some(pace) = limit.pace {
            wrong.extend(
                too_fast(&spans, pace, starts)
                    .map(|at| format!("I10: {what} of {system} began faster than allowed at {at}")),
            );
        }
    }
    wrong
}

/// What ends in the moment in which something else begins is not at once with it.
fn most_at_once(spans: &Spans) -> usize {
    let mut steps: Vec<(Timestamp, i64)> =
        spans.iter().filter(|(from, to)| from < to).flat_map(|(from, to)| [(*from, 1), (*to, -1)]).collect();
    steps.sort_unstable();
    let (mut now, mut most) = (0, 0);
    for (_, step) in steps {
        now += step;
        most = most.max(now);
    }
    usize::try_from(most).unwrap_or(0)
}

/// The first moment at which more had begun than a bucket that fills at this pace gives.
fn too_fast(spans: &Spans, pace: PaceLimit, starts: &[Timestamp]) -> Option<Timestamp> {
    let (burst, per_ms) = (pace.burst as f64, pace.per_1000_s as f64 / 1e6);
    let (mut left, mut looked_at, mut hub) = (burst, None::<Timestamp>, 0);
    for (from, _) in spans {
        let now_hub = starts.partition_point(|start| start <= from);
        let rested = looked_at.map_or(0.0, |at| from.duration_since(at).as_secs_f64() * 1e3);
        left = if now_hub == hub { (left + rested * per_ms).min(burst) } else { burst };
        (looked_at, hub) = (Some(*from), now_hub);
        left -= 1.0;
        // A millisecond is the grain of what is waited for.
        if left < -2.0 * per_ms {
            return Some(*from);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millisecond(ms).expect("a time")
    }

    #[test]
    fn one_after_the_other_is_not_at_once() {
        let spans = Spans::from([(at(0), at(10)), (at(10), at(20)), (at(15), at(30)), (at(30), at(30))]);
        assert_eq!(most_at_once(&spans), 2);
    }

    #[test]
    fn a_bucket_gives_its_burst_and_then_its_rate() {
        let pace = PaceLimit { per_1000_s: 2_000, burst: 2 };
        let begun = |begun: &[i64]| begun.iter().map(|ms| (at(*ms), at(ms + 1))).collect::<Spans>();
        assert_eq!(too_fast(&begun(&[0, 1, 501, 1_001]), pace, &[at(0)]), None);
        assert_eq!(too_fast(&begun(&[0, 1, 300]), pace, &[at(0)]), Some(at(300)));
        assert_eq!(too_fast(&begun(&[0, 1, 300]), pace, &[at(0), at(200)]), None, "a hub that starts anew");
    }
}
