//! A story in sentences, one per thing that happened, oldest first.

use crossdock_core::event::Event;
use crossdock_core::exception::{Exception, ExceptionStatus};
use crossdock_core::ids::SystemName;
use crossdock_core::message::{MessageState, StoredMessage};
use crossdock_core::submission;
use crossdock_core::transmission::{Attempt, Outcome, Transmission, TransmissionState};
use jiff::Timestamp;

use super::{CallTold, Entry, Facts, Story};

/// Calls of one attempt that are told.
const CALLS_TOLD: usize = 4;
/// Characters of a result that are told.
const RESULT_CHARS_MAX: usize = 200;

/// The steps of a message's way that entries belong to.
mod step {
    pub const DURABLE: u8 = 4;
    pub const MEANING: u8 = 5;
    pub const TURN: u8 = 6;
    pub const WIRE: u8 = 8;
    pub const END: u8 = 9;
    pub const WHAT_FOLLOWS: u8 = 10;
}

/// Everything that happened.
pub(super) fn entries(story: &Story) -> Vec<Entry> {
    let mut messages: Vec<&StoredMessage> = story.messages.values().collect();
    messages.sort_by_key(|stored| stored.position);
    let mut entries: Vec<Entry> = messages.into_iter().map(of_message).collect();
    entries.extend(story.events.values().map(of_event));
    for (transmission, attempts) in &story.transmissions {
        entries.push(of_owing(transmission));
        entries.extend(of_attempts(transmission, attempts));
        entries.extend(of_standing(transmission, attempts.last()));
    }
    entries.extend(story.exceptions.values().map(of_exception));
    // At one instant the steps follow each other; what a result became comes after the result.
    let of_result = |entry: &Entry| {
        let message = entry.message.and_then(|id| story.messages.get(&id));
        entry.step == step::MEANING && message.is_some_and(|stored| stored.message.cause.is_some())
    };
    entries.sort_by_key(|entry| (entry.at, if of_result(entry) { step::WHAT_FOLLOWS + 1 } else { entry.step }));
    entries
}

fn entry(at: Timestamp, step: u8, kind: &'static str, system: Option<&SystemName>, text: String) -> Entry {
    Entry {
        at,
        step,
        kind,
        mood: "ok",
        system: system.map(ToString::to_string).unwrap_or_default(),
        text,
        facts: Facts::default(),
        about: None,
        message: None,
        event: None,
        transmission: None,
    }
}

fn of_message(stored: &StoredMessage) -> Entry {
    let message = &stored.message;
    let is_result = message.cause.is_some();
    let is_submitted = submission::is_of(&message.system);
    let (mood, became) = match &stored.state {
        MessageState::Waiting => ("waiting", "it waits for the router".to_owned()),
        MessageState::Translated { events: 0 } if is_result => ("ok", "what was held for it can go on".to_owned()),
        MessageState::Translated { events: 0 } if is_submitted => ("ok", "the command was carried out".to_owned()),
        MessageState::Translated { events } => ("ok", format!("it became {events} event{}", plural(*events as usize))),
        MessageState::Ignored { reason } if is_submitted => ("ok", format!("it had no effect: {reason}")),
        MessageState::Ignored { reason } => ("ok", format!("it was not wanted: {reason}")),
        MessageState::Failed { .. } => ("problem", "it could not be mapped, see the exception".to_owned()),
    };
    let removed = match &stored.removed {
        None => String::new(),
        Some(removed) => format!("; its body was removed on {}", removed.at.strftime("%F")),
    };
    let (step, text) = match is_result {
        true => (step::WHAT_FOLLOWS, format!("the result came back; {became}")),
        false => (
            step::DURABLE,
            format!(
                "received by channel `{}` ({} bytes), verified, new by its key {}, and on disk; {became}{removed}",
                message.channel,
                stored.body_bytes(),
                message.dedup_key
            ),
        ),
    };
    let (reason, events, exception) = match &stored.state {
        MessageState::Ignored { reason } => (Some(reason.clone()), None, None),
        MessageState::Translated { events } => (None, Some(u64::from(*events)), None),
        MessageState::Failed { exception } => (None, None, Some(*exception)),
        MessageState::Waiting => (None, None, None),
    };
    Entry {
        mood,
        facts: Facts {
            outcome: stored.state.word(),
            reason,
            events,
            exception,
            channel: Some(message.channel.clone()),
            dedup_key: Some(message.dedup_key.clone()),
            body_bytes: Some(stored.body_bytes()),
            ..Facts::default()
        },
        message: Some(message.id),
        transmission: message.cause,
        ..entry(message.received_at, step, "message", Some(&message.system), text)
    }
}

