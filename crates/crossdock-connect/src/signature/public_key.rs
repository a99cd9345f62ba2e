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
use spki::der::Decode;
use spki::der::asn1::ObjectIdentifier;
use spki::{Document, SubjectPublicKeyInfoRef};
use zeroize::Zeroizing;

use crate::secret::Secret;
use crate::signature::crypt::KEY_BASE64;
use crate::signature::rejection::Reason;

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

    /// What a key of this algorithm says it is, in DER: the algorithm, and the curve where one belongs to it.
    fn object_ids(self) -> (ObjectIdentifier, Option<ObjectIdentifier>) {
        match self {
            PublicAlgorithm::Ed25519 => (ObjectIdentifier::new_unwrap("1.3.101.112"), None),
            PublicAlgorithm::EcdsaP256Sha256 => (
                ObjectIdentifier::new_unwrap("1.2.840.10045.2.1"),
                Some(ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7")),
            ),
            PublicAlgorithm::RsaPssSha512 | PublicAlgorithm::RsaV15Sha256 => {
                (ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1"), None)
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
    let Ok((label, document)) = Document::from_pem(text) else { return Err(wrong) };
    if label != "PUBLIC KEY" {
        return Err(wrong);
    }
    let Ok(info) = SubjectPublicKeyInfoRef::from_der(document.as_bytes()) else { return Err(wrong) };
    let (named, curve) = algorithm.object_ids();
    let of_curve = |curve: ObjectIdentifier| info.algorithm.parameters_oid().is_ok_and(|given| given == curve);
    if info.algorithm.oid != named || curve.is_some_and(|curve| !of_curve(curve)) {
        return Err(unusable("it is the key of another algorithm than the scheme's"));
    }
    let bytes = info.subject_public_key.as_bytes().ok_or(wrong)?;
    Ok(bytes.to_vec())
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
