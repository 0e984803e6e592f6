//! What customers tell of themselves: kept by the vault, and read by nobody else.

use contract::CustomerId;
use contract::api::Profile;

use super::{Gate, ServiceError};
use crate::identity::Caller;

/// The caller's own.
pub async fn read(gate: &Gate, customer: CustomerId) -> Result<Profile, ServiceError> {
    gate.vault.profile(customer).await?.ok_or(ServiceError::NotFound("profile"))
}

/// All of it; what is absent is forgotten.
pub async fn write(gate: &Gate, caller: &Caller, profile: &Profile) -> Result<(), ServiceError> {
    profile.validate().map_err(|why| ServiceError::Malformed(format!("{why}.")))?;
    Ok(gate.vault.put_profile(caller, profile).await?)
}

/// Forgets it.
pub async fn remove(gate: &Gate, caller: &Caller) -> Result<(), ServiceError> {
    Ok(gate.vault.remove_profile(caller).await?)
}
