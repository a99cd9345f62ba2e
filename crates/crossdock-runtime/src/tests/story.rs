//! The stories that are told, and that every reference leads to the whole of one.

use std::time::Duration;

use crossdock_core::exception::{ExceptionClass, Severity};
use crossdock_store::Store;
use serde_json::json;

use super::partner::Reply;
use super::world::{SOON, Settings, World, ada, order, proof, shipment};
use crate::desk::{ResumeScope, Trace};

/// An order that leaves in two shipments; the second is invoiced on its own.
async fn two_shipments() -> World {
    let mut world = World::new(Settings::default());
    world.tell(&[("shop", "order", order("S1", &["A", "B"]))]).await;
    world.pass(Duration::from_secs(60)).await;
    for (number, sku) in [("281", "A"), ("282", "B")] {
        world.tell(&[("warehouse", "shipment", shipment(number, "S1", &[sku]))]).await;
        world.pass(Duration::from_secs(60)).await;
        let departure = json!({"id": format!("d{number}"), "route": format!("R{number}"), "shipment": number});
        world.tell(&[("fleet", "departure", departure)]).await;
        world.pass(Duration::from_secs(60)).await;
        world.tell(&[("fleet", "proof", proof(number))]).await;
        world.pass(Duration::from_secs(60)).await;
    }
    world.until_done().await;
    world
}

fn told(world: &World, reference: &str) -> Trace {
    world.desk.trace(reference).expect("reads").unwrap_or_else(|| panic!("nothing is known by {reference}"))
}

/// Step, system and text, without what differs from run to run.
fn lines(trace: &Trace) -> Vec<String> {
    let line = |entry: &crate::desk::Entry| {
        let text = entry.text.split(" (happened").next().unwrap_or_default();
        let text = text.split(" bytes)").last().unwrap_or_default();
        format!("{} {}: {}", entry.step, entry.system, text.trim_start_matches(", "))
    };
    trace.entries.iter().map(line).collect()
}

#[tokio::test(start_paused = true)]
async fn the_story_of_an_order_with_two_shipments_is_complete() {
    let world = two_shipments().await;
    let trace = told(&world, "S1");
    let names: Vec<_> = trace.entities.iter().map(|entity| format!("{} {}", entity.name, entity.status)).collect();
    assert_eq!(
        names,
        [
            "order/S1 released",
            "shipment/281 delivered",
            "shipment/282 delivered",
            "proof_of_delivery/281/1 captured",
            "proof_of_delivery/282/1 captured",
            "invoice/INV/281 released",
            "invoice/INV/282 released",
            "stop/R281/1 completed",
            "stop/R282/1 completed",
        ]
    );
    let lines = lines(&trace);
    let first = [
        "4 shop: verified, new by its key order S1, and on disk; it became 1 event",
        "5 shop: crossdock.order.accepted.v1 for order/S1",
        "6 warehouse: flow release owes work to warehouse for order/S1, in order with order/S1",
        "8 warehouse: attempt 1 called POST /work → 200, in 20 ms",
        "9 warehouse: attempt 1 of work took effect: {\"invoice\":\"INV/0\"}",
        "10 warehouse: the result came back; it became 1 event",
        "5 warehouse: crossdock.order.released.v1 for order/S1",
        "4 warehouse: verified, new by its key shipment 281, and on disk; it became 1 event",
        "5 warehouse: crossdock.shipment.picked_up.v1 for shipment/281",
        "6 odoo: flow fulfil owes work to odoo for shipment/281, in order with order/S1",
        "8 odoo: attempt 1 called POST /work → 200, in 20 ms",
        "9 odoo: attempt 1 of work took effect: {\"invoice\":\"INV/281\"}",
        "10 odoo: the result came back; what was held for it can go on",
        "4 fleet: verified, new by its key d281, and on disk; it became 1 event",
        "5 fleet: crossdock.stop.departed.v1 for stop/R281/1",
        "4 fleet: verified, new by its key proof 281, and on disk; it became 2 events",
        "5 fleet: crossdock.pod.captured.v1 for proof_of_delivery/281/1",
        "5 fleet: crossdock.shipment.delivered.v1 for shipment/281",
        "6 odoo: flow attach owes work to odoo for shipment/281, in order with order/S1",
        "6 odoo: flow invoice owes work to odoo for shipment/281, in order with order/S1",
        "8 odoo: attempt 1 called POST /work → 200, in 20 ms",
        "9 odoo: attempt 1 of work took effect: {\"invoice\":\"INV/281\"}",
        "10 odoo: the result came back; what was held for it can go on",
        "8 odoo: attempt 1 called POST /work → 200, in 20 ms",
        "9 odoo: attempt 1 of work took effect: {\"invoice\":\"INV/281\"}",
        "10 odoo: the result came back; it became 1 event",
        "5 odoo: crossdock.invoice.released.v1 for invoice/INV/281",
        "6 customer: flow notify owes work to customer for invoice/INV/281, in order with invoice/INV/281",
        "8 customer: attempt 1 called POST /work → 200, in 20 ms",
        "9 customer: attempt 1 of work took effect: {\"invoice\":\"INV/0\"}",
    ];
    assert_eq!(lines[..first.len()], first);
    assert_eq!(lines.len(), first.len() + 23, "and the same again from the second shipment on");
    assert!(trace.entries.iter().all(|entry| entry.mood == "ok") && !trace.cut);
}

