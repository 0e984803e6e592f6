//! Idempotency keys, as gatekeepers and the vault speak of them.
//!
//! A key is claimed before its request is carried out and gets its answer afterwards; from then on that is the answer.

use serde::{Deserialize, Serialize};

use crate::ids::{CustomerId, ReservationId};

/// The most commands one request to the vault carries.
pub const KEY_COMMANDS_MAX: usize = 256;

/// What a key stands for: the same word of another customer, or on another path, is another key.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct KeyScope {
    /// Whose it is.
    pub customer_id: CustomerId,
    /// SHA-256 of method, path and key, in hexadecimal.
    pub digest: String,
}

/// An answer that is given again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptAnswer {
    /// HTTP status.
    pub status: u16,
    /// JSON; empty for 204.
    pub body: String,
    /// The `Location` header.
    pub location: Option<String>,
}

/// What a gatekeeper asks of the vault about a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyCommand {
    /// A request wants to be carried out under it.
    Claim {
        /// The key.
        scope: KeyScope,
        /// SHA-256 of the request's body, in hexadecimal.
        body_digest: String,
        /// The attempt's id, should it be the first under this key.
        rid: ReservationId,
    },
    /// The claimed request was answered for good.
    Keep {
        /// The key.
        scope: KeyScope,
        /// The turn it was claimed for.
        turn: i64,
        /// How.
        answer: KeptAnswer,
    },
    /// The claimed request has no answer that would hold: whoever asks next is to carry it out again.
    Free {
        /// The key.
        scope: KeyScope,
        /// The turn it was claimed for.
        turn: i64,
        /// The next attempt's id: another only if this one can never have a booking.
        next: ReservationId,
    },
}

impl KeyCommand {
    /// The key it is about.
    #[must_use]
    pub fn scope(&self) -> &KeyScope {
        match self {
            Self::Claim { scope, .. } | Self::Keep { scope, .. } | Self::Free { scope, .. } => scope,
        }
    }
}

/// What the vault says to a [`KeyCommand`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyReply {
    /// The request may be carried out.
    Claimed {
        /// Under this id, which it keeps however often it is tried.
        rid: ReservationId,
        /// How often the key was claimed, this time included. Only the last one's word counts.
        turn: i64,
        /// Whether the attempt was begun before and nobody knows how far it came.
        is_repeat: bool,
    },
    /// It was answered before, and this stands.
    Answered(KeptAnswer),
    /// The key was used with another body.
    Reused,
    /// Another request with this key is being carried out.
    InProgress,
    /// Kept, or freed.
    Done,
    /// The vault could not do it this time, or another's turn has come.
    Unknown,
}
