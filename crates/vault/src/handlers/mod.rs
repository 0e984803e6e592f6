//! One file per thing that can be asked for. Handlers extract, call and map.

pub mod bookings;
pub mod commits;
pub mod events;
pub mod health;
pub mod idempotency;
pub mod journal;
pub mod trust;

use chassis::ApiError;
use contract::Code;

use crate::store::StoreError;

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
