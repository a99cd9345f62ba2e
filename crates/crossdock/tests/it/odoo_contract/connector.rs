//! The connector's operations, setup and polls, driven call by call. Every operation is also begun again after each
//! of its answers was lost, and must still take effect once.

use crossdock_connect::endpoint::{CALLS_MAX, Endpoint, PollProgress, PollState, PollStep, Step};
use crossdock_connect::secret::Secret;
use crossdock_connectors::odoo::setup::{self, SetupAction, SetupRequest, SetupState, SetupStep};
use crossdock_connectors::odoo::{Capture, CaptureMode, CapturedModel, Odoo};
use crossdock_core::event::EntityRef;
use crossdock_core::exchange::{Answer, Call, Exchange, SendFault};
use crossdock_core::ids::{ConfigVersion, EventId, FlowName, MessageId, OrderingKey, SystemName, TransmissionId};
use crossdock_core::transmission::{Outcome, Transmission, TransmissionState};
use crossdock_core::value::Value;
use jiff::Timestamp;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::target::Scene;
use super::{Scenario, connector, table};

pub(super) const ALL: &[Scenario] = table![
    connector::an_order_goes_all_the_way,
    connector::bad_rows_do_not_stop_good_ones,
    connector::every_answer_may_be_lost,
    connector::lots_leave_by_name,
    connector::the_sweep_tells_what_was_written,
    connector::the_outbox_tells_every_change,
    connector::a_setup_without_rights_says_so,
];

const PNG: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

/// An Odoo seen through the connector.
struct Hub<'a> {
    scene: &'a Scene,
    odoo: Odoo,
}

/// What an attempt did.
struct Attempt {
    outcome: Outcome,
    calls: usize,
}

#[expect(clippy::disallowed_methods, reason = "a test beside the program has a clock of its own")]
fn now() -> Timestamp {
    Timestamp::now()
}

impl<'a> Hub<'a> {
    fn new(scene: &'a Scene, mode: CaptureMode, models: &[&str]) -> Self {
        let odoo = Odoo {
            url: scene.target.url.clone(),
            database: Some(scene.target.database.clone()),
            key: Secret::new(scene.target.key.clone()),
            company_ids: vec![1],
            lang: "en_US".into(),
            xid_module: format!("hub_{}", scene.name),
            timeout_ms: 90_000,
            capture: Capture {
                mode,
                every_ms: 1000,
                overlap_ms: 5_000,
                from: None,
                models: models.iter().map(|name| CapturedModel { name: (*name).into(), fields: Vec::new() }).collect(),
            },
        };
        Self { scene, odoo }
    }

    fn transmission(&self, operation: &str, input: &Json, attempt: u32) -> Transmission {
        let input = Value::parse_json(input.to_string().as_bytes(), &Default::default()).expect("an input");
        assert_eq!(self.odoo.check(operation, &input), Ok(()), "{operation} {input}");
        let flow = FlowName::from("contract");
        let event = EventId::derive(MessageId(Uuid::from_u128(1)), &flow, 0);
        Transmission {
            id: TransmissionId::derive(event, &flow),
            version: 1,
            system: SystemName::from("odoo"),
            operation: operation.into(),
            flow,
            config: ConfigVersion::from("0"),
            event,
            about: EntityRef::new("order", "1"),
            key: OrderingKey::from("order/1"),
            input,
            state: TransmissionState::Sending,
            place: 1,
            due_at: Timestamp::UNIX_EPOCH,
            attempts: attempt,
            created_at: Timestamp::UNIX_EPOCH,
            failing_since: None,
            in_doubt: attempt > 1,
            criticality: Default::default(),
            group: None,
            refused: false,
            last_problem: None,
            result: None,
            finished_at: None,
            removed_at: None,
        }
    }

    async fn send(&self, call: &Call) -> Answer {
        let method = reqwest::Method::from_bytes(call.method.as_str().as_bytes()).expect("a method");
        let mut request = self.scene.target.client.request(method, &call.url).body(call.body.clone());
        for header in &call.headers {
            request = request.header(&header.name, &header.value);
        }
        let response = request.send().await.unwrap_or_else(|error| panic!("no answer from {}: {error}", call.url));
        let headers = response
            .headers()
            .iter()
            .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect();
        let status = response.status().as_u16();
        let body = response.bytes().await.expect("a whole answer").to_vec();
        assert_ne!(status, 501, "the stand-in does not know {}: {}", call.url, String::from_utf8_lossy(&body));
        Answer { status, headers, body }
    }

