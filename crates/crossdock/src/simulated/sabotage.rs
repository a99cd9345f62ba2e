//! Each invariant can fail: here the world is broken on purpose, below the hub or in what it decides, and the invariant
//! that is meant for it says so.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use crossdock_core::changeset::Change;
use crossdock_core::transmission::{RetrySchedule, Transmission, TransmissionState};
use crossdock_sim::world::{DiskFaults, Faults, PostFaults, Scenario, Seams, Weather, WireFaults, run};
use crossdock_store::{Page, Store as _, TransmissionFilter};
use jiff::SignedDuration;

use super::hubs;
use super::seeds::scenario;

/// A world that is broken says so with these words, within a few seeds.
fn caught(word: &str, faults: &Faults, seams: impl Fn() -> Seams) {
    caught_in(word, || scenario(Some(faults.clone()), seams()));
}

fn caught_in(word: &str, world: impl Fn() -> Scenario) {
    let mut told = Vec::new();
    for seed in 1..=30 {
        let mut broken = world();
        broken.hours_max = 2;
        let report = run(&broken, seed);
        if report.wrong.iter().any(|wrong| wrong.contains(word)) {
            return;
        }
        told.push(format!("{:?} {:?}", report.struck, report.wrong));
    }
    panic!("nobody noticed: {word}; instead: {told:?}");
}

/// Faults that make the world lively, and nothing more than that.
fn lively() -> Faults {
    let wire = WireFaults { answer_lost: 150, failed_after: 50, ..WireFaults::default() };
    let post = PostFaults { copies_max: 3, delay_ms_max: 5_000, senseless: 300, ..PostFaults::default() };
    Faults { wire, post, ..Faults::none() }
}

#[test]
fn i1_a_message_that_is_not_kept_is_missed() {
    caught("I1: message", &lively(), || Seams {
        disk: Box::new(|changeset| {
            changeset
                .changes
                .retain(|change| !matches!(change, Change::AcceptMessage(it) if it.system.as_str() == "fleet"));
        }),
        ..Seams::default()
    });
}

#[test]
fn i2_a_store_that_forgets_keys_takes_a_message_twice() {
    caught("I2:", &lively(), || {
        let count = AtomicU64::new(0);
        Seams {
            disk: Box::new(move |changeset| {
                for change in &mut changeset.changes {
                    if let Change::AcceptMessage(message) = change {
                        message.dedup_key = format!("{}/{}", message.dedup_key, count.fetch_add(1, Ordering::Relaxed));
                    }
                }
            }),
            ..Seams::default()
        }
    });
}

#[test]
fn i2_a_hub_that_repeats_blindly_doubles_the_effect() {
    let faults = Faults { wire: WireFaults { answer_lost: 200, ..WireFaults::default() }, ..lively() };
    caught("doubled:", &faults, || Seams {
        hub: Box::new(|changeset| {
            for change in &mut changeset.changes {
                if let Change::PutTransmission(it) = change
                    && it.in_doubt
                    && matches!(it.state, TransmissionState::Paused { .. })
                {
                    it.state = TransmissionState::Owed;
                }
            }
        }),
        ..Seams::default()
    });
}

#[test]
fn i3_a_store_that_ignores_the_line_lets_others_overtake() {
    caught("I3:", &lively(), || Seams {
        due: Box::new(|store, system, due| {
            let filter = TransmissionFilter { system: Some(system.clone()), ..TransmissionFilter::default() };
            let all = store.transmissions(&filter, Page::first(1_000)).expect("reads");
            for lane in due {
                let fits = |it: &&Transmission| it.state == TransmissionState::Owed && it.lane() == lane.lane;
                lane.heads = all.iter().filter(fits).cloned().collect();
            }
        }),
        ..Seams::default()
    });
}

#[test]
fn i4_what_is_held_without_a_timer_is_noticed() {
    caught("I4:", &lively(), || Seams {
        hub: Box::new(|changeset| changeset.changes.retain(|change| !matches!(change, Change::SetTimer(_)))),
        ..Seams::default()
    });
}

#[test]
fn i5_a_hub_that_lost_the_store_and_writes_on_is_noticed() {
    let disk = DiskFaults { slow: 300, ..DiskFaults::default() };
    let faults = Faults { disk, weather: Weather { freezes: 4, ..Weather::default() }, ..lively() };
    caught("I5:", &faults, || Seams { unfenced: true, ..Seams::default() });
}

