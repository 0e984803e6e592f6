//! The race lab: ten ways to sell a fixed stock, the wrong ones as they are found in the wild, each put through the same
//! flash sale on the same Postgres and Redis. None of this is used by the services; it is here to be looked at and run.
//!
//! Start with [`strategies`]: one short file a strategy.

pub mod chart;
pub mod face;
pub mod report;
pub mod sale;
pub mod shop;
pub mod strategies;

pub use report::{LabReport, Row};
pub use sale::Sale;
pub use shop::Shop;
pub use strategies::Strategy;
