//! What no honest client sends: each gets the right problem, and leaves neither a key nor a row.

use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};
use stack::client::{Answer, send};

use crate::support::{System, shared};

/// Everything that could be left behind, counted.
pub async fn traces(system: &System) -> (usize, i64) {
    // What was held before is counted before.
    system.log_is_written().await;
    let keys: Vec<String> = redis::cmd("KEYS").arg("*").query_async(&mut system.redis().await).await.unwrap();
    // Which replica loads, audits or enters changes of an event is no trace, and how attempts ended is counted on purpose, a
    // moment later.
    let passing = [":loading", ":auditing", ":entering", ":activity"];
    let keys = keys.iter().filter(|key| !passing.iter().any(|end| key.ends_with(end))).count();
    let rows = "SELECT (SELECT count(*) FROM events) + (SELECT count(*) FROM reservations) + (SELECT count(*) FROM customers) \
                + (SELECT count(*) FROM bookings) + (SELECT count(*) FROM booking_items) + (SELECT count(*) FROM journal) \
                + (SELECT count(*) FROM tiers) + (SELECT count(*) FROM seats) + (SELECT count(*) FROM audit_log) \
                + (SELECT count(*) FROM api_keys) + (SELECT count(*) FROM profiles) + (SELECT count(*) FROM idempotency_keys)";
    (keys, system.postgres().await.query_one(rows, &[]).await.unwrap().get(0))
}

