//! One event's lane: gather, decide, commit, answer.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use chassis::{span, trace};
use contract::EventId;
use contract::internal::{COMMITS_PER_BATCH_MAX, Refusal, Verdict};
use tokio::sync::mpsc;
use tracing::{Instrument as _, Span};

use super::decide::decide;
use super::model::{Answer, Command, Snapshot, Writes};
use super::{Committer, CommitterError, Job};
use crate::store::StoreError;

/// A lane without work ends after this.
const IDLE_MAX: Duration = Duration::from_secs(30);
/// Longest wait for one transaction, a little over what Postgres allows a statement.
const TRANSACTION_MAX: Duration = Duration::from_secs(20);
/// Tries of one batch. The same rids decide the same way, so a try after a lost COMMIT reply finds what it left.
const TRIES_MAX: u32 = 3;
/// Wait between tries: a restarted Postgres is back within seconds, and the gatekeeper asks again after that.
const RETRY_WAIT: Duration = Duration::from_millis(200);

pub(super) async fn run(committer: Committer, event_id: EventId, mut inbox: mpsc::Receiver<Job>) {
    let mut waiting: Vec<Job> = Vec::with_capacity(COMMITS_PER_BATCH_MAX);
    loop {
        if waiting.is_empty() {
            match tokio::time::timeout(IDLE_MAX, inbox.recv_many(&mut waiting, COMMITS_PER_BATCH_MAX)).await {
                Ok(0) => return,
                Ok(_) => {}
                Err(_) if committer.retire(event_id, &inbox) => return,
                Err(_) => continue,
            }
        }
        // Whoever gave up on a commit was told that its outcome is not known; the sweep will resolve it. Not posting it now
        // keeps a stalled Postgres from posting what was asked for long ago.
        let before = waiting.len();
        waiting.retain(|job| !(matches!(job.command, Command::Commit(_)) && job.reply.is_closed()));
        committer.metrics.queued.sub(i64::try_from(before - waiting.len()).unwrap_or(0));
        let later = waiting.split_off(batch_len(&waiting));
        let batch = std::mem::replace(&mut waiting, later);
        committer.metrics.queued.sub(i64::try_from(batch.len()).unwrap_or(0));
        let span = span!("batch", commands = batch.len());
        trace::for_all(&span, batch.iter().map(|job| &job.span));
        work(&committer, event_id, batch).instrument(span).await;
    }
}

/// How many jobs go into one transaction: all, up to the first that would change a booking made by the same batch.
fn batch_len(jobs: &[Job]) -> usize {
    let mut made = HashSet::new();
    let changes_what_is_made = |job: &Job| match &job.command {
        Command::Commit(request) => {
            made.insert(request.rid);
            false
        }
        Command::Resolve(_) => false,
        change => made.contains(&change.rid()),
    };
    jobs.iter().position(changes_what_is_made).unwrap_or(jobs.len())
}

async fn work(committer: &Committer, event_id: EventId, batch: Vec<Job>) {
    let started = Instant::now();
    let (commands, replies): (Vec<_>, Vec<_>) = batch.into_iter().map(|job| (job.command, job.reply)).unzip();
    let mut outcome = transact_in_time(committer, event_id, &commands).await;
    for _ in 1..TRIES_MAX {
        let Err(error) = &outcome else { break };
        committer.metrics.failures.inc();
        tracing::warn!(%event_id, error = %error, commands = commands.len(), "a batch failed and is tried again");
        tokio::time::sleep(RETRY_WAIT).await;
        outcome = transact_in_time(committer, event_id, &commands).await;
    }
    committer.metrics.observe_batch(commands.len(), started.elapsed());
    match outcome {
        Ok(answers) => {
            assert_eq!(answers.len(), replies.len(), "every command has its answer");
            for ((reply, answer), command) in replies.into_iter().zip(answers).zip(&commands) {
                committer.metrics.observe_answer(command, &answer);
                // Whoever asked may have gone; the row stays, and a retry of the rid will find it.
                let _ = reply.send(Ok(answer));
            }
        }
        Err(error) => {
            committer.metrics.failures.inc();
            tracing::error!(%event_id, %error, commands = commands.len(), "a batch failed for good");
            for reply in replies {
                let _ = reply.send(Err(CommitterError::Unknown));
            }
        }
    }
}

