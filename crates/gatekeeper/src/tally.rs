//! What became of attempts, by event: counted here without waiting, and brought to Redis once a second, where the counts
//! of all replicas add up. For whoever watches a sale; nothing is decided by it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use contract::EventId;

/// Events counted at a time. Attempts at further ones are not counted until the next round.
const EVENTS_MAX: usize = 10_000;

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Admitted.
    Admitted,
    /// Too few left.
    SoldOut,
    /// A seat is another's.
    SeatTaken,
    /// More than one customer may have.
    LimitExceeded,
    /// Not on sale.
    NotBookable,
}

impl Ending {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Admitted, Self::SoldOut, Self::SeatTaken, Self::LimitExceeded, Self::NotBookable];

    /// The field of the hash in Redis.
    #[must_use]
    pub fn field(self) -> &'static str {
        match self {
            Self::Admitted => "admitted",
            Self::SoldOut => "sold_out",
            Self::SeatTaken => "seat_taken",
            Self::LimitExceeded => "limit_exceeded",
            Self::NotBookable => "not_bookable",
        }
    }
}

type Counts = [AtomicI64; Ending::ALL.len()];

/// One per replica.
#[derive(Clone, Default)]
pub struct Tally {
    events: Arc<RwLock<HashMap<EventId, Counts>>>,
}

impl Tally {
    /// Counts an attempt.
    pub fn count(&self, event: EventId, ending: Ending) {
        self.add(event, ending, 1);
    }

    /// Counts several.
    pub fn add(&self, event: EventId, ending: Ending, attempts: i64) {
        let counted = {
            let events = self.events.read().unwrap_or_else(PoisonError::into_inner);
            events.get(&event).map(|counts| counts[ending as usize].fetch_add(attempts, Ordering::Relaxed)).is_some()
        };
        if counted {
            return;
        }
        let mut events = self.events.write().unwrap_or_else(PoisonError::into_inner);
        if events.len() < EVENTS_MAX || events.contains_key(&event) {
            events.entry(event).or_default()[ending as usize].fetch_add(attempts, Ordering::Relaxed);
        }
    }

    /// Everything counted since it was last taken.
    #[must_use]
    pub fn take(&self) -> Vec<(EventId, Ending, i64)> {
        let events = std::mem::take(&mut *self.events.write().unwrap_or_else(PoisonError::into_inner));
        let counts = events.into_iter().flat_map(|(event, counts)| {
            let counted = |ending: Ending| (event, ending, counts[ending as usize].load(Ordering::Relaxed));
            Ending::ALL.map(counted)
        });
        counts.filter(|(_, _, attempts)| *attempts > 0).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_are_taken_once_each() {
        let tally = Tally::default();
        let (one, other) = (EventId::fresh(), EventId::fresh());
        for _ in 0..3 {
            tally.count(one, Ending::SoldOut);
        }
        tally.count(other, Ending::Admitted);
        let mut taken = tally.take();
        taken.sort_by_key(|(_, _, attempts)| *attempts);
        assert_eq!(taken, [(other, Ending::Admitted, 1), (one, Ending::SoldOut, 3)]);
        assert!(tally.take().is_empty());
    }
}
