//! Lists that are fetched: what is asked for, what becomes of the answers, and that nothing is lost when it breaks off.

use std::collections::BTreeMap;

use crossdock_connect::endpoint::{Endpoint, PollProgress, PollState, PollStep};
use crossdock_core::exchange::{Answer, Call, Exchange, Method, SendFault};
use crossdock_core::message::Envelope;
use jiff::Timestamp;

use super::super::SPEC;
use crate::http::testing::{answer, endpoint, now, sound};

/// One step of a round, after everything that happened.
fn step(system: &dyn Endpoint, cursor: Option<&str>, so_far: &[PollProgress]) -> PollStep {
    system.poll("orders", &PollState { cursor, now: now(), so_far })
}

/// A source and a hub's memory of it. The hub may break off after any step.
struct Source {
    answers: fn(&Source, &Call) -> Result<Answer, SendFault>,
    items: Vec<(u64, String)>,
    calls: Vec<Call>,
    /// What is on disk.
    cursor: Option<String>,
    messages: BTreeMap<String, Envelope>,
}

impl Source {
    fn new(answers: fn(&Source, &Call) -> Result<Answer, SendFault>, items: u64) -> Self {
        let items = (1..=items).map(|n| (n, format!("2026-01-01T00:{n:02}:00Z"))).collect();
        Self { answers, items, calls: Vec::new(), cursor: None, messages: BTreeMap::new() }
    }

    /// One round that breaks off after so many steps. Gives how it ended, if it did.
    fn round(&mut self, system: &dyn Endpoint, steps: usize) -> Option<PollStep> {
        let begun = self.cursor.clone();
        let mut so_far = Vec::new();
        for _ in 0..steps {
            match step(system, begun.as_deref(), &so_far) {
                PollStep::Call(call) => {
                    assert_eq!((call.method, call.body.len()), (Method::Get, 0));
                    let result = (self.answers)(self, &call);
                    self.calls.push(call.clone());
                    so_far.push(PollProgress::Exchanged(Exchange { call, result }));
                }
                PollStep::Deliver { envelopes, cursor } => {
                    for envelope in envelopes {
                        self.messages.entry(envelope.dedup_key.clone()).or_insert(envelope);
                    }
                    self.cursor = cursor.or(self.cursor.take());
                    so_far.push(PollProgress::Committed);
                }
                end => return Some(end),
            }
        }
        None
    }

    fn ids(&self) -> Vec<u64> {
        let id = |envelope: &Envelope| {
            let text = std::str::from_utf8(&envelope.body).expect("text");
            text.split_once("\"id\":").and_then(|(_, rest)| rest.split([',', '}']).next()?.parse().ok()).expect("an id")
        };
        let mut ids: Vec<u64> = self.messages.values().map(id).collect();
        ids.sort_unstable();
        ids
    }
}

fn parameter(call: &Call, name: &str) -> Option<String> {
    let (_, query) = call.url.split_once('?')?;
    query.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}="))).map(|value| value.replace("%3A", ":"))
}

/// Two items a page, those of `since` and later.
fn pages_of_two(source: &Source, call: &Call) -> (Vec<String>, u64, bool) {
    let since: Timestamp = parameter(call, "since").unwrap_or_default().parse().unwrap_or(Timestamp::MIN);
    let page: u64 = parameter(call, "page").and_then(|page| page.parse().ok()).unwrap_or(1);
    let fresh: Vec<_> =
        source.items.iter().filter(|(_, at)| at.parse::<Timestamp>().expect("an instant") >= since).collect();
    let of = |(id, at): &&(u64, String)| format!("{{\"id\":{id},\"at\":\"{at}\",\"price\":1.10}}");
    let from = usize::try_from((page - 1) * 2).expect("small");
    let lines = fresh.iter().skip(from).take(2).map(of).collect();
    (lines, page, from + 2 < fresh.len())
}

fn by_number(source: &Source, call: &Call) -> Result<Answer, SendFault> {
    let (lines, ..) = pages_of_two(source, call);
    Ok(answer(200, &[("content-type", "application/json")], &format!("[{}]", lines.join(","))))
}

fn by_token(source: &Source, call: &Call) -> Result<Answer, SendFault> {
    let (lines, page, more) = pages_of_two(source, call);
    let next = if more { format!("\"{}\"", page + 1) } else { "null".into() };
    Ok(answer(200, &[], &format!("{{\"data\":[{}],\"meta\":{{\"next\":{next}}}}}", lines.join(","))))
}

fn by_link(source: &Source, call: &Call) -> Result<Answer, SendFault> {
    let (lines, page, more) = pages_of_two(source, call);
    let since = parameter(call, "since").map(|since| format!("&since={since}")).unwrap_or_default();
    let next = match more {
        true => format!("\"https://tms.example.com/api/orders?page={}{since}\"", page + 1),
        false => "null".into(),
    };
    Ok(answer(200, &[], &format!("{{\"data\":[{}],\"links\":{{\"next\":{next}}}}}", lines.join(","))))
}

