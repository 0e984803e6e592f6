//! The one rule: if Redis admitted everyone, nothing would be oversold.

use std::collections::HashSet;

use futures_util::future::join_all;

use crate::support::{booked, private, tally};

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
    let kinds = tally(&answers);
    assert!(
        kinds.keys().all(|kind| ["201", "409 sold_out", "422 limit_exceeded"].contains(&kind.as_str())),
        "{kinds:?}"
    );

    // I1: the vault sold what there is, and not one more.
    let sold: i64 = answers.iter().filter_map(|answer| answer.body["quantity"].as_i64()).sum();
    assert_eq!(sold, 40, "{kinds:?}");
    assert_eq!(system.count("SELECT sold FROM tiers WHERE event_id = $1", event).await, 40);
    // I2 and I3: every 201 is one row, and every row is a 201.
    let ids: HashSet<_> = booked(&answers).into_iter().collect();
    let rows = system.postgres().await.query("SELECT booking_id FROM bookings WHERE event_id = $1", &[&event.0]).await;
    let rows: HashSet<uuid::Uuid> = rows.unwrap().iter().map(|row| row.get(0)).collect();
    assert_eq!(ids, rows);
    // I5: what was refused is void, not booked.
    let refused = answers.iter().filter(|answer| answer.status != 201).count();
    let voids = "SELECT count(*) FROM reservations WHERE event_id = $1 AND outcome = 'void'";
    assert_eq!(system.count(voids, event).await, i64::try_from(refused).unwrap());
    let most = "SELECT max(tickets)::bigint FROM (SELECT sum(quantity) AS tickets FROM bookings WHERE event_id = $1 \
                GROUP BY customer_id) AS by_customer";
    assert!(system.count(most, event).await <= 2);
}
