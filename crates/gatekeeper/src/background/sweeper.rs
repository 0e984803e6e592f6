//! The sweeper: gives back what ran out, and has the vault resolve commits whose lease is over.
//!
//! Every replica sweeps; each entry is attended to once, because the script that attends to it also removes it.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use contract::{EventId, ReservationId};
use futures_util::{StreamExt as _, stream};
use jiff::Timestamp;
use tokio::time::timeout;

use super::positions::Positions;
use crate::keys::EventKeys;
use crate::scripts::{ScriptError, activity, read_inventory, registry, retire_event, settle, sweep};
use crate::service::Gate;

/// A quiet event is looked at this often at least: another replica may have made a hold that is due before the last one
/// seen here. A hold lasts at least a second, so none waits longer than this after its end.
const QUIET_MAX: Duration = Duration::from_millis(800);
/// How often the set of loaded events is read.
const REGISTRY_INTERVAL: Duration = Duration::from_secs(1);
/// Calls for one event in one round.
const SWEEPS_IN_A_ROW_MAX: usize = 100;
/// How long the others wait for one event's sweep, and for the list of events: their servers may be silent.
const SWEEP_WAIT: Duration = Duration::from_millis(700);
const LIST_WAIT: Duration = Duration::from_millis(300);
/// Events swept at a time.
const SWEEPS_MAX: usize = 16;

/// The rhythm of the work.
#[derive(Debug, Clone, Copy)]
pub struct Rhythm {
    /// Between rounds.
    pub interval: Duration,
    /// How long an event stays in Redis once it is over.
    pub retire_after: Duration,
}

/// Sweeps forever.
pub async fn run(gate: Gate, positions: Positions, rhythm: Rhythm) {
    let Rhythm { interval, retire_after } = rhythm;
    let mut ticks = tokio::time::interval(interval);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut rounds: HashMap<EventId, Instant> = HashMap::new();
    let mut registry_read: Option<Instant> = None;
    loop {
        ticks.tick().await;
        if chassis::faults::is_on("no-sweep") {
            continue;
        }
        if registry_read.is_none_or(|at| at.elapsed() >= REGISTRY_INTERVAL) {
            update_registry(&gate, &mut rounds, &positions).await;
            registry_read = Some(Instant::now());
        }
        let now = Instant::now();
        let due: Vec<_> = rounds.iter().filter(|(_, next)| **next <= now).map(|(event, _)| *event).collect();
        let sweeping = due.into_iter().map(async |event| {
            let swept = timeout(SWEEP_WAIT, sweep_event(&gate, &positions, event, retire_after)).await;
            swept.unwrap_or((event, QUIET_MAX))
        });
        let swept = stream::iter(sweeping);
        let next: Vec<_> = swept.buffer_unordered(SWEEPS_MAX).collect().await;
        rounds.extend(next.into_iter().map(|(event, wait)| (event, Instant::now() + wait)));
    }
}

/// Takes up every event that this Redis has, or that this replica remembers and that are not over: after a FLUSHALL only the latter remain, and
/// sweeping them is what notices. In a Cluster the list of events is on one shard: while that cannot be read, what is known is
/// swept, and what it has lost is entered again by whoever still sweeps it.
async fn update_registry(gate: &Gate, rounds: &mut HashMap<EventId, Instant>, positions: &Positions) {
    let mut known: HashSet<_> = gate.catalog.not_over(Timestamp::now()).into_iter().collect();
    let swept: Vec<_> = positions.all().into_iter().map(|(event, _)| event).collect();
    known.extend(&swept);
    let listed = timeout(LIST_WAIT, registry::loaded_events(&gate.link)).await;
    match listed.map_err(|_| "Redis is silent".to_owned()).and_then(|listed| listed.map_err(|error| error.to_string()))
    {
        Ok(loaded) => {
            let loaded: HashSet<_> = loaded.into_iter().collect();
            for event in swept.into_iter().filter(|event| !loaded.contains(event)) {
                if let Err(error) = registry::remember_loaded(&gate.link, event).await {
                    tracing::debug!(%error, event_id = %event, "a loaded event could not be entered again");
                }
            }
            known.extend(loaded);
        }
        Err(error) => {
            tracing::debug!(%error, "the loaded events could not be read");
            known.extend(rounds.keys());
        }
    }
    rounds.retain(|event, _| known.contains(event));
    positions.retain(|event| known.contains(event));
    for event in known {
        rounds.entry(event).or_insert_with(Instant::now);
    }
}

