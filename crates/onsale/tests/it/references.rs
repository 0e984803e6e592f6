//! What Postgres itself insists on, whoever writes: what refers leads somewhere, and what is referred to stays. No foreign
//! key says so, but checks of a whole statement; see `crates/vault/migrations/V5__references_by_statement.sql`.

use tokio_postgres::error::SqlState;

use crate::support::private;

/// A booking with its reservation as one statement, with one thing about it changed. An event, its tier, its seat and a
/// customer take the places of `{event}`, `{tier}` and `{customer}`.
const BOOKING: &str = "
    WITH posted AS (
        INSERT INTO reservations (event_id, rid, outcome, refusal) VALUES ('{event}', '{rid}', {outcome})
    ), booked AS (
        INSERT INTO bookings (event_id, booking_id, customer_id, status, quantity, amount_minor, currency, payment_due_at,
            created_at)
        VALUES ('{event}', '{booking}', '{customer}', 'reserved', 1, 1, 'EUR', now(), now())
    )
    INSERT INTO booking_items (event_id, booking_id, item_no, tier_id, seat_index, quantity, price_minor)
    VALUES ('{event}', '{item_of}', 1, {item}, 1, 1)";
const RID: &str = "00000000-0000-7000-8000-000000000001";
const OTHER: &str = "00000000-0000-7000-8000-00000000dead";

#[tokio::test(flavor = "multi_thread")]
async fn what_refers_leads_somewhere_and_what_is_referred_to_stays() {
    let system = private().await;
    let (event, tier) = system.tier_event(5).await;
    let (hall, _) = system.tier_event(5).await;
    let sold = system.guest().await.buy(event, tier, 1).await.unwrap().body;
    let customer = sold["customer_id"].as_str().unwrap();
    let postgres = system.postgres().await;

    let statement = |changes: &[(&str, &str)]| {
        let tier = format!("'{tier}', NULL");
        let usual = [
            ("{rid}", RID),
            ("{outcome}", "'posted', NULL"),
            ("{booking}", RID),
            ("{customer}", customer),
            ("{item_of}", RID),
            ("{item}", tier.as_str()),
        ];
        let filled =
            changes.iter().chain(&usual).fold(BOOKING.to_owned(), |text, (name, value)| text.replace(name, value));
        filled.replace("{event}", &event.to_string())
    };
    let elsewhere = format!("'{OTHER}', NULL");
    for (what, changes) in [
        ("of no known customer", [("{customer}", OTHER)]),
        ("of no posted attempt", [("{outcome}", "'void', '{}'")]),
        ("of no posted attempt", [("{rid}", OTHER)]),
        ("of no booking", [("{item_of}", OTHER)]),
        ("of no tier", [("{item}", elsewhere.as_str())]),
        ("of no seat", [("{item}", "NULL, 7")]),
    ] {
        let refused = postgres.execute(&statement(&changes), &[]).await.expect_err(what);
        let refused = refused.as_db_error().unwrap();
        assert_eq!(refused.code(), &SqlState::FOREIGN_KEY_VIOLATION, "{changes:?}: {refused}");
        assert!(refused.message().contains(what), "{changes:?}: {refused}");
    }
    let journal = format!("INSERT INTO journal (event_id, seq, kind, change) VALUES ('{OTHER}', 1, 'booked', '{{}}')");
    let refused = postgres.execute(&journal, &[]).await.unwrap_err();
    assert_eq!(refused.code(), Some(&SqlState::FOREIGN_KEY_VIOLATION), "{refused}");
    // It is refused for what was changed about it: as it is, it is taken. Nothing of those before was kept.
    assert_eq!(postgres.execute(&statement(&[]), &[]).await.unwrap(), 1);

    for table in ["customers", "events", "tiers", "seats", "bookings", "booking_items", "reservations", "journal"] {
        for loss in [format!("DELETE FROM {table}"), format!("TRUNCATE {table} CASCADE")] {
            let refused = postgres.execute(&loss, &[]).await.expect_err(&loss);
            let refused = refused.as_db_error().unwrap().message().to_owned();
            assert!(refused.starts_with(&format!("{table} rows are never")), "{loss}: {refused}");
        }
    }
    for change in [
        format!("UPDATE customers SET customer_id = '{OTHER}'"),
        format!("UPDATE events SET event_id = '{OTHER}' WHERE event_id = '{hall}'"),
        format!("UPDATE tiers SET tier_id = '{OTHER}'"),
        "UPDATE seats SET seat_index = seat_index + 1".to_owned(),
        format!("UPDATE bookings SET customer_id = '{OTHER}'"),
        format!("UPDATE booking_items SET booking_id = '{OTHER}'"),
        format!("UPDATE booking_items SET tier_id = '{OTHER}'"),
        "UPDATE booking_items SET seat_index = 7".to_owned(),
    ] {
        let refused = postgres.execute(&change, &[]).await.expect_err(&change);
        let refused = refused.as_db_error().unwrap().message().to_owned();
        assert!(refused.contains("keep their keys"), "{change}: {refused}");
    }
}
