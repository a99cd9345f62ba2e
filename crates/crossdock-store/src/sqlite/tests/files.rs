//! Whose folder it is, whose file it is, and reading it from outside.

use std::path::Path;

use crossdock_core::changeset::{Change, Changeset};
use crossdock_core::transmission::Outcome;

use super::*;
use crate::contract::records::*;

fn scratch() -> tempfile::TempDir {
    tempfile::tempdir().expect("a scratch folder")
}

fn accept_in(store: &SqliteStore, numbers: std::ops::Range<u64>) {
    for number in numbers {
        store.commit(lone(number)).expect("accepted");
    }
}

#[test]
fn a_folder_belongs_to_one_hub() {
    let folder = scratch();
    let store = SqliteStore::open(folder.path()).unwrap();
    let Err(refused) = SqliteStore::open(folder.path()) else { panic!("opened twice") };
    let told = refused.to_string();
    assert!(told.contains(&folder.path().display().to_string()), "{told}");
    assert!(told.contains(&format!("process {}", std::process::id())), "{told}");
    store.close();
    SqliteStore::open(folder.path()).expect("free again once it is closed");
}

#[test]
fn a_missing_folder_is_made_and_closed_to_others() {
    let scratch = scratch();
    let folder = scratch.path().join("new/data");
    drop(SqliteStore::open(&folder).unwrap());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
    }
}

#[test]
fn after_closing_only_one_file_holds_data() {
    let folder = scratch();
    let store = SqliteStore::open(folder.path()).unwrap();
    accept_in(&store, 1..100);
    store.close();
    let mut names: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["hub.db", "hub.lock"]);
}

#[test]
fn files_of_others_are_left_alone() {
    let foreign = scratch();
    rusqlite::Connection::open(foreign.path().join(FILE_NAME)).unwrap().execute_batch("CREATE TABLE t (x)").unwrap();
    assert!(matches!(SqliteStore::open(foreign.path()), Err(OpenError::Foreign { .. })));
    assert!(matches!(SqliteStore::open_read_only(foreign.path()), Err(OpenError::Foreign { .. })));

    let text = scratch();
    std::fs::write(text.path().join(FILE_NAME), "not a database ".repeat(1000)).unwrap();
    let Err(refused) = SqliteStore::open(text.path()) else { panic!("opened a text file") };
    assert!(refused.to_string().contains("hub.db is damaged"), "{refused}");
    assert!(std::fs::read_to_string(text.path().join(FILE_NAME)).unwrap().starts_with("not a database"));
}

#[test]
fn a_newer_file_is_not_touched() {
    let folder = scratch();
    drop(SqliteStore::open(folder.path()).unwrap());
    let set = |version: i32| {
        let connection = rusqlite::Connection::open(folder.path().join(FILE_NAME)).unwrap();
        connection.pragma_update(None, "user_version", version).unwrap();
    };
    set(schema::VERSION + 1);
    assert!(matches!(SqliteStore::open(folder.path()), Err(OpenError::Newer { .. })));
    assert!(matches!(SqliteStore::open_read_only(folder.path()), Err(OpenError::Newer { .. })));
    set(schema::VERSION);
    drop(SqliteStore::open(folder.path()).unwrap());
    set(0);
    assert!(matches!(SqliteStore::open_read_only(folder.path()), Err(OpenError::Older { .. })));
}

#[test]
fn a_reader_sees_the_same_with_and_without_a_hub() {
    let folder = scratch();
    assert!(matches!(SqliteStore::open_read_only(folder.path()), Err(OpenError::Missing { .. })));
    let options = Options { dedup_run_keys: count(10), ..Options::default() };
    let store = SqliteStore::open_with(folder.path(), options).unwrap();
    accept_in(&store, 1..26);
    let sees = |folder: &Path| {
        let reader = SqliteStore::open_read_only(folder).unwrap();
        assert_eq!(reader.counts().unwrap().systems[&"warehouse".into()].messages["waiting"], 25);
        for number in 1..26 {
            let found = reader.message_with_key(&"warehouse".into(), &format!("key-{number}")).unwrap();
            assert_eq!(found, Some(message_id(number)));
        }
        assert_eq!(reader.message_with_key(&"warehouse".into(), "key-99").unwrap(), None);
        let refused = reader.commit(lone(99));
        assert!(matches!(refused, Err(CommitError::Unavailable(why)) if why.contains("for reading only")));
        reader.close();
    };
    sees(folder.path());
    // As a killed hub leaves it: a log beside the file, nobody running.
    let left_behind = scratch();
    for name in ["hub.db", "hub.db-wal"] {
        std::fs::copy(folder.path().join(name), left_behind.path().join(name)).unwrap();
    }
    sees(left_behind.path());
    store.close();
    sees(folder.path());
}

