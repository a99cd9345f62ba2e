//! Names, authority and echoes: what of a message is believed, decided over a small hub.

use super::*;
use crate::authority::{Claim, OnConflict, Scope};
use crate::hub::{FindRule, Unknown};
use crate::invariants;
use crate::suggestion::{Decided, SuggestionStatus};

/// Customers are kept in a CRM and in Odoo, and each is told what the other says.
fn customers() -> Hub {
    let target = "{code: body.code, name: body.?name, phone: body.?phone, credit_limit: body.?credit_limit}";
    let take = |system: &str, emits: &str, channel: &str| InboundFlow {
        name: format!("{system}-{channel}").as_str().into(),
        system: system.into(),
        ..inbound(channel, emits, target)
    };
    let tell = |system: &str| OutboundFlow {
        system: system.into(),
        repeat: Repetition::Every,
        ..outbound(&format!("tell-{system}"), "crossdock.account.updated.v1", "{code: event.data.code}")
    };
    let mut inbound = Vec::new();
    for system in ["crm", "odoo"] {
        inbound.push(take(system, "crossdock.account.updated.v1", "account"));
        inbound.push(take(system, "crossdock.account.put_on_hold.v1", "hold"));
    }
    Hub { inbound, outbound: vec![tell("odoo"), tell("crm")], ..hub() }
}

fn said(n: u128, system: &str, channel: &str, body: &str) -> Message {
    Message { system: system.into(), ..message(n, channel, body) }
}

fn account(code: &str) -> EntityRef {
    EntityRef::new("customer_account", code)
}

fn by() -> Decided {
    Decided { at: now(), by: "ada".into(), reason: Some("same VAT number".into()) }
}

impl World {
    fn told(&self, hub: &Hub, n: u128, system: &str, channel: &str, body: &str) -> Event {
        self.route(hub, said(n, system, channel, body));
        let events = self.events.borrow();
        events.values().find(|event| event.message.0.as_u128() == n).cloned().expect("one event")
    }

    fn known(&self, code: &str) -> Entity {
        self.entity(&account(code)).expect("view").expect("known")
    }

    fn text(&self, code: &str, field: &str) -> String {
        self.known(code).data.get(field).map(|value| value.to_json_string()).unwrap_or_default()
    }

    /// All that is owed is done.
    fn send_all(&self) {
        let owed: Vec<_> = self.transmissions.borrow().values().cloned().collect();
        let retry = RetrySchedule::default();
        let mut owed: Vec<_> = owed.into_iter().filter(|t| t.state == TransmissionState::Owed).collect();
        owed.sort_by_key(|t| t.place);
        for transmission in owed {
            let begun = decide(&transmission, &TransmissionEvent::Begun, &retry, now()).expect("owed").transmission;
            let outcome = TransmissionEvent::Finished(Outcome::Accepted { result: Value::Null });
            let done = decide(&begun, &outcome, &retry, now()).expect("sending").transmission;
            self.apply(Changeset::new().with(Change::PutTransmission(done)));
        }
    }

    fn decide(&self, hub: &Hub, decision: &Decision) -> Result<(), Undecidable> {
        let mut last_place = *self.last_place.borrow();
        let notes = Notes::default();
        let mut context = Context {
            hub,
            view: self,
            now: now() + SignedDuration::from_secs(1),
            last_place: &mut last_place,
            overdue: &|| false,
            notes: &notes,
        };
        let changeset = super::super::decisions::decide(decision, &by(), &mut context).expect("the view answers")?;
        *self.last_place.borrow_mut() = last_place;
        self.apply(changeset);
        Ok(())
    }

    fn merge(&self, hub: &Hub, survivor: &str, other: &str) -> Result<(), Undecidable> {
        self.decide(hub, &Decision::Merge { survivor: account(survivor), other: account(other) })
    }
}

