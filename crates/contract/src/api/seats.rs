//! Seats: the layout, and their states.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::ids::EventId;
use crate::seat::{Seating, Section};

/// What a seat or a tier looks like from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SeatStatus {
    /// Free to take.
    Available,
    /// Claimed for a while.
    Held,
    /// Booked, payment due.
    Reserved,
    /// Booked and paid.
    Sold,
}

/// One line of `GET /events/{id}/tickets`.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct TicketView {
    /// The seat's label.
    pub seat: String,
    /// Its status now.
    pub status: SeatStatus,
    /// Its price in minor units.
    pub price_minor: i64,
}

/// `GET /events/{id}/seatmap`: what never changes about the seats.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct SeatMap {
    /// The event.
    pub event_id: EventId,
    /// Seats are indexed through these in order, row by row.
    #[schema(value_type = Vec<Section>)]
    pub sections: Seating,
    /// Seats of all sections.
    pub seats_total: u32,
}

/// `GET /events/{id}/seats`: the live state.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct SeatStates {
    /// The event.
    pub event_id: EventId,
    /// Which generation of the inventory this is.
    pub epoch: i64,
    /// The position in the event's feed this state belongs to.
    pub sequence: i64,
    /// One letter a seat in index order: `a`vailable, `h`eld, `r`eserved, `s`old.
    pub states: String,
}
