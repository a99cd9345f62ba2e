//! `crossdock demo`: the order-to-cash example, end to end, with simulated partners and an Odoo: the built-in
//! stand-in, or a real one with `--odoo`. Webhooks come several times in random order, the hub is killed, Odoo is out
//! of reach for a while; at the end every system is asked whether each order had its effects exactly once.

pub(crate) mod example;
pub mod odoo;
pub mod process;
mod proxy;
pub mod storm;
mod verdict;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use crossdock_sim::partners::{Customer, Fleet, Partner, ShippedLine, Warehouse, serve};
use serde_json::json;
use tokio::task::JoinSet;

use odoo::{Odoo, Order};
use process::HubProcess;
use proxy::Wire;
use storm::{Dice, Post};
use verdict::{Check, Evidence, Shipment, judge};

/// What to demonstrate.
#[derive(Clone, Debug, clap::Args)]
pub struct DemoArgs {
    /// Orders to carry from Odoo to the invoice and the customer.
    #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(u16).range(1..=2000))]
    pub orders: u16,
    /// How often every webhook is sent.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=10))]
    pub copies: u8,
    /// How often the hub is killed with SIGKILL at a random moment.
    #[arg(long, default_value_t = 1)]
    pub kills: u8,
    /// For how many seconds Odoo is out of reach, half-way.
    #[arg(long, default_value_t = 3)]
    pub outage: u16,
    /// Chooses quantities, order of webhooks and moments of the kills.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Address of a real Odoo 19 to use instead of the stand-in. A database for tests: the demo writes into it.
    #[arg(long, value_name = "URL")]
    pub odoo: Option<String>,
    /// Its database.
    #[arg(long, value_name = "NAME", requires = "odoo")]
    pub odoo_database: Option<String>,
    /// The environment variable that holds an API key of an administrator.
    #[arg(long, value_name = "VARIABLE", default_value = "ODOO_KEY")]
    pub odoo_key_env: String,
    /// Put the hub folder here and keep it, for a look with `crossdock trace` afterwards.
    #[arg(long, value_name = "FOLDER")]
    pub folder: Option<PathBuf>,
    /// Give up when it is not done after so many seconds.
    #[arg(long, default_value_t = 900)]
    pub limit: u64,
    /// Leave the hub and its partners running at the end, to look at the console. Ends with Ctrl-C.
    #[arg(long)]
    pub stay: bool,
    /// Print the verdict as JSON.
    #[arg(long)]
    pub json: bool,
}

const WAREHOUSE_SECRET: &str = "demo-warehouse-secret";
/// Base64, as Samsara shows its secrets.
const FLEET_SECRET: &str = "ZGVtby1mbGVldC1zZWNyZXQtMzItYnl0ZXMtbG9uZyE=";
const CUSTOMER_SECRET: &str = "whsec_ZGVtby1jdXN0b21lci1zZWNyZXQtMzItYnl0ZXMh";
const STANDIN_KEY: &str = "0123456789abcdef0123456789abcdef01234567";
const STANDIN_DATABASE: &str = "demo";
const STOCK: u64 = 100_000;
const PRODUCTS: usize = 8;
const CUSTOMERS: usize = 3;
/// Orders that a salesperson confirms in one go.
const SALE: usize = 10;

/// Everyone on stage.
struct Stage {
    args: DemoArgs,
    begun: Instant,
    dice: Dice,
    odoo: Odoo,
    wire: Wire,
    warehouse: Partner<Warehouse>,
    fleet: Partner<Fleet>,
    customer: Partner<Customer>,
    post: std::sync::Arc<Post>,
    hub: HubProcess,
    orders: Vec<Order>,
    shipments: Vec<Shipment>,
    senders: JoinSet<()>,
    kills_left: u8,
    outage: Outage,
}

/// Where the outage stands.
enum Outage {
    ToCome,
    Until(Instant),
    Over,
}

