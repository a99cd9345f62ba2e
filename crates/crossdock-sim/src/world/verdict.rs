//! The end of a world: what the hub's records say, and what the partners hold. Lost, doubled, out of order, never at
//! rest: each is told.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError};

use crossdock_core::changeset::{Change, Changeset, TimerPurpose};
use crossdock_core::event::{EntityRef, Event, Standing};
use crossdock_core::exception::{Exception, ExceptionStatus};
use crossdock_core::ids::TransmissionId;
use crossdock_core::invariants;
use crossdock_core::message::{MessageState, StoredMessage};
use crossdock_core::record::RecordKind;
use crossdock_core::transmission::{Transmission, TransmissionState};
use crossdock_runtime::router::Router;
use crossdock_runtime::shell::Shell;
use crossdock_store::{
    ExceptionFilter, MemoryStore, MessageFilter, Page, RecordFilter, Store as _, TransmissionFilter,
};

use super::World;
use super::limits;
use super::office::{self, STOCK};
use super::wire::host_of;

/// Rows read at the end of a world; there are far fewer.
const ALL: usize = 100_000;

/// What the hub still has to do.
pub fn open(world: &World) -> Vec<String> {
    let unknown = world.people.unknown();
    let mut open: Vec<String> = running_jobs(world).map(|job| format!("job {job} is running")).collect();
    if !unknown.is_empty() || !is_idle(world) {
        open.extend(looked_at(world, &unknown));
    }
    open
}

/// Jobs that have not come to their end.
fn running_jobs(world: &World) -> impl Iterator<Item = String> {
    let filter = RecordFilter { open: Some(true), ..RecordFilter::of(RecordKind::Job) };
    let records = world.disk.store.records(&filter, Page::first(ALL)).expect("the store in memory reads");
    records.into_iter().map(|record| record.id)
}

/// By its figures: nothing waits, nothing is owed. Asked often, so it costs little.
fn is_idle(world: &World) -> bool {
    let counts = world.disk.store.counts().expect("the store in memory reads");
    counts.systems.values().all(|system| {
        let none = |figures: &BTreeMap<String, u64>, word: &str| figures.get(word).is_none_or(|count| *count == 0);
        none(&system.messages, "waiting")
            && ["owed", "sending", "held", "paused"].iter().all(|word| none(&system.transmissions, word))
    })
}

fn looked_at(world: &World, unknown: &BTreeSet<String>) -> Vec<String> {
    let mut open: Vec<String> = messages(world)
        .into_iter()
        .filter(|message| message.state == MessageState::Waiting)
        .map(|message| format!("message {} is waiting", message.message.dedup_key))
        .collect();
    for it in transmissions(world) {
        // What nobody can mend stays paused, or held for what is.
        let is_senseless = it.input_order().is_some_and(|order| unknown.contains(&order));
        if !it.state.is_final() && !is_senseless {
            let problem = it.last_problem.as_deref().unwrap_or("no problem");
            open.push(format!("{} of {} is {}: {problem}", it.id, it.flow, it.state.word()));
        }
    }
    open
}

/// How many transmissions took effect.
pub fn done(world: &World) -> usize {
    transmissions(world).iter().filter(|it| it.state == TransmissionState::Done).count()
}

/// Everything that is wrong with a world that has come to its end.
pub fn judge(world: &World) -> Vec<String> {
    let mut wrong = records(world);
    wrong.extend(outside(world));
    wrong
}

/// The invariants over all records.
fn records(world: &World) -> Vec<String> {
    let store = &world.disk.store;
    let (messages, transmissions) = (messages(world), transmissions(world));
    let told = told(world);
    let timers: BTreeSet<TransmissionId> = store
        .due_timers(jiff::Timestamp::MAX, ALL)
        .expect("the store in memory reads")
        .into_iter()
        .map(|timer| match timer.purpose {
            TimerPurpose::HeldTooLong { transmission } => transmission,
        })
        .collect();
    let attempts: Vec<_> =
        transmissions.iter().flat_map(|it| store.attempts(it.id).expect("the store in memory reads")).collect();
    let audit = store.audit(0, ALL).expect("the store in memory reads");
    let mut wrong = invariants::i1_messages_are_accounted_for(&world.people.accepted(), &messages);
    wrong.extend(invariants::i2_dedup_keys_are_unique(&messages));
    wrong.extend(invariants::i2_accepted_once(&attempts));
    wrong.extend(invariants::i4_what_is_held_is_watched(&transmissions, &timers, &told));
    wrong.extend(invariants::i7_nothing_is_dropped(&transmissions));
    wrong.extend(invariants::i7_what_is_paused_is_told(&transmissions, &told));
    wrong.extend(invariants::i8_audit_chain_verifies(&audit));
    if audit.len() < world.people.actions() {
        wrong.push(format!("I8: {} actions left {} audit records", world.people.actions(), audit.len()));
    }
    let rules = world.seams.rules.as_ref().unwrap_or(&world.plans[0]);
    for (host, peak) in world.network.peaks() {
        let system = host.split('.').next().unwrap_or_default();
        if let Some((_, plan)) = rules.systems.iter().find(|(name, _)| name.as_str() == system) {
            // The polls of a system come on top of its transmissions.
            let most = plan.concurrency_max + plan.endpoint.polls().len();
            wrong.extend(invariants::i10_no_more_at_once(&format!("calls to {}", host_of(&host)), peak, most));
        }
    }
    // Who looks at a wrong clock writes down wrong times.
    if world.faults.weather.clock_jumps == 0 {
        let starts = world.starts.lock().unwrap_or_else(PoisonError::into_inner);
        wrong.extend(limits::exceeded(rules, &transmissions, &attempts, &starts));
    }
    wrong.extend(world.people.believed());
    wrong.extend(replayed(world, &messages));
    wrong
}

