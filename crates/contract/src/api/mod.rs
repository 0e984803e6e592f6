//! The public API's bodies (`/api/v1`). Names here are promises: fields may be added, none changes its name.

mod activity;
mod audit;
mod bookings;
mod events;
mod holds;
mod new_event;
mod seats;

pub use activity::{ActivityView, Refusals};
pub use audit::{AuditView, SeatsAudit, TierAudit};
pub use bookings::{BookingStatus, BookingView, Confirmation, NewBooking, booking_reference};
pub use events::{EventChange, EventView, SaleState, TierChange, TierView};
pub use holds::{HoldView, NewHold};
pub use new_event::{
    HOLD_TTL_SECONDS_MAX, NAME_CHARS_MAX, NewEvent, NewTier, PAYMENT_TTL_SECONDS_MAX, SEATS_MAX, SECTIONS_MAX,
    TIERS_MAX,
};
pub use seats::{SeatMap, SeatStates, SeatStatus, TicketView};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::ids::CustomerId;

/// `POST /sessions`.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Session {
    /// The guest's id, the subject of the token.
    pub customer_id: CustomerId,
    /// Goes into `Authorization: Bearer`.
    pub token: String,
    /// When the token stops working.
    pub expires_at: Timestamp,
}

/// One page of a list.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Page<T> {
    /// What is on the page.
    pub items: Vec<T>,
    /// Counted from 1.
    pub page: u32,
    /// The most items a page has.
    pub limit: u32,
    /// Items on all pages.
    pub total: i64,
}
