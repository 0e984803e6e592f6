//! What a customer chooses to tell of themselves.

use actix_web::{HttpResponse, web};
use chassis::{ApiError, Json};
use contract::api::Profile;

use super::GateData;
use crate::identity::Caller;
use crate::service::profile;

/// `GET /profile`.
#[utoipa::path(
    get,
    path = "/profile",
    tag = "profile",
    responses((status = 200, description = "What the caller has told of themselves", body = Profile)),
    security(("bearer" = []))
)]
pub async fn read(caller: Caller, gate: GateData) -> Result<web::Json<Profile>, ApiError> {
    Ok(web::Json(profile::read(&gate, caller.customer).await?))
}

/// `PUT /profile`: all of it; what is absent is forgotten.
#[utoipa::path(
    put,
    path = "/profile",
    tag = "profile",
    request_body = Profile,
    responses((status = 204, description = "Kept")),
    security(("bearer" = []))
)]
pub async fn write(caller: Caller, gate: GateData, Json(new): Json<Profile>) -> Result<HttpResponse, ApiError> {
    profile::write(&gate, &caller, &new).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// `DELETE /profile`.
#[utoipa::path(
    delete,
    path = "/profile",
    tag = "profile",
    responses((status = 204, description = "Forgotten, or never there")),
    security(("bearer" = []))
)]
pub async fn remove(caller: Caller, gate: GateData) -> Result<HttpResponse, ApiError> {
    profile::remove(&gate, &caller).await?;
    Ok(HttpResponse::NoContent().finish())
}