#[test]
fn a_change_that_comes_back_from_where_it_was_sent_goes_nowhere() {
    let (hub, world) = (customers(), World::default());
    world.told(&hub, 1, "crm", "account", r#"{"code": "C1", "name": "Ada"}"#);
    assert_eq!((world.of_flow("tell-odoo").len(), world.of_flow("tell-crm").len()), (1, 1));
    world.send_all();
    let echo = world.told(&hub, 2, "odoo", "account", r#"{"code": "C1", "name": "Ada"}"#);
    assert!(echo.standing.echo && !echo.standing.has_effect());
    assert_eq!(echo.standing.echo_of, Some(world.of_flow("tell-odoo")[0].id));
    assert_eq!((world.of_flow("tell-odoo").len(), world.of_flow("tell-crm").len()), (1, 1), "no loop");
    assert_eq!(world.known("C1").version, 1);
    // What is new in it is news.
    let news = world.told(&hub, 3, "odoo", "account", r#"{"code": "C1", "name": "Ada", "phone": "1"}"#);
    assert!(news.standing.is_plain());
    assert_eq!(world.of_flow("tell-crm").len(), 2);
}

#[test]
fn what_a_later_write_of_ours_replaces_is_not_news() {
    let (hub, world) = (customers(), World::default());
    world.told(&hub, 1, "crm", "account", r#"{"code": "C1", "name": "Ada"}"#);
    world.send_all();
    world.told(&hub, 2, "crm", "account", r#"{"code": "C1", "name": "Ada King"}"#);
    let late = world.told(&hub, 3, "odoo", "account", r#"{"code": "C1", "name": "Ada"}"#);
    assert!(late.standing.echo, "odoo will be told the new name in a moment");
    assert_eq!(world.text("C1", "name"), r#""Ada King""#);
    world.send_all();
    // Said after the later write was done: somebody set the old name again.
    let mut again = said(4, "odoo", "account", r#"{"code": "C1", "name": "Ada"}"#);
    again.received_at = now() + SignedDuration::from_secs(5);
    world.route(&hub, again);
    assert_eq!(world.text("C1", "name"), r#""Ada""#);
}

#[test]
fn a_partner_that_names_our_transmission_reports_our_own_write() {
    let (mut hub, world) = (customers(), World::default());
    for flow in &mut hub.inbound {
        flow.echo = Some(expression("body.?cause", scopes::INBOUND));
    }
    world.told(&hub, 1, "crm", "account", r#"{"code": "C1", "name": "Ada"}"#);
    let sent = world.of_flow("tell-odoo")[0].id;
    let body = format!(r#"{{"code": "C1", "name": "ADA", "cause": "{sent}"}}"#);
    let echo = world.told(&hub, 2, "odoo", "account", &body);
    assert_eq!((echo.standing.echo, echo.standing.echo_of), (true, Some(sent)));
    // Another system's transmission is no mark of its own.
    assert!(!world.told(&hub, 3, "crm", "account", &body).standing.echo);
}

fn claimed(scope: Scope, on_conflict: OnConflict) -> Hub {
    let mut hub = customers();
    let claim = Claim { system: "odoo".into(), on_conflict };
    hub.authority.claim("customer_account", scope, claim).expect("the first");
    hub
}

#[test]
fn a_field_of_the_system_of_record_is_not_changed_by_another() {
    let (hub, world) = (claimed(Scope::Field("credit_limit"), OnConflict::Exception), World::default());
    world.told(&hub, 1, "odoo", "account", r#"{"code": "C1", "credit_limit": 100}"#);
    let event = world.told(&hub, 2, "crm", "account", r#"{"code": "C1", "credit_limit": 900, "name": "Ada"}"#);
    assert_eq!(event.standing.withheld.to_json_string(), r#"{"credit_limit":900}"#);
    assert_eq!(event.data.get("credit_limit"), None, "flows never see it");
    assert_eq!((world.text("C1", "credit_limit").as_str(), world.text("C1", "name").as_str()), ("100", r#""Ada""#));
    let fingerprint = fingerprint::authority(&account("C1"), &"crm".into());
    let open = world.open_exception(&fingerprint).expect("view").expect("told");
    assert_eq!(open.class, crate::exception::ExceptionClass::AuthorityConflict);
    assert!(open.summary.contains("credit_limit = 900 (odoo may say it)"), "{}", open.summary);
    // Whoever agrees contradicts nobody, and what was told is settled.
    let agreed = world.told(&hub, 3, "crm", "account", r#"{"code": "C1", "credit_limit": 100.00}"#);
    assert!(agreed.standing.withheld.is_null());
    assert_eq!(world.open_exception(&fingerprint).expect("view"), None);
}

#[test]
fn what_another_system_decides_has_no_effect_at_all() {
    let (hub, world) = (claimed(Scope::State("on_hold"), OnConflict::Record), World::default());
    world.told(&hub, 1, "crm", "account", r#"{"code": "C1", "name": "Ada"}"#);
    let refused = world.told(&hub, 2, "crm", "hold", r#"{"code": "C1", "name": "Eve"}"#);
    assert!(refused.standing.refused);
    assert_eq!((world.known("C1").version, world.text("C1", "name").as_str()), (1, r#""Ada""#));
    assert!(world.exceptions.borrow().is_empty(), "it is only recorded");
    world.told(&hub, 3, "odoo", "hold", r#"{"code": "C1"}"#);
    assert_eq!(world.known("C1").status, "on_hold");
}

#[test]
fn a_suggestion_is_applied_when_a_person_accepts_it() {
    let (hub, world) = (claimed(Scope::Whole, OnConflict::Suggestion), World::default());
    world.told(&hub, 1, "odoo", "account", r#"{"code": "C1", "name": "Ada", "phone": "1"}"#);
    let sent = world.of_flow("tell-odoo").len();
    let event = world.told(&hub, 2, "crm", "account", r#"{"code": "C1", "name": "Ada King"}"#);
    assert!(event.standing.refused, "nothing of it is left");
    world.told(&hub, 3, "crm", "account", r#"{"code": "C1", "name": "Ada King"}"#);
    let ids: Vec<_> = world.suggestions.borrow().keys().copied().collect();
    assert_eq!(ids.len(), 1, "once, however often it is said");
    let decision = Decision::Accept { suggestion: ids[0] };
    world.decide(&hub, &decision).expect("open");
    assert_eq!((world.text("C1", "name").as_str(), world.text("C1", "phone").as_str()), (r#""Ada King""#, r#""1""#));
    assert_eq!(world.of_flow("tell-odoo").len(), sent + 1, "flows act on it");
    let accepted = world.suggestions.borrow()[&ids[0]].clone();
    assert_eq!((accepted.status, accepted.decided), (SuggestionStatus::Accepted, Some(by())));
    assert_eq!(world.decide(&hub, &decision), Err(Undecidable::Decided(ids[0], "accepted")));
}

#[test]
fn the_merged_name_answers_with_the_survivor_and_splits_off_whole() {
    let (hub, world) = (customers(), World::default());
    world.told(&hub, 1, "crm", "account", r#"{"code": "C1", "name": "Ada"}"#);
    world.told(&hub, 2, "odoo", "account", r#"{"code": "C2", "name": "A. King", "phone": "22"}"#);
    let before = [world.known("C1"), world.known("C2")];
    world.merge(&hub, "C1", "C2").expect("both stand alone");
    assert_eq!((world.text("C1", "name").as_str(), world.text("C1", "phone").as_str()), (r#""Ada""#, r#""22""#));
    assert_eq!(world.known("C2").superseded_by(), Some(&account("C1")));
    assert_eq!(world.merge(&hub, "C1", "C2"), Err(Undecidable::Merged(account("C2"), account("C1"))));
    // Said under the old name, it counts for the survivor.
    let event = world.told(&hub, 3, "odoo", "account", r#"{"code": "C2", "phone": "33", "credit_limit": 5}"#);
    assert_eq!((event.subject.clone(), event.named().clone()), (account("C1"), account("C2")));
    assert_eq!(event.links, [account("C1"), account("C2")]);
    assert_eq!(event.data.get("code").and_then(Value::as_text), Some("C1"), "other systems hear one name");
    assert_eq!((world.text("C1", "phone").as_str(), world.text("C1", "credit_limit").as_str()), (r#""33""#, "5"));
    // And what is said under the survivor's own stays with it.
    world.told(&hub, 4, "crm", "account", r#"{"code": "C1", "name": "Ada Lovelace"}"#);
    world.decide(&hub, &Decision::Split { name: account("C2") }).expect("it was merged");
    let [one, two] = [world.known("C1"), world.known("C2")];
    assert_eq!(one.data.to_json_string(), r#"{"code":"C1","name":"Ada Lovelace"}"#);
    assert_eq!(two.data.to_json_string(), r#"{"code":"C2","name":"A. King","phone":"33","credit_limit":5}"#);
    assert_eq!((one.merge, two.merge), (None, None));
    assert!(one.version > before[0].version && two.version > before[1].version);
    assert!(world.suggestions.borrow().values().all(|it| it.status == SuggestionStatus::Rejected), "not again");
    let not_merged = Undecidable::NotMerged(account("C2"));
    assert_eq!(world.decide(&hub, &Decision::Split { name: account("C2") }), Err(not_merged));
}

#[test]
fn three_in_a_row_split_in_any_order() {
    let (hub, world) = (customers(), World::default());
    world.told(&hub, 1, "crm", "account", r#"{"code": "C1"}"#);
    world.told(&hub, 2, "crm", "account", r#"{"code": "C2", "phone": "2"}"#);
    world.told(&hub, 3, "crm", "account", r#"{"code": "C3", "name": "C", "phone": "3"}"#);
    world.merge(&hub, "C2", "C3").expect("merges");
    world.merge(&hub, "C1", "C2").expect("merges");
    assert_eq!(world.known("C1").data.to_json_string(), r#"{"code":"C1","phone":"2","name":"C"}"#);
    let event = world.told(&hub, 4, "crm", "account", r#"{"code": "C3", "phone": "33"}"#);
    assert_eq!(event.subject, account("C1"));
    assert_eq!(world.text("C2", "phone"), r#""33""#);
    // The middle one goes and takes the last one with it.
    world.decide(&hub, &Decision::Split { name: account("C2") }).expect("merged");
    assert_eq!(world.known("C1").data.to_json_string(), r#"{"code":"C1"}"#);
    assert_eq!(world.known("C2").data.to_json_string(), r#"{"code":"C2","phone":"33","name":"C"}"#);
    world.decide(&hub, &Decision::Split { name: account("C3") }).expect("merged");
    assert_eq!(world.known("C2").data.to_json_string(), r#"{"code":"C2","phone":"2"}"#);
    assert_eq!(world.text("C3", "phone"), r#""33""#);
}

#[test]
fn the_last_of_two_that_are_merged_keeps_what_came_by_the_other() {
    let (hub, world) = (customers(), World::default());
    world.told(&hub, 1, "crm", "account", r#"{"code": "C1", "phone": "1"}"#);
    world.told(&hub, 2, "crm", "account", r#"{"code": "C2"}"#);
    world.told(&hub, 3, "crm", "account", r#"{"code": "C3", "name": "C"}"#);
    world.merge(&hub, "C1", "C2").expect("merges");
    world.merge(&hub, "C1", "C3").expect("merges");
    world.told(&hub, 4, "crm", "account", r#"{"code": "C2", "phone": "22"}"#);
    world.decide(&hub, &Decision::Split { name: account("C3") }).expect("merged");
    assert_eq!(world.known("C1").data.to_json_string(), r#"{"code":"C1","phone":"22"}"#);
    assert_eq!(world.known("C1").absorbed(), [account("C2")]);
}

#[test]
fn what_waits_under_the_merged_name_goes_out_behind_what_waits_under_the_survivors() {
    let (hub, world) = (customers(), World::default());
    world.told(&hub, 1, "crm", "account", r#"{"code": "C2", "name": "early"}"#);
    world.told(&hub, 2, "crm", "account", r#"{"code": "C1", "name": "one"}"#);
    world.merge(&hub, "C1", "C2").expect("merges");
    world.told(&hub, 3, "crm", "account", r#"{"code": "C2", "name": "later"}"#);
    let mut line = world.of_flow("tell-odoo");
    line.sort_by_key(|t| t.place);
    let of = |t: &Transmission| world.events.borrow()[&t.event].message.0.as_u128();
    assert_eq!(line.iter().map(of).collect::<Vec<_>>(), [2, 1, 3]);
    assert!(line.iter().all(|t| t.key == OrderingKey::new("customer_account/C1") && t.about == account("C1")));
    // The one that is said under the old name goes back with it.
    world.decide(&hub, &Decision::Split { name: account("C2") }).expect("merged");
    let mut of_two: Vec<_> =
        world.of_flow("tell-odoo").into_iter().filter(|t| t.key == OrderingKey::new("customer_account/C2")).collect();
    of_two.sort_by_key(|t| t.place);
    assert_eq!(of_two.iter().map(of).collect::<Vec<_>>(), [1, 3]);
    world.send_all();
    let all: Vec<_> = world.transmissions.borrow().values().cloned().collect();
    assert_eq!(invariants::i3_keys_are_in_order(&all), Vec::<String>::new());
}

#[test]
fn what_is_under_way_keeps_a_merge_waiting() {
    let (hub, world) = (customers(), World::default());
    world.told(&hub, 1, "crm", "account", r#"{"code": "C1"}"#);
    world.told(&hub, 2, "crm", "account", r#"{"code": "C2"}"#);
    let owed = world.of_flow("tell-odoo").into_iter().find(|t| t.about == account("C2")).expect("owed");
    let begun = decide(&owed, &TransmissionEvent::Begun, &RetrySchedule::default(), now()).expect("owed").transmission;
    world.apply(Changeset::new().with(Change::PutTransmission(begun)));
    assert_eq!(world.merge(&hub, "C1", "C2"), Err(Undecidable::UnderWay(owed.id, account("C2"))));
    assert_eq!(world.known("C2").superseded_by(), None, "nothing is half merged");
}

#[test]
fn what_cannot_be_merged_says_why() {
    let (hub, world) = (customers(), World::default());
    world.told(&hub, 1, "crm", "account", r#"{"code": "C1"}"#);
    assert_eq!(world.merge(&hub, "C1", "C1"), Err(Undecidable::Itself));
    assert_eq!(world.merge(&hub, "C1", "C9"), Err(Undecidable::Unknown(account("C9"))));
    let (order, item) = (EntityRef::new("order", "1"), EntityRef::new("item", "1"));
    let merge = |survivor: &EntityRef, other: &EntityRef| {
        world.decide(&hub, &Decision::Merge { survivor: survivor.clone(), other: other.clone() })
    };
    assert_eq!(merge(&order, &order), Err(Undecidable::NotMergeable("order".into())));
    assert_eq!(merge(&order, &item), Err(Undecidable::Different(order.clone(), item)));
}

/// Orders name their customer by the partner's own number.
fn finding(unknown: Unknown) -> Hub {
    let mut orders = event_mapping(
        "crossdock.order.received.v1",
        "{number: body.number, customer: found.customer}",
        scopes::INBOUND,
    );
    orders.find.push(FindRule {
        name: "customer".into(),
        entity: "customer_account",
        system: None,
        kind: "customer_id".into(),
        value: expression("body.customer", scopes::INBOUND),
        unknown,
    });
    let mut hub = customers();
    let accounts = &mut hub.inbound[0].mappings[0];
    accounts.references.push(crate::hub::ReferenceRule {
        entity: None,
        system: None,
        kind: "customer_id".into(),
        value: expression("body.?id", scopes::INBOUND),
    });
    hub.inbound.push(InboundFlow {
        system: "crm".into(),
        mappings: vec![orders],
        ..inbound("order", "crossdock.order.received.v1", "{number: body.number}")
    });
    hub
}

fn customer_of(event: &Event) -> Option<String> {
    event.data.get("customer").and_then(Value::as_text).map(str::to_owned)
}

#[test]
fn an_entity_is_found_by_the_partners_own_id() {
    let (hub, world) = (finding(Unknown::Exception), World::default());
    let order = r#"{"number": "S1", "customer": 77}"#;
    let state = world.route(&hub, said(1, "crm", "order", order));
    assert!(matches!(state, MessageState::Failed { .. }));
    let open = world.open_exception(&fingerprint::message(MessageId(Uuid::from_u128(1)))).expect("view").expect("open");
    assert_eq!(open.class, crate::exception::ExceptionClass::ReferenceUnresolved);
    assert!(open.summary.contains("customer_account that crm knows as customer_id 77"), "{}", open.summary);
    // Once the customer is known, the message can be rerun.
    world.told(&hub, 2, "crm", "account", r#"{"code": "C1", "id": 77}"#);
    world.route(&hub, said(1, "crm", "order", order));
    let found = |n: u128| world.events.borrow().values().find(|it| it.message.0.as_u128() == n).cloned().expect("one");
    assert_eq!(customer_of(&found(1)).as_deref(), Some("C1"));
    // Known by two is known by none, until they are one.
    world.told(&hub, 3, "crm", "account", r#"{"code": "C2", "id": 77}"#);
    let state = world.route(&hub, said(4, "crm", "order", r#"{"number": "S2", "customer": 77}"#));
    assert!(matches!(state, MessageState::Failed { .. }));
    let open = world.open_exception(&fingerprint::message(MessageId(Uuid::from_u128(4)))).expect("view").expect("open");
    assert!(open.summary.contains("it stands for customer_account/C1 and customer_account/C2"), "{}", open.summary);
    world.merge(&hub, "C2", "C1").expect("merges");
    assert_eq!(
        customer_of(&world.told(&hub, 5, "crm", "order", r#"{"number": "S3", "customer": 77}"#)).as_deref(),
        Some("C2")
    );
}

#[test]
fn what_is_unknown_is_left_out_or_created_as_the_mapping_says() {
    let (hub, world) = (finding(Unknown::Null), World::default());
    let order = r#"{"number": "S1", "customer": 77}"#;
    assert_eq!(customer_of(&world.told(&hub, 1, "crm", "order", order)), None);
    assert_eq!(customer_of(&world.told(&hub, 2, "crm", "order", r#"{"number": "S1", "customer": null}"#)), None);

    let create = Unknown::Create(expression("'crm-' + string(body.customer)", scopes::INBOUND));
    let (hub, world) = (finding(create), World::default());
    let event = world.told(&hub, 1, "crm", "order", order);
    assert_eq!(customer_of(&event).as_deref(), Some("crm-77"));
    assert_eq!(event.references[0].entity, account("crm-77"));
    // Learnt once, it is found; and with references known, the same message gives the same event (I9).
    assert_eq!(world.told(&hub, 2, "crm", "order", order).references, []);
}

#[test]
fn references_are_added_all_or_none() {
    let (hub, world) = (customers(), World::default());
    let reference = |code: &str, value: &str| Reference {
        entity: account(code),
        system: "crm".into(),
        kind: "customer_id".into(),
        value: value.into(),
    };
    let change =
        |add: Vec<Reference>, remove: Vec<Reference>| world.decide(&hub, &Decision::References { add, remove });
    change(vec![reference("C1", "1")], vec![]).expect("new");
    let Err(Undecidable::References(mistakes)) = change(vec![reference("C3", "3"), reference("C2", "1")], vec![])
    else {
        panic!("1 stands for C1");
    };
    assert_eq!(mistakes, [(1, "crm customer_id 1 stands for customer_account/C1 already".to_owned())]);
    assert_eq!(world.references.borrow().len(), 1);
    change(vec![reference("C2", "1")], vec![reference("C1", "1")]).expect("moved");
    assert_eq!(*world.references.borrow(), [reference("C2", "1")]);
}
