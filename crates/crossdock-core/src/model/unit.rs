//! Quantities of one unit in another: exact decimals, codes of UN/ECE Recommendation 20. What only an item knows (how
//! many pieces are in a carton) comes from the item.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use rust_decimal::Decimal;

use super::codes;

/// What a unit measures. Only units of one dimension convert into each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dimension {
    Mass,
    Length,
    Area,
    Volume,
    Time,
    Speed,
    Temperature,
    Pieces,
}

impl Dimension {
    /// In the words of a message.
    pub fn word(self) -> &'static str {
        match self {
            Self::Mass => "mass",
            Self::Length => "length",
            Self::Area => "area",
            Self::Volume => "volume",
            Self::Time => "time",
            Self::Speed => "speed",
            Self::Temperature => "temperature",
            Self::Pieces => "pieces",
        }
    }
}

/// `(value - zero) * factor` is the value in the unit that its dimension is counted in.
struct Scale {
    dimension: Dimension,
    factor: Decimal,
    divisor: Decimal,
    zero: Decimal,
}

/// Code, dimension, factor. Counted in kilogram, metre, square metre, cubic metre, second, kilometre per hour, piece.
/// The factors are exact by definition of the units.
const FACTORS: &[(&str, Dimension, &str)] = &[
    ("KGM", Dimension::Mass, "1"),
    ("GRM", Dimension::Mass, "0.001"),
    ("MGM", Dimension::Mass, "0.000001"),
    ("HGM", Dimension::Mass, "0.1"),
    ("DTN", Dimension::Mass, "100"),
    ("TNE", Dimension::Mass, "1000"),
    ("KTN", Dimension::Mass, "1000000"),
    ("LBR", Dimension::Mass, "0.45359237"),
    ("ONZ", Dimension::Mass, "0.028349523125"),
    ("CWA", Dimension::Mass, "45.359237"),
    ("CWI", Dimension::Mass, "50.80234544"),
    ("STN", Dimension::Mass, "907.18474"),
    ("LTN", Dimension::Mass, "1016.0469088"),
    ("MTR", Dimension::Length, "1"),
    ("MMT", Dimension::Length, "0.001"),
    ("CMT", Dimension::Length, "0.01"),
    ("DMT", Dimension::Length, "0.1"),
    ("KMT", Dimension::Length, "1000"),
    ("LM", Dimension::Length, "1"),
    ("INH", Dimension::Length, "0.0254"),
    ("FOT", Dimension::Length, "0.3048"),
    ("YRD", Dimension::Length, "0.9144"),
    ("SMI", Dimension::Length, "1609.344"),
    ("NMI", Dimension::Length, "1852"),
    ("MTK", Dimension::Area, "1"),
    ("CMK", Dimension::Area, "0.0001"),
    ("MMK", Dimension::Area, "0.000001"),
    ("FTK", Dimension::Area, "0.09290304"),
    ("MTQ", Dimension::Volume, "1"),
    ("DMQ", Dimension::Volume, "0.001"),
    ("CMQ", Dimension::Volume, "0.000001"),
    ("MMQ", Dimension::Volume, "0.000000001"),
    ("LTR", Dimension::Volume, "0.001"),
    ("DLT", Dimension::Volume, "0.0001"),
    ("CLT", Dimension::Volume, "0.00001"),
    ("MLT", Dimension::Volume, "0.000001"),
    ("HLT", Dimension::Volume, "0.1"),
    ("INQ", Dimension::Volume, "0.000016387064"),
    ("FTQ", Dimension::Volume, "0.028316846592"),
    ("YDQ", Dimension::Volume, "0.764554857984"),
    ("GLL", Dimension::Volume, "0.003785411784"),
    ("GLI", Dimension::Volume, "0.00454609"),
    ("BLL", Dimension::Volume, "0.158987294928"),
    ("SEC", Dimension::Time, "1"),
    ("C26", Dimension::Time, "0.001"),
    ("MIN", Dimension::Time, "60"),
    ("HUR", Dimension::Time, "3600"),
    ("DAY", Dimension::Time, "86400"),
    ("WEE", Dimension::Time, "604800"),
    ("KMH", Dimension::Speed, "1"),
    ("MTS", Dimension::Speed, "3.6"),
    ("KNT", Dimension::Speed, "1.852"),
    ("HM", Dimension::Speed, "1.609344"),
    ("C62", Dimension::Pieces, "1"),
    ("H87", Dimension::Pieces, "1"),
    ("EA", Dimension::Pieces, "1"),
    ("NAR", Dimension::Pieces, "1"),
    ("PR", Dimension::Pieces, "2"),
    ("DZN", Dimension::Pieces, "12"),
    ("CEN", Dimension::Pieces, "100"),
    ("GRO", Dimension::Pieces, "144"),
    ("MIL", Dimension::Pieces, "1000"),
];