    /// One attempt. The answer of call number `lost`, counted from 0, does not arrive; the call is carried out.
    async fn attempt(&self, operation: &str, input: &Json, attempt: u32, lost: Option<usize>) -> Attempt {
        let transmission = self.transmission(operation, input, attempt);
        let mut so_far: Vec<Exchange> = Vec::new();
        loop {
            match self.odoo.next(std::slice::from_ref(&transmission), &so_far, now()) {
                Step::Call(call) => {
                    assert!(so_far.len() < CALLS_MAX, "{operation} never ends");
                    let answer = self.send(&call).await;
                    let result = match lost {
                        Some(lost) if lost == so_far.len() => Err(SendFault::Lost("cut off".into())),
                        _ => Ok(answer),
                    };
                    so_far.push(Exchange { call, result });
                }
                Step::Done(outcomes) => {
                    let [outcome] = &outcomes[..] else { panic!("one outcome, not {outcomes:?}") };
                    return Attempt { outcome: outcome.clone(), calls: so_far.len() };
                }
            }
        }
    }

    /// An operation that must take effect; gives its result.
    async fn done(&self, operation: &str, input: &Json) -> Json {
        let attempt = self.attempt(operation, input, 1, None).await;
        match attempt.outcome {
            Outcome::Accepted { result } => serde_json::from_str(&result.to_json_string()).expect("a result is JSON"),
            other => panic!("{operation} {input}: {other:?}"),
        }
    }

    /// The same operation, begun again after each of its answers was lost in turn, then undisturbed.
    async fn through_losses(&self, operation: &str, input: &Json) -> Json {
        for (lost, number) in (0..CALLS_MAX).zip(1..) {
            let attempt = self.attempt(operation, input, number, Some(lost)).await;
            if attempt.calls <= lost {
                // It ended before the call to be lost.
                break;
            }
        }
        self.done(operation, input).await
    }

    /// A round of a poll; what it delivered.
    async fn round(&self, name: &str, cursor: &mut Option<String>) -> Vec<Json> {
        let mut so_far = Vec::new();
        let mut delivered = Vec::new();
        loop {
            let state = PollState { cursor: cursor.as_deref(), now: now(), so_far: &so_far };
            let step = self.odoo.poll(name, &state);
            match step {
                PollStep::Call(call) => {
                    assert!(so_far.len() < 2 * CALLS_MAX, "the poll {name} never ends");
                    let result = Ok(self.send(&call).await);
                    so_far.push(PollProgress::Exchanged(Exchange { call, result }));
                }
                PollStep::Deliver { envelopes, cursor: next } => {
                    for envelope in envelopes {
                        delivered.push(serde_json::from_slice(&envelope.body).expect("a body is JSON"));
                    }
                    if next.is_some() {
                        *cursor = next;
                    }
                    so_far.push(PollProgress::Committed);
                }
                PollStep::Rest { .. } => return delivered,
                PollStep::Failed { reason, .. } => panic!("the poll {name} failed: {reason}"),
            }
        }
    }

    async fn setup(&self, action: SetupAction) -> Result<Vec<(String, SetupState)>, String> {
        let request = SetupRequest { odoo: self.odoo.clone(), action, dry_run: false, hub_user: None };
        let mut so_far = Vec::new();
        loop {
            match setup::next(&request, &so_far) {
                SetupStep::Call(call) => {
                    assert!(so_far.len() < 200, "the setup never ends");
                    let result = Ok(self.send(&call).await);
                    so_far.push(Exchange { call, result });
                }
                SetupStep::Done(items) => return Ok(items.into_iter().map(|item| (item.what, item.state)).collect()),
                SetupStep::Failed { reason } => return Err(reason),
            }
        }
    }

    fn key(&self, name: &str) -> String {
        format!("{}-{name}", self.scene.name)
    }

