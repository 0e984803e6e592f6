//! Wakes: which events' journals have just grown, kept for gatekeepers to fetch by long poll.
//!
//! Only a hint. Whoever misses one (a full ring, a restarted vault, a lost NOTIFY) finds the rows by polling positions.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chassis::retry::Backoff;
use contract::EventId;
use contract::internal::JournalWakes;
use tokio::sync::Notify;

use crate::store::Store;

/// Wakes kept. A gatekeeper that is further behind polls positions anyway.
const RING_MAX: usize = 4_096;

#[derive(Default)]
struct Ring {
    /// The number of the newest wake.
    newest: u64,
    events: VecDeque<EventId>,
}

/// Clones share the ring.
#[derive(Clone, Default)]
pub struct Wakes {
    ring: Arc<Mutex<Ring>>,
    grown: Arc<Notify>,
    is_over: Arc<AtomicBool>,
}

impl Wakes {
    /// Adds a wake.
    pub fn push(&self, event_id: EventId) {
        let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        if ring.events.len() == RING_MAX {
            ring.events.pop_front();
        }
        ring.events.push_back(event_id);
        ring.newest += 1;
        drop(ring);
        self.grown.notify_waiters();
    }

    /// Wakes after a cursor; waits for one up to `wait`.
    pub async fn after(&self, cursor: u64, wait: Duration) -> JournalWakes {
        let grown = self.grown.notified();
        tokio::pin!(grown);
        grown.as_mut().enable();
        let now = self.peek(cursor);
        if !now.events.is_empty() || self.is_over.load(Ordering::Relaxed) {
            return now;
        }
        let _ = tokio::time::timeout(wait, grown).await;
        self.peek(cursor)
    }

    /// Whoever waits is answered with nothing, now and from now on.
    pub fn end_waits(&self) {
        self.is_over.store(true, Ordering::Relaxed);
        self.grown.notify_waiters();
    }

    fn peek(&self, cursor: u64) -> JournalWakes {
        let ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        // A cursor from before a restart may be ahead: it starts over from here.
        let missed = usize::try_from(ring.newest.saturating_sub(cursor)).unwrap_or(usize::MAX);
        let mut events: Vec<_> = ring.events.iter().rev().take(missed).copied().collect();
        events.sort_unstable();
        events.dedup();
        JournalWakes { cursor: ring.newest, events }
    }

    fn hear(&self, event_id: EventId) {
        if !chassis::faults::is_on("no-wakes") {
            self.push(event_id);
        }
    }

    /// Listens to Postgres forever, connecting again whenever that fails.
    pub async fn listen(self, store: Store) {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(2));
        loop {
            match store.listen(|event_id| self.hear(event_id)).await {
                Ok(()) => tracing::info!("the wake connection was closed"),
                Err(error) => tracing::warn!(%error, "the wake connection failed"),
            }
            tokio::time::sleep(backoff.next_wait()).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_wake_between_two_polls_is_not_lost() {
        let wakes = Wakes::default();
        let first = wakes.after(0, Duration::ZERO).await;
        assert!(first.events.is_empty());
        let event = EventId::fresh();
        wakes.push(event);
        wakes.push(event);
        let second = wakes.after(first.cursor, Duration::ZERO).await;
        assert_eq!(second.events, [event]);
        assert!(wakes.after(second.cursor, Duration::ZERO).await.events.is_empty());
    }

    #[tokio::test]
    async fn a_poll_waits_for_a_wake() {
        let wakes = Wakes::default();
        let polling = tokio::spawn({
            let wakes = wakes.clone();
            async move { wakes.after(0, Duration::from_secs(10)).await }
        });
        tokio::task::yield_now().await;
        wakes.push(EventId::fresh());
        assert_eq!(polling.await.unwrap().events.len(), 1);
    }
}
