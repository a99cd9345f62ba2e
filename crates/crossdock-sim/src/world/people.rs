//! Who makes things happen: salespeople who take orders, packers and drivers, the webhooks that tell of it, and an
//! operator of the hub who resumes what is paused when its cause is mended.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crossdock_connect::endpoint::RawRequest;
use crossdock_core::ids::{MessageId, SystemName, TransmissionId};
use crossdock_core::job::{JobAction, JobFilter, JobPlan};
use crossdock_core::message::Rejection;
use crossdock_runtime::clock::Clock as _;
use crossdock_runtime::desk::{Actor, Desk, DeskError, ResumeScope};
use crossdock_runtime::intake::{Intake, Refusal};
use crossdock_store::{Page, Store as _, TransmissionFilter};

use super::clock::SimClock;
use super::dice::Dice;
use super::disk::Disk;
use super::faults::{PostFaults, Tally};
use super::office::{self, Order, PRODUCTS};
use super::programs::HandedIn;
use super::stage::Stage;
use super::trace::{Trace, tell};
use crate::partners::{Hook, ShippedLine, tracking_number};

/// How often a packer looks for what was released.
const PACKER_LOOKS: Duration = Duration::from_secs(2);
/// How often the operator looks for what is paused.
const OPERATOR_LOOKS: Duration = Duration::from_secs(30);
/// How long the operator waits before believing that nothing is on its way any more.
const DOUBT: Duration = Duration::from_secs(75);
/// Longest pause of a sender that was not heard.
pub(super) const SENDER_PAUSE_MAX: Duration = Duration::from_secs(60);

/// A shipment that left the warehouse, as the world knows it.
#[derive(Clone, Debug)]
pub struct Shipment {
    pub order: String,
    pub number: String,
    pub tracking: String,
    /// SKU and quantity.
    pub lines: Vec<(String, u64)>,
}

/// The people.
pub struct People {
    pub tally: Tally,
    pub(super) clock: SimClock,
    pub(super) trace: Arc<Trace>,
    stage: Arc<Stage>,
    /// What the hub's console shows to the operator.
    disk: Arc<Disk>,
    faults: PostFaults,
    orders_max: usize,
    /// Webhooks and submissions on their way.
    pub(super) under_way: AtomicUsize,
    state: Mutex<State>,
}

struct State {
    dice: Dice,
    /// Where the running hub takes requests and orders; `None` while none is running.
    door: Option<(Intake, Desk)>,
    orders: Vec<Order>,
    shipments: Vec<Shipment>,
    /// Shipments of them.
    strays: Vec<String>,
    /// Orders that nobody sold.
    unknown: BTreeSet<String>,
    accepted: BTreeSet<MessageId>,
    /// The message that each submission was answered with, by its key.
    answers: BTreeMap<String, MessageId>,
    /// What the door said to requests that must not be believed.
    believed: Vec<String>,
    /// How many things the operator did that the hub confirmed.
    actions: usize,
    is_calm: bool,
}

impl People {
    pub fn new(
        clock: SimClock,
        trace: Arc<Trace>,
        stage: Arc<Stage>,
        disk: Arc<Disk>,
        faults: PostFaults,
        orders_max: usize,
        dice: Dice,
    ) -> Arc<Self> {
        let state = State {
            dice,
            door: None,
            orders: Vec::new(),
            shipments: Vec::new(),
            strays: Vec::new(),
            unknown: BTreeSet::new(),
            accepted: BTreeSet::new(),
            answers: BTreeMap::new(),
            believed: Vec::new(),
            actions: 0,
            is_calm: false,
        };
        Arc::new(Self {
            tally: Tally::default(),
            clock,
            trace,
            stage,
            disk,
            faults,
            orders_max,
            under_way: AtomicUsize::new(0),
            state: Mutex::new(state),
        })
    }

    /// A hub is running: this is its door.
    pub fn open_door(&self, intake: Intake, desk: Desk) {
        self.lock().door = Some((intake, desk));
    }

    /// The hub is gone.
    pub fn shut_door(&self) {
        let door = self.lock().door.take();
        drop(door);
    }

    /// Faults of the post are over.
    pub fn calm(&self) {
        self.lock().is_calm = true;
    }

    /// Everybody begins to work.
    pub fn start(self: Arc<Self>) {
        tokio::spawn(self.clone().sell());
        tokio::spawn(self.clone().pack());
        tokio::spawn(self.operate());
    }

    /// Everything was sold and shipped, and every webhook was heard.
    pub fn are_done(&self) -> bool {
        let state = self.lock();
        let shipped: BTreeSet<&String> = state.shipments.iter().map(|shipment| &shipment.order).collect();
        state.orders.len() == self.orders_max
            && state.orders.iter().all(|order| shipped.contains(&order.name))
            && self.under_way.load(Ordering::Relaxed) == 0
    }

