//! The simulated network between the hub and the systems. What was sent arrives, whatever has become of the sender.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crossdock_core::exchange::{Answer, Call, SendFault};
use crossdock_runtime::clock::Clock as _;
use crossdock_transport::{Sending, Transport};
use tokio::sync::oneshot;

use super::clock::SimClock;
use super::dice::Dice;
use super::faults::{Tally, WireFaults};
use super::seams::Seams;
use super::stage::Stage;
use super::trace::{Trace, tell};

/// How long a request may be on its way, in milliseconds; longer than most callers wait.
const SLOW_MS_MAX: u64 = 60_000;

/// All lines to all systems.
pub struct Network {
    pub stage: Arc<Stage>,
    pub tally: Tally,
    clock: SimClock,
    trace: Arc<Trace>,
    seams: Arc<Seams>,
    state: Mutex<State>,
}

struct State {
    dice: Dice,
    faults: WireFaults,
    /// The hub that is running; calls of one before it go nowhere.
    owner: u64,
    lines: BTreeMap<String, Line>,
}

/// How the way to one system is, by the host in its address.
#[derive(Debug, Default)]
struct Line {
    is_down: bool,
    /// It no longer takes the hub's key.
    has_expired: bool,
    /// Calls of the running hub that are under way now, and how many there were at once at most.
    now: usize,
    peak: usize,
    /// When each request was sent, answered or not.
    begun: Vec<Duration>,
}

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Answered,
    Refused,
    RequestLost,
    AnswerLost,
    Failed(u16),
    FailedAfter,
    TooMany { after_s: u64 },
    Slow { ms: u64 },
}

impl Network {
    pub fn new(
        stage: Arc<Stage>,
        clock: SimClock,
        trace: Arc<Trace>,
        seams: Arc<Seams>,
        faults: WireFaults,
        dice: Dice,
    ) -> Arc<Self> {
        let state = State { dice, faults, owner: 0, lines: BTreeMap::new() };
        Arc::new(Self { stage, tally: Tally::default(), clock, trace, seams, state: Mutex::new(state) })
    }

    /// The network as the next hub sees it.
    pub fn taken_over(self: &Arc<Self>) -> Arc<HubWire> {
        let mut state = self.lock();
        state.owner += 1;
        state.lines.values_mut().for_each(|line| line.now = 0);
        Arc::new(HubWire { network: self.clone(), owner: state.owner })
    }

    /// Cuts the way to a system, or mends it.
    pub fn set_down(&self, host: &str, is_down: bool) {
        self.lock().lines.entry(host.to_owned()).or_default().is_down = is_down;
    }

    /// A system takes the hub's key no longer, or again.
    pub fn set_expired(&self, host: &str, has_expired: bool) {
        self.lock().lines.entry(host.to_owned()).or_default().has_expired = has_expired;
    }

    /// No more faults.
    pub fn calm(&self) {
        let mut state = self.lock();
        state.faults = WireFaults::default();
        for line in state.lines.values_mut() {
            (line.is_down, line.has_expired) = (false, false);
        }
    }

    /// The most calls that were under way to each host at once.
    pub fn peaks(&self) -> BTreeMap<String, usize> {
        self.lock().lines.iter().map(|(host, line)| (host.clone(), line.peak)).collect()
    }

