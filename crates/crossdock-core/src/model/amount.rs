//! Money: an exact amount in one currency of ISO 4217. Amounts of different currencies never meet; rounding is to the
//! currency's minor unit, half away from zero, as invoices are rounded.

use rust_decimal::{Decimal, RoundingStrategy};

use super::codes;

/// An amount of money.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Money {
    amount: Decimal,
    currency: [u8; 3],
}

/// Why amounts cannot be reckoned with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// Not in ISO 4217.
    #[error("`{0}` is no currency of ISO 4217, such as EUR")]
    UnknownCurrency(String),
    /// They would have to be exchanged first.
    #[error("{0} and {1} cannot be added: exchange one of them first, at a rate that is written down")]
    Mixed(String, String),
    /// More than 28 digits.
    #[error("the amount is too large")]
    TooLarge,
    /// Nothing to divide by.
    #[error("an amount cannot be shared among nobody")]
    NoShares,
}

impl Money {
    /// An amount in a currency, with as many digits as it is given.
    ///
    /// # Errors
    /// When the currency is unknown.
    pub fn new(amount: Decimal, currency: &str) -> Result<Self, MoneyError> {
        let bytes = currency.as_bytes().try_into().ok().filter(|_| codes::is_currency(currency));
        let currency = bytes.ok_or_else(|| MoneyError::UnknownCurrency(currency.to_owned()))?;
        Ok(Self { amount, currency })
    }

    /// The number.
    pub fn amount(&self) -> Decimal {
        self.amount
    }

    /// The code of the currency.
    pub fn currency(&self) -> &str {
        std::str::from_utf8(&self.currency).expect("codes are ASCII")
    }

    /// Digits behind the point; as many as there are for what has no minor unit.
    fn digits(&self) -> Option<u32> {
        codes::minor_digits(self.currency())
    }

    /// To the minor unit, half away from zero. Gold and the like stay as they are.
    pub fn rounded(self) -> Self {
        match self.digits() {
            Some(digits) => {
                let mut amount = self.amount.round_dp_with_strategy(digits, RoundingStrategy::MidpointAwayFromZero);
                amount.rescale(digits);
                Self { amount, ..self }
            }
            None => self,
        }
    }

    /// Both together.
    ///
    /// # Errors
    /// When they are of different currencies.
    pub fn plus(self, other: Self) -> Result<Self, MoneyError> {
        if self.currency != other.currency {
            return Err(MoneyError::Mixed(self.currency().to_owned(), other.currency().to_owned()));
        }
        let amount = self.amount.checked_add(other.amount).ok_or(MoneyError::TooLarge)?;
        Ok(Self { amount, ..self })
    }

    /// The sum of amounts of one currency; `None` when there are none.
    ///
    /// # Errors
    /// When they are of different currencies.
    pub fn sum(amounts: impl IntoIterator<Item = Self>) -> Result<Option<Self>, MoneyError> {
        let mut amounts = amounts.into_iter();
        let Some(first) = amounts.next() else { return Ok(None) };
        amounts.try_fold(first, Self::plus).map(Some)
    }

