//! Whose turn it is.

use std::collections::BTreeSet;

use proptest::prelude::*;
use uuid::Uuid;

use super::super::gate::GateLimit;
use super::super::pace::PaceLimit;
use super::super::tests::{at, owed};
use super::*;
use crate::ids::OrderingKey;

fn settings(concurrency_max: usize, batch_widest: usize) -> OutletSettings {
    let breaker = BreakerSettings { failures_max: 2, open_ms: 1_000, open_ms_max: 8_000 };
    OutletSettings {
        concurrency_max,
        adaptive: true,
        breaker,
        batch_widest,
        limits: Limits::default(),
        classes: [false, true, false],
    }
}

fn outlet(concurrency_max: usize, batch_widest: usize) -> Outlet {
    Outlet::new(settings(concurrency_max, batch_widest))
}

fn head(n: u128, operation: &str, due_s: i64) -> Transmission {
    Transmission { id: id(n), operation: operation.into(), due_at: at(due_s), ..owed() }
}

fn of_class(n: u128, criticality: Criticality) -> Transmission {
    Transmission { criticality, ..head(n, "a", 0) }
}

fn of_group(n: u128, key: &str) -> Transmission {
    Transmission { group: Some(Group { kind: "warehouse".into(), key: key.into() }), ..head(n, "a", 0) }
}

fn id(n: u128) -> TransmissionId {
    TransmissionId(Uuid::from_u128(n))
}

fn ids(job: &[Transmission]) -> Vec<TransmissionId> {
    job.iter().map(|transmission| transmission.id).collect()
}

/// What a store that holds these heads reads.
fn lanes(heads: &[Transmission], until: Timestamp, look: &Look) -> Vec<LaneHeads> {
    let mut by_class: [BTreeMap<String, Vec<Transmission>>; 3] = Default::default();
    for head in heads {
        by_class[head.criticality.rank()].entry(head.lane()).or_default().push(head.clone());
    }
    let mut read = Vec::new();
    for (rank, lanes) in by_class.into_iter().enumerate() {
        let (before, behind): (Vec<_>, Vec<_>) = lanes.into_iter().partition(|(name, _)| *name <= look.behind[rank]);
        let chosen: Vec<_> = behind.into_iter().chain(before).take(look.lanes_max).collect();
        let count = chosen.len();
        for (lane, mut heads) in chosen {
            heads.retain(|head| head.due_at <= until);
            heads.sort_by_key(|head| head.due_at);
            let limit = look.of_each(count, &lane);
            let is_cut = heads.len() >= limit;
            heads.truncate(limit);
            read.push(LaneHeads { lane, heads, is_cut });
        }
    }
    read
}

/// Drives an outlet over these heads until it waits; returns the jobs it started and until when it waits.
fn drive(
    outlet: &mut Outlet,
    now: i64,
    heads: &[Transmission],
    batch: usize,
) -> (Vec<Vec<TransmissionId>>, Option<i64>) {
    let mut started = Vec::new();
    for _ in 0..1_000 {
        match outlet.turn(at(now), Ok(()), &|_| batch) {
            Turn::Start(job) => started.push(ids(&job)),
            Turn::Read { until, look } => outlet.read(lanes(heads, until, &look), until, at(now)),
            Turn::Wait { until } => return (started, until.map(|at| at.as_second())),
        }
    }
    panic!("it never waits");
}

#[test]
fn starts_what_is_due_and_wakes_for_what_will_be() {
    let mut outlet = outlet(8, 1);
    let heads = [head(1, "a", 0), head(2, "a", 3), head(3, "a", 60)];
    assert_eq!(drive(&mut outlet, 0, &heads, 1), (vec![vec![id(1)]], Some(3)), "though one is under way all along");
    assert_eq!(drive(&mut outlet, 3, &heads, 1).0, [vec![id(2)]]);
    outlet.ended(&[id(1)], Told::Answered, at(4));
    assert_eq!(drive(&mut outlet, 4, &heads[1..], 1), (vec![], Some(9)), "looks again after a while, hint or not");
}

