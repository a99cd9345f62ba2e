//! The variables in sight and what conditions have shown of them. A condition that holds makes the types of the places
//! it speaks of narrower: behind `has(body.a)` the field is there, behind `body.a != null` it is not null.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::ty::{Field, List, Presence, Rest, Text, Ty, kind};

/// A variable and fields below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Position of the variable among those in sight.
    pub root: usize,
    pub fields: Vec<Arc<str>>,
}

impl Place {
    pub fn then(&self, field: &str) -> Self {
        let mut place = self.clone();
        place.fields.push(field.into());
        place
    }
}

/// What is shown of a place.
#[derive(Clone, Debug)]
pub(super) enum Fact {
    /// It is there.
    There,
    NotNull,
    /// One of these texts.
    Words(BTreeSet<Arc<str>>),
    /// None of these texts.
    NotWords(BTreeSet<Arc<str>>),
    /// At least one element or character.
    Filled,
    /// Of one of these kinds.
    Kinds(u16),
}

/// A fact about a place.
pub(super) type Shown = (Place, Fact);

#[derive(Clone, Debug)]
pub(super) struct Variable {
    pub name: Arc<str>,
    pub stands: Stands,
}

#[derive(Clone, Debug)]
pub(super) enum Stands {
    /// For itself.
    Own(Ty),
    /// For a place.
    For(Place),
}

/// The variables in sight, outermost first.
#[derive(Clone, Debug, Default)]
pub(super) struct Env {
    pub variables: Vec<Variable>,
}

impl Env {
    pub fn bind(&mut self, name: &str, ty: Ty) {
        self.variables.push(Variable { name: name.into(), stands: Stands::Own(ty) });
    }

    pub fn alias(&mut self, name: &str, place: Place) {
        self.variables.push(Variable { name: name.into(), stands: Stands::For(place) });
    }

    /// The place of a variable.
    pub fn place(&self, name: &str) -> Option<Place> {
        let root = self.variables.iter().rposition(|variable| &*variable.name == name)?;
        match &self.variables[root].stands {
            Stands::Own(_) => Some(Place { root, fields: Vec::new() }),
            Stands::For(place) => Some(place.clone()),
        }
    }

    /// The type at a place whose fields are known to be readable.
    pub fn ty(&self, place: &Place) -> Ty {
        let mut ty = match &self.variables[place.root].stands {
            Stands::Own(ty) => ty.clone(),
            Stands::For(_) => unreachable!("places start at variables that stand for themselves"),
        };
        for name in &place.fields {
            let field = ty.map.as_ref().and_then(|object| object.fields.get(name)).map(|field| field.ty.clone());
            ty = field.unwrap_or_else(Ty::dynamic);
        }
        ty
    }

    /// Makes the types narrower by what is shown.
    pub fn learn(&mut self, shown: &[Shown]) {
        for (place, fact) in shown {
            if let Some(Variable { stands: Stands::Own(ty), .. }) = self.variables.get_mut(place.root) {
                narrow(ty, &place.fields, fact);
            }
        }
    }
}

/// The element of a list for which the facts about the variable at `root` hold.
pub(super) fn narrowed(mut ty: Ty, root: usize, shown: &[Shown]) -> Ty {
    for (place, fact) in shown.iter().filter(|(place, _)| place.root == root) {
        narrow(&mut ty, &place.fields, fact);
    }
    ty
}

fn narrow(ty: &mut Ty, fields: &[Arc<str>], fact: &Fact) {
    let Some((first, rest)) = fields.split_first() else { return narrow_here(ty, fact) };
    if ty.dynamic {
        ty.null = false;
        return;
    }
    // The field was read, so this is a map.
    if ty.map.is_some() {
        *ty = ty.only(kind::MAP);
    }
    let Some(object) = &mut ty.map else { return };
    let object = Arc::make_mut(object);
    if !object.fields.contains_key(first) {
        let unlisted = match &object.rest {
            Rest::Values(ty) => ty.clone(),
            Rest::Open | Rest::Sampled => Ty::dynamic(),
            Rest::Closed => return,
        };
        object.fields.insert(first.clone(), Field { ty: unlisted, presence: Presence::Maybe });
    }
    if let Some(field) = object.fields.get_mut(first) {
        field.presence = Presence::Always;
        narrow(&mut field.ty, rest, fact);
    }
}

fn narrow_here(ty: &mut Ty, fact: &Fact) {
    match fact {
        Fact::There => {}
        Fact::NotNull => ty.null = false,
        Fact::Kinds(kinds) => *ty = ty.only(*kinds),
        Fact::Words(words) => {
            ty.null = false;
            if ty.dynamic {
                return;
            }
            *ty = ty.only(kind::TEXT);
            if let Some(text) = &mut ty.text {
                let kept = match &text.words {
                    Some(known) => known.intersection(words).cloned().collect(),
                    None => words.clone(),
                };
                *text = Text { key_of: text.key_of, ..Text::of_words(kept) };
            }
        }
        Fact::NotWords(words) => {
            let Some(text) = &mut ty.text else { return };
            if let Some(known) = &text.words {
                *text = Text { key_of: text.key_of, ..Text::of_words(known.difference(words).cloned().collect()) };
            } else if words.contains("") {
                text.filled = true;
            }
        }
        Fact::Filled => {
            ty.null = false;
            if let Some(text) = &mut ty.text {
                text.filled = true;
            }
            if let Some(list) = &mut ty.list {
                *list = Arc::new(List { item: list.item.clone(), filled: true });
            }
        }
    }
}
