//! Routing decided over a small hub: the orders of arrival that hurt.

mod master;
mod status;

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::*;
use crate::changeset::Change;
use crate::event::Event;
use crate::exception::ExceptionStatus;
use crate::hub::{EventMapping, InboundFlow, OutboundFlow, Repetition, scopes};
use crate::ids::OrderingKey;
use crate::mapping::tests::yaml::node;
use crate::mapping::{CodeLists, Expression, Mapping};
use crate::message::{Message, RESULT_CHANNEL};
use crate::model::EventType;
use crate::source::Location;
use crate::transmission::{Outcome, RetrySchedule, TransmissionEvent, TransmissionState, decide};
use crate::value::Value;

fn expression<const N: usize>(text: &str, names: [&'static str; N]) -> Expression {
    let scope = scopes::scope(names, &Arc::new(CodeLists::new()));
    Expression::compile(text, &Location::new("test.yaml", 1, 1), &scope).expect("compiles")
}

fn tree<const N: usize>(text: &str, names: [&'static str; N]) -> Mapping {
    let scope = scopes::scope(names, &Arc::new(CodeLists::new()));
    Mapping::compile(&node("test.yaml", text), &scope).expect("compiles")
}

fn event_mapping<const N: usize>(emits: &str, target: &str, names: [&'static str; N]) -> EventMapping {
    EventMapping {
        name: emits.to_owned(),
        emits: EventType::find(emits).expect("known"),
        choice: None,
        when: None,
        each: None,
        time: None,
        find: Vec::new(),
        references: Vec::new(),
        target: tree(target, names),
    }
}

fn inbound(channel: &str, emits: &str, target: &str) -> InboundFlow {
    InboundFlow {
        name: FlowName::new(channel),
        system: "partner".into(),
        channel: Some(channel.to_owned()),
        when: None,
        mappings: vec![event_mapping(emits, target, scopes::INBOUND)],
        echo: None,
        owner: None,
    }
}

fn outbound(name: &str, on: &str, input: &str) -> OutboundFlow {
    OutboundFlow {
        name: name.into(),
        on: vec![EventType::find(on).expect("known")],
        repeat: Repetition::Once,
        when: None,
        system: "odoo".into(),
        operation: name.to_owned(),
        input: tree(input, scopes::OUTBOUND),
        about: None,
        key: None,
        after: Vec::new(),
        group: None,
        class: Default::default(),
        after_within_ms: 3_600_000,
        then: Vec::new(),
        retry: RetrySchedule::default(),
        owner: None,
    }
}

/// Shipments are fulfilled; proofs are invoiced once the shipment they speak of is fulfilled.
fn hub() -> Hub {
    let fulfil = OutboundFlow {
        key: Some(("order".to_owned(), expression("event.data.order", scopes::OUTBOUND))),
        ..outbound("fulfil", "crossdock.shipment.picked_up.v1", "{order: event.data.order}")
    };
    let invoice = OutboundFlow {
        about: Some(("shipment".to_owned(), expression("event.data.shipment", scopes::OUTBOUND))),
        key: Some(("order".to_owned(), expression("linked.shipment.data.order", scopes::OUTBOUND))),
        after: vec!["fulfil".into()],
        then: vec![event_mapping(
            "crossdock.invoice.released.v1",
            "{number: result.invoice, order: input.order}",
            scopes::RESULT,
        )],
        ..outbound("invoice", "crossdock.pod.captured.v1", "{order: linked.shipment.data.order}")
    };
    Hub {
        name: "test".to_owned(),
        version: "v1".into(),
        inbound: vec![
            inbound(
                "shipment",
                "crossdock.shipment.picked_up.v1",
                "{number: body.number, order: body.order, lines: {each: body.skus, as: sku, to: {sku: sku, quantity: 1}}}",
            ),
            inbound("proof", "crossdock.pod.captured.v1", "{shipment: body.shipment, attempt: 1}"),
        ],
        outbound: vec![fulfil, invoice],
        authority: Default::default(),
        learning_ms: 3_600_000,
        mapping_steps_max: 100_000,
        mapping_bytes_max: 1 << 20,
        events_per_message_max: 10,
    }
}

/// A store in miniature: applies changes as they come.
#[derive(Default)]
struct World {
    entities: RefCell<HashMap<EntityRef, Entity>>,
    events: RefCell<HashMap<EventId, Event>>,
    transmissions: RefCell<HashMap<TransmissionId, Transmission>>,
    exceptions: RefCell<HashMap<String, Exception>>,
    states: RefCell<HashMap<MessageId, MessageState>>,
    references: RefCell<Vec<Reference>>,
    suggestions: RefCell<HashMap<SuggestionId, Suggestion>>,
    last_place: RefCell<u64>,
}

impl View for World {
    fn entity(&self, name: &EntityRef) -> Result<Option<Entity>, ViewError> {
        Ok(self.entities.borrow().get(name).cloned())
    }

    fn event(&self, id: EventId) -> Result<Option<Event>, ViewError> {
        Ok(self.events.borrow().get(&id).cloned())
    }

    fn events_about(&self, subject: &EntityRef, limit: usize) -> Result<Vec<Event>, ViewError> {
        Ok(self.events.borrow().values().filter(|event| event.named() == subject).take(limit).cloned().collect())
    }

    fn transmission(&self, id: TransmissionId) -> Result<Option<Transmission>, ViewError> {
        Ok(self.transmissions.borrow().get(&id).cloned())
    }

    fn held_about(&self, about: &EntityRef) -> Result<Vec<Transmission>, ViewError> {
        let all = self.transmissions.borrow();
        let held = |t: &&Transmission| t.about == *about && matches!(t.state, TransmissionState::Held { .. });
        Ok(all.values().filter(held).cloned().collect())
    }

    fn is_done(&self, flow: &FlowName, about: &EntityRef) -> Result<bool, ViewError> {
        let all = self.transmissions.borrow();
        Ok(all.values().any(|t| t.flow == *flow && t.about == *about && t.state == TransmissionState::Done))
    }

    fn open_exception(&self, fingerprint: &str) -> Result<Option<Exception>, ViewError> {
        let open = |exception: &&Exception| exception.status == ExceptionStatus::Open;
        Ok(self.exceptions.borrow().get(fingerprint).filter(open).cloned())
    }

    fn referenced(&self, wanted: &Wanted<'_>, limit: usize) -> Result<Vec<EntityRef>, ViewError> {
        let all = self.references.borrow();
        Ok(all.iter().filter(|known| wanted.fits(known)).take(limit).map(|known| known.entity.clone()).collect())
    }

    fn sent_about(&self, system: &SystemName, about: &EntityRef, limit: usize) -> Result<Vec<Transmission>, ViewError> {
        let all = self.transmissions.borrow();
        let mut sent: Vec<_> = all.values().filter(|t| t.system == *system && t.about == *about).cloned().collect();
        sent.sort_by_key(|t| std::cmp::Reverse(t.place));
        sent.truncate(limit);
        Ok(sent)
    }

    fn in_line(&self, key: &OrderingKey, limit: usize) -> Result<Vec<Transmission>, ViewError> {
        let all = self.transmissions.borrow();
        Ok(all.values().filter(|t| t.key == *key && t.state.is_in_line()).take(limit).cloned().collect())
    }

    fn suggestion(&self, id: SuggestionId) -> Result<Option<Suggestion>, ViewError> {
        Ok(self.suggestions.borrow().get(&id).cloned())
    }
}

fn now() -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs(1_000)
}

impl World {
    fn apply(&self, changeset: Changeset) {
        for change in changeset.changes {
            match change {
                Change::PutEntity(entity) => {
                    let before = self.entities.borrow().get(&entity.name).map_or(0, |entity| entity.version);
                    assert_eq!(entity.version, before + 1);
                    self.entities.borrow_mut().insert(entity.name.clone(), entity);
                }
                Change::AppendEvent(event) => assert!(self.events.borrow_mut().insert(event.id, event).is_none()),
                Change::AddReference(reference) => self.references.borrow_mut().push(reference),
                Change::RemoveReference(gone) => self.references.borrow_mut().retain(|known| *known != gone),
                Change::PutSuggestion(made) => drop(self.suggestions.borrow_mut().insert(made.id, made)),
                Change::PutTransmission(transmission) => {
                    self.transmissions.borrow_mut().insert(transmission.id, transmission);
                }
                Change::PutException(exception) => {
                    self.exceptions.borrow_mut().insert(exception.fingerprint.clone(), exception);
                }
                Change::SetMessageState { id, state } => drop(self.states.borrow_mut().insert(id, state)),
                _ => {}
            }
        }
    }

    fn route(&self, hub: &Hub, message: Message) -> MessageState {
        let id = message.id;
        let stored = StoredMessage { position: 1, message, state: MessageState::Waiting, removed: None };
        let mut last_place = *self.last_place.borrow();
        let mut context = Context {
            hub,
            view: self,
            now: now(),
            last_place: &mut last_place,
            overdue: &|| false,
            notes: &Notes::default(),
        };
        let changeset = route(&stored, &mut context).expect("the view answers");
        *self.last_place.borrow_mut() = last_place;
        self.apply(changeset);
        self.states.borrow()[&id].clone()
    }

    fn of_flow(&self, flow: &str) -> Vec<Transmission> {
        self.transmissions.borrow().values().filter(|t| t.flow.as_str() == flow).cloned().collect()
    }

    /// The system accepts the transmission of this flow; its result goes through routing.
    fn accept(&self, hub: &Hub, flow: &str, result: Value) {
        let transmission = self.of_flow(flow).pop().expect("owed");
        let retry = RetrySchedule::default();
        let begun = decide(&transmission, &TransmissionEvent::Begun, &retry, now()).expect("owed").transmission;
        let outcome = TransmissionEvent::Finished(Outcome::Accepted { result });
        let done = decide(&begun, &outcome, &retry, now()).expect("sending").transmission;
        self.apply(Changeset::new().with(Change::PutTransmission(done)));
        let message = Message { cause: Some(transmission.id), ..message(99, RESULT_CHANNEL, "{}") };
        self.route(hub, Message { system: "odoo".into(), ..message });
    }
}

fn message(n: u128, channel: &str, body: &str) -> Message {
    Message {
        id: MessageId(Uuid::from_u128(n)),
        system: "partner".into(),
        channel: channel.to_owned(),
        dedup_key: n.to_string(),
        // Later messages come later: at one instant it would be the value that decides which of two stands.
        received_at: now() + SignedDuration::from_micros(n as i64),
        content_type: "application/json".to_owned(),
        headers: Vec::new(),
        body: body.as_bytes().to_vec(),
        cause: None,
    }
}

const SHIPMENT: &str = r#"{"number": "281", "order": "S1", "skus": ["A"]}"#;
const PROOF: &str = r#"{"shipment": "281"}"#;

#[test]
fn the_proof_may_come_before_the_shipment_it_speaks_of() {
    let (hub, world) = (hub(), World::default());
    assert_eq!(world.route(&hub, message(1, "proof", PROOF)), MessageState::Translated { events: 1 });
    let held = world.of_flow("invoice").pop().expect("owed");
    assert_eq!(held.state, TransmissionState::Held { after: vec!["fulfil".into()] });
    assert_eq!(held.place, 0);

    world.route(&hub, message(2, "shipment", SHIPMENT));
    assert_eq!(world.of_flow("fulfil")[0].key, OrderingKey::new("order/S1"));
    world.accept(&hub, "fulfil", Value::Null);

    let released = world.of_flow("invoice").pop().expect("still there");
    assert_eq!(released.state, TransmissionState::Owed);
    assert_eq!(released.key, OrderingKey::new("order/S1"), "made from what is known at its release");
    assert_eq!(released.input.get("order").and_then(Value::as_text), Some("S1"));
    assert!(released.place > world.of_flow("fulfil")[0].place);

    world.accept(&hub, "invoice", Value::map([("invoice", Value::text("INV/1"))]));
    let invoice = world.entity(&EntityRef::new("invoice", "INV/1")).expect("view").expect("folded");
    assert_eq!((invoice.status.as_str(), invoice.version), ("released", 1));
}

#[test]
fn what_is_already_done_is_not_waited_for() {
    let (hub, world) = (hub(), World::default());
    world.route(&hub, message(1, "shipment", SHIPMENT));
    world.accept(&hub, "fulfil", Value::Null);
    world.route(&hub, message(2, "proof", PROOF));
    assert_eq!(world.of_flow("invoice")[0].state, TransmissionState::Owed);
}

#[test]
fn the_same_fact_told_again_acts_once() {
    let (hub, world) = (hub(), World::default());
    world.route(&hub, message(1, "shipment", SHIPMENT));
    world.route(&hub, message(2, "shipment", SHIPMENT));
    assert_eq!(world.of_flow("fulfil").len(), 1);
    assert_eq!(world.events.borrow().len(), 2, "both are kept as events");
}

#[test]
fn a_message_that_cannot_be_mapped_is_kept_with_an_exception_and_closes_it_when_rerun() {
    let (hub, world) = (hub(), World::default());
    let state = world.route(&hub, message(1, "shipment", r#"{"number": "281"}"#));
    assert!(matches!(state, MessageState::Failed { .. }));
    assert!(world.events.borrow().is_empty(), "nothing of it took effect");
    let exception = world.open_exception(&fingerprint::message(MessageId(Uuid::from_u128(1)))).expect("view");
    let summary = exception.expect("open").summary;
    assert!(summary.contains("order") && summary.contains("test.yaml:1"), "{summary}");

    world.route(&hub, message(1, "shipment", SHIPMENT));
    let closed = world.open_exception(&fingerprint::message(MessageId(Uuid::from_u128(1)))).expect("view");
    assert_eq!(closed, None);
}

#[test]
fn data_that_do_not_fit_the_model_never_become_an_event() {
    let (mut hub, world) = (hub(), World::default());
    hub.inbound[0].mappings[0] = event_mapping(
        "crossdock.shipment.picked_up.v1",
        "{number: body.number, lines: [], pieces: '\"x\"'}",
        scopes::INBOUND,
    );
    let state = world.route(&hub, message(1, "shipment", SHIPMENT));
    assert!(matches!(state, MessageState::Failed { .. }));
    assert!(world.events.borrow().is_empty());
}

#[test]
fn a_message_nobody_wants_says_so() {
    let (hub, world) = (hub(), World::default());
    let MessageState::Ignored { reason } = world.route(&hub, message(1, "inventory", "{}")) else {
        panic!("nobody takes it");
    };
    assert_eq!(reason, "no flow takes channel `inventory` of partner");
}

#[test]
fn an_input_that_cannot_be_mapped_pauses_in_its_place_and_is_mapped_anew_when_resumed() {
    let (mut hub, world) = (hub(), World::default());
    hub.outbound[0].input = tree("{order: event.data.missing}", scopes::OUTBOUND);
    world.route(&hub, message(1, "shipment", SHIPMENT));
    let paused = world.of_flow("fulfil").pop().expect("owed");
    assert!(matches!(paused.state, TransmissionState::Paused { .. }));
    assert!(paused.place > 0);

    hub.outbound[0].input = tree("{order: event.data.order}", scopes::OUTBOUND);
    let mut last_place = 9;
    let mut context = Context {
        hub: &hub,
        view: &world,
        now: now(),
        last_place: &mut last_place,
        overdue: &|| false,
        notes: &Notes::default(),
    };
    let changeset = resume(&paused, &mut context).expect("view").expect("paused");
    world.apply(changeset);
    let resumed = world.of_flow("fulfil").pop().expect("there");
    assert_eq!((resumed.state.clone(), resumed.place), (TransmissionState::Owed, paused.place));
    assert_eq!(resumed.input.get("order").and_then(Value::as_text), Some("S1"));
}

#[test]
fn a_partner_may_call_a_channel_result() {
    let (mut hub, world) = (hub(), World::default());
    hub.inbound[0].channel = Some(RESULT_CHANNEL.to_owned());
    let state = world.route(&hub, message(1, RESULT_CHANNEL, SHIPMENT));
    assert_eq!(state, MessageState::Translated { events: 1 });
}

#[test]
fn a_message_makes_no_more_events_than_allowed() {
    let (mut hub, world) = (hub(), World::default());
    hub.events_per_message_max = 3;
    let mapping = EventMapping {
        each: Some(expression("body.skus", scopes::INBOUND)),
        ..event_mapping("crossdock.item.created.v1", "{sku: item}", scopes::INBOUND)
    };
    hub.inbound[0].mappings = vec![mapping];
    let skus =
        |n: usize| format!("{{\"skus\": [{}]}}", (0..n).map(|n| format!("\"{n}\"")).collect::<Vec<_>>().join(","));
    assert_eq!(world.route(&hub, message(1, "shipment", &skus(3))), MessageState::Translated { events: 3 });
    assert!(matches!(world.route(&hub, message(2, "shipment", &skus(4))), MessageState::Failed { .. }));
    assert_eq!(world.events.borrow().len(), 3, "nothing of the second");
}

/// Decides a command over the world and applies it.
fn command(
    hub: &Hub,
    world: &World,
    flow: &str,
    decide: fn(&Transmission, &mut Context<'_>) -> Commanded,
) -> Result<Transmission, Refused> {
    let it = world.of_flow(flow).pop().expect("there");
    let mut last_place = *world.last_place.borrow();
    let mut context = Context {
        hub,
        view: world,
        now: now(),
        last_place: &mut last_place,
        overdue: &|| false,
        notes: &Notes::default(),
    };
    let changeset = decide(&it, &mut context).expect("the view answers")?;
    *world.last_place.borrow_mut() = last_place;
    world.apply(changeset);
    Ok(world.of_flow(flow).pop().expect("there"))
}

#[test]
fn what_cannot_be_mapped_holds_up_its_line_and_no_other() {
    let (mut hub, world) = (hub(), World::default());
    hub.outbound[0].input = tree("{order: event.data.missing}", scopes::OUTBOUND);
    world.route(&hub, message(1, "shipment", SHIPMENT));
    assert_eq!(world.of_flow("fulfil")[0].key, OrderingKey::new("order/S1"), "its key was there");

    let world = World::default();
    hub.outbound[0].key = Some(("order".to_owned(), expression("event.data.missing", scopes::OUTBOUND)));
    world.route(&hub, message(1, "shipment", SHIPMENT));
    let paused = world.of_flow("fulfil").pop().expect("owed");
    assert_eq!(paused.key, OrderingKey::new(format!("transmission/{}", paused.id)));
    *world.last_place.borrow_mut() = 7;
    hub.outbound[0].key = Some(("order".to_owned(), expression("event.data.order", scopes::OUTBOUND)));
    hub.outbound[0].input = tree("{order: event.data.order}", scopes::OUTBOUND);
    let resumed = command(&hub, &world, "fulfil", resume).expect("paused");
    assert_eq!((resumed.key, resumed.place), (OrderingKey::new("order/S1"), 8), "it joins the line at its end");
}

#[test]
fn a_condition_that_cannot_be_told_is_told_again_when_resumed() {
    let (mut hub, world) = (hub(), World::default());
    hub.outbound[0].when = Some(expression("event.data.missing > 1", scopes::OUTBOUND));
    world.route(&hub, message(1, "shipment", SHIPMENT));
    assert!(matches!(world.of_flow("fulfil")[0].state, TransmissionState::Paused { .. }));

    let still = command(&hub, &world, "fulfil", resume).expect("paused");
    assert!(matches!(still.state, TransmissionState::Paused { .. }));
    assert_eq!(world.exceptions.borrow().values().next().map(|exception| exception.count), Some(2), "seen again");

    hub.outbound[0].when = Some(expression("event.data.order == \"S2\"", scopes::OUTBOUND));
    let unwanted = command(&hub, &world, "fulfil", resume).expect("paused");
    assert_eq!(unwanted.state, TransmissionState::Cancelled);
    let exceptions = world.exceptions.borrow();
    assert!(exceptions.values().all(|exception| exception.status == ExceptionStatus::Resolved));
}

#[test]
fn a_wrong_about_is_not_waited_for_in_vain() {
    let (mut hub, world) = (hub(), World::default());
    hub.outbound[1].about = Some(("shipment".to_owned(), expression("event.data.missing", scopes::OUTBOUND)));
    world.route(&hub, message(2, "proof", PROOF));
    assert!(matches!(world.of_flow("invoice")[0].state, TransmissionState::Paused { .. }));

    hub.outbound[1].about = Some(("shipment".to_owned(), expression("event.data.shipment", scopes::OUTBOUND)));
    let held = command(&hub, &world, "invoice", resume).expect("paused");
    assert_eq!(held.state, TransmissionState::Held { after: vec!["fulfil".into()] });
    assert_eq!((held.about, held.place), (EntityRef::new("shipment", "281"), 0));
}

#[test]
fn a_person_may_send_what_is_held_or_give_it_up() {
    let (hub, world) = (hub(), World::default());
    world.route(&hub, message(1, "proof", PROOF));
    let stuck = command(&hub, &world, "invoice", resume).expect("held");
    assert!(matches!(stuck.state, TransmissionState::Paused { .. }), "nothing is known of its shipment yet");
    let cancelled = command(&hub, &world, "invoice", cancel).expect("paused");
    assert_eq!((cancelled.state, cancelled.finished_at), (TransmissionState::Cancelled, Some(now())));
    assert!(world.exceptions.borrow().values().all(|exception| exception.status == ExceptionStatus::Resolved));

    world.route(&hub, message(2, "shipment", SHIPMENT));
    let refused = command(&hub, &world, "fulfil", cancel).expect_err("it may be under way");
    assert_eq!(refused.to_string(), "a transmission that is owed cannot be cancelled");
}

#[test]
fn a_new_configuration_releases_what_it_no_longer_holds() {
    let (mut hub, world) = (hub(), World::default());
    world.route(&hub, message(2, "shipment", SHIPMENT));
    world.route(&hub, message(1, "proof", PROOF));
    fn again(it: &Transmission, context: &mut Context<'_>) -> Commanded {
        reconsider(it, context).map(Ok)
    }
    let held = command(&hub, &world, "invoice", again).expect("held");
    assert!(matches!(held.state, TransmissionState::Held { .. }), "nothing has changed");
    hub.outbound[1].after.push("weigh".into());
    let held = command(&hub, &world, "invoice", again).expect("held");
    assert_eq!(held.state, TransmissionState::Held { after: vec!["fulfil".into(), "weigh".into()] });
    hub.outbound[1].after.clear();
    assert_eq!(command(&hub, &world, "invoice", again).expect("held").state, TransmissionState::Owed);
}

#[test]
fn what_is_linked_does_not_depend_on_how_many_lines_there_are() {
    let (mut hub, world) = (hub(), World::default());
    hub.inbound.push(inbound(
        "order",
        "crossdock.order.accepted.v1",
        "{number: body.number, customer: body.customer, lines: [{line: '\"1\"', sku: '\"A\"', quantity: 1}]}",
    ));
    hub.inbound.push(inbound("account", "crossdock.account.created.v1", "{code: body.code, name: body.name}"));
    hub.outbound[0].input = tree("{name: linked.customer_account.data.name}", scopes::OUTBOUND);
    world.route(&hub, message(1, "account", r#"{"code": "C7", "name": "Bakker"}"#));
    world.route(&hub, message(2, "order", r#"{"number": "S1", "customer": "C7"}"#));
    let skus: Vec<String> = (0..200).map(|n| format!("\"SKU{n}\"")).collect();
    let body = format!(r#"{{"number": "281", "order": "S1", "skus": [{}]}}"#, skus.join(","));
    world.route(&hub, message(3, "shipment", &body));
    let input = world.of_flow("fulfil").pop().expect("owed").input;
    assert_eq!(input.get("name").and_then(Value::as_text), Some("Bakker"));
}

#[test]
fn a_fault_of_the_hub_sets_a_message_aside_visibly() {
    let (hub, world) = (hub(), World::default());
    let stored = StoredMessage {
        position: 1,
        message: message(1, "shipment", SHIPMENT),
        state: MessageState::Waiting,
        removed: None,
    };
    let mut last_place = 0;
    let mut context = Context {
        hub: &hub,
        view: &world,
        now: now(),
        last_place: &mut last_place,
        overdue: &|| false,
        notes: &Notes::default(),
    };
    world.apply(set_aside(&stored, "index out of bounds", &mut context).expect("the view answers"));
    assert!(matches!(world.states.borrow()[&stored.message.id], MessageState::Failed { .. }));
    assert!(world.exceptions.borrow().values().any(|exception| exception.summary.contains("index out of bounds")));
}

#[test]
fn the_same_input_gives_the_same_events_byte_for_byte() {
    let run = || {
        let (hub, world) = (hub(), World::default());
        world.route(&hub, message(1, "shipment", SHIPMENT));
        world.route(&hub, message(2, "proof", PROOF));
        let mut events: Vec<Event> = world.events.borrow().values().cloned().collect();
        events.sort_by_key(|event| event.id);
        events
    };
    let (first, second) = (run(), run());
    assert_eq!(crate::invariants::i9_replay_is_deterministic(&first, &second), Vec::<String>::new());
    assert_eq!(serde_json::to_string(&first).expect("writes"), serde_json::to_string(&second).expect("writes"));
}

/// The hub with channels on which a carrier tells that a shipment is on its way, and takes back what it told.
fn hub_with_retractions() -> Hub {
    let mut hub = hub();
    hub.inbound[0].mappings[0].target = tree(
        "{number: body.number, order: body.order, source_event_id: body.?id, lines: {each: body.skus, as: sku, to: {sku: sku, quantity: 1}}}",
        scopes::INBOUND,
    );
    hub.inbound.push(inbound("created", "crossdock.shipment.created.v1", "{number: body.number}"));
    hub.inbound.push(inbound(
        "retraction",
        "crossdock.shipment.event_retracted.v1",
        "{number: body.number, retraction: {source_event_id: body.wrong, reason: '\"did_not_occur\"'}}",
    ));
    hub
}

const PICKED_UP: &str = r#"{"number": "281", "order": "S1", "skus": ["A"], "id": "e7"}"#;
const RETRACTION: &str = r#"{"number": "281", "wrong": "e7"}"#;

#[test]
fn a_retraction_takes_back_what_the_wrong_event_said() {
    let (hub, world) = (hub_with_retractions(), World::default());
    let shipment = || world.entity(&EntityRef::new("shipment", "281")).expect("view").expect("known");
    world.route(&hub, message(1, "created", r#"{"number": "281"}"#));
    world.route(&hub, message(2, "shipment", PICKED_UP));
    assert_eq!(shipment().status, "picked_up");
    world.route(&hub, message(3, "retraction", RETRACTION));
    assert_eq!((shipment().status.as_str(), shipment().version), ("planned", 3));
    assert_eq!(shipment().data, Value::map([("number", "281")]));
    assert_eq!(world.events.borrow().len(), 3, "every event is kept");

    world.route(&hub, message(4, "shipment", &PICKED_UP.replace("e7", "e8")));
    assert_eq!(shipment().status, "picked_up");
    assert_eq!(world.of_flow("fulfil").len(), 1, "what the wrong event led to is not done twice");
}

#[test]
fn what_was_retracted_before_it_came_does_nothing() {
    let (hub, world) = (hub_with_retractions(), World::default());
    world.route(&hub, message(1, "retraction", RETRACTION));
    world.route(&hub, message(2, "shipment", PICKED_UP));
    assert!(world.of_flow("fulfil").is_empty());
    assert_eq!(world.events.borrow().values().filter(|event| event.standing.retracted).count(), 1);
    let shipment = world.entity(&EntityRef::new("shipment", "281")).expect("view").expect("known");
    assert_eq!((shipment.status.as_str(), shipment.data), ("", Value::map([("number", "281")])));
}
