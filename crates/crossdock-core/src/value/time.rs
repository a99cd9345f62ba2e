//! Times: an instant together with the offset or zone it was written in.

use std::cmp::Ordering;
use std::fmt;
use std::sync::{Arc, LazyLock};

use jiff::civil::DateTime;
use jiff::fmt::temporal::{Pieces, PiecesOffset};
use jiff::tz::{Disambiguation, TimeZone, TimeZoneDatabase};
use jiff::{Timestamp, Zoned};

/// An instant with the offset or zone it was written in. Compares and equals by instant alone.
///
/// Its text is RFC 3339 with that offset (`Z` for UTC) and as many decimals of a second as are not zero. The name of
/// a zone is used for calendar arithmetic but is never written: partners and JSON Schema's `date-time` refuse it.
#[derive(Clone)]
pub struct Time(Arc<Zoned>);

/// Why a text is not a time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    #[error("“{0}” is not a time such as 2026-03-01T08:30:00+01:00")]
    NotATime(String),
    #[error("“{0}” has no offset and no zone, so it is not one instant")]
    NoOffset(String),
    #[error("“{0}” is not a zone such as Europe/Berlin, UTC or +02:00")]
    UnknownZone(String),
    /// Time zones need a margin at both ends, so the last day of the year 9999, which some systems write for "never
    /// ends", is not a time here.
    #[error("the time is outside of the years 1 to 9999 (the last day of 9999 excluded)")]
    OutOfRange,
}

impl Time {
    /// Reads RFC 3339 and its usual relatives: a space for the `T`, no seconds, `+0100` for `+01:00`, and a zone name
    /// in brackets behind it.
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        let pieces = Pieces::parse(text).map_err(|_| TimeError::NotATime(text.into()))?;
        let Some(time) = pieces.time() else { return Err(TimeError::NotATime(text.into())) };
        let local = pieces.date().to_datetime(time);
        let Some(offset) = pieces.offset() else { return Err(TimeError::NoOffset(text.into())) };
        let zone = match pieces.time_zone_annotation() {
            Some(_) => {
                pieces.to_time_zone_with(&ZONES).ok().flatten().ok_or_else(|| TimeError::UnknownZone(text.into()))?
            }
            None => match offset {
                PiecesOffset::Zulu => TimeZone::UTC,
                numeric => TimeZone::fixed(numeric.to_numeric_offset()),
            },
        };
        let instant = offset.to_numeric_offset().to_timestamp(local).map_err(|_| TimeError::OutOfRange)?;
        Self::in_range(instant.to_zoned(zone))
    }

    /// Reads a local time, or one with its own offset, as it is meant in `zone`. A local time that a clock change
    /// skipped or repeated takes the offset from before the change.
    pub fn parse_in(text: &str, zone: &TimeZone) -> Result<Self, TimeError> {
        let pieces = Pieces::parse(text).map_err(|_| TimeError::NotATime(text.into()))?;
        if pieces.offset().is_some() {
            return Ok(Self::parse(text)?.in_zone(zone.clone()));
        }
        let local = pieces.date().to_datetime(pieces.time().unwrap_or_default());
        Self::local(local, zone)
    }

    /// The instant that clocks in `zone` showed as `local`.
    pub fn local(local: DateTime, zone: &TimeZone) -> Result<Self, TimeError> {
        let zoned = zone
            .to_ambiguous_zoned(local)
            .disambiguate(Disambiguation::Compatible)
            .map_err(|_| TimeError::OutOfRange)?;
        Self::in_range(zoned)
    }

    /// The same instant as read on clocks in `zone`.
    pub fn in_zone(&self, zone: TimeZone) -> Self {
        Self(Arc::new(self.0.with_time_zone(zone)))
    }

    pub fn timestamp(&self) -> Timestamp {
        self.0.timestamp()
    }

    pub fn zoned(&self) -> &Zoned {
        &self.0
    }

    /// The time, when it lies in the years that RFC 3339 can write.
    pub(crate) fn in_range(zoned: Zoned) -> Result<Self, TimeError> {
        if (1..=9999).contains(&zoned.year()) && (1..=9999).contains(&zoned.timestamp().to_zoned(TimeZone::UTC).year())
        {
            Ok(Self(Arc::new(zoned)))
        } else {
            Err(TimeError::OutOfRange)
        }
    }
}

/// The zone of an IANA name or an offset such as `+02:00`. The database is the one built into the program, so that
/// the same mapping gives the same times on every machine.
pub fn zone_named(name: &str) -> Result<TimeZone, TimeError> {
    if name == "UTC" || name == "Z" {
        return Ok(TimeZone::UTC);
    }
    if let Some(offset) = parse_offset(name) {
        return Ok(TimeZone::fixed(offset));
    }
    ZONES.get(name).map_err(|_| TimeError::UnknownZone(name.into()))
}

static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// `+hh:mm`, `-hh:mm` or, as CEL allows, `hh:mm`.
fn parse_offset(name: &str) -> Option<jiff::tz::Offset> {
    let (sign, digits) = match name.as_bytes().first()? {
        b'+' => (1, &name[1..]),
        b'-' => (-1, &name[1..]),
        _ => (1, name),
    };
    let (hours, minutes) = digits.split_once(':')?;
    let number = |text: &str| (text.len() == 2).then(|| text.parse::<u8>().ok().map(i32::from)).flatten();
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    (minutes < 60).then(|| jiff::tz::Offset::from_seconds(sign * (hours * 3600 + minutes * 60)).ok()).flatten()
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.offset() == jiff::tz::Offset::UTC {
            write!(f, "{}", self.0.timestamp())
        } else {
            write!(f, "{}", self.0.timestamp().display_with_offset(self.0.offset()))
        }
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl PartialEq for Time {
    fn eq(&self, other: &Self) -> bool {
        self.timestamp() == other.timestamp()
    }
}

impl Eq for Time {}

impl PartialOrd for Time {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Time {
    fn cmp(&self, other: &Self) -> Ordering {
        self.timestamp().cmp(&other.timestamp())
    }
}

impl From<Timestamp> for Time {
    fn from(instant: Timestamp) -> Self {
        Self(Arc::new(instant.to_zoned(TimeZone::UTC)))
    }
}

impl From<Zoned> for Time {
    fn from(zoned: Zoned) -> Self {
        Self(Arc::new(zoned))
    }
}
