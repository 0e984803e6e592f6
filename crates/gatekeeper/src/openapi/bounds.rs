//! What the types by themselves do not say: bounds of numbers and texts, and fields that belong together. The same constants
//! as the checks use, where there are any.

use contract::api::{HOLD_TTL_SECONDS_MAX, NAME_CHARS_MAX, PAYMENT_TTL_SECONDS_MAX, SECTIONS_MAX, TIERS_MAX};
use contract::seat::{ROWS_MAX, SECTION_NAME_LEN_MAX};
use contract::values::{CAPACITY_MAX, PRICE_MINOR_MAX, QUANTITY_MAX};
use serde_json::{Value, json};

use super::examples;
use crate::handlers::{LIMIT_MAX, PAGE_MAX};

/// No control characters.
const PRINTABLE: &str = "^[^\\x00-\\x1f\\x7f-\\x9f]*$";
/// A seat's label.
const LABEL: &str = "^[A-Za-z0-9]{1,16}-([1-9][0-9]{0,2}|1000)-([1-9][0-9]{0,2}|1000)$";

/// Enters them into the schemas.
pub(super) fn enter(api: &mut Value) {
    let schemas = &mut api["components"]["schemas"];
    let name = json!({ "minLength": 1, "maxLength": NAME_CHARS_MAX, "pattern": PRINTABLE });
    let price = json!({ "minimum": 0, "maximum": PRICE_MINOR_MAX });
    let capacity = json!({ "minimum": 1, "maximum": CAPACITY_MAX });
    let count = json!({ "minimum": 1, "maximum": ROWS_MAX });
    let quantity = json!({ "minimum": 1, "maximum": QUANTITY_MAX });
    let label = json!({ "type": "string", "pattern": LABEL });
    let fields = [
        ("NewEvent", "name", name.clone()),
        ("NewEvent", "venue", name.clone()),
        ("NewEvent", "per_customer_max", json!({ "minimum": 1, "maximum": 1_000_000, "default": 10 })),
        ("NewEvent", "hold_ttl_seconds", json!({ "minimum": 1, "maximum": HOLD_TTL_SECONDS_MAX, "default": 180 })),
        (
            "NewEvent",
            "payment_ttl_seconds",
            json!({ "minimum": 1, "maximum": PAYMENT_TTL_SECONDS_MAX, "default": 900 }),
        ),
        ("NewEvent", "tiers", json!({ "maxItems": TIERS_MAX })),
        ("NewEvent", "sections", json!({ "maxItems": SECTIONS_MAX })),
        ("NewTier", "name", name),
        ("NewTier", "price_minor", price.clone()),
        ("NewTier", "capacity", capacity.clone()),
        ("TierChange", "capacity", capacity),
        ("Section", "name", json!({ "pattern": format!("^[A-Za-z0-9]{{1,{SECTION_NAME_LEN_MAX}}}$") })),
        ("Section", "rows", count.clone()),
        ("Section", "seats_per_row", count),
        ("Section", "price_minor", price),
        ("NewBooking", "quantity", quantity.clone()),
        ("NewHold", "quantity", quantity),
        ("NewHold", "seats", json!({ "minItems": 1, "maxItems": QUANTITY_MAX, "uniqueItems": true, "items": label })),
        ("Confirmation", "payment_reference", json!({ "maxLength": 200, "pattern": PRINTABLE })),
        ("Profile", "name", json!({ "pattern": PRINTABLE })),
        ("Profile", "email", json!({ "pattern": "^[^@\\s\\x00-\\x1f\\x7f-\\x9f]+@[^@\\s\\x00-\\x1f\\x7f-\\x9f]+$" })),
        ("Profile", "phone", json!({ "pattern": "^[ +\\-/().]*[0-9][0-9 +\\-/().]*$" })),
    ];
    for (schema, field, bounds) in fields {
        merge(&mut schemas[schema]["properties"][field], bounds);
    }
    either(&mut schemas["NewBooking"], &[&["event_id", "hold_id"], &["event_id", "tier_id", "quantity"]]);
    either(&mut schemas["NewHold"], &[&["seats"], &["tier_id", "quantity"]]);
}

/// Fields that belong together, and not with others.
fn either(schema: &mut Value, ways: &[&[&str]]) {
    let fields = schema["properties"].take();
    let way = |names: &&[&str]| {
        let properties = names.iter().map(|name| ((*name).to_owned(), there(fields[*name].clone())));
        let properties: serde_json::Map<String, Value> = properties.collect();
        json!({ "type": "object", "required": names, "properties": properties, "additionalProperties": false })
    };
    *schema = json!({ "description": schema["description"], "oneOf": ways.iter().map(way).collect::<Vec<_>>() });
}

/// The same field, where it is there.
fn there(mut field: Value) -> Value {
    if let Some(kind) = field["type"].as_array().and_then(|kinds| kinds.iter().find(|kind| **kind != "null")) {
        field["type"] = kind.clone();
    }
    match field.get_mut("oneOf") {
        Some(named) => named[0].take(),
        None => field,
    }
}

/// Enters them into an operation's parameters, and what a path's look like.
pub(super) fn of_parameters(operation: &mut Value) {
    let Some(parameters) = operation.get_mut("parameters").and_then(Value::as_array_mut) else { return };
    for parameter in parameters {
        if parameter["in"] == "path"
            && let Some(example) = parameter["name"].as_str().and_then(examples::of_path)
        {
            parameter["example"] = example.into();
        }
        let bounds = match parameter["name"].as_str() {
            Some("page") => json!({ "minimum": 1, "maximum": PAGE_MAX, "default": 1 }),
            Some("limit") if parameter["schema"].get("maximum").is_none() => {
                json!({ "minimum": 1, "maximum": LIMIT_MAX, "default": 20 })
            }
            Some("Idempotency-Key") => json!({ "pattern": "^[!-~]{1,255}$" }),
            Some("seat") => json!({ "pattern": LABEL }),
            _ => continue,
        };
        merge(&mut parameter["schema"], bounds);
    }
}

fn merge(into: &mut Value, bounds: Value) {
    if let (Value::Object(into), Value::Object(bounds)) = (into, bounds) {
        into.extend(bounds);
    }
}