#[test]
fn keeps_to_its_concurrency_and_never_starts_one_twice() {
    let mut outlet = outlet(3, 1);
    let heads: Vec<_> = (1..=200).map(|n| head(n, "a", 0)).collect();
    let (started, until) = drive(&mut outlet, 0, &heads, 1);
    assert_eq!((started, until), ((1..=3).map(|n| vec![id(n)]).collect(), None));
    outlet.ended(&[id(2)], Told::Answered, at(0));
    let (started, _) = drive(&mut outlet, 0, &heads, 1);
    assert_eq!(started, [vec![id(4)]], "2 is not read again while it is thought to be in the page it came from");
}

#[test]
fn a_long_queue_is_read_in_pages() {
    let mut outlet = outlet(1, 1);
    let mut heads: Vec<_> = (1..=500).map(|n| head(n, "a", 0)).collect();
    let (mut reads, mut seen) = (0, 0);
    while seen < 500 {
        match outlet.turn(at(0), Ok(()), &|_| 1) {
            Turn::Read { until, look } => {
                reads += 1;
                outlet.read(lanes(&heads, until, &look), until, at(0));
            }
            Turn::Start(job) => {
                seen += 1;
                heads.retain(|head| head.id != job[0].id);
                outlet.ended(&ids(&job), Told::Answered, at(0));
            }
            Turn::Wait { until } => panic!("waits until {until:?} with {} left", heads.len()),
        }
    }
    assert!(reads <= 500 / READ_MIN + 1, "{reads} reads");
}

#[test]
fn batches_are_of_one_lane_and_wait_for_nobody() {
    let mut outlet = outlet(4, 3);
    let heads = [head(1, "a", 0), head(2, "b", 0), head(3, "a", 0), head(4, "a", 0), head(5, "a", 0), head(6, "a", 9)];
    let (started, _) = drive(&mut outlet, 0, &heads, 3);
    assert_eq!(started, [vec![id(1), id(3), id(4)], vec![id(2)], vec![id(5)]]);
}

#[test]
fn a_full_page_of_heads_under_way_hides_nobody() {
    let mut outlet = outlet(200, 1);
    let heads: Vec<_> = (1..=400).map(|n| head(n, "a", 0)).collect();
    let (started, until) = drive(&mut outlet, 0, &heads, 1);
    assert_eq!((started.len(), until), (200, None));
    outlet.ended(&[id(7)], Told::Answered, at(0));
    let left: Vec<_> = heads.iter().filter(|head| head.id != id(7)).cloned().collect();
    assert_eq!(drive(&mut outlet, 0, &left, 1).0.len(), 1);
}

#[test]
fn an_open_breaker_lets_one_probe_out_alone_then_twice_as_many_each_round() {
    let mut outlet = outlet(8, 1);
    let mut heads: Vec<_> = (1..=40).map(|n| head(n, "a", 0)).collect();
    assert_eq!(drive(&mut outlet, 0, &heads, 1).0.len(), 8);
    for n in 1..=2 {
        outlet.ended(&[id(n)], Told::Failed { wait_ms: None }, at(0));
    }
    assert_eq!(drive(&mut outlet, 0, &heads, 1), (vec![], Some(1)));
    assert_eq!(drive(&mut outlet, 1, &heads, 1), (vec![], None), "six are still out");
    for n in 3..=8 {
        outlet.ended(&[id(n)], Told::Answered, at(1));
    }
    heads.drain(..8);
    let mut rounds = Vec::new();
    for _ in 0..5 {
        let (started, _) = drive(&mut outlet, 1, &heads, 1);
        rounds.push(started.len());
        heads.retain(|head| !started.iter().flatten().any(|id| *id == head.id));
        for job in &started {
            outlet.ended(job, Told::Answered, at(1));
        }
    }
    assert_eq!(rounds, [1, 1, 2, 4, 4], "the probe, then one, doubling to half of what is allowed, then slowly");
}

#[test]
fn the_rate_holds_back_what_is_due() {
    let mut outlet = outlet(8, 1);
    let heads = [head(1, "a", 0)];
    let Turn::Read { until, look } = outlet.turn(at(0), Ok(()), &|_| 1) else { panic!("it has read nothing yet") };
    outlet.read(lanes(&heads, until, &look), until, at(0));
    assert_eq!(outlet.turn(at(0), Err(at(2)), &|_| 1), Turn::Wait { until: Some(at(2)) });
    assert!(matches!(outlet.turn(at(2), Ok(()), &|_| 1), Turn::Start(_)));
}

