//! What is somebody else's.

use reqwest::Method;
use serde_json::Value;
use stack::client::Answer;

use crate::support::{System, hold, shared, without_request_id};

#[tokio::test(flavor = "multi_thread")]
async fn only_the_owner_can_use_a_hold() {
    owners_alone_use_holds(shared().await).await;
}

pub async fn owners_alone_use_holds(system: &System) {
    let event = system.seat_event().await;
    let (owner, thief) = (system.guest().await, system.guest().await);
    let held = hold(owner.hold_seats(event, &["A-1-1"]).await.unwrap());
    let path = format!("/api/v1/events/{event}/holds/{}", held.hold_id);
    let attempts = [
        (Method::GET, path.clone()),
        (Method::DELETE, path.clone()),
        (Method::POST, format!("{path}/extend")),
        (Method::POST, format!("/api/v1/events/{event}/seats/A-1-1/unlock")),
    ];
    for (method, path) in attempts {
        let refused = thief.call(method.clone(), &path, &Value::Null).await.unwrap();
        assert_eq!(refused.status, 404, "{method} {path}");
        let anonymous = system.admin.with_token("").call(method.clone(), &path, &Value::Null).await.unwrap();
        assert_eq!(anonymous.status, 401, "{method} {path}");
    }
    let stolen = thief.book_hold(event, held.hold_id).await.unwrap();
    assert_eq!(stolen.status, 404, "nobody can book another's hold");
    // Nothing of this did anything, and the owner still can.
    let extended = hold(owner.post(&format!("{path}/extend"), &Value::Null).await.unwrap());
    assert!(extended.expires_at >= held.expires_at);
    assert_eq!(owner.book_hold(event, held.hold_id).await.unwrap().status, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_owner_can_use_a_booking() {
    let system = shared().await;
    let (event, tier) = system.tier_event(10).await;
    let (owner, thief) = (system.guest().await, system.guest().await);
    let booking = owner.buy(event, tier, 2).await.unwrap();
    let path = format!("/api/v1/bookings/{}", booking.body["booking_id"].as_str().unwrap());
    let not_there = format!("/api/v1/bookings/{}", uuid::Uuid::new_v4());
    for (method, verb) in [(Method::GET, ""), (Method::POST, "/confirm"), (Method::POST, "/cancel")] {
        let theirs = thief.call(method.clone(), &format!("{path}{verb}"), &Value::Null).await.unwrap();
        let nobodys = thief.call(method, &format!("{not_there}{verb}"), &Value::Null).await.unwrap();
        let told = |answer: Answer| (answer.status.as_u16(), without_request_id(answer.body));
        assert_eq!(theirs.status, 404);
        assert_eq!(told(theirs), told(nobodys), "not yours looks like not there");
    }
    assert_eq!(thief.get("/api/v1/bookings").await.unwrap().body["total"], 0);
    assert_eq!(owner.get("/api/v1/bookings").await.unwrap().body["total"], 1);
    assert_eq!(owner.get(&path).await.unwrap().body["status"], "reserved");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_cannot_do_what_an_administrator_can() {
    let system = shared().await;
    let (event, tier) = system.tier_event(10).await;
    let guest = system.guest().await;
    let new = stack::demo::event("Mine", "Now").unwrap();
    let refused = guest.post("/api/v1/events", &serde_json::to_value(new).unwrap()).await.unwrap();
    assert_eq!(refused.status, 403);
    assert_eq!(refused.body["detail"], "This takes an administrator's token.", "an operator's would not do either");
    assert_eq!(guest.get(&format!("/api/v1/events/{event}/audit")).await.unwrap().status, 403);
    assert_eq!(guest.get(&format!("/api/v1/events/{event}/activity")).await.unwrap().status, 403);
    let change = serde_json::json!({"tiers": [{"tier_id": tier, "capacity": 99}]});
    let path = format!("/api/v1/events/{event}");
    assert_eq!(guest.call(Method::PATCH, &path, &change).await.unwrap().status, 403);
}
