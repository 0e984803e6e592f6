//! Numbered seats.

use futures_util::future::join_all;

use crate::support::{SOON, hold, shared, tally};

#[tokio::test(flavor = "multi_thread")]
async fn of_five_hundred_on_one_seat_one_wins() {
    let system = shared().await;
    let event = system.seat_event().await;
    let guests = system.guests(500).await;
    let path = format!("/api/v1/events/{event}/seats/A-5-5/lock");
    let answers = join_all(guests.iter().map(|guest| guest.post(&path, &serde_json::Value::Null))).await;
    let answers: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
    assert_eq!(tally(&answers), [("201".into(), 1), ("409 seat_taken".into(), 499)].into());
    system.clean_audit(event).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_customers_each_book_the_seat_they_locked() {
    let system = shared().await;
    let event = system.seat_event().await;
    let guests = system.guests(50).await;
    let label = |at: usize| format!("A-{}-{}", at / 10 + 1, at % 10 + 1);
    let booked = join_all(guests.iter().enumerate().map(|(at, guest)| async move {
        let path = format!("/api/v1/events/{event}/seats/{}/lock", label(at));
        let locked = hold(guest.post(&path, &serde_json::Value::Null).await.unwrap());
        let answer = guest.book_hold(event, locked.hold_id).await.unwrap();
        (label(at), answer)
    }))
    .await;
    for (label, answer) in &booked {
        assert_eq!(answer.status, 201, "{}", answer.body);
        assert_eq!(answer.body["seats"], serde_json::json!([label]), "each gets their own seat");
    }
    assert_eq!(system.bookings(event).await, 50);
    let audit = system.clean_audit(event).await;
    assert_eq!((audit.seats.reserved, audit.seats.available, audit.seats.double_booked), (50, 50, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_with_one_seat_taken_takes_none_and_names_it() {
    let system = shared().await;
    let event = system.seat_event().await;
    let (first, second) = (system.guest().await, system.guest().await);
    hold(first.hold_seats(event, &["A-1-3"]).await.unwrap());
    let refused = second.hold_seats(event, &["A-1-1", "A-1-2", "A-1-3", "A-1-4"]).await.unwrap();
    assert_eq!((refused.status.as_u16(), refused.code()), (409, "seat_taken"));
    assert_eq!(refused.body["conflicts"], serde_json::json!(["A-1-3"]));
    let audit = system.clean_audit(event).await;
    assert_eq!((audit.seats.held, audit.seats.available), (1, 99), "none of the four was taken");
    assert_eq!(second.hold_seats(event, &["A-1-1", "A-1-2", "A-1-4"]).await.unwrap().status, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_map_shows_what_happens_to_a_seat() {
    let system = shared().await;
    let event = system.seat_event().await;
    let guest = system.guest().await;
    let state = async || {
        let seats = guest.get(&format!("/api/v1/events/{event}/seats")).await.unwrap();
        seats.body["states"].as_str().unwrap()[..1].to_owned()
    };
    assert_eq!(state().await, "a");
    let held = hold(guest.hold_seats(event, &["A-1-1"]).await.unwrap());
    assert_eq!(state().await, "h");
    assert_eq!(guest.book_hold(event, held.hold_id).await.unwrap().status, 201);
    assert_eq!(state().await, "r");
    let booking = format!("/api/v1/bookings/{}", held.hold_id);
    assert_eq!(guest.post(&format!("{booking}/confirm"), &serde_json::Value::Null).await.unwrap().status, 200);
    crate::support::eventually("sold", SOON, async || state().await == "s").await;
    assert_eq!(guest.post(&format!("{booking}/cancel"), &serde_json::Value::Null).await.unwrap().status, 200);
    crate::support::eventually("free", SOON, async || state().await == "a").await;

    let all = guest.get(&format!("/api/v1/events/{event}/tickets/all?limit=100&page=1")).await.unwrap();
    assert_eq!((all.body["total"].as_i64(), all.body["items"].as_array().map(Vec::len)), (Some(100), Some(100)));
    let map = guest.get(&format!("/api/v1/events/{event}/seatmap")).await.unwrap();
    assert_eq!(map.body["sections"][0]["rows"], 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_released_seat_is_free_at_once() {
    let system = shared().await;
    let event = system.seat_event().await;
    let (first, second) = (system.guest().await, system.guest().await);
    let held = hold(first.hold_seats(event, &["A-1-1", "A-1-2"]).await.unwrap());
    let unlock = |seat: &str| format!("/api/v1/events/{event}/seats/{seat}/unlock");
    assert_eq!(first.post(&unlock("A-1-1"), &serde_json::Value::Null).await.unwrap().status, 204);
    assert_eq!(second.hold_seats(event, &["A-1-1"]).await.unwrap().status, 201);
    let path = format!("/api/v1/events/{event}/holds/{}", held.hold_id);
    let rest = hold(first.get(&path).await.unwrap());
    assert_eq!(rest.seats, ["A-1-2"]);
    assert_eq!(first.call(reqwest::Method::DELETE, &path, &serde_json::Value::Null).await.unwrap().status, 204);
    assert_eq!(first.get(&path).await.unwrap().status, 404);
    let audit = system.clean_audit(event).await;
    assert_eq!((audit.seats.held, audit.seats.available), (1, 99));
}
