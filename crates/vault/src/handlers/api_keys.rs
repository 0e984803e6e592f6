//! API keys, by their digests.

use actix_web::web;
use chassis::credential::ServiceCaller;
use chassis::{ApiError, Json};
use contract::ApiKeyId;
use contract::api::ApiKeyView;
use contract::internal::{KeptKey, KeyRecord, NewKeyRecord};

use super::Cause;
use crate::store::Store;

/// `POST /internal/api-keys`.
pub async fn create(
    _: ServiceCaller,
    store: web::Data<Store>,
    cause: Cause,
    Json(new): Json<NewKeyRecord>,
) -> Result<web::Json<KeptKey>, ApiError> {
    new.key.validate().map_err(ApiError::malformed)?;
    Ok(web::Json(store.create_api_key(new.key_id, &new.key, &new.secret_digest, &cause.0).await?))
}

/// `GET /internal/api-keys`.
pub async fn list(_: ServiceCaller, store: web::Data<Store>) -> Result<web::Json<Vec<ApiKeyView>>, ApiError> {
    Ok(web::Json(store.api_keys().await?))
}

/// `GET /internal/api-keys/working`.
pub async fn list_working(_: ServiceCaller, store: web::Data<Store>) -> Result<web::Json<Vec<KeyRecord>>, ApiError> {
    Ok(web::Json(store.working_api_keys().await?))
}

/// `DELETE /internal/api-keys/{key_id}`.
pub async fn revoke(
    _: ServiceCaller,
    store: web::Data<Store>,
    cause: Cause,
    id: web::Path<ApiKeyId>,
) -> Result<web::Json<ApiKeyView>, ApiError> {
    store.revoke_api_key(*id, &cause.0).await?.map(web::Json).ok_or_else(|| ApiError::not_found("API key"))
}
