//! What customers tell of themselves.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use chassis::credential::ServiceCaller;
use chassis::{ApiError, Json};
use contract::CustomerId;
use contract::api::Profile;

use super::Cause;
use crate::store::Store;

/// `GET /internal/customers/{customer_id}/profile`.
pub async fn read(
    _: ServiceCaller,
    store: web::Data<Store>,
    customer: web::Path<CustomerId>,
) -> Result<web::Json<Profile>, ApiError> {
    store.profile(*customer).await?.map(web::Json).ok_or_else(|| ApiError::not_found("profile"))
}

/// `PUT /internal/customers/{customer_id}/profile`.
pub async fn write(
    _: ServiceCaller,
    store: web::Data<Store>,
    cause: Cause,
    customer: web::Path<CustomerId>,
    Json(profile): Json<Profile>,
) -> Result<HttpResponse, ApiError> {
    profile.validate().map_err(ApiError::malformed)?;
    store.put_profile(*customer, &profile, &cause.0).await?;
    Ok(HttpResponse::new(StatusCode::NO_CONTENT))
}

/// `DELETE /internal/customers/{customer_id}/profile`.
pub async fn remove(
    _: ServiceCaller,
    store: web::Data<Store>,
    cause: Cause,
    customer: web::Path<CustomerId>,
) -> Result<HttpResponse, ApiError> {
    store.remove_profile(*customer, &cause.0).await?;
    Ok(HttpResponse::new(StatusCode::NO_CONTENT))
}
