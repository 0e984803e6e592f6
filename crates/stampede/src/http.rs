//! A lean HTTP/1.1 client over a bounded set of kept connections: the crowd shares its machine with what it attacks, so
//! every microsecond it takes is one the system does not have.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

/// How long a connection may take to open.
const CONNECT_MAX: Duration = Duration::from_secs(2);

/// Why there is no reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lost {
    /// The request never left.
    NotSent(String),
    /// It left, and nobody knows what became of it.
    Unknown(String),
}

/// Speaks to one address.
pub struct Http {
    authority: String,
    host: HeaderValue,
    idle: Mutex<Vec<SendRequest<Full<Bytes>>>>,
    connections: Semaphore,
    patience: Duration,
}

impl Http {
    /// At most so many connections; a reply is waited for so long.
    pub fn new(url: &str, connections_max: usize, patience: Duration) -> anyhow::Result<Self> {
        let authority = authority(url)?;
        Ok(Self {
            host: HeaderValue::from_str(&authority)?,
            authority,
            idle: Mutex::default(),
            connections: Semaphore::new(connections_max),
            patience,
        })
    }

    /// One request and its whole reply: status and body.
    pub async fn call(
        &self,
        method: Method,
        path: &str,
        token: Option<&HeaderValue>,
        body: Option<Bytes>,
    ) -> Result<(u16, Bytes), Lost> {
        self.call_with_key(method, path, token, None, body).await
    }

    /// The same with an Idempotency-Key.
    pub async fn call_with_key(
        &self,
        method: Method,
        path: &str,
        token: Option<&HeaderValue>,
        key: Option<HeaderValue>,
        body: Option<Bytes>,
    ) -> Result<(u16, Bytes), Lost> {
        let Ok(permit) = tokio::time::timeout(self.patience, self.connections.acquire()).await else {
            return Err(Lost::NotSent("no connection was free".into()));
        };
        let _permit = permit.map_err(|_| Lost::NotSent("closed".into()))?;
        let mut sender = self.connection().await?;
        let mut request = self.request(method, path, token, body);
        if let Some(key) = key {
            request.headers_mut().insert("idempotency-key", key);
        }
        let exchange = async {
            loop {
                match sender.try_send_request(request).await {
                    Ok(reply) => {
                        let status = reply.status().as_u16();
                        let body = reply.into_body().collect().await;
                        return body.map(|body| (status, body.to_bytes())).map_err(unknown);
                    }
                    // The server had closed the idle connection before anything of the request was written.
                    Err(mut error) => match error.take_message() {
                        Some(unsent) => {
                            request = unsent;
                            sender = self.open().await?;
                        }
                        None => return Err(unknown(error.into_error())),
                    },
                }
            }
        };
        let reply = tokio::time::timeout(self.patience, exchange).await;
        let reply = reply.unwrap_or_else(|_| Err(Lost::Unknown("timeout".into())))?;
        if !sender.is_closed() {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(sender);
        }
        Ok(reply)
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        token: Option<&HeaderValue>,
        body: Option<Bytes>,
    ) -> Request<Full<Bytes>> {
        let has_body = body.is_some();
        let mut request = Request::new(Full::new(body.unwrap_or_default()));
        *request.method_mut() = method;
        *request.uri_mut() = path.parse().unwrap_or_default();
        let headers = request.headers_mut();
        headers.insert(HOST, self.host.clone());
        if let Some(token) = token {
            headers.insert(AUTHORIZATION, token.clone());
        }
        if has_body {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        request
    }

    /// The connection used last, which is the likeliest to be alive, or a new one.
    async fn connection(&self) -> Result<SendRequest<Full<Bytes>>, Lost> {
        let kept = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        match kept.filter(SendRequest::is_ready) {
            Some(kept) => Ok(kept),
            None => self.open().await,
        }
    }

    async fn open(&self) -> Result<SendRequest<Full<Bytes>>, Lost> {
        let connect = tokio::time::timeout(CONNECT_MAX, TcpStream::connect(&self.authority)).await;
        let socket = match connect {
            Ok(Ok(socket)) => socket,
            Ok(Err(error)) => return Err(Lost::NotSent(error.kind().to_string())),
            Err(_) => return Err(Lost::NotSent("connecting took too long".into())),
        };
        let not_sent = |error: std::io::Error| Lost::NotSent(error.kind().to_string());
        socket.set_nodelay(true).map_err(not_sent)?;
        let opened = handshake(TokioIo::new(socket)).await;
        let (sender, connection) = opened.map_err(|error| Lost::NotSent(error.to_string()))?;
        // Ends when the sender is dropped or the server closes.
        tokio::spawn(connection);
        Ok(sender)
    }
}

/// Host and port of an address; without a port, 80, as in a browser.
pub fn authority(url: &str) -> anyhow::Result<String> {
    let rest = url.strip_prefix("http://").map(|rest| rest.trim_end_matches('/'));
    let rest = rest.filter(|text| !text.is_empty() && !text.contains('/'));
    let rest = rest.ok_or_else(|| anyhow::anyhow!("{url} is not of the form http://host:port"))?;
    Ok(if rest.contains(':') { rest.to_owned() } else { format!("{rest}:80") })
}

fn unknown(error: hyper::Error) -> Lost {
    let why = if error.is_incomplete_message() { "connection closed" } else { "connection reset" };
    Lost::Unknown(why.into())
}