static SCALES: LazyLock<BTreeMap<&'static str, Scale>> = LazyLock::new(|| {
    let read = |text: &str| text.parse::<Decimal>().expect("the table is read by a test");
    let scale = |dimension, factor, divisor, zero| Scale {
        dimension,
        factor: read(factor),
        divisor: read(divisor),
        zero: read(zero),
    };
    let mut scales: BTreeMap<_, _> =
        FACTORS.iter().map(|(code, dimension, factor)| (*code, scale(*dimension, factor, "1", "0"))).collect();
    scales.insert("CEL", scale(Dimension::Temperature, "1", "1", "0"));
    scales.insert("KEL", scale(Dimension::Temperature, "1", "1", "273.15"));
    scales.insert("FAH", scale(Dimension::Temperature, "5", "9", "32"));
    scales
});

/// Why a quantity cannot be told in another unit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnitError {
    /// Not in the code list.
    #[error(
        "`{0}` is no unit of UN/ECE Recommendation 20; the code list of the partner should lead to one, such as C62"
    )]
    Unknown(String),
    /// A carton has no size that everybody knows.
    #[error("how much a `{0}` is depends on the item: give the item a conversion for it")]
    DependsOnItem(String),
    /// A litre is no kilogram.
    #[error("`{from}` measures {}, `{to}` measures {}", from_dimension.word(), to_dimension.word())]
    Dimensions { from: String, from_dimension: Dimension, to: String, to_dimension: Dimension },
    /// More than 28 digits.
    #[error("the quantity is too large")]
    TooLarge,
}

/// What a unit measures; `None` for units of which only the item knows how much they are.
pub fn dimension(code: &str) -> Option<Dimension> {
    SCALES.get(code).map(|scale| scale.dimension)
}

/// The units that [`convert`] knows.
pub fn convertible() -> impl Iterator<Item = &'static str> + Clone {
    SCALES.keys().copied()
}

/// A value of one unit in another. Exact where decimals can be: one division at the end, 28 digits.
///
/// # Errors
/// When either is no unit, depends on the item, or they measure different things.
pub fn convert(value: Decimal, from: &str, to: &str) -> Result<Decimal, UnitError> {
    if from == to && codes::is_unit(from) {
        return Ok(value);
    }
    let (one, other) = (scale(from)?, scale(to)?);
    if one.dimension != other.dimension {
        return Err(UnitError::Dimensions {
            from: from.to_owned(),
            from_dimension: one.dimension,
            to: to.to_owned(),
            to_dimension: other.dimension,
        });
    }
    let converted = || {
        let above = one.factor.checked_mul(other.divisor)?;
        let below = one.divisor.checked_mul(other.factor)?;
        let value = value.checked_sub(one.zero)?;
        // Multiplying first keeps what divides evenly exact; only what is too large for that is divided first.
        let scaled = match value.checked_mul(above) {
            Some(product) => product.checked_div(below)?,
            None => value.checked_mul(above.checked_div(below)?)?,
        };
        scaled.checked_add(other.zero)
    };
    converted().map(|value| value.normalize()).ok_or(UnitError::TooLarge)
}

fn scale(code: &str) -> Result<&'static Scale, UnitError> {
    SCALES.get(code).ok_or_else(|| match codes::is_unit(code) {
        true => UnitError::DependsOnItem(code.to_owned()),
        false => UnitError::Unknown(code.to_owned()),
    })
}

