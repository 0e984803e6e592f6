//! What a gatekeeper and the vault say to each other.

mod api_keys;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::api::{Action, BookingStatus, SaleState};
use crate::ids::{CustomerId, EventId, ReservationId, TierId};
use crate::origin::Origin;
use crate::seat::{SeatIndex, Seating};
use crate::values::{Currency, Quantity};

pub use api_keys::{KeptKey, KeyRecord, NewKeyRecord};

/// The most commits one request carries and one transaction posts.
pub const COMMITS_PER_BATCH_MAX: usize = 512;
/// The most rids one resolve request carries.
pub const RESOLVES_MAX: usize = 512;
/// The most journal rows one page carries.
pub const JOURNAL_PAGE_MAX: i64 = 500;
/// The most events one `behind` question carries.
pub const JOURNAL_POSITIONS_MAX: usize = 1_000;
/// The most changes one [`LoggedChanges`] carries.
pub const LOGGED_CHANGES_MAX: usize = 512;

/// An event as the vault keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventRecord {
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
    pub tiers: Vec<TierRecord>,
    /// Numbered seats.
    pub seating: Seating,
}

/// A tier as the vault keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TierRecord {
    /// Its id.
    pub tier_id: TierId,
    /// What people call it.
    pub name: String,
    /// Price of one ticket in minor units.
    pub price_minor: i64,
    /// Tickets there are.
    pub capacity: i64,
}

/// What an attempt takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Items {
    /// Some tickets of one tier.
    Tier(TierId, Quantity),
    /// These seats, all or none.
    Seats(Vec<SeatIndex>),
}

impl Items {
    /// How many tickets that is.
    #[must_use]
    pub fn quantity(&self) -> u32 {
        match self {
            Self::Tier(_, quantity) => quantity.get(),
            Self::Seats(seats) => u32::try_from(seats.len()).unwrap_or(u32::MAX),
        }
    }
}

/// One admitted attempt that asks to be made durable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommitRequest {
    /// The attempt.
    pub rid: ReservationId,
    /// The event.
    pub event_id: EventId,
    /// The epoch Redis admitted it under.
    pub epoch: i64,
    /// Who wants it.
    pub customer_id: CustomerId,
    /// What it takes.
    pub items: Items,
    /// Who asked for it.
    #[serde(default)]
    pub origin: Origin,
}

/// What travels together, such as the body of [`crate::paths::COMMITS`]. Replies come in the same order.
#[derive(Debug, Serialize, Deserialize)]
pub struct Batch<T> {
    /// As many as the path allows, such as [`COMMITS_PER_BATCH_MAX`].
    pub items: Vec<T>,
}

/// The vault's word on one attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Its row is committed, now or before: a replay gets the very same booking.
    Posted(Booking),
    /// It has no row and never will.
    Refused(Refusal),
    /// The vault could not tell this time; ask again with the same rid.
    Unknown,
}

/// Why an attempt has no row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// Fewer tickets are left than were asked for.
    SoldOut,
    /// These of its seats belong to live bookings.
    SeatTaken(Vec<SeatIndex>),
    /// It was admitted under an epoch that is no longer the event's.
    StaleEpoch,
    /// The customer would have more than the event allows.
    Limit,
    /// The event is not on sale.
    Closed,
    /// It was resolved as abandoned before the commit arrived.
    Void,
    /// The event, the tier or a seat does not exist.
    UnknownItem,
    /// The rid belongs to another customer's attempt.
    NotYours,
}

impl Verdict {
    /// All of [`Self::as_str`].
    pub const WORDS: &[&str] = &[
        "posted",
        "unknown",
        "sold_out",
        "seat_taken",
        "stale_epoch",
        "limit",
        "closed",
        "void",
        "unknown_item",
        "not_yours",
    ];

    /// In a word, for metrics.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Posted(_) => "posted",
            Self::Unknown => "unknown",
            Self::Refused(refusal) => match refusal {
                Refusal::SoldOut => "sold_out",
                Refusal::SeatTaken(_) => "seat_taken",
                Refusal::StaleEpoch => "stale_epoch",
                Refusal::Limit => "limit",
                Refusal::Closed => "closed",
                Refusal::Void => "void",
                Refusal::UnknownItem => "unknown_item",
                Refusal::NotYours => "not_yours",
            },
        }
    }
}

/// A booking as the vault keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Booking {
    /// The rid of the attempt that won it.
    pub booking_id: ReservationId,
    /// The event.
    pub event_id: EventId,
    /// The owner.
    pub customer_id: CustomerId,
    /// Where it stands.
    pub status: BookingStatus,
    /// What it takes.
    pub items: Items,
    /// What that costs together, in minor units.
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

