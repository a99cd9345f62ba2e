//! Laws of verification: what was signed verifies, and no single bit of it may be otherwise.

use jiff::Timestamp;
use proptest::prelude::*;

use crate::secret::Secret;
use crate::signature::{
    LIST_ITEMS_MAX, Reason, Scheme, SignInput, VALUE_BYTES_MAX, VerifyInput, preset_names, sign, verify,
};

/// A custom row beside the presets, so that every kind of part and unit is under the laws.
const CUSTOM: &str = r#"{"header": "X-Sig", "prefix": "sha512=", "algorithm": "hmac-sha512", "encoding": "base64",
    "message": "{{{id}|{timestamp}|{url}|{body}}}", "id_header": "X-Id",
    "timestamp": {"header": "X-Time", "unit": "milliseconds"}}"#;

fn schemes() -> Vec<Scheme> {
    let mut schemes: Vec<Scheme> = preset_names().filter_map(|name| Scheme::preset(name).ok()).collect();
    // What only verifies has its own vectors.
    let unsigned = ["secret-in-url", "rfc9421-ecdsa-p256", "rfc9421-rsa-pss", "rfc9421-rsa-v1_5"];
    schemes.retain(|scheme| !unsigned.contains(&scheme.name()));
    schemes.push(serde_json::from_str(CUSTOM).expect("scheme"));
    schemes.push(serde_json::from_str(r#"{"preset":"static-header","header":"X-Key"}"#).expect("scheme"));
    schemes
}

/// A secret every scheme can use: base64 behind `whsec_`, user and password.
fn secret_for(scheme: &Scheme, key: &[u8]) -> Secret {
    let text = hex::encode(key);
    let base64 = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, key);
    match scheme.name() {
        "standard-webhooks" | "shipbob" => Secret::new(format!("whsec_{base64}")),
        "standard-webhooks-ed25519" | "rfc9421-ed25519" => {
            let seed = <sha2::Sha256 as sha2::Digest>::digest(key);
            Secret::new(format!("whsk_{}", base64::Engine::encode(&base64::engine::general_purpose::STANDARD, seed)))
        }
        "samsara" => Secret::new(base64),
        "basic" => Secret::new(format!("{text}:{text}")),
        _ => Secret::new(text),
    }
}

const URL: &str = "https://hub.example/in/x";

#[derive(Clone, Debug)]
struct Signed {
    scheme: Scheme,
    secret: Secret,
    now: Timestamp,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

impl Signed {
    fn verifies(&self) -> Result<(), Reason> {
        self.verifies_with(std::slice::from_ref(&self.secret))
    }

    fn verifies_with(&self, secrets: &[Secret]) -> Result<(), Reason> {
        let request = VerifyInput::new(&self.headers, &self.body).url(URL);
        verify(&self.scheme, secrets, request, self.now).map(|_| ()).map_err(|rejection| rejection.reason)
    }
}

prop_compose! {
    fn signed()(
        scheme in proptest::sample::select(schemes()),
        key in proptest::collection::vec(any::<u8>(), 1..80),
        id in "[!-~]{1,40}",
        now_s in 0_i64..250_000_000_000,
        body in proptest::collection::vec(any::<u8>(), 0..300),
    ) -> Signed {
        let secret = secret_for(&scheme, &key);
        let now = Timestamp::from_second(now_s).expect("now");
        let input = SignInput::new(&id, now, &body).url(URL);
        let headers = sign(&scheme, std::slice::from_ref(&secret), input).expect("signed");
        let headers = headers.into_iter().map(|(name, value)| (name, value.into_bytes())).collect();
        Signed { scheme, secret, now, headers, body }
    }
}

fn flip(bytes: &mut [u8], at: prop::sample::Index) {
    let bit = at.index(bytes.len() * 8);
    bytes[bit / 8] ^= 1 << (bit % 8);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn what_was_signed_verifies(signed in signed(), other in proptest::collection::vec(any::<u8>(), 1..40)) {
        prop_assert_eq!(signed.verifies(), Ok(()));
        let other = secret_for(&signed.scheme, &other);
        prop_assert_eq!(signed.verifies_with(&[other.clone(), signed.secret.clone()]), Ok(()));
        if other != signed.secret {
            prop_assert_eq!(signed.verifies_with(&[other]), Err(Reason::Mismatch));
        }
    }

    #[test]
    fn no_bit_of_a_signed_body_may_be_otherwise(mut signed in signed(), at: prop::sample::Index) {
        prop_assume!(signed.scheme.signs_body() && !signed.body.is_empty());
        flip(&mut signed.body, at);
        prop_assert_eq!(signed.verifies(), Err(Reason::Mismatch));
    }

    /// Signature, timestamp and signed id alike. The case of hex digits and of the word Basic or Bearer carries no
    /// meaning, and an unsigned id is the sender's own affair.
    #[test]
    fn no_bit_of_a_header_may_be_otherwise(mut signed in signed(), which: prop::sample::Index, at: prop::sample::Index) {
        let which = which.index(signed.headers.len());
        let unsigned_ids = ["X-Shiphero-Message-ID", "X-Shopify-Event-Id", "X-WC-Webhook-Delivery-ID"];
        prop_assume!(!unsigned_ids.contains(&signed.headers[which].0.as_str()));
        let before = signed.headers[which].1.clone();
        flip(&mut signed.headers[which].1, at);
        let after = &signed.headers[which].1;
        let in_hex = matches!(signed.scheme.name(), "samsara" | "motive" | "stripe" | "shippo" | "easypost");
        let in_words = matches!(signed.scheme.name(), "basic" | "bearer") && before[..6] != after[..6];
        prop_assume!(!((in_hex || in_words) && before.eq_ignore_ascii_case(after)));
        prop_assert!(signed.verifies().is_err(), "{:?}", String::from_utf8_lossy(after));
    }

    #[test]
    fn nothing_makes_verification_panic_or_pass(
        scheme in proptest::sample::select(schemes()),
        value in prop_oneof!["\\PC{0,40}", "[tv01=,: a-f0-9]{0,80}", "(Basic|Bearer|v1=|v1,|sha512=)[A-Za-z0-9+/=]{0,90}"],
        body in proptest::collection::vec(any::<u8>(), 0..20),
    ) {
        let secret = secret_for(&scheme, b"a key that is never guessed");
        let written = sign(&scheme, std::slice::from_ref(&secret), SignInput::new("x", Timestamp::UNIX_EPOCH, b"").url(URL));
        let names = written.expect("signed").into_iter().map(|(name, _)| name);
        let headers: Vec<_> = names.map(|name| (name, value.clone())).collect();
        let request = VerifyInput::new(&headers, &body).url(URL);
        let result = verify(&scheme, std::slice::from_ref(&secret), request, Timestamp::UNIX_EPOCH);
        prop_assert!(result.is_err());
        let told = format!("{result:?}");
        prop_assert!(!told.contains(secret.expose()), "{told}");
    }
}

/// No reason may help a forger: whatever a rejection prints, the right signature is not in it.
#[test]
fn rejections_never_tell_the_right_signature() {
    for scheme in schemes() {
        let secret = secret_for(&scheme, b"some key");
        let body = b"the body";
        let input = SignInput::new("id-1", Timestamp::UNIX_EPOCH, body).url(URL);
        let right = sign(&scheme, std::slice::from_ref(&secret), input).expect("signed");
        let (_, signature) = right.last().expect("a header").clone();
        let mut headers = right.clone();
        headers.last_mut().expect("a header").1 = signature.chars().rev().collect();
        let request = VerifyInput::new(&headers, body).url(URL);
        let rejection =
            verify(&scheme, std::slice::from_ref(&secret), request, Timestamp::UNIX_EPOCH).expect_err("reversed");
        let told = format!("{rejection} {rejection:?}");
        assert!(!told.contains(&signature) && !told.contains(secret.expose()), "{told}");
    }
}

#[test]
fn values_and_lists_are_bounded() {
    let told = |scheme: &str, value: String| {
        let scheme = Scheme::preset(scheme).expect("preset");
        let headers = [
            ("webhook-id", "x".into()),
            ("webhook-timestamp", "0".into()),
            ("webhook-signature", value.clone()),
            ("intuit-signature", value),
        ];
        let secret = Secret::new("whsec_b3RoZXI=");
        let result = verify(&scheme, &[secret], VerifyInput::new(&headers, b""), Timestamp::UNIX_EPOCH);
        result.expect_err("nothing here verifies").reason
    };
    let bytes_max = VALUE_BYTES_MAX;
    assert!(matches!(told("quickbooks", "A".repeat(bytes_max)), Reason::MalformedSignature { .. }));
    let name = "intuit-signature".to_owned();
    assert_eq!(told("quickbooks", "A".repeat(bytes_max + 1)), Reason::TooLong { name, bytes_max });
    let item = format!("v1,{}= ", "A".repeat(43));
    assert_eq!(told("standard-webhooks", item.repeat(LIST_ITEMS_MAX).trim_end().into()), Reason::Mismatch);
    let many = told("standard-webhooks", item.repeat(LIST_ITEMS_MAX + 1).trim_end().into());
    assert_eq!(many.to_string(), "malformed signature: more than 64 items in the list");
}
