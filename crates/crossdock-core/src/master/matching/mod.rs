//! Which entities may be the same, and why. Few pairs are compared: those that share a block, such as a telephone number,
//! a house number in a street, or two rare words of the name. Each thing compared moves the score by a weight, so that
//! every score can be explained.
//!
//! The weights of locations were fitted by logistic regression to public lists of sites in Chicago, for which a test
//! measures them. Those of the other kinds are set by hand, in the same terms.

mod compare;
mod profile;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use schemars::JsonSchema;
use serde::Serialize;

use crate::event::EntityRef;
use crate::suggestion::Evidence;

pub use profile::Profile;

/// A block with more members than this says nothing (I10).
pub const BLOCK_MAX: usize = 60;
/// Pairs compared for one entity at most (I10).
pub const COMPARED_MAX: usize = 400;
/// A word of a name that occurs no more often than this makes a block of its own.
const RARE_MAX: u32 = 25;
/// The rarest words of a name by which it is found.
const WORDS_MAX: usize = 3;

/// When entities of a kind are suggested for merging, and when they are merged without asking.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KindPolicy {
    /// From this score on, a person is asked.
    pub suggest_above: f64,
    /// From this score on, they are merged, unless something speaks against it; never when absent.
    pub automatic_above: Option<f64>,
}

/// By kind of entity; kinds that are not named are not looked at.
pub type MergePolicy = BTreeMap<&'static str, KindPolicy>;

/// An entity that may be the same as the one asked about.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Candidate {
    /// The other entity.
    pub other: EntityRef,
    /// How sure it is, from 0 to 1.
    pub score: f64,
    /// What speaks for it and against it.
    pub evidence: Vec<Evidence>,
}

impl Candidate {
    /// Whether a policy may merge without asking. One agreement alone is not enough, and an official number that differs
    /// forbids it.
    pub fn is_beyond_doubt(&self) -> bool {
        let agrees = |fields: &[&str], least: f64| {
            self.evidence.iter().any(|it| fields.contains(&it.field.as_str()) && it.likeness >= least)
        };
        let official = self.evidence.iter().filter(|it| profile::OFFICIAL.contains(&it.field.as_str()));
        let (mut same, mut other) = (false, false);
        for number in official {
            same |= number.likeness == 1.0;
            other |= number.likeness < 1.0;
        }
        let named = agrees(&["name"], 0.6);
        !other
            && named
            && (same || agrees(&["street"], 0.5) && agrees(&["house number"], 1.0) || agrees(&["phone"], 1.0))
    }
}

/// All entities of one kind, as far as matching needs them.
#[derive(Clone, Debug, Default)]
pub struct Corpus {
    members: Vec<Option<Member>>,
    places: HashMap<EntityRef, usize>,
    blocks: HashMap<u64, Vec<usize>>,
    /// In how many names a word occurs.
    words: HashMap<String, u32>,
}

#[derive(Clone, Debug)]
struct Member {
    profile: Profile,
    blocks: BTreeSet<u64>,
}

impl Corpus {
    /// A corpus of these; words are counted before blocks are made.
    pub fn of(profiles: impl IntoIterator<Item = Profile>) -> Self {
        let mut corpus = Self::default();
        let profiles: Vec<Profile> = profiles.into_iter().collect();
        profiles.iter().for_each(|profile| corpus.count(profile, 1));
        profiles.into_iter().for_each(|profile| corpus.insert(profile));
        corpus
    }

    pub fn len(&self) -> usize {
        self.places.len()
    }

    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Adds an entity, or what has changed of it.
    pub fn put(&mut self, profile: Profile) {
        self.remove(&profile.entity);
        self.count(&profile, 1);
        self.insert(profile);
    }

    /// Forgets an entity: it was merged into another.
    pub fn remove(&mut self, entity: &EntityRef) {
        let Some(place) = self.places.remove(entity) else { return };
        let Some(member) = self.members[place].take() else { return };
        self.count(&member.profile, -1);
        for block in member.blocks {
            if let Some(places) = self.blocks.get_mut(&block) {
                places.retain(|other| *other != place);
                if places.is_empty() {
                    self.blocks.remove(&block);
                }
            }
        }
    }

    fn count(&mut self, profile: &Profile, by: i32) {
        for word in &profile.words {
            let count = self.words.entry(word.clone()).or_default();
            *count = count.saturating_add_signed(by);
        }
    }

    fn insert(&mut self, profile: Profile) {
        let place = self.members.len();
        let blocks = self.blocks_of(&profile);
        blocks.iter().for_each(|block| self.blocks.entry(*block).or_default().push(place));
        self.places.insert(profile.entity.clone(), place);
        self.members.push(Some(Member { profile, blocks }));
    }

    /// What may be the same as this entity, the surest first. Its own entry is passed over.
    pub fn candidates(&self, profile: &Profile, least: f64) -> Vec<Candidate> {
        let mut places = BTreeSet::new();
        for block in self.blocks_of(profile) {
            let members = self.blocks.get(&block).map(Vec::as_slice).unwrap_or_default();
            if members.len() <= BLOCK_MAX {
                places.extend(members.iter().copied());
            }
        }
        let mut found: Vec<Candidate> = places
            .into_iter()
            .filter_map(|place| self.members[place].as_ref())
            .filter(|member| member.profile.entity != profile.entity)
            .take(COMPARED_MAX)
            .map(|member| compare::compare(profile, &member.profile, &|word| self.rarity(word)))
            .filter(|candidate| candidate.score >= least)
            .collect();
        found.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.other.cmp(&b.other)));
        found
    }

    /// How two entities compare, whether or not they share a block.
    pub fn compare(&self, one: &Profile, other: &Profile) -> Candidate {
        compare::compare(one, other, &|word| self.rarity(word))
    }

    /// How much a word says: the rarer, the more.
    fn rarity(&self, word: &str) -> f64 {
        let known = self.words.get(word).copied().unwrap_or(0);
        ((self.places.len() as f64 + 1.0) / (f64::from(known) + 1.0)).ln().max(0.0) + 1.0
    }

    fn blocks_of(&self, profile: &Profile) -> BTreeSet<u64> {
        let mut blocks = BTreeSet::new();
        let mut add = |kind: &str, parts: &[&str]| {
            blocks.insert(hash(kind, parts));
        };
        for (kind, number) in &profile.numbers {
            add(kind, &[number]);
        }
        if let Some(phone) = &profile.phone {
            add("phone", &[profile::short_phone(phone)]);
        }
        if let Some(email) = &profile.email {
            add("email", &[email]);
        }
        if let Some(house) = &profile.house {
            if let Some(street) = profile.street.first() {
                add("street", &[house, street]);
            }
            if let Some(postcode) = &profile.postcode {
                add("postcode", &[house, postcode]);
            }
        }
        let count = |word: &String| self.words.get(word).copied().unwrap_or(0);
        let mut words: Vec<&String> = profile.words.iter().collect();
        words.sort_by_key(|word| (count(word), (*word).clone()));
        words.truncate(WORDS_MAX);
        words.sort();
        for (n, word) in words.iter().enumerate() {
            words[n + 1..].iter().for_each(|second| add("words", &[word, second]));
            if count(word) <= RARE_MAX || words.len() == 1 {
                add("word", &[word]);
            }
        }
        blocks
    }
}

fn hash(kind: &str, parts: &[&str]) -> u64 {
    let mut hasher = DefaultHasher::new();
    (kind, parts).hash(&mut hasher);
    hasher.finish()
}
