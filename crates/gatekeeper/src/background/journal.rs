//! The journal applier: brings what changed in the vault to Redis, in order.
//!
//! Every replica follows; `apply_journal` takes each row once. Wakes make it prompt, positions make it certain: a wake
//! that was missed costs a second.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use chassis::retry::Backoff;
use contract::EventId;
use contract::internal::{JOURNAL_POSITIONS_MAX, JournalPage};
use futures_util::{StreamExt as _, stream};

use super::positions::Positions;
use crate::keys::EventKeys;
use crate::scripts::ScriptError;
use crate::scripts::apply_journal::{self, Applied};
use crate::service::{Gate, ServiceError};
use crate::vault_client::VaultError;

/// Longest wait for a wake, and the longest a missed one can cost.
const WAKE_WAIT: Duration = Duration::from_millis(900);
/// Events followed at a time.
const FOLLOWED_MAX: usize = 8;
/// Pages of one event in one go; the rest comes with the next positions.
const PAGES_MAX: usize = 100;

/// Follows forever.
pub async fn run(gate: Gate, positions: Positions) {
    let mut cursor = 0;
    let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(1));
    let mut positions_asked = Instant::now();
    let mut lag = Lag::default();
    loop {
        let mut events: HashSet<EventId> = HashSet::new();
        match gate.vault.journal_wakes(cursor, WAKE_WAIT).await {
            Ok(wakes) => {
                cursor = wakes.cursor;
                events.extend(wakes.events);
                backoff.reset();
            }
            Err(error) => {
                tracing::debug!(%error, "no wakes from the vault");
                tokio::time::sleep(backoff.next_wait()).await;
            }
        }
        if positions_asked.elapsed() >= WAKE_WAIT {
            positions_asked = Instant::now();
            let behind = behind(&gate, &positions).await.unwrap_or_else(|error| {
                tracing::debug!(%error, "positions could not be compared");
                // Whoever was behind still is, as far as anybody knows.
                lag.events()
            });
            let longest = lag.longest(&behind, &positions.all().into_iter().collect(), Instant::now());
            gate.metrics.journal_lag_seconds.set(i64::try_from(longest.as_secs()).unwrap_or(i64::MAX));
            events.extend(behind);
        }
        let following = events.into_iter().map(|event| follow(&gate, event));
        stream::iter(following).buffer_unordered(FOLLOWED_MAX).collect::<()>().await;
    }
}

/// For how long an event has been behind without getting on. One that sells is always a little behind.
#[derive(Default)]
struct Lag(HashMap<EventId, (i64, Instant)>);

impl Lag {
    fn events(&self) -> Vec<EventId> {
        self.0.keys().copied().collect()
    }

    fn longest(&mut self, behind: &[EventId], positions: &HashMap<EventId, i64>, now: Instant) -> Duration {
        let stuck = behind.iter().map(|event| {
            let position = positions.get(event).copied().unwrap_or_default();
            let before = self.0.get(event).filter(|(before, _)| *before == position);
            (*event, *before.unwrap_or(&(position, now)))
        });
        self.0 = stuck.collect();
        self.0.values().map(|(_, since)| now.duration_since(*since)).max().unwrap_or_default()
    }
}

async fn behind(gate: &Gate, positions: &Positions) -> Result<Vec<EventId>, VaultError> {
    let mut behind = Vec::new();
    for part in positions.all().chunks(JOURNAL_POSITIONS_MAX) {
        behind.extend(gate.vault.journal_behind(part.to_vec()).await?);
    }
    Ok(behind)
}

async fn follow(gate: &Gate, event: EventId) {
    if let Err(error) = catch_up(gate, event).await {
        tracing::warn!(event_id = %event, %error, "a journal could not be followed");
    }
}

/// Applies an event's rows until there are no more.
async fn catch_up(gate: &Gate, event: EventId) -> Result<(), ServiceError> {
    let keys = EventKeys::of(event);
    let Some(mut after) = position(gate, &keys).await? else { return Ok(()) };
    for _ in 0..PAGES_MAX {
        let Some(page) = gate.vault.journal(event, after).await? else { return Ok(()) };
        if page.through == after {
            return Ok(());
        }
        chassis::faults::crash_point("gatekeeper-before-apply");
        let applied = apply_journal::call(&gate.link, &keys, &page).await;
        chassis::faults::crash_point("gatekeeper-after-apply");
        match applied {
            Ok(Applied::Through(applied)) => {
                gate.metrics.journal_rows.inc_by(page.rows.len() as u64);
                after = applied;
            }
            Ok(Applied::Gap(applied)) => after = applied,
            Ok(Applied::Stale) => {
                // Someone was issued a newer epoch. Should it die before loading, this is what notices.
                gate.reloader.request(event, Some(page.epoch - 1));
                return Ok(());
            }
            Err(ScriptError::NotLoaded { .. }) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Where Redis stands; `None` if it has nothing of the event, for then loading it brings everything.
async fn position(gate: &Gate, keys: &EventKeys) -> Result<Option<i64>, ServiceError> {
    let epoch = match crate::scripts::read_inventory::call(&gate.link, keys, &[], false).await {
        Ok(inventory) => inventory.epoch,
        Err(ScriptError::NotLoaded { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let nothing = JournalPage { epoch, after: 0, through: 0, rows: Vec::new() };
    match apply_journal::call(&gate.link, keys, &nothing).await {
        Ok(Applied::Through(applied) | Applied::Gap(applied)) => Ok(Some(applied)),
        Ok(Applied::Stale) | Err(ScriptError::NotLoaded { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_event_that_does_not_get_on_lags() {
        let (stuck, selling) = (EventId::fresh(), EventId::fresh());
        let start = Instant::now();
        let mut lag = Lag::default();
        let mut seen = |second: u64, behind: &[EventId]| {
            let at = i64::try_from(second).unwrap();
            let positions = HashMap::from([(stuck, 7), (selling, at)]);
            lag.longest(behind, &positions, start + Duration::from_secs(second)).as_secs()
        };
        assert_eq!([seen(0, &[stuck, selling]), seen(3, &[stuck, selling]), seen(9, &[stuck])], [0, 3, 9]);
        assert_eq!([seen(10, &[selling]), seen(11, &[selling]), seen(12, &[stuck])], [0, 0, 0], "it has caught up");
    }
}
