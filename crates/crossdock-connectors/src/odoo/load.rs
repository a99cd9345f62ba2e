//! Batches of upserts through Odoo's `load`: one call for many records, all or none. When some are refused, the others
//! go again without them, so one bad record never holds up the rest and each gets its own outcome.
//!
//! `load` answers HTTP 200 for its failures. It names the rows it blames, but not always fairly: an error of the whole
//! batch is pinned on the first record, and a record may be blamed for missing another one of the same batch that was
//! rolled back. Such a record is tried again before it is believed to be at fault.

use crossdock_core::transmission::Outcome;
use crossdock_core::value::Value;

use super::answer::{Failure, is_conflict, said};
use super::call::{Ask, Weight};
use super::talk::{Record, Said, Talk};

/// One record to be upserted.
#[derive(Clone, Debug)]
pub(super) struct Item {
    /// Its place in the batch.
    pub index: usize,
    /// For messages: `partner C1`.
    pub what: String,
    pub xid: String,
    /// The columns behind `id`. Items of different columns go in different calls, because an empty cell clears a field.
    pub columns: Vec<&'static str>,
    /// At least one row of as many cells as columns; further rows carry only the cells of lines.
    pub rows: Vec<Vec<String>>,
    /// Leave a record alone that is there already.
    pub insert_only: bool,
    /// Items of a lower rank go first: parents before children.
    pub rank: u8,
    /// External ids it refers to, each with what to do when Odoo does not know it.
    pub needs: Vec<(String, String)>,
}

/// What became of each item, by its place in the batch.
pub(super) type Results = Vec<Result<i64, Outcome>>;

/// Loads all items into `model`. Only the next call halts it; every failure becomes the outcome of the items it
/// concerns.
pub(super) fn run(talk: &mut Talk<'_>, model: &'static str, items: Vec<Item>) -> Said<Results> {
    let mut results: Vec<Option<Result<i64, Outcome>>> = items.iter().map(|_| None).collect();
    for group in groups(items) {
        let mut waiting = vec![group];
        while let Some(chunk) = waiting.pop() {
            if talk.calls_left() <= 2 {
                let reason = "too many records of the batch were refused for one attempt; the rest goes in the next";
                let outcome = Outcome::Retry { reason: reason.into(), after_ms: None };
                chunk.iter().for_each(|item| results[item.index] = Some(Err(outcome.clone())));
                continue;
            }
            for verdict in chunk_once(talk, model, chunk)? {
                match verdict {
                    Verdict::Settled(index, result) => results[index] = Some(result),
                    Verdict::Again(chunk) => waiting.push(chunk),
                }
            }
        }
    }
    let settled = results.into_iter().map(|result| result.expect("every chunk settles or goes again"));
    Ok(settled.collect())
}

enum Verdict {
    Settled(usize, Result<i64, Outcome>),
    Again(Vec<Item>),
}

/// Items that can share a call, in the order in which the calls must be made. Two items of one record never share one.
fn groups(items: Vec<Item>) -> Vec<Vec<Item>> {
    let mut groups: Vec<(usize, Vec<Item>)> = Vec::new();
    for item in items {
        let round = groups.iter().flat_map(|(_, group)| group).filter(|other| other.xid == item.xid).count();
        let fits = |(other_round, group): &&mut (usize, Vec<Item>)| {
            let first = &group[0];
            *other_round == round
                && first.rank == item.rank
                && first.insert_only == item.insert_only
                && first.columns == item.columns
        };
        match groups.iter_mut().find(fits) {
            Some((_, group)) => group.push(item),
            None => groups.push((round, vec![item])),
        }
    }
    groups.sort_by_key(|(round, group)| (*round, group[0].rank, group[0].index));
    groups.into_iter().map(|(_, group)| group).collect()
}

fn chunk_once(talk: &mut Talk<'_>, model: &'static str, chunk: Vec<Item>) -> Said<Vec<Verdict>> {
    let ask = request(model, &chunk);
    let answer = match talk.hear(&ask)? {
        Ok(answer) => answer,
        Err(Failure::Refused { .. }) if chunk.len() > 1 => return Ok(halves(chunk)),
        Err(failure) => return Ok(failed(talk, failure, &chunk)),
    };
    let ids = answer.links("ids");
    if ids.len() == chunk.len() {
        let settled = chunk.iter().zip(ids).map(|(item, id)| Verdict::Settled(item.index, Ok(id)));
        return Ok(settled.collect());
    }
    let complaints = complaints(&answer, &chunk);
    if complaints.iter().any(|complaint| is_conflict(&complaint.message)) {
        let reason = format!("{model} was being changed by somebody else at the same moment");
        return Ok(failed(talk, Failure::Transient { reason, after_ms: None }, &chunk));
    }
    Ok(without_the_blamed(chunk, &complaints))
}

