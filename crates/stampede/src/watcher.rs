//! Clients of the live feed that write down every step, and put their own picture together as a page does.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::Context as _;
use contract::live::{LiveMessage, LiveRequest, LiveTier};
use contract::{EventId, TierId};
use futures_util::{SinkExt as _, StreamExt as _};
use serde::{Deserialize, Serialize};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::http::authority;
use crate::target::Target;

/// How long a watcher waits before it connects again.
const RECONNECT_WAIT: Duration = Duration::from_millis(100);
/// How long a connection may take to open.
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// How long it keeps trying to see the last step.
const LAST_STEP_WAIT: Duration = Duration::from_secs(5);

/// One thing a watcher saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Everything, at this epoch and sequence.
    Snapshot(i64, i64),
    /// What changed, at this epoch, from this sequence to that.
    Delta(i64, i64, i64),
    /// It is being counted again.
    Rebuilding,
    /// The watcher saw a gap and asked for everything.
    AskedAgain,
    /// The connection ended, or could not be had.
    Closed,
}

/// All a watcher saw, and where its picture ended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watched {
    /// In order.
    pub steps: Vec<Step>,
    /// Epoch and sequence of the picture.
    pub at: (i64, i64),
    /// A letter a seat.
    pub states: String,
    /// Tickets left.
    pub tiers: HashMap<TierId, i64>,
}

/// Watchers under way.
pub struct Watchers {
    last: watch::Sender<Option<(i64, i64)>>,
    tasks: Vec<JoinHandle<Watched>>,
}

/// Puts watchers before an event; each is connected when this returns.
pub async fn start(target: &Target, event: EventId, count: usize) -> anyhow::Result<Watchers> {
    let (last, told) = watch::channel(None);
    let mut tasks = Vec::new();
    for _ in 0..count {
        let authority = authority(&target.url)?;
        let socket = connect(&authority, event).await.context("the live feed cannot be watched")?;
        tasks.push(tokio::spawn(attend(authority, event, socket, told.clone())));
    }
    Ok(Watchers { last, tasks })
}

impl Watchers {
    /// Lets them watch until they have seen this epoch and sequence, for a while, and collects what they saw.
    pub async fn end(self, last: (i64, i64)) -> anyhow::Result<Vec<Watched>> {
        self.last.send_replace(Some(last));
        let mut all = Vec::new();
        for task in self.tasks {
            all.push(task.await?);
        }
        Ok(all)
    }
}

/// A live feed.
pub type Socket = WebSocketStream<TcpStream>;

/// Opens an event's live feed at this host and port.
pub async fn connect(authority: &str, event: EventId) -> anyhow::Result<Socket> {
    let open = async {
        let socket = TcpStream::connect(authority).await?;
        let address = format!("ws://{authority}/api/v1/events/{event}/live");
        anyhow::Ok(client_async(address, socket).await?.0)
    };
    tokio::time::timeout(CONNECT_MAX, open).await.context("the live feed does not answer")?
}

async fn attend(
    authority: String,
    event: EventId,
    socket: Socket,
    mut last: watch::Receiver<Option<(i64, i64)>>,
) -> Watched {
    let mut seen = Watched::default();
    let mut socket = Some(socket);
    let mut deadline = None;
    loop {
        let wanted = *last.borrow_and_update();
        if let Some(wanted) = wanted {
            let deadline = *deadline.get_or_insert_with(|| tokio::time::Instant::now() + LAST_STEP_WAIT);
            if seen.at >= wanted || tokio::time::Instant::now() >= deadline {
                return seen;
            }
        }
        let Some(live) = socket.as_mut() else {
            tokio::time::sleep(RECONNECT_WAIT).await;
            socket = connect(&authority, event).await.ok();
            continue;
        };
        let message = tokio::select! {
            message = live.next() => message,
            _ = last.changed() => continue,
            () = tokio::time::sleep(RECONNECT_WAIT), if deadline.is_some() => continue,
        };
        let read = match message {
            Some(Ok(Message::Text(text))) => serde_json::from_str(&text).ok(),
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
            _ => None,
        };
        let Some(message) = read else {
            seen.steps.push(Step::Closed);
            socket = None;
            continue;
        };
        if !seen.take(message) {
            seen.steps.push(Step::AskedAgain);
            let ask = serde_json::to_string(&LiveRequest::Resync).unwrap_or_default();
            if live.send(Message::Text(ask.into())).await.is_err() {
                socket = None;
            }
        }
    }
}

impl Watched {
    /// Takes a message into the picture; false if something before it is missing.
    pub fn take(&mut self, message: LiveMessage) -> bool {
        match message {
            LiveMessage::Rebuilding => self.steps.push(Step::Rebuilding),
            LiveMessage::Snapshot(snapshot) => {
                self.steps.push(Step::Snapshot(snapshot.epoch, snapshot.sequence));
                self.at = (snapshot.epoch, snapshot.sequence);
                self.states = snapshot.states;
                self.tiers.clear();
                self.take_tiers(&snapshot.tiers);
            }
            LiveMessage::Delta(delta) => {
                if delta.epoch != self.at.0 || delta.previous > self.at.1 {
                    return false;
                }
                self.steps.push(Step::Delta(delta.epoch, delta.previous, delta.sequence));
                self.at = (delta.epoch, delta.sequence);
                let mut states = std::mem::take(&mut self.states).into_bytes();
                for (letter, seats) in delta.seats {
                    for seat in seats {
                        let place = usize::try_from(seat).ok().and_then(|seat| states.get_mut(seat));
                        if let (Some(place), Ok(letter)) = (place, u8::try_from(letter)) {
                            *place = letter;
                        }
                    }
                }
                self.states = String::from_utf8(states).unwrap_or_default();
                self.take_tiers(&delta.tiers);
            }
        }
        true
    }

    fn take_tiers(&mut self, tiers: &[LiveTier]) {
        self.tiers.extend(tiers.iter().map(|tier| (tier.tier_id, tier.available)));
    }
}
