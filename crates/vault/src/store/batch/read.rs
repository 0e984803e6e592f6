//! What a batch touches, read under the event row's lock.

use std::collections::{BTreeSet, HashMap};

use contract::internal::{Items, Refusal};
use contract::{EventId, ReservationId, TierId};
use serde_json::Value;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{Batch, BatchSnapshot, Position};
use crate::committer::model::{Command, EventState, Fate, SeatState, Snapshot, TierState};
use crate::store::{StoreError, rows};

/// Ids of everything a batch names.
struct Names {
    rids: Vec<Uuid>,
    customers: Vec<Uuid>,
    seats: Vec<i64>,
}

impl Names {
    fn of(commands: &[Command]) -> Self {
        let (mut rids, mut customers, mut seats) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for command in commands {
            rids.insert(command.rid().0);
            if let Command::Commit(request) = command {
                customers.insert(request.customer_id.0);
                if let Items::Seats(indexes) = &request.items {
                    seats.extend(indexes.iter().copied().map(i64::from));
                }
            }
        }
        let sorted = |set: BTreeSet<Uuid>| set.into_iter().collect();
        Self { rids: sorted(rids), customers: sorted(customers), seats: seats.into_iter().collect() }
    }
}

const LOCK_EVENT: &str = "SELECT epoch, sale_state, on_sale_at, ends_at, currency, per_customer_max, \
    payment_ttl_seconds, journal_seq, now() AS now FROM events WHERE event_id = $1 FOR UPDATE";
const READ_TIERS: &str = "SELECT tier_id, price_minor, capacity, sold FROM tiers WHERE event_id = $1";
// Each key is looked up by itself: with statistics from before a sale, which is when plans are made, the planner would
// rather read all rows of the event than probe an index for each of some hundred keys.
const READ_SEATS: &str = "SELECT s.seat_index, s.price_minor, (SELECT TRUE FROM booking_items i \
    WHERE i.event_id = s.event_id AND i.seat_index = s.seat_index AND i.released_at IS NULL LIMIT 1) IS NOT NULL AS taken \
    FROM unnest($2::bigint[]) AS key (seat_index) CROSS JOIN LATERAL (SELECT * FROM seats \
    WHERE seats.event_id = $1 AND seats.seat_index = key.seat_index OFFSET 0) s";
// A range of one customer and event, which only the index that begins with the customer has: asked for each with `=`, the
// planner may take all that is booked of the event instead. Entries of the customer's later events are passed over.
const READ_CUSTOMERS: &str = "SELECT key.id AS customer_id, (SELECT coalesce(sum(quantity), 0)::bigint FROM bookings \
    WHERE (customer_id, event_id) BETWEEN (key.id, $1) AND (key.id, $1) \
    AND status IN ('reserved', 'confirmed')) AS tickets FROM unnest($2::uuid[]) AS key (id)";
const READ_FATES: &str = "SELECT r.rid, r.refusal FROM unnest($2::uuid[]) AS key (rid) CROSS JOIN LATERAL \
    (SELECT rid, refusal FROM reservations WHERE event_id = $1 AND reservations.rid = key.rid OFFSET 0) r";

fn read_bookings() -> String {
    format!(
        "SELECT {} FROM unnest($2::uuid[]) AS key (id) CROSS JOIN LATERAL \
         (SELECT * FROM bookings WHERE event_id = $1 AND booking_id = key.id OFFSET 0) b",
        rows::BOOKING_COLUMNS
    )
}

impl Batch {
    /// Locks the event row and reads what the commands touch; `None` where there is no such event.
    pub async fn read(&self, event_id: EventId, commands: &[Command]) -> Result<Option<BatchSnapshot>, StoreError> {
        let names = Names::of(commands);
        let event = event_id.0;
        let tx = self.client();
        let (lock, tiers, customers, fates, seats) = tokio::try_join!(
            tx.prepare_cached(LOCK_EVENT),
            tx.prepare_cached(READ_TIERS),
            tx.prepare_cached(READ_CUSTOMERS),
            tx.prepare_cached(READ_FATES),
            tx.prepare_cached(READ_SEATS),
        )?;
        // Sent in this order and run in this order: the lock comes first, and each later statement sees what was committed
        // before it was granted.
        let ((), event_row, tier_rows, customer_rows, fate_rows, seat_rows) = tokio::try_join!(
            async { tx.batch_execute("BEGIN").await },
            async { tx.query_opt(&lock, &[&event]).await },
            async { tx.query(&tiers, &[&event]).await },
            async { tx.query(&customers, &[&event, &names.customers]).await },
            async { tx.query(&fates, &[&event, &names.rids]).await },
            async {
                if names.seats.is_empty() { Ok(Vec::new()) } else { tx.query(&seats, &[&event, &names.seats]).await }
            },
        )?;
        let Some(row) = event_row else { return Ok(None) };
        let event = event_state(event_id, &row)?;
        let position = Position { event_id, journal_seq: event.journal_seq };
        let state = Snapshot {
            now: row.get("now"),
            event,
            tiers: tier_rows.iter().map(tier_state).collect(),
            seats: seat_rows.iter().map(seat_state).collect::<Result<_, _>>()?,
            fates: self.fates(event_id, &fate_rows).await?,
            tickets_of: customer_rows
                .iter()
                .map(|row| (contract::CustomerId(row.get("customer_id")), row.get("tickets")))
                .collect(),
        };
        Ok(Some(BatchSnapshot { state, position }))
    }

    /// What is known of the attempts: refusals as they were kept, bookings by a second look that new attempts never need.
    async fn fates(&self, event_id: EventId, known: &[Row]) -> Result<HashMap<ReservationId, Fate>, StoreError> {
        let mut fates = HashMap::with_capacity(known.len());
        let mut posted: Vec<Uuid> = Vec::new();
        for row in known {
            match row.get::<_, Option<Value>>("refusal") {
                None => posted.push(row.get("rid")),
                Some(refusal) => {
                    let refusal: Refusal =
                        serde_json::from_value(refusal).map_err(|_| StoreError::Unreadable("refusal"))?;
                    fates.insert(ReservationId(row.get("rid")), Fate::Void(refusal));
                }
            }
        }
        if !posted.is_empty() {
            let bookings = self.client().prepare_cached(&read_bookings()).await?;
            for row in self.client().query(&bookings, &[&event_id.0, &posted]).await? {
                let booking = rows::booking(&row)?;
                fates.insert(booking.booking_id, Fate::Posted(booking));
            }
        }
        Ok(fates)
    }
}

fn event_state(event_id: EventId, row: &Row) -> Result<EventState, StoreError> {
    Ok(EventState {
        event_id,
        epoch: row.get("epoch"),
        sale_state: rows::sale_state(row.get("sale_state"))?,
        on_sale_at: row.get("on_sale_at"),
        ends_at: row.get("ends_at"),
        currency: rows::currency(row.get("currency"))?,
        per_customer_max: row.get("per_customer_max"),
        payment_ttl_seconds: row.get("payment_ttl_seconds"),
        journal_seq: row.get("journal_seq"),
    })
}

fn tier_state(row: &Row) -> (TierId, TierState) {
    let state = TierState { price_minor: row.get("price_minor"), capacity: row.get("capacity"), sold: row.get("sold") };
    (TierId(row.get("tier_id")), state)
}

fn seat_state(row: &Row) -> Result<(contract::SeatIndex, SeatState), StoreError> {
    let state = SeatState { price_minor: row.get("price_minor"), taken: row.get("taken") };
    Ok((rows::seat_index(row.get("seat_index"))?, state))
}
