//! Signatures by a pair of keys: whoever holds the public one can verify and not sign. The algorithms are those of HTTP
//! Message Signatures (RFC 9421 section 3.3) that need no agreement beyond the key; ring computes them. The hub signs
//! with Ed25519 alone.
//!
//! A key is given as people have it: `whpk_…` or `whsk_…` (Standard Webhooks), or PEM (`-----BEGIN PUBLIC KEY-----`, the
//! SubjectPublicKeyInfo of RFC 5280).

use base64::Engine;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, Ed25519KeyPair, KeyPair, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA512,
    UnparsedPublicKey, VerificationAlgorithm,
};
use zeroize::Zeroizing;

use crate::secret::Secret;
use crate::signature::crypt::KEY_BASE64;
use crate::signature::rejection::Reason;

const BEGIN: &str = "-----BEGIN PUBLIC KEY-----";
const END: &str = "-----END PUBLIC KEY-----";
/// Tags of DER.
const SEQUENCE: u8 = 0x30;
const BIT_STRING: u8 = 0x03;
/// Bytes of an Ed25519 public key, and of the seed of a secret one.
const ED25519_BYTES: usize = 32;

/// An algorithm of signatures by a pair of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PublicAlgorithm {
    /// Ed25519 (RFC 8032).
    Ed25519,
    /// ECDSA over P-256 with SHA-256; the signature is r and s, 32 bytes each.
    EcdsaP256Sha256,
    /// RSASSA-PSS with SHA-512 and 64 bytes of salt; keys of 2048 to 8192 bits.
    RsaPssSha512,
    /// RSASSA-PKCS1-v1_5 with SHA-256; keys of 2048 to 8192 bits.
    RsaV15Sha256,
}

impl PublicAlgorithm {
    /// The name in the registry of HTTP Message Signatures.
    pub fn word(self) -> &'static str {
        match self {
            PublicAlgorithm::Ed25519 => "ed25519",
            PublicAlgorithm::EcdsaP256Sha256 => "ecdsa-p256-sha256",
            PublicAlgorithm::RsaPssSha512 => "rsa-pss-sha512",
            PublicAlgorithm::RsaV15Sha256 => "rsa-v1_5-sha256",
        }
    }

    /// The fewest and the most bytes of a signature.
    pub fn signature_bytes(self) -> (usize, usize) {
        match self {
            PublicAlgorithm::Ed25519 | PublicAlgorithm::EcdsaP256Sha256 => (64, 64),
            PublicAlgorithm::RsaPssSha512 | PublicAlgorithm::RsaV15Sha256 => (256, 1024),
        }
    }

    /// What a key of this algorithm says it is: the content of its AlgorithmIdentifier in DER, which is the object id of
    /// the algorithm and, behind it, its curve or null.
    fn identifier(self) -> &'static [u8] {
        match self {
            // 1.3.101.112
            PublicAlgorithm::Ed25519 => &[0x06, 0x03, 0x2b, 0x65, 0x70],
            // 1.2.840.10045.2.1 and 1.2.840.10045.3.1.7
            PublicAlgorithm::EcdsaP256Sha256 => &[
                0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03,
                0x01, 0x07,
            ],
            // 1.2.840.113549.1.1.1 and null
            PublicAlgorithm::RsaPssSha512 | PublicAlgorithm::RsaV15Sha256 => {
                &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00]
            }
        }
    }

    fn verification(self) -> &'static dyn VerificationAlgorithm {
        match self {
            PublicAlgorithm::Ed25519 => &ED25519,
            PublicAlgorithm::EcdsaP256Sha256 => &ECDSA_P256_SHA256_FIXED,
            PublicAlgorithm::RsaPssSha512 => &RSA_PSS_2048_8192_SHA512,
            PublicAlgorithm::RsaV15Sha256 => &RSA_PKCS1_2048_8192_SHA256,
        }
    }
}

/// A key that verifies.
pub(crate) struct PublicKey {
    algorithm: PublicAlgorithm,
    bytes: Vec<u8>,
}

