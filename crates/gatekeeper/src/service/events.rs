//! Events: made, changed, shown.

use std::time::Duration;

use contract::api::{EventChange, EventView, NewEvent, Page, TierView};
use contract::{EventId, Origin};
use futures_util::future::join_all;
use jiff::Timestamp;

use super::inventory;
use super::{Gate, ServiceError};
use crate::attempt::Attempt;
use crate::catalog::Event;
use crate::scripts::read_inventory::Inventory;

/// How long the maker of an event waits for it to be on sale.
const LOAD_WAIT: Duration = Duration::from_secs(5);

/// Makes an event and loads it, so that the first buyer waits for nothing.
pub async fn create(gate: &Gate, origin: &Origin, attempt: Attempt, new: &NewEvent) -> Result<EventView, ServiceError> {
    new.validate().map_err(ServiceError::Malformed)?;
    let event = gate.catalog.remember(gate.vault.create_event(EventId(attempt.rid.0), new, origin).await?);
    // Should it not be loaded in time, it is made all the same, and the first request for it has it loaded.
    let _ = tokio::time::timeout(LOAD_WAIT, gate.reloader.reload(event.record.event_id, None)).await;
    Ok(show(gate, &event).await)
}

/// Pauses or resumes a sale, or changes capacities.
pub async fn change(
    gate: &Gate,
    origin: &Origin,
    id: EventId,
    change: &EventChange,
) -> Result<EventView, ServiceError> {
    let record = gate.vault.change_event(id, change, origin).await?.ok_or(ServiceError::NotFound("event"))?;
    Ok(show(gate, &gate.catalog.remember(record)).await)
}

/// One event with what is left of it.
pub async fn read(gate: &Gate, id: EventId) -> Result<EventView, ServiceError> {
    Ok(show(gate, &*gate.fresh_event(id).await?).await)
}

/// A page of events with what is left of them.
pub async fn list(gate: &Gate, page: u32, limit: u32) -> Result<Page<EventView>, ServiceError> {
    let records = gate.vault.events(page, limit).await?;
    let now = Timestamp::now();
    let items = records.items.into_iter().map(async |record| {
        let event = gate.catalog.remember(record);
        // Looking through the list does not bring back what is over.
        let left = inventory::read_only(gate, &event, !event.is_over(now)).await;
        view(&event, left.as_ref())
    });
    let items = join_all(items).await;
    Ok(Page { items, page: records.page, limit: records.limit, total: records.total })
}

/// While the inventory is being rebuilt an event can be shown all the same, without numbers.
async fn show(gate: &Gate, event: &Event) -> EventView {
    view(event, inventory::read_only(gate, event, true).await.as_ref())
}

fn view(event: &Event, left: Option<&Inventory>) -> EventView {
    let record = &event.record;
    let tiers = record.tiers.iter().map(|tier| TierView {
        tier_id: tier.tier_id,
        name: tier.name.clone(),
        price_minor: tier.price_minor,
        capacity: tier.capacity,
        available: left.and_then(|left| left.tiers.get(&tier.tier_id).copied()),
    });
    EventView {
        event_id: record.event_id,
        name: record.name.clone(),
        venue: record.venue.clone(),
        starts_at: record.starts_at,
        ends_at: record.ends_at,
        on_sale_at: record.on_sale_at,
        sale_state: record.sale_state,
        currency: record.currency,
        per_customer_max: record.per_customer_max,
        hold_ttl_seconds: record.hold_ttl_seconds,
        payment_ttl_seconds: record.payment_ttl_seconds,
        tiers: tiers.collect(),
        sections: record.seating.sections().to_vec(),
        seats_total: record.seating.seats_total(),
        seats_available: left.map(|left| left.seats_available),
        server_time: Timestamp::now(),
    }
}
