//! What is somebody else's: every object, every verb, by everybody whose it is not.

use contract::EventId;
use futures_util::future::{join, join_all};
use nix::sys::signal::Signal;
use reqwest::Method;
use serde_json::{Value, json};
use stack::Client;
use stack::client::{Answer, send};
use uuid::Uuid;

use super::assert_refused;
use crate::bad_input::traces;
use crate::support::{hold, private, without_request_id};

/// Attempts there must be at least.
const ATTEMPTS_MIN: usize = 100;

/// Somebody who tries.
struct Intruder {
    who: &'static str,
    client: Client,
    visitor: Option<String>,
}

impl Intruder {
    fn new(who: &'static str, client: &Client) -> Self {
        Self { who, client: client.clone(), visitor: None }
    }

    async fn tries(&self, method: &Method, path: &str, body: &Value) -> Answer {
        let mut request = self.client.request(method.clone(), path);
        if let Some(visitor) = &self.visitor {
            request = request.header("onsale-visitor", visitor);
        }
        if !body.is_null() {
            request = request.json(body);
        }
        send(request).await.unwrap()
    }
}

/// Every call about an object of a customer's.
fn calls(event: EventId, hold: Uuid, booking: Uuid, seat: &str) -> Vec<(Method, String, Value)> {
    let (hold_path, booking_path) =
        (format!("/api/v1/events/{event}/holds/{hold}"), format!("/api/v1/bookings/{booking}"));
    vec![
        (Method::GET, hold_path.clone(), Value::Null),
        (Method::POST, format!("{hold_path}/extend"), Value::Null),
        (Method::DELETE, hold_path, Value::Null),
        (Method::POST, "/api/v1/bookings".into(), json!({ "event_id": event, "hold_id": hold })),
        (Method::POST, format!("/api/v1/events/{event}/seats/{seat}/unlock"), Value::Null),
        (Method::GET, booking_path.clone(), Value::Null),
        (Method::POST, format!("{booking_path}/confirm"), json!({ "payment_reference": "stolen" })),
        (Method::POST, format!("{booking_path}/cancel"), Value::Null),
    ]
}

/// "Not yours" and "not there" are one answer.
fn assert_same(what: &str, theirs: Answer, nobodys: Answer) {
    let told = |answer: Answer| (answer.status, without_request_id(answer.body));
    assert_eq!(told(theirs), told(nobodys), "{what}");
}

