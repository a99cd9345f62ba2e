//! What one field of one record holds, as the database would.

use std::cmp::Ordering;
use std::sync::Arc;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, civil};

/// The content of a column. `Null` is what the API shows as `false`.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Cell {
    #[default]
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    /// Text, selections, and dates as `YYYY-MM-DD`.
    Text(Arc<str>),
    /// Microseconds since 1970 in UTC: the database keeps them, the API shows whole seconds.
    Instant(i64),
    /// The ids of a many2many, in order, without repetition.
    Ids(Arc<[i64]>),
}

/// What an index is asked by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    Int(i64),
    Text(Arc<str>),
}

impl Cell {
    pub fn text(text: impl AsRef<str>) -> Self {
        match text.as_ref() {
            "" => Cell::Null,
            text => Cell::Text(text.into()),
        }
    }

    pub fn ids(ids: impl IntoIterator<Item = i64>) -> Self {
        let mut unique = Vec::new();
        for id in ids {
            if !unique.contains(&id) {
                unique.push(id);
            }
        }
        Cell::Ids(unique.into())
    }

    pub fn link(id: Option<i64>) -> Self {
        id.map_or(Cell::Null, Cell::Int)
    }

    pub fn is_null(&self) -> bool {
        matches!(self, Cell::Null)
    }

    /// Truth as Python sees it.
    pub fn is_truthy(&self) -> bool {
        match self {
            Cell::Null => false,
            Cell::Bool(bool) => *bool,
            Cell::Int(int) => *int != 0,
            Cell::Float(float) => *float != 0.0,
            Cell::Text(text) => !text.is_empty(),
            Cell::Instant(_) => true,
            Cell::Ids(ids) => !ids.is_empty(),
        }
    }

    pub fn as_int(&self) -> Option<i64> {
        match self {
            Cell::Int(int) => Some(*int),
            _ => None,
        }
    }

    pub fn as_float(&self) -> Option<f64> {
        match self {
            Cell::Int(int) => Some(*int as f64),
            Cell::Float(float) => Some(*float),
            _ => None,
        }
    }

    pub fn as_text(&self) -> Option<&str> {
        match self {
            Cell::Text(text) => Some(text),
            _ => None,
        }
    }

    pub fn as_ids(&self) -> &[i64] {
        match self {
            Cell::Ids(ids) => ids,
            _ => &[],
        }
    }

    /// The keys under which an index finds it.
    pub fn keys(&self) -> Vec<Key> {
        match self {
            Cell::Int(int) => vec![Key::Int(*int)],
            Cell::Text(text) => vec![Key::Text(text.clone())],
            Cell::Ids(ids) => ids.iter().copied().map(Key::Int).collect(),
            _ => Vec::new(),
        }
    }

    /// The order of the database, nulls last.
    pub fn order(&self, other: &Cell) -> Ordering {
        match (self, other) {
            (Cell::Null, Cell::Null) => Ordering::Equal,
            (Cell::Null, _) => Ordering::Greater,
            (_, Cell::Null) => Ordering::Less,
            (Cell::Bool(a), Cell::Bool(b)) => a.cmp(b),
            (Cell::Int(a), Cell::Int(b)) => a.cmp(b),
            (Cell::Text(a), Cell::Text(b)) => a.cmp(b),
            (Cell::Instant(a), Cell::Instant(b)) => a.cmp(b),
            (a, b) => match (a.as_float(), b.as_float()) {
                (Some(a), Some(b)) => a.total_cmp(&b),
                _ => Ordering::Equal,
            },
        }
    }
}

impl From<bool> for Cell {
    fn from(bool: bool) -> Self {
        Cell::Bool(bool)
    }
}

impl From<i64> for Cell {
    fn from(int: i64) -> Self {
        Cell::Int(int)
    }
}

impl From<f64> for Cell {
    fn from(float: f64) -> Self {
        Cell::Float(float)
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Cell::text(text)
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Cell::text(text)
    }
}