fn expect(what: &str, answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status.as_u16(), answer.code()), (status, code), "{what}: {}", answer.body);
    assert_eq!(answer.body["type"], format!("urn:onsale:problem:{code}"), "{what}");
    assert_eq!(answer.body["status"], status, "{what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_bodies_get_the_right_problem_and_leave_no_trace() {
    let system = shared().await;
    let (event, tier) = system.tier_event(10).await;
    let seats = system.seat_event().await;
    let guest = system.guest().await;
    let before = traces(system).await;

    let quantity = |quantity: Value| json!({"event_id": event, "tier_id": tier, "quantity": quantity});
    let nobody = uuid::Uuid::new_v4();
    let bookings: Vec<(Value, u16, &str)> = vec![
        (quantity(json!(0)), 400, "malformed"),
        (quantity(json!(-1)), 400, "malformed"),
        (quantity(json!(11)), 422, "limit_exceeded"),
        (quantity(json!(9_223_372_036_854_775_808_u64)), 400, "malformed"),
        (quantity(json!("1")), 400, "malformed"),
        (quantity(json!(1.5)), 400, "malformed"),
        (quantity(json!(null)), 400, "malformed"),
        (quantity(json!([1])), 400, "malformed"),
        (json!({}), 400, "malformed"),
        (json!([]), 400, "malformed"),
        (json!([event, null, tier, 1]), 400, "malformed"),
        (json!({"event_id": event}), 400, "malformed"),
        (json!({"event_id": "x", "tier_id": tier, "quantity": 1}), 400, "malformed"),
        (json!({"event_id": event, "tier_id": tier, "quantity": 1, "hold_id": nobody}), 400, "malformed"),
        (json!({"event_id": event, "tier_id": tier, "quantity": 1, "free": true}), 400, "malformed"),
        (json!({"event_id": nobody, "tier_id": tier, "quantity": 1}), 404, "not_found"),
        (json!({"event_id": event, "tier_id": nobody, "quantity": 1}), 404, "not_found"),
        (json!({"event_id": event, "hold_id": nobody}), 404, "not_found"),
    ];
    for (body, status, code) in bookings {
        expect(&body.to_string(), &guest.post("/api/v1/bookings", &body).await.unwrap(), status, code);
    }

    let labels = [
        "",
        "A",
        "A-1",
        "A-0-1",
        "A-01-1",
        "A-1-1-1",
        "{e}-1-1",
        "A-1-1\0",
        "A-1-1\r\nX: y",
        "А-1-1",
        "A-1-１",
        "A-1--1",
        "A-1-99999999999999999999",
        "*",
        "A-1-1' OR 1=1--",
    ];
    for label in labels {
        let answer = guest.hold_seats(seats, &[label]).await.unwrap();
        expect(&format!("{label:?}"), &answer, 400, "malformed");
    }
    let holds: Vec<(Value, u16, &str)> = vec![
        (json!({"seats": ["Z-1-1"]}), 404, "not_found"),
        (json!({"seats": ["A-99-1"]}), 404, "not_found"),
        (json!({"seats": []}), 400, "malformed"),
        (json!({"seats": ["A-1-1", "A-1-1"]}), 400, "malformed"),
        (json!({"seats": ["A-1-1"], "tier_id": tier, "quantity": 1}), 400, "malformed"),
        (
            json!({"seats": (1..=11).map(|seat| format!("A-{}-{}", seat / 10 + 1, seat % 10 + 1)).collect::<Vec<_>>()}),
            422,
            "limit_exceeded",
        ),
        (json!({"seats": "A-1-1"}), 400, "malformed"),
        (json!({"tier_id": tier, "quantity": 1}), 404, "not_found"),
        (json!({"tier_id": tier, "quantity": "1"}), 400, "malformed"),
        (json!({"tier_id": tier}), 400, "malformed"),
    ];
    for (quantity, status, code) in [
        (json!(0), 400, "malformed"),
        (json!(-1), 400, "malformed"),
        (json!(11), 422, "limit_exceeded"),
        (json!(9_223_372_036_854_775_808_u64), 400, "malformed"),
    ] {
        let body = json!({"tier_id": tier, "quantity": quantity});
        let answer = guest.post(&format!("/api/v1/events/{event}/holds"), &body).await.unwrap();
        expect(&body.to_string(), &answer, status, code);
    }
    for (body, status, code) in holds {
        let answer = guest.post(&format!("/api/v1/events/{seats}/holds"), &body).await.unwrap();
        expect(&body.to_string(), &answer, status, code);
    }
    assert_eq!(traces(system).await, before, "neither a key nor a row");
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_requests_get_the_right_problem_and_leave_no_trace() {
    let system = shared().await;
    let (event, tier) = system.tier_event(10).await;
    let seats = system.seat_event().await;
    let guest = system.guest().await;
    let before = traces(system).await;
    let good = json!({"event_id": event, "tier_id": tier, "quantity": 1});
    let raw = |kind: &'static str, body: String| {
        send(guest.request(Method::POST, "/api/v1/bookings").header(CONTENT_TYPE, kind).body(body))
    };

    expect(
        "no body",
        &send(guest.request(Method::POST, "/api/v1/bookings")).await.unwrap(),
        415,
        "unsupported_media_type",
    );
    expect("empty body", &raw("application/json", String::new()).await.unwrap(), 400, "malformed");
    expect("not JSON", &raw("application/json", "{".into()).await.unwrap(), 400, "malformed");
    expect("other type", &raw("text/plain", good.to_string()).await.unwrap(), 415, "unsupported_media_type");
    expect(
        "a form",
        &raw("application/x-www-form-urlencoded", "a=b".into()).await.unwrap(),
        415,
        "unsupported_media_type",
    );
    expect("1 MB", &raw("application/json", " ".repeat(1 << 20)).await.unwrap(), 413, "payload_too_large");
    // Past nginx the gatekeeper has the same bound.
    let inside = guest.at(&system.ready.replicas[0]);
    let large = inside.request(Method::POST, "/api/v1/bookings").header(CONTENT_TYPE, "application/json");
    expect("1 MB inside", &send(large.body(" ".repeat(1 << 20))).await.unwrap(), 413, "payload_too_large");

    let tokens =
        ["", "x", "a.b.c", &"x".repeat(5_000), &system.ready.service_credential, &tampered(&system.ready.admin_token)];
    for token in tokens {
        let answer = system.admin.with_token(token).post("/api/v1/bookings", &good).await.unwrap();
        expect(&format!("token {token:.40}"), &answer, 401, "unauthorized");
    }
    let nobody = uuid::Uuid::new_v4();
    for (path, status, code) in [
        ("/api/v1/events/nonsense".to_owned(), 404, "not_found"),
        (format!("/api/v1/events/{nobody}"), 404, "not_found"),
        (format!("/api/v1/events/{nobody}/seats"), 404, "not_found"),
        (format!("/api/v1/events/{event}/holds/{nobody}"), 404, "not_found"),
        ("/api/v1/bookings/%00".to_owned(), 400, "malformed"),
        ("/api/v1/events?page=0".to_owned(), 400, "malformed"),
        ("/api/v1/events?limit=101".to_owned(), 400, "malformed"),
        ("/api/v1/events?page=x".to_owned(), 400, "malformed"),
        ("/api/v1/nothing".to_owned(), 404, "not_found"),
        ("/elsewhere".to_owned(), 404, "not_found"),
    ] {
        expect(&path, &guest.get(&path).await.unwrap(), status, code);
    }
    for label in ["%7Be%7D-1-1", "A-1-1%0d%0a", "%00", "%D0%90-1-1", "A-1-%EF%BC%91", "A-0-1", "A"] {
        for what in ["lock", "unlock"] {
            let path = format!("/api/v1/events/{seats}/seats/{label}/{what}");
            expect(&path, &guest.post(&path, &Value::Null).await.unwrap(), 400, "malformed");
        }
    }
    expect("method", &guest.call(Method::PUT, "/api/v1/bookings", &good).await.unwrap(), 405, "method_not_allowed");
    assert_eq!(traces(system).await, before, "neither a key nor a row");
}

