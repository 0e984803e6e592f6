//! Labels of seats in every disguise Unicode has. A label is ASCII, so that what looks the same is the same.

use reqwest::Method;
use serde_json::{Value, json};

use super::{assert_refused, percent_coded, raw};
use crate::bad_input::traces;
use crate::support::private;

/// Labels with anything but ASCII in them.
const LABELS_MIN: usize = 80;
/// What a label may be dressed up as; `A-1-1` is there.
const LABELS: [&str; 96] = [
    "А-1-1",
    "Α-1-1",
    "Ａ-1-1",
    "𝐀-1-1",
    "𝖠-1-1",
    "Ꭺ-1-1",
    "ᴀ-1-1",
    "ⓐ-1-1",
    "Ⓐ-1-1",
    "🄰-1-1",
    "🅰-1-1",
    "Å-1-1",
    "A\u{30a}-1-1",
    "Á-1-1",
    "A\u{301}-1-1",
    "ª-1-1",
    "A‐1‐1",
    "A‑1‑1",
    "A–1–1",
    "A—1—1",
    "A−1−1",
    "A﹣1﹣1",
    "A－1－1",
    "A\u{ad}-1-1",
    "A-１-1",
    "A-1-１",
    "A-١-1",
    "A-۱-1",
    "A-१-1",
    "A-১-1",
    "A-①-1",
    "A-¹-1",
    "A-₁-1",
    "A-𝟏-1",
    "A-𝟣-1",
    "A-Ⅰ-1",
    "A-ⅰ-1",
    "A-一-1",
    "A-½-1",
    "A-l-1",
    "A-I-1",
    "A-O-1",
    "\u{feff}A-1-1",
    "A-1-1\u{feff}",
    "A\u{200b}-1-1",
    "A\u{200c}-1-1",
    "A\u{200d}-1-1",
    "A\u{2060}-1-1",
    "A-1\u{200b}-1",
    "\u{202e}1-1-A",
    "\u{202d}A-1-1",
    "\u{200e}A-1-1",
    "\u{200f}A-1-1",
    "\u{2066}A-1-1\u{2069}",
    "A-1-1\u{202c}",
    "A\u{a0}-1-1",
    "A\u{3000}-1-1",
    "A-1-1\u{2028}",
    "A-1-1\u{2029}",
    "A-1-1\u{85}",
    "A-1-1\u{b}",
    "A-1-1\u{7f}",
    "A-1-1\0",
    "\0A-1-1",
    "A-1-1\u{fe0f}",
    "A-1\u{20e3}-1",
    "A-1-1🏟️",
    "👨‍👩‍👧-1-1",
    "🇩🇪-1-1",
    "\u{e0041}-1-1",
    "\u{fffd}-1-1",
    "\u{10ffff}-1-1",
    "ꓮ-1-1",
    "𐊠-1-1",
    "Ạ-1-1",
    "Ą-1-1",
    "Ă-1-1",
    "Ā-1-1",
    "Ȧ-1-1",
    "Ⱥ-1-1",
    "ɑ-1-1",
    "𝔸-1-1",
    "𝒜-1-1",
    "𝕬-1-1",
    "🇦-1-1",
    "A‒1‒1",
    "A―1―1",
    "A⁃1⁃1",
    "A˗1˗1",
    "A➖1➖1",
    "A-𝟙-1",
    "A-೧-1",
    "A-໑-1",
    "A-༡-1",
    "A-߁-1",
    "A-୧-1",
];

/// Bytes in a path that are no UTF-8, or more than it takes.
const PATHS: [&str; 14] = [
    "%C1%81-1-1",
    "%E0%81%81-1-1",
    "%F0%80%81%81-1-1",
    "%80-1-1",
    "%FF-1-1",
    "%FE-1-1",
    "%ED%A0%80-1-1",
    "%C3-1-1",
    "%E2%82-1-1",
    "%F4%90%80%80-1-1",
    "A-1-1%C0%80",
    "A-1-1%ED%B0%80",
    "A%C0%AD1-1",
    "%u0041-1-1",
];

/// JSON strings that are none.
const STRINGS: [&str; 8] = [
    r#""\ud800-1-1""#,
    r#""\udc00-1-1""#,
    r#""A-1-1\ud83c""#,
    r#""\ud83c\ud83c-1-1""#,
    r#""\u00-1-1""#,
    r#""\x41-1-1""#,
    r#""\u{41}-1-1""#,
    "\"A-1-1\u{1}\"",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_label_in_disguise_is_no_label_and_leaves_no_trace() {
    let system = private().await;
    let event = system.seat_event().await;
    let guest = system.guest().await;
    let holds = format!("/api/v1/events/{event}/holds");
    assert!(LABELS.iter().filter(|label| !label.is_ascii()).count() >= LABELS_MIN);
    let before = traces(&system).await;
    for label in LABELS {
        let answer = guest.hold_seats(event, &[label]).await.unwrap();
        assert_refused(&format!("{label:?}"), &answer, &[400, 404]);
        let escaped: Vec<_> = label.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
        let escaped = escaped.concat();
        let answer = raw(&guest, Method::POST, &holds, format!(r#"{{"seats":["{escaped}"]}}"#)).await;
        assert_refused(&escaped, &answer, &[400, 404]);
        let coded = percent_coded(label);
        let answer = guest.post(&format!("/api/v1/events/{event}/seats/{coded}/lock"), &Value::Null).await.unwrap();
        assert_refused(&coded, &answer, &[400, 404]);
    }
    for path in PATHS {
        for verb in ["lock", "unlock"] {
            let answer =
                guest.post(&format!("/api/v1/events/{event}/seats/{path}/{verb}"), &Value::Null).await.unwrap();
            assert_refused(path, &answer, &[400, 404]);
        }
    }
    for string in STRINGS {
        let answer = raw(&guest, Method::POST, &holds, format!(r#"{{"seats":[{string}]}}"#)).await;
        assert_refused(string, &answer, &[400]);
    }
    for bytes in [
        &b"{\"seats\":[\"\xff-1-1\"]}"[..],
        b"{\"seats\":[\"\xc1\x81-1-1\"]}",
        b"\xef\xbb\xbf{\"seats\":[\"A-1-1\"]}",
        b"\xff\xfe{\0}\0",
        b"{\"seats\":[\"\xed\xa0\x80\"]}",
    ] {
        assert_refused(&format!("{bytes:?}"), &raw(&guest, Method::POST, &holds, bytes.to_vec()).await, &[400]);
    }
    assert_eq!(traces(&system).await, before, "neither a key nor a row");
    // Spelled out, it is the label; and where people's names are meant, any script is good and stays as it is.
    let spelled = raw(&guest, Method::POST, &holds, r#"{"seats":["\u0041-\u0031-1"]}"#).await;
    assert_eq!(spelled.status, 201, "{}", spelled.body);
    let names = ["Ночь", "夏至の夜", "ليلة", "Zoë’s Nacht 🏟️", "A\u{30a}", "Å", "\u{202e}thgin", "𝐀"];
    for name in names {
        let mut new = stack::demo::event(name, "Hall").unwrap();
        new.tiers = vec![stack::demo::tier(name, 1)];
        let event = system.admin.create_event(&new).await.unwrap();
        let read = system.admin.get(&format!("/api/v1/events/{}", event.event_id)).await.unwrap().body;
        assert_eq!((&read["name"], &read["tiers"][0]["name"]), (&json!(name), &json!(name)));
    }
    system.assert_nothing_crashed();
}