/// Sweeps until nothing is due, a bounded number of times: thousands of holds may end at the same moment.
async fn sweep_event(
    gate: &Gate,
    positions: &Positions,
    event: EventId,
    retire_after: Duration,
) -> (EventId, Duration) {
    let mut next = Some(Duration::ZERO);
    for _ in 0..SWEEPS_IN_A_ROW_MAX {
        next = sweep_once(gate, positions, event).await;
        if !next.is_some_and(|wait| wait.is_zero()) {
            break;
        }
    }
    if next.is_none()
        && let Err(error) = retire_if_over(gate, event, retire_after).await
    {
        tracing::debug!(%error, event_id = %event, "an event that is over could not be retired");
    }
    (event, next.unwrap_or(QUIET_MAX).min(QUIET_MAX))
}

/// Forgets an event that has been over for long enough. The script knows when it ended; only what is remembered is looked
/// up here, because a sweep waits for nobody but Redis.
async fn retire_if_over(gate: &Gate, event: EventId, retire_after: Duration) -> Result<(), ScriptError> {
    let keys = EventKeys::of(event);
    let is_current = gate.catalog.remembered(event).is_some_and(|event| !event.is_over(Timestamp::now()));
    if is_current || !retire_event::call(&gate.link, &keys, retire_after).await? {
        return Ok(());
    }
    activity::forget(&gate.link, event).await?;
    registry::forget_loaded(&gate.link, event).await?;
    tracing::info!(event_id = %event, "an event that is over was retired");
    // Somebody may have asked for it and had it loaded in between; a load enters it once more when it is done.
    match read_inventory::call(&gate.link, &keys, &[], false).await {
        Ok(_) => registry::remember_loaded(&gate.link, event).await,
        Err(ScriptError::NotLoaded { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

/// How long until something is due; `None` when nothing is under way.
async fn sweep_once(gate: &Gate, positions: &Positions, event: EventId) -> Option<Duration> {
    let keys = EventKeys::of(event);
    gate.metrics.sweeps.inc();
    let swept = match sweep::call(&gate.link, &keys).await {
        Ok(swept) => swept,
        Err(ScriptError::NotLoaded { .. })
            if gate.catalog.remembered(event).is_some_and(|event| event.is_over(Timestamp::now())) =>
        {
            positions.forget(event);
            // It is retired once all is in the log.
            gate.changes.note(event, 1);
            return None;
        }
        Err(error) => {
            if matches!(error, ScriptError::NotLoaded { .. }) {
                positions.forget(event);
                // It may be one that this replica does not know and another has retired.
                gate.latch.open(event);
                gate.reloader.request_unless_over(event);
            }
            return Some(QUIET_MAX);
        }
    };
    positions.set(event, swept.applied_seq);
    if swept.changes > 0 {
        // Holds that ended just now, and what another replica may have left behind.
        gate.changes.note(event, swept.changes);
    }
    if !swept.overdue.is_empty() {
        tokio::spawn(resolve(gate.clone(), event, swept.epoch, swept.overdue));
    }
    swept.next_due
}

/// Asks the vault what became of overdue commits and settles them. What it cannot say now stays overdue.
async fn resolve(gate: Gate, event: EventId, epoch: i64, overdue: Vec<ReservationId>) {
    let count = overdue.len();
    let outcomes = match gate.vault.resolve(event, overdue).await {
        Ok(outcomes) => outcomes,
        Err(error) => {
            gate.metrics.unresolved.inc_by(count as u64);
            tracing::warn!(%error, event_id = %event, count, "overdue commits could not be resolved");
            return;
        }
    };
    gate.metrics.unresolved.inc_by(count.saturating_sub(outcomes.len()) as u64);
    let verdicts: Vec<_> = outcomes.into_iter().collect();
    match settle::call(&gate.link, &EventKeys::of(event), epoch, &verdicts).await {
        Ok(settled) => {
            gate.metrics.resolved.inc_by(u64::try_from(settled).unwrap_or(0));
            tracing::info!(event_id = %event, settled, "overdue commits were resolved");
        }
        Err(error) => tracing::warn!(%error, event_id = %event, "resolved commits could not be settled"),
    }
}
