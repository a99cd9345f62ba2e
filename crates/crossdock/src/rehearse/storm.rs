//! The storm: letters come several times, late and out of order; partners answer 429 and 5xx, lose answers and are away
//! for a while; the hub is killed at random moments.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crossdock_sim::site::Weather;
use tokio::task::JoinSet;

use super::story::Letter;
use super::world::World;
use crate::demo::storm::Dice;

/// How the partners behave, per 1000 requests.
const WEATHER: Weather = Weather { busy: 15, broken: 25, answer_lost: 30, slow: 20 };
/// A restarted hub is given this long before it is killed again.
const BREATH: Duration = Duration::from_millis(700);

/// What is to go wrong, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Forecast {
    pub kills: u32,
    /// How long each partner is away, once.
    pub outage: Duration,
    /// In how long all stories are told.
    pub length: Duration,
    pub seed: u64,
}

/// What went wrong, beside what the sites know themselves.
#[derive(Clone, Debug, Default)]
pub struct Damage {
    pub letters: u64,
    pub duplicates: u64,
    pub reordered: u64,
    pub delayed: u64,
    /// Letters that came late, by story and part.
    pub late: BTreeSet<(usize, usize)>,
    /// Letters that came before an earlier one.
    pub early: BTreeSet<(usize, usize)>,
    /// From each kill to a hub that is ready again.
    pub kills: Vec<Duration>,
    /// By system: from the end of its absence to the first request that went well.
    pub outages: Vec<(String, Option<Duration>)>,
    /// From the end of the storm to a hub at rest.
    pub settled: Duration,
}

/// Something that is due at a moment of the storm.
enum Due {
    Confirm(usize),
    Kill,
    Shut(String),
    Open(String),
}

/// What is due when, in order.
type Agenda = Vec<(Duration, Due)>;

/// Lets it rage.
///
/// # Errors
/// When the hub cannot be killed or started again, or does not come to rest afterwards.
pub async fn rage(world: &mut World, forecast: Forecast, say: &dyn Fn(&str)) -> anyhow::Result<Damage> {
    let mut dice = Dice::new(forecast.seed);
    let mut damage = Damage::default();
    let begun = Instant::now();
    world.sites.values().for_each(|site| site.state().set_weather(WEATHER));
    let (mut agenda, letters) = plan(world, forecast, &mut dice, &mut damage);
    damage.letters = letters.len() as u64;
    let total = letters.len();
    let mut senders = JoinSet::new();
    for (at, letter) in letters {
        let post = world.post.clone();
        senders.spawn(async move {
            tokio::time::sleep(at).await;
            post.deliver(&letter).await;
        });
    }
    let mut alive_since = Instant::now();
    while !agenda.is_empty() || !senders.is_empty() {
        let now = begun.elapsed();
        let kill_waits = alive_since.elapsed() < BREATH;
        let next = agenda.iter().position(|(at, due)| *at <= now && !(matches!(due, Due::Kill) && kill_waits));
        if let Some(next) = next {
            let (_, due) = agenda.remove(next);
            if matches!(due, Due::Kill) {
                let killed = Instant::now();
                world.hub.kill().await?;
                world.hub.start().await?;
                damage.kills.push(killed.elapsed());
                alive_since = Instant::now();
            } else {
                happen(world, due).await?;
            }
            continue;
        }
        while senders.try_join_next().is_some() {}
        let accepted = world.post.accepted.load(Ordering::Relaxed);
        say(&format!("the storm: {accepted} of {total} messages taken, {} kills", damage.kills.len()));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let ended = Instant::now();
    world.sites.values().for_each(|site| site.state().set_weather(Weather::default()));
    say("the storm is over; the hub works off what is left");
    world.rest(Duration::from_secs(180)).await?;
    damage.settled = ended.elapsed();
    Ok(damage)
}

async fn happen(world: &mut World, due: Due) -> anyhow::Result<()> {
    match due {
        Due::Confirm(story) => {
            for orders in world.orders.values() {
                orders.confirm(&[story]).await?;
            }
        }
        Due::Shut(system) => world.sites.get(&system).into_iter().for_each(|site| site.shut(true)),
        Due::Open(system) => world.sites.get(&system).into_iter().for_each(|site| site.shut(false)),
        Due::Kill => {}
    }
    Ok(())
}

/// Everything that will happen, with its time; and the letters with theirs.
fn plan(world: &World, forecast: Forecast, dice: &mut Dice, damage: &mut Damage) -> (Agenda, Vec<(Duration, Letter)>) {
    let length = forecast.length.as_millis() as u64;
    let mut agenda = Vec::new();
    let mut letters = Vec::new();
    let stories = world.letters.len().max(1) as u64;
    for (number, story) in world.letters.iter().enumerate() {
        let start = length * number as u64 / stories;
        if !world.orders.is_empty() {
            agenda.push((Duration::from_millis(start), Due::Confirm(number)));
        }
        let mut order: Vec<usize> = (0..story.len()).collect();
        if dice.below(4) == 0 {
            dice.shuffle(&mut order);
            let moved = order.iter().enumerate().filter(|(place, part)| place != *part);
            let moved: Vec<(usize, usize)> = moved.map(|(_, at)| (number, story[*at].part)).collect();
            damage.reordered += moved.len() as u64;
            damage.early.extend(moved);
        }
        let mut at = start + 150;
        for part in order {
            at += dice.below(120);
            let mut when = at;
            if dice.below(10) == 0 {
                damage.delayed += 1;
                damage.late.insert((number, story[part].part));
                when += 500 + dice.below(2500);
            }
            letters.push((Duration::from_millis(when), story[part].clone()));
            for _ in 0..[0, 0, 1, 2][dice.below(4) as usize] {
                damage.duplicates += 1;
                letters.push((Duration::from_millis(when + dice.below(800)), story[part].clone()));
            }
        }
    }
    for _ in 0..forecast.kills {
        agenda.push((Duration::from_millis(200 + dice.below(length)), Due::Kill));
    }
    if !forecast.outage.is_zero() {
        for system in world.called.iter().cloned() {
            let from = Duration::from_millis(length / 5 + dice.below(length / 2 + 1));
            agenda.push((from, Due::Shut(system.clone())));
            agenda.push((from + forecast.outage, Due::Open(system)));
        }
    }
    agenda.sort_by_key(|(at, _)| *at);
    (agenda, letters)
}
