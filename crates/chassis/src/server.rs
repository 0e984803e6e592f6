//! Sockets and the actix server's settings, the same for both services.

use std::net::{SocketAddr, TcpListener};
use std::process::ExitCode;
use std::time::Duration;

use crate::log::{self, Telling};
use crate::shutdown::Orders;

/// Longer than nginx keeps an idle upstream connection, so that nginx closes first and never writes into a reset.
pub const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// How long a request's head may take to arrive.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// Connections that wait to be accepted; the system's own bound may be lower.
const BACKLOG: i32 = 4_096;
/// How long a stopping service waits for requests it has begun; the request limit.
pub const SHUTDOWN_SECONDS: u64 = 30;

/// Binds before anything else starts, so that a taken port fails at once. Port 0 takes a free one.
pub fn bind(address: SocketAddr) -> std::io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(address)?;
    // The standard library's queue of 128 is short for a sale's first second; what does not fit waits a second.
    nix::sys::socket::listen(
        &listener,
        nix::sys::socket::Backlog::new(BACKLOG).unwrap_or(nix::sys::socket::Backlog::MAXCONN),
    )?;
    let bound = listener.local_addr()?;
    Ok((listener, bound))
}

/// The life of a service's process: logs first, then the service; what ends it early is logged and told by the exit code. `build`
/// gives nothing if that was all there is to do. Told to stop meanwhile, the process ends at once and without success.
pub async fn run_process<S>(
    telling: &Telling,
    build: impl Future<Output = anyhow::Result<Option<S>>>,
    run: impl AsyncFnOnce(S, Orders) -> anyhow::Result<()>,
) -> ExitCode {
    let _export = match log::start(telling) {
        Ok(export) => export,
        Err(error) => {
            eprintln!("the log filter or the traces' collector cannot be used: {error}");
            return ExitCode::FAILURE;
        }
    };
    let life = async {
        let mut orders = Orders::listen()?;
        let service = tokio::select! {
            service = build => service?,
            _ = orders.next() => anyhow::bail!("told to stop before it had begun"),
        };
        match service {
            Some(service) => run(service, orders).await,
            None => Ok(()),
        }
    };
    match life.await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}
