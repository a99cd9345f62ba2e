//! Names: references both ways, merged entities, suggestions, and what they are looked for by.

use crossdock_core::changeset::Change;
use crossdock_core::event::{Entity, EntityRef, Event, Merge, Reference, Standing};
use crossdock_core::ids::{OrderingKey, SuggestionId};
use crossdock_core::routing::Wanted;
use crossdock_core::suggestion::{Decided, Evidence, Proposal, Suggestion, SuggestionStatus};
use crossdock_core::transmission::{Transmission, TransmissionState};
use crossdock_core::value;
use crossdock_core::value::Decimal;
use uuid::Uuid;

use super::records::*;
use super::{Make, commit, refused};
use crate::port::{CommitError, Page, Subjects, SuggestionFilter};

fn exact(number: &str) -> Decimal {
    Decimal::from_str_exact(number).expect("a number")
}

pub fn suggestion_id(number: u64) -> SuggestionId {
    SuggestionId(Uuid::from_u128(0x5000 + u128::from(number)))
}

/// An odd one is to merge, an even one to change.
pub fn suggestion(number: u64, version: u64, status: SuggestionStatus) -> Suggestion {
    let proposal = match number % 2 {
        1 => Proposal::Merge { survivor: shipment("1"), other: shipment("2") },
        _ => Proposal::Change {
            entity: shipment("1"),
            system: "fleet".into(),
            event: event_id(number),
            fields: value!({ "weight": (number as i64) }),
        },
    };
    let values = ["a".to_owned(), "b".to_owned()];
    let decided = Decided { at: at(version as i64), by: "ada".into(), reason: None };
    Suggestion {
        id: suggestion_id(number),
        version,
        proposal,
        score: Some(0.93),
        evidence: vec![Evidence { field: "name".into(), likeness: 0.5, weight: -1.25, values }],
        status,
        made_at: at(number as i64),
        decided: (status != SuggestionStatus::Open).then_some(decided),
    }
}

pub fn a_reference_leads_to_what_it_stands_for(make: Make<'_>) {
    let mut subject = make();
    let store = subject.store();
    let references = [
        reference("1", "pro", "7"),
        reference("2", "pro", "7"),
        reference("2", "bol", "7"),
        Reference { system: "odoo".into(), ..reference("3", "pro", "7") },
        Reference { entity: EntityRef::new("order", "9"), ..reference("3", "pro", "7") },
    ];
    commit(store, references.iter().cloned().map(Change::AddReference));
    let fleet = "fleet".into();
    let wanted = Wanted { entity: "shipment", system: &fleet, kind: "pro", value: "7" };
    assert_eq!(store.referenced(&wanted, 9).unwrap(), [shipment("1"), shipment("2")]);
    assert_eq!(store.referenced(&wanted, 1).unwrap(), [shipment("1")]);
    assert_eq!(store.referenced(&Wanted { entity: "order", ..wanted }, 9).unwrap(), [EntityRef::new("order", "9")]);
    assert!(store.referenced(&Wanted { value: "8", ..wanted }, 9).unwrap().is_empty());
    // The whole table, page by page.
    let mut all = references.to_vec();
    all.sort();
    assert_eq!(store.references_after(None, 9).unwrap(), all);
    assert_eq!(store.references_after(None, 2).unwrap(), all[..2]);
    assert_eq!(store.references_after(Some(&all[1]), 9).unwrap(), all[2..]);
    assert!(store.references_after(Some(&all[4]), 9).unwrap().is_empty());
    // Taken away, and one that is not there.
    commit(store, [references[0].clone(), reference("1", "pro", "8")].map(Change::RemoveReference));
    subject.reopen();
    let store = subject.store();
    assert_eq!(store.referenced(&wanted, 9).unwrap(), [shipment("2")]);
    assert!(store.references(&shipment("1")).unwrap().is_empty());
}

