//! What runs out comes back, once.

use std::time::Duration;

use contract::EventId;
use contract::api::Action;
use contract::origin::ActorKind;
use futures_util::future::join_all;
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use stack::client::{Answer, Client};

use crate::hold_log::story;
use crate::support::{Private, SOON, System, eventually, hold, private, private_with, shared};

const HOUR: jiff::SignedDuration = jiff::SignedDuration::from_hours(1);

/// Tickets available, as Redis itself has it.
async fn available_in_redis(system: &System, event: EventId, tier: contract::TierId) -> i64 {
    let mut redis = system.redis().await;
    let (meta, field) = (format!("{{e:{event}}}:meta"), format!("t:{tier}"));
    redis::cmd("HGET").arg(meta).arg(field).query_async(&mut redis).await.unwrap()
}

/// Holds that end at different moments of more than a second: a sweep once in two seconds would be late for one of them.
/// A machine that stands still for a second is not the sweep's fault, so there are three tries.
#[tokio::test(flavor = "multi_thread")]
async fn a_swept_hold_is_back_within_a_second_of_its_end() {
    let system = shared().await;
    let mut latest = Duration::MAX;
    for _ in 0..3 {
        let holds = (0..5).map(async |turn| {
            let (event, tier) = system.tier_event_with(4, |event| event.hold_ttl_seconds = 1).await;
            let guest = system.guest().await;
            tokio::time::sleep(Duration::from_millis(300) * turn).await;
            let held = hold(guest.hold_tier(event, tier, 4).await.unwrap());
            let is_back = async || available_in_redis(system, event, tier).await == 4;
            eventually("the tickets are available", SOON, is_back).await;
            let late = jiff::Timestamp::now().duration_since(held.expires_at);
            assert!(late >= jiff::SignedDuration::ZERO, "not before its end");
            assert_eq!(guest.book_hold(event, held.hold_id).await.unwrap().code(), "hold_expired");
            assert_eq!(system.clean_audit(event).await.tiers[0].available, 4);
            late.unsigned_abs()
        });
        latest = join_all(holds).await.into_iter().max().unwrap();
        if latest <= Duration::from_secs(1) {
            return;
        }
    }
    panic!("back only {latest:?} after its end");
}

