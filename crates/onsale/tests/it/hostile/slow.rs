//! Connections that do nothing, or next to nothing, for as long as they can.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::bad_input::traces;
use crate::support::{SOON, System, eventually, private};

/// Connections that say nothing.
const IDLE: usize = 5_000;
/// Connections that send their head, or their body, a byte at a time.
const SLOW: usize = 100;
/// Honest requests a second, and for how long.
const RATE: u64 = 200;
const SECONDS: u64 = 3;
/// An honest client waits no longer.
const PATIENCE: Duration = Duration::from_millis(500);
/// After this nobody has to be waited for any more: nginx' ten seconds, and a little.
const GIVEN_UP: Duration = Duration::from_secs(14);

/// Honest requests that were answered in time, out of those that came at their times: the list of events, and a new guest, by turns.
async fn served(system: &System) -> usize {
    let http = reqwest::Client::new();
    let (api, begun) = (format!("{}/api/v1", system.ready.url), Instant::now());
    let requests = (0..RATE * SECONDS).map(|number| {
        let request =
            if number % 2 == 0 { http.get(format!("{api}/events")) } else { http.post(format!("{api}/sessions")) };
        tokio::spawn(async move {
            tokio::time::sleep_until((begun + Duration::from_micros(number * 1_000_000 / RATE)).into()).await;
            let reply = tokio::time::timeout(PATIENCE, request.send()).await;
            matches!(reply, Ok(Ok(reply)) if reply.status().is_success())
        })
    });
    join_all(requests).await.into_iter().filter(|served| *served.as_ref().unwrap()).count()
}

async fn connect(address: &str) -> TcpStream {
    TcpStream::connect(address).await.unwrap()
}

/// Neither closed nor answered by the other end.
fn is_open(socket: &TcpStream) -> bool {
    matches!(socket.try_read(&mut [0]), Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)
}

/// Sends the text, then one more byte every half second; says when the server had enough.
async fn drip(address: String, begun: &'static str, under_way: Arc<AtomicUsize>) -> Duration {
    let started = Instant::now();
    let mut socket = connect(&address).await;
    socket.write_all(begun.as_bytes()).await.unwrap();
    under_way.fetch_add(1, Ordering::Relaxed);
    let mut byte = [0];
    while started.elapsed() < 2 * GIVEN_UP {
        match tokio::time::timeout(Duration::from_millis(500), socket.read(&mut byte)).await {
            Ok(Ok(0) | Err(_)) => break,
            Err(_) if socket.write_all(b"x").await.is_err() => break,
            Ok(Ok(_)) | Err(_) => {}
        }
    }
    started.elapsed()
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_and_silent_connections_cost_honest_clients_next_to_nothing_and_are_given_up() {
    let system = private().await;
    let address = system.ready.url.trim_start_matches("http://").to_owned();
    let before = traces(&system).await;
    served(&system).await;
    let alone = served(&system).await;
    assert!(alone as u64 * 100 >= RATE * SECONDS * 95, "{alone} served with nobody beside them");

    let mut idle = Vec::with_capacity(IDLE);
    for _ in 0..IDLE / 100 {
        idle.extend(join_all((0..100).map(|_| connect(&address))).await);
    }
    let head = "POST /api/v1/bookings HTTP/1.1\r\nHost: x\r\nX-Slow: ";
    let body =
        "POST /api/v1/bookings HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 60000\r\n\r\n{";
    let under_way = Arc::new(AtomicUsize::new(0));
    let drip = |begun| tokio::spawn(drip(address.clone(), begun, under_way.clone()));
    let dripping: Vec<_> = (0..SLOW).flat_map(|_| [head, body]).map(drip).collect();
    eventually("all of them drip", SOON, async || under_way.load(Ordering::Relaxed) == 2 * SLOW).await;
    let beside = served(&system).await;
    let open = idle.iter().filter(|socket| is_open(socket)).count();
    assert_eq!(open, IDLE, "of those that say nothing some were not there to the end");
    assert!(beside as u64 * 100 >= RATE * SECONDS * 95, "{beside} served beside them, {alone} without");

    // A head has to be there after ten seconds, however it comes; a body may drip as long as it does, and holds nobody up.
    let mut given_up = 0;
    for (number, drip) in dripping.into_iter().enumerate() {
        if number % 2 == 0 {
            assert!(drip.await.unwrap() < GIVEN_UP, "a slow head is waited for too long");
            given_up += 1;
        } else {
            drip.abort();
        }
    }
    assert_eq!(given_up, SLOW);
    let mut closed = 0;
    let mut byte = [0];
    for mut socket in idle {
        closed +=
            usize::from(matches!(tokio::time::timeout(GIVEN_UP, socket.read(&mut byte)).await, Ok(Ok(0) | Err(_))));
    }
    assert_eq!(closed, IDLE, "who says nothing is not waited for");
    assert!(served(&system).await as u64 * 100 >= RATE * SECONDS * 95);
    assert_eq!(traces(&system).await, before, "neither a key nor a row");
    system.assert_nothing_crashed();
}
