//! Paths such as `message.stop.?items[0].sku`: flattened to one walk over slots and precomputed field names, and
//! noted as read for the loss report.

use cel::common::ast::{Expr, IdedExpr};

use super::compile::{Compiled, Compiler, Free, Reading, Typed};
use super::links::{Link, Part, flatten, is_path, type_word};
use super::node::*;
use crate::value::Value;

/// How far a path has been compiled.
enum Walk {
    Path(Path),
    Value(Node),
    Optional { base: OptionalBase, steps: Vec<OptionalStep> },
}

/// A compiled path and the source path it reads, when it starts at the message.
struct Walked {
    walk: Walk,
    free: Free,
    origin: Option<String>,
}

impl Compiler<'_, '_> {
    /// Compiles a variable with its links, and notes the reading.
    pub fn path(&mut self, expr: &IdedExpr, reading: Reading) -> Typed {
        self.path_with_origin(expr, reading).0
    }

    fn path_with_origin(&mut self, expr: &IdedExpr, reading: Reading) -> (Typed, Option<String>) {
        let at = self.at(expr.id);
        let (base, links) = flatten(expr);
        if let Some(word) = self.type_constant(base, &links) {
            return (self.constant(Value::from(word), at), None);
        }
        match self.walk(base, &links, false) {
            Ok(walked) => {
                self.note(&walked, reading);
                let origin = walked.origin.clone();
                (self.close(walked, at), origin)
            }
            Err(typed) => (typed, None),
        }
    }

    /// Compiles what a macro or `each` walks over. Gives the source path of the elements too.
    pub fn range(&mut self, expr: &IdedExpr) -> (Typed, Option<String>) {
        if !is_path(expr) {
            return (self.expression(expr), None);
        }
        let (typed, origin) = self.path_with_origin(expr, Reading::Elements);
        (typed, origin.map(|origin| origin + "[]"))
    }

    /// Compiles what gets a name of its own. Gives the source path it stands for too.
    pub fn alias(&mut self, expr: &IdedExpr) -> (Typed, Option<String>) {
        if is_path(expr) { self.path_with_origin(expr, Reading::Later) } else { (self.expression(expr), None) }
    }

    /// Compiles an expression whose absent source fields count as null.
    pub fn forgiving(&mut self, expr: &IdedExpr) -> Typed {
        let at = self.at(expr.id);
        if is_path(expr) {
            let (base, links) = flatten(expr);
            return match self.walk(base, &links, true) {
                Ok(walked) => {
                    self.note(&walked, Reading::Whole);
                    self.close(walked, at)
                }
                Err(typed) => typed,
            };
        }
        let typed = self.expression(expr);
        match typed.compiled {
            Compiled::Value(node @ Node::Const(_)) => Typed { compiled: Compiled::Value(node), ..typed },
            Compiled::Value(node) => Typed { compiled: Compiled::Value(Node::Forgive(Box::new(node))), ..typed },
            Compiled::Optional(_) => typed,
        }
    }

    /// `has(path)`: whether the last field is there.
    pub fn has(&mut self, argument: &IdedExpr, at: Offset) -> Typed {
        let (base, mut links) = flatten(argument);
        let Some(Link { part: Part::Field(name), optional, whole }) = links.pop() else {
            return self.mistake_with(at, "`has` takes a field", "such as `has(message.stop)`");
        };
        let mut walked = match self.walk(base, &links, false) {
            Ok(walked) => walked,
            Err(typed) => return typed,
        };
        if let Some(origin) = &mut walked.origin {
            *origin += &format!(".{name}");
        }
        self.note(&walked, Reading::Whole);
        let (free, field, field_at) = (walked.free, Field::new(name), self.at(whole.id));
        let node = match walked.walk {
            Walk::Optional { base, mut steps } => {
                steps.push(fixed(StepKind::Field(field), field_at));
                Node::HasValue(Box::new(Optional::Steps { base, steps }))
            }
            walk if optional => {
                let base = OptionalBase::Value(Box::new(node_of(walk)));
                let steps = vec![fixed(StepKind::Field(field), field_at)];
                Node::HasValue(Box::new(Optional::Steps { base, steps }))
            }
            walk => Node::Has(Box::new(Select { operand: node_of(walk), field, at })),
        };
        self.finish(node, free, at)
    }

