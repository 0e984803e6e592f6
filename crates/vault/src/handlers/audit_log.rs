//! Who changed what.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use chassis::credential::ServiceCaller;
use chassis::{ApiError, Json};
use contract::EventId;
use contract::api::{LogFilter, LogPage};
use contract::internal::{LOGGED_CHANGES_MAX, LoggedChanges};

use super::check_len;
use crate::store::Store;

/// `POST /internal/audit-log`.
pub async fn page(
    _: ServiceCaller,
    store: web::Data<Store>,
    Json(filter): Json<LogFilter>,
) -> Result<web::Json<LogPage>, ApiError> {
    Ok(web::Json(store.audit_log(&filter).await?))
}

/// `POST /internal/events/{event_id}/changes`.
pub async fn enter(
    _: ServiceCaller,
    store: web::Data<Store>,
    id: web::Path<EventId>,
    Json(body): Json<LoggedChanges>,
) -> Result<HttpResponse, ApiError> {
    check_len(body.changes.len(), LOGGED_CHANGES_MAX)?;
    if body.changes.iter().any(|change| change.epoch < 1 || change.number < 1) {
        return Err(ApiError::malformed("epochs and numbers begin with 1"));
    }
    store.enter_changes(*id, &body.changes).await?;
    Ok(HttpResponse::new(StatusCode::NO_CONTENT))
}
