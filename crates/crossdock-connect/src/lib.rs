//! The connector kit: what an endpoint, an operation, a secret and a webhook signature are. Connectors are written
//! against this and nothing else; the shell drives them.

pub mod endpoint;
pub mod secret;
pub mod signature;
pub mod spec;