fn request(model: &'static str, chunk: &[Item]) -> Ask {
    let first = &chunk[0];
    let mut columns = vec!["id"];
    columns.extend(&first.columns);
    let rows = chunk.iter().flat_map(|item| {
        item.rows.iter().enumerate().map(|(place, cells)| {
            let id = if place == 0 { item.xid.as_str() } else { "" };
            Value::list(std::iter::once(id).chain(cells.iter().map(String::as_str)))
        })
    });
    // Weighed as a preparation, because each chunk stands for itself: a lost one leaves no doubt about the others.
    let ask = Ask::load(model, &columns, rows.collect()).weight(Weight::Prepare);
    if first.insert_only { ask.insert_only() } else { ask }
}

fn failed(talk: &Talk<'_>, failure: Failure, chunk: &[Item]) -> Vec<Verdict> {
    let verdict = |item: &Item| {
        let doing = format!("writing {}", item.what);
        Verdict::Settled(item.index, Err(talk.outcome(failure.clone(), Weight::Effect, &doing)))
    };
    chunk.iter().map(verdict).collect()
}

fn halves(mut chunk: Vec<Item>) -> Vec<Verdict> {
    let second = chunk.split_off(chunk.len() / 2);
    // The last one goes first.
    vec![Verdict::Again(second), Verdict::Again(chunk)]
}

/// One message of a refused `load`.
struct Complaint {
    /// Place of the blamed item in the chunk.
    about: Option<usize>,
    field: String,
    message: String,
}

fn complaints(answer: &Value, chunk: &[Item]) -> Vec<Complaint> {
    let mut first_rows = Vec::with_capacity(chunk.len());
    let mut next = 0;
    for item in chunk {
        first_rows.push(next);
        next += item.rows.len();
    }
    let messages = answer.get("messages").and_then(Value::as_list).unwrap_or_default();
    let errors = messages.iter().filter(|message| message.text("type") == "error");
    errors
        .map(|message| {
            let row = message.at("rows.from").and_then(Value::as_int).and_then(|row| usize::try_from(row).ok());
            Complaint {
                about: row.filter(|row| *row < next).map(|row| first_rows.partition_point(|first| *first <= row) - 1),
                field: message.text("field").to_owned(),
                message: said(message.text("message"), ""),
            }
        })
        .collect()
}

/// Refuses those who are blamed for good and sends the others again.
fn without_the_blamed(chunk: Vec<Item>, complaints: &[Complaint]) -> Vec<Verdict> {
    let named = |place: usize| complaints.iter().filter(move |complaint| complaint.about == Some(place));
    let others_named = complaints.iter().any(|complaint| complaint.about.is_some_and(|place| place > 0));
    let is_excused = |place: usize| {
        let stands_for_all = place == 0 && others_named && named(0).count() == 1;
        let lacks_a_mate = named(place).any(|complaint| {
            let mut mates = chunk.iter().enumerate().filter(|(other, _)| *other != place);
            mates.any(|(other, mate)| mentions(&complaint.message, &mate.xid) && named(other).next().is_none())
        });
        stands_for_all || lacks_a_mate
    };
    let blamed: Vec<bool> = (0..chunk.len()).map(|place| named(place).next().is_some() && !is_excused(place)).collect();
    if !blamed.contains(&true) && chunk.len() > 1 {
        return halves(chunk);
    }
    let alone = chunk.len() == 1;
    let reasons: Vec<String> = (0..chunk.len())
        .map(|place| {
            let own = complaints.iter().filter(|complaint| alone || complaint.about == Some(place));
            reason(&chunk[place], own)
        })
        .collect();
    let mut verdicts = Vec::new();
    let mut again = Vec::new();
    for ((item, blamed), reason) in chunk.into_iter().zip(blamed).zip(reasons) {
        match blamed || alone {
            true => verdicts.push(Verdict::Settled(item.index, Err(Outcome::Refused { reason }))),
            false => again.push(item),
        }
    }
    if !again.is_empty() {
        verdicts.push(Verdict::Again(again));
    }
    verdicts
}

fn mentions(message: &str, xid: &str) -> bool {
    message.contains(&format!("'{xid}'")) || message.contains(&format!("\"{xid}\""))
}

fn reason<'a>(item: &Item, complaints: impl Iterator<Item = &'a Complaint>) -> String {
    let mut parts: Vec<String> = Vec::new();
    for complaint in complaints {
        let advice = item.needs.iter().find(|(xid, _)| mentions(&complaint.message, xid)).map(|(_, advice)| advice);
        let part = match (advice, complaint.field.as_str()) {
            (Some(advice), _) => advice.clone(),
            (None, "") => complaint.message.clone(),
            (None, field) => format!("{field}: {}", complaint.message),
        };
        // What follows from a missing reference is only an echo of it.
        let is_echo = parts.iter().any(|known| item.needs.iter().any(|(_, advice)| advice == known));
        if !parts.contains(&part) && !is_echo {
            parts.push(part);
        }
    }
    match parts.is_empty() {
        true => format!("Odoo did not take {} and gave no reason", item.what),
        false => format!("Odoo did not take {}: {}", item.what, parts.join("; ")),
    }
}
