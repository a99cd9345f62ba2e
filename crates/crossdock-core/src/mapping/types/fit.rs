//! Does a type fit a field of the model? What certainly or possibly does not is a mistake; what nothing is known of is
//! noted as unproved, because the check at run time decides it.

use super::findings::{self as kinds, Findings, Kind};
use super::ty::{Field as Part, Format, Object, Presence, Rest, Text, Ty, kind};
use crate::model::{self, Field, Type};
use crate::source::{Location, nearest};
use crate::value::Value;

/// The field that a value is for.
#[derive(Clone, Copy)]
pub(super) struct Wanted<'w> {
    pub name: &'w str,
    pub of: &'static Type,
    /// What the field means, for want of a better hint.
    pub meaning: &'static str,
}

/// Complains about everything in a value of this type that does not fit. Null is another matter: it is not written.
pub(super) fn fit(ty: &Ty, wanted: Wanted<'_>, at: &Location, findings: &mut Findings) {
    if matches!(wanted.of, Type::Any) {
        return;
    }
    if ty.dynamic {
        let message = format!("nothing proves that `{}` gets {}", wanted.name, word_of(wanted.of));
        return findings.tell(kinds::UNPROVED, at, message, None);
    }
    if ty.kinds() & !kind::NULL == 0 {
        return;
    }
    let taken = taken_by(wanted.of);
    let extra = ty.kinds() & !kind::NULL & !taken;
    if extra != 0 {
        return wrong_kind(ty, wanted, extra, at, findings);
    }
    if let Some(text) = &ty.text {
        fit_text(text, wanted, at, findings);
    }
    if let (Some(list), Type::List(item)) = (&ty.list, wanted.of) {
        if list.item.null {
            let message = format!("`{}` takes no nulls, and an element may be null", wanted.name);
            let hint = "`list.filter(x, x != null)` leaves them out, as does `each`".to_owned();
            findings.tell(kinds::TARGET_NULL_ELEMENT, at, message, Some(hint));
        }
        fit(&list.item, Wanted { of: item, ..wanted }, at, findings);
    }
    if let (Some(object), Type::Object(fields)) = (&ty.map, wanted.of) {
        fit_object(object, wanted.name, fields, false, &[], at, findings);
    }
    if let (Some(object), Type::Open(fields)) = (&ty.map, wanted.of) {
        fit_object(object, wanted.name, fields, true, &[], at, findings);
    }
}

/// A map that an expression makes, as an object of the model; with `others` it may have fields that are not listed.
pub(super) fn fit_object(
    object: &Object,
    name: &str,
    fields: &'static [Field],
    others: bool,
    required: &[&str],
    at: &Location,
    findings: &mut Findings,
) {
    for (given, part) in &object.fields {
        match fields.iter().find(|field| *field.name == **given) {
            Some(field) => {
                fit(&part.ty, Wanted { name: field.name, of: &field.of, meaning: field.meaning }, at, findings)
            }
            None if others => {}
            None => {
                let known = fields.iter().map(|field| field.name);
                let hint = match nearest(given, known.clone()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("known are {}", known.collect::<Vec<_>>().join(", ")),
                };
                let message = format!("`{name}` has no field `{given}`");
                findings.tell(kinds::TARGET_UNKNOWN_FIELD, at, message, Some(hint));
            }
        }
    }
    let needed = fields.iter().filter(|field| field.required).map(|field| field.name);
    for field in needed.chain(required.iter().copied()) {
        match (object.fields.get(field), &object.rest) {
            (Some(Part { ty, presence: Presence::Always }), _) if !ty.null => {}
            (Some(_), _) | (None, Rest::Values(_)) => {
                let message = format!("`{field}` of `{name}` may be absent, and it is required");
                findings.tell(kinds::TARGET_MAYBE_MISSING, at, message, Some("write the fields one by one".into()));
            }
            (None, Rest::Open) => {
                let message = format!("nothing proves that `{name}` has the field `{field}`");
                findings.tell(kinds::UNPROVED, at, message, None);
            }
            (None, Rest::Closed | Rest::Sampled) => {
                let message = format!("`{name}` lacks `{field}`, which it needs");
                findings.tell(kinds::TARGET_MISSING_FIELD, at, message, Some("write the fields one by one".into()));
            }
        }
    }
    if object.rest != Rest::Closed && !others {
        let message = format!("nothing proves that `{name}` has no other fields");
        findings.tell(kinds::UNPROVED, at, message, None);
    }
}

