//! Idempotency-Key: carried out once, answered as often as asked, whatever dies in between.

use std::time::Duration;

use contract::{EventId, TierId};
use futures_util::future::join_all;
use nix::sys::signal::Signal;
use reqwest::Method;
use serde_json::{Value, json};
use stack::client::Answer;
use stack::{Client, Role};

use crate::support::{Private, System, eventually, private, private_with, shared};

const BOOKINGS: &str = "/api/v1/bookings";
/// A claim whose replica died is over after twelve seconds.
const CLAIM_OVER_WITHIN: Duration = Duration::from_secs(16);

fn purchase(event: EventId, tier: TierId) -> Value {
    json!({ "event_id": event, "tier_id": tier, "quantity": 1 })
}

fn key() -> String {
    uuid::Uuid::new_v4().to_string()
}

/// Asks until the answer is one for good, and then again. Until then it must be an honest "not yet".
async fn insist(guest: &Client, path: &str, key: &str, body: &Value) -> Answer {
    let found = std::sync::Mutex::new(None);
    eventually("there is an answer for good", Duration::from_mins(1), async || {
        let Ok(answer) = guest.post_with_key(path, key, body).await else { return false };
        let is_final = answer.status.as_u16() < 500 && answer.code() != "in_progress";
        assert!(is_final || answer.body["retry_after_seconds"].is_u64(), "{}", answer.body);
        if is_final {
            *found.lock().unwrap() = Some(answer);
        }
        is_final
    })
    .await;
    let first = found.into_inner().unwrap().unwrap();
    for _ in 0..2 {
        let again = guest.post_with_key(path, key, body).await.unwrap();
        assert!(again.is_replay, "{}", again.body);
        assert_eq!((again.status, &again.body), (first.status, &first.body));
    }
    first
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_key_at_every_replica_at_once_buys_once() {
    let system = shared().await;
    let (event, tier) = system.tier_event(50).await;
    for _ in 0..5 {
        let guest = system.guest().await;
        let before = system.bookings(event).await;
        let (key, body) = (key(), purchase(event, tier));
        let everywhere: Vec<_> = system.ready.replicas.iter().cycle().take(12).map(|url| guest.at(url)).collect();
        let answers = join_all(everywhere.iter().map(|guest| guest.post_with_key(BOOKINGS, &key, &body))).await;
        let answers: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
        assert_eq!(answers.iter().filter(|answer| answer.status == 201 && !answer.is_replay).count(), 1);
        let first = answers.iter().find(|answer| answer.status == 201).unwrap();
        for answer in &answers {
            let is_same = answer.status == 201 && answer.body == first.body;
            assert!(is_same || answer.code() == "in_progress", "{} {}", answer.status, answer.body);
        }
        for guest in &everywhere {
            let again = guest.post_with_key(BOOKINGS, &key, &body).await.unwrap();
            assert!(again.is_replay && again.status == 201 && again.body == first.body, "{}", again.body);
        }
        assert_eq!(system.bookings(event).await, before + 1);
    }
    // A hold as well; it is one, and not twelve.
    let guest = system.guest().await;
    let (key, body) = (key(), json!({ "tier_id": tier, "quantity": 2 }));
    let before = system.clean_audit(event).await.tiers[0].held;
    let everywhere: Vec<_> = system.ready.replicas.iter().cycle().take(12).map(|url| guest.at(url)).collect();
    let holds = format!("/api/v1/events/{event}/holds");
    let answers = join_all(everywhere.iter().map(|guest| guest.post_with_key(&holds, &key, &body))).await;
    let answers: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
    let first = answers.iter().find(|answer| answer.status == 201 && !answer.is_replay).unwrap();
    let is_good = |answer: &Answer| answer.code() == "in_progress" || answer.status == 201 && answer.body == first.body;
    assert!(answers.iter().all(is_good));
    assert_eq!(system.clean_audit(event).await.tiers[0].held, before + 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_whose_answer_was_lost_is_held_once() {
    let system = private().await;
    let (event, tier) = system.tier_event(50).await;
    let guest = system.guest().await;
    let (key, body) = (key(), json!({ "tier_id": tier, "quantity": 2 }));
    let holds = format!("/api/v1/events/{event}/holds");
    system.set_fault("gatekeeper-before-keep");
    assert_eq!(guest.post_with_key(&holds, &key, &body).await.unwrap().code(), "unavailable");
    system.crashed_at("gatekeeper-before-keep").await;
    let answer = insist(&guest, &holds, &key, &body).await;
    assert_eq!(answer.status, 201);
    let audit = system.clean_audit(event).await;
    assert_eq!((audit.tiers[0].held, audit.tiers[0].available), (2, 48));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_post_that_changes_something_gives_its_first_answer_again() {
    let system = shared().await;
    let (event, tier) = system.tier_event(50).await;
    let seats = system.seat_event().await;
    let guest = system.guest().await;
    let twice = async |client: &Client, path: String, body: Value, status: u16| {
        let key = key();
        let first = client.post_with_key(&path, &key, &body).await.unwrap();
        assert_eq!((first.status.as_u16(), first.is_replay), (status, false), "{path}: {}", first.body);
        let again = client.post_with_key(&path, &key, &body).await.unwrap();
        assert!(again.is_replay, "{path}");
        assert_eq!((again.status, &again.body), (first.status, &first.body), "{path}");
        first.body
    };
    let event_path = |event: EventId, rest: &str| format!("/api/v1/events/{event}/{rest}");

    let held = twice(&guest, event_path(seats, "holds"), json!({ "seats": ["A-1-1", "A-1-2"] }), 201).await;
    let held = held["hold_id"].as_str().unwrap().to_owned();
    twice(&guest, event_path(seats, &format!("holds/{held}/extend")), Value::Null, 200).await;
    let booked = twice(&guest, BOOKINGS.into(), json!({ "event_id": seats, "hold_id": held }), 201).await;
    let booked = booked["booking_id"].as_str().unwrap().to_owned();
    twice(&guest, format!("{BOOKINGS}/{booked}/confirm"), json!({ "payment_reference": "p-1" }), 200).await;
    twice(&guest, format!("{BOOKINGS}/{booked}/cancel"), Value::Null, 200).await;
    twice(&guest, event_path(seats, "seats/A-2-1/lock"), Value::Null, 201).await;
    twice(&guest, event_path(seats, "seats/A-2-1/unlock"), Value::Null, 204).await;
    twice(&guest, event_path(event, "holds"), json!({ "tier_id": tier, "quantity": 2 }), 201).await;
    twice(&guest, BOOKINGS.into(), purchase(event, tier), 201).await;
    // And what was refused.
    twice(&guest, BOOKINGS.into(), json!({ "event_id": event, "tier_id": tier, "quantity": 11 }), 422).await;
    twice(&guest, BOOKINGS.into(), purchase(EventId::fresh(), tier), 404).await;
    twice(&guest, "/api/v1/events".into(), json!({}), 403).await;

    let mut new = serde_json::to_value(stack::demo::event("Twice", "Here").unwrap()).unwrap();
    new["tiers"] = json!([{ "name": "Floor", "price_minor": 1, "capacity": 5 }]);
    let made = twice(&system.admin, "/api/v1/events".into(), new, 201).await;
    let made: EventId = made["event_id"].as_str().unwrap().parse().unwrap();
    assert_eq!(system.count("SELECT count(*) FROM events WHERE event_id = $1", made).await, 1);
    let office = json!({ "name": "Twice", "role": "box_office" });
    let made = twice(&system.admin, "/api/v1/api-keys".into(), office.clone(), 201).await;
    assert!(made["api_key"].as_str().unwrap().starts_with("osk_"), "{made}");
    twice(&guest, "/api/v1/api-keys".into(), office, 403).await;
    for event in [event, seats] {
        system.clean_audit(event).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_holds_for_its_key_though_tickets_came_back() {
    let system = shared().await;
    let (event, tier) = system.tier_event(1).await;
    let (winner, loser) = (system.guest().await, system.guest().await);
    let won = winner.buy(event, tier, 1).await.unwrap();
    let (key, body) = (key(), purchase(event, tier));
    let refused = loser.post_with_key(BOOKINGS, &key, &body).await.unwrap();
    assert_eq!(refused.code(), "sold_out");
    winner
        .post(&format!("{BOOKINGS}/{}/cancel", won.body["booking_id"].as_str().unwrap()), &Value::Null)
        .await
        .unwrap();
    eventually("the ticket is back", Duration::from_secs(5), async || {
        system.admin.event(event).await.unwrap().tiers[0].available == Some(1)
    })
    .await;
    let again = loser.post_with_key(BOOKINGS, &key, &body).await.unwrap();
    assert!(again.is_replay && again.status == refused.status && again.body == refused.body, "{}", again.body);
    // Another key is another purchase, once no replica remembers "sold out" any more.
    let buys = async || {
        let fresh = uuid::Uuid::new_v4().to_string();
        loser.post_with_key(BOOKINGS, &fresh, &body).await.unwrap().status == 201
    };
    eventually("another key buys", Duration::from_secs(2), buys).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_one_customers_one_paths_and_one_bodys() {
    keys_are_their_customers_alone(shared().await).await;
}

pub async fn keys_are_their_customers_alone(system: &System) {
    let (event, tier) = system.tier_event(50).await;
    let (one, other) = (system.guest().await, system.guest().await);
    let (key, body) = (key(), purchase(event, tier));
    let first = one.post_with_key(BOOKINGS, &key, &body).await.unwrap();
    let others = other.post_with_key(BOOKINGS, &key, &body).await.unwrap();
    assert!(!others.is_replay, "another customer's answer");
    assert!(others.status == 201 && others.body["booking_id"] != first.body["booking_id"]);
    let holds = format!("/api/v1/events/{event}/holds");
    let elsewhere = one.post_with_key(&holds, &key, &json!({ "tier_id": tier, "quantity": 1 })).await.unwrap();
    assert!(elsewhere.status == 201 && !elsewhere.is_replay, "{}", elsewhere.body);
    let changed = json!({ "event_id": event, "tier_id": tier, "quantity": 2 });
    let reused = one.post_with_key(BOOKINGS, &key, &changed).await.unwrap();
    assert_eq!((reused.status.as_u16(), reused.code(), reused.is_replay), (422, "key_reused", false));
    assert_eq!(system.bookings(event).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_none_is_refused_and_nothing_is_done() {
    let system = shared().await;
    let (event, tier) = system.tier_event(50).await;
    let guest = system.guest().await;
    let body = purchase(event, tier);
    for bad in ["", " ", "two words", "tab\tbed", &"k".repeat(256)] {
        let answer = guest.post_with_key(BOOKINGS, bad, &body).await.unwrap();
        assert_eq!((answer.status.as_u16(), answer.code()), (400, "malformed"), "{bad:?}: {}", answer.body);
    }
    let twice = guest.request(reqwest::Method::POST, BOOKINGS).json(&body);
    let twice = stack::client::send(twice.header("Idempotency-Key", "a").header("Idempotency-Key", "b")).await.unwrap();
    assert_eq!((twice.status.as_u16(), twice.code()), (400, "malformed"));
    assert_eq!(system.bookings(event).await, 0);
    let longest = guest.post_with_key(BOOKINGS, &"k".repeat(255), &body).await.unwrap();
    assert_eq!(longest.status, 201);
    let stranger = Client::new(&system.ready.url).unwrap();
    assert_eq!(stranger.post_with_key(BOOKINGS, "a", &body).await.unwrap().code(), "unauthorized");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_dies_with_the_answer_leaves_it_to_the_next() {
    the_next_continues_what_a_dead_replica_began(&private().await).await;
}

pub async fn the_next_continues_what_a_dead_replica_began(system: &Private) {
    let (event, tier) = system.tier_event(50).await;
    let guest = system.guest().await;
    let (key, body) = (key(), purchase(event, tier));
    system.set_fault("gatekeeper-before-keep");
    let lost = guest.post_with_key(BOOKINGS, &key, &body).await.unwrap();
    assert_eq!(lost.code(), "unavailable");
    system.crashed_at("gatekeeper-before-keep").await;
    assert_eq!(system.bookings(event).await, 1, "it was booked, and nobody was told");
    let next = guest.request(Method::POST, BOOKINGS).header("idempotency-key", &key).json(&body).send().await.unwrap();
    assert_eq!((next.status().as_u16(), next.headers()["retry-after"].to_str().unwrap()), (409, "1"));
    let next: Value = next.json().await.unwrap();
    assert_eq!((&next["code"], &next["retry_after_seconds"]), (&json!("in_progress"), &json!(1)));
    let asked = std::time::Instant::now();
    let answer = insist(&guest, BOOKINGS, &key, &body).await;
    assert!(asked.elapsed() < CLAIM_OVER_WITHIN, "{:?}", asked.elapsed());
    assert_eq!(answer.status, 201);
    let id = answer.body["booking_id"].as_str().unwrap();
    let booking = guest.get(&format!("{BOOKINGS}/{id}")).await.unwrap();
    assert_eq!(booking.body, answer.body);
    assert_eq!(system.bookings(event).await, 1, "one purchase");
    assert_eq!(system.clean_audit(event).await.tiers[0].available, 49);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_that_was_voided_is_followed_by_another_under_the_same_key() {
    let lease = ("ONSALE_COMMIT_LEASE_MS".to_owned(), "1000".to_owned());
    let system = private_with(move |options| options.gatekeeper_env.push(lease.clone())).await;
    let (event, tier) = system.tier_event(50).await;
    let guest = system.guest().await;
    let (key, body) = (key(), purchase(event, tier));
    system.set_fault("gatekeeper-before-commit");
    assert_eq!(guest.post_with_key(BOOKINGS, &key, &body).await.unwrap().code(), "unavailable");
    system.crashed_at("gatekeeper-before-commit").await;
    let voids = "SELECT count(*) FROM reservations WHERE event_id = $1 AND outcome = 'void'";
    eventually("its rid is void", Duration::from_secs(8), async || system.count(voids, event).await == 1).await;
    let answer = insist(&guest, BOOKINGS, &key, &body).await;
    assert_eq!(answer.status, 201);
    assert_eq!((system.bookings(event).await, system.count(voids, event).await), (1, 1));
    assert_eq!(system.clean_audit(event).await.tiers[0].available, 49);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outcome_nobody_knew_is_found_by_its_key() {
    let wait = ("ONSALE_COMMIT_WAIT_MS".to_owned(), "100".to_owned());
    let system = private_with(move |options| options.gatekeeper_env.push(wait.clone())).await;
    let (event, tier) = system.tier_event(50).await;
    let guest = system.guest().await;
    let (key, body) = (key(), purchase(event, tier));
    system.set_fault("vault-after-commit");
    let unknown = guest.post_with_key(BOOKINGS, &key, &body).await.unwrap();
    assert_eq!(unknown.code(), "outcome_unknown", "{}", unknown.body);
    system.crashed_at("vault-after-commit").await;
    let answer = insist(&guest, BOOKINGS, &key, &body).await;
    assert_eq!(answer.status, 201);
    assert!(unknown.body["status_url"].as_str().unwrap().ends_with(answer.body["booking_id"].as_str().unwrap()));
    assert_eq!(system.bookings(event).await, 1);
    assert_eq!(system.clean_audit(event).await.tiers[0].available, 49);
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_kept_whatever_is_restarted_and_failures_are_not() {
    let system = private().await;
    let (event, tier) = system.tier_event(1).await;
    let (winner, loser) = (system.guest().await, system.guest().await);
    let body = purchase(event, tier);
    let redis = system.stack.child(Role::Redis).unwrap();
    down(&redis).await;
    let (winners, losers) = (key(), key());
    let failed = winner.post_with_key(BOOKINGS, &winners, &body).await.unwrap();
    assert_eq!((failed.status.as_u16(), failed.code()), (503, "inventory_rebuilding"));
    redis.up();
    let won = insist(&winner, BOOKINGS, &winners, &body).await;
    let lost = insist(&loser, BOOKINGS, &losers, &body).await;
    assert_eq!((won.status.as_u16(), lost.code()), (201, "sold_out"), "a failure is no answer for good");

    for role in
        [Role::Redis, Role::Postgres, Role::Vault, Role::Gatekeeper(0), Role::Gatekeeper(1), Role::Gatekeeper(2)]
    {
        let child = system.stack.child(role).unwrap();
        down(&child).await;
        child.up();
    }
    for (guest, key, first) in [(&winner, &winners, &won), (&loser, &losers, &lost)] {
        let again = insist(guest, BOOKINGS, key, &body).await;
        assert_eq!((again.status, &again.body), (first.status, &first.body));
    }
    assert_eq!(system.bookings(event).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_forgotten_after_their_day_and_not_before() {
    let system = private().await;
    let (event, tier) = system.tier_event(50).await;
    let guest = system.guest().await;
    let (old, young, body) = (key(), key(), purchase(event, tier));
    for key in [&old, &young] {
        assert_eq!(guest.post_with_key(BOOKINGS, key, &body).await.unwrap().status, 201);
    }
    // A third that is just being carried out, though it was begun long ago.
    let third = key();
    assert_eq!(guest.post_with_key(BOOKINGS, &third, &body).await.unwrap().status, 201);
    let postgres = system.postgres().await;
    let order = "SELECT rid FROM idempotency_keys ORDER BY rid";
    let rids: Vec<uuid::Uuid> = postgres.query(order, &[]).await.unwrap().iter().map(|row| row.get(0)).collect();
    for (rid, change) in rids.iter().zip([
        "changed_at = now() - make_interval(hours => 25), claimed_until = now() - make_interval(hours => 25)",
        "changed_at = now() - make_interval(hours => 23), claimed_until = now() - make_interval(hours => 23)",
        "changed_at = now() - make_interval(hours => 25), claimed_until = now() + make_interval(mins => 1)",
    ]) {
        let aged = format!("UPDATE idempotency_keys SET {change} WHERE rid = $1");
        assert_eq!(postgres.execute(&aged, &[rid]).await.unwrap(), 1);
    }
    let vault = system.stack.child(Role::Vault).unwrap();
    down(&vault).await;
    vault.up();
    let left = async || {
        let count = postgres.query_one("SELECT count(*) FROM idempotency_keys", &[]).await.unwrap();
        count.get::<_, i64>(0)
    };
    eventually("the old one is forgotten", Duration::from_secs(10), async || left().await == 2).await;
    for key in [&young, &third] {
        assert!(guest.post_with_key(BOOKINGS, key, &body).await.unwrap().is_replay);
    }
    let anew = guest.post_with_key(BOOKINGS, &old, &body).await.unwrap();
    assert_eq!((anew.status.as_u16(), anew.is_replay), (201, false));
    assert_eq!(system.bookings(event).await, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_could_not_be_kept_is_not_told_and_stays_one_purchase() {
    let system = private().await;
    let (event, tier) = system.tier_event(50).await;
    let guest = system.guest().await;
    let (key, body) = (key(), purchase(event, tier));
    system.set_fault("answers-not-kept");
    let untold = guest.post_with_key(BOOKINGS, &key, &body).await.unwrap();
    system.clear_fault("answers-not-kept");
    assert_eq!((untold.status.as_u16(), untold.code()), (503, "unavailable"));
    assert_eq!(system.bookings(event).await, 1);
    assert_eq!(insist(&guest, BOOKINGS, &key, &body).await.status, 201);
    assert_eq!(system.bookings(event).await, 1);
    assert_eq!(system.clean_audit(event).await.tiers[0].available, 49);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_who_insist_while_postgres_is_stuck_buy_once() {
    let system = private().await;
    let (event, tier) = system.tier_event(50).await;
    let guest = system.guest().await;
    let (key, body) = (key(), purchase(event, tier));
    let mut postgres = system.postgres().await;
    let stuck = postgres.transaction().await.unwrap();
    stuck.execute("SELECT 1 FROM events WHERE event_id = $1 FOR UPDATE", &[&event.0]).await.unwrap();
    let everywhere: Vec<_> = system.ready.replicas.iter().cycle().take(6).map(|url| guest.at(url)).collect();
    let asking = join_all(everywhere.iter().map(|guest| insist(guest, BOOKINGS, &key, &body)));
    let (answers, ()) = tokio::join!(asking, async {
        // Longer than a request is worked on: others take over meanwhile.
        tokio::time::sleep(Duration::from_secs(11)).await;
        stuck.rollback().await.unwrap();
    });
    for answer in &answers {
        assert_eq!((answer.status.as_u16(), &answer.body), (201, &answers[0].body));
    }
    assert_eq!(system.bookings(event).await, 1);
    assert_eq!(system.clean_audit(event).await.tiers[0].available, 49);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_carried_out_is_not_held_to_its_key() {
    let system = shared().await;
    let (event, tier) = system.tier_event(50).await;
    let guest = system.guest().await;
    // What was not understood, or too large to be read.
    let huge = json!({ "event_id": event, "tier_id": tier, "quantity": "9".repeat(60_000) });
    for (body, status) in [(json!({ "event_id": event }), 400), (huge, 400)] {
        let key = key();
        for _ in 0..2 {
            let answer = guest.post_with_key(BOOKINGS, &key, &body).await.unwrap();
            assert_eq!((answer.status.as_u16(), answer.is_replay), (status, false));
            assert!(answer.body.to_string().len() < 1_000, "a mistake is not repeated at length");
        }
    }
    // A session is a new customer each time.
    let key = key();
    let session = async || guest.post_with_key("/api/v1/sessions", &key, &Value::Null).await.unwrap();
    let (one, other) = (session().await, session().await);
    assert!(!other.is_replay && one.body["customer_id"] != other.body["customer_id"]);
    let kept = "SELECT count(*) FROM idempotency_keys WHERE body LIKE '%eyJ%' AND $1::uuid IS NOT NULL";
    assert_eq!(system.count(kept, event).await, 0, "no token is ever kept");
}

async fn down(child: &std::sync::Arc<stack::children::Managed>) {
    let child = child.clone();
    tokio::task::spawn_blocking(move || child.down(Signal::SIGKILL)).await.unwrap();
}
