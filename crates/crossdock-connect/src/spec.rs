//! How a connector is made from the configuration of a system.

use std::sync::Arc;

use crossdock_core::ids::SystemName;
use crossdock_core::source::{Diagnostic, Node};

use crate::endpoint::Endpoint;
use crate::secret::Secret;

/// How an endpoint is made, and what can be wrong on the way.
pub type Build = fn(&SystemConfig<'_>) -> Result<Arc<dyn Endpoint>, Vec<Diagnostic>>;

/// One connector, as listed by `crossdock_connectors::CONNECTORS`.
#[derive(Clone, Copy)]
pub struct Spec {
    /// The word in `connector:`.
    pub name: &'static str,
    /// One sentence for `crossdock connectors` and the reference.
    pub summary: &'static str,
    /// Makes the endpoint of one system, or tells everything that is wrong with its configuration.
    pub build: Build,
}

/// What a connector may know of its system's file.
pub struct SystemConfig<'a> {
    pub system: SystemName,
    /// The `config:` map; the whole file's node when there is none, for locations.
    pub config: Option<&'a Node>,
    /// The `webhook:` map.
    pub webhook: Option<&'a Node>,
    /// Where the file begins, for mistakes that have no better place.
    pub file: &'a Node,
    /// Turns a secret's place (`{env: NAME}`, `{file: path}`) into the secret.
    pub secret: &'a dyn Fn(&Node) -> Result<Secret, Diagnostic>,
}
