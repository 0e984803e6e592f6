//! Holds.

use actix_web::{HttpRequest, HttpResponse, web};
use chassis::{ApiError, Json};
use contract::api::{HoldView, NewHold};
use contract::values::QUANTITY_MAX;
use contract::{EventId, ReservationId};

use super::{GateData, IdempotencyKey, not_made};
use crate::attempt::Attempt;
use crate::identity::Caller;
use crate::limits::{Kind, Limits};
use crate::service::holds;

type Id = web::Path<(EventId, ReservationId)>;

/// `POST /events/{event_id}/holds`.
#[utoipa::path(
    post,
    path = "/events/{event_id}/holds",
    tag = "holds",
    params(IdempotencyKey, ("event_id" = EventId, Path, description = "The event")),
    request_body = NewHold,
    responses((status = 201, description = "The hold", body = HoldView)),
    security(("bearer" = []))
)]
pub async fn create(
    caller: Caller,
    gate: GateData,
    attempt: Attempt,
    limits: web::Data<Limits>,
    request: HttpRequest,
    event_id: web::Path<EventId>,
    Json(new): Json<NewHold>,
) -> Result<HttpResponse, ApiError> {
    // Each ticket counts, or a few requests would hold a hall.
    limits.charge(&gate, Kind::Holds, &request, tickets(&new).saturating_sub(1)).await?;
    match holds::create(&gate, *event_id, &caller, attempt, new).await {
        Ok(hold) => Ok(HttpResponse::Created().json(hold)),
        Err(error) => not_made(error),
    }
}

/// As many as are asked for, of what may be asked for.
fn tickets(new: &NewHold) -> u32 {
    let quantity = new.quantity.and_then(|quantity| u32::try_from(quantity).ok()).unwrap_or(0);
    let seats = new.seats.as_ref().map_or(0, Vec::len);
    quantity.max(u32::try_from(seats).unwrap_or(u32::MAX)).min(QUANTITY_MAX)
}

/// `GET /events/{event_id}/holds/{hold_id}`.
#[utoipa::path(
    get,
    path = "/events/{event_id}/holds/{hold_id}",
    tag = "holds",
    params(("event_id" = EventId, Path, description = "The event"), ("hold_id" = ReservationId, Path, description = "The hold")),
    responses((status = 200, description = "The hold", body = HoldView)),
    security(("bearer" = []))
)]
pub async fn read(caller: Caller, gate: GateData, id: Id) -> Result<web::Json<HoldView>, ApiError> {
    let (event_id, hold_id) = id.into_inner();
    Ok(web::Json(holds::read(&gate, event_id, hold_id, caller.customer).await?))
}

/// `POST /events/{event_id}/holds/{hold_id}/extend`.
#[utoipa::path(
    post,
    path = "/events/{event_id}/holds/{hold_id}/extend",
    tag = "holds",
    params(IdempotencyKey, ("event_id" = EventId, Path, description = "The event"), ("hold_id" = ReservationId, Path, description = "The hold")),
    responses((status = 200, description = "The hold with its new deadline", body = HoldView)),
    security(("bearer" = []))
)]
pub async fn extend(caller: Caller, gate: GateData, id: Id) -> Result<web::Json<HoldView>, ApiError> {
    let (event_id, hold_id) = id.into_inner();
    Ok(web::Json(holds::extend(&gate, event_id, hold_id, &caller).await?))
}

/// `DELETE /events/{event_id}/holds/{hold_id}`.
#[utoipa::path(
    delete,
    path = "/events/{event_id}/holds/{hold_id}",
    tag = "holds",
    params(("event_id" = EventId, Path, description = "The event"), ("hold_id" = ReservationId, Path, description = "The hold")),
    responses((status = 204, description = "Released")),
    security(("bearer" = []))
)]
pub async fn release(caller: Caller, gate: GateData, id: Id) -> Result<HttpResponse, ApiError> {
    let (event_id, hold_id) = id.into_inner();
    holds::release(&gate, event_id, hold_id, &caller).await?;
    Ok(HttpResponse::NoContent().finish())
}
