//! Where the ids in a reply lead: what is made here is read, changed and ended there.

use serde_json::{Map, Value, json};

/// Reply of, field of its body, calls that take it, and the parameter they take it as.
const LINKS: [(&str, &str, &str, &[&str], &str); 5] = [
    ("bookings_create", "201", "booking_id", &["bookings_read", "bookings_confirm", "bookings_cancel"], "booking_id"),
    (
        "events_create",
        "201",
        "event_id",
        &[
            "events_read",
            "events_change",
            "events_audit",
            "activity_read",
            "seats_map",
            "seats_states",
            "seats_available",
            "seats_all",
            "live_watch",
            "seats_lock",
            "seats_unlock",
        ],
        "event_id",
    ),
    ("holds_create", "201", "hold_id", &["holds_read", "holds_extend", "holds_release"], "hold_id"),
    ("seats_lock", "201", "hold_id", &["holds_read", "holds_extend", "holds_release"], "hold_id"),
    ("api_keys_create", "201", "key_id", &["api_keys_revoke"], "key_id"),
];

/// Enters an operation's links among its responses.
pub(super) fn enter(operation: &mut Value) {
    let name = operation["operationId"].as_str().unwrap_or_default().to_owned();
    for (of, status, field, calls, parameter) in LINKS.iter().filter(|link| link.0 == name) {
        let links = calls.iter().map(|call| {
            let mut parameters = json!({ *parameter: format!("$response.body#/{field}") });
            if *parameter == "hold_id" {
                // A hold is named together with its event.
                parameters["event_id"] = json!("$response.body#/event_id");
            }
            ((*call).to_owned(), json!({ "operationId": call, "parameters": parameters }))
        });
        let mut links: Map<String, Value> = links.collect();
        if *of == "events_create" {
            let tier = json!({ "tier_id": "$response.body#/tiers/0/tier_id", "quantity": 1 });
            let event = json!({ "event_id": "$response.body#/event_id" });
            links.insert(
                "holds_create".into(),
                json!({ "operationId": "holds_create", "parameters": event, "requestBody": tier }),
            );
            let mut buy = tier.clone();
            buy["event_id"] = event["event_id"].clone();
            links.insert("bookings_create".into(), json!({ "operationId": "bookings_create", "requestBody": buy }));
        }
        if matches!(*of, "holds_create" | "seats_lock") {
            let body = json!({ "event_id": "$response.body#/event_id", "hold_id": "$response.body#/hold_id" });
            links.insert("bookings_create".into(), json!({ "operationId": "bookings_create", "requestBody": body }));
        }
        operation["responses"][status]["links"] = links.into();
    }
}