/// What came in is routed once more by a router that knows nothing: it makes the same events (I9).
fn replayed(world: &World, messages: &[StoredMessage]) -> Vec<String> {
    let told = |stored: &&StoredMessage| {
        // What was kept long enough can no longer be read.
        stored.message.cause.is_none()
            && stored.removed.is_none()
            && matches!(stored.state, MessageState::Translated { .. })
    };
    let mut inbound: Vec<&StoredMessage> = messages.iter().filter(told).collect();
    inbound.sort_by_key(|stored| stored.position);
    let store = Arc::new(MemoryStore::new());
    for stored in &inbound {
        let accept = Changeset::new().with(Change::AcceptMessage(stored.message.clone()));
        store.commit(accept).expect("the store in memory writes");
    }
    let shell = Arc::new(Shell::new(store.clone(), Arc::new(world.clock.clone()), world.plans[0].clone()));
    let mut router = Router::new(shell).expect("the store in memory reads");
    while router.turn().expect("the store in memory works") > 0 {}
    let mut wrong = Vec::new();
    for stored in inbound {
        let id = stored.message.id;
        let made = |store: &MemoryStore| -> Vec<Event> {
            let events = store.events_of_message(id).expect("the store in memory reads");
            events.into_iter().map(|stored| said(stored.event)).collect()
        };
        wrong.extend(invariants::i9_replay_is_deterministic(&made(&world.disk.store), &made(&store)));
    }
    wrong
}

/// What the message says in an event, without what depends on what was known before it came.
fn said(mut event: Event) -> Event {
    (event.first, event.out_of_order, event.standing) = (false, false, Standing::default());
    event
}

/// What the partners hold: each effect once, in order.
fn outside(world: &World) -> Vec<String> {
    let mut wrong = Vec::new();
    let (orders, shipments) = (world.people.orders(), world.people.by_order());
    let places = places(world);
    let mut systems = world.network.stage.lock();
    let now = world.clock.true_now();
    let mut gone: BTreeMap<String, u64> = BTreeMap::new();
    for order in &orders {
        match systems.warehouse.order(&order.name).map(|released| released.releases) {
            Some(1) => {}
            Some(times) => wrong.push(format!("doubled: {} was released {times} times", order.name)),
            None => wrong.push(format!("lost: {} was not released", order.name)),
        }
        let left = shipments.get(&order.name).map_or(&[][..], Vec::as_slice);
        let books = office::books(&mut systems.odoo, &order.name, now);
        wrong.extend(deliveries(&order.name, left, &books));
        wrong.extend(misordered(&order.name, left, &books, &places));
        for (sku, pieces) in left.iter().flat_map(|shipment| &shipment.lines) {
            *gone.entry(sku.clone()).or_default() += pieces;
        }
    }
    for (sku, left) in office::stock(&mut systems.odoo, now) {
        let expected = STOCK - gone.get(&sku).copied().unwrap_or(0);
        if left != expected {
            wrong.push(format!("stock: {left} pieces of {sku} are left, {expected} should be"));
        }
    }
    let mut billed: BTreeMap<String, u32> = BTreeMap::new();
    for shipment in systems.billing.journal() {
        *billed.entry(shipment.clone()).or_default() += 1;
    }
    let strays = world.people.strays();
    for number in shipments.values().flatten().map(|shipment| &shipment.number).chain(&strays) {
        match billed.get(number).copied().unwrap_or(0) {
            1 => {}
            0 => wrong.push(format!("lost: shipment {number} was not billed")),
            times => wrong.push(format!("doubled: shipment {number} was billed {times} times")),
        }
    }
    wrong.extend(misbilled(world, systems.billing.journal()));
    let mut notified: BTreeMap<(String, String), u32> = BTreeMap::new();
    for notification in systems.customer.notifications().values() {
        let field = |name: &str| notification.event["data"][name].as_str().unwrap_or_default().to_owned();
        *notified.entry((field("order"), field("shipment"))).or_default() += 1;
    }
    for shipment in shipments.values().flatten() {
        match notified.get(&(shipment.order.clone(), shipment.number.clone())).copied().unwrap_or(0) {
            1 => {}
            0 => wrong.push(format!("lost: the customer was not told of shipment {}", shipment.number)),
            times => {
                wrong.push(format!("doubled: the customer was told of shipment {} {times} times", shipment.number))
            }
        }
    }
    wrong
}

