//! Keys, digests and their spelling. Digests are compared as bytes and in constant time, never as text.

use base64::Engine;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use hmac::digest::block_api::EagerHash;
use hmac::{Hmac, KeyInit, Mac};
use icu_normalizer::DecomposingNormalizerBorrowed;
use sha1::Sha1;
use sha2::{Sha256, Sha512};
use zeroize::Zeroizing;

use crate::secret::Secret;
use crate::signature::message::{Filling, Message};
use crate::signature::rejection::Reason;
use crate::signature::scheme::{Encoding, Hash, KeyForm, Seal, SharedForm};

/// Keys are typed in by people, who lose the padding.
pub(crate) const KEY_BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The key of a secret, wiped when dropped.
pub(crate) type Key = Zeroizing<Vec<u8>>;

/// Makes the key. An empty secret, or one that decodes to nothing, is no key.
pub(crate) fn key(form: KeyForm, secret: &Secret) -> Result<Key, Reason> {
    let text = secret.expose();
    if text.is_empty() {
        return Err(Reason::MissingSecret);
    }
    let decoded = |text: &str| KEY_BASE64.decode(text).map(Zeroizing::new);
    let key = match form {
        KeyForm::Utf8 => Zeroizing::new(text.as_bytes().to_vec()),
        KeyForm::NfkdUtf8 => {
            let normalised = Zeroizing::new(DecomposingNormalizerBorrowed::new_nfkd().normalize(text).into_owned());
            Zeroizing::new(normalised.as_bytes().to_vec())
        }
        KeyForm::Base64 => decoded(text).map_err(|_| Reason::UnusableSecret { problem: "it is not base64" })?,
        KeyForm::Base64OrUtf8 => decoded(text).unwrap_or_else(|_| Zeroizing::new(text.as_bytes().to_vec())),
        KeyForm::Whsec => {
            if text.starts_with("whsk_") || text.starts_with("whpk_") {
                return Err(Reason::UnusableSecret {
                    problem: "it is an asymmetric key; a symmetric one begins with whsec_",
                });
            }
            let problem = "it is not base64 behind `whsec_`";
            decoded(text.strip_prefix("whsec_").unwrap_or(text)).map_err(|_| Reason::UnusableSecret { problem })?
        }
    };
    match key.is_empty() {
        true => Err(Reason::UnusableSecret { problem: "it decodes to an empty key" }),
        false => Ok(key),
    }
}

/// Whether a secret can be sent along in this form.
pub(crate) fn check_shared(form: &SharedForm, secret: &Secret) -> Result<(), Reason> {
    match form {
        _ if secret.is_empty() => Err(Reason::MissingSecret),
        SharedForm::Basic if !secret.expose().contains(':') => {
            Err(Reason::UnusableSecret { problem: "HTTP Basic needs `user:password`" })
        }
        _ => Ok(()),
    }
}

/// The digest that a genuine sender would have computed.
pub(crate) fn digest(hash: Hash, key: &Key, message: &Message, filling: Filling<'_>) -> Vec<u8> {
    match hash {
        Hash::Sha1 => mac::<Sha1>(key, message, filling),
        Hash::Sha256 => mac::<Sha256>(key, message, filling),
        Hash::Sha512 => mac::<Sha512>(key, message, filling),
    }
}

fn mac<D: EagerHash>(key: &Key, message: &Message, filling: Filling<'_>) -> Vec<u8>
where
    Hmac<D>: KeyInit + Mac,
{
    let mut mac = <Hmac<D> as KeyInit>::new_from_slice(key).expect("hmac takes a key of any length");
    for piece in message.pieces(filling) {
        mac.update(piece);
    }
    mac.finalize().into_bytes().to_vec()
}

/// Reads a signature, if it is as long as the seal makes them.
pub(crate) fn decode(encoding: Encoding, text: &str, seal: Seal) -> Option<Vec<u8>> {
    let digest = match encoding {
        Encoding::Hex => hex::decode(text).ok(),
        Encoding::Base64 => STANDARD.decode(text).ok(),
    };
    digest.filter(|digest| seal.fits(digest.len()))
}

/// Writes a digest as text.
pub(crate) fn encode(encoding: Encoding, digest: &[u8]) -> String {
    match encoding {
        Encoding::Hex => hex::encode(digest),
        Encoding::Base64 => STANDARD.encode(digest),
    }
}
