//! Commits of concurrent winners travel to the vault as one request: whatever arrives for an event while its last request
//! is under way becomes its next one. No timers; a lone commit goes at once.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use chassis::retry::Backoff;
use chassis::{span, trace};
use contract::internal::{COMMITS_PER_BATCH_MAX, CommitRequest, Outcome, Verdict};
use contract::{EventId, ReservationId};
use prometheus::IntGauge;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tracing::{Instrument as _, Span};

use crate::keys::EventKeys;
use crate::link::Link;
use crate::scripts::settle;
use crate::vault_client::VaultClient;

/// Commits that wait for an event's lane before new ones are turned away.
const LANE_QUEUE_MAX: usize = 4_096;
/// Events with commits under way.
const LANES_MAX: usize = 4_096;
/// A lane without work ends after this.
const IDLE_MAX: Duration = Duration::from_secs(30);
/// Waits between tries while the vault cannot say.
const RETRY_FIRST: Duration = Duration::from_millis(50);
const RETRY_LONGEST: Duration = Duration::from_millis(500);

struct Job {
    request: CommitRequest,
    reply: oneshot::Sender<Verdict>,
    deadline: Instant,
    /// What asked for it.
    span: Span,
}

/// Clones share the lanes.
#[derive(Clone)]
pub struct CommitQueue {
    vault: VaultClient,
    link: Arc<Link>,
    /// How long a commit is tried before its outcome is called unknown.
    wait: Duration,
    waiting: IntGauge,
    lanes: Arc<Mutex<HashMap<EventId, mpsc::Sender<Job>>>>,
    runtime: Handle,
}

impl CommitQueue {
    /// A queue whose lanes run on the current runtime.
    #[must_use]
    pub fn new(vault: VaultClient, link: Arc<Link>, wait: Duration, waiting: IntGauge) -> Self {
        Self { vault, link, wait, waiting, lanes: Arc::default(), runtime: Handle::current() }
    }

    /// Makes an admitted attempt durable and settles it in Redis. [`Verdict::Unknown`] when the vault could not say within
    /// the time, or too much is waiting: the sweep resolves such attempts once their lease is over.
    /// Never tried beyond `until`.
    pub async fn commit(&self, request: CommitRequest, until: Option<Instant>) -> Verdict {
        let (reply, verdict) = oneshot::channel();
        let event_id = request.event_id;
        let latest = Instant::now() + self.wait;
        let job =
            Job { request, reply, deadline: until.map_or(latest, |until| until.min(latest)), span: Span::current() };
        if self.enqueue(event_id, job).is_err() {
            return Verdict::Unknown;
        }
        verdict.await.unwrap_or(Verdict::Unknown)
    }

    fn enqueue(&self, event_id: EventId, job: Job) -> Result<(), ()> {
        // The lane's sender never leaves the lock, so a lane that finds its queue empty under it may end.
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        if lanes.get(&event_id).is_some_and(mpsc::Sender::is_closed) {
            // Its task ended by a panic; the event must not stay closed for that.
            lanes.remove(&event_id);
        }
        let lane_count = lanes.len();
        let lane = match lanes.entry(event_id) {
            Entry::Occupied(lane) => lane.into_mut(),
            Entry::Vacant(_) if lane_count >= LANES_MAX => return Err(()),
            Entry::Vacant(place) => {
                let (sender, inbox) = mpsc::channel(LANE_QUEUE_MAX);
                self.runtime.spawn(self.clone().run_lane(event_id, inbox));
                place.insert(sender)
            }
        };
        lane.try_send(job).map_err(|_| ())?;
        self.waiting.inc();
        Ok(())
    }

    async fn run_lane(self, event_id: EventId, mut inbox: mpsc::Receiver<Job>) {
        let keys = Arc::new(EventKeys::of(event_id));
        loop {
            let mut jobs = Vec::new();
            match tokio::time::timeout(IDLE_MAX, inbox.recv_many(&mut jobs, COMMITS_PER_BATCH_MAX)).await {
                Ok(0) => return,
                Ok(_) => {}
                Err(_) if self.retire(event_id, &inbox) => return,
                Err(_) => continue,
            }
            self.waiting.sub(i64::try_from(jobs.len()).unwrap_or(0));
            let span = span!("commit batch", commits = jobs.len());
            trace::for_all(&span, jobs.iter().map(|job| &job.span));
            self.work(&keys, jobs).instrument(span).await;
        }
    }

    fn retire(&self, event_id: EventId, inbox: &mpsc::Receiver<Job>) -> bool {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        inbox.is_empty() && lanes.remove(&event_id).is_some()
    }

    /// Asks the vault about a batch until every job has a verdict or its time is over.
    async fn work(&self, keys: &Arc<EventKeys>, mut jobs: Vec<Job>) {
        let mut backoff = Backoff::new(RETRY_FIRST, RETRY_LONGEST);
        loop {
            let now = Instant::now();
            jobs.retain(|job| now < job.deadline);
            let Some(latest) = jobs.iter().map(|job| job.deadline).max() else { return };
            chassis::faults::crash_point("gatekeeper-before-commit");
            let requests = jobs.iter().map(|job| job.request.clone()).collect();
            let verdicts = self.vault.commit(requests, latest - now).await.unwrap_or_else(|error| {
                tracing::warn!(%error, commits = jobs.len(), "commits got no verdict");
                Vec::new()
            });
            let verdicts = verdicts.into_iter().chain(std::iter::repeat(Verdict::Unknown));
            let (open, decided): (Vec<_>, Vec<_>) =
                jobs.into_iter().zip(verdicts).partition(|(_, verdict)| *verdict == Verdict::Unknown);
            // Settling does not hold up the next batch: it touches only rids of this one.
            tokio::spawn(settle_and_reply(self.link.clone(), keys.clone(), decided).in_current_span());
            jobs = open.into_iter().map(|(job, _)| job).collect();
            if jobs.is_empty() {
                return;
            }
            tokio::time::sleep(backoff.next_wait()).await;
        }
    }
}

/// Settles first, so that whoever reads after their reply finds it settled. Should Redis fail now, the booking is true all
/// the same; its entry stays until the sweep has it resolved.
async fn settle_and_reply(link: Arc<Link>, keys: Arc<EventKeys>, decided: Vec<(Job, Verdict)>) {
    let mut by_epoch: HashMap<i64, Vec<(ReservationId, Outcome)>> = HashMap::new();
    for (job, verdict) in &decided {
        let outcome = if matches!(verdict, Verdict::Posted(_)) { Outcome::Posted } else { Outcome::Void };
        by_epoch.entry(job.request.epoch).or_default().push((job.request.rid, outcome));
    }
    for (epoch, verdicts) in by_epoch {
        if let Err(error) = settle::call(&link, &keys, epoch, &verdicts).await {
            tracing::warn!(%error, verdicts = verdicts.len(), "verdicts were not settled; the sweep will");
        }
    }
    for (job, verdict) in decided {
        // Whoever asked may have gone.
        let _ = job.reply.send(verdict);
    }
}
