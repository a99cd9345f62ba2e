//! Whether a text is surely JSON that [`Value::parse_json`](super::Value::parse_json) reads, found without building
//! anything: several times as fast, for the door, where most texts are right and nothing of them is needed yet.

use super::JsonLimits;
use super::number::parse_number;

/// The keys of a larger map are left to the reader, which finds doubles faster among many.
const KEYS_MAX: usize = 48;
/// A whole number shorter than this fits 64 bits.
const SHORT_DIGITS: usize = 18;

/// Yes only when the reader would say yes. What is unusual is left to it: escapes in keys, surrogates, large maps.
pub(super) fn is_surely_right(json: &[u8], limits: &JsonLimits) -> bool {
    if json.len() > limits.bytes_max || std::str::from_utf8(json).is_err() {
        return false;
    }
    let mut scan = Scan { json, at: 0, nodes: 0, keys: Vec::new(), limits };
    scan.value(0).is_some() && scan.next().is_none()
}

struct Scan<'a> {
    json: &'a [u8],
    at: usize,
    nodes: usize,
    /// Marks of the keys of the maps that are open, those of the innermost last.
    keys: Vec<u64>,
    limits: &'a JsonLimits,
}

impl Scan<'_> {
    /// The next byte that is not white space, which is left where it is.
    fn next(&mut self) -> Option<u8> {
        loop {
            match self.json.get(self.at) {
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.at += 1,
                other => return other.copied(),
            }
        }
    }

    fn value(&mut self, depth: usize) -> Option<()> {
        self.nodes += 1;
        if self.nodes > self.limits.nodes_max {
            return None;
        }
        match self.next()? {
            b'"' => self.string().map(drop),
            b'{' if depth < self.limits.depth_max => self.map(depth + 1),
            b'[' if depth < self.limits.depth_max => self.list(depth + 1),
            b'n' => self.word(b"null"),
            b't' => self.word(b"true"),
            b'f' => self.word(b"false"),
            b'-' | b'0'..=b'9' => self.number(),
            _ => None,
        }
    }

    fn word(&mut self, word: &[u8]) -> Option<()> {
        let is_there = self.json[self.at..].starts_with(word);
        self.at += word.len();
        is_there.then_some(())
    }

    fn list(&mut self, depth: usize) -> Option<()> {
        self.at += 1;
        if self.next()? == b']' {
            self.at += 1;
            return Some(());
        }
        loop {
            self.value(depth)?;
            match self.next()? {
                b',' => self.at += 1,
                b']' => {
                    self.at += 1;
                    return Some(());
                }
                _ => return None,
            }
        }
    }

    fn map(&mut self, depth: usize) -> Option<()> {
        self.at += 1;
        if self.next()? == b'}' {
            self.at += 1;
            return Some(());
        }
        let begin = self.keys.len();
        loop {
            self.key(begin)?;
            self.value(depth)?;
            match self.next()? {
                b',' => self.at += 1,
                b'}' => {
                    self.at += 1;
                    self.keys.truncate(begin);
                    return Some(());
                }
                _ => return None,
            }
        }
    }

    /// A key that is not among those from `begin` on, and its colon.
    fn key(&mut self, begin: usize) -> Option<()> {
        if self.next()? != b'"' {
            return None;
        }
        let first = self.at + 1;
        let has_escapes = self.string()?;
        let mark = mark(&self.json[first..self.at - 1]);
        let known = &self.keys[begin..];
        if has_escapes || known.len() >= KEYS_MAX || known.contains(&mark) || self.next()? != b':' {
            return None;
        }
        self.at += 1;
        self.keys.push(mark);
        Some(())
    }

    /// A string from its first quote to behind its last; whether there are escapes in it.
    fn string(&mut self) -> Option<bool> {
        self.at += 1;
        let mut has_escapes = false;
        loop {
            self.at += plain_bytes(&self.json[self.at..]);
            match self.json.get(self.at)? {
                b'"' => {
                    self.at += 1;
                    return Some(has_escapes);
                }
                b'\\' => {
                    has_escapes = true;
                    self.escape()?;
                }
                _ => return None,
            }
        }
    }

    fn escape(&mut self) -> Option<()> {
        match self.json.get(self.at + 1)? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => self.at += 2,
            b'u' => {
                let digits = self.json.get(self.at + 2..self.at + 6)?;
                let is_surrogate = matches!(digits, [b'd' | b'D', b'8'..=b'9' | b'a'..=b'f' | b'A'..=b'F', ..]);
                if is_surrogate || !digits.iter().all(u8::is_ascii_hexdigit) {
                    return None;
                }
                self.at += 6;
            }
            _ => return None,
        }
        Some(())
    }

    fn number(&mut self) -> Option<()> {
        let rest = &self.json[self.at..];
        let is_part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
        let length = rest.iter().position(|byte| !is_part(byte)).unwrap_or(rest.len());
        let number = &rest[..length];
        self.at += length;
        let is_whole = length < SHORT_DIGITS && number.iter().all(u8::is_ascii_digit);
        let is_right = match (is_whole, number) {
            (true, [b'0', _, ..]) => false,
            (true, _) => true,
            (false, _) => is_number(number) && parse_number(std::str::from_utf8(number).ok()?).is_some(),
        };
        is_right.then_some(())
    }
}

/// Whether these bytes follow the grammar of numbers (RFC 8259, section 6).
fn is_number(number: &[u8]) -> bool {
    let digits = |bytes: &[u8]| bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let unsigned = number.strip_prefix(b"-").unwrap_or(number);
    let whole = digits(unsigned);
    if whole == 0 || (whole > 1 && unsigned[0] == b'0') {
        return false;
    }
    let mut rest = &unsigned[whole..];
    if let Some(fraction) = rest.strip_prefix(b".") {
        let length = digits(fraction);
        if length == 0 {
            return false;
        }
        rest = &fraction[length..];
    }
    match rest {
        [] => true,
        [b'e' | b'E', exponent @ ..] => {
            let exponent = exponent.strip_prefix(b"+").or(exponent.strip_prefix(b"-")).unwrap_or(exponent);
            !exponent.is_empty() && digits(exponent) == exponent.len()
        }
        _ => false,
    }
}

/// How many bytes stand before the next quote, backslash or control character; eight are looked at together.
fn plain_bytes(bytes: &[u8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    let below = |word: u64, limit: u64| word.wrapping_sub(ONES * limit) & !word & HIGHS;
    let equal = |word: u64, byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
    let (eights, _) = bytes.as_chunks::<8>();
    for (n, eight) in eights.iter().enumerate() {
        let word = u64::from_le_bytes(*eight);
        let found = below(word, 0x20) | equal(word, b'"') | equal(word, b'\\');
        if found != 0 {
            return n * 8 + found.trailing_zeros() as usize / 8;
        }
    }
    let begin = eights.len() * 8;
    let rest = &bytes[begin..];
    begin + rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | ..0x20)).unwrap_or(rest.len())
}

/// Equal for equal keys, and hardly ever for others.
fn mark(key: &[u8]) -> u64 {
    let mix = |mark: u64, part: u64| (mark.rotate_left(5) ^ part).wrapping_mul(0x517c_c1b7_2722_0a95);
    let (eights, rest) = key.as_chunks::<8>();
    let whole = eights.iter().fold(key.len() as u64, |sum, eight| mix(sum, u64::from_le_bytes(*eight)));
    mix(whole, rest.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
}