#[tokio::test(start_paused = true)]
async fn each_step_tells_in_fields_what_it_tells_in_words() {
    let world = two_shipments().await;
    let trace = told(&world, "S1");
    let facts: Vec<_> = trace.entries.iter().map(|entry| (entry.kind, entry.facts.outcome)).take(7).collect();
    let expect = [
        ("message", "translated"),
        ("event", "applied"),
        ("transmission", "created"),
        ("attempt", "called"),
        ("attempt", "accepted"),
        ("message", "translated"),
        ("event", "applied"),
    ];
    assert_eq!(facts, expect);
    let [message, event, owed, called, ended, ..] = &trace.entries[..] else { panic!("it has steps") };
    assert_eq!((message.facts.events, message.facts.dedup_key.as_deref()), (Some(1), Some("order S1")));
    assert_eq!(event.facts.event_type.as_deref(), Some("crossdock.order.accepted.v1"));
    assert_eq!((event.message, owed.event), (message.message, event.event), "linked by id");
    let facts = &owed.facts;
    let of = (facts.flow.as_ref().map(|flow| flow.as_str()), facts.operation.as_deref(), facts.ordering_key.as_deref());
    assert_eq!(of, (Some("release"), Some("work"), Some("order/S1")));
    let [call] = &called.facts.calls[..] else { panic!("{:?}", called.facts) };
    assert_eq!((call.method.as_str(), call.path.as_str(), call.status), ("POST", "/work", Some(200)));
    assert_eq!(
        (called.facts.attempt, called.facts.took_ms, called.transmission),
        (Some(1), Some(20), owed.transmission)
    );
    assert_eq!((ended.facts.attempt, ended.facts.result.as_deref()), (Some(1), Some("{\"invoice\":\"INV/0\"}")));
    let json = serde_json::to_value(owed).expect("JSON");
    assert_eq!((&json["outcome"], &json["reason"]), (&"created".into(), &serde_json::Value::Null), "{json:#}");
}

