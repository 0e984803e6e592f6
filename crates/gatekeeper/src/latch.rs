//! The sold-out latch: a replica remembers for at most 250 ms that so few tickets of a tier were left. It only ever says
//! no, and only what a script has said within that time, so it can never admit, oversell or outlive a restock by more.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant};

use contract::{EventId, TierId};

/// Tiers remembered at a time. Beyond it the latch starts over: it is a shortcut, and Redis knows better.
const TIERS_MAX: usize = 10_000;

#[derive(Clone, Copy)]
struct Closed {
    available: i64,
    until: Instant,
}

/// One per replica.
pub struct Latch {
    time: Duration,
    tiers: RwLock<HashMap<(EventId, TierId), Closed>>,
}

impl Latch {
    /// A latch that remembers for this long; zero never remembers.
    #[must_use]
    pub fn new(time: Duration) -> Self {
        Self { time, tiers: RwLock::default() }
    }

    /// How many tickets were left within the latch's time, if that was fewer than `quantity`.
    #[must_use]
    pub fn refuses(&self, event: EventId, tier: TierId, quantity: u32, now: Instant) -> Option<i64> {
        let tiers = self.tiers.read().unwrap_or_else(PoisonError::into_inner);
        let closed = tiers.get(&(event, tier))?;
        if now >= closed.until && !chassis::faults::is_on("latch-without-bound") {
            return None;
        }
        (closed.available < i64::from(quantity)).then_some(closed.available)
    }

    /// Remembers what a script said. `asked_at` is the time before the script was sent: the answer may be older than its
    /// arrival, never older than the question.
    pub fn close(&self, event: EventId, tier: TierId, available: i64, asked_at: Instant) {
        if self.time.is_zero() {
            return;
        }
        let mut tiers = self.tiers.write().unwrap_or_else(PoisonError::into_inner);
        if tiers.len() >= TIERS_MAX {
            tiers.clear();
        }
        tiers.insert((event, tier), Closed { available, until: asked_at + self.time });
    }

    /// Forgets an event whose inventory turned out to be missing, doubtful or new.
    pub fn open(&self, event: EventId) {
        self.tiers.write().unwrap_or_else(PoisonError::into_inner).retain(|(closed, _), _| *closed != event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIME: Duration = Duration::from_millis(250);

    #[test]
    fn it_remembers_from_the_question_and_no_longer_than_its_time() {
        let (latch, event, tier, asked) = (Latch::new(TIME), EventId::fresh(), TierId::fresh(), Instant::now());
        latch.close(event, tier, 0, asked);
        assert_eq!(latch.refuses(event, tier, 1, asked), Some(0));
        assert_eq!(
            latch.refuses(event, tier, 1, (asked + TIME).checked_sub(Duration::from_nanos(1)).unwrap()),
            Some(0)
        );
        assert_eq!(latch.refuses(event, tier, 1, asked + TIME), None);
    }

    #[test]
    fn it_refuses_only_more_than_were_left() {
        let (latch, event, tier, asked) = (Latch::new(TIME), EventId::fresh(), TierId::fresh(), Instant::now());
        latch.close(event, tier, 2, asked);
        assert_eq!(latch.refuses(event, tier, 3, asked), Some(2));
        assert_eq!(latch.refuses(event, tier, 2, asked), None);
    }

    #[test]
    fn it_forgets_an_event_whose_inventory_is_doubtful_and_only_that() {
        let (latch, tier, asked) = (Latch::new(TIME), TierId::fresh(), Instant::now());
        let (doubtful, sound) = (EventId::fresh(), EventId::fresh());
        latch.close(doubtful, tier, 0, asked);
        latch.close(sound, tier, 0, asked);
        latch.open(doubtful);
        assert_eq!(latch.refuses(doubtful, tier, 1, asked), None);
        assert_eq!(latch.refuses(sound, tier, 1, asked), Some(0));
    }

    #[test]
    fn with_no_time_it_is_off() {
        let (latch, event, tier, asked) =
            (Latch::new(Duration::ZERO), EventId::fresh(), TierId::fresh(), Instant::now());
        latch.close(event, tier, 0, asked);
        assert_eq!(latch.refuses(event, tier, 1, asked), None);
    }
}
