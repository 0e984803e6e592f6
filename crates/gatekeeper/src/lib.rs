//! The gatekeeper: the public API. It turns almost everyone away with one script call or none, and takes the few who are
//! admitted to the vault. Stateless: whatever it remembers is a cache, and any replica can go on where another died.
//!
//! The way of a request: [`routes`] → [`handlers`] → [`service`] → [`scripts`] (Redis) and [`commit_queue`] → [`vault_client`].

pub mod attempt;
pub mod background;
pub mod catalog;
mod change_log;
pub mod commit_queue;
pub mod config;
pub mod cors;
pub mod feed;
#[cfg(test)]
mod fuzz;
pub mod guard;
pub mod handlers;
pub mod idempotency;
pub mod identity;
pub mod keys;
pub mod latch;
pub mod limits;
pub mod link;
pub mod metrics;
pub mod openapi;
pub mod routes;
pub mod scripts;
pub mod service;
pub mod startup;
pub mod tally;
pub mod vault_client;
