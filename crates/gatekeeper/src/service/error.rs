//! Everything that keeps a request from its 2xx, and how a client is told.

use chassis::ApiError;
use contract::{Code, Problem, ReservationId, paths};

use crate::scripts::ScriptError;
use crate::vault_client::VaultError;

/// Refusals, and failures with their causes.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// The answer is no, and this is why.
    #[error("{}", .0.detail)]
    Refused(Box<Problem>),
    /// There is no such thing, or it is not the caller's to see.
    #[error("no such {0}")]
    NotFound(&'static str),
    /// The request makes no sense.
    #[error("{0}")]
    Malformed(String),
    /// Redis failed, or the inventory is missing from it.
    #[error(transparent)]
    Script(#[from] ScriptError),
    /// The vault failed.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The attempt can never succeed: the vault has voided it, or its hold ran out before anybody was told of it.
    #[error("the attempt is void")]
    Voided,
    /// Another may have gone on with the attempt.
    #[error("the attempt took too long")]
    TookTooLong,
    /// The vault could not say in time whether this attempt has a booking.
    #[error("the outcome of {0} is not known")]
    OutcomeUnknown(ReservationId),
}

impl From<ServiceError> for ApiError {
    fn from(error: ServiceError) -> Self {
        match error {
            ServiceError::Refused(problem) => Self(problem),
            ServiceError::NotFound(what) => Self::not_found(what),
            ServiceError::Malformed(detail) => Self::malformed(detail),
            ServiceError::Script(error) => of_script(&error),
            ServiceError::Vault(error) => of_vault(error),
            ServiceError::Voided => Self::new(
                Code::InventoryRebuilding,
                "The attempt was given up meanwhile. Nothing was taken for it; try again.",
            ),
            ServiceError::TookTooLong => {
                Self::new(Code::Unavailable, "The request took too long. Send it again with the same Idempotency-Key.")
            }
            ServiceError::OutcomeUnknown(rid) => {
                let detail =
                    "What became of the booking is not known yet. Ask status_url in a moment: what is there is yours.";
                let mut problem = Problem::new(Code::OutcomeUnknown, detail);
                problem.status_url = Some(paths::booking(rid));
                problem.into()
            }
        }
    }
}

/// I10: inventory that cannot be seen is neither sold out nor available.
fn of_script(error: &ScriptError) -> ApiError {
    match error {
        ScriptError::Unknown { .. } => {
            tracing::error!(%error, "a script answered the unknown");
            ApiError::new(Code::Internal, "The gatekeeper failed.")
        }
        ScriptError::NotLoaded { .. } => rebuilding(),
        ScriptError::LogFull { .. } => ApiError::new(
            Code::Unavailable,
            "The audit log is behind, and nothing is held or given back without its entry. Try again in a moment.",
        ),
        ScriptError::Link(_) | ScriptError::Redis { .. } => {
            tracing::warn!(%error, "Redis failed");
            rebuilding()
        }
    }
}

fn rebuilding() -> ApiError {
    ApiError::new(Code::InventoryRebuilding, "What is left is being counted again. Try again in a moment.")
}

fn of_vault(error: VaultError) -> ApiError {
    match error {
        VaultError::Problem(mut problem) if problem.status < 500 && problem.code != Code::Unauthorized => {
            // Which was that of the question to the vault.
            problem.request_id = None;
            ApiError(problem)
        }
        VaultError::Problem(problem) if problem.status != 503 => {
            tracing::error!(detail = problem.detail, "the vault failed");
            ApiError::new(Code::Internal, "The vault failed.")
        }
        other => ApiError::unavailable(&other),
    }
}
