//! Mistakes in a system's file, all at once and each with its place.

use crossdock_connect::signature::SchemeSpec;
use serde::Deserialize as _;

use crate::http::SPEC;
use crate::http::proof::SCHEME_FIELDS;
use crate::http::remote::{Tail, check_url};
use crate::http::testing::{check_guide, endpoint, sound};

fn check(yaml: &str, expect: &str) {
    let mistakes = endpoint(SPEC, yaml.trim_start_matches('\n')).err().unwrap_or_default();
    let mistakes = mistakes.replace("systems/partner.yaml:", "").replace(" error:", "");
    assert_eq!(mistakes, expect.trim_matches('\n'), "{yaml}");
}

#[test]
fn every_mistake_is_told_at_once_with_its_place() {
    check(
        "
config:
  url: api.example.com
  timout: 5s
  auth: {bearer: {env: NOPE}}
  headers: {Authorization: Bearer abc, Content-Length: 3, X-List: [1]}
  answers: {conflict: ignore, not_foud: retry}
  idempotency: {header: My Key, form: doubled}
webhook:
  scheme: standard-webhook
  secret: {env: WHSEC}
  channel_from: {headr: X-Topic}
  accept: xml
  id_field: id
  dedup_by: body",
        "
2:8: `url` must begin with https:// or http://: `api.example.com` (for example https://api.example.com/v2)
4:18: the environment variable NOPE is not set
5:13: a credential does not stand in the hub folder (use `auth`, for example {bearer: {env: TOKEN}})
5:40: `Content-Length` is set by the connection itself
5:67: the header X-List needs a text of visible ASCII
7:25: `My Key` is not the name of a header
7:39: `form` of `idempotency` must be one of quoted, bare
6:23: `conflict` of `answers` must be one of retry, refuse, accept
6:31: `answers` has no field `not_foud` (did you mean `not_found`?)
3:3: config of http has no field `timout` (did you mean `timeout`?)
9:11: unknown signature scheme `standard-webhook` (did you mean `standard-webhooks`?)
12:11: `accept` of webhook of http must be one of json, any
11:17: `channel_from` needs either `header` or `field` (for example {header: X-Shopify-Topic})
11:18: `channel_from` has no field `headr` (did you mean `header`?)
13:13: `id_header`, `id_field` and `dedup_by: body` exclude each other (keep the one that names a message for good; an id in the signed body is best)",
    );
}

#[test]
fn a_scheme_written_out_has_its_mistakes_told_at_their_fields() {
    check(
        "
webhook:
  secret: [{env: SHARED}, {env: NOPE}]
  scheme:
    header: X-Sig
    algorithm: hmac-sha265
    encodng: hex
    timestamp: {header: X-Time, past_s: -1}",
        "
5:16: `algorithm` of `scheme`: unknown variant `hmac-sha265`, expected one of `hmac-sha1`, `hmac-sha256`, `hmac-sha512`, `http-message-hmac-sha256`, `ed25519`, `ecdsa-p256-sha256`, `rsa-pss-sha512`, `rsa-v1_5-sha256`, `http-message-ed25519`, `http-message-ecdsa-p256-sha256`, `http-message-rsa-pss-sha512`, `http-message-rsa-v1_5-sha256`, `static`, `basic`, `bearer`
6:5: `scheme` has no field `encodng` (did you mean `encoding`?)
7:16: `timestamp` of `scheme`: fewer than 0 seconds
2:27: the environment variable NOPE is not set",
    );
    check(
        "
webhook:
  secret: {env: SHARED}
  scheme: {header: X-Sig, algorithm: hmac-sha256, encoding: hex, message: '{id}'}",
        "3:75: signature scheme `custom`: `message` must contain `{body}`: without it any body would pass",
    );
    check(
        "webhook: {secret: {env: SHARED}, scheme: {preset: samsra}}",
        "1:51: unknown signature scheme `samsra` (did you mean `samsara`?)",
    );
    check(
        "webhook: {secret: {env: SHARED}, scheme: standard-webhooks}",
        "1:19: this secret cannot serve the scheme standard-webhooks: unusable secret: it is not base64 behind `whsec_`",
    );
    check(
        "webhook: {scheme: shipstation, secret: []}",
        "1:19: unsupported signature scheme `shipstation`: ShipStation signs with RSA-SHA256 and public keys fetched from its server; use `secret-in-url` or a shared-secret-header on its webhook, and read the shipment again before acting\n\
         1:40: `secret` is an empty list: nothing could be verified or signed (give at least one, for example {env: WEBHOOK_SECRET})",
    );
}