/// Runs the demo. Returns whether everything held.
///
/// # Errors
/// When it cannot be set up or does not come to an end.
pub async fn run(args: DemoArgs) -> anyhow::Result<bool> {
    let scratch = args.folder.is_none().then(Scratch::new).transpose()?;
    let folder = match (&args.folder, &scratch) {
        (Some(folder), _) => folder.clone(),
        (None, Some(scratch)) => scratch.0.clone(),
        (None, None) => bail!("no folder for the hub"),
    };
    example::write_to(&folder).with_context(|| format!("cannot write the example to {}", folder.display()))?;
    drop(rustls::crypto::ring::default_provider().install_default());
    let client = reqwest::Client::builder().no_proxy().build()?;
    let (odoo_url, database, key, _standin) = raise_odoo(&args).await?;
    let odoo = Odoo::new(client.clone(), &odoo_url, &database, &key);
    let wire = Wire::lay(authority(&odoo_url)?).await?;
    let warehouse = Partner::new(Warehouse::new(WAREHOUSE_SECRET));
    let fleet = Partner::new(Fleet::new(FLEET_SECRET));
    let customer = Partner::new(Customer::new(CUSTOMER_SECRET));
    let partners = serve(warehouse.clone(), customer.clone()).await?;
    let environment = vec![
        ("ODOO_URL".to_owned(), format!("http://{}", wire.address)),
        ("ODOO_DATABASE".to_owned(), database),
        ("ODOO_KEY".to_owned(), key),
        ("WAREHOUSE_URL".to_owned(), format!("http://{}", partners.address)),
        ("CUSTOMER_URL".to_owned(), format!("http://{}/notifications", partners.address)),
        ("WAREHOUSE_SECRET".to_owned(), WAREHOUSE_SECRET.to_owned()),
        ("FLEET_SECRET".to_owned(), FLEET_SECRET.to_owned()),
        ("CUSTOMER_SECRET".to_owned(), CUSTOMER_SECRET.to_owned()),
    ];
    let hub = HubProcess::new(client.clone(), &folder, environment)?;
    let post = Post::new(client, &hub.ingress, usize::from(args.copies));
    let mut stage = Stage {
        kills_left: args.kills,
        outage: if args.outage == 0 { Outage::Over } else { Outage::ToCome },
        dice: Dice::new(args.seed),
        args,
        begun: Instant::now(),
        odoo,
        wire,
        warehouse,
        fleet,
        customer,
        post,
        hub,
        orders: Vec::new(),
        shipments: Vec::new(),
        senders: JoinSet::new(),
    };
    let result = stage.play(&folder.to_string_lossy()).await;
    if !matches!(result, Ok(true)) {
        // What went wrong can be looked at in the folder.
        std::mem::forget(scratch);
    }
    result
}

/// The address, database and key of the Odoo to use; starts the stand-in when none is named.
async fn raise_odoo(args: &DemoArgs) -> anyhow::Result<(String, String, String, Option<crossdock_sim::odoo::StandIn>)> {
    if let Some(url) = &args.odoo {
        let database = args.odoo_database.clone().unwrap_or_else(|| "odoo".to_owned());
        #[expect(clippy::disallowed_methods, reason = "the demo is part of the binary, which reads the environment")]
        let key = std::env::var(&args.odoo_key_env).with_context(|| {
            format!("put an API key of that Odoo into the environment variable {}", args.odoo_key_env)
        })?;
        return Ok((url.clone(), database, key, None));
    }
    let standin = crossdock_sim::odoo::StandIn::start(STANDIN_DATABASE, STANDIN_KEY).await?;
    let url = format!("http://{}", standin.address());
    Ok((url, STANDIN_DATABASE.to_owned(), STANDIN_KEY.to_owned(), Some(standin)))
}

fn authority(url: &str) -> anyhow::Result<String> {
    let rest =
        url.strip_prefix("http://").with_context(|| format!("{url}: the demo reaches Odoo over http:// only"))?;
    let authority = rest.split('/').next().unwrap_or(rest);
    Ok(if authority.contains(':') { authority.to_owned() } else { format!("{authority}:80") })
}

impl Stage {
    async fn play(&mut self, folder: &str) -> anyhow::Result<bool> {
        self.say("setting up Odoo: customers, products, stock, and the outbox that tells the hub of changes");
        let skus = self.odoo.prepare(CUSTOMERS, PRODUCTS, STOCK).await?;
        self.hub.run(&["odoo", "setup", folder]).await?;
        self.hub.start().await?;
        let console = self.hub.console.clone();
        self.say(&format!("the hub is running; its console is at http://{console}/"));
        self.trade(&skus).await?;
        self.settle().await?;
        let checks = self.judge(&skus).await?;
        let holds = checks.iter().all(|check| check.holds);
        self.show(&checks, holds).await?;
        if self.args.stay && holds {
            self.leave_a_problem().await?;
            self.say(&format!("the console is at http://{console}/; press Ctrl-C to end"));
            tokio::signal::ctrl_c().await?;
        }
        Ok(holds)
    }

