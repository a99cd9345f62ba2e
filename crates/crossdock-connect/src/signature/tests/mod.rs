//! What every scheme must accept and refuse: recorded requests, laws, and configuration.

mod configuration;
mod laws;
mod rfc9421;
mod signing;
mod vectors;

use crate::secret::Secret;
use crate::signature::{Scheme, VerifyInput, verify};

/// Verifies and says in one line what came of it: `verified id=… at=…`, or status, code and reason.
fn outcome(
    scheme: &Scheme,
    secrets: &[&str],
    headers: &[(String, String)],
    query: &[(String, String)],
    url: Option<&str>,
    body: &[u8],
    now_s: i64,
) -> String {
    let secrets: Vec<Secret> = secrets.iter().map(|text| Secret::new(*text)).collect();
    let now = jiff::Timestamp::from_second(now_s).expect("now");
    match verify(scheme, &secrets, VerifyInput { headers, query, body, url, method: Some("POST") }, now) {
        Ok(verified) => {
            let id = verified.id.map(|id| format!(" id={id}")).unwrap_or_default();
            let at = verified.timestamp.map(|at| format!(" at={at}")).unwrap_or_default();
            format!("verified{id}{at}")
        }
        Err(rejection) => format!("{} {} {rejection}", rejection.status, rejection.reason.code()),
    }
}
