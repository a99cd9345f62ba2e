//! What is known of a value before it is there. A type is a set of alternatives, at most one of each kind of value; what
//! nothing is known of is dynamic, and whatever is made of it is left to the check at run time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::value::{Time, TimeError};

/// At most this many words are told apart; a type with more is any text.
const WORDS_MAX: usize = 512;

/// A type: the kinds of value that may be there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ty {
    /// Nothing is known, except perhaps that it may be null.
    pub(super) dynamic: bool,
    pub(super) null: bool,
    pub(super) bool: bool,
    pub(super) number: Option<Number>,
    pub(super) text: Option<Text>,
    pub(super) time: bool,
    pub(super) duration: bool,
    pub(super) bytes: bool,
    pub(super) list: Option<Arc<List>>,
    pub(super) map: Option<Arc<Object>>,
}

/// A number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Number {
    /// It has no fraction, however it is written.
    pub whole: bool,
    pub held: Held,
    pub measure: Option<Measure>,
}

/// How a number is held while a mapping runs; decides what a division does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Held {
    Int,
    Decimal,
    Either,
}

/// What a number counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Measure {
    /// A unit of UN/ECE Recommendation 20, such as `KGM`.
    Unit(Arc<str>),
    /// A currency of ISO 4217.
    Currency(Arc<str>),
}

/// A text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Text {
    /// Only one of these.
    pub words: Option<Arc<BTreeSet<Arc<str>>>>,
    pub format: Format,
    /// Not empty.
    pub filled: bool,
    /// The key of an entity of this kind.
    pub key_of: Option<&'static str>,
}

/// What a text looks like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Format {
    #[default]
    Unknown,
    /// RFC 3339 with an offset: an instant.
    Instant,
    /// An instant written otherwise, such as with a space for the T.
    Loose,
    /// A date and a time of day without an offset.
    Local,
    /// `YYYY-MM-DD`.
    Date,
    /// Seen, and none of these.
    Other,
}

/// A list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct List {
    pub item: Ty,
    /// It has at least one element.
    pub filled: bool,
}

/// A map, mostly with known fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Object {
    pub fields: BTreeMap<Arc<str>, Field>,
    pub rest: Rest,
}

/// A field of a map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Field {
    pub ty: Ty,
    pub presence: Presence,
}

/// Whether a field is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Presence {
    Always,
    /// As a rule; nothing proves it.
    Likely,
    Maybe,
}

/// What may be in a map besides its known fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Rest {
    /// Nothing.
    Closed,
    /// Nothing was seen.
    Sampled,
    /// Whatever.
    Open,
    /// Fields of any name with values of this type.
    Values(Ty),
}

/// The kinds of value, as a set of bits.
pub(super) mod kind {
    pub const NULL: u16 = 1;
    pub const BOOL: u16 = 2;
    pub const WHOLE: u16 = 4;
    pub const FRACTION: u16 = 8;
    pub const TEXT: u16 = 16;
    pub const TIME: u16 = 32;
    pub const DURATION: u16 = 64;
    pub const BYTES: u16 = 128;
    pub const LIST: u16 = 256;
    pub const MAP: u16 = 512;
    pub const NUMBER: u16 = WHOLE | FRACTION;
    pub const ANY: u16 = 1023;

    const WORDS: &[(u16, &str)] = &[
        (NULL, "null"),
        (TEXT, "a text"),
        (NUMBER, "a number"),
        (FRACTION, "a number with a fraction"),
        (WHOLE, "an integer"),
        (BOOL, "a bool"),
        (TIME, "a time"),
        (DURATION, "a duration"),
        (BYTES, "bytes"),
        (LIST, "a list"),
        (MAP, "a map"),
    ];

    /// In the words of a message, with articles.
    pub fn words(mut mask: u16) -> String {
        let mut told: Vec<&str> = Vec::new();
        let mut null = false;
        if mask & NULL != 0 {
            null = true;
            mask &= !NULL;
        }
        for (bits, word) in WORDS {
            if *bits != NULL && mask & bits == *bits {
                told.push(word);
                mask &= !bits;
            }
        }
        if null {
            told.push("null");
        }
        match told.split_last() {
            None => "nothing".to_owned(),
            Some((last, [])) => (*last).to_owned(),
            Some((last, others)) => format!("{} or {last}", others.join(", ")),
        }
    }
}

/// Source paths listed of one type.
const PATHS_MAX: usize = 2_000;

impl Ty {
    /// The paths of all single values in it, behind `prefix`: `body.items[].sku`. What nothing is known of has none.
    pub fn paths(&self, prefix: &str) -> std::collections::BTreeSet<String> {
        let mut paths = std::collections::BTreeSet::new();
        self.collect_paths(prefix, 0, &mut paths);
        paths
    }

    fn collect_paths(&self, prefix: &str, depth: usize, paths: &mut std::collections::BTreeSet<String>) {
        if self.dynamic || depth > 16 || paths.len() >= PATHS_MAX {
            return;
        }
        if let Some(list) = &self.list {
            list.item.collect_paths(&format!("{prefix}[]"), depth + 1, paths);
        }
        for (name, field) in self.map.iter().flat_map(|map| &map.fields) {
            field.ty.collect_paths(&format!("{prefix}.{name}"), depth + 1, paths);
        }
        if self.kinds() & !(kind::NULL | kind::LIST | kind::MAP) != 0 {
            paths.insert(prefix.to_owned());
        }
    }

