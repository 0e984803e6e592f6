//! One server and the open connection to it, opened when needed and again after a failure.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, RedisError};

use super::LinkError;
use super::sentinel::Sentinels;

/// A script that takes longer is given up on; it may still run, which is why all of them are idempotent by rid.
const RESPONSE_WAIT: Duration = Duration::from_millis(500);
/// How long connecting may take.
pub(super) const CONNECT_WAIT: Duration = Duration::from_secs(1);
/// After a failed attempt everyone fails at once for this long, or for as long as the attempt took, instead of each trying in turn.
const RETRY_WAIT: Duration = Duration::from_millis(50);
/// Silences in a row after which a connection is given up. One may be a script of somebody else's that takes long.
const SILENCES_MAX: u32 = 2;
/// A connection younger than this is not doubted: it has just been found out where it leads.
const CERTAIN_FOR: Duration = Duration::from_secs(1);
/// Commands queued on the connection before callers wait for room (the crate's default is 50).
const PIPELINE_BUFFER: usize = 4_096;
/// Commands in flight; the rest wait their turn rather than time out behind each other.
const IN_FLIGHT_MAX: usize = 1_024;

/// Silences of a connection, since it last answered.
#[derive(Default)]
struct Silences {
    count: AtomicU32,
    last: Mutex<Option<Instant>>,
}

/// An open connection.
#[derive(Clone)]
pub struct Live {
    /// Commands go here; clones share one socket.
    pub connection: MultiplexedConnection,
    /// The Redis process at the other end.
    pub run_id: Arc<str>,
    generation: u64,
    silences: Arc<Silences>,
    node: Arc<Node>,
}

impl Live {
    /// Reports that it answered.
    pub(super) fn answered(&self) {
        if self.silences.count.load(Ordering::Relaxed) > 0 {
            self.silences.count.store(0, Ordering::Relaxed);
        }
    }

    /// Reports that it did not answer in time; whether that is once too often.
    pub(super) fn is_given_up(&self) -> bool {
        let mut last = self.silences.last.lock().unwrap_or_else(PoisonError::into_inner);
        // Calls that were under way together have met with the same silence.
        if last.is_some_and(|last| last.elapsed() < RESPONSE_WAIT) {
            return false;
        }
        *last = Some(Instant::now());
        self.silences.count.fetch_add(1, Ordering::Relaxed) + 1 >= SILENCES_MAX
    }

    /// Reports that the connection failed. The next caller opens a new one.
    pub(super) fn broken(&self) {
        let mut state = self.node.lock();
        if state.live.as_ref().is_some_and(|current| current.generation == self.generation) {
            state.live = None;
        }
    }
}

/// Which server it is.
pub(super) enum Place {
    /// Always this one.
    Server(Client),
    /// Whichever is the primary when a connection is opened.
    Primary(Sentinels),
}

/// A server.
pub(super) struct Node {
    place: Place,
    state: Mutex<State>,
    connecting: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    live: Option<Connected>,
    generation: u64,
    failed: Option<Failure>,
}

struct Failure {
    at: Instant,
    took: Duration,
    error: LinkError,
}

#[derive(Clone)]
struct Connected {
    connection: MultiplexedConnection,
    run_id: Arc<str>,
    generation: u64,
    silences: Arc<Silences>,
    since: Instant,
}

impl Node {
    /// Connects when first used.
    pub(super) fn new(place: Place) -> Arc<Self> {
        Arc::new(Self { place, state: Mutex::default(), connecting: tokio::sync::Mutex::default() })
    }

    /// The open connection, or a new one.
    pub(super) async fn live(self: &Arc<Self>) -> Result<Live, LinkError> {
        match self.current()? {
            Some(live) => Ok(live),
            // Boxed, or everything that waits for a script would be as large as what opens a connection.
            None => Box::pin(self.open()).await,
        }
    }

    async fn open(self: &Arc<Self>) -> Result<Live, LinkError> {
        let _only_one = self.connecting.lock().await;
        if let Some(live) = self.current()? {
            return Ok(live);
        }
        let began = Instant::now();
        let connected = self.connect().await;
        let mut state = self.lock();
        match connected {
            Ok((connection, run_id)) => {
                state.generation += 1;
                let connected = Connected {
                    connection,
                    run_id: run_id.into(),
                    generation: state.generation,
                    silences: Arc::default(),
                    since: Instant::now(),
                };
                state.failed = None;
                state.live = Some(connected.clone());
                Ok(self.lead_by(connected))
            }
            Err(error) => {
                let error = LinkError::from(error);
                state.failed = Some(Failure { at: Instant::now(), took: began.elapsed(), error: error.clone() });
                Err(error)
            }
        }
    }

    /// What opens connections to it, as things are now.
    pub(super) async fn client(&self) -> Result<Client, RedisError> {
        match &self.place {
            Place::Server(client) => Ok(client.clone()),
            Place::Primary(sentinels) => sentinels.primary().await,
        }
    }

    /// Has a connection to whoever is the primary opened anew, if that could be another by now.
    pub(super) fn doubt(&self) {
        let mut state = self.lock();
        let is_certain = |connected: &Connected| connected.since.elapsed() < CERTAIN_FOR;
        if matches!(self.place, Place::Primary(_)) && !state.live.as_ref().is_some_and(is_certain) {
            state.live = None;
        }
    }

    fn lead_by(self: &Arc<Self>, connected: Connected) -> Live {
        let Connected { connection, run_id, generation, silences, .. } = connected;
        Live { connection, run_id, generation, silences, node: self.clone() }
    }

    fn current(self: &Arc<Self>) -> Result<Option<Live>, LinkError> {
        let state = self.lock();
        match (&state.live, &state.failed) {
            (Some(connected), _) => Ok(Some(self.lead_by(connected.clone()))),
            (None, Some(failure)) if failure.at.elapsed() < RETRY_WAIT.max(failure.took) => Err(failure.error.clone()),
            _ => Ok(None),
        }
    }

    async fn connect(&self) -> Result<(MultiplexedConnection, String), RedisError> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_WAIT))
            .set_response_timeout(Some(RESPONSE_WAIT))
            .set_pipeline_buffer_size(PIPELINE_BUFFER)
            .set_concurrency_limit(IN_FLIGHT_MAX);
        let client = self.client().await?;
        let mut connection = client.get_multiplexed_async_connection_with_config(&config).await?;
        let run_id = crate::scripts::read_run_id(&mut connection).await?;
        Ok((connection, run_id))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
