//! Seats: the map, their states, and locks on single ones.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use chassis::ApiError;
use contract::EventId;
use contract::api::{HoldView, Page, SeatMap, SeatStates, TicketView};

use super::{GateData, IdempotencyKey, Paging, not_made};
use crate::attempt::Attempt;
use crate::identity::Caller;
use crate::service::{holds, inventory};

/// `GET /events/{event_id}/seatmap`: never changes, so browsers and proxies may keep it.
#[utoipa::path(
    get,
    path = "/events/{event_id}/seatmap",
    tag = "seats",
    params(("event_id" = EventId, Path, description = "The event")),
    responses((status = 200, description = "The layout; never changes", body = SeatMap))
)]
pub async fn map(gate: GateData, id: web::Path<EventId>, request: HttpRequest) -> Result<HttpResponse, ApiError> {
    let map = inventory::seat_map(&gate, *id).await?;
    let tag = format!("\"{id}\"");
    let held = request.headers().get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    if held.is_some_and(|held| held == "*" || held.split(',').any(|one| one.trim().trim_start_matches("W/") == tag)) {
        return Ok(HttpResponse::NotModified().insert_header((header::ETAG, tag)).finish());
    }
    let kept = (header::CACHE_CONTROL, "public, max-age=3600");
    Ok(HttpResponse::Ok().insert_header((header::ETAG, tag)).insert_header(kept).json(map))
}

/// `GET /events/{event_id}/seats`.
#[utoipa::path(
    get,
    path = "/events/{event_id}/seats",
    tag = "seats",
    params(("event_id" = EventId, Path, description = "The event")),
    responses((status = 200, description = "The state of every seat", body = SeatStates))
)]
pub async fn states(gate: GateData, id: web::Path<EventId>) -> Result<web::Json<SeatStates>, ApiError> {
    Ok(web::Json(inventory::seat_states(&gate, *id).await?))
}

/// `GET /events/{event_id}/tickets`: what is available.
#[utoipa::path(
    get,
    path = "/events/{event_id}/tickets",
    tag = "seats",
    params(("event_id" = EventId, Path, description = "The event"), Paging),
    responses((status = 200, description = "A page of available seats", body = Page<TicketView>))
)]
pub async fn available(
    gate: GateData,
    id: web::Path<EventId>,
    paging: web::Query<Paging>,
) -> Result<web::Json<Page<TicketView>>, ApiError> {
    let (page, limit) = paging.checked()?;
    Ok(web::Json(inventory::tickets(&gate, *id, true, page, limit).await?))
}

/// `GET /events/{event_id}/tickets/all`.
#[utoipa::path(
    get,
    path = "/events/{event_id}/tickets/all",
    tag = "seats",
    params(("event_id" = EventId, Path, description = "The event"), Paging),
    responses((status = 200, description = "A page of all seats", body = Page<TicketView>))
)]
pub async fn all(
    gate: GateData,
    id: web::Path<EventId>,
    paging: web::Query<Paging>,
) -> Result<web::Json<Page<TicketView>>, ApiError> {
    let (page, limit) = paging.checked()?;
    Ok(web::Json(inventory::tickets(&gate, *id, false, page, limit).await?))
}

/// `POST /events/{event_id}/seats/{seat}/lock`.
#[utoipa::path(
    post,
    path = "/events/{event_id}/seats/{seat}/lock",
    tag = "seats",
    params(IdempotencyKey, ("event_id" = EventId, Path, description = "The event"), ("seat" = String, Path, description = "The label, as in A-1-12")),
    responses((status = 201, description = "The hold", body = HoldView)),
    security(("bearer" = []))
)]
pub async fn lock(
    caller: Caller,
    gate: GateData,
    attempt: Attempt,
    path: web::Path<(EventId, String)>,
) -> Result<HttpResponse, ApiError> {
    let (event_id, seat) = path.into_inner();
    match holds::lock_seat(&gate, event_id, &caller, attempt, &seat).await {
        Ok(hold) => Ok(HttpResponse::Created().json(hold)),
        Err(error) => not_made(error),
    }
}

/// `POST /events/{event_id}/seats/{seat}/unlock`.
#[utoipa::path(
    post,
    path = "/events/{event_id}/seats/{seat}/unlock",
    tag = "seats",
    params(IdempotencyKey, ("event_id" = EventId, Path, description = "The event"), ("seat" = String, Path, description = "The label, as in A-1-12")),
    responses((status = 204, description = "Released")),
    security(("bearer" = []))
)]
pub async fn unlock(
    caller: Caller,
    gate: GateData,
    attempt: Attempt,
    path: web::Path<(EventId, String)>,
) -> Result<HttpResponse, ApiError> {
    let (event_id, seat) = path.into_inner();
    holds::unlock_seat(&gate, event_id, &caller, attempt, &seat).await?;
    Ok(HttpResponse::NoContent().finish())
}
