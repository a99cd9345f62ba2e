//! Simulated partners: a warehouse, a fleet platform, a customer system and an Odoo stand-in. Each is a state machine
//! without I/O, with a thin HTTP server around it. And a whole simulated world around the real hub.

pub mod odoo;
pub mod partners;
pub mod world;