    /// Of which nothing is known.
    pub fn dynamic() -> Self {
        Self { dynamic: true, ..Self::default() }
    }

    /// Which no value has: the element of a list that is always empty.
    pub(super) fn never() -> Self {
        Self::default()
    }

    pub(super) fn null() -> Self {
        Self { null: true, ..Self::default() }
    }

    pub(super) fn bool() -> Self {
        Self { bool: true, ..Self::default() }
    }

    pub(super) fn time() -> Self {
        Self { time: true, ..Self::default() }
    }

    pub(super) fn duration() -> Self {
        Self { duration: true, ..Self::default() }
    }

    pub(super) fn bytes() -> Self {
        Self { bytes: true, ..Self::default() }
    }

    /// An integer that is held as one.
    pub(super) fn int() -> Self {
        Self::number(Number { whole: true, held: Held::Int, measure: None })
    }

    /// A decimal that is held as one.
    pub(super) fn decimal() -> Self {
        Self::number(Number { whole: false, held: Held::Decimal, measure: None })
    }

    pub(super) fn number(number: Number) -> Self {
        Self { number: Some(number), ..Self::default() }
    }

    pub(super) fn text() -> Self {
        Self::of_text(Text::default())
    }

    pub(super) fn of_text(text: Text) -> Self {
        Self { text: Some(text), ..Self::default() }
    }

    pub(super) fn word(word: &str) -> Self {
        Self::of_text(Text::of_words([Arc::from(word)].into()))
    }

    pub(super) fn words(words: impl IntoIterator<Item = Arc<str>>) -> Self {
        Self::of_text(Text::of_words(words.into_iter().collect()))
    }

    pub(super) fn list(item: Ty, filled: bool) -> Self {
        Self { list: Some(Arc::new(List { item, filled })), ..Self::default() }
    }

    pub(super) fn map(object: Object) -> Self {
        Self { map: Some(Arc::new(object)), ..Self::default() }
    }

    /// A map of these fields, all of them there, and no others.
    pub(super) fn record(fields: impl IntoIterator<Item = (&'static str, Ty)>) -> Self {
        let field = |ty| Field { ty, presence: Presence::Always };
        let fields = fields.into_iter().map(|(name, ty)| (Arc::from(name), field(ty))).collect();
        Self::map(Object { fields, rest: Rest::Closed })
    }

    /// A map of any names with values of this type.
    pub(super) fn map_of(value: Ty) -> Self {
        Self::map(Object { fields: BTreeMap::new(), rest: Rest::Values(value) })
    }

    pub(super) fn or_null(mut self) -> Self {
        self.null = true;
        self
    }

    pub(super) fn not_null(mut self) -> Self {
        self.null = false;
        self
    }

    pub(super) fn is_never(&self) -> bool {
        !self.dynamic && self.kinds() == 0
    }

    /// Whether nothing is known of what it is.
    pub fn is_dynamic(&self) -> bool {
        self.dynamic
    }

    /// The kinds it may be of. Meaningless for a dynamic type.
    pub(super) fn kinds(&self) -> u16 {
        let mut kinds = 0;
        let mut set = |there: bool, bit: u16| kinds |= if there { bit } else { 0 };
        set(self.null, kind::NULL);
        set(self.bool, kind::BOOL);
        set(self.number.is_some(), kind::WHOLE);
        set(self.number.as_ref().is_some_and(|number| !number.whole), kind::FRACTION);
        set(self.text.is_some(), kind::TEXT);
        set(self.time, kind::TIME);
        set(self.duration, kind::DURATION);
        set(self.bytes, kind::BYTES);
        set(self.list.is_some(), kind::LIST);
        set(self.map.is_some(), kind::MAP);
        kinds
    }

    /// The same without the alternatives that are not of these kinds.
    pub(super) fn only(&self, kinds: u16) -> Self {
        if self.dynamic {
            return self.clone();
        }
        let keep = |bit: u16| kinds & bit != 0;
        Self {
            dynamic: false,
            null: self.null && keep(kind::NULL),
            bool: self.bool && keep(kind::BOOL),
            number: self.number.clone().filter(|_| keep(kind::NUMBER)),
            text: self.text.clone().filter(|_| keep(kind::TEXT)),
            time: self.time && keep(kind::TIME),
            duration: self.duration && keep(kind::DURATION),
            bytes: self.bytes && keep(kind::BYTES),
            list: self.list.clone().filter(|_| keep(kind::LIST)),
            map: self.map.clone().filter(|_| keep(kind::MAP)),
        }
    }

    /// Either of the two.
    pub(super) fn join(&self, other: &Self) -> Self {
        if self == other {
            return self.clone();
        }
        if self.dynamic || other.dynamic {
            return Self { dynamic: true, null: self.null || other.null, ..Self::default() };
        }
        Self {
            dynamic: false,
            null: self.null || other.null,
            bool: self.bool || other.bool,
            number: both(&self.number, &other.number, Number::join),
            text: both(&self.text, &other.text, Text::join),
            time: self.time || other.time,
            duration: self.duration || other.duration,
            bytes: self.bytes || other.bytes,
            list: both(&self.list, &other.list, |a, b| Arc::new(a.join(b))),
            map: both(&self.map, &other.map, |a, b| Arc::new(a.join(b))),
        }
    }

    /// What it is, in the words of a message.
    pub(super) fn shown(&self) -> String {
        if self.dynamic {
            return if self.null { "anything or null".into() } else { "anything".into() };
        }
        if let (Some(text), kinds) = (&self.text, self.kinds()) {
            let what = match text.format {
                Format::Instant => "a text with a time",
                Format::Local => "a text with a local time",
                Format::Date => "a text with a date",
                _ => "a text",
            };
            match kinds & !kind::TEXT {
                0 => return what.into(),
                kind::NULL => return format!("{what} or null"),
                _ => {}
            }
        }
        kind::words(self.kinds())
    }
}

fn both<T: Clone>(a: &Option<T>, b: &Option<T>, join: impl FnOnce(&T, &T) -> T) -> Option<T> {
    match (a, b) {
        (Some(a), Some(b)) => Some(join(a, b)),
        (one, None) | (None, one) => one.clone(),
    }
}

impl Number {
    fn join(&self, other: &Self) -> Self {
        Self {
            whole: self.whole && other.whole,
            held: if self.held == other.held { self.held } else { Held::Either },
            measure: self.measure.clone().filter(|measure| other.measure.as_ref() == Some(measure)),
        }
    }
}

impl std::fmt::Display for Measure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (Self::Unit(word) | Self::Currency(word)) = self;
        f.write_str(word)
    }
}