#[test]
fn i6_a_state_that_goes_back_is_noticed() {
    caught("I6:", &lively(), || Seams {
        hub: Box::new(|changeset| {
            for change in &mut changeset.changes {
                if let Change::PutEntity(entity) = change
                    && entity.name.kind == "shipment"
                    && entity.version > 2
                {
                    entity.status = "planned".to_owned();
                }
            }
        }),
        ..Seams::default()
    });
}

#[test]
fn i7_what_is_paused_without_an_exception_is_noticed() {
    caught("I7:", &lively(), || Seams {
        hub: Box::new(|changeset| changeset.changes.retain(|change| !matches!(change, Change::PutException(_)))),
        ..Seams::default()
    });
}

#[test]
fn i8_an_action_without_a_record_is_noticed() {
    caught("I8:", &lively(), || Seams {
        hub: Box::new(|changeset| changeset.changes.retain(|change| !matches!(change, Change::AppendAudit(_)))),
        ..Seams::default()
    });
}

#[test]
fn i9_a_mapping_that_asks_the_clock_is_noticed() {
    caught("I9:", &lively(), || {
        let count = AtomicU64::new(0);
        Seams {
            hub: Box::new(move |changeset| {
                for change in &mut changeset.changes {
                    if let Change::AppendEvent(event) = change {
                        let drift = count.fetch_add(1, Ordering::Relaxed) as i64;
                        event.time += SignedDuration::from_millis(drift);
                    }
                }
            }),
            ..Seams::default()
        }
    });
}

#[test]
fn i10_more_tries_than_allowed_are_noticed() {
    // A hub that has gone on for long after it was to give up.
    caught("I10: transmission", &lively(), || Seams {
        hub: Box::new(|changeset| {
            for change in &mut changeset.changes {
                if let Change::PutTransmission(it) = change
                    && it.state == TransmissionState::Sending
                {
                    it.attempts += RetrySchedule::default().attempts_max;
                }
            }
        }),
        ..Seams::default()
    });
}

#[test]
fn i2_a_key_that_is_forgotten_takes_a_submission_twice() {
    let post = PostFaults { by_api: 1_000, ..lively().post };
    caught("I2:", &Faults { post, ..lively() }, || {
        let count = AtomicU64::new(0);
        Seams {
            disk: Box::new(move |changeset| {
                for change in &mut changeset.changes {
                    if let Change::AcceptMessage(message) = change
                        && message.system.as_str() == "api"
                    {
                        message.dedup_key = format!("{}/{}", message.dedup_key, count.fetch_add(1, Ordering::Relaxed));
                    }
                }
            }),
            ..Seams::default()
        }
    });
}

/// A hub that knows no limits is judged by those of its configuration.
#[test]
fn i10_limits_that_are_not_kept_are_noticed() {
    for word in [
        "calls to odoo.test at once",
        "attempts at invoice.create_and_post of odoo at once",
        "attempts at group warehouse/ of odoo at once",
        "attempts at group customer/all of customer at once",
        "I10: invoice.create_and_post of odoo began faster",
    ] {
        caught_in(word, || {
            let seams = Seams { rules: hubs::lanes().pop(), ..Seams::default() };
            Scenario { plans: hubs::boundless(), orders: 12, ..scenario(Some(lively()), seams) }
        });
    }
}

#[test]
fn an_effect_that_is_lost_is_noticed() {
    caught("lost: the customer", &lively(), || Seams {
        hub: Box::new(|changeset| {
            changeset.changes.retain(
                |change| !matches!(change, Change::PutTransmission(it) if it.flow.as_str() == "notify-customer"),
            );
        }),
        ..Seams::default()
    });
}

#[test]
fn bills_out_of_order_are_noticed() {
    // Whoever comes later is given an earlier place.
    caught("out of order:", &lively(), || {
        let places = Mutex::new(BTreeMap::new());
        Seams {
            hub: Box::new(move |changeset| {
                for change in &mut changeset.changes {
                    if let Change::PutTransmission(it) = change
                        && it.operation == "request.send_once"
                    {
                        let mut places = places.lock().expect("nobody crashed");
                        let count = places.len() as u64;
                        it.place = *places.entry(it.id).or_insert(1_000_000 - count);
                    }
                }
            }),
            ..Seams::default()
        }
    });
}

#[test]
fn a_world_that_never_comes_to_rest_is_noticed() {
    caught("liveness:", &lively(), || Seams {
        due: Box::new(|_, system, due| {
            if system.as_str() == "customer" {
                due.clear();
            }
        }),
        ..Seams::default()
    });
}