/// Neither the vault nor a memory of the event is needed: replicas that have just started sweep as well.
#[tokio::test(flavor = "multi_thread")]
async fn holds_are_swept_while_the_vault_stands_still() {
    let system = private().await;
    let (event, tier) = system.tier_event_with(4, |event| event.hold_ttl_seconds = 5).await;
    for _ in 0..20 {
        // Quiet ones, of which there is nothing to sweep.
        system.tier_event(1).await;
    }
    let guest = system.guest().await;
    let held = hold(guest.hold_tier(event, tier, 4).await.unwrap());
    let vault = system.stack.child(stack::Role::Vault).unwrap();
    vault.signal(Signal::SIGSTOP);
    for replica in 0..3 {
        system.stack.kill(stack::Role::Gatekeeper(replica)).unwrap();
    }
    let is_back = async || available_in_redis(&system, event, tier).await == 4;
    eventually("the tickets are available", Duration::from_secs(12), is_back).await;
    vault.signal(Signal::SIGCONT);
    assert!(jiff::Timestamp::now() >= held.expires_at);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_that_ran_out_is_free_for_the_next_even_without_a_sweep() {
    let system = private().await;
    let seats = system.seat_event_with(|event| event.hold_ttl_seconds = 4).await;
    let (tickets, tier) = system.tier_event_with(1, |event| event.hold_ttl_seconds = 4).await;
    let limited = system.seat_event_with(|event| (event.hold_ttl_seconds, event.per_customer_max) = (4, 1)).await;
    let (first, second) = (system.guest().await, system.guest().await);
    system.set_fault("no-sweep");
    let seat = hold(first.hold_seats(seats, &["A-1-1"]).await.unwrap());
    hold(second.hold_seats(limited, &["A-1-1"]).await.unwrap());
    let held = hold(first.hold_tier(tickets, tier, 1).await.unwrap());
    let take_seat = async || second.hold_seats(seats, &["A-1-1"]).await.unwrap().status == 201;
    let was_taken = take_seat().await;
    assert!(!was_taken || jiff::Timestamp::now() >= seat.expires_at, "the hold still holds");
    let has_ended = async || jiff::Timestamp::now() > held.expires_at + jiff::SignedDuration::from_secs(1);
    eventually("all have ended", SOON, has_ended).await;
    assert_eq!(available_in_redis(&system, tickets, tier).await, 0, "nobody swept");
    eventually("the seat can be taken", SOON, async || was_taken || take_seat().await).await;
    let take_ticket = async || second.hold_tier(tickets, tier, 1).await.unwrap().status == 201;
    eventually("the ticket can be taken", SOON, take_ticket).await;
    let hold_another = async || second.hold_seats(limited, &["A-1-2"]).await.unwrap().status == 201;
    eventually("a hold of one's own that ran out does not count", SOON, hold_another).await;
    system.clear_fault("no-sweep");
    system.clean_audit(seats).await;
    system.clean_audit(tickets).await;
}

/// Asks until it is answered with this status; every other answer must be an honest 503, or a code that a first try whose
/// reply was lost explains.
async fn insist(ask: impl AsyncFn() -> anyhow::Result<Answer>, status: u16, explained: &str) -> Answer {
    for _ in 0..400 {
        let answer = ask().await.unwrap();
        if answer.status == status {
            return answer;
        }
        assert!(answer.status == 503 || answer.code() == explained, "{}", answer.body);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("never {status}")
}

#[tokio::test(flavor = "multi_thread")]
async fn unpaid_and_cancelled_bookings_come_back_exactly_once_while_appliers_die() {
    let system = private().await;
    let terms = |event: &mut contract::api::NewEvent| (event.payment_ttl_seconds, event.hold_ttl_seconds) = (8, 5);
    let (event, tier) = system.tier_event_with(40, terms).await;
    let seats = system.seat_event_with(terms).await;
    let guests = system.guests(10).await;
    // Two replicas die in the very act: one before a page is applied, one after it was and before it knows.
    for fault in ["gatekeeper-before-apply", "gatekeeper-after-apply"] {
        system.set_fault(fault);
    }
    for (at, guest) in guests.iter().enumerate() {
        // Replicas are dying: what is sent to one of them may have to be asked again.
        let bought = insist(async || guest.buy(event, tier, 2).await, 201, "").await;
        let seat = format!("A-2-{}", at + 1);
        let held = insist(async || guest.hold_seats(seats, &[&seat]).await, 201, "seat_taken").await;
        let held = hold(held).hold_id;
        insist(async || guest.book_hold(seats, held).await, 201, "").await;
        if at % 2 == 0 {
            let path = format!("/api/v1/bookings/{}/cancel", bought.body["booking_id"].as_str().unwrap());
            for _ in 0..2 {
                // Cancelling twice is cancelling once.
                insist(async || guest.post(&path, &Value::Null).await, 200, "").await;
            }
        }
    }
    for fault in ["gatekeeper-before-apply", "gatekeeper-after-apply"] {
        system.crashed_at(fault).await;
    }
    let left = async || {
        let tickets = system.admin.event(event).await.ok().and_then(|event| event.tiers[0].available);
        let free = system.admin.event(seats).await.ok().and_then(|event| event.seats_available);
        (tickets, free)
    };
    eventually("everything is back", Duration::from_secs(40), async || left().await == (Some(40), Some(100))).await;
    for _ in 0..20 {
        let (tickets, free) = left().await;
        // A replica that has just started may not know.
        assert!(tickets.is_none_or(|left| left == 40) && free.is_none_or(|free| free == 100), "back once, not more");
    }
    assert_eq!(system.clean_audit(event).await.tiers[0].sold, 0);
    system.clean_audit(seats).await;
    // Somebody whose first reply was lost may have bought twice; all of it ended.
    let ended = "SELECT count(*) FROM bookings WHERE event_id = $1 AND status IN ('expired', 'cancelled')";
    for event in [event, seats] {
        let ended = system.count(ended, event).await;
        assert_eq!(ended, system.bookings(event).await);
        assert!(ended >= 10);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_booking_that_ended_cannot_be_paid() {
    let system = shared().await;
    let (event, tier) = system.tier_event_with(1, |event| event.payment_ttl_seconds = 1).await;
    let guest = system.guest().await;
    let booking = guest.buy(event, tier, 1).await.unwrap();
    let path = format!("/api/v1/bookings/{}", booking.body["booking_id"].as_str().unwrap());
    let is_expired = async || guest.get(&path).await.unwrap().body["status"] == "expired";
    eventually("the booking expires", SOON, is_expired).await;
    let refused = guest.post(&format!("{path}/confirm"), &json!({"payment_reference": "late"})).await.unwrap();
    assert_eq!((refused.status.as_u16(), refused.code()), (410, "gone"));
    let other = system.guest().await;
    let buys = async || other.buy(event, tier, 1).await.unwrap().status == 201;
    eventually("another buys the ticket", SOON, buys).await;
    system.clean_audit(event).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_can_be_extended_only_so_far() {
    let system = shared().await;
    let (event, tier) = system.tier_event_with(10, |event| event.hold_ttl_seconds = 1).await;
    let guest = system.guest().await;
    // A hold that ended because nothing could be asked in time proves nothing; then there is another.
    for _ in 0..5 {
        let held = hold(guest.hold_tier(event, tier, 1).await.unwrap());
        let path = format!("/api/v1/events/{event}/holds/{}/extend", held.hold_id);
        let limit = held.expires_at + jiff::SignedDuration::from_secs(4);
        let mut ends = held.expires_at;
        let refused = loop {
            let answer = guest.post(&path, &Value::Null).await.unwrap();
            if answer.status != 200 {
                break answer;
            }
            ends = hold(answer).expires_at;
            assert!(ends <= limit, "{ends} after {limit}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        assert_eq!((refused.status.as_u16(), refused.code()), (409, "hold_expired"));
        assert!(jiff::Timestamp::now() >= ends, "not before its end");
        if ends == limit {
            return;
        }
    }
    panic!("never extended to its limit");
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
        // Audits look at it in passing, also when it has just gone.
        options.gatekeeper_env.push(("ONSALE_AUDIT_INTERVAL_SECONDS".into(), "1".into()));
    })
    .await;
    let soon = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(10);
    let brief = |event: &mut contract::api::NewEvent| (event.starts_at, event.ends_at) = (soon - HOUR, soon);
    let (event, tier) = system.tier_event_with(4, brief).await;
    let guest = system.guest().await;
    assert_eq!(guest.buy(event, tier, 1).await.unwrap().status, 201);
    let (left, left_tier) = system.tier_event_with(1, brief).await;
    let held = hold(guest.hold_tier(left, left_tier, 1).await.unwrap()).hold_id;
    assert!(!is_retired(&system, event).await);
    let gone = async || is_retired(&system, event).await;
    eventually("it is gone from Redis", Duration::from_secs(40), gone).await;
    // All know the other, and that it is over: nobody brings it back.
    for replica in &system.ready.replicas {
        assert_eq!(guest.at(replica).get(&format!("/api/v1/events/{left}")).await.unwrap().status, 200);
    }
    let (meta, mut redis) = (format!("{{e:{left}}}:meta"), system.redis().await);
    redis::cmd("HSET").arg(meta).arg("run_id").arg("another").exec_async(&mut redis).await.unwrap();
    // The list does not bring it back.
    let listed = guest.get("/api/v1/events").await.unwrap().body;
    let shown = listed["items"].as_array().unwrap().iter().find(|item| item["event_id"] == event.to_string()).unwrap();
    assert_eq!(shown["tiers"][0]["available"], Value::Null, "{listed}");
    assert!(!is_retired(&system, left).await, "somebody has a hold of it");
    // Asked for, it is there again for a while, as it was.
    let is_shown = async || system.admin.event(event).await.unwrap().tiers[0].available == Some(3);
    eventually("it is shown with what is left", SOON, is_shown).await;
    eventually("nobody can buy any more", SOON, async || is_over(&guest, event, tier).await).await;
    nobody_brings_them_back_in_passing(&system).await;
    // What another Redis has left goes, too, and a hold not without its entry.
    eventually("it is gone, too", Duration::from_mins(1), async || is_retired(&system, left).await).await;
    assert_eq!(epoch(&system, left).await, 1, "nobody had it loaded again");
    let ended = [(Action::Held, ActorKind::Customer), (Action::Expired, ActorKind::System)];
    assert_eq!(story(&system, held.0).await, ended);
    // Nor does anybody bring it to a Redis that begins anew.
    let is_loaded = async || is_over(&guest, event, tier).await && !is_retired(&system, event).await;
    eventually("it is loaded", SOON, is_loaded).await;
    let before = epoch(&system, event).await;
    system.stack.kill(stack::Role::Redis).unwrap();
    eventually("Redis is back", SOON, async || !redis_is_down(&system).await).await;
    // Several sweeps of each replica.
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(gone().await);
    assert_eq!(epoch(&system, event).await, before, "nobody had it loaded again");
    assert_eq!(guest.get("/api/v1/bookings").await.unwrap().body["total"], 1);
}

/// Events that end one after the other, so that whoever looks in passing or brings counts finds one just gone.
async fn nobody_brings_them_back_in_passing(system: &Private) {
    let start = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(6);
    let events: Vec<_> = join_all((0..12).map(async |turn| {
        let ends_at = start + jiff::SignedDuration::from_millis(170 * turn);
        system.tier_event_with(4, |event| (event.starts_at, event.ends_at) = (ends_at - HOUR, ends_at)).await
    }))
    .await;
    let all_gone = async || {
        let gone = join_all(events.iter().map(async |(event, _)| is_retired(system, *event).await)).await;
        gone.into_iter().all(|is_gone| is_gone)
    };
    assert!(!all_gone().await);
    eventually("they are gone", Duration::from_secs(40), all_gone).await;
    let epochs = join_all(events.iter().map(async |(event, _)| epoch(system, *event).await)).await;
    assert_eq!(epochs, [1; 12], "an audit or a sweep had one loaded again");
    // Attempts are counted a moment later, which may be when all is gone.
    let (replica, first) = (&system.ready.replicas[0], system.stack.child(stack::Role::Gatekeeper(0)).unwrap());
    let guest = system.guest().await.at(replica);
    join_all(events.iter().map(async |(event, tier)| {
        eventually("it is loaded", SOON, async || is_over(&guest, *event, *tier).await).await;
    }))
    .await;
    first.signal(Signal::SIGSTOP);
    eventually("they are gone again", Duration::from_secs(40), all_gone).await;
    first.signal(Signal::SIGCONT);
    tokio::time::sleep(Duration::from_secs(2)).await;
    eventually("no counts of attempts are left behind", SOON, all_gone).await;
}

/// Whether an attempt is told so; before that it may be that it has to be loaded.
async fn is_over(guest: &Client, event: EventId, tier: contract::TierId) -> bool {
    let answer = guest.buy(event, tier, 1).await.unwrap();
    assert!(["not_bookable", "inventory_rebuilding"].contains(&answer.code()), "{}", answer.body);
    answer.code() == "not_bookable"
}

/// How often it was loaded.
async fn epoch(system: &System, event: EventId) -> i64 {
    system.count("SELECT epoch FROM events WHERE event_id = $1", event).await
}

async fn redis_is_down(system: &System) -> bool {
    let client = redis::Client::open(system.ready.redis.as_str()).unwrap();
    client.get_multiplexed_async_connection().await.is_err()
}

/// Whether Redis has neither a key of the event nor its name.
async fn is_retired(system: &System, event: EventId) -> bool {
    let mut redis = system.redis().await;
    let keys: Vec<String> = redis::cmd("KEYS").arg(format!("{{e:{event}}}:*")).query_async(&mut redis).await.unwrap();
    let mut listed = redis::cmd("SISMEMBER");
    listed.arg("onsale:events").arg(event.to_string());
    keys.is_empty() && !listed.query_async::<bool>(&mut redis).await.unwrap()
}
