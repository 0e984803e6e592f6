//! Postgres plans by statistics, and those of an evening know nothing of an event that was made today: for all they say,
//! it has one row, which any index finds.

use std::time::Duration;

use contract::EventId;
use contract::api::NewEvent;
use futures_util::future::join_all;
use serde_json::Value;
use stack::client::Answer;
use stack::{Client, demo};
use tokio::time::sleep;

use crate::support::{System, hold, id, private};

/// A connection of Postgres' says what it read after ten seconds at the latest (`PGSTAT_IDLE_INTERVAL`).
const COUNTED: Duration = Duration::from_secs(11);
const BOOKED: [&str; 2] = ["bookings", "booking_items"];

#[tokio::test(flavor = "multi_thread")]
async fn a_seat_is_found_by_its_key_though_statistics_know_only_other_events() {
    let system = private().await;
    let of_seats = |rows: u32| move |event: &mut NewEvent| event.sections = vec![demo::section("A", rows, 100, 4_000)];
    system.seat_event_with(of_seats(500)).await;
    system.seat_event_with(of_seats(7)).await;
    take_statistics(&system, &["seats"]).await;
    let event = system.seat_event_with(of_seats(300)).await;
    let read = reads(&system, "seats").await;
    for row in 1..=20 {
        let guest = system.guest().await;
        let hold = hold(guest.hold_seats(event, &[&format!("A-{row}-1")]).await.unwrap()).hold_id;
        assert_eq!(guest.book_hold(event, hold).await.unwrap().status, 201);
    }
    // The audit in the background counts all seats, of which there are 80,700; 20 lookups in a whole event are 600,000.
    sleep(COUNTED).await;
    let read = reads(&system, "seats").await - read;
    assert!(read < 300_000, "for 20 seats {read} were read");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_booking_is_made_and_changed_by_its_key_though_statistics_know_only_other_events() {
    let system = private().await;
    let guests = system.guests(100).await;
    for _ in 0..5 {
        let (event, tier) = system.tier_event(1).await;
        let sold = guests[0].buy(event, tier, 1).await.unwrap();
        assert_eq!(change(&guests[0], &sold, "confirm").await, 200, "the night after a sale nothing is unpaid");
    }
    take_statistics(&system, &BOOKED).await;
    let (event, tier) = system.tier_event(1_000).await;
    let purchases = guests.iter().flat_map(|guest| (0..10).map(move |_| guest.buy(event, tier, 1)));
    let before = join_all(BOOKED.map(|table| reads(&system, table))).await;
    let sold: Vec<_> = join_all(purchases).await.into_iter().map(Result::unwrap).collect();
    assert!(sold.iter().all(|answer| answer.status == 201));
    sleep(COUNTED).await;
    let between = join_all(BOOKED.map(|table| reads(&system, table))).await;
    for ((guest, sold), verb) in guests.iter().zip(sold.chunks(10)).zip(["confirm", "cancel"].into_iter().cycle()) {
        assert_eq!(change(guest, &sold[0], verb).await, 200);
    }
    sleep(COUNTED).await;
    let after = join_all(BOOKED.map(|table| reads(&system, table))).await;
    for (at, table) in BOOKED.into_iter().enumerate() {
        let (made, changed) = (between[at] - before[at], after[at] - between[at]);
        // A look at all of the event for each is 500,000, and 50,000; the audit in the background has one now and then.
        assert!(
            made < 25_000 && changed < 10_000,
            "for 1,000 purchases {made} of {table} were read, for 100 changes {changed}"
        );
    }
    system.clean_audit(event).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_counted_by_one_look_at_each_booking_though_statistics_know_only_other_events() {
    let system = private().await;
    let guests = system.guests(300).await;
    let book_seat = async |guest: &Client, event: EventId, label: &str| {
        let hold = hold(guest.hold_seats(event, &[label]).await.unwrap()).hold_id;
        assert_eq!(guest.book_hold(event, hold).await.unwrap().status, 201);
    };
    for guest in &guests[..5] {
        book_seat(guest, system.seat_event().await, "A-1-1").await;
    }
    take_statistics(&system, &BOOKED).await;
    let hall = |event: &mut NewEvent| event.sections = vec![demo::section("A", 3, 100, 4_000)];
    let event = system.seat_event_with(hall).await;
    let labels: Vec<_> = (0..300).map(|at| format!("A-{}-{}", at / 100 + 1, at % 100 + 1)).collect();
    join_all(guests.iter().zip(&labels).map(|(guest, label)| book_seat(guest, event, label))).await;
    sleep(COUNTED).await;
    let before = reads(&system, "bookings").await;
    redis::cmd("FLUSHALL").query_async::<()>(&mut system.redis().await).await.unwrap();
    let audit = system.clean_audit(event).await;
    assert_eq!((audit.seats.available, audit.seats.reserved), (0, 300));
    sleep(COUNTED).await;
    let read = reads(&system, "bookings").await - before;
    // Counted once, and audited some times; a look at half of them for each is 45,000.
    assert!(read > 600 && read < 10_000, "to count 300 bookings {read} were read");
}

async fn change(guest: &Client, sold: &Answer, verb: &str) -> u16 {
    let path = format!("/api/v1/bookings/{}/{verb}", id(&sold.body, "booking_id"));
    guest.post(&path, &Value::Null).await.unwrap().status.as_u16()
}

/// Of what there is now, and of nothing that comes after.
async fn take_statistics(system: &System, tables: &[&str]) {
    for table in tables {
        let command = format!("ANALYZE {table}; ALTER TABLE {table} SET (autovacuum_enabled = off)");
        system.postgres().await.batch_execute(&command).await.unwrap();
    }
}

/// How many rows the table's indexes have found so far, as far as it is counted.
async fn reads(system: &System, table: &str) -> i64 {
    let counted = "SELECT sum(idx_tup_read)::bigint FROM pg_stat_user_indexes WHERE relname = $1";
    system.postgres().await.query_one(counted, &[&table]).await.unwrap().get(0)
}