fn sql(operation: &str) -> Span {
    span!("postgres", otel.kind = "client", db.system.name = "postgresql", db.operation.name = operation)
}

/// Postgres keeps bounds of its own; this one holds when nothing is heard from it at all.
async fn transact_in_time(
    committer: &Committer,
    event_id: EventId,
    commands: &[Command],
) -> Result<Vec<Answer>, StoreError> {
    let in_time = tokio::time::timeout(TRANSACTION_MAX, transact(committer, event_id, commands));
    in_time.await.unwrap_or(Err(StoreError::Silent))
}

async fn transact(committer: &Committer, event_id: EventId, commands: &[Command]) -> Result<Vec<Answer>, StoreError> {
    let batch = committer.store.batch().await?;
    let Some(snapshot) = batch.read(event_id, commands).instrument(sql("read")).await? else {
        batch.roll_back().await?;
        return Ok(commands.iter().map(of_no_event).collect());
    };
    let (answers, writes) = decide_as_built(snapshot.state, commands);
    if writes.is_empty() {
        batch.roll_back().await?;
        return Ok(answers);
    }
    batch.write(&snapshot.position, &writes).instrument(sql("write")).await?;
    #[cfg(feature = "faults")]
    if super::mutants::dies_between_answer_and_commit() {
        return Ok(answers);
    }
    batch.commit().instrument(sql("commit")).await?;
    chassis::faults::crash_point("vault-after-commit");
    Ok(answers)
}

#[cfg(not(feature = "faults"))]
fn decide_as_built(snapshot: Snapshot, commands: &[Command]) -> (Vec<Answer>, Writes) {
    decide(snapshot, commands)
}

/// Test builds can be made to decide wrongly.
#[cfg(feature = "faults")]
fn decide_as_built(mut snapshot: Snapshot, commands: &[Command]) -> (Vec<Answer>, Writes) {
    let commands = super::mutants::before_deciding(&mut snapshot, commands);
    let (mut answers, mut writes) = decide(snapshot, &commands);
    super::mutants::after_deciding(&mut answers, &mut writes);
    (answers, writes)
}

/// The answer to a command about an event that does not exist. Nothing is written, so nothing can be held to it.
fn of_no_event(command: &Command) -> Answer {
    match command {
        Command::Commit(_) => Answer::Verdict(Verdict::Refused(Refusal::UnknownItem)),
        Command::Resolve(_) => Answer::Resolved(None),
        Command::Confirm { .. } | Command::Cancel { .. } => {
            Answer::Booking(Box::new(contract::internal::BookingAnswer::NotFound))
        }
        Command::Expire(_) => Answer::Expired(false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::internal::{CommitRequest, Items};
    use contract::{CustomerId, Origin, ReservationId};
    use tokio::sync::oneshot;

    fn job(command: Command) -> Job {
        Job { command, reply: oneshot::channel().0, span: Span::none() }
    }

    #[test]
    fn a_batch_ends_before_a_booking_it_makes_would_be_changed() {
        let rid = ReservationId::fresh();
        let customer_id = CustomerId::fresh();
        let commit = CommitRequest {
            rid,
            event_id: EventId::fresh(),
            epoch: 1,
            customer_id,
            items: Items::Seats(vec![0]),
            origin: Origin::system(),
        };
        let cancel = |booking_id| Command::Cancel { customer_id, booking_id, origin: Origin::system() };
        let jobs = [
            job(cancel(rid)),
            job(Command::Commit(commit)),
            job(cancel(ReservationId::fresh())),
            job(Command::Resolve(rid)),
            job(cancel(rid)),
        ];
        assert_eq!(batch_len(&jobs), 4);
        assert_eq!(batch_len(&jobs[..4]), 4);
    }
}
