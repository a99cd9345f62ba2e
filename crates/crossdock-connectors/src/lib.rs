//! The connectors, one folder a system: its configuration, its calls, how its answers are read, its tests and its
//! guide. A connector is a pure function of the exchange so far; no file here sends, waits or reads the environment.

use crossdock_connect::spec::Spec;

pub mod http;
pub mod odoo;
pub mod samsara;
#[cfg(test)]
mod shapes;
pub mod shiphero;
pub mod webhook;

/// Every connector a hub can name in `connector:`.
pub const CONNECTORS: &[Spec] = &[http::SPEC, odoo::SPEC, samsara::SPEC, shiphero::SPEC, webhook::SPEC];
