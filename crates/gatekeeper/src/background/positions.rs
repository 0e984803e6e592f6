//! How far each loaded event has followed its journal, as the sweep last saw it. A position that is behind costs a look in
//! vain; `apply_journal` knows the true one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use contract::EventId;

/// Shared by the sweeper, which writes it, and the journal follower.
#[derive(Clone, Default)]
pub struct Positions(Arc<Mutex<HashMap<EventId, i64>>>);

impl Positions {
    /// What the sweep saw.
    pub fn set(&self, event: EventId, applied_seq: i64) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(event, applied_seq);
    }

    /// It is not loaded any more.
    pub fn forget(&self, event: EventId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&event);
    }

    /// Keeps only these events.
    pub fn retain(&self, is_known: impl Fn(&EventId) -> bool) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|event, _| is_known(event));
    }

    /// All of them.
    #[must_use]
    pub fn all(&self) -> Vec<(EventId, i64)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().map(|(event, seq)| (*event, *seq)).collect()
    }
}
