//! API keys, by their digests.

use serde::{Deserialize, Serialize};

use crate::api::{ApiKeyView, KeyRole, NewApiKey};
use crate::ids::ApiKeyId;

/// An API key as gatekeepers check it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRecord {
    /// Names it.
    pub key_id: ApiKeyId,
    /// What it may do.
    pub role: KeyRole,
    /// SHA-256 of the whole key, in hexadecimal.
    pub secret_digest: String,
}

/// The body of `POST /internal/api-keys`.
#[derive(Debug, Serialize, Deserialize)]
pub struct NewKeyRecord {
    /// Under which id.
    pub key_id: ApiKeyId,
    /// What was asked for.
    pub key: NewApiKey,
    /// SHA-256 of the whole key, in hexadecimal.
    pub secret_digest: String,
}

/// The reply: the key that is there, should it have been asked for before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptKey {
    /// What everybody may see of it.
    #[serde(flatten)]
    pub key: ApiKeyView,
    /// SHA-256 of the whole key, in hexadecimal.
    pub secret_digest: String,
}
