//! What an Odoo 19 does, as one table of scenarios. The stand-in of `crossdock-sim` and a real Odoo keep the same
//! contract; where they differ, the real one is right and the stand-in is corrected.
//!
//! Statuses, error names, shapes and the state afterwards are compared; messages for people only where a caller must
//! tell two errors of one class apart.

mod connector;
mod scenarios;
mod target;

use std::future::Future;
use std::pin::Pin;

use crossdock_sim::odoo::StandIn;

use crate::real_odoo;
use target::{Scene, Target};

/// One scenario: it panics when the contract is broken.
type Scenario = (&'static str, fn(Scene) -> Pin<Box<dyn Future<Output = ()> + Send>>);

/// A table of async functions by their names.
macro_rules! table {
    ($($module:ident :: $scenario:ident),* $(,)?) => {
        &[$((stringify!($scenario), |scene| Box::pin($module::$scenario(scene)))),*]
    };
}
use table;

const DATABASE: &str = "t_contract";
const KEY: &str = "0123456789abcdef0123456789abcdef01234567";

#[tokio::test(flavor = "multi_thread")]
async fn the_stand_in_answers_as_the_contract_says() {
    let standin = StandIn::start(DATABASE, KEY).await.expect("a free port");
    play(&Target::new(&standin.url(), DATABASE, KEY), scenarios::ALL).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_connector_works_with_the_stand_in() {
    let standin = StandIn::start(DATABASE, KEY).await.expect("a free port");
    play(&Target::new(&standin.url(), DATABASE, KEY), connector::ALL).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn real_odoo_answers_as_the_contract_says() {
    let Some(odoo) = real_odoo::database("t_contract_calls") else { return };
    play(&Target::new(&odoo.url, &odoo.name, &odoo.key), scenarios::ALL).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn real_odoo_works_with_the_connector() {
    let Some(odoo) = real_odoo::database("t_contract_connector") else { return };
    play(&Target::new(&odoo.url, &odoo.name, &odoo.key), connector::ALL).await;
}

/// Plays all scenarios, each with records of its own, and tells every one that failed.
async fn play(target: &Target, scenarios: &[Scenario]) {
    let mut broken = Vec::new();
    for (name, scenario) in scenarios {
        let scene = Scene::new(target.clone(), name);
        // A task of its own, so that a failed assertion ends the scenario and not the test.
        if let Err(failure) = tokio::spawn(scenario(scene)).await {
            let text = failure.try_into_panic().ok().and_then(|panic| {
                let text = panic.downcast_ref::<String>().cloned();
                text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
            });
            broken.push(format!("{name}: {}", text.unwrap_or_else(|| "ended without a word".into())));
        }
    }
    assert!(broken.is_empty(), "{} of {} scenarios are broken:\n{}", broken.len(), scenarios.len(), broken.join("\n"));
}
