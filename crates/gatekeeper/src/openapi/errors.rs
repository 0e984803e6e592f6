//! Which errors each call can answer: all of them, so that whatever else comes is a mistake.

use std::collections::BTreeMap;

use contract::problem::CONTENT_TYPE;
use contract::{Code, Problem};
use serde_json::{Value, json};

/// What any call can answer: what is no request, a body that is too large even where none is read, too often, a bug, a part that
/// is away.
const ALWAYS: &[Code] =
    &[Code::Malformed, Code::PayloadTooLarge, Code::TooManyRequests, Code::Internal, Code::Unavailable];
/// What a call with a body can.
const OF_BODIES: &[Code] = &[Code::UnsupportedMediaType];
/// What a POST can that may carry an Idempotency-Key.
const OF_KEYS: &[Code] = &[Code::InProgress, Code::KeyReused];
/// What a call can that asks Redis for inventory.
const OF_INVENTORY: &[Code] = &[Code::InventoryRebuilding];

/// A call's own errors, besides those of its kind.
#[rustfmt::skip]
fn own(operation: &str) -> &'static [Code] {
    use Code::{Forbidden, Gone, HoldExpired, InProgress, LimitExceeded, NotBookable, NotFound, OutcomeUnknown,
        SeatTaken, SoldOut};
    match operation {
        "bookings_create" => &[NotFound, SoldOut, SeatTaken, HoldExpired, InProgress, Gone, LimitExceeded, NotBookable, OutcomeUnknown],
        "bookings_confirm" | "bookings_cancel" => &[NotFound, Gone, OutcomeUnknown],
        "events_create" | "api_keys_list" | "audit_log_read" => &[Forbidden],
        "events_change" => &[Forbidden, NotFound, LimitExceeded],
        "events_audit" | "activity_read" | "api_keys_revoke" => &[Forbidden, NotFound],
        "holds_create" => &[NotFound, SoldOut, SeatTaken, HoldExpired, InProgress, LimitExceeded, NotBookable],
        "holds_read" | "holds_release" => &[NotFound, HoldExpired, InProgress],
        "holds_extend" => &[NotFound, HoldExpired, InProgress, NotBookable],
        "seats_lock" => &[NotFound, SeatTaken, HoldExpired, LimitExceeded, NotBookable],
        "seats_unlock" => &[NotFound, InProgress],
        "seats_available" | "seats_all" | "live_watch" | "bookings_read" | "events_read" | "seats_map" | "seats_states"
        | "profile_read" => &[NotFound],
        "api_keys_create" => &[Forbidden, Gone, LimitExceeded],
        _ => &[],
    }
}

fn asks_redis(operation: &str) -> bool {
    let (tag, name) = operation.split_once('_').unwrap_or_default();
    matches!(operation, "bookings_create" | "events_audit" | "activity_read")
        || tag == "holds"
        || (tag == "seats" && name != "map")
}

/// Every code an operation can answer.
fn codes(operation: &Value) -> Vec<Code> {
    let name = operation["operationId"].as_str().unwrap_or_default();
    let takes_key =
        operation["parameters"].as_array().is_some_and(|list| list.iter().any(|one| one["name"] == "Idempotency-Key"));
    let mut codes = own(name).to_vec();
    let mut add = |applies: bool, more: &[Code]| codes.extend(more.iter().filter(|_| applies));
    add(true, ALWAYS);
    add(operation.get("security").is_some(), &[Code::Unauthorized]);
    add(operation.get("requestBody").is_some(), OF_BODIES);
    add(takes_key, OF_KEYS);
    add(asks_redis(name), OF_INVENTORY);
    let order = |code: &Code| (code.status(), code.as_str());
    codes.sort_by_key(order);
    codes.dedup();
    codes
}

/// Enters the errors of an operation among its responses, each code with an example.
pub(super) fn enter(operation: &mut Value) {
    let mut by_status = BTreeMap::<u16, Vec<Code>>::new();
    for code in codes(operation) {
        by_status.entry(code.status()).or_default().push(code);
    }
    for (status, codes) in by_status {
        let titles: Vec<_> = codes.iter().map(|code| format!("`{}`: {}.", code.as_str(), code.title())).collect();
        let examples: BTreeMap<_, _> =
            codes.iter().map(|code| (code.as_str(), json!({ "value": Problem::example(*code) }))).collect();
        let content = json!({ "schema": { "$ref": "#/components/schemas/Problem" }, "examples": examples });
        operation["responses"][status.to_string()] =
            json!({ "description": titles.join(" "), "content": { CONTENT_TYPE: content } });
    }
}