impl Text {
    pub fn of_words(words: BTreeSet<Arc<str>>) -> Self {
        let mut formats = words.iter().map(|word| format_of(word));
        let first = formats.next().unwrap_or_default();
        let format = if formats.all(|format| format == first) { first } else { Format::Unknown };
        let filled = words.iter().all(|word| !word.is_empty());
        Self { format, filled, words: (words.len() <= WORDS_MAX).then(|| Arc::new(words)), key_of: None }
    }

    pub fn of_format(format: Format) -> Self {
        Self { format, filled: format != Format::Unknown, ..Self::default() }
    }

    fn join(&self, other: &Self) -> Self {
        let key_of = self.key_of.filter(|kind| other.key_of == Some(kind));
        if let (Some(a), Some(b)) = (&self.words, &other.words) {
            return Self { key_of, ..Self::of_words(a.union(b).cloned().collect()) };
        }
        Self {
            words: None,
            format: if self.format == other.format { self.format } else { Format::Unknown },
            filled: self.filled && other.filled,
            key_of,
        }
    }
}

/// What one text looks like.
pub(super) fn format_of(text: &str) -> Format {
    let text = text.trim();
    match Time::parse(text) {
        Ok(_) if crate::model::fits(&crate::model::Type::Time, &crate::value::Value::text(text)) => Format::Instant,
        Ok(_) => Format::Loose,
        Err(TimeError::NoOffset(_)) => Format::Local,
        Err(_) if text.len() == 10 && text.parse::<jiff::civil::Date>().is_ok() => Format::Date,
        Err(_) => Format::Other,
    }
}

impl List {
    fn join(&self, other: &Self) -> Self {
        Self { item: self.item.join(&other.item), filled: self.filled && other.filled }
    }
}

impl Object {
    fn join(&self, other: &Self) -> Self {
        let mut fields = BTreeMap::new();
        for (name, field) in &self.fields {
            let joined = match other.fields.get(name) {
                Some(twin) => field.join(twin),
                None => field.join_rest(&other.rest),
            };
            fields.insert(name.clone(), joined);
        }
        for (name, field) in other.fields.iter().filter(|(name, _)| !self.fields.contains_key(*name)) {
            fields.insert(name.clone(), field.join_rest(&self.rest));
        }
        Self { fields, rest: self.rest.join(&other.rest) }
    }
}

impl Field {
    fn join(&self, other: &Self) -> Self {
        Self { ty: self.ty.join(&other.ty), presence: self.presence.max(other.presence) }
    }

    /// With a map that does not list the field.
    fn join_rest(&self, rest: &Rest) -> Self {
        let ty = match rest {
            Rest::Closed | Rest::Sampled => self.ty.clone(),
            Rest::Open => self.ty.join(&Ty::dynamic()),
            Rest::Values(ty) => self.ty.join(ty),
        };
        Self { ty, presence: Presence::Maybe }
    }
}

impl Rest {
    fn join(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::Open, _) | (_, Self::Open) => Self::Open,
            (Self::Values(a), Self::Values(b)) => Self::Values(a.join(b)),
            (Self::Values(one), _) | (_, Self::Values(one)) => Self::Values(one.clone()),
            (Self::Sampled, _) | (_, Self::Sampled) => Self::Sampled,
            (Self::Closed, Self::Closed) => Self::Closed,
        }
    }
}