/// A booking that was paid or cancelled, and the hold and the seat that it is of.
async fn ended(owner: &Client, event: EventId, seat: &'static str, verb: &str) -> (Uuid, Uuid, &'static str) {
    let hold = hold(owner.hold_seats(event, &[seat]).await.unwrap()).hold_id;
    let booked = owner.book_hold(event, hold).await.unwrap();
    let booking: Uuid = booked.body["booking_id"].as_str().unwrap().parse().unwrap();
    let body = if verb == "confirm" { json!({ "payment_reference": "theirs" }) } else { Value::Null };
    let answer = owner.post(&format!("/api/v1/bookings/{booking}/{verb}"), &body).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.body);
    (hold.0, booking, seat)
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_reaches_what_is_anothers_nor_learns_that_it_is_there() {
    let system = private().await;
    let (event, elsewhere) = (system.seat_event().await, system.seat_event().await);
    let owner = system.guest().await;
    let held = hold(owner.hold_seats(event, &["A-1-1"]).await.unwrap());
    let other_hold = hold(owner.hold_seats(event, &["A-1-2"]).await.unwrap());
    let booked = owner.book_hold(event, other_hold.hold_id).await.unwrap();
    let booking: Uuid = booked.body["booking_id"].as_str().unwrap().parse().unwrap();
    let customer = booked.body["customer_id"].as_str().unwrap().to_owned();
    let ended = [ended(&owner, event, "A-1-3", "confirm").await, ended(&owner, event, "A-1-4", "cancel").await];
    let office = system.holder_of(&system.make_api_key("box_office").await).await;
    let program = system.holder_of(&system.make_api_key("operator").await).await;
    let intruders = [
        Intruder::new("another customer", &system.guest().await),
        Intruder::new("an operator's key", &program),
        Intruder {
            who: "an operator's key that names the owner",
            client: program.clone(),
            visitor: Some(customer.clone()),
        },
        Intruder {
            who: "a box office that names the booking",
            client: office.clone(),
            visitor: Some(booking.to_string()),
        },
        Intruder::new("an administrator", &system.admin),
        Intruder::new("a box office", &office),
        Intruder { who: "a box office that names the owner", client: office.clone(), visitor: Some(customer.clone()) },
        Intruder {
            who: "a box office that names the hold",
            client: office.clone(),
            visitor: Some(held.hold_id.to_string()),
        },
    ];
    let before = traces(&system).await;
    let mut attempts = 0;
    let mut theirs = calls(event, held.hold_id.0, booking, "A-1-1");
    let mut nobodys = calls(event, Uuid::now_v7(), Uuid::now_v7(), "A-5-5");
    // What became of a booking is nobody else's business either, nor is the hold it was made of.
    for (hold, booking, seat) in &ended {
        theirs.extend(calls(event, *hold, *booking, seat));
        nobodys.extend(calls(event, Uuid::now_v7(), Uuid::now_v7(), "A-5-5"));
    }
    for intruder in &intruders {
        for ((method, path, body), (_, free_path, free_body)) in theirs.iter().zip(&nobodys) {
            let what = format!("{}: {method} {path}", intruder.who);
            let theirs = intruder.tries(method, path, body).await;
            assert_refused(&what, &theirs, &[404]);
            assert_same(&what, theirs, intruder.tries(method, free_path, free_body).await);
            attempts += 1;
        }
    }
    // Whoever shows nothing, or something that is none, hears that and no more.
    for (who, token) in
        [("nobody", String::new()), ("a wrong token", "x".repeat(200)), ("the id itself", customer.clone())]
    {
        let intruder = Intruder::new(who, &system.admin.with_token(&token));
        for (method, path, body) in &theirs {
            assert_refused(&format!("{who}: {method} {path}"), &intruder.tries(method, path, body).await, &[401]);
            attempts += 1;
        }
    }
    // By another event, the owner as well.
    let owner_elsewhere = Intruder::new("the owner", &owner);
    for intruder in intruders.iter().chain([&owner_elsewhere]) {
        let (theirs, nobodys) = (
            calls(elsewhere, held.hold_id.0, booking, "A-1-1"),
            calls(elsewhere, Uuid::now_v7(), Uuid::now_v7(), "A-5-5"),
        );
        for ((method, path, body), (_, free_path, free_body)) in theirs.iter().zip(&nobodys).take(5) {
            let what = format!("{} by another event: {method} {path}", intruder.who);
            let theirs = intruder.tries(method, path, body).await;
            assert_refused(&what, &theirs, &[404]);
            assert_same(&what, theirs, intruder.tries(method, free_path, free_body).await);
            attempts += 1;
        }
    }
    assert!(attempts >= ATTEMPTS_MIN, "{attempts}");
    // By headers and parameters that are to change what is meant.
    let thief = &intruders[0].client;
    let path = format!("/api/v1/bookings/{booking}");
    for (name, value) in [
        ("x-http-method-override", "DELETE"),
        ("x-method-override", "POST"),
        ("x-original-url", "/api/v1/events"),
        ("x-rewrite-url", "/api/v1/events"),
        ("x-user-id", &customer),
        ("x-customer-id", &customer),
        ("onsale-visitor", &customer),
        ("onsale-origin", r#"{"kind":"admin","actor":null,"request_id":""}"#),
        ("cookie", "role=admin"),
    ] {
        let answer = send(thief.request(Method::GET, &path).header(name, value)).await.unwrap();
        assert_refused(&format!("{name}: {value}"), &answer, &[404]);
    }
    for query in ["customer_id", "customer", "user_id", "owner", "as"] {
        let list = thief.get(&format!("/api/v1/bookings?{query}={customer}")).await.unwrap();
        assert_eq!(list.body["total"], 0, "{query}: {}", list.body);
    }
    assert_eq!(traces(&system).await, before, "neither a key nor a row");
    // All of it is the owner's, as it was.
    let read = owner.get(&path).await.unwrap();
    assert_eq!((&read.body["status"], &read.body["payment_reference"]), (&json!("reserved"), &Value::Null));
    for ((_, booking, _), (status, reference)) in
        ended.iter().zip([("confirmed", json!("theirs")), ("cancelled", Value::Null)])
    {
        let read = owner.get(&format!("/api/v1/bookings/{booking}")).await.unwrap();
        assert_eq!((&read.body["status"], &read.body["payment_reference"]), (&json!(status), &reference));
    }
    assert_eq!(owner.book_hold(event, held.hold_id).await.unwrap().status, 201);
    system.assert_nothing_crashed();
}

#[tokio::test(flavor = "multi_thread")]
async fn anothers_looks_like_nobodys_also_while_the_vault_is_away() {
    let system = private().await;
    let event = system.seat_event().await;
    // One that knows the event already, and does not have to ask for it.
    let replica = &system.ready.replicas[0];
    let (owner, thief) = (system.guest().await.at(replica), system.guest().await.at(replica));
    let held = hold(owner.hold_seats(event, &["A-1-1"]).await.unwrap());
    system.stack.child(stack::Role::Vault).unwrap().signal(Signal::SIGSTOP);
    let nobody = Uuid::now_v7();
    let [theirs, nobodys] = [(held.hold_id.0, "A-1-1"), (nobody, "A-5-5")]
        .map(|(hold, seat)| calls(event, hold, nobody, seat).into_iter().take(5));
    let ask = async |(method, path, body): (Method, String, Value)| {
        let answer = thief.call(method, &path, &body).await.unwrap();
        (path, answer.status.as_u16(), answer.code().to_owned())
    };
    let answers = join_all(theirs.zip(nobodys).map(|(one, other)| join(ask(one), ask(other)))).await;
    system.stack.child(stack::Role::Vault).unwrap().signal(Signal::SIGCONT);
    for (theirs, nobodys) in &answers {
        assert_eq!((theirs.1, &theirs.2), (nobodys.1, &nobodys.2), "{}", theirs.0);
        assert!(matches!(theirs.1, 404 | 503), "{theirs:?}");
    }
    assert!(answers.iter().any(|(theirs, _)| theirs.1 == 503), "the vault is asked for one of them: {answers:?}");
    assert_eq!(owner.book_hold(event, held.hold_id).await.unwrap().status, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_takes_a_role_is_nobodys_without_it() {
    let system = private().await;
    let (event, tier) = system.tier_event(10).await;
    let office = system.holder_of(&system.make_api_key("box_office").await).await;
    let list = system.admin.get("/api/v1/api-keys").await.unwrap().body;
    let key = list["items"][0]["key_id"].as_str().unwrap().to_owned();
    let new = serde_json::to_value(stack::demo::event("Mine", "Now").unwrap()).unwrap();
    let operators: Vec<(Method, String, Value)> = vec![
        (Method::PATCH, format!("/api/v1/events/{event}"), json!({ "sale_state": "paused" })),
        (Method::GET, format!("/api/v1/events/{event}/audit"), Value::Null),
        (Method::GET, format!("/api/v1/events/{event}/activity"), Value::Null),
        (Method::GET, "/api/v1/audit-log".into(), Value::Null),
        (Method::GET, format!("/api/v1/audit-log?event_id={event}"), Value::Null),
    ];
    let admins: Vec<(Method, String, Value)> = vec![
        (Method::POST, "/api/v1/events".into(), new),
        (Method::PATCH, format!("/api/v1/events/{event}"), json!({ "tiers": [{ "tier_id": tier, "capacity": 99 }] })),
        (Method::POST, "/api/v1/api-keys".into(), json!({ "name": "mine", "role": "operator" })),
        (Method::GET, "/api/v1/api-keys".into(), Value::Null),
        (Method::DELETE, format!("/api/v1/api-keys/{key}"), Value::Null),
    ];
    let program = system.holder_of(&system.make_api_key("operator").await).await;
    let before = traces(&system).await;
    let mut attempts = 0;
    let intruders = [
        Intruder::new("a guest", &system.guest().await),
        Intruder::new("a box office", &office),
        Intruder { who: "a box office's visitor called admin", client: office.clone(), visitor: Some("admin".into()) },
    ];
    for (method, path, body) in operators.iter().chain(&admins) {
        for intruder in &intruders {
            assert_refused(
                &format!("{}: {method} {path}", intruder.who),
                &intruder.tries(method, path, body).await,
                &[403],
            );
            attempts += 1;
        }
        for token in ["", "null", "Bearer", &system.ready.service_credential] {
            let nobody = system.admin.with_token(token);
            assert_refused(
                &format!("{token:.8}: {method} {path}"),
                &nobody.call(method.clone(), path, body).await.unwrap(),
                &[401],
            );
            attempts += 1;
        }
    }
    for (method, path, body) in &admins {
        let answer = program.call(method.clone(), path, body).await.unwrap();
        assert_refused(&format!("an operator: {method} {path}"), &answer, &[403]);
        attempts += 1;
    }
    // What the vault answers to gatekeepers is not to be had with any of it, nor through the front door.
    for path in [
        "/internal/events",
        "/internal/api-keys/working",
        "/internal/commits",
        "/api/v1/../../internal/events",
        "/api/v1/%2e%2e/%2e%2e/internal/events",
        "//internal/events",
        "/metrics",
    ] {
        let answer = system.admin.get(path).await.unwrap();
        assert_refused(path, &answer, &[400, 404]);
        attempts += 1;
    }
    let vault = Client::new(&system.ready.vault).unwrap();
    for token in [
        "",
        "x",
        &system.ready.admin_token,
        &system.ready.service_credential[1..],
        &format!("{} ", &system.ready.service_credential[..31]),
    ] {
        let answer = vault.with_token(token).get("/internal/api-keys/working").await.unwrap();
        assert_refused(&format!("the vault with {token:.8}"), &answer, &[401]);
        attempts += 1;
    }
    assert!(attempts >= ATTEMPTS_MIN - 20, "{attempts}");
    assert_eq!(traces(&system).await, before, "neither a key nor a row");
    assert_eq!(system.admin.event(event).await.unwrap().sale_state, contract::api::SaleState::Open);
    system.assert_nothing_crashed();
}
