//! The demo events: a flash sale, a hall with seats, a stadium.

use contract::api::{EventView, NewEvent, NewTier};
use contract::{Currency, Section};
use jiff::{SignedDuration, Timestamp};

use crate::client::Client;

/// An event on sale since an hour, a month before it starts, to be filled with inventory.
pub fn event(name: &str, venue: &str) -> anyhow::Result<NewEvent> {
    let now = Timestamp::from_second(Timestamp::now().as_second())?;
    let starts_at = now + SignedDuration::from_hours(24 * 30);
    Ok(NewEvent {
        name: name.to_owned(),
        venue: venue.to_owned(),
        starts_at,
        ends_at: starts_at + SignedDuration::from_hours(3),
        on_sale_at: now - SignedDuration::from_hours(1),
        currency: Currency::try_from("EUR".to_owned()).map_err(anyhow::Error::msg)?,
        per_customer_max: 10,
        hold_ttl_seconds: 180,
        payment_ttl_seconds: 900,
        tiers: Vec::new(),
        sections: Vec::new(),
    })
}

/// A tier at 50.00.
#[must_use]
pub fn tier(name: &str, capacity: i64) -> NewTier {
    NewTier { name: name.to_owned(), price_minor: 5_000, capacity }
}

/// A block of seats.
#[must_use]
pub fn section(name: &str, rows: u32, seats_per_row: u32, price_minor: i64) -> Section {
    Section { name: name.to_owned(), rows, seats_per_row, price_minor }
}

/// Makes the demo events unless the stack has events already.
pub async fn load(admin: &Client) -> anyhow::Result<Vec<EventView>> {
    let there = admin.get("/api/v1/events?limit=3").await?;
    if there.body["total"].as_i64().unwrap_or(0) > 0 {
        return there.body["items"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|item| Ok(serde_json::from_value(item.clone())?))
            .collect();
    }
    let mut flash_sale = event("Flash sale", "Online")?;
    flash_sale.tiers = vec![tier("General admission", 100)];
    let mut hall = event("An evening in the hall", "The hall")?;
    hall.sections = vec![section("A", 10, 24, 9_000), section("B", 10, 24, 6_500), section("C", 10, 24, 4_000)];
    let mut stadium = event("The stadium show", "The stadium")?;
    stadium.per_customer_max = 4;
    stadium.sections = (b'A'..=b'Y')
        .zip(0..)
        .map(|(name, place)| section(&char::from(name).to_string(), 40, 50, 12_000 - 300 * place))
        .collect();
    let mut made = Vec::new();
    for new in [flash_sale, hall, stadium] {
        made.push(admin.create_event(&new).await?);
    }
    Ok(made)
}