#[tokio::test(start_paused = true)]
async fn every_reference_leads_to_the_same_story() {
    let world = two_shipments().await;
    let whole = lines(&told(&world, "S1"));
    let mut references: Vec<String> = [
        "281",
        "282",
        "1Z281",
        "1Z282",
        "INV/281",
        "281/1",
        " S1 ",
        "order/S1",
        "shipment/282",
        "proof_of_delivery/281/1",
    ]
    .map(str::to_owned)
    .to_vec();
    let of_a_stop = "stop.departed";
    for stored in world.messages() {
        let id = stored.message.id;
        let events = world.store.events_of_message(id).expect("reads");
        if !events.iter().any(|stored| stored.event.event_type.contains(of_a_stop)) {
            references.push(id.to_string());
            references.extend(events.iter().map(|stored| stored.event.id.to_string()));
        }
    }
    references.extend(world.transmissions().iter().map(|transmission| transmission.id.to_string()));
    assert!(references.len() > 40, "{}", references.len());
    for reference in references {
        assert_eq!(lines(&told(&world, &reference)), whole, "{reference}");
    }
    let stop = told(&world, "stop/R281/1");
    assert_eq!(stop.entries.len(), 2, "a stop may carry shipments of many orders: it tells of itself");
    assert!(world.desk.trace("S2").expect("reads").is_none());
    assert!(world.desk.trace("").expect("reads").is_none());
}

#[tokio::test(start_paused = true)]
async fn what_is_known_before_its_order_is_told_too() {
    let mut world = World::new(Settings::default());
    world.tell(&[("fleet", "proof", proof("281"))]).await;
    world.pass(Duration::from_secs(5 * 3600)).await;
    for reference in ["281", "281/1", "shipment/281"] {
        let trace = told(&world, reference);
        let lines = lines(&trace);
        assert!(lines.contains(&"6 odoo: work is held until fulfil is done".to_owned()), "{lines:#?}");
        let problems: Vec<_> = trace.entries.iter().filter(|entry| entry.mood == "problem").collect();
        assert_eq!(problems.len(), 2);
        assert!(problems[0].text.contains("exception prerequisite_late for odoo-team"), "{}", problems[0].text);
    }
}

#[tokio::test(start_paused = true)]
async fn troubles_are_told_in_the_order_in_which_they_came() {
    let mut world = World::new(Settings::default());
    world.partner.behave(|told| match told.n {
        0..4 => Reply::Status(503),
        4 => Reply::Lose,
        5 => Reply::Status(422),
        _ => Reply::Do,
    });
    world.tell(&[("warehouse", "shipment", shipment("281", "S1", &["A"]))]).await;
    world.until("it is refused", SOON, |world| world.count("paused") == 1).await;
    let paused = lines(&told(&world, "1Z281"));
    let [.., standing, exception] = paused.as_slice() else { panic!("{paused:#?}") };
    assert_eq!(standing, "9 odoo: work is paused: no such SKU");
    assert!(exception.contains("Mend the cause, then resume transmission"), "{exception}");
    let desk = world.desk.clone();
    world.ask(async move { desk.resume(&ResumeScope::All, &ada()).await }).await.expect("resumes");
    world.until("it is done", SOON, |world| world.count("done") == 1).await;
    let trace = told(&world, "S1");
    let attempts: Vec<_> =
        lines(&trace).into_iter().filter(|line| line.starts_with("8") || line.starts_with("9")).collect();
    let start = |n: usize| attempts[n].split(" (").next().unwrap_or_default().chars().take(70).collect::<String>();
    let starts: Vec<_> = (0..attempts.len()).map(start).collect();
    assert_eq!(
        starts,
        [
            "8 odoo: attempt 1 called POST /work → 503, in 20 ms",
            "9 odoo: attempt 1 of work did not take effect and is tried again: HTTP",
            "9 odoo: 3 more attempts of work ended the same way",
            "8 odoo: attempt 5 called POST /work → no answer: connection reset, in ",
            "9 odoo: attempt 5 of work may have taken effect: no answer: connection",
            "8 odoo: attempt 6 called POST /ask → 422, in 20 ms",
            "9 odoo: attempt 6 of work was refused: no such SKU",
            &starts[7],
            "8 odoo: attempt 1 called POST /ask → 200, POST /work → 200, in 40 ms",
            "9 odoo: attempt 1 of work took effect: {\"invoice\":\"INV/281\"}",
        ]
    );
    assert!(starts[7].starts_with("9 odoo: exception transmission_refused for odoo-team"), "{}", starts[7]);
    assert!(trace.entries.iter().all(|entry| entry.kind != "exception" || entry.text.contains("(resolved ")));
    let ends: Vec<_> = trace.entries.iter().filter(|entry| entry.kind == "attempt" && entry.step == 9).collect();
    let ends: Vec<_> = ends.iter().map(|it| (it.facts.outcome, it.facts.attempt, it.facts.repeats)).collect();
    let expect = [
        ("retry", Some(1), None),
        ("retry", Some(4), Some(3)),
        ("unknown", Some(5), None),
        ("refused", Some(6), None),
        ("accepted", Some(1), None),
    ];
    assert_eq!(ends, expect);
    let exception = &trace.entries.iter().find(|entry| entry.kind == "exception").expect("it was opened").facts;
    assert_eq!((exception.outcome, exception.severity), ("resolved", Some(Severity::High)));
    assert_eq!(
        (exception.class, exception.owner.as_deref()),
        (Some(ExceptionClass::TransmissionRefused), Some("odoo-team"))
    );
}

