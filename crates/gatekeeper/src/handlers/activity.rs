//! How busy an event is.

use actix_web::web;
use chassis::ApiError;
use contract::EventId;
use contract::api::ActivityView;

use super::GateData;
use crate::identity::Operator;
use crate::service::activity;

/// `GET /events/{event_id}/activity`.
#[utoipa::path(
    get,
    path = "/events/{event_id}/activity",
    tag = "activity",
    params(("event_id" = EventId, Path, description = "The event")),
    responses((status = 200, description = "Attempts by how they ended", body = ActivityView)),
    security(("bearer" = []))
)]
pub async fn read(_: Operator, gate: GateData, id: web::Path<EventId>) -> Result<web::Json<ActivityView>, ApiError> {
    Ok(web::Json(activity::read(&gate, *id).await?))
}
