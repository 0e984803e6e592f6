//! Every service is restarted while people buy, and nobody notices.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use contract::live::close;
use contract::{EventId, TierId};
use futures_util::StreamExt as _;
use futures_util::future::join_all;
use nix::sys::signal::Signal;
use reqwest::Method;
use serde_json::{Value, json};
use stack::{Client, Role};
use tokio_tungstenite::tungstenite::{self, Message};

use crate::support::{Private, eventually, private_with};
use crate::watcher::open;

/// How long a restart may take, with all that is waited for.
const RESTART_WAIT: Duration = Duration::from_secs(30);
/// Shorter than usual, as a restart waits for it.
const IDLE_SECONDS: u32 = 5;
/// Whoever has answered so many requests is in use.
const IN_USE: u64 = 200;
const SHOPPERS: usize = 16;
const WATCHERS: usize = 6;

/// What became of every request, by its kind.
type Tally = HashMap<String, usize>;

/// Somebody who does all that can be done, each time as another guest, and pauses in between.
async fn shop(admin: Client, event: EventId, tier: TierId, pause: Duration, stop: Arc<AtomicBool>) -> Tally {
    let mut tally = Tally::new();
    let mut told = |what: &str, answer: anyhow::Result<stack::client::Answer>| {
        let (word, body) = match answer {
            Ok(answer) if answer.status.is_success() => ("done".to_owned(), answer.body),
            Ok(answer) => (format!("{} {}", answer.status, answer.body["detail"]), answer.body),
            Err(error) => (format!("{error:#}"), Value::Null),
        };
        *tally.entry(format!("{what}: {word}")).or_default() += 1;
        body
    };
    while !stop.load(Ordering::Relaxed) {
        let session = told("session", admin.post("/api/v1/sessions", &json!({})).await);
        let guest = admin.with_token(session["token"].as_str().unwrap_or_default());
        told("event", guest.get(&format!("/api/v1/events/{event}")).await);
        let held = told("hold", guest.hold_tier(event, tier, 1).await);
        let path = format!("/api/v1/events/{event}/holds/{}", held["hold_id"].as_str().unwrap_or_default());
        told("extend", guest.post(&format!("{path}/extend"), &Value::Null).await);
        told("read hold", guest.get(&path).await);
        told("release", guest.call(Method::DELETE, &path, &Value::Null).await);
        let booked = told("buy", guest.buy(event, tier, 1).await);
        let booking = format!("/api/v1/bookings/{}", booked["booking_id"].as_str().unwrap_or_default());
        told("confirm", guest.post(&format!("{booking}/confirm"), &Value::Null).await);
        told("read booking", guest.get(&booking).await);
        told("bookings", guest.get("/api/v1/bookings").await);
        tokio::time::sleep(pause).await;
    }
    tally
}

/// Somebody who watches, and comes back whenever told to: how often, and what else ended it.
async fn watch(url: String, event: EventId, stop: Arc<AtomicBool>) -> Tally {
    let mut tally = Tally::new();
    let mut count = |what: String| *tally.entry(what).or_default() += 1;
    while !stop.load(Ordering::Relaxed) {
        let mut socket = match open(&url, event, &[]).await {
            Ok(socket) => socket,
            Err(tungstenite::Error::Http(refusal)) => {
                let why = refusal.body().as_deref().map(String::from_utf8_lossy).unwrap_or_default();
                count(format!("not let in: {} {why}", refusal.status()));
                continue;
            }
            Err(error) => {
                count(format!("not let in: {error}"));
                continue;
            }
        };
        while !stop.load(Ordering::Relaxed) {
            match tokio::time::timeout(Duration::from_millis(100), socket.next()).await {
                Ok(Some(Ok(Message::Close(Some(frame))))) => {
                    count(format!("told {}", u16::from(frame.code)));
                    break;
                }
                Ok(Some(Ok(_))) | Err(_) => {}
                Ok(ended) => {
                    count(format!("cut off: {ended:?}"));
                    break;
                }
            }
        }
    }
    tally
}

