//! The way to Redis: to one server, to the primary that Sentinels name, or to the server of a Cluster that has a key.
//!
//! Every connection knows which Redis it leads to. The `run_id` is learnt on the connection itself, before anything else is
//! sent over it, and goes with every script call. A Redis that was restarted, restored, promoted or replaced has another one
//! than the inventory in it was loaded into, so a script does not take an old copy's inventory for the current one, not
//! even in the instant of reconnecting. The one exception is in docs/SCALING.md; the vault stands behind it.

mod address;
mod cluster;
mod node;
mod sentinel;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::select_ok;
use redis::aio::{AsyncPushSender, MultiplexedConnection};
use redis::{AsyncConnectionConfig, Client, ErrorKind, ProtocolVersion, RedisError, ServerErrorKind};

use crate::metrics::ScriptMetrics;
use crate::scripts::ScriptError;
use crate::scripts::call::is_broken;
use address::Address;
pub use address::{AddressError, HostPort};
use cluster::Cluster;
pub use node::Live;
use node::{CONNECT_WAIT, Node, Place};
use sentinel::Sentinels;

/// How long Redis may take to agree to a subscription.
const SUBSCRIBE_WAIT: Duration = Duration::from_secs(2);

/// Redis cannot be used now.
#[derive(Debug, Clone, thiserror::Error)]
#[error("Redis does not answer: {0}")]
pub struct LinkError(Arc<str>);

impl LinkError {
    fn new(why: &str) -> Self {
        Self(why.into())
    }
}

impl From<RedisError> for LinkError {
    fn from(error: RedisError) -> Self {
        Self(error.to_string().into())
    }
}

/// Connects when needed and again after a failure. One per worker: a connection's driver lives on the runtime it was
/// opened on.
pub struct Link {
    way: Way,
    metrics: ScriptMetrics,
}

enum Way {
    Server(Arc<Node>),
    Cluster(Arc<Cluster>),
}

impl Link {
    /// A link to this Redis, as `ONSALE_REDIS_URL` says where it is; connects when first used. What is encrypted is vouched for by
    /// these authorities (PEM) or, without any, by the system's.
    pub fn new(url: &str, authorities: Option<&[u8]>, metrics: ScriptMetrics) -> Result<Self, AddressError> {
        let way = match Address::parse(url, authorities)? {
            Address::Server(client) => Way::Server(Node::new(Place::Server(client))),
            Address::Sentinel { sentinels, name, manner } => {
                Way::Server(Node::new(Place::Primary(Sentinels::new(sentinels, name, manner))))
            }
            Address::Cluster { seeds, manner } => Way::Cluster(Arc::new(Cluster::new(seeds, manner))),
        };
        Ok(Self { way, metrics })
    }

    /// Where calls over it are counted.
    #[must_use]
    pub fn metrics(&self) -> &ScriptMetrics {
        &self.metrics
    }

    /// The open connection to whoever has this key, or a new one.
    pub async fn live(&self, key: &str) -> Result<Live, LinkError> {
        match &self.way {
            Way::Server(node) => node.live().await,
            Way::Cluster(cluster) => cluster.live(key).await,
        }
    }

    /// Asks something of every server that takes writes, and is content with the first answer: a Cluster is there as long as one
    /// of its shards is.
    pub async fn ask_any<T>(&self, ask: impl AsyncFn(Live) -> Result<T, ScriptError>) -> Result<T, ScriptError> {
        let nodes = match &self.way {
            Way::Server(node) => vec![node.clone()],
            Way::Cluster(cluster) => cluster.primaries().await?,
        };
        let asking = nodes.iter().map(|node| Box::pin(async { ask(node.live().await?).await }));
        let answers: Vec<_> = asking.collect();
        if answers.is_empty() {
            return Err(LinkError::new("nobody in the Cluster has a slot").into());
        }
        let answer = select_ok(answers).await.map(|(answer, _)| answer);
        if let (Err(_), Way::Cluster(cluster)) = (&answer, &self.way) {
            cluster.suspect();
        }
        answer
    }

    /// Reports that a connection failed. The next caller opens a new one, perhaps to another server.
    pub fn broken(&self, live: &Live) {
        live.broken();
        if let Way::Cluster(cluster) = &self.way {
            cluster.suspect();
        }
    }

    /// Reports what came of a command: a connection that failed, or was silent once too often, is given up.
    pub fn judge<T>(&self, live: &Live, answer: &Result<T, RedisError>) {
        match answer {
            Ok(_) => live.answered(),
            Err(error) if is_broken(error) || (error.is_timeout() && live.is_given_up()) => self.broken(live),
            Err(_) => {}
        }
    }

    /// The vault has seen a newer epoch than is in this Redis: another may be the primary by now.
    pub fn doubt(&self) {
        if let Way::Server(node) = &self.way {
            node.doubt();
        }
    }

    /// Whether the server says that another has the key; if so, the next caller is led there. A slot that is being moved is with
    /// neither until it has been: its events wait.
    #[must_use]
    pub fn is_elsewhere(&self, error: &RedisError) -> bool {
        let Way::Cluster(cluster) = &self.way else { return false };
        let ErrorKind::Server(kind) = error.kind() else { return false };
        if matches!(kind, ServerErrorKind::Moved | ServerErrorKind::ClusterDown | ServerErrorKind::MasterDown) {
            cluster.suspect();
        }
        if kind != ServerErrorKind::Moved {
            return false;
        }
        let Some((address, slot)) = error.redirect_node() else { return false };
        let Some((host, port)) = address.rsplit_once(':').filter(|(host, _)| !host.is_empty()) else { return false };
        let Ok(port) = port.parse() else { return false };
        cluster.moved(slot, (host.trim_matches(['[', ']']).to_owned(), port));
        true
    }

    /// What tells the server that has this key from others: connections to two keys with the same one lead to the same server.
    pub async fn server_of(&self, key: &str) -> Result<Option<HostPort>, LinkError> {
        match &self.way {
            Way::Server(_) => Ok(None),
            Way::Cluster(cluster) => cluster.address_of(key).await.map(Some),
        }
    }

    /// A connection of its own to whoever has this key, to subscribe with; whatever Redis says unasked goes to `hear`, the end of
    /// the connection too.
    pub async fn subscriber(&self, key: &str, hear: impl AsyncPushSender) -> Result<MultiplexedConnection, RedisError> {
        let client = match &self.way {
            Way::Server(node) => node.client().await?,
            Way::Cluster(cluster) => {
                let owner = cluster.owner(key).await.map_err(|error| {
                    RedisError::from((ErrorKind::Io, "the Cluster cannot be asked", error.to_string()))
                })?;
                owner.client().await?
            }
        };
        let info = client.get_connection_info().clone();
        // What is published comes between replies, which only this version of the protocol can tell apart.
        let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
        let client = Client::open(info.set_redis_settings(settings))?;
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_WAIT))
            .set_response_timeout(Some(SUBSCRIBE_WAIT))
            .set_push_sender(hear);
        let connected = client.get_multiplexed_async_connection_with_config(&config).await;
        if let (Err(_), Way::Cluster(cluster)) = (&connected, &self.way) {
            cluster.suspect();
        }
        connected
    }
}