/// The kinds of value that a field takes, once times, durations and bytes have become texts.
fn taken_by(of: &Type) -> u16 {
    match of {
        Type::Text => kind::TEXT | kind::TIME | kind::DURATION | kind::BYTES,
        Type::Binary => kind::TEXT | kind::BYTES,
        Type::Time => kind::TEXT | kind::TIME,
        Type::Code(_)
        | Type::Unit
        | Type::Currency
        | Type::Country
        | Type::Unlocode
        | Type::Zone
        | Type::Date
        | Type::AnyRef => kind::TEXT,
        Type::Int => kind::WHOLE,
        Type::Decimal => kind::NUMBER,
        Type::Bool => kind::BOOL,
        Type::Ref(_) => kind::TEXT | kind::NUMBER,
        Type::Object(_) | Type::Open(_) | Type::Attributes => kind::MAP,
        Type::Any => kind::ANY,
        Type::List(_) => kind::LIST,
    }
}

fn wrong_kind(ty: &Ty, wanted: Wanted<'_>, extra: u16, at: &Location, findings: &mut Findings) {
    let given = ty.kinds() & !kind::NULL;
    let all = given & !extra == 0 || (extra == kind::FRACTION && matches!(wanted.of, Type::Int));
    let found = match all {
        true => match extra {
            kind::FRACTION => "a number that may have a fraction".to_owned(),
            _ => ty.clone().not_null().shown(),
        },
        false => format!("what may be {}", kind::words(extra)),
    };
    let (kind, hint) = kind_of(wanted.of, extra, ty);
    let message = format!("this field must be {}, not {found}", word_of(wanted.of));
    let hint = hint.unwrap_or(wanted.meaning.trim_end_matches('.'));
    findings.tell(kind, at, message, Some(hint.to_owned()));
}

/// The kind of mistake and what to do about it.
fn kind_of(of: &Type, extra: u16, ty: &Ty) -> (&'static Kind, Option<&'static str>) {
    match (of, extra) {
        (Type::List(_), _) => {
            (kinds::TARGET_NOT_A_LIST, Some("a list of one is written `[x]`, one of many with `each`"))
        }
        (Type::Int, kind::FRACTION) => {
            (kinds::TARGET_FRACTION, Some("`round(x)` or `int(x)` makes a whole number; say which is meant"))
        }
        (_, kind::LIST) if !matches!(of, Type::Object(_) | Type::Open(_) | Type::Attributes) => (
            kinds::TARGET_NOT_SINGLE,
            Some("take one element with [0] or `first(x)`, or join texts with `join(x, ', ')`"),
        ),
        (_, kind::LIST) => (kinds::TARGET_NOT_SINGLE, None),
        (Type::Time | Type::Date, extra) if extra & kind::NUMBER != 0 => {
            (kinds::TARGET_NOT_A_TIME, Some("`timestamp(seconds)` or `timestampMillis(x)` makes a time of a number"))
        }
        (Type::Date, kind::TIME) => (kinds::TARGET_NOT_A_TIME, Some("`format(x, '%Y-%m-%d')` writes its date")),
        (Type::Text | Type::Code(_), extra) if extra & !(kind::NUMBER | kind::BOOL) == 0 => {
            (kinds::TARGET_WRONG_TYPE, Some("`string(x)` makes a text of it"))
        }
        (Type::Decimal, kind::TEXT) => (kinds::TARGET_WRONG_TYPE, Some("`decimal(x)` makes a number of a text")),
        (Type::Int, kind::TEXT) => (kinds::TARGET_WRONG_TYPE, Some("`int(x)` makes an integer of a text")),
        (Type::Bool, kind::TEXT) => {
            (kinds::TARGET_WRONG_TYPE, Some("compare it: `x == 'yes'`, or `bool(x)` for 'true' and 'false'"))
        }
        (Type::Object(_) | Type::Open(_) | Type::Attributes, _) if ty.map.is_none() => (kinds::TARGET_WRONG_TYPE, None),
        _ => (kinds::TARGET_WRONG_TYPE, None),
    }
}

