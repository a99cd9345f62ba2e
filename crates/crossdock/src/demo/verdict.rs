//! Looks at every system afterwards and says whether each order had its effects exactly once.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crossdock_sim::partners::{Customer, Warehouse};
use serde::Serialize;
use serde_json::Value as Json;

use super::odoo::{Books, Odoo, Order};
use super::process::HubProcess;

/// A shipment that the warehouse made.
#[derive(Clone, Debug)]
pub struct Shipment {
    pub order: String,
    pub tracking: String,
    /// SKU and pieces.
    pub lines: Vec<(String, u64)>,
    /// Something of the order stayed behind.
    pub partial: bool,
}

/// One thing that was checked.
#[derive(Clone, Debug, Serialize)]
pub struct Check {
    pub what: String,
    pub found: String,
    pub holds: bool,
    /// The first few cases that do not hold.
    pub cases: Vec<String>,
}

/// What the judge looks at.
pub struct Evidence<'a> {
    pub orders: &'a [Order],
    pub shipments: &'a [Shipment],
    pub stock_before: u64,
    pub skus: &'a [String],
    pub odoo: &'a Odoo,
    pub hub: &'a HubProcess,
}

/// Cases shown per check.
const CASES_MAX: usize = 5;
/// How long work that a poll has just brought may take.
const MOMENT_MAX: Duration = Duration::from_secs(5);

/// Checks everything.
///
/// # Errors
/// When a system cannot be asked.
pub async fn judge(
    evidence: &Evidence<'_>,
    releases: &BTreeMap<String, u32>,
    notifications: &BTreeMap<String, Vec<String>>,
) -> anyhow::Result<Vec<Check>> {
    let names: Vec<String> = evidence.orders.iter().map(|order| order.name.clone()).collect();
    let books = evidence.odoo.books(&names).await?;
    let overview = overview_at_rest(evidence.hub).await?;
    let mut checks = vec![
        per_order(evidence, "released to the warehouse once", |name| releases.get(name).copied().unwrap_or(0) == 1),
        per_order(evidence, "one done delivery per shipment in Odoo", |name| deliveries_match(evidence, name, &books)),
        per_order(evidence, "one backorder where something stayed behind", |name| {
            let partial = evidence.shipments.iter().any(|shipment| shipment.order == name && shipment.partial);
            books[name].open == usize::from(partial)
        }),
        per_order(evidence, "one proof with signature per delivery", |name| {
            books[name].signed == books[name].done.len()
        }),
        per_order(evidence, "one posted invoice", |name| {
            books[name].posted.len() == 1 && books[name].other_invoices == 0
        }),
        per_order(evidence, "customer notified under one key", |name| {
            notifications.get(name).is_some_and(|ids| ids.len() == 1)
        }),
    ];
    checks.push(stock(evidence).await?);
    checks.push(at_rest(&overview));
    checks.push(traces(evidence, &names).await);
    Ok(checks)
}

fn per_order(evidence: &Evidence<'_>, what: &str, holds: impl Fn(&str) -> bool) -> Check {
    let failing: Vec<String> =
        evidence.orders.iter().filter(|order| !holds(&order.name)).map(|order| order.name.clone()).collect();
    let total = evidence.orders.len();
    Check {
        what: what.to_owned(),
        found: format!("{} of {total}", total - failing.len()),
        holds: failing.is_empty(),
        cases: failing.into_iter().take(CASES_MAX).collect(),
    }
}

fn deliveries_match(evidence: &Evidence<'_>, name: &str, books: &BTreeMap<String, Books>) -> bool {
    let mut expected: Vec<&str> = evidence
        .shipments
        .iter()
        .filter(|shipment| shipment.order == name)
        .map(|shipment| shipment.tracking.as_str())
        .collect();
    let mut found: Vec<&str> = books[name].done.iter().map(String::as_str).collect();
    expected.sort_unstable();
    found.sort_unstable();
    expected == found
}

async fn stock(evidence: &Evidence<'_>) -> anyhow::Result<Check> {
    let mut expected: BTreeMap<String, i64> =
        evidence.skus.iter().map(|sku| (sku.clone(), evidence.stock_before as i64)).collect();
    for (sku, pieces) in evidence.shipments.iter().flat_map(|shipment| &shipment.lines) {
        if let Some(left) = expected.get_mut(sku) {
            *left -= *pieces as i64;
        }
    }
    let found = evidence.odoo.stock(evidence.skus).await?;
    let wrong: Vec<String> = expected
        .iter()
        .filter(|(sku, pieces)| found.get(*sku) != Some(pieces))
        .map(|(sku, pieces)| format!("{sku}: {} on hand, expected {pieces}", found.get(sku).copied().unwrap_or(0)))
        .collect();
    Ok(Check {
        what: "stock in Odoo is right".to_owned(),
        found: format!("{} of {} products", expected.len() - wrong.len(), expected.len()),
        holds: wrong.is_empty(),
        cases: wrong.into_iter().take(CASES_MAX).collect(),
    })
}

/// The hub's figures; asked for again for a few seconds while they show work, since a poll may bring something new just
/// now that is worked off in a moment.
async fn overview_at_rest(hub: &HubProcess) -> anyhow::Result<Json> {
    let deadline = Instant::now() + MOMENT_MAX;
    loop {
        let overview = hub.get("/api/overview").await?;
        if open_work(&overview).is_empty() || Instant::now() > deadline {
            return Ok(overview);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// What is not at rest, with its figure.
fn open_work(overview: &Json) -> Vec<String> {
    const FIGURES: [&str; 6] = [
        "messages_waiting",
        "messages_failed",
        "transmissions_open",
        "transmissions_held",
        "transmissions_paused",
        "exceptions_open",
    ];
    let is_open = |key: &&&str| overview[**key].as_u64() != Some(0);
    FIGURES.iter().filter(is_open).map(|key| format!("{key}: {}", overview[*key])).collect()
}

fn at_rest(overview: &Json) -> Check {
    let waiting = open_work(overview);
    Check {
        what: "nothing is waiting, paused or open in the hub".to_owned(),
        found: if waiting.is_empty() { "at rest".to_owned() } else { waiting.join(", ") },
        holds: waiting.is_empty(),
        cases: Vec::new(),
    }
}

/// Every order's story must tell of the message it came by, the delivery, the invoice and the notification.
async fn traces(evidence: &Evidence<'_>, names: &[String]) -> Check {
    let mut failing = Vec::new();
    for name in names {
        let story = evidence.hub.get(&format!("/api/trace/{name}")).await.unwrap_or(Json::Null).to_string();
        let told =
            ["order.accepted", "picking.fulfil", "delivery.attach_proof", "invoice.create_and_post", "event.notify"]
                .iter()
                .all(|part| story.contains(part));
        if !told {
            failing.push(name.clone());
        }
    }
    Check {
        what: "trace tells the whole story".to_owned(),
        found: format!("{} of {}", names.len() - failing.len(), names.len()),
        holds: failing.is_empty(),
        cases: failing.into_iter().take(CASES_MAX).collect(),
    }
}

/// How often each order was released to the warehouse.
pub fn releases(warehouse: &Warehouse) -> BTreeMap<String, u32> {
    warehouse.orders().map(|order| (order.number.clone(), order.releases)).collect()
}

/// The notification keys that reached the customer, by order.
pub fn notifications(customer: &Customer) -> BTreeMap<String, Vec<String>> {
    let mut by_order: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (id, notification) in customer.notifications() {
        let order = notification.event["data"]["order"].as_str().unwrap_or_default().to_owned();
        by_order.entry(order).or_default().push(id.clone());
    }
    by_order
}
