//! Text that would be a command, were it ever put together with one: for Redis and its scripts, for Postgres. Where text is not
//! wanted it is refused; where any text is good it is kept as it is.

use std::time::{Duration, Instant};

use contract::{EventId, TierId};
use reqwest::Method;
use serde_json::{Value, json};
use stack::Client;
use stack::client::{Answer, send};
use uuid::Uuid;

use super::{assert_refused, percent_coded};
use crate::bad_input::traces;
use crate::support::{System, private};

/// What is slower has waited for something.
const PROMPT: Duration = Duration::from_secs(3);

/// For Redis: keys, patterns, the protocol, Lua.
const FOR_REDIS: [&str; 24] = [
    "{e:1}:meta",
    "{e:*}:*",
    "*",
    "?",
    "[a-z]",
    "onsale:events",
    "limit:reads:{x}",
    "A-1-1} {e:2",
    "\r\nFLUSHALL\r\n",
    "*1\r\n$8\r\nFLUSHALL\r\n",
    "$-1\r\n",
    "\nSET x 1\n",
    "\0FLUSHALL",
    "'); redis.call('FLUSHALL'); --",
    "\"; redis.call('FLUSHALL') --",
    "]] redis.call('FLUSHALL') --[[",
    "' .. redis.call('KEYS', '*') .. '",
    "%s%d%n%x",
    "KEYS[1]",
    "ARGV[1]",
    "os.execute('id')",
    "h:00000000:x:1:9:9:0,1,2",
    "1:2:3:4:5:6:7",
    "EVAL \"return 1\" 0",
];

/// For Postgres.
const FOR_POSTGRES: [&str; 26] = [
    "'",
    "''",
    "\\'",
    "' OR '1'='1",
    "' OR 1=1 --",
    "' OR 1=1 /*",
    "') OR ('1'='1",
    "1; DROP TABLE bookings; --",
    "'; DROP TABLE bookings; --",
    "'; DELETE FROM audit_log; --",
    "'; UPDATE tiers SET sold = 0; --",
    "'; TRUNCATE events CASCADE; --",
    "' UNION SELECT secret_digest FROM api_keys --",
    "' UNION ALL SELECT NULL, NULL, NULL --",
    "'; SELECT pg_sleep(10); --",
    "' || pg_sleep(10) --",
    "1 AND (SELECT pg_sleep(10)) IS NULL",
    "'; COPY events TO PROGRAM 'id'; --",
    "$1",
    "$$; DROP TABLE events; $$",
    "{1,2}",
    "{\"a\",NULL}",
    "E'\\x27'",
    "\u{2bc} OR 1=1 --",
    "＇ OR 1=1 --",
    "(NULL)",
];

/// Everything that takes no free text, with the text in it.
fn closed_places(event: EventId, text: &str) -> Vec<(&'static str, Method, String, Value)> {
    let coded = percent_coded(text);
    let nobody = Uuid::nil();
    vec![
        ("an event's id in a path", Method::GET, format!("/api/v1/events/{coded}"), Value::Null),
        ("a booking's id in a path", Method::GET, format!("/api/v1/bookings/{coded}"), Value::Null),
        ("a hold's id in a path", Method::DELETE, format!("/api/v1/events/{event}/holds/{coded}"), Value::Null),
        ("a seat in a path", Method::POST, format!("/api/v1/events/{event}/seats/{coded}/lock"), Value::Null),
        ("a page", Method::GET, format!("/api/v1/events?page={coded}"), Value::Null),
        ("seats", Method::POST, format!("/api/v1/events/{event}/holds"), json!({ "seats": [text] })),
        ("a tier", Method::POST, format!("/api/v1/events/{event}/holds"), json!({ "tier_id": text, "quantity": 1 })),
        (
            "an event",
            Method::POST,
            "/api/v1/bookings".into(),
            json!({ "event_id": text, "tier_id": nobody, "quantity": 1 }),
        ),
        ("a hold", Method::POST, "/api/v1/bookings".into(), json!({ "event_id": event, "hold_id": text })),
    ]
}

