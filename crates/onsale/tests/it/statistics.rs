//! Postgres plans by statistics, and those of an evening know nothing of an event that was made today: for all they say, it
//! has one row, which any index finds.

use std::time::Duration;

use contract::EventId;
use contract::api::NewEvent;
use futures_util::future::join_all;
use serde_json::Value;
use stack::{Client, demo};

use crate::support::{System, eventually, hold, id, private};

/// How soon Postgres has counted what a statement read.
const COUNTED: Duration = Duration::from_secs(30);
const BOOKED: [&str; 2] = ["bookings", "booking_items"];

#[tokio::test(flavor = "multi_thread")]
async fn a_seat_is_found_by_its_key_though_statistics_know_only_other_events() {
    let system = private().await;
    let of_seats = |rows: u32| move |event: &mut NewEvent| event.sections = vec![demo::section("A", rows, 100, 4_000)];
    system.seat_event_with(of_seats(500)).await;
    system.seat_event_with(of_seats(7)).await;
    take_statistics(&system, &["seats"]).await;
    let event = system.seat_event_with(of_seats(300)).await;
    let (scans, read) = reads(&system, "seats").await;
    for row in 1..=20 {
        let guest = system.guest().await;
        let hold = hold(guest.hold_seats(event, &[&format!("A-{row}-1")]).await.unwrap()).hold_id;
        assert_eq!(guest.book_hold(event, hold).await.unwrap().status, 201);
    }
    // Each is looked up twice, and what a backend read is counted a while later.
    eventually("the lookups are counted", COUNTED, async || reads(&system, "seats").await.0 >= scans + 40).await;
    // The audit in the background counts all seats, of which there are 80,700; 20 lookups in a whole event are 600,000.
    let read = reads(&system, "seats").await.1 - read;
    assert!(read < 300_000, "for 20 seats {read} were read");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_booking_is_made_and_changed_by_its_key_though_statistics_know_only_other_events() {
    let system = private().await;
    let guests = system.guests(100).await;
    for _ in 0..5 {
        let (event, tier) = system.tier_event(1).await;
        assert_eq!(guests[0].buy(event, tier, 1).await.unwrap().status, 201);
    }
    take_statistics(&system, &BOOKED).await;
    let (event, tier) = system.tier_event(1_000).await;
    let before = join_all(BOOKED.map(|table| reads(&system, table))).await;
    let purchases = guests.iter().flat_map(|guest| (0..10).map(move |_| guest.buy(event, tier, 1)));
    let bookings = join_all(purchases).await;
    let changed = bookings.iter().step_by(10).map(|booking| id(&booking.as_ref().unwrap().body, "booking_id"));
    for ((guest, booking), verb) in guests.iter().zip(changed).zip(["confirm", "cancel"].into_iter().cycle()) {
        let path = format!("/api/v1/bookings/{booking}/{verb}");
        assert_eq!(guest.post(&path, &Value::Null).await.unwrap().status, 200);
    }
    for (table, (scans, read)) in BOOKED.into_iter().zip(before) {
        eventually("the lookups are counted", COUNTED, async || reads(&system, table).await.0 >= scans + 100).await;
        let read = reads(&system, table).await.1 - read;
        // Fifty looks into a whole event are 50,000; the audit in the background has one now and then.
        assert!(read < 25_000, "for 1,000 purchases and 100 changes {read} of {table} were read");
    }
    system.clean_audit(event).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_counted_by_one_look_at_each_booking_though_statistics_know_only_other_events() {
    let system = private().await;
    let guests = system.guests(300).await;
    let lock = async |guest: &Client, event: EventId, label: &str| {
        let hold = hold(guest.hold_seats(event, &[label]).await.unwrap()).hold_id;
        assert_eq!(guest.book_hold(event, hold).await.unwrap().status, 201);
    };
    for guest in &guests[..5] {
        lock(guest, system.seat_event().await, "A-1-1").await;
    }
    take_statistics(&system, &BOOKED).await;
    let hall = |event: &mut NewEvent| event.sections = vec![demo::section("A", 3, 100, 4_000)];
    let event = system.seat_event_with(hall).await;
    let labels: Vec<_> = (0..300).map(|at| format!("A-{}-{}", at / 100 + 1, at % 100 + 1)).collect();
    join_all(guests.iter().zip(&labels).map(|(guest, label)| lock(guest, event, label))).await;
    let (_, before) = reads(&system, "bookings").await;
    redis::cmd("FLUSHALL").query_async::<()>(&mut system.redis().await).await.unwrap();
    let audit = system.clean_audit(event).await;
    assert_eq!((audit.seats.available, audit.seats.reserved), (0, 300));
    eventually("the lookups are counted", COUNTED, async || reads(&system, "bookings").await.1 >= before + 600).await;
    let read = reads(&system, "bookings").await.1 - before;
    // Counted, and audited more than once; a look at all for each is 90,000.
    assert!(read < 30_000, "to count 300 bookings {read} were read");
}

/// Of what there is now, and of nothing that comes after.
async fn take_statistics(system: &System, tables: &[&str]) {
    for table in tables {
        let command = format!("ANALYZE {table}; ALTER TABLE {table} SET (autovacuum_enabled = off)");
        system.postgres().await.batch_execute(&command).await.unwrap();
    }
}

/// How often the table's indexes were looked into, and how many rows they found.
async fn reads(system: &System, table: &str) -> (i64, i64) {
    let counted =
        "SELECT sum(idx_scan)::bigint, sum(idx_tup_read)::bigint FROM pg_stat_user_indexes WHERE relname = $1";
    let row = system.postgres().await.query_one(counted, &[&table]).await.unwrap();
    (row.get(0), row.get(1))
}
