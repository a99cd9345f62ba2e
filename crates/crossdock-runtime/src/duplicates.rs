//! Looks for entities that are the same, beside the messages' way: it follows the log with a cursor of its own and
//! compares what changed with the block it belongs to. What it finds becomes a suggestion; where the hub's policy allows
//! it and nothing speaks against it, a merge.
//!
//! Merges and splits change entities without an event. The router writes down which ones, in the changeset that changes
//! them ([`again`]), and they are compared anew in the next round, also when a crash lies in between.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crossdock_core::changeset::{AuditRecord, Change, Changeset};
use crossdock_core::event::{Entity, EntityRef};
use crossdock_core::master;
use crossdock_core::master::matching::{Candidate, Corpus, KindPolicy, Profile};
use crossdock_core::routing::Decision;
use crossdock_core::suggestion::{Decided, Proposal, SuggestionStatus};
use crossdock_store::{CommitError, Store, StoreError};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot, watch};

use crate::router::{Command, CommandError};
use crate::shell::Shell;

/// How far the log was compared.
const CURSOR: &str = "duplicates";
/// What merges and splits changed: numbered names. Written by the router alone.
const AGAIN: &str = "duplicates/again";
/// How far that list was worked off. Written by the search alone.
const AGAIN_DONE: &str = "duplicates/again-done";
/// Names that the list keeps at most (I10). When one decision after another outruns the search, the oldest wait for
/// their next event.
const AGAIN_MAX: usize = 5_000;
/// Who merges when a policy does.
pub const POLICY: &str = "policy";
/// Changed entities compared in one go.
const BATCH_MAX: usize = 500;
/// Pause when nothing has changed.
const REST: Duration = Duration::from_secs(2);
/// Pause after the store failed.
const STORE_PAUSE: Duration = Duration::from_secs(10);
/// Entities read in one go.
const PAGE: usize = 1_000;

/// Entities to be compared anew, as the router writes them down.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Again {
    /// The number of the last name.
    last: u64,
    /// Each name with its number, in their order.
    names: Vec<(u64, EntityRef)>,
}

impl Again {
    fn read(store: &dyn Store) -> Result<Self, StoreError> {
        Ok(store.cursor(AGAIN)?.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default())
    }

    fn done(store: &dyn Store) -> Result<u64, StoreError> {
        Ok(store.cursor(AGAIN_DONE)?.and_then(|text| text.parse().ok()).unwrap_or(0))
    }
}

/// What a decision must write down beside its changes, so that the entities it changed are compared anew. Nothing, when
/// their kind is not looked at.
///
/// # Errors
/// When the store cannot be read.
pub(crate) fn again(shell: &Shell, changeset: &Changeset) -> Result<Option<Change>, StoreError> {
    let changed: Vec<EntityRef> = changeset
        .changes
        .iter()
        .filter_map(|change| match change {
            Change::PutEntity(entity) => Some(entity.name.clone()),
            _ => None,
        })
        .filter(|name| shell.plan.merging.contains_key(name.kind.as_str()))
        .collect();
    if changed.is_empty() {
        return Ok(None);
    }
    let store = shell.store.as_ref();
    let (mut list, done) = (Again::read(store)?, Again::done(store)?);
    list.names.retain(|(number, name)| *number > done && !changed.contains(name));
    for name in changed {
        list.last += 1;
        list.names.push((list.last, name));
    }
    let surplus = list.names.len().saturating_sub(AGAIN_MAX);
    list.names.drain(..surplus);
    let value = serde_json::to_string(&list).map_err(|error| StoreError(error.to_string()))?;
    Ok(Some(Change::SetCursor { name: AGAIN.to_owned(), value }))
}

