//! A past for a hub: messages that were accepted and transmissions that are owed, written through the store as the hub
//! writes them, many to a commit.

use std::path::Path;
use std::sync::mpsc::sync_channel;

use anyhow::Context as _;
use crossdock_core::changeset::{Change, Changeset};
use crossdock_core::event::EntityRef;
use crossdock_core::ids::{ConfigVersion, EventId, FlowName, MessageId, OrderingKey, TransmissionId};
use crossdock_core::message::{Envelope, MessageState};
use crossdock_core::transmission::{Transmission, TransmissionState};
use crossdock_core::value::{JsonLimits, Value};
use crossdock_store::{SqliteStore, Store as _};
use jiff::Timestamp;
use uuid::Uuid;

/// Records in one commit.
const PER_COMMIT: usize = 2_000;
/// Commits under way at once.
const AHEAD: usize = 8;

/// Writes so many more messages of the system `plain` that nobody wanted, with small bodies of their own.
///
/// # Errors
/// When the store cannot be opened or written.
pub fn messages(data: &Path, from: usize, count: usize) -> anyhow::Result<()> {
    let now = clock();
    write(data, from, count, |number| {
        let envelope = Envelope {
            channel: "seed".to_owned(),
            dedup_key: format!("id:seed_{number:012}"),
            content_type: "application/json".to_owned(),
            headers: vec![("webhook-id".to_owned(), format!("seed_{number:012}"))],
            body: format!("{{\"number\":\"SEED-{number:09}\",\"pieces\":2}}").into_bytes(),
        };
        let id = MessageId(fresh());
        let reason = "no flow takes messages of this channel".to_owned();
        vec![
            Change::AcceptMessage(envelope.into_message(id, "plain".into(), now)),
            Change::SetMessageState { id, state: MessageState::Ignored { reason } },
        ]
    })
}

/// Writes so many transmissions that are owed to the system `receiver`, each in a line of its own.
///
/// # Errors
/// When the store cannot be opened or written.
pub fn owed(data: &Path, from: usize, count: usize) -> anyhow::Result<()> {
    let now = clock();
    let input = |number: usize| {
        let text =
            format!("{{\"path\":[\"shipments\"],\"body\":{{\"shipment\":\"BENCH-{number:09}\",\"carrier\":\"UPS\"}}}}");
        Value::parse_json(text.as_bytes(), &JsonLimits::default()).expect("this is JSON")
    };
    write(data, from, count, |number| {
        let about = EntityRef::new("shipment", format!("BENCH-{number:09}"));
        vec![Change::PutTransmission(Transmission {
            id: TransmissionId(fresh()),
            version: 1,
            system: "receiver".into(),
            operation: "request.send".to_owned(),
            flow: FlowName::from("tell"),
            config: ConfigVersion::from("0123456789abcdef"),
            event: EventId(fresh()),
            key: OrderingKey::from(about.to_string().as_str()),
            about,
            input: input(number),
            state: TransmissionState::Owed,
            place: number as u64 + 1,
            due_at: now,
            attempts: 0,
            created_at: now,
            failing_since: None,
            in_doubt: false,
            criticality: Default::default(),
            group: None,
            refused: false,
            last_problem: None,
            result: None,
            finished_at: None,
            removed_at: None,
        })]
    })
}

fn write(data: &Path, from: usize, count: usize, record: impl Fn(usize) -> Vec<Change>) -> anyhow::Result<()> {
    let store = SqliteStore::open(data).context("the store cannot be opened for seeding")?;
    let (done, finished) = sync_channel(AHEAD + 1);
    let mut under_way = 0;
    let end = from + count;
    for first in (from..end).step_by(PER_COMMIT) {
        let mut changeset = Changeset::new();
        for number in first..end.min(first + PER_COMMIT) {
            changeset = record(number).into_iter().fold(changeset, Changeset::with);
        }
        if under_way == AHEAD {
            finished.recv()??;
            under_way -= 1;
        }
        let done = done.clone();
        store.submit(changeset, Box::new(move |result| drop(done.send(result))));
        under_way += 1;
    }
    for _ in 0..under_way {
        finished.recv()??;
    }
    store.close();
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "what is made here is made now")]
fn clock() -> Timestamp {
    Timestamp::now()
}

#[expect(clippy::disallowed_methods, reason = "ids that grow with time, as the hub's do")]
fn fresh() -> Uuid {
    Uuid::now_v7()
}
