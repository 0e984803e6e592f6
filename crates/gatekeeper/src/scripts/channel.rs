//! What scripts publish, heard on connections of their own.
//!
//! Sharded pub/sub: a channel is named like the event's keys, so in a Cluster its news stay on the event's own shard. On a
//! single Redis it is the same as any other.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use redis::aio::MultiplexedConnection;
use redis::{Cmd, ErrorKind, PushInfo, PushKind, RedisError, Value};
use tokio::sync::mpsc;

use super::call::new_command;
use crate::link::{HostPort, Link};

/// News that wait to be handed on. When there are more, the channel ends as if its connection had: whoever listens
/// opens another and reads everything again, which is shorter by then.
const NEWS_MAX: usize = 16_384;

/// Subscribing connections: one, or as many as servers of a Cluster have channels that are followed.
pub struct Channels {
    link: Arc<Link>,
    connections: HashMap<Option<HostPort>, MultiplexedConnection>,
    /// What is followed, and where.
    followed: HashMap<String, Option<HostPort>>,
    sender: Sender,
    news: mpsc::Receiver<PushInfo>,
}

/// Without a sender the receiver ends.
type Sender = Arc<Mutex<Option<mpsc::Sender<PushInfo>>>>;

/// What one script published.
pub struct Published {
    /// On which event's channel.
    pub channel: String,
    /// The text.
    pub text: String,
}

impl Channels {
    /// Follows nothing yet.
    #[must_use]
    pub fn new(link: Arc<Link>) -> Self {
        let (sender, news) = mpsc::channel(NEWS_MAX);
        let sender = Arc::new(Mutex::new(Some(sender)));
        Self { link, connections: HashMap::new(), followed: HashMap::new(), sender, news }
    }

    /// Follows a channel; returns when Redis has agreed to it.
    pub async fn follow(&mut self, channel: &str) -> Result<(), RedisError> {
        let server = self.server_of(channel).await?;
        let connection = if let Some(connection) = self.connections.get(&server) {
            connection.clone()
        } else {
            let connection = self.link.subscriber(channel, hear(self.sender.clone())).await?;
            self.connections.insert(server.clone(), connection.clone());
            connection
        };
        let agreed = ask(&connection, new_command("SSUBSCRIBE").arg(channel)).await;
        if let Err(error) = &agreed
            && self.link.is_elsewhere(error)
        {
            tracing::debug!(channel, "a channel has moved");
        }
        agreed?;
        self.followed.insert(channel.to_owned(), server);
        Ok(())
    }

    /// Follows a channel no longer.
    pub async fn leave(&mut self, channel: &str) -> Result<(), RedisError> {
        let Some(server) = self.followed.remove(channel) else { return Ok(()) };
        let Some(connection) = self.connections.get(&server) else { return Ok(()) };
        ask(connection, new_command("SUNSUBSCRIBE").arg(channel)).await
    }

    /// Whether Redis still hears us, and what is followed is still where it was.
    pub async fn check(&mut self) -> Result<(), RedisError> {
        for connection in self.connections.values() {
            ask(connection, &new_command("PING")).await?;
        }
        for (channel, server) in &self.followed {
            if self.server_of(channel).await? != *server {
                return Err((ErrorKind::Io, "a channel has moved").into());
            }
        }
        Ok(())
    }

    /// The next news; `None` when the connection is lost.
    pub async fn next(&mut self) -> Option<Published> {
        loop {
            let push = self.news.recv().await?;
            // A server that gives a slot away says so by ending what it had agreed to.
            let is_followed = |value: &Value| matches!(value, Value::BulkString(name) if self.is_followed(name));
            if push.kind == PushKind::SUnsubscribe && push.data.first().is_some_and(is_followed) {
                return None;
            }
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

    fn is_followed(&self, name: &[u8]) -> bool {
        std::str::from_utf8(name).is_ok_and(|name| self.followed.contains_key(name))
    }

    async fn server_of(&self, channel: &str) -> Result<Option<HostPort>, RedisError> {
        let server = self.link.server_of(channel).await;
        server.map_err(|error| (ErrorKind::Io, "the Cluster cannot be asked", error.to_string()).into())
    }
}

/// Hands on what a connection hears. Whichever ends, or is told more than there is room for, ends all.
fn hear(sender: Sender) -> impl Fn(PushInfo) -> Result<(), ()> + Send + Sync + 'static {
    move |push: PushInfo| {
        let mut sender = sender.lock().unwrap_or_else(PoisonError::into_inner);
        let is_lost = push.kind == PushKind::Disconnection;
        if is_lost || sender.as_ref().is_some_and(|sender| sender.try_send(push).is_err()) {
            sender.take();
        }
        Ok(())
    }
}

async fn ask(connection: &MultiplexedConnection, command: &Cmd) -> Result<(), RedisError> {
    command.exec_async(&mut connection.clone()).await
}