/// Why looking has to wait.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Late {
    #[error(transparent)]
    Read(#[from] StoreError),
    #[error(transparent)]
    Commit(#[from] CommitError),
}

/// Runs until `stop` turns true; ends at once when no kind is looked at.
pub async fn run(shell: Arc<Shell>, commands: mpsc::Sender<Command>, mut stop: watch::Receiver<bool>) {
    if shell.plan.merging.is_empty() {
        return;
    }
    let mut search: Option<Search> = None;
    while !*stop.borrow() {
        let worker = (shell.clone(), search.take());
        let round = shell.off_thread(move || {
            let (shell, search) = worker;
            let mut search = match search {
                Some(search) => search,
                None => Search::open(&shell)?,
            };
            let is_busy = search.round(&shell)?;
            Ok::<_, Late>((search, is_busy))
        });
        let pause = match round.await {
            Ok(Ok((mut found, is_busy))) => {
                found.merge(&shell, &commands).await;
                search = Some(found);
                if is_busy { Duration::ZERO } else { REST }
            }
            Ok(Err(error)) => {
                tracing::error!(%error, "entities are not compared: the store cannot be used");
                STORE_PAUSE
            }
            Err(_) => return,
        };
        tokio::select! {
            biased;
            _ = stop.changed() => {}
            () = shell.clock.sleep(pause) => {}
        }
    }
}

/// Everything that is compared, in memory.
pub(crate) struct Search {
    corpora: BTreeMap<&'static str, Corpus>,
    position: u64,
    /// How far the list of what decisions changed was worked off.
    again_done: u64,
    /// What a policy merges.
    due: Vec<(EntityRef, EntityRef, f64)>,
}

impl Search {
    /// Reads all entities of the kinds that are looked at.
    pub fn open(shell: &Shell) -> Result<Self, StoreError> {
        let store = shell.store.as_ref();
        let position = store.cursor(CURSOR)?.and_then(|text| text.parse().ok()).unwrap_or(0);
        let mut corpora = BTreeMap::new();
        for kind in shell.plan.merging.keys().copied() {
            corpora.insert(kind, corpus(store, kind)?);
        }
        Ok(Self { corpora, position, again_done: Again::done(store)?, due: Vec::new() })
    }

    /// Compares what changed since. True when there is more.
    pub fn round(&mut self, shell: &Shell) -> Result<bool, Late> {
        let store = shell.store.as_ref();
        let kinds: Vec<&str> = self.corpora.keys().copied().collect();
        let subjects = store.subjects_after(self.position, &kinds, BATCH_MAX)?;
        let again = Again::read(store)?;
        if subjects.up_to == self.position && again.last <= self.again_done {
            return Ok(false);
        }
        let mut changed: BTreeSet<EntityRef> = subjects.found.iter().map(|(_, name)| name.clone()).collect();
        changed.extend(again.names.into_iter().filter(|(number, _)| *number > self.again_done).map(|(_, name)| name));
        let mut changeset = Changeset::new();
        for name in &changed {
            self.look_at(name, shell, &mut changeset)?;
        }
        // A cursor for nothing found is not worth a sync.
        if !changed.is_empty() {
            let value = subjects.up_to.to_string();
            changeset.push(Change::SetCursor { name: CURSOR.to_owned(), value });
            changeset.push(Change::SetCursor { name: AGAIN_DONE.to_owned(), value: again.last.to_string() });
            match store.commit(changeset) {
                // Somebody decided a suggestion at this moment: look again.
                Err(CommitError::Conflict(_)) => return Ok(true),
                other => other?,
            }
        }
        self.position = subjects.up_to;
        self.again_done = again.last;
        Ok(subjects.found.len() == BATCH_MAX)
    }

    fn look_at(&mut self, name: &EntityRef, shell: &Shell, changeset: &mut Changeset) -> Result<(), StoreError> {
        let store = shell.store.as_ref();
        let policy = shell.plan.merging.get(name.kind.as_str());
        let (Some(policy), Some(corpus)) = (policy, self.corpora.get_mut(name.kind.as_str())) else { return Ok(()) };
        let Some(entity) = store.entity(name)? else { return Ok(()) };
        if entity.superseded_by().is_some() {
            corpus.remove(name);
            return Ok(());
        }
        let profile = Profile::of(&entity);
        corpus.put(profile.clone());
        for candidate in corpus.candidates(&profile, policy.suggest_above) {
            let Some(other) = store.entity(&candidate.other)? else { continue };
            if other.superseded_by().is_some() {
                corpus.remove(&candidate.other);
                continue;
            }
            let (survivor, other) = in_order(&entity, &other);
            let proposal = Proposal::Merge { survivor: survivor.clone(), other: other.clone() };
            let known = store.suggestion(master::suggestion_id(&proposal))?;
            let is_rejected = known.as_ref().is_some_and(|known| known.status == SuggestionStatus::Rejected);
            if !is_rejected && merges_alone(policy, &candidate) {
                self.due.push((survivor, other, candidate.score));
            }
            let Candidate { score, evidence, .. } = candidate;
            let already = changeset.changes.iter().any(|change| match change {
                Change::PutSuggestion(made) => made.id == master::suggestion_id(&proposal),
                _ => false,
            });
            let made = master::suggestion(proposal, Some(score), evidence, known.as_ref(), shell.clock.now());
            changeset.changes.extend(made.filter(|_| !already).map(Change::PutSuggestion));
        }
        Ok(())
    }

    /// Has the router merge what the policy merges. What cannot be merged now stays a suggestion.
    async fn merge(&mut self, shell: &Shell, commands: &mpsc::Sender<Command>) {
        for (survivor, other, score) in std::mem::take(&mut self.due) {
            let (sender, receiver) = oneshot::channel();
            let command = order(&survivor, &other, score, shell.clock.now(), sender);
            if commands.send(command).await.is_err() {
                return;
            }
            shell.wake.router();
            match receiver.await {
                Ok(Ok(())) => tracing::info!(%survivor, %other, score, "entities were merged by policy"),
                Ok(Err(error)) => tracing::info!(%survivor, %other, %error, "entities stay a suggestion"),
                Err(_) => return,
            }
        }
    }
}

fn merges_alone(policy: &KindPolicy, candidate: &Candidate) -> bool {
    policy.automatic_above.is_some_and(|least| candidate.score >= least) && candidate.is_beyond_doubt()
}

fn order(
    survivor: &EntityRef,
    other: &EntityRef,
    score: f64,
    now: Timestamp,
    done: oneshot::Sender<Result<(), CommandError>>,
) -> Command {
    let reason = Some(format!("the score is {score}"));
    let audit = Change::AppendAudit(AuditRecord {
        at: now,
        actor: POLICY.to_owned(),
        action: "entity.merge".to_owned(),
        target: format!("{other} into {survivor}"),
        reason: reason.clone(),
    });
    let decision = Box::new(Decision::Merge { survivor: survivor.clone(), other: other.clone() });
    let by = Decided { at: now, by: POLICY.to_owned(), reason };
    Command::Decide { decision, by, with: Some(vec![audit]), done }
}

/// Which of two survives: the one of whom more is known, else the one whose name comes first.
fn in_order(one: &Entity, other: &Entity) -> (EntityRef, EntityRef) {
    let known =
        |entity: &Entity| entity.data.as_map().map_or(0, |data| data.values().filter(|value| !value.is_null()).count());
    let one_survives = (known(other), &one.name) < (known(one), &other.name);
    match one_survives {
        true => (one.name.clone(), other.name.clone()),
        false => (other.name.clone(), one.name.clone()),
    }
}

/// All entities of a kind that answer for themselves.
pub(crate) fn corpus(store: &dyn Store, kind: &str) -> Result<Corpus, StoreError> {
    let mut profiles = Vec::new();
    let mut after = String::new();
    loop {
        let page = store.entities(kind, &after, PAGE)?;
        let is_last = page.len() < PAGE;
        if let Some(last) = page.last() {
            after.clone_from(&last.name.key);
        }
        profiles.extend(page.iter().filter(|entity| entity.superseded_by().is_none()).map(Profile::of));
        if is_last {
            return Ok(Corpus::of(profiles));
        }
    }
}
