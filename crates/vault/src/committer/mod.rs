//! Group commit: whatever arrives for an event while its last transaction commits becomes its next transaction.
//!
//! One **lane** per event takes commands in order, decides a batch of them in a pure function ([`decide`]) and commits it
//! once. There are no timers: alone, a command commits at once; under load, batches grow by themselves.

pub mod decide;
mod lane;
pub mod model;
#[cfg(feature = "faults")]
mod mutants;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};

use contract::EventId;
use tokio::sync::{mpsc, oneshot};
use tracing::Span;

pub use model::{Answer, Command};

use crate::metrics::CommitterMetrics;
use crate::store::Store;

/// Commands an event's lane holds before it turns new ones away: some seconds of work on a slow disk.
const LANE_QUEUE_MAX: usize = 8_192;
/// Events that may be worked on at once; idle lanes end by themselves.
const LANES_MAX: usize = 4_096;

/// Why a command got no answer. Nothing is known about its outcome; asking again with the same rid is safe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CommitterError {
    /// The lane's queue or the number of lanes is at its bound; the command was not tried.
    #[error("too much is waiting to be committed")]
    Busy,
    /// The transaction failed, or its outcome was lost.
    #[error("the transaction's outcome is not known")]
    Unknown,
}

/// A command and where its answer goes.
struct Job {
    command: Command,
    reply: oneshot::Sender<Result<Answer, CommitterError>>,
    /// What asked for it.
    span: Span,
}

/// Hands commands to their event's lane. Clones share the lanes.
#[derive(Clone)]
pub struct Committer {
    store: Store,
    metrics: Arc<CommitterMetrics>,
    lanes: Arc<Mutex<HashMap<EventId, mpsc::Sender<Job>>>>,
    runtime: tokio::runtime::Handle,
}

impl Committer {
    /// A committer whose lanes run on the current runtime, whoever calls it later.
    #[must_use]
    pub fn new(store: Store, metrics: Arc<CommitterMetrics>) -> Self {
        Self { store, metrics, lanes: Arc::default(), runtime: tokio::runtime::Handle::current() }
    }

    /// Queues a command; the receiver gets its answer once the transaction is durable.
    pub fn submit(
        &self,
        event_id: EventId,
        command: Command,
    ) -> Result<oneshot::Receiver<Result<Answer, CommitterError>>, CommitterError> {
        let (reply, answer) = oneshot::channel();
        // The lane's sender never leaves the lock, so a lane that finds its queue empty under it may end.
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        if lanes.get(&event_id).is_some_and(mpsc::Sender::is_closed) {
            // Its task ended by a panic; the event must not stay closed for that.
            lanes.remove(&event_id);
        }
        let lane_count = lanes.len();
        let lane = match lanes.entry(event_id) {
            Entry::Occupied(lane) => lane.into_mut(),
            Entry::Vacant(_) if lane_count >= LANES_MAX => return Err(CommitterError::Busy),
            Entry::Vacant(place) => {
                let (sender, inbox) = mpsc::channel(LANE_QUEUE_MAX);
                self.runtime.spawn(lane::run(self.clone(), event_id, inbox));
                place.insert(sender)
            }
        };
        lane.try_send(Job { command, reply, span: Span::current() }).map_err(|_| CommitterError::Busy)?;
        self.metrics.queued.inc();
        Ok(answer)
    }

    /// Queues a command and waits for its answer.
    pub async fn ask(&self, event_id: EventId, command: Command) -> Result<Answer, CommitterError> {
        self.submit(event_id, command)?.await.unwrap_or(Err(CommitterError::Unknown))
    }

    /// Ends a lane unless something arrived meanwhile.
    fn retire(&self, event_id: EventId, inbox: &mpsc::Receiver<Job>) -> bool {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        inbox.is_empty() && lanes.remove(&event_id).is_some()
    }
}
