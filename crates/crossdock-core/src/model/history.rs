//! The history of an entity: what each of its events changed. It is found by folding them again, so it tells what the
//! present rules make of them.

use super::{EventType, fold, needs_refold, refold};
use crate::event::{Entity, Event, StoredEvent};
use crate::value::{Map, Value};

/// Changes told of one event at most.
pub const CHANGES_MAX: usize = 200;

/// What one event did to its entity.
#[derive(Clone, Debug, PartialEq)]
pub struct HistoryStep {
    /// The version it made.
    pub version: u64,
    /// The state before; empty when there was none.
    pub status_before: String,
    /// The state after.
    pub status_after: String,
    /// It came too late to move the state.
    pub out_of_order: bool,
    /// Nothing of it counts: another system is the one to say so, or it only reports what the hub wrote itself.
    pub no_effect: bool,
    /// Fields that changed, at most [`CHANGES_MAX`].
    pub changes: Vec<FieldChange>,
    /// Fields the event spoke of that kept another value.
    pub not_applied: Vec<FieldKept>,
}

/// One field before and after.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldChange {
    /// A JSON Pointer (RFC 6901) into the entity's data: `/lines/0/quantity`.
    pub pointer: String,
    /// Null when it was not known.
    pub from: Value,
    /// Null when it is gone.
    pub to: Value,
}

/// One field that an event did not change.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldKept {
    /// A JSON Pointer into the entity's data.
    pub pointer: String,
    /// What the event says.
    pub said: Value,
    /// What is known, and stays.
    pub kept: Value,
}

/// Folds the events of one entity again, in the order in which they were appended.
#[derive(Clone, Debug, Default)]
pub struct Refold {
    entity: Option<Entity>,
    /// Those that counted, for the one that takes some of them back.
    events: Vec<Event>,
}

impl Refold {
    /// The next event. `None` when this program does not know its type any more: then it changes nothing.
    pub fn step(&mut self, stored: &StoredEvent) -> Option<HistoryStep> {
        let event = &stored.event;
        let of = EventType::find(&event.event_type)?;
        if !event.standing.has_effect() {
            return Some(self.without_effect(&event.data));
        }
        let before = self.entity.take();
        let mut folded = fold(of, before.clone(), event);
        self.events.push(event.clone());
        if needs_refold(event)
            && let Some(entity) = refold(of.entity, &self.events)
        {
            folded.entity = Entity { version: folded.entity.version, ..entity };
        }
        let nothing = Value::from(Map::new());
        let known = before.as_ref().map_or(&nothing, |entity| &entity.data);
        let mut changes = Vec::new();
        differences(&mut String::new(), known, &folded.entity.data, &mut changes);
        let step = HistoryStep {
            version: folded.entity.version,
            status_before: before.as_ref().map(|entity| entity.status.clone()).unwrap_or_default(),
            status_after: folded.entity.status.clone(),
            out_of_order: folded.out_of_order,
            no_effect: false,
            changes,
            not_applied: [kept(&event.data, &folded.entity.data), kept(&event.standing.withheld, &folded.entity.data)]
                .concat(),
        };
        self.entity = Some(folded.entity);
        Some(step)
    }

    fn without_effect(&self, said: &Value) -> HistoryStep {
        let status = self.entity.as_ref().map(|entity| entity.status.clone()).unwrap_or_default();
        let nothing = Value::from(Map::new());
        HistoryStep {
            version: self.entity.as_ref().map_or(0, |entity| entity.version),
            status_before: status.clone(),
            status_after: status,
            out_of_order: false,
            no_effect: true,
            changes: Vec::new(),
            not_applied: kept(said, self.entity.as_ref().map_or(&nothing, |entity| &entity.data)),
        }
    }

    /// The entity as it stands after the events so far.
    pub fn entity(&self) -> Option<&Entity> {
        self.entity.as_ref()
    }
}