impl From<Option<i64>> for Cell {
    fn from(id: Option<i64>) -> Self {
        Cell::link(id)
    }
}

impl From<Timestamp> for Cell {
    fn from(time: Timestamp) -> Self {
        Cell::Instant(time.as_microsecond())
    }
}

/// `YYYY-MM-DD HH:MM:SS` of microseconds, cut to the second.
pub fn instant_text(microseconds: i64) -> String {
    let second = microseconds.div_euclid(1_000_000);
    let time = Timestamp::from_second(second).unwrap_or(Timestamp::UNIX_EPOCH);
    time.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// Reads what Odoo's `Datetime.from_string` reads: `YYYY-MM-DD[ HH[:MM[:SS]]]`, anything after the 19th character cut
/// by nobody: a `T`, a zone or a fraction is refused.
pub fn parse_instant(text: &str) -> Option<i64> {
    let (date, clock) = text.split_once(' ').unwrap_or((text, ""));
    let date = parse_date(date)?;
    let mut parts = [0i8; 3];
    if !clock.is_empty() {
        let fields: Vec<&str> = clock.split(':').collect();
        if fields.len() > 3 {
            return None;
        }
        for (slot, field) in parts.iter_mut().zip(fields) {
            if field.is_empty() || field.len() > 2 {
                return None;
            }
            *slot = field.parse().ok()?;
        }
    }
    let time = civil::Time::new(parts[0], parts[1], parts[2], 0).ok()?;
    micros(DateTime::from_parts(date, time))
}

/// Reads an instant in a domain, where a `T` is welcome too and a fraction is ignored. A zone is not.
pub fn parse_instant_loosely(text: &str) -> Option<i64> {
    let text = text.replacen('T', " ", 1);
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    fraction.bytes().all(|byte| byte.is_ascii_digit()).then(|| parse_instant(whole))?
}

/// Reads `YYYY-MM-DD`.
pub fn parse_date(text: &str) -> Option<civil::Date> {
    let mut parts = text.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || year.len() != 4 || month.len() > 2 || day.len() > 2 {
        return None;
    }
    civil::Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?).ok()
}

/// The microseconds of a civil time taken as UTC.
pub fn micros(time: DateTime) -> Option<i64> {
    time.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp().as_microsecond())
}

/// Rounds half away from zero, with the little help that binary fractions need (2.675 is 2.68 in business).
pub fn round(number: f64, digits: u32) -> f64 {
    let scale = 10f64.powi(digits.try_into().unwrap_or(0));
    let scaled = number * scale;
    let nudge = scaled.abs().max(1.0) * f64::EPSILON * 4.0;
    // Adding zero turns a negative zero into a plain one.
    (scaled.abs() + nudge + 0.5).floor() * scaled.signum() / scale + 0.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_is_half_away_from_zero() {
        assert_eq!(round(2.675, 2), 2.68);
        assert_eq!(round(-2.675, 2), -2.68);
        assert_eq!(round(1.23456, 2), 1.23);
        assert_eq!(round(0.0, 2), 0.0);
        assert_eq!(round(7.0, 2), 7.0);
    }

    #[test]
    fn instants_read_as_odoo_reads_them() {
        let noon = parse_instant("2026-11-30 12:00:00").expect("whole form");
        assert_eq!(instant_text(noon), "2026-11-30 12:00:00");
        assert_eq!(parse_instant("2026-11-30 12:00"), Some(noon));
        assert!(parse_instant("2026-11-30").is_some());
        for bad in ["garbage", "2026-11-30T12:00:00", "2026-11-30 12:00:00Z", "2026-11-30 12:00:00.5", "2026-13-01"] {
            assert_eq!(parse_instant(bad), None, "{bad}");
        }
        assert_eq!(parse_instant_loosely("2026-11-30T12:00:00.25"), Some(noon));
        assert_eq!(parse_instant_loosely("2026-11-30T12:00:00Z"), None);
    }
}
