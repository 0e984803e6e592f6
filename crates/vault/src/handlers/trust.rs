//! API keys, profiles and the audit log.

use actix_web::http::StatusCode;
use actix_web::{FromRequest, HttpRequest, HttpResponse, dev, web};
use chassis::credential::ServiceCaller;
use chassis::{ApiError, Json};
use contract::api::{ApiKeyView, LogFilter, LogPage, Profile};
use contract::internal::{KeyRecord, NewKeyRecord};
use contract::{ApiKeyId, CustomerId, Origin, paths};

use crate::store::Store;

/// Who caused what a gatekeeper asks for, from its header; the system, if it does not say.
pub struct Cause(pub Origin);

impl FromRequest for Cause {
    type Error = ApiError;
    type Future = std::future::Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        let origin = match request.headers().get(paths::ORIGIN_HEADER) {
            None => Ok(Origin::system()),
            Some(value) => {
                serde_json::from_slice(value.as_bytes()).map_err(|_| ApiError::malformed("The origin cannot be read."))
            }
        };
        std::future::ready(origin.map(Self))
    }
}

/// `GET /internal/audit-log`.
pub async fn audit_log(
    _: ServiceCaller,
    store: web::Data<Store>,
    Json(filter): Json<LogFilter>,
) -> Result<web::Json<LogPage>, ApiError> {
    Ok(web::Json(store.audit_log(&filter).await?))
}

/// `POST /internal/api-keys`.
pub async fn create_key(
    _: ServiceCaller,
    store: web::Data<Store>,
    cause: Cause,
    Json(new): Json<NewKeyRecord>,
) -> Result<web::Json<ApiKeyView>, ApiError> {
    new.key.validate().map_err(ApiError::malformed)?;
    Ok(web::Json(store.create_api_key(new.key_id, &new.key, &new.secret_digest, &cause.0).await?))
}

/// `GET /internal/api-keys`.
pub async fn keys(_: ServiceCaller, store: web::Data<Store>) -> Result<web::Json<Vec<ApiKeyView>>, ApiError> {
    Ok(web::Json(store.api_keys().await?))
}

/// `GET /internal/api-keys/working`.
pub async fn working_keys(_: ServiceCaller, store: web::Data<Store>) -> Result<web::Json<Vec<KeyRecord>>, ApiError> {
    Ok(web::Json(store.working_api_keys().await?))
}

/// `DELETE /internal/api-keys/{key_id}`.
pub async fn revoke_key(
    _: ServiceCaller,
    store: web::Data<Store>,
    cause: Cause,
    id: web::Path<ApiKeyId>,
) -> Result<web::Json<ApiKeyView>, ApiError> {
    store.revoke_api_key(*id, &cause.0).await?.map(web::Json).ok_or_else(|| ApiError::not_found("API key"))
}

/// `GET /internal/customers/{customer_id}/profile`.
pub async fn profile(
    _: ServiceCaller,
    store: web::Data<Store>,
    customer: web::Path<CustomerId>,
) -> Result<web::Json<Profile>, ApiError> {
    store.profile(*customer).await?.map(web::Json).ok_or_else(|| ApiError::not_found("profile"))
}

/// `PUT /internal/customers/{customer_id}/profile`.
pub async fn put_profile(
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
pub async fn remove_profile(
    _: ServiceCaller,
    store: web::Data<Store>,
    cause: Cause,
    customer: web::Path<CustomerId>,
) -> Result<HttpResponse, ApiError> {
    store.remove_profile(*customer, &cause.0).await?;
    Ok(HttpResponse::new(StatusCode::NO_CONTENT))
}
