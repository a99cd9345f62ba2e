//! A stand-in for Odoo 19: what a caller of its JSON-2 API sees, without an Odoo.
//!
//! [`Odoo`] is a state machine: request and time in, answer out. It reads no clock, opens no socket and draws no
//! lots, so a simulator can drive it on one thread and see the same again. [`StandIn`] puts it behind a port.
//!
//! What it does follows a real Odoo 19 as it was measured, mistakes included; one suite of tests runs against both
//! (`crates/crossdock/tests/it/odoo_contract`). What it does not do it refuses with status 501 and the name
//! `crossdock_sim.NotImplemented`, which no Odoo ever sends.
//!
//! - `registry` knows the models and fields, `orm` what all models can do, `business` what makes them orders,
//!   transfers and invoices, `load` the import by external id, `http` the outside.
//! - Every call is one transaction. A failed one leaves ids and document numbers unused behind, as Odoo does.

mod business;
mod fault;
mod http;
mod load;
mod orm;
mod registry;
mod seed;
#[cfg(test)]
mod tests;
mod xid;

use std::sync::OnceLock;

use jiff::Timestamp;
use serde_json::Value as Json;

pub use http::{BODY_BYTES_MAX, Disturbance, Reply, Request, Rule, StandIn, StandInError, When};

use http::Disturbances;
use orm::{ADMIN, Env, Values, World};

/// One Odoo with one database.
#[derive(Clone, Debug)]
pub struct Odoo {
    database: String,
    world: World,
    disturbances: Disturbances,
    requests: u64,
}

impl Odoo {
    /// A fresh database: one company, one warehouse, a chart of accounts, no customers. `key` is the administrator's
    /// API key.
    pub fn new(database: &str, key: &str) -> Self {
        // Planting takes a while, copying does not: rows are shared until one is changed.
        static SEED: OnceLock<World> = OnceLock::new();
        let mut world = SEED.get_or_init(seed::plant).clone();
        world.keys.insert(key.to_owned(), ADMIN);
        Self { database: database.to_owned(), world, disturbances: Disturbances::default(), requests: 0 }
    }

    pub fn database(&self) -> &str {
        &self.database
    }

    /// How many requests came in, answered or not.
    pub fn requests(&self) -> u64 {
        self.requests
    }

    /// Answers a request at a moment. Time should not go backwards.
    pub fn answer(&mut self, request: &Request<'_>, now: Timestamp) -> Reply {
        self.requests += 1;
        http::disturbed(&mut self.world, &mut self.disturbances, &self.database, request, now)
    }

    /// Takes back what a call did that broke the stand-in itself, and says so.
    fn confess(&mut self, what: String) -> Reply {
        let beginning = self.world.tables.beginning();
        self.world.rollback(beginning);
        http::confession(what)
    }

    /// Makes something go wrong from now on.
    pub fn disturb(&mut self, rule: Rule) {
        self.disturbances.add(rule);
    }

    /// Nothing goes wrong any more.
    pub fn calm(&mut self) {
        self.disturbances.clear();
    }

    /// Adds a user with the groups of these external ids, for example `stock.group_stock_user`, and an API key.
    ///
    /// # Panics
    /// When a group is not known.
    pub fn add_user(&mut self, login: &str, groups: &[&str], key: &str, now: Timestamp) {
        let mut env = Env::new(&mut self.world, ADMIN, Values::new(), now);
        let groups: Vec<i64> = groups
            .iter()
            .map(|group| xid::known(&env, group).unwrap_or_else(|| panic!("the stand-in knows no group {group}")))
            .collect();
        let values = serde_json::json!({"name": login, "login": login, "group_ids": [[6, 0, groups]]});
        let id = env.create("res.users", values).expect("a user without any rule against it");
        self.world.tables.commit();
        self.world.keys.insert(key.to_owned(), id);
    }

    /// Records as `search_read` gives them to the administrator, for assertions; archived ones included.
    ///
    /// # Panics
    /// When the condition or a field is wrong.
    pub fn peek(&self, model: &str, domain: Json, fields: &[&str]) -> Vec<Json> {
        let mut world = self.world.clone();
        let mut context = Values::new();
        context.insert("active_test".into(), false.into());
        let mut env = Env::new(&mut world, ADMIN, context, Timestamp::UNIX_EPOCH);
        env.sudo = true;
        let fields: Vec<String> = fields.iter().map(|field| (*field).to_owned()).collect();
        let ids = env.all(model, domain);
        env.read(model, &ids, Some(&fields)).expect("fields that exist")
    }
}
