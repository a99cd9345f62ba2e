//! The loss report: which fields of a partner's messages no mapping reads, and which fields of a target are defaulted,
//! constant or never set. From the configuration alone, and from traffic where there was some.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::hub::{EventMapping, Hub, InboundFlow, Unknown};
use crate::ids::SystemName;
use crate::mapping::{Expression, FieldUse, Mapping};
use crate::traffic::{Seen, Traffic};

/// What is lost between partners and the model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// What comes in, by channel.
    pub channels: Vec<ChannelLoss>,
    /// What is made of it, by mapping.
    pub mappings: Vec<MappingLoss>,
}

/// The fields of a channel's messages.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ChannelLoss {
    pub system: SystemName,
    /// Empty for messages without a channel.
    pub channel: String,
    /// Messages that came by it, when the hub has counted them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub messages: Option<u64>,
    /// Messages whose fields were looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub looked_at: Option<u64>,
    pub fields: Vec<SourceField>,
}

/// One field of a partner's messages.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SourceField {
    pub path: String,
    /// Mappings and flows that read it; none means that it is lost.
    pub read_by: Vec<String>,
    /// When it was seen in traffic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<Seen>,
}

/// The fields of a mapping's target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MappingLoss {
    pub mapping: String,
    /// The event it makes; none for an operation's input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub emits: Option<String>,
    /// Targets made, when the hub has counted them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runs: Option<u64>,
    /// Fields that are not simply taken from the source.
    pub fields: Vec<TargetField>,
    /// Fields of the entity that it never sets.
    pub never_set: Vec<String>,
}

/// One field of a target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TargetField {
    pub path: String,
    pub how: How,
    /// The constant, or the default.
    pub expression: String,
    pub file: String,
    pub line: u32,
    /// How often the default was taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken: Option<u64>,
}

/// Where a field's value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// Always the same.
    Constant,
    /// From the source, or else a default.
    Defaulted,
    /// From a code list, or else what stands for unknown codes.
    UnknownCode,
}

impl How {
    pub fn word(self) -> &'static str {
        match self {
            How::Constant => "constant",
            How::Defaulted => "default",
            How::UnknownCode => "unknown code",
        }
    }
}

/// Source fields that are known without traffic, by system and channel.
pub type KnownFields = BTreeMap<(SystemName, String), BTreeSet<String>>;

/// The report of a hub.
pub fn report(hub: &Hub, known: &KnownFields, traffic: &[Traffic]) -> Report {
    let mut channels: BTreeMap<(SystemName, String), ChannelLoss> = BTreeMap::new();
    let mut usage = BTreeMap::new();
    let empty = |key: &(SystemName, String)| ChannelLoss {
        system: key.0.clone(),
        channel: key.1.clone(),
        messages: None,
        looked_at: None,
        fields: Vec::new(),
    };
    let mut fields: BTreeMap<(SystemName, String), BTreeMap<String, Option<Seen>>> = BTreeMap::new();
    for (key, paths) in known {
        channels.entry(key.clone()).or_insert_with(|| empty(key));
        fields.entry(key.clone()).or_default().extend(paths.iter().map(|path| (path.clone(), None)));
    }
    for traffic in traffic {
        match traffic {
            Traffic::Channel(seen) => {
                let key = (seen.system.clone(), seen.channel.clone());
                let channel = channels.entry(key.clone()).or_insert_with(|| empty(&key));
                (channel.messages, channel.looked_at) = (Some(seen.messages), Some(seen.looked_at));
                let paths = seen.paths.iter().map(|(path, seen)| (path.clone(), Some(seen.clone())));
                fields.entry(key).or_default().extend(paths);
            }
            Traffic::Mapping(used) => drop(usage.insert(used.mapping.as_str(), used)),
        }
    }
    for (key, channel) in &mut channels {
        let readers = readers(hub, &key.0, &key.1);
        let fields = fields.remove(key).unwrap_or_default();
        channel.fields = fields
            .into_iter()
            .map(|(path, seen)| SourceField { read_by: read_by(&readers, &path), path, seen })
            .collect();
    }
    let mut mappings = BTreeMap::new();
    for (mapping, emits) in all_mappings(hub) {
        mappings.entry(mapping.name().to_owned()).or_insert_with(|| {
            let used = usage.get(mapping.name());
            let taken = |field: &FieldUse| used.map(|used| used.defaults.get(&field.path).copied().unwrap_or(0));
            MappingLoss {
                mapping: mapping.name().to_owned(),
                emits: emits.map(|emits| emits.emits.name()),
                runs: used.map(|used| used.runs),
                fields: mapping.fields().iter().flat_map(|field| target_field(field, taken(field))).collect(),
                never_set: emits.map(never_set).unwrap_or_default(),
            }
        });
    }
    Report { channels: channels.into_values().collect(), mappings: mappings.into_values().collect() }
}

fn target_field(field: &FieldUse, taken: Option<u64>) -> Vec<TargetField> {
    let one = |how, expression: &str, taken| TargetField {
        path: field.path.clone(),
        how,
        expression: expression.to_owned(),
        file: field.location.file.to_string(),
        line: field.location.line,
        taken,
    };
    let mut fields = Vec::new();
    if field.is_constant {
        fields.push(one(How::Constant, &field.expression, None));
    }
    fields.extend(field.default.as_ref().map(|default| one(How::Defaulted, default, taken)));
    fields.extend(field.unknown.as_ref().map(|unknown| one(How::UnknownCode, unknown, None)));
    fields
}

fn never_set(mapping: &EventMapping) -> Vec<String> {
    let set: BTreeSet<&str> =
        mapping.target.fields().iter().map(|field| field.path.split(['.', '[']).next().unwrap_or_default()).collect();
    let fields = mapping.emits.entity.fields.iter().map(|field| field.name);
    fields.filter(|name| !set.contains(name) && *name != "attributes").map(str::to_owned).collect()
}

