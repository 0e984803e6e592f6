//! Who changed what.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use chassis::credential::ServiceCaller;
use chassis::{ApiError, Json};
use contract::api::{LogFilter, LogPage};
use contract::internal::{LOGGED_CHANGES_MAX, LogBatch};

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

/// `POST /internal/audit-log/changes`.
pub async fn enter(
    _: ServiceCaller,
    store: web::Data<Store>,
    Json(batch): Json<LogBatch>,
) -> Result<HttpResponse, ApiError> {
    check_len(batch.changes.len(), LOGGED_CHANGES_MAX)?;
    store.enter_changes(&batch).await?;
    Ok(HttpResponse::new(StatusCode::NO_CONTENT))
}
