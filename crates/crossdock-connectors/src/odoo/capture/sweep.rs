//! The sweep: what was written lately, model by model. Odoo stamps a record with the start of its transaction and
//! shows it after the end, so each pass looks back by an overlap that outlasts the longest transaction, and the
//! messages' keys stop what was seen before. Conditions are only ever `>=`, whose meaning all versions share.

use crossdock_connect::endpoint::PollState;
use crossdock_core::value::{JsonLimits, Value};
use jiff::{SignedDuration, Timestamp};

use super::super::answer;
use super::super::call::{Ask, all, is, numbers};
use super::super::config::{CapturedModel, Odoo};
use super::super::talk::Record;
use super::{PollStep, Polled, Round, envelope, failed, preset, record};

const PREFIX: &str = "sweep/";
/// Records looked at in one round.
const PAGE_MAX: i64 = 200;

/// What one poll looks through.
struct Target<'a> {
    model: &'a CapturedModel,
    /// The model whose `write_date` is looked at: the captured one, or that of its lines.
    looked_at: String,
    /// The field that names the captured record; `None` for the record itself.
    link: Option<&'static str>,
}

/// One poll per model, and one for the lines that change without their record being written.
pub(super) fn names(odoo: &Odoo) -> Vec<String> {
    targets(odoo).map(|target| format!("{PREFIX}{}", target.looked_at)).collect()
}

fn targets(odoo: &Odoo) -> impl Iterator<Item = Target<'_>> {
    odoo.capture.models.iter().flat_map(|model| {
        let own = Target { model, looked_at: model.name.clone(), link: None };
        let lines = preset::of(&model.name).and_then(|preset| preset.lines).filter(|lines| lines.only.is_none());
        let lines = lines.map(|lines| Target { model, looked_at: lines.model.into(), link: Some(lines.link) });
        std::iter::once(own).chain(lines)
    })
}

pub(super) fn run(round: &mut Round<'_>, name: &str, state: &PollState<'_>) -> Polled<bool> {
    let odoo = round.odoo;
    let Some(target) = targets(odoo).find(|target| name.strip_prefix(PREFIX) == Some(target.looked_at.as_str())) else {
        return Err(PollStep::Failed { reason: format!("odoo has no poll {name}"), unusable: false });
    };
    let cursor = Cursor::read(state.cursor);
    let overlap = SignedDuration::from_millis(i64::try_from(odoo.capture.overlap_ms).unwrap_or(i64::MAX));
    let first = odoo.capture.from.unwrap_or_else(|| earlier(state.now, overlap));
    let from = match (cursor.page_from, cursor.high) {
        (Some(page), _) => page,
        (None, Some(high)) => earlier(high, overlap),
        (None, None) => first,
    };
    let (rows, server_now) = page(round, &target, from, &cursor.page_seen)?;
    let latest = rows.iter().filter_map(written).max().unwrap_or(from);
    let is_full = rows.len() as i64 == PAGE_MAX;
    // What commits while a long pass runs may lie behind it, so the next one looks back from where this one began.
    let began = cursor.pass_began.or(server_now).unwrap_or(state.now);
    let next = match is_full {
        true => Cursor {
            high: cursor.high,
            pass_began: Some(began),
            page_from: Some(latest),
            page_seen: seen(&cursor, from, latest, &rows),
        },
        false => Cursor { high: cursor.high.max(Some(began)), ..Cursor::default() },
    };
    let ids = captured(&target, &rows);
    let mut envelopes = Vec::new();
    if !ids.is_empty() {
        let records = record::read(round, target.model, &ids)?;
        envelopes.extend(records.into_iter().map(|(id, record)| envelope::upsert(&target.model.name, id, record)));
    }
    if !envelopes.is_empty() || next != cursor {
        round.deliver(envelopes, Some(next.write()))?;
    }
    Ok(is_full)
}

/// One page of what was written since `from`, oldest first, and the time on Odoo's clock.
fn page(
    round: &mut Round<'_>,
    target: &Target<'_>,
    from: Timestamp,
    seen: &[i64],
) -> Polled<(Vec<Value>, Option<Timestamp>)> {
    let mut domain = vec![is("write_date", ">=", odoo_time(from))];
    if !seen.is_empty() {
        domain.push(is("id", "not in", numbers(seen)));
    }
    let mut fields = vec!["write_date"];
    fields.extend(target.link);
    let ask = Ask::search(target.looked_at.clone(), all(domain), &fields)
        .context("active_test", false)
        .with("order", "write_date,id")
        .with("limit", PAGE_MAX)
        .doing(format!("looking for changes of {}", target.looked_at));
    let exchange = round.exchange(&ask)?;
    let rows = answer::read(exchange).map_err(|failure| failed(&ask, &failure))?;
    let server_now = exchange.result.as_ref().ok().and_then(|answer| http_date(answer.header("date")?));
    Ok((rows.as_list().unwrap_or_default().to_vec(), server_now))
}

/// The records of the captured model behind the rows, each once.
fn captured(target: &Target<'_>, rows: &[Value]) -> Vec<i64> {
    let mut ids: Vec<i64> = Vec::new();
    for row in rows {
        let id = match target.link {
            Some(link) => row.link(link),
            None => Some(row.id()),
        };
        ids.extend(id.filter(|id| !ids.contains(id)));
    }
    ids
}

/// The rows that the next page must leave out: those of the second it begins with. A large import shares one second,
/// so they add up while the second stays the same.
fn seen(cursor: &Cursor, from: Timestamp, latest: Timestamp, rows: &[Value]) -> Vec<i64> {
    let mut seen = if latest == from { cursor.page_seen.clone() } else { Vec::new() };
    seen.extend(rows.iter().filter(|row| written(row) == Some(latest)).map(Record::id));
    seen
}

/// Where a sweep stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Cursor {
    /// When the last whole pass began, on Odoo's clock.
    high: Option<Timestamp>,
    /// When the unfinished pass began.
    pass_began: Option<Timestamp>,
    /// Where the next page of an unfinished pass begins.
    page_from: Option<Timestamp>,
    /// Rows of that second that were read already.
    page_seen: Vec<i64>,
}

impl Cursor {
    fn read(text: Option<&str>) -> Self {
        let parsed = text.and_then(|text| Value::parse_json(text.as_bytes(), &JsonLimits::OWN).ok());
        let Some(value) = parsed else { return Self::default() };
        let time = |key: &str| value.text(key).parse::<Timestamp>().ok();
        Self {
            high: time("high"),
            pass_began: time("pass_began"),
            page_from: time("page_from"),
            page_seen: value.links("page_seen"),
        }
    }

    fn write(&self) -> String {
        let time = |time: Option<Timestamp>| time.map(|time| time.to_string());
        Value::map([
            ("high", Value::from(time(self.high))),
            ("pass_began", time(self.pass_began).into()),
            ("page_from", time(self.page_from).into()),
            ("page_seen", numbers(&self.page_seen)),
        ])
        .to_json_string()
    }
}

fn written(row: &Value) -> Option<Timestamp> {
    let (date, time) = row.text("write_date").split_once(' ')?;
    format!("{date}T{time}Z").parse().ok()
}

fn odoo_time(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

fn earlier(time: Timestamp, by: SignedDuration) -> Timestamp {
    time.checked_sub(by).unwrap_or(Timestamp::MIN)
}

/// `Mon, 23 Nov 2026 12:00:00 GMT`.
fn http_date(text: &str) -> Option<Timestamp> {
    Some(jiff::fmt::rfc2822::parse(text).ok()?.timestamp())
}
