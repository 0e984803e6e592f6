//! Headers that replies have.

use serde_json::{Value, json};

/// Enters them into an operation's responses.
pub(super) fn enter(operation: &mut Value) {
    let Some(responses) = operation["responses"].as_object_mut() else { return };
    for (status, response) in responses {
        let mut headers = json!({
            "X-Request-Id": header("What the request is called: in its problem, in the logs and in the audit log.", "string"),
            "RateLimit": header("What is left of the tightest budget, and the seconds until all of it is back; absent where limits are off.", "string"),
            "RateLimit-Policy": header("That budget: requests, and seconds in which they come back.", "string"),
        });
        if matches!(status.as_str(), "429" | "503") {
            headers["Retry-After"] = header("Seconds to wait before trying again.", "integer");
        }
        if status == "409" {
            headers["Retry-After"] =
                header("Seconds to wait, where trying again makes sense (`in_progress`).", "integer");
        }
        response["headers"] = headers;
    }
}

fn header(description: &str, kind: &str) -> Value {
    json!({ "description": description, "schema": { "type": kind } })
}
