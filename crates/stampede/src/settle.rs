//! After the crowd: what is not known is asked again until it is, everything comes to rest, and the truth is read.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use contract::CustomerId;
use contract::api::EventView;
use futures_util::future::join_all;
use tokio::time::Instant;

use crate::check::inventory;
use crate::evidence::{Evidence, Reader};
use crate::history::{Action, Operation};
use crate::visitor::{Customer, Ground};
use crate::watcher::Watchers;

/// How long is asked again, all together: longer than any bound within the system.
const REPLAY_MAX: Duration = Duration::from_secs(45);
/// Time between two tries.
const REPLAY_WAIT: Duration = Duration::from_millis(500);
/// Operations asked again at a time.
const REPLAYS_AT_A_TIME: usize = 64;
/// I6: how long after the last deadline an account may stay uneven.
pub const SETTLED_WITHIN: Duration = Duration::from_secs(5);
/// The longest the last deadline is waited for: the request limit and a commit's lease, one after the other.
const QUIET_MAX: Duration = Duration::from_mins(1);
/// How often the accounts are read meanwhile.
const QUIET_POLL: Duration = Duration::from_millis(250);

/// Asks again for whatever has an id and an outcome that is not known, until that is definite or the time is over: with the
/// id, nothing can happen twice. What was bought without one is told by the rows in Postgres alone.
pub async fn replay_unknown(ground: &Ground, customers: &[Customer], operations: &[Operation]) -> Vec<Operation> {
    let of: HashMap<CustomerId, &Customer> = customers.iter().map(|customer| (customer.id, customer)).collect();
    let mut seen = HashSet::new();
    let unknown: Vec<_> = operations
        .iter()
        .filter(|operation| operation.outcome.is_unknown() && operation.action.can_be_repeated())
        .filter(|operation| seen.insert(&operation.action))
        .map(|operation| (operation.arrival, operation.customer, operation.action.clone()))
        .collect();
    let deadline = Instant::now() + REPLAY_MAX;
    let mut all = Vec::new();
    for some in unknown.chunks(REPLAYS_AT_A_TIME) {
        let replays = some.iter().filter_map(|(arrival, customer, action)| {
            let customer = of.get(customer)?;
            Some(replay(ground, *arrival, customer, action, deadline))
        });
        all.extend(join_all(replays).await);
    }
    all
}

/// Asks until it is known or the time is over; once at least. The last try is what counts.
async fn replay(ground: &Ground, arrival: u32, customer: &Customer, action: &Action, deadline: Instant) -> Operation {
    loop {
        let again = ground.perform(arrival, customer, action.clone(), ground.now_us()).await;
        if again.outcome.is_definite() || Instant::now() >= deadline {
            return again;
        }
        tokio::time::sleep(REPLAY_WAIT).await;
    }
}

/// Waits until every hold and every commit has ended and the accounts are even, or should have been for as long as I6
/// allows; then collects what the watchers saw up to there.
pub async fn gather(reader: &Reader, event: &EventView, watchers: Watchers) -> anyhow::Result<Evidence> {
    let deadline = Instant::now() + QUIET_MAX;
    let mut nothing_due_since = None;
    let evidence = loop {
        let evidence = reader.read(event).await?;
        let is_quiet = evidence.redis.as_ref().is_some_and(|redis| redis.ledger.is_empty());
        if (is_quiet && inventory::unevenness(&evidence).is_empty()) || Instant::now() >= deadline {
            break evidence;
        }
        if evidence
            .redis
            .as_ref()
            .is_some_and(|redis| redis.ledger.values().any(|entry| entry.deadline_ms > redis.now_ms))
        {
            nothing_due_since = None;
        } else if nothing_due_since.get_or_insert_with(Instant::now).elapsed() > SETTLED_WITHIN {
            break evidence;
        }
        tokio::time::sleep(QUIET_POLL).await;
    };
    let last = evidence.redis.as_ref().map_or((0, 0), |redis| (redis.epoch, redis.feed_sequence));
    let watched = watchers.end(last).await?;
    // Read once more: what watchers saw meanwhile is in it.
    let mut evidence = reader.read(event).await?;
    evidence.watched = watched;
    Ok(evidence)
}
