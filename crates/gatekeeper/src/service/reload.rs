//! Brings an event's inventory back: a new epoch from the vault, installed in Redis.
//!
//! Single-flight on a replica by the set of events under way, and over all replicas by a key in Redis. Neither is needed
//! for correctness: epochs only grow, and `load_event` installs the newest.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use chassis::retry::Backoff;
use contract::EventId;
use jiff::Timestamp;
use tokio::runtime::Handle;

use crate::catalog::Catalog;
use crate::keys::EventKeys;
use crate::latch::Latch;
use crate::link::Link;
use crate::metrics::GateMetrics;
use crate::scripts::{ScriptError, load_event, read_inventory, registry};
use crate::vault_client::{VaultClient, VaultError};

/// Events being reloaded at a time; further ones are asked for again by the next request for them.
const RELOADS_MAX: usize = 64;
/// Tries of one reload, about five seconds in all.
const TRIES_MAX: u32 = 24;
/// How often the claim on loading an event is renewed.
const CLAIM_RENEWAL: Duration = Duration::from_millis(registry::LOADING_MS / 3);
/// Waits between tries.
const RETRY_FIRST: Duration = Duration::from_millis(20);
const RETRY_LONGEST: Duration = Duration::from_millis(250);

/// Clones share what is under way.
#[derive(Clone)]
pub struct Reloader {
    link: Arc<Link>,
    vault: VaultClient,
    catalog: Arc<Catalog>,
    latch: Arc<Latch>,
    metrics: GateMetrics,
    under_way: Arc<Mutex<HashSet<EventId>>>,
    runtime: Handle,
}

#[derive(Debug, thiserror::Error)]
enum ReloadError {
    #[error(transparent)]
    Script(#[from] ScriptError),
    #[error(transparent)]
    Vault(#[from] VaultError),
    #[error("another replica is loading the event")]
    Elsewhere,
}

impl Reloader {
    /// A reloader that works on the current runtime.
    #[must_use]
    pub fn new(
        link: Arc<Link>,
        vault: VaultClient,
        catalog: Arc<Catalog>,
        latch: Arc<Latch>,
        metrics: GateMetrics,
    ) -> Self {
        Self { link, vault, catalog, latch, metrics, under_way: Arc::default(), runtime: Handle::current() }
    }

    /// Asks for a reload and returns at once. `stale` is an epoch that turned out to be over: inventory loaded under a
    /// newer one is left as it is, and so is any inventory if there is no such epoch.
    pub fn request(&self, event: EventId, stale: Option<i64>) {
        let reloader = self.clone();
        self.start(event, async move { reloader.reload(event, stale).await });
    }

    /// Asks for what is missing and nobody wanted yet, and returns at once: an event that is over is left where it is.
    pub fn request_unless_over(&self, event: EventId) {
        let reloader = self.clone();
        self.start(event, async move {
            let mut backoff = Backoff::new(RETRY_FIRST, RETRY_LONGEST);
            for _ in 0..TRIES_MAX {
                match reloader.catalog.event(event).await {
                    Ok(Some(known)) if !known.is_over(Timestamp::now()) => return reloader.reload(event, None).await,
                    Ok(_) => return,
                    Err(error) => tracing::warn!(event_id = %event, %error, "an event could not be looked up"),
                }
                tokio::time::sleep(backoff.next_wait()).await;
            }
        });
    }

    fn start(&self, event: EventId, work: impl Future<Output = ()> + Send + 'static) {
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        if under_way.len() >= RELOADS_MAX || !under_way.insert(event) {
            return;
        }
        let under_way = self.under_way.clone();
        self.runtime.spawn(async move {
            work.await;
            under_way.lock().unwrap_or_else(PoisonError::into_inner).remove(&event);
        });
    }

    /// Reloads and waits for it, a bounded time.
    pub async fn reload(&self, event: EventId, stale: Option<i64>) {
        if stale.is_some() {
            self.link.doubt();
        }
        let mut backoff = Backoff::new(RETRY_FIRST, RETRY_LONGEST);
        for _ in 0..TRIES_MAX {
            match self.try_reload(event, stale).await {
                Ok(()) => return self.latch.open(event),
                Err(ReloadError::Elsewhere) => {}
                Err(error) => tracing::warn!(event_id = %event, %error, "an event could not be loaded"),
            }
            tokio::time::sleep(backoff.next_wait()).await;
        }
    }

    async fn try_reload(&self, event: EventId, stale: Option<i64>) -> Result<(), ReloadError> {
        let keys = EventKeys::of(event);
        if self.is_loaded(&keys, stale).await? {
            return Ok(());
        }
        if !registry::claim_loading(&self.link, &keys).await? {
            return Err(ReloadError::Elsewhere);
        }
        // Looked at again under the claim: another replica may have finished in between, and a second epoch would void
        // what was admitted under the first.
        let loaded = match self.is_loaded(&keys, stale).await {
            Ok(false) => self.load_under_claim(event, &keys).await,
            seen => seen.map(|_| ()),
        };
        registry::end_loading(&self.link, &keys).await?;
        loaded
    }

    /// A large projection takes longer than the claim lasts, so the claim is renewed meanwhile.
    async fn load_under_claim(&self, event: EventId, keys: &EventKeys) -> Result<(), ReloadError> {
        let renewing = async {
            loop {
                tokio::time::sleep(CLAIM_RENEWAL).await;
                if let Err(error) = registry::renew_loading(&self.link, keys).await {
                    tracing::debug!(event_id = %event, %error, "the claim on loading could not be renewed");
                }
            }
        };
        tokio::select! {
            loaded = self.load(event, keys) => loaded,
            () = renewing => unreachable!("it never ends"),
        }
    }

    async fn is_loaded(&self, keys: &EventKeys, stale: Option<i64>) -> Result<bool, ReloadError> {
        match read_inventory::call(&self.link, keys, &[], false).await {
            Ok(inventory) => Ok(stale.is_none_or(|stale| inventory.epoch > stale)),
            Err(ScriptError::NotLoaded { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    async fn load(&self, event: EventId, keys: &EventKeys) -> Result<(), ReloadError> {
        let started = Instant::now();
        let run_id = self.link.live(keys.loading()).await.map_err(ScriptError::from)?.run_id;
        self.remember(event).await;
        let Some(projection) = self.vault.issue_epoch(event, run_id.to_string()).await? else { return Ok(()) };
        let installed = load_event::call(&self.link, keys, &projection).await?;
        // Once more: it may have been retired, and taken off, since.
        self.remember(event).await;
        tracing::info!(event_id = %event, epoch = projection.epoch, installed, "an event was loaded");
        self.metrics.reloads.inc();
        // One that is over leaves Redis by and by, and is loaded again when somebody looks.
        if projection.epoch > 1 && Timestamp::now() < projection.event.ends_at {
            self.metrics.reloads_again.inc();
        }
        self.metrics.reload_seconds.observe(started.elapsed().as_secs_f64());
        self.catalog.remember(projection.event);
        Ok(())
    }

    /// Enters it among the loaded ones. In a Cluster these are on a shard of their own, and an event is not to wait for that: whoever
    /// sweeps it enters it as well.
    async fn remember(&self, event: EventId) {
        if let Err(error) = registry::remember_loaded(&self.link, event).await {
            tracing::warn!(event_id = %event, %error, "a loaded event could not be entered among the others");
        }
    }
}
