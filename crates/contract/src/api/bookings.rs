//! Bookings.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::ids::{CustomerId, EventId, ReservationId, TierId};
use crate::values::Currency;

/// `POST /bookings`: from a hold, or directly.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewBooking {
    /// The event.
    pub event_id: EventId,
    /// The hold to make durable.
    #[serde(default)]
    pub hold_id: Option<ReservationId>,
    /// Or the tier to buy from at once.
    #[serde(default)]
    pub tier_id: Option<TierId>,
    /// How many.
    #[serde(default, deserialize_with = "crate::values::whole_or_none")]
    pub quantity: Option<i64>,
}

/// Where a booking stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BookingStatus {
    /// Made, payment due.
    Reserved,
    /// Paid.
    Confirmed,
    /// Given up by its owner.
    Cancelled,
    /// Not paid in time.
    Expired,
}

impl BookingStatus {
    /// Whether it still takes inventory.
    #[must_use]
    pub fn is_live(self) -> bool {
        matches!(self, Self::Reserved | Self::Confirmed)
    }

    /// The word used in JSON and SQL.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reserved => "reserved",
            Self::Confirmed => "confirmed",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
        }
    }
}

/// A booking.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BookingView {
    /// The rid of the attempt that won it.
    pub booking_id: ReservationId,
    /// Short enough to read over a telephone.
    pub reference: String,
    /// The event.
    pub event_id: EventId,
    /// The owner.
    pub customer_id: CustomerId,
    /// Where it stands.
    pub status: BookingStatus,
    /// Labels of the seats; empty for a tier.
    pub seats: Vec<String>,
    /// The tier, if it is general admission.
    pub tier_id: Option<TierId>,
    /// Tickets.
    pub quantity: u32,
    /// What they cost together, in minor units.
    pub amount_minor: i64,
    /// Of the amount.
    pub currency: Currency,
    /// When an unpaid booking gives its tickets back.
    pub payment_due_at: Timestamp,
    /// What the payment provider called the payment.
    pub payment_reference: Option<String>,
    /// When the row was committed.
    pub created_at: Timestamp,
}

/// The reference of a booking: ten letters and digits that are hard to mistake for one another (Crockford's base 32),
/// drawn from the random half of its id.
#[must_use]
pub fn booking_reference(id: ReservationId) -> String {
    const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let bits = id.0.as_u128();
    (0..10).map(|place| char::from(ALPHABET[(bits >> (5 * place) & 31) as usize])).collect()
}

/// `POST /bookings/{id}/confirm`.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Confirmation {
    /// What the payment provider calls the payment; at most 200 characters.
    #[serde(default)]
    pub payment_reference: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_ten_unmistakable_characters() {
        let reference = booking_reference(ReservationId::fresh());
        assert_eq!(reference.len(), 10);
        assert!(!reference.contains(['I', 'L', 'O', 'U']));
    }
}
