//! What scripts publish, heard on a connection of its own.
//!
//! Sharded pub/sub: a channel is named like the event's keys, so in a Cluster its news stay on the event's own shard. On a
//! single Redis it is the same as any other.

use std::sync::{Arc, Mutex, PoisonError};

use redis::aio::MultiplexedConnection;
use redis::{Cmd, PushInfo, PushKind, RedisError, Value};
use tokio::sync::mpsc;

use super::call::new_command;
use crate::link::Link;

/// News that wait to be handed on. When there are more, the channel ends as if its connection had: whoever listens
/// opens another and reads everything again, which is shorter by then.
const NEWS_MAX: usize = 16_384;

/// A subscribing connection.
pub struct Channel {
    connection: MultiplexedConnection,
    news: mpsc::Receiver<PushInfo>,
}

/// What one script published.
pub struct Published {
    /// On which event's channel.
    pub channel: String,
    /// The text.
    pub text: String,
}

impl Channel {
    /// Opens a connection that follows nothing yet.
    pub async fn open(link: &Link) -> Result<Self, RedisError> {
        let (sender, news) = mpsc::channel(NEWS_MAX);
        let sender = Arc::new(Mutex::new(Some(sender)));
        let hear = move |push: PushInfo| {
            let mut sender = sender.lock().unwrap_or_else(PoisonError::into_inner);
            let is_lost = push.kind == PushKind::Disconnection;
            if is_lost || sender.as_ref().is_some_and(|sender| sender.try_send(push).is_err()) {
                // Without a sender the receiver ends.
                sender.take();
            }
            Ok::<_, ()>(())
        };
        Ok(Self { connection: link.subscriber(hear).await?, news })
    }

    /// Follows a channel; returns when Redis has agreed to it.
    pub async fn follow(&self, channel: &str) -> Result<(), RedisError> {
        self.ask(new_command("SSUBSCRIBE").arg(channel)).await
    }

    /// Follows a channel no longer.
    pub async fn leave(&self, channel: &str) -> Result<(), RedisError> {
        self.ask(new_command("SUNSUBSCRIBE").arg(channel)).await
    }

    /// Whether Redis still hears us.
    pub async fn ping(&self) -> Result<(), RedisError> {
        self.ask(&new_command("PING")).await
    }

    /// The next news; `None` when the connection is lost.
    pub async fn next(&mut self) -> Option<Published> {
        loop {
            let push = self.news.recv().await?;
            if push.kind != PushKind::SMessage {
                continue;
            }
            if let Ok([channel, text]) = <[Value; 2]>::try_from(push.data)
                && let (Ok(channel), Ok(text)) = (redis::from_redis_value(channel), redis::from_redis_value(text))
            {
                return Some(Published { channel, text });
            }
        }
    }

    async fn ask(&self, command: &Cmd) -> Result<(), RedisError> {
        command.exec_async(&mut self.connection.clone()).await
    }
}
