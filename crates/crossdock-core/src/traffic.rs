//! What traffic shows: which fields a channel's messages carry and which defaults mappings take. Statistics, not
//! business: kept by sampling, within limits, and written now and then. The loss report reads them.

use std::collections::{BTreeMap, HashMap};

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::changeset::Change;
use crate::hub::Hub;
use crate::ids::SystemName;
use crate::mapping::notes::Usage;
use crate::value::Value;

/// Messages of a channel that are all looked at, before sampling begins.
pub const LOOKED_AT_FIRST: u64 = 200;
/// Afterwards one message in so many is looked at.
pub const SAMPLED_ONE_IN: u64 = 64;
/// Paths kept of a channel.
pub const PATHS_MAX: usize = 1_000;
/// Bytes of a path; longer ones are not kept.
const PATH_BYTES_MAX: usize = 200;
/// Values looked at in one message.
const VALUES_MAX: usize = 5_000;
/// Elements of a list that are looked at.
const ELEMENTS_MAX: usize = 50;
/// Fields of one map; a map with more is taken for one whose keys are data.
const FIELDS_MAX: usize = 100;
/// Maps and lists inside each other that are looked into.
const DEPTH_MAX: usize = 16;
/// Channels that are learnt.
const CHANNELS_MAX: usize = 1_000;
/// How often what was learnt is written, while there is traffic.
const WRITE_EVERY: SignedDuration = SignedDuration::from_secs(60);
/// Messages of a channel before a new field is worth telling.
const LEARNT_AFTER: u64 = 20;

/// What is kept of one channel or one mapping.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "of", rename_all = "snake_case")]
pub enum Traffic {
    Channel(ChannelTraffic),
    Mapping(MappingTraffic),
}

impl Traffic {
    /// By which the store keeps it: a later one takes the place of an earlier one.
    pub fn key(&self) -> String {
        match self {
            Traffic::Channel(channel) => format!("channel/{}/{}", channel.system, channel.channel),
            Traffic::Mapping(mapping) => format!("mapping/{}", mapping.mapping),
        }
    }
}

/// The fields that a channel's messages carry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelTraffic {
    pub system: SystemName,
    pub channel: String,
    /// When the first message came that is counted here.
    pub since: Timestamp,
    /// Messages that came by it.
    pub messages: u64,
    /// Messages that were looked at.
    pub looked_at: u64,
    /// By path: `body.items[].sku`.
    pub paths: BTreeMap<String, Seen>,
    /// There were more paths than are kept.
    #[serde(default)]
    pub more: bool,
}

/// When and how often a field was seen among the messages looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Seen {
    pub count: u64,
    pub first: Timestamp,
    pub last: Timestamp,
    /// Which look at the channel counted it last; so a message counts once, however many elements carry the field.
    #[serde(skip)]
    look: u64,
}

impl Seen {
    /// As seen so often between these two.
    pub fn new(count: u64, first: Timestamp, last: Timestamp) -> Self {
        Self { count, first, last, look: 0 }
    }
}

/// How often a mapping ran and took its defaults.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MappingTraffic {
    pub mapping: String,
    pub since: Timestamp,
    pub runs: u64,
    /// By the target's path: `lines[].uom`.
    pub defaults: BTreeMap<String, u64>,
}

/// A field that newly came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewField {
    pub system: SystemName,
    pub channel: String,
    pub path: String,
}

/// Learns from traffic. Belongs to the router; costs a look-up for a message that is not looked at.
#[derive(Debug, Default)]
pub struct Learner {
    channels: HashMap<SystemName, HashMap<String, Channel>>,
    count: usize,
    mappings: HashMap<String, MappingTraffic>,
    written_at: Option<Timestamp>,
    changed: bool,
}

#[derive(Debug)]
struct Channel {
    traffic: ChannelTraffic,
    dirty: bool,
}

impl Learner {
    /// One that goes on from what is kept.
    pub fn new(kept: impl IntoIterator<Item = Traffic>) -> Self {
        let mut learner = Self::default();
        for traffic in kept {
            match traffic {
                Traffic::Channel(traffic) => {
                    learner.count += 1;
                    let channels = learner.channels.entry(traffic.system.clone()).or_default();
                    channels.insert(traffic.channel.clone(), Channel { traffic, dirty: false });
                }
                Traffic::Mapping(traffic) => drop(learner.mappings.insert(traffic.mapping.clone(), traffic)),
            }
        }
        learner
    }

