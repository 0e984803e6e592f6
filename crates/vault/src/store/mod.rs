//! Every SQL statement of Onsale. Callers speak of events, batches and bookings; only here are there tables.

mod api_keys;
mod audit;
pub(crate) mod audit_log;
mod batch;
mod bookings;
mod epochs;
mod events;
mod hold_changes;
mod idempotency;
mod journal;
mod profiles;
mod rows;
mod start;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chassis::tls::{self, TlsError};

use deadpool_postgres::{
    Manager, ManagerConfig, Object, Pool, PoolError, QueueMode, RecyclingMethod, Runtime, Timeouts,
};
use tokio::sync::Semaphore;
use tokio_postgres::config::{LoadBalanceHosts, SslMode};
use tokio_postgres::error::SqlState;
use tokio_postgres_rustls::MakeRustlsConnect;

pub use batch::{Batch, BatchSnapshot, Position};
pub use journal::WAKE_CHANNEL;

/// Longest wait for a free connection, for a new one, and for one to be made usable again.
const CONNECTION_WAIT: Duration = Duration::from_secs(5);

/// A host that acknowledges nothing for this long is gone, and its connections with it.
const SILENCE_MAX: Duration = Duration::from_secs(10);

/// Bounds that Postgres itself keeps, so that nothing waits forever whatever happens to the vault; and no joins but nested
/// loops: ours go by primary key, and a plan made from statistics of before the sale must not come to read a whole event or a
/// whole table. Nor a plan made for this one event: statistics that do not know it yet say it has one row, which any index would
/// find. Plans look dear then that are not, and nothing is compiled for that.
const SESSION_OPTIONS: &str = "-c statement_timeout=15s -c lock_timeout=10s \
     -c idle_in_transaction_session_timeout=20s -c synchronous_commit=on -c timezone=UTC \
     -c enable_hashjoin=off -c enable_mergejoin=off -c enable_seqscan=off -c jit=off \
     -c plan_cache_mode=force_generic_plan";

