//! Two profiles, thing by thing. Each thing that both have moves the score up or down by a weight in log-odds; what one of
//! them lacks says nothing.

use super::Candidate;
use super::profile::{OFFICIAL, Profile, same_phone};
use crate::suggestion::Evidence;

/// By how much agreement and difference move the score, in log-odds. What lies between counts in proportion.
#[derive(Clone, Copy)]
struct Weight {
    same: f64,
    other: f64,
}

/// The weights of a kind.
struct Weights {
    /// Before anything is compared.
    bias: f64,
    name: Weight,
    /// Words of the name with digits: models, sizes.
    model: Weight,
    house: Weight,
    street: Weight,
    postcode: Weight,
    phone: Weight,
    email: Weight,
    official: Weight,
}

const fn weight(same: f64, other: f64) -> Weight {
    Weight { same, other }
}

const SILENT: Weight = weight(0.0, 0.0);

/// Fitted: name, house number, street, postcode, phone and bias.
const LOCATION: Weights = Weights {
    bias: -1.0,
    name: weight(1.6, 0.0),
    model: SILENT,
    house: weight(2.4, -3.4),
    street: weight(1.1, -2.1),
    postcode: weight(1.9, -2.5),
    phone: weight(1.3, -1.4),
    email: weight(0.8, 0.0),
    official: weight(8.0, -8.0),
};

/// The name counts most: many companies share a building, and one has many places.
const PARTY: Weights = Weights {
    bias: -3.0,
    name: weight(4.5, -4.0),
    model: SILENT,
    house: weight(1.5, -1.0),
    street: weight(0.8, -0.8),
    postcode: weight(1.2, -1.0),
    phone: weight(2.0, -0.5),
    email: weight(2.0, -0.3),
    official: weight(7.0, -6.0),
};

/// Articles of one family differ by a number only.
const ITEM: Weights = Weights { model: weight(1.0, -3.5), official: weight(8.0, -8.0), ..PARTY };

fn weights(kind: &str) -> &'static Weights {
    match kind {
        "location" => &LOCATION,
        "item" => &ITEM,
        _ => &PARTY,
    }
}

/// The least likeness at which two words count as one, misspelt.
const WORD_LIKENESS: f64 = 0.88;

/// How sure it is that `one` and `other` are the same. `rarity` is how much a word of a name says.
pub fn compare(one: &Profile, other: &Profile, rarity: &dyn Fn(&str) -> f64) -> Candidate {
    let weights = weights(&one.entity.kind);
    let mut sum = weights.bias;
    let mut evidence = Vec::new();
    let mut take = |field: &str, likeness: f64, weight: Weight, values: [&str; 2]| {
        let moved = likeness * weight.same + (1.0 - likeness) * weight.other;
        sum += moved;
        if weight.same != 0.0 || weight.other != 0.0 {
            evidence.push(Evidence {
                field: field.to_owned(),
                likeness: rounded(likeness),
                weight: rounded(moved),
                values: values.map(str::to_owned),
            });
        }
    };
    for kind in OFFICIAL.iter().copied() {
        let of = |profile: &Profile| -> Vec<String> {
            profile.numbers.iter().filter(|(known, _)| *known == kind).map(|(_, number)| number.clone()).collect()
        };
        let (mine, theirs) = (of(one), of(other));
        if !mine.is_empty() && !theirs.is_empty() {
            let is_same = mine.iter().any(|number| theirs.contains(number));
            take(kind, yes(is_same), weights.official, [&mine.join(" "), &theirs.join(" ")]);
        }
    }
    if !one.words.is_empty() && !other.words.is_empty() {
        take("name", name_likeness(&one.words, &other.words, rarity), weights.name, [&one.name, &other.name]);
        let (mine, theirs) = (models(&one.words), models(&other.words));
        if !mine.is_empty() && !theirs.is_empty() {
            let is_same =
                mine.iter().all(|word| theirs.contains(word)) || theirs.iter().all(|word| mine.contains(word));
            take("model", yes(is_same), weights.model, [&mine.join(" "), &theirs.join(" ")]);
        }
    }
    if let (Some(mine), Some(theirs)) = (&one.house, &other.house) {
        take("house number", yes(mine == theirs), weights.house, [mine, theirs]);
    }
    if !one.street.is_empty() && !other.street.is_empty() {
        let common = one.street.iter().filter(|word| other.street.contains(word)).count();
        let likeness = common as f64 / one.street.len().min(other.street.len()) as f64;
        take("street", likeness.min(1.0), weights.street, [&one.address, &other.address]);
    }
    if let (Some(mine), Some(theirs)) = (&one.postcode, &other.postcode) {
        take("postcode", yes(mine == theirs), weights.postcode, [mine, theirs]);
    }
    if let (Some(mine), Some(theirs)) = (&one.phone, &other.phone) {
        take("phone", yes(same_phone(mine, theirs)), weights.phone, [mine, theirs]);
    }
    if let (Some(mine), Some(theirs)) = (&one.email, &other.email) {
        take("email", yes(mine == theirs), weights.email, [mine, theirs]);
    }
    Candidate { other: other.entity.clone(), score: rounded(1.0 / (1.0 + (-sum).exp())), evidence }
}

/// The share of the shorter name that stands in the other, rare words counting more; misspelt and shortened words count.
fn name_likeness(one: &[String], other: &[String], rarity: &dyn Fn(&str) -> f64) -> f64 {
    let total = |words: &[String]| words.iter().map(|word| rarity(word)).sum::<f64>();
    let mut left: Vec<&String> = other.iter().collect();
    let mut common = 0.0;
    for word in one {
        let best = left
            .iter()
            .enumerate()
            .map(|(place, second)| (word_likeness(word, second), place))
            .max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)));
        if let Some((likeness, place)) = best.filter(|(likeness, _)| *likeness >= WORD_LIKENESS) {
            let second = left.remove(place);
            common += likeness * (rarity(word) + rarity(second)) / 2.0;
        }
    }
    (common / total(one).min(total(other))).clamp(0.0, 1.0)
}

fn word_likeness(one: &str, other: &str) -> f64 {
    if one == other {
        return 1.0;
    }
    let (short, long) = if one.len() <= other.len() { (one, other) } else { (other, one) };
    if short.chars().count() >= 3 && long.starts_with(short) {
        return 0.9;
    }
    let is_misspelt = short.chars().count() > 3 && short.chars().next() == long.chars().next();
    if is_misspelt { strsim::jaro_winkler(one, other) } else { 0.0 }
}

fn models(words: &[String]) -> Vec<String> {
    words.iter().filter(|word| word.chars().any(|c| c.is_ascii_digit())).cloned().collect()
}

fn yes(is_same: bool) -> f64 {
    if is_same { 1.0 } else { 0.0 }
}

/// Four decimals say enough, and are the same wherever they are computed.
fn rounded(number: f64) -> f64 {
    (number * 10_000.0).round() / 10_000.0
}
