//! A connection to Redis that knows which Redis it leads to.
//!
//! The `run_id` is learnt on the connection itself, before anything else is sent over it, and goes with every script call.
//! A Redis that was restarted, restored or replaced has another one, so a script can never take an old copy's inventory
//! for the current one, not even in the instant of reconnecting.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use redis::aio::{AsyncPushSender, MultiplexedConnection};
use redis::io::tcp::TcpSettings;
use redis::{AsyncConnectionConfig, Client, IntoConnectionInfo, ProtocolVersion, RedisError, TlsCertificates};

use crate::metrics::ScriptMetrics;

/// A script that takes longer is given up on; it may still run, which is why all of them are idempotent by rid.
const RESPONSE_WAIT: Duration = Duration::from_millis(500);
/// How long Redis may take to agree to a subscription.
const SUBSCRIBE_WAIT: Duration = Duration::from_secs(2);
/// How long connecting may take.
const CONNECT_WAIT: Duration = Duration::from_secs(1);
/// After a failed attempt everyone fails at once for this long, instead of each trying in turn.
const RETRY_WAIT: Duration = Duration::from_millis(50);
/// Commands queued on the connection before callers wait for room (the crate's default is 50).
const PIPELINE_BUFFER: usize = 4_096;
/// Commands in flight; the rest wait their turn rather than time out behind each other.
const IN_FLIGHT_MAX: usize = 1_024;

/// Redis cannot be used now.
#[derive(Debug, Clone, thiserror::Error)]
#[error("Redis does not answer: {0}")]
pub struct LinkError(Arc<str>);

/// An open connection.
#[derive(Clone)]
pub struct Live {
    /// Commands go here; clones share one socket.
    pub connection: MultiplexedConnection,
    /// The Redis process at the other end.
    pub run_id: Arc<str>,
    generation: u64,
}

/// Connects when needed and again after a failure. One per worker: a connection's driver lives on the runtime it was
/// opened on.
pub struct Link {
    client: Client,
    metrics: ScriptMetrics,
    state: Mutex<State>,
    connecting: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    live: Option<Live>,
    generation: u64,
    failed: Option<(Instant, LinkError)>,
}

impl Link {
    /// A link to this Redis; connects when first used. A `rediss://` is encrypted, and vouched for by these authorities (PEM) or,
    /// without any, by the system's.
    pub fn new(url: &str, authorities: Option<&[u8]>, metrics: ScriptMetrics) -> Result<Self, RedisError> {
        let tcp = TcpSettings::default().set_nodelay(true);
        let info = url.into_connection_info()?.set_tcp_settings(tcp);
        let client = match authorities {
            Some(pem) => {
                Client::build_with_tls(info, TlsCertificates { client_tls: None, root_cert: Some(pem.to_vec()) })?
            }
            None => Client::open(info)?,
        };
        Ok(Self { client, metrics, state: Mutex::default(), connecting: tokio::sync::Mutex::default() })
    }

    /// Where calls over it are counted.
    #[must_use]
    pub fn metrics(&self) -> &ScriptMetrics {
        &self.metrics
    }

    /// The open connection, or a new one.
    pub async fn live(&self) -> Result<Live, LinkError> {
        if let Some(live) = self.current()? {
            return Ok(live);
        }
        let _only_one = self.connecting.lock().await;
        if let Some(live) = self.current()? {
            return Ok(live);
        }
        let connected = self.connect().await;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match connected {
            Ok((connection, run_id)) => {
                state.generation += 1;
                let live = Live { connection, run_id: run_id.into(), generation: state.generation };
                state.failed = None;
                state.live = Some(live.clone());
                Ok(live)
            }
            Err(error) => {
                let error = LinkError(error.to_string().into());
                state.failed = Some((Instant::now(), error.clone()));
                Err(error)
            }
        }
    }

    /// Reports that a connection failed. The next caller opens a new one.
    pub fn broken(&self, live: &Live) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.live.as_ref().is_some_and(|current| current.generation == live.generation) {
            state.live = None;
        }
    }

    /// A connection of its own to subscribe with; whatever Redis says unasked goes to `hear`, the end of the connection too.
    pub async fn subscriber(&self, hear: impl AsyncPushSender) -> Result<MultiplexedConnection, RedisError> {
        let info = self.client.get_connection_info().clone();
        // What is published comes between replies, which only this version of the protocol can tell apart.
        let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
        let client = Client::open(info.set_redis_settings(settings))?;
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_WAIT))
            .set_response_timeout(Some(SUBSCRIBE_WAIT))
            .set_push_sender(hear);
        client.get_multiplexed_async_connection_with_config(&config).await
    }

    fn current(&self) -> Result<Option<Live>, LinkError> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match (&state.live, &state.failed) {
            (Some(live), _) => Ok(Some(live.clone())),
            (None, Some((at, error))) if at.elapsed() < RETRY_WAIT => Err(error.clone()),
            _ => Ok(None),
        }
    }

    async fn connect(&self) -> Result<(MultiplexedConnection, String), RedisError> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_WAIT))
            .set_response_timeout(Some(RESPONSE_WAIT))
            .set_pipeline_buffer_size(PIPELINE_BUFFER)
            .set_concurrency_limit(IN_FLIGHT_MAX);
        let mut connection = self.client.get_multiplexed_async_connection_with_config(&config).await?;
        let run_id = crate::scripts::read_run_id(&mut connection).await?;
        Ok((connection, run_id))
    }
}
