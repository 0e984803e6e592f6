//! Asks Sentinels which server is the primary, each time a connection is opened.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use redis::{AsyncConnectionConfig, Client, RedisError};
use tokio::time::timeout;

use super::address::{HostPort, Manner};
use crate::scripts::topology;

/// How long one Sentinel may take to answer, its connection included.
const ANSWER_WAIT: Duration = Duration::from_millis(300);

/// The Sentinels of one primary.
pub(super) struct Sentinels {
    clients: Vec<Client>,
    name: String,
    manner: Manner,
    /// The one to ask first: the last that could answer.
    first: AtomicUsize,
}

impl Sentinels {
    /// These Sentinels, about the primary of that name.
    pub(super) fn new(clients: Vec<Client>, name: String, manner: Manner) -> Self {
        Self { clients, name, manner, first: AtomicUsize::new(0) }
    }

    /// The server that a Sentinel calls the primary and that calls itself one: in the moments of a failover, and to a Sentinel that
    /// was cut off, these are not the same.
    pub(super) async fn primary(&self) -> Result<Client, RedisError> {
        let first = self.first.load(Ordering::Relaxed);
        let mut why = None;
        for turn in 0..self.clients.len() {
            let index = (first + turn) % self.clients.len();
            // Should nobody wait for the answer any more, the next to ask begins with another.
            self.first.store(index + 1, Ordering::Relaxed);
            match timeout(ANSWER_WAIT, self.ask(&self.clients[index])).await {
                Ok(Ok(primary)) => {
                    self.first.store(index, Ordering::Relaxed);
                    return Ok(primary);
                }
                Ok(Err(error)) => why = Some(error),
                Err(_) => {}
            }
        }
        Err(why.unwrap_or_else(|| (redis::ErrorKind::Io, "no Sentinel answers").into()))
    }

    async fn ask(&self, sentinel: &Client) -> Result<Client, RedisError> {
        let config = AsyncConnectionConfig::new().set_connection_timeout(Some(ANSWER_WAIT));
        let mut connection = sentinel.get_multiplexed_async_connection_with_config(&config).await?;
        let address: HostPort = topology::primary_named(&mut connection, &self.name).await?;
        let primary = self.manner.client(&address)?;
        let mut connection = primary.get_multiplexed_async_connection_with_config(&config).await?;
        topology::check_is_primary(&mut connection).await?;
        Ok(primary)
    }
}
