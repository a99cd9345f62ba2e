//! Simulated partners: a warehouse, a fleet platform, a customer system, an Odoo stand-in, and a site that takes
//! whatever it is sent, remembers it, and misbehaves as it is told. Each is a state machine without I/O, with a thin
//! HTTP server around it. And a whole simulated world around the real hub.

pub mod imports;
pub mod odoo;
pub mod partners;
pub mod site;
pub mod world;
