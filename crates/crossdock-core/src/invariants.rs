//! The invariants of ARCHITECTURE.md as code: what must hold of the records, whoever made them. Tests, the demo and
//! the simulator ask the same functions. Each returns what is wrong, in words; nothing means that it holds.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::changeset::ChainedAudit;
use crate::event::{Entity, Event};
use crate::ids::{OrderingKey, SystemName, TransmissionId};
use crate::message::{MessageState, StoredMessage};
use crate::model::EntityKind;
use crate::transmission::{Attempt, Outcome, Transmission, TransmissionState};

/// **I1** An accepted message is never lost: it ends translated, refused with a reason, or waiting, visibly.
pub fn i1_messages_are_accounted_for(accepted: &[crate::ids::MessageId], stored: &[StoredMessage]) -> Vec<String> {
    let known: HashMap<_, _> = stored.iter().map(|message| (message.message.id, &message.state)).collect();
    let lost = accepted.iter().filter(|id| !known.contains_key(id)).map(|id| format!("I1: message {id} was lost"));
    let mute = stored.iter().filter_map(|message| match &message.state {
        MessageState::Ignored { reason } if reason.is_empty() => {
            Some(format!("I1: message {} was ignored without a reason", message.message.id))
        }
        _ => None,
    });
    lost.chain(mute).collect()
}

/// **I2**, first half: one dedup key takes effect once.
pub fn i2_dedup_keys_are_unique(stored: &[StoredMessage]) -> Vec<String> {
    let mut seen = HashMap::new();
    stored
        .iter()
        .filter_map(|message| {
            let key = (message.message.system.clone(), message.message.dedup_key.clone());
            let first = seen.insert(key.clone(), message.message.id)?;
            Some(format!("I2: {} and {first} share the key {} of {}", message.message.id, key.1, key.0))
        })
        .collect()
}

/// **I2**, second half: a transmission is accepted at most once.
pub fn i2_accepted_once(attempts: &[Attempt]) -> Vec<String> {
    let mut accepted: BTreeMap<_, u32> = BTreeMap::new();
    for attempt in attempts.iter().filter(|attempt| matches!(attempt.outcome, Outcome::Accepted { .. })) {
        *accepted.entry(attempt.transmission).or_default() += 1;
    }
    accepted
        .into_iter()
        .filter(|(_, times)| *times > 1)
        .map(|(id, times)| format!("I2: transmission {id} was accepted {times} times"))
        .collect()
}

/// **I3** Per ordering key, transmissions to one system take effect in order.
pub fn i3_keys_are_in_order(transmissions: &[Transmission]) -> Vec<String> {
    let mut lines: BTreeMap<(&SystemName, &OrderingKey), Vec<&Transmission>> = BTreeMap::new();
    for transmission in transmissions.iter().filter(|transmission| transmission.place > 0) {
        lines.entry((&transmission.system, &transmission.key)).or_default().push(transmission);
    }
    let mut wrong = Vec::new();
    for ((system, key), mut line) in lines {
        line.sort_by_key(|transmission| transmission.place);
        for pair in line.windows(2) {
            let overtaken = pair[1].state == TransmissionState::Done
                && (!pair[0].state.is_final() || pair[0].finished_at > pair[1].finished_at);
            if overtaken {
                wrong.push(format!("I3: {} overtook {} in {key} at {system}", pair[1].id, pair[0].id));
            }
        }
    }
    wrong
}

/// **I3** as it must hold at every moment: while one is not through, none behind it is. Asks no clock.
pub fn i3_none_overtakes(line: &[&Transmission]) -> Vec<String> {
    let mut line: Vec<&Transmission> = line.iter().copied().filter(|transmission| transmission.place > 0).collect();
    line.sort_by_key(|transmission| transmission.place);
    let mut wrong = Vec::new();
    for (place, first) in line.iter().enumerate().filter(|(_, transmission)| !transmission.state.is_final()) {
        let began = |it: &&&Transmission| matches!(it.state, TransmissionState::Done | TransmissionState::Sending);
        if let Some(other) = line[place + 1..].iter().find(began) {
            let (state, key, system) = (other.state.word(), &first.key, &first.system);
            wrong.push(format!("I3: {} is {state} before {} in {key} at {system}", other.id, first.id));
        }
    }
    wrong
}

/// **I4** What waits for something else is watched: a timer will ask after it, or somebody was told already. `asked` and
/// `told` name the transmissions that a timer or an open exception is about.
pub fn i4_what_is_held_is_watched(
    held: &[Transmission],
    asked: &BTreeSet<TransmissionId>,
    told: &BTreeSet<TransmissionId>,
) -> Vec<String> {
    held.iter()
        .filter(|it| matches!(it.state, TransmissionState::Held { .. }))
        .filter(|it| !asked.contains(&it.id) && !told.contains(&it.id))
        .map(|it| format!("I4: {} of {} is held and nobody asks after it", it.id, it.flow))
        .collect()
}

