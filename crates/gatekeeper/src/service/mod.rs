//! What the gatekeeper decides, without HTTP.

pub mod activity;
pub mod api_keys;
pub mod audit;
pub mod audit_log;
pub mod bookings;
pub mod error;
pub mod events;
pub mod holds;
pub mod inventory;
pub mod profile;
pub mod reload;

use std::sync::Arc;

use contract::{EventId, Problem};
use tokio::sync::Semaphore;

pub use error::ServiceError;

use crate::catalog::{Catalog, Event};
use crate::change_log::ChangeLog;
use crate::commit_queue::CommitQueue;
use crate::latch::Latch;
use crate::link::Link;
use crate::metrics::GateMetrics;
use crate::scripts::{Admission, ScriptError};
use crate::tally::{Ending, Tally};
use crate::vault_client::VaultClient;
use reload::Reloader;

/// What every part of the service works with. Each worker has its own link to Redis and shares the rest.
#[derive(Clone)]
pub struct Gate {
    /// To Redis.
    pub link: Arc<Link>,
    /// To the vault.
    pub vault: VaultClient,
    /// Events.
    pub catalog: Arc<Catalog>,
    /// Tiers known to be sold out.
    pub latch: Arc<Latch>,
    /// The way of winners.
    pub commits: CommitQueue,
    /// Holds' way into the audit log.
    pub changes: ChangeLog,
    /// Brings missing inventory back.
    pub reloader: Reloader,
    /// What is measured.
    pub metrics: GateMetrics,
    /// What became of attempts, by event.
    pub tally: Tally,
    /// A commit's lease, in milliseconds.
    pub commit_lease_ms: i64,
    /// Holds with lost replies being released at a time.
    pub abandoning: Arc<Semaphore>,
}

impl Gate {
    /// An event, or the 404 for it.
    pub async fn event(&self, id: EventId) -> Result<Arc<Event>, ServiceError> {
        self.catalog.event(id).await?.ok_or(ServiceError::NotFound("event"))
    }

    /// An event with a fresh capacity and sale state, or the 404 for it.
    pub async fn fresh_event(&self, id: EventId) -> Result<Arc<Event>, ServiceError> {
        self.catalog.fresh_event(id).await?.ok_or(ServiceError::NotFound("event"))
    }

    /// Counts what the gate said to an attempt.
    pub(crate) fn count(&self, event: EventId, admission: &Admission) {
        self.metrics.admissions.with_label_values(&[admission.outcome()]).inc();
        if matches!(admission, Admission::SoldOut { .. } | Admission::SeatTaken(_)) {
            self.metrics.booking_conflicts.inc();
        }
        if let Some(ending) = ending(admission) {
            self.tally.count(event, ending);
        }
    }

    /// Takes a script's failure over. Missing inventory is brought back in the background, and until then what this
    /// replica remembered of it does not count.
    #[must_use]
    pub fn failed(&self, event: EventId, error: ScriptError) -> ServiceError {
        if let ScriptError::NotLoaded { .. } = error {
            self.latch.open(event);
            self.reloader.request(event, None);
        }
        ServiceError::Script(error)
    }
}

/// How an attempt ended, for those who watch the sale; mistakes of clients are none of their business.
fn ending(admission: &Admission) -> Option<Ending> {
    Some(match admission {
        Admission::Admitted { .. } => Ending::Admitted,
        Admission::SoldOut { .. } => Ending::SoldOut,
        Admission::SeatTaken(_) => Ending::SeatTaken,
        Admission::Limit => Ending::LimitExceeded,
        Admission::Closed => Ending::NotBookable,
        Admission::UnknownItem | Admission::NotOwner | Admission::Expired => return None,
    })
}

/// A refusal as the client is told.
fn refused(code: contract::Code, detail: impl Into<String>) -> ServiceError {
    ServiceError::Refused(Box::new(Problem::new(code, detail)))
}
