//! HTTP: the ingress for other systems, and the API and the console for people. It carries requests to the runtime's
//! intake and desk and carries their answers back; nothing is decided and nothing is stored here.

mod api;
mod console;
mod door;
mod ingress;
mod linger;
mod pages;
mod problem;
mod ready;
mod serve;

pub use api::openapi::text as openapi;
pub use serve::{GatewaySettings, Limits, ServeError, Serving, serve};

#[cfg(test)]
mod tests;
