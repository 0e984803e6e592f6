//! The public API's bodies (`/api/v1`). Names here are promises: fields may be added, none changes its name.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::{CustomerId, EventId, ReservationId, TierId};
use crate::seat::{Seating, Section};
use crate::values::{CAPACITY_MAX, Currency, PRICE_MINOR_MAX};

/// The most tiers an event may have: `check_and_decrement` never looks at more than one, the audit at all.
pub const TIERS_MAX: usize = 50;
/// The most sections an event may have.
pub const SECTIONS_MAX: usize = 500;
/// The most seats an event may have: its byte-per-seat map stays a tenth of a megabyte.
pub const SEATS_MAX: u64 = 100_000;
/// Longest name of an event, a venue or a tier, in characters.
pub const NAME_CHARS_MAX: usize = 200;
/// Longest hold, one hour.
pub const HOLD_TTL_SECONDS_MAX: u32 = 3_600;
/// Longest time to pay, one week.
pub const PAYMENT_TTL_SECONDS_MAX: u32 = 604_800;

/// `POST /sessions`.
#[derive(Debug, Serialize, Deserialize)]
pub struct Session {
    /// The guest's id, the subject of the token.
    pub customer_id: CustomerId,
    /// Goes into `Authorization: Bearer`.
    pub token: String,
    /// When the token stops working.
    pub expires_at: Timestamp,
}

/// `POST /events`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewEvent {
    /// What is on.
    pub name: String,
    /// Where it is on.
    pub venue: String,
    /// When the show starts.
    pub starts_at: Timestamp,
    /// When it ends, and with it the sale.
    pub ends_at: Timestamp,
    /// When the first ticket may be taken.
    pub on_sale_at: Timestamp,
    /// Currency of every price of the event.
    pub currency: Currency,
    /// Tickets one customer may hold and own together.
    #[serde(default = "default_per_customer_max")]
    pub per_customer_max: u32,
    /// How long a hold lasts.
    #[serde(default = "default_hold_ttl_seconds")]
    pub hold_ttl_seconds: u32,
    /// How long a booking may stay unpaid.
    #[serde(default = "default_payment_ttl_seconds")]
    pub payment_ttl_seconds: u32,
    /// General admission.
    #[serde(default)]
    pub tiers: Vec<NewTier>,
    /// Numbered seats.
    #[serde(default)]
    pub sections: Vec<Section>,
}

fn default_per_customer_max() -> u32 {
    10
}
fn default_hold_ttl_seconds() -> u32 {
    180
}
fn default_payment_ttl_seconds() -> u32 {
    900
}

/// A tier to be created.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewTier {
    /// Unique within the event.
    pub name: String,
    /// Price of one ticket in minor units.
    pub price_minor: i64,
    /// Tickets there are.
    pub capacity: i64,
}

impl NewEvent {
    /// Says what is wrong, as a sentence for whoever made the event.
    pub fn validate(&self) -> Result<(), String> {
        check_name("name", &self.name)?;
        check_name("venue", &self.venue)?;
        let times = [self.starts_at, self.ends_at, self.on_sale_at];
        require(times.iter().all(|time| *time >= Timestamp::UNIX_EPOCH), "times must be after 1970")?;
        require(self.starts_at < self.ends_at, "ends_at must be after starts_at")?;
        require(self.on_sale_at < self.ends_at, "on_sale_at must be before ends_at")?;
        require((1..=1_000_000).contains(&self.per_customer_max), "per_customer_max must be 1 to 1000000")?;
        require((1..=HOLD_TTL_SECONDS_MAX).contains(&self.hold_ttl_seconds), "hold_ttl_seconds must be 1 to 3600")?;
        require(
            (1..=PAYMENT_TTL_SECONDS_MAX).contains(&self.payment_ttl_seconds),
            "payment_ttl_seconds must be 1 to 604800",
        )?;
        require(!self.tiers.is_empty() || !self.sections.is_empty(), "an event needs tiers or sections")?;
        self.validate_tiers()?;
        self.validate_sections()
    }

