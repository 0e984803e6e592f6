//! What the committer decides about: an event as Postgres has it, what is asked, and what is to be written.

use std::collections::{BTreeMap, HashMap};

use contract::api::{Action, BookingStatus, SaleState};
use contract::internal::{Booking, BookingAnswer, Change, CommitRequest, Outcome, Refusal, Verdict};
use contract::{Currency, CustomerId, EventId, Origin, ReservationId, SeatIndex, TierId};
use jiff::Timestamp;

/// One thing asked of an event's lane.
#[derive(Debug, Clone)]
pub enum Command {
    /// Make an admitted attempt durable.
    Commit(CommitRequest),
    /// Say what became of an attempt; if nothing did, make sure nothing ever will.
    Resolve(ReservationId),
    /// The owner paid.
    Confirm {
        /// Who asks.
        customer_id: CustomerId,
        /// Which booking.
        booking_id: ReservationId,
        /// What the payment provider calls it.
        payment_reference: Option<String>,
        /// For the audit log.
        origin: Origin,
    },
    /// The owner gives the tickets back.
    Cancel {
        /// Who asks.
        customer_id: CustomerId,
        /// Which booking.
        booking_id: ReservationId,
        /// For the audit log.
        origin: Origin,
    },
    /// Give an unpaid booking's tickets back if its time is over.
    Expire(ReservationId),
}

impl Command {
    /// The attempt it is about.
    #[must_use]
    pub fn rid(&self) -> ReservationId {
        match self {
            Self::Commit(request) => request.rid,
            Self::Resolve(rid) | Self::Expire(rid) => *rid,
            Self::Confirm { booking_id, .. } | Self::Cancel { booking_id, .. } => *booking_id,
        }
    }
}

/// The reply to a command, in kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// To [`Command::Commit`].
    Verdict(Verdict),
    /// To [`Command::Resolve`]; `None` where the event does not exist.
    Resolved(Option<Outcome>),
    /// To [`Command::Confirm`] and [`Command::Cancel`].
    Booking(Box<BookingAnswer>),
    /// To [`Command::Expire`]: whether it was expired just now.
    Expired(bool),
}

/// The fate of an attempt that the vault has decided before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It has this booking.
    Posted(Booking),
    /// It was refused like this.
    Void(Refusal),
}

/// The event row, locked.
#[derive(Debug, Clone)]
pub struct EventState {
    /// Its id.
    pub event_id: EventId,
    /// The only epoch under which anything commits.
    pub epoch: i64,
    /// Paused or not.
    pub sale_state: SaleState,
    /// Start of the sale.
    pub on_sale_at: Timestamp,
    /// End of the sale.
    pub ends_at: Timestamp,
    /// Of every price.
    pub currency: Currency,
    /// Tickets one customer may own.
    pub per_customer_max: i64,
    /// Time to pay, in seconds.
    pub payment_ttl_seconds: i64,
    /// The newest journal row.
    pub journal_seq: i64,
}

/// A tier's account.
#[derive(Debug, Clone)]
pub struct TierState {
    /// Price of one ticket.
    pub price_minor: i64,
    /// Tickets there are.
    pub capacity: i64,
    /// Tickets in live bookings.
    pub sold: i64,
}

/// A seat.
#[derive(Debug, Clone)]
pub struct SeatState {
    /// Its price.
    pub price_minor: i64,
    /// Whether a live booking has it.
    pub taken: bool,
}

/// All that a batch of commands touches, read under the event row's lock. While deciding it is kept up to date, so that
/// a later command sees what an earlier one did.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// Postgres' clock at the start of the transaction.
    pub now: Timestamp,
    /// The event.
    pub event: EventState,
    /// Every tier of it.
    pub tiers: HashMap<TierId, TierState>,
    /// The seats the batch names that exist.
    pub seats: HashMap<SeatIndex, SeatState>,
    /// The attempts the batch names that are known.
    pub fates: HashMap<ReservationId, Fate>,
    /// Tickets in live bookings of the customers the batch names.
    pub tickets_of: HashMap<CustomerId, i64>,
}

/// What one transaction writes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Writes {
    /// New bookings, each with its posted reservation.
    pub posted: Vec<NewBooking>,
    /// New void reservations.
    pub voided: Vec<(ReservationId, Refusal)>,
    /// Bookings to be confirmed, with the payment's name.
    pub confirmed: Vec<(ReservationId, Option<String>)>,
    /// Bookings to be cancelled or expired.
    pub released: Vec<(ReservationId, BookingStatus)>,
    /// Change of `sold` by tier.
    pub sold_deltas: BTreeMap<TierId, i64>,
    /// Journal rows that concern Redis, in order.
    pub journal: Vec<Change>,
    /// What is entered into the audit log.
    pub logged: Vec<Logged>,
}

/// One change of a booking, for the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logged {
    /// What was done.
    pub action: Action,
    /// Who caused it.
    pub origin: Origin,
    /// The booking.
    pub booking_id: ReservationId,
}

impl Writes {
    /// Whether there is nothing to write.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A booking with the price of each of its items.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewBooking {
    /// The row.
    pub booking: Booking,
    /// Per seat in order, or the one price of the tier.
    pub prices_minor: Vec<i64>,
}