#[test]
fn a_backup_taken_while_running_is_whole() {
    let folder = scratch();
    let store = SqliteStore::open(folder.path()).unwrap();
    accept_in(&store, 1..40);
    let restored = scratch();
    let outside = rusqlite::Connection::open(folder.path().join(FILE_NAME)).unwrap();
    let copy = restored.path().join(FILE_NAME);
    outside.execute("VACUUM INTO ?1", [copy.to_str().unwrap()]).unwrap();
    accept_in(&store, 40..50);
    let restored = SqliteStore::open(restored.path()).unwrap();
    assert_eq!(restored.waiting(100).unwrap().len(), 39);
    assert_eq!(restored.commit(lone(7)), Err(CommitError::Duplicate(message_id(7))));
    assert_eq!(restored.commit(lone(45)), Ok(()));
}

#[test]
fn the_views_for_people_can_be_read() {
    let folder = scratch();
    let store = SqliteStore::open(folder.path()).unwrap();
    let failed = crossdock_core::message::MessageState::Ignored { reason: "no flow wants it".into() };
    let state = Change::SetMessageState { id: message_id(1), state: failed };
    store.commit(Changeset::new().with(accept(1)).with(state).with(put(&transmission(1, "a", 1)))).unwrap();
    let outside = rusqlite::Connection::open(folder.path().join(FILE_NAME)).unwrap();
    let message: (String, String, String, i64) = outside
        .query_row("SELECT id, state, detail, body_bytes FROM message_list WHERE body LIKE '%\"n\":1%'", [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })
        .unwrap();
    assert_eq!(message, (message_id(1).to_string(), "ignored".into(), "no flow wants it".into(), 7));
    let line: (String, i64, String) = outside
        .query_row("SELECT about, is_head, id FROM waiting_lines WHERE system = 'odoo'", [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .unwrap();
    assert_eq!(line, ("shipment/a".into(), 1, transmission_id(1).to_string()));
}

#[test]
fn the_queries_of_the_guide_run() {
    let guide = include_str!("../../../../../docs/guides/data-folder.md");
    let queries: Vec<&str> =
        guide.split("```sql\n").skip(1).map(|rest| rest.split("```").next().expect("closed")).collect();
    assert_eq!(queries.len(), 5);
    let folder = scratch();
    let store = SqliteStore::open(folder.path()).unwrap();
    let exception = exception(1, "f");
    let failed = crossdock_core::message::MessageState::Failed { exception: exception.id };
    let changes = [
        accept(1),
        Change::SetMessageState { id: message_id(1), state: failed },
        Change::PutException(exception),
        Change::AppendEvent(event(1, &[shipment("1")])),
        Change::AddReference(reference("1", "tracking_number", "1Z999AA10123456784")),
        put(&transmission(1, "a", 1)),
        put(&transmission(2, "a", 2)),
        Change::AppendAttempt(attempt(transmission_id(1), 1, Outcome::Refused { reason: "no".into() })),
    ];
    store.commit(changes.into_iter().collect()).unwrap();
    let outside = rusqlite::Connection::open(folder.path().join(FILE_NAME)).unwrap();
    for query in queries {
        let mut statement = outside.prepare(query).unwrap_or_else(|error| panic!("{error}: {query}"));
        assert!(statement.exists([]).unwrap(), "finds nothing: {query}");
    }
}

#[test]
fn commits_are_synced() {
    let folder = scratch();
    let connection = schema::open_for_writing(&folder.path().join(FILE_NAME), &Options::default()).unwrap();
    let pragma = |name: &str| -> String {
        connection.query_row(&format!("SELECT CAST({name} AS TEXT) FROM pragma_{name}"), [], |row| row.get(0)).unwrap()
    };
    // FULL: with anything less a power cut could take back what was acknowledged.
    assert_eq!((pragma("synchronous").as_str(), pragma("journal_mode").as_str()), ("2", "wal"));
}

#[test]
fn a_folder_of_an_older_version_is_brought_up_to_date() {
    use crate::port::{EntityFilter, ExceptionFilter, Page};
    use crossdock_core::event::EntityRef;

    let folder = scratch();
    let store = SqliteStore::open(folder.path()).unwrap();
    let order = EntityRef::new("order", "S1");
    let spoken = event(1, &[shipment("1"), order.clone()]);
    let open = exception(1, "late");
    let changes = [
        Change::AppendEvent(spoken.clone()),
        Change::PutEntity(entity(&shipment("1"), 1)),
        Change::PutException(open.clone()),
        put(&transmission(1, "a", 1)),
    ];
    store.commit(changes.into_iter().collect()).expect("written");
    store.close();
    // As the first version wrote it.
    let connection = rusqlite::Connection::open(folder.path().join(FILE_NAME)).unwrap();
    let older = "DROP TABLE entity_links; DROP INDEX events_about; DROP INDEX entities_by_status;
                 DROP INDEX entity_references_by_system; DROP TABLE suggestions; DROP TABLE traffic;
                 DROP TABLE exception_affects; DROP TABLE records; DROP INDEX transmissions_due;
                 DROP INDEX exceptions_by_class; DROP TABLE removed_bodies;
                 ALTER TABLE transmissions DROP COLUMN lane; ALTER TABLE transmissions DROP COLUMN turn;
                 CREATE INDEX transmissions_due ON transmissions (system, due_at, place)
                     WHERE state = 'owed' AND is_head = 1;
                 PRAGMA user_version = 1;";
    connection.execute_batch(older).unwrap();
    drop(connection);
    assert!(matches!(SqliteStore::open_read_only(folder.path()), Err(OpenError::Older { .. })));

    let store = SqliteStore::open(folder.path()).unwrap();
    let aside = folder.path().join("before-upgrade-from-version-1.db");
    assert_eq!(schema::version_of(&aside), Some(1), "what the older version can still read is kept");
    let linked = EntityFilter { kind: "shipment".into(), link: Some(order), ..EntityFilter::default() };
    for filter in [linked, EntityFilter { kind: "shipment".into(), ..EntityFilter::default() }] {
        assert_eq!(store.entity_page(&filter, None, 9).unwrap().entities, [entity(&shipment("1"), 1)]);
    }
    assert_eq!(store.events_about(&shipment("1"), 0, 9).unwrap()[0].event, spoken);
    store.close();
    let back = crate::sqlite::backup::restore(folder.path(), &aside, true, "2026-03-01T02:00:00Z".parse().unwrap());
    assert_eq!(back.unwrap().contents.data_version, 1);
    assert_eq!(schema::version_of(&folder.path().join(FILE_NAME)), Some(1));
    let store = SqliteStore::open(folder.path()).unwrap();
    assert!(folder.path().join("before-upgrade-from-version-1-1.db").exists(), "nothing is overwritten");
    let affecting = ExceptionFilter { affects: Some(shipment("1")), ..ExceptionFilter::default() };
    assert_eq!(store.exceptions(&affecting, Page::first(9)).unwrap(), [open]);
    let look = crossdock_core::transmission::lane::Look { lanes_max: 9, heads_max: 9, ..Default::default() };
    let waiting = store.due(&"odoo".into(), at(0), &look).unwrap();
    assert_eq!(waiting.len(), 1, "what is owed has its lane");
    assert_eq!((waiting[0].lane.clone(), waiting[0].heads.len()), (transmission(1, "a", 1).lane(), 1));
}
