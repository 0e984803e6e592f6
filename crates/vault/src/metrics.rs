//! What the vault measures besides its HTTP side.

use std::time::Duration;

use prometheus::{Error, Histogram, HistogramOpts, IntGauge, Registry};

/// The committer's figures.
pub struct CommitterMetrics {
    /// Commands that wait in lanes.
    pub queued: IntGauge,
    batch_size: Histogram,
    batch_seconds: Histogram,
}

impl CommitterMetrics {
    /// Registers them.
    pub fn register(registry: &Registry) -> Result<Self, Error> {
        let queued = IntGauge::new("vault_committer_queued", "Commands waiting in the lanes.")?;
        let batch_size = Histogram::with_opts(
            HistogramOpts::new("vault_commit_batch_size", "Commands decided by one transaction.")
                .buckets(vec![1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0]),
        )?;
        let batch_seconds = Histogram::with_opts(
            HistogramOpts::new("vault_commit_seconds", "Time of one batch's transaction, retries included.")
                .buckets(vec![0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 15.0]),
        )?;
        registry.register(Box::new(queued.clone()))?;
        registry.register(Box::new(batch_size.clone()))?;
        registry.register(Box::new(batch_seconds.clone()))?;
        Ok(Self { queued, batch_size, batch_seconds })
    }

    /// Counts one batch.
    #[expect(clippy::cast_precision_loss, reason = "a batch has at most 512 commands")]
    pub fn observe_batch(&self, commands: usize, took: Duration) {
        self.batch_size.observe(commands as f64);
        self.batch_seconds.observe(took.as_secs_f64());
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
    pub fn register(registry: &Registry) -> Result<Self, Error> {
        let gauge = |name: &str, help: &str| {
            let gauge = IntGauge::new(name, help)?;
            registry.register(Box::new(gauge.clone()))?;
            Ok::<_, Error>(gauge)
        };
        Ok(Self {
            size: gauge("vault_pool_connections", "Open connections to Postgres.")?,
            available: gauge("vault_pool_connections_idle", "Connections nobody uses now.")?,
            waiting: gauge("vault_pool_waiting", "Tasks that wait for a connection.")?,
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
