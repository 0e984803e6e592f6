//! The vault: the one place where a booking becomes true. Every SQL statement of Onsale is in [`store`]; every decision
//! about inventory is one pure function, [`committer::decide`].

pub mod committer;
pub mod config;
pub mod expiry;
pub mod handlers;
pub mod idempotency;
pub mod metrics;
pub mod routes;
pub mod startup;
pub mod store;
pub mod wakes;
