//! The gateway from outside: a hub with one made-up system, over real sockets.

mod api;
mod client;
mod document;
mod hub;
mod ingress;
mod limits;
