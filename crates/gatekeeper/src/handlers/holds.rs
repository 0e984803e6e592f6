//! Holds.

use actix_web::{HttpResponse, web};
use chassis::{ApiError, Json};
use contract::api::{HoldView, NewHold};
use contract::{EventId, ReservationId};

use super::GateData;
use crate::identity::Caller;
use crate::service::holds;

type Id = web::Path<(EventId, ReservationId)>;

/// `POST /events/{event_id}/holds`.
pub async fn create(
    caller: Caller,
    gate: GateData,
    event_id: web::Path<EventId>,
    Json(new): Json<NewHold>,
) -> Result<HttpResponse, ApiError> {
    Ok(HttpResponse::Created().json(holds::create(&gate, *event_id, caller.0, new).await?))
}

/// `GET /events/{event_id}/holds/{hold_id}`.
pub async fn read(caller: Caller, gate: GateData, id: Id) -> Result<web::Json<HoldView>, ApiError> {
    let (event_id, hold_id) = id.into_inner();
    Ok(web::Json(holds::read(&gate, event_id, hold_id, caller.0).await?))
}

/// `POST /events/{event_id}/holds/{hold_id}/extend`.
pub async fn extend(caller: Caller, gate: GateData, id: Id) -> Result<web::Json<HoldView>, ApiError> {
    let (event_id, hold_id) = id.into_inner();
    Ok(web::Json(holds::extend(&gate, event_id, hold_id, caller.0).await?))
}

/// `DELETE /events/{event_id}/holds/{hold_id}`.
pub async fn release(caller: Caller, gate: GateData, id: Id) -> Result<HttpResponse, ApiError> {
    let (event_id, hold_id) = id.into_inner();
    holds::release(&gate, event_id, hold_id, caller.0).await?;
    Ok(HttpResponse::NoContent().finish())
}
