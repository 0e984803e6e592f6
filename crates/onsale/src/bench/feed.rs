//! The live feed under a crowd: thousands watch one replica while seats go, and every client checks that it missed nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::meter::resident_kilobytes;
use anyhow::{Context as _, bail, ensure};
use contract::EventId;
use contract::live::LiveMessage;
use futures_util::stream::{self, FuturesUnordered};
use futures_util::{StreamExt as _, TryStreamExt as _};
use hdrhistogram::Histogram;
use serde::Serialize;
use stack::{Client, Options, Stack, demo};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

/// Rows of the event's one section, and seats of a row: as many seats as changes can be asked for.
const ROWS: u32 = 25;
const SEATS_PER_ROW: u32 = 100;
/// Clients that connect at a time.
const CONNECTING_MAX: usize = 100;
/// How long a client waits for anything at all before it counts as deaf.
const SILENCE_MAX: Duration = Duration::from_secs(20);

/// What is asked of the feed.
#[derive(Debug, Clone, Copy)]
pub struct Crowd {
    /// Clients.
    pub watchers: usize,
    /// Seats held each second.
    pub changes_per_second: u32,
    /// For how long.
    pub seconds: u32,
}

/// What it did.
#[derive(Debug, Serialize)]
pub struct FeedFigures {
    watchers: usize,
    changes_per_second: f64,
    /// From before a hold was asked for, over HTTP, to its seat changing in a client, over all clients and seats.
    p50_ms: u64,
    p99_ms: u64,
    max_ms: u64,
    kilobytes_per_watcher: f64,
    frames_per_watcher_and_second: f64,
    /// Clients that saw a gap in the sequence, or ended with another picture than the true one.
    wrong_pictures: usize,
}

impl FeedFigures {
    /// Fails if any client did not end with the truth: that is no matter of speed.
    pub fn check(&self) -> anyhow::Result<()> {
        anyhow::ensure!(self.wrong_pictures == 0, "{} watchers missed something", self.wrong_pictures);
        Ok(())
    }
}

impl std::fmt::Display for FeedFigures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(
            f,
            "Live feed: {} watchers of one replica, {:.0} seats a second: seen after {} ms (median), {} ms (p99), {} ms \
             (max); {:.1} frames a second, {:.1} KB of memory a watcher, {} of them with a wrong picture.",
            self.watchers,
            self.changes_per_second,
            self.p50_ms,
            self.p99_ms,
            self.max_ms,
            self.frames_per_watcher_and_second,
            self.kilobytes_per_watcher,
            self.wrong_pictures,
        )
    }
}

/// What the clients compare with.
struct Asked {
    start: Instant,
    /// When each seat was asked for, in microseconds since the start.
    seats: Vec<AtomicU64>,
}

/// What one client saw.
struct Seen {
    /// In milliseconds.
    latencies: Histogram<u64>,
    frames: u64,
    missed: bool,
    states: Vec<u8>,
}

/// Measures it on a stack of its own.
pub async fn run(crowd: Crowd, tell: &dyn Fn(&str)) -> anyhow::Result<FeedFigures> {
    let (stack, admin, event) = start().await?;
    let ready = stack.ready();
    let gatekeeper = ready.pids.gatekeeper[0];
    let memory_before = resident_kilobytes(gatekeeper).context("a gatekeeper's memory")?;
    let seats = (0..ROWS * SEATS_PER_ROW).map(|_| AtomicU64::new(0)).collect();
    let asked = Arc::new(Asked { start: Instant::now(), seats });
    let (over, last) = watch::channel(None);
    tell("watchers of the live feed connect");
    let connecting = stream::iter(0..crowd.watchers).map(|_| connect(&ready.replicas[0], event));
    let sockets: Vec<_> = connecting.buffer_unordered(CONNECTING_MAX).try_collect().await?;
    let watching = sockets.into_iter().map(|socket| tokio::spawn(attend(socket, asked.clone(), last.clone())));
    let watching: Vec<_> = watching.collect();

    tell("seats go while they watch");
    let guest = admin.guest().await?.at(&ready.replicas[0]);
    let began = Instant::now();
    hold_seats(&guest, event, crowd, &asked).await?;
    let seconds = began.elapsed().as_secs_f64();
    let memory = resident_kilobytes(gatekeeper).context("a gatekeeper's memory")?.saturating_sub(memory_before);
    let truth = guest.get(&format!("/api/v1/events/{event}/seats")).await?.body;
    over.send_replace(Some(truth["sequence"].as_i64().context("no sequence")?));

    let (mut latencies, mut frames, mut wrong_pictures) = (Histogram::<u64>::new(3)?, 0, 0);
    for watcher in watching {
        let seen = watcher.await??;
        frames += seen.frames;
        latencies.add(seen.latencies)?;
        wrong_pictures += usize::from(seen.missed || truth["states"].as_str().map(str::as_bytes) != Some(&seen.states));
    }
    let count = f64::from(u32::try_from(crowd.watchers)?);
    Ok(FeedFigures {
        watchers: crowd.watchers,
        changes_per_second: f64::from(crowd.changes_per_second * crowd.seconds) / seconds,
        p50_ms: latencies.value_at_quantile(0.5),
        p99_ms: latencies.value_at_quantile(0.99),
        max_ms: latencies.max(),
        kilobytes_per_watcher: f64::from(u32::try_from(memory)?) / count,
        frames_per_watcher_and_second: f64::from(u32::try_from(frames)?) / count / seconds,
        wrong_pictures,
    })
}