#[test]
fn a_clock_set_back_does_not_blind_it() {
    let mut outlet = outlet(8, 1);
    drive(&mut outlet, 10_000, &[], 1);
    assert!(matches!(outlet.turn(at(0), Ok(()), &|_| 1), Turn::Read { .. }));
}

#[test]
fn urgent_work_goes_first_and_batch_has_its_floor() {
    let mut outlet = Outlet::new(OutletSettings { classes: [true, true, true], concurrency_max: 1, ..settings(1, 1) });
    let mut heads: Vec<_> = (1..=200).map(|n| of_class(n, Criticality::Batch)).collect();
    heads.extend((201..=400).map(|n| of_class(n, Criticality::Critical)));
    let mut classes = Vec::new();
    for _ in 0..100 {
        let (started, _) = drive(&mut outlet, 0, &heads, 1);
        let [job] = &started[..] else { panic!("one at a time, not {started:?}") };
        let place = heads.iter().position(|head| head.id == job[0]).expect("known");
        classes.push(heads.remove(place).criticality);
        outlet.ended(job, Told::Answered, at(0));
    }
    assert_eq!(classes[0], Criticality::Critical);
    let batch = classes.iter().filter(|class| **class == Criticality::Batch).count();
    assert_eq!(batch, 100 / (PASSED_OVER_MAX as usize + 1), "one in seventeen");
}

#[test]
fn batch_leaves_a_slot_to_what_is_urgent() {
    let mut outlet = Outlet::new(OutletSettings { classes: [true, false, true], ..settings(4, 1) });
    let mut heads: Vec<_> = (1..=50).map(|n| of_class(n, Criticality::Batch)).collect();
    assert_eq!(drive(&mut outlet, 0, &heads, 1).0.len(), 3);
    heads.push(of_class(99, Criticality::Critical));
    outlet.hint();
    assert_eq!(drive(&mut outlet, 1, &heads, 1).0, [vec![id(99)]]);
}

#[test]
fn urgent_work_that_comes_is_seen_while_a_backlog_goes_out() {
    let mut outlet = Outlet::new(OutletSettings { classes: [true, false, true], ..settings(1, 1) });
    let mut heads: Vec<_> = (1..=500).map(|n| of_class(n, Criticality::Batch)).collect();
    let (started, _) = drive(&mut outlet, 0, &heads, 1);
    outlet.ended(&started[0], Told::Answered, at(1));
    heads.push(of_class(999, Criticality::Critical));
    assert_eq!(drive(&mut outlet, 1, &heads, 1).0, [vec![id(999)]], "though hundreds are read and ready");
}

#[test]
fn a_group_has_one_writer_and_others_go_on() {
    let groups = [("warehouse".to_owned(), GateLimit { concurrency_max: Some(1), pace: None })].into();
    let limits = Limits { operations: BTreeMap::new(), groups };
    let mut outlet = Outlet::new(OutletSettings { limits, ..settings(8, 1) });
    let mut heads: Vec<_> = (1..=100).map(|n| of_group(n, "A")).collect();
    heads.extend([of_group(201, "B"), of_group(202, "B"), of_group(203, "C")]);
    let (started, until) = drive(&mut outlet, 0, &heads, 1);
    assert_eq!((started, until), (vec![vec![id(1)], vec![id(201)], vec![id(203)]], Some(5)));
    outlet.ended(&[id(201)], Told::Answered, at(0));
    heads.retain(|head| head.id != id(201));
    assert_eq!(drive(&mut outlet, 0, &heads, 1).0, [vec![id(202)]]);
}

#[test]
fn an_operation_at_its_limit_hides_no_other() {
    let slow = GateLimit { concurrency_max: None, pace: Some(PaceLimit { per_1000_s: 1_000, burst: 1 }) };
    let limits = Limits { operations: [("a".to_owned(), slow)].into(), groups: BTreeMap::new() };
    let mut outlet = Outlet::new(OutletSettings { limits, ..settings(8, 1) });
    let mut heads: Vec<_> = (1..=2_000).map(|n| head(n, "a", -9)).collect();
    heads.extend((3_001..=3_003).map(|n| head(n, "b", 0)));
    let (started, until) = drive(&mut outlet, 0, &heads, 1);
    assert_eq!(started.iter().flatten().filter(|it| **it > id(3_000)).count(), 3, "{started:?}");
    assert_eq!((started.len(), until), (4, Some(1)), "one of a, then a second's rest");
}

