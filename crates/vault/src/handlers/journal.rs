//! The journal as gatekeepers follow it.

use std::time::Duration;

use actix_web::web;
use chassis::credential::ServiceCaller;
use chassis::{ApiError, Json};
use contract::EventId;
use contract::internal::{JOURNAL_POSITIONS_MAX, JournalPage, JournalPositions, JournalWakes};
use serde::Deserialize;

use crate::store::Store;
use crate::wakes::Wakes;

/// The longest long poll; below the time a proxy or a stopping vault would wait.
const WAIT_MS_MAX: u64 = 5_000;

/// Where to go on reading.
#[derive(Deserialize)]
pub struct After {
    after: i64,
}

/// Where to go on listening, and for how long.
#[derive(Deserialize)]
pub struct Poll {
    after: u64,
    wait_ms: u64,
}

/// `GET /internal/events/{event_id}/journal`.
pub async fn read(
    _: ServiceCaller,
    store: web::Data<Store>,
    id: web::Path<EventId>,
    query: web::Query<After>,
) -> Result<web::Json<JournalPage>, ApiError> {
    store.journal(*id, query.after).await?.map(web::Json).ok_or_else(|| ApiError::not_found("event"))
}

/// `POST /internal/journal/behind`.
pub async fn behind(
    _: ServiceCaller,
    store: web::Data<Store>,
    Json(request): Json<JournalPositions>,
) -> Result<web::Json<Vec<EventId>>, ApiError> {
    if request.positions.len() > JOURNAL_POSITIONS_MAX {
        return Err(ApiError::malformed(format!("at most {JOURNAL_POSITIONS_MAX} positions in one request")));
    }
    Ok(web::Json(store.journal_behind(&request.positions).await?))
}

/// `GET /internal/journal/wakes`.
pub async fn wakes(_: ServiceCaller, wakes: web::Data<Wakes>, poll: web::Query<Poll>) -> web::Json<JournalWakes> {
    web::Json(wakes.after(poll.after, Duration::from_millis(poll.wait_ms.min(WAIT_MS_MAX))).await)
}