    /// Shares it by weights, each share rounded to the minor unit, so that the shares add up to the rounded whole: what
    /// is left over goes to the shares that rounding took most from.
    ///
    /// # Errors
    /// When no weight is above zero, or one is below.
    pub fn shared(self, weights: &[Decimal]) -> Result<Vec<Self>, MoneyError> {
        let total: Decimal = weights
            .iter()
            .try_fold(Decimal::ZERO, |sum, weight| sum.checked_add(*weight))
            .ok_or(MoneyError::TooLarge)?;
        if total <= Decimal::ZERO || weights.iter().any(Decimal::is_sign_negative) {
            return Err(MoneyError::NoShares);
        }
        let whole = self.rounded();
        let digits = self.digits().unwrap_or(whole.amount.scale());
        let cent = Decimal::new(1, digits);
        let mut shares = Vec::with_capacity(weights.len());
        for weight in weights {
            let exact = whole.amount.checked_mul(*weight).ok_or(MoneyError::TooLarge)? / total;
            let mut share = exact.trunc_with_scale(digits);
            share.rescale(digits);
            shares.push((share, (exact - share).abs()));
        }
        let mut left = whole.amount - shares.iter().map(|(share, _)| share).sum::<Decimal>();
        let mut order: Vec<usize> = (0..shares.len()).filter(|n| !weights[*n].is_zero()).collect();
        order.sort_by(|one, other| shares[*other].1.cmp(&shares[*one].1).then(one.cmp(other)));
        for n in order.into_iter().cycle() {
            if left.is_zero() {
                break;
            }
            let step = if left.is_sign_negative() { -cent } else { cent };
            shares[n].0 += step;
            left -= step;
        }
        Ok(shares.into_iter().map(|(amount, _)| Self { amount, ..self }).collect())
    }
}

impl std::fmt::Display for Money {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.amount, self.currency())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn money(text: &str, currency: &str) -> Money {
        Money::new(text.parse().expect("a number"), currency).expect("known")
    }

    #[test]
    fn rounding_is_to_the_minor_unit_half_away_from_zero() {
        let check = |text, currency, expect: &str| assert_eq!(money(text, currency).rounded().to_string(), expect);
        check("1.005", "EUR", "1.01 EUR");
        check("-1.005", "EUR", "-1.01 EUR");
        check("0.5", "JPY", "1 JPY");
        check("1.0005", "KWD", "1.001 KWD");
        check("3", "EUR", "3.00 EUR");
        check("1.23456", "XAU", "1.23456 XAU");
    }

    #[test]
    fn currencies_never_mix() {
        let mixed = money("1", "EUR").plus(money("1", "USD"));
        assert_eq!(mixed, Err(MoneyError::Mixed("EUR".into(), "USD".into())));
        assert!(Money::new(Decimal::ONE, "EURO").is_err());
        assert_eq!(money("1", "EUR").shared(&[]), Err(MoneyError::NoShares));
    }

    proptest! {
        /// The order of adding does not matter, and nothing is lost in it.
        #[test]
        fn sums_are_exact(cents in prop::collection::vec(-1_000_000_000i64..1_000_000_000, 1..40)) {
            let amounts = || cents.iter().map(|cents| Money::new(Decimal::new(*cents, 2), "EUR").expect("known"));
            let sum = Money::sum(amounts()).expect("one currency").expect("not empty");
            let back = Money::sum(amounts().collect::<Vec<_>>().into_iter().rev()).expect("one currency");
            prop_assert_eq!(Some(sum), back);
            prop_assert_eq!(sum.amount(), Decimal::new(cents.iter().sum(), 2));
        }

        /// Shares add up to the whole, and none is a cent off from what is fair.
        #[test]
        fn shares_add_up(
            cents in -1_000_000_000i64..1_000_000_000,
            weights in prop::collection::vec(0u32..1_000, 1..20),
            currency in prop::sample::select(vec!["EUR", "JPY", "KWD"]),
        ) {
            let whole = Money::new(Decimal::new(cents, 3), currency).expect("known");
            let weights: Vec<Decimal> = weights.into_iter().map(Decimal::from).collect();
            let total: Decimal = weights.iter().sum();
            prop_assume!(!total.is_zero());
            let shares = whole.shared(&weights).expect("shared");
            let sum = Money::sum(shares.iter().copied()).expect("one currency").expect("not empty");
            prop_assert_eq!(sum, whole.rounded());
            let cent = Decimal::new(1, codes::minor_digits(currency).expect("has one"));
            for (share, weight) in shares.iter().zip(&weights) {
                let fair = whole.rounded().amount() * weight / total;
                prop_assert!((share.amount() - fair).abs() <= cent, "{} of {}", share, whole);
            }
        }
    }
}