/// The same for operators and administrators.
fn closed_places_of_operators(event: EventId, text: &str) -> Vec<(&'static str, Method, String, Value)> {
    let coded = percent_coded(text);
    let mut new = serde_json::to_value(stack::demo::event("x", "y").unwrap()).unwrap();
    new["currency"] = json!(text);
    let mut section = serde_json::to_value(stack::demo::event("x", "y").unwrap()).unwrap();
    section["sections"] = json!([{ "name": text, "rows": 1, "seats_per_row": 1, "price_minor": 1 }]);
    vec![
        ("a sale's state", Method::PATCH, format!("/api/v1/events/{event}"), json!({ "sale_state": text })),
        ("a currency", Method::POST, "/api/v1/events".into(), new),
        ("a section", Method::POST, "/api/v1/events".into(), section),
        ("a role", Method::POST, "/api/v1/api-keys".into(), json!({ "name": "x", "role": text })),
        ("a place in the log", Method::GET, format!("/api/v1/audit-log?before={coded}"), Value::Null),
        ("an action", Method::GET, format!("/api/v1/audit-log?action={coded}"), Value::Null),
        ("an actor", Method::GET, format!("/api/v1/audit-log?actor={coded}"), Value::Null),
    ]
}

async fn promptly(client: &Client, method: Method, path: &str, body: &Value) -> Answer {
    let asked = Instant::now();
    let answer = client.call(method, path, body).await.unwrap();
    assert!(asked.elapsed() < PROMPT, "{path} {body}: {:?}", asked.elapsed());
    answer
}

/// Refused wherever it is no free text; says how many places there were.
async fn refused_everywhere(system: &System, guest: &Client, event: EventId, texts: &[&str]) -> usize {
    let mut tried = 0;
    for text in texts {
        let places = closed_places(event, text).into_iter().map(|place| (guest, place));
        let operators = closed_places_of_operators(event, text).into_iter().map(|place| (&system.admin, place));
        for (client, (place, method, path, body)) in places.chain(operators) {
            let answer = promptly(client, method, &path, &body).await;
            assert_refused(&format!("{place}: {text:?}"), &answer, &[400, 404]);
            tried += 1;
        }
    }
    tried
}

/// Kept as it is where any text is good; refused if it has control characters. Says how often it was kept.
async fn kept_as_it_is(system: &System, (event, tier): (EventId, TierId), texts: &[&str]) -> usize {
    let mut kept = 0;
    for text in texts {
        let guest = system.guest().await;
        let booked = guest.buy(event, tier, 1).await.unwrap();
        let booking = format!("/api/v1/bookings/{}", booked.body["booking_id"].as_str().unwrap());
        let written = promptly(&guest, Method::PUT, "/api/v1/profile", &json!({ "name": text })).await;
        let reference = json!({ "payment_reference": text });
        let paid = promptly(&guest, Method::POST, &format!("{booking}/confirm"), &reference).await;
        let key = json!({ "name": text, "role": "box_office" });
        let made = promptly(&system.admin, Method::POST, "/api/v1/api-keys", &key).await;
        if text.chars().any(char::is_control) {
            for answer in [&written, &paid, &made] {
                assert_refused(text, answer, &[400]);
            }
            continue;
        }
        let statuses = [&written, &paid, &made].map(|answer| answer.status.as_u16());
        assert_eq!(statuses, [204, 200, 201], "{text:?}");
        assert_eq!(guest.get("/api/v1/profile").await.unwrap().body["name"], *text);
        assert_eq!(guest.get(&booking).await.unwrap().body["payment_reference"], *text);
        let keys = system.admin.get("/api/v1/api-keys").await.unwrap().body["items"].take();
        let names: Vec<_> = keys.as_array().unwrap().iter().map(|key| key["name"].as_str().unwrap()).collect();
        assert!(names.contains(text), "{text:?}: {names:?}");
        kept += 3;
        // A visitor's name is ASCII.
        let visit = guest.request(Method::GET, "/api/v1/bookings").header("onsale-visitor", *text);
        let answer = send(visit).await.unwrap();
        assert_eq!(answer.status, if text.is_ascii() { 200 } else { 400 }, "{text:?}");
        a_request_of_that_name_gets_another(system, (event, tier), text).await;
    }
    kept
}

