//! What runs out comes back, once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use contract::EventId;
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use stack::client::Answer;

use crate::support::{System, eventually, hold, private, private_with, shared};

const HOUR: jiff::SignedDuration = jiff::SignedDuration::from_hours(1);

#[tokio::test(flavor = "multi_thread")]
async fn a_swept_hold_is_back_within_a_second_of_its_end() {
    let system = shared().await;
    let (event, tier) = system.tier_event_with(4, |event| event.hold_ttl_seconds = 1).await;
    let guest = system.guest().await;
    let held = hold(guest.hold_tier(event, tier, 4).await.unwrap());
    let is_back = async || system.admin.event(event).await.unwrap().tiers[0].available == Some(4);
    // The hold's second, and one more.
    eventually("the tickets are shown as available", Duration::from_secs(2), is_back).await;
    assert!(jiff::Timestamp::now() >= held.expires_at, "not before its end");
    assert_eq!(guest.book_hold(event, held.hold_id).await.unwrap().code(), "hold_expired");
    assert_eq!(system.clean_audit(event).await.tiers[0].available, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_that_ran_out_is_free_for_the_next_even_without_a_sweep() {
    let system = private().await;
    let seats = system.seat_event_with(|event| event.hold_ttl_seconds = 2).await;
    let (tickets, tier) = system.tier_event_with(1, |event| event.hold_ttl_seconds = 2).await;
    let limited = system.seat_event_with(|event| (event.hold_ttl_seconds, event.per_customer_max) = (2, 1)).await;
    let (first, second) = (system.guest().await, system.guest().await);
    hold(first.hold_seats(seats, &["A-1-1"]).await.unwrap());
    hold(second.hold_seats(limited, &["A-1-1"]).await.unwrap());
    let held = hold(first.hold_tier(tickets, tier, 1).await.unwrap());
    system.set_fault("no-sweep");
    let take_seat = async || second.hold_seats(seats, &["A-1-1"]).await.unwrap().status == 201;
    assert!(!take_seat().await, "the hold still holds");
    eventually("the seat can be taken", Duration::from_secs(3), take_seat).await;
    let take_ticket = async || second.hold_tier(tickets, tier, 1).await.unwrap().status == 201;
    eventually("the ticket can be taken", Duration::from_secs(3), take_ticket).await;
    let hold_another = async || second.hold_seats(limited, &["A-1-2"]).await.unwrap().status == 201;
    eventually("a hold of one's own that ran out does not count", Duration::from_secs(3), hold_another).await;
    assert!(jiff::Timestamp::now() >= held.expires_at);
    system.clear_fault("no-sweep");
    system.clean_audit(seats).await;
    system.clean_audit(tickets).await;
}

/// Asks until it is answered with this status; every other answer must be an honest 503.
async fn insist(ask: impl AsyncFn() -> anyhow::Result<Answer>, status: u16) -> Answer {
    for _ in 0..50 {
        let answer = ask().await.unwrap();
        if answer.status == status {
            return answer;
        }
        assert_eq!(answer.status, 503, "{}", answer.body);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("never {status}")
}

#[tokio::test(flavor = "multi_thread")]
async fn unpaid_and_cancelled_bookings_come_back_exactly_once_while_appliers_die() {
    let system = private().await;
    let (event, tier) = system.tier_event_with(40, |event| event.payment_ttl_seconds = 2).await;
    let seats = system.seat_event_with(|event| event.payment_ttl_seconds = 2).await;
    let guests = system.guests(10).await;
    // Two replicas die in the very act: one before a page is applied, one after it was and before it knows.
    for fault in ["gatekeeper-before-apply", "gatekeeper-after-apply"] {
        system.set_fault(fault);
    }
    for (at, guest) in guests.iter().enumerate() {
        // Replicas are dying: what is sent to one of them may have to be asked again.
        let bought = insist(async || guest.buy(event, tier, 2).await, 201).await;
        let seat = format!("A-2-{}", at + 1);
        let held = hold(insist(async || guest.hold_seats(seats, &[&seat]).await, 201).await).hold_id;
        insist(async || guest.book_hold(seats, held).await, 201).await;
        if at % 2 == 0 {
            let path = format!("/api/v1/bookings/{}/cancel", bought.body["booking_id"].as_str().unwrap());
            for _ in 0..2 {
                // Cancelling twice is cancelling once.
                insist(async || guest.post(&path, &Value::Null).await, 200).await;
            }
        }
    }
    for fault in ["gatekeeper-before-apply", "gatekeeper-after-apply"] {
        system.crashed_at(fault).await;
    }
    let all_back = async || {
        let tickets = system.admin.event(event).await.ok().and_then(|event| event.tiers[0].available);
        let free = system.admin.event(seats).await.ok().and_then(|event| event.seats_available);
        (tickets, free) == (Some(40), Some(100))
    };
    eventually("everything is back", Duration::from_secs(15), all_back).await;
    let still = AtomicBool::new(true);
    for _ in 0..20 {
        still.fetch_and(all_back().await, Ordering::Relaxed);
    }
    assert!(still.load(Ordering::Relaxed), "back once, not more");
    assert_eq!(system.clean_audit(event).await.tiers[0].sold, 0);
    system.clean_audit(seats).await;
    let ended = "SELECT count(*) FROM bookings WHERE event_id = $1 AND status IN ('expired', 'cancelled')";
    assert_eq!(system.count(ended, event).await, 10);
    assert_eq!(system.count(ended, seats).await, 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_booking_that_ended_cannot_be_paid() {
    let system = shared().await;
    let (event, tier) = system.tier_event_with(1, |event| event.payment_ttl_seconds = 1).await;
    let guest = system.guest().await;
    let booking = guest.buy(event, tier, 1).await.unwrap();
    let path = format!("/api/v1/bookings/{}", booking.body["booking_id"].as_str().unwrap());
    let is_expired = async || guest.get(&path).await.unwrap().body["status"] == "expired";
    eventually("the booking expires", Duration::from_secs(5), is_expired).await;
    let refused = guest.post(&format!("{path}/confirm"), &json!({"payment_reference": "late"})).await.unwrap();
    assert_eq!((refused.status.as_u16(), refused.code()), (410, "gone"));
    let other = system.guest().await;
    let buys = async || other.buy(event, tier, 1).await.unwrap().status == 201;
    eventually("another buys the ticket", Duration::from_secs(2), buys).await;
    system.clean_audit(event).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_can_be_extended_only_so_far() {
    let system = shared().await;
    let (event, tier) = system.tier_event_with(1, |event| event.hold_ttl_seconds = 1).await;
    let guest = system.guest().await;
    let held = hold(guest.hold_tier(event, tier, 1).await.unwrap());
    let path = format!("/api/v1/events/{event}/holds/{}", held.hold_id);
    let limit = held.expires_at + jiff::SignedDuration::from_secs(4);
    let ends = async || {
        let answer = guest.post(&format!("{path}/extend"), &Value::Null).await.unwrap();
        if answer.status == 200 {
            assert!(hold(answer).expires_at <= limit);
            return false;
        }
        assert_eq!((answer.status.as_u16(), answer.code()), (409, "hold_expired"));
        true
    };
    eventually("the hold ends in spite of extensions", Duration::from_secs(8), ends).await;
    assert!(jiff::Timestamp::now() >= limit);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_whose_reply_was_lost_is_released_long_before_its_deadline() {
    let system = private().await;
    let (event, tier) = system.tier_event(4).await;
    let seats = system.seat_event().await;
    // One replica throughout: it is connected, and Redis knows its scripts.
    let guest = system.guest().await.at(&system.ready.replicas[0]);
    for held in [guest.hold_tier(event, tier, 4).await, guest.hold_seats(seats, &["A-1-1"]).await].map(Result::unwrap) {
        let held = hold(held);
        let path = format!("/api/v1/events/{}/holds/{}", held.event_id, held.hold_id);
        assert_eq!(guest.call(reqwest::Method::DELETE, &path, &Value::Null).await.unwrap().status, 204);
    }
    // Redis carries out what it was sent, but later than anybody waits for.
    let redis = system.stack.child(stack::Role::Redis).unwrap();
    redis.signal(Signal::SIGSTOP);
    let (tickets, seat) = tokio::join!(guest.hold_tier(event, tier, 4), guest.hold_seats(seats, &["A-1-1"]));
    redis.signal(Signal::SIGCONT);
    for answer in [tickets.unwrap(), seat.unwrap()] {
        assert_eq!((answer.status.as_u16(), answer.code()), (503, "inventory_rebuilding"));
    }
    // Each was made once more, and given back: two further steps of the event's feed.
    eventually("what was held is back", Duration::from_secs(5), async || {
        feed_steps(&system, event).await == 4 && feed_steps(&system, seats).await == 4
    })
    .await;
    assert_eq!(system.clean_audit(event).await.tiers[0].available, 4);
    assert_eq!(system.clean_audit(seats).await.seats.available, 100);
}

/// How often an event's inventory changed since it was loaded for the first time.
async fn feed_steps(system: &System, event: EventId) -> i64 {
    let mut redis = system.redis().await;
    let meta = format!("{{e:{event}}}:meta");
    redis::cmd("HGET").arg(meta).arg("feed_seq").query_async::<i64>(&mut redis).await.unwrap() - 1_000_000_000
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_is_over_leaves_redis_and_can_still_be_read() {
    let system = private_with(|options| {
        options.gatekeeper_env.push(("ONSALE_RETIRE_AFTER_SECONDS".into(), "2".into()));
    })
    .await;
    let soon = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(3);
    let (event, tier) = system.tier_event_with(4, |event| (event.starts_at, event.ends_at) = (soon - HOUR, soon)).await;
    let guest = system.guest().await;
    assert_eq!(guest.buy(event, tier, 1).await.unwrap().status, 201);
    let (pattern, mut redis) = (format!("{{e:{event}}}:*"), system.redis().await);
    let keys = async |redis: &mut redis::aio::MultiplexedConnection| {
        redis::cmd("KEYS").arg(&pattern).query_async::<Vec<String>>(redis).await.unwrap().len()
    };
    assert!(keys(&mut redis).await > 0);
    let is_retired = async || {
        let mut redis = system.redis().await;
        let listed: bool =
            redis::cmd("SISMEMBER").arg("onsale:events").arg(event.to_string()).query_async(&mut redis).await.unwrap();
        keys(&mut redis).await == 0 && !listed
    };
    eventually("it is gone from Redis", Duration::from_secs(15), is_retired).await;
    // Asked for, it is there again for a while, as it was.
    let is_shown = async || system.admin.event(event).await.unwrap().tiers[0].available == Some(3);
    eventually("it is shown with what is left", Duration::from_secs(5), is_shown).await;
    assert_eq!(guest.buy(event, tier, 1).await.unwrap().code(), "not_bookable");
    eventually("it is gone from Redis again", Duration::from_secs(15), is_retired).await;
    assert_eq!(guest.get("/api/v1/bookings").await.unwrap().body["total"], 1);
}
