//! Times and durations. There is no `now()`: what a mapping makes depends on its message alone.

use jiff::civil::DateTime;
use jiff::fmt::strtime::{self, BrokenDownTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Zoned};

use super::convert::{not_a_time, timestamp};
use super::{Context, Function, Result, one, three, two};
use crate::value::{Time, TimeError, Value, zone_named};

pub(super) const FUNCTIONS: &[Function] = &[
    one("timestamp", "x", timestamp),
    two("timestamp", "text, zone", timestamp_in),
    one("timestampMillis", "integer", timestamp_millis),
    two("parseTime", "text, pattern", |context, text, pattern| parse_time(context, text, pattern, None)),
    three("parseTime", "text, pattern, zone", |context, text, pattern, zone| {
        let zone = self::zone(context, zone)?;
        parse_time(context, text, pattern, Some(zone))
    }),
    two("inZone", "time, zone", |context, time, zone| {
        let zone = self::zone(context, zone)?;
        Ok(Value::Time(context.time(time)?.in_zone(zone)))
    }),
    two("format", "time, pattern", format),
    one("getFullYear", "time", |context, x| field(context, x, None, full_year)),
    two("getFullYear", "time, zone", |context, x, zone| field(context, x, Some(zone), full_year)),
    one("getMonth", "time", |context, x| field(context, x, None, month)),
    two("getMonth", "time, zone", |context, x, zone| field(context, x, Some(zone), month)),
    one("getDate", "time", |context, x| field(context, x, None, date)),
    two("getDate", "time, zone", |context, x, zone| field(context, x, Some(zone), date)),
    one("getDayOfMonth", "time", |context, x| field(context, x, None, day_of_month)),
    two("getDayOfMonth", "time, zone", |context, x, zone| field(context, x, Some(zone), day_of_month)),
    one("getDayOfWeek", "time", |context, x| field(context, x, None, day_of_week)),
    two("getDayOfWeek", "time, zone", |context, x, zone| field(context, x, Some(zone), day_of_week)),
    one("getDayOfYear", "time", |context, x| field(context, x, None, day_of_year)),
    two("getDayOfYear", "time, zone", |context, x, zone| field(context, x, Some(zone), day_of_year)),
    one("getHours", "time", |context, x| part(context, x, SignedDuration::as_hours, hours)),
    two("getHours", "time, zone", |context, x, zone| field(context, x, Some(zone), hours)),
    one("getMinutes", "time", |context, x| part(context, x, SignedDuration::as_mins, minutes)),
    two("getMinutes", "time, zone", |context, x, zone| field(context, x, Some(zone), minutes)),
    one("getSeconds", "time", |context, x| part(context, x, SignedDuration::as_secs, seconds)),
    two("getSeconds", "time, zone", |context, x, zone| field(context, x, Some(zone), seconds)),
    one("getMilliseconds", "time", |context, x| {
        part(context, x, |duration| i64::from(duration.subsec_millis()), milliseconds)
    }),
    two("getMilliseconds", "time, zone", |context, x, zone| field(context, x, Some(zone), milliseconds)),
];

fn zone(context: &Context<'_>, value: &Value) -> Result<TimeZone> {
    let name = context.text(value)?;
    zone_named(name).map_err(|error| not_a_time(context, value, &error))
}

/// A local time as it is meant in the zone; one with an offset of its own is brought there.
fn timestamp_in(context: &Context<'_>, value: &Value, zone: &Value) -> Result<Value> {
    let text = context.text(value)?;
    let zone = self::zone(context, zone)?;
    Time::parse_in(text.trim(), &zone).map(Value::Time).map_err(|error| not_a_time(context, value, &error))
}

fn timestamp_millis(context: &Context<'_>, value: &Value) -> Result<Value> {
    let instant = jiff::Timestamp::from_millisecond(context.int(value)?).ok();
    instant
        .and_then(|instant| Time::in_range(instant.to_zoned(TimeZone::UTC)).ok())
        .map(Value::Time)
        .ok_or_else(|| context.refuses(value, "as milliseconds since 1970 it is outside of the years 1 to 9999"))
}