fn by_header(source: &Source, call: &Call) -> Result<Answer, SendFault> {
    let (lines, page, more) = pages_of_two(source, call);
    let since = parameter(call, "since").map(|since| format!("&since={since}")).unwrap_or_default();
    let link = match more {
        true => format!("</api/orders?page=1{since}>; rel=\"first\", </api/orders?page={}{since}>; rel=next", page + 1),
        false => "</api/orders>; rel=first".into(),
    };
    Ok(answer(200, &[("link", &link)], &format!("{{\"data\":[{}]}}", lines.join(","))))
}

/// The four ways in which lists go on.
type Way = (&'static str, fn(&Source, &Call) -> Result<Answer, SendFault>);
const WAYS: [Way; 4] = [
    ("pages: {number: page}", by_number),
    ("items: data, pages: {token: meta.next, parameter: page}", by_token),
    ("items: data, pages: {link: links.next}", by_link),
    ("items: data, pages: {header: Link}", by_header),
];

fn system(more: &str) -> std::sync::Arc<dyn Endpoint> {
    sound(
        SPEC,
        &format!(
            "config: {{url: https://tms.example.com/api, auth: {{bearer: {{env: TOKEN}}}}, \
             poll: {{orders: {{path: /orders, id: id, every: 30s, {more}}}}}}}"
        ),
    )
}

const SINCE: &str = "version: at, since: {parameter: since, from: at, overlap: 1m}";

#[test]
fn every_page_is_fetched_and_then_only_what_is_new() {
    for (way, answers) in WAYS {
        let system = system(&format!("{way}, {SINCE}"));
        assert_eq!(system.polls()[0].every_ms, 30_000);
        let mut source = Source::new(answers, 5);
        assert_eq!(source.round(system.as_ref(), 100), Some(PollStep::Rest { more: false }), "{way}");
        assert_eq!(source.ids(), [1, 2, 3, 4, 5], "{way}");
        assert_eq!(parameter(&source.calls[0], "since"), None, "{way}: the first round fetches everything");
        let message = source.messages.values().next().expect("there");
        assert!(message.body.ends_with(b"\"price\":1.10}"), "{way}: its digits are as they came");
        source.calls.clear();
        source.items.push((6, "2026-01-01T00:06:00Z".into()));
        source.items[1].1 = "2026-01-01T00:07:00Z".into();
        source.round(system.as_ref(), 100);
        let since = parameter(&source.calls[0], "since");
        assert_eq!(since.as_deref(), Some("2026-01-01T00:04:00Z"), "{way}: from the last one, a minute back");
        assert_eq!(source.ids(), [1, 2, 2, 3, 4, 5, 6], "{way}: one is new, one has changed, none is doubled");
    }
}

#[test]
fn wherever_it_breaks_off_nothing_is_lost_or_doubled() {
    for (way, answers) in WAYS {
        let system = system(&format!("{way}, {SINCE}"));
        for steps in 1..12 {
            let mut source = Source::new(answers, 7);
            // Dies again and again after so many steps; with two steps a page gets through.
            for _ in 0..10 {
                source.round(system.as_ref(), steps.max(2));
            }
            source.round(system.as_ref(), steps);
            source.round(system.as_ref(), 100);
            assert_eq!(source.ids(), [1, 2, 3, 4, 5, 6, 7], "{way}, broken off after {steps} steps");
        }
    }
}

#[test]
fn a_list_longer_than_a_round_goes_on_in_the_next() {
    let system = system("pages: {number: page}");
    let mut source = Source::new(by_number, 59);
    assert_eq!(source.round(system.as_ref(), 100), Some(PollStep::Rest { more: true }));
    assert_eq!(source.ids().len(), 50);
    assert_eq!(source.round(system.as_ref(), 100), Some(PollStep::Rest { more: false }));
    assert_eq!(source.ids().len(), 59);
}

#[test]
fn a_list_that_has_not_changed_is_not_fetched_again() {
    fn tagged(source: &Source, call: &Call) -> Result<Answer, SendFault> {
        let header = call.headers.iter().find(|header| header.name == "If-None-Match");
        match header.is_some_and(|header| header.value == format!("\"v{}\"", source.items.len())) {
            true => Ok(answer(304, &[], "")),
            false => {
                let tag = format!("\"v{}\"", source.items.len());
                let ids: Vec<String> = source.items.iter().map(|(id, _)| format!("{{\"id\":{id}}}")).collect();
                Ok(answer(200, &[("etag", &tag)], &format!("[{}]", ids.join(","))))
            }
        }
    }
    let system = system("items: ''");
    let mut source = Source::new(tagged, 2);
    source.round(system.as_ref(), 100);
    let kept = source.cursor.clone();
    assert_eq!(source.round(system.as_ref(), 100), Some(PollStep::Rest { more: false }));
    assert_eq!((source.calls.len(), &source.cursor), (2, &kept), "asked once more, and nothing was written");
    source.items.push((3, String::new()));
    source.round(system.as_ref(), 100);
    assert_eq!(source.ids(), [1, 2, 3]);
}

/// A token that is not known any more begins the list again; nothing of it was counted as through.
#[test]
fn a_page_that_is_gone_begins_the_list_again() {
    fn forgetful(source: &Source, call: &Call) -> Result<Answer, SendFault> {
        match parameter(call, "page") {
            Some(_) if source.calls.len() == 1 => Ok(answer(410, &[], "{\"title\":\"cursor expired\"}")),
            _ => by_token(source, call),
        }
    }
    let system = system(&format!("{}, {SINCE}", WAYS[1].0));
    let mut source = Source::new(forgetful, 5);
    assert_eq!(source.round(system.as_ref(), 2), None, "it dies behind the first page");
    assert_eq!(source.round(system.as_ref(), 100), Some(PollStep::Rest { more: true }));
    source.round(system.as_ref(), 100);
    assert_eq!(source.ids(), [1, 2, 3, 4, 5]);
}

#[test]
fn what_goes_wrong_is_told_and_moves_nothing() {
    let ended = |more: &str, result: Result<Answer, SendFault>| {
        let system = system(more);
        let PollStep::Call(call) = step(system.as_ref(), None, &[]) else { panic!("it calls") };
        match step(system.as_ref(), None, &[PollProgress::Exchanged(Exchange { call, result })]) {
            PollStep::Failed { reason, unusable } => format!("{unusable}: {reason}"),
            other => format!("{other:?}"),
        }
    };
    let ok = |body: &str| Ok(answer(200, &[], body));
    assert_eq!(
        ended("items: data", ok("{\"orders\":[]}")),
        "true: `data` of GET /orders is not a list: see `poll.orders.items`"
    );
    assert!(ended("items: data", Ok(answer(401, &[], ""))).starts_with("true: HTTP 401; check the credentials in "));
    assert_eq!(ended("items: data", Ok(answer(503, &[], ""))), "false: HTTP 503");
    let refused = SendFault::NotSent("refused".into());
    assert!(ended("items: data", Err(refused)).starts_with("false: "));
    let link = |to: &str| ok(&format!("{{\"data\":[{{\"id\":1}}],\"next\":\"{to}\"}}"));
    let linked = "items: data, pages: {link: next}";
    // The page itself is good and is kept; where it leads is told in the next step.
    for bad in
        ["https://evil.example.com/orders?page=2", "//evil.example.com/x", "https://tms.example.com@evil.example/x"]
    {
        let system = system(linked);
        let PollStep::Call(call) = step(system.as_ref(), None, &[]) else { panic!("it calls") };
        let fetched = PollProgress::Exchanged(Exchange { call, result: link(bad) });
        assert!(matches!(step(system.as_ref(), None, std::slice::from_ref(&fetched)), PollStep::Deliver { .. }));
        match step(system.as_ref(), None, &[fetched, PollProgress::Committed]) {
            PollStep::Failed { reason, unusable: true } => {
                assert!(reason.contains("is not at `url`"), "{bad}: {reason}")
            }
            other => panic!("{bad}: {other:?}"),
        }
    }
}

#[test]
fn mistakes_are_told_with_their_place() {
    let told = |poll: &str| {
        endpoint(SPEC, &format!("config:\n  url: https://a.example\n  poll: {poll}\n")).expect_err("a mistake")
    };
    let cases = [
        ("[orders]", "`poll` must be a map, but it is a list"),
        ("{Open Orders: {path: /orders}}", "`Open Orders` is not the name of a channel"),
        ("{orders: {}}", "`poll` lacks `path`"),
        ("{orders: {path: orders}}", "`path` begins with a slash and is encoded already"),
        ("{orders: {path: /orders, every: 1ms}}", "`every` must be between 1s and 7d"),
        ("{orders: {path: /orders, version: v}}", "`version` needs `id`"),
        ("{orders: {path: /orders, since: {parameter: s}}}", "`since` lacks `from`"),
        ("{orders: {path: /orders, pages: {token: next}}}", "`pages` is none of the forms that are known"),
        ("{orders: {path: /orders, pages: {number: page, link: next}}}", "`pages` is none of the forms"),
        ("{orders: {path: /orders, item: x}}", "item"),
    ];
    for (poll, expected) in cases {
        let mistakes = told(poll);
        assert!(mistakes.contains(expected), "expected {expected}\ngot      {mistakes}");
    }
}