/// However many groups there are, each has its turn; lanes are looked at a few at a time.
#[test]
fn many_lanes_are_gone_round() {
    let mut outlet = outlet(1, 1);
    let mut heads: Vec<_> = (0..300).map(|n| of_group(n, &format!("{:03}", n % 100))).collect();
    let mut groups = Vec::new();
    let mut now = 0;
    while groups.len() < 300 {
        now += 1;
        let (started, _) = drive(&mut outlet, now, &heads, 1);
        let place = heads.iter().position(|head| head.id == started[0][0]).expect("known");
        groups.push(heads.remove(place).group);
        outlet.ended(&started[0], Told::Answered, at(now));
    }
    let first: BTreeSet<_> = groups[..100].iter().collect();
    assert!(first.len() >= 95, "only {} groups were served in the first hundred turns", first.len());
}

fn any_limit() -> impl Strategy<Value = GateLimit> {
    (prop::option::of(1..4usize), prop::option::of(1..20_000u64)).prop_map(|(concurrency_max, rate)| GateLimit {
        concurrency_max,
        pace: rate.map(|per_1000_s| PaceLimit { per_1000_s, burst: 2 }),
    })
}

proptest! {
    /// Whatever waits and however it ends: limits hold at every moment, nothing goes twice at once, and everything has
    /// gone in the end.
    #[test]
    fn limits_hold_and_everything_goes(
        concurrency in 1..9usize,
        operation in any_limit(),
        group in any_limit(),
        work in prop::collection::vec((0..3usize, 0..3u8, 0..4u8), 1..120),
        lots in prop::collection::vec((0..8usize, 0..10u8), 1..50),
    ) {
        let limits = Limits {
            operations: [("op0".to_owned(), operation)].into(),
            groups: [("g".to_owned(), group)].into(),
        };
        let classes = [true, true, true];
        let mut outlet = Outlet::new(OutletSettings { limits, classes, ..settings(concurrency, 3) });
        let mut left: Vec<Transmission> = work.iter().enumerate().map(|(n, (class, operation, group))| Transmission {
            criticality: Criticality::ALL[*class],
            group: (*group > 0).then(|| Group { kind: "g".into(), key: group.to_string() }),
            key: OrderingKey::new(n.to_string()),
            ..head(n as u128 + 1, &format!("op{operation}"), 0)
        }).collect();
        let mut out: Vec<Vec<Transmission>> = Vec::new();
        let mut now = at(0);
        let mut lots = lots.iter().cycle();
        let mut failed = false;
        for _ in 0..20_000 {
            if left.is_empty() {
                break;
            }
            match outlet.turn(now, Ok(()), &|_| 3) {
                Turn::Start(job) => out.push(job),
                Turn::Read { until, look } => outlet.read(lanes(&left, until, &look), until, now),
                Turn::Wait { until } => {
                    let (which, ending) = lots.next().expect("a circle");
                    if out.is_empty() {
                        now = until.expect("nothing is out, so it knows when").max(now);
                        continue;
                    }
                    now += SignedDuration::from_millis(700);
                    let job = out.remove(which % out.len());
                    failed = *ending == 0 && !failed;
                    let told = if failed { Told::Failed { wait_ms: None } } else { Told::Answered };
                    if !failed {
                        left.retain(|it| !job.iter().any(|done| done.id == it.id));
                    }
                    outlet.ended(&ids(&job), told, now);
                }
            }
            prop_assert!(out.len() <= concurrency);
            let mut seen = BTreeSet::new();
            prop_assert!(out.iter().flatten().all(|it| seen.insert(it.id)), "one goes twice at once");
            let at_op0 = out.iter().filter(|job| job[0].operation == "op0").count();
            prop_assert!(operation.concurrency_max.is_none_or(|most| at_op0 <= most));
            for key in ["1", "2", "3"] {
                let of_group = |job: &&Vec<Transmission>| job[0].group.as_ref().is_some_and(|group| group.key == key);
                let at_once = out.iter().filter(of_group).count();
                prop_assert!(group.concurrency_max.is_none_or(|most| at_once <= most));
            }
            prop_assert!(out.iter().all(|job| job.iter().all(|it| it.lane() == job[0].lane())));
        }
        prop_assert!(left.is_empty(), "{} never went", left.len());
    }
}
