//! Liveness, readiness, and the gauges that are read rather than counted.

use std::sync::Arc;
use std::time::Duration;

use actix_web::{HttpResponse, web};
use chassis::shutdown::Shutdown;
use serde_json::json;

use crate::metrics::PoolMetrics;
use crate::store::Store;

/// How long readiness waits for Postgres.
const READY_WAIT: Duration = Duration::from_secs(1);
/// How often the gauges are read.
const REFRESH_INTERVAL: Duration = Duration::from_secs(1);

/// `GET /health`: the process answers.
pub async fn alive() -> HttpResponse {
    HttpResponse::Ok().json(json!({ "status": "alive" }))
}

/// `GET /ready`: Postgres answers too. Whoever is stopping is not ready.
pub async fn ready(store: web::Data<Store>, shutdown: web::Data<Shutdown>) -> HttpResponse {
    if shutdown.is_begun() {
        return HttpResponse::ServiceUnavailable().json(json!({ "status": "stopping" }));
    }
    match tokio::time::timeout(READY_WAIT, store.ping()).await {
        Ok(Ok(())) => HttpResponse::Ok().json(json!({ "status": "ready", "postgres": "up" })),
        _ => HttpResponse::ServiceUnavailable().json(json!({ "status": "not ready", "postgres": "down" })),
    }
}

/// What is measured by looking.
pub struct Gauges {
    /// Whose pool is looked at.
    pub store: Store,
    /// Where the numbers go.
    pub pool: PoolMetrics,
}

impl Gauges {
    /// Looks every second, forever.
    pub async fn refresh(self: Arc<Self>) {
        loop {
            let (size, available, waiting) = self.store.pool_status();
            self.pool.set(size, available, waiting);
            tokio::time::sleep(REFRESH_INTERVAL).await;
        }
    }
}
