//! Entities: by key, by reference, in lists, and their history.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use crossdock_core::event::EntityRef;
use crossdock_core::ids::SystemName;
use crossdock_runtime::desk::{Desk, EntityAsk, EntityView, Listing};
use hyper::header::{CACHE_CONTROL, ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH, LINK};
use hyper::{StatusCode, Uri};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;

use super::Shared;
use super::answer::{Answer, json};
use super::read::{Asked, entity_name, invalid, read_path, read_query, rows};
use crate::problem::{Problem, code};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ByReference {
    /// `system:kind:value`, a key, or any system's id.
    reference: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EntityList {
    /// Only those in this state.
    status: Option<String>,
    /// Only those whose latest event happened at this instant or later.
    #[schemars(with = "Option<Timestamp>")]
    updated_since: Option<String>,
    /// Only those whose latest event happened before this instant.
    #[schemars(with = "Option<Timestamp>")]
    updated_until: Option<String>,
    /// Only those that this system knows under an id of its own.
    system: Option<String>,
    /// Only those that speak of this entity, such as `order/S1`.
    #[schemars(regex(pattern = r"^[^/]+/[\s\S]"))]
    link: Option<String>,
    /// How many at most; 50 when nothing is said.
    #[schemars(range(min = 1, max = 500))]
    limit: Option<usize>,
    /// `next` of the page before.
    cursor: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Paged {
    /// How many at most; 50 when nothing is said.
    #[schemars(range(min = 1, max = 500))]
    limit: Option<usize>,
    /// `next` of the page before.
    cursor: Option<String>,
}

pub async fn by_reference(State(shared): State<Arc<Shared>>, asked: Asked<ByReference>) -> Answer {
    let reference = read_query(asked)?.reference;
    let items = shared.read(move |desk| desk.known_as(reference.trim())).await?;
    Ok(json(&Listing { items, more: false }))
}

pub async fn list(
    State(shared): State<Arc<Shared>>,
    uri: Uri,
    kind: Result<Path<String>, PathRejection>,
    asked: Asked<EntityList>,
) -> Answer {
    let list = read_query(asked)?;
    let ask = EntityAsk {
        kind: read_path(kind)?,
        status: list.status,
        updated_since: instant("updated_since", list.updated_since)?,
        updated_until: instant("updated_until", list.updated_until)?,
        system: list.system.as_deref().map(SystemName::from),
        link: list.link.map(|link| entity_name("link", &link)).transpose()?,
        limit: rows(list.limit)?,
        cursor: list.cursor,
    };
    let page = shared.read(move |desk| desk.entities(&ask)).await?;
    let mut answer = json(&page);
    if let Some(next) = page.next.as_deref().and_then(|cursor| next_page(&uri, cursor)) {
        answer.headers_mut().insert(LINK, next);
    }
    Ok(answer)
}

pub async fn one(
    State(shared): State<Arc<Shared>>,
    name: Result<Path<(String, String)>, PathRejection>,
    headers: HeaderMap,
) -> Answer {
    let (kind, key) = read_path(name)?;
    let name = EntityRef::new(kind, key);
    let wanted = name.clone();
    let view = shared.read(move |desk| desk.entity(&wanted)).await?.ok_or_else(|| unknown(&name))?;
    let tag = entity_tag(&view);
    let is_known = headers.get_all(IF_NONE_MATCH).iter().any(|known| names_tag(known, &tag));
    let mut answer: Response = match is_known {
        true => StatusCode::NOT_MODIFIED.into_response(),
        false => json(&view),
    };
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        answer.headers_mut().insert(ETAG, tag);
    }
    // May be kept, but is asked about before it is used again.
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    Ok(answer)
}

pub async fn history(
    State(shared): State<Arc<Shared>>,
    name: Result<Path<(String, String)>, PathRejection>,
    asked: Asked<Paged>,
) -> Answer {
    let (kind, key) = read_path(name)?;
    let Paged { limit, cursor } = read_query(asked)?;
    let limit = rows(limit)?;
    let name = EntityRef::new(kind, key);
    let wanted = name.clone();
    let history = shared.read(move |desk| desk.history(&wanted, cursor.as_deref(), limit)).await?;
    Ok(json(&history.ok_or_else(|| unknown(&name))?))
}

pub async fn links(State(shared): State<Arc<Shared>>, name: Result<Path<(String, String)>, PathRejection>) -> Answer {
    let (kind, key) = read_path(name)?;
    let name = EntityRef::new(kind, key);
    let wanted = name.clone();
    let links = shared.read(move |desk| desk.links(&wanted)).await?;
    Ok(json(&links.ok_or_else(|| unknown(&name))?))
}

pub async fn kinds() -> Answer {
    Ok(json(&Listing { items: Desk::kinds(), more: false }))
}

fn unknown(name: &EntityRef) -> Problem {
    let detail = format!("nothing is known of `{name}`");
    Problem::new(StatusCode::NOT_FOUND, code::NOT_FOUND, detail)
}

/// The version; behind a dot what tells the references apart, which may come without a new version.
fn entity_tag(view: &EntityView) -> String {
    if view.references.is_empty() {
        return format!("\"{}\"", view.version);
    }
    let mut hash = DefaultHasher::new();
    for reference in &view.references {
        (reference.system.as_str(), &reference.kind, &reference.value).hash(&mut hash);
    }
    format!("\"{}.{:016x}\"", view.version, hash.finish())
}

/// Whether an `If-None-Match` names the tag; weak tags are as good here.
fn names_tag(header: &HeaderValue, tag: &str) -> bool {
    let Ok(header) = header.to_str() else { return false };
    header.trim() == "*" || header.split(',').any(|one| one.trim().trim_start_matches("W/") == tag)
}

fn instant(name: &str, text: Option<String>) -> Result<Option<Timestamp>, Problem> {
    let Some(text) = text else { return Ok(None) };
    // A `+` that was not encoded arrives as a space.
    let instant = text.parse().or_else(|_| text.replace(' ', "+").parse());
    let wanted = "is an instant with an offset, such as 2026-11-23T08:30:00Z";
    instant.map(Some).map_err(|_| invalid(format!("`{name}` {wanted}, not `{text}`")))
}

/// The address of the next page (RFC 8288).
fn next_page(uri: &Uri, cursor: &str) -> Option<HeaderValue> {
    let mut query = form_urlencoded::Serializer::new(String::new());
    let asked = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    query.extend_pairs(asked.filter(|(name, _)| name != "cursor"));
    let query = query.append_pair("cursor", cursor).finish();
    // The router has taken `/api` off.
    HeaderValue::from_str(&format!("</api{}?{query}>; rel=\"next\"", uri.path())).ok()
}