    /// Sells, ships, drives and delivers until every order is through, with the weather on.
    async fn trade(&mut self, skus: &[String]) -> anyhow::Result<()> {
        let total = usize::from(self.args.orders);
        let mut shipped: BTreeSet<String> = BTreeSet::new();
        let deadline = self.begun + Duration::from_secs(self.args.limit);
        let mut told = 0;
        while shipped.len() < total || self.customer.lock().notifications().len() < total {
            if Instant::now() > deadline {
                let notified = self.customer.lock().notifications().len();
                bail!(
                    "not done after {} s: {} of {total} shipped, {notified} notified",
                    self.args.limit,
                    shipped.len()
                );
            }
            if self.orders.len() < total && self.orders.len() < shipped.len() + 3 * SALE {
                self.sell(total, skus).await?;
            }
            self.ship_released(&mut shipped).await;
            let everything_shipped = shipped.len() == total;
            let post = self.post.clone();
            post.collect(&mut self.dice, everything_shipped, &mut self.senders).await;
            self.weather(shipped.len(), total).await?;
            while self.senders.try_join_next().is_some() {}
            let notified = self.customer.lock().notifications().len();
            if notified >= told + (total / 10).max(1) {
                told = notified;
                self.say(&format!(
                    "{} orders confirmed, {} shipped, {notified} invoiced and notified",
                    self.orders.len(),
                    shipped.len()
                ));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        while self.senders.join_next().await.is_some() {}
        Ok(())
    }

    async fn sell(&mut self, total: usize, skus: &[String]) -> anyhow::Result<()> {
        let first = self.orders.len() + 1;
        let count = SALE.min(total - self.orders.len());
        let orders: Vec<Vec<(usize, u64)>> = (0..count)
            .map(|_| {
                let product = 1 + self.dice.below(PRODUCTS as u64 / 2) as usize;
                vec![(product, 1 + self.dice.below(5)), (product + PRODUCTS / 2, 2 + self.dice.below(5))]
            })
            .collect();
        let sold = self.odoo.sell(first, &orders, skus).await?;
        self.orders.extend(sold);
        Ok(())
    }

    /// The warehouse ships what was released to it: everything of the first line, mostly not all of the second.
    async fn ship_released(&mut self, shipped: &mut BTreeSet<String>) {
        let mut hooks = Vec::new();
        for order in &self.orders {
            if shipped.contains(&order.name) || self.warehouse.lock().order(&order.name).is_none() {
                continue;
            }
            shipped.insert(order.name.clone());
            let kept = self.dice.below(2).min(order.lines[1].1 - 1);
            let lines = vec![order.lines[0].clone(), (order.lines[1].0.clone(), order.lines[1].1 - kept)];
            let items: Vec<ShippedLine> =
                lines.iter().map(|(sku, quantity)| ShippedLine { sku: sku.clone(), quantity: *quantity }).collect();
            let now = now();
            let (number, hook) = self.warehouse.lock().ship(&order.name, &items, now);
            let route = format!("R{}", shipped.len().div_ceil(10));
            hooks.push(hook);
            hooks.push(self.fleet.lock().departed(&route, &number, &order.name, now));
            hooks.push(self.fleet.lock().proof(&route, &number, &order.name, "J. Receiver", now));
            let tracking = crossdock_sim::partners::tracking_number(&number);
            self.shipments.push(Shipment { order: order.name.clone(), tracking, lines, partial: kept > 0 });
        }
        self.post.drop_in(hooks).await;
    }

    /// Kills the hub and cuts Odoo off, spread over the run.
    async fn weather(&mut self, shipped: usize, total: usize) -> anyhow::Result<()> {
        let kills = usize::from(self.args.kills);
        let done = kills - usize::from(self.kills_left);
        let progress = shipped + self.customer.lock().notifications().len();
        let is_time = progress * (kills + 1) >= (done + 1) * total * 2 || (shipped > 0 && self.dice.below(400) == 0);
        if self.kills_left > 0 && shipped > 0 && is_time {
            tokio::time::sleep(Duration::from_millis(self.dice.below(300))).await;
            self.kills_left -= 1;
            self.hub.kill().await?;
            let begun = Instant::now();
            self.hub.start().await?;
            self.say(&format!("killed the hub (SIGKILL); it was back after {} ms", begun.elapsed().as_millis()));
        }
        match self.outage {
            Outage::ToCome if shipped * 2 >= total => {
                self.wire.cut(true);
                self.outage = Outage::Until(Instant::now() + Duration::from_secs(self.args.outage.into()));
                self.say(&format!("Odoo is out of reach for {} s", self.args.outage));
            }
            Outage::Until(end) if Instant::now() >= end => {
                self.wire.cut(false);
                self.outage = Outage::Over;
                self.say("Odoo is back");
            }
            _ => {}
        }
        Ok(())
    }

    /// Waits until the hub has nothing left to do.
    async fn settle(&mut self) -> anyhow::Result<()> {
        let deadline = self.begun + Duration::from_secs(self.args.limit);
        loop {
            let overview = self.hub.get("/api/overview").await?;
            let open = ["messages_waiting", "transmissions_open", "transmissions_held"]
                .iter()
                .map(|key| overview[*key].as_u64().unwrap_or(0))
                .sum::<u64>();
            if open == 0 || Instant::now() > deadline {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// A shipment of an order that Odoo does not know: something to look at and to resume in the console.
    async fn leave_a_problem(&mut self) -> anyhow::Result<()> {
        let lines = [ShippedLine { sku: "DEMO-01".to_owned(), quantity: 1 }];
        let (_, hook) = self.warehouse.lock().ship("S99999", &lines, now());
        self.post.drop_in(vec![hook]).await;
        let post = self.post.clone();
        post.collect(&mut self.dice, true, &mut self.senders).await;
        while self.senders.join_next().await.is_some() {}
        let deadline = Instant::now() + Duration::from_secs(60);
        while self.hub.get("/api/overview").await?["transmissions_paused"].as_u64() == Some(0) {
            if Instant::now() > deadline {
                bail!("the shipment of an unknown order was not paused");
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        self.say(
            "one shipment names an order that Odoo does not know; it is paused: see the console, or `crossdock paused`",
        );
        Ok(())
    }

    async fn judge(&self, skus: &[String]) -> anyhow::Result<Vec<Check>> {
        let releases = verdict::releases(&self.warehouse.lock());
        let notifications = verdict::notifications(&self.customer.lock());
        let evidence = Evidence {
            orders: &self.orders,
            shipments: &self.shipments,
            stock_before: STOCK,
            skus,
            odoo: &self.odoo,
            hub: &self.hub,
        };
        judge(&evidence, &releases, &notifications).await
    }

    async fn show(&self, checks: &[Check], holds: bool) -> anyhow::Result<()> {
        let seconds = self.begun.elapsed().as_secs_f64();
        let sent = self.post.sent.load(Ordering::Relaxed);
        let duplicates = self.post.duplicates.load(Ordering::Relaxed);
        let refused = self.post.refused.load(Ordering::Relaxed);
        if self.args.json {
            let report = json!({
                "holds": holds, "checks": checks, "orders": self.orders.len(), "webhooks_sent": sent,
                "webhooks_refused": refused, "kills": self.args.kills - self.kills_left, "seconds": seconds,
            });
            println!("{report:#}");
            return Ok(());
        }
        if let Some(order) = self.orders.first() {
            println!("\nThe story of {}:\n", order.name);
            let folder = self.hub.folder().to_string_lossy().into_owned();
            self.hub.show(&["trace", &order.name, "--hub", &folder]).await?;
            println!();
        }
        println!(
            "{} orders in {seconds:.1} s; {sent} webhooks sent ({duplicates} recognised as duplicates, {refused} refused), {} kills\n",
            self.orders.len(),
            self.args.kills - self.kills_left
        );
        for check in checks {
            let mark = if check.holds { "ok  " } else { "FAIL" };
            let cases = if check.cases.is_empty() { String::new() } else { format!("  ({})", check.cases.join(", ")) };
            println!("  {mark}  {:<45} {}{cases}", check.what, check.found);
        }
        println!();
        match holds {
            true => println!("Each order had its effects exactly once."),
            false => {
                println!("Some effects are missing or doubled. The hub's log is {}", self.hub.log_path().display())
            }
        }
        Ok(())
    }

    fn say(&self, text: &str) {
        if !self.args.json {
            println!("{:>7.1} s  {text}", self.begun.elapsed().as_secs_f64());
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the demo plays partners that have clocks of their own")]
fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}

/// A folder that goes away with the demo.
struct Scratch(PathBuf);

impl Scratch {
    #[expect(clippy::disallowed_methods, reason = "a fresh name for a scratch folder")]
    fn new() -> anyhow::Result<Self> {
        let path = std::env::temp_dir().join(format!("crossdock-demo-{}", uuid::Uuid::now_v7()));
        std::fs::create_dir_all(&path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // A leftover folder in the temporary directory does no harm.
        drop(std::fs::remove_dir_all(&self.0));
    }
}
