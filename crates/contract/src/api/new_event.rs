//! Events to be made, and what makes one sound.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::seat::Section;
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

/// `POST /events`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
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
    #[serde(default = "default_per_customer_max", deserialize_with = "crate::values::whole")]
    pub per_customer_max: u32,
    /// How long a hold lasts.
    #[serde(default = "default_hold_ttl_seconds", deserialize_with = "crate::values::whole")]
    pub hold_ttl_seconds: u32,
    /// How long a booking may stay unpaid.
    #[serde(default = "default_payment_ttl_seconds", deserialize_with = "crate::values::whole")]
    pub payment_ttl_seconds: u32,
    /// General admission.
    #[serde(default, deserialize_with = "super::objects")]
    pub tiers: Vec<NewTier>,
    /// Numbered seats.
    #[serde(default, deserialize_with = "super::objects")]
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
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTier {
    /// Unique within the event.
    pub name: String,
    /// Price of one ticket in minor units.
    #[serde(deserialize_with = "crate::values::whole")]
    pub price_minor: i64,
    /// Tickets there are.
    #[serde(deserialize_with = "crate::values::whole")]
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
}
