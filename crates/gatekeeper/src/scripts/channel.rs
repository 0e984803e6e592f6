//! What scripts publish, heard on connections of their own.
//!
//! Sharded pub/sub: a channel is named like the event's keys, so in a Cluster its news stay on the event's own shard. On a
//! single Redis it is the same as any other.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;

use redis::aio::MultiplexedConnection;
use redis::{Cmd, ErrorKind, PushInfo, PushKind, RedisError, Value};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::call::new_command;
use crate::link::{HostPort, Link};

/// News that wait to be handed on. When there are more, the channel ends as if its connection had: whoever listens
/// opens another and reads everything again, which is shorter by then.
const NEWS_MAX: usize = 16_384;

/// How long Redis may take to say that it still hears us; what others publish waits meanwhile.
const PING_WAIT: Duration = Duration::from_millis(700);

/// Subscribing connections: one, or as many as servers of a Cluster have channels that are followed.
pub struct Channels {
    link: Arc<Link>,
    connections: HashMap<Server, MultiplexedConnection>,
    /// What is followed, and where.
    followed: HashMap<String, Server>,
    /// What is being left: for each, how often Redis has yet to agree.
    left: HashMap<String, usize>,
    sender: Sender,
    news: mpsc::Receiver<(Server, PushInfo)>,
}

/// Which server of a Cluster; none where there is only one.
type Server = Option<HostPort>;
/// Without a sender the receiver ends.
type Sender = Arc<Mutex<Option<mpsc::Sender<(Server, PushInfo)>>>>;

/// What a connection has to say.
pub enum Heard {
    /// A script published something.
    Published {
        /// On which event's channel.
        channel: String,
        /// The text.
        text: String,
    },
    /// A connection, or a channel, is lost: some channels are not followed any more.
    Lost,
}

impl Channels {
    /// Follows nothing yet.
    #[must_use]
    pub fn new(link: Arc<Link>) -> Self {
        let (sender, news) = mpsc::channel(NEWS_MAX);
        let sender = Arc::new(Mutex::new(Some(sender)));
        Self { link, connections: HashMap::new(), followed: HashMap::new(), left: HashMap::new(), sender, news }
    }

    /// Whether a channel is followed.
    #[must_use]
    pub fn is_followed(&self, channel: &str) -> bool {
        self.followed.contains_key(channel)
    }

    /// Follows a channel; returns when Redis has agreed to it.
    pub async fn follow(&mut self, channel: &str) -> Result<(), RedisError> {
        let server = self.server_of(channel).await?;
        let connection = if let Some(connection) = self.connections.get(&server) {
            connection.clone()
        } else {
            let hear = hear(self.sender.clone(), server.clone());
            let connection = self.link.subscriber(channel, hear).await?;
            self.connections.insert(server.clone(), connection.clone());
            connection
        };
        let agreed = ask(&connection, new_command("SSUBSCRIBE").arg(channel)).await;
        if let Err(error) = &agreed
            && !self.link.is_elsewhere(error)
        {
            self.lose(&server);
        }
        agreed?;
        self.followed.insert(channel.to_owned(), server);
        Ok(())
    }

    /// Follows a channel no longer.
    pub async fn leave(&mut self, channel: &str) {
        let Some(server) = self.followed.remove(channel) else { return };
        let Some(connection) = self.connections.get(&server).cloned() else { return };
        *self.left.entry(channel.to_owned()).or_default() += 1;
        if ask(&connection, new_command("SUNSUBSCRIBE").arg(channel)).await.is_err() {
            self.lose(&server);
        }
    }

    /// Finds out whether Redis still hears us, and what is followed is still where it was; what is not is not followed any more.
    pub async fn check(&mut self) {
        let pings = self.connections.iter().map(async |(server, connection)| {
            let pong = timeout(PING_WAIT, ask(connection, &new_command("PING"))).await;
            (!matches!(pong, Ok(Ok(())))).then(|| server.clone())
        });
        for silent in join_all(pings).await.into_iter().flatten() {
            self.lose(&silent);
        }
        for (channel, server) in self.followed.clone() {
            // While the Cluster cannot be asked, it is where it was.
            if self.server_of(&channel).await.is_ok_and(|now| now != server) {
                self.leave(&channel).await;
            }
        }
    }

    /// What is heard next; `None` when there was no room for it.
    pub async fn next(&mut self) -> Option<Heard> {
        loop {
            let (server, push) = self.news.recv().await?;
            match push.kind {
                PushKind::Disconnection => {
                    self.lose(&server);
                    return Some(Heard::Lost);
                }
                // A server that gives a slot away says so by ending what it had agreed to.
                PushKind::SUnsubscribe if self.is_ended_by(&server, push.data.first()) => return Some(Heard::Lost),
                PushKind::SMessage => {
                    if let Ok([channel, text]) = <[Value; 2]>::try_from(push.data)
                        && let (Ok(channel), Ok(text)) =
                            (redis::from_redis_value(channel), redis::from_redis_value(text))
                    {
                        return Some(Heard::Published { channel, text });
                    }
                }
                _ => {}
            }
        }
    }

    /// Whether a channel was ended that we had not left.
    fn is_ended_by(&mut self, server: &Server, channel: Option<&Value>) -> bool {
        let Some(Value::BulkString(name)) = channel else { return false };
        let Ok(name) = std::str::from_utf8(name) else { return false };
        if let Some(count) = self.left.get_mut(name) {
            *count -= 1;
            if *count == 0 {
                self.left.remove(name);
            }
            return false;
        }
        if self.followed.get(name) == Some(server) {
            self.followed.remove(name);
            return true;
        }
        false
    }

    /// A connection is no good any more, and nothing is followed by it.
    fn lose(&mut self, server: &Server) {
        self.connections.remove(server);
        self.followed.retain(|_, of| of != server);
        // What it had yet to agree to it will not.
        self.left.clear();
    }

    async fn server_of(&self, channel: &str) -> Result<Server, RedisError> {
        let server = self.link.server_of(channel).await;
        server.map_err(|error| (ErrorKind::Io, "the Cluster cannot be asked", error.to_string()).into())
    }
}

/// Hands on what a connection hears. If there is no room for it, all of it ends.
fn hear(sender: Sender, server: Server) -> impl Fn(PushInfo) -> Result<(), ()> + Send + Sync + 'static {
    move |push: PushInfo| {
        let mut sender = sender.lock().unwrap_or_else(PoisonError::into_inner);
        if sender.as_ref().is_some_and(|sender| sender.try_send((server.clone(), push)).is_err()) {
            sender.take();
        }
        Ok(())
    }
}

async fn ask(connection: &MultiplexedConnection, command: &Cmd) -> Result<(), RedisError> {
    command.exec_async(&mut connection.clone()).await
}
