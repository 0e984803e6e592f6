//! What each body looks like.

use serde_json::{Value, json};

const EVENT: &str = "0199f3a0-5b1c-7c4e-9a53-2f6d1b7e8c01";
const TIER: &str = "0199f3a0-5b1c-7c4e-9a53-2f6d1b7e8c02";
const RID: &str = "0199f3a1-02d4-7a6b-8f10-6c2e9d4b5a03";
const CUSTOMER: &str = "7d9f0c1e-4b2a-4e63-9c58-1a7e3f5b2d04";
const KEY: &str = "0199f3a2-9e07-7d15-b3c4-8a1f6e0d7c05";

/// Every schema that is somebody's body, or a message of the live feed, with one that is sound.
#[must_use]
pub fn all() -> Vec<(&'static str, Value)> {
    let mut all = requests();
    all.extend(replies());
    all.extend(live());
    all
}

fn requests() -> Vec<(&'static str, Value)> {
    vec![
        (
            "NewEvent",
            json!({ "name": "Midsummer Night", "venue": "Harbour Hall", "starts_at": "2036-06-19T19:00:00Z",
                "ends_at": "2036-06-19T23:00:00Z", "on_sale_at": "2026-01-15T09:00:00Z", "currency": "EUR", "per_customer_max": 4,
                "tiers": [{ "name": "Standing", "price_minor": 4_900, "capacity": 2_000 }],
                "sections": [{ "name": "A", "rows": 20, "seats_per_row": 30, "price_minor": 7_900 }] }),
        ),
        ("EventChange", json!({ "sale_state": "paused", "tiers": [{ "tier_id": TIER, "capacity": 2_200 }] })),
        ("NewHold", json!({ "seats": ["A-1-12", "A-1-13"] })),
        ("NewBooking", json!({ "event_id": EVENT, "tier_id": TIER, "quantity": 2 })),
        ("Confirmation", json!({ "payment_reference": "pay_8c1f" })),
        ("NewApiKey", json!({ "name": "Box office, main hall", "role": "box_office" })),
        ("Profile", json!({ "name": "A. Visitor", "email": "visitor@example.org", "phone": "+49 30 1234567" })),
    ]
}

fn replies() -> Vec<(&'static str, Value)> {
    let event = json!({ "event_id": EVENT, "name": "Midsummer Night", "venue": "Harbour Hall", "starts_at": "2036-06-19T19:00:00Z",
        "ends_at": "2036-06-19T23:00:00Z", "on_sale_at": "2026-01-15T09:00:00Z", "sale_state": "open", "currency": "EUR",
        "per_customer_max": 4, "hold_ttl_seconds": 180, "payment_ttl_seconds": 900,
        "tiers": [{ "tier_id": TIER, "name": "Standing", "price_minor": 4_900, "capacity": 2_000, "available": 1_204 }],
        "sections": [{ "name": "A", "rows": 20, "seats_per_row": 30, "price_minor": 7_900 }],
        "seats_total": 600, "seats_available": 311, "server_time": "2026-01-15T09:00:04Z" });
    let booking = json!({ "booking_id": RID, "reference": "4M7QX2WD9K", "event_id": EVENT, "customer_id": CUSTOMER,
        "status": "reserved", "seats": ["A-1-12", "A-1-13"], "tier_id": null, "quantity": 2, "amount_minor": 15_800,
        "currency": "EUR", "payment_due_at": "2026-01-15T09:15:09Z", "payment_reference": null,
        "created_at": "2026-01-15T09:00:09Z" });
    let ticket = json!({ "seat": "A-1-12", "status": "available", "price_minor": 7_900 });
    let key = json!({ "key_id": KEY, "name": "Box office, main hall", "role": "box_office", "created_at": "2026-01-10T08:00:00Z",
        "revoked_at": null });
    let mut fresh = key.clone();
    fresh["api_key"] = json!(format!("osk_{}_5f0a…", KEY.replace('-', "")));
    let page = |item: &Value, total: i64| json!({ "items": [item], "page": 1, "limit": 20, "total": total });
    vec![
        ("Session", json!({ "customer_id": CUSTOMER, "token": "eyJ0eXAi…", "expires_at": "2026-01-16T08:59:00Z" })),
        ("Page_EventView", page(&event, 1)),
        ("EventView", event),
        (
            "SeatMap",
            json!({ "event_id": EVENT, "seats_total": 600,
            "sections": [{ "name": "A", "rows": 20, "seats_per_row": 30, "price_minor": 7_900 }] }),
        ),
        ("SeatStates", json!({ "event_id": EVENT, "epoch": 3, "sequence": 512, "states": "aahrsa" })),
        ("Page_TicketView", page(&ticket, 600)),
        (
            "HoldView",
            json!({ "hold_id": RID, "event_id": EVENT, "seats": ["A-1-12", "A-1-13"], "tier_id": null, "quantity": 2,
            "amount_minor": 15_800, "currency": "EUR", "expires_at": "2026-01-15T09:03:04Z" }),
        ),
        ("Page_BookingView", page(&booking, 1)),
        ("BookingView", booking),
        (
            "AuditView",
            json!({ "ok": true, "epoch": 3, "tiers": [{ "tier_id": TIER, "capacity": 2_000, "available": 1_204,
            "held": 10, "committing": 2, "sold": 784, "leak": 0, "oversold": 0 }],
            "seats": { "total": 600, "available": 311, "held": 4, "committing": 0, "reserved": 5, "sold": 280, "leak": 0,
                "double_booked": 0 } }),
        ),
        (
            "ActivityView",
            json!({ "event_id": EVENT, "admitted": 1_080, "server_time": "2026-01-15T09:00:04Z",
            "refused": { "sold_out": 51_204, "seat_taken": 803, "limit_exceeded": 12, "not_bookable": 4 } }),
        ),
        ("ApiKeys", json!({ "items": [key] })),
        ("FreshApiKey", fresh),
        (
            "LogPage",
            json!({ "items": [{ "entry": "4711-1", "at": "2026-01-15T09:00:09Z", "action": "booked",
            "actor_kind": "customer", "actor": CUSTOMER, "event_id": EVENT, "subject": RID,
            "request_id": "4f1e0c9b7a6d4e52b1c83d0f2a9e7c06", "detail": null }], "next": "4711-1" }),
        ),
    ]
}

