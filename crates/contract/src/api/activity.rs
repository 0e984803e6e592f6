//! How busy an event is.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::ids::EventId;

/// `GET /events/{id}/activity`: attempts to take inventory, by how they ended, counted by all gatekeepers together and
/// up to date within about a second. For watching, not for accounts: kept in Redis alone, and starting over with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ActivityView {
    /// The event.
    pub event_id: EventId,
    /// Admitted by the gate.
    pub admitted: i64,
    /// Turned away by the gate.
    pub refused: Refusals,
    /// The server's clock when this was read.
    pub server_time: Timestamp,
}

/// Attempts that were turned away, by the code their clients were told.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Refusals {
    /// Fewer tickets were left than asked for.
    pub sold_out: i64,
    /// A seat was not free.
    pub seat_taken: i64,
    /// More than one customer may have.
    pub limit_exceeded: i64,
    /// Not on sale.
    pub not_bookable: i64,
}
