//! Who caused a change, for the audit log.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// What somebody is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ActorKind {
    /// Whoever buys, by a token of their own.
    Customer,
    /// Whoever controls sales.
    Operator,
    /// Whoever makes events.
    Admin,
    /// A box office or a program, by its API key.
    ApiKey,
    /// Onsale itself: a time was over.
    System,
}

impl ActorKind {
    /// All of them.
    pub const ALL: &[Self] = &[Self::Customer, Self::Operator, Self::Admin, Self::ApiKey, Self::System];

    /// The word used in JSON and SQL.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Operator => "operator",
            Self::Admin => "admin",
            Self::ApiKey => "api_key",
            Self::System => "system",
        }
    }
}

/// Who caused a change, and by which request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// What they are.
    pub kind: ActorKind,
    /// Their id; none for the system.
    pub actor: Option<Uuid>,
    /// The request's id, as in its reply and in the logs; empty for the system.
    pub request_id: String,
}

impl Origin {
    /// Nobody asked for it.
    #[must_use]
    pub fn system() -> Self {
        Self { kind: ActorKind::System, actor: None, request_id: String::new() }
    }
}

impl Default for Origin {
    fn default() -> Self {
        Self::system()
    }
}
