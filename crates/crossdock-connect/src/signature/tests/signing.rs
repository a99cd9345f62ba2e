//! Outgoing requests: the headers we write, against requests written down elsewhere.

use jiff::Timestamp;

use crate::secret::Secret;
use crate::signature::{Scheme, SignError, SignInput, sign};

const BODY: &[u8] = br#"{"event":"stop.arrived","n":1}"#;
const ID: &str = "msg_2Kx.9f:01";
const NOW_S: i64 = 1_767_323_045;

fn signed(scheme: &str, secrets: &[&str]) -> Result<String, SignError> {
    let scheme: Scheme = match scheme.starts_with('{') {
        true => serde_json::from_str(scheme).expect("scheme"),
        false => Scheme::preset(scheme).expect("preset"),
    };
    let secrets: Vec<Secret> = secrets.iter().map(|text| Secret::new(*text)).collect();
    let now = Timestamp::new(NOW_S, 999_999_999).expect("now");
    let headers = sign(&scheme, &secrets, SignInput::new(ID, now, BODY))?;
    Ok(headers.iter().map(|(name, value)| format!("{name}: {value}")).collect::<Vec<_>>().join("\n"))
}

/// The headers of a recorded request.
fn recorded(id: &str) -> String {
    let vectors: serde_json::Value = serde_json::from_str(include_str!("vectors.json")).expect("vectors.json");
    let all = vectors.as_array().expect("list");
    let vector = all.iter().find(|vector| vector["id"] == id).expect("vector");
    let headers: Vec<(String, String)> = serde_json::from_value(vector["headers"].clone()).expect("headers");
    headers.iter().map(|(name, value)| format!("{name}: {value}")).collect::<Vec<_>>().join("\n")
}

/// The secret of a recorded request.
fn secret_of(id: &str) -> String {
    let vectors: serde_json::Value = serde_json::from_str(include_str!("vectors.json")).expect("vectors.json");
    let all = vectors.as_array().expect("list");
    let vector = all.iter().find(|vector| vector["id"] == id).expect("vector");
    vector["secrets"][0].as_str().expect("secret").to_owned()
}

#[test]
fn signed_requests_are_the_recorded_ones() {
    for name in crate::signature::preset_names() {
        if matches!(name, "shared-secret-header" | "static-header" | "secret-in-url") {
            continue;
        }
        let id = format!("{name}-valid");
        if let Some(only) =
            [("ecdsa-p256", "ecdsa-p256-sha256"), ("rsa-pss", "rsa-pss-sha512"), ("rsa-v1_5", "rsa-v1_5-sha256")]
                .iter()
                .find_map(|(end, word)| name.ends_with(end).then_some(*word))
        {
            assert_eq!(signed(name, &[&secret_of(&id)]), Err(SignError::OnlyVerified(only)));
            continue;
        }
        assert_eq!(signed(name, &[&secret_of(&id)]), Ok(recorded(&id)), "{name}");
    }
}

#[test]
fn a_list_is_signed_with_every_secret_and_the_rest_with_the_first() {
    let both =
        signed("standard-webhooks", &[&secret_of("standard-webhooks-valid"), "whsec_b3RoZXI="]).expect("headers");
    let (one, two) = both.rsplit_once(' ').expect("two signatures");
    assert_eq!(one, recorded("standard-webhooks-valid"));
    assert!(two.starts_with("v1,"), "{two}");
    let first = signed("shiphero", &[&secret_of("shiphero-valid"), "other"]);
    assert_eq!(first, Ok(recorded("shiphero-valid")));
}

#[test]
fn what_cannot_be_signed_is_an_error() {
    let static_header = r#"{"preset":"shared-secret-header","header":"X-Key"}"#;
    let with_url = r#"{"header":"X-Sig","algorithm":"hmac-sha256","encoding":"hex","message":"{url}{body}"}"#;
    let public = "whpk_MCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clE=";
    let needs_secret = SignError::UnusableSecret("signing needs the secret key, which begins with whsk_");
    let cases: [(&str, &[&str], SignError); 10] = [
        ("standard-webhooks-ed25519", &[public], needs_secret.clone()),
        ("rfc9421-ed25519", &[public], needs_secret),
        ("samsara", &[], SignError::MissingSecret),
        ("samsara", &[""], SignError::MissingSecret),
        ("standard-webhooks", &["whsec_b3RoZXI=", ""], SignError::MissingSecret),
        ("standard-webhooks", &["whsec_!"], SignError::UnusableSecret("it is not base64 behind `whsec_`")),
        ("basic", &["nobody"], SignError::UnusableSecret("HTTP Basic needs `user:password`")),
        ("secret-in-url", &["x"], SignError::InUrl),
        (static_header, &["a\r\nX-Other: b"], SignError::NotAHeader),
        (with_url, &["k"], SignError::UnknownUrl),
    ];
    for (scheme, secrets, error) in cases {
        assert_eq!(signed(scheme, secrets), Err(error), "{scheme}");
    }
    let scheme = Scheme::preset("standard-webhooks").expect("preset");
    let secret = Secret::new("whsec_b3RoZXI=");
    for id in ["", "a b", "a\r\nb", "ä"] {
        let input = SignInput::new(id, Timestamp::UNIX_EPOCH, BODY);
        assert_eq!(sign(&scheme, std::slice::from_ref(&secret), input), Err(SignError::BadId), "{id:?}");
    }
}
