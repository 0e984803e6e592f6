//! Many buyers, few tickets.

use futures_util::future::join_all;
use serde_json::json;

use crate::support::{SOON, eventually, private, shared, tally};

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_buyers_get_exactly_one_hundred_tickets() {
    let system = shared().await;
    let (event, tier) = system.tier_event(100).await;
    let guests = system.guests(500).await;
    let answers = join_all(guests.iter().map(|guest| guest.buy(event, tier, 1))).await;
    let answers: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
    assert_eq!(tally(&answers), [("201".into(), 100), ("409 sold_out".into(), 400)].into());
    assert_eq!(system.bookings(event).await, 100);
    let audit = system.clean_audit(event).await;
    assert_eq!((audit.tiers[0].sold, audit.tiers[0].available), (100, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn mixed_quantities_sell_every_ticket_and_none_twice() {
    let system = shared().await;
    let (event, tier) = system.tier_event(100).await;
    let guests = system.guests(500).await;
    let wanted = (1..=4).cycle();
    let answers = join_all(guests.iter().zip(wanted).map(|(guest, quantity)| guest.buy(event, tier, quantity))).await;
    let answers: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
    let sold: i64 = answers.iter().filter_map(|answer| answer.body["quantity"].as_i64()).sum();
    assert_eq!(sold, 100, "{:?}", tally(&answers));
    let kinds = tally(&answers);
    assert!(kinds.len() == 2 && kinds.contains_key("201") && kinds.contains_key("409 sold_out"), "{kinds:?}");
    let rows = system.count("SELECT sum(quantity)::bigint FROM bookings WHERE event_id = $1", event).await;
    assert_eq!(rows, 100);
    system.clean_audit(event).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_made_and_sold_out_does_not_stop_another_from_selling() {
    let system = shared().await;
    let (steady, steady_tier) = system.tier_event(1_000).await;
    let (steady_buyers, rush_buyers) = (system.guests(40).await, system.guests(60).await);
    let (made, after) = steady_buyers.split_at(20);

    // While the other event is being made, and while its lane stands still because somebody has its row.
    let ((rush, rush_tier), answers) =
        tokio::join!(system.tier_event(50), join_all(made.iter().map(|guest| guest.buy(steady, steady_tier, 1))));
    assert!(answers.iter().all(|answer| answer.as_ref().unwrap().status == 201), "{answers:?}");
    let mut postgres = system.postgres().await;
    let lock = postgres.transaction().await.unwrap();
    lock.execute("SELECT FROM events WHERE event_id = $1 FOR UPDATE", &[&rush.0]).await.unwrap();
    let rushing = tokio::spawn(async move {
        let answers = join_all(rush_buyers.iter().map(|guest| guest.buy(rush, rush_tier, 1))).await;
        answers.into_iter().map(Result::unwrap).collect::<Vec<_>>()
    });
    eventually("the rush waits for its row", SOON, async || {
        let waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted";
        system.postgres().await.query_one(waiting, &[]).await.unwrap().get::<_, i64>(0) > 0
    })
    .await;
    let answers = join_all(after.iter().map(|guest| guest.buy(steady, steady_tier, 1))).await;
    assert!(answers.iter().all(|answer| answer.as_ref().unwrap().status == 201), "{answers:?}");
    assert_eq!((system.bookings(steady).await, system.bookings(rush).await), (40, 0), "nobody queues behind the other");

    lock.rollback().await.unwrap();
    assert_eq!(tally(&rushing.await.unwrap()), [("201".into(), 50), ("409 sold_out".into(), 10)].into());
    system.clean_audit(rush).await;
    system.clean_audit(steady).await;
}

/// While the event's row is taken, a hundred winners wait; when it is free again they need a handful of transactions.
#[tokio::test(flavor = "multi_thread")]
async fn concurrent_winners_share_transactions() {
    let system = shared().await;
    let (event, tier) = system.tier_event(100).await;
    let guests = system.guests(100).await;
    let mut postgres = system.postgres().await;
    let lock = postgres.transaction().await.unwrap();
    lock.execute("SELECT FROM events WHERE event_id = $1 FOR UPDATE", &[&event.0]).await.unwrap();
    let buying = tokio::spawn(async move {
        let answers = join_all(guests.iter().map(|guest| guest.buy(event, tier, 1))).await;
        answers.into_iter().map(Result::unwrap).collect::<Vec<_>>()
    });
    let is_admitted = async || system.admin.event(event).await.unwrap().tiers[0].available == Some(0);
    eventually("all are admitted", SOON, is_admitted).await;
    let before = system.vault_metric("vault_commit_batch_size_count").await;
    lock.rollback().await.unwrap();
    assert_eq!(tally(&buying.await.unwrap()), [("201".into(), 100)].into());
    let transactions = system.vault_metric("vault_commit_batch_size_count").await - before;
    assert!(transactions <= 20.0, "{transactions} transactions for 100 bookings");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gets_more_than_the_limit() {
    let system = shared().await;
    let (event, tier) = system.tier_event_with(100, |event| event.per_customer_max = 3).await;
    let guest = system.guest().await;
    let answers = join_all((0..10).map(|_| guest.buy(event, tier, 1))).await;
    let answers: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
    assert_eq!(tally(&answers), [("201".into(), 3), ("422 limit_exceeded".into(), 7)].into());
    // A hold asks nobody but Redis, which knows what is booked, also when it has just been loaded.
    assert_eq!(guest.hold_tier(event, tier, 1).await.unwrap().code(), "limit_exceeded");
    let mut redis = system.redis().await;
    let keys: Vec<String> = redis::cmd("KEYS").arg(format!("{{e:{event}}}:*")).query_async(&mut redis).await.unwrap();
    redis::cmd("DEL").arg(keys).exec_async(&mut redis).await.unwrap();
    let is_refused = async || {
        let answer = guest.hold_tier(event, tier, 1).await.unwrap();
        assert!(["inventory_rebuilding", "limit_exceeded"].contains(&answer.code()), "{}", answer.body);
        answer.code() == "limit_exceeded"
    };
    eventually("it is loaded", SOON, is_refused).await;
    // What is held counts as well as what is booked.
    let other = system.guest().await;
    assert_eq!(other.hold_tier(event, tier, 2).await.unwrap().status, 201);
    assert_eq!(other.buy(event, tier, 2).await.unwrap().code(), "limit_exceeded");
    assert_eq!(other.buy(event, tier, 1).await.unwrap().status, 201);
    system.clean_audit(event).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sale_opens_on_time_pauses_and_grows() {
    let system = shared().await;
    let hour = jiff::SignedDuration::from_hours(1);
    let (early, early_tier) = system.tier_event_with(5, |event| event.on_sale_at = jiff::Timestamp::now() + hour).await;
    let guest = system.guest().await;
    assert_eq!(guest.buy(early, early_tier, 1).await.unwrap().code(), "not_bookable");

    let (event, tier) = system.tier_event(1).await;
    let hold = crate::support::hold(guest.hold_tier(event, tier, 1).await.unwrap());
    let change = |body: serde_json::Value| async move {
        let path = format!("/api/v1/events/{event}");
        system.admin.call(reqwest::Method::PATCH, &path, &body).await.unwrap()
    };
    let other = system.guest().await;
    assert_eq!(other.buy(event, tier, 1).await.unwrap().code(), "sold_out");
    assert_eq!(change(json!({"sale_state": "paused"})).await.status, 200);
    let is_paused = async || other.buy(event, tier, 1).await.unwrap().code() == "not_bookable";
    eventually("the pause reaches the gate", SOON, is_paused).await;
    assert_eq!(guest.book_hold(event, hold.hold_id).await.unwrap().code(), "not_bookable");
    assert_eq!(change(json!({"sale_state": "open", "tiers": [{"tier_id": tier, "capacity": 2}]})).await.status, 200);
    let is_bought = async || other.buy(event, tier, 1).await.unwrap().status == 201;
    eventually("the new ticket is sold", SOON, is_bought).await;
    assert_eq!(guest.book_hold(event, hold.hold_id).await.unwrap().status, 201, "the hold outlived the pause");
    let refused = change(json!({"tiers": [{"tier_id": tier, "capacity": 1}]})).await;
    assert_eq!(refused.code(), "limit_exceeded", "two are sold");
    let unknown = change(json!({"tiers": [{"tier_id": uuid::Uuid::new_v4(), "capacity": 1}]})).await;
    // The event is there; what is wrong is what was asked of it.
    assert_eq!((unknown.status.as_u16(), unknown.code()), (400, "malformed"));
    assert_eq!(system.clean_audit(event).await.tiers[0].sold, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_reaches_the_gate_though_every_wake_is_lost() {
    let system = private().await;
    let (event, tier) = system.tier_event(1).await;
    system.set_fault("no-wakes");
    let change = json!({"sale_state": "paused"});
    let path = format!("/api/v1/events/{event}");
    assert_eq!(system.admin.call(reqwest::Method::PATCH, &path, &change).await.unwrap().status, 200);
    let guest = system.guest().await;
    let is_paused = async || guest.hold_tier(event, tier, 1).await.unwrap().code() == "not_bookable";
    eventually("the pause reaches the gate", SOON, is_paused).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn attempts_are_counted_over_all_replicas() {
    let system = shared().await;
    let (event, tier) = system.tier_event(2).await;
    let path = format!("/api/v1/events/{event}/activity");
    assert_eq!(system.guest().await.get(&path).await.unwrap().status, 403, "for administrators only");
    let guests = system.guests(12).await;
    // One after the other, so that the latch of each replica turns some away by itself.
    for guest in system.spread(&guests) {
        guest.buy(event, tier, 1).await.unwrap();
    }
    let counted = async |admitted: i64, sold_out: i64| {
        let activity = system.admin.get(&path).await.unwrap().body;
        let counts = (&activity["admitted"], &activity["refused"]["sold_out"]);
        counts == (&json!(admitted), &json!(sold_out))
    };
    eventually("every attempt is counted", SOON, async || counted(2, 10).await).await;
    // Another of each replica: when these are there, each has brought its counts twice, and what it had brought only once.
    for guest in system.spread(&guests[..system.ready.replicas.len()]) {
        guest.buy(event, tier, 1).await.unwrap();
    }
    eventually("none is counted twice", SOON, async || counted(2, 13).await).await;
}
