//! Schemes as people write them, and what they are told when a row would protect nothing.

use crate::secret::Secret;
use crate::signature::{Reason, Scheme, preset_names};

fn error(scheme: serde_json::Value) -> String {
    serde_json::from_value::<Scheme>(scheme).expect_err("a mistake").to_string()
}

#[test]
fn every_preset_is_a_scheme_or_says_what_it_needs() {
    for name in preset_names() {
        match Scheme::preset(name) {
            Ok(scheme) => assert_eq!(scheme.name(), name),
            Err(error) => {
                assert!(matches!(name, "shared-secret-header" | "static-header"), "{name}: {error}");
                let told = "needs `header`: the name of the header that carries the signature or secret";
                assert_eq!(error.to_string(), format!("signature scheme `{name}` {told}"));
            }
        }
    }
}

#[test]
fn the_guide_has_a_line_for_every_preset() {
    let guide = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guides/webhook-signatures.md");
    let guide = std::fs::read_to_string(guide).expect("docs/guides/webhook-signatures.md");
    let missing: Vec<_> = preset_names().filter(|name| !guide.contains(&format!("| `{name}` |"))).collect();
    assert_eq!(missing, Vec::<&str>::new(), "presets without a row in the guide's table");
}

#[test]
fn unknown_and_unsupported_schemes_are_told_apart() {
    let unknown = error(serde_json::json!("samsra"));
    assert!(unknown.starts_with("unknown signature scheme `samsra`: presets are aftership, "), "{unknown}");
    let told = error(serde_json::json!({"preset": "shipstation", "header": "Signature"}));
    assert!(told.starts_with("unsupported signature scheme `shipstation`: "), "{told}");
}

#[test]
fn rows_that_protect_nothing_are_refused() {
    let hmac = |more: serde_json::Value| {
        let mut row = serde_json::json!({"header": "X-Sig", "algorithm": "hmac-sha256", "encoding": "hex"});
        let more = more.as_object().expect("map").clone();
        row.as_object_mut().expect("map").extend(more);
        error(row)
    };
    let list = serde_json::json!({"separator": ",", "assign": "=", "field": "v1"});
    let cases = [
        (error(serde_json::json!({})), "needs `header`: the name of the header that carries the signature or secret"),
        (
            error(serde_json::json!({"header": "X"})),
            "needs `algorithm`: one of hmac-sha1, hmac-sha256, hmac-sha512, ed25519, ecdsa-p256-sha256, rsa-pss-sha512, \
             rsa-v1_5-sha256, http-message-hmac-sha256 (or http-message- and ed25519, ecdsa-p256-sha256, \
             rsa-pss-sha512 or rsa-v1_5-sha256), static, basic, bearer",
        ),
        (error(serde_json::json!({"header": "X", "algorithm": "hmac-sha256"})), "needs `encoding`: hex or base64"),
        (
            error(serde_json::json!({"header": "X Y", "algorithm": "static"})),
            "`header` is not a header name: letters, digits and hyphens, at most 128",
        ),
        (
            error(serde_json::json!({"header": "X", "algorithm": "static", "message": "{body}"})),
            "`message` has no meaning for a shared secret: remove it, or choose an hmac algorithm",
        ),
        (
            error(serde_json::json!({"preset": "basic", "prefix": "Basic "})),
            "`prefix` is fixed for basic and bearer: remove it",
        ),
        (
            error(serde_json::json!({"preset": "basic", "query": "token"})),
            "`query` carries the secret as it is: use `algorithm: static`",
        ),
        (
            error(serde_json::json!({"header": "X", "query": "y", "algorithm": "static"})),
            "`query` cannot stand beside `header`: keep the one the sender uses",
        ),
        (error(serde_json::json!({"query": "", "algorithm": "static"})), "`query` is empty: name the parameter"),
        (
            error(serde_json::json!({"preset": "motive", "query": "y"})),
            "`query` can only carry a shared secret: use `algorithm: static`, or `header`",
        ),
        (
            hmac(serde_json::json!({"message": "{timestamp}"})),
            "`message` must contain `{body}`: without it any body would pass",
        ),
        (
            hmac(serde_json::json!({"message": "{timestamp}.{body}"})),
            "needs `timestamp`: `message` contains `{timestamp}`, so say where it is found",
        ),
        (
            hmac(serde_json::json!({"timestamp": {"header": "X-At"}})),
            "`timestamp` is not part of `message`: anyone could change it",
        ),
        (
            hmac(serde_json::json!({"message": "{id}{body}"})),
            "needs `id_header`: `message` contains `{id}`, so say which header holds it",
        ),
        (
            hmac(serde_json::json!({"message": "{boby}"})),
            "in `message`, `{boby}` is not a part of a message: use {id}, {timestamp}, {body} or {url}, and `{{` for a brace",
        ),
        (
            hmac(serde_json::json!({"message": "{timestamp}{body}", "timestamp": {"field": "t"}})),
            "`timestamp.field` needs `list`: the header has no items",
        ),
        (
            hmac(serde_json::json!({"message": "{timestamp}{body}", "timestamp": {}})),
            "needs `timestamp`: either `header` or `field`, where the sender puts the time",
        ),
        (
            hmac(serde_json::json!({"message": "{timestamp}{body}", "list": list, "timestamp": {"field": "v1"}})),
            "`timestamp.field` is not the name of another item",
        ),
        (
            hmac(serde_json::json!({"list": list, "prefix": "x"})),
            "`prefix` cannot stand beside `list`: name the item in `list.field`",
        ),
        (
            hmac(serde_json::json!({"list": {"separator": "=", "assign": "=", "field": "v1"}})),
            "`list.separator` is the same as `list.assign`",
        ),
        (
            hmac(serde_json::json!({"list": {"separator": ",", "assign": "=", "field": "v,1"}})),
            "`list.field` is not the name of an item",
        ),
        (
            error(serde_json::json!({"preset": "rfc9421-ed25519", "key": "base64"})),
            "`key` is for shared keys: a public key is given as `whpk_…` or PEM, remove it",
        ),
        (hmac(serde_json::json!({"reject_status": 200})), "`reject_status` must be between 400 and 499"),
    ];
    for (told, expected) in cases {
        assert!(told.contains(expected), "expected {expected}\ngot      {told}");
    }
}

