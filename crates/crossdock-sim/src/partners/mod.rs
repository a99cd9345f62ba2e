//! The partners of the order-to-cash example. They keep count of what reached them, so a test can ask whether
//! anything was lost or doubled.

mod billing;
mod customer;
mod fleet;
mod server;
mod warehouse;

use crossdock_connect::secret::Secret;
use crossdock_connect::signature::{Scheme, SignInput, sign};
use jiff::Timestamp;

pub use billing::Billing;
pub use customer::{Customer, Notification};
pub use fleet::Fleet;
pub use server::{Partner, PartnerServer, serve};
pub use warehouse::{ReleasedOrder, ShippedLine, Warehouse, tracking_number};

/// A webhook to be sent to the hub. Signed anew for every delivery, as vendors do; id and body stay the same.
#[derive(Clone, Debug)]
pub struct Hook {
    /// Below the hub's ingress address, for example `/in/warehouse`.
    pub path: &'static str,
    /// The sender's id of the message, the same in every delivery.
    pub id: String,
    pub body: Vec<u8>,
    scheme: &'static str,
    secret: Secret,
    extra: Vec<(String, String)>,
    is_forged: bool,
}

/// The answer of a partner's HTTP interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    pub status: u16,
    pub body: serde_json::Value,
}

impl Hook {
    fn new(path: &'static str, scheme: &'static str, secret: &str, id: String, body: &serde_json::Value) -> Self {
        let body = body.to_string().into_bytes();
        Self { path, id, body, scheme, secret: Secret::new(secret), extra: Vec::new(), is_forged: false }
    }

    /// A header that this vendor sends besides the signature.
    fn with_header(mut self, name: &str, value: &str) -> Self {
        self.extra.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Somebody changes it after it was signed.
    pub fn forge(&mut self) {
        self.is_forged = true;
    }

    /// Whether its signature does not hold.
    pub fn is_forged(&self) -> bool {
        self.is_forged
    }

    /// The headers of a delivery at `now`.
    pub fn headers(&self, now: Timestamp) -> Vec<(String, String)> {
        let scheme = Scheme::preset(self.scheme).expect("the preset exists");
        let signed = if self.is_forged { &b"something else"[..] } else { &self.body };
        let mut headers = sign(&scheme, std::slice::from_ref(&self.secret), SignInput::new(&self.id, now, signed))
            .expect("the simulated partners have usable secrets");
        headers.retain(|(name, _)| !self.extra.iter().any(|(extra, _)| extra.eq_ignore_ascii_case(name)));
        headers.extend(self.extra.iter().cloned());
        headers.push(("content-type".to_owned(), "application/json".to_owned()));
        headers
    }
}
