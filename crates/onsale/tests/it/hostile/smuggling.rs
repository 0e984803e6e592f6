//! Requests that two servers in a row might read differently, and requests that are none: nginx and the gatekeeper see the same
//! or nothing, and what is hidden in one request is never carried out as another.

use std::time::Duration;

use serde_json::Value;
use stack::Client;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::bad_input::traces;
use crate::support::{System, private};

/// Requests there must be at least.
const REQUESTS_MIN: usize = 80;
/// What nginx takes for a request all the same, and passes on as a proper one: a lone LF ends a line (RFC 9112 lets it), a line
/// that is no header is dropped, and an upgrade that nobody offers is no upgrade.
const LENIENT: [&str; 4] =
    ["a bare LF before a header", "bare LFs at the end of the head", "a header without a colon", "an upgrade to h2c"];
/// How long an answer is waited for; a server that waits for more of the request gives none.
const PATIENCE: Duration = Duration::from_millis(400);

/// What is sent, and what it is called.
struct Attack {
    name: String,
    bytes: Vec<u8>,
}

/// What is to be hidden: a purchase, which would leave a row.
struct Hidden {
    request: String,
    token: String,
}

impl Hidden {
    fn of(token: &str, event: contract::EventId, tier: contract::TierId) -> Self {
        let body = format!(r#"{{"event_id":"{event}","tier_id":"{tier}","quantity":1}}"#);
        let request = format!(
            "POST /api/v1/bookings HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        Self { request, token: token.to_owned() }
    }
}

/// Ways to write that a body comes in chunks, which one server may take for it and the next may not.
const CODINGS: [&str; 26] = [
    "Transfer-Encoding: chunked",
    "Transfer-Encoding : chunked",
    "Transfer-Encoding:chunked",
    "Transfer-Encoding:\tchunked",
    "Transfer-Encoding:  chunked ",
    "Transfer-Encoding: Chunked",
    "transfer-encoding: CHUNKED",
    "Transfer-Encoding: xchunked",
    "Transfer-Encoding: chunkedx",
    "Transfer-Encoding: \"chunked\"",
    "Transfer-Encoding: chunked, identity",
    "Transfer-Encoding: identity, chunked",
    "Transfer-Encoding: gzip, chunked",
    "Transfer-Encoding: chunked, chunked",
    "Transfer-Encoding: identity",
    "Transfer-Encoding: chunked;q=1",
    "Transfer-Encoding: x\r\nTransfer-Encoding: chunked",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: x",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
    " Transfer-Encoding: chunked",
    "X: y\r\n Transfer-Encoding: chunked",
    "Transfer-Encoding:\r\n chunked",
    "Transfer-Encoding:\u{b}chunked",
    "Transfer_Encoding: chunked",
    "X: y\nTransfer-Encoding: chunked",
    "X: y\rTransfer-Encoding: chunked",
];

/// Lengths that are none, or two.
const LENGTHS: [&str; 20] = [
    "Content-Length: 5\r\nContent-Length: 5",
    "Content-Length: 5\r\nContent-Length: 6",
    "Content-Length: 0\r\nContent-Length: 900",
    "Content-Length: 5, 5",
    "Content-Length: 5,6",
    "Content-Length: +5",
    "Content-Length: -1",
    "Content-Length: 0x5",
    "Content-Length: 5.0",
    "Content-Length: 5e0",
    "Content-Length: five",
    "Content-Length: ",
    "Content-Length: 5 5",
    "Content-Length: 18446744073709551616",
    "Content-Length: 9223372036854775808",
    "Content-Length: 99999999999999999999999999",
    "Content-Length : 5",
    " Content-Length: 5",
    "Content-Length: 5\r\nContent-Length : 900",
    "Content-Length: 5\u{b}",
];

/// The front of a request whose body is framed so.
fn front(hidden: &Hidden, framing: &str) -> String {
    let token = &hidden.token;
    format!(
        "POST /api/v1/events/x/holds HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n\
         {framing}\r\n\r\n"
    )
}

/// Both framings: by length all of it is one body, by chunks the hidden request comes after it, or the other way around.
fn two_framings(hidden: &Hidden) -> Vec<Attack> {
    let mut attacks = Vec::new();
    for coding in CODINGS {
        let chunks = format!("0\r\n\r\n{}", hidden.request);
        for framing in [
            format!("Content-Length: {}\r\n{coding}", chunks.len()),
            format!("{coding}\r\nContent-Length: {}", chunks.len()),
        ] {
            let bytes = format!("{}{chunks}", front(hidden, &framing)).into_bytes();
            attacks.push(Attack { name: format!("CL.TE {framing:?}"), bytes });
        }
        if coding.starts_with("Transfer_Encoding") {
            // Another header to everybody: by length two requests, and both are meant.
            continue;
        }
        // Read by length, the body ends after the chunk's size, and the chunk would be a request.
        let size = format!("{:x}\r\n", hidden.request.len());
        let framing = format!("Content-Length: {}\r\n{coding}", size.len());
        let bytes = format!("{}{size}{}\r\n0\r\n\r\n", front(hidden, &framing), hidden.request).into_bytes();
        attacks.push(Attack { name: format!("TE.CL {framing:?}"), bytes });
    }
    attacks
}

/// One framing, and a wrong one.
fn lengths(hidden: &Hidden) -> Vec<Attack> {
    let attack = |length: &&str| Attack {
        name: format!("length {length:?}"),
        bytes: format!("{}[1,2]{}", front(hidden, length), hidden.request).into_bytes(),
    };
    LENGTHS.iter().map(attack).collect()
}

/// Chunks that are none.
fn chunks(hidden: &Hidden) -> Vec<Attack> {
    let chunks = [
        "-1\r\n",
        "g\r\n",
        "0x5\r\n12345\r\n0\r\n\r\n",
        " 5\r\n12345\r\n0\r\n\r\n",
        "5 \r\n123456\r\n0\r\n\r\n",
        "ffffffffffffffff\r\n",
        "10000000000000000\r\n",
        "5\r\n123456\r\n0\r\n\r\n",
        "\r\n5\r\n12345\r\n",
    ];
    let attack = |chunks: &str, behind: &str| Attack {
        name: format!("chunks {chunks:?}"),
        bytes: format!("{}{chunks}{behind}", front(hidden, "Transfer-Encoding: chunked")).into_bytes(),
    };
    let mut attacks: Vec<_> = chunks.iter().map(|chunks| attack(chunks, &hidden.request)).collect();
    // nginx takes a bare LF for the end of a line here, and looks at neither extensions nor trailers. What it passes on are
    // chunks of its own, so nobody behind it sees these; and what came after them would be a request in the open.
    let lenient = [
        "5\r\n1234\r\n0\r\n\r\n",
        "5\n12345\n0\n\n",
        "5\r\n12345\r\n0\r\nX: y\r\n Z\r\n\r\n",
        "5;\0\r\n12345\r\n0\r\n\r\n",
        "5;a=\"\r\n12345\r\n0\r\n\r\n",
    ];
    attacks.extend(lenient.map(|chunks| attack(chunks, "")));
    attacks
}

/// Lines that are none.
fn lines(hidden: &Hidden) -> Vec<Attack> {
    let request = hidden.request.as_str();
    let with = |from: &str, to: &str| request.replacen(from, to, 1).into_bytes();
    let cut = |text: &str| text.as_bytes().to_vec();
    let line = "POST /api/v1/bookings HTTP/1.1";
    [
        ("a bare LF before a header", with("\r\nHost: x\r\n", "\r\nX: a\nHost: x\r\n")),
        ("bare LFs at the end of the head", with("\r\n\r\n", "\n\n")),
        ("a bare CR in a header", with("Host: x", "Host: x\rX: y")),
        ("a NUL in a header", with("Host: x", "Host: x\0y")),
        ("a NUL in a name", with("Host: x", "Host: x\r\nX\0Y: z")),
        ("a folded header", with("Host: x", "Host: x\r\n y")),
        ("a header that is folded first", with("\r\nHost: x", "\r\n Host: x")),
        ("a header without a colon", with("Host: x", "Host: x\r\nnothing")),
        ("a header without a name", with("Host: x", "Host: x\r\n: y")),
        ("a space before the colon", with("Host: x", "Host : x")),
        ("two hosts", with("Host: x", "Host: x\r\nHost: y")),
        ("no host", with("Host: x\r\n", "")),
        ("a host with a path", with("Host: x", "Host: x/../y")),
        ("a host with a line in it", with("Host: x", "Host: x%0d%0aX: y")),
        ("HTTP/0.9", with(line, "POST /api/v1/bookings")),
        ("HTTP/1.2", with(line, "POST /api/v1/bookings HTTP/1.2x")),
        ("HTTP/2.0", with(line, "POST /api/v1/bookings HTTP/2.0")),
        ("HTTP/9.9", with(line, "POST /api/v1/bookings HTTP/9.9")),
        ("HTTP/1.1 twice", with(line, "POST /api/v1/bookings HTTP/1.1 HTTP/1.1")),
        ("no version", with(line, "POST /api/v1/bookings HTTP/")),
        ("a method that is none", with(line, "P(ST /api/v1/bookings HTTP/1.1")),
        ("a method in small letters", with(line, "post /api/v1/bookings HTTP/1.1")),
        ("a tab for a space", with(line, "POST\t/api/v1/bookings\tHTTP/1.1")),
        ("a path with a space", with(line, "POST /api/v1/boo kings HTTP/1.1")),
        ("a path with a NUL", with(line, "POST /api/v1/bookings\0 HTTP/1.1")),
        ("a path that is none", with(line, "POST api/v1/bookings HTTP/1.1")),
        ("a path up and out", with(line, "POST /../../etc/passwd HTTP/1.1")),
        ("a path up and out, coded", with(line, "POST /%2e%2e/%2e%2e/etc/passwd HTTP/1.1")),
        ("a proxy's request", with(line, "POST http://127.0.0.1:1/api/v1/nothing HTTP/1.1")),
        ("CONNECT", with(line, "CONNECT 127.0.0.1:80 HTTP/1.1")),
        ("PRI", cut("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")),
        ("a TLS hello", vec![0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03]),
        ("nothing but NULs", vec![0; 4_096]),
        ("a head of 100 KB", with("Host: x", &format!("Host: x\r\nX: {}", "y".repeat(100_000)))),
        ("a path of 100 KB", with("/api/v1/bookings", &format!("/api/v1/bookings?{}", "y".repeat(100_000)))),
        ("ten thousand headers", with("Host: x", &format!("Host: x{}", "\r\nX: y".repeat(10_000)))),
        (
            "an upgrade to h2c",
            with(
                "Host: x",
                "Host: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__",
            ),
        ),
        ("a half request", cut(&request[..request.len() - 10])),
        ("a body that was not announced", with("Content-Length", "X-Length")),
    ]
    .into_iter()
    .map(|(name, bytes)| Attack { name: name.to_owned(), bytes })
    .collect()
}

/// Everything that comes back until the server closes or has nothing more to say.
async fn exchange(address: &str, bytes: &[u8]) -> String {
    let mut socket = TcpStream::connect(address).await.unwrap();
    // It may be closed in the middle of what is sent, which is an answer.
    let _ = socket.write_all(bytes).await;
    let mut answer = Vec::new();
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(Ok(read @ 1..)) = tokio::time::timeout(PATIENCE, socket.read(&mut buffer)).await {
        answer.extend_from_slice(&buffer[..read]);
    }
    String::from_utf8_lossy(&answer).into_owned()
}

/// Lines that begin an answer.
fn statuses(answer: &str) -> Vec<u16> {
    let lines = answer.split("HTTP/1.1 ").skip(1);
    lines.filter_map(|line| line.get(..3)?.parse().ok()).collect()
}

async fn token(system: &System) -> String {
    let session = Client::new(&system.ready.url).unwrap().post("/api/v1/sessions", &Value::Null).await.unwrap();
    session.body["token"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_hidden_in_a_request_is_never_carried_out() {
    let system = private().await;
    let (event, tier) = system.tier_event(1_000).await;
    let hidden = Hidden::of(&token(&system).await, event, tier);
    let address = system.ready.url.trim_start_matches("http://").to_owned();
    let gatekeeper = system.ready.replicas[0].trim_start_matches("http://").to_owned();
    let attacks: Vec<_> = [two_framings(&hidden), lengths(&hidden), chunks(&hidden)].into_iter().flatten().collect();
    assert!(attacks.len() >= REQUESTS_MIN, "{}", attacks.len());
    let before = traces(&system).await;
    for Attack { name, bytes } in &attacks {
        // Through the front door, and past it: neither relies on the other to be careful.
        for at in [&address, &gatekeeper] {
            let answer = exchange(at, bytes).await;
            let statuses = statuses(&answer);
            assert!(statuses.iter().all(|status| *status < 500), "{name} at {at}: {answer}");
            assert!(!statuses.contains(&201), "{name} at {at}: what was hidden was carried out: {answer}");
        }
    }
    assert_eq!(traces(&system).await, before, "neither a key nor a row");
    // In the open it is a purchase.
    assert_eq!(statuses(&exchange(&address, hidden.request.as_bytes()).await), [201]);
    system.assert_nothing_crashed();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_request_gets_no_more_than_a_problem() {
    let system = private().await;
    let (event, tier) = system.tier_event(1_000).await;
    let token = token(&system).await;
    let hidden = Hidden::of(&token, event, tier);
    let address = system.ready.url.trim_start_matches("http://").to_owned();
    let lines = lines(&hidden);
    assert!(lines.len() >= 30);
    // What a purchase of this customer's leaves behind, once there has been one.
    let buyer = system.admin.with_token(&token);
    assert_eq!(buyer.buy(event, tier, 1).await.unwrap().status, 201);
    let first = traces(&system).await;
    assert_eq!(buyer.buy(event, tier, 1).await.unwrap().status, 201);
    let before = traces(&system).await;
    let rows_of_one = before.1 - first.1;
    let mut accepted = Vec::new();
    for Attack { name, bytes } in &lines {
        let answer = exchange(&address, bytes).await;
        let statuses = statuses(&answer);
        if statuses.contains(&201) {
            accepted.push(name.as_str());
        } else {
            assert!(statuses.iter().all(|status| [400, 404, 405, 408, 415].contains(status)), "{name}: {answer}");
            // What has no version is answered without a header; a connection may just be closed.
            let problems = answer.matches("Content-Type: application/problem+json").count();
            assert_eq!(problems, statuses.len(), "{name} is answered as everything else is: {answer}");
        }
        assert!(!answer.to_lowercase().contains("<html"), "{name}: {answer}");
        for secret in ["nginx/", "actix", "/usr", "/tmp"] {
            assert!(!answer.contains(secret), "{name} tells {secret}: {answer}");
        }
    }
    // Of what is taken all the same, each is the one purchase that its sender meant; of the rest there is no trace.
    assert_eq!(accepted, LENIENT);
    let served = i64::try_from(LENIENT.len()).unwrap();
    assert_eq!(system.bookings(event).await, 2 + served);
    assert_eq!(traces(&system).await, (before.0, before.1 + served * rows_of_one));
    // And everybody else is served as ever.
    assert_eq!(system.guest().await.buy(event, tier, 1).await.unwrap().status, 201);
    system.assert_nothing_crashed();
}
