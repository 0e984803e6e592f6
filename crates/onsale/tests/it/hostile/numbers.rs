//! Numbers at their edges, as they are written in JSON, and a few that are none.

use reqwest::Method;

use super::{assert_refused, raw};
use crate::bad_input::traces;
use crate::support::private;

/// Numbers there must be at least.
const EDGES_MIN: usize = 60;
/// Texts in place of a number that is to be 1 to 10, and what they are answered with.
const QUANTITIES: [(&str, u16); 55] = [
    ("0", 400),
    ("-0", 400),
    ("-0.0", 400),
    ("0.0", 400),
    ("-1", 400),
    ("-1.0", 400),
    ("11", 422),
    ("11.0", 422),
    ("1e1000", 400),
    ("1e309", 400),
    ("-1e309", 400),
    ("1e308", 400),
    ("1e-1", 400),
    ("1e-400", 400),
    ("0.1", 400),
    ("1.5", 400),
    ("0.9999999999999999", 400),
    ("1.0000000000000002", 400),
    ("9007199254740991", 422),
    ("9007199254740992", 422),
    ("9007199254740993", 400),
    ("-9007199254740993", 400),
    ("2147483647", 422),
    ("2147483648", 422),
    ("4294967295", 422),
    ("4294967296", 422),
    ("4294967297", 422),
    ("9223372036854775807", 400),
    ("9223372036854775808", 400),
    ("-9223372036854775808", 400),
    ("-9223372036854775809", 400),
    ("18446744073709551615", 400),
    ("18446744073709551616", 400),
    ("18446744073709551617", 400),
    ("NaN", 400),
    ("nan", 400),
    ("Infinity", 400),
    ("-Infinity", 400),
    ("inf", 400),
    ("0x1", 400),
    ("0b1", 400),
    ("01", 400),
    ("00", 400),
    ("+1", 400),
    (".5", 400),
    ("1.", 400),
    ("1e", 400),
    ("1_0", 400),
    ("1,0", 400),
    ("\"1\"", 400),
    ("\"\"", 400),
    ("true", 400),
    ("[1]", 400),
    ("{\"1\":1}", 400),
    ("１", 400),
];

/// In place of a page, or of the length of one.
const PAGES: [&str; 16] = [
    "0",
    "-1",
    "1.5",
    "1e1",
    "1e309",
    "NaN",
    "1000001",
    "4294967296",
    "18446744073709551616",
    "",
    "%00",
    "0x1",
    "１",
    "1%200",
    "[1]",
    "null",
];

#[tokio::test(flavor = "multi_thread")]
async fn numbers_at_their_edges_are_refused_and_leave_no_trace() {
    let system = private().await;
    let (event, tier) = system.tier_event(10).await;
    let guest = system.guest().await;
    let before = traces(&system).await;
    let mut edges = QUANTITIES.len() + PAGES.len();
    for (text, status) in QUANTITIES {
        let booking = format!(r#"{{"event_id":"{event}","tier_id":"{tier}","quantity":{text}}}"#);
        assert_refused(&booking, &raw(&guest, Method::POST, "/api/v1/bookings", booking.clone()).await, &[status]);
        let hold = format!(r#"{{"tier_id":"{tier}","quantity":{text}}}"#);
        let answer = raw(&guest, Method::POST, &format!("/api/v1/events/{event}/holds"), hold.clone()).await;
        assert_refused(&hold, &answer, &[status]);
    }
    let long = [
        format!("1{}", "0".repeat(5_000)),
        format!("0.{}1", "0".repeat(5_000)),
        format!("1e{}", "9".repeat(5_000)),
        "[".repeat(20_000),
        format!("{}1", "-".repeat(5_000)),
    ];
    for text in &long {
        let booking = format!(r#"{{"event_id":"{event}","tier_id":"{tier}","quantity":{text}}}"#);
        assert_refused(
            &format!("{booking:.100}"),
            &raw(&guest, Method::POST, "/api/v1/bookings", booking.clone()).await,
            &[400],
        );
        edges += 1;
    }
    // A field twice is none of the two.
    for (one, other) in [("1", "1"), ("1", "11"), ("0", "1"), ("1", "\"1\""), ("null", "1")] {
        let twice = format!(r#"{{"event_id":"{event}","tier_id":"{tier}","quantity":{one},"quantity":{other}}}"#);
        assert_refused(&twice, &raw(&guest, Method::POST, "/api/v1/bookings", twice.clone()).await, &[400]);
        let escaped =
            format!(r#"{{"event_id":"{event}","tier_id":"{tier}","quantity":{one},"quantit\u0079":{other}}}"#);
        assert_refused(&escaped, &raw(&guest, Method::POST, "/api/v1/bookings", escaped.clone()).await, &[400]);
        edges += 2;
    }
    for text in PAGES {
        for path in ["/api/v1/events?page=", "/api/v1/bookings?limit=", "/api/v1/bookings?page=1&limit="] {
            let path = format!("{path}{text}");
            assert_refused(&path, &guest.get(&path).await.unwrap(), &[400]);
        }
    }
    for (field, texts) in [
        ("capacity", ["0", "-1", "1000001", "9007199254740993", "1e309", "1.5"]),
        ("price_minor", ["-1", "100000000001", "9223372036854775808", "1e309", "0.01", "\"1\""]),
    ] {
        for text in texts {
            let other = if field == "capacity" { r#""price_minor":1"# } else { r#""capacity":1"# };
            let new = format!(
                r#"{{"name":"x","venue":"y","starts_at":"2036-01-01T00:00:00Z","ends_at":"2036-01-02T00:00:00Z","on_sale_at":"2026-01-01T00:00:00Z","currency":"EUR","tiers":[{{"name":"T",{other},"{field}":{text}}}]}}"#
            );
            assert_refused(&new, &raw(&system.admin, Method::POST, "/api/v1/events", new.clone()).await, &[400]);
            edges += 1;
        }
    }
    assert!(edges >= EDGES_MIN, "{edges}");
    assert_eq!(traces(&system).await, before, "neither a key nor a row");
    // The same requests with a number that is one are good.
    for text in ["1", "1.0", "1e0", "10e-1"] {
        let booking = format!(r#"{{"event_id":"{event}","tier_id":"{tier}","quantity":{text}}}"#);
        assert_eq!(raw(&guest, Method::POST, "/api/v1/bookings", booking).await.status, 201, "{text}");
    }
    system.assert_nothing_crashed();
}
