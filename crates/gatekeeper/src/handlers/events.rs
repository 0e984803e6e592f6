//! Events.

use actix_web::{HttpResponse, web};
use chassis::{ApiError, Json};
use contract::EventId;
use contract::api::{AuditView, EventChange, EventView, NewEvent, Page};

use super::{GateData, IdempotencyKey, Paging};
use crate::attempt::Attempt;
use crate::identity::{Admin, Operator};
use crate::service::{audit, events};

/// `POST /events`.
#[utoipa::path(
    post,
    path = "/events",
    tag = "events",
    params(IdempotencyKey),
    request_body = NewEvent,
    responses((status = 201, description = "The event", body = EventView)),
    security(("bearer" = []))
)]
pub async fn create(
    admin: Admin,
    gate: GateData,
    attempt: Attempt,
    Json(new): Json<NewEvent>,
) -> Result<HttpResponse, ApiError> {
    Ok(HttpResponse::Created().json(events::create(&gate, &admin.origin, attempt, &new).await?))
}

/// `GET /events`.
#[utoipa::path(
    get,
    path = "/events",
    tag = "events",
    params(Paging),
    responses((status = 200, description = "A page of events, those that are over last", body = Page<EventView>))
)]
pub async fn list(gate: GateData, paging: web::Query<Paging>) -> Result<web::Json<Page<EventView>>, ApiError> {
    let (page, limit) = paging.checked()?;
    Ok(web::Json(events::list(&gate, page, limit).await?))
}

/// `GET /events/{event_id}`.
#[utoipa::path(
    get,
    path = "/events/{event_id}",
    tag = "events",
    params(("event_id" = EventId, Path, description = "The event")),
    responses((status = 200, description = "The event with what is left", body = EventView))
)]
pub async fn read(gate: GateData, id: web::Path<EventId>) -> Result<web::Json<EventView>, ApiError> {
    Ok(web::Json(events::read(&gate, *id).await?))
}

/// `PATCH /events/{event_id}`.
#[utoipa::path(
    patch,
    path = "/events/{event_id}",
    tag = "events",
    params(("event_id" = EventId, Path, description = "The event")),
    request_body = EventChange,
    responses((status = 200, description = "The event as changed", body = EventView)),
    security(("bearer" = []))
)]
pub async fn change(
    operator: Operator,
    gate: GateData,
    id: web::Path<EventId>,
    Json(change): Json<EventChange>,
) -> Result<web::Json<EventView>, ApiError> {
    if !change.tiers.is_empty() {
        // How much there is belongs to the event; when it is let go, to the sale.
        operator.admin()?;
    }
    Ok(web::Json(events::change(&gate, &operator.origin, *id, &change).await?))
}

/// `GET /events/{event_id}/audit`.
#[utoipa::path(
    get,
    path = "/events/{event_id}/audit",
    tag = "events",
    params(("event_id" = EventId, Path, description = "The event")),
    responses((status = 200, description = "Where every ticket is", body = AuditView)),
    security(("bearer" = []))
)]
pub async fn audit(_: Operator, gate: GateData, id: web::Path<EventId>) -> Result<web::Json<AuditView>, ApiError> {
    Ok(web::Json(audit::event(&gate, *id).await?))
}
