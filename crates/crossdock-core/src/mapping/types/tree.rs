//! The target tree against the model: what each leaf gives, whether it is certain to be there, and whether it fits.

use std::sync::Arc;

use super::calls::{elements, not_covered, through, uncovered};
use super::findings::{self as kinds, Kind};
use super::fit::{Wanted, fit, fit_object, word_of};
use super::infer::{Infer, Typed};
use super::ty::{Measure, Ty, kind};
use crate::mapping::codes::CodeList;
use crate::mapping::syntax::Source;
use crate::model::shape::Shape;
use crate::model::{self, EventType, Field, Type};
use crate::source::{Entry, Location, Node, NodeKind, nearest};

/// Trees inside each other; the compiler has the same limit and tells of it.
const DEPTH_MAX: usize = 60;

/// Whether a part of the target is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Written {
    Always,
    Maybe,
    Never,
}

/// What a part of the tree makes.
struct Made {
    written: Written,
    ty: Ty,
}

impl Made {
    fn of(ty: Ty) -> Self {
        let written = match ty.null {
            false => Written::Always,
            true if !ty.dynamic && ty.kinds() == kind::NULL => Written::Never,
            true => Written::Maybe,
        };
        Self { written, ty }
    }

    /// Of which nothing is known because it is mistaken.
    fn unknown() -> Self {
        Self::of(Ty::dynamic())
    }
}

/// What a field takes and what it means.
#[derive(Clone, Copy)]
struct Place {
    of: &'static Type,
    meaning: &'static str,
}

/// An object of the model and what must be in it.
struct Target<'t> {
    name: &'t str,
    fields: &'static [Field],
    /// Besides the fields that are required anyway.
    required: &'t [&'static str],
    /// The fields of the business key.
    key: &'static [&'static str],
    /// One of these must be written.
    one_of: &'static [&'static str],
    /// Fields that are not listed may be written.
    others: bool,
    /// It is the event or the input itself, which is written in any case.
    whole: bool,
}

impl<'t> Target<'t> {
    /// An object inside another.
    fn inner(name: &'t str, fields: &'static [Field], others: bool) -> Self {
        Self { name, fields, required: &[], key: &[], one_of: &[], others, whole: false }
    }
}

/// Checks target trees.
pub(super) struct TreeCheck<'i, 'c> {
    pub infer: &'i mut Infer<'c>,
    depth: usize,
}

impl<'i, 'c> TreeCheck<'i, 'c> {
    pub fn new(infer: &'i mut Infer<'c>) -> Self {
        Self { infer, depth: 0 }
    }

    /// The data of an event.
    pub fn event(&mut self, node: &Node, of: EventType) {
        let mut required: Vec<&'static str> = of.entity.key.to_vec();
        required.extend(of.event.requires.iter().filter(|name| !of.entity.key.contains(name)));
        let name = of.name();
        let target = Target {
            required: &required,
            key: of.entity.key,
            whole: true,
            ..Target::inner(&name, of.entity.fields, false)
        };
        if self.object(node, &target, &node.location).written != Written::Always {
            let message = format!("when nothing is made here there is no {name}");
            let hint = "put the condition into `when:` beside `target`: then no event is made";
            self.infer.findings.tell(kinds::TARGET_MAYBE_NOTHING, &node.location, message, Some(hint.into()));
        }
    }

    /// The input of an operation.
    pub fn input(&mut self, node: &Node, operation: &str, shape: &Shape) {
        if shape.is_any() {
            self.value(node, None, "");
            return;
        }
        let inner = Target::inner(operation, shape.fields, shape.others);
        let target = Target { one_of: shape.one_of, whole: true, ..inner };
        if self.object(node, &target, &node.location).written != Written::Always {
            let message = format!("when nothing is made here {operation} has no input");
            let hint = "put the condition into `when:` of the flow: then nothing is owed";
            self.infer.findings.tell(kinds::TARGET_MAYBE_NOTHING, &node.location, message, Some(hint.into()));
        }
    }