/// Reads a time in any form that a strptime pattern can describe.
fn parse_time(context: &Context<'_>, value: &Value, pattern: &Value, zone: Option<TimeZone>) -> Result<Value> {
    let (text, pattern) = (context.text(value)?, context.text(pattern)?);
    let parts = BrokenDownTime::parse(&**pattern, text.trim())
        .map_err(|error| context.refuses(value, &format!("it does not fit the pattern '{pattern}' ({error})")))?;
    let time = read_parts(&parts, zone.as_ref()).map_err(|error| match error {
        TimeError::NotATime(_) => context.refuses(value, "the pattern does not give a whole date"),
        TimeError::NoOffset(_) => context
            .refuses(value, "it has no offset, so it is not one instant")
            .hint("`parseTime(x, pattern, 'Europe/Berlin')` says where its clock hangs"),
        other => not_a_time(context, value, &other),
    })?;
    Ok(Value::Time(time))
}

fn read_parts(parts: &BrokenDownTime, zone: Option<&TimeZone>) -> std::result::Result<Time, TimeError> {
    if let Some(offset) = parts.offset() {
        let instant = parts.to_timestamp().map_err(|_| TimeError::NotATime(String::new()))?;
        let zone = zone.cloned().unwrap_or_else(|| TimeZone::fixed(offset));
        return Time::in_range(instant.to_zoned(zone));
    }
    if let Some(instant) = parts.timestamp() {
        return Time::in_range(instant.to_zoned(zone.cloned().unwrap_or(TimeZone::UTC)));
    }
    let local = parts
        .to_datetime()
        .or_else(|_| parts.to_date().map(DateTime::from))
        .map_err(|_| TimeError::NotATime(String::new()))?;
    let zone = zone.ok_or(TimeError::NoOffset(String::new()))?;
    Time::local(local, zone)
}

/// strftime, on the clock of the time's own offset or zone.
fn format(context: &Context<'_>, value: &Value, pattern: &Value) -> Result<Value> {
    let (time, pattern_text) = (context.time(value)?, context.text(pattern)?);
    context.meter.bytes(pattern_text.len().saturating_mul(16))?;
    strtime::format(&**pattern_text, time.zoned())
        .map(Value::from)
        .map_err(|error| context.refuses(pattern, &error.to_string()))
}

/// A calendar field: in UTC, as CEL has it, unless a zone is named.
fn field(context: &Context<'_>, value: &Value, zone: Option<&Value>, read: fn(&Zoned) -> i64) -> Result<Value> {
    let time = context.time(value)?;
    let zone = match zone {
        Some(zone) => self::zone(context, zone)?,
        None => TimeZone::UTC,
    };
    Ok(Value::Int(read(time.in_zone(zone).zoned())))
}

/// The same function for a duration, where hours, minutes and seconds are totals.
fn part(
    context: &Context<'_>,
    value: &Value,
    of_duration: fn(&SignedDuration) -> i64,
    of_time: fn(&Zoned) -> i64,
) -> Result<Value> {
    match value {
        Value::Duration(duration) => Ok(Value::Int(of_duration(duration))),
        other => field(context, other, None, of_time),
    }
}

fn full_year(time: &Zoned) -> i64 {
    time.year().into()
}

fn month(time: &Zoned) -> i64 {
    i64::from(time.month()) - 1
}

fn date(time: &Zoned) -> i64 {
    time.day().into()
}

fn day_of_month(time: &Zoned) -> i64 {
    date(time) - 1
}

fn day_of_week(time: &Zoned) -> i64 {
    time.weekday().to_sunday_zero_offset().into()
}

fn day_of_year(time: &Zoned) -> i64 {
    i64::from(time.day_of_year()) - 1
}

fn hours(time: &Zoned) -> i64 {
    time.hour().into()
}

fn minutes(time: &Zoned) -> i64 {
    time.minute().into()
}

fn seconds(time: &Zoned) -> i64 {
    time.second().into()
}

fn milliseconds(time: &Zoned) -> i64 {
    time.millisecond().into()
}
