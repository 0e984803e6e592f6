//! Puts the gatekeeper together and runs it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_web::middleware::Condition;
use actix_web::{App, HttpServer, middleware, web};
use anyhow::Context as _;
use chassis::deadline::RequestLimit;
use chassis::json::BodyLimit;
use chassis::metrics::Metrics;
use chassis::shutdown::{Orders, Service, Shutdown};
use chassis::{api_error, server, telemetry, tls};
use jiff::SignedDuration;
use tokio::sync::Semaphore;

use crate::background::positions::Positions;
use crate::background::{activity, audit, journal, sweeper};
use crate::catalog::Catalog;
use crate::change_log::ChangeLog;
use crate::commit_queue::CommitQueue;
use crate::config::Config;
use crate::cors;
use crate::feed::Feed;
use crate::handlers::sessions::GuestTime;
use crate::idempotency::KeyQueue;
use crate::identity::Credentials;
use crate::identity::api_keys::KeyRing;
use crate::identity::oidc::Issuers;
use crate::latch::Latch;
use crate::limits::Limits;
use crate::link::Link;
use crate::metrics::{AuditMetrics, FeedMetrics, GateMetrics, ScriptMetrics};
use crate::routes;
use crate::service::Gate;
use crate::service::reload::Reloader;
use crate::tally::Tally;
use crate::vault_client::VaultClient;

/// Holds whose replies were lost and that are being released; more are left to their deadlines.
const ABANDONING_MAX: usize = 256;

/// The gatekeeper, bound to its address and ready to run.
pub struct Application {
    service: Service,
    feed: Feed,
    changes: ChangeLog,
    address: SocketAddr,
}

impl Application {
    /// Binds and starts the background tasks. Redis and the vault may come later: readiness tells.
    pub fn build(config: Config) -> anyhow::Result<Self> {
        tls::install();
        let metrics = Metrics::new()?;
        let shutdown = Shutdown::register(&metrics)?;
        let redis_authorities = redis_authorities(&config)?;
        let gate = build_gate(&config, redis_authorities.as_deref(), &metrics)?;
        let changes = gate.changes.clone();
        let feed = Feed::start(gate.clone(), config.feed(), FeedMetrics::register(&metrics)?);
        start_background(&gate, &config, &metrics)?;

        let (listener, address) =
            server::bind(config.listen).with_context(|| format!("cannot listen on {}", config.listen))?;
        let metrics = web::Data::new(metrics);
        let request_limit = web::Data::new(RequestLimit(config.request_limit()));
        let credentials = web::Data::new(Credentials {
            token_keys: config.token_keys,
            issuers: Issuers::start(&config.oidc)?,
            api_keys: KeyRing::start(gate.vault.clone()),
        });
        let guest_time = web::Data::new(GuestTime(SignedDuration::from_secs(config.guest_token_seconds.into())));
        let allowed_origins = web::Data::new(config.allowed_origins);
        let keys = web::Data::new(KeyQueue::start(gate.vault.clone(), gate.metrics.keys_waiting.clone()));
        let watched = web::Data::new(feed.clone());
        let stopping = web::Data::new(shutdown.clone());
        let notice = Duration::from_secs(config.stop_notice_seconds.into());
        let door = listener.try_clone()?;
        let limits = web::Data::new(Limits::new(config.limits, gate.metrics.clone()));
        let redis_url = config.redis_url;
        let server = HttpServer::new(move || {
            // A connection's driver lives on the worker that opened it, so each worker has its own.
            let link = Link::new(redis_url.expose(), redis_authorities.as_deref(), gate.link.metrics().clone())
                .map_or_else(|_| gate.link.clone(), Arc::new);
            App::new()
                .wrap(Condition::new(!allowed_origins.is_empty(), cors::allowing(&allowed_origins)))
                .wrap(middleware::from_fn(telemetry::observe))
                .app_data(BodyLimit::default())
                .app_data(web::PathConfig::default().error_handler(api_error::path_error))
                .app_data(web::QueryConfig::default().error_handler(api_error::query_error))
                .app_data(web::Data::new(Gate { link, ..gate.clone() }))
                .app_data(metrics.clone())
                .app_data(credentials.clone())
                .app_data(guest_time.clone())
                .app_data(request_limit.clone())
                .app_data(allowed_origins.clone())
                .app_data(watched.clone())
                .app_data(stopping.clone())
                .app_data(keys.clone())
                .app_data(limits.clone())
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
        Ok(Self { service: Service { server, listener: door, shutdown, notice }, feed, changes, address })
    }

    /// Where it listens; tells the port when 0 was asked for.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until told to stop.
    pub async fn run(self, orders: Orders) -> anyhow::Result<()> {
        tracing::info!(address = %self.address, "the gatekeeper is open");
        // Watchers would keep it waiting; told to, they connect to another replica.
        let ended = self.service.run(orders, self.feed.stop()).await;
        self.changes.flush().await;
        Ok(ended?)
    }
}

/// What goes on whether anybody asks or not.
fn start_background(gate: &Gate, config: &Config, metrics: &Metrics) -> anyhow::Result<()> {
    let positions = Positions::default();
    let rhythm = sweeper::Rhythm { interval: config.sweep_interval(), retire_after: config.retire_after() };
    let audits = AuditMetrics::register(metrics)?;
    tokio::spawn(sweeper::run(gate.clone(), positions.clone(), rhythm));
    tokio::spawn(audit::run(gate.clone(), positions.clone(), config.audit_interval(), audits));
    tokio::spawn(journal::run(gate.clone(), positions));
    tokio::spawn(activity::run(gate.clone()));
    Ok(())
}

fn redis_authorities(config: &Config) -> anyhow::Result<Option<Vec<u8>>> {
    let Some(path) = &config.redis_ca_file else { return Ok(None) };
    // Read once more as what it has to be: a mistake is told now, and not by a connection that fails.
    tls::client_config(Some(path))?;
    Ok(Some(std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?))
}

fn build_gate(config: &Config, redis_authorities: Option<&[u8]>, metrics: &Metrics) -> anyhow::Result<Gate> {
    let script_metrics = ScriptMetrics::register(metrics)?;
    let link = Link::new(config.redis_url.expose(), redis_authorities, script_metrics);
    let link = Arc::new(link.context("ONSALE_REDIS_URL is not a Redis address")?);
    let vault = VaultClient::new(&config.vault_url, &config.service_credential)?;
    let metrics = GateMetrics::register(metrics)?;
    let catalog = Arc::new(Catalog::new(vault.clone()));
    let latch = Arc::new(Latch::new(config.latch_time()));
    Ok(Gate {
        commits: CommitQueue::new(vault.clone(), link.clone(), config.commit_wait(), metrics.commits_waiting.clone()),
        reloader: Reloader::new(link.clone(), vault.clone(), catalog.clone(), latch.clone(), metrics.clone()),
        changes: ChangeLog::start(
            link.clone(),
            vault.clone(),
            metrics.changes_waiting.clone(),
            metrics.changes_lost.clone(),
        ),
        commit_lease_ms: config.commit_lease_ms.into(),
        abandoning: Arc::new(Semaphore::new(ABANDONING_MAX)),
        link,
        vault,
        catalog,
        latch,
        metrics,
        tally: Tally::default(),
    })
}
