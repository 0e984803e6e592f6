//! What goes on between requests, on every replica at once: sweeping, resolving, following journals.

pub mod activity;
pub mod audit;
pub mod journal;
pub mod positions;
pub mod sweeper;