fn fit_text(text: &Text, wanted: Wanted<'_>, at: &Location, findings: &mut Findings) {
    if let Some(words) = &text.words {
        let odd: Vec<&str> = words
            .iter()
            .filter(|word| !model::fits(wanted.of, &Value::text((*word).clone())))
            .map(|word| &**word)
            .collect();
        if !odd.is_empty() {
            odd_words(&odd, text, wanted, at, findings);
        }
        return;
    }
    let unproved = |findings: &mut Findings| {
        let message = format!("nothing proves that `{}` gets {}", wanted.name, word_of(wanted.of));
        findings.tell(kinds::UNPROVED, at, message, None);
    };
    match (wanted.of, text.format) {
        (Type::Text | Type::Binary, _) | (Type::Time, Format::Instant) | (Type::Date, Format::Date) => {}
        (Type::Ref(kind), _) => {
            if let Some(other) = text.key_of.filter(|other| other != kind) {
                let message = format!("`{}` refers to {}, and this is the key of {}", wanted.name, an(kind), an(other));
                let hint = format!("write the {kind}'s key, or another field");
                findings.tell(kinds::TARGET_WRONG_ENTITY, at, message, Some(hint));
            }
            if !text.filled {
                let message = format!("nothing proves that `{}`, the key of {}, is not empty", wanted.name, an(kind));
                findings.tell(kinds::UNPROVED, at, message, None);
            }
        }
        (Type::Time, Format::Local | Format::Date) => {
            let hint = "`timestamp(x, 'Europe/Berlin')` says where its clock hangs".to_owned();
            let message = "this field must be a date-time with an offset, not a local time".to_owned();
            findings.tell(kinds::TARGET_LOCAL_TIME, at, message, Some(hint));
        }
        (Type::Time, Format::Other | Format::Loose) => {
            let hint = "`timestamp(x)` and `parseTime(x, '%d.%m.%Y %H:%M', zone)` make a time of a text".to_owned();
            let message = "this field must be a date-time such as 2026-11-23T09:30:00+01:00, not any text".to_owned();
            findings.tell(kinds::TARGET_NOT_A_TIME, at, message, Some(hint));
        }
        (Type::Date, Format::Instant | Format::Local | Format::Loose) => {
            let hint =
                "`substring(x, 0, 10)` takes its date, `format(timestamp(x), '%Y-%m-%d')` the date in UTC".to_owned();
            let message = "this field must be a date, not a date with a time".to_owned();
            findings.tell(kinds::TARGET_NOT_A_TIME, at, message, Some(hint));
        }
        (Type::Date, Format::Other) => {
            let hint = "`format(parseTime(x, '%d.%m.%Y', 'UTC'), '%Y-%m-%d')` rewrites another form".to_owned();
            let message = "this field must be a date such as 2026-11-23, not any text".to_owned();
            findings.tell(kinds::TARGET_NOT_A_TIME, at, message, Some(hint));
        }
        _ => unproved(findings),
    }
}

fn odd_words(odd: &[&str], text: &Text, wanted: Wanted<'_>, at: &Location, findings: &mut Findings) {
    let quoted: Vec<String> = odd.iter().take(8).map(|word| format!("`{word}`")).collect();
    let all = text.words.as_ref().is_some_and(|words| words.len() == odd.len());
    let message = match (wanted.of, all) {
        (Type::Time | Type::Date, _) => {
            format!("this field must be {}, not {}", word_of(wanted.of), quoted.join(" or "))
        }
        (_, true) => format!("this field does not take {}", quoted.join(" or ")),
        (_, false) => format!("this may be {}, which this field does not take", quoted.join(" or ")),
    };
    let hint = match wanted.of {
        Type::Code(words) => match nearest(odd[0], words.iter().copied()) {
            Some(near) if odd.len() == 1 => format!("did you mean `{near}`?"),
            _ => format!("it takes {}", words.join(", ")),
        },
        Type::Time | Type::Date => "`parseTime(x, '%d.%m.%Y %H:%M', zone)` reads other forms".to_owned(),
        of => format!("it takes {}", word_of(of)),
    };
    let kind = match wanted.of {
        Type::Time if odd.iter().all(|word| matches!(super::ty::format_of(word), Format::Local | Format::Date)) => {
            kinds::TARGET_LOCAL_TIME
        }
        Type::Time | Type::Date => kinds::TARGET_NOT_A_TIME,
        _ => kinds::TARGET_UNKNOWN_WORD,
    };
    findings.tell(kind, at, message, Some(hint));
}

/// A kind of entity with its article.
pub(super) fn an(kind: &str) -> String {
    let article = if kind.starts_with(['a', 'e', 'i', 'o']) { "an" } else { "a" };
    format!("{article} {kind}")
}

/// What a field takes, in the words of a message.
pub(super) fn word_of(of: &Type) -> &'static str {
    match of {
        Type::Text => "a text",
        Type::Code(_) => "one of its code words",
        Type::Unit => "a unit code of UN/ECE Recommendation 20 such as KGM",
        Type::Currency => "a currency code of ISO 4217 such as EUR",
        Type::Country => "a country code of ISO 3166-1 such as DE",
        Type::Unlocode => "a UN/LOCODE such as DEHAM",
        Type::Zone => "a time zone such as Europe/Berlin",
        Type::Int => "a whole number",
        Type::Decimal => "a number",
        Type::Bool => "true or false",
        Type::Time => "a date-time",
        Type::Date => "a date",
        Type::Ref(_) => "the key of an entity",
        Type::AnyRef => "the name of an entity such as shipment/281",
        Type::Binary => "base64 text",
        Type::Object(_) | Type::Open(_) => "an object",
        Type::Any => "anything",
        Type::List(_) => "a list",
        Type::Attributes => "a map",
    }
}
