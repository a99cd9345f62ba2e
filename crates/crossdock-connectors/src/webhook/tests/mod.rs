//! What a customer's system is told, and what it tells.

mod notifying;
mod receiving;

use super::SPEC;
use crate::http::testing::{check_guide, endpoint, sound};

#[test]
fn mistakes_in_the_configuration_are_told() {
    let check = |yaml: &str, expect: &str| {
        assert_eq!(
            endpoint(SPEC, yaml).err().unwrap_or_default().replace("systems/partner.yaml:", ""),
            expect,
            "{yaml}"
        );
    };
    check(
        "system: customer",
        "1:1: error: a webhook system needs `config`, `webhook` or both (`config: {url: …, secret: …}` is for what is sent, `webhook: {secret: …}` for what is received)",
    );
    check(
        "config: {url: 'https://a.example/hook#x', source: my hub, secrets: {env: WHSEC}}\nwebhook: {secret: {env: SHARED}}",
        "2:19: error: this secret cannot serve the scheme standard-webhooks: unusable secret: it is not base64 behind `whsec_`\n\
         1:15: error: `url` may not have a `#` part: it is never sent: `https://a.example/hook#x` (for example https://api.example.com/v2)\n\
         1:9: error: config of webhook lacks `secret`\n\
         1:51: error: `source` must be a URI or a path without spaces (for example https://hub.example.com or /crossdock)\n\
         1:59: error: config of webhook has no field `secrets` (did you mean `secret`?)",
    );
    assert!(sound(SPEC, "webhook: {secret: {env: WHSEC}}").operations().is_empty());
    assert_eq!(sound(SPEC, "config: {url: 'https://a.example/hook?t=1', secret: {env: WHSEC}}").operations().len(), 1);
    sound(SPEC, "webhook: {secret: {env: TOKEN}, scheme: bearer}");
}

#[test]
fn the_guide_shows_what_can_be_configured() {
    check_guide(SPEC, include_str!("../guide.md"));
}
