//! A client of the live feed.

use std::collections::HashMap;

use contract::api::SaleState;
use contract::live::{LiveMessage, LiveTier};
use contract::{EventId, TierId};
use futures_util::StreamExt as _;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue};
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::support::SOON;

/// A client that keeps a picture as the page does, and never lets a step be missed or taken back.
pub struct Watcher {
    pub socket: WebSocketStream<TcpStream>,
    pub sequence: i64,
    pub is_rebuilding: bool,
    pub states: Vec<u8>,
    pub tiers: HashMap<TierId, i64>,
    pub sale_state: SaleState,
    /// Deltas taken.
    pub deltas: usize,
}

pub fn authority(url: &str) -> &str {
    url.strip_prefix("http://").unwrap()
}

pub async fn open(
    url: &str,
    event: EventId,
    headers: &[(&str, String)],
) -> Result<WebSocketStream<TcpStream>, tungstenite::Error> {
    let socket = TcpStream::connect(authority(url)).await.unwrap();
    open_over(socket, url, event, headers).await
}

pub async fn open_over(
    socket: TcpStream,
    url: &str,
    event: EventId,
    headers: &[(&str, String)],
) -> Result<WebSocketStream<TcpStream>, tungstenite::Error> {
    let address = format!("ws://{}/api/v1/events/{event}/live", authority(url));
    let mut request = address.into_client_request().unwrap();
    for (name, value) in headers {
        let name: HeaderName = name.parse().unwrap();
        request.headers_mut().insert(name, HeaderValue::from_str(value).unwrap());
    }
    Ok(client_async(request, socket).await?.0)
}

impl Watcher {
    pub async fn at(url: &str, event: EventId) -> Self {
        let socket = open(url, event, &[]).await.unwrap();
        let mut watcher = Self {
            socket,
            sequence: 0,
            is_rebuilding: true,
            states: Vec::new(),
            tiers: HashMap::new(),
            sale_state: SaleState::Open,
            deltas: 0,
        };
        watcher.until("a first picture", |watcher| !watcher.is_rebuilding).await;
        watcher
    }

    /// The next frame, or the code the connection was closed with.
    pub async fn next(&mut self) -> Result<(), u16> {
        match timeout(SOON, self.socket.next()).await.unwrap_or_else(|_| panic!("nothing is said")) {
            Some(Ok(Message::Text(text))) => self.take(serde_json::from_str(&text).unwrap()),
            Some(Ok(Message::Close(reason))) => return Err(reason.map_or(1005, |reason| reason.code.into())),
            Some(Ok(_)) => {}
            Some(Err(_)) | None => return Err(1006),
        }
        Ok(())
    }

    fn take(&mut self, message: LiveMessage) {
        match message {
            LiveMessage::Rebuilding => return self.is_rebuilding = true,
            LiveMessage::Snapshot(snapshot) => {
                assert!(snapshot.sequence >= self.sequence, "I13: {} after {}", snapshot.sequence, self.sequence);
                (self.sequence, self.sale_state) = (snapshot.sequence, snapshot.sale_state);
                self.states = snapshot.states.into_bytes();
                self.take_tiers(&snapshot.tiers);
            }
            LiveMessage::Delta(delta) => {
                assert!(delta.previous <= self.sequence, "a step is missing: {delta:?} after {}", self.sequence);
                assert!(delta.sequence >= self.sequence, "I13: {delta:?} after {}", self.sequence);
                self.sequence = delta.sequence;
                self.deltas += 1;
                for (letter, seats) in delta.seats {
                    for seat in seats {
                        self.states[usize::try_from(seat).unwrap()] = u8::try_from(letter).unwrap();
                    }
                }
                self.take_tiers(&delta.tiers);
                self.sale_state = delta.sale_state.unwrap_or(self.sale_state);
            }
        }
        self.is_rebuilding = false;
    }

    fn take_tiers(&mut self, tiers: &[LiveTier]) {
        self.tiers.extend(tiers.iter().map(|tier| (tier.tier_id, tier.available)));
    }

    pub async fn until(&mut self, what: &str, holds: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + 2 * SOON;
        while !holds(self) {
            let next = timeout_at(deadline, self.next()).await;
            let next = next.unwrap_or_else(|_| panic!("not seen: {what}"));
            next.unwrap_or_else(|code| panic!("closed with {code} while waiting for: {what}"));
        }
    }

    pub async fn sees(&mut self, seat: usize, letter: u8) {
        self.until(&format!("seat {seat} is {}", char::from(letter)), |watcher| watcher.states[seat] == letter).await;
    }

    /// Reads on until closed.
    pub async fn end(&mut self) -> u16 {
        loop {
            if let Err(code) = self.next().await {
                return code;
            }
        }
    }
}
