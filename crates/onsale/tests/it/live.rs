//! The live feed: what happens to a seat is seen by everyone who looks, wherever they are connected.

use contract::EventId;
use contract::api::SaleState;
use contract::live::close;
use futures_util::future::join_all;
use futures_util::{SinkExt as _, StreamExt as _};
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use stack::Role;
use tokio::net::TcpSocket;
use tokio::time::{Instant, timeout};
use tokio_tungstenite::tungstenite::{self, Message};

use crate::support::{SOON, eventually, hold, private, private_with, shared};
use crate::watcher::{Watcher, authority, open, open_over};

#[tokio::test(flavor = "multi_thread")]
async fn whatever_happens_to_a_seat_is_seen_on_every_replica_and_through_the_front_door() {
    let system = shared().await;
    let event = system.seat_event_with(|event| event.tiers = vec![stack::demo::tier("Floor", 5)]).await;
    let tier = system.admin.event(event).await.unwrap().tiers[0].tier_id;
    let addresses =
        [&system.ready.url, &system.ready.replicas[0], &system.ready.replicas[1], &system.ready.replicas[2]];
    let mut watchers = join_all(addresses.iter().map(|url| Watcher::at(url, event))).await;
    let guest = system.guest().await;
    let paths = |booking: &Value| format!("/api/v1/bookings/{}", booking["booking_id"].as_str().unwrap());
    macro_rules! all_see {
        ($seat:expr, $letter:expr) => {
            join_all(watchers.iter_mut().map(|watcher| watcher.sees($seat, $letter))).await
        };
    }

    let held = hold(guest.hold_seats(event, &["A-1-1", "A-1-3"]).await.unwrap());
    all_see!(0, b'h');
    all_see!(2, b'h');
    let path = format!("/api/v1/events/{event}/holds/{}", held.hold_id);
    guest.call(reqwest::Method::DELETE, &path, &Value::Null).await.unwrap();
    all_see!(0, b'a');
    all_see!(2, b'a');
    let held = hold(guest.hold_seats(event, &["A-1-2"]).await.unwrap());
    all_see!(1, b'h');
    let booking = guest.book_hold(event, held.hold_id).await.unwrap().body;
    all_see!(1, b'r');
    guest.post(&format!("{}/confirm", paths(&booking)), &Value::Null).await.unwrap();
    all_see!(1, b's');
    guest.post(&format!("{}/cancel", paths(&booking)), &Value::Null).await.unwrap();
    all_see!(1, b'a');

    guest.buy(event, tier, 2).await.unwrap();
    join_all(watchers.iter_mut().map(|watcher| watcher.until("three are left", |seen| seen.tiers[&tier] == 3))).await;
    let change = json!({"sale_state": "paused", "tiers": [{"tier_id": tier, "capacity": 9}]});
    system.admin.call(reqwest::Method::PATCH, &format!("/api/v1/events/{event}"), &change).await.unwrap();
    // What runs out is seen as well.
    let brief = system.seat_event_with(|event| event.hold_ttl_seconds = 3).await;
    let mut other = Watcher::at(&system.ready.replicas[0], brief).await;
    hold(guest.hold_seats(brief, &["A-1-1"]).await.unwrap());
    other.sees(0, b'h').await;
    other.sees(0, b'a').await;
    join_all(watchers.iter_mut().map(|watcher| {
        watcher.until("it grew and is paused", |seen| seen.tiers[&tier] == 7 && seen.sale_state == SaleState::Paused)
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_sent_that_names_a_customer() {
    let system = shared().await;
    let event = system.seat_event().await;
    let mut socket = open(&system.ready.url, event, &[]).await.unwrap();
    let guest = system.guest().await;
    let held = hold(guest.hold_seats(event, &["A-1-1"]).await.unwrap());
    let customer = guest.book_hold(event, held.hold_id).await.unwrap().body["customer_id"].as_str().unwrap().to_owned();
    let (rid, mut frames) = (held.hold_id.to_string(), 0);
    loop {
        let message = timeout(SOON, socket.next()).await.unwrap().unwrap().unwrap();
        let Message::Text(text) = message else { continue };
        assert!(!text.contains(&customer) && !text.contains(&rid), "{text}");
        frames += 1;
        if text.contains("\"r\":[0]") {
            break;
        }
    }
    assert!(frames >= 2);
}

/// Many hold and let go of seats at random while many watch: in the end all pictures are the true one, and on the way
/// every client checked that no step was missing and none went back.
#[tokio::test(flavor = "multi_thread")]
async fn every_watcher_ends_with_the_true_picture() {
    let system = shared().await;
    let event = system.seat_event_with(|event| event.per_customer_max = 100).await;
    let urls: Vec<_> = system.ready.replicas.iter().cycle().take(30).collect();
    let watchers = join_all(urls.iter().map(|url| Watcher::at(url, event))).await;
    let guests = system.guests(10).await;
    let busy = join_all(guests.iter().enumerate().map(|(at, guest)| async move {
        for round in 0..10 {
            let label = format!("A-{}-{}", at + 1, (at * 3 + round) % 10 + 1);
            let held = hold(guest.hold_seats(event, &[&label]).await.unwrap());
            if round % 2 == 0 {
                let path = format!("/api/v1/events/{event}/holds/{}", held.hold_id);
                let released = guest.call(reqwest::Method::DELETE, &path, &Value::Null).await.unwrap();
                assert_eq!(released.status, 204, "{}", released.body);
            }
        }
    }));
    let began = Instant::now();
    let watching = watchers.into_iter().map(|mut watcher| {
        tokio::spawn(async move {
            let held = |watcher: &Watcher| String::from_utf8_lossy(&watcher.states).matches('h').count();
            watcher.until("fifty seats are held", |watcher| held(watcher) == 50).await;
            watcher
        })
    });
    let watching: Vec<_> = watching.collect();
    busy.await;
    let truth = guests[0].get(&format!("/api/v1/events/{event}/seats")).await.unwrap().body;
    for watcher in watching {
        let mut watcher = watcher.await.unwrap();
        watcher.until("the last step", |watcher| Some(watcher.sequence) == truth["sequence"].as_i64()).await;
        assert_eq!(truth["states"], String::from_utf8_lossy(&watcher.states).as_ref());
        // A frame each 50 ms at most; the first step of a quiet event goes at once.
        let most = began.elapsed().as_millis() / 50 + 2;
        assert!(watcher.deltas as u128 <= most, "{} frames, at most {most}: steps travel together", watcher.deltas);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_lost_its_channel_or_its_redis_tells_the_truth_again() {
    let system = private().await;
    let event = system.seat_event().await;
    let mut watchers = join_all(system.ready.replicas.iter().map(|url| Watcher::at(url, event))).await;
    let guest = system.guest().await;
    // The channel is cut, and something happens before anybody can have it back.
    let mut redis = system.redis().await;
    redis::cmd("CLIENT").arg("KILL").arg("TYPE").arg("pubsub").query_async::<i64>(&mut redis).await.unwrap();
    let held = hold(guest.hold_seats(event, &["A-1-1"]).await.unwrap());
    for watcher in &mut watchers {
        watcher.sees(0, b'h').await;
    }
    guest.book_hold(event, held.hold_id).await.unwrap();
    // Everything is lost: holds are, bookings are not.
    hold(guest.hold_seats(event, &["A-1-2"]).await.unwrap());
    for watcher in &mut watchers {
        watcher.sees(1, b'h').await;
    }
    redis::cmd("FLUSHALL").query_async::<()>(&mut redis).await.unwrap();
    for watcher in &mut watchers {
        watcher.sees(1, b'a').await;
        assert_eq!(watcher.states[0], b'r');
    }
    let redis = system.stack.child(Role::Redis).unwrap();
    let down = redis.clone();
    tokio::task::spawn_blocking(move || down.down(Signal::SIGKILL)).await.unwrap();
    for watcher in &mut watchers {
        watcher.until("numbers are not known", |watcher| watcher.is_rebuilding).await;
    }
    redis.up();
    for watcher in &mut watchers {
        watcher.until("they are again", |watcher| !watcher.is_rebuilding).await;
        assert_eq!(&watcher.states[..3], b"raa");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_misbehaves_is_closed_with_a_code_and_the_others_notice_nothing() {
    let system = shared().await;
    let event = system.seat_event().await;
    let url = &system.ready.replicas[0];
    let mut honest = Watcher::at(url, event).await;

    let mut flood = Watcher::at(url, event).await;
    for _ in 0..50 {
        // It may be closed while it still talks.
        let _ = flood.socket.send(Message::text(r#"{"type":"resync"}"#)).await;
    }
    assert_eq!(flood.end().await, 1008);
    let mut large = Watcher::at(url, event).await;
    let _ = large.socket.send(Message::text("x".repeat(1 << 20))).await;
    assert_eq!(large.end().await, 1009);
    let mut strange = Watcher::at(url, event).await;
    strange.socket.send(Message::text(r#"{"type":"hold","seat":1}"#)).await.unwrap();
    assert_eq!(strange.end().await, 1003);

    let code = async |headers: &[(&str, String)]| {
        let mut socket = open(url, event, headers).await.unwrap();
        match timeout(SOON, socket.next()).await.unwrap() {
            Some(Ok(Message::Close(Some(reason)))) => u16::from(reason.code),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(code(&[("origin", "https://elsewhere.example".into())]).await, close::WRONG_ORIGIN);
    assert_eq!(code(&[("sec-websocket-protocol", "onsale.live, bearer.a.b.c".into())]).await, close::UNAUTHORIZED);
    assert_eq!(code(&[("authorization", "Bearer nonsense".into())]).await, close::UNAUTHORIZED);
    let token = system.ready.admin_token.clone();
    let own = [("origin", url.clone()), ("sec-websocket-protocol", format!("onsale.live, bearer.{token}"))];
    assert!(open(url, event, &own).await.unwrap().next().await.unwrap().unwrap().is_text());

    let guest = system.guest().await;
    hold(guest.hold_seats(event, &["A-1-1"]).await.unwrap());
    honest.sees(0, b'h').await;
    let metrics = reqwest::get(format!("{url}/metrics")).await.unwrap().text().await.unwrap();
    for reason in ["flood", "too_large", "not_understood", "wrong_origin", "unauthorized"] {
        assert!(metrics.contains(&format!("gatekeeper_feed_closed_total{{reason=\"{reason}\"}}")), "{reason}");
    }
    let refused = guest.at(url).get(&format!("/api/v1/events/{event}/live")).await.unwrap();
    assert_eq!((refused.status.as_u16(), refused.code()), (400, "malformed"), "not a WebSocket");
    let nowhere = open(url, EventId::fresh(), &[]).await.unwrap_err();
    assert!(matches!(nowhere, tungstenite::Error::Http(response) if response.status() == 404));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_stops_reading_is_dropped_and_the_others_notice_nothing() {
    let system = shared().await;
    let event = system.seat_event_with(|event| event.sections = vec![stack::demo::section("A", 100, 100, 1)]).await;
    let url = &system.ready.replicas[0];
    let mut honest = Watcher::at(url, event).await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    let socket = socket.connect(authority(url).parse().unwrap()).await.unwrap();
    let mut lazy = open_over(socket, url, event, &[]).await.unwrap();

    // Ten thousand seats change at every step, as a script would change them, until the lazy one's pipe is full and it is a
    // ring of frames behind.
    let key = |name: &str| format!("{{e:{event}}}:{name}");
    let mut redis = system.redis().await;
    let slow = async || {
        let metrics = reqwest::get(format!("{url}/metrics")).await.unwrap().text().await.unwrap();
        let line = "gatekeeper_feed_closed_total{reason=\"slow\"} ";
        metrics.lines().find_map(|text| text.strip_prefix(line)?.parse::<i64>().ok()).unwrap()
    };
    let before = slow().await;
    let first = honest.sequence + 1;
    for step in 0..300 {
        let letter = if step % 2 == 0 { "h" } else { "a" };
        let changes: Vec<_> = (0..10_000).map(|seat| format!("s:{seat}={letter}")).collect();
        let sequence = first + step;
        let mut change = redis::pipe();
        change.atomic().hset(key("meta"), "feed_seq", sequence).ignore();
        change.set(key("map"), letter.repeat(10_000)).ignore();
        change.spublish(key("feed"), format!("{sequence} {}", changes.join(","))).ignore();
        change.query_async::<()>(&mut redis).await.unwrap();
        // The honest one takes each before the next, so each is a frame of its own.
        honest.until("the step", |watcher| watcher.sequence >= sequence).await;
    }
    let code = loop {
        match timeout(SOON, lazy.next()).await.unwrap() {
            Some(Ok(Message::Close(reason))) => break reason.map(|reason| u16::from(reason.code)),
            Some(Ok(_)) => {}
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(code, Some(close::SLOW));
    assert_eq!(slow().await, before + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopping_replica_sends_its_watchers_elsewhere() {
    let system = private_with(|options| options.replicas = 2).await;
    let event = system.seat_event().await;
    let mut moved = Watcher::at(&system.ready.replicas[0], event).await;
    let mut stays = Watcher::at(&system.ready.replicas[1], event).await;
    let active = async |url: &str| reqwest::get(format!("{url}/metrics")).await.unwrap().text().await.unwrap();
    assert!(active(&system.ready.replicas[0]).await.contains("\nactive_connections 1\n"));
    let since = Instant::now();
    system.stack.child(Role::Gatekeeper(0)).unwrap().signal(Signal::SIGTERM);
    assert_eq!(moved.end().await, 1012);
    assert!(since.elapsed() < SOON, "not only when the server's patience ends");
    let guest = system.guest().await.at(&system.ready.replicas[1]);
    hold(guest.hold_seats(event, &["A-1-1"]).await.unwrap());
    stays.sees(0, b'h').await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_silent_is_asked_and_then_closed_and_there_is_room_for_so_many() {
    let system = private_with(|options| {
        options.replicas = 1;
        options.gatekeeper_env.push(("ONSALE_FEED_WATCHERS_MAX".into(), "2".into()));
    })
    .await;
    let event = system.seat_event().await;
    let url = &system.ready.replicas[0];
    let mut silent = open(url, event, &[]).await.unwrap();
    let _other = Watcher::at(url, event).await;
    let third = open(url, event, &[]).await.unwrap_err();
    assert!(matches!(third, tungstenite::Error::Http(response) if response.status() == 503), "no room");
    // Nothing is read, so nothing is answered: pings go unheard until the replica gives up.
    let is_closed = async || {
        let metrics = reqwest::get(format!("{url}/metrics")).await.unwrap().text().await.unwrap();
        metrics.contains("gatekeeper_feed_closed_total{reason=\"silent\"} 2\n")
    };
    eventually("silence is noticed", std::time::Duration::from_mins(1), is_closed).await;
    let mut pings = 0;
    let code = loop {
        match timeout(SOON, silent.next()).await.unwrap() {
            Some(Ok(Message::Ping(_))) => pings += 1,
            Some(Ok(Message::Close(reason))) => break reason.map(|reason| u16::from(reason.code)),
            Some(Ok(_)) => {}
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(code, Some(close::SILENT));
    assert!(pings >= 2, "it was asked {pings} times");
    let room = async || open(url, event, &[]).await.is_ok();
    eventually("there is room again", SOON, room).await;
}
