//! API keys: made here, kept by the vault as digests, known to every replica within two seconds.

use chassis::secret::digest;
use contract::api::{ApiKeyView, NewApiKey};
use contract::internal::{KeptKey, NewKeyRecord};
use contract::{ApiKeyId, Origin};

use super::{Gate, ServiceError};
use crate::identity::api_keys::KeyRing;

/// Has a key kept; gives the one that is there under that id, should it be a repetition.
pub async fn create(
    gate: &Gate,
    ring: &KeyRing,
    origin: &Origin,
    new: NewApiKey,
    id: ApiKeyId,
    text: &str,
) -> Result<KeptKey, ServiceError> {
    new.validate().map_err(|why| ServiceError::Malformed(format!("{why}.")))?;
    let record = NewKeyRecord { key_id: id, key: new, secret_digest: digest(text.as_bytes()) };
    let kept = gate.vault.create_api_key(&record, origin).await?;
    renew(ring).await;
    Ok(kept)
}

/// All keys.
pub async fn list(gate: &Gate) -> Result<Vec<ApiKeyView>, ServiceError> {
    Ok(gate.vault.api_keys().await?)
}

/// Ends a key.
pub async fn revoke(gate: &Gate, ring: &KeyRing, origin: &Origin, id: ApiKeyId) -> Result<(), ServiceError> {
    gate.vault.revoke_api_key(id, origin).await?.ok_or(ServiceError::NotFound("API key"))?;
    renew(ring).await;
    Ok(())
}

/// At the others it works, or not any more, within two seconds; here, at once.
async fn renew(ring: &KeyRing) {
    if let Err(error) = ring.renew().await {
        tracing::warn!(%error, "the list of API keys cannot be fetched");
    }
}
