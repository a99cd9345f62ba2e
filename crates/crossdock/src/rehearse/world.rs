//! One world of a rehearsal: the copy of the folder, the hub as a process of its own, a simulated partner a system, and
//! the letters to send. A rehearsal makes two of them: one calm, to see what should happen, and one in the storm.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::bail;
use crossdock_connect::endpoint::Endpoint;
use crossdock_sim::odoo::Odoo;
use crossdock_sim::site::{Behind, Ledger, Site, State};
use tokio::task::JoinSet;

use super::copy::{self, Copied, ODOO_DATABASE, ODOO_KEY};
use super::orders::{Orders, Wanted};
use super::story::{Letter, Seal, Story, renumbered};
use crate::config::env::Environment;
use crate::config::folder::{Folder, Kind};
use crate::demo::process::HubProcess;

/// Pause between a sender's tries.
const RETRY_PAUSE: Duration = Duration::from_millis(100);
/// Letters under way at once on a calm day.
const CALM_SENDERS: usize = 8;

/// What a world is made of.
pub struct Script<'a> {
    pub folder: &'a Folder,
    pub env: &'a Environment<'a>,
    pub story: &'a Story,
    pub stories: usize,
    pub seed: u64,
}

/// One world.
pub struct World {
    pub hub: HubProcess,
    pub copied: Copied,
    pub sites: BTreeMap<String, Site>,
    pub orders: BTreeMap<String, Orders>,
    /// By story.
    pub letters: Vec<Vec<Letter>>,
    /// Which story a key belongs to.
    pub stories_by_key: BTreeMap<String, usize>,
    pub post: Arc<Post>,
    /// Systems that the hub is known to call.
    pub called: BTreeSet<String>,
}

/// Delivers letters, each until the hub has answered.
pub struct Post {
    client: reqwest::Client,
    ingress: String,
    pub accepted: AtomicU64,
    pub refused: AtomicU64,
    /// Tries that met no hub, or one that asked for patience.
    pub retried: AtomicU64,
}

impl World {
    /// Lays the copy, opens the partners, takes the orders and writes the letters. The hub is not started yet.
    ///
    /// # Errors
    /// When something of that cannot be done.
    pub async fn raise(script: &Script<'_>, target: &Path) -> anyhow::Result<Self> {
        let client = reqwest::Client::builder().no_proxy().build()?;
        let connectors = connectors(script.folder);
        let mut sites = BTreeMap::new();
        for (n, (name, connector)) in connectors.iter().enumerate() {
            let behind = match connector.as_str() {
                "odoo" => Behind::Odoo(Box::new(Odoo::new(ODOO_DATABASE, ODOO_KEY))),
                _ => Behind::Anything(Ledger::default()),
            };
            sites.insert(name.clone(), Site::open(State::new(behind, script.seed.wrapping_add(n as u64))).await?);
        }
        let addresses: BTreeMap<String, SocketAddr> =
            sites.iter().map(|(name, site)| (name.clone(), site.address)).collect();
        let mut copied = copy::lay(script.folder, script.env, target, &addresses)?;
        let environment: Vec<(String, String)> = copied.secrets.clone().into_iter().collect();
        let mut hub = HubProcess::new(client.clone(), target, environment)?;
        hub.loopback_only = true;
        let orders = take_orders(script, &connectors, &sites, &client).await?;
        let laid = Folder::read(target, false)?;
        let doors = doors(&laid, &copied)?;
        let (letters, stories_by_key) = write_letters(script, &orders, &doors);
        for (system, _) in connectors.iter().filter(|(_, connector)| *connector == "odoo") {
            let mut channels: BTreeSet<&str> = BTreeSet::new();
            channels.extend(script.story.parts.iter().filter(|part| part.system == *system).map(|part| &*part.channel));
            if orders.contains_key(system) {
                channels.remove("sale.order");
            }
            for channel in channels {
                copied.notes.push(format!("{system}: nothing is told on channel {channel}; orders are on sale.order"));
            }
        }
        let post = Arc::new(Post::new(client, &hub.ingress));
        Ok(Self { hub, copied, sites, orders, letters, stories_by_key, post, called: BTreeSet::new() })
    }

    /// Installs what the hub needs in the Odoos, and starts it.
    ///
    /// # Errors
    /// When that fails.
    pub async fn start(&mut self) -> anyhow::Result<()> {
        let folder = self.hub.folder().to_string_lossy().into_owned();
        for (name, site) in &self.sites {
            let is_odoo = site.state().odoo().is_some();
            if is_odoo && self.captures(name) {
                self.hub.run(&["odoo", "setup", &folder, "--system", name]).await?;
            }
        }
        self.hub.start().await
    }

    fn captures(&self, system: &str) -> bool {
        let text = std::fs::read_to_string(self.hub.folder().join(format!("systems/{system}.yaml")));
        text.is_ok_and(|text| text.contains("\"capture\"") && !text.contains("sweep"))
    }

    /// Tells every story once, in order, with nothing going wrong.
    ///
    /// # Errors
    /// When the hub does not come to rest.
    pub async fn calm_day(&mut self, say: &dyn Fn(&str)) -> anyhow::Result<()> {
        let all: Vec<usize> = (0..self.letters.len()).collect();
        for orders in self.orders.values() {
            orders.confirm(&all).await?;
        }
        self.rest(Duration::from_secs(60)).await?;
        let parts = self.letters.iter().map(Vec::len).max().unwrap_or(0);
        for part in 0..parts {
            say(&format!("a calm day first: part {} of {parts} of the story", part + 1));
            let letters: Vec<Letter> = self.letters.iter().filter_map(|story| story.get(part)).cloned().collect();
            for some in letters.chunks(CALM_SENDERS) {
                let mut senders = JoinSet::new();
                for letter in some {
                    let (post, letter) = (self.post.clone(), letter.clone());
                    senders.spawn(async move { post.deliver(&letter).await });
                }
                senders.join_all().await;
            }
            self.rest(Duration::from_secs(60)).await?;
        }
        Ok(())
    }

