//! Changes that the vault has no part in, which are those of holds, on their way into its audit log.
//!
//! A hold is not kept waiting for its entry: changes are gathered for a moment and sent together, again and again until the
//! vault has them. What a replica that is killed had not sent yet is not in the log, at most [`GATHERING`] of it while there is a
//! vault; the holds themselves are leases that end by themselves, and what becomes of them, a booking, has its own entry.

use std::time::{Duration, Instant};

use chassis::retry::Backoff;
use contract::api::Action;
use contract::internal::{LOGGED_CHANGES_MAX, LogBatch, LoggedChange};
use contract::{EventId, Origin, ReservationId};
use jiff::Timestamp;
use prometheus::{IntCounter, IntGauge};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use crate::vault_client::{VaultClient, VaultError};

/// Changes that wait before further ones are lost: of a replica that is as busy as can be, ten seconds' without its vault.
const QUEUE_MAX: usize = 65_536;
/// How long changes are gathered before they are sent.
const GATHERING: Duration = Duration::from_millis(100);
/// Waits between tries.
const RETRY_FIRST: Duration = Duration::from_millis(100);
const RETRY_LONGEST: Duration = Duration::from_secs(5);
/// A batch nobody took for so long is lost; the vault knows one it took for twice as long.
const TRY_MAX: Duration = Duration::from_mins(30);
/// How long a replica that is stopping waits for the rest to be sent.
const FLUSH_WAIT: Duration = Duration::from_secs(5);

enum Message {
    Change(Box<LoggedChange>),
    /// Answered once all that came before is sent.
    Flush(oneshot::Sender<()>),
}

/// Clones share the queue.
#[derive(Clone)]
pub struct ChangeLog {
    messages: mpsc::Sender<Message>,
    waiting: IntGauge,
    lost: IntCounter,
}

impl ChangeLog {
    /// A queue that is worked off on the current runtime.
    #[must_use]
    pub fn start(vault: VaultClient, waiting: IntGauge, lost: IntCounter) -> Self {
        let (messages, inbox) = mpsc::channel(QUEUE_MAX);
        tokio::spawn(run(Sender { vault, waiting: waiting.clone(), lost: lost.clone() }, inbox));
        Self { messages, waiting, lost }
    }

    /// Has a change entered that was just made.
    pub fn enter(&self, event_id: EventId, action: Action, subject: ReservationId, origin: &Origin) {
        let change = LoggedChange { at: Timestamp::now(), event_id, action, subject, origin: origin.clone() };
        // Counted first: who takes it off the queue counts it off.
        self.waiting.inc();
        if self.messages.try_send(Message::Change(Box::new(change))).is_err() {
            self.waiting.dec();
            self.lost.inc();
        }
    }

    /// Waits until what was entered so far is sent, a bounded time.
    pub async fn flush(&self) {
        let (done, is_done) = oneshot::channel();
        let flushed = async {
            if self.messages.send(Message::Flush(done)).await.is_ok() {
                let _ = is_done.await;
            }
        };
        if timeout(FLUSH_WAIT, flushed).await.is_err() {
            tracing::error!(changes = self.waiting.get(), "changes were not sent to the audit log");
        }
    }
}

struct Sender {
    vault: VaultClient,
    waiting: IntGauge,
    lost: IntCounter,
}

async fn run(sender: Sender, mut inbox: mpsc::Receiver<Message>) {
    let mut messages = Vec::new();
    loop {
        // The first one says that there is something to gather for, unless somebody waits for it.
        if inbox.recv_many(&mut messages, 1).await == 0 {
            return;
        }
        if matches!(messages[0], Message::Change(_)) {
            // Enough for a batch is not waited for.
            if inbox.len() + 1 < LOGGED_CHANGES_MAX {
                sleep(GATHERING).await;
            }
            while messages.len() < LOGGED_CHANGES_MAX
                && let Ok(message) = inbox.try_recv()
            {
                messages.push(message);
            }
        }
        let mut changes = Vec::new();
        let mut flushed = Vec::new();
        for message in messages.drain(..) {
            match message {
                Message::Change(change) => changes.push(*change),
                Message::Flush(done) => flushed.push(done),
            }
        }
        if !changes.is_empty() {
            sender.send(changes).await;
        }
        for done in flushed {
            // Whoever asked may have gone.
            let _ = done.send(());
        }
    }
}

impl Sender {
    /// Sends a batch until the vault has it, or will never have.
    async fn send(&self, changes: Vec<LoggedChange>) {
        let count = changes.len();
        let batch = LogBatch { batch_id: Uuid::now_v7(), changes };
        let until = Instant::now() + TRY_MAX;
        let mut backoff = Backoff::new(RETRY_FIRST, RETRY_LONGEST);
        loop {
            match self.vault.enter_changes(&batch).await {
                Ok(()) => break,
                Err(error) if is_final(&error) || Instant::now() >= until => {
                    tracing::error!(%error, changes = count, "changes did not get into the audit log");
                    self.lost.inc_by(count as u64);
                    break;
                }
                Err(error) => tracing::warn!(%error, changes = count, "changes are not in the audit log yet"),
            }
            sleep(backoff.next_wait()).await;
        }
        self.waiting.sub(i64::try_from(count).unwrap_or(0));
    }
}

/// Whether asking again would change nothing: the batch itself is wrong. A vault of the version before knows no such path, and has
/// another credential while that is being replaced.
fn is_final(error: &VaultError) -> bool {
    matches!(error, VaultError::Problem(problem) if matches!(problem.status, 400 | 413 | 422))
}