/// **I5** A worker that lost its lease commits nothing. `by` wrote when `owner` had the store.
pub fn i5_only_the_owner_writes(by: u64, owner: u64) -> Vec<String> {
    match by == owner {
        true => Vec::new(),
        false => vec![format!("I5: {by} wrote to the store that {owner} owns")],
    }
}

/// **I6** State never regresses: whatever comes late, the state of an entity never stands lower than before. Only a
/// retraction takes back what it says was wrong.
pub fn i6_state_moves_forward(history: &[Entity]) -> Vec<String> {
    let mut wrong = Vec::new();
    for pair in history.windows(2) {
        if pair[1].version != pair[0].version + 1 {
            wrong.push(format!("I6: {} jumped from version {} to {}", pair[1].name, pair[0].version, pair[1].version));
        }
        let corrected = pair[0].told.retracted != pair[1].told.retracted;
        let regressed =
            EntityKind::find(&pair[1].name.kind).is_some_and(|kind| kind.regresses(&pair[0].status, &pair[1].status));
        if regressed && !corrected {
            wrong.push(format!("I6: {} went from {} to {}", pair[1].name, pair[0].status, pair[1].status));
        }
    }
    wrong
}

/// **I7** Nothing is dropped: whatever is not done says why.
pub fn i7_nothing_is_dropped(transmissions: &[Transmission]) -> Vec<String> {
    transmissions
        .iter()
        .filter_map(|transmission| match &transmission.state {
            TransmissionState::Paused { reason } if reason.is_empty() => {
                Some(format!("I7: {} is paused without a reason", transmission.id))
            }
            TransmissionState::Held { after } if after.is_empty() => {
                Some(format!("I7: {} is held for nothing", transmission.id))
            }
            _ => None,
        })
        .collect()
}

/// **I7**, second half: whoever can mend what is paused is told. `told` names what an open exception is about.
pub fn i7_what_is_paused_is_told(transmissions: &[Transmission], told: &BTreeSet<TransmissionId>) -> Vec<String> {
    transmissions
        .iter()
        .filter(|it| matches!(it.state, TransmissionState::Paused { .. }) && !told.contains(&it.id))
        .map(|it| format!("I7: {} is paused and nobody is told", it.id))
        .collect()
}

/// **I8** The audit chain verifies.
pub fn i8_audit_chain_verifies(chain: &[ChainedAudit]) -> Vec<String> {
    let mut previous = None;
    let mut wrong = Vec::new();
    for record in chain {
        if !record.follows(previous) {
            wrong.push(format!("I8: audit record {} does not follow the one before it", record.number));
        }
        previous = Some(record);
    }
    wrong
}

/// **I9** The same configuration and the same input give the same events. Compares what two runs made.
pub fn i9_replay_is_deterministic(first: &[Event], second: &[Event]) -> Vec<String> {
    if first.len() != second.len() {
        return vec![format!("I9: {} events became {}", first.len(), second.len())];
    }
    first
        .iter()
        .zip(second)
        .filter(|(one, other)| one != other)
        .map(|(one, _)| format!("I9: event {} differs when it is made again", one.id))
        .collect()
}

/// **I10** Work is bounded: an attempt needs no more than `calls_max` calls.
pub fn i10_attempts_are_bounded(id: TransmissionId, calls: usize, calls_max: usize) -> Vec<String> {
    match calls <= calls_max {
        true => Vec::new(),
        false => vec![format!("I10: an attempt at {id} needed {calls} calls")],
    }
}

/// **I10** Work is bounded: what failed `attempts_max` times in a row is not tried again by itself.
pub fn i10_retries_are_bounded(transmission: &Transmission, attempts_max: u32) -> Option<String> {
    let (id, attempts) = (transmission.id, transmission.attempts);
    (attempts > attempts_max)
        .then(|| format!("I10: transmission {id} was tried {attempts} times, {attempts_max} are allowed"))
}

/// **I10** Work is bounded: no more than `most` at once. `what` tells of what.
pub fn i10_no_more_at_once(what: &str, at_once: usize, most: usize) -> Vec<String> {
    match at_once <= most {
        true => Vec::new(),
        false => vec![format!("I10: {at_once} {what} at once, {most} are allowed")],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::changeset::AuditRecord;
    use jiff::Timestamp;

    #[test]
    fn a_changed_audit_record_breaks_the_chain() {
        let record = |action: &str| AuditRecord {
            at: Timestamp::UNIX_EPOCH,
            actor: "ada".into(),
            action: action.into(),
            target: "transmission/1".into(),
            reason: None,
        };
        let first = ChainedAudit::following(None, record("resume"));
        let second = ChainedAudit::following(Some(&first), record("cancel"));
        assert!(i8_audit_chain_verifies(&[first.clone(), second.clone()]).is_empty());
        let mut forged = first;
        forged.record.actor = "eve".into();
        assert_eq!(i8_audit_chain_verifies(&[forged, second]).len(), 1);
    }
}
