//! Writing one JSON-2 request: model, method, keyword arguments, context and headers.

use std::borrow::Cow;

use crossdock_core::exchange::{Call, Header, Method};
use crossdock_core::value::{Map, Value};

use super::config::Odoo;

/// What it would mean if the answer to a call were lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weight {
    /// Nothing: it only looks.
    Read,
    /// Nothing that matters to goods or money, and the next attempt finds it.
    Prepare,
    /// The operation may have taken effect.
    Effect,
}

/// One question to Odoo before it becomes a request.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    pub model: Cow<'static, str>,
    pub method: &'static str,
    pub weight: Weight,
    /// What is being done, for a person: `validating WH/OUT/00012`.
    pub doing: String,
    arguments: Map,
    context: Map,
}

impl Ask {
    pub fn new(model: impl Into<Cow<'static, str>>, method: &'static str) -> Self {
        let model = model.into();
        let doing = format!("{model}/{method}");
        Self { model, method, weight: Weight::Read, doing, arguments: Map::new(), context: Map::new() }
    }

    /// Looks up records. A domain is a list of conditions that must all hold, as Odoo writes them.
    pub fn search(model: impl Into<Cow<'static, str>>, domain: Value, fields: &[&str]) -> Self {
        Self::new(model, "search_read").with("domain", domain).with("fields", texts(fields))
    }

    /// Looks up the records with these ids, as far as they exist and may be read.
    pub fn search_ids(model: impl Into<Cow<'static, str>>, ids: &[i64], fields: &[&str]) -> Self {
        Self::search(model, all([is_in("id", ids)]), fields)
    }

    /// Calls a method on records.
    pub fn on(model: impl Into<Cow<'static, str>>, method: &'static str, ids: &[i64]) -> Self {
        Self::new(model, method).with("ids", numbers(ids))
    }

    /// An upsert by external id; `columns` begins with `id`.
    pub fn load(model: impl Into<Cow<'static, str>>, columns: &[&str], rows: Vec<Value>) -> Self {
        Self::new(model, "load").with("fields", texts(columns)).with("data", Value::from(rows))
    }

    /// Makes an upsert one that only inserts: a record that is there already is named, not touched.
    pub fn insert_only(self) -> Self {
        self.context("noupdate", true).context("mode", "update")
    }

    pub fn with(mut self, argument: &'static str, value: impl Into<Value>) -> Self {
        self.arguments.insert(argument, value.into());
        self
    }

    pub fn context(mut self, key: &'static str, value: impl Into<Value>) -> Self {
        self.context.insert(key, value.into());
        self
    }

    /// Hands on an entry of a context that Odoo itself gave.
    pub fn context_entry(mut self, key: &std::sync::Arc<str>, value: &Value) -> Self {
        self.context.insert(key.clone(), value.clone());
        self
    }

    pub fn weight(mut self, weight: Weight) -> Self {
        self.weight = weight;
        self
    }

    pub fn doing(mut self, doing: impl Into<String>) -> Self {
        self.doing = doing.into();
        self
    }

    /// The request.
    pub fn call(&self, odoo: &Odoo) -> Call {
        let mut headers = vec![
            Header::secret("authorization", format!("bearer {}", odoo.key.expose())),
            Header::new("content-type", "application/json"),
        ];
        if let Some(database) = &odoo.database {
            headers.push(Header::new("x-odoo-database", database));
        }
        let mut context = Map::new();
        context.insert("lang", odoo.lang.as_str().into());
        // Without it, `load` reads date-times in the zone of the API user.
        context.insert("tz", "UTC".into());
        if !odoo.company_ids.is_empty() {
            context.insert("allowed_company_ids", numbers(&odoo.company_ids));
        }
        for (key, value) in self.context.entries() {
            context.insert(key.clone(), value.clone());
        }
        let mut body = self.arguments.clone();
        body.insert("context", Value::from(context));
        Call {
            method: Method::Post,
            url: format!("{}/json/2/{}/{}", odoo.url, self.model, self.method),
            headers,
            body: Value::from(body).to_json_string().into_bytes(),
            timeout_ms: odoo.timeout_ms,
        }
    }
}

pub(super) fn texts(texts: &[&str]) -> Value {
    Value::list(texts.iter().copied())
}

pub(super) fn numbers(numbers: &[i64]) -> Value {
    Value::list(numbers.iter().copied())
}

/// A domain whose conditions must all hold.
pub(super) fn all(conditions: impl IntoIterator<Item = Value>) -> Value {
    conditions.into_iter().collect()
}

/// One condition of a domain.
pub(super) fn is(field: &str, operator: &str, value: impl Into<Value>) -> Value {
    Value::from(vec![field.into(), operator.into(), value.into()])
}

pub(super) fn is_in(field: &str, ids: &[i64]) -> Value {
    is(field, "in", numbers(ids))
}

/// `[1, id, vals]` of a relation field: change the record.
pub(super) fn change(id: i64, vals: Value) -> Value {
    Value::from(vec![1_i64.into(), id.into(), vals])
}

/// `[2, id, 0]` of a relation field: delete the record.
pub(super) fn delete(id: i64) -> Value {
    Value::from(vec![2_i64.into(), id.into(), 0_i64.into()])
}

/// `[0, 0, vals]` of a relation field: make a record.
pub(super) fn make(vals: Value) -> Value {
    Value::from(vec![0_i64.into(), 0_i64.into(), vals])
}
