//! What the system itself says, read past its services: the rows in Postgres and the keys in Redis.

mod postgres;
mod redis;

use std::collections::HashMap;

use contract::api::{BookingStatus, EventView};
use contract::{CustomerId, ReservationId, TierId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use self::redis::{Entry, RedisState};
use crate::target::Stores;
use crate::watcher::Watched;

/// Everything that is known at the end of a run, besides what clients saw.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// The truth.
    pub postgres: PostgresState,
    /// The gate's view; `None` while the inventory is not in Redis.
    pub redis: Option<RedisState>,
    /// What watchers of the feed saw.
    pub watched: Vec<Watched>,
}

/// An event's rows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PostgresState {
    /// The generation of its inventory.
    pub epoch: i64,
    /// The last row of its journal that concerns Redis.
    pub journal_seq: i64,
    /// Capacity and the `sold` counter of each tier.
    pub tiers: HashMap<TierId, (i64, i64)>,
    /// Seats there are.
    pub seats_total: i64,
    /// Every booking.
    pub bookings: Vec<BookingRow>,
    /// Every attempt that was decided: whether it was posted.
    pub fates: HashMap<ReservationId, bool>,
}

/// A booking with its items.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BookingRow {
    /// Its id.
    pub booking_id: ReservationId,
    /// Whose it is.
    pub customer_id: CustomerId,
    /// Where it stands now.
    pub status: BookingStatus,
    /// Tickets.
    pub quantity: i64,
    /// What they cost.
    pub amount_minor: i64,
    /// Of the amount.
    pub currency: String,
    /// When it had to be paid.
    pub payment_due_at: Timestamp,
    /// When it was made.
    pub created_at: Timestamp,
    /// Its tier.
    pub tier_id: Option<TierId>,
    /// Labels of its seats in order.
    pub seats: Vec<String>,
    /// Items that were not given back.
    pub items_live: i64,
    /// Items.
    pub items: i64,
}

/// Reads evidence, over connections of that moment: who leads may be another than before.
pub struct Reader(Stores);

impl Reader {
    /// Finds out whether both can be read.
    pub async fn open(stores: &Stores) -> anyhow::Result<Self> {
        postgres::connect(&stores.postgres).await?;
        redis::check(&stores.redis).await?;
        Ok(Self(stores.clone()))
    }

    /// An event's evidence now.
    pub async fn read(&self, event: &EventView) -> anyhow::Result<Evidence> {
        let redis = redis::read(&self.0.redis, event.event_id).await?;
        let postgres = postgres::read(&postgres::connect(&self.0.postgres).await?, event.event_id).await?;
        Ok(Evidence { postgres, redis, watched: Vec::new() })
    }
}
