//! A secret as a type. It prints `***`, has no serialised form, is compared in constant time and is wiped from memory
//! when dropped. Where secrets come from is the binary's business; nothing here reads files or the environment.

use std::fmt;

use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};
use zeroize::Zeroizing;

/// A password, key or token. Text, because every system hands them out as text; how a key is decoded from it is said
/// by the signature scheme.
#[derive(Clone, Default)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The secret itself. Whoever calls this keeps it out of logs, records and errors.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The UTF-8 bytes of the secret itself.
    pub fn expose_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// An empty secret protects nothing: it never verifies a request and never signs one.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `given` is this secret, in a time that tells neither the content nor the length. An empty secret equals
    /// nothing.
    pub(crate) fn is(&self, given: &[u8]) -> Choice {
        let filled = Choice::from(u8::from(!self.is_empty()));
        filled & Sha256::digest(self.expose_bytes()).as_slice().ct_eq(Sha256::digest(given).as_slice())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Constant-time: digests are compared, so neither content nor length shows in the time it takes.
impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        Sha256::digest(self.expose_bytes()).as_slice().ct_eq(Sha256::digest(other.expose_bytes()).as_slice()).into()
    }
}

impl Eq for Secret {}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_never_prints_itself() {
        let secret = Secret::new("hunter2");
        assert_eq!(format!("{secret} {secret:?} {:?}", Some(&secret)), "*** *** Some(***)");
        assert_eq!(format!("{secret:>8}{secret:#?}"), "******");
    }

    #[test]
    fn secrets_are_equal_by_content() {
        assert_eq!(Secret::new("a"), Secret::from("a"));
        assert_ne!(Secret::new("a"), Secret::new("ab"));
        assert_eq!(Secret::new(""), Secret::default());
    }

    #[test]
    fn an_empty_secret_is_nobodys() {
        assert!(!bool::from(Secret::new("").is(b"")));
        assert!(bool::from(Secret::new("x").is(b"x")));
        assert!(!bool::from(Secret::new("x").is(b"")));
    }
}