/// What the live feed sends and hears.
fn live() -> Vec<(&'static str, Value)> {
    let delta = json!({ "type": "delta", "epoch": 3, "previous": 511, "sequence": 512, "seats": { "h": [11, 12] },
        "tiers": [{ "tier_id": TIER, "available": 1_204 }] });
    vec![("LiveMessage", delta), ("LiveRequest", json!({ "type": "resync" }))]
}

/// What a path has in the place of a parameter.
pub(super) fn of_path(parameter: &str) -> Option<&'static str> {
    match parameter {
        "event_id" => Some(EVENT),
        "booking_id" | "hold_id" => Some(RID),
        "seat" => Some("A-1-12"),
        "key_id" => Some(KEY),
        _ => None,
    }
}

/// Enters them into the schemas.
pub(super) fn enter(api: &mut Value) {
    for (schema, example) in all() {
        let schema = &mut api["components"]["schemas"][schema];
        if schema.is_object() {
            schema["examples"] = json!([example]);
        }
    }
}

#[cfg(test)]
mod tests {
    use contract::api::{
        ActivityView, ApiKeys, AuditView, BookingView, Confirmation, EventChange, EventView, FreshApiKey, HoldView,
        LogPage, NewApiKey, NewBooking, NewEvent, NewHold, Page, Profile, SeatMap, SeatStates, Session, TicketView,
    };
    use contract::live::{LiveMessage, LiveRequest};
    use serde::Serialize;
    use serde::de::DeserializeOwned;

    use super::*;

    fn is<T: DeserializeOwned + Serialize>(example: Value) {
        let read: T = serde_json::from_value(example.clone()).unwrap();
        let written = serde_json::to_value(read).unwrap();
        for (field, value) in example.as_object().unwrap() {
            assert_eq!(&written[field], value, "{field}");
        }
    }

    #[test]
    fn every_example_is_what_it_says() {
        for (schema, example) in all() {
            match schema {
                "NewEvent" => {
                    serde_json::from_value::<NewEvent>(example.clone()).unwrap().validate().unwrap();
                    is::<NewEvent>(example);
                }
                "EventChange" => is::<EventChange>(example),
                "NewHold" => is::<NewHold>(example),
                "NewBooking" => is::<NewBooking>(example),
                "Confirmation" => is::<Confirmation>(example),
                "NewApiKey" => is::<NewApiKey>(example),
                "Profile" => {
                    serde_json::from_value::<Profile>(example.clone()).unwrap().validate().unwrap();
                    is::<Profile>(example);
                }
                "LiveMessage" => is::<LiveMessage>(example),
                "LiveRequest" => is::<LiveRequest>(example),
                "Session" => is::<Session>(example),
                "Page_EventView" => is::<Page<EventView>>(example),
                "EventView" => is::<EventView>(example),
                "SeatMap" => is::<SeatMap>(example),
                "SeatStates" => is::<SeatStates>(example),
                "Page_TicketView" => is::<Page<TicketView>>(example),
                "HoldView" => is::<HoldView>(example),
                "Page_BookingView" => is::<Page<BookingView>>(example),
                "BookingView" => is::<BookingView>(example),
                "AuditView" => is::<AuditView>(example),
                "ActivityView" => is::<ActivityView>(example),
                "ApiKeys" => is::<ApiKeys>(example),
                "FreshApiKey" => is::<FreshApiKey>(example),
                "LogPage" => is::<LogPage>(example),
                other => panic!("{other} has an example and no type"),
            }
        }
    }
}
