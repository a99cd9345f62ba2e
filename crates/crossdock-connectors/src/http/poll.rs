//! Systems that do not push: their lists are fetched with GET, page by page, and every item becomes a message. A round is
//! a pure function of what happened in it, like everything in a connector; the shell calls, commits and comes back.
//!
//! The cursor is committed in one changeset with the messages of its page, so a crash repeats a page at most, and the keys
//! of its messages are known then. While pages are left, the cursor says where to go on; the time from which changes are
//! asked for moves only when the last page is on disk.

use crossdock_connect::endpoint::{PollPlan, PollProgress, PollState, PollStep, Repeat};
use crossdock_core::exchange::{Call, Exchange, Header, Method};
use crossdock_core::message::Envelope;
use crossdock_core::transmission::Outcome;
use crossdock_core::value::Value;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::answer::{Rules, excerpt, json_of};
use super::inbound::{Identity, word};
use super::remote::{Remote, is_header_value};
use super::request::encoded;

/// Pages of one round; the next round goes on where this one stopped.
const PAGES_MAX: usize = 25;

/// Longest `ETag` or `Last-Modified` that is kept, in bytes.
const VALIDATOR_BYTES_MAX: usize = 1024;

/// One list that is fetched.
#[derive(Clone, Debug)]
pub(super) struct Poll {
    /// The channel of its messages; names its cursor too.
    pub channel: String,
    /// Begins with a slash; may have a query.
    pub path: String,
    pub every_ms: u64,
    /// Dotted path of the list in the answer; empty when the answer is the list.
    pub items: String,
    /// Dotted path of an item's id; without it the item's bytes say which it is.
    pub id: Option<String>,
    /// Dotted path of what changes with every change of an item.
    pub version: Option<String>,
    pub since: Option<Since>,
    pub pages: Pages,
}

/// How only what changed is asked for.
#[derive(Clone, Debug)]
pub(super) struct Since {
    /// The query parameter that says from when on.
    pub parameter: String,
    /// Dotted path, in an item, of what that parameter is compared with.
    pub from: String,
    /// Where the first round begins; everything when absent.
    pub start: Option<String>,
    /// How far back each round looks again, in milliseconds. Only for times.
    pub overlap_ms: u64,
}

/// How a list goes on.
#[derive(Clone, Debug)]
pub(super) enum Pages {
    /// It does not.
    One,
    /// The page's number is a query parameter; an empty page is behind the last.
    Number { parameter: String, first: u64 },
    /// The answer holds a token for the next page, which is a query parameter.
    Token { path: String, parameter: String },
    /// The answer holds the address of the next page.
    Link { path: String },
    /// The header `Link` (RFC 8288) has the address of the next page.
    Header,
}

/// Where a poll stands, as JSON in the store.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Cursor {
    /// Everything before this was fetched.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<String>,
    /// The highest value seen on the pages so far of a list that is not through.
    #[serde(skip_serializing_if = "Option::is_none")]
    high: Option<String>,
    /// Where that list goes on: a number, a token or an address.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
    /// What the last answer said of itself, and the address it was of.
    #[serde(skip_serializing_if = "Option::is_none")]
    seen: Option<Seen>,
}

/// A validator of an answer (RFC 9110 section 8.8).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Seen {
    url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    etag: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    modified: Option<String>,
}

impl Poll {
    pub fn plan(&self) -> PollPlan {
        PollPlan { name: self.channel.clone(), every_ms: self.every_ms }
    }

    /// The next step of a round.
    pub fn step(&self, remote: &Remote, rules: &Rules, state: &PollState<'_>) -> PollStep {
        let begun: Cursor = state.cursor.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        let resumes = begun.next.is_some();
        let (mut cursor, mut pages) = (begun, 0);
        let mut happened = state.so_far.iter();
        loop {
            if pages == PAGES_MAX {
                return PollStep::Rest { more: true };
            }
            let url = match self.url(remote, &cursor) {
                Ok(url) => url,
                Err(reason) => return PollStep::Failed { reason, unusable: true },
            };
            let Some(PollProgress::Exchanged(exchange)) = happened.next() else {
                return PollStep::Call(self.call(remote, &cursor, url));
            };
            let is_first = pages == 0;
            pages += 1;
            let page = match self.read(rules, exchange, &url, &cursor, state.now) {
                Ok(Some(page)) => page,
                Ok(None) => return PollStep::Rest { more: false },
                // The token of a page that was left for later may be worthless by now: begin again.
                Err(PollStep::Failed { unusable: true, .. }) if is_first && resumes && is_gone(exchange) => {
                    Page { envelopes: Vec::new(), cursor: Cursor { next: None, high: None, ..cursor.clone() } }
                }
                Err(step) => return step,
            };
            let has_news = !page.envelopes.is_empty() || page.cursor != cursor;
            if has_news && happened.next().is_none() {
                let text = serde_json::to_string(&page.cursor).ok();
                return PollStep::Deliver { envelopes: page.envelopes, cursor: text };
            }
            let began_again = cursor.next.is_some() && page.cursor.next.is_none() && page.cursor.since == cursor.since;
            cursor = page.cursor;
            if cursor.next.is_none() {
                return PollStep::Rest { more: began_again && is_gone(exchange) };
            }
        }
    }

