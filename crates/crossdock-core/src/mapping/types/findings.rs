//! What the checker finds: every kind of mistake with the word it is known by. The guide for engineers lists them.

use crate::source::{Diagnostic, Location};

/// A kind of finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// Stable: shown behind the message, documented in the guide.
    pub name: &'static str,
    pub weight: Weight,
    /// What is wrong, in one sentence, for the reference.
    pub meaning: &'static str,
}

/// How a finding is treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// The mapping is refused.
    Mistake,
    /// It is told; the mapping may run.
    Doubt,
    /// Nothing is wrong as far as is known, but nothing proves it either: told with `--strict`.
    Unproved,
}

macro_rules! kinds {
    ($($name:ident = $word:literal $weight:ident $meaning:literal;)*) => {
        $(pub(in crate::mapping) const $name: &Kind = &Kind { name: $word, weight: Weight::$weight, meaning: $meaning };)*

        /// Every kind, in the order of the guide.
        pub const KINDS: &[&Kind] = &[$($name),*];
    };
}

kinds! {
    TARGET_UNKNOWN_FIELD = "target-unknown-field" Mistake "the event, or the input of the operation, has no field of this name";
    TARGET_MISSING_FIELD = "target-missing-field" Mistake "a field that the event or the operation needs is not written";
    TARGET_MAYBE_MISSING = "target-maybe-missing" Mistake "what is written into a required field may be null or absent";
    TARGET_KEY_MAYBE_MISSING = "target-key-maybe-missing" Mistake "what is written into a field of the entity's key may be null, absent or empty";
    TARGET_MAYBE_NOTHING = "target-maybe-nothing" Mistake "the whole target may come out empty";
    TARGET_WRONG_TYPE = "target-wrong-type" Mistake "a value of another kind than the field takes";
    TARGET_NOT_A_LIST = "target-not-a-list" Mistake "a single value where the field takes a list";
    TARGET_NOT_SINGLE = "target-not-single" Mistake "a list where the field takes a single value";
    TARGET_UNKNOWN_WORD = "target-unknown-word" Mistake "a word that is not among those the field takes: from a constant, an enumeration or a code list";
    TARGET_FRACTION = "target-fraction" Mistake "a number that may have a fraction where the field takes a whole one";
    TARGET_NOT_A_TIME = "target-not-a-time" Mistake "what is written where a time or date belongs is none";
    TARGET_LOCAL_TIME = "target-local-time" Mistake "a local time without offset where an instant belongs";
    TARGET_UNIT = "target-unit" Mistake "a number in one unit or currency where the field holds another";
    TARGET_WRONG_ENTITY = "target-wrong-entity" Mistake "the key of another kind of entity than the field refers to";
    DUPLICATE_FIELD = "duplicate-field" Mistake "a target field is written twice";
    TARGET_NULL_ELEMENT = "target-null-element" Mistake "a list that may hold nulls where none are taken";
    SOURCE_UNKNOWN_FIELD = "source-unknown-field" Mistake "the message has no such field; mostly a misspelling";
    SOURCE_UNLISTED_FIELD = "source-unlisted-field" Doubt "neither the schema nor a sample shows such a field";
    SOURCE_MAYBE_ABSENT = "source-maybe-absent" Mistake "a field that may be absent is read as if it were always there";
    SOURCE_MAYBE_NULL = "source-maybe-null" Mistake "a field of something that may be null";
    SOURCE_NO_FIELDS = "source-no-fields" Mistake "a field of something that is no map";
    INDEX_TYPE = "index-type" Mistake "a list indexed by a text, a map by a number, or something that has no elements";
    ARGUMENT_TYPE = "argument-type" Mistake "a function is given a kind of value it does not take";
    ARGUMENT_MAYBE_NULL = "argument-maybe-null" Mistake "a function or operator is given what may be null";
    ARGUMENT_COUNT = "argument-count" Mistake "a function is given too many or too few arguments";
    ALWAYS_FAILS = "always-fails" Mistake "none of the values that may arrive can be read that way";
    LOCAL_TIME = "local-time" Mistake "a local time is read as an instant without saying in which zone";
    NOT_A_TIME = "not-a-time" Mistake "what is read as a time is none";
    UNKNOWN_ZONE = "unknown-zone" Mistake "there is no such time zone";
    UNKNOWN_FUNCTION = "unknown-function" Mistake "there is no such function";
    UNKNOWN_VARIABLE = "unknown-variable" Mistake "there is no such variable here; `item` is there only under `each`";
    TEXT_ARITHMETIC = "text-arithmetic" Mistake "arithmetic on a text";
    OPERATOR_TYPE = "operator-type" Mistake "an operator between kinds of value it does not take";
    UNIT_MIXED = "unit-mixed" Mistake "numbers in different units or currencies are added or compared, or one is converted as if it were in another unit";
    UNKNOWN_UNIT = "unknown-unit" Mistake "`convert` is given what is no unit, or a unit of which only the item knows how much it is";
    UNIT_DIMENSION = "unit-dimension" Mistake "a conversion between units that measure different things";
    NEVER_EQUAL = "never-equal" Mistake "things of different kinds are compared, which are never equal";
    NO_ORDER = "no-order" Mistake "`<` or its kin between things that have no order";
    UNKNOWN_WORD = "unknown-word" Mistake "compared with a word that never arrives";
    NOT_A_CONDITION = "not-a-condition" Mistake "a condition that is not true or false";
    NOT_A_LIST = "not-a-list" Mistake "`each` or a macro walks over something that is neither list nor map";
    CODE_NOT_COVERED = "code-not-covered" Mistake "a code list has no entry for a word that may arrive";
    REFERENCE_NOT_A_KEY = "reference-not-a-key" Mistake "a reference or key that is not a text or number";
    WRONG_ENTITY = "wrong-entity" Mistake "the key of one kind of entity is given as that of another";
    UNSETTLED_OPTIONAL = "unsettled-optional" Mistake "what may be absent is used where a value is needed";
    NEEDLESS_DEFAULT = "needless-default" Doubt "a default for what is always there";
    NEEDLESS_GUARD = "needless-guard" Doubt "a condition that is always true";
    INTEGER_DIVISION = "integer-division" Doubt "a division of integers, which cuts the fraction off";
    UNPROVED = "unproved" Unproved "what is written cannot be proved to fit; it is checked when it comes";
    MAYBE_NO_ELEMENT = "maybe-no-element" Unproved "an element of a list that may have none";
}

/// Collects what is found.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub found: Vec<Diagnostic>,
    pub unproved: Vec<Diagnostic>,
}

impl Findings {
    pub fn tell(&mut self, kind: &'static Kind, at: &Location, message: impl Into<String>, hint: Option<String>) {
        let mut diagnostic = match kind.weight {
            Weight::Mistake => Diagnostic::error(at, message),
            Weight::Doubt | Weight::Unproved => Diagnostic::warning(at, message),
        }
        .kind(kind.name);
        diagnostic.hint = hint;
        let list = if kind.weight == Weight::Unproved { &mut self.unproved } else { &mut self.found };
        if !list.contains(&diagnostic) {
            list.push(diagnostic);
        }
    }
}
