//! Headers that requests may and replies do have.

use serde_json::{Map, Value, json};

/// Enters them into an operation.
pub(super) fn enter(operation: &mut Value) {
    let takes_key = operation.to_string().contains("\"Idempotency-Key\"");
    add_parameter(operation, request_id());
    if operation.get("security").is_some() {
        add_parameter(operation, visitor());
    }
    let makes_booking = operation["operationId"] == "bookings_create";
    let is_kept = operation["operationId"] == "seats_map";
    let Some(responses) = operation["responses"].as_object_mut() else { return };
    if is_kept {
        responses.insert("304".into(), json!({ "description": "It is as the `ETag` in `If-None-Match` says" }));
    }
    for (status, response) in responses {
        let mut headers = Map::new();
        let mut add = |applies: bool, name: &str, description: &str, kind: &str| {
            if applies {
                let header = json!({ "description": description, "schema": { "type": kind } });
                headers.insert(name.to_owned(), header);
            }
        };
        let of_request = "What the request is called: in its problem, in the logs and in the audit log.";
        add(true, "X-Request-Id", of_request, "string");
        let left = "What is left of the tightest budget, and the seconds until all of it is back (for 429, until there is as much as was wanted); absent where limits are off, where nginx refused, and where the request took too long.";
        add(true, "RateLimit", left, "string");
        add(true, "RateLimit-Policy", "That budget: requests, and seconds in which they come back.", "string");
        let waits = matches!(status.as_str(), "409" | "429" | "503");
        add(waits, "Retry-After", "Seconds to wait, where trying again makes sense.", "integer");
        let is_kept = is_kept && matches!(status.as_str(), "200" | "304");
        add(is_kept, "ETag", "Of the layout, which never changes.", "string");
        add(makes_booking && status == "201", "Location", "Where the booking is read.", "string");
        add(takes_key, "Idempotent-Replayed", "`true` on an answer that was given to this key before.", "string");
        response["headers"] = headers.into();
    }
}

/// Whatever else is sent is as good as nothing, and no mistake.
fn request_id() -> Value {
    json!({
        "name": "X-Request-Id", "in": "header", "required": false,
        "description": "What to call the request: 8 to 64 letters, digits and hyphens. Without one, or with another, it is given one.",
        "schema": { "type": "string" }, "example": "checkout-5f2c9a70",
    })
}

/// For box offices alone; from anybody else it is nothing.
fn visitor() -> Value {
    json!({
        "name": "Onsale-Visitor", "in": "header", "required": false,
        "description": "With a box office's API key: the visitor it acts for, in words of its own. Each is a customer of that key's.",
        "schema": { "type": "string", "pattern": "^[!-~]([ -~]{0,198}[!-~])?$" }, "example": "window 3, no. 17",
    })
}

fn add_parameter(operation: &mut Value, parameter: Value) {
    match operation.get_mut("parameters").and_then(Value::as_array_mut) {
        Some(parameters) => parameters.push(parameter),
        None => operation["parameters"] = json!([parameter]),
    }
}
