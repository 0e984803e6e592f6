//! Changes of holds, which are made in Redis, on their way into the audit log.

use std::collections::{BTreeMap, HashMap, HashSet};

use contract::EventId;
use contract::api::Action;
use contract::internal::{Items, LoggedChange};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::audit_log::Changes;
use super::{Store, StoreError, expect_rows};

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
const LABELS: &str = "SELECT seat_index, label FROM unnest($2::bigint[]) AS key (seat_index) CROSS JOIN LATERAL \
    (SELECT label FROM seats WHERE event_id = $1 AND seats.seat_index = key.seat_index OFFSET 0) s";
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
    let labels = labels(tx, event, changes).await?;
    let details: Vec<_> =
        changes.iter().map(|change| change.items.as_ref().map(|items| detail(items, &labels))).collect();
    let parameters: [&(dyn ToSql + Sync); 8] =
        [&event.0, actions, kinds, actors, subjects, requests, &made_at, &details];
    let statement = tx.prepare_cached(INSERT).await?;
    expect_rows("enter changes into the audit log", 1, tx.execute(&statement, &parameters).await?)
}

/// What people call the seats that these changes are about.
async fn labels(
    tx: &deadpool_postgres::Transaction<'_>,
    event: EventId,
    changes: &[&LoggedChange],
) -> Result<HashMap<i64, String>, StoreError> {
    let seats = changes.iter().filter_map(|change| match &change.items {
        Some(Items::Seats(seats)) => Some(seats),
        _ => None,
    });
    let seats: Vec<_> = seats.flatten().map(|seat| i64::from(*seat)).collect();
    if seats.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = tx.query(&tx.prepare_cached(LABELS).await?, &[&event.0, &seats]).await?;
    Ok(rows.iter().map(|row| (row.get("seat_index"), row.get("label"))).collect())
}

/// In the words of the holds' own calls.
fn detail(items: &Items, labels: &HashMap<i64, String>) -> Value {
    match items {
        Items::Tier(tier, quantity) => json!({ "tier_id": tier, "quantity": quantity }),
        // A seat without a label is none of the event's; its number is all there is to say.
        Items::Seats(seats) => {
            let named = seats.iter().map(|seat| labels.get(&i64::from(*seat)).cloned().unwrap_or(seat.to_string()));
            json!({ "seats": named.collect::<Vec<_>>() })
        }
    }
}