fn of_event(event: &Event) -> Entry {
    let late = match (event.standing.retracted, event.out_of_order) {
        (true, _) => ", retracted before it came",
        (false, true) => ", too late to move its state",
        (false, false) => "",
    };
    let standing = standing_text(event);
    let text = format!("{} for {} (happened {}{late}){standing}", event.event_type, event.subject, event.time);
    let withheld = withheld(event);
    let outcome = match &event.standing {
        standing if standing.retracted => "retracted",
        standing if standing.echo => "echo",
        standing if standing.refused => "refused",
        _ if !withheld.is_empty() => "withheld",
        _ if event.out_of_order => "late",
        _ => "applied",
    };
    Entry {
        facts: Facts {
            outcome,
            flow: Some(event.flow.clone()),
            event_type: Some(event.event_type.clone()),
            happened_at: Some(event.time),
            withheld,
            ..Facts::default()
        },
        about: Some(event.subject.clone()),
        event: Some(event.id),
        message: Some(event.message),
        ..entry(event.recorded_at, step::MEANING, "event", Some(&event.system), text)
    }
}

/// What of an event was not believed, and under which name it came.
fn standing_text(event: &Event) -> String {
    let standing = &event.standing;
    let mut text = String::new();
    if let Some(named) = &standing.named {
        text += &format!("; said of {named}, which was merged into it");
    }
    if standing.echo {
        let of = standing.echo_of.map(|id| format!(" (transmission {id})")).unwrap_or_default();
        text += &format!("; an echo of our own write{of}: it had no effect");
    }
    let fields = withheld(event);
    if standing.refused {
        text += &format!("; {} is not the system of record for it: it had no effect", event.system);
    } else if !fields.is_empty() {
        text += &format!("; {} is not the system of record for {}: not applied", event.system, fields.join(", "));
    }
    text
}

/// The fields of an event that were not applied.
fn withheld(event: &Event) -> Vec<String> {
    let fields = event.standing.withheld.as_map();
    fields.map(|map| map.keys().map(str::to_owned).collect()).unwrap_or_default()
}

fn of_owing(transmission: &Transmission) -> Entry {
    let (operation, about, flow) = (&transmission.operation, &transmission.about, &transmission.flow);
    let order = match transmission.place {
        0 => String::new(),
        _ => format!(", in order with {}", transmission.key),
    };
    let text = format!("flow {flow} owes {operation} to {} for {about}{order}", transmission.system);
    let facts =
        Facts { ordering_key: (transmission.place != 0).then(|| transmission.key.to_string()), ..facts("created") };
    Entry {
        event: Some(transmission.event),
        ..about_it(transmission, transmission.created_at, (step::TURN, "transmission", "ok"), facts, text)
    }
}

/// Attempts; a row of equal failures is told once.
fn of_attempts(transmission: &Transmission, attempts: &[Attempt]) -> Vec<Entry> {
    let mut entries = Vec::new();
    for row in attempts.chunk_by(|one, other| is_repeated(&one.outcome, &other.outcome)) {
        let [first, rest @ ..] = row else { continue };
        entries.extend(of_calls(transmission, first));
        entries.push(of_end(transmission, first));
        match rest {
            [] => {}
            [.., last] => {
                let times = rest.len();
                let text =
                    format!("{times} more attempt{} of {} ended the same way", plural(times), transmission.operation);
                let facts = Facts {
                    attempt: Some(last.number),
                    repeats: u64::try_from(times).ok(),
                    reason: reason_of(&last.outcome),
                    ..facts(outcome_word(&last.outcome))
                };
                entries.push(about_it(transmission, last.ended_at, (step::END, "attempt", "waiting"), facts, text));
            }
        }
    }
    entries
}

fn is_repeated(one: &Outcome, other: &Outcome) -> bool {
    match (one, other) {
        (Outcome::Retry { reason: one, .. }, Outcome::Retry { reason: other, .. }) => one == other,
        (Outcome::Unknown { reason: one }, Outcome::Unknown { reason: other }) => one == other,
        _ => false,
    }
}

fn of_calls(transmission: &Transmission, attempt: &Attempt) -> Option<Entry> {
    let took = attempt.ended_at.duration_since(attempt.started_at).as_millis();
    let calls: Vec<CallTold> = attempt.exchanges.iter().take(CALLS_TOLD).map(CallTold::of).collect();
    if calls.is_empty() {
        return None;
    }
    let told: Vec<String> = calls.iter().map(CallTold::text).collect();
    let left_out = attempt.exchanges.len().saturating_sub(CALLS_TOLD);
    let more = if left_out > 0 { format!(" and {left_out} more") } else { String::new() };
    let text = format!("attempt {} called {}{more}, in {took} ms", attempt.number, told.join(", "));
    let facts = Facts {
        attempt: Some(attempt.number),
        calls,
        calls_left_out: u64::try_from(left_out).ok().filter(|left_out| *left_out > 0),
        took_ms: u64::try_from(took).ok(),
        ..facts("called")
    };
    Some(about_it(transmission, attempt.ended_at, (step::WIRE, "attempt", "ok"), facts, text))
}

fn outcome_word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Accepted { .. } => "accepted",
        Outcome::Retry { .. } => "retry",
        Outcome::Refused { .. } => "refused",
        Outcome::Unusable { .. } => "unusable",
        Outcome::Unknown { .. } => "unknown",
    }
}