    /// The systems that were called so far.
    pub fn called(&self) -> BTreeSet<String> {
        self.sites.iter().filter(|(_, site)| site.state().good > 0).map(|(name, _)| name.clone()).collect()
    }

    /// Waits until the hub has nothing to do for a while.
    ///
    /// # Errors
    /// When it still has after `limit`.
    pub async fn rest(&self, limit: Duration) -> anyhow::Result<()> {
        let begun = Instant::now();
        let mut quiet = 0;
        while quiet < 4 {
            if begun.elapsed() > limit {
                bail!("the hub still works after {} s; its log is {}", limit.as_secs(), self.hub.log_path().display());
            }
            quiet = if self.open().await? == 0 { quiet + 1 } else { 0 };
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
        Ok(())
    }

    /// Messages that wait and transmissions that are owed.
    ///
    /// # Errors
    /// When the hub does not answer.
    pub async fn open(&self) -> anyhow::Result<u64> {
        let overview = self.hub.get("/api/overview").await?;
        Ok(["messages_waiting", "transmissions_open"].iter().map(|key| overview[*key].as_u64().unwrap_or(0)).sum())
    }
}

impl Post {
    fn new(client: reqwest::Client, ingress: &str) -> Self {
        let zero = AtomicU64::default;
        let ingress = ingress.to_owned();
        Self { client, ingress, accepted: zero(), refused: zero(), retried: zero() }
    }

    /// Sends a letter until the hub has answered, as a careful sender does.
    pub async fn deliver(&self, letter: &Letter) {
        loop {
            let Ok((headers, path)) = letter.sealed(&self.ingress) else { return };
            let mut request = self.client.post(format!("http://{}{path}", self.ingress));
            for (name, value) in headers {
                request = request.header(name, value);
            }
            match request.body(letter.body.clone()).timeout(Duration::from_secs(10)).send().await {
                Ok(answer) if answer.status().is_success() => {
                    self.accepted.fetch_add(1, Ordering::Relaxed);
                    return;
                }
                Ok(answer) if answer.status().is_client_error() && answer.status() != 429 => {
                    self.refused.fetch_add(1, Ordering::Relaxed);
                    return;
                }
                _ => {
                    self.retried.fetch_add(1, Ordering::Relaxed);
                    tokio::time::sleep(RETRY_PAUSE).await;
                }
            }
        }
    }
}

/// The connector of each system.
fn connectors(folder: &Folder) -> BTreeMap<String, String> {
    let connector = |file: &crate::config::folder::File| {
        let connector = file.node.as_ref()?.get("connector")?.text()?;
        Some((file.name.clone(), connector.to_owned()))
    };
    folder.of_kind(Kind::System).filter_map(connector).collect()
}

type Doors = BTreeMap<String, (Arc<dyn Endpoint>, Seal)>;

fn doors(laid: &Folder, copied: &Copied) -> anyhow::Result<Doors> {
    let Some(plan) = copied.compile(laid).plan else { bail!("the copy for the rehearsal does not compile") };
    let door = |(name, system): (crossdock_core::ids::SystemName, crossdock_runtime::plan::SystemPlan)| {
        let seal = Seal::of(laid, name.as_str(), copied.secret(name.as_str()))?;
        Some((name.as_str().to_owned(), (system.endpoint, seal)))
    };
    Ok(plan.systems.into_iter().filter_map(door).collect())
}

async fn take_orders(
    script: &Script<'_>,
    connectors: &BTreeMap<String, String>,
    sites: &BTreeMap<String, Site>,
    client: &reqwest::Client,
) -> anyhow::Result<BTreeMap<String, Orders>> {
    let mut orders = BTreeMap::new();
    for name in connectors.iter().filter(|(_, connector)| *connector == "odoo").map(|(name, _)| name) {
        let wanted = script.story.parts.iter().filter(|part| part.system == *name).find_map(Wanted::of);
        if let (Some(wanted), Some(site)) = (wanted, sites.get(name)) {
            let url = format!("http://{}", site.calm_address);
            orders.insert(name.clone(), Orders::take(client.clone(), &url, &wanted, script.stories).await?);
        }
    }
    Ok(orders)
}

fn write_letters(
    script: &Script<'_>,
    orders: &BTreeMap<String, Orders>,
    doors: &Doors,
) -> (Vec<Vec<Letter>>, BTreeMap<String, usize>) {
    let mut stories_by_key = BTreeMap::new();
    let mut seen = BTreeSet::new();
    let mut letters = Vec::new();
    for number in 0..script.stories {
        let mut renamed = BTreeMap::new();
        for (system, orders) in orders {
            let wanted = script.story.parts.iter().filter(|part| part.system == *system).find_map(Wanted::of);
            if let (Some(wanted), Some((_, name))) = (wanted, orders.taken.get(number)) {
                renamed.insert(wanted.name, name.clone());
            }
        }
        for key in &script.story.keys {
            let name = renamed.get(key).cloned().unwrap_or_else(|| renumbered(key, number));
            stories_by_key.insert(name, number);
        }
        let mut told = script.story.letters(number, &renamed, doors);
        // What is the same in every telling is sent once.
        told.retain(|letter| seen.insert((letter.system.clone(), letter.dedup_key.clone())));
        letters.push(told);
    }
    (letters, stories_by_key)
}
