//! One message, one event.

use std::fmt::Display;
use std::str::FromStr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use crossdock_core::ids::{EventId, MessageId};
use hyper::StatusCode;
use hyper::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, HeaderValue};

use super::Shared;
use super::answer::{Answer, json};
use super::read::{invalid, read_path};
use crate::problem::{Problem, code};

pub async fn message(State(shared): State<Arc<Shared>>, id: Result<Path<String>, PathRejection>) -> Answer {
    let id: MessageId = parse("message", &read_path(id)?)?;
    let view = shared.read(move |desk| desk.message(id)).await?;
    Ok(json(&view.ok_or_else(|| unknown("message", id))?))
}

pub async fn body(State(shared): State<Arc<Shared>>, id: Result<Path<String>, PathRejection>) -> Answer {
    let id: MessageId = parse("message", &read_path(id)?)?;
    let body = shared.read(move |desk| desk.message_body(id)).await?.ok_or_else(|| unknown("message", id))?;
    let mut answer = Response::new(Body::from(body.bytes));
    let headers = answer.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // A stranger's bytes are never shown as a page of the hub's own.
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(CONTENT_DISPOSITION, HeaderValue::from_static("attachment"));
    Ok(answer)
}

pub async fn event(State(shared): State<Arc<Shared>>, id: Result<Path<String>, PathRejection>) -> Answer {
    let id: EventId = parse("event", &read_path(id)?)?;
    let view = shared.read(move |desk| desk.event(id)).await?;
    Ok(json(&view.ok_or_else(|| unknown("event", id))?))
}

pub fn parse<T: FromStr>(what: &str, id: &str) -> Result<T, Problem> {
    T::from_str(id).map_err(|_| invalid(format!("`{id}` is not the id of a {what}")))
}

fn unknown(what: &str, id: impl Display) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, code::NOT_FOUND, format!("there is no {what} {id}"))
}
