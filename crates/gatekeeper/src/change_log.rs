//! Changes that the vault has no part in, which are those of holds, on their way into its audit log.
//!
//! Scripts write each into Redis in the step that makes it, so there is no change without its entry, and none is lost with a
//! gatekeeper. From there a gatekeeper brings them to the vault a moment later, together, and forgets them there once the vault
//! has them; so a hold does not wait for the vault, or need it. Whoever changed something says so here; what nobody
//! who lives has said, the sweep finds.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chassis::retry::Backoff;
use contract::EventId;
use contract::internal::{LOGGED_CHANGES_MAX, LoggedChange};
use futures_util::{StreamExt as _, stream};
use prometheus::{IntCounter, IntGauge};
use tokio::sync::{Notify, oneshot};
use tokio::time::{sleep, timeout};

use crate::keys::EventKeys;
use crate::link::Link;
use crate::scripts::{ScriptError, changes, forget_changes};
use crate::vault_client::{VaultClient, VaultError};

/// How long changes are gathered before they are brought to the vault.
const GATHERING: Duration = Duration::from_millis(100);
/// Waits between tries while Redis or the vault is away. Tried for ever: what waits is bounded where it waits.
const RETRY_FIRST: Duration = Duration::from_millis(100);
const RETRY_LONGEST: Duration = Duration::from_secs(1);
/// Events whose changes are brought at a time.
const EVENTS_MAX: usize = 8;
/// Requests for one event in one go: the others come before its next ones.
const PAGES_MAX: usize = 16;
/// How long a replica that is stopping waits for what it knows of; others find the rest.
const FLUSH_WAIT: Duration = Duration::from_secs(5);

/// Clones share the work.
#[derive(Clone)]
pub struct ChangeLog(Arc<Shared>);

struct Shared {
    link: Arc<Link>,
    vault: VaultClient,
    waiting: IntGauge,
    lost: IntCounter,
    state: Mutex<State>,
    wake: Notify,
}

/// Events with the number of changes that wait there, as far as this replica knows.
#[derive(Default)]
struct State {
    noted: HashMap<EventId, i64>,
    /// What is being looked at.
    under_way: HashMap<EventId, i64>,
    flushes: Vec<oneshot::Sender<()>>,
}

