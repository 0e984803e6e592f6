//! The audit log: who changed what, and by which request.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::ids::EventId;
use crate::origin::ActorKind;

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// A hold was taken.
    Held,
    /// A hold got its full time again.
    Extended,
    /// A hold, or a seat of it, was given back before its time.
    Released,
    /// A booking was made.
    Booked,
    /// It was paid.
    Confirmed,
    /// Its owner gave it up.
    Cancelled,
    /// A hold ran out, or ended because its booking was refused, its inventory was counted anew or its event was over; or a booking was not
    /// paid in time.
    Expired,
    /// An event was made.
    EventCreated,
    /// An event's sale or capacity was changed.
    EventChanged,
    /// An event's inventory was counted anew: no hold that was made before can be booked any more.
    EventRecounted,
    /// An API key was made.
    ApiKeyCreated,
    /// An API key was revoked.
    ApiKeyRevoked,
    /// A customer's profile was written.
    ProfileChanged,
    /// A customer's profile was removed.
    ProfileRemoved,
}

impl Action {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::Held,
        Self::Extended,
        Self::Released,
        Self::Booked,
        Self::Confirmed,
        Self::Cancelled,
        Self::Expired,
        Self::EventCreated,
        Self::EventChanged,
        Self::EventRecounted,
        Self::ApiKeyCreated,
        Self::ApiKeyRevoked,
        Self::ProfileChanged,
        Self::ProfileRemoved,
    ];

    /// The word used in JSON and SQL.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Extended => "extended",
            Self::Released => "released",
            Self::Booked => "booked",
            Self::Confirmed => "confirmed",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
            Self::EventCreated => "event_created",
            Self::EventChanged => "event_changed",
            Self::EventRecounted => "event_recounted",
            Self::ApiKeyCreated => "api_key_created",
            Self::ApiKeyRevoked => "api_key_revoked",
            Self::ProfileChanged => "profile_changed",
            Self::ProfileRemoved => "profile_removed",
        }
    }
}

/// One entry: written in the transaction of the change itself or, for a hold, within a second of it; and never changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogEntry {
    /// Its place: ask for what is `before` it.
    #[schema(example = "4711-0")]
    pub entry: String,
    /// When it was made: by Postgres' clock at the start of the transaction; of a hold, by Redis'.
    pub at: Timestamp,
    /// What was done.
    pub action: Action,
    /// What its actor is.
    pub actor_kind: ActorKind,
    /// Its actor: a customer's, operator's, administrator's or key's id; none for the system.
    pub actor: Option<Uuid>,
    /// The event it is about, if it is about one.
    pub event_id: Option<EventId>,
    /// What was changed: the hold, the booking, the event, the key or the customer. A booking made of a hold has the hold's id.
    pub subject: Uuid,
    /// The id of the request, as in its reply's `X-Request-Id`.
    pub request_id: String,
    /// What was asked for, where that is not plain from the action; of a hold, its tickets or seats, or the seat that was given back of
    /// several. Never personal data.
    pub detail: Option<Value>,
}

/// `GET /audit-log`: entries, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogPage {
    /// What is on the page.
    pub items: Vec<LogEntry>,
    /// The `before` of the next page; none on the last.
    pub next: Option<String>,
}

/// Which entries.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogFilter {
    /// About this event.
    #[serde(default)]
    pub event_id: Option<EventId>,
    /// By this actor.
    #[serde(default)]
    pub actor: Option<Uuid>,
    /// About this hold, booking, event, key or customer.
    #[serde(default)]
    pub subject: Option<Uuid>,
    /// Of this kind.
    #[serde(default)]
    pub action: Option<Action>,
    /// Older than this one.
    #[serde(default)]
    pub before: Option<String>,
    /// At most so many.
    #[serde(default)]
    pub limit: Option<u32>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_is_the_same_word_in_rust_and_json() {
        for action in Action::ALL {
            assert_eq!(serde_json::to_value(action).unwrap(), action.as_str());
        }
        for kind in ActorKind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
    }
}
