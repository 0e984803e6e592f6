//! Who changed what.

use actix_web::web;
use chassis::credential::ServiceCaller;
use chassis::{ApiError, Json};
use contract::api::{LogFilter, LogPage};

use crate::store::Store;

/// `POST /internal/audit-log`.
pub async fn page(
    _: ServiceCaller,
    store: web::Data<Store>,
    Json(filter): Json<LogFilter>,
) -> Result<web::Json<LogPage>, ApiError> {
    Ok(web::Json(store.audit_log(&filter).await?))
}