    fn url(&self, remote: &Remote, cursor: &Cursor) -> Result<String, String> {
        let mut url = format!("{}{}", remote.url, self.path);
        let mut add = |name: &str, value: &str| {
            let sign = if url.contains('?') { '&' } else { '?' };
            url.push_str(&format!("{sign}{}={}", encoded(name), encoded(value)));
        };
        if let Some(since) = &self.since
            && let Some(value) = cursor.since.as_ref().map(|value| since.looked_back(value)).or(since.start.clone())
        {
            add(&since.parameter, &value);
        }
        match (&self.pages, cursor.next.as_deref()) {
            (Pages::Number { parameter, first }, next) => add(parameter, next.unwrap_or(&first.to_string())),
            (Pages::Token { parameter, .. }, Some(token)) => add(parameter, token),
            (Pages::Link { .. } | Pages::Header, Some(link)) => return resolved(remote, &url, link),
            _ => {}
        }
        Ok(url)
    }

    fn call(&self, remote: &Remote, cursor: &Cursor, url: String) -> Call {
        let mut headers = Vec::new();
        if !remote.headers.iter().any(|header| header.name.eq_ignore_ascii_case("accept")) {
            headers.push(Header::new("Accept", "application/json"));
        }
        if let Some(seen) = cursor.seen.as_ref().filter(|seen| seen.url == url) {
            let validators = [("If-None-Match", &seen.etag), ("If-Modified-Since", &seen.modified)];
            let given = validators.into_iter().find_map(|(name, value)| Some((name, value.clone()?)));
            headers.extend(given.map(|(name, value)| Header::new(name, value)));
        }
        remote.call(Method::Get, url, headers, Vec::new())
    }

    /// What an answer holds; `None` when nothing has changed.
    fn read(
        &self,
        rules: &Rules,
        exchange: &Exchange,
        url: &str,
        cursor: &Cursor,
        now: Timestamp,
    ) -> Result<Option<Page>, PollStep> {
        if let Ok(answer) = &exchange.result
            && answer.status == 304
        {
            return Ok(None);
        }
        rules.read_exchange(exchange, Repeat::Safe, now).map_err(failed)?;
        let json = exchange.result.as_ref().ok().and_then(json_of);
        let items = json.as_ref().and_then(|json| json.at(&self.items)).and_then(Value::as_list);
        let (Some(json), Some(items)) = (&json, items) else {
            let place = if self.items.is_empty() { "the answer".to_owned() } else { format!("`{}`", self.items) };
            let reason = format!("{place} of GET {} is not a list: see `poll.{}.items`", self.path, self.channel);
            return Err(PollStep::Failed { reason, unusable: true });
        };
        let next = self.next(exchange, json, items.len(), cursor);
        if next.is_some() && next == cursor.next {
            let reason = format!("the list at {} goes on with the page it is on, without an end", self.path);
            return Err(PollStep::Failed { reason, unusable: true });
        }
        let high = self.since.as_ref().and_then(|since| since.highest(cursor.high.as_deref(), items));
        // A validator of a first page stands for the whole of a list that has no further one.
        let seen = match cursor.next {
            None if next.is_none() => seen(exchange, url),
            _ => None,
        };
        let after = match &next {
            Some(_) => Cursor { since: cursor.since.clone(), high, next, seen },
            None => Cursor { since: later(high.as_deref(), cursor.since.as_deref()), high: None, next, seen },
        };
        Ok(Some(Page { envelopes: items.iter().map(|item| self.envelope(item)).collect(), cursor: after }))
    }

    fn next(&self, exchange: &Exchange, json: &Value, items: usize, cursor: &Cursor) -> Option<String> {
        match &self.pages {
            Pages::One => None,
            Pages::Number { first, .. } => {
                let number = cursor.next.as_ref().and_then(|number| number.parse().ok()).unwrap_or(*first);
                (items > 0).then(|| number.saturating_add(1).to_string())
            }
            Pages::Token { path, .. } | Pages::Link { path } => json.at(path).and_then(word),
            Pages::Header => exchange.result.as_ref().ok()?.header("link").and_then(next_link),
        }
    }

    fn envelope(&self, item: &Value) -> Envelope {
        let body = item.to_json_string().into_bytes();
        let id = self.id.as_ref().and_then(|path| item.at(path)).and_then(word);
        let version = self.version.as_ref().and_then(|path| item.at(path)).and_then(word);
        // As a list in JSON no two look alike.
        let list = |words: &[&str]| Value::list(words.iter().copied()).to_json_string();
        let dedup_key = match (&id, &version) {
            (Some(id), Some(version)) => Identity::Proven(&list(&[&self.channel, id, version])).key(&body),
            (Some(id), None) => Identity::Claimed(&list(&[&self.channel, id])).key(&body),
            (None, _) => Identity::Claimed(&list(&[&self.channel])).key(&body),
        };
        Envelope {
            channel: self.channel.clone(),
            dedup_key,
            content_type: "application/json".to_owned(),
            headers: Vec::new(),
            body,
        }
    }
}

