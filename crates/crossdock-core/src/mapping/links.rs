//! Taking apart paths such as `message.stop.?items[0].sku`: the innermost operand and its links, as written. The compiler
//! and the type checker walk the same links; what each makes of them is their own.

use cel::common::ast::{Expr, IdedExpr, LiteralValue, operators};

use super::functions;

/// One link of a path.
pub(super) struct Link<'e> {
    pub part: Part<'e>,
    /// Written with a question mark.
    pub optional: bool,
    /// The path up to and with this link.
    pub whole: &'e IdedExpr,
}

/// What a link takes.
pub(super) enum Part<'e> {
    Field(&'e str),
    Item(i64),
    Computed(&'e IdedExpr),
}

/// A variable, field or element, as opposed to something made.
pub(super) fn is_path(expr: &IdedExpr) -> bool {
    match &expr.expr {
        Expr::Ident(_) => true,
        Expr::Select(select) => !select.test,
        Expr::Call(call) => {
            let is_link =
                matches!(call.func_name.as_str(), operators::INDEX | operators::OPT_SELECT | operators::OPT_INDEX);
            is_link && call.target.is_none() && call.args.len() == 2
        }
        _ => false,
    }
}

/// The innermost operand and the links from there on.
pub(super) fn flatten(mut expr: &IdedExpr) -> (&IdedExpr, Vec<Link<'_>>) {
    let mut links = Vec::new();
    while is_path(expr) {
        let (part, optional, operand) = match &expr.expr {
            Expr::Select(select) => (Part::Field(&select.field), false, &*select.operand),
            Expr::Call(call) => {
                let part = match &call.args[1].expr {
                    Expr::Literal(LiteralValue::String(name)) => Part::Field(name.inner()),
                    Expr::Literal(LiteralValue::Int(position)) => Part::Item(*position.inner()),
                    _ => Part::Computed(&call.args[1]),
                };
                (part, call.func_name != operators::INDEX, &call.args[0])
            }
            _ => break,
        };
        links.push(Link { part, optional, whole: expr });
        expr = operand;
    }
    links.reverse();
    (expr, links)
}

/// The word of a type that a path names: `int`, `google.protobuf.Timestamp`. A variable of the name of its root hides it;
/// the caller knows which there are.
pub(super) fn type_word(root: &str, links: &[Link<'_>]) -> Option<&'static str> {
    let mut name = root.to_owned();
    for link in links {
        match link.part {
            Part::Field(field) if !link.optional => {
                name.push('.');
                name += field;
            }
            _ => return None,
        }
    }
    functions::type_word(&name)
}
