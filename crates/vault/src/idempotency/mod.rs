//! Idempotency keys. Whatever arrives while a transaction commits becomes the next one, as in the committer; there is one
//! lane for all, since keys of one moment belong to as many customers.

pub mod decide;

use std::time::Duration;

use contract::idempotency::{KEY_COMMANDS_MAX, KeyCommand, KeyReply};
use tokio::sync::{mpsc, oneshot};

use crate::store::{Store, StoreError};

/// Requests that wait before new ones are turned away.
const QUEUE_MAX: usize = 256;
/// Requests that share a transaction.
const SHARED_MAX: usize = 8;
/// Longest wait for one transaction: twice that, a gatekeeper waits.
const TRANSACTION_MAX: Duration = Duration::from_secs(2);
/// How often old keys are looked for, and how many are removed at a time; more follow at once.
const CLEAN_EVERY: Duration = Duration::from_mins(1);
const CLEAN_MAX: i64 = 1_000;

struct Job {
    commands: Vec<KeyCommand>,
    reply: oneshot::Sender<Vec<KeyReply>>,
}

/// Hands commands to the lane. Clones share it.
#[derive(Clone)]
pub struct KeyKeeper(mpsc::Sender<Job>);

impl KeyKeeper {
    /// Starts the lane on the current runtime.
    #[must_use]
    pub fn start(store: Store) -> Self {
        let (sender, inbox) = mpsc::channel(QUEUE_MAX);
        tokio::spawn(run(store, inbox));
        Self(sender)
    }

    /// A reply to each command, in order; [`KeyReply::Unknown`] to all when they could not be carried out.
    pub async fn ask(&self, commands: Vec<KeyCommand>) -> Vec<KeyReply> {
        let unknown = vec![KeyReply::Unknown; commands.len()];
        let (reply, answer) = oneshot::channel();
        if self.0.try_send(Job { commands, reply }).is_err() {
            return unknown;
        }
        answer.await.unwrap_or(unknown)
    }
}

async fn run(store: Store, mut inbox: mpsc::Receiver<Job>) {
    let mut jobs = Vec::with_capacity(SHARED_MAX);
    while inbox.recv_many(&mut jobs, SHARED_MAX).await > 0 {
        // Whoever gave up waiting carries nothing out; a claim for them would only stand in the way of the next.
        jobs.retain(|job| !(job.reply.is_closed() && job.commands.iter().all(is_claim)));
        if jobs.is_empty() {
            continue;
        }
        let commands: Vec<_> = jobs.iter().flat_map(|job| job.commands.iter().cloned()).collect();
        debug_assert!(commands.len() <= SHARED_MAX * KEY_COMMANDS_MAX);
        let mut replies = in_time(&store, &commands).await.unwrap_or_else(|error| {
            tracing::warn!(%error, commands = commands.len(), "idempotency keys could not be kept");
            vec![KeyReply::Unknown; commands.len()]
        });
        for job in jobs.drain(..) {
            let later = replies.split_off(job.commands.len());
            // Whoever asked may have gone.
            let _ = job.reply.send(std::mem::replace(&mut replies, later));
        }
    }
}

fn is_claim(command: &KeyCommand) -> bool {
    matches!(command, KeyCommand::Claim { .. })
}

async fn in_time(store: &Store, commands: &[KeyCommand]) -> Result<Vec<KeyReply>, StoreError> {
    tokio::time::timeout(TRANSACTION_MAX, store.decide_keys(commands)).await.unwrap_or(Err(StoreError::Silent))
}

/// Forgets keys that are older than that, forever.
pub async fn clean(store: Store, kept: Duration) {
    loop {
        match store.forget_keys(kept, CLEAN_MAX).await {
            Ok(forgotten) if forgotten == CLEAN_MAX.unsigned_abs() => {}
            Ok(_) => tokio::time::sleep(CLEAN_EVERY).await,
            Err(error) => {
                tracing::warn!(%error, "old idempotency keys could not be removed");
                tokio::time::sleep(CLEAN_EVERY).await;
            }
        }
    }
}
