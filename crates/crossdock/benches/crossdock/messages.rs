//! The messages that are sent: a warehouse's notice of a shipment, 1 KB of JSON, each with a number of its own, signed
//! as Standard Webhooks asks before the clock starts.

use crossdock_connect::secret::Secret;
use crossdock_connect::signature::{Scheme, SignInput, sign};

use crate::load::Requests;

/// Bytes of each body.
pub const BODY_BYTES: usize = 1024;
/// The secret of every sender in these hubs.
pub const SECRET: &str = "whsec_Y3Jvc3Nkb2NrLWJlbmNobWFyay1zZWNyZXQtMDEyMzQ1Njc4OQ==";
/// Stands before the number in every body.
const MARK: &[u8] = b"BENCH-";

/// Signs as the sender does.
pub struct Signer {
    scheme: Scheme,
    secrets: Vec<Secret>,
}

impl Signer {
    /// # Errors
    /// When there is no such scheme any more.
    pub fn new() -> anyhow::Result<Self> {
        Ok(Self { scheme: Scheme::preset("standard-webhooks")?, secrets: vec![Secret::new(SECRET)] })
    }

    /// Signed requests with the numbers from `first` on.
    ///
    /// # Errors
    /// When they cannot be signed.
    pub fn requests(
        &self,
        path: &str,
        first: usize,
        count: usize,
        body: fn(usize) -> String,
    ) -> anyhow::Result<Requests> {
        #[expect(clippy::disallowed_methods, reason = "the simulated sender's own clock")]
        let now = jiff::Timestamp::now();
        let mut requests = Requests::default();
        for number in first..first + count {
            let (id, body) = (format!("msg_{number:012}"), body(number));
            let headers = sign(&self.scheme, &self.secrets, SignInput::new(&id, now, body.as_bytes()))?;
            requests.push(path, &headers, body.as_bytes());
        }
        Ok(requests)
    }
}

/// The body of one message: what left the dock, padded to [`BODY_BYTES`].
pub fn shipment(number: usize) -> String {
    let mut body = format!(
        "{{\"webhook_type\":\"Shipment Update\",\"number\":\"BENCH-{number:09}\",\"order_number\":\"SO{:07}\",\
         \"created_at\":\"2026-03-11T14:07:31\",\"shipping_carrier\":\"UPS\",\"shipping_method\":\"Ground\",\
         \"tracking_number\":\"1Z999AA1{number:010}\",\"total_packages\":2,\"warehouse\":{{\"id\":17,\"code\":\"AUS-1\",\
         \"zone\":\"America/Chicago\"}},\"line_items\":[{{\"sku\":\"PAL-01\",\"quantity\":4,\"lot_number\":\"L-2291\",\
         \"weight\":\"312.50\"}},{{\"sku\":\"CTN-221\",\"quantity\":10,\"lot_number\":null,\"weight\":\"48.20\"}},\
         {{\"sku\":\"CTN-305\",\"quantity\":3,\"lot_number\":null,\"weight\":\"9.75\"}}],\"note\":\"",
        number / 3,
    );
    let room = BODY_BYTES.saturating_sub(body.len() + 2);
    body.extend("ramp 4, call before the next visit; ".chars().cycle().take(room));
    body.push_str("\"}");
    body
}

/// The number in a body, as it was sent or as a mapping passed it on.
pub fn number_in(body: &[u8]) -> Option<usize> {
    let at = body.windows(MARK.len()).position(|window| window == MARK)? + MARK.len();
    let digits = body[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    std::str::from_utf8(&body[at..at + digits]).ok()?.parse().ok()
}
