//! What a gatekeeper measures besides its HTTP side. docs/OPERATIONS.md says what each is for.

use std::time::Duration;

use chassis::metrics::{BOUNDS_SECONDS, Metrics};
use contract::internal::Verdict;
use prometheus::{Error, Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts};

use crate::scripts::SCRIPTS;

/// The gate's figures.
#[derive(Clone)]
pub struct GateMetrics {
    /// Attempts by what the gate said.
    pub admissions: IntCounterVec,
    /// Refusals from the latch alone.
    pub latch_hits: IntCounter,
    /// Bookings made.
    pub booking_successes: IntCounter,
    /// Attempts that came too late: what they wanted is another's.
    pub booking_conflicts: IntCounter,
    /// Commits by what the vault said.
    pub bookings: IntCounterVec,
    /// Commits that wait for their lane.
    pub commits_waiting: IntGauge,
    /// Requests with an Idempotency-Key that wait for theirs.
    pub keys_waiting: IntGauge,
    /// Changes of holds that the audit log does not have yet.
    pub changes_waiting: IntGauge,
    /// Changes of holds that it will never have.
    pub changes_lost: IntCounter,
    /// Requests told to wait, by kind and by whose budget was empty.
    pub limited: IntCounterVec,
    /// Times a budget could not be asked.
    pub limits_open: IntCounter,
    /// Events loaded under a new epoch by this replica.
    pub reloads: IntCounter,
    /// Those that had been loaded before.
    pub reloads_again: IntCounter,
    /// How long that took.
    pub reload_seconds: Histogram,
    /// Looks for what is due.
    pub sweeps: IntCounter,
    /// Commits beyond their lease that this replica had resolved.
    pub resolved: IntCounter,
    /// Those that the vault could not resolve, at each try.
    pub unresolved: IntCounter,
    /// Journal rows this replica brought.
    pub journal_rows: IntCounter,
    /// For how long the journal of some event has been ahead of Redis.
    pub journal_lag_seconds: IntGauge,
}

impl GateMetrics {
    /// Registers them.
    pub fn register(metrics: &Metrics) -> Result<Self, Error> {
        Ok(Self {
            admissions: metrics.counters(
                "gatekeeper_admissions_total",
                "Attempts to take inventory by outcome.",
                "outcome",
                &["admitted", "sold_out", "seat_taken", "closed", "limit"],
            )?,
            latch_hits: metrics.counter("gatekeeper_latch_hits_total", "Refusals answered from the sold-out latch.")?,
            booking_successes: metrics.counter("booking_success_total", "Bookings made.")?,
            booking_conflicts: metrics.counter("booking_conflict_total", "Attempts at what is another's by now.")?,
            bookings: metrics.counters(
                "gatekeeper_bookings_total",
                "Admitted attempts by the vault's verdict.",
                "outcome",
                Verdict::WORDS,
            )?,
            commits_waiting: metrics.gauge("gatekeeper_commits_waiting", "Commits waiting for their lane.")?,
            keys_waiting: metrics.gauge("gatekeeper_keys_waiting", "Requests waiting for their Idempotency-Key.")?,
            changes_waiting: metrics
                .gauge("gatekeeper_changes_waiting", "Changes of holds on their way to the audit log.")?,
            changes_lost: metrics
                .counter("gatekeeper_changes_lost_total", "Changes of holds the audit log never got.")?,
            limited: {
                let counters =
                    Opts::new("gatekeeper_limited_total", "Requests told to wait, by kind and whose budget.");
                let counters = metrics.registered(IntCounterVec::new(counters, &["kind", "subject"])?)?;
                for kind in ["reads", "holds", "bookings", "sessions"] {
                    for subject in ["customer", "key", "address"] {
                        counters.with_label_values(&[kind, subject]);
                    }
                }
                counters
            },
            limits_open: metrics
                .counter("gatekeeper_limits_open_total", "Times a budget could not be asked, and let through.")?,
            reloads: metrics.counter("gatekeeper_reloads_total", "Events loaded under a new epoch.")?,
            reloads_again: metrics
                .counter("gatekeeper_reloads_again_total", "Events loaded that had been loaded before.")?,
            reload_seconds: metrics.histogram(
                "gatekeeper_reload_seconds",
                "Time to load an event into Redis.",
                BOUNDS_SECONDS,
            )?,
            sweeps: metrics.counter("gatekeeper_sweeps_total", "Looks for holds and commits that are due.")?,
            resolved: metrics.counter("gatekeeper_resolved_total", "Overdue commits resolved with the vault.")?,
            unresolved: metrics
                .counter("gatekeeper_unresolved_total", "Overdue commits the vault could not resolve, at each try.")?,
            journal_rows: metrics.counter("gatekeeper_journal_rows_total", "Journal rows brought to Redis.")?,
            journal_lag_seconds: metrics.gauge(
                "gatekeeper_journal_lag_seconds",
                "For how long some event's journal has been ahead of Redis.",
            )?,
        })
    }
}

