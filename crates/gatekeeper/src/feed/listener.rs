//! The subscribing connection of a replica: hears every watched event's channel and hands on what it hears.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chassis::retry::Backoff;
use contract::EventId;
use futures_util::StreamExt as _;
use redis::RedisError;
use redis::aio::PubSubSink;
use tokio::sync::mpsc;

use super::hub::Input;
use crate::keys::EventKeys;
use crate::link::Link;

/// Waits between tries to connect.
const RETRY_FIRST: Duration = Duration::from_millis(50);
const RETRY_LONGEST: Duration = Duration::from_secs(1);
/// How often Redis is asked whether it still hears us, and how long it may take to say so.
const PING_INTERVAL: Duration = Duration::from_secs(5);
const REPLY_WAIT: Duration = Duration::from_secs(2);

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
    #[error("Redis does not answer")]
    Silent,
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
    link: &Link,
    hubs: &mut Hubs,
    orders: &mut mpsc::Receiver<Order>,
    backoff: &mut Backoff,
) -> Result<(), Lost> {
    let (mut sink, mut messages) = in_time(link.subscriber()).await?.split();
    for (channel, hub) in hubs.iter() {
        in_time(sink.subscribe(channel)).await?;
        hear_from_now_on(hub);
    }
    backoff.reset();
    let mut pings = tokio::time::interval(PING_INTERVAL);
    loop {
        tokio::select! {
            message = messages.next() => {
                let message = message.ok_or(Lost::Closed)?;
                let text = message.get_payload::<String>()?;
                if let Some(hub) = hubs.get(message.get_channel_name()) {
                    // A hub that has no room misses a step, notices by the next one, and reads everything.
                    let _ = hub.try_send(Input::Published(text));
                }
            }
            order = orders.recv() => match order {
                Some(order) => obey(&mut sink, hubs, order).await?,
                None => return Ok(()),
            },
            _ = pings.tick() => in_time(sink.ping::<redis::Value>()).await.map(|_| ())?,
        }
    }
}

async fn obey(sink: &mut PubSubSink, hubs: &mut Hubs, order: Order) -> Result<(), Lost> {
    match order {
        Order::Watch(event, hub) => {
            let channel = EventKeys::of(event).feed().to_owned();
            // Kept first: should this fail, the next connection subscribes.
            hubs.insert(channel.clone(), hub.clone());
            in_time(sink.subscribe(&channel)).await?;
            hear_from_now_on(&hub);
        }
        Order::Leave(event) => {
            let keys = EventKeys::of(event);
            // A hub that took its place meanwhile stays.
            if hubs.get(keys.feed()).is_some_and(mpsc::Sender::is_closed) {
                hubs.remove(keys.feed());
                in_time(sink.unsubscribe(keys.feed())).await?;
            }
        }
    }
    Ok(())
}

fn hear_from_now_on(hub: &mpsc::Sender<Input>) {
    // One without room has steps waiting that will show it what is missing.
    let _ = hub.try_send(Input::Listening);
}

async fn in_time<T>(asked: impl Future<Output = Result<T, RedisError>>) -> Result<T, Lost> {
    Ok(tokio::time::timeout(REPLY_WAIT, asked).await.map_err(|_| Lost::Silent)??)
}
