//! The audit of an event.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::ids::TierId;

/// `GET /events/{id}/audit`: I1 and I6 as numbers.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct AuditView {
    /// Every leak is 0, nothing is oversold or double booked, and Redis holds the vault's epoch.
    pub ok: bool,
    /// The vault's epoch.
    pub epoch: i64,
    /// Each tier's account.
    pub tiers: Vec<TierAudit>,
    /// The seats' account.
    pub seats: SeatsAudit,
}

/// `capacity = available + held + committing + sold + leak`.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct TierAudit {
    /// Which tier.
    pub tier_id: TierId,
    /// Tickets there are, by Postgres.
    pub capacity: i64,
    /// Tickets free, by Redis.
    pub available: i64,
    /// Tickets in holds, by Redis.
    pub held: i64,
    /// Tickets whose commit has not been settled, by Redis.
    pub committing: i64,
    /// Tickets in live bookings, by Postgres.
    pub sold: i64,
    /// What is missing from the account; negative when something is counted twice. Settles at 0.
    pub leak: i64,
    /// Sold beyond capacity. Always 0.
    pub oversold: i64,
}

/// `total = available + held + committing + reserved + sold + leak`.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct SeatsAudit {
    /// Seats there are, by Postgres.
    pub total: i64,
    /// Seats free, by Redis.
    pub available: i64,
    /// Seats in holds, by Redis.
    pub held: i64,
    /// Seats whose commit has not been settled, by Redis.
    pub committing: i64,
    /// Seats booked and unpaid, by Postgres.
    pub reserved: i64,
    /// Seats booked and paid, by Postgres.
    pub sold: i64,
    /// What is missing from the account. Settles at 0.
    pub leak: i64,
    /// Seats with more than one live booking. Always 0.
    pub double_booked: i64,
}