/// Past nginx, which would give it another itself: what a request is called goes by a script into Redis' log, and on into Postgres'.
async fn a_request_of_that_name_gets_another(system: &System, (event, tier): (EventId, TierId), name: &str) {
    let guest = system.guest().await.at(&system.ready.replicas[0]);
    let request = guest.request(Method::POST, &format!("/api/v1/events/{event}/holds")).header("x-request-id", name);
    let answer = send(request.json(&json!({ "tier_id": tier, "quantity": 1 }))).await.unwrap();
    assert_eq!(answer.status, 201, "{name:?}: {}", answer.body);
    let hold = answer.body["hold_id"].as_str().unwrap().to_owned();
    system.log_is_written().await;
    let log = system.admin.get(&format!("/api/v1/audit-log?subject={hold}")).await.unwrap().body;
    let entry = &log["items"][0];
    assert_eq!((&entry["action"], log["items"].as_array().unwrap().len()), (&json!("held"), 1), "{name:?}: {log}");
    assert!(entry["request_id"].as_str().unwrap().parse::<Uuid>().is_ok(), "{name:?}: {entry}");
}

#[tokio::test(flavor = "multi_thread")]
async fn text_is_never_a_command_for_redis() {
    let system = private().await;
    let (event, tier) = system.tier_event(1_000).await;
    let guest = system.guest().await;
    let booking = guest.buy(event, tier, 1).await.unwrap().body["booking_id"].as_str().unwrap().to_owned();
    system.clean_audit(event).await;
    let before = traces(&system).await;
    let refused = refused_everywhere(&system, &guest, event, &FOR_REDIS).await;
    assert_eq!(traces(&system).await, before, "neither a key nor a row");
    let mut kept = kept_as_it_is(&system, (event, tier), &FOR_REDIS).await;
    // As a key of the client's own it is a digest by the time it is kept anywhere.
    for text in FOR_REDIS {
        let path = format!("/api/v1/bookings/{booking}/confirm");
        let request = guest.request(Method::POST, &path).header("idempotency-key", text);
        if let Ok(answer) = send(request.json(&json!({}))).await {
            assert!(matches!(answer.status.as_u16(), 200 | 400), "{text:?}: {}", answer.body);
            kept += 1;
        }
    }
    assert!(refused >= 60 && kept >= 60, "{refused} and {kept}");
    system.clean_audit(event).await;
    system.assert_nothing_crashed();
}

#[tokio::test(flavor = "multi_thread")]
async fn text_is_never_a_command_for_postgres() {
    let system = private().await;
    let (event, tier) = system.tier_event(1_000).await;
    let guest = system.guest().await;
    system.clean_audit(event).await;
    let before = traces(&system).await;
    let refused = refused_everywhere(&system, &guest, event, &FOR_POSTGRES).await;
    assert_eq!(traces(&system).await, before, "neither a key nor a row");
    let mut kept = kept_as_it_is(&system, (event, tier), &FOR_POSTGRES).await;
    for text in FOR_POSTGRES {
        let mut new = stack::demo::event(text, text).unwrap();
        new.tiers = vec![stack::demo::tier(text, 1)];
        let made = system.admin.create_event(&new).await.unwrap();
        let read = system.admin.event(made.event_id).await.unwrap();
        assert_eq!((read.name.as_str(), read.venue.as_str(), read.tiers[0].name.as_str()), (text, text, text));
        kept += 1;
    }
    assert!(refused >= 100 && kept >= 100, "{refused} and {kept}");
    let audit = system.clean_audit(event).await;
    assert_eq!(audit.tiers[0].sold, i64::try_from(FOR_POSTGRES.len()).unwrap());
    system.assert_nothing_crashed();
}