/// Why the store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No connection was to be had.
    #[error("no connection to Postgres: {0}")]
    Pool(#[from] PoolError),
    /// Postgres, or the way to it, failed.
    #[error("Postgres failed: {}", detail(.0))]
    Postgres(#[from] tokio_postgres::Error),
    /// Nothing was heard from Postgres in time.
    #[error("Postgres did not answer in time")]
    Silent,
    /// A statement changed another number of rows than was meant; the transaction was rolled back.
    #[error("{what}: {actual} rows instead of {meant}")]
    Rows {
        /// The statement.
        what: &'static str,
        /// What it should have changed.
        meant: u64,
        /// What it did change.
        actual: u64,
    },
    /// A stored value is not one this version knows.
    #[error("a stored {0} cannot be read")]
    Unreadable(&'static str),
    /// Nobody at the other end could be believed.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// What was asked cannot be done, and why.
    #[error("{0}")]
    Refused(String),
    /// What was asked makes no sense, and why.
    #[error("{0}")]
    Malformed(String),
    /// There is no such thing.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// The pool could not be made.
    #[error("the pool of connections: {0}")]
    Build(#[from] deadpool_postgres::BuildError),
    /// The schema could not be brought up to date.
    #[error("the schema: {0}")]
    Migration(#[from] refinery::Error),
}

impl StoreError {
    /// Whether the other end could not show that it is who it should be.
    #[must_use]
    pub fn is_about_trust(&self) -> bool {
        let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(self);
        while let Some(error) = cause {
            if error.to_string().contains("invalid peer certificate") {
                return true;
            }
            cause = error.source();
        }
        false
    }

    /// Whether Postgres is not to be had now, rather than refused what it was asked: it is down, starting, stopping, out of
    /// resources, or was too slow.
    #[must_use]
    pub fn is_outage(&self) -> bool {
        // Classes of SQLSTATE: connection, transaction state (a standby, a session timed out), rollback, resources,
        // operator; and a lock that was waited for too long.
        const OUTAGES: [&str; 5] = ["08", "25", "40", "53", "57"];
        match self {
            Self::Pool(_) | Self::Silent => true,
            Self::Postgres(error) => error.code().is_none_or(|code| {
                *code == SqlState::LOCK_NOT_AVAILABLE || OUTAGES.iter().any(|class| code.code().starts_with(class))
            }),
            _ => false,
        }
    }
}

fn detail(error: &tokio_postgres::Error) -> String {
    error.as_db_error().map_or_else(|| error.to_string(), |db| format!("{} ({})", db.message(), db.code().code()))
}

/// A pool of connections. Clones share it.
#[derive(Clone)]
pub struct Store {
    pool: Pool,
    config: tokio_postgres::Config,
    tls: MakeRustlsConnect,
    log_reads: Arc<Semaphore>,
    log_writes: Arc<Semaphore>,
}

impl Store {
    /// A store on this database; connects when first used. Encrypted if the address says `sslmode=require`, or if authorities
    /// are given; then always checked, by those authorities or by the system's.
    pub fn new(database_url: &str, authorities: Option<&Path>, pool_size_max: usize) -> Result<Self, StoreError> {
        // What the parser says of it may be a part of the password.
        let config = database_url.parse::<tokio_postgres::Config>();
        let mut config =
            config.map_err(|_| StoreError::Refused("ONSALE_DATABASE_URL is not an address of Postgres".into()))?;
        // Of several servers, one that does not answer leaves the next its time.
        let servers = u32::try_from(config.get_hosts().len()).unwrap_or(u32::MAX).max(1);
        config.options(SESSION_OPTIONS).application_name("onsale-vault").connect_timeout(CONNECTION_WAIT / servers);
        // One that takes connections and says nothing would keep us from the next each time, were it always the first.
        config.load_balance_hosts(LoadBalanceHosts::Random);
        config.tcp_user_timeout(SILENCE_MAX).keepalives_idle(SILENCE_MAX);
        let is_encrypted = authorities.is_some() || config.get_ssl_mode() == SslMode::Require;
        // Not "if the server likes": whoever is between could say that it does not.
        config.ssl_mode(if is_encrypted { SslMode::Require } else { SslMode::Disable });
        let tls = if is_encrypted { tls::client_config(authorities)? } else { tls::unused_config()? };
        let tls = MakeRustlsConnect::new(tls);
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = Manager::from_config(config.clone(), tls.clone(), recycling);
        let wait = Some(CONNECTION_WAIT);
        let pool = Pool::builder(manager)
            .max_size(pool_size_max)
            // The one used last has its statements prepared and planned and what they read in its caches.
            .queue_mode(QueueMode::Lifo)
            .timeouts(Timeouts { wait, create: wait, recycle: wait })
            .runtime(Runtime::Tokio1)
            .build()?;
        let turns = |at_a_time| Arc::new(Semaphore::new(at_a_time));
        let (log_reads, log_writes) = (turns(audit_log::READS_MAX), turns(hold_changes::WRITES_MAX));
        Ok(Self { pool, config, tls, log_reads, log_writes })
    }

    async fn client(&self) -> Result<Object, StoreError> {
        Ok(self.pool.get().await?)
    }

    /// Connections: open, idle, and tasks waiting for one.
    #[must_use]
    pub fn pool_status(&self) -> (usize, usize, usize) {
        let status = self.pool.status();
        (status.size, status.available, status.waiting)
    }

    /// A settled question to Postgres, for readiness.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.client().await?.simple_query("SELECT 1").await?;
        Ok(())
    }
}

/// Compares what a statement did with what was meant.
fn expect_rows(what: &'static str, meant: usize, actual: u64) -> Result<(), StoreError> {
    let meant = meant as u64;
    if meant == actual { Ok(()) } else { Err(StoreError::Rows { what, meant, actual }) }
}
