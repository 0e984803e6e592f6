//! Guests.

use actix_web::{HttpResponse, web};
use chassis::ApiError;
use chassis::token::{Identity, Role};
use contract::api::Session;
use contract::{Code, CustomerId};
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::identity::Credentials;

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
pub async fn create(credentials: web::Data<Credentials>, time: web::Data<GuestTime>) -> Result<HttpResponse, ApiError> {
    let customer_id = CustomerId(Uuid::new_v4());
    let guest = Identity { customer_id, role: Role::Customer };
    let signed = credentials.token_keys.sign(guest, Timestamp::now(), time.0);
    let (token, expires_at) = signed.map_err(|_| ApiError::new(Code::Internal, "No token could be signed."))?;
    Ok(HttpResponse::Created().json(Session { customer_id, token, expires_at }))
}