    pub fn orders(&self) -> Vec<Order> {
        self.lock().orders.clone()
    }

    pub fn shipments(&self) -> Vec<Shipment> {
        self.lock().shipments.clone()
    }

    /// Numbers of orders that nobody sold: what is about them may stay paused.
    pub fn unknown(&self) -> BTreeSet<String> {
        self.lock().unknown.clone()
    }

    /// Shipments of orders that nobody sold.
    pub fn strays(&self) -> Vec<String> {
        self.lock().strays.clone()
    }

    /// Messages that were answered with an id.
    pub fn accepted(&self) -> Vec<MessageId> {
        self.lock().accepted.iter().copied().collect()
    }

    /// Requests that were believed and must not have been.
    pub fn believed(&self) -> Vec<String> {
        self.lock().believed.clone()
    }

    /// How many things the operator did.
    pub fn actions(&self) -> usize {
        self.lock().actions
    }

    async fn sell(self: Arc<Self>) {
        for number in 1..=self.orders_max {
            let (pause, lines) = {
                let dice = &mut self.lock().dice;
                let pause = Duration::from_millis(dice.between(0, 8_000));
                let first = 1 + dice.below(PRODUCTS as u64 / 2) as usize;
                (pause, vec![(first, dice.between(1, 5)), (first + PRODUCTS / 2, dice.between(2, 6))])
            };
            self.clock.sleep(pause).await;
            let order = office::sell(&mut self.stage.lock().odoo, number, &lines, self.clock.true_now());
            tell!(self.trace, "office: sold {} {:?}", order.name, order.lines);
            self.lock().orders.push(order);
        }
    }

    /// Ships what is released: everything, or most of it now and the rest later.
    async fn pack(self: Arc<Self>) {
        let mut shipped = BTreeSet::new();
        while shipped.len() < self.orders_max {
            self.clock.sleep(PACKER_LOOKS).await;
            let released: Vec<Order> = {
                let (state, systems) = (self.lock(), self.stage.lock());
                let is_new =
                    |order: &&Order| !shipped.contains(&order.name) && systems.warehouse.order(&order.name).is_some();
                state.orders.iter().filter(is_new).cloned().collect()
            };
            for order in released {
                shipped.insert(order.name.clone());
                self.ship(&order);
            }
        }
    }

    fn ship(self: &Arc<Self>, order: &Order) {
        let (kept, comes_later) = {
            let dice = &mut self.lock().dice;
            (dice.below(2).min(order.lines[1].1 - 1), dice.permille(400))
        };
        let mut first = order.lines.clone();
        first[1].1 -= kept;
        self.leave(&order.name, &first);
        if kept > 0 && comes_later {
            self.leave(&order.name, &[(order.lines[1].0.clone(), kept)]);
        }
        self.mischief(order);
    }

    /// A shipment leaves, is driven and delivered; webhooks tell of it.
    fn leave(self: &Arc<Self>, order: &str, lines: &[(String, u64)]) {
        let items: Vec<ShippedLine> =
            lines.iter().map(|(sku, quantity)| ShippedLine { sku: sku.clone(), quantity: *quantity }).collect();
        let now = self.clock.true_now();
        let (number, hooks) = {
            let mut systems = self.stage.lock();
            let (number, shipped) = systems.warehouse.ship(order, &items, now);
            let departed = systems.fleet.departed("R1", &number, order, now);
            let proof = systems.fleet.proof("R1", &number, order, "J. Receiver", now);
            (number, [shipped, departed, proof])
        };
        tell!(self.trace, "warehouse: shipment {number} of {order}: {lines:?}");
        let tracking = tracking_number(&number);
        let shipment = Shipment { order: order.to_owned(), number, tracking, lines: lines.to_vec() };
        self.lock().shipments.push(shipment.clone());
        let (spread, by_api) = {
            let dice = &mut self.lock().dice;
            (Duration::from_millis(dice.below(self.faults.spread_ms + 1)), dice.permille(self.faults.by_api))
        };
        for (stage, hook) in hooks.into_iter().enumerate() {
            match stage == 0 && by_api {
                true => self.hand_in(&HandedIn::shipment(&shipment, now), spread),
                false => self.post(&hook, spread + Duration::from_secs(stage as u64 * 2)),
            }
        }
    }

