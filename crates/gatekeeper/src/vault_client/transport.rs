//! How the vault is asked: over HTTP, by the main runtime, whichever worker asks, so that pooled connections outlive any one worker.
//! Only what could not be sent is tried again here, as while the vault is being restarted: of anything else only the
//! caller knows whether that is safe.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chassis::credential::Credential;
use chassis::retry::Backoff;
use chassis::{span, trace};
use contract::Problem;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::runtime::Handle;
use tokio::time::timeout;
use tracing::field::Empty;
use tracing::{Instrument as _, Span};

/// Longest wait for a connection.
const CONNECT_WAIT: Duration = Duration::from_secs(1);
/// Connections nobody uses are closed after so long, or up to twice as long: sooner than the vault would close them, and than one
/// that is stopping waits.
const IDLE_MAX: Duration = Duration::from_secs(2);
/// How long after its last answer a vault that cannot be reached is thought to be restarting: it may wait for other gatekeepers'
/// idle connections, and then it has to start.
const RESTART_WAIT: Duration = Duration::from_secs(12);
/// Waits between tries to reach it.
const RESTART_FIRST: Duration = Duration::from_millis(20);
const RESTART_LONGEST: Duration = Duration::from_millis(200);

/// Why there is no reply to go by.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The vault cannot be reached, or did not answer to the end; what was asked may have happened.
    #[error("the vault does not answer: {0}")]
    Unreachable(reqwest::Error),
    /// The vault did not answer in time; what was asked may have happened.
    #[error("the vault did not answer in time")]
    Late,
    /// The vault answered with a problem.
    #[error("the vault answered {}: {}", .0.status, .0.detail)]
    Problem(Box<Problem>),
    /// The vault answered something else.
    #[error("the vault answered {0}")]
    Unexpected(StatusCode),
    /// The credential has characters that no header may have.
    #[error("the service credential cannot be sent: {0}")]
    Credential(#[from] reqwest::header::InvalidHeaderValue),
    /// The task that asked was ended.
    #[error("the process is stopping")]
    Stopping,
}

impl From<reqwest::Error> for VaultError {
    /// Without the address, which has the customer in it.
    fn from(error: reqwest::Error) -> Self {
        Self::Unreachable(error.without_url())
    }
}

/// Clones share the connections.
#[derive(Clone)]
pub struct Transport {
    http: Client,
    base: String,
    runtime: Handle,
    last_answer: Arc<Mutex<Option<Instant>>>,
}

impl Transport {
    /// To the vault at `base`, on the current runtime.
    pub fn new(base: &str, credential: &Credential) -> Result<Self, VaultError> {
        let mut bearer = HeaderValue::from_str(&credential.bearer())?;
        bearer.set_sensitive(true);
        let http = Client::builder()
            .default_headers(HeaderMap::from_iter([(AUTHORIZATION, bearer)]))
            .connect_timeout(CONNECT_WAIT)
            .pool_idle_timeout(IDLE_MAX)
            .tcp_nodelay(true)
            .build()?;
        let base = base.trim_end_matches('/').to_owned();
        Ok(Self { http, base, runtime: Handle::current(), last_answer: Arc::default() })
    }

    /// What is asked, for [`Self::send`].
    pub fn request(&self, method: Method, path: &str, body: Option<&impl Serialize>) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.base));
        match body {
            Some(body) => request.json(body),
            None => request,
        }
    }

    /// Sends it and reads the reply, within the time.
    pub async fn send<T: DeserializeOwned + Send + 'static>(
        &self,
        request: RequestBuilder,
        wait: Duration,
    ) -> Result<T, VaultError> {
        let transport = self.clone();
        let span = span!("vault", otel.kind = "client", http.response.status_code = Empty);
        let request = match span.in_scope(trace::current_traceparent) {
            Some(parent) => request.header(trace::TRACEPARENT, parent),
            None => request,
        };
        let reply = async move {
            let response = transport.reach(request).await?;
            let status = response.status();
            Span::current().record("http.response.status_code", status.as_u16());
            if status == StatusCode::NO_CONTENT {
                // `()` is what is asked for where nothing is answered.
                return serde_json::from_value(Value::Null).map_err(|_| VaultError::Unexpected(status));
            }
            if status.is_success() {
                return Ok(response.json().await?);
            }
            let problem = response.json::<Problem>().await;
            Err(problem.map_or(VaultError::Unexpected(status), |problem| VaultError::Problem(Box::new(problem))))
        };
        let in_time = async move { timeout(wait, reply).await.unwrap_or(Err(VaultError::Late)) };
        self.runtime.spawn(in_time.instrument(span)).await.unwrap_or(Err(VaultError::Stopping))
    }

    /// Sends it as soon as there is a vault to send it to, if there was one a moment ago.
    async fn reach(&self, request: RequestBuilder) -> Result<Response, VaultError> {
        let mut backoff = Backoff::new(RESTART_FIRST, RESTART_LONGEST);
        let until = self.last_answer().map(|last| last + RESTART_WAIT);
        let mut again = request.try_clone();
        let mut sent = request.send().await;
        while let Err(error) = &sent
            && error.is_connect()
            && until.is_some_and(|until| Instant::now() < until)
            && let Some(request) = again
        {
            tokio::time::sleep(backoff.next_wait()).await;
            again = request.try_clone();
            sent = request.send().await;
        }
        let response = sent?;
        *self.last_answer() = Some(Instant::now());
        Ok(response)
    }

    fn last_answer(&self) -> MutexGuard<'_, Option<Instant>> {
        self.last_answer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
