//! The audit log: every lasting change has its entry, in its own transaction, with who and by which request.

use contract::api::{Action, EventChange, SaleState};
use contract::origin::ActorKind;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{SOON, eventually, id, log_entries, log_page, private, shared};

#[tokio::test(flavor = "multi_thread")]
async fn every_lasting_change_has_its_entry_with_who_and_by_which_request() {
    let system = shared().await;
    let (event, tier) = system.tier_event_with(100, |event| event.payment_ttl_seconds = 2).await;
    let guest = system.guest().await;
    // Asked by hand for the id that the reply carries.
    let request = guest.request(Method::POST, "/api/v1/bookings");
    let reply = request.json(&json!({"event_id": event, "tier_id": tier, "quantity": 1})).send().await.unwrap();
    let request_id = reply.headers()["x-request-id"].to_str().unwrap().to_owned();
    let paid: Value = reply.json().await.unwrap();
    let customer = id(&paid, "customer_id");
    let path = |booking: &Value, verb: &str| format!("/api/v1/bookings/{}/{verb}", id(booking, "booking_id"));
    guest.post(&path(&paid, "confirm"), &Value::Null).await.unwrap();
    let given_back = guest.buy(event, tier, 2).await.unwrap().body;
    guest.post(&path(&given_back, "cancel"), &Value::Null).await.unwrap();
    let forgotten = guest.buy(event, tier, 3).await.unwrap().body;
    // Asked again, they are what they are: nothing changes, and nothing is entered.
    guest.post(&path(&paid, "confirm"), &Value::Null).await.unwrap();
    guest.post(&path(&given_back, "cancel"), &Value::Null).await.unwrap();
    let pause = EventChange { sale_state: Some(SaleState::Paused), tiers: Vec::new() };
    for _ in 0..2 {
        system.admin.change_event(event, &pause).await.unwrap();
    }
    let expired = format!("event_id={event}&action=expired");
    eventually("the unpaid booking ends", SOON, async || !log_page(&system.admin, &expired).await.items.is_empty())
        .await;

    let found = log_entries(system, event, 200).await;
    let told: Vec<_> = found.iter().rev().map(|entry| (entry.action, entry.actor_kind, entry.subject)).collect();
    let (by, admin) = (ActorKind::Customer, ActorKind::Admin);
    let booking = |body: &Value| id(body, "booking_id");
    let meant = [
        (Action::EventCreated, admin, event.0),
        (Action::Booked, by, booking(&paid)),
        (Action::Confirmed, by, booking(&paid)),
        (Action::Booked, by, booking(&given_back)),
        (Action::Cancelled, by, booking(&given_back)),
        (Action::Booked, by, booking(&forgotten)),
        (Action::EventChanged, admin, event.0),
        (Action::Expired, ActorKind::System, booking(&forgotten)),
    ];
    assert_eq!(told, meant);
    let first = &found[found.len() - 2];
    assert_eq!((first.actor, &first.request_id), (Some(customer), &request_id));
    assert!(
        found.iter().filter(|entry| entry.actor_kind != ActorKind::System).all(|entry| entry.request_id.len() == 32)
    );
    let change = found.iter().find(|entry| entry.action == Action::EventChanged).unwrap();
    assert_eq!(change.detail.as_ref().unwrap()["sale_state"], "paused");

    // By actor, by what was changed, by kind; all of them at once.
    assert_eq!(log_page(&system.admin, &format!("actor={customer}")).await.items.len(), 5);
    assert_eq!(log_page(&system.admin, &format!("subject={}", booking(&paid))).await.items.len(), 2);
    let one = format!("event_id={event}&actor={customer}&subject={}&action=confirmed", booking(&paid));
    assert_eq!(log_page(&system.admin, &one).await.items.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_is_read_page_by_page_though_bookings_come_in_batches() {
    let system = shared().await;
    let (event, tier) = system.tier_event(500).await;
    let guests = system.guests(100).await;
    let answers = futures_util::future::join_all(guests.iter().map(|guest| guest.buy(event, tier, 1))).await;
    let mut booked: Vec<Uuid> = answers.into_iter().map(|answer| id(&answer.unwrap().body, "booking_id")).collect();
    let rows = "SELECT count(*) FROM audit_log WHERE event_id = $1";
    assert!(system.count(rows, event).await < 101, "some shared a transaction, and a row with it");
    for limit in [1, 7, 200] {
        let found = log_entries(system, event, limit).await;
        assert_eq!(found.len(), 101, "by pages of {limit}");
        let mut subjects: Vec<_> =
            found.iter().filter(|entry| entry.action == Action::Booked).map(|entry| entry.subject).collect();
        subjects.sort_unstable();
        booked.sort_unstable();
        assert_eq!(subjects, booked);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_changes_the_log_and_only_operators_read_it() {
    let system = private().await;
    let (_, _) = system.tier_event(1).await;
    let postgres = system.postgres().await;
    for tampering in ["UPDATE audit_log SET detail = NULL", "DELETE FROM audit_log", "TRUNCATE audit_log"] {
        let refused = postgres.execute(tampering, &[]).await.unwrap_err();
        let refused = refused.as_db_error().unwrap().message().to_owned();
        assert!(refused.contains("never changed or removed"), "{tampering}: {refused}");
    }
    let guest = system.guest().await;
    assert_eq!(guest.get("/api/v1/audit-log").await.unwrap().status, 403);
    assert_eq!(guest.with_token("").get("/api/v1/audit-log").await.unwrap().status, 401);
    for bad in [
        "limit=0",
        "limit=201",
        "limit=x",
        "before=x",
        "before=1",
        "before=-1-1",
        "action=stolen",
        "actor=me",
        "who=me",
    ] {
        let answer = system.admin.get(&format!("/api/v1/audit-log?{bad}")).await.unwrap();
        assert_eq!((answer.status.as_u16(), answer.code()), (400, "malformed"), "{bad}: {}", answer.body);
    }
}