    /// Counts a message; true when it is to be looked at.
    pub fn came(&mut self, system: &SystemName, channel: &str, now: Timestamp) -> bool {
        let known = self.channels.get_mut(system).and_then(|channels| channels.get_mut(channel));
        let Some(it) = known else { return self.first_of_channel(system, channel, now) };
        it.traffic.messages += 1;
        it.dirty = true;
        self.changed = true;
        it.traffic.messages <= LOOKED_AT_FIRST || it.traffic.messages.is_multiple_of(SAMPLED_ONE_IN)
    }

    fn first_of_channel(&mut self, system: &SystemName, channel: &str, now: Timestamp) -> bool {
        if self.count == CHANNELS_MAX {
            return false;
        }
        self.count += 1;
        self.changed = true;
        let traffic = ChannelTraffic {
            system: system.clone(),
            channel: channel.to_owned(),
            since: now,
            messages: 1,
            looked_at: 0,
            paths: BTreeMap::new(),
            more: false,
        };
        let channels = self.channels.entry(system.clone()).or_default();
        channels.insert(channel.to_owned(), Channel { traffic, dirty: true });
        true
    }

    /// Looks at a message's body. Gives the fields that are new after the channel was learnt.
    pub fn look(
        &mut self,
        system: &SystemName,
        channel: &str,
        body: &Value,
        now: Timestamp,
        learning: SignedDuration,
    ) -> Vec<NewField> {
        let known = self.channels.get_mut(system).and_then(|channels| channels.get_mut(channel));
        let Some(it) = known else { return Vec::new() };
        let is_learnt = it.traffic.looked_at >= LEARNT_AFTER && now.duration_since(it.traffic.since) >= learning;
        it.traffic.looked_at += 1;
        let mut look =
            Look { traffic: &mut it.traffic, now, path: "body".to_owned(), left: VALUES_MAX, new: Vec::new() };
        look.value(body, 0);
        let new = look.new;
        if !is_learnt {
            return Vec::new();
        }
        let field = |path| NewField { system: system.clone(), channel: channel.to_owned(), path };
        new.into_iter().map(field).collect()
    }

    /// What is to be written now: nothing most of the time. `usage` is what mappings did since this was asked last.
    pub fn write(&mut self, usage: impl FnOnce() -> HashMap<String, Usage>, hub: &Hub, now: Timestamp) -> Vec<Change> {
        let due = self.written_at.is_none_or(|at| now.duration_since(at) >= WRITE_EVERY);
        if !due || !self.changed {
            return Vec::new();
        }
        (self.written_at, self.changed) = (Some(now), false);
        let mut changes = Vec::new();
        for (mapping, usage) in usage() {
            changes.push(Change::PutTraffic(Traffic::Mapping(self.used(&mapping, &usage, hub, now))));
        }
        for it in self.channels.values_mut().flat_map(HashMap::values_mut).filter(|it| it.dirty) {
            it.dirty = false;
            changes.push(Change::PutTraffic(Traffic::Channel(it.traffic.clone())));
        }
        changes
    }

    fn used(&mut self, mapping: &str, usage: &Usage, hub: &Hub, now: Timestamp) -> MappingTraffic {
        let fields = hub.mapping(mapping).map(|mapping| mapping.fields()).unwrap_or_default();
        let traffic = self.mappings.entry(mapping.to_owned()).or_insert_with(|| MappingTraffic {
            mapping: mapping.to_owned(),
            since: now,
            runs: 0,
            defaults: BTreeMap::new(),
        });
        traffic.runs += usage.runs;
        for (number, count) in &usage.defaults {
            if let Some(field) = fields.get(*number as usize) {
                *traffic.defaults.entry(field.path.clone()).or_default() += count;
            }
        }
        traffic.clone()
    }
}

/// One look at one message.
struct Look<'t> {
    traffic: &'t mut ChannelTraffic,
    now: Timestamp,
    path: String,
    left: usize,
    new: Vec<String>,
}