/// Calls of scripts, from here.
#[derive(Clone)]
pub struct ScriptMetrics {
    seconds: HistogramVec,
    failures: IntCounterVec,
}

impl ScriptMetrics {
    /// Registers them.
    pub fn register(metrics: &Metrics) -> Result<Self, Error> {
        Ok(Self {
            seconds: metrics.histograms(
                "gatekeeper_script_seconds",
                "Time of a script's call, with the way to Redis and back.",
                "script",
                BOUNDS_SECONDS,
            )?,
            failures: metrics.counters(
                "gatekeeper_script_failures_total",
                "Scripts' calls that gave no answer.",
                "script",
                SCRIPTS,
            )?,
        })
    }

    /// Counts one call.
    pub fn observe(&self, script: &str, took: Duration, is_answered: bool) {
        self.seconds.with_label_values(&[script]).observe(took.as_secs_f64());
        if !is_answered {
            self.failures.with_label_values(&[script]).inc();
        }
    }
}

/// The live feed's figures.
#[derive(Clone)]
pub struct FeedMetrics {
    /// Clients that watch.
    pub active_connections: IntGauge,
    /// Clients that were closed, by the reason.
    pub closed: IntCounterVec,
    /// Pictures sent whole to somebody who could not follow, or came back.
    pub resyncs: IntCounter,
}

impl FeedMetrics {
    /// Registers them.
    pub fn register(metrics: &Metrics) -> Result<Self, Error> {
        Ok(Self {
            active_connections: metrics.gauge("active_connections", "WebSocket clients of the live feed.")?,
            closed: metrics.counters(
                "gatekeeper_feed_closed_total",
                "WebSocket clients closed, by the reason.",
                "reason",
                &["slow", "flood", "too_large", "silent", "unauthorized", "unchecked", "wrong_origin"],
            )?,
            resyncs: metrics.counter("gatekeeper_feed_resyncs_total", "Whole pictures sent to who lost track.")?,
        })
    }
}

/// What the audit in the background found last.
#[derive(Clone)]
pub struct AuditMetrics {
    /// Looks at an event, by what came of them.
    pub audits: IntCounterVec,
    /// Tickets sold beyond a capacity, of all events.
    pub oversold: IntGauge,
    /// Seats sold twice, of all events.
    pub double_booked: IntGauge,
    /// Tickets and seats that are nowhere, or twice, of all events that could be counted.
    pub leaked: IntGauge,
    /// When all events had been looked at, in seconds since 1970.
    pub completed_at: IntGauge,
}

impl AuditMetrics {
    /// Registers them.
    pub fn register(metrics: &Metrics) -> Result<Self, Error> {
        Ok(Self {
            audits: metrics.counters(
                "gatekeeper_audits_total",
                "Events audited in the background, by what came of it.",
                "outcome",
                &["clean", "unclean", "busy", "failed"],
            )?,
            oversold: metrics.gauge("gatekeeper_oversold_tickets", "Tickets sold beyond their capacity.")?,
            double_booked: metrics.gauge("gatekeeper_double_booked_seats", "Seats sold more than once.")?,
            leaked: metrics.gauge("gatekeeper_leaked_tickets", "Tickets in no account, or in two.")?,
            completed_at: metrics
                .gauge("gatekeeper_audit_completed_timestamp_seconds", "When all events were audited last.")?,
        })
    }
}
