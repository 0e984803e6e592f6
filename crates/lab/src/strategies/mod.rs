//! Ten ways to sell a ticket. Each has the same task: if one is left, take it and write the sale down.

mod advisory_lock;
mod atomic_update;
mod naive;
mod naive_transaction;
mod optimistic;
mod redis_lock;
mod redis_lua;
mod row_lock;
mod serializable;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use crate::shop::{Purchase, Shop};

/// How often a transaction that lost a race is tried again before its buyer is sent away with a 503.
const TRIES_MAX: u32 = 10;

/// A way to sell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// Read, think, write. Oversells.
    Naive,
    /// The same in a transaction, which does not help.
    NaiveTransaction,
    /// `SELECT … FOR UPDATE`: one buyer at a time.
    RowLock,
    /// `UPDATE … WHERE stock > 0`: the row lock without the reading.
    AtomicUpdate,
    /// A version is compared and set; who loses tries again.
    Optimistic,
    /// The database finds the conflict; who loses tries again.
    Serializable,
    /// A lock that is no row's.
    AdvisoryLock,
    /// A counter in Redis, counted down by a script; then the sale is written down.
    RedisLua,
    /// A lock a seat in Redis with a time to live, then the row lock.
    RedisLock,
    /// The real services, through nginx.
    Onsale,
}

impl Strategy {
    /// Its name on the command line and in results.
    #[must_use]
    pub fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }

    /// Sells one ticket. An error is a failure, which is no refusal.
    pub async fn buy(self, shop: &Shop) -> anyhow::Result<Purchase> {
        match self {
            Self::Naive => naive::buy(shop).await,
            Self::NaiveTransaction => naive_transaction::buy(shop).await,
            Self::RowLock => row_lock::buy(shop).await,
            Self::AtomicUpdate => atomic_update::buy(shop).await,
            Self::Optimistic => optimistic::buy(shop).await,
            Self::Serializable => serializable::buy(shop).await,
            Self::AdvisoryLock => advisory_lock::buy(shop).await,
            Self::RedisLua => redis_lua::buy(shop).await,
            Self::RedisLock => redis_lock::buy(shop).await,
            Self::Onsale => anyhow::bail!("onsale sells by its own services, not in the lab's shop"),
        }
    }
}