    fn validate_tiers(&self) -> Result<(), String> {
        require(self.tiers.len() <= TIERS_MAX, "at most 50 tiers an event")?;
        for tier in &self.tiers {
            check_name("tier name", &tier.name)?;
            check_price(tier.price_minor)?;
            require((1..=CAPACITY_MAX).contains(&tier.capacity), "capacity must be 1 to 1000000")?;
        }
        check_unique("tier", self.tiers.iter().map(|tier| tier.name.as_str()))
    }

    fn validate_sections(&self) -> Result<(), String> {
        require(self.sections.len() <= SECTIONS_MAX, "at most 500 sections an event")?;
        for section in &self.sections {
            require(
                section.is_valid(),
                "a section needs a name of letters and digits and 1 to 1000 rows of 1 to 1000 seats",
            )?;
            check_price(section.price_minor)?;
        }
        let seats: u64 = self.sections.iter().map(|section| u64::from(section.seats())).sum();
        require(seats <= SEATS_MAX, "at most 100000 seats an event")?;
        check_unique("section", self.sections.iter().map(|section| section.name.as_str()))
    }
}

fn require(holds: bool, otherwise: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise.to_owned()) }
}

fn check_name(what: &str, name: &str) -> Result<(), String> {
    let honest = (1..=NAME_CHARS_MAX).contains(&name.chars().count()) && !name.chars().any(char::is_control);
    require(honest, &format!("{what} must be 1 to {NAME_CHARS_MAX} characters, none of them a control character"))
}

fn check_price(price_minor: i64) -> Result<(), String> {
    require((0..=PRICE_MINOR_MAX).contains(&price_minor), "price_minor must be 0 to 100000000000")
}

fn check_unique<'a>(what: &str, names: impl Iterator<Item = &'a str>) -> Result<(), String> {
    let mut seen = std::collections::HashSet::new();
    for name in names {
        require(seen.insert(name), &format!("two {what}s are called {name:?}"))?;
    }
    Ok(())
}

/// `PATCH /events/{id}`: what an operator may change once tickets are sold. Absent fields stay as they are.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventChange {
    /// Stops or resumes the sale.
    #[serde(default)]
    pub sale_state: Option<SaleState>,
    /// New capacities. Never below what is sold.
    #[serde(default)]
    pub tiers: Vec<TierChange>,
}

/// A tier's new capacity.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TierChange {
    /// Which tier.
    pub tier_id: TierId,
    /// How many tickets there are from now on.
    pub capacity: i64,
}

/// Whether the operator lets tickets go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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

/// An event with what is left of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
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
    /// General admission, cheapest code path first.
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
#[derive(Debug, Clone, Serialize, Deserialize)]
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

/// One page of a list.
#[derive(Debug, Serialize, Deserialize)]
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

/// What a seat or a tier looks like from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Debug, Serialize, Deserialize)]
pub struct TicketView {
    /// The seat's label.
    pub seat: String,
    /// Its status now.
    pub status: SeatStatus,
    /// Its price in minor units.
    pub price_minor: i64,
}

/// `GET /events/{id}/seatmap`: what never changes about the seats.
#[derive(Debug, Serialize, Deserialize)]
pub struct SeatMap {
    /// The event.
    pub event_id: EventId,
    /// Seats are indexed through these in order, row by row.
    pub sections: Seating,
    /// Seats of all sections.
    pub seats_total: u32,
}

/// `GET /events/{id}/seats`: the live state.
#[derive(Debug, Serialize, Deserialize)]
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

/// `POST /events/{id}/holds`: either seats, or a tier and a quantity.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewHold {
    /// Labels; all of them or none are held.
    #[serde(default)]
    pub seats: Option<Vec<String>>,
    /// General admission.
    #[serde(default)]
    pub tier_id: Option<TierId>,
    /// Tickets of the tier.
    #[serde(default)]
    pub quantity: Option<i64>,
}

/// A hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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

/// `POST /bookings`: from a hold, or directly.
#[derive(Debug, Serialize, Deserialize)]
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
    #[serde(default)]
    pub quantity: Option<i64>,
}

