//! External ids: the names by which Odoo finds a record again, and the reason why an upsert is safe to repeat.
//! `<module>.<model>__<key>`, where any key becomes letters, digits, `_`, `.` and `-` without two keys meeting.

use std::fmt::Write;

/// How long a key from outside may be, in bytes. PostgreSQL indexes the external id.
pub const KEY_BYTES_MAX: usize = 200;

/// The external id of a record of `model` under a key of one or several parts: `crossdock.res_partner__C1`. Several
/// parts are joined by `_.`, which no part contains.
pub fn xid(module: &str, model: &str, parts: &[&str]) -> String {
    let mut out = format!("{module}.{}__", model.replace('.', "_"));
    encode_parts(parts, &mut out);
    out
}

/// The parts alone, for ids that are no external ids.
pub fn encoded(parts: &[&str]) -> String {
    let mut out = String::new();
    encode_parts(parts, &mut out);
    out
}

fn encode_parts(parts: &[&str], out: &mut String) {
    for (place, part) in parts.iter().enumerate() {
        if place > 0 {
            out.push_str("_.");
        }
        encode(part, out);
    }
}

/// Letters, digits, `.` and `-` stay. `_` doubles, every other byte becomes `_` and two hexadecimal digits, so a `_`
/// is always followed by `_` or a digit of `0-9A-F` and the text can be read back in one way only.
fn encode(part: &str, out: &mut String) {
    for byte in part.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' => out.push(char::from(byte)),
            b'_' => out.push_str("__"),
            other => write!(out, "_{other:02X}").expect("writing to a string cannot fail"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_external_id_reads_like_its_key() {
        assert_eq!(xid("crossdock", "res.partner", &["C-1.2"]), "crossdock.res_partner__C-1.2");
        assert_eq!(xid("hub", "sale.order.line", &["SO 7/a", "1_2"]), "hub.sale_order_line__SO_207_2Fa_.1__2");
        assert_eq!(xid("hub", "res.partner", &["Zoë"]), "hub.res_partner__Zo_C3_AB");
    }

    /// The inverse of `encoded`, as a proof that it has one.
    fn decoded(text: &str) -> Vec<String> {
        let mut parts = vec![Vec::new()];
        let mut bytes = text.bytes();
        while let Some(byte) = bytes.next() {
            let part = parts.last_mut().expect("there is always a part");
            match (byte, byte == b'_') {
                (plain, false) => part.push(plain),
                _ => match bytes.next().expect("something follows `_`") {
                    b'_' => part.push(b'_'),
                    b'.' => parts.push(Vec::new()),
                    high => {
                        let hex = [high, bytes.next().expect("two digits")];
                        let hex = std::str::from_utf8(&hex).expect("ASCII");
                        part.push(u8::from_str_radix(hex, 16).expect("hexadecimal"));
                    }
                },
            }
        }
        parts.into_iter().map(|part| String::from_utf8(part).expect("UTF-8")).collect()
    }

    proptest! {
        #[test]
        fn no_two_keys_share_an_external_id(parts in proptest::collection::vec(".{0,12}", 1..4)) {
            let borrowed: Vec<&str> = parts.iter().map(String::as_str).collect();
            let text = encoded(&borrowed);
            prop_assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte)));
            prop_assert_eq!(decoded(&text), parts);
        }
    }
}
