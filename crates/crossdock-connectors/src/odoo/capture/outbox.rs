//! The outbox: rows that rules inside Odoo wrote in the same transaction as the change. Read, deliver, then delete
//! exactly what was read. There is no cursor, so the order of commits does not matter and nothing is lost; a crash
//! between delivery and deletion only makes the same messages again, which their keys stop.

use super::super::call::{Ask, Weight, texts};
use super::super::config::CapturedModel;
use super::super::talk::Record;
use super::{Polled, Round, envelope, record};

/// The model of the outbox, made by `crossdock odoo setup`.
pub(in crate::odoo) const MODEL: &str = "x_hub_outbox";
/// Rows read in one round.
const ROWS_MAX: i64 = 200;

pub(super) fn run(round: &mut Round<'_>) -> Polled<bool> {
    let rows = Ask::new(MODEL, "search_read")
        .with("domain", crossdock_core::value::Value::list::<i64>([]))
        .with("fields", texts(&["x_model", "x_res_id", "x_op"]))
        .with("order", "id")
        .with("limit", ROWS_MAX)
        .doing("reading the outbox in Odoo (installed by `crossdock odoo setup`)");
    let rows = round.search(&rows)?;
    if rows.is_empty() {
        return Ok(false);
    }
    let mut envelopes = Vec::new();
    for model in models(&rows, round) {
        let own: Vec<_> = rows.iter().filter(|row| row.text("x_model") == model.name).collect();
        let mut ids: Vec<i64> = Vec::new();
        for row in &own {
            let id = row.int("x_res_id");
            let is_gone = own.iter().any(|other| other.int("x_res_id") == id && other.text("x_op") == "unlink");
            match (ids.contains(&id), is_gone, row.text("x_op")) {
                (false, false, _) => ids.push(id),
                (_, true, "unlink") => envelopes.push(envelope::unlink(&model.name, id)),
                _ => {}
            }
        }
        if !ids.is_empty() {
            // A record that is not found was deleted meanwhile; its own row of that tells it.
            let records = record::read(round, &model, &ids)?;
            envelopes.extend(records.into_iter().map(|(id, record)| envelope::upsert(&model.name, id, record)));
        }
    }
    if !envelopes.is_empty() {
        round.deliver(envelopes, None)?;
    }
    let read: Vec<i64> = rows.iter().map(Record::id).collect();
    let acknowledge = Ask::on(MODEL, "unlink", &read).weight(Weight::Effect).doing("acknowledging the outbox in Odoo");
    round.ask(&acknowledge)?;
    Ok(read.len() as i64 == ROWS_MAX)
}

/// The models that these rows speak of and the hub wants, in their order of first appearance.
fn models(rows: &[crossdock_core::value::Value], round: &Round<'_>) -> Vec<CapturedModel> {
    let mut models: Vec<CapturedModel> = Vec::new();
    for row in rows {
        let wanted = round.odoo.capture.models.iter().find(|model| model.name == row.text("x_model"));
        if let Some(wanted) = wanted.filter(|wanted| !models.contains(wanted)) {
            models.push(wanted.clone());
        }
    }
    models
}
