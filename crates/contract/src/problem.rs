//! Errors as clients see them: RFC 9457 `application/problem+json` with a stable `code`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The media type of every error body.
pub const CONTENT_TYPE: &str = "application/problem+json";

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $status:literal, $title:literal;)*) => {
        /// Every error a client can be told, one stable word each.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum Code {
            $($(#[$doc])* $name,)*
        }

        impl Code {
            /// All codes, for documentation and tests.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The word in the body's `code`.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            /// The HTTP status that goes with it.
            #[must_use]
            pub fn status(self) -> u16 {
                match self { $(Self::$name => $status,)* }
            }

            /// The same short sentence each time.
            #[must_use]
            pub fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)* }
            }
        }
    };
}

codes! {
    /// The request could not be understood: bad JSON, a wrong type, a value out of range.
    Malformed = "malformed", 400, "The request is malformed";
    /// No token, or one that is not valid now.
    Unauthorized = "unauthorized", 401, "A valid bearer token is required";
    /// The token is good but may not do this.
    Forbidden = "forbidden", 403, "Not permitted";
    /// There is no such thing, or it is not the caller's to see.
    NotFound = "not_found", 404, "Not found";
    /// The path exists, but not with this method.
    MethodNotAllowed = "method_not_allowed", 405, "Method not allowed";
    /// Fewer tickets are left than were asked for.
    SoldOut = "sold_out", 409, "Sold out";
    /// At least one of the seats belongs to another customer; `conflicts` names them all.
    SeatTaken = "seat_taken", 409, "Seat already held by another customer";
    /// The hold ran out, or was void because the inventory had to be rebuilt.
    HoldExpired = "hold_expired", 409, "The hold has expired";
    /// The same thing is being done by another request right now.
    InProgress = "in_progress", 409, "Already in progress";
    /// It was there once and will not come back.
    Gone = "gone", 410, "No longer available";
    /// The body is larger than any honest request.
    PayloadTooLarge = "payload_too_large", 413, "The body is too large";
    /// The body is not `application/json`.
    UnsupportedMediaType = "unsupported_media_type", 415, "The body must be application/json";
    /// More tickets than one customer or one booking may have.
    LimitExceeded = "limit_exceeded", 422, "Limit exceeded";
    /// The event is not on sale: not yet, paused, or over.
    NotBookable = "not_bookable", 422, "Not on sale";
    /// The Idempotency-Key was used before, with another body.
    KeyReused = "key_reused", 422, "The idempotency key was used for another request";
    /// Too many requests from one address or customer.
    TooManyRequests = "too_many_requests", 429, "Too many requests";
    /// A bug. The body says no more than that.
    Internal = "internal", 500, "Internal error";
    /// The inventory in Redis is missing or doubtful and is being rebuilt from the vault.
    InventoryRebuilding = "inventory_rebuilding", 503, "The inventory is being rebuilt";
    /// A part that is needed does not answer.
    Unavailable = "unavailable", 503, "Temporarily unavailable";
    /// The outcome is not known yet; `status_url` will tell.
    OutcomeUnknown = "outcome_unknown", 503, "The outcome is not known yet";
}

/// An error body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// `urn:onsale:problem:<code>`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The stable word to branch on.
    pub code: Code,
    /// The same for each code.
    pub title: String,
    /// The HTTP status, repeated.
    pub status: u16,
    /// What happened this time, for a person.
    pub detail: String,
    /// Labels of all seats in the way (`seat_taken`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conflicts: Vec<String>,
    /// How many tickets were left when this was decided (`sold_out`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub available: Option<i64>,
    /// Where the outcome will be known (`outcome_unknown`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_url: Option<String>,
    /// Seconds to wait before trying again; also sent as `Retry-After`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_seconds: Option<u32>,
    /// The request, as in `X-Request-Id` and in the logs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

impl Code {
    /// Whether asking again in a moment may be answered otherwise, with nobody having done anything.
    #[must_use]
    pub fn passes(self) -> bool {
        matches!(self.status(), 429 | 503) || self == Self::InProgress
    }
}

impl Problem {
    /// A problem of this code with a sentence of its own. What passes by itself asks to wait a second.
    #[must_use]
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("urn:onsale:problem:{}", code.as_str()),
            code,
            title: code.title().to_owned(),
            status: code.status(),
            detail: detail.into(),
            conflicts: Vec::new(),
            available: None,
            status_url: None,
            retry_after_seconds: code.passes().then_some(1),
            request_id: None,
        }
    }

    /// What one of this code looks like.
    #[must_use]
    pub fn example(code: Code) -> Self {
        let detail = match code {
            Code::SoldOut => "Only 1 ticket is left.",
            Code::SeatTaken => "Not free: A-1-12.",
            Code::OutcomeUnknown => "Ask status_url in a moment.",
            other => other.title(),
        };
        let rid = "0199f3a1-02d4-7a6b-8f10-6c2e9d4b5a03";
        Self {
            conflicts: if code == Code::SeatTaken { vec!["A-1-12".to_owned()] } else { Vec::new() },
            available: (code == Code::SoldOut).then_some(1),
            status_url: (code == Code::OutcomeUnknown).then(|| format!("/api/v1/bookings/{rid}")),
            request_id: Some("4f1e0c9b7a6d4e52b1c83d0f2a9e7c06".to_owned()),
            ..Self::new(code, detail)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_the_same_word_in_rust_and_json() {
        for code in Code::ALL {
            assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
        }
    }

    #[test]
    fn every_outage_says_when_to_come_back() {
        for code in Code::ALL {
            let asks_to_wait = Problem::new(*code, "").retry_after_seconds.is_some();
            let passes = matches!(code.status(), 429 | 503) || *code == Code::InProgress;
            assert_eq!(asks_to_wait, passes, "{code:?}");
        }
    }
}
