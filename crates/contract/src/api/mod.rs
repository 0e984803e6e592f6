//! The public API's bodies (`/api/v1`). Names here are promises: fields may be added, none changes its name.

mod activity;
mod api_keys;
mod audit;
mod audit_log;
mod bookings;
mod events;
mod holds;
mod new_event;
mod profile;
mod seats;

pub use activity::{ActivityView, Refusals};
pub use api_keys::{API_KEYS_MAX, ApiKeyView, ApiKeys, FreshApiKey, KeyRole, NewApiKey};
pub use audit::{AuditView, SeatsAudit, TierAudit};
pub use audit_log::{Action, LogEntry, LogFilter, LogPage};
pub use bookings::{BookingStatus, BookingView, Confirmation, NewBooking, booking_reference};
pub use events::{EventChange, EventView, SaleState, TierChange, TierView};
pub use holds::{HoldView, NewHold};
pub use new_event::{
    HOLD_TTL_SECONDS_MAX, NAME_CHARS_MAX, NewEvent, NewTier, PAYMENT_TTL_SECONDS_MAX, SEATS_MAX, SECTIONS_MAX,
    TIERS_MAX,
};
pub use profile::Profile;
pub use seats::{SeatMap, SeatStates, SeatStatus, TicketView};

use jiff::Timestamp;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::ids::CustomerId;

/// `POST /sessions`.
#[derive(Serialize, Deserialize, ToSchema)]
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

/// A list of objects, for `deserialize_with`: serde by itself would also take a list of a struct's fields for the struct.
fn objects<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<Vec<T>, D::Error> {
    let objects = Vec::<Map<String, Value>>::deserialize(deserializer)?;
    let read = |object| serde_json::from_value(Value::Object(object)).map_err(D::Error::custom);
    objects.into_iter().map(read).collect()
}
