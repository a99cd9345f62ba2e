//! Removes what was kept long enough, a little at a time: beside everything else, it may take its time. It walks the log of
//! messages from the oldest on, once for each class of data; how far it came is committed together with what it removed.
//! What is not finished when it comes by is remembered and looked at again.

use std::sync::Arc;
use std::time::Duration;

use crossdock_core::changeset::{Change, Changeset};
use crossdock_core::ids::MessageId;
use crossdock_core::message::StoredMessage;
use crossdock_core::retention::{Class, Going, Retention, going};
use crossdock_core::transmission::Transmission;
use crossdock_store::{CommitError, Store, StoreError};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::shell::Shell;

/// Messages looked at in one go at most.
const TOGETHER_MAX: usize = 32;
/// Bodies of more bytes than these are looked at one by one (I10).
const BYTES_MAX: usize = 4 << 20;
/// Pause between two goes: the writer belongs to others.
const PAUSE: Duration = Duration::from_millis(20);
/// Pause when everything that may go is gone.
const REST: Duration = Duration::from_secs(60);
/// Messages that were passed by because something about them was open; when there are as many, the walk waits for them (I10).
const LEFT_MAX: usize = 1_000;
/// Rejections removed in one go.
const REJECTIONS_TOGETHER: usize = 500;

/// How far the walk of a class came.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Mark {
    /// Everything up to here was looked at.
    position: u64,
    /// What is to be looked at again.
    left: Vec<MessageId>,
}

/// Where a class's mark is kept.
fn cursor(class: Class) -> String {
    format!("retention/{}", class.word())
}

/// Why it has to wait.
#[derive(Debug, thiserror::Error)]
enum Late {
    #[error(transparent)]
    Read(#[from] StoreError),
    #[error(transparent)]
    Commit(#[from] CommitError),
}

/// Runs until `stop` turns true; ends at once when everything is kept for ever.
pub async fn run(shell: Arc<Shell>, mut stop: watch::Receiver<bool>) {
    if shell.plan.retention == Retention::default() {
        return;
    }
    while !*stop.borrow() {
        if let Err(error) = round(&shell, &stop).await {
            tracing::warn!(%error, "what was kept long enough is not removed yet");
        }
        tokio::select! {
            biased;
            _ = stop.changed() => {}
            () = shell.clock.sleep(REST) => {}
        }
    }
}

/// Removes everything that may go now.
async fn round(shell: &Shell, stop: &watch::Receiver<bool>) -> Result<(), Late> {
    for class in Class::ALL {
        let now = shell.clock.now();
        let Some(before) = shell.plan.retention.before(class, now) else { continue };
        let mut walk = Walk::default();
        while !*stop.borrow() && walk.step(shell, class, before, now).await? {
            shell.clock.sleep(PAUSE).await;
        }
    }
    let Some(before) = shell.plan.retention.rejections_before(shell.clock.now()) else { return Ok(()) };
    let count = || shell.read(|store| Ok(store.counts()?.rejections));
    let mut left = count().await?;
    while left > 0 && !*stop.borrow() {
        let remove = Change::RemoveRejections { before, limit: REJECTIONS_TOGETHER };
        shell.commit(Changeset::new().with(remove)).await?;
        let now = count().await?;
        if now >= left {
            break;
        }
        left = now;
        shell.clock.sleep(PAUSE).await;
    }
    Ok(())
}

/// One walk of a class, as far as it is not written down.
#[derive(Debug, Default)]
struct Walk {
    /// How many to look at next.
    together: usize,
    /// How many of those left were looked at and stay.
    again: usize,
}

/// What one step found.
struct Found {
    mark: Mark,
    /// Each with everything that was owed because of it.
    messages: Vec<(StoredMessage, Vec<Transmission>)>,
    /// They are those left, not new ones.
    is_again: bool,
}

impl Walk {
    /// Looks at the next messages. False when all were looked at.
    async fn step(&mut self, shell: &Shell, class: Class, before: Timestamp, now: Timestamp) -> Result<bool, Late> {
        let (together, again) = (self.together.clamp(1, TOGETHER_MAX), self.again);
        let found = shell.read(move |store| find(store, class, before, together, again)).await?;
        let Found { mut mark, messages, is_again } = found;
        let bytes: usize = messages.iter().map(|(stored, _)| stored.message.body.len()).sum();
        self.together = if bytes > BYTES_MAX { 1 } else { together * 2 };
        if messages.is_empty() {
            return Ok(false);
        }
        let known = mark.clone();
        let (mut changes, mut seen, mut gone) = (Vec::new(), 0, 0);
        for (stored, owed) in &messages {
            let Going { changes: more, again } = going(class, stored, owed, before, now);
            gone += usize::from(!more.is_empty());
            changes.extend(more);
            let id = stored.message.id;
            match (is_again, again) {
                (true, true) => seen += 1,
                (true, false) => mark.left.retain(|left| *left != id),
                (false, true) => mark.left.push(id),
                (false, false) => {}
            }
            if !is_again {
                mark.position = stored.position;
            }
        }
        self.again = if is_again { self.again + seen } else { 0 };
        if mark != known {
            let value = serde_json::to_string(&mark).map_err(|error| StoreError(error.to_string()))?;
            changes.push(Change::SetCursor { name: cursor(class), value });
        }
        if !changes.is_empty() {
            match shell.commit(Changeset { changes }).await {
                Ok(()) => tracing::debug!(
                    class = class.word(),
                    gone,
                    up_to = mark.position,
                    "removed what was kept long enough"
                ),
                // Somebody moved one of them meanwhile: they are looked at anew in the next round.
                Err(CommitError::Conflict(what)) => {
                    tracing::debug!(what, "changed while it was to be removed");
                    return Ok(false);
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(true)
    }
}

/// The next messages of a class to look at: those behind its mark that are old enough, then those that were left.
fn find(
    store: &dyn Store,
    class: Class,
    before: Timestamp,
    together: usize,
    again: usize,
) -> Result<Found, StoreError> {
    let mark: Mark = match store.cursor(&cursor(class))? {
        None => Mark::default(),
        Some(text) => serde_json::from_str(&text)
            .map_err(|error| StoreError(format!("cursor {} cannot be read: {error}", cursor(class))))?,
    };
    let with_owed = |stored: StoredMessage| {
        let mut owed = Vec::new();
        for event in store.events_of_message(stored.message.id)? {
            owed.extend(store.transmissions_of_event(event.event.id)?);
        }
        Ok((stored, owed))
    };
    if mark.left.len() < LEFT_MAX {
        let behind = store.messages_after(None, None, mark.position, together)?;
        let next: Vec<_> = behind.into_iter().take_while(|stored| stored.message.received_at < before).collect();
        if !next.is_empty() {
            let messages = next.into_iter().map(with_owed).collect::<Result<_, StoreError>>()?;
            return Ok(Found { mark, messages, is_again: false });
        }
    }
    let mut messages = Vec::new();
    for id in mark.left.iter().skip(again).take(together) {
        if let Some(stored) = store.message(*id)? {
            messages.push(with_owed(stored)?);
        }
    }
    Ok(Found { mark, messages, is_again: true })
}