async fn restart(system: &Private, role: Role, in_use: u64) {
    let child = system.stack.child(role).unwrap();
    let starts = child.starts();
    child.signal(Signal::SIGTERM);
    eventually("it is started again", RESTART_WAIT, async || child.starts() > starts && child.pid() != 0).await;
    let address = match role {
        Role::Gatekeeper(index) => &system.ready.replicas[index],
        _ => &system.ready.vault,
    };
    let client = Client::new(address).unwrap();
    let is_ready = async || client.get("/ready").await.is_ok_and(|ready| ready.status == 200);
    eventually("it is ready", RESTART_WAIT, is_ready).await;
    // nginx leaves one that refused it alone for a second: the next is restarted once this one is in use again.
    let is_used = async || served(address).await >= in_use;
    eventually("it is in use again", RESTART_WAIT, is_used).await;
}

/// Requests it has answered.
async fn served(address: &str) -> u64 {
    let text = reqwest::get(format!("{address}/metrics")).await.unwrap().text().await.unwrap();
    // Not those that ask how it is.
    let is_for_others = |line: &str| line.contains("route=\"/api/") || line.contains("route=\"/internal/");
    let counts = text.lines().filter(|line| line.starts_with("http_request_duration_seconds_count"));
    let counts = counts.filter(|line| is_for_others(line));
    counts.map(|line| line.rsplit_once(' ').unwrap().1.parse::<u64>().unwrap()).sum()
}

fn together(tallies: Vec<Tally>) -> Tally {
    let mut all = Tally::new();
    for (what, count) in tallies.into_iter().flatten() {
        *all.entry(what).or_default() += count;
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_restarted_under_load_and_no_request_fails() {
    let system = private_with(|options| options.idle_seconds = IDLE_SECONDS).await;
    let (event, tier) = system.tier_event(1_000_000).await;
    let stop = Arc::new(AtomicBool::new(false));
    // Connections of their own, as browsers have them.
    let client = || Client::new(&system.ready.url).unwrap();
    let shoppers: Vec<_> =
        (0..SHOPPERS).map(|_| tokio::spawn(shop(client(), event, tier, Duration::ZERO, stop.clone()))).collect();
    let watchers: Vec<_> =
        (0..WATCHERS).map(|_| tokio::spawn(watch(system.ready.url.clone(), event, stop.clone()))).collect();
    for role in [Role::Gatekeeper(0), Role::Gatekeeper(1), Role::Gatekeeper(2), Role::Vault] {
        let before = system.bookings(event).await;
        restart(&system, role, IN_USE).await;
        let sells_on = async || system.bookings(event).await > before + 20;
        eventually("it sells on", RESTART_WAIT, sells_on).await;
    }
    stop.store(true, Ordering::Relaxed);
    let shopped = together(join_all(shoppers).await.into_iter().map(Result::unwrap).collect());
    let watched = together(join_all(watchers).await.into_iter().map(Result::unwrap).collect());

    assert!(shopped.keys().all(|what| what.ends_with(": done")), "{shopped:#?}");
    assert_eq!(shopped.len(), 10, "every kind of request was made: {shopped:#?}");
    let again = format!("told {}", close::RESTARTING);
    assert!(watched.keys().all(|what| *what == again) && watched[&again] >= WATCHERS, "{watched:#?}");
    let audit = system.clean_audit(event).await;
    assert_eq!(i64::try_from(shopped["buy: done"]).unwrap(), audit.tiers[0].sold, "each was sold once");
}

/// Connections that nobody has used for a while are closed by both sides at the same time, if nobody sees to it.
#[tokio::test(flavor = "multi_thread")]
async fn a_quiet_system_is_restarted_and_no_request_fails_either() {
    let system = private_with(|options| options.idle_seconds = IDLE_SECONDS).await;
    let (event, tier) = system.tier_event(1_000).await;
    let stop = Arc::new(AtomicBool::new(false));
    let client = Client::new(&system.ready.url).unwrap();
    let pause = Duration::from_millis(700);
    let buying = tokio::spawn(shop(client, event, tier, pause, stop.clone()));
    for role in [Role::Vault, Role::Gatekeeper(1), Role::Vault] {
        let before = system.bookings(event).await;
        restart(&system, role, 1).await;
        let sells_on = async || system.bookings(event).await > before;
        eventually("it sells on", RESTART_WAIT, sells_on).await;
    }
    stop.store(true, Ordering::Relaxed);
    let shopped = buying.await.unwrap();
    assert!(shopped.keys().all(|what| what.ends_with(": done")), "{shopped:#?}");
    assert!(shopped["buy: done"] >= 3, "one for each restart: {shopped:#?}");
    system.clean_audit(event).await;
}
