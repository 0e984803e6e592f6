//! How busy an event is.

use contract::EventId;
use contract::api::{ActivityView, Refusals};
use jiff::Timestamp;

use super::{Gate, ServiceError};
use crate::scripts::activity;
use crate::tally::Ending;

/// Attempts at the event, by how they ended.
pub async fn read(gate: &Gate, event_id: EventId) -> Result<ActivityView, ServiceError> {
    gate.event(event_id).await?;
    let attempts = activity::read(&gate.link, event_id).await.map_err(ServiceError::Script)?;
    Ok(ActivityView {
        event_id,
        admitted: attempts(Ending::Admitted),
        refused: Refusals {
            sold_out: attempts(Ending::SoldOut),
            seat_taken: attempts(Ending::SeatTaken),
            limit_exceeded: attempts(Ending::LimitExceeded),
            not_bookable: attempts(Ending::NotBookable),
        },
        server_time: Timestamp::now(),
    })
}
