//! Code lists of public standards, as data: they are in sight of every mapping by their name, and a list of a hub can
//! begin with one (`from:`). Each line of a file is a code and a word; of several codes with one word the first is the
//! one to write.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use super::codes::{CodeList, Vocabulary};

/// Name, file and what its words are.
const FILES: &[(&str, &str, Vocabulary)] = &[
    ("edifact-9011", include_str!("standard/edifact-9011.tsv"), Vocabulary::Events),
    ("iso-3166-alpha-3", include_str!("standard/iso-3166-alpha-3.tsv"), Vocabulary::Country),
    ("iso-3166-numeric", include_str!("standard/iso-3166-numeric.tsv"), Vocabulary::Country),
    ("iso-4217-numeric", include_str!("standard/iso-4217-numeric.tsv"), Vocabulary::Currency),
    ("x12-355", include_str!("standard/x12-355.tsv"), Vocabulary::Unit),
    ("x12-at7", include_str!("standard/x12-at7.tsv"), Vocabulary::Events),
    ("x12-at7-appointment", include_str!("standard/x12-at7-appointment.tsv"), Vocabulary::Events),
];

static LISTS: LazyLock<BTreeMap<&str, Arc<CodeList>>> = LazyLock::new(|| {
    FILES.iter().map(|(name, text, of)| (*name, Arc::new(CodeList::of_standard(name, pairs(text), *of)))).collect()
});

fn pairs(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('\t'))
}

/// The list of this name.
pub fn find(name: &str) -> Option<&'static Arc<CodeList>> {
    LISTS.get(name)
}

/// The names of all lists, with what each is.
pub fn all() -> impl Iterator<Item = (&'static str, &'static str)> {
    FILES.iter().map(|(name, text, _)| {
        let about = text.lines().next().unwrap_or_default().trim_start_matches("# ");
        (*name, about.split(". ").next().unwrap_or(about))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_of_a_standard_list_belongs_to_its_vocabulary() {
        for (name, text, of) in FILES {
            let mut codes = std::collections::BTreeSet::new();
            for (code, word) in pairs(text) {
                assert!(codes.insert(code), "{name} has {code} twice");
                assert_eq!(of.refuses(word), None, "{name}: {code}");
            }
            let lines = text.lines().filter(|line| !line.starts_with('#')).count();
            assert_eq!(codes.len(), lines, "{name}: a line is not a code and a word");
            assert_eq!(find(name).expect("it is listed").ambiguity(), None, "{name}");
        }
    }
}
