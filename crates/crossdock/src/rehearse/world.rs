//! One world of a rehearsal: the copy of the folder, the hub as a process of its own, a simulated partner a system, and
//! the letters to send. A rehearsal makes two of them: one calm, to see what should happen, and one in the storm.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::bail;
use crossdock_sim::odoo::Odoo;
use crossdock_sim::site::{Behind, Ledger, Site, State};
use tokio::task::JoinSet;

use super::copy::{self, Copied, ODOO_DATABASE, ODOO_KEY};
use super::orders::{Orders, Wanted};
use super::silence::{self, Withheld};
use super::story::{Door, Letter, Story, renumbered};
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
    /// By story: those that are told as they are, then those that are told without one message.
    pub letters: Vec<Vec<Letter>>,
    /// How many stories are told as they are.
    pub stories: usize,
    /// The stories that are told without one message, with what is withheld.
    pub withheld: Vec<(usize, Withheld)>,
    /// Why parts of the story are not told, by part.
    pub left_out: BTreeMap<usize, String>,
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
    /// When each letter was first taken, by story and part.
    pub taken: Mutex<BTreeMap<(usize, usize), Instant>>,
    pub refused: AtomicU64,
    /// Tries that met no hub, or one that asked for patience.
    pub retried: AtomicU64,
}

impl World {
    /// Lays the copy, opens the partners, takes the orders and writes the letters. The hub is not started yet.
    /// `with_silence` adds a story for each kind of message that can be withheld.
    ///
    /// # Errors
    /// When something of that cannot be done.
    pub async fn raise(script: &Script<'_>, target: &Path, with_silence: bool) -> anyhow::Result<Self> {
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
        let order_systems = order_systems(script, &connectors);
        let kinds = if with_silence { silence::kinds(script.story, &order_systems) } else { Vec::new() };
        let stories = script.stories + kinds.len();
        let orders = take_orders(script, &order_systems, &sites, (&client, stories)).await?;
        let laid = Folder::read(target, false)?;
        let doors = doors(&laid, &copied)?;
        let Written { letters, stories_by_key, left_out } = write_letters(script, stories, &orders, &doors);
        // What reads the same in every story was told once, and what no connector takes not at all.
        let can_be_withheld = |(story, it): &(usize, Withheld)| {
            it.part.is_none_or(|part| letters[*story].iter().any(|letter| letter.part == part))
        };
        let withheld = (script.stories..).zip(kinds).filter(can_be_withheld).collect();
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
        let called = BTreeSet::new();
        let stories = script.stories;
        Ok(Self { hub, copied, sites, orders, letters, stories, withheld, left_out, stories_by_key, post, called })
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
        let all: Vec<usize> = (0..self.stories).collect();
        for orders in self.orders.values() {
            orders.confirm(&all).await?;
        }
        self.rest(Duration::from_secs(60)).await?;
        let told = &self.letters[..self.stories];
        let parts = told.iter().map(Vec::len).max().unwrap_or(0);
        for part in 0..parts {
            say(&format!("a calm day first: part {} of {parts} of the story", part + 1));
            let letters: Vec<Letter> = told.iter().filter_map(|story| story.get(part)).cloned().collect();
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
        // What is fetched from an Odoo comes at its own pace; what is sent to the hub is there.
        let (looks, pause) = if self.orders.is_empty() { (3, 60) } else { (4, 250) };
        let begun = Instant::now();
        let mut quiet = 0;
        while quiet < looks {
            if begun.elapsed() > limit {
                bail!("the hub still works after {} s; its log is {}", limit.as_secs(), self.hub.log_path().display());
            }
            quiet = if self.open().await? == 0 { quiet + 1 } else { 0 };
            tokio::time::sleep(Duration::from_millis(pause)).await;
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
        Self { client, ingress, accepted: zero(), taken: Mutex::default(), refused: zero(), retried: zero() }
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
                    let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
                    taken.entry((letter.story, letter.part)).or_insert_with(Instant::now);
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

fn doors(laid: &Folder, copied: &Copied) -> anyhow::Result<BTreeMap<String, Door>> {
    let Some(plan) = copied.compile(laid).plan else { bail!("the copy for the rehearsal does not compile") };
    let door = |(name, system): (crossdock_core::ids::SystemName, crossdock_runtime::plan::SystemPlan)| {
        let door = Door::of(laid, name.as_str(), copied.secret(name.as_str()), system.endpoint)?;
        Some((name.as_str().to_owned(), door))
    };
    Ok(plan.systems.into_iter().filter_map(door).collect())
}

/// The recorded sales order of a system.
fn wanted(script: &Script<'_>, system: &str) -> Option<Wanted> {
    script.story.parts.iter().filter(|part| part.system == system).find_map(Wanted::of)
}

/// The Odoos in which orders are taken.
fn order_systems(script: &Script<'_>, connectors: &BTreeMap<String, String>) -> BTreeSet<String> {
    let odoos = connectors.iter().filter(|(_, connector)| *connector == "odoo").map(|(name, _)| name);
    odoos.filter(|name| wanted(script, name).is_some()).cloned().collect()
}

async fn take_orders(
    script: &Script<'_>,
    systems: &BTreeSet<String>,
    sites: &BTreeMap<String, Site>,
    (client, stories): (&reqwest::Client, usize),
) -> anyhow::Result<BTreeMap<String, Orders>> {
    let mut orders = BTreeMap::new();
    for name in systems {
        if let (Some(wanted), Some(site)) = (wanted(script, name), sites.get(name)) {
            let url = format!("http://{}", site.calm_address);
            orders.insert(name.clone(), Orders::take(client.clone(), &url, &wanted, stories).await?);
        }
    }
    Ok(orders)
}

/// All letters of a world.
struct Written {
    letters: Vec<Vec<Letter>>,
    stories_by_key: BTreeMap<String, usize>,
    left_out: BTreeMap<usize, String>,
}

fn write_letters(
    script: &Script<'_>,
    stories: usize,
    orders: &BTreeMap<String, Orders>,
    doors: &BTreeMap<String, Door>,
) -> Written {
    let mut stories_by_key = BTreeMap::new();
    let mut seen = BTreeSet::new();
    let (mut letters, mut left_out) = (Vec::new(), BTreeMap::new());
    for number in 0..stories {
        let mut renamed = BTreeMap::new();
        for (system, orders) in orders {
            if let (Some(wanted), Some((_, name))) = (wanted(script, system), orders.taken.get(number)) {
                renamed.insert(wanted.name, name.clone());
            }
        }
        for key in &script.story.keys {
            let name = renamed.get(key).cloned().unwrap_or_else(|| renumbered(key, number));
            stories_by_key.insert(name, number);
        }
        let (mut told, left) = script.story.letters(number, &renamed, doors);
        // What is the same in every telling is sent once.
        told.retain(|letter| seen.insert((letter.system.clone(), letter.dedup_key.clone())));
        letters.push(told);
        left_out = left;
    }
    Written { letters, stories_by_key, left_out }
}