    /// A customer, two products with stock, and a confirmed order of 8 and 5; gives its number.
    async fn order(&self, name: &str) -> String {
        self.done(
            "partner.upsert",
            &json!({"key": self.key("customer"), "name": self.scene.own("customer"), "country": "US"}),
        )
        .await;
        for sku in ["w", "g"] {
            let product =
                json!({"key": self.key(sku), "name": self.scene.own(sku), "storable": true, "list_price": "20"});
            self.done("product.upsert", &product).await;
        }
        let input = self.order_input(name);
        let made = self.done("order.upsert", &input).await;
        self.done("order.confirm", &json!({"key": self.key(name)})).await;
        made["order"].as_str().unwrap_or_else(|| panic!("a number in {made}")).to_owned()
    }

    fn order_input(&self, name: &str) -> Json {
        json!({
            "key": self.key(name), "customer_key": self.key("customer"), "client_order_ref": self.key(name),
            "lines": [
                {"key": format!("{}/1", self.key(name)), "sku": self.key("w"), "quantity": 8},
                {"key": format!("{}/2", self.key(name)), "sku": self.key("g"), "quantity": 5},
            ],
        })
    }

    fn shipped(&self, order: &str, shipment: &str, lines: &[(&str, i64)]) -> Json {
        let lines: Vec<Json> =
            lines.iter().map(|(sku, quantity)| json!({"sku": self.key(sku), "quantity": quantity})).collect();
        json!({"order": order, "shipment": self.key(shipment), "tracking": self.key(shipment), "lines": lines})
    }

    /// Everything Odoo has of an order.
    async fn books(&self, order: &str) -> Books {
        let found = self.scene.find("sale.order", json!([["name", "=", order]]), &["id", "state"]).await;
        let id = found[0]["id"].as_i64().expect("an id");
        let fields = ["state", "carrier_tracking_ref", "is_signed"];
        let transfers = self.scene.find("stock.picking", json!([["sale_id", "=", id]]), &fields).await;
        let read = self.scene.read("sale.order", id, &["invoice_ids"]).await;
        let invoices = json!([["id", "in", read["invoice_ids"]]]);
        let invoices = self.scene.find("account.move", invoices, &["state", "amount_untaxed"]).await;
        Books { transfers, invoices }
    }
}

/// Transfers and invoices of an order, oldest first.
struct Books {
    transfers: Vec<Json>,
    invoices: Vec<Json>,
}

impl Books {
    fn transfers(&self) -> Vec<(&str, Option<&str>)> {
        self.transfers
            .iter()
            .map(|transfer| (transfer["state"].as_str().unwrap_or_default(), transfer["carrier_tracking_ref"].as_str()))
            .collect()
    }

    fn invoices(&self) -> Vec<(&str, Option<f64>)> {
        self.invoices
            .iter()
            .map(|invoice| (invoice["state"].as_str().unwrap_or_default(), invoice["amount_untaxed"].as_f64()))
            .collect()
    }
}

pub async fn an_order_goes_all_the_way(scene: Scene) {
    let hub = Hub::new(&scene, CaptureMode::Off, &[]);
    let order = hub.order("so").await;
    stock(&hub).await;
    // Made again, it is the same one.
    let again = hub.done("order.upsert", &hub.order_input("so")).await;
    assert_eq!(again["order"], json!(order));
    let confirmed = hub.done("order.confirm", &json!({"order": order})).await;
    assert_eq!(confirmed["state"], "sale", "{confirmed}");
    let first = hub.shipped(&order, "sh1", &[("w", 5)]);
    let tracking = hub.key("sh1");
    for _ in 0..2 {
        hub.done("picking.fulfil", &first).await;
        let books = hub.books(&order).await;
        assert_eq!(books.transfers(), [("done", Some(tracking.as_str())), ("assigned", None)]);
    }
    let proof = json!({
        "order": order, "shipment": hub.key("sh1"), "delivered_at": "2026-11-23T10:00:00Z", "signed_by": "J. Doe",
        "signature": PNG, "photos": [{"name": "door.png", "base64": PNG}],
    });
    for _ in 0..2 {
        hub.done("delivery.attach_proof", &proof).await;
        let books = hub.books(&order).await;
        assert_eq!(books.transfers[0]["is_signed"], true);
        let here = json!([["res_model", "=", "stock.picking"], ["res_id", "=", books.transfers[0]["id"]]]);
        assert_eq!(scene.find("ir.attachment", here, &["id"]).await.len(), 1);
    }
    let invoice = json!({"order": order, "invoice_date": "2026-11-23"});
    for _ in 0..2 {
        hub.done("invoice.create_and_post", &invoice).await;
        assert_eq!(hub.books(&order).await.invoices(), [("posted", Some(260.0))]);
    }
    let rest = hub.shipped(&order, "sh2", &[("w", 3), ("g", 5)]);
    hub.done("picking.fulfil", &rest).await;
    let states: Vec<_> = hub.books(&order).await.transfers().iter().map(|(state, _)| (*state).to_owned()).collect();
    assert_eq!(states, ["done", "done"]);
}

