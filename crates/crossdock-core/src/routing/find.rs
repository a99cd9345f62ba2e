//! Entities looked up by other systems' ids, before a mapping runs: the mapping stays pure, what was found is one of its
//! inputs (I9).

use super::inbound::{Failure, Source, Stop, evaluate, mapping_failure};
use super::work::Work;
use super::{ViewError, Wanted};
use crate::event::{EntityRef, Reference};
use crate::exception::ExceptionClass;
use crate::hub::{EventMapping, FindRule, Unknown};
use crate::ids::SystemName;
use crate::mapping::{Bindings, Fault};
use crate::model::key_text;
use crate::value::{Map, Value};

/// What was looked up for one event.
pub(super) struct Found {
    /// Key or null by the rule's name.
    pub keys: Value,
    /// Ids that were not known and are learnt with the event.
    pub learnt: Vec<Reference>,
}

/// At most so many entities are told when an id stands for more than one.
const TOLD_MAX: usize = 4;

/// Follows the rules of a mapping.
pub(super) fn look_up(
    mapping: &EventMapping,
    bindings: &Bindings,
    source: &Source<'_>,
    work: &Work<'_>,
) -> Result<Found, Stop> {
    let failed = |fault: Fault| mapping_failure(&mapping.name, &fault);
    let mut keys = Map::with_capacity(mapping.find.len());
    let mut learnt = Vec::new();
    for rule in &mapping.find {
        let Some(value) = key_text(&evaluate(&rule.value, "find", bindings, work).map_err(failed)?) else {
            keys.insert(rule.name.as_str(), Value::Null);
            continue;
        };
        let system = rule.system.as_ref().unwrap_or(source.system);
        let wanted = Wanted { entity: rule.entity, system, kind: &rule.kind, value: &value };
        let found = present(&wanted, work)?;
        let key = match (found.as_slice(), &rule.unknown) {
            ([one], _) => Value::text(one.key.as_str()),
            ([], Unknown::Null) => Value::Null,
            ([], Unknown::Exception) => return Err(unknown(mapping, rule, system, &value).into()),
            ([], Unknown::Create(key)) => {
                let made = evaluate(key, "find", bindings, work).map_err(failed)?;
                let Some(key) = key_text(&made) else {
                    return Err(no_key(mapping, rule, &made).into());
                };
                let entity = work.present_name(EntityRef::new(rule.entity, key))?;
                let key = Value::text(entity.key.as_str());
                learnt.push(Reference { entity, system: system.clone(), kind: rule.kind.clone(), value });
                key
            }
            (several, _) => return Err(ambiguous(mapping, rule, system, &value, several).into()),
        };
        keys.insert(rule.name.as_str(), key);
    }
    Ok(Found { keys: Value::from(keys), learnt })
}

/// Who answers for the entities known by an id, each once.
fn present(wanted: &Wanted<'_>, work: &Work<'_>) -> Result<Vec<EntityRef>, ViewError> {
    let mut found = Vec::new();
    for name in work.view.referenced(wanted, TOLD_MAX)? {
        let name = work.present_name(name)?;
        if !found.contains(&name) {
            found.push(name);
        }
    }
    Ok(found)
}

fn unknown(mapping: &EventMapping, rule: &FindRule, system: &SystemName, value: &str) -> Failure {
    let summary = format!(
        "mapping {} looks for the {} that {system} knows as {} {value}, and none is known by it. Add the reference \
         (`crossdock references import`) or wait for its own message, then rerun this one",
        mapping.name, rule.entity, rule.kind
    );
    Failure { class: ExceptionClass::ReferenceUnresolved, summary }
}

fn ambiguous(
    mapping: &EventMapping,
    rule: &FindRule,
    system: &SystemName,
    value: &str,
    found: &[EntityRef],
) -> Failure {
    let names: Vec<String> = found.iter().map(ToString::to_string).collect();
    let summary = format!(
        "mapping {} looks for the {} that {system} knows as {} {value}, and it stands for {}. Merge them if they are \
         the same, or remove the wrong reference, then rerun the message",
        mapping.name,
        rule.entity,
        rule.kind,
        names.join(" and ")
    );
    Failure { class: ExceptionClass::ReferenceUnresolved, summary }
}

fn no_key(mapping: &EventMapping, rule: &FindRule, made: &Value) -> Failure {
    let summary = format!(
        "mapping {}: `create` of `{}` must give the key of a new {}, and gave {}",
        mapping.name,
        rule.name,
        rule.entity,
        made.kind_word()
    );
    Failure { class: ExceptionClass::MappingFailed, summary }
}