#[tokio::test(start_paused = true)]
async fn a_message_that_became_nothing_has_a_story_of_its_own() {
    let mut world = World::new(Settings::default());
    world.send("shop", "task", &[json!({"id": "bad", "key": "K"})]).await.expect("accepted");
    world.send("shop", "gossip", &[json!({"id": "gossip"})]).await.expect("accepted");
    world.until_done().await;
    for stored in world.messages() {
        let trace = told(&world, &stored.message.id.to_string());
        match stored.message.dedup_key.as_str() {
            "bad" => {
                assert_eq!(trace.entries.len(), 2);
                assert!(trace.entries[1].text.contains("exception mapping_failed"), "{}", trace.entries[1].text);
            }
            _ => assert!(trace.entries[0].text.contains("no flow takes channel `gossip` of shop")),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_thousands_share_does_not_make_one_story_of_them() {
    let mut world = World::new(Settings::default());
    let orders: Vec<_> = (0..600).map(|n| order(&format!("S{n}"), &["A", "B"])).collect();
    world.tell(&[("shop", "task", json!({"id": "c", "key": "C1", "name": "Bakker"}))]).await;
    for lines in orders.chunks(200) {
        world.send("shop", "order", lines).await.expect("accepted");
    }
    world.tell(&[("warehouse", "shipment", shipment("281", "S7", &["A"]))]).await;
    world.until_done().await;
    let trace = told(&world, "281");
    let names: Vec<_> = trace.entities.iter().map(|entity| entity.name.to_string()).collect();
    assert_eq!(names, ["order/S7", "shipment/281"]);
    assert_eq!(trace.entries.len(), 13);
    let customer = told(&world, "C1");
    assert!(customer.cut && customer.entries.len() < 800, "{}", customer.entries.len());
}

#[tokio::test(start_paused = true)]
async fn a_mistyped_reference_is_near_to_what_was_meant() {
    let mut world = World::new(Settings::default());
    for n in 1..200 {
        world.tell(&[("shop", "order", order(&format!("S{n:05}"), &["A"]))]).await;
    }
    world.tell(&[("warehouse", "shipment", shipment("281", "S00042", &["A"]))]).await;
    world.until_done().await;
    let near = |reference: &str| -> Vec<String> {
        world.desk.similar(reference).expect("reads").iter().map(ToString::to_string).collect()
    };
    assert!(near("S0004").contains(&"order/S00042".to_owned()), "{:?}", near("S0004"));
    assert!(near("s00042").contains(&"order/S00042".to_owned()), "{:?}", near("s00042"));
    assert_eq!(near("shipment/28"), ["shipment/281"]);
    assert_eq!(near("nothing like it"), Vec::<String>::new());
    assert_eq!(near(""), Vec::<String>::new());
}
