//! `limits:` of a system: how much it bears at once and in a time, as a whole, for each operation and for each group.

use crossdock_connect::endpoint::Endpoint;
use crossdock_core::source::{Diagnostic, Entry, Node, Reader, nearest};
use crossdock_core::transmission::gate::{GateLimit, Limits};
use crossdock_core::transmission::pace::PaceLimit;
use crossdock_core::value::Decimal;

/// Attempts under way at once at a system that says nothing about it.
const CONCURRENCY: usize = 4;

/// What `limits` of a system says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SystemLimits {
    /// `concurrency_max`: attempts under way at once. Default 4.
    pub concurrency_max: usize,
    /// `adaptive`: whether fewer are under way while the system answers 429, 5xx or not at all. Default true.
    pub adaptive: bool,
    /// `rate_per_s` and `burst`: calls per second, polls included. Default: no limit.
    pub pace: Option<PaceLimit>,
    /// `operations` and `groups`: limits below those of the system; a batch counts as one attempt. Default: none, but one
    /// at a time for each group in which operations of the connector contend.
    pub below: Limits,
}

/// Reads `limits`, with the operations of the system's connector as far as it could be made.
pub fn read(reader: &Reader<'_>, endpoint: Option<&dyn Endpoint>) -> SystemLimits {
    let mut limits =
        SystemLimits { concurrency_max: CONCURRENCY, adaptive: true, pace: None, below: Limits::default() };
    for operation in endpoint.map(Endpoint::operations).unwrap_or_default() {
        if let Some(kind) = endpoint.and_then(|endpoint| endpoint.contends(operation.name)) {
            limits.below.groups.insert(kind.to_owned(), GateLimit { concurrency_max: Some(1), pace: None });
        }
    }
    let Some(node) = reader.node("limits") else { return limits };
    let from = Reader::new(node, "`limits`");
    let own = gate(&from, node);
    limits.concurrency_max = own.concurrency_max.unwrap_or(CONCURRENCY);
    limits.pace = own.pace;
    limits.adaptive = from.flag("adaptive").unwrap_or(true);
    for (entry, limit) in gates(&from, "operations") {
        if let Some(endpoint) = endpoint {
            check_operation(entry, endpoint, &from);
        }
        limits.below.operations.insert(entry.key.to_string(), limit);
    }
    for (entry, limit) in gates(&from, "groups") {
        limits.below.groups.insert(entry.key.to_string(), limit);
    }
    reader.mistakes(from.finish());
    limits
}

/// A map of names to limits.
fn gates<'n>(from: &Reader<'n>, key: &'static str) -> Vec<(&'n Entry, GateLimit)> {
    let Some(node) = from.node(key) else { return Vec::new() };
    let Some(entries) = node.entries() else {
        let message = format!("`{key}` of `limits` must be a map of names, not {}", node.kind_word());
        from.mistake(Diagnostic::error(&node.location, message).hint("such as `name: {concurrency_max: 2}`"));
        return Vec::new();
    };
    let read = |entry: &'n Entry| {
        let of_one = Reader::new(&entry.value, "a limit");
        let limit = gate(&of_one, &entry.value);
        if limit == GateLimit::default() {
            let mistake = Diagnostic::error(&entry.value.location, format!("`{}` limits nothing", entry.key));
            of_one.mistake(mistake.hint("give `concurrency_max` or `rate_per_s`"));
        }
        from.mistakes(of_one.finish());
        (entry, limit)
    };
    entries.iter().map(read).collect()
}

fn gate(from: &Reader<'_>, node: &Node) -> GateLimit {
    let concurrency_max = from.number("concurrency_max", 1..=1_000).map(|number| number as usize);
    let rate = rate(from);
    let burst = from.number("burst", 1..=1_000_000);
    if burst.is_some() && from.node("rate_per_s").is_none() {
        from.mistake(
            Diagnostic::error(&node.location, "`burst` limits nothing without `rate_per_s`")
                .hint("add `rate_per_s`, the calls per second that the system allows"),
        );
    }
    let pace = rate.map(|per_1000_s| PaceLimit { per_1000_s, burst: burst.unwrap_or(per_1000_s.div_ceil(1000)) });
    GateLimit { concurrency_max, pace }
}

fn check_operation(entry: &Entry, endpoint: &dyn Endpoint, from: &Reader<'_>) {
    let known: Vec<&str> = endpoint.operations().iter().map(|operation| operation.name).collect();
    if known.contains(&&*entry.key) {
        return;
    }
    let mistake = Diagnostic::error(&entry.key_location, format!("this system has no operation `{}`", entry.key));
    from.mistake(match nearest(&entry.key, known.iter().copied()) {
        Some(near) => mistake.hint(format!("did you mean `{near}`?")),
        None if known.is_empty() => mistake.hint("it only takes messages in; it has no operations"),
        None => mistake.hint(format!("it has {}", known.join(", "))),
    });
}

/// Calls per 1000 seconds, from a decimal per second.
fn rate(from: &Reader<'_>) -> Option<u64> {
    let node = from.node("rate_per_s")?;
    let rate = node
        .text()
        .and_then(|text| text.parse::<Decimal>().ok())
        .and_then(|rate| rate.checked_mul(Decimal::ONE_THOUSAND))
        .filter(|rate| *rate >= Decimal::ONE && *rate <= Decimal::from(100_000_000))
        .and_then(|rate| u64::try_from(rate.trunc()).ok());
    if rate.is_none() {
        from.mistake(
            Diagnostic::error(&node.location, "`rate_per_s` must be a number from 0.001 to 100000")
                .hint("0.5 allows one call in two seconds"),
        );
    }
    rate
}