#[test]
fn what_is_missing_is_told() {
    check(
        "system: partner",
        "1:1: an http system needs `config`, `webhook` or both (`config: {url: …}` is for what is sent, `webhook: {scheme: …, secret: …}` for what is received)",
    );
    check("webhook: {}", "1:10: webhook of http lacks `scheme`\n1:10: webhook of http lacks `secret`");
    check("config: {}", "1:9: config of http lacks `url`");
    check(
        "config: {url: https://a.example, auth: {}}",
        "1:40: `auth` needs one of `bearer`, `basic` and `header` (for example {bearer: {env: TOKEN}})",
    );
    check("config: {url: https://a.example, auth: {header: X-Key}}", "1:40: `auth` lacks `secret`");
    check(
        "config: {url: https://a.example, auth: {basic: {user: 'a:b'}}}",
        "1:48: `basic` lacks `password`\n1:48: `user` of `basic` may not contain a colon (RFC 7617)",
    );
    check(
        "config: {url: https://a.example, auth: {bearer: {env: BROKEN}}}",
        "1:49: the secret cannot stand in the header Authorization: it holds more than visible ASCII (is there a line break at its end?)",
    );
    check(
        "config: {url: https://a.example, idempotency: none}",
        "1:47: `idempotency` names the header for the key (for a system that honours none, use the operation `request.send_once`)",
    );
    check(
        "config: {url: https://a.example, timeout: 11m}",
        "1:43: `timeout` must be more than nothing and at most 10m",
    );
    check("config: {url: https://a.example, auth: {bearer: {env: TOKEN}}, headers: {authorisation: x}}", "");
    check(
        "config: {url: https://a.example, auth: [{bearer: {env: TOKEN}}, {bearer: {env: SHARED}}], headers: {A: x, a: y}}",
        "1:40: the header Authorization is given twice\n1:100: the header a is given twice",
    );
}

#[test]
fn only_addresses_that_can_be_called_are_taken() {
    for good in [
        "https://a.example",
        "http://127.0.0.1:8069/api",
        "http://[::1]:80",
        "https://[2001:db8::1]",
        "https://a.example/x/",
    ] {
        assert_eq!(check_url(good, Tail::Base), Ok(()), "{good}");
    }
    for bad in [
        "",
        "a.example",
        "ftp://a.example",
        "https://",
        "https:///x",
        "https://a b",
        "https://a.example/ü",
        "https://u:p@a.example",
        "https://a.example:port",
        "https://a.example:70000",
        "https://a.example/#x",
        "https://a.example\\x",
        "https://a.example?x=1",
    ] {
        assert!(check_url(bad, Tail::Base).is_err(), "{bad}");
    }
    assert_eq!(check_url("https://a.example/hook?tenant=7", Tail::Whole), Ok(()));
}

#[test]
fn the_known_fields_of_a_scheme_are_those_it_has() {
    for field in SCHEME_FIELDS {
        let alone = serde_json::Map::from_iter([((*field).to_owned(), serde_json::Value::Null)]);
        assert!(SchemeSpec::deserialize(serde_json::Value::Object(alone)).is_ok(), "{field}");
    }
    let unknown = SchemeSpec::deserialize(serde_json::json!({"?": 1})).expect_err("unknown").to_string();
    assert_eq!(unknown.matches('`').count() / 2 - 1, SCHEME_FIELDS.len(), "{unknown}");
}

#[test]
fn presets_may_be_changed_in_place() {
    sound(
        SPEC,
        "webhook: {secret: {env: SAMSARA}, scheme: {preset: samsara, timestamp: {past_s: 900, future_s: unlimited}}}",
    );
    sound(
        SPEC,
        "webhook: {secret: [{env: SHARED}, {env: TOKEN}], scheme: {header: X-S, algorithm: hmac-sha256, encoding: hex, list: {separator: ',', assign: '=', field: v1}}}",
    );
}

#[test]
fn the_guide_shows_what_can_be_configured() {
    check_guide(SPEC, include_str!("../guide.md"));
}
