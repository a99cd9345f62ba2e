//! What a warehouse tells, and the orders it gets.

mod receiving;
mod releasing;

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
        "system: warehouse",
        "1:1: error: a shiphero system needs `webhook`, `config` or both (`webhook: {secret: …}` is for what it tells, `config: {url: …}` for orders)",
    );
    check(
        "webhook: {secret: {env: NOPE}, id_field: x}\nconfig: {urll: https://a.example, answers: {conflict: no}}",
        "1:19: error: the environment variable NOPE is not set\n\
         1:32: error: webhook of shiphero has no field `id_field` (known are dedup_by_body, scheme, secret)\n\
         2:9: error: config of shiphero lacks `url`\n\
         2:55: error: `conflict` of `answers` must be one of retry, refuse, accept\n\
         2:10: error: config of shiphero has no field `urll` (did you mean `url`?)",
    );
    assert!(sound(SPEC, "webhook: {secret: {env: SHARED}}").operations().is_empty());
    assert_eq!(sound(SPEC, "config: {url: https://a.example}").operations().len(), 1);
}

#[test]
fn the_guide_shows_what_can_be_configured() {
    check_guide(SPEC, include_str!("../guide.md"));
}