async fn start() -> anyhow::Result<(Stack, Client, EventId)> {
    let quiet = |name: &str| (name.to_owned(), "warn".to_owned());
    let options = Options {
        replicas: 1,
        gatekeeper_env: vec![quiet("ONSALE_LOG")],
        vault_env: vec![quiet("ONSALE_LOG")],
        ..Options::default()
    };
    let stack = tokio::task::spawn_blocking(move || Stack::start(&options, Arc::new(|_| ()))).await??;
    let ready = stack.ready();
    let admin = Client::new(&ready.url)?.with_token(&ready.admin_token);
    let mut new = demo::event("Watched", "Here")?;
    (new.per_customer_max, new.hold_ttl_seconds) = (1_000_000, 3_600);
    new.sections = vec![demo::section("A", ROWS, SEATS_PER_ROW, 1)];
    let event = admin.create_event(&new).await?.event_id;
    Ok((stack, admin, event))
}

async fn connect(url: &str, event: EventId) -> anyhow::Result<WebSocketStream<TcpStream>> {
    let authority = stampede::http::authority(url)?;
    let socket = TcpStream::connect(&authority).await?;
    // The clients share the machine with what is measured: their buffers are to be small.
    let config = WebSocketConfig::default().read_buffer_size(4_096).write_buffer_size(0);
    let address = format!("ws://{authority}/api/v1/events/{event}/live");
    Ok(client_async_with_config(address, socket, Some(config)).await?.0)
}

/// Holds one seat after another at an even pace; a call that takes longer than its turn does not delay the next.
async fn hold_seats(guest: &Client, event: EventId, crowd: Crowd, asked: &Asked) -> anyhow::Result<()> {
    let mut turns = tokio::time::interval(Duration::from_secs(1) / crowd.changes_per_second);
    let mut calls = FuturesUnordered::new();
    for seat in 0..crowd.changes_per_second * crowd.seconds {
        turns.tick().await;
        let label = format!("A-{}-{}", seat / SEATS_PER_ROW + 1, seat % SEATS_PER_ROW + 1);
        asked.seats[seat as usize].store(micros(asked.start), Ordering::Relaxed);
        let guest = guest.clone();
        calls.push(tokio::spawn(async move { guest.hold_seats(event, &[&label]).await }));
    }
    while let Some(answer) = calls.next().await {
        let answer = answer??;
        ensure!(answer.status == 201, "{}", answer.body);
    }
    Ok(())
}

/// Watches until the last step, as the page does.
async fn attend(
    mut socket: WebSocketStream<TcpStream>,
    asked: Arc<Asked>,
    mut last: watch::Receiver<Option<i64>>,
) -> anyhow::Result<Seen> {
    let mut seen = Seen { latencies: Histogram::new(2)?, frames: 0, missed: false, states: Vec::new() };
    let mut sequence = 0;
    while last.borrow_and_update().is_none_or(|last| sequence < last) {
        let message = tokio::select! {
            message = tokio::time::timeout(SILENCE_MAX, socket.next()) => message.context("nothing is said")?,
            _ = last.changed() => continue,
        };
        match message.context("closed")?? {
            Message::Text(text) => sequence = seen.take(serde_json::from_str(&text)?, sequence, &asked)?,
            Message::Ping(_) | Message::Pong(_) => {}
            other => bail!("{other:?}"),
        }
    }
    Ok(seen)
}

impl Seen {
    /// The sequence it leads to.
    fn take(&mut self, message: LiveMessage, sequence: i64, asked: &Asked) -> anyhow::Result<i64> {
        match message {
            LiveMessage::Snapshot(snapshot) => {
                self.states = snapshot.states.into_bytes();
                Ok(snapshot.sequence)
            }
            LiveMessage::Delta(delta) => {
                self.frames += 1;
                self.missed |= delta.previous > sequence || delta.sequence < sequence;
                let now = micros(asked.start);
                for (letter, seats) in delta.seats {
                    for seat in seats {
                        let seat = usize::try_from(seat)?;
                        self.states[seat] = u8::try_from(letter)?;
                        self.latencies.record((now - asked.seats[seat].load(Ordering::Relaxed)) / 1_000)?;
                    }
                }
                Ok(delta.sequence)
            }
            LiveMessage::Rebuilding => bail!("nothing was rebuilt"),
        }
    }
}

fn micros(start: Instant) -> u64 {
    u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX)
}