fn all_mappings(hub: &Hub) -> impl Iterator<Item = (&Mapping, Option<&EventMapping>)> {
    let inbound = hub.inbound.iter().flat_map(|flow| &flow.mappings);
    let results = hub.outbound.iter().flat_map(|flow| &flow.then);
    let inputs = hub.outbound.iter().map(|flow| (&flow.input, None));
    inbound.chain(results).map(|mapping| (&mapping.target, Some(mapping))).chain(inputs)
}

impl Hub {
    /// The compiled tree of a mapping's name.
    pub fn mapping(&self, name: &str) -> Option<&Mapping> {
        all_mappings(self).map(|(mapping, _)| mapping).find(|mapping| mapping.name() == name)
    }

    /// Whether some mapping of a channel reads this path of its messages.
    pub fn reads(&self, system: &SystemName, channel: &str, path: &str) -> bool {
        !read_by(&readers(self, system, channel), path).is_empty()
    }
}

/// Who reads what of a channel.
struct Reader {
    name: String,
    paths: Vec<ReadPath>,
}

/// A path that is read.
struct ReadPath {
    /// Indices are `[]`.
    path: String,
    /// Everything below it too.
    whole: bool,
}

fn readers(hub: &Hub, system: &SystemName, channel: &str) -> Vec<Reader> {
    let takes =
        |flow: &&InboundFlow| flow.system == *system && flow.channel.as_ref().is_none_or(|wanted| wanted == channel);
    let mut readers = Vec::new();
    for flow in hub.inbound.iter().filter(takes) {
        let own = flow.when.iter().chain(&flow.echo).flat_map(Expression::reads);
        readers.push(Reader { name: format!("flow {}", flow.name), paths: own.map(|path| read(path, None)).collect() });
        readers.extend(flow.mappings.iter().map(of_mapping));
    }
    readers
}

fn of_mapping(mapping: &EventMapping) -> Reader {
    // `item` stands for the elements of the list that `each` walks, when that is a list of the message.
    let item = mapping.each.as_ref().and_then(|each| match each.reads() {
        [list] if each.text().trim() == list => Some(format!("{list}[]")),
        _ => None,
    });
    let beside = [&mapping.when, &mapping.time].into_iter().flatten();
    let beside = beside.chain(mapping.references.iter().map(|rule| &rule.value));
    let beside = beside.chain(mapping.references.iter().filter_map(|rule| rule.entity.as_ref().map(|(_, key)| key)));
    let beside = beside.chain(mapping.find.iter().flat_map(|rule| {
        let made = match &rule.unknown {
            Unknown::Create(key) => Some(key),
            Unknown::Exception | Unknown::Null => None,
        };
        std::iter::once(&rule.value).chain(made)
    }));
    let beside = beside.chain(mapping.choice.as_ref().map(|choice| &choice.code));
    let mut paths: Vec<ReadPath> = beside
        .flat_map(Expression::reads)
        .chain(mapping.target.reads())
        .map(|path| read(path, item.as_deref()))
        .collect();
    if item.is_none() {
        paths.extend(mapping.each.iter().flat_map(Expression::reads).map(|path| read(path, None)));
    }
    Reader { name: format!("mapping {}", mapping.name), paths }
}

/// A path as the loss report compares it: from the body, indices as `[]`.
fn read(path: &str, item: Option<&str>) -> ReadPath {
    let path = path.strip_prefix("message.").filter(|rest| rest.starts_with("body")).unwrap_or(path);
    let path = match (item, path.strip_prefix("item")) {
        (Some(item), Some(rest)) if rest.is_empty() || rest.starts_with(['.', '[']) => format!("{item}{rest}"),
        _ => path.to_owned(),
    };
    // A path that ends with `[]` was walked; what is used of its elements is said by longer ones.
    let whole = !path.ends_with("[]");
    let mut plain = String::with_capacity(path.len());
    let mut rest = path.as_str();
    while let Some(start) = rest.find('[') {
        plain.push_str(&rest[..start]);
        plain.push_str("[]");
        rest = rest[start..].split_once(']').map_or("", |(_, rest)| rest);
    }
    plain.push_str(rest);
    ReadPath { path: plain, whole }
}

fn read_by(readers: &[Reader], path: &str) -> Vec<String> {
    let covers = |read: &ReadPath| match path.strip_prefix(read.path.as_str()) {
        Some("") => true,
        Some(rest) => read.whole && rest.starts_with(['.', '[']),
        None => false,
    };
    let mut names: Vec<String> =
        readers.iter().filter(|reader| reader.paths.iter().any(covers)).map(|reader| reader.name.clone()).collect();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_path_covers_what_is_below_it_unless_it_was_only_walked() {
        let check = |reads: &str, path: &str, expect: bool| {
            let reader = Reader { name: "x".into(), paths: vec![read(reads, Some("body.lines[]"))] };
            assert_eq!(!read_by(&[reader], path).is_empty(), expect, "{reads} over {path}");
        };
        check("body.stop.ref", "body.stop.ref", true);
        check("message.body.stop", "body.stop.ref", true);
        check("body.stop", "body.stops", false);
        check("body.stop.ref", "body.stop", false);
        check("body.items[]", "body.items[].sku", false);
        check("body.items[]", "body.items[]", true);
        check("body.items[0]", "body.items[].sku", true);
        check("body.items[0].sku", "body.items[].sku", true);
        check("body.items", "body.items[].sku", true);
        check("item.sku", "body.lines[].sku", true);
        check("items.sku", "body.lines[].sku", false);
    }
}
