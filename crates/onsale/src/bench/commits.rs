//! The vault's internal commit call alone: batches as gatekeepers send them, as fast as it takes them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use contract::internal::{Batch, CommitRequest, Items};
use contract::origin::ActorKind;
use contract::{CustomerId, Origin, Quantity, ReservationId, paths};
use reqwest::header::CONTENT_TYPE;

use super::scene::Scene;

/// Commits in a request: what a busy gatekeeper sends.
const BATCH: usize = 256;
/// Requests under way: as many as a stack has gatekeepers, and one that is being prepared.
const SENDERS: usize = 4;

/// Bookings a second.
pub async fn run(scene: &Scene, seconds: u32) -> anyhow::Result<f64> {
    let ready = scene.latched.stack.ready();
    let epoch = scene.latched.admin.audit(scene.latched.hot.0).await?.epoch;
    let (over, posted) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let started = Instant::now();
    let senders: Vec<_> = (0..SENDERS)
        .map(|_| {
            let (over, posted, http) = (over.clone(), posted.clone(), reqwest::Client::new());
            let (url, credential) = (format!("{}{}", ready.vault, paths::COMMITS), ready.service_credential.clone());
            let (event_id, tier) = scene.latched.hot;
            tokio::spawn(async move {
                while !over.load(Ordering::Relaxed) {
                    let batch = batch(event_id, tier, epoch)?;
                    let request = http.post(&url).bearer_auth(&credential).header(CONTENT_TYPE, "application/json");
                    let reply = request.body(batch).send().await?.text().await?;
                    let count = reply.matches("\"posted\"").count();
                    anyhow::ensure!(count == BATCH, "{count} of {BATCH} posted: {reply:.300}");
                    posted.fetch_add(count as u64, Ordering::Relaxed);
                }
                Ok(())
            })
        })
        .collect();
    tokio::time::sleep(Duration::from_secs(seconds.into())).await;
    over.store(true, Ordering::Relaxed);
    for sender in senders {
        sender.await??;
    }
    #[expect(clippy::cast_precision_loss, reason = "fewer than 2^52 bookings")]
    let posted = posted.load(Ordering::Relaxed) as f64;
    Ok(posted / started.elapsed().as_secs_f64())
}

fn batch(event_id: contract::EventId, tier: contract::TierId, epoch: i64) -> anyhow::Result<Vec<u8>> {
    let one = Quantity::try_from(1)?;
    let commit = |_| {
        // As a session makes them, and as a gatekeeper says where they come from.
        let customer_id = CustomerId::fresh();
        let request_id = customer_id.0.simple().to_string();
        let origin = Origin { kind: ActorKind::Customer, actor: Some(customer_id.0), request_id };
        CommitRequest {
            rid: ReservationId::fresh(),
            event_id,
            epoch,
            customer_id,
            items: Items::Tier(tier, one),
            origin,
        }
    };
    Ok(serde_json::to_vec(&Batch { items: (0..BATCH).map(commit).collect() })?)
}
