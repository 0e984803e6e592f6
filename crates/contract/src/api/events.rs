//! Events as clients see and change them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::ids::{EventId, TierId};
use crate::seat::Section;
use crate::values::Currency;

/// An event with what is left of it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct EventView {
    /// Its id.
    pub event_id: EventId,
    /// What is on.
    pub name: String,
    /// Where.
    pub venue: String,
    /// Start of the show.
    pub starts_at: Timestamp,
    /// End of the show and of the sale.
    pub ends_at: Timestamp,
    /// Start of the sale.
    pub on_sale_at: Timestamp,
    /// Whether the operator lets tickets go.
    pub sale_state: SaleState,
    /// Currency of every price.
    pub currency: Currency,
    /// Tickets one customer may hold and own together.
    pub per_customer_max: u32,
    /// How long a hold lasts.
    pub hold_ttl_seconds: u32,
    /// How long a booking may stay unpaid.
    pub payment_ttl_seconds: u32,
    /// General admission.
    pub tiers: Vec<TierView>,
    /// Numbered seats by section.
    pub sections: Vec<Section>,
    /// Seats of all sections.
    pub seats_total: u32,
    /// Seats free now; `null` while the inventory is being rebuilt.
    pub seats_available: Option<i64>,
    /// The server's clock, so that a page can count down without trusting the visitor's.
    pub server_time: Timestamp,
}

/// A tier with what is left of it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TierView {
    /// Its id.
    pub tier_id: TierId,
    /// What people call it.
    pub name: String,
    /// Price of one ticket in minor units.
    pub price_minor: i64,
    /// Tickets there are.
    pub capacity: i64,
    /// Tickets free now; `null` while the inventory is being rebuilt.
    pub available: Option<i64>,
}

/// `PATCH /events/{id}`: what an operator may change once tickets are sold. Absent fields stay as they are.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EventChange {
    /// Stops or resumes the sale.
    #[serde(default)]
    pub sale_state: Option<SaleState>,
    /// New capacities. Never below what is sold.
    #[serde(default, deserialize_with = "super::objects")]
    pub tiers: Vec<TierChange>,
}

/// A tier's new capacity.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TierChange {
    /// Which tier.
    pub tier_id: TierId,
    /// How many tickets there are from now on.
    #[serde(deserialize_with = "crate::values::whole")]
    pub capacity: i64,
}

/// Whether the operator lets tickets go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SaleState {
    /// Sold between `on_sale_at` and `ends_at`.
    Open,
    /// Nothing is admitted; holds keep their deadlines.
    Paused,
}

impl SaleState {
    /// The word used in JSON, SQL and Redis.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Paused => "paused",
        }
    }
}

impl std::str::FromStr for SaleState {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = [Self::Open, Self::Paused].into_iter().find(|state| state.as_str() == text);
        known.ok_or_else(|| format!("{text:?} is no sale state"))
    }
}
