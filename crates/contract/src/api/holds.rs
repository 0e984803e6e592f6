//! Holds.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::ids::{EventId, ReservationId, TierId};
use crate::values::Currency;

/// `POST /events/{id}/holds`: either seats, or a tier and a quantity.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewHold {
    /// Labels; all of them or none are held.
    #[serde(default)]
    pub seats: Option<Vec<String>>,
    /// General admission.
    #[serde(default)]
    pub tier_id: Option<TierId>,
    /// Tickets of the tier.
    #[serde(default, deserialize_with = "crate::values::whole_or_none")]
    pub quantity: Option<i64>,
}

/// A hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HoldView {
    /// Names the hold, and later the booking made of it.
    pub hold_id: ReservationId,
    /// The event.
    pub event_id: EventId,
    /// Labels of the seats; empty for a tier.
    pub seats: Vec<String>,
    /// The tier, if it is general admission.
    pub tier_id: Option<TierId>,
    /// Tickets held.
    pub quantity: u32,
    /// What they cost together, in minor units.
    pub amount_minor: i64,
    /// Of the amount.
    pub currency: Currency,
    /// When it ends unless extended or booked.
    pub expires_at: Timestamp,
}