    fn object(&mut self, node: &Node, target: &Target<'_>, at: &Location) -> Made {
        if self.depth == DEPTH_MAX {
            return Made::unknown();
        }
        self.depth += 1;
        let made = match control(node) {
            Control::None if matches!(node.kind, NodeKind::Map(_)) => self.fields(node, target, at),
            Control::When => self.when(node, |this, branch| this.object(branch, target, &branch.location)),
            Control::Let => self.bindings(node, |this, body| this.object(body, target, &body.location)),
            Control::Each => {
                self.wrong(
                    node,
                    kinds::TARGET_NOT_SINGLE,
                    "an object",
                    "a list",
                    "write its fields, or take one element",
                );
                self.value(node, None, target.name)
            }
            Control::None if matches!(node.kind, NodeKind::List(_)) => {
                self.wrong(
                    node,
                    kinds::TARGET_NOT_SINGLE,
                    "an object",
                    "a list",
                    "write its fields, or take one element",
                );
                self.value(node, None, target.name)
            }
            Control::Value | Control::None => {
                let made = self.leaf(node, None, target.name);
                self.whole_object(&made.ty, target, &node.location);
                made
            }
        };
        self.depth -= 1;
        made
    }

    /// An expression that makes the whole object.
    fn whole_object(&mut self, ty: &Ty, target: &Target<'_>, at: &Location) {
        if ty.dynamic {
            let message = format!("nothing proves that this is a whole {}", target.name);
            return self.infer.findings.tell(kinds::UNPROVED, at, message, None);
        }
        if ty.kinds() & !(kind::NULL | kind::MAP) != 0 {
            let found = ty.clone().not_null().shown();
            let message = format!("this field must be an object, not {found}");
            let hint = "write its fields one by one".to_owned();
            return self.infer.findings.tell(kinds::TARGET_WRONG_TYPE, at, message, Some(hint));
        }
        if let Some(object) = &ty.map {
            for name in target.key {
                if let Some(field) = object.fields.get(*name) {
                    self.filled_key(name, &field.ty, at, target);
                }
            }
            fit_object(
                object,
                target.name,
                target.fields,
                target.others,
                target.required,
                at,
                &mut self.infer.findings,
            );
        }
    }

