//! The signed requests that RFC 9421 publishes for its algorithms by pairs of keys: appendix B, and section 4.3 for
//! `rsa-v1_5-sha256`, of which the appendix has none. B.2.4 signs a response, which the hub never receives; B.2.2 covers
//! a component with parameters, which is refused.

use serde::Deserialize;

use crate::secret::Secret;
use crate::signature::{Reason, Scheme, VerifyInput, verify};

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Published {
    section: String,
    preset: String,
    covers: Vec<String>,
    key: String,
    method: String,
    url: String,
    now: i64,
    headers: Vec<(String, String)>,
    body: String,
}

impl Published {
    fn judged(&self) -> Result<(), Reason> {
        let scheme = serde_json::json!({"preset": self.preset, "covers": self.covers});
        let scheme: Scheme = serde_json::from_value(scheme).expect("scheme");
        let now = jiff::Timestamp::from_second(self.now).expect("now");
        let request = VerifyInput::new(&self.headers, self.body.as_bytes()).url(&self.url).method(&self.method);
        let verified = verify(&scheme, &[Secret::new(&*self.key)], request, now);
        verified.map(|_| ()).map_err(|rejection| rejection.reason)
    }
}

fn published() -> Vec<Published> {
    serde_json::from_str(include_str!("rfc9421.json")).expect("rfc9421.json")
}

#[test]
fn the_standards_own_requests_verify() {
    for request in published() {
        assert_eq!(request.judged(), Ok(()), "{}", request.section);
    }
}

#[test]
fn with_anything_otherwise_they_do_not() {
    for request in published() {
        let section = &request.section;
        let other = |change: fn(&mut Published)| {
            let mut changed = request.clone();
            change(&mut changed);
            changed.judged()
        };
        if request.headers.iter().any(|(name, _)| name == "Signature-Input") && section != "B.2.1" {
            let put = other(|request| request.method = "PUT".into());
            assert_eq!(put, Err(Reason::Mismatch), "{section}: the method is signed");
        }
        let later = other(|request| {
            let (_, input) = request.headers.iter_mut().find(|(name, _)| name == "Signature-Input").expect("there");
            *input = input.replace("created=16188844", "created=16188843");
        });
        assert_eq!(later, Err(Reason::Mismatch), "{section}: the time is signed");
        let flipped = other(|request| {
            let (_, value) = request.headers.iter_mut().find(|(name, _)| name == "Signature").expect("there");
            let at = value.find(":").expect("a byte sequence") + 10;
            let letter = if value.as_bytes()[at] == b'A' { "B" } else { "A" };
            value.replace_range(at..=at, letter);
        });
        assert_eq!(flipped, Err(Reason::Mismatch), "{section}: one letter of the signature");
        let body = other(|request| request.body.push(' '));
        let is_covered = request.covers.iter().any(|name| name == "content-digest");
        assert_eq!(body.is_err(), is_covered, "{section}: the body is proved where its digest is covered");
    }
}
