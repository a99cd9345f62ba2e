//! What a path asks for: `/in/<system>` with an optional channel behind it, or a page about the hub itself.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// What is at an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address<'a> {
    /// A system's door. The channel is empty when there is none.
    Door {
        system: Cow<'a, str>,
        channel: Cow<'a, str>,
    },
    /// `/healthz`: the program runs.
    Health,
    /// `/readyz`: the hub takes requests.
    Ready,
    /// `/errors/<code>`: the page about an error.
    ErrorPage(&'a str),
    Nothing,
}

/// Why an address cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    #[error("a percent sign in the path is not followed by two hex digits")]
    Percent,
    #[error("the path is not UTF-8 when decoded")]
    Utf8,
    #[error("the path holds a control character when decoded")]
    Control,
}

impl<'a> Address<'a> {
    /// Reads a path as it stands in the request.
    ///
    /// # Errors
    /// When its encoding is broken.
    pub fn parse(path: &'a str) -> Result<Self, AddressError> {
        let Some(rest) = path.strip_prefix("/in/") else {
            return Ok(match path {
                "/healthz" => Address::Health,
                "/readyz" => Address::Ready,
                _ => path.strip_prefix("/errors/").map_or(Address::Nothing, Address::ErrorPage),
            });
        };
        let (system, channel) = rest.split_once('/').unwrap_or((rest, ""));
        if system.is_empty() {
            return Ok(Address::Nothing);
        }
        Ok(Address::Door { system: decode(system)?, channel: decode(channel)? })
    }
}

fn decode(part: &str) -> Result<Cow<'_, str>, AddressError> {
    let broken =
        |at: usize| !part.as_bytes().get(at + 1..at + 3).is_some_and(|two| two.iter().all(u8::is_ascii_hexdigit));
    if part.bytes().enumerate().any(|(at, byte)| byte == b'%' && broken(at)) {
        return Err(AddressError::Percent);
    }
    let decoded = percent_decode_str(part).decode_utf8().map_err(|_| AddressError::Utf8)?;
    if decoded.chars().any(char::is_control) {
        return Err(AddressError::Control);
    }
    Ok(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn door(path: &str, system: &str, channel: &str) {
        let expect = Address::Door { system: system.into(), channel: channel.into() };
        assert_eq!(Address::parse(path), Ok(expect), "{path}");
    }

    #[test]
    fn a_door_has_a_system_and_perhaps_a_channel() {
        door("/in/warehouse", "warehouse", "");
        door("/in/warehouse/", "warehouse", "");
        door("/in/warehouse/shipment-update", "warehouse", "shipment-update");
        door("/in/w/a/b//c", "w", "a/b//c");
        door("/in/w%C3%A4rehouse/a%2Fb", "wärehouse", "a/b");
        door("/in/../etc", "..", "etc");
    }

    #[test]
    fn broken_encodings_are_told_apart() {
        assert_eq!(Address::parse("/in/a%"), Err(AddressError::Percent));
        assert_eq!(Address::parse("/in/a%2"), Err(AddressError::Percent));
        assert_eq!(Address::parse("/in/a/%zz"), Err(AddressError::Percent));
        assert_eq!(Address::parse("/in/%ff"), Err(AddressError::Utf8));
        assert_eq!(Address::parse("/in/a%00b"), Err(AddressError::Control));
        assert_eq!(Address::parse("/in/a%0d%0ab"), Err(AddressError::Control));
    }

    #[test]
    fn everything_else_is_known_or_nothing() {
        assert_eq!(Address::parse("/healthz"), Ok(Address::Health));
        assert_eq!(Address::parse("/readyz"), Ok(Address::Ready));
        assert_eq!(Address::parse("/errors/XD-1014"), Ok(Address::ErrorPage("XD-1014")));
        for path in ["/", "/in", "/in/", "/in//x", "/IN/x", "/healthz/", "*", ""] {
            assert_eq!(Address::parse(path), Ok(Address::Nothing), "{path}");
        }
    }
}