    /// `google.protobuf.Timestamp` and the like are constants, unless a variable hides them.
    fn type_constant(&self, base: &IdedExpr, links: &[Link<'_>]) -> Option<&'static str> {
        let Expr::Ident(root) = &base.expr else { return None };
        let hidden =
            self.context.scope.slot(root).is_some() || self.context.locals.iter().any(|local| *local.name == **root);
        if hidden || links.is_empty() {
            return None;
        }
        type_word(root, links)
    }

    /// Compiles the links one by one. With `forgive`, every link counts as written with a question mark.
    fn walk(&mut self, base: &IdedExpr, links: &[Link<'_>], forgive: bool) -> Result<Walked, Typed> {
        let mut walked = self.start(base, forgive)?;
        for link in links {
            walked = self.take(walked, link, forgive);
        }
        Ok(walked)
    }

    fn start(&mut self, base: &IdedExpr, forgive: bool) -> Result<Walked, Typed> {
        if let Expr::Ident(name) = &base.expr {
            let (path, free, origin) = self.root(name, self.at(base.id))?;
            let origin = Some(origin).filter(|origin| !origin.is_empty());
            return Ok(Walked { walk: Walk::Path(path), free, origin });
        }
        let typed = self.expression(base);
        let free = typed.free;
        let walk = match typed.compiled {
            Compiled::Optional(optional) => {
                Walk::Optional { base: OptionalBase::Optional(Box::new(optional)), steps: Vec::new() }
            }
            Compiled::Value(node) if forgive => Walk::Value(Node::Forgive(Box::new(node))),
            Compiled::Value(node) => Walk::Value(node),
        };
        Ok(Walked { walk, free, origin: None })
    }

    fn take(&mut self, walked: Walked, link: &Link<'_>, forgive: bool) -> Walked {
        let Walked { walk, mut free, mut origin } = walked;
        if let Some(origin) = &mut origin {
            match link.part {
                Part::Field(name) => *origin += &format!(".{name}"),
                Part::Item(position) => *origin += &format!("[{position}]"),
                Part::Computed(_) => *origin += "[]",
            }
        }
        let step = match link.part {
            Part::Field(name) => Ok(StepKind::Field(Field::new(name))),
            Part::Item(position) => Ok(StepKind::Item(position)),
            Part::Computed(index) => {
                let index = self.expression(index);
                free = free.and(index.free);
                Err(self.value(index))
            }
        };
        let at = self.at(link.whole.id);
        let walk = match (walk, step) {
            (Walk::Optional { base, mut steps }, step) => {
                steps.push(optional_step(step, at));
                Walk::Optional { base, steps }
            }
            (walk, step) if link.optional || forgive => {
                let base = OptionalBase::Value(Box::new(node_of(walk)));
                Walk::Optional { base, steps: vec![optional_step(step, at)] }
            }
            (Walk::Path(mut path), Ok(kind)) => {
                path.steps.push(Step { kind, at });
                Walk::Path(path)
            }
            (Walk::Value(operand), Ok(StepKind::Field(field))) => {
                Walk::Value(Node::Select(Box::new(Select { operand, field, at })))
            }
            (Walk::Value(operand), Ok(StepKind::Item(position))) => {
                Walk::Value(Node::Index(Box::new([operand, Node::Const(Value::Int(position))]), at))
            }
            (walk, Err(index)) => Walk::Value(Node::Index(Box::new([node_of(walk), index]), at)),
        };
        Walked { walk, free, origin }
    }

    fn note(&mut self, walked: &Walked, reading: Reading) {
        match (&walked.origin, reading) {
            (Some(origin), Reading::Whole) => self.read(origin.clone()),
            (Some(origin), Reading::Elements) => self.read(format!("{origin}[]")),
            (Some(_), Reading::Later) | (None, _) => {}
        }
    }

    fn close(&mut self, walked: Walked, at: Offset) -> Typed {
        match walked.walk {
            Walk::Optional { base, steps } => {
                let compiled = Compiled::Optional(Optional::Steps { base, steps });
                Typed { compiled, free: walked.free, at }
            }
            walk => self.finish(node_of(walk), walked.free, at),
        }
    }
}

fn node_of(walk: Walk) -> Node {
    match walk {
        Walk::Path(path) => Node::Path(path),
        Walk::Value(node) => node,
        Walk::Optional { base, steps } => Node::OrNull(Box::new(Optional::Steps { base, steps })),
    }
}

fn optional_step(step: Result<StepKind, Node>, at: Offset) -> OptionalStep {
    match step {
        Ok(kind) => fixed(kind, at),
        Err(index) => OptionalStep::Computed(index, at),
    }
}

fn fixed(kind: StepKind, at: Offset) -> OptionalStep {
    OptionalStep::Fixed(Step { kind, at })
}
