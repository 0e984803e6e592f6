//! The subscribing connection of a replica: hears every watched event's channel and hands on what it hears.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chassis::retry::Backoff;
use contract::EventId;
use redis::{ErrorKind, RedisError};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

use super::hub::Input;
use crate::keys::EventKeys;
use crate::link::Link;
use crate::scripts::channel::{Channels, Heard};

/// Waits between tries to connect.
const RETRY_FIRST: Duration = Duration::from_millis(50);
const RETRY_LONGEST: Duration = Duration::from_secs(1);
/// How long a channel may take to be followed, its connection included, and how long all that are missing may in one round: what
/// others publish waits meanwhile.
const FOLLOW_WAIT: Duration = Duration::from_millis(700);
const ROUND_MAX: Duration = Duration::from_millis(700);
/// How often Redis is asked whether it still hears us.
const PING_INTERVAL: Duration = Duration::from_secs(5);

/// What the listener is told.
pub enum Order {
    /// Hand what this event publishes to this hub.
    Watch(EventId, mpsc::Sender<Input>),
    /// Nobody watches it any more.
    Leave(EventId),
}

/// Events by the names of their channels.
type Hubs = HashMap<String, mpsc::Sender<Input>>;

/// Listens until there is nobody left to give orders.
pub async fn run(link: Arc<Link>, mut orders: mpsc::Receiver<Order>) {
    let mut hubs = Hubs::new();
    while !orders.is_closed() {
        if listen(&link, &mut hubs, &mut orders).await {
            return;
        }
        tracing::warn!("there was more to hear than there is room for");
        tokio::time::sleep(RETRY_FIRST).await;
    }
}

/// Hears all that is published until there is too much of it; true when there are no more orders.
async fn listen(link: &Arc<Link>, hubs: &mut Hubs, orders: &mut mpsc::Receiver<Order>) -> bool {
    let mut channels = Channels::new(link.clone());
    let mut backoff = Backoff::new(RETRY_FIRST, RETRY_LONGEST);
    let mut pings = tokio::time::interval(PING_INTERVAL);
    let mut next_try = Instant::now();
    let mut round = 0;
    loop {
        let is_missing = hubs.keys().any(|name| !channels.is_followed(name));
        tokio::select! {
            heard = channels.next() => match heard {
                Some(Heard::Published { channel, text }) => {
                    if let Some(hub) = hubs.get(&channel) {
                        // A hub that has no room misses a step, notices by the next one, and reads everything.
                        let _ = hub.try_send(Input::Published(text));
                    }
                }
                Some(Heard::Lost) => {
                    tracing::warn!("a connection of the feed is lost");
                    next_try = Instant::now() + backoff.next_wait();
                }
                None => return false,
            },
            order = orders.recv() => match order {
                Some(order) => obey(&mut channels, hubs, order).await,
                None => return true,
            },
            () = tokio::time::sleep_until(next_try), if is_missing => {
                round += 1;
                match follow_missing(&mut channels, hubs, round).await {
                    Ok(()) => backoff.reset(),
                    Err(error) => tracing::debug!(%error, "a channel cannot be followed"),
                }
                next_try = Instant::now() + backoff.next_wait();
            }
            _ = pings.tick() => channels.check().await,
        }
    }
}

/// Follows what is not followed, beginning with another each round: one server that cannot be had keeps nobody from the others for
/// longer than a moment.
async fn follow_missing(channels: &mut Channels, hubs: &Hubs, round: usize) -> Result<(), RedisError> {
    let mut outcome = Ok(());
    let until = Instant::now() + ROUND_MAX;
    let mut missing: Vec<_> = hubs.iter().filter(|(name, _)| !channels.is_followed(name)).collect();
    let first = round % missing.len().max(1);
    missing.rotate_left(first);
    for (name, hub) in missing {
        match timeout(FOLLOW_WAIT, channels.follow(name)).await {
            Ok(Ok(())) => hear_from_now_on(hub),
            Ok(Err(error)) => outcome = Err(error),
            Err(_) => outcome = Err((ErrorKind::Io, "Redis is silent").into()),
        }
        if Instant::now() >= until {
            break;
        }
    }
    outcome
}

async fn obey(channels: &mut Channels, hubs: &mut Hubs, order: Order) {
    match order {
        Order::Watch(event, hub) => {
            let name = EventKeys::of(event).feed().to_owned();
            let is_followed = channels.is_followed(&name);
            // Should it not be followed yet, it will be.
            hubs.insert(name.clone(), hub.clone());
            if is_followed || matches!(timeout(FOLLOW_WAIT, channels.follow(&name)).await, Ok(Ok(()))) {
                hear_from_now_on(&hub);
            }
        }
        Order::Leave(event) => {
            let keys = EventKeys::of(event);
            // A hub that took its place meanwhile stays.
            if hubs.get(keys.feed()).is_some_and(mpsc::Sender::is_closed) {
                hubs.remove(keys.feed());
                channels.leave(keys.feed()).await;
            }
        }
    }
}

fn hear_from_now_on(hub: &mpsc::Sender<Input>) {
    // One without room has steps waiting that will show it what is missing.
    let _ = hub.try_send(Input::Listening);
}
