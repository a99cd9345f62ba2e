//! Conversions between units, `convert(x, 'LBR', 'KGM')`: whether the units exist, measure the same, and are those that
//! the number is in. Nothing is converted here.

use std::sync::Arc;

use cel::common::ast::IdedExpr;

use super::findings as kinds;
use super::infer::Infer;
use super::operators::listed;
use super::ty::{Measure, Ty};
use crate::model::codes;
use crate::model::unit::{Dimension, dimension};
use crate::source::nearest;

impl Infer<'_> {
    /// The arguments of `convert`, each of a kind that it takes.
    pub fn units(&mut self, args: &[&IdedExpr], types: &[Ty]) {
        let is_known = self.unit(args[1], &types[1]) & self.unit(args[2], &types[2]);
        if is_known {
            self.same_dimension(args, types);
        }
        self.is_in(args, types);
    }

    /// Every word that may be given as a unit is one, and one of which everybody knows how much it is.
    fn unit(&mut self, arg: &IdedExpr, ty: &Ty) -> bool {
        let odd: Vec<&str> = words(ty).into_iter().filter(|word| dimension(word).is_none()).collect();
        let Some(first) = odd.first() else { return true };
        let at = self.start_of(arg);
        if odd.iter().all(|word| codes::is_unit(word)) {
            let message = format!("how much a {} is depends on the item", listed(&odd));
            let hint = "multiply by what the item or the message says one of them holds";
            self.tell_with(kinds::UNKNOWN_UNIT, at, message, hint);
            return false;
        }
        let message = format!("{} is no unit of UN/ECE Recommendation 20", listed(&odd));
        let hint = match nearest(first, crate::model::unit::convertible()) {
            Some(near) if odd.len() == 1 => {
                format!("did you mean '{near}'? A code list leads from a partner's units to these")
            }
            _ => "units are codes such as KGM, LBR, MTR; a code list leads from a partner's units to them".to_owned(),
        };
        self.tell_with(kinds::UNKNOWN_UNIT, at, message, hint);
        false
    }

    /// A litre is no kilogram.
    fn same_dimension(&mut self, args: &[&IdedExpr], types: &[Ty]) {
        let (from, to) = (words(&types[1]), words(&types[2]));
        let apart = from.iter().find_map(|from| {
            let other = to.iter().find(|to| dimension(to) != dimension(from))?;
            Some((*from, *other))
        });
        let Some((from, to)) = apart else { return };
        let shown = |unit: &str| dimension(unit).map(Dimension::word).unwrap_or_default();
        let at = self.start_of(args[2]);
        let message = format!("'{from}' measures {}, '{to}' {}", shown(from), shown(to));
        let hint = "what one weighs or holds of the other only the goods know: multiply by their density or size";
        self.tell_with(kinds::UNIT_DIMENSION, at, message, hint);
    }

    /// What is known to be in kilogram is not to be converted as if it were in pounds.
    fn is_in(&mut self, args: &[&IdedExpr], types: &[Ty]) {
        let measure = types[0].number.as_ref().filter(|_| !types[0].dynamic).and_then(|number| number.measure.clone());
        let (Some(measure), Some(from)) = (measure, only_word(&types[1])) else { return };
        if measure == Measure::Unit(from.clone()) {
            return;
        }
        let (at, written) = (self.start_of(args[1]), self.written(args[0]));
        let message = format!("{written} is in {measure}, and this converts it from {from}");
        let hint = match &measure {
            Measure::Unit(unit) => format!("write '{unit}'"),
            Measure::Currency(_) => "amounts of money have no unit".to_owned(),
        };
        self.tell_with(kinds::UNIT_MIXED, at, message, hint);
    }
}

/// The one word that a text can be.
pub(super) fn only_word(ty: &Ty) -> Option<Arc<str>> {
    let words = ty.text.as_ref().filter(|_| !ty.dynamic)?.words.as_ref()?;
    (words.len() == 1).then(|| words.iter().next().cloned()).flatten()
}

/// The words that a text can be; none when it can be any.
fn words(ty: &Ty) -> Vec<&str> {
    let words = ty.text.as_ref().filter(|_| !ty.dynamic).and_then(|text| text.words.as_ref());
    words.into_iter().flat_map(|words| words.iter()).map(|word| &**word).collect()
}