/// The token with its last characters changed: the signature is wrong.
fn tampered(token: &str) -> String {
    format!("{}AAAA", &token[..token.len() - 4])
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_events_are_refused_with_a_reason() {
    let system = shared().await;
    let good = serde_json::to_value(stack::demo::event("Good", "Here").unwrap()).unwrap();
    let before = traces(system).await;
    let changes: [(&str, Value); 9] = [
        ("name", json!("")),
        ("name", json!("a\nb")),
        ("currency", json!("eur")),
        ("starts_at", json!("tomorrow")),
        ("ends_at", json!("2000-01-01T00:00:00Z")),
        ("tiers", json!([])),
        ("tiers", json!([["T", 1, 1]])),
        ("tiers", json!([{"name": "T", "price_minor": -1, "capacity": 1}])),
        ("sections", json!([{"name": "A", "rows": 4_000_000_000_u32, "seats_per_row": 2, "price_minor": 1}])),
    ];
    for (field, value) in changes {
        let mut event = good.clone();
        event[field] = value;
        expect(&event.to_string(), &system.admin.post("/api/v1/events", &event).await.unwrap(), 400, "malformed");
    }
    assert_eq!(traces(system).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_token_and_one_not_yet_valid_are_refused() {
    use chassis::token::{Identity, Role, TokenKeys};
    use jiff::{SignedDuration, Timestamp};

    let system = crate::support::private().await;
    let secrets = std::fs::read(system.stack.data().join("secrets.json")).unwrap();
    let secrets: stack::secrets::Secrets = serde_json::from_slice(&secrets).unwrap();
    let key: TokenKeys = secrets.token_key.parse().unwrap();
    let guest = Identity { customer_id: contract::CustomerId::fresh(), role: Role::Customer };
    let (hour, now) = (SignedDuration::from_hours(1), Timestamp::now());
    let token_from = |from: Timestamp| key.sign(guest, from, hour).unwrap().0;
    let (event, tier) = system.tier_event(10).await;
    let before = traces(&system).await;
    for (what, from) in [("expired", now - hour * 2), ("early", now + hour)] {
        let customer = system.admin.with_token(&token_from(from));
        expect(what, &customer.get("/api/v1/bookings").await.unwrap(), 401, "unauthorized");
        expect(what, &customer.buy(event, tier, 1).await.unwrap(), 401, "unauthorized");
        expect(what, &customer.hold_tier(event, tier, 1).await.unwrap(), 401, "unauthorized");
    }
    assert_eq!(traces(&system).await, before, "neither a key nor a row");
    let good = system.admin.with_token(&token_from(now)).get("/api/v1/bookings").await.unwrap();
    assert_eq!(good.status, 200);
}
