//! What traffic shows: counted by the router, kept in the store, and a new field that nobody reads is told once.

use std::time::Duration;

use crossdock_core::exception::{ExceptionClass, Severity};
use crossdock_core::traffic::Traffic;
use crossdock_store::Store;
use serde_json::json;

use super::world::{Settings, World, order};

/// How long the hub of these tests watches a channel before it tells of new fields.
const LEARNING: Duration = Duration::from_secs(3_600);

#[tokio::test(start_paused = true)]
async fn a_field_that_newly_comes_and_is_not_read_is_told_once() {
    let mut world = World::new(Settings::default());
    for n in 0..25 {
        world.tell(&[("shop", "order", order(&format!("S{n}"), &["A"]))]).await;
    }
    world.until_done().await;
    tokio::time::advance(LEARNING).await;
    for n in 25..28 {
        let mut order = order(&format!("S{n}"), &["A"]);
        order["gift"] = json!({"wrap": true});
        world.tell(&[("shop", "order", order)]).await;
    }
    world.until_done().await;
    let told: Vec<_> =
        world.exceptions().into_iter().filter(|it| it.class == ExceptionClass::UnreadPartnerField).collect();
    let [exception] = told.as_slice() else { panic!("one for the field: {told:#?}") };
    assert_eq!((exception.fingerprint.as_str(), exception.count), ("field/shop/order/body.gift.wrap", 1));
    assert_eq!(exception.class.severity(), Severity::Low);
    assert!(exception.summary.contains("shop sends `body.gift.wrap` by channel order now"), "{}", exception.summary);

    // After a minute what was learnt is written with the next batch, and a restart goes on from there.
    tokio::time::advance(Duration::from_secs(61)).await;
    world.tell(&[("shop", "order", order("S99", &["A"]))]).await;
    world.until_done().await;
    let kept = world.store.traffic().expect("reads");
    let channel = kept.iter().find_map(|traffic| match traffic {
        Traffic::Channel(channel) if channel.channel == "order" => Some(channel),
        _ => None,
    });
    let channel = channel.expect("the channel was seen");
    assert_eq!((channel.messages, channel.paths["body.gift.wrap"].count), (29, 3));
    world.check();
}
