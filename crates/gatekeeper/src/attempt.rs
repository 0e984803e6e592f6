//! The attempt a request stands for.

use std::time::Instant;

use contract::ReservationId;

/// What scripts and vault know a request by, and how far it may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    /// Its id.
    pub rid: ReservationId,
    /// Whether its client can come back for it, by an Idempotency-Key.
    pub is_keyed: bool,
    /// Whether it was begun before and nobody knows how far it came.
    pub is_repeat: bool,
    /// From then on another may continue it, and this one must not take anything any more.
    pub until: Option<Instant>,
}

impl Attempt {
    /// One nobody knows of yet.
    #[must_use]
    pub fn fresh() -> Self {
        Self { rid: ReservationId::fresh(), is_keyed: false, is_repeat: false, until: None }
    }

    /// Whether it is another's turn. A process may have stood still since it began.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.until.is_some_and(|until| Instant::now() >= until)
    }
}
