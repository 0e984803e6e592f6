//! Faults seen in the systems Onsale learns from, where no other test stands against them (docs/PROMISES.md, at its end).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::{Value, json};
use stack::Role;

use crate::support::{SOON, System, eventually, hold, private, shared};

/// The vault's own default (`crates/vault/src/config.rs`).
const POOL_SIZE_MAX: i32 = 16;

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_whose_booking_fails_can_be_booked_or_comes_back() {
    let system = private().await;
    let event = system.seat_event().await;
    let guest = system.guest().await;
    let held = hold(guest.hold_seats(event, &["A-1-1"]).await.unwrap());
    let postgres = system.stack.child(Role::Postgres).unwrap();
    let down = postgres.clone();
    tokio::task::spawn_blocking(move || down.down(Signal::SIGKILL)).await.unwrap();
    let failed = guest.book_hold(event, held.hold_id).await.unwrap();
    assert_eq!(failed.status, 503, "{}", failed.body);
    assert_ne!(failed.code(), "inventory_rebuilding", "nothing is wrong with the inventory");
    postgres.up();
    let books = async || guest.book_hold(event, held.hold_id).await.unwrap().status != 503;
    eventually("the hold is booked or void", Duration::from_secs(40), books).await;
    // Whichever it was: the seat is not dead.
    let again = guest.book_hold(event, held.hold_id).await.unwrap();
    if again.status != 201 {
        let frees = async || system.guest().await.hold_seats(event, &["A-1-1"]).await.unwrap().status == 201;
        eventually("somebody else can have it", SOON, frees).await;
    }
    system.clean_audit(event).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sold_seat_stays_sold_when_every_deadline_is_over() {
    let system = shared().await;
    let event = system.seat_event_with(|event| (event.hold_ttl_seconds, event.payment_ttl_seconds) = (1, 1)).await;
    let (owner, other) = (system.guest().await, system.guest().await);
    let held = hold(owner.hold_seats(event, &["A-1-1"]).await.unwrap());
    let booked = owner.book_hold(event, held.hold_id).await.unwrap();
    let paid = format!("/api/v1/bookings/{}/confirm", booked.body["booking_id"].as_str().unwrap());
    assert_eq!(owner.post(&paid, &Value::Null).await.unwrap().status, 200);
    // A booking that was made later has come to the end of its time to pay: so has every deadline the sold seat ever had.
    let later = hold(owner.hold_seats(event, &["A-1-2"]).await.unwrap());
    assert_eq!(owner.book_hold(event, later.hold_id).await.unwrap().status, 201);
    let ends = async || other.hold_seats(event, &["A-1-2"]).await.unwrap().status == 201;
    eventually("a later booking ends", SOON, ends).await;
    let taken = other.hold_seats(event, &["A-1-1"]).await.unwrap();
    assert_eq!((taken.status.as_u16(), taken.code()), (409, "seat_taken"));
    let live = "SELECT count(*) FROM bookings WHERE event_id = $1 AND status = 'confirmed'";
    assert_eq!(system.count(live, event).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_an_unknown_seat_and_a_taken_one_are_told_apart() {
    let system = private().await;
    let event = system.seat_event().await;
    let (guest, other) = (system.guest().await, system.guest().await);
    let held = hold(other.hold_seats(event, &["A-1-1"]).await.unwrap());
    let asks = async |seat: &str| {
        let answer = guest.hold_seats(event, &[seat]).await.unwrap();
        (answer.status.as_u16(), answer.code().to_owned())
    };
    assert_eq!(asks("A-1-1").await, (409, "seat_taken".into()));
    assert_eq!(asks("A-99-1").await, (404, "not_found".into()));
    let down = |role| {
        let child = system.stack.child(role).unwrap();
        tokio::task::spawn_blocking(move || child.down(Signal::SIGKILL))
    };
    down(Role::Vault).await.unwrap();
    assert_eq!(other.book_hold(event, held.hold_id).await.unwrap().status, 503);
    down(Role::Redis).await.unwrap();
    assert_eq!(asks("A-1-2").await, (503, "inventory_rebuilding".into()));
    assert_eq!(asks("A-1-1").await, (503, "inventory_rebuilding".into()), "taken or not is not known");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pools_of_three_vaults_fit_into_postgres() {
    let system = shared().await;
    let (event, tier) = system.tier_event(1_000).await;
    let guests = system.guests(150).await;
    // Everybody at once: bookings, and readings past the committer.
    let buys = futures_util::future::join_all(guests.iter().map(|guest| guest.buy(event, tier, 1)));
    let reads = futures_util::future::join_all(guests.iter().map(|guest| guest.get("/api/v1/bookings")));
    let (bought, read) = tokio::join!(buys, reads);
    assert!(bought.into_iter().chain(read).all(|answer| answer.unwrap().status.is_success()));
    let pool = system.vault_metric("vault_pool_connections").await;
    let postgres = system.postgres().await;
    let number = async |query: &str| postgres.query_one(query, &[]).await.unwrap().get::<_, i32>(0);
    let most = number("SELECT current_setting('max_connections')::int").await;
    let used = number("SELECT count(*)::int FROM pg_stat_activity WHERE application_name LIKE 'onsale-vault%'").await;
    let reserved = number("SELECT current_setting('superuser_reserved_connections')::int").await;
    // Its listener for wakes is one more than its pool.
    assert!(pool >= 1.0 && (1..=POOL_SIZE_MAX + 1).contains(&used), "{used} connections by one vault");
    assert!(3 * (POOL_SIZE_MAX + 1) + reserved < most, "three vaults do not fit into {most}");
}

/// I12. Nothing that waited is left, and nothing that was kept for it.
#[tokio::test(flavor = "multi_thread")]
async fn after_an_outage_queues_are_empty_within_ten_seconds_and_memory_is_bounded() {
    let system = private().await;
    let (event, tier) = system.tier_event(100_000).await;
    let stop = Arc::new(AtomicBool::new(false));
    let shopping = (0..100).map(|_| {
        let (admin, stop) = (system.admin.clone(), stop.clone());
        tokio::spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                let guest = admin.guest().await.unwrap();
                // Every queue has something in it: the log's, the keys', the commits', the vault's own.
                let _ = guest.hold_tier(event, tier, 1).await;
                let purchase = json!({"event_id": event, "tier_id": tier, "quantity": 1});
                let key = uuid::Uuid::new_v4().to_string();
                let _ = guest.post_with_key("/api/v1/bookings", &key, &purchase).await;
                let _ = guest.buy(event, tier, 1).await;
            }
        })
    });
    let shopping: Vec<_> = shopping.collect();
    let down = async |role| {
        let child = system.stack.child(role).unwrap();
        let ending = child.clone();
        tokio::task::spawn_blocking(move || ending.down(Signal::SIGKILL)).await.unwrap();
        child
    };
    eventually("it sells", SOON, async || system.bookings(event).await > 100).await;
    let postgres = down(Role::Postgres).await;
    let waits = async || system.gate_metric("gatekeeper_commits_waiting").await + in_lanes(&system).await > 0.0;
    eventually("something waits", SOON, waits).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let redis = down(Role::Redis).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    redis.up();
    postgres.up();
    stop.store(true, Ordering::Relaxed);
    let healed = Instant::now();
    let is_drained = async || {
        let of_gates = ["gatekeeper_commits_waiting", "gatekeeper_keys_waiting", "gatekeeper_changes_waiting"];
        let mut waiting = in_lanes(&system).await;
        for queue in of_gates {
            waiting += system.gate_metric(queue).await;
        }
        waiting == 0.0
    };
    eventually("every queue is empty", Duration::from_secs(10), is_drained).await;
    assert!(healed.elapsed() < Duration::from_secs(10), "{:?}", healed.elapsed());
    futures_util::future::join_all(shopping).await.into_iter().for_each(Result::unwrap);
    let most_bytes = 256.0 * 1024.0 * 1024.0;
    let gates = system.gate_metric("process_resident_memory_bytes").await;
    assert!(gates < 3.0 * most_bytes, "{gates} bytes in three gatekeepers");
    let vault = system.vault_metric("process_resident_memory_bytes").await;
    assert!(vault < most_bytes, "{vault} bytes in the vault");
    system.clean_audit(event).await;
}

async fn in_lanes(system: &System) -> f64 {
    system.vault_metric("vault_committer_queued").await
}
