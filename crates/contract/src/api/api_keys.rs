//! API keys: for box offices and programs.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::ids::ApiKeyId;

/// Longest name of a key, in characters.
pub const KEY_NAME_CHARS_MAX: usize = 100;
/// Keys that work at a time.
pub const API_KEYS_MAX: i64 = 1_000;

/// What a key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeyRole {
    /// Sells to visitors: holds and books for whoever `Onsale-Visitor` names.
    BoxOffice,
    /// Controls and audits sales.
    Operator,
}

impl KeyRole {
    /// The word used in JSON and SQL.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BoxOffice => "box_office",
            Self::Operator => "operator",
        }
    }
}

/// `POST /api-keys`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewApiKey {
    /// Where it is used, for people.
    #[schema(
        min_length = 1,
        max_length = 100,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]+$",
        example = "Box office, main hall"
    )]
    pub name: String,
    /// What it may do.
    pub role: KeyRole,
}

impl NewApiKey {
    /// Says what is wrong, as a sentence for whoever made the key.
    pub fn validate(&self) -> Result<(), String> {
        let honest =
            (1..=KEY_NAME_CHARS_MAX).contains(&self.name.chars().count()) && !self.name.chars().any(char::is_control);
        if honest {
            return Ok(());
        }
        Err(format!("name must be 1 to {KEY_NAME_CHARS_MAX} characters, none of them a control character"))
    }
}

/// A key, without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ApiKeyView {
    /// Names it, also in the audit log.
    pub key_id: ApiKeyId,
    /// Where it is used.
    pub name: String,
    /// What it may do.
    pub role: KeyRole,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was revoked; it works until then.
    pub revoked_at: Option<Timestamp>,
}

/// `GET /api-keys`: all of them, the newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ApiKeys {
    /// Without their secrets. Revoked ones beyond the latest ten thousand are not listed any more.
    pub items: Vec<ApiKeyView>,
}

/// The reply to `POST /api-keys`, and to its repetition with the same Idempotency-Key: nothing else shows the key.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct FreshApiKey {
    /// What is kept of it.
    #[serde(flatten)]
    pub key: ApiKeyView,
    /// Goes into `Authorization: Bearer`. Kept nowhere.
    #[schema(example = "osk_0190d2a47c1e7b3a9d6b9a4f2b0c7c11_3f0c…")]
    pub api_key: String,
}
