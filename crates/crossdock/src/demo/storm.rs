//! The weather: every webhook is sent several times in random order by senders that try again until they are heard;
//! the hub is killed at random moments; Odoo is out of reach for a while.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crossdock_sim::partners::Hook;
use tokio::sync::Mutex;
use tokio::task::JoinSet;

/// A small generator of repeatable randomness (SplitMix64).
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (x ^ (x >> 31)) % bound.max(1)
    }

    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last as u64 + 1) as usize);
        }
    }
}

/// Delivers webhooks.
pub struct Post {
    client: reqwest::Client,
    ingress: String,
    copies: usize,
    waiting: Mutex<Vec<Hook>>,
    pub sent: AtomicU64,
    pub duplicates: AtomicU64,
    pub refused: AtomicU64,
}

/// Webhooks held back until this many can be shuffled together.
const SHUFFLE_MIN: usize = 12;
/// Pause between a sender's tries.
const RETRY_PAUSE: Duration = Duration::from_millis(100);

impl Post {
    pub fn new(client: reqwest::Client, ingress: &str, copies: usize) -> Arc<Self> {
        Arc::new(Self {
            client,
            ingress: ingress.to_owned(),
            copies,
            waiting: Mutex::new(Vec::new()),
            sent: AtomicU64::new(0),
            duplicates: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        })
    }

    /// Takes webhooks in; each will be sent `copies` times.
    pub async fn drop_in(&self, hooks: Vec<Hook>) {
        let mut waiting = self.waiting.lock().await;
        for hook in hooks {
            waiting.extend(std::iter::repeat_n(hook, self.copies));
        }
    }

    /// Shuffles and sends what is waiting, unless it is too little to be interesting and more is to come.
    pub async fn collect(self: &Arc<Self>, dice: &mut Dice, last: bool, senders: &mut JoinSet<()>) {
        let mut batch = {
            let mut waiting = self.waiting.lock().await;
            if !last && waiting.len() < SHUFFLE_MIN {
                return;
            }
            std::mem::take(&mut *waiting)
        };
        dice.shuffle(&mut batch);
        for hook in batch {
            let post = self.clone();
            let pause = Duration::from_millis(dice.below(400));
            senders.spawn(async move {
                tokio::time::sleep(pause).await;
                post.deliver(&hook).await;
            });
        }
    }

    /// Sends one webhook until the hub has answered, as a careful sender does.
    #[expect(clippy::disallowed_methods, reason = "a sender signs with its own clock")]
    async fn deliver(&self, hook: &Hook) {
        loop {
            let mut request = self.client.post(format!("http://{}{}", self.ingress, hook.path));
            for (name, value) in hook.headers(jiff::Timestamp::now()) {
                request = request.header(name, value);
            }
            let answer = request.body(hook.body.clone()).timeout(Duration::from_secs(10)).send().await;
            match answer {
                Ok(answer) if answer.status().is_success() => {
                    self.sent.fetch_add(1, Ordering::Relaxed);
                    let text = answer.text().await.unwrap_or_default();
                    if text.contains("\"duplicate\":true") {
                        self.duplicates.fetch_add(1, Ordering::Relaxed);
                    }
                    return;
                }
                Ok(answer) if answer.status().is_client_error() => {
                    self.refused.fetch_add(1, Ordering::Relaxed);
                    return;
                }
                _ => tokio::time::sleep(RETRY_PAUSE).await,
            }
        }
    }
}
