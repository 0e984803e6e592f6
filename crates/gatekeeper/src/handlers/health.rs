//! Liveness and readiness.

use std::time::Duration;

use actix_web::{HttpResponse, web};
use chassis::shutdown::Shutdown;
use serde_json::json;

use super::GateData;
use crate::scripts::registry;

/// How long readiness waits for Redis.
const REDIS_WAIT: Duration = Duration::from_secs(1);

/// `GET /health`: the process answers, and asks nobody.
pub async fn alive() -> HttpResponse {
    HttpResponse::Ok().json(json!({ "status": "alive" }))
}

/// `GET /ready`: asks Redis and the vault, and says which is down. Whoever is stopping is not ready.
pub async fn ready(gate: GateData, shutdown: web::Data<Shutdown>) -> HttpResponse {
    if shutdown.is_begun() {
        return HttpResponse::ServiceUnavailable().json(json!({ "status": "stopping" }));
    }
    let redis = async { matches!(tokio::time::timeout(REDIS_WAIT, registry::ping(&gate.link)).await, Ok(Ok(()))) };
    let vault = async { gate.vault.ready().await.is_ok() };
    let (redis, vault) = tokio::join!(redis, vault);
    let word = |is_up| if is_up { "up" } else { "down" };
    let mut response = if redis && vault { HttpResponse::Ok() } else { HttpResponse::ServiceUnavailable() };
    let status = if redis && vault { "ready" } else { "not ready" };
    response.json(json!({ "status": status, "redis": word(redis), "vault": word(vault) }))
}