/// The body of [`crate::paths::RESOLVE`].
#[derive(Debug, Serialize, Deserialize)]
pub struct ResolveRequest {
    /// The event all the rids belong to.
    pub event_id: EventId,
    /// Attempts whose commit is overdue; at most [`RESOLVES_MAX`].
    pub rids: Vec<ReservationId>,
}

/// What became of an attempt, forever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It has a booking.
    Posted,
    /// It has none and can never have one.
    Void,
}

/// The reply to confirm and cancel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BookingAnswer {
    /// Done, now or before.
    Done(Booking),
    /// The customer has no such booking.
    NotFound,
    /// It is cancelled or expired and stays so.
    Gone(BookingStatus),
    /// The vault could not tell this time.
    Unknown,
}

/// The body of `POST /internal/events/{id}/epoch`.
#[derive(Debug, Serialize, Deserialize)]
pub struct EpochRequest {
    /// The Redis process the projection will be loaded into.
    pub run_id: String,
}

/// Everything Redis needs to sell an event, true at the instant the epoch was issued.
#[derive(Debug, Serialize, Deserialize)]
pub struct Projection {
    /// The generation; larger than any before.
    pub epoch: i64,
    /// The event as it stood.
    pub event: EventRecord,
    /// Tickets left in each tier.
    pub tiers: Vec<(TierId, i64)>,
    /// Seats with live bookings, the booking, and whether it is paid.
    pub seats: Vec<(SeatIndex, ReservationId, bool)>,
    /// Tickets of each customer who has any.
    pub customers: Vec<(CustomerId, i64)>,
    /// The last journal row that is part of this.
    pub journal_seq: i64,
}

/// One change of inventory that Redis has to follow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalRow {
    /// The row's number within its event.
    pub seq: i64,
    /// What changed.
    pub change: Change,
}

/// What a journal row says. Bookings being made are rows too, but Redis learns of those by `settle`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// A booking was cancelled or not paid: its tickets are for sale again.
    Released {
        /// The booking.
        rid: ReservationId,
        /// Who had it.
        customer_id: CustomerId,
        /// What it took.
        items: Items,
    },
    /// A booking was paid.
    Confirmed {
        /// The booking.
        rid: ReservationId,
        /// Its seats; empty for a tier.
        seats: Vec<SeatIndex>,
    },
    /// A tier has more or fewer tickets.
    Capacity {
        /// Which tier.
        tier_id: TierId,
        /// New capacity minus old.
        delta: i64,
    },
    /// The operator paused or resumed the sale.
    SaleState(SaleState),
}

/// Journal rows after a position.
#[derive(Debug, Serialize, Deserialize)]
pub struct JournalPage {
    /// The event's epoch now.
    pub epoch: i64,
    /// The position asked for.
    pub after: i64,
    /// Every row up to here is either in `rows` or does not concern Redis.
    pub through: i64,
    /// In order.
    pub rows: Vec<JournalRow>,
}

/// The body of [`crate::paths::JOURNAL_BEHIND`].
#[derive(Debug, Serialize, Deserialize)]
pub struct JournalPositions {
    /// Events with the last row applied; at most [`JOURNAL_POSITIONS_MAX`].
    pub positions: Vec<(EventId, i64)>,
}

/// Events whose journal got rows that concern Redis, in answer to a long poll.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct JournalWakes {
    /// Ask with this next time, so that no wake between two polls is lost.
    pub cursor: u64,
    /// The events, each once.
    pub events: Vec<EventId>,
}

/// What Postgres knows of an event's inventory.
#[derive(Debug, Serialize, Deserialize)]
pub struct VaultAudit {
    /// The event's epoch.
    pub epoch: i64,
    /// Each tier: id, capacity, tickets in live bookings.
    pub tiers: Vec<(TierId, i64, i64)>,
    /// Seats there are.
    pub seats_total: i64,
    /// Seats in unpaid live bookings.
    pub seats_reserved: i64,
    /// Seats in paid bookings.
    pub seats_sold: i64,
    /// Seats with more than one live booking.
    pub double_booked: i64,
}

/// The body of `POST /internal/events/{id}/changes`: changes of an event's holds, which the vault had no part in, for the audit
/// log. Sent until it is known that they are entered; those that were before are not entered again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoggedChanges {
    /// In the order they were made; at most [`LOGGED_CHANGES_MAX`].
    pub changes: Vec<LoggedChange>,
}

/// One change of a hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoggedChange {
    /// The generation of the inventory it was made in.
    pub epoch: i64,
    /// Its place among that epoch's changes; they only grow.
    pub number: i64,
    /// When it was made, by Redis' clock.
    pub at: Timestamp,
    /// What was done.
    pub action: Action,
    /// The hold.
    pub subject: ReservationId,
    /// What of it: all of a hold, or the seat of it that was given back.
    #[serde(default)]
    pub items: Option<Items>,
    /// Who did it, by which request.
    pub origin: Origin,
}
