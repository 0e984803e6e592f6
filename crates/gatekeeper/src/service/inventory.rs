//! What is left, seat by seat or in numbers.

use contract::api::{Page, SeatMap, SeatStates, SeatStatus, TicketView};
use contract::{EventId, SeatIndex};

use super::{Gate, ServiceError};
use crate::catalog::Event;
use crate::scripts::read_inventory::{self, Inventory};

/// What never changes about the seats.
pub async fn seat_map(gate: &Gate, event_id: EventId) -> Result<SeatMap, ServiceError> {
    let seating = gate.event(event_id).await?.record.seating.clone();
    Ok(SeatMap { event_id, seats_total: seating.seats_total(), sections: seating })
}

/// The state of all seats at one instant.
pub async fn seat_states(gate: &Gate, event_id: EventId) -> Result<SeatStates, ServiceError> {
    let event = gate.event(event_id).await?;
    let Inventory { epoch, sequence, map, .. } = read(gate, &event, true).await?;
    Ok(SeatStates { event_id, epoch, sequence, states: map })
}

/// Seats one by one, all or the available ones.
pub async fn tickets(
    gate: &Gate,
    event_id: EventId,
    only_available: bool,
    page: u32,
    limit: u32,
) -> Result<Page<TicketView>, ServiceError> {
    let event = gate.event(event_id).await?;
    let map = read(gate, &event, true).await?.map;
    let listed: Vec<(SeatIndex, SeatStatus)> = (0..)
        .zip(map.bytes().map(status))
        .filter(|(_, status)| !only_available || *status == SeatStatus::Available)
        .collect();
    let first = (page as usize - 1).saturating_mul(limit as usize);
    let on_page = listed.iter().skip(first).take(limit as usize);
    let items = on_page.filter_map(|(index, status)| ticket(&event, *index, *status)).collect();
    Ok(Page { items, page, limit, total: i64::try_from(listed.len()).unwrap_or(i64::MAX) })
}

/// What is available now.
pub(super) async fn read(gate: &Gate, event: &Event, with_map: bool) -> Result<Inventory, ServiceError> {
    let inventory = read_inventory::call(&gate.link, &event.keys, &event.tier_ids, with_map).await;
    inventory.map_err(|error| gate.failed(event.record.event_id, error))
}

/// What is available now, if that is known; what is missing is brought back if it is `wanted`.
pub(super) async fn read_only(gate: &Gate, event: &Event, wanted: bool) -> Option<Inventory> {
    let inventory = read_inventory::call(&gate.link, &event.keys, &event.tier_ids, false).await;
    match inventory {
        Err(error) if wanted => {
            // What matters here is that it is being brought back.
            let _ = gate.failed(event.record.event_id, error);
            None
        }
        read => read.ok(),
    }
}

fn status(letter: u8) -> SeatStatus {
    match letter {
        b'a' => SeatStatus::Available,
        b'r' => SeatStatus::Reserved,
        b's' => SeatStatus::Sold,
        _ => SeatStatus::Held,
    }
}

fn ticket(event: &Event, index: SeatIndex, status: SeatStatus) -> Option<TicketView> {
    let (label, price_minor) = event.record.seating.seat_at(index)?;
    Some(TicketView { seat: label.to_string(), status, price_minor })
}