fn reason_of(outcome: &Outcome) -> Option<String> {
    match outcome {
        Outcome::Accepted { .. } => None,
        Outcome::Retry { reason, .. }
        | Outcome::Refused { reason }
        | Outcome::Unusable { reason }
        | Outcome::Unknown { reason } => Some(reason.clone()),
    }
}

fn of_end(transmission: &Transmission, attempt: &Attempt) -> Entry {
    let (mood, end) = match &attempt.outcome {
        Outcome::Accepted { result } if result.is_null() => ("ok", "took effect".to_owned()),
        Outcome::Accepted { result } => ("ok", format!("took effect: {}", short(&result.to_json_string()))),
        Outcome::Retry { reason, .. } => ("waiting", format!("did not take effect and is tried again: {reason}")),
        Outcome::Refused { reason } => ("problem", format!("was refused: {reason}")),
        Outcome::Unusable { reason } => ("problem", format!("met a system that cannot be used: {reason}")),
        Outcome::Unknown { reason } => ("waiting", format!("may have taken effect: {reason}")),
    };
    let text = format!("attempt {} of {} {end}", attempt.number, transmission.operation);
    let result = match &attempt.outcome {
        Outcome::Accepted { result } if !result.is_null() => Some(short(&result.to_json_string())),
        _ => None,
    };
    let facts = Facts {
        attempt: Some(attempt.number),
        reason: reason_of(&attempt.outcome),
        result,
        ..facts(outcome_word(&attempt.outcome))
    };
    about_it(transmission, attempt.ended_at, (step::END, "attempt", mood), facts, text)
}

/// Where an unfinished transmission stands now.
fn of_standing(transmission: &Transmission, last: Option<&Attempt>) -> Option<Entry> {
    let operation = &transmission.operation;
    let mut facts = facts(transmission.state.word());
    let (step, mood, text) = match &transmission.state {
        TransmissionState::Done => return None,
        TransmissionState::Held { after } => {
            let flows: Vec<&str> = after.iter().map(|flow| flow.as_str()).collect();
            facts.after = after.to_vec();
            (step::TURN, "waiting", format!("{operation} is held until {} is done", flows.join(", ")))
        }
        TransmissionState::Owed => {
            facts.due_at = Some(transmission.due_at);
            (step::TURN, "waiting", format!("{operation} waits for its turn, due {}", transmission.due_at))
        }
        TransmissionState::Sending => (step::WIRE, "waiting", format!("{operation} is being sent")),
        TransmissionState::Paused { reason } => {
            facts.reason = Some(reason.clone());
            (step::END, "problem", format!("{operation} is paused: {reason}"))
        }
        TransmissionState::Cancelled => (step::END, "problem", format!("{operation} was given up by a person")),
    };
    let ended = last.map_or(transmission.created_at, |attempt| attempt.ended_at);
    let at = transmission.finished_at.unwrap_or(transmission.due_at).max(ended);
    Some(about_it(transmission, at, (step, "transmission", mood), facts, text))
}

fn of_exception(exception: &Exception) -> Entry {
    let (mood, end) = match (exception.status, exception.closed_at) {
        (ExceptionStatus::Open, _) => ("problem", String::new()),
        (ExceptionStatus::Resolved, Some(at)) => ("ok", format!(" (resolved {at})")),
        (ExceptionStatus::Resolved, None) => ("ok", " (resolved)".to_owned()),
    };
    let owner = exception.owner.as_ref().map(|owner| format!(" for {owner}")).unwrap_or_default();
    let text = format!("exception {}{owner}{end}: {}", exception.class.word(), exception.summary);
    let outcome = match exception.status {
        ExceptionStatus::Open => "open",
        ExceptionStatus::Resolved => "resolved",
    };
    Entry {
        mood,
        facts: Facts {
            outcome,
            reason: Some(exception.summary.clone()),
            flow: exception.flow.clone(),
            exception: Some(exception.id),
            class: Some(exception.class),
            severity: Some(exception.class.severity()),
            owner: exception.owner.clone(),
            closed_at: exception.closed_at,
            ..Facts::default()
        },
        about: exception.affects.first().cloned(),
        message: exception.message,
        transmission: exception.transmission,
        ..entry(exception.opened_at, step::END, "exception", exception.system.as_ref(), text)
    }
}

fn facts(outcome: &'static str) -> Facts {
    Facts { outcome, ..Facts::default() }
}

/// An entry about a transmission: its step, kind and mood, and what there is to say.
fn about_it(
    transmission: &Transmission,
    at: Timestamp,
    (step, kind, mood): (u8, &'static str, &'static str),
    facts: Facts,
    text: String,
) -> Entry {
    let (flow, operation) = (Some(transmission.flow.clone()), Some(transmission.operation.clone()));
    Entry {
        mood,
        facts: Facts { flow, operation, ..facts },
        about: Some(transmission.about.clone()),
        transmission: Some(transmission.id),
        ..entry(at, step, kind, Some(&transmission.system), text)
    }
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}

fn short(text: &str) -> String {
    match text.char_indices().nth(RESULT_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
