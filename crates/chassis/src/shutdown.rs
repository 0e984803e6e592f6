//! Stopping without losing a request: whoever is inside is served to the end, and whoever comes finds the door closed and goes
//! elsewhere. See docs/OPERATIONS.md, "Restarting".

use std::any::Any;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsRawFd as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix_web::dev::{Extensions, Server, ServerHandle};
use nix::sys::socket::{self, Backlog, listen};
use prometheus::IntGauge;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Instant, sleep, timeout};

use crate::metrics::Metrics;

/// How long connections may stay open that nobody uses: nginx ends its own after a minute, a gatekeeper after two to four
/// seconds.
const IDLE_WAIT: Duration = Duration::from_secs(65);
/// How often it is looked whether they have ended.
const IDLE_POLL: Duration = Duration::from_millis(20);
/// Tries to find nobody at the door.
const CLOSE_TRIES_MAX: u32 = 50;
/// How long a connection to ourselves takes at most, if there is room for it.
const KNOCK_WAIT: Duration = Duration::from_millis(20);
/// Nobody has let us in if there is no answer for so long.
const ANSWER_WAIT: Duration = Duration::from_millis(150);
/// How long the server takes to hear that it is to pause.
const PAUSE_WAIT: Duration = Duration::from_millis(10);

/// Whether this process is about to stop, and who is still inside. Clones share it.
#[derive(Debug, Clone)]
pub struct Shutdown(Arc<State>);

#[derive(Debug)]
struct State {
    is_stopping: AtomicBool,
    open_connections: IntGauge,
}

/// One open connection, for as long as it is.
struct Inside(Arc<State>);

impl Drop for Inside {
    fn drop(&mut self) {
        self.0.open_connections.dec();
    }
}

impl Shutdown {
    /// Of a service that is not stopping yet.
    pub fn register(metrics: &Metrics) -> Result<Self, prometheus::Error> {
        let open_connections = metrics.gauge("http_connections_open", "Open connections, of clients or proxies.")?;
        Ok(Self(Arc::new(State { is_stopping: AtomicBool::new(false), open_connections })))
    }

    /// Whether it was told to stop: then it is not ready any more, and each reply is a connection's last.
    #[must_use]
    pub fn is_begun(&self) -> bool {
        self.0.is_stopping.load(Ordering::Relaxed)
    }

    /// For `HttpServer::on_connect`.
    pub fn count(&self) -> impl Fn(&dyn Any, &mut Extensions) + Send + Sync + 'static {
        let state = self.0.clone();
        move |_, connection| {
            state.open_connections.inc();
            connection.insert(Inside(state.clone()));
        }
    }

    async fn wait_until_empty(&self) {
        let until = Instant::now() + IDLE_WAIT;
        while self.0.open_connections.get() > 0 && Instant::now() < until {
            sleep(IDLE_POLL).await;
        }
    }
}

/// A server and its door.
pub struct Service {
    /// Built with `disable_signals` and [`Shutdown::count`].
    pub server: Server,
    /// A second handle of the socket that it listens on.
    pub listener: TcpListener,
    /// Known to its handlers.
    pub shutdown: Shutdown,
    /// How long it goes on after SIGTERM, for load balancers to find out that it is not ready.
    pub notice: Duration,
}

impl Service {
    /// Serves until told to stop. Told twice, it does not wait. `on_closed` is for whoever would stay forever.
    pub async fn run(self, mut orders: Orders, on_closed: impl Future<Output = ()>) -> std::io::Result<()> {
        let handle = self.server.handle();
        let mut server = tokio::spawn(self.server);
        let order = tokio::select! {
            ended = &mut server => return ended?,
            order = orders.next() => order,
        };
        self.shutdown.0.is_stopping.store(true, Ordering::Relaxed);
        tracing::info!(?order, "stopping");
        if order == Order::Politely {
            tokio::select! {
                () = sleep(self.notice) => {}
                _ = orders.next() => {}
                ended = &mut server => return ended?,
            }
            if let Err(error) = close_door(&handle, &self.listener).await {
                tracing::warn!(%error, "the door could not be closed; whoever is before it may be turned away");
            }
        }
        on_closed.await;
        if order == Order::Politely {
            tokio::select! {
                () = self.shutdown.wait_until_empty() => {}
                _ = orders.next() => {}
            }
        }
        handle.stop(true).await;
        tracing::info!("stopped");
        server.await?
    }
}

/// What a process is told. The first one of a container hears nothing unless it listens, and from its beginning.
pub struct Orders {
    terminated: Signal,
    interrupted: Signal,
}

/// How a process is told to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// SIGTERM: so that nobody notices.
    Politely,
    /// Ctrl-C: with what is running.
    Soon,
}

impl Orders {
    /// Listens from now on: what is told before somebody asks is kept.
    pub fn listen() -> std::io::Result<Self> {
        Ok(Self { terminated: signal(SignalKind::terminate())?, interrupted: signal(SignalKind::interrupt())? })
    }

    /// The next one.
    pub async fn next(&mut self) -> Order {
        tokio::select! {
            _ = self.terminated.recv() => Order::Politely,
            _ = self.interrupted.recv() => Order::Soon,
        }
    }
}

/// Lets nobody in any more, and nobody be turned away who had been let into the queue: closing a socket resets those, with
/// their requests perhaps already sent. So for a moment nobody is taken from the queue, it is made one long, and the one is
/// ourselves. Whoever comes in that moment gets no answer to their first packet; after it they are refused, and go elsewhere.
async fn close_door(handle: &ServerHandle, listener: &TcpListener) -> std::io::Result<()> {
    let address = listener.local_addr()?;
    let mut last = None;
    for _ in 0..CLOSE_TRIES_MAX {
        handle.pause().await;
        sleep(PAUSE_WAIT).await;
        // A queue of none has room for one. It stays as long as it was, should somebody be in it.
        listen(listener, Backlog::new(0)?)?;
        last = knock(address).await;
        if last.is_some() {
            break;
        }
        // Somebody was first: they are let in, and then once more.
        handle.resume().await;
    }
    if last.is_none() {
        tracing::warn!("the door could not be closed with nobody before it");
    }
    Ok(socket::shutdown(listener.as_raw_fd(), socket::Shutdown::Both)?)
}

/// A connection that is in the queue, and alone there.
async fn knock(address: SocketAddr) -> Option<TcpStream> {
    let mut stream = timeout(KNOCK_WAIT, TcpStream::connect(address)).await.ok()?.ok()?;
    // Somebody who is let in gets an answer.
    stream.write_all(b"GET /health HTTP/1.1\r\nHost: self\r\n\r\n").await.ok()?;
    timeout(ANSWER_WAIT, stream.read_u8()).await.is_err().then_some(stream)
}