impl PublicKey {
    /// The public key of a secret's text. A secret key holds its public one.
    ///
    /// # Errors
    /// When the text is empty, or no key of this algorithm.
    pub fn read(algorithm: PublicAlgorithm, secret: &Secret) -> Result<Self, Reason> {
        let text = secret.expose().trim();
        let bytes = match text {
            "" => return Err(Reason::MissingSecret),
            _ if text.starts_with("whsec_") => {
                return Err(unusable("it is a shared key; a public one begins with whpk_, or is PEM"));
            }
            _ if text.starts_with("whsk_") && algorithm == PublicAlgorithm::Ed25519 => {
                secret_key(secret)?.public_key().as_ref().to_vec()
            }
            _ if text.starts_with("whpk_") && algorithm == PublicAlgorithm::Ed25519 => {
                let key = KEY_BASE64.decode(&text["whpk_".len()..]).ok().filter(|key| key.len() == ED25519_BYTES);
                key.ok_or(unusable("it is not 32 bytes in base64 behind `whpk_`"))?
            }
            _ if text.starts_with("whsk_") || text.starts_with("whpk_") => {
                return Err(unusable("it is an Ed25519 key, and the scheme has another algorithm"));
            }
            _ => from_pem(algorithm, text)?,
        };
        Ok(Self { algorithm, bytes })
    }

    /// Whether the signature over the message was made with the secret half of this key.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(self.algorithm.verification(), &self.bytes).verify(message, signature).is_ok()
    }
}

fn from_pem(algorithm: PublicAlgorithm, text: &str) -> Result<Vec<u8>, Reason> {
    if text.contains("-----BEGIN RSA PUBLIC KEY-----") {
        return Err(unusable("it is PKCS#1: `openssl rsa -RSAPublicKey_in -pubout` writes the PEM that is read here"));
    }
    if text.contains("PRIVATE KEY-----") {
        return Err(unusable("it is a private key: give the public one, for nothing else is needed to verify"));
    }
    let wrong = unusable("it is neither `whpk_` and base64 nor PEM with -----BEGIN PUBLIC KEY-----");
    let encoded = text.strip_prefix(BEGIN).and_then(|rest| rest.trim_end().strip_suffix(END));
    let encoded: String = encoded.ok_or(wrong.clone())?.split_whitespace().collect();
    let document = KEY_BASE64.decode(encoded).map_err(|_| wrong.clone())?;
    let (identifier, bytes) = public_key_info(&document).ok_or(wrong)?;
    match identifier == algorithm.identifier() {
        true => Ok(bytes.to_vec()),
        false => Err(unusable("it is the key of another algorithm than the scheme's")),
    }
}

/// The two parts of a SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7): what the algorithm is, and the key's bytes.
fn public_key_info(document: &[u8]) -> Option<(&[u8], &[u8])> {
    let (info, behind) = element(SEQUENCE, document)?;
    let (identifier, rest) = element(SEQUENCE, info)?;
    let (bits, rest) = element(BIT_STRING, rest)?;
    let (unused_bits, bytes) = bits.split_first()?;
    (behind.is_empty() && rest.is_empty() && *unused_bits == 0).then_some((identifier, bytes))
}

/// The content of the DER element of this tag, and what lies behind it.
fn element(tag: u8, bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (found, rest) = bytes.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(*first), rest),
        // The number of bytes that hold the length; no key needs more than two.
        0x81 | 0x82 => {
            let (length, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (length.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    rest.split_at_checked(length).filter(|_| *found == tag)
}

/// The key the hub signs with: `whsk_` and, in base64, the seed of 32 bytes or the seed and the public key (64 bytes).
///
/// # Errors
/// When it is anything else.
pub(crate) fn secret_key(secret: &Secret) -> Result<Ed25519KeyPair, Reason> {
    let text = secret.expose().trim();
    if text.is_empty() {
        return Err(Reason::MissingSecret);
    }
    let Some(encoded) = text.strip_prefix("whsk_") else {
        return Err(unusable("signing needs the secret key, which begins with whsk_"));
    };
    let wrong = unusable("it is not 32 or 64 bytes in base64 behind `whsk_`");
    let Ok(key) = KEY_BASE64.decode(encoded).map(Zeroizing::new) else { return Err(wrong) };
    match key.len() {
        ED25519_BYTES => Ed25519KeyPair::from_seed_unchecked(&key).map_err(|_| wrong),
        64 => {
            let (seed, public) = key.split_at(ED25519_BYTES);
            Ed25519KeyPair::from_seed_and_public_key(seed, public)
                .map_err(|_| unusable("its two halves behind `whsk_` are not one pair of keys"))
        }
        _ => Err(wrong),
    }
}

fn unusable(problem: &'static str) -> Reason {
    Reason::UnusableSecret { problem }
}