    /// Things that should not be sent, and are.
    fn mischief(self: &Arc<Self>, order: &Order) {
        let (forged, unreadable, senseless) = {
            let (faults, state) = (&self.faults, &mut *self.lock());
            let calm = state.is_calm;
            let mut strikes = |chance: u32| !calm && state.dice.permille(chance);
            (strikes(faults.forged), strikes(faults.unreadable), strikes(faults.senseless))
        };
        let now = self.clock.true_now();
        let items = [ShippedLine { sku: office::sku(1), quantity: 1 }];
        if forged {
            self.tally.add("forged webhook");
            let (_, mut hook) = self.stage.lock().warehouse.ship(&order.name, &items, now);
            hook.forge();
            self.post(&hook, Duration::ZERO);
        }
        if unreadable {
            self.tally.add("poison message");
            let hook = self.stage.lock().fleet.nonsense(now);
            self.post(&hook, Duration::ZERO);
        }
        if senseless {
            self.tally.add("shipment of an unknown order");
            let unknown = format!("X-{}", order.name);
            let (number, hook) = self.stage.lock().warehouse.ship(&unknown, &items, now);
            let mut state = self.lock();
            state.unknown.insert(unknown);
            state.strays.push(number);
            drop(state);
            self.post(&hook, Duration::ZERO);
        }
    }

    /// When each copy of something sent arrives, from now on.
    pub(super) fn ways(&self, after: Duration) -> Vec<Duration> {
        let state = &mut *self.lock();
        let copies = if state.is_calm { 1 } else { state.dice.between(1, self.faults.copies_max.max(1)) };
        let delay_ms_max = if state.is_calm { 0 } else { self.faults.delay_ms_max };
        (0..copies).map(|_| after + Duration::from_millis(state.dice.below(delay_ms_max + 1))).collect()
    }

    /// The desk of the running hub.
    pub(super) fn desk(&self) -> Option<Desk> {
        self.lock().door.as_ref().map(|(_, desk)| desk.clone())
    }

    /// Something was answered that must not have been.
    pub(super) fn complain(&self, told: String) {
        self.lock().believed.push(told);
    }

    /// A submission was answered with a message: always the same for the same key.
    pub(super) fn answered(&self, key: &str, message: MessageId) {
        let state = &mut *self.lock();
        state.accepted.insert(message);
        let first = *state.answers.entry(key.to_owned()).or_insert(message);
        if first != message {
            state.believed.push(format!("I2: the submission {key} was answered with {message} and with {first}"));
        }
    }

    /// Sends a webhook, perhaps several times, each on its own way.
    fn post(self: &Arc<Self>, hook: &Hook, after: Duration) {
        for (copy, way) in self.ways(after).into_iter().enumerate() {
            if copy > 0 {
                self.tally.add("duplicate webhook");
            }
            self.under_way.fetch_add(1, Ordering::Relaxed);
            let (people, hook) = (self.clone(), hook.clone());
            tokio::spawn(async move {
                people.clock.sleep(way).await;
                people.deliver(&hook).await;
                people.under_way.fetch_sub(1, Ordering::Relaxed);
            });
        }
    }

    /// Sends until it is heard, as a careful sender does.
    async fn deliver(&self, hook: &Hook) {
        let mut pause = Duration::from_millis(250);
        loop {
            let door = self.lock().door.clone();
            if let Some((intake, _)) = door
                && self.knock(&intake, hook).await
            {
                return;
            }
            self.clock.sleep(pause).await;
            pause = (pause * 2).min(SENDER_PAUSE_MAX);
        }
    }

    /// One request. True when there is nothing more to do about the webhook.
    async fn knock(&self, intake: &Intake, hook: &Hook) -> bool {
        let system = hook.path.trim_start_matches("/in/");
        let headers = hook.headers(self.clock.true_now()).into_iter();
        let request = RawRequest {
            method: "POST".to_owned(),
            channel: String::new(),
            url: format!("http://hub.test{}", hook.path),
            query: Vec::new(),
            headers: headers.map(|(name, value)| (name.to_lowercase(), value)).collect(),
            body: hook.body.clone(),
        };
        let answer = intake.accept(&SystemName::from(system), &request).await;
        match answer {
            Ok(accepted) => {
                let ids: Vec<MessageId> = accepted.messages.iter().map(|message| message.id).collect();
                tell!(self.trace, "door: {} {} accepted {ids:?}", hook.path, hook.id);
                let mut state = self.lock();
                state.accepted.extend(ids);
                if hook.is_forged() {
                    state.believed.push(format!("a forged webhook {} was believed", hook.id));
                }
                true
            }
            Err(Refusal::Rejected(reject)) => {
                tell!(self.trace, "door: {} {} rejected: {}", hook.path, hook.id, reject.reason);
                let (status, code) = (reject.status, reject.code.to_owned());
                intake.record(Rejection {
                    system: Some(SystemName::from(system)),
                    at: intake.now(),
                    status,
                    code,
                    reason: reject.reason,
                    path: hook.path.to_owned(),
                    peer: None,
                    body_bytes: hook.body.len() as u64,
                });
                // A sender whose clock the hub does not believe tries again; a forger gives up.
                hook.is_forged()
            }
            Err(refusal @ (Refusal::Shut { .. } | Refusal::TryAgain { .. })) => {
                let reason = refusal.to_string();
                tell!(self.trace, "door: {} {} to come again: {reason}", hook.path, hook.id);
                false
            }
        }
    }

