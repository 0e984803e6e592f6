//! The one rule: if Redis admitted everyone, nothing would be oversold.

use std::collections::HashSet;

use contract::EventId;
use futures_util::future::join_all;
use stack::client::Answer;

use crate::support::{System, booked, hold, private, shared, tally};

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_oversold_when_redis_admits_everyone() {
    let system = private().await;
    let (event, tier) = system.tier_event_with(40, |event| event.per_customer_max = 2).await;
    let guests = system.guests(100).await;
    system.set_fault("admit-everything");
    let answers =
        join_all(guests.iter().flat_map(|guest| [guest.buy(event, tier, 1), guest.buy(event, tier, 2)])).await;
    system.clear_fault("admit-everything");
    let answers: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
    only(&answers, &["201", "409 sold_out", "422 limit_exceeded"]);

    // I1: the vault sold what there is, and not one more.
    let sold: i64 = answers.iter().filter_map(|answer| answer.body["quantity"].as_i64()).sum();
    assert_eq!(sold, 40, "{:?}", tally(&answers));
    assert_eq!(system.count("SELECT sold FROM tiers WHERE event_id = $1", event).await, 40);
    rows_are_the_answers(&system, event, &answers).await;
    let most = "SELECT max(tickets)::bigint FROM (SELECT sum(quantity) AS tickets FROM bookings WHERE event_id = $1 \
                GROUP BY customer_id) AS by_customer";
    assert!(system.count(most, event).await <= 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_seat_is_booked_twice_when_redis_forgets_who_has_it() {
    let system = shared().await;
    let event = system.seat_event().await;
    let guests = system.guests(60).await;
    // A Redis that forgets who has which seat lets three customers hold each of twenty. All of them book at once.
    let label = |at: usize| format!("A-{}-{}", at % 20 / 10 + 1, at % 10 + 1);
    let mut held = Vec::new();
    for (at, guest) in guests.iter().enumerate() {
        if at % 20 == 0 {
            let seats = format!("{{e:{event}}}:seats");
            redis::cmd("DEL").arg(seats).query_async::<()>(&mut system.redis().await).await.unwrap();
        }
        held.push((guest, hold(guest.hold_seats(event, &[&label(at)]).await.unwrap()).hold_id));
    }
    let booked_all = join_all(held.iter().map(|(guest, hold)| guest.book_hold(event, *hold))).await;
    let answers: Vec<_> = booked_all.into_iter().map(Result::unwrap).collect();
    assert_eq!(tally(&answers), [("201".into(), 20), ("409 seat_taken".into(), 40)].into());
    rows_are_the_answers(system, event, &answers).await;
    let seats = "SELECT count(DISTINCT seat_index) FROM booking_items WHERE event_id = $1 AND released_at IS NULL";
    assert_eq!(system.count(seats, event).await, 20);

    // I4: sent again and again at once, what was booked is the same booking, and what was refused stays refused.
    let replays = join_all(held.iter().chain(&held).map(|(guest, hold)| guest.book_hold(event, *hold))).await;
    for (replay, first) in replays.into_iter().zip(answers.iter().chain(&answers)) {
        let replay = replay.unwrap();
        assert_eq!(replay.status, first.status, "{}", replay.body);
        assert!(replay.status == 409 || replay.body == first.body, "{}", replay.body);
    }
    rows_are_the_answers(system, event, &answers).await;
}

fn only(answers: &[Answer], kinds: &[&str]) {
    let tally = tally(answers);
    assert!(tally.keys().all(|kind| kinds.contains(&kind.as_str())), "{tally:?}");
}

async fn rows_are_the_answers(system: &System, event: EventId, answers: &[Answer]) {
    // I2 and I3: every 201 is one row, and every row is a 201.
    let ids: HashSet<_> = booked(answers).into_iter().collect();
    let rows = system.postgres().await.query("SELECT booking_id FROM bookings WHERE event_id = $1", &[&event.0]).await;
    let rows: HashSet<uuid::Uuid> = rows.unwrap().iter().map(|row| row.get(0)).collect();
    assert_eq!(ids, rows);
    // I5 and I7: what was refused is void, once each, and not booked.
    let refused = answers.iter().filter(|answer| answer.status != 201).count();
    let voids = "SELECT count(*) FROM reservations WHERE event_id = $1 AND outcome = 'void'";
    assert_eq!(system.count(voids, event).await, i64::try_from(refused).unwrap());
}
