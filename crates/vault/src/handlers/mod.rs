//! One file per thing that can be asked for. Handlers extract, call and map.

pub mod api_keys;
pub mod audit_log;
pub mod bookings;
pub mod commits;
pub mod events;
pub mod health;
pub mod idempotency;
pub mod journal;
pub mod profiles;

use actix_web::{FromRequest, HttpRequest, dev};
use chassis::ApiError;
use contract::{Code, Origin, paths};

use crate::store::StoreError;

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

/// What travels together is bounded.
fn check_len(len: usize, most: usize) -> Result<(), ApiError> {
    if len > most {
        return Err(ApiError::new(Code::Malformed, format!("at most {most} in one request, not {len}")));
    }
    Ok(())
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Refused(reason) => Self::new(Code::LimitExceeded, reason),
            StoreError::Malformed(reason) => Self::malformed(reason),
            StoreError::NotFound(what) => Self::not_found(what),
            outage if outage.is_outage() => Self::unavailable(&outage),
            other => {
                tracing::error!(error = %other, "the store failed");
                Self::new(Code::Internal, "The vault failed.")
            }
        }
    }
}
