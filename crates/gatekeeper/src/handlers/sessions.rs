//! Guests.

use actix_web::{HttpResponse, web};
use chassis::ApiError;
use chassis::token::{Identity, Role, TokenKeys};
use contract::api::Session;
use contract::{Code, CustomerId};
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

/// How long a guest's token works.
#[derive(Clone, Copy)]
pub struct GuestTime(pub SignedDuration);

/// `POST /sessions`: a token for a new guest. Nothing is stored; the token is all there is.
#[utoipa::path(
    post,
    path = "/sessions",
    tag = "sessions",
    responses((status = 201, description = "A token for a new guest", body = Session))
)]
pub async fn create(key: web::Data<TokenKeys>, time: web::Data<GuestTime>) -> Result<HttpResponse, ApiError> {
    let customer_id = CustomerId(Uuid::new_v4());
    let guest = Identity { customer_id, role: Role::Customer };
    let signed = key.sign(guest, Timestamp::now(), time.0);
    let (token, expires_at) = signed.map_err(|_| ApiError::new(Code::Internal, "No token could be signed."))?;
    Ok(HttpResponse::Created().json(Session { customer_id, token, expires_at }))
}
