//! Events, epochs and audits.

use actix_web::{HttpResponse, web};
use chassis::credential::ServiceCaller;
use chassis::{ApiError, Json};
use contract::EventId;
use contract::api::{EventChange, NewEvent, Page};
use contract::internal::{EpochRequest, EventRecord, Projection, VaultAudit};
use serde::Deserialize;

use super::Cause;
use crate::store::Store;

/// Which page of a list.
#[derive(Deserialize)]
pub struct Paging {
    /// From 1.
    pub page: u32,
    /// Items a page.
    pub limit: u32,
}

/// Under which id an event is made, if not any; asked again with the same, it is the same event.
#[derive(Deserialize)]
pub struct Chosen {
    event_id: Option<EventId>,
}

/// `POST /internal/events`, perhaps with `?event_id`.
pub async fn create(
    _: ServiceCaller,
    store: web::Data<Store>,
    cause: Cause,
    chosen: web::Query<Chosen>,
    Json(new): Json<NewEvent>,
) -> Result<HttpResponse, ApiError> {
    new.validate().map_err(ApiError::malformed)?;
    let event = store.create_event(chosen.event_id.unwrap_or_else(EventId::fresh), &new, &cause.0).await?;
    tracing::info!(event_id = %event.event_id, "an event was made, or was there");
    Ok(HttpResponse::Created().json(event))
}

/// `GET /internal/events`.
pub async fn list(
    _: ServiceCaller,
    store: web::Data<Store>,
    paging: web::Query<Paging>,
) -> Result<web::Json<Page<EventRecord>>, ApiError> {
    Ok(web::Json(store.events(paging.page.max(1), paging.limit).await?))
}

/// `GET /internal/events/{event_id}`.
pub async fn read(
    _: ServiceCaller,
    store: web::Data<Store>,
    id: web::Path<EventId>,
) -> Result<web::Json<EventRecord>, ApiError> {
    store.event(*id).await?.map(web::Json).ok_or_else(|| ApiError::not_found("event"))
}

/// `PATCH /internal/events/{event_id}`.
pub async fn change(
    _: ServiceCaller,
    store: web::Data<Store>,
    cause: Cause,
    id: web::Path<EventId>,
    Json(change): Json<EventChange>,
) -> Result<web::Json<EventRecord>, ApiError> {
    store.change_event(*id, &change, &cause.0).await?.map(web::Json).ok_or_else(|| ApiError::not_found("event"))
}

/// `POST /internal/events/{event_id}/epoch`.
pub async fn issue_epoch(
    _: ServiceCaller,
    store: web::Data<Store>,
    id: web::Path<EventId>,
    Json(request): Json<EpochRequest>,
) -> Result<web::Json<Projection>, ApiError> {
    let projection = store.issue_epoch(*id).await?.ok_or_else(|| ApiError::not_found("event"))?;
    tracing::info!(event_id = %id, epoch = projection.epoch, run_id = request.run_id, "an epoch was issued");
    Ok(web::Json(projection))
}

/// `GET /internal/events/{event_id}/audit`.
pub async fn audit(
    _: ServiceCaller,
    store: web::Data<Store>,
    id: web::Path<EventId>,
) -> Result<web::Json<VaultAudit>, ApiError> {
    store.audit(*id).await?.map(web::Json).ok_or_else(|| ApiError::not_found("event"))
}
