//! One verifier for the webhook signatures of all senders, and the signer that is its mirror. What differs between
//! senders is a row of data, a [`Scheme`]: which header, how it is written, which key, which bytes, how fresh.
//!
//! Verification works on the raw bytes and comes before any parsing. It fails closed: a missing header, a missing
//! secret, two different values or a timestamp that cannot be read is a rejection, never a pass. Comparisons take the
//! same time whatever they find, and no reason or error ever holds a secret or the signature that would have matched.

mod crypt;
mod http_message;
mod message;
mod presets;
mod public_key;
mod rejection;
mod scheme;
mod sign;
mod spec;
#[cfg(test)]
mod tests;
mod verify;

pub use message::{Message, MessageError, Part};
pub use presets::names as preset_names;
pub use rejection::{NOT_READY_STATUS, Reason, Rejection};
pub use scheme::{Encoding, KeyForm, Scheme, Tolerance, Unit};
pub use sign::{SignError, SignInput, sign};
pub use spec::{Algorithm, ListSpec, SchemeError, SchemeSpec, TOLERANCE_S, TimestampSpec};
pub use verify::{LIST_ITEMS_MAX, VALUE_BYTES_MAX, Verified, VerifyInput, verify};
