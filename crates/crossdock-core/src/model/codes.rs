//! Code lists that the world keeps, as data: units (UN/ECE Recommendations 20 and 21, as EN 16931 admits them, and the
//! withdrawn BG, BX, CS, CT, PCE, PF and PK, which partners have not stopped to send),
//! currencies with their minor units (ISO 4217, those withdrawn lately among them), countries (ISO 3166-1 alpha-2, with
//! the user-assigned XI and XK that customs and Odoo use). The lists are in `lists/`, sorted.

use std::sync::LazyLock;

static UNITS: LazyLock<Vec<&'static str>> =
    LazyLock::new(|| include_str!("lists/units.txt").split_ascii_whitespace().collect());
static COUNTRIES: LazyLock<Vec<&'static str>> =
    LazyLock::new(|| include_str!("lists/countries.txt").split_ascii_whitespace().collect());
/// Each code with one more character: its minor unit, or a dash.
static CURRENCIES: LazyLock<Vec<&'static str>> =
    LazyLock::new(|| include_str!("lists/currencies.txt").split_ascii_whitespace().collect());

/// All unit codes, sorted.
pub fn units() -> &'static [&'static str] {
    &UNITS
}

/// All countries, sorted.
pub fn countries() -> &'static [&'static str] {
    &COUNTRIES
}

/// All currencies, sorted.
pub fn currencies() -> impl Iterator<Item = &'static str> {
    CURRENCIES.iter().map(|row| &row[..3])
}

/// Whether it is a code of UN/ECE Recommendation 20, or of 21 with an X before it.
pub fn is_unit(code: &str) -> bool {
    UNITS.binary_search(&code).is_ok()
}

/// Whether it is a country of ISO 3166-1 alpha-2.
pub fn is_country(code: &str) -> bool {
    COUNTRIES.binary_search(&code).is_ok()
}

/// Whether it is a currency of ISO 4217.
pub fn is_currency(code: &str) -> bool {
    currency_row(code).is_some()
}

/// How many digits behind the point a currency has: 2 for EUR, 0 for JPY. `None` for what is no currency or, like gold,
/// has no minor unit.
pub fn minor_digits(currency: &str) -> Option<u32> {
    currency_row(currency)?.chars().nth(3)?.to_digit(10)
}

fn currency_row(code: &str) -> Option<&'static str> {
    let n = CURRENCIES.binary_search_by(|row| row[..3].cmp(code)).ok()?;
    Some(CURRENCIES[n])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_sorted_and_known_codes_are_in_them() {
        for list in [&*UNITS, &*COUNTRIES, &*CURRENCIES] {
            assert!(list.is_sorted() && !list.is_empty());
        }
        assert!(["KGM", "C62", "LM", "XCT", "XPX", "KMQ"].into_iter().all(is_unit));
        assert!(["KG", "kgm", "", "PCS", "PLT"].into_iter().all(|code| !is_unit(code)));
        assert!(is_country("DE") && is_country("XI") && !is_country("UK"));
        assert_eq!(["EUR", "JPY", "KWD", "XAU", "EURO"].map(minor_digits), [Some(2), Some(0), Some(3), None, None]);
        assert!(is_currency("XAU") && !is_currency("EURO"));
    }
}