/// A name as part of a JSON Pointer.
pub fn pointer_part(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

fn differences(at: &mut String, before: &Value, after: &Value, changes: &mut Vec<FieldChange>) {
    if changes.len() >= CHANGES_MAX || before == after {
        return;
    }
    let length = at.len();
    let mut within = |part: &str, before: &Value, after: &Value| {
        at.push('/');
        at.push_str(&pointer_part(part));
        differences(at, before, after, changes);
        at.truncate(length);
    };
    match (before, after) {
        (Value::Map(before), Value::Map(after)) => {
            let gone = before.iter().filter(|(name, _)| !after.contains_key(name));
            for (name, value) in after.iter() {
                within(name, before.get(name).unwrap_or(&Value::Null), value);
            }
            gone.for_each(|(name, value)| within(name, value, &Value::Null));
        }
        (Value::List(before), Value::List(after)) => {
            for place in 0..before.len().max(after.len()) {
                let at_place = |list: &[Value]| list.get(place).cloned().unwrap_or_default();
                within(&place.to_string(), &at_place(before), &at_place(after));
            }
        }
        (before, after) => {
            changes.push(FieldChange { pointer: at.clone(), from: before.clone(), to: after.clone() });
        }
    }
}

fn kept(said: &Value, known: &Value) -> Vec<FieldKept> {
    let (Some(said), Some(known)) = (said.as_map(), known.as_map()) else { return Vec::new() };
    let mut all = Vec::new();
    for (name, value) in said.iter().filter(|(_, value)| !value.is_null()) {
        let stands = known.get(name).unwrap_or(&Value::Null);
        if value != stands && all.len() < CHANGES_MAX {
            let pointer = format!("/{}", pointer_part(name));
            all.push(FieldKept { pointer, said: value.clone(), kept: stands.clone() });
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use uuid::Uuid;

    use super::*;
    use crate::event::{EntityRef, Event, Standing};
    use crate::ids::{EventId, MessageId};
    use crate::value;

    fn event(verb: &str, minute: i64, data: Value) -> StoredEvent {
        let subject = EntityRef::new("shipment", "281");
        let time: Timestamp = "2026-03-02T08:00:00Z".parse().expect("valid");
        let time = time + jiff::SignedDuration::from_mins(minute);
        let event = Event {
            id: EventId(Uuid::nil()),
            event_type: format!("crossdock.shipment.{verb}.v1"),
            links: vec![subject.clone()],
            subject,
            system: "fleet".into(),
            time,
            recorded_at: time,
            message: MessageId(Uuid::nil()),
            flow: "f".into(),
            out_of_order: false,
            first: false,
            references: Vec::new(),
            data,
            standing: Standing::default(),
        };
        StoredEvent { position: minute.unsigned_abs(), event }
    }

    fn told(step: &HistoryStep) -> Vec<String> {
        let changes = step
            .changes
            .iter()
            .map(|it| format!("{}: {} -> {}", it.pointer, it.from.to_json_string(), it.to.to_json_string()));
        let kept = step
            .not_applied
            .iter()
            .map(|it| format!("{} stays {}, not {}", it.pointer, it.kept.to_json_string(), it.said.to_json_string()));
        changes.chain(kept).collect()
    }

    #[test]
    fn each_event_tells_what_it_changed() {
        let mut refold = Refold::default();
        let planned = value!({"number": "281", "lines": [{"sku": "A", "quantity": 1}, {"sku": "B", "quantity": 2}]});
        let step = refold.step(&event("picked_up", 0, planned)).expect("known");
        assert_eq!((step.version, step.status_before.as_str(), step.status_after.as_str()), (1, "", "picked_up"));
        assert_eq!(told(&step)[0], "/number: null -> \"281\"");

        let picked = value!({"number": "281", "order": null, "lines": [{"sku": "A", "quantity": 3}]});
        let step = refold.step(&event("departed", 20, picked)).expect("known");
        assert_eq!((step.status_before.as_str(), step.out_of_order), ("picked_up", false));
        let lines = ["/lines/0/quantity: 1 -> 3", "/lines/1: {\"sku\":\"B\",\"quantity\":2} -> null"];
        assert_eq!(told(&step), lines);

        // Too late: it only fills a gap.
        let late = value!({"number": "281", "order": "S1", "lines": []});
        let step = refold.step(&event("picked_up", 10, late)).expect("known");
        assert!(step.out_of_order && step.status_before == step.status_after);
        assert_eq!(told(&step)[0], "/order: null -> \"S1\"");
        assert_eq!(told(&step)[1], "/lines stays [{\"sku\":\"A\",\"quantity\":3}], not []");
        assert_eq!(refold.entity().map(|entity| entity.version), Some(3));
        assert!(refold.step(&event("teleported", 30, value!({}))).is_none());
        assert_eq!(refold.entity().map(|entity| entity.version), Some(3));
    }

    #[test]
    fn names_are_escaped_and_changes_are_bounded() {
        let mut refold = Refold::default();
        let attributes: Map = (0..500).map(|n| (format!("a/{n}~"), Value::from(n))).collect();
        let data = value!({"number": "281", "attributes": (Value::from(attributes))});
        let step = refold.step(&event("picked_up", 0, data)).expect("known");
        assert_eq!(step.changes.len(), 2, "what was not known is told whole");
        let attributes: Map = (0..500).map(|n| (format!("a/{n}~"), Value::from(n + 1))).collect();
        let data = value!({"number": "281", "attributes": (Value::from(attributes))});
        let step = refold.step(&event("picked_up", 1, data)).expect("known");
        assert_eq!((step.changes.len(), step.changes[0].pointer.as_str()), (CHANGES_MAX, "/attributes/a~10~0"));
    }
}
