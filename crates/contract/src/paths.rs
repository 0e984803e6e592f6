//! Paths that more than one crate must spell the same way.

use crate::ids::{ApiKeyId, CustomerId, EventId, ReservationId};

/// The prefix of the public API.
pub const API: &str = "/api/v1";
/// The public API described by itself.
pub const OPENAPI: &str = "/api/openapi.json";
/// The same for people, to read and to try.
pub const DOCS: &str = "/api/docs";
/// The prefix of the vault's API; nginx never forwards it.
pub const INTERNAL: &str = "/internal";
/// Liveness: touches nothing.
pub const HEALTH: &str = "/health";
/// Readiness: asks every dependency.
pub const READY: &str = "/ready";
/// Prometheus text.
pub const METRICS: &str = "/metrics";

/// Where a client reads a booking, and where an unknown outcome becomes known.
#[must_use]
pub fn booking(id: ReservationId) -> String {
    format!("{API}/bookings/{id}")
}

/// `POST`: a batch of [`crate::internal::CommitRequest`].
pub const COMMITS: &str = "/internal/commits";
/// `POST`: [`crate::internal::ResolveRequest`].
pub const RESOLVE: &str = "/internal/resolve";
/// `POST`: a batch of [`crate::idempotency::KeyCommand`].
pub const IDEMPOTENCY: &str = "/internal/idempotency";
/// `POST` creates, with `?event_id` once; `GET` lists.
pub const EVENTS: &str = "/internal/events";
/// `POST`: which of the given events have journal rows after the given positions.
pub const JOURNAL_BEHIND: &str = "/internal/journal/behind";
/// `GET ?after&wait_ms`: a long poll for [`crate::internal::JournalWakes`].
pub const JOURNAL_WAKES: &str = "/internal/journal/wakes";

/// `POST` makes a key, `GET` lists all.
pub const API_KEYS: &str = "/internal/api-keys";
/// `GET`: the keys that work, as [`crate::internal::KeyRecord`].
pub const WORKING_API_KEYS: &str = "/internal/api-keys/working";
/// `POST`: a page of the audit log by a [`crate::api::LogFilter`].
pub const AUDIT_LOG: &str = "/internal/audit-log";
/// The header by which a gatekeeper says who caused what it asks for: an [`crate::Origin`] as JSON.
pub const ORIGIN_HEADER: &str = "onsale-origin";

/// `DELETE` revokes a key.
#[must_use]
pub fn api_key(id: ApiKeyId) -> String {
    format!("{API_KEYS}/{id}")
}

/// `GET`, `PUT` and `DELETE`: what a customer tells of themselves.
#[must_use]
pub fn profile(customer: CustomerId) -> String {
    format!("{INTERNAL}/customers/{customer}/profile")
}

/// `GET` reads, `PATCH` changes an event.
#[must_use]
pub fn event(id: EventId) -> String {
    format!("{EVENTS}/{id}")
}

/// `POST`: a new epoch and the projection that goes with it.
#[must_use]
pub fn epoch(id: EventId) -> String {
    format!("{EVENTS}/{id}/epoch")
}

/// `GET`: journal rows after a position.
#[must_use]
pub fn journal(id: EventId, after: i64) -> String {
    format!("{EVENTS}/{id}/journal?after={after}")
}

/// `POST`: a [`crate::internal::LoggedChanges`].
#[must_use]
pub fn changes(id: EventId) -> String {
    format!("{EVENTS}/{id}/changes")
}

/// `GET`: what Postgres knows of an event's inventory.
#[must_use]
pub fn audit(id: EventId) -> String {
    format!("{EVENTS}/{id}/audit")
}

/// `GET`: one booking of a customer; with `/confirm` and `/cancel`, `POST`.
#[must_use]
pub fn customer_booking(customer: CustomerId, id: ReservationId) -> String {
    format!("{INTERNAL}/customers/{customer}/bookings/{id}")
}

/// `GET`: the bookings of a customer, newest first.
#[must_use]
pub fn customer_bookings(customer: CustomerId) -> String {
    format!("{INTERNAL}/customers/{customer}/bookings")
}
