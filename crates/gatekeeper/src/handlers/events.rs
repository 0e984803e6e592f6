//! Events.

use actix_web::{HttpResponse, web};
use chassis::{ApiError, Json};
use contract::EventId;
use contract::api::{AuditView, EventChange, EventView, NewEvent, Page};

use super::{GateData, Paging};
use crate::identity::Admin;
use crate::service::{audit, events};

/// `POST /events`.
pub async fn create(_: Admin, gate: GateData, Json(new): Json<NewEvent>) -> Result<HttpResponse, ApiError> {
    Ok(HttpResponse::Created().json(events::create(&gate, &new).await?))
}

/// `GET /events`.
pub async fn list(gate: GateData, paging: web::Query<Paging>) -> Result<web::Json<Page<EventView>>, ApiError> {
    let (page, limit) = paging.checked()?;
    Ok(web::Json(events::list(&gate, page, limit).await?))
}

/// `GET /events/{event_id}`.
pub async fn read(gate: GateData, id: web::Path<EventId>) -> Result<web::Json<EventView>, ApiError> {
    Ok(web::Json(events::read(&gate, *id).await?))
}

/// `PATCH /events/{event_id}`.
pub async fn change(
    _: Admin,
    gate: GateData,
    id: web::Path<EventId>,
    Json(change): Json<EventChange>,
) -> Result<web::Json<EventView>, ApiError> {
    Ok(web::Json(events::change(&gate, *id, &change).await?))
}

/// `GET /events/{event_id}/audit`.
pub async fn audit(_: Admin, gate: GateData, id: web::Path<EventId>) -> Result<web::Json<AuditView>, ApiError> {
    Ok(web::Json(audit::event(&gate, *id).await?))
}
