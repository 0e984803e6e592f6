//! Unpaid bookings give their tickets back. Safe on every vault at once: the lanes decide, and decide once.

use std::time::Duration;

use futures_util::future::join_all;

use crate::committer::{Answer, Command, Committer};
use crate::store::Store;

/// How many are looked up at a time; more follow at once.
const DUE_MAX: i64 = 500;

/// Looks for due bookings forever.
pub async fn run(store: Store, committer: Committer, interval: Duration) {
    loop {
        match expire_due(&store, &committer).await {
            Ok(expired) if expired > 0 => tracing::info!(expired, "unpaid bookings expired"),
            Ok(_) => tokio::time::sleep(interval).await,
            Err(error) => {
                tracing::warn!(%error, "unpaid bookings could not be looked up");
                tokio::time::sleep(interval).await;
            }
        }
    }
}

async fn expire_due(store: &Store, committer: &Committer) -> Result<usize, crate::store::StoreError> {
    let due = store.due(DUE_MAX).await?;
    let answers = join_all(due.into_iter().map(|(event_id, rid)| committer.ask(event_id, Command::Expire(rid)))).await;
    Ok(answers.into_iter().filter(|answer| matches!(answer, Ok(Answer::Expired(true)))).count())
}
