//! What hangs together: the entities that one speaks of and that speak of it, and the kinds there are.

use crossdock_core::event::EntityRef;
use crossdock_core::model::{ENTITIES, EntityKind, Type, links_of_entity};
use crossdock_store::EntityFilter;
use schemars::JsonSchema;
use serde::Serialize;

use super::entities::kind;
use super::{Desk, DeskError};

/// Entities of one kind that are told at most.
const OF_KIND_MAX: usize = 25;
/// Entities one speaks of that are told at most.
const SPOKEN_OF_MAX: usize = 100;

/// What an entity speaks of, and what speaks of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Links {
    /// Whose.
    pub entity: EntityRef,
    /// What it speaks of, such as the order of a shipment; at most 100.
    pub speaks_of: Vec<Linked>,
    /// What speaks of it, such as the shipments of an order; at most 25 of each kind.
    pub spoken_of_by: Vec<Linked>,
    /// The kinds of which more speak of it than are told.
    pub more: Vec<String>,
}

/// One entity another one is linked with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Linked {
    /// Kind and key.
    #[serde(flatten)]
    pub name: EntityRef,
    /// Its state; null when it is only spoken of and not known itself.
    pub status: Option<String>,
}

/// One kind of entity of the canonical model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct KindView {
    /// Singular: `shipment`.
    pub name: String,
    /// What it is, in one sentence.
    pub meaning: String,
    /// The fields whose values, joined with `/`, are its key.
    pub key: Vec<String>,
    /// Its states, in their order.
    pub states: Vec<String>,
    /// What may be known of it.
    pub fields: Vec<FieldView>,
}

/// One field of a kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct FieldView {
    /// As it is written.
    pub name: String,
    /// What it means, in a sentence.
    pub meaning: String,
    /// The kind of entity whose key stands there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refers_to: Option<String>,
}

impl Desk {
    /// The kinds of entities, in the order of the model.
    pub fn kinds() -> Vec<KindView> {
        ENTITIES.iter().map(|kind| KindView::from(*kind)).collect()
    }

    /// What an entity is linked with, by its present state; `None` when nothing is known of it.
    ///
    /// # Errors
    /// When there is no such kind, or the store cannot be read.
    pub fn links(&self, name: &EntityRef) -> Result<Option<Links>, DeskError> {
        let of = kind(&name.kind)?;
        let Some(entity) = self.store.entity(name)? else { return Ok(None) };
        let mut links =
            Links { entity: name.clone(), speaks_of: Vec::new(), spoken_of_by: Vec::new(), more: Vec::new() };
        for other in links_of_entity(of, &entity).into_iter().filter(|other| other != name).take(SPOKEN_OF_MAX) {
            let status = self.store.entity(&other)?.map(|entity| entity.status);
            links.speaks_of.push(Linked { name: other, status });
        }
        for kind in ENTITIES {
            let filter =
                EntityFilter { kind: kind.name.to_owned(), link: Some(name.clone()), ..EntityFilter::default() };
            let page = self.store.entity_page(&filter, None, OF_KIND_MAX)?;
            if page.next.is_some() {
                links.more.push(kind.name.to_owned());
            }
            let others = page.entities.into_iter().filter(|other| other.name != *name);
            links.spoken_of_by.extend(others.map(|other| Linked { name: other.name, status: Some(other.status) }));
        }
        Ok(Some(links))
    }
}

impl From<&EntityKind> for KindView {
    fn from(kind: &EntityKind) -> Self {
        let texts = |all: &[&str]| all.iter().map(|text| (*text).to_owned()).collect();
        Self {
            name: kind.name.to_owned(),
            meaning: kind.meaning.to_owned(),
            key: texts(kind.key),
            states: texts(kind.states),
            fields: kind
                .fields
                .iter()
                .filter(|field| !field.of_event)
                .map(|field| FieldView {
                    name: field.name.to_owned(),
                    meaning: field.meaning.to_owned(),
                    refers_to: refers_to(&field.of).map(str::to_owned),
                })
                .collect(),
        }
    }
}

fn refers_to(of: &Type) -> Option<&'static str> {
    match of {
        Type::Ref(kind) => Some(kind),
        Type::List(item) => refers_to(item),
        _ => None,
    }
}
