//! What the embedded store costs while very much is waiting for one system.
//!
//! `cargo run --release -p crossdock-store --example backlog -- [transmissions]`
//!
//! Half of the transmissions stand in one line, the rest in lines of five. Prints what finding and finishing due ones
//! costs, what the lists cost that a console shows, and how much memory the process holds.

#![expect(clippy::disallowed_methods, reason = "a measuring program reads its own arguments")]

use std::time::{Duration, Instant};

use crossdock_core::changeset::{Change, Changeset};
use crossdock_core::event::EntityRef;
use crossdock_core::ids::{ConfigVersion, EventId, FlowName, OrderingKey, SystemName, TransmissionId};
use crossdock_core::transmission::lane::Look;
use crossdock_core::transmission::{Transmission, TransmissionState};
use crossdock_core::value;
use crossdock_store::{Page, SqliteStore, Store, TransmissionFilter};
use jiff::Timestamp;
use uuid::Uuid;

fn main() {
    let many: u64 = std::env::args().nth(1).map_or(1_000_000, |text| text.parse().expect("a number of transmissions"));
    let folder = std::env::temp_dir().join(format!("backlog-{}", std::process::id()));
    let store = SqliteStore::open(&folder).expect("the folder can be opened");
    let begun = Instant::now();
    for first in (1..=many).step_by(1000) {
        let numbers = first..(first + 1000).min(many + 1);
        store.commit(numbers.map(|number| put(owed(number, many))).collect()).expect("stored");
    }
    println!("{many} transmissions stored in {:.1?}; {}", begun.elapsed(), memory());

    let odoo = SystemName::from("odoo");
    let due = timed("the next 100 that are due", || due_at_odoo(&store, 100));
    timed("all counts", || store.counts().expect("readable"));
    let filter = TransmissionFilter { system: Some(odoo.clone()), ..Default::default() };
    timed("the newest 50 of the system", || store.transmissions(&filter, Page::first(50)).expect("readable"));
    let filter = TransmissionFilter { state: Some("paused".into()), ..filter };
    timed("the newest 50 that are paused (none)", || store.transmissions(&filter, Page::first(50)).expect("readable"));

    let begun = Instant::now();
    let finished = 2000;
    let mut head = due[0].clone();
    for _ in 0..finished / 100 {
        let mut changeset = Changeset::new();
        for it in due_at_odoo(&store, 100) {
            head = it.clone();
            let sending = Transmission { version: it.version + 1, state: TransmissionState::Sending, ..it };
            let done = Transmission { version: sending.version + 1, state: TransmissionState::Done, ..sending.clone() };
            changeset.push(put(sending));
            changeset.push(put(done));
        }
        store.commit(changeset).expect("stored");
    }
    println!("{:>12.1?}  each to find, begin and finish one ({})", begun.elapsed() / finished, head.key);
    store.close();
    println!("{}", memory());

    let store = timed("to open it again", || SqliteStore::open(&folder).expect("opens"));
    timed("the next 100 that are due, first read", || due_at_odoo(&store, 100));
    println!("{}", memory());
    drop(store);
    drop(std::fs::remove_dir_all(folder));
}

fn due_at_odoo(store: &dyn Store, heads_max: usize) -> Vec<Transmission> {
    let look = Look { lanes_max: 32, heads_max, ..Look::default() };
    let lanes = store.due(&SystemName::from("odoo"), Timestamp::UNIX_EPOCH, &look).expect("readable");
    lanes.into_iter().flat_map(|lane| lane.heads).collect()
}

fn timed<T>(what: &str, mut run: impl FnMut() -> T) -> T {
    let begun = Instant::now();
    let result = run();
    println!("{:>12.1?}  {what}", begun.elapsed());
    result
}

fn put(transmission: Transmission) -> Change {
    Change::PutTransmission(transmission)
}

fn owed(number: u64, many: u64) -> Transmission {
    let key = if number.is_multiple_of(2) { 0 } else { 1 + number % (many / 10).max(1) };
    Transmission {
        id: TransmissionId(Uuid::from_u128(u128::from(number) << 64)),
        version: 1,
        system: SystemName::from("odoo"),
        operation: "picking.fulfil".into(),
        flow: FlowName::from("fulfil"),
        config: ConfigVersion::from("0123456789abcdef"),
        event: EventId(Uuid::from_u128(u128::from(number))),
        about: EntityRef::new("shipment", key.to_string()),
        key: OrderingKey::from(format!("order/{key}").as_str()),
        input: value!({ "order": "S00042", "lines": [{ "sku": "A-1", "quantity": 3 }], "carrier": "UPS", "tracking": "1Z999" }),
        state: TransmissionState::Owed,
        place: number,
        due_at: Timestamp::UNIX_EPOCH - Duration::from_secs(60),
        attempts: 0,
        created_at: Timestamp::UNIX_EPOCH,
        failing_since: None,
        in_doubt: false,
        criticality: Default::default(),
        group: None,
        refused: false,
        last_problem: None,
        result: None,
        finished_at: None,
        removed_at: None,
    }
}

/// Memory of this process, its own and mapped, and the most it ever held.
fn memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let lines = status.lines().filter(|line| ["RssAnon", "RssFile", "VmHWM"].iter().any(|name| line.starts_with(name)));
    lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>().join(", ")
}
