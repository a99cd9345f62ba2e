//! The messages that changes become.

use crossdock_core::message::Envelope;
use crossdock_core::value::Value;
use sha2::{Digest, Sha256};

/// A record as it is now. The same content twice is the same message: its key carries a hash of the whole record,
/// `write_date` included, so that a change back to an earlier content is still a change.
pub(super) fn upsert(model: &str, id: i64, record: Value) -> Envelope {
    let body = body(model, id, "upsert", record);
    let digest = Sha256::digest(&body);
    let hash: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    envelope(model, format!("{model}/{id}/{hash}"), body)
}

/// A record that is gone. Odoo never uses an id again, so this happens once.
pub(super) fn unlink(model: &str, id: i64) -> Envelope {
    envelope(model, format!("{model}/{id}/unlink"), body(model, id, "unlink", Value::Null))
}

fn body(model: &str, id: i64, op: &str, record: Value) -> Vec<u8> {
    let body = Value::map([("model", Value::from(model)), ("id", id.into()), ("op", op.into()), ("record", record)]);
    body.to_json_string().into_bytes()
}

fn envelope(model: &str, dedup_key: String, body: Vec<u8>) -> Envelope {
    Envelope {
        channel: model.to_owned(),
        dedup_key,
        content_type: "application/json".into(),
        headers: Vec::new(),
        body,
    }
}