    /// When each call to a host was made.
    pub fn begun(&self, host: &str) -> Vec<Duration> {
        self.lock().lines.get(host).map_or_else(Vec::new, |line| line.begun.clone())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fate(&self, host: &str) -> (Fate, bool, Duration, Duration) {
        let mut state = self.lock();
        let State { dice, faults, lines, .. } = &mut *state;
        let line = lines.entry(host.to_owned()).or_default();
        let chances = [
            (faults.refused, Fate::Refused),
            (faults.request_lost, Fate::RequestLost),
            (faults.answer_lost, Fate::AnswerLost),
            (faults.failed, Fate::Failed(500)),
            (faults.failed, Fate::Failed(503)),
            (faults.failed_after, Fate::FailedAfter),
            (faults.too_many, Fate::TooMany { after_s: 7 }),
            (faults.slow, Fate::Slow { ms: 90_000 }),
        ];
        let struck = chances.into_iter().find(|(chance, _)| dice.permille(*chance)).map(|(_, fate)| fate);
        let fate = match (line.is_down, struck) {
            (true, _) => Fate::Refused,
            (false, Some(Fate::TooMany { .. })) => Fate::TooMany { after_s: dice.between(1, 20) },
            (false, Some(Fate::Slow { .. })) => Fate::Slow { ms: dice.between(1_000, SLOW_MS_MAX) },
            (false, struck) => struck.unwrap_or(Fate::Answered),
        };
        let there = Duration::from_micros(dice.between(200, 30_000));
        let back = Duration::from_micros(dice.between(200, 30_000));
        (fate, line.has_expired, there, back)
    }

    async fn exchange(self: &Arc<Self>, call: &Call, owner: u64) -> Result<Answer, SendFault> {
        if self.lock().owner != owner {
            return Err(SendFault::NotSent("the process is gone".into()));
        }
        let host = host_of(&call.url).to_owned();
        let (fate, has_expired, there, back) = self.fate(&host);
        if fate != Fate::Answered {
            self.tally.add(fate.word());
            tell!(self.trace, "wire: {} {}: {fate:?}", call.method.as_str(), call.url);
        }
        let limit = Duration::from_millis(call.timeout_ms);
        let _counted = Counted::new(self, &host, owner);
        let mut call = call.clone();
        (self.seams.call)(&mut call);
        if has_expired {
            self.tally.add("key expired");
            call.headers.iter_mut().filter(|header| header.secret).for_each(|header| header.value.push('x'));
        }
        match fate {
            Fate::Refused => {
                self.clock.sleep(there).await;
                Err(SendFault::NotSent("connection refused".into()))
            }
            Fate::RequestLost => {
                self.clock.sleep(limit).await;
                Err(SendFault::Lost("timed out".into()))
            }
            Fate::Failed(status) => {
                self.clock.sleep(there + back).await;
                Ok(plain(status, None))
            }
            Fate::TooMany { after_s } => {
                self.clock.sleep(there + back).await;
                Ok(plain(429, Some(after_s)))
            }
            Fate::Answered | Fate::AnswerLost | Fate::FailedAfter => {
                let answer = self.deliver(call, there, back);
                self.wait_for(answer, fate, limit).await
            }
            Fate::Slow { ms } => {
                let answer = self.deliver(call, Duration::from_millis(ms), back);
                self.wait_for(answer, fate, limit).await
            }
        }
    }

    async fn wait_for(
        &self,
        answer: oneshot::Receiver<Answer>,
        fate: Fate,
        limit: Duration,
    ) -> Result<Answer, SendFault> {
        let answer = tokio::select! {
            biased;
            answer = answer => answer.map_err(|_| SendFault::Lost("connection broke".into()))?,
            () = self.clock.sleep(limit) => return Err(SendFault::Lost("timed out".into())),
        };
        match fate {
            Fate::AnswerLost => Err(SendFault::Lost("connection broke".into())),
            Fate::FailedAfter => Ok(plain(502, None)),
            _ => Ok(answer),
        }
    }

    /// The request is on its way: it arrives even when the hub that sent it is gone by then.
    fn deliver(self: &Arc<Self>, call: Call, there: Duration, back: Duration) -> oneshot::Receiver<Answer> {
        let (sender, receiver) = oneshot::channel();
        let network = self.clone();
        tokio::spawn(async move {
            network.clock.sleep(there).await;
            let answer = network.stage.answer(&call, network.clock.true_now());
            tell!(
                network.trace,
                "{} {} {}: {}",
                host_of(&call.url),
                call.method.as_str(),
                path_of(&call.url),
                answer.status
            );
            network.clock.sleep(back).await;
            // Nobody may be there to hear it.
            drop(sender.send(answer));
        });
        receiver
    }
}

impl Fate {
    fn word(self) -> &'static str {
        match self {
            Fate::Answered => "answered",
            Fate::Refused => "connection refused",
            Fate::RequestLost => "request lost",
            Fate::AnswerLost => "answer lost after the effect",
            Fate::Failed(_) => "5xx",
            Fate::FailedAfter => "502 after the effect",
            Fate::TooMany { .. } => "429",
            Fate::Slow { .. } => "slow",
        }
    }
}

/// The network as one hub sees it.
pub struct HubWire {
    network: Arc<Network>,
    owner: u64,
}

impl Transport for HubWire {
    fn send<'a>(&'a self, call: &'a Call, _: usize) -> Sending<'a> {
        Box::pin(self.network.exchange(call, self.owner))
    }
}

/// Counts a call in and out, also one that was given up.
struct Counted<'a> {
    network: &'a Network,
    host: String,
    owner: u64,
}

impl<'a> Counted<'a> {
    fn new(network: &'a Network, host: &str, owner: u64) -> Self {
        let now = network.clock.elapsed();
        let mut state = network.lock();
        let line = state.lines.entry(host.to_owned()).or_default();
        line.now += 1;
        line.begun.push(now);
        line.peak = line.peak.max(line.now);
        Self { network, host: host.to_owned(), owner }
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        let mut state = self.network.lock();
        if state.owner == self.owner
            && let Some(line) = state.lines.get_mut(&self.host)
        {
            line.now -= 1;
        }
    }
}

fn plain(status: u16, retry_after_s: Option<u64>) -> Answer {
    let headers = retry_after_s.map(|seconds| ("retry-after".to_owned(), seconds.to_string()));
    Answer { status, headers: headers.into_iter().collect(), body: b"{}".to_vec() }
}

/// The host in an address.
pub fn host_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['/', '?']).next().unwrap_or(rest)
}

/// Path and query of an address.
pub fn path_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.find('/').map_or("/", |at| &rest[at..])
}
