//! What a replica remembers of events: what never changes (tiers, seats, prices), and for a moment what may.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use contract::internal::{EventRecord, TierRecord};
use contract::{EventId, TierId};
use jiff::Timestamp;
use tokio::sync::Semaphore;

use crate::keys::EventKeys;
use crate::vault_client::{VaultClient, VaultError};

/// Events remembered at a time, and unknown ids. Beyond it the memory starts over.
const EVENTS_MAX: usize = 10_000;
/// How long an id stays unknown: a flood of invented ids asks the vault once a second each at most.
const UNKNOWN_TIME: Duration = Duration::from_secs(1);
/// How old capacity and sale state may be where they are shown.
const FRESH_TIME: Duration = Duration::from_secs(1);
/// Questions to the vault at a time.
const LOOKUPS_MAX: usize = 32;

/// An event and its keys.
#[derive(Debug)]
pub struct Event {
    /// As the vault keeps it.
    pub record: EventRecord,
    /// Its keys in Redis.
    pub keys: EventKeys,
    /// Its tiers' ids in order.
    pub tier_ids: Vec<TierId>,
}

impl Event {
    fn new(record: EventRecord) -> Self {
        let tier_ids = record.tiers.iter().map(|tier| tier.tier_id).collect();
        Self { keys: EventKeys::of(record.event_id), tier_ids, record }
    }

    /// Whether it has ended: nothing of it is sold any more.
    #[must_use]
    pub fn is_over(&self, now: Timestamp) -> bool {
        now >= self.record.ends_at
    }

    /// One of its tiers.
    #[must_use]
    pub fn tier(&self, id: TierId) -> Option<&TierRecord> {
        self.record.tiers.iter().find(|tier| tier.tier_id == id)
    }
}

/// `None` is an id the vault does not know.
type Known = (Option<Arc<Event>>, Instant);

/// One per replica.
pub struct Catalog {
    vault: VaultClient,
    known: RwLock<HashMap<EventId, Known>>,
    lookups: Semaphore,
}

impl Catalog {
    /// An empty catalog.
    #[must_use]
    pub fn new(vault: VaultClient) -> Self {
        Self { vault, known: RwLock::default(), lookups: Semaphore::new(LOOKUPS_MAX) }
    }

    /// An event as it was once seen: good for ids, prices and seats.
    pub async fn event(&self, id: EventId) -> Result<Option<Arc<Event>>, VaultError> {
        self.event_not_older(id, None).await
    }

    /// An event with a capacity and sale state at most a second old.
    pub async fn fresh_event(&self, id: EventId) -> Result<Option<Arc<Event>>, VaultError> {
        self.event_not_older(id, Some(FRESH_TIME)).await
    }

    /// Remembers what the vault has just said.
    pub fn remember(&self, record: EventRecord) -> Arc<Event> {
        let event = Arc::new(Event::new(record));
        self.put(event.record.event_id, Some(event.clone()));
        event
    }

    /// An event if it is remembered; asks nobody.
    #[must_use]
    pub fn remembered(&self, id: EventId) -> Option<Arc<Event>> {
        self.recall(id, None).flatten()
    }

    /// Every event remembered that is not over.
    #[must_use]
    pub fn not_over(&self, now: Timestamp) -> Vec<EventId> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let is_current = |event: &Option<Arc<Event>>| event.as_ref().is_some_and(|event| !event.is_over(now));
        known.iter().filter(|(_, (event, _))| is_current(event)).map(|(id, _)| *id).collect()
    }

    async fn event_not_older(&self, id: EventId, most: Option<Duration>) -> Result<Option<Arc<Event>>, VaultError> {
        match self.recall(id, most) {
            Some(known) => Ok(known),
            // Boxed, or every request would be as large as one that asks the vault.
            None => Box::pin(self.look_up(id, most)).await,
        }
    }

    async fn look_up(&self, id: EventId, most: Option<Duration>) -> Result<Option<Arc<Event>>, VaultError> {
        let _turn = self.lookups.acquire().await;
        if let Some(known) = self.recall(id, most) {
            return Ok(known);
        }
        let event = self.vault.event(id).await?.map(|record| Arc::new(Event::new(record)));
        self.put(id, event.clone());
        Ok(event)
    }

    #[expect(clippy::option_option, reason = "not remembered, remembered as unknown, remembered")]
    fn recall(&self, id: EventId, most: Option<Duration>) -> Option<Option<Arc<Event>>> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let (event, since) = known.get(&id)?;
        let good_for = if event.is_some() { most } else { Some(UNKNOWN_TIME) };
        good_for.is_none_or(|most| since.elapsed() < most).then(|| event.clone())
    }

    fn put(&self, id: EventId, event: Option<Arc<Event>>) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= EVENTS_MAX {
            // A flood of invented ids makes room for itself; only true events in such a number start it over.
            known.retain(|_, (event, _)| event.is_some());
            if known.len() >= EVENTS_MAX {
                known.clear();
            }
        }
        known.insert(id, (event, Instant::now()));
    }
}