    /// Looks after what is paused, and resumes it. What may have taken effect is not simply sent again: the operator
    /// waits until nothing can be on its way any more, looks into the billing engine, and decides.
    async fn operate(self: Arc<Self>) {
        let actor = Actor { name: "ada".to_owned(), reason: Some("the cause is mended".to_owned()) };
        let mut since: BTreeMap<TransmissionId, Duration> = BTreeMap::new();
        loop {
            self.clock.sleep(OPERATOR_LOOKS).await;
            let Some((_, desk)) = self.lock().door.clone() else { continue };
            let filter = TransmissionFilter { state: Some("paused".to_owned()), ..TransmissionFilter::default() };
            let paused = self.disk.store.transmissions(&filter, Page::first(1_000)).unwrap_or_default();
            let (doubtful, plain): (Vec<_>, Vec<_>) =
                paused.into_iter().partition(|it| it.in_doubt && it.operation == "request.send_once");
            let now = self.clock.elapsed();
            since.retain(|id, _| doubtful.iter().any(|it| it.id == *id));
            for it in &doubtful {
                if now.saturating_sub(*since.entry(it.id).or_insert(now)) < DOUBT {
                    continue;
                }
                let shipment = it.about.key.clone();
                let is_billed = self.stage.lock().billing.journal().contains(&shipment);
                tell!(self.trace, "operator: {} of shipment {shipment}: billed is {is_billed}", it.id);
                match is_billed {
                    true => self.count(desk.cancel(it.id, &actor).await.map(|()| 1)),
                    // It was looked for there: sending it again does it once.
                    false => self.resume(&desk, ResumeScope::Transmissions(vec![it.id]), true, &actor).await,
                }
            }
            let ids: Vec<TransmissionId> = plain.iter().map(|it| it.id).collect();
            match plain.first() {
                None => {}
                Some(first) if self.lock().dice.permille(500) => self.start_job(&desk, &first.system, &actor).await,
                Some(_) => self.resume(&desk, ResumeScope::Transmissions(ids), false, &actor).await,
            }
            for state in self.disk.store.system_states().unwrap_or_default() {
                // Resuming a system resumes what is paused at it.
                let is_clear = doubtful.iter().all(|it| it.system != state.system);
                if state.paused.is_some() && is_clear {
                    self.resume(&desk, ResumeScope::System(state.system), false, &actor).await;
                }
            }
        }
    }

    /// Has the hub resume what is paused at a system, slowly: it goes on with it after a crash.
    async fn start_job(&self, desk: &Desk, system: &SystemName, actor: &Actor) {
        let plan = JobPlan {
            action: JobAction::Resume,
            filter: JobFilter { system: Some(system.clone()), ..JobFilter::default() },
            rate_per_s: NonZeroU32::MIN,
            in_doubt: false,
            by: actor.name.clone(),
            reason: actor.reason.clone().unwrap_or_default(),
        };
        let started = desk.start_job(&plan, actor).await;
        if started.is_ok() {
            self.tally.add("job over what is paused");
            tell!(self.trace, "operator: a job at {system}");
        }
        self.count(started.map(|_| 1));
    }

    async fn resume(&self, desk: &Desk, scope: ResumeScope, in_doubt: bool, actor: &Actor) {
        let resumed = desk.resume_these(&scope, in_doubt, actor).await;
        if let Ok(resumed) = &resumed {
            tell!(self.trace, "operator: {resumed:?}");
        }
        self.count(resumed.map(|resumed| resumed.transmissions.len() + resumed.systems.len()));
    }

    /// Counts what the hub confirmed.
    fn count(&self, done: Result<usize, DeskError>) {
        match done {
            Ok(count) => self.lock().actions += count,
            Err(error) => tell!(self.trace, "operator: {error}"),
        }
    }

    /// Which shipments there are of each order, in the order in which they left.
    pub fn by_order(&self) -> BTreeMap<String, Vec<Shipment>> {
        let mut orders: BTreeMap<String, Vec<Shipment>> = BTreeMap::new();
        for shipment in self.shipments() {
            orders.entry(shipment.order.clone()).or_default().push(shipment);
        }
        orders
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
