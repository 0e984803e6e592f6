//! Rows into the contract's types.

use contract::api::{BookingStatus, SaleState};
use contract::internal::{Booking, Items};
use contract::{Currency, CustomerId, EventId, Quantity, ReservationId, SeatIndex, Seating, TierId};
use tokio_postgres::Row;

use super::StoreError;

/// Columns that [`booking`] reads, of `bookings b`.
pub(super) const BOOKING_COLUMNS: &str = "b.event_id, b.booking_id, b.customer_id, b.status, b.quantity, \
    b.amount_minor, b.currency, b.payment_due_at, b.payment_reference, b.created_at, \
    (SELECT i.tier_id FROM booking_items i WHERE i.event_id = b.event_id AND i.booking_id = b.booking_id AND i.item_no = 0), \
    ARRAY(SELECT i.seat_index FROM booking_items i WHERE i.event_id = b.event_id AND i.booking_id = b.booking_id \
        AND i.seat_index IS NOT NULL ORDER BY i.item_no) AS seats";

pub(super) fn booking(row: &Row) -> Result<Booking, StoreError> {
    let tier_id: Option<uuid::Uuid> = row.get("tier_id");
    let items = match tier_id {
        Some(tier_id) => Items::Tier(TierId(tier_id), quantity(row.get("quantity"))?),
        None => Items::Seats(seat_indexes(row.get("seats"))?),
    };
    Ok(Booking {
        booking_id: ReservationId(row.get("booking_id")),
        event_id: EventId(row.get("event_id")),
        customer_id: CustomerId(row.get("customer_id")),
        status: booking_status(row.get("status"))?,
        items,
        amount_minor: row.get("amount_minor"),
        currency: currency(row.get("currency"))?,
        payment_due_at: row.get("payment_due_at"),
        payment_reference: row.get("payment_reference"),
        created_at: row.get("created_at"),
    })
}

fn quantity(count: i64) -> Result<Quantity, StoreError> {
    Quantity::try_from(count).map_err(|_| StoreError::Unreadable("quantity"))
}

/// Of a row with the event's sections.
pub(super) fn seating(row: &Row) -> Result<Seating, StoreError> {
    let sections = serde_json::from_value(row.get("sections")).map_err(|_| StoreError::Unreadable("sections"))?;
    Ok(Seating::new(sections))
}

pub(super) fn seat_index(index: i64) -> Result<SeatIndex, StoreError> {
    SeatIndex::try_from(index).map_err(|_| StoreError::Unreadable("seat index"))
}

pub(super) fn seat_indexes(indexes: Vec<i64>) -> Result<Vec<SeatIndex>, StoreError> {
    indexes.into_iter().map(seat_index).collect()
}

pub(super) fn currency(text: String) -> Result<Currency, StoreError> {
    Currency::try_from(text).map_err(|_| StoreError::Unreadable("currency"))
}

pub(super) fn booking_status(text: &str) -> Result<BookingStatus, StoreError> {
    [BookingStatus::Reserved, BookingStatus::Confirmed, BookingStatus::Cancelled, BookingStatus::Expired]
        .into_iter()
        .find(|status| status.as_str() == text)
        .ok_or(StoreError::Unreadable("booking status"))
}

pub(super) fn sale_state(text: &str) -> Result<SaleState, StoreError> {
    text.parse().map_err(|_| StoreError::Unreadable("sale state"))
}

/// A number that was checked when it was stored.
pub(super) fn small(number: i64, what: &'static str) -> Result<u32, StoreError> {
    u32::try_from(number).map_err(|_| StoreError::Unreadable(what))
}