/// Why changes could not be brought.
#[derive(Debug, thiserror::Error)]
enum BringError {
    #[error(transparent)]
    Redis(#[from] ScriptError),
    #[error(transparent)]
    Vault(#[from] VaultError),
}

impl ChangeLog {
    /// A log that is brought up to date on the current runtime.
    #[must_use]
    pub fn start(link: Arc<Link>, vault: VaultClient, waiting: IntGauge, lost: IntCounter) -> Self {
        let log = Self(Arc::new(Shared { link, vault, waiting, lost, state: Mutex::default(), wake: Notify::new() }));
        tokio::spawn(log.clone().run());
        log
    }

    /// Changes of this event, so many at the least, may not be in the log.
    pub fn note(&self, event: EventId, at_least: i64) {
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        // At the height of a sale it is said again and again.
        if state.noted.get(&event).is_some_and(|known| *known >= at_least) {
            return;
        }
        note(&mut state.noted, event, at_least);
        self.0.waiting.set(state.waiting());
        drop(state);
        self.0.wake.notify_one();
    }

    /// Brings what was noted so far once, waiting a bounded time.
    pub async fn flush(&self) {
        let (done, is_done) = oneshot::channel();
        self.with(|state| state.flushes.push(done));
        self.0.wake.notify_one();
        if timeout(FLUSH_WAIT, is_done).await.is_err() || self.with(|state| state.waiting() > 0) {
            tracing::warn!("changes of holds are not in the audit log yet; another replica will bring them");
        }
    }

    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        let result = change(&mut state);
        self.0.waiting.set(state.waiting());
        result
    }

    async fn run(self) {
        let mut backoff = Backoff::new(RETRY_FIRST, RETRY_LONGEST);
        loop {
            self.0.wake.notified().await;
            if self.with(|state| state.flushes.is_empty()) {
                sleep(GATHERING).await;
            }
            let (events, flushes) = self.with(|state| {
                state.under_way = std::mem::take(&mut state.noted);
                (state.under_way.clone(), std::mem::take(&mut state.flushes))
            });
            let bringing = events.into_keys().map(async |event| (event, self.bring(event).await));
            let brought: Vec<_> = stream::iter(bringing).buffer_unordered(EVENTS_MAX).collect().await;
            let has_failed = self.with(|state| state.take(brought));
            for flush in flushes {
                // Whoever asked may have gone.
                let _ = flush.send(());
            }
            if has_failed {
                sleep(backoff.next_wait()).await;
            } else {
                backoff.reset();
            }
            if self.with(|state| !state.noted.is_empty()) {
                self.0.wake.notify_one();
            }
        }
    }

    /// Brings an event's changes to the vault; says how many still wait.
    async fn bring(&self, event: EventId) -> Result<i64, BringError> {
        let (link, keys) = (&self.0.link, EventKeys::of(event));
        let waiting = changes::count(link, &keys).await?;
        // A Redis that has no memory left refuses the claim, and is helped by what follows.
        if waiting == 0 || !changes::claim(link, &keys).await.unwrap_or(true) {
            return Ok(waiting);
        }
        let brought = self.bring_pages(event, &keys).await;
        // Should this fail, the claim ends by itself.
        let _ = changes::let_go(link, &keys).await;
        brought
    }

    async fn bring_pages(&self, event: EventId, keys: &EventKeys) -> Result<i64, BringError> {
        let mut waiting = 0;
        for _ in 0..PAGES_MAX {
            let page = changes::read(&self.0.link, keys, LOGGED_CHANGES_MAX).await?;
            if page.lines == 0 {
                return Ok(0);
            }
            let mut lost = page.lines - page.changes.len();
            lost += self.enter(event, page.changes).await?;
            waiting = forget_changes::call(&self.0.link, keys, page.newest, page.lines).await?;
            if lost > 0 {
                tracing::error!(event_id = %event, lost, "changes of holds will never be in the audit log");
                self.0.lost.inc_by(lost as u64);
            }
            // What came meanwhile is gathered first.
            if page.lines < LOGGED_CHANGES_MAX {
                break;
            }
            changes::renew(&self.0.link, keys).await?;
        }
        Ok(waiting)
    }

    /// Has the vault enter changes; says how many it will never take.
    async fn enter(&self, event: EventId, changes: Vec<LoggedChange>) -> Result<usize, VaultError> {
        let mut lost = 0;
        let mut parts = vec![changes];
        while let Some(mut part) = parts.pop() {
            if part.is_empty() {
                continue;
            }
            match self.0.vault.enter_changes(event, &part).await {
                Ok(()) => {}
                // One is wrong; the others are not to be lost with it.
                Err(error) if is_final(&error) && part.len() > 1 => {
                    let rest = part.split_off(part.len() / 2);
                    parts.extend([rest, part]);
                }
                Err(error) if is_final(&error) => {
                    tracing::error!(%error, event_id = %event, change = ?part, "the vault does not take a change of a hold");
                    lost += 1;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(lost)
    }
}

impl State {
    /// Changes that may not be in the log yet.
    fn waiting(&self) -> i64 {
        let of_noted =
            self.noted.iter().map(|(event, known)| self.under_way.get(event).map_or(*known, |now| *known.max(now)));
        let of_others =
            self.under_way.iter().filter(|(event, _)| !self.noted.contains_key(event)).map(|(_, known)| known);
        of_noted.sum::<i64>() + of_others.sum::<i64>()
    }

    /// What became of the events that were under way; those with changes left are noted again. Says whether any failed.
    fn take(&mut self, brought: Vec<(EventId, Result<i64, BringError>)>) -> bool {
        let mut has_failed = false;
        let mut before = std::mem::take(&mut self.under_way);
        for (event, waiting) in brought {
            let waiting = waiting.unwrap_or_else(|error| {
                tracing::warn!(%error, event_id = %event, "changes of holds are not in the audit log yet");
                has_failed = true;
                before.remove(&event).unwrap_or(1)
            });
            if waiting > 0 {
                note(&mut self.noted, event, waiting);
            }
        }
        has_failed
    }
}

fn note(noted: &mut HashMap<EventId, i64>, event: EventId, at_least: i64) {
    let known = noted.entry(event).or_default();
    *known = at_least.max(*known);
}

/// Whether asking again would change nothing: what is sent is itself wrong. A vault from before migration V6 knows no such path, and
/// has another credential while that is being replaced.
fn is_final(error: &VaultError) -> bool {
    matches!(error, VaultError::Problem(problem) if matches!(problem.status, 400 | 413 | 422))
}
