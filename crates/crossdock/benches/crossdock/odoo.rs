//! Partners into a real Odoo: through the hub in batches, and one call per record.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use serde_json::{Value as Json, json};

use crate::Bench;
use crate::hub::{self, Hub};
use crate::load::{Expect, closed};
use crate::report::{Figure, Section};

const GOAL: f64 = 10.0;
const DATABASE: &str = "t_bench";
const UPSERT_LIMIT: Duration = Duration::from_secs(300);

/// A fresh database of a running Odoo.
struct Odoo {
    client: reqwest::Client,
    url: String,
    key: String,
    version: String,
}

/// Measures this section; without a running Odoo it says so.
///
/// # Errors
/// When Odoo refuses, or a partner is not there afterwards.
pub async fn measure(bench: &Bench) -> anyhow::Result<Section> {
    let mut section = Section::new(
        "odoo",
        "Partners into Odoo",
        "Signed webhooks, one per customer, are accepted, mapped to `crossdock.account.created.v1` and upserted in Odoo by \
         `partner.upsert` (up to\n100 per call, two calls at once). Counted from the first webhook until the hub has \
         recorded every partner as done; afterwards Odoo is\nasked whether each is there once.",
        "one JSON-2 call per record, one after the other over a kept connection, with the same fields: by `load` with an \
         external id, which is\nthe same upsert, and by `create`, which cannot be repeated safely.",
    );
    if !is_running(bench) {
        let reason =
            "no real Odoo is running (`cargo xtask odoo up` brings one up). Figures of a stand-in would say nothing.";
        section.not_measured = Some(reason.to_owned());
        return Ok(section);
    }
    let odoo = Odoo::fresh(bench).await?;
    let result = compare(bench, &odoo, &mut section).await;
    xtask(bench, &["odoo", "drop", DATABASE])?;
    result.map(|()| section)
}

async fn compare(bench: &Bench, odoo: &Odoo, section: &mut Section) -> anyhow::Result<()> {
    let (count, singles, rounds) = bench.odoo_load();
    let hub = start_hub(bench, odoo).await?;
    let (mut ours, mut by_load, mut by_create) = (Vec::new(), Vec::new(), Vec::new());
    let mut sent = 0;
    for round in 0..=rounds {
        let begun = Instant::now();
        for _ in 0..singles {
            odoo.load_one(bench.take_numbers(1)).await?;
        }
        let loaded = singles as f64 / begun.elapsed().as_secs_f64();
        let begun = Instant::now();
        for _ in 0..singles {
            odoo.create_one(bench.take_numbers(1)).await?;
        }
        let created = singles as f64 / begun.elapsed().as_secs_f64();
        let count = if round == 0 { count.min(100) } else { count };
        sent += count;
        let requests = Arc::new(bench.signed("/in/shop", count, customer)?);
        let begun = Instant::now();
        closed(hub.ingress, &requests, 8, Expect::Receipt).await?;
        let overview = hub.settled(UPSERT_LIMIT).await?;
        let seconds = begun.elapsed().as_secs_f64();
        ensure!(overview.done == sent as u64, "{} of {sent} partners are done", overview.done);
        // The first is for warming up.
        if round > 0 {
            ours.push(count as f64 / seconds);
            by_load.push(loaded);
            by_create.push(created);
        }
    }
    hub.stop().await?;
    let there = odoo.call("res.partner", "search_count", json!({"domain": [["ref", "=like", "BENCH-%"]]})).await?;
    ensure!(there == json!(sent), "Odoo holds {there} partners, not {sent}");
    section.figures.push(Figure::new("against `load` of one record", "partners/s", &ours, &by_load).goal(GOAL));
    section.figures.push(Figure::new("against `create` of one record", "partners/s", &ours, &by_create).goal(GOAL));
    section
        .notes
        .push(format!("Odoo {}, its default threaded server and its PostgreSQL on the same machine", odoo.version));
    section.notes.push(format!("{count} partners a round through the hub, {singles} each by `load` and by `create`"));
    Ok(())
}

async fn start_hub(bench: &Bench, odoo: &Odoo) -> anyhow::Result<Hub> {
    let system = format!(
        "system: odoo\nconnector: odoo\ndomain: erp\nzone: internal\nowner: bench\nconfig:\n  url: {}\n  database: {DATABASE}\n  \
         key: {{env: BENCH_ODOO_KEY}}\nlimits: {{concurrency_max: 2}}\n",
        odoo.url
    );
    let files = [
        ("systems/shop.yaml", hub::sender("shop")),
        ("systems/odoo.yaml", system),
        ("flows/customers.yaml", INBOUND.to_owned()),
        ("flows/partners.yaml", OUTBOUND.to_owned()),
        ("mappings/shop/customer.yaml", CUSTOMER.to_owned()),
        ("mappings/odoo/partner.yaml", PARTNER.to_owned()),
    ];
    Hub::start(&bench.place, &files, &[("BENCH_ODOO_KEY", odoo.key.clone())]).await
}