    fn fields(&mut self, node: &Node, target: &Target<'_>, at: &Location) -> Made {
        let entries = node.entries().unwrap_or_default();
        let mut given: Vec<(&'static Field, &Entry, Made)> = Vec::with_capacity(entries.len());
        for entry in entries {
            let name = entry.key.strip_prefix('=').unwrap_or(&entry.key);
            match target.fields.iter().find(|field| field.name == name) {
                Some(field) => {
                    let made =
                        self.value(&entry.value, Some(Place { of: &field.of, meaning: field.meaning }), field.name);
                    given.push((field, entry, made));
                }
                None => {
                    if !target.others {
                        self.unknown_field(name, target, &entry.key_location);
                    }
                    self.value(&entry.value, None, name);
                }
            }
        }
        let own = target.fields.iter().filter(|field| field.required).map(|field| field.name);
        let more = target.required.iter().copied().filter(|name| !is_required(name, target.fields));
        for name in own.chain(more) {
            self.required(name, &given, target, at);
        }
        self.one_of(&given, target, at);
        self.measures(&given);
        // A key that may be missing was told; it need not be told again of the whole.
        let written =
            if target.whole || entries.is_empty() || given.iter().any(|(_, _, made)| made.written == Written::Always) {
                Written::Always
            } else if given.iter().all(|(_, _, made)| made.written == Written::Never) && given.len() == entries.len() {
                Written::Never
            } else {
                Written::Maybe
            };
        Made { written, ty: Ty::dynamic() }
    }

    fn required(&mut self, name: &str, given: &[(&'static Field, &Entry, Made)], target: &Target<'_>, at: &Location) {
        let Some((_, entry, made)) = given.iter().find(|(field, ..)| field.name == name) else {
            let meaning = target.fields.iter().find(|field| field.name == name).map_or("", |field| field.meaning);
            let message = format!("the target lacks `{name}`, which {} needs", target.name);
            let hint = meaning.trim_end_matches('.').to_owned();
            return self.infer.findings.tell(kinds::TARGET_MISSING_FIELD, at, message, Some(hint));
        };
        // Without any of its fields the object itself is not written, so nothing is missing in it.
        let others = given.iter().any(|(field, _, made)| field.name != name && made.written != Written::Never);
        if made.written == Written::Always && target.whole && target.key.contains(&name) {
            self.filled_key(name, &made.ty, &entry.value.location, target);
        }
        if made.written == Written::Always || (!target.whole && !others) {
            return;
        }
        let how = if made.written == Written::Never { "is always null" } else { "may be null or absent" };
        let message = format!("`{name}` {how}, and {} needs it", target.name);
        let is_key = target.whole && target.key.contains(&name);
        let (kind, hint) = match is_key {
            true => (
                kinds::TARGET_KEY_MAYBE_MISSING,
                "it names the entity: put `when:` beside `target`, so that no event is made without it",
            ),
            false => (
                kinds::TARGET_MAYBE_MISSING,
                "`{value: …, default: …}` says what is written then; `when:` leaves the whole out",
            ),
        };
        self.infer.findings.tell(kind, &entry.value.location, message, Some(hint.to_owned()));
    }

    /// A text that names the entity is not empty. Keys of other entities are seen to where they are written.
    fn filled_key(&mut self, name: &str, ty: &Ty, at: &Location, target: &Target<'_>) {
        let is_text = target.fields.iter().any(|field| field.name == name && matches!(field.of, Type::Text));
        let Some(text) = ty.text.as_ref().filter(|text| is_text && !text.filled && !ty.dynamic) else { return };
        match &text.words {
            Some(words) => {
                let how = if words.len() == 1 { "is always" } else { "may be" };
                let message = format!("`{name}` {how} empty, and {} needs it", target.name);
                let hint = "it names the entity: put `when:` beside `target`, so that no event is made without it";
                self.infer.findings.tell(kinds::TARGET_KEY_MAYBE_MISSING, at, message, Some(hint.to_owned()));
            }
            None => {
                let message = format!("nothing proves that `{name}` is not empty, and it names the entity");
                self.infer.findings.tell(kinds::UNPROVED, at, message, None);
            }
        }
    }

    /// A choice of fields, such as several ways to name an order.
    fn one_of(&mut self, given: &[(&'static Field, &Entry, Made)], target: &Target<'_>, at: &Location) {
        let is_written =
            |name: &&str| given.iter().any(|(field, _, made)| field.name == *name && made.written != Written::Never);
        if target.one_of.is_empty() || target.one_of.iter().any(is_written) {
            return;
        }
        let message = format!("{} needs one of `{}`, and the target has none", target.name, target.one_of.join("`, `"));
        let meaning =
            target.fields.iter().find(|field| field.name == target.one_of[0]).map_or("", |field| field.meaning);
        let hint = format!("`{}`: {}", target.one_of[0], meaning.trim_end_matches('.'));
        self.infer.findings.tell(kinds::TARGET_MISSING_FIELD, at, message, Some(hint));
    }

    fn unknown_field(&mut self, name: &str, target: &Target<'_>, at: &Location) {
        let known = || target.fields.iter().map(|field| field.name);
        let hint = match nearest(name, known()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if known().any(|field| field == "attributes") => {
                format!("what no field has a name for goes below `attributes`: `attributes: {{{name}: …}}`")
            }
            None => format!("known are {}", known().collect::<Vec<_>>().join(", ")),
        };
        let message = format!("{} has no field `{name}`", target.name);
        self.infer.findings.tell(kinds::TARGET_UNKNOWN_FIELD, at, message, Some(hint));
    }

    /// Numbers whose unit is known must be in the unit that the field holds.
    fn measures(&mut self, given: &[(&'static Field, &Entry, Made)]) {
        let beside = |name: &str| {
            let (_, _, made) = given.iter().find(|(field, ..)| field.name == name)?;
            let words = made.ty.text.as_ref().filter(|_| !made.ty.dynamic)?.words.as_ref()?;
            (words.len() == 1).then(|| words.iter().next().cloned()).flatten()
        };
        for (field, entry, made) in given {
            let number = made.ty.number.as_ref().filter(|_| !made.ty.dynamic);
            let (Some(counts), Some(holds)) = (number.and_then(|number| number.measure.as_ref()), field.measure) else {
                continue;
            };
            let written = |name: &str| given.iter().any(|(field, ..)| field.name == name);
            let expected = match (holds, counts) {
                (model::Measure::Fixed(unit), _) => Some(Arc::from(unit)),
                (model::Measure::Beside(name), _) if !written(name) => Some(Arc::from("C62")),
                (model::Measure::Beside(name), Measure::Unit(_)) => beside(name),
                (model::Measure::Beside(name), Measure::Currency(_)) => {
                    beside(name).or_else(|| Some("a quantity".into()))
                }
                (model::Measure::Money(name), Measure::Currency(_)) => beside(name),
                (model::Measure::Money(_), Measure::Unit(_)) => Some(Arc::from("an amount of money")),
            };
            let Some(expected) = expected.filter(|expected| **expected != *counts.to_string()) else { continue };
            let pieces = if &*expected == "C62" { " (pieces)" } else { "" };
            let message = format!("`{}` holds {expected}{pieces}, and this is in {counts}", field.name);
            let hint = match (holds, counts) {
                (_, Measure::Unit(unit))
                    if model::unit::convert(Default::default(), unit, &expected).is_ok() && &*expected != "C62" =>
                {
                    format!("`convert(x, '{unit}', '{expected}')` tells it in {expected}")
                }
                (model::Measure::Beside(name), Measure::Unit(unit)) => {
                    format!("write `{name}: \"'{unit}'\"` beside it, or convert it")
                }
                (model::Measure::Money(name), Measure::Currency(currency)) => {
                    format!("`{name}` must be '{currency}' then, or the amount converted")
                }
                _ => "convert it: `x * factor`".to_owned(),
            };
            self.infer.findings.tell(kinds::TARGET_UNIT, &entry.value.location, message, Some(hint));
        }
    }

    /// A part of the tree for a field of this type; `None` when the field is not known.
    fn value(&mut self, node: &Node, of: Option<Place>, name: &str) -> Made {
        if self.depth == DEPTH_MAX {
            return Made::unknown();
        }
        if let Some(Place { of: Type::Object(fields) | Type::Open(fields), .. }) = of {
            let shown = format!("`{name}`");
            let others = of.is_some_and(|place| matches!(place.of, Type::Open(_)));
            let target = Target::inner(&shown, fields, others);
            return self.object(node, &target, &node.location);
        }
        self.depth += 1;
        let made = match control(node) {
            Control::When => self.when(node, |this, branch| this.value(branch, of, name)),
            Control::Let => self.bindings(node, |this, body| this.value(body, of, name)),
            Control::Each => self.each(node, of, name),
            Control::Value => self.leaf(node, of, name),
            Control::None => self.plain(node, of, name),
        };
        self.depth -= 1;
        made
    }

    fn plain(&mut self, node: &Node, of: Option<Place>, name: &str) -> Made {
        match (&node.kind, of) {
            (NodeKind::Null, _) => Made::unknown(),
            (NodeKind::Scalar { .. }, _) => self.leaf(node, of, name),
            (NodeKind::List(items), of) => {
                let item = self.item_of(node, of);
                for part in items {
                    self.value(part, item, name);
                }
                Made { written: Written::Always, ty: Ty::list(Ty::dynamic(), false) }
            }
            (NodeKind::Map(entries), of) => {
                match of {
                    None | Some(Place { of: Type::Attributes | Type::Any, .. }) => {}
                    Some(Place { of: Type::List(_), .. }) => {
                        let hint = "a list of one is written `[{…}]`, one of many with `each`";
                        self.wrong(node, kinds::TARGET_NOT_A_LIST, "a list", "a map", hint);
                    }
                    Some(Place { of, meaning }) => {
                        self.wrong(node, kinds::TARGET_WRONG_TYPE, word_of(of), "a map", meaning);
                    }
                }
                let made: Vec<Made> = entries.iter().map(|entry| self.value(&entry.value, None, &entry.key)).collect();
                let always = made.is_empty() || made.iter().any(|made| made.written == Written::Always);
                Made { written: if always { Written::Always } else { Written::Maybe }, ty: Ty::dynamic() }
            }
        }
    }

    /// The type of the elements of a list that stands here.
    fn item_of(&mut self, node: &Node, of: Option<Place>) -> Option<Place> {
        match of {
            Some(Place { of: Type::List(item), meaning }) => Some(Place { of: item, meaning }),
            Some(Place { of: Type::Any, .. }) => None,
            Some(Place { of, meaning }) => {
                self.wrong(node, kinds::TARGET_NOT_SINGLE, word_of(of), "a list", meaning);
                None
            }
            None => None,
        }
    }

    fn each(&mut self, node: &Node, of: Option<Place>, name: &str) -> Made {
        let item = self.item_of(node, of);
        let range = node.get("each").and_then(Source::of_node).and_then(|source| {
            self.infer.source(source, |infer, expr| {
                let typed = infer.infer(expr);
                let missing = typed.optional && typed.may_miss;
                infer.accept(expr, &typed.ty, kind::LIST | kind::MAP | kind::NULL, "`each`", kinds::NOT_A_LIST);
                (typed.ty, missing)
            })
        });
        let (range, missing) = range.unwrap_or((Ty::dynamic(), false));
        let written = if missing || range.null { Written::Maybe } else { Written::Always };
        let (keys, items) = elements(&range);
        let before = self.infer.env.clone();
        if let Some(index) = node.get("index").and_then(Node::text) {
            self.infer.env.bind(index, keys);
        }
        if let Some(bound) = node.get("as").and_then(Node::text) {
            self.infer.env.bind(bound, items);
        }
        if let Some(condition) = node.get("where") {
            self.condition(condition, "where", true);
        }
        if let Some(to) = node.get("to") {
            self.value(to, item, name);
        }
        self.infer.env = before;
        Made { written, ty: Ty::list(Ty::dynamic(), false) }
    }

    fn when(&mut self, node: &Node, mut run: impl FnMut(&mut Self, &Node) -> Made) -> Made {
        let before = self.infer.env.clone();
        if let Some(condition) = node.get("when") {
            self.condition(condition, "when", true);
        }
        let then = node.get("then").map(|then| run(self, then));
        self.infer.env = before.clone();
        let otherwise = node.get("else").map(|otherwise| {
            if let Some(source) = node.get("when").and_then(Source::of_node) {
                let shown = self.infer.source(source, |infer, expr| infer.shown(expr, false)).unwrap_or_default();
                self.infer.env.learn(&shown);
            }
            run(self, otherwise)
        });
        self.infer.env = before;
        match (then, otherwise) {
            (Some(then), Some(otherwise)) => Made {
                written: if then.written == otherwise.written { then.written } else { Written::Maybe },
                ty: then.ty.join(&otherwise.ty),
            },
            (Some(one), None) | (None, Some(one)) => {
                let written = if one.written == Written::Never { Written::Never } else { Written::Maybe };
                Made { written, ty: one.ty }
            }
            (None, None) => Made::unknown(),
        }
    }

    /// Checks a condition and takes what it shows for granted from here on.
    pub fn condition(&mut self, node: &Node, key: &str, strictly: bool) {
        let Some(source) = Source::of_node(node) else { return };
        let what = format!("`{key}`");
        let taken = if strictly { kind::BOOL } else { kind::BOOL | kind::NULL };
        let shown = self.infer.source(source, |infer, expr| {
            let typed = infer.infer(expr);
            let ty = typed.clone().whole();
            infer.accept(expr, &ty, taken, &what, kinds::NOT_A_CONDITION);
            infer.shown(expr, true)
        });
        self.infer.env.learn(&shown.unwrap_or_default());
    }

    fn bindings(&mut self, node: &Node, run: impl FnOnce(&mut Self, &Node) -> Made) -> Made {
        let before = self.infer.env.clone();
        for entry in node.get("let").and_then(Node::entries).unwrap_or_default() {
            let typed = Source::of_node(&entry.value)
                .and_then(|source| self.infer.source(source, |infer, expr| infer.infer(expr)))
                .unwrap_or_else(|| Typed::of(Ty::dynamic()));
            match typed.place.clone().filter(|_| !typed.optional) {
                Some(place) => self.infer.env.alias(&entry.key, place),
                None => self.infer.env.bind(&entry.key, typed.whole()),
            }
        }
        let made = match node.get("in") {
            Some(body) => run(self, body),
            None => Made::unknown(),
        };
        self.infer.env = before;
        made
    }

    /// An expression, plain or in a `value` node.
    fn leaf(&mut self, node: &Node, of: Option<Place>, name: &str) -> Made {
        let value = node.get("value").unwrap_or(node);
        let is_control = node.entries().is_some();
        let default = node.get("default").filter(|_| is_control);
        let Some((mut ty, written)) = Source::of_node(value).and_then(|source| {
            self.infer.source(source, |infer, expr| {
                let ty = if default.is_some() { infer.forgiven(expr).ty } else { infer.infer(expr).whole() };
                if default.is_some() && !ty.null && !ty.dynamic {
                    infer.needless(expr, expr, "default");
                }
                (ty, infer.written(expr))
            })
        }) else {
            return Made::unknown();
        };
        let nullable = ty.null;
        let code =
            node.get("code").map(|code| (code, false)).or_else(|| node.get("code_back").map(|code| (code, true)));
        match code.filter(|_| is_control) {
            Some((code, back)) => ty = self.through_list(node, code, back, &ty, &written, of, name),
            None => self.fits(&ty, of, name, &value.location),
        }
        if let Some(default) = default {
            let other = self.expression(default);
            self.fits(&other, of, name, &default.location);
            if nullable || ty.dynamic {
                ty = ty.not_null().join(&other);
            }
        } else {
            ty.null = nullable;
        }
        Made::of(ty)
    }

    #[allow(clippy::too_many_arguments, reason = "one leaf with everything that may be said of it")]
    fn through_list(
        &mut self,
        node: &Node,
        code: &Node,
        back: bool,
        ty: &Ty,
        written: &str,
        of: Option<Place>,
        name: &str,
    ) -> Ty {
        let list = code.text().and_then(|list| self.infer.codes.get(list)).cloned();
        let unknown = node.get("unknown");
        let Some(list) = list else { return Ty::text() };
        let at = node.get("value").map_or(&node.location, |value| &value.location);
        let taken = kind::TEXT | kind::NUMBER | kind::BOOL | kind::NULL;
        if !ty.dynamic && ty.kinds() & !taken != 0 {
            let message = format!("code list `{}` needs a text or number, but {written} is {}", list.name, ty.shown());
            let hint = "take one of its parts".to_owned();
            self.infer.findings.tell(kinds::ARGUMENT_TYPE, at, message, Some(hint));
        }
        let lacking = uncovered(&list, back, ty);
        if !lacking.is_empty() && unknown.is_none() {
            let (message, hint) = not_covered(&list, back, &lacking, written);
            self.infer.findings.tell(kinds::CODE_NOT_COVERED, at, message, Some(hint));
        }
        let mut made = through(&list, back, ty);
        self.outcomes(&list, &made, of, name, &code.location);
        if let Some(unknown) = unknown {
            let other = self.expression(unknown);
            self.fits(&other, of, name, &unknown.location);
            made = made.join(&other);
        }
        made
    }

    /// Everything that comes out of a code list must be a word that the field takes.
    fn outcomes(&mut self, list: &CodeList, made: &Ty, of: Option<Place>, name: &str, at: &Location) {
        let (Some(Place { of: Type::Code(words), .. }), Some(text)) = (of, &made.text) else {
            return self.fits(made, of, name, at);
        };
        let odd: Vec<String> = text
            .words
            .iter()
            .flat_map(|made| made.iter())
            .filter(|word| !words.contains(&&***word))
            .map(|word| format!("`{word}`"))
            .collect();
        if !odd.is_empty() {
            let message =
                format!("code list `{}` leads to {}, which this field does not take", list.name, odd.join(", "));
            let hint = format!("it takes {}", words.join(", "));
            self.infer.findings.tell(kinds::TARGET_UNKNOWN_WORD, at, message, Some(hint));
        }
    }

    /// The type of a scalar that is an expression of its own.
    fn expression(&mut self, node: &Node) -> Ty {
        Source::of_node(node)
            .and_then(|source| self.infer.source(source, |infer, expr| infer.forgiven(expr).ty))
            .unwrap_or_else(Ty::dynamic)
    }

    fn fits(&mut self, ty: &Ty, of: Option<Place>, name: &str, at: &Location) {
        if let Some(Place { of, meaning }) = of {
            fit(ty, Wanted { name, of, meaning }, at, &mut self.infer.findings);
        }
    }

    fn wrong(&mut self, node: &Node, kind: &'static Kind, wanted: &str, found: &str, hint: &str) {
        let message = format!("this field must be {wanted}, not {found}");
        let hint = hint.trim_end_matches('.').to_owned();
        self.infer.findings.tell(kind, &node.location, message, Some(hint));
    }
}

/// What the keys of a map make of it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Control {
    Each,
    When,
    Value,
    Let,
    None,
}

/// The order is that of the compiler's own reading.
fn control(node: &Node) -> Control {
    [("each", Control::Each), ("when", Control::When), ("value", Control::Value), ("let", Control::Let)]
        .into_iter()
        .find(|(key, _)| node.entries().is_some_and(|entries| entries.iter().any(|entry| &*entry.key == *key)))
        .map_or(Control::None, |(_, control)| control)
}

fn is_required(name: &str, fields: &[Field]) -> bool {
    fields.iter().any(|field| field.name == name && field.required)
}
