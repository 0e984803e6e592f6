//! What a gatekeeper measures besides its HTTP side.

use prometheus::{Error, IntCounter, IntCounterVec, IntGauge, Opts, Registry};

/// The gate's figures.
#[derive(Clone)]
pub struct GateMetrics {
    /// Attempts by what the gate said.
    pub admissions: IntCounterVec,
    /// Refusals from the latch alone.
    pub latch_hits: IntCounter,
    /// Bookings by what the vault said.
    pub bookings: IntCounterVec,
    /// Commits that wait for their lane.
    pub commits_waiting: IntGauge,
    /// Requests told to wait, by kind and by whose budget was empty.
    pub limited: IntCounterVec,
    /// Times a budget could not be asked.
    pub limits_open: IntCounter,
    /// Events loaded under a new epoch by this replica.
    pub reloads: IntCounter,
    /// Commits beyond their lease that this replica had resolved.
    pub resolved: IntCounter,
    /// Journal rows this replica brought.
    pub journal_rows: IntCounter,
}

/// The live feed's figures.
#[derive(Clone)]
pub struct FeedMetrics {
    /// Clients that watch.
    pub active_connections: IntGauge,
    /// Clients that were closed, by the reason.
    pub closed: IntCounterVec,
}

impl FeedMetrics {
    /// Registers them.
    pub fn register(registry: &Registry) -> Result<Self, Error> {
        let active_connections = IntGauge::new("active_connections", "WebSocket clients of the live feed.")?;
        let closed = Opts::new("gatekeeper_feed_closed_total", "WebSocket clients closed, by the reason.");
        let closed = IntCounterVec::new(closed, &["reason"])?;
        registry.register(Box::new(active_connections.clone()))?;
        registry.register(Box::new(closed.clone()))?;
        // There from the start, so that the first of its kind is an increase and not a new series.
        for reason in ["slow", "flood", "too_large", "silent", "unauthorized", "unchecked", "wrong_origin"] {
            closed.with_label_values(&[reason]);
        }
        Ok(Self { active_connections, closed })
    }
}

impl GateMetrics {
    /// Registers them.
    pub fn register(registry: &Registry) -> Result<Self, Error> {
        let counter = |name: &str, help: &str| {
            let counter = IntCounter::new(name, help)?;
            registry.register(Box::new(counter.clone()))?;
            Ok::<_, Error>(counter)
        };
        let by_outcome = |name: &str, help: &str, outcomes: &[&str]| {
            let counter = IntCounterVec::new(Opts::new(name, help), &["outcome"])?;
            registry.register(Box::new(counter.clone()))?;
            // There from the start, so that the first of its kind is an increase and not a new series.
            for outcome in outcomes {
                counter.with_label_values(&[outcome]);
            }
            Ok::<_, Error>(counter)
        };
        let commits_waiting = IntGauge::new("gatekeeper_commits_waiting", "Commits waiting for their lane.")?;
        registry.register(Box::new(commits_waiting.clone()))?;
        let limited = Opts::new("gatekeeper_limited_total", "Requests told to wait, by kind and by whose budget.");
        let limited = IntCounterVec::new(limited, &["kind", "subject"])?;
        registry.register(Box::new(limited.clone()))?;
        Ok(Self {
            admissions: by_outcome(
                "gatekeeper_admissions_total",
                "Attempts to take inventory by outcome.",
                &["admitted", "sold_out", "seat_taken", "closed", "limit"],
            )?,
            latch_hits: counter("gatekeeper_latch_hits_total", "Refusals answered from the sold-out latch.")?,
            bookings: by_outcome(
                "gatekeeper_bookings_total",
                "Admitted attempts by the vault's verdict.",
                &["posted", "unknown", "void", "stale_epoch", "sold_out", "seat_taken"],
            )?,
            commits_waiting,
            limited,
            limits_open: counter(
                "gatekeeper_limits_open_total",
                "Times a budget could not be asked, and let through.",
            )?,
            reloads: counter("gatekeeper_reloads_total", "Events loaded under a new epoch.")?,
            resolved: counter("gatekeeper_resolved_total", "Overdue commits resolved with the vault.")?,
            journal_rows: counter("gatekeeper_journal_rows_total", "Journal rows brought to Redis.")?,
        })
    }
}
