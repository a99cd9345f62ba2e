//! How fast messages are accepted into a store of their own: `cargo run --release --example accept_speed [COUNT]`.

use std::sync::mpsc;
use std::time::Instant;

use crossdock_core::changeset::{Change, Changeset};
use crossdock_core::ids::{MessageId, SystemName};
use crossdock_core::message::{Message, MessageState};
use crossdock_store::{SqliteStore, Store};

#[expect(clippy::disallowed_methods, reason = "an example is a program of its own")]
fn main() {
    let mut args = std::env::args().skip(1);
    let count: u128 = args.next().map_or(100_000, |count| count.parse().expect("a count"));
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let store = SqliteStore::open(scratch.path()).expect("opens");
    let begun = Instant::now();
    let (sender, receiver) = mpsc::channel();
    let mut owed = 0;
    for number in 0..count {
        let message = message(number);
        let id = message.id;
        let changes = Changeset::new().with(Change::AcceptMessage(message)).with(Change::SetMessageState {
            id,
            state: MessageState::Ignored { reason: "no flow takes channel `x` of warehouse".into() },
        });
        let sender = sender.clone();
        store.submit(changes, Box::new(move |result| sender.send(result).expect("somebody waits")));
        owed += 1;
        if owed == 64 {
            for _ in 0..32 {
                receiver.recv().expect("an answer").expect("accepted");
            }
            owed -= 32;
        }
    }
    for _ in 0..owed {
        receiver.recv().expect("an answer").expect("accepted");
    }
    let seconds = begun.elapsed().as_secs_f64();
    println!("{:.0} messages/s, {} commits", count as f64 / seconds, store.figures().commits);
}

fn message(number: u128) -> Message {
    Message {
        id: MessageId(uuid::Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0000 + number)),
        system: SystemName::from("warehouse"),
        channel: "shipment-update".into(),
        dedup_key: format!("id:msg_{number:032}"),
        received_at: "2026-11-23T09:30:00Z".parse().expect("a time"),
        content_type: "application/json".into(),
        headers: vec![
            ("host".into(), "127.0.0.1".into()),
            ("content-type".into(), "application/json".into()),
            ("webhook-id".into(), format!("msg_{number:032}")),
            ("webhook-timestamp".into(), "1795512600".into()),
            ("webhook-signature".into(), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=".into()),
            ("content-length".into(), "1024".into()),
        ],
        body: vec![b'x'; 1024],
        cause: None,
    }
}
