//! The I/O under the connectors. One port; HTTP behind it. Nothing here knows what a call means.

mod http;

use std::future::Future;
use std::pin::Pin;

use crossdock_core::exchange::{Answer, Call, SendFault};

pub use http::{Http, HttpSettings};

/// A future that a transport returns.
pub type Sending<'a> = Pin<Box<dyn Future<Output = Result<Answer, SendFault>> + Send + 'a>>;

/// Sends calls.
pub trait Transport: Send + Sync + 'static {
    /// Sends `call` and reads the answer, at most `answer_bytes_max` bytes of body, within the call's time limit.
    /// Tells apart what certainly did not arrive (`NotSent`) from what may have (`Lost`).
    fn send<'a>(&'a self, call: &'a Call, answer_bytes_max: usize) -> Sending<'a>;
}