/// One page, read.
struct Page {
    envelopes: Vec<Envelope>,
    cursor: Cursor,
}

fn failed(outcome: Outcome) -> PollStep {
    match outcome {
        Outcome::Retry { reason, .. } | Outcome::Unknown { reason } => PollStep::Failed { reason, unusable: false },
        Outcome::Refused { reason } | Outcome::Unusable { reason } => PollStep::Failed { reason, unusable: true },
        Outcome::Accepted { .. } => PollStep::Failed { reason: "the answer says nothing".into(), unusable: false },
    }
}

/// The page that was asked for is not known any more.
fn is_gone(exchange: &Exchange) -> bool {
    exchange.result.as_ref().is_ok_and(|answer| matches!(answer.status, 400 | 404 | 410 | 422))
}

fn seen(exchange: &Exchange, url: &str) -> Option<Seen> {
    let answer = exchange.result.as_ref().ok()?;
    let fits = |text: &&str| text.len() <= VALIDATOR_BYTES_MAX && is_header_value(text);
    let header = |name: &str| answer.header(name).filter(fits).map(str::to_owned);
    let (etag, modified) = (header("etag"), header("last-modified"));
    (etag.is_some() || modified.is_some()).then(|| Seen { url: url.to_owned(), etag, modified })
}

impl Since {
    /// A value, so much earlier as rounds overlap.
    fn looked_back(&self, value: &str) -> String {
        let back = SignedDuration::from_millis(i64::try_from(self.overlap_ms).unwrap_or(i64::MAX));
        match value.parse::<Timestamp>().ok().and_then(|at| at.checked_sub(back).ok()) {
            Some(earlier) if self.overlap_ms > 0 => earlier.to_string(),
            _ => value.to_owned(),
        }
    }

    fn highest(&self, known: Option<&str>, items: &[Value]) -> Option<String> {
        items
            .iter()
            .filter_map(|item| item.at(&self.from).and_then(word))
            .fold(known.map(str::to_owned), |highest, value| later(highest.as_deref(), Some(&value)))
    }
}

/// The later of two: as times or whole numbers where both are, else as texts.
fn later(one: Option<&str>, other: Option<&str>) -> Option<String> {
    let (Some(a), Some(b)) = (one, other) else { return one.or(other).map(str::to_owned) };
    let ordering = match (a.parse::<Timestamp>(), b.parse::<Timestamp>(), a.parse::<i128>(), b.parse::<i128>()) {
        (Ok(a), Ok(b), ..) => a.cmp(&b),
        (_, _, Ok(a), Ok(b)) => a.cmp(&b),
        _ => a.cmp(b),
    };
    Some(if ordering.is_lt() { b } else { a }.to_owned())
}

/// The address that a link of an answer stands for. It must be at the same place, for the credentials go along.
fn resolved(remote: &Remote, current: &str, link: &str) -> Result<String, String> {
    let origin_of = |url: &str| {
        let behind = url.find("://").map_or(0, |at| at + 3);
        let end = url[behind..].find(['/', '?', '#']).map_or(url.len(), |at| behind + at);
        url[..end].to_ascii_lowercase()
    };
    let origin = origin_of(&remote.url);
    let url = match link {
        _ if link.contains("://") => link.to_owned(),
        _ if link.starts_with("//") => return Err(elsewhere(link)),
        _ if link.starts_with('/') => format!("{origin}{link}"),
        _ if link.starts_with('?') => format!("{}{link}", current.split('?').next().unwrap_or_default()),
        _ => return Err(format!("the next page is named by `{}`, which is no address", excerpt(link))),
    };
    let is_clean = url.bytes().all(|byte| byte.is_ascii_graphic()) && !url.contains(['\\', '#', '@']);
    match origin_of(&url) == origin && is_clean {
        true => Ok(url),
        false => Err(elsewhere(link)),
    }
}

fn elsewhere(link: &str) -> String {
    let place = link.split('?').next().unwrap_or_default();
    format!("the next page lies at {}, which is not at `url`: the credentials are not sent there", excerpt(place))
}

/// The address with `rel=next` of a `Link` header (RFC 8288).
fn next_link(header: &str) -> Option<String> {
    let mut rest = header;
    while let Some((_, behind)) = rest.split_once('<') {
        let (target, behind) = behind.split_once('>')?;
        let end = behind.find('<').unwrap_or(behind.len());
        let is_next =
            behind[..end].split([';', ',']).filter_map(|part| part.trim().split_once('=')).any(|(name, value)| {
                let words = value.trim().trim_matches('"');
                name.trim().eq_ignore_ascii_case("rel")
                    && words.split(' ').any(|word| word.eq_ignore_ascii_case("next"))
            });
        if is_next {
            return Some(target.trim().to_owned());
        }
        rest = &behind[end..];
    }
    None
}
