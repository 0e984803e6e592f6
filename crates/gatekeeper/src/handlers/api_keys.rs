//! API keys of box offices and programs.

use actix_web::http::header::{CACHE_CONTROL, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use chassis::{ApiError, Json};
use contract::ApiKeyId;
use contract::api::{ApiKeys, FreshApiKey, NewApiKey};

use super::GateData;
use crate::idempotency::IDEMPOTENCY_KEY;
use crate::identity::{Admin, Credentials};
use crate::service::api_keys;

/// `POST /api-keys`: the only time the key is shown, so an Idempotency-Key is refused: its answer could not be given again.
#[utoipa::path(
    post,
    path = "/api-keys",
    tag = "api_keys",
    request_body = NewApiKey,
    responses((status = 201, description = "The key, shown this once; within two seconds it works at every replica", body = FreshApiKey)),
    security(("bearer" = []))
)]
pub async fn create(
    admin: Admin,
    gate: GateData,
    credentials: web::Data<Credentials>,
    request: HttpRequest,
    Json(new): Json<NewApiKey>,
) -> Result<HttpResponse, ApiError> {
    if request.headers().contains_key(&IDEMPOTENCY_KEY) {
        let detail = "An API key is shown once, so this takes no Idempotency-Key. Whoever lost the answer revokes that key and \
                      makes another.";
        return Err(ApiError::malformed(detail));
    }
    let fresh = api_keys::create(&gate, &credentials.api_keys, &admin.origin, new).await?;
    Ok(HttpResponse::Created().insert_header((CACHE_CONTROL, HeaderValue::from_static("no-store"))).json(fresh))
}

/// `GET /api-keys`.
#[utoipa::path(
    get,
    path = "/api-keys",
    tag = "api_keys",
    responses((status = 200, description = "All keys without their secrets, the newest first", body = ApiKeys)),
    security(("bearer" = []))
)]
pub async fn list(_: Admin, gate: GateData) -> Result<web::Json<ApiKeys>, ApiError> {
    Ok(web::Json(ApiKeys { items: api_keys::list(&gate).await? }))
}

/// `DELETE /api-keys/{key_id}`.
#[utoipa::path(
    delete,
    path = "/api-keys/{key_id}",
    tag = "api_keys",
    params(("key_id" = ApiKeyId, Path, description = "The key")),
    responses((status = 204, description = "Revoked; within two seconds it works nowhere")),
    security(("bearer" = []))
)]
pub async fn revoke(
    admin: Admin,
    gate: GateData,
    credentials: web::Data<Credentials>,
    id: web::Path<ApiKeyId>,
) -> Result<HttpResponse, ApiError> {
    api_keys::revoke(&gate, &credentials.api_keys, &admin.origin, *id).await?;
    Ok(HttpResponse::NoContent().finish())
}
