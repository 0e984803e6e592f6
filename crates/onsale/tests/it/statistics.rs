//! Postgres plans by statistics, and those of an evening know nothing of an event that was made today: for all they say,
//! it has one row, which any index finds.

use contract::EventId;
use contract::api::NewEvent;
use futures_util::future::join_all;
use serde_json::Value;
use stack::client::Answer;
use stack::{Client, demo};

use crate::support::{SOON, System, eventually, hold, id, private};

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
    end_connections(&system).await;
    let read = reads(&system, "seats").await - read;
    assert!((20..300_000).contains(&read), "for 20 seats {read} were read");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_booking_is_made_and_changed_by_its_key_though_statistics_know_only_other_events() {
    let system = private().await;
    let guests = system.guests(100).await;
    // The night after a sale nothing is unpaid. With that many bookings their primary key is a page, and the customers' index
    // two levels, so the wrong one looks cheaper.
    let before = join_all((0..145).map(async |_| {
        let (guest, (event, tier)) = (system.guest().await, system.tier_event(1).await);
        let sold = guest.buy(event, tier, 1).await.unwrap();
        change(&guest, &sold, "confirm").await
    }));
    assert!(before.await.into_iter().all(|status| status == 200));
    take_statistics(&system, &BOOKED).await;
    let (event, tier) = system.tier_event(1_000).await;
    let purchases = guests.iter().flat_map(|guest| (0..10).map(move |_| guest.buy(event, tier, 1)));
    let before = join_all(BOOKED.map(|table| reads(&system, table))).await;
    let sold: Vec<_> = join_all(purchases).await.into_iter().map(Result::unwrap).collect();
    assert!(sold.iter().all(|answer| answer.status == 201));
    for ((guest, sold), verb) in guests.iter().zip(sold.chunks(10)).zip(["confirm", "cancel"].into_iter().cycle()) {
        assert_eq!(change(guest, &sold[0], verb).await, 200);
    }
    end_connections(&system).await;
    for (table, before) in BOOKED.into_iter().zip(before) {
        let read = reads(&system, table).await - before;
        // A look at all of the event for each purchase is 500,000, for each change 100,000; the audit in the background has
        // one now and then.
        assert!((100..15_000).contains(&read), "for 1,000 purchases and 100 changes {read} of {table} were read");
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
    let before = reads(&system, "bookings").await;
    redis::cmd("FLUSHALL").query_async::<()>(&mut system.redis().await).await.unwrap();
    let audit = system.clean_audit(event).await;
    assert_eq!((audit.seats.available, audit.seats.reserved), (0, 300));
    end_connections(&system).await;
    let read = reads(&system, "bookings").await - before;
    // Booked, counted once, and audited some times; a look at half of them for each is 45,000.
    assert!(read > 600 && read < 10_000, "to count 300 bookings {read} were read");
}

async fn change(guest: &Client, sold: &Answer, verb: &str) -> u16 {
    let path = format!("/api/v1/bookings/{}/{verb}", id(&sold.body, "booking_id"));
    guest.post(&path, &Value::Null).await.unwrap().status.as_u16()
}

/// Of what there is now, and of nothing that comes after. Indexes are made anew: how deep one is does not depend on how it grew.
async fn take_statistics(system: &System, tables: &[&str]) {
    for table in tables {
        let command =
            format!("REINDEX TABLE {table}; ANALYZE {table}; ALTER TABLE {table} SET (autovacuum_enabled = off)");
        system.postgres().await.batch_execute(&command).await.unwrap();
    }
}

/// Has every connection to Postgres but this one closed: it says what it has read when it ends, and else seconds later.
async fn end_connections(system: &System) {
    let others = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()";
    let postgres = system.postgres().await;
    let pids: Vec<i32> = postgres.query(others, &[]).await.unwrap().iter().map(|row| row.get(0)).collect();
    postgres.execute("SELECT pg_terminate_backend(pid) FROM unnest($1::int[]) AS pid", &[&pids]).await.unwrap();
    let left = "SELECT count(*) FROM pg_stat_activity WHERE pid = ANY ($1)";
    eventually("they have ended", SOON, async || {
        postgres.query_one(left, &[&pids]).await.unwrap().get::<_, i64>(0) == 0
    })
    .await;
}

/// How many rows the table's indexes have found so far, as far as it is counted.
async fn reads(system: &System, table: &str) -> i64 {
    let counted = "SELECT sum(idx_tup_read)::bigint FROM pg_stat_user_indexes WHERE relname = $1";
    system.postgres().await.query_one(counted, &[&table]).await.unwrap().get(0)
}