/// Counts 100 of each product.
async fn stock(hub: &Hub<'_>) {
    for sku in ["w", "g"] {
        let found = hub.scene.find("product.product", json!([["default_code", "=", hub.key(sku)]]), &["id"]).await;
        hub.scene.stock(found[0]["id"].as_i64().expect("an id"), 100.0).await;
    }
}

pub async fn bad_rows_do_not_stop_good_ones(scene: Scene) {
    let hub = Hub::new(&scene, CaptureMode::Off, &[]);
    let partner = |key: &str, parent: Option<&str>| {
        let mut input = json!({"key": hub.key(key), "name": hub.scene.own(key)});
        if let Some(parent) = parent {
            input["parent_key"] = hub.key(parent).into();
        }
        hub.transmission("partner.upsert", &input, 1)
    };
    let batch = [partner("a", None), partner("b", Some("nobody")), partner("c", None)];
    let mut so_far = Vec::new();
    let outcomes = loop {
        match hub.odoo.next(&batch, &so_far, now()) {
            Step::Call(call) => {
                let result = Ok(hub.send(&call).await);
                so_far.push(Exchange { call, result });
            }
            Step::Done(outcomes) => break outcomes,
        }
    };
    let good: Vec<bool> = outcomes.iter().map(|outcome| matches!(outcome, Outcome::Accepted { .. })).collect();
    assert_eq!(good, [true, false, true], "{outcomes:?}");
    let names = json!([["name", "in", [scene.own("a"), scene.own("b"), scene.own("c")]]]);
    assert_eq!(scene.find("res.partner", names, &["id"]).await.len(), 2);
}

pub async fn every_answer_may_be_lost(scene: Scene) {
    let hub = Hub::new(&scene, CaptureMode::Off, &[]);
    let customer = json!({"key": hub.key("customer"), "name": scene.own("customer"), "country": "US"});
    hub.through_losses("partner.upsert", &customer).await;
    for sku in ["w", "g"] {
        let product = json!({"key": hub.key(sku), "name": scene.own(sku), "storable": true, "list_price": "20"});
        hub.through_losses("product.upsert", &product).await;
    }
    stock(&hub).await;
    let made = hub.through_losses("order.upsert", &hub.order_input("so")).await;
    let order = made["order"].as_str().expect("a number").to_owned();
    hub.through_losses("order.confirm", &json!({"order": order})).await;
    let (first, second) = (hub.key("sh1"), hub.key("sh2"));
    hub.through_losses("picking.fulfil", &hub.shipped(&order, "sh1", &[("w", 5)])).await;
    hub.through_losses("picking.fulfil", &hub.shipped(&order, "sh2", &[("w", 3), ("g", 5)])).await;
    let books = hub.books(&order).await;
    assert_eq!(books.transfers(), [("done", Some(first.as_str())), ("done", Some(second.as_str()))]);
    let proof = json!({
        "order": order, "shipment": first, "delivered_at": "2026-11-23T10:00:00Z", "signature": PNG,
        "photos": [{"name": "door.png", "base64": PNG}],
    });
    hub.through_losses("delivery.attach_proof", &proof).await;
    for shipment in [&first, &second] {
        let invoice = json!({"order": order, "shipment": shipment, "invoice_date": "2026-11-23"});
        hub.through_losses("invoice.create_and_post", &invoice).await;
    }
    let books = hub.books(&order).await;
    let invoiced: f64 = books.invoices().iter().filter_map(|(_, amount)| *amount).sum();
    assert!(books.invoices().iter().all(|(state, _)| *state == "posted"), "{:?}", books.invoices());
    assert_eq!((invoiced, books.transfers[0]["is_signed"] == true), (260.0, true), "{:?}", books.invoices());
    let here = json!([["res_model", "=", "stock.picking"], ["res_id", "=", books.transfers[0]["id"]]]);
    assert_eq!(scene.find("ir.attachment", here, &["id"]).await.len(), 1);
    let found = scene.find("product.product", json!([["default_code", "=", hub.key("w")]]), &["id"]).await;
    assert_eq!(scene.on_hand(found[0]["id"].as_i64().expect("an id")).await, (92.0, 0.0));
}

