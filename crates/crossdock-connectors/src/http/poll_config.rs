//! `poll` of `config:`, a map from channel to the list that is fetched for it.

use crossdock_core::source::{Diagnostic, Node, Reader};

use super::inbound::channel_name;
use super::poll::{Pages, Poll, Since};

/// Pause between rounds when nothing is configured, in milliseconds.
const EVERY_MS: u64 = 60_000;
/// The shortest and the longest pause, in milliseconds: a second and a week.
const EVERY_MS_RANGE: std::ops::RangeInclusive<u64> = 1_000..=7 * 86_400_000;
/// How far each round looks back when nothing is configured, in milliseconds.
const OVERLAP_MS: u64 = 5 * 60_000;
/// Lists of one system.
const POLLS_MAX: usize = 50;

/// Reads `poll`. Mistakes go to `reader`.
pub(super) fn read(reader: &Reader<'_>) -> Vec<Poll> {
    let Some(node) = reader.node("poll") else { return Vec::new() };
    let Some(entries) = node.entries() else {
        let mistake =
            Diagnostic::error(&node.location, format!("`poll` must be a map, but it is {}", node.kind_word()));
        reader.mistake(mistake.hint("for example {orders: {path: /orders, items: data, id: id}}"));
        return Vec::new();
    };
    if entries.len() > POLLS_MAX {
        reader.mistake(Diagnostic::error(&node.location, format!("`poll` has more than {POLLS_MAX} channels")));
    }
    let mut polls = Vec::new();
    for entry in entries {
        if channel_name(&entry.key) != *entry.key {
            let problem = format!("`{}` is not the name of a channel", entry.key);
            let hint = format!("lower case, words joined by hyphens: `{}`", channel_name(&entry.key));
            reader.mistake(Diagnostic::error(&entry.key_location, problem).hint(hint));
        }
        let inner = Reader::new(&entry.value, "`poll`");
        polls.extend(one(&entry.key, &inner));
        reader.mistakes(inner.finish());
    }
    polls
}

fn one(channel: &str, reader: &Reader<'_>) -> Option<Poll> {
    reader.required("path");
    let path = path(reader, "path");
    let every_ms = reader.duration_ms("every").unwrap_or(EVERY_MS);
    if !EVERY_MS_RANGE.contains(&every_ms) {
        let at = reader.node("every").map_or(reader.location(), |node| &node.location);
        reader.mistake(Diagnostic::error(at, "`every` must be between 1s and 7d"));
    }
    let version = reader.optional_text("version").map(str::to_owned);
    let id = reader.optional_text("id").map(str::to_owned);
    if let (Some(node), None) = (reader.node("version"), &id) {
        reader.mistake(Diagnostic::error(&node.location, "`version` needs `id`: it tells versions of one item apart"));
    }
    Some(Poll {
        channel: channel.to_owned(),
        path: path?.to_owned(),
        every_ms,
        items: reader.optional_text("items").unwrap_or_default().to_owned(),
        id,
        version,
        since: reader.node("since").and_then(|node| since(reader, node)),
        pages: reader.node("pages").map_or(Some(Pages::One), |node| pages(reader, node))?,
    })
}

/// A path behind `url`, as it is sent.
pub(super) fn path<'a>(reader: &Reader<'a>, field: &'static str) -> Option<&'a str> {
    let (path, node) = (reader.optional_text(field)?, reader.node(field)?);
    let is_path = path.starts_with('/') && !path.starts_with("//");
    if !is_path || !path.bytes().all(|byte| byte.is_ascii_graphic()) || path.contains(['#', '\\']) {
        let mistake =
            Diagnostic::error(&node.location, format!("`{field}` begins with a slash and is encoded already"));
        reader.mistake(mistake.hint("for example /orders?status=open; `url` of the system comes before it"));
    }
    Some(path)
}

/// `{parameter: updated_since, from: updated_at, start: …, overlap: 5m}`.
fn since(reader: &Reader<'_>, node: &Node) -> Option<Since> {
    let inner = Reader::new(node, "`since`");
    let (parameter, from) = (inner.text("parameter"), inner.text("from"));
    let start = inner.optional_text("start").map(str::to_owned);
    let overlap_ms = inner.duration_ms("overlap").unwrap_or(OVERLAP_MS);
    reader.mistakes(inner.finish());
    Some(Since { parameter: parameter?.to_owned(), from: from?.to_owned(), start, overlap_ms })
}

/// One of `{number: page, first: 1}`, `{token: meta.cursor, parameter: cursor}`, `{link: links.next}` and `{header: Link}`.
fn pages(reader: &Reader<'_>, node: &Node) -> Option<Pages> {
    let inner = Reader::new(node, "`pages`");
    let forms = [
        inner.optional_text("number"),
        inner.optional_text("token"),
        inner.optional_text("link"),
        inner.optional_text("header"),
    ];
    let (first, parameter) = (inner.number("first", 0..=1_000_000), inner.optional_text("parameter"));
    let pages = match forms {
        [Some(number), None, None, None] if parameter.is_none() => {
            Some(Pages::Number { parameter: number.to_owned(), first: first.unwrap_or(1) })
        }
        [None, Some(token), None, None] if first.is_none() => {
            parameter.map(|parameter| Pages::Token { path: token.to_owned(), parameter: parameter.to_owned() })
        }
        [None, None, Some(link), None] if first.is_none() && parameter.is_none() => {
            Some(Pages::Link { path: link.to_owned() })
        }
        [None, None, None, Some(header)] if header.eq_ignore_ascii_case("link") && first.is_none() => {
            Some(Pages::Header)
        }
        _ => None,
    };
    if pages.is_none() && node.entries().is_some() {
        let mistake = Diagnostic::error(&node.location, "`pages` is none of the forms that are known");
        inner.mistake(mistake.hint(
            "{number: page, first: 1}, {token: meta.cursor, parameter: cursor}, {link: links.next} or {header: Link}",
        ));
    }
    reader.mistakes(inner.finish());
    pages
}