/// The units of one item: its base unit and how many base units one of each other is.
#[derive(Clone, Debug, Default)]
pub struct ItemUnits<'i> {
    /// What the item is counted in.
    pub base: &'i str,
    /// The unit, and how many base units it is: `("XCT", 12)`.
    pub per_base: Vec<(&'i str, Decimal)>,
}

impl ItemUnits<'_> {
    /// A value of one unit of the item in another, by way of its base unit where the item knows one of them.
    ///
    /// # Errors
    /// As for [`convert`]; also when the item has a conversion of nothing.
    pub fn convert(&self, value: Decimal, from: &str, to: &str) -> Result<Decimal, UnitError> {
        if from == to {
            return convert(value, from, to);
        }
        let own = |code: &str| self.per_base.iter().find(|(unit, _)| *unit == code).map(|(_, size)| *size);
        let (above, from) = own(from).map_or((Decimal::ONE, from), |size| (size, self.base));
        let (below, to) = own(to).map_or((Decimal::ONE, to), |size| (size, self.base));
        let value = value.checked_mul(above).ok_or(UnitError::TooLarge)?;
        let value = convert(value, from, to)?;
        value.checked_div(below).map(|value| value.normalize()).ok_or(UnitError::TooLarge)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decimal(text: &str) -> Decimal {
        text.parse().expect("a number")
    }

    #[test]
    fn what_everybody_knows() {
        let check = |value: &str, from: &str, to: &str, expect: &str| {
            assert_eq!(convert(decimal(value), from, to), Ok(decimal(expect)), "{value} {from} in {to}");
        };
        check("1", "LBR", "KGM", "0.45359237");
        check("2000", "LBR", "STN", "1");
        check("1", "SMI", "KMT", "1.609344");
        check("12.5", "TNE", "KGM", "12500");
        check("212", "FAH", "CEL", "100");
        check("-40", "CEL", "FAH", "-40");
        check("0", "CEL", "KEL", "273.15");
        check("10", "KNT", "KMH", "18.52");
        check("90", "MIN", "HUR", "1.5");
        check("3", "DZN", "C62", "36");
        check("1000", "LTR", "MTQ", "1");
    }

    #[test]
    fn what_does_not_convert_says_why() {
        let told = |from, to| convert(Decimal::ONE, from, to).expect_err("refused").to_string();
        assert_eq!(told("LTR", "KGM"), "`LTR` measures volume, `KGM` measures mass");
        assert!(told("XCT", "C62").contains("depends on the item"));
        assert!(told("PCS", "C62").contains("no unit"));
    }

    #[test]
    fn every_scale_is_a_unit() {
        assert!(SCALES.keys().all(|code| codes::is_unit(code)));
    }

    proptest! {
        /// There and back is the same, to the last digits that a decimal can hold.
        #[test]
        fn there_and_back(
            from in prop::sample::select(SCALES.keys().copied().collect::<Vec<_>>()),
            to in prop::sample::select(SCALES.keys().copied().collect::<Vec<_>>()),
            cents in -1_000_000_000i64..1_000_000_000,
        ) {
            let value = Decimal::new(cents, 2);
            match convert(value, from, to) {
                Ok(there) => {
                    let back = convert(there, to, from).expect("the way back");
                    prop_assert_eq!(back.round_dp(8), value.normalize(), "{} {} = {} {}", value, from, there, to);
                }
                Err(error) => {
                    let is_reason = matches!(error, UnitError::Dimensions { .. });
                    prop_assert!(is_reason, "{}", error);
                    prop_assert_ne!(dimension(from), dimension(to));
                }
            }
        }

        /// Cartons of pieces, and pieces of dozens, by way of the base unit.
        #[test]
        fn the_units_of_an_item(size in 1i64..1_000, cartons in 0i64..1_000_000) {
            let units = ItemUnits { base: "C62", per_base: vec![("XCT", Decimal::from(size))] };
            let pieces = units.convert(Decimal::from(cartons), "XCT", "EA").expect("converts");
            prop_assert_eq!(pieces, Decimal::from(size * cartons));
            prop_assert_eq!(units.convert(pieces, "EA", "XCT"), Ok(Decimal::from(cartons)));
            let dozens = units.convert(Decimal::from(12), "XCT", "DZN").expect("converts");
            prop_assert_eq!(dozens, Decimal::from(size));
        }
    }
}