/// A shop's webhook about a new customer.
fn customer(number: usize) -> String {
    let (name, email, street) = fields(number);
    json!({
        "id": format!("BENCH-{number:09}"), "name": name, "email": email,
        "address": {"street": street, "city": "Austin", "postcode": "78701", "country": "US"},
    })
    .to_string()
}

fn fields(number: usize) -> (String, String, String) {
    (format!("Customer {number}"), format!("c{number}@example.com"), format!("{number} Main Street"))
}

impl Odoo {
    async fn fresh(bench: &Bench) -> anyhow::Result<Self> {
        let made: Json = serde_json::from_str(&xtask(bench, &["odoo", "db", DATABASE, "--replace"])?)?;
        let field =
            |name: &str| made[name].as_str().map(str::to_owned).with_context(|| format!("`odoo db` told no {name}"));
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(120)).build()?;
        let mut odoo = Self { client, url: field("url")?, key: field("key")?, version: String::new() };
        let answer = odoo.client.get(format!("{}/web/version", odoo.url)).send().await?.text().await?;
        let version: Json = serde_json::from_str(&answer).unwrap_or(Json::Null);
        odoo.version = version["version"].as_str().unwrap_or("19").to_owned();
        Ok(odoo)
    }

    async fn load_one(&self, number: usize) -> anyhow::Result<()> {
        let (name, email, street) = fields(number);
        let row = json!([
            format!("bench.single_{number}"),
            name,
            format!("SINGLE-{number}"),
            email,
            street,
            "Austin",
            "78701",
            "base.us",
            "1"
        ]);
        let columns = json!(["id", "name", "ref", "email", "street", "city", "zip", "country_id/id", "is_company"]);
        let answer = self.call("res.partner", "load", json!({"fields": columns, "data": [row]})).await?;
        ensure!(answer["ids"].as_array().is_some_and(|ids| ids.len() == 1), "Odoo did not load a partner: {answer}");
        Ok(())
    }

    async fn create_one(&self, number: usize) -> anyhow::Result<()> {
        let (name, email, street) = fields(number);
        let values = json!({
            "name": name, "ref": format!("SINGLE-{number}"), "email": email, "street": street, "city": "Austin", "zip": "78701",
            "country_id": 233, "is_company": true,
        });
        let answer = self.call("res.partner", "create", json!({"vals_list": [values]})).await?;
        ensure!(answer.as_array().is_some_and(|ids| ids.len() == 1), "Odoo did not create a partner: {answer}");
        Ok(())
    }

    async fn call(&self, model: &str, method: &str, body: Json) -> anyhow::Result<Json> {
        let request = self
            .client
            .post(format!("{}/json/2/{model}/{method}", self.url))
            .header("authorization", format!("bearer {}", self.key))
            .header("x-odoo-database", DATABASE)
            .header("content-type", "application/json")
            .body(body.to_string());
        let answer = request.send().await.context("Odoo does not answer")?;
        let (status, text) = (answer.status(), answer.text().await?);
        ensure!(status.is_success(), "Odoo refused {model}/{method} ({status}): {text}");
        Ok(serde_json::from_str(&text)?)
    }
}

fn is_running(bench: &Bench) -> bool {
    let status = xtask(bench, &["odoo", "status", "--json"]).ok();
    let status: Option<Json> = status.and_then(|text| serde_json::from_str(&text).ok());
    status.is_some_and(|status| status["running"] == true)
}

/// Runs the project's task runner and returns what it printed.
fn xtask(bench: &Bench, arguments: &[&str]) -> anyhow::Result<String> {
    let mut command = match &bench.xtask {
        Some(program) => Command::new::<&PathBuf>(program),
        None => {
            let mut cargo = Command::new(env!("CARGO"));
            cargo.args(["run", "--quiet", "--package", "xtask", "--"]);
            cargo
        }
    };
    let output = command.args(arguments).current_dir(&bench.root).output().context("the task runner does not start")?;
    if !output.status.success() {
        bail!("`xtask {}` failed: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

const INBOUND: &str = "flow: customers\nfrom: {system: shop}\nmap: shop/customer\nowner: bench\n";

const OUTBOUND: &str = "\
flow: partners
on: crossdock.account.created.v1
to: {system: odoo, operation: partner.upsert}
map: odoo/partner
owner: bench
";

const CUSTOMER: &str = r#"mapping: shop/customer
emits: crossdock.account.created.v1
target:
  code: body.id
  name: body.name
  kind: '"customer"'
  email: body.email
  address:
    lines: [body.address.street]
    postcode: body.address.postcode
    city: body.address.city
    country: body.address.country
"#;

const PARTNER: &str = r#"mapping: odoo/partner
target:
  key: event.data.code
  name: event.data.name
  ref: event.data.code
  email: event.data.email
  street: event.data.address.lines[0]
  city: event.data.address.city
  zip: event.data.address.postcode
  country: event.data.address.country
  is_company: true
"#;
