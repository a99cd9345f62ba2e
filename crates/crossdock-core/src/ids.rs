//! Ids and names, each a type of its own so that one cannot stand in another's place. Message ids are UUIDv7 made
//! by the shell; every id below a message is derived from it, so the same input gives the same ids again (I9).

use std::fmt;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }
    };
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            pub fn new(text: impl Into<Arc<str>>) -> Self {
                Self(text.into())
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.into())
            }
        }
    };
}

uuid_id!(
    /// One message as it arrived. UUIDv7, made when it is received.
    MessageId
);
uuid_id!(
    /// One canonical event. Derived from its message, flow and position.
    EventId
);
uuid_id!(
    /// One operation owed to one system. Derived from its event and flow; it is the key that travels to the system.
    TransmissionId
);
uuid_id!(
    /// One business exception. Derived from its fingerprint and the moment it was opened.
    ExceptionId
);

uuid_id!(
    /// One suggestion. Derived from what it suggests, so the same suggestion is made once.
    SuggestionId
);
uuid_id!(
    /// One job. UUIDv7, made when it is started.
    JobId
);

uuid_id!(
    /// One replay plan. UUIDv7, made when it is drawn up.
    ReplayId
);

name!(
    /// The name of an external system, as in `systems/<name>.yaml`.
    SystemName
);
name!(
    /// The name of a flow, as in `flows/<name>.yaml`.
    FlowName
);
name!(
    /// The key whose transmissions to one system keep their order, for example `order/S00042`.
    OrderingKey
);
name!(
    /// Which configuration a decision was taken under: the first 16 hex digits of the SHA-256 of the hub folder.
    ConfigVersion
);

impl EventId {
    /// The `n`-th event that `flow` makes of `message`.
    pub fn derive(message: MessageId, flow: &FlowName, n: usize) -> Self {
        Self(derive(message.0, &[flow.as_str().as_bytes(), &(n as u64).to_be_bytes()]))
    }
}

impl TransmissionId {
    /// The transmission that `flow` owes because of `event`.
    pub fn derive(event: EventId, flow: &FlowName) -> Self {
        Self(derive(event.0, &[b"transmission", flow.as_str().as_bytes()]))
    }
}

impl TransmissionId {
    /// When the message behind it was received, in milliseconds since 1970: every id below a message begins with its time.
    pub fn message_ms(self) -> i64 {
        self.0.as_bytes()[..6].iter().fold(0, |ms, byte| (ms << 8) | i64::from(*byte))
    }
}

impl ExceptionId {
    /// The exception opened for `fingerprint` because of `cause`.
    pub fn derive(cause: Uuid, fingerprint: &str) -> Self {
        Self(derive(cause, &[b"exception", fingerprint.as_bytes()]))
    }
}

impl SuggestionId {
    /// The suggestion about these things.
    pub fn derive(parts: &[&str]) -> Self {
        let parts: Vec<&[u8]> = parts.iter().map(|part| part.as_bytes()).collect();
        Self(derive(Uuid::nil(), &parts))
    }
}

impl EventId {
    /// The event by which a person applies what `event` was not allowed to.
    pub fn of_acceptance(event: EventId) -> Self {
        Self(derive(event.0, &[b"accepted"]))
    }
}

impl EventId {
    /// The event that takes `event` back, because a message was read anew.
    pub fn of_retraction(event: EventId) -> Self {
        Self(derive(event.0, &[b"retracted"]))
    }

    /// The event that tells rightly what `event` told wrongly.
    pub fn of_correction(event: EventId) -> Self {
        Self(derive(event.0, &[b"corrected"]))
    }
}

impl TransmissionId {
    /// The transmission that goes in the place of `transmission`, with a key of its own.
    pub fn of_successor(transmission: TransmissionId) -> Self {
        Self(derive(transmission.0, &[b"again"]))
    }
}

impl MessageId {
    /// The message in which a finished transmission tells its result to the router.
    pub fn of_result(transmission: TransmissionId) -> Self {
        Self(derive(transmission.0, &[b"result"]))
    }
}

/// A UUID of version 8: the 48-bit time prefix of the parent (so ids sort by time), the rest from SHA-256.
fn derive(parent: Uuid, parts: &[&[u8]]) -> Uuid {
    let mut hash = Sha256::new();
    hash.update(parent.as_bytes());
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let digest = hash.finalize();
    let mut bytes = [0u8; 16];
    bytes[..6].copy_from_slice(&parent.as_bytes()[..6]);
    bytes[6..].copy_from_slice(&digest[..10]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derived_ids_are_stable_distinct_and_sorted_with_their_parent() {
        let message = MessageId(Uuid::parse_str("01938e2a-7b00-7000-8000-000000000001").expect("valid"));
        let flow = FlowName::from("shipment");
        let first = EventId::derive(message, &flow, 0);
        assert_eq!(first, EventId::derive(message, &flow, 0));
        assert_ne!(first, EventId::derive(message, &flow, 1));
        assert_ne!(first.0, TransmissionId::derive(first, &flow).0);
        assert_eq!(first.0.as_bytes()[..6], message.0.as_bytes()[..6]);
        assert_eq!(first.0.get_version_num(), 8);
    }
}
