//! Tests of types.

mod admits;
mod reading;
mod signatures;
mod sound;

use crate::mapping::syntax::Source;
use crate::mapping::tests::here;
use crate::mapping::types::Texts;
use crate::mapping::types::infer::Infer;
use crate::mapping::types::ty::Ty;
use crate::mapping::{CodeLists, types};
use crate::source::Diagnostic;

pub(in crate::mapping) use admits::admits;

/// The type of an expression over these variables, and what is told of it.
pub(in crate::mapping) fn inferred(expression: &str, variables: &[(&str, Ty)]) -> (Ty, Vec<Diagnostic>) {
    let (texts, codes) = (Texts::default(), CodeLists::new());
    let mut infer = Infer::new(&texts, &codes, true);
    for (name, ty) in variables {
        infer.env.bind(name, ty.clone());
    }
    let ty = infer.source(Source::new(expression, &here()), |infer, expr| infer.infer(expr).whole());
    let types::findings::Findings { found, .. } = infer.findings;
    (ty.unwrap_or_else(Ty::dynamic), found)
}