/// Where a booking stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Confirmation {
    /// What the payment provider calls the payment; at most 200 characters.
    #[serde(default)]
    pub payment_reference: Option<String>,
}

/// `GET /events/{id}/audit`: I1 and I6 as numbers.
#[derive(Debug, Serialize, Deserialize)]
pub struct AuditView {
    /// Every leak is 0, nothing is oversold or double booked, and Redis holds the vault's epoch.
    pub ok: bool,
    /// The vault's epoch.
    pub epoch: i64,
    /// Each tier's account.
    pub tiers: Vec<TierAudit>,
    /// The seats' account.
    pub seats: SeatsAudit,
}

/// `capacity = available + held + committing + sold + leak`.
#[derive(Debug, Serialize, Deserialize)]
pub struct TierAudit {
    /// Which tier.
    pub tier_id: TierId,
    /// Tickets there are, by Postgres.
    pub capacity: i64,
    /// Tickets free, by Redis.
    pub available: i64,
    /// Tickets in holds, by Redis.
    pub held: i64,
    /// Tickets whose commit has not been settled, by Redis.
    pub committing: i64,
    /// Tickets in live bookings, by Postgres.
    pub sold: i64,
    /// What is missing from the account; negative when something is counted twice. Settles at 0.
    pub leak: i64,
    /// Sold beyond capacity. Always 0.
    pub oversold: i64,
}

/// `total = available + held + committing + reserved + sold + leak`.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct SeatsAudit {
    /// Seats there are, by Postgres.
    pub total: i64,
    /// Seats free, by Redis.
    pub available: i64,
    /// Seats in holds, by Redis.
    pub held: i64,
    /// Seats whose commit has not been settled, by Redis.
    pub committing: i64,
    /// Seats booked and unpaid, by Postgres.
    pub reserved: i64,
    /// Seats booked and paid, by Postgres.
    pub sold: i64,
    /// What is missing from the account. Settles at 0.
    pub leak: i64,
    /// Seats with more than one live booking. Always 0.
    pub double_booked: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event() -> NewEvent {
        serde_json::from_value(serde_json::json!({
            "name": "Night", "venue": "Hall", "starts_at": "2030-01-01T20:00:00Z", "ends_at": "2030-01-01T23:00:00Z",
            "on_sale_at": "2029-01-01T00:00:00Z", "currency": "EUR",
            "tiers": [{"name": "Floor", "price_minor": 5000, "capacity": 100}],
            "sections": [{"name": "A", "rows": 8, "seats_per_row": 12, "price_minor": 9000}],
        }))
        .unwrap()
    }

    #[test]
    fn a_sound_event_is_accepted_with_the_defaults() {
        let event = event();
        assert_eq!(event.validate(), Ok(()));
        assert_eq!((event.per_customer_max, event.hold_ttl_seconds, event.payment_ttl_seconds), (10, 180, 900));
    }

    #[test]
    fn an_unsound_event_is_told_why() {
        let broken: [fn(&mut NewEvent); 12] = [
            |event| event.name.clear(),
            |event| event.venue = "two\nlines".into(),
            |event| event.ends_at = event.starts_at,
            |event| event.on_sale_at = event.ends_at,
            |event| event.per_customer_max = 0,
            |event| event.hold_ttl_seconds = 0,
            |event| event.payment_ttl_seconds = PAYMENT_TTL_SECONDS_MAX + 1,
            |event| (event.tiers.clear(), event.sections.clear()).1,
            |event| event.tiers[0].capacity = 0,
            |event| event.tiers.push(event.tiers[0].clone()),
            |event| event.sections[0].name = "{e}".into(),
            |event| event.sections[0].rows = u32::MAX,
        ];
        for (case, break_it) in broken.iter().enumerate() {
            let mut event = event();
            break_it(&mut event);
            assert!(event.validate().is_err(), "case {case}");
        }
    }

    #[test]
    fn a_reference_is_ten_unmistakable_characters() {
        let reference = booking_reference(ReservationId::fresh());
        assert_eq!(reference.len(), 10);
        assert!(!reference.contains(['I', 'L', 'O', 'U']));
    }
}
