//! What the vault measures besides its HTTP side. docs/OPERATIONS.md says what each is for.

use std::time::Duration;

use chassis::metrics::{BOUNDS_SECONDS, Metrics};
use contract::internal::{BookingAnswer, Verdict};
use prometheus::{Error, Histogram, IntCounter, IntCounterVec, IntGauge};

use crate::committer::{Answer, Command};

/// The committer's figures.
pub struct CommitterMetrics {
    /// Commands that wait in lanes.
    pub queued: IntGauge,
    /// Batches that had to be tried again, or given up.
    pub failures: IntCounter,
    batch_size: Histogram,
    batch_seconds: Histogram,
    verdicts: IntCounterVec,
    changes: IntCounterVec,
}

impl CommitterMetrics {
    /// Registers them.
    pub fn register(metrics: &Metrics) -> Result<Self, Error> {
        Ok(Self {
            queued: metrics.gauge("vault_committer_queued", "Commands waiting in the lanes.")?,
            failures: metrics.counter("vault_commit_failures_total", "Transactions of batches that failed.")?,
            batch_size: metrics.histogram(
                "vault_commit_batch_size",
                "Commands decided by one transaction.",
                &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0],
            )?,
            batch_seconds: metrics.histogram(
                "vault_commit_seconds",
                "Time of one batch's transaction, retries included.",
                BOUNDS_SECONDS,
            )?,
            verdicts: metrics.counters(
                "vault_verdicts_total",
                "Commits by what was decided; one that is asked again counts again.",
                "verdict",
                Verdict::WORDS,
            )?,
            changes: metrics.counters(
                "vault_changes_total",
                "Bookings paid, given back or run out; and commits without a verdict that were resolved.",
                "change",
                &["confirmed", "cancelled", "expired", "resolved"],
            )?,
        })
    }

    /// Counts one batch.
    #[expect(clippy::cast_precision_loss, reason = "a batch has at most 512 commands")]
    pub fn observe_batch(&self, commands: usize, took: Duration) {
        self.batch_size.observe(commands as f64);
        self.batch_seconds.observe(took.as_secs_f64());
    }

    /// Counts what became of a command.
    pub fn observe_answer(&self, command: &Command, answer: &Answer) {
        let change = match (command, answer) {
            (_, Answer::Verdict(verdict)) => return self.verdicts.with_label_values(&[verdict.as_str()]).inc(),
            (_, Answer::Expired(true)) => "expired",
            (_, Answer::Resolved(Some(_))) => "resolved",
            (Command::Confirm { .. }, Answer::Booking(answer)) if matches!(**answer, BookingAnswer::Done(_)) => {
                "confirmed"
            }
            (Command::Cancel { .. }, Answer::Booking(answer)) if matches!(**answer, BookingAnswer::Done(_)) => {
                "cancelled"
            }
            _ => return,
        };
        self.changes.with_label_values(&[change]).inc();
    }
}

/// Connections of the pool, looked at every second.
pub struct PoolMetrics {
    size: IntGauge,
    available: IntGauge,
    waiting: IntGauge,
}

impl PoolMetrics {
    /// Registers them.
    pub fn register(metrics: &Metrics) -> Result<Self, Error> {
        Ok(Self {
            size: metrics.gauge("vault_pool_connections", "Open connections to Postgres.")?,
            available: metrics.gauge("vault_pool_connections_idle", "Connections nobody uses now.")?,
            waiting: metrics.gauge("vault_pool_waiting", "Tasks that wait for a connection.")?,
        })
    }

    /// Takes over the pool's numbers.
    pub fn set(&self, size: usize, available: usize, waiting: usize) {
        let number = |count| i64::try_from(count).unwrap_or(i64::MAX);
        self.size.set(number(size));
        self.available.set(number(available));
        self.waiting.set(number(waiting));
    }
}