pub fn merged_entities_and_withheld_words_come_back_whole(make: Make<'_>) {
    let mut subject = make();
    let store = subject.store();
    let name = shipment("1");
    let merge = Merge {
        into: Some(shipment("9")),
        absorbed: vec![shipment("2"), shipment("3")],
        own: Some(Box::new(Entity { data: value!({ "weight": (exact("1.50")), "n": 2 }), ..entity(&name, 4) })),
        from: [("weight".to_owned(), shipment("2"))].into(),
        status_from: Some(shipment("3")),
    };
    let merged = Entity { merge: Some(Box::new(merge)), ..entity(&name, 1) };
    let standing = Standing {
        named: Some(shipment("2")),
        withheld: value!({ "weight": (exact("12.50")) }),
        refused: true,
        echo: true,
        retracted: true,
        echo_of: Some(transmission_id(3)),
    };
    let told = Event { standing, ..event(1, std::slice::from_ref(&name)) };
    commit(store, [Change::PutEntity(merged.clone()), Change::AppendEvent(told.clone())]);
    subject.reopen();
    let store = subject.store();
    assert_eq!(store.entity(&name).unwrap(), Some(merged));
    let stored = store.event(event_id(1)).unwrap().unwrap().event;
    assert_eq!(stored.standing.withheld.to_json_string(), r#"{"weight":12.50}"#);
    assert_eq!(stored, told);
}

pub fn a_suggestion_moves_by_one_version(make: Make<'_>) {
    use SuggestionStatus::{Accepted, Open, Rejected};
    let mut subject = make();
    let store = subject.store();
    let conflict = CommitError::Conflict(format!("suggestion {}", suggestion_id(1)));
    assert_eq!(refused(store, [Change::PutSuggestion(suggestion(1, 2, Open))]), conflict);
    commit(store, [1, 2, 3, 4].map(|number| Change::PutSuggestion(suggestion(number, 1, Open))));
    assert_eq!(refused(store, [Change::PutSuggestion(suggestion(1, 1, Accepted))]), conflict);
    commit(
        store,
        [Change::PutSuggestion(suggestion(1, 2, Accepted)), Change::PutSuggestion(suggestion(2, 2, Rejected))],
    );
    subject.reopen();
    let store = subject.store();
    assert_eq!(store.suggestion(suggestion_id(1)).unwrap(), Some(suggestion(1, 2, Accepted)));
    assert_eq!(store.suggestion(suggestion_id(9)).unwrap(), None);
    let list = |status: Option<&str>, what: Option<&str>, page| {
        let filter = SuggestionFilter { status: status.map(Into::into), what: what.map(Into::into) };
        store.suggestions(&filter, page).unwrap().into_iter().map(|it| it.id).collect::<Vec<_>>()
    };
    assert_eq!(list(None, None, Page::first(9)), [4, 3, 2, 1].map(suggestion_id));
    assert_eq!(list(None, None, Page { skip: 1, limit: 2 }), [3, 2].map(suggestion_id));
    assert_eq!(list(Some("open"), None, Page::first(9)), [4, 3].map(suggestion_id));
    assert_eq!(list(None, Some("merge"), Page::first(9)), [3, 1].map(suggestion_id));
    assert_eq!(list(Some("rejected"), Some("change"), Page::first(9)), [suggestion_id(2)]);
    assert!(list(Some("withdrawn"), None, Page::first(9)).is_empty());
}

pub fn what_stands_in_a_line_is_found_at_every_system(make: Make<'_>) {
    let subject = make();
    let store = subject.store();
    let of =
        |number, state, system: &str| Transmission { state, system: system.into(), ..transmission(number, "a", 1) };
    commit(
        store,
        [
            of(1, TransmissionState::Owed, "odoo"),
            of(2, TransmissionState::Sending, "fleet"),
            of(3, TransmissionState::Done, "odoo"),
            of(4, held(), "odoo"),
            of(5, paused(), "odoo"),
            Transmission { key: OrderingKey::from("b"), ..of(6, TransmissionState::Owed, "odoo") },
        ]
        .map(|it| put(&it)),
    );
    let line = |limit| {
        let line = store.in_line(&OrderingKey::from("a"), limit).unwrap();
        line.into_iter().map(|it| it.id).collect::<Vec<_>>()
    };
    assert_eq!(line(9), [1, 2, 5].map(transmission_id));
    assert_eq!(line(2), [1, 2].map(transmission_id));
    assert!(store.in_line(&OrderingKey::from("c"), 9).unwrap().is_empty());
}

pub fn the_log_tells_whom_something_happened_to(make: Make<'_>) {
    let subject = make();
    let store = subject.store();
    assert_eq!(store.subjects_after(0, &["shipment"], 9).unwrap(), Subjects::default());
    for (number, kind) in [(1, "shipment"), (2, "order"), (3, "shipment"), (4, "item"), (5, "order")] {
        commit(store, [Change::AppendEvent(event(number, &[EntityRef::new(kind, number.to_string())]))]);
    }
    let keys = |found: &Subjects| found.found.iter().map(|(_, name)| name.key.clone()).collect::<Vec<_>>();
    let all = store.subjects_after(0, &["shipment", "item"], 9).unwrap();
    assert_eq!(keys(&all), ["1", "3", "4"]);
    assert!(all.up_to > all.found[2].0, "nothing stands between");
    let first = store.subjects_after(0, &["shipment", "item"], 2).unwrap();
    assert_eq!((keys(&first), first.up_to), (vec!["1".to_owned(), "3".to_owned()], first.found[1].0));
    assert_eq!(keys(&store.subjects_after(first.up_to, &["shipment", "item"], 2).unwrap()), ["4"]);
    let end = store.subjects_after(all.up_to, &["shipment", "item"], 2).unwrap();
    assert_eq!(end, Subjects { found: vec![], up_to: all.up_to });
    assert!(store.subjects_after(0, &[], 9).unwrap().found.is_empty());
}
