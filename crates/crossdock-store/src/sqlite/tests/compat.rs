//! Data that earlier versions wrote, `compat/vX.Y/hub.db`: this version reads all of them and goes on with them.

use std::collections::BTreeMap;

use crossdock_core::transmission::lane::Look;

use super::*;
use crate::contract::records::*;

#[test]
fn what_earlier_versions_wrote_is_read_and_goes_on() {
    let compat = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../compat");
    let mut versions = 0;
    for entry in std::fs::read_dir(compat).expect("recorded versions") {
        let recorded = entry.expect("readable").path().join("hub.db");
        if !recorded.exists() {
            continue;
        }
        versions += 1;
        let folder = tempfile::tempdir().expect("a scratch folder");
        std::fs::copy(&recorded, folder.path().join(FILE_NAME)).expect("copied");
        let store = SqliteStore::open(folder.path()).unwrap_or_else(|error| panic!("{}: {error}", recorded.display()));
        reads_everything(&store);
        let look = Look { lanes_max: 32, heads_max: 100, ..Look::default() };
        let lanes = store.due(&"customer".into(), "2027-01-01T00:00:00Z".parse().unwrap(), &look).unwrap();
        assert_eq!(lanes.iter().map(|lane| lane.heads.len()).sum::<usize>(), 6);
        store.commit(lone(1)).expect("it goes on");
        store.close();
        reads_everything(&SqliteStore::open_read_only(folder.path()).unwrap());
    }
    assert!(versions > 0, "no recorded version was found");
}

/// Every kind of record that the recorded hubs have.
fn reads_everything(store: &dyn Store) {
    let counts = store.counts().unwrap();
    let shop = &counts.systems[&"shop".into()];
    assert_eq!((shop.messages["translated"], shop.messages["failed"], counts.events), (6, 1, 6));
    let mut states = BTreeMap::new();
    for stored in
        store.messages(&MessageFilter { system: Some("shop".into()), ..Default::default() }, Page::first(99)).unwrap()
    {
        let message = &stored.message;
        *states.entry(stored.state.word()).or_insert(0) += 1;
        assert_eq!(store.message_with_key(&message.system, &message.dedup_key).unwrap(), Some(message.id));
        for event in store.events_of_message(message.id).unwrap() {
            assert!(store.entity(&event.event.subject).unwrap().is_some());
            assert!(!store.references(&event.event.subject).unwrap().is_empty());
            for owed in store.transmissions_of_event(event.event.id).unwrap() {
                assert!(!store.attempts(owed.id).unwrap().is_empty());
            }
        }
    }
    assert_eq!(states, BTreeMap::from([("translated", 6), ("failed", 1)]));
    assert_eq!(store.transmissions(&TransmissionFilter::default(), Page::first(99)).unwrap().len(), 6);
    assert_eq!(store.exceptions(&ExceptionFilter::default(), Page::first(99)).unwrap().len(), 1);
    store.traffic().unwrap();
    store.audit(0, 100).unwrap();
}