pub async fn lots_leave_by_name(scene: Scene) {
    let hub = Hub::new(&scene, CaptureMode::Off, &[]);
    let customer = json!({"key": hub.key("customer"), "name": scene.own("customer"), "country": "US"});
    hub.done("partner.upsert", &customer).await;
    let product = json!({"key": hub.key("w"), "name": scene.own("w"), "storable": true, "tracking": "lot"});
    hub.done("product.upsert", &product).await;
    let found = scene.find("product.product", json!([["default_code", "=", hub.key("w")]]), &["id"]).await;
    let item = found[0]["id"].clone();
    for (lot, quantity) in [("A", 4), ("B", 10)] {
        let lot = json!({"vals_list": {"name": hub.key(lot), "product_id": item}});
        let lot = scene.ok("stock.lot", "create", lot).await[0].clone();
        let count = json!({
            "product_id": item, "location_id": scene.shelf().await, "lot_id": lot, "inventory_quantity": quantity,
        });
        let count = json!({"context": {"inventory_mode": true}, "vals_list": count});
        let quant = scene.ok("stock.quant", "create", count).await;
        scene.ok("stock.quant", "action_apply_inventory", json!({"ids": quant})).await;
    }
    let order = json!({
        "key": hub.key("so"), "customer_key": hub.key("customer"),
        "lines": [{"key": hub.key("so/1"), "product_key": hub.key("w"), "quantity": 8}],
    });
    let made = hub.done("order.upsert", &order).await;
    let order = made["order"].as_str().expect("a number").to_owned();
    hub.done("order.confirm", &json!({"order": order})).await;
    // First come first served: four of A and four of B are reserved. Other ones leave.
    let shipment = json!({
        "order": order, "shipment": hub.key("sh1"),
        "lines": [
            {"sku": hub.key("w"), "quantity": 1, "lot": hub.key("A")},
            {"sku": hub.key("w"), "quantity": 5, "lot": hub.key("B")},
        ],
    });
    hub.through_losses("picking.fulfil", &shipment).await;
    let left = |lot: &'static str| {
        let domain = json!([
            ["product_id", "=", item],
            ["lot_id.name", "=", hub.key(lot)],
            ["location_id.usage", "=", "internal"],
        ]);
        let scene = &scene;
        async move {
            let quants = scene.find("stock.quant", domain, &["quantity", "reserved_quantity"]).await;
            let sum = |field: &str| -> f64 { quants.iter().filter_map(|quant| quant[field].as_f64()).sum() };
            (sum("quantity"), sum("reserved_quantity"))
        }
    };
    assert_eq!((left("A").await, left("B").await), ((3.0, 2.0), (5.0, 0.0)));
    let states: Vec<_> = hub.books(&order).await.transfers.iter().map(|transfer| transfer["state"].clone()).collect();
    assert_eq!(states, ["done", "assigned"]);
    // Without a lot, what was reserved leaves.
    let rest = json!({"order": order, "shipment": hub.key("sh2"), "lines": [{"sku": hub.key("w"), "quantity": 2}]});
    hub.through_losses("picking.fulfil", &rest).await;
    assert_eq!((left("A").await, left("B").await), ((1.0, 0.0), (5.0, 0.0)));
}

pub async fn the_sweep_tells_what_was_written(scene: Scene) {
    let hub = Hub::new(&scene, CaptureMode::Sweep, &["sale.order"]);
    let name = hub.odoo.polls()[0].name.clone();
    let mut cursor = None;
    hub.round(&name, &mut cursor).await;
    let order = hub.order("so").await;
    let is_it = |message: &&Json| message["record"]["name"] == order.as_str();
    let told = hub.round(&name, &mut cursor).await;
    let message = told.iter().find(is_it).unwrap_or_else(|| panic!("no message of {order} in {told:?}"));
    assert_eq!((&message["op"], &message["record"]["state"]), (&json!("upsert"), &json!("sale")));
    assert_eq!(
        message["record"]["order_line"].as_array().or(message["record"]["lines"].as_array()).map(Vec::len),
        Some(2)
    );
}

