//! Puts the vault together and runs it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_web::{App, HttpServer, middleware, web};
use anyhow::Context as _;
use chassis::json::BodyLimit;
use chassis::metrics::Metrics;
use chassis::shutdown::{Orders, Service, Shutdown};
use chassis::{api_error, server, telemetry};

use crate::committer::Committer;
use crate::config::Config;
use crate::handlers::health::Gauges;
use crate::idempotency::{self, KeyKeeper};
use crate::metrics::{CommitterMetrics, PoolMetrics};
use crate::store::Store;
use crate::wakes::Wakes;
use crate::{expiry, routes};

/// A batch of the most commits, each with the most seats, fits twice.
const BODY_BYTES_MAX: usize = 1024 * 1024;
/// How long a Postgres that is still starting is waited for.
const POSTGRES_WAIT: Duration = Duration::from_secs(30);

/// The vault, bound to its address and ready to run.
pub struct Application {
    service: Service,
    wakes: Wakes,
    address: SocketAddr,
}

impl Application {
    /// Checks Postgres, migrates, binds, and starts the background tasks.
    pub async fn build(config: Config) -> anyhow::Result<Self> {
        anyhow::ensure!(
            config.listens_internally(),
            "{} is neither a loopback nor a private address; --listen-anywhere permits it",
            config.listen
        );
        let store = migrated(&config).await?;

        let metrics = Metrics::new()?;
        let shutdown = Shutdown::register(&metrics)?;
        let committer = Committer::new(store.clone(), Arc::new(CommitterMetrics::register(&metrics)?));
        let gauges = web::Data::new(Gauges { store: store.clone(), pool: PoolMetrics::register(&metrics)? });
        let wakes = Wakes::default();
        tokio::spawn(wakes.clone().listen(store.clone()));
        tokio::spawn(expiry::run(store.clone(), committer.clone(), config.expiry_interval()));
        let keys = web::Data::new(KeyKeeper::start(store.clone()));
        tokio::spawn(idempotency::clean(store.clone(), config.keys_kept()));
        tokio::spawn(gauges.clone().into_inner().refresh());

        let (listener, address) =
            server::bind(config.listen).with_context(|| format!("cannot listen on {}", config.listen))?;
        let (store, committer) = (web::Data::new(store), web::Data::new(committer));
        let (metrics, woken) = (web::Data::new(metrics), web::Data::new(wakes.clone()));
        let stopping = web::Data::new(shutdown.clone());
        let notice = Duration::from_secs(config.stop_notice_seconds.into());
        let door = listener.try_clone()?;
        let credential = web::Data::new(config.service_credential);
        let server = HttpServer::new(move || {
            App::new()
                .wrap(middleware::from_fn(telemetry::observe))
                .app_data(BodyLimit(BODY_BYTES_MAX))
                .app_data(web::PathConfig::default().error_handler(api_error::path_error))
                .app_data(web::QueryConfig::default().error_handler(api_error::query_error))
                .app_data(store.clone())
                .app_data(committer.clone())
                .app_data(keys.clone())
                .app_data(metrics.clone())
                .app_data(woken.clone())
                .app_data(stopping.clone())
                .app_data(credential.clone())
                .configure(routes::configure)
        })
        .on_connect(shutdown.count())
        .disable_signals()
        .workers(config.workers)
        .keep_alive(server::KEEP_ALIVE)
        .client_request_timeout(server::HEAD_TIMEOUT)
        .shutdown_timeout(server::SHUTDOWN_SECONDS)
        .listen(listener)?
        .run();
        Ok(Self { service: Service { server, listener: door, shutdown, notice }, wakes, address })
    }

    /// Where it listens; tells the port when 0 was asked for.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until told to stop.
    pub async fn run(self, orders: Orders) -> anyhow::Result<()> {
        tracing::info!(address = %self.address, "the vault is open");
        let wakes = self.wakes;
        Ok(self.service.run(orders, async move { wakes.end_waits() }).await?)
    }
}

/// Brings the schema up to date and is done.
pub async fn migrate(config: &Config) -> anyhow::Result<()> {
    migrated(config).await?;
    tracing::info!("the schema is up to date");
    Ok(())
}

/// A store that keeps what it says, with the schema of this version.
async fn migrated(config: &Config) -> anyhow::Result<Store> {
    let store = Store::new(config.database_url.expose(), config.database_ca_file.as_deref(), config.pool_size_max)?;
    wait_for_postgres(&store).await?;
    store.assert_durable().await?;
    store.migrate().await.context("the schema could not be brought up to date")?;
    Ok(store)
}

async fn wait_for_postgres(store: &Store) -> anyhow::Result<()> {
    let mut backoff = chassis::retry::Backoff::new(Duration::from_millis(50), Duration::from_secs(1));
    let deadline = tokio::time::Instant::now() + POSTGRES_WAIT;
    loop {
        match store.ping().await {
            Ok(()) => return Ok(()),
            // It will not become another's by waiting.
            Err(error) if error.is_about_trust() => return Err(error).context("Postgres cannot be believed"),
            Err(error) if tokio::time::Instant::now() > deadline => {
                return Err(error).context("Postgres does not answer");
            }
            Err(error) => tracing::debug!(%error, "waiting for Postgres"),
        }
        tokio::time::sleep(backoff.next_wait()).await;
    }
}