impl Look<'_> {
    fn value(&mut self, value: &Value, depth: usize) {
        if self.left == 0 || depth > DEPTH_MAX || self.path.len() > PATH_BYTES_MAX {
            return;
        }
        self.left -= 1;
        let length = self.path.len();
        match value {
            Value::Map(map) if map.len() <= FIELDS_MAX => {
                for (name, value) in map.iter() {
                    self.path.push('.');
                    self.path.push_str(name);
                    self.value(value, depth + 1);
                    self.path.truncate(length);
                }
            }
            Value::List(items) => {
                self.path.push_str("[]");
                for item in items.iter().take(ELEMENTS_MAX) {
                    self.value(item, depth + 1);
                }
                self.path.truncate(length);
            }
            Value::Null => {}
            _ => self.leaf(),
        }
    }

    fn leaf(&mut self) {
        if let Some(seen) = self.traffic.paths.get_mut(&self.path) {
            if seen.look != self.traffic.looked_at {
                seen.count += 1;
                (seen.last, seen.look) = (self.now, self.traffic.looked_at);
            }
        } else if self.traffic.paths.len() < PATHS_MAX {
            self.new.push(self.path.clone());
            let seen = Seen { look: self.traffic.looked_at, ..Seen::new(1, self.now, self.now) };
            self.traffic.paths.insert(self.path.clone(), seen);
        } else {
            self.traffic.more = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::JsonLimits;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + seconds).expect("in range")
    }

    fn json(text: &str) -> Value {
        Value::parse_json(text.as_bytes(), &JsonLimits::default()).expect("it is JSON")
    }

    fn learn(learner: &mut Learner, text: &str, now: Timestamp) -> Vec<String> {
        let system = SystemName::from("fleet");
        match learner.came(&system, "proof", now) {
            true => learner
                .look(&system, "proof", &json(text), now, SignedDuration::from_secs(3_600))
                .into_iter()
                .map(|field| field.path)
                .collect(),
            false => Vec::new(),
        }
    }

    #[test]
    fn a_new_field_is_told_once_and_only_after_the_channel_was_learnt() {
        let mut learner = Learner::default();
        for n in 0..50 {
            assert!(learn(&mut learner, r#"{"id": 1, "items": [{"sku": "A"}, {"sku": "B"}]}"#, at(n)).is_empty());
        }
        assert!(learn(&mut learner, r#"{"id": 1, "early": true}"#, at(60)).is_empty(), "it is still being learnt");
        let news = r#"{"id": 1, "late": {"a": 1}, "items": [{"sku": "A", "lot": "L"}], "nothing": null}"#;
        assert_eq!(learn(&mut learner, news, at(7_200)), ["body.late.a", "body.items[].lot"]);
        assert!(learn(&mut learner, news, at(7_201)).is_empty());
        let seen = &learner.channels[&SystemName::from("fleet")]["proof"].traffic;
        assert_eq!((seen.messages, seen.paths["body.items[].sku"].count), (53, 52));
        assert_eq!(seen.paths["body.late.a"].first, at(7_200));
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut learner = Learner::default();
        for n in 0..200 {
            let fields: Vec<String> = (0..20).map(|m| format!(r#""key{}": 1"#, n * 20 + m)).collect();
            learn(&mut learner, &format!("{{{}}}", fields.join(",")), at(n));
        }
        let many: Vec<String> = (0..5_000).map(|n| format!(r#""k{n}": 1"#)).collect();
        learn(&mut learner, &format!(r#"{{"by_key": {{{}}}}}"#, many.join(",")), at(300));
        let kept = &learner.channels[&SystemName::from("fleet")]["proof"].traffic;
        assert_eq!(kept.paths.len(), PATHS_MAX);
        assert!(kept.more);
        assert!(!kept.paths.keys().any(|path| path.contains("by_key.")), "keys that are data are no fields");
    }

    #[test]
    fn afterwards_one_in_many_is_looked_at() {
        let mut learner = Learner::default();
        let system = SystemName::from("fleet");
        let looked =
            (0..LOOKED_AT_FIRST + 640).filter(|n| learner.came(&system, "proof", at(*n as i64))).count() as u64;
        assert_eq!(looked, LOOKED_AT_FIRST + 640 / SAMPLED_ONE_IN);
    }
}
