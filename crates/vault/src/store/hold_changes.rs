//! Changes of holds, which are made in Redis, on their way into the audit log.

use std::collections::{BTreeMap, HashSet};

use contract::api::Action;
use contract::internal::{Items, LoggedChange};
use contract::{EventId, Seating};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::audit_log::Changes;
use super::{Store, StoreError, expect_rows, rows};

/// Requests that are entered at a time: they are not to take the connections that bookings need.
pub(super) const WRITES_MAX: usize = 2;

const BEGIN_EPOCH: &str =
    "INSERT INTO entered_changes (event_id, epoch, number) VALUES ($1, $2, 0) ON CONFLICT DO NOTHING";
const LOCK_EPOCH: &str = "SELECT number FROM entered_changes WHERE event_id = $1 AND epoch = $2 FOR UPDATE";
const ADVANCE_EPOCH: &str = "UPDATE entered_changes SET number = $3 WHERE event_id = $1 AND epoch = $2";
// Each key is looked up by itself, as in a batch's statements.
const BOOKED: &str = "SELECT rid FROM unnest($2::uuid[]) AS key (rid) CROSS JOIN LATERAL \
    (SELECT outcome FROM reservations WHERE event_id = $1 AND reservations.rid = key.rid OFFSET 0) r \
    WHERE r.outcome = 'posted'";
const READ_SECTIONS: &str = "SELECT sections FROM events WHERE event_id = $1";
const INSERT: &str = "INSERT INTO audit_log \
    (event_id, actions, actor_kinds, actors, subjects, request_ids, made_at, details) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";

impl Store {
    /// Enters changes of an event's holds; those that were entered before are not entered again.
    pub async fn enter_changes(&self, event: EventId, changes: &[LoggedChange]) -> Result<(), StoreError> {
        let mut of_epochs: BTreeMap<i64, Vec<&LoggedChange>> = BTreeMap::new();
        for change in changes {
            of_epochs.entry(change.epoch).or_default().push(change);
        }
        let _turn = self.log_writes.acquire().await.map_err(|_| StoreError::Silent)?;
        let mut client = self.client().await?;
        let tx = client.transaction().await?;
        // Oldest first, so that two gatekeepers with the same changes never wait for each other in a circle.
        for (epoch, mut changes) in of_epochs {
            tx.execute(&tx.prepare_cached(BEGIN_EPOCH).await?, &[&event.0, &epoch]).await?;
            let row = tx.query_one(&tx.prepare_cached(LOCK_EPOCH).await?, &[&event.0, &epoch]).await?;
            let entered: i64 = row.get("number");
            changes.retain(|change| change.number > entered);
            let Some(last) = changes.last() else { continue };
            tx.execute(&tx.prepare_cached(ADVANCE_EPOCH).await?, &[&event.0, &epoch, &last.number]).await?;
            let booked = booked(&tx, event, &changes).await?;
            changes.retain(|change| !(change.action == Action::Expired && booked.contains(&change.subject.0)));
            if !changes.is_empty() {
                insert(&tx, event, &changes).await?;
            }
        }
        Ok(tx.commit().await?)
    }
}

/// Those of the holds said to have ended that are booked. When an inventory is counted anew, Redis forgets what is being
/// booked, and cannot know how that ends; here it is known, because what was not booked before the count never will be.
async fn booked(
    tx: &deadpool_postgres::Transaction<'_>,
    event: EventId,
    changes: &[&LoggedChange],
) -> Result<HashSet<Uuid>, StoreError> {
    let ended = changes.iter().filter(|change| change.action == Action::Expired);
    let ended: Vec<_> = ended.map(|change| change.subject.0).collect();
    if ended.is_empty() {
        return Ok(HashSet::new());
    }
    let rows = tx.query(&tx.prepare_cached(BOOKED).await?, &[&event.0, &ended]).await?;
    Ok(rows.iter().map(|row| row.get("rid")).collect())
}

async fn insert(
    tx: &deadpool_postgres::Transaction<'_>,
    event: EventId,
    changes: &[&LoggedChange],
) -> Result<(), StoreError> {
    let mut columns = Changes::default();
    for change in changes {
        columns.push(change.action, &change.origin, change.subject.0);
    }
    let Changes { actions, kinds, actors, subjects, requests } = &columns;
    let made_at: Vec<Timestamp> = changes.iter().map(|change| change.at).collect();
    let seating = seating(tx, event, changes).await?;
    let details: Vec<_> =
        changes.iter().map(|change| change.items.as_ref().map(|items| detail(items, &seating))).collect();
    let parameters: [&(dyn ToSql + Sync); 8] =
        [&event.0, actions, kinds, actors, subjects, requests, &made_at, &details];
    let statement = tx.prepare_cached(INSERT).await?;
    expect_rows("enter changes into the audit log", 1, tx.execute(&statement, &parameters).await?)
}

/// How the event names its seats, if that is asked. Its sections say it, which is one row to read and not one a seat.
async fn seating(
    tx: &deadpool_postgres::Transaction<'_>,
    event: EventId,
    changes: &[&LoggedChange],
) -> Result<Seating, StoreError> {
    if !changes.iter().any(|change| matches!(change.items, Some(Items::Seats(_)))) {
        return Ok(Seating::default());
    }
    let row = tx.query_opt(&tx.prepare_cached(READ_SECTIONS).await?, &[&event.0]).await?;
    row.as_ref().map_or_else(|| Ok(Seating::default()), rows::seating)
}

/// In the words of the holds' own calls.
fn detail(items: &Items, seating: &Seating) -> Value {
    match items {
        Items::Tier(tier, quantity) => json!({ "tier_id": tier, "quantity": quantity }),
        // A number that is none of the event's seats is all there is to say of it.
        Items::Seats(seats) => {
            let named =
                seats.iter().map(|seat| seating.seat_at(*seat).map_or(seat.to_string(), |(label, _)| label.into()));
            json!({ "seats": named.collect::<Vec<String>>() })
        }
    }
}
