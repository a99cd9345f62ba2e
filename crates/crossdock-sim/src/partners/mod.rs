//! The partners of the order-to-cash example. They keep count of what reached them, so a test can ask whether
//! anything was lost or doubled.

mod customer;
mod fleet;
mod server;
mod warehouse;

use crossdock_connect::secret::Secret;
use crossdock_connect::signature::{Scheme, SignInput, sign};
use jiff::Timestamp;

pub use customer::{Customer, Notification};
pub use fleet::Fleet;
pub use server::{Partner, PartnerServer, serve};
pub use warehouse::{ReleasedOrder, ShippedLine, Warehouse};

/// A webhook ready to be sent to the hub: as the vendor would send it, every time the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hook {
    /// Below the hub's ingress address, for example `/in/warehouse`.
    pub path: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// The answer of a partner's HTTP interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    pub status: u16,
    pub body: serde_json::Value,
}

impl Hook {
    /// Signs `body` under a preset scheme. Timestamped schemes sign `now`.
    fn signed(path: &str, scheme: &str, secret: &str, id: &str, now: Timestamp, body: &serde_json::Value) -> Self {
        let body = body.to_string().into_bytes();
        let scheme = Scheme::preset(scheme).expect("the preset exists");
        let mut headers = sign(&scheme, &[Secret::new(secret)], SignInput::new(id, now, &body))
            .expect("the simulated partners have usable secrets");
        headers.push(("content-type".to_owned(), "application/json".to_owned()));
        Self { path: path.to_owned(), headers, body }
    }
}