pub async fn the_outbox_tells_every_change(scene: Scene) {
    let models = ["sale.order", "stock.picking", "account.move", "res.partner"];
    let hub = Hub::new(&scene, CaptureMode::Outbox, &models);
    let installed = hub.setup(SetupAction::Install).await.expect("an administrator may");
    assert!(installed.iter().any(|(_, state)| *state == SetupState::Created), "{installed:?}");
    let again = hub.setup(SetupAction::Install).await.expect("twice is once");
    let changed: Vec<_> = again.iter().filter(|(_, state)| *state != SetupState::Present).collect();
    assert!(changed.is_empty(), "{changed:?}");
    let mut cursor = None;
    let order = hub.order("so").await;
    stock(&hub).await;
    let told = hub.round("outbox", &mut cursor).await;
    let of = |told: &[Json], model: &str| told.iter().filter(|m| m["model"] == model).cloned().collect::<Vec<_>>();
    let orders = of(&told, "sale.order");
    assert_eq!(
        (orders.len(), &orders[0]["record"]["name"], &orders[0]["record"]["state"]),
        (1, &json!(order), &json!("sale"))
    );
    assert_eq!((of(&told, "stock.picking").len(), of(&told, "res.partner").len()), (1, 1), "{told:?}");
    // Acknowledged is gone, and nothing changed since.
    assert!(scene.find("x_hub_outbox", json!([]), &["x_model"]).await.is_empty());
    assert!(hub.round("outbox", &mut cursor).await.is_empty());
    hub.done("picking.fulfil", &hub.shipped(&order, "sh1", &[("w", 5)])).await;
    let told = hub.round("outbox", &mut cursor).await;
    assert_eq!(of(&told, "stock.picking").len(), 2, "the delivery and its backorder: {told:?}");
    assert_eq!(of(&told, "sale.order")[0]["record"]["delivery_status"], "partial");
    hub.done("invoice.create_and_post", &json!({"order": order, "invoice_date": "2026-11-23"})).await;
    let told = hub.round("outbox", &mut cursor).await;
    assert_eq!(of(&told, "account.move")[0]["record"]["state"], "posted", "{told:?}");
    // What is rolled back is not told; what is deleted is.
    let partner = scene.customer().await;
    hub.round("outbox", &mut cursor).await;
    let batch = json!({"vals_list": [{"name": "x"}, {"name": "y", "type": "zzz"}]});
    scene.call("res.partner", "create", batch).await.status_is(500);
    assert!(hub.round("outbox", &mut cursor).await.is_empty());
    scene.ok("res.partner", "write", json!({"ids": [partner], "vals": {"color": 3}})).await;
    assert!(hub.round("outbox", &mut cursor).await.is_empty(), "nobody watches the colour");
    scene.ok("res.partner", "write", json!({"ids": [partner], "vals": {"city": "Austin"}})).await;
    let told = hub.round("outbox", &mut cursor).await;
    assert_eq!(of(&told, "res.partner")[0]["record"]["city"], "Austin");
    scene.ok("res.partner", "unlink", json!({"ids": [partner]})).await;
    let told = hub.round("outbox", &mut cursor).await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!((&told[0]["op"], &told[0]["id"]), (&json!("unlink"), &json!(partner)));
    let removed = hub.setup(SetupAction::Remove).await.expect("an administrator may");
    assert!(removed.iter().any(|(_, state)| *state == SetupState::Removed), "{removed:?}");
    scene.call("x_hub_outbox", "search", json!({"domain": []})).await.fault(404, "werkzeug.exceptions.NotFound");
}

pub async fn a_setup_without_rights_says_so(scene: Scene) {
    let mut hub = Hub::new(&scene, CaptureMode::Outbox, &["sale.order"]);
    hub.odoo.key = Secret::new("not a key");
    let reason = hub.setup(SetupAction::Install).await.expect_err("nobody may");
    assert!(!reason.is_empty());
}
