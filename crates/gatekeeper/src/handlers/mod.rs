//! One file per thing that can be asked for. Handlers extract, call and map.

pub mod activity;
pub mod api_keys;
pub mod audit_log;
pub mod bookings;
pub mod description;
pub mod events;
pub mod health;
pub mod holds;
pub mod live;
pub mod profile;
pub mod seats;
pub mod sessions;

use actix_web::{HttpResponse, ResponseError as _, web};
use chassis::ApiError;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::idempotency::Voided;
use crate::service::{Gate, ServiceError};

/// What handlers are given.
pub type GateData = web::Data<Gate>;

/// Items a page has unless asked otherwise.
const LIMIT_DEFAULT: u32 = 20;
/// Items a page has at most.
pub const LIMIT_MAX: u32 = 100;
/// Pages there are at most: a larger number is a mistake.
pub const PAGE_MAX: u32 = 1_000_000;

/// `?page=1&limit=20`.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Paging {
    /// Counted from 1; 1 unless asked otherwise.
    page: Option<u32>,
    /// At most 100; 20 unless asked otherwise.
    limit: Option<u32>,
}

/// The reply to an attempt that made nothing. One that can never succeed is marked, so that its Idempotency-Key goes on to
/// another.
fn not_made(error: ServiceError) -> Result<HttpResponse, ApiError> {
    let is_void = matches!(error, ServiceError::Voided);
    let error = ApiError::from(error);
    if !is_void {
        return Err(error);
    }
    let mut response = error.error_response();
    response.extensions_mut().insert(Voided);
    Ok(response)
}

/// The header that makes a POST safe to repeat; `crate::idempotency` reads it.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "a description")]
pub struct IdempotencyKey {
    /// 1 to 255 visible ASCII characters. The request is carried out once; whoever repeats it with the same key and body gets
    /// the first answer again, with `Idempotent-Replayed: true`.
    #[param(rename = "Idempotency-Key", example = "5f0a4c1e-7d5e-4a35-9d6b-9a4f2b0c7c11")]
    idempotency_key: Option<String>,
}

impl Paging {
    /// Page and limit within bounds.
    fn checked(&self) -> Result<(u32, u32), ApiError> {
        let (page, limit) = (self.page.unwrap_or(1), self.limit.unwrap_or(LIMIT_DEFAULT));
        if !(1..=PAGE_MAX).contains(&page) || !(1..=LIMIT_MAX).contains(&limit) {
            return Err(ApiError::malformed(format!("page is 1 to {PAGE_MAX}, limit 1 to {LIMIT_MAX}.")));
        }
        Ok((page, limit))
    }
}
