//! Times as people read them: in the zone of the machine they sit at.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::screen::Screen;

/// Local date and time on a terminal; with its offset for whoever reads lines.
#[expect(clippy::disallowed_methods, reason = "the person at this machine reads its own time")]
pub fn shown(at: Timestamp, screen: Screen) -> String {
    let format = if screen.terminal { "%Y-%m-%d %H:%M:%S" } else { "%Y-%m-%dT%H:%M:%S%:z" };
    at.to_zoned(TimeZone::system()).strftime(format).to_string()
}

/// How long ago, in the largest fitting unit.
pub fn ago(at: Timestamp, now: Timestamp) -> String {
    match now.duration_since(at).as_secs().max(0) {
        seconds @ 0..=119 => format!("{seconds} s ago"),
        seconds @ 120..=7_199 => format!("{} min ago", seconds / 60),
        seconds @ 7_200..=172_799 => format!("{} h ago", seconds / 3_600),
        seconds => format!("{} d ago", seconds / 86_400),
    }
}