/// The place in line of what was owed to Odoo for each shipment.
fn places(world: &World) -> BTreeMap<String, u64> {
    let all = transmissions(world).into_iter();
    let fulfilled = all.filter(|it| it.operation == "picking.fulfil" && it.state == TransmissionState::Done);
    fulfilled.map(|it| (it.about.key.clone(), it.place)).collect()
}

/// All bills stand in one line: the billing engine got them in the order of their places.
fn misbilled(world: &World, journal: &[String]) -> Option<String> {
    let all = transmissions(world).into_iter().filter(|it| it.operation == "request.send_once");
    let places: BTreeMap<String, u64> = all.map(|it| (it.about.key.clone(), it.place)).collect();
    let billed: Vec<u64> = journal.iter().filter_map(|shipment| places.get(shipment).copied()).collect();
    (!billed.is_sorted()).then(|| format!("out of order: shipments were billed in the order of places {billed:?}"))
}

/// The deliveries of an order were done in the order in which they stood in line.
fn misordered(
    order: &str,
    left: &[super::people::Shipment],
    books: &office::Books,
    places: &BTreeMap<String, u64>,
) -> Option<String> {
    let place = |tracking: &str| {
        let shipment = left.iter().find(|shipment| shipment.tracking == tracking)?;
        places.get(&shipment.number).copied()
    };
    let done: Vec<u64> = books.done.iter().filter_map(|done| place(&done.tracking)).collect();
    let told = || format!("out of order: the deliveries of {order} were done in the order of places {done:?}");
    (!done.is_sorted()).then(told)
}

/// Each shipment of an order is one delivery, signed and invoiced.
fn deliveries(order: &str, left: &[super::people::Shipment], books: &office::Books) -> Vec<String> {
    let mut wrong = Vec::new();
    for shipment in left {
        let found: Vec<_> = books.done.iter().filter(|done| done.tracking == shipment.tracking).collect();
        match found.as_slice() {
            [] => wrong.push(format!("lost: {order} has no delivery for shipment {}", shipment.number)),
            [one] => {
                if !one.is_signed {
                    wrong.push(format!("lost: the delivery of shipment {} has no proof", shipment.number));
                }
                let mut pieces = BTreeMap::new();
                for (sku, quantity) in &shipment.lines {
                    *pieces.entry(sku.clone()).or_default() += quantity;
                }
                if one.pieces != pieces {
                    wrong.push(format!("shipment {}: {:?} left, Odoo has {:?}", shipment.number, pieces, one.pieces));
                }
            }
            more => wrong.push(format!("doubled: shipment {} has {} deliveries", shipment.number, more.len())),
        }
    }
    if books.done.len() > left.len() {
        wrong.push(format!("doubled: {order} has {} deliveries for {} shipments", books.done.len(), left.len()));
    }
    if books.posted.len() != left.len() || books.other_invoices > 0 {
        let what = if books.posted.len() < left.len() { "lost" } else { "doubled" };
        let (posted, others) = (books.posted.len(), books.other_invoices);
        wrong.push(format!(
            "{what}: {order} has {posted} posted and {others} other invoices for {} shipments",
            left.len()
        ));
    }
    wrong
}

fn messages(world: &World) -> Vec<StoredMessage> {
    world.disk.store.messages(&MessageFilter::default(), Page::first(ALL)).expect("the store in memory reads")
}

fn transmissions(world: &World) -> Vec<Transmission> {
    let filter = TransmissionFilter::default();
    world.disk.store.transmissions(&filter, Page::first(ALL)).expect("the store in memory reads")
}

fn told(world: &World) -> BTreeSet<TransmissionId> {
    let filter = ExceptionFilter { open: Some(true), ..ExceptionFilter::default() };
    let open: Vec<Exception> =
        world.disk.store.exceptions(&filter, Page::first(ALL)).expect("the store in memory reads");
    open.into_iter()
        .filter(|exception| exception.status == ExceptionStatus::Open)
        .filter_map(|exception| exception.transmission)
        .collect()
}

/// The order that a transmission is about, as far as its key tells.
trait InputOrder {
    fn input_order(&self) -> Option<String>;
}

impl InputOrder for Transmission {
    fn input_order(&self) -> Option<String> {
        let of = |name: &EntityRef| (name.kind == "order").then(|| name.key.clone());
        of(&self.about).or_else(|| self.key.as_str().strip_prefix("order/").map(str::to_owned))
    }
}
