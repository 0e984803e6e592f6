//! The subscribing connection of a replica: hears every watched event's channel and hands on what it hears.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chassis::retry::Backoff;
use contract::EventId;
use redis::RedisError;
use tokio::sync::mpsc;

use super::hub::Input;
use crate::keys::EventKeys;
use crate::link::Link;
use crate::scripts::channel::Channels;

/// Waits between tries to connect.
const RETRY_FIRST: Duration = Duration::from_millis(50);
const RETRY_LONGEST: Duration = Duration::from_secs(1);
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

#[derive(Debug, thiserror::Error)]
enum Lost {
    #[error(transparent)]
    Redis(#[from] RedisError),
    #[error("Redis closed the connection")]
    Closed,
}

/// Listens until there is nobody left to give orders.
pub async fn run(link: Arc<Link>, mut orders: mpsc::Receiver<Order>) {
    let mut hubs = Hubs::new();
    let mut backoff = Backoff::new(RETRY_FIRST, RETRY_LONGEST);
    while !orders.is_closed() {
        match listen(&link, &mut hubs, &mut orders, &mut backoff).await {
            Ok(()) => return,
            Err(lost) => tracing::warn!(error = %lost, "the feed's connection is lost"),
        }
        tokio::time::sleep(backoff.next_wait()).await;
    }
}

/// One connection's life; ends well when the orders do.
async fn listen(
    link: &Arc<Link>,
    hubs: &mut Hubs,
    orders: &mut mpsc::Receiver<Order>,
    backoff: &mut Backoff,
) -> Result<(), Lost> {
    let mut channels = Channels::new(link.clone());
    for (name, hub) in hubs.iter() {
        channels.follow(name).await?;
        hear_from_now_on(hub);
    }
    backoff.reset();
    let mut pings = tokio::time::interval(PING_INTERVAL);
    loop {
        tokio::select! {
            published = channels.next() => {
                let published = published.ok_or(Lost::Closed)?;
                if let Some(hub) = hubs.get(&published.channel) {
                    // A hub that has no room misses a step, notices by the next one, and reads everything.
                    let _ = hub.try_send(Input::Published(published.text));
                }
            }
            order = orders.recv() => match order {
                Some(order) => obey(&mut channels, hubs, order).await?,
                None => return Ok(()),
            },
            _ = pings.tick() => channels.check().await?,
        }
    }
}

async fn obey(channels: &mut Channels, hubs: &mut Hubs, order: Order) -> Result<(), Lost> {
    match order {
        Order::Watch(event, hub) => {
            let name = EventKeys::of(event).feed().to_owned();
            // Kept first: should this fail, the next connection subscribes.
            hubs.insert(name.clone(), hub.clone());
            channels.follow(&name).await?;
            hear_from_now_on(&hub);
        }
        Order::Leave(event) => {
            let keys = EventKeys::of(event);
            // A hub that took its place meanwhile stays.
            if hubs.get(keys.feed()).is_some_and(mpsc::Sender::is_closed) {
                hubs.remove(keys.feed());
                channels.leave(keys.feed()).await?;
            }
        }
    }
    Ok(())
}

fn hear_from_now_on(hub: &mpsc::Sender<Input>) {
    // One without room has steps waiting that will show it what is missing.
    let _ = hub.try_send(Input::Listening);
}
