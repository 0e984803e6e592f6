//! Everything that reads what others wrote, given what nobody meant: bodies, tokens, labels, replies of scripts, frames. Nothing
//! panics, and what is read is what was written. `PROPTEST_CASES` says how often; `make fuzz` has a million of each.

use std::sync::LazyLock;

use actix_http::ws;
use actix_web::web::BytesMut;
use chassis::token::TokenKeys;
use contract::SeatLabel;
use contract::api::{Confirmation, EventChange, NewApiKey, NewBooking, NewEvent, NewHold, Profile};
use contract::live::{LiveDelta, LiveMessage};
use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use proptest::collection::vec;
use proptest::prelude::*;
use redis::Value;
use serde::de::DeserializeOwned;
use serde_json::json;
use tokio_util::codec::Decoder as _;

use crate::feed::frame::Frame;
use crate::feed::published::Published;
use crate::feed::watcher::request_in;
use crate::identity::oidc::Issuers;
use crate::limits::{Budget, Proxies};
use crate::openapi::examples;
use crate::scripts::{Admission, Reply, audit_event, changes, draw_tokens, hold, read_inventory, sweep, topology};

/// A change of some text that may leave most of it as it was: that gets further than noise.
#[derive(Debug, Clone)]
enum Edit {
    Put(usize, u8),
    Add(usize, u8),
    Cut(usize, usize),
    Double(usize, usize),
    Splice(usize, &'static str),
}

/// What JSON, tokens and labels are sensitive to.
const SPLICES: [&str; 16] =
    ["\"", "\\", "{", "}", "[", ",", ":", "null", "1e309", "-", "\\u0000", "\\ud800", ".", "\0", "\r\n", "٣"];

fn edits() -> impl Strategy<Value = Vec<Edit>> {
    let at = any::<usize>;
    let edit = prop_oneof![
        (at(), any::<u8>()).prop_map(|(at, byte)| Edit::Put(at, byte)),
        (at(), any::<u8>()).prop_map(|(at, byte)| Edit::Add(at, byte)),
        (at(), 0..40_usize).prop_map(|(at, length)| Edit::Cut(at, length)),
        (at(), 0..40_usize).prop_map(|(at, length)| Edit::Double(at, length)),
        (at(), proptest::sample::select(&SPLICES[..])).prop_map(|(at, text)| Edit::Splice(at, text)),
    ];
    vec(edit, 0..6)
}

fn edited(mut bytes: Vec<u8>, edits: &[Edit]) -> Vec<u8> {
    for edit in edits {
        let place = |at: usize| at % (bytes.len() + 1);
        match *edit {
            Edit::Put(at, byte) => {
                let at = place(at);
                if let Some(old) = bytes.get_mut(at) {
                    *old = byte;
                }
            }
            Edit::Add(at, byte) => bytes.insert(place(at), byte),
            Edit::Cut(at, length) => {
                let at = place(at);
                bytes.drain(at..(at + length).min(bytes.len()));
            }
            Edit::Double(at, length) => {
                let at = place(at);
                let again = bytes[at..(at + length).min(bytes.len())].to_vec();
                bytes.splice(at..at, again);
            }
            Edit::Splice(at, text) => {
                let at = place(at);
                bytes.splice(at..at, text.bytes());
            }
        }
    }
    bytes
}

/// Some bytes, or one of these texts with edits.
fn nearly(texts: Vec<String>) -> impl Strategy<Value = Vec<u8>> {
    let like = (proptest::sample::select(texts), edits()).prop_map(|(text, edits)| edited(text.into_bytes(), &edits));
    prop_oneof![1 => vec(any::<u8>(), 0..200), 9 => like]
}

/// Noise, or what a client may send over a live feed, with edits before it is put into frames and after.
fn frames() -> impl Strategy<Value = Vec<u8>> {
    let opcode = prop_oneof![6 => Just(1_u8), 1 => Just(0), 1 => Just(2), 1 => 8..11_u8, 1 => 0..16_u8];
    let text = nearly(vec![r#"{"type":"resync"}"#.into(), r#"{"type":"ping"}"#.into()]);
    let sent = vec((any::<bool>(), opcode, text, any::<[u8; 4]>()), 1..4);
    let like = (sent, edits(), 0..4_u8).prop_map(|(sent, edits, wrong)| {
        let bytes =
            sent.into_iter().flat_map(|(is_last, opcode, text, mask)| frame(is_last, opcode, &text, mask)).collect();
        if wrong == 0 { edited(bytes, &edits) } else { bytes }
    });
    prop_oneof![1 => vec(any::<u8>(), 0..200), 4 => like]
}

/// A masked frame, as clients send them (RFC 6455, section 5.2).
fn frame(is_last: bool, opcode: u8, payload: &[u8], mask: [u8; 4]) -> Vec<u8> {
    let mut bytes = vec![u8::from(is_last) << 7 | opcode];
    match u16::try_from(payload.len()).unwrap() {
        short @ 0..126 => bytes.push(0x80 | u8::try_from(short).unwrap()),
        long => {
            bytes.push(0xfe);
            bytes.extend_from_slice(&long.to_be_bytes());
        }
    }
    bytes.extend_from_slice(&mask);
    bytes.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    bytes
}

fn bodies() -> Vec<String> {
    examples::all().into_iter().map(|(_, example)| example.to_string()).collect()
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    chassis::json::parse(bytes).ok()
}

/// Replies of scripts: any values, nested as Redis may nest them.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Nil),
        Just(Value::Okay),
        any::<i64>().prop_map(Value::Int),
        (-3..20_i64).prop_map(Value::Int),
        nearly(vec!["1700000000000".into(), "0,1,2".into(), uuid::Uuid::nil().to_string()]).prop_map(Value::BulkString),
        any::<bool>().prop_map(Value::Boolean),
        any::<f64>().prop_map(Value::Double),
    ];
    leaf.prop_recursive(2, 16, 8, |inner| vec(inner, 0..8).prop_map(Value::Array))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_body_breaks_what_reads_bodies(bytes in nearly(bodies())) {
        if let Some(new) = read::<NewEvent>(&bytes) {
            // What is sound can be counted without running over.
            if new.validate().is_ok() {
                let seats: u32 = new.sections.iter().map(contract::Section::seats).sum();
                prop_assert!(seats <= 100_000);
            }
        }
        let _ = (read::<EventChange>(&bytes), read::<NewHold>(&bytes), read::<NewBooking>(&bytes));
        let _ = (read::<Confirmation>(&bytes), read::<NewApiKey>(&bytes).map(|key| key.validate()));
        let _ = read::<Profile>(&bytes).map(|profile| profile.validate());
    }

    #[test]
    fn no_token_but_the_very_one_opens_anything(edits in edits(), noise in vec(any::<u8>(), 0..300)) {
        let keys: TokenKeys = "k".repeat(32).parse().unwrap();
        let good = good_token();
        let token = String::from_utf8_lossy(&edited(good.clone().into_bytes(), &edits)).into_owned();
        prop_assert_eq!(keys.verify(&token).is_ok(), token == good, "{}", token);
        prop_assert!(keys.verify(&String::from_utf8_lossy(&noise)).is_err());
    }

    #[test]
    fn no_token_but_an_issuers_very_own_opens_anything(edits in edits(), of_keys in edits()) {
        let (issuers, good, keys) = &*ISSUER;
        let token = String::from_utf8_lossy(&edited(good.clone().into_bytes(), &edits)).into_owned();
        prop_assert_eq!(matches!(issuers.verify(&token), Some(Ok(_))), &token == good, "{}", token);
        // Whatever an issuer says its keys are.
        if let Some(issuers) = Issuers::of(ISSUER_NAME, "onsale", &edited(keys.clone(), &of_keys)) {
            let _ = issuers.verify(good);
        }
    }

    #[test]
    fn no_text_but_a_label_is_one(bytes in nearly(vec!["A-1-12".into(), "Balcony-1000-1000".into(), "A-0-1".into()])) {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Ok(label) = text.parse::<SeatLabel>() {
            prop_assert_eq!(&label.to_string(), &text, "one seat, one label");
        }
        let _ = (text.parse::<Budget>().is_ok(), text.parse::<Proxies>().is_ok());
    }

    #[test]
    fn no_reply_of_a_script_breaks_what_reads_replies(value in value()) {
        let _ = (draw_tokens::read(&value), topology::read_slot_ranges(&value, "here"));
        if let Ok(reply) = Reply::read("fuzz", value) {
            let _ = (Admission::read(&reply), hold::read(&reply), audit_event::read(&reply), sweep::read(&reply));
            let _ = read_inventory::read(&reply, &[contract::TierId::fresh()], true);
            for at in 0..=reply.len() {
                let _ = (reply.int(at), reply.text(at).map(str::len), reply.id(at));
            }
        }
    }

    #[test]
    fn no_line_breaks_what_reads_changes(lines in vec(nearly(changes_of_holds()), 0..4)) {
        let page = changes::page(&lines);
        prop_assert!(page.lines == lines.len() && page.changes.len() <= lines.len());
        // Each that is read is forgotten by its place, once the log has it.
        prop_assert!(page.changes.iter().all(|change| (change.epoch, change.number) <= page.newest));
    }

    #[test]
    fn nothing_published_breaks_what_listens(bytes in nearly(vec![
        "1000000007 t:0199f3a0-5b1c-7c4e-9a53-2f6d1b7e8c02=-2,s:49999=s,state=open".into(), "5 reload".into(),
    ])) {
        let _ = String::from_utf8_lossy(&bytes).parse::<Published>();
    }

    #[test]
    fn no_frame_breaks_what_reads_frames(bytes in frames(), split in any::<usize>()) {
        // In two pieces, as it may come.
        let (mut codec, mut buffer) = (ws::Codec::new(), BytesMut::new());
        let (first, second) = bytes.split_at(split % (bytes.len() + 1));
        for piece in [first, second] {
            buffer.extend_from_slice(piece);
            while let Ok(Some(frame)) = codec.decode(&mut buffer) {
                if let ws::Frame::Text(text) = frame {
                    let _ = request_in(&text);
                }
            }
        }
    }

    #[test]
    fn what_is_sent_is_read_as_what_it_is(seats in vec((proptest::char::any(), vec(any::<u32>(), 0..40)), 0..5), epoch in any::<i64>()) {
        let delta = LiveDelta { epoch, previous: 0, sequence: 1, seats: seats.into_iter().collect(), tiers: Vec::new(), sale_state: None };
        let message = LiveMessage::Delta(delta);
        let mut buffer = BytesMut::from(&Frame::message(&message).bytes[..]);
        let read_back = ws::Codec::new().client_mode().decode(&mut buffer).unwrap();
        let Some(ws::Frame::Text(text)) = read_back else { panic!("no text: {read_back:?}") };
        prop_assert_eq!(read::<LiveMessage>(&text), Some(message));
        prop_assert!(buffer.is_empty());
    }
}

fn changes_of_holds() -> Vec<String> {
    let id = uuid::Uuid::nil();
    vec![
        format!("3:1766000000123001:1766000000123:held:{id}:customer:{id}:r-1:{id}:2:"),
        format!("12:1766000000123002:1766000000124:expired:{id}:system::::2:5,16"),
    ]
}

const ISSUER_NAME: &str = "https://issuer.example";
/// An issuer, a token of its, and the document that has its keys.
static ISSUER: LazyLock<(Issuers, String, Vec<u8>)> = LazyLock::new(|| {
    // PKCS #8 of an Ed25519 key, which is any 32 bytes.
    let mut der = vec![0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
    der.extend_from_slice(&[7; 32]);
    let signing = EncodingKey::from_ed_der(&der);
    let mut jwk = Jwk::from_encoding_key(&signing, Algorithm::EdDSA).unwrap();
    jwk.common.key_id = Some("one".into());
    let keys = serde_json::to_vec(&JwkSet { keys: vec![jwk] }).unwrap();
    let header = Header { kid: Some("one".into()), ..Header::new(Algorithm::EdDSA) };
    let expires = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24);
    let claims = json!({ "iss": ISSUER_NAME, "aud": "onsale", "sub": "somebody", "exp": expires.as_second() });
    let token = jsonwebtoken::encode(&header, &claims, &signing).unwrap();
    (Issuers::of(ISSUER_NAME, "onsale", &keys).unwrap(), token, keys)
});

fn good_token() -> String {
    use chassis::token::{Identity, Role};
    static TOKEN: LazyLock<String> = LazyLock::new(|| {
        let keys: TokenKeys = "k".repeat(32).parse().unwrap();
        let guest = Identity { customer_id: contract::CustomerId::fresh(), role: Role::Customer };
        keys.sign(guest, jiff::Timestamp::now(), jiff::SignedDuration::from_hours(24)).unwrap().0
    });
    TOKEN.clone()
}
