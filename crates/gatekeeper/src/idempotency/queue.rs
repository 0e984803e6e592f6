//! Commands about keys travel to the vault together: whatever arrives while a request is under way becomes the next one.

use std::collections::VecDeque;

use contract::idempotency::{KEY_COMMANDS_MAX, KeyCommand, KeyReply};
use prometheus::IntGauge;
use tokio::sync::{mpsc, oneshot};

use crate::vault_client::VaultClient;

/// Commands that wait before new ones are turned away.
const QUEUE_MAX: usize = 4_096;
/// The most bytes one request carries, about; the vault takes twice as many.
const BYTES_MAX: usize = 512 * 1024;
/// What a command takes besides an answer's body, at most.
const COMMAND_BYTES: usize = 1_024;

/// The vault could not be asked, or could not do it. Nothing is known about a command's fate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("idempotency keys cannot be looked up or kept")]
pub struct KeysUnavailable;

struct Job {
    command: KeyCommand,
    reply: oneshot::Sender<KeyReply>,
}

/// Clones share the queue.
#[derive(Clone)]
pub struct KeyQueue {
    jobs: mpsc::Sender<Job>,
    waiting: IntGauge,
}

impl KeyQueue {
    /// A queue that is worked off on the current runtime.
    #[must_use]
    pub fn start(vault: VaultClient, waiting: IntGauge) -> Self {
        let (jobs, inbox) = mpsc::channel(QUEUE_MAX);
        tokio::spawn(run(vault, inbox));
        Self { jobs, waiting }
    }

    /// Asks, and waits for the reply.
    pub async fn ask(&self, command: KeyCommand) -> Result<KeyReply, KeysUnavailable> {
        let (reply, answer) = oneshot::channel();
        self.jobs.try_send(Job { command, reply }).map_err(|_| KeysUnavailable)?;
        self.waiting.inc();
        // Also if whoever asked goes before the reply.
        let _waiting = Waiting(&self.waiting);
        match answer.await {
            Ok(KeyReply::Unknown) | Err(_) => Err(KeysUnavailable),
            Ok(reply) => Ok(reply),
        }
    }
}

/// Counted as long as it is there.
struct Waiting<'a>(&'a IntGauge);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.dec();
    }
}

async fn run(vault: VaultClient, mut inbox: mpsc::Receiver<Job>) {
    let mut waiting = VecDeque::new();
    let mut arrived = Vec::new();
    loop {
        if waiting.is_empty() && inbox.recv_many(&mut arrived, KEY_COMMANDS_MAX).await == 0 {
            return;
        }
        waiting.extend(arrived.drain(..));
        // Whoever gave up waiting carries nothing out; a claim for them would only stand in the way of the next.
        waiting.retain(|job: &Job| !(job.reply.is_closed() && matches!(job.command, KeyCommand::Claim { .. })));
        if waiting.is_empty() {
            continue;
        }
        let jobs: Vec<Job> = waiting.drain(..fitting(&waiting)).collect();
        let commands = jobs.iter().map(|job| job.command.clone()).collect();
        let replies = vault.decide_keys(commands).await.unwrap_or_else(|error| {
            tracing::warn!(%error, commands = jobs.len(), "idempotency keys got no reply");
            Vec::new()
        });
        for (job, reply) in jobs.into_iter().zip(replies.into_iter().chain(std::iter::repeat(KeyReply::Unknown))) {
            // Whoever asked may have gone.
            let _ = job.reply.send(reply);
        }
    }
}

/// How many of the waiting go into one request: at least one.
fn fitting(waiting: &VecDeque<Job>) -> usize {
    let mut bytes = 0;
    let more = waiting.iter().skip(1).take(KEY_COMMANDS_MAX - 1).take_while(|job| {
        bytes += len(&job.command);
        bytes <= BYTES_MAX - len(&waiting[0].command).min(BYTES_MAX)
    });
    1 + more.count()
}

fn len(command: &KeyCommand) -> usize {
    match command {
        // In JSON, quotes are escaped.
        KeyCommand::Keep { answer, .. } => COMMAND_BYTES + 2 * answer.body.len(),
        _ => COMMAND_BYTES,
    }
}
