//! What people see, and what they are told when something cannot be done.

use std::sync::Arc;
use std::time::Duration;

use crossdock_core::ids::{MessageId, TransmissionId};
use crossdock_core::message::Rejection;
use crossdock_core::transmission::breaker::BreakerSettings;
use crossdock_store::{MessageFilter, Store, TransmissionFilter};
use serde_json::json;

use super::partner::Reply;
use super::world::{SOON, Settings, World, ada, order, proof};
use crate::desk::{Desk, DeskError, ExceptionAsk, ResumeScope};
use crate::router::CommandError;

#[tokio::test(start_paused = true)]
async fn the_overview_counts_what_there_is() {
    let breaker = BreakerSettings { failures_max: 1, open_ms: 60_000, open_ms_max: 60_000 };
    let mut world = World::new(Settings { breaker, ..Settings::default() });
    world.partner.behave(|told| if told.system == "warehouse" { Reply::NotSent } else { Reply::Do });
    world.tell(&[("shop", "order", order("S1", &["A"])), ("fleet", "proof", proof("281"))]).await;
    world.send("shop", "task", &[json!({"id": "bad", "key": "K"})]).await.expect("accepted");
    world.task("K", "good").await;
    world.intake().record(Rejection {
        system: None,
        at: world.intake().now(),
        status: 404,
        code: "XD-1001".into(),
        reason: "no such system".into(),
        path: "/in/nowhere".into(),
        peer: None,
        body_bytes: 3,
    });
    world.pass(Duration::from_secs(1)).await;
    let overview = world.desk.overview().expect("runs");
    let figures = (overview.messages_waiting, overview.messages_failed, overview.events, overview.rejections);
    assert_eq!(figures, (0, 1, 4, 1));
    let figures = (overview.transmissions_open, overview.transmissions_held, overview.transmissions_done);
    assert_eq!(figures, (1, 2, 1));
    assert_eq!((overview.transmissions_paused, overview.exceptions_open), (0, 1));
    let warehouse = overview.systems.iter().find(|row| row.name.as_str() == "warehouse").expect("configured");
    assert_eq!((warehouse.breaker.as_str(), warehouse.paused.as_ref()), ("open", None));
    let shop = overview.systems.iter().find(|row| row.name.as_str() == "shop").expect("configured");
    assert_eq!((shop.messages["translated"], shop.messages["failed"]), (2, 1));
    assert!(shop.last_message_at.is_some());
    assert_eq!(world.desk.rejections(0, 10).expect("reads").items[0].rejection.code, "XD-1001");
    world.check();
}

#[tokio::test(start_paused = true)]
async fn lists_say_when_there_is_more() {
    let mut world = World::new(Settings::default());
    for n in 0..7 {
        world.task("K", &n.to_string()).await;
    }
    world.until_done().await;
    let desk = &world.desk;
    let page = |skip, limit| desk.messages(&MessageFilter::default(), skip, limit).expect("reads");
    assert_eq!((page(0, 5).items.len(), page(0, 5).more), (5, true));
    assert_eq!((page(5, 5).items.len(), page(5, 5).more), (2, false));
    assert_eq!((page(0, 7).items.len(), page(0, 7).more), (7, false));
    assert_eq!(page(0, 1).items[0].dedup_key, "6", "newest first");
    let done = TransmissionFilter { state: Some("done".into()), ..TransmissionFilter::default() };
    assert_eq!(desk.transmissions(&done, 0, usize::MAX).expect("reads").items.len(), 7);
    assert_eq!(
        desk.exceptions(&ExceptionAsk { open: Some(true), ..ExceptionAsk::default() }, 0, 10)
            .expect("reads")
            .items
            .len(),
        0
    );
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_done_is_told_with_its_reason() {
    let mut world = World::new(Settings::default());
    world.task("K", "0").await;
    world.until_done().await;
    let id = world.of_flow("task").id;
    let message = world.messages()[0].message.id;
    let nothing = TransmissionId(uuid::Uuid::from_u128(7));

    let desk = world.desk.clone();
    let scope = ResumeScope::Transmissions(vec![id, nothing]);
    let resumed = world.ask(async move { desk.resume(&scope, &ada()).await }).await.expect("answers");
    assert_eq!(resumed.transmissions, []);
    assert_eq!(
        resumed.refused,
        [
            format!("{id}: a transmission that is done cannot be resumed"),
            format!("{nothing}: there is no transmission {nothing}"),
        ]
    );
    let desk = world.desk.clone();
    let rerun = world.ask(async move { desk.rerun(message, &ada()).await }).await;
    let Err(DeskError::Command(CommandError::NotNow(reason))) = rerun else { panic!("{rerun:?}") };
    assert_eq!(
        reason,
        "a message that is translated cannot be rerun, unless a code in it is known that was not before"
    );
    let desk = world.desk.clone();
    let unknown = MessageId(uuid::Uuid::from_u128(7));
    let rerun = world.ask(async move { desk.rerun(unknown, &ada()).await }).await;
    assert!(matches!(rerun, Err(DeskError::Command(CommandError::Unknown(_)))), "{rerun:?}");
    let desk = world.desk.clone();
    let paused = world.ask(async move { desk.pause_system(&"nowhere".into(), &ada()).await }).await;
    assert!(matches!(paused, Err(DeskError::Unknown(_))), "{paused:?}");
    assert_eq!(world.store.audit(0, 10).expect("reads").len(), 0, "what had no effect leaves no record");
    world.check();
}

#[tokio::test(start_paused = true)]
async fn a_folder_without_a_hub_can_be_read_and_not_changed() {
    let mut world = World::new(Settings::default());
    world.tell(&[("shop", "order", order("S1", &["A"]))]).await;
    world.until_done().await;
    let desk = Desk::of_store(Arc::clone(&world.store) as Arc<dyn Store>);
    assert!(desk.trace("S1").expect("reads").is_some());
    assert_eq!(desk.messages(&MessageFilter::default(), 0, 10).expect("reads").items.len(), 2);
    for refused in [desk.overview().err(), desk.resume(&ResumeScope::All, &ada()).await.err()] {
        assert!(matches!(refused, Some(DeskError::NotRunning)), "{refused:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_command_that_meets_a_full_disk_says_so() {
    let mut world = World::new(Settings::default());
    world.partner.behave(|_| Reply::Status(422));
    world.task("K", "0").await;
    world.until("it is refused", SOON, |world| world.count("paused") == 1).await;
    world.store.fail(|_| Some(crossdock_store::CommitError::Unavailable("disk full".into())));
    let desk = world.desk.clone();
    let resumed = world.ask(async move { desk.resume(&ResumeScope::All, &ada()).await }).await;
    assert!(resumed.expect_err("fails").to_string().contains("disk full"));
    let desk = world.desk.clone();
    let paused = world.ask(async move { desk.pause_system(&"odoo".into(), &ada()).await }).await;
    assert!(paused.expect_err("fails").to_string().contains("disk full"));
    assert!(!*world.shell.pauses.follow(&"odoo".into()).borrow(), "nothing is paused that is not on disk");
    world.check();
}