#[test]
fn words_that_do_not_exist_are_named() {
    let row = |field: &str, value: serde_json::Value| error(serde_json::json!({"header": "X", field: value}));
    assert!(row("algoritm", "static".into()).contains("unknown field `algoritm`"));
    assert!(row("algorithm", "ed448".into()).contains("unknown variant `ed448`, expected one of `hmac-sha1`"));
    assert!(row("encoding", "hexx".into()).contains("unknown variant `hexx`, expected `hex` or `base64`"));
    let told = row("timestamp", serde_json::json!({"past_s": "forever"}));
    assert!(told.contains("expected a number of seconds, or `unlimited`"), "{told}");
    let told = row("timestamp", serde_json::json!({"past_s": -1}));
    assert!(told.contains("fewer than 0 seconds"), "{told}");
    let told = error(serde_json::json!(17));
    assert!(told.contains("expected the name of a signature scheme, or a map that describes one"), "{told}");
}

#[test]
fn a_bad_secret_is_told_before_the_first_request() {
    let check = |preset: &str, secret: &str| Scheme::preset(preset).expect("preset").check_secret(&Secret::new(secret));
    assert_eq!(check("standard-webhooks", "whsec_b3RoZXI="), Ok(()));
    assert_eq!(check("stripe", "whsec_!"), Ok(()));
    assert_eq!(check("basic", "a:b"), Ok(()));
    assert_eq!(check("karrio", ""), Err(Reason::MissingSecret));
    assert!(matches!(check("basic", "ab"), Err(Reason::UnusableSecret { .. })));
    assert!(matches!(check("standard-webhooks", "whsec_!"), Err(Reason::UnusableSecret { .. })));
}

#[test]
fn a_scheme_knows_how_far_to_trust_it() {
    let trust = |name: &str| {
        let scheme = Scheme::preset(name).expect("preset");
        (scheme.signs_body(), scheme.limits_replay(), scheme.secret_header().map(str::to_owned))
    };
    assert_eq!(trust("samsara"), (true, true, None));
    assert_eq!(trust("stripe"), (true, true, None));
    assert_eq!(trust("shiphero"), (true, false, None));
    assert_eq!(trust("karrio"), (false, false, Some("X-Event-Id".into())));
    assert_eq!(trust("secret-in-url"), (false, false, None));
}
