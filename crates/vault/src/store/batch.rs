//! One batch of an event's lane as one transaction: lock, read what it touches, write what was decided, commit.
//!
//! Statements of a step are sent together and answered together, so a batch costs a handful of round trips however many
//! commands it has.

use std::collections::{BTreeSet, HashMap};

use contract::internal::{Change, Items, Refusal};
use contract::{EventId, ReservationId, TierId};
use deadpool_postgres::{Object, Transaction};
use serde_json::{Value, json};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::rows;
use super::{Store, StoreError, WAKE_CHANNEL, expect_rows};
use crate::committer::model::{Command, EventState, Fate, SeatState, Snapshot, TierState, Writes};

/// A connection that a batch can be begun on.
pub struct Connection(Object);

/// An open transaction. Dropped without [`Batch::commit`], it is rolled back.
pub struct Batch<'a>(Transaction<'a>);

/// Where the batch's journal rows go.
pub struct Position {
    event_id: EventId,
    journal_seq: i64,
}

/// What was read, and where to write.
pub struct BatchSnapshot {
    /// For the decision.
    pub state: Snapshot,
    /// For [`Batch::write`].
    pub position: Position,
}

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

/// Customers must have rows to point at. Sorted, so that two lanes that meet here never wait for each other in a circle.
const INSERT_CUSTOMERS: &str =
    "INSERT INTO customers (customer_id) SELECT id FROM unnest($1::uuid[]) AS id ORDER BY id ON CONFLICT DO NOTHING";
const LOCK_EVENT: &str = "SELECT epoch, sale_state, on_sale_at, ends_at, currency, per_customer_max, \
    payment_ttl_seconds, journal_seq, now() AS now FROM events WHERE event_id = $1 FOR UPDATE";
const READ_TIERS: &str = "SELECT tier_id, price_minor, capacity, sold FROM tiers WHERE event_id = $1";
// Each key is looked up by itself: with statistics from before a sale, which is when plans are made, the planner would
// rather read all rows of the event than probe an index for each of some hundred keys.
const READ_SEATS: &str = "SELECT s.seat_index, s.price_minor, EXISTS (SELECT FROM booking_items i \
    WHERE i.event_id = s.event_id AND i.seat_index = s.seat_index AND i.released_at IS NULL) AS taken \
    FROM unnest($2::bigint[]) AS key (seat_index) CROSS JOIN LATERAL (SELECT * FROM seats \
    WHERE seats.event_id = $1 AND seats.seat_index = key.seat_index OFFSET 0) s";
const READ_CUSTOMERS: &str = "SELECT key.id AS customer_id, (SELECT coalesce(sum(quantity), 0)::bigint FROM bookings \
    WHERE event_id = $1 AND customer_id = key.id AND status IN ('reserved', 'confirmed')) AS tickets \
    FROM unnest($2::uuid[]) AS key (id)";
const READ_FATES: &str = "SELECT r.rid, r.refusal FROM unnest($2::uuid[]) AS key (rid) CROSS JOIN LATERAL \
    (SELECT rid, refusal FROM reservations WHERE event_id = $1 AND reservations.rid = key.rid OFFSET 0) r";

const INSERT_POSTED: &str =
    "INSERT INTO reservations (event_id, rid, outcome) SELECT $1, rid, 'posted' FROM unnest($2::uuid[]) rid";
const INSERT_VOID: &str = "INSERT INTO reservations (event_id, rid, outcome, refusal) \
    SELECT $1, rid, 'void', refusal FROM unnest($2::uuid[], $3::jsonb[]) AS void (rid, refusal)";
const INSERT_BOOKINGS: &str = "INSERT INTO bookings (event_id, booking_id, customer_id, status, quantity, amount_minor, \
    currency, payment_due_at, created_at) SELECT $1, booking_id, customer_id, 'reserved', quantity, amount_minor, $6, $7, \
    $8 FROM unnest($2::uuid[], $3::uuid[], $4::bigint[], $5::bigint[]) AS made (booking_id, customer_id, quantity, \
    amount_minor)";
const INSERT_ITEMS: &str = "INSERT INTO booking_items (event_id, booking_id, item_no, tier_id, seat_index, quantity, \
    price_minor) SELECT $1, * FROM unnest($2::uuid[], $3::bigint[], $4::uuid[], $5::bigint[], $6::bigint[], $7::bigint[])";
const CONFIRM: &str = "UPDATE bookings SET status = 'confirmed', payment_reference = paid.reference \
    FROM unnest($2::uuid[], $3::text[]) AS paid (booking_id, reference) \
    WHERE bookings.event_id = $1 AND bookings.booking_id = paid.booking_id AND status = 'reserved'";
const RELEASE: &str = "UPDATE bookings SET status = ended.status \
    FROM unnest($2::uuid[], $3::text[]) AS ended (booking_id, status) \
    WHERE bookings.event_id = $1 AND bookings.booking_id = ended.booking_id \
    AND bookings.status IN ('reserved', 'confirmed')";
const RELEASE_ITEMS: &str = "UPDATE booking_items SET released_at = now() FROM unnest($2::uuid[]) AS ended (id) \
    WHERE event_id = $1 AND booking_id = ended.id AND released_at IS NULL";
const ACCOUNT_TIERS: &str = "UPDATE tiers SET sold = sold + delta FROM unnest($2::uuid[], $3::bigint[]) \
    AS account (id, delta) WHERE event_id = $1 AND tier_id = account.id";
const APPEND_JOURNAL: &str = "INSERT INTO journal (event_id, seq, kind, change) \
    SELECT $1, $2 + ordinal, kind, change FROM unnest($3::text[], $4::jsonb[]) WITH ORDINALITY \
    AS row (kind, change, ordinal)";
const ADVANCE_JOURNAL: &str = "UPDATE events SET journal_seq = $2 WHERE event_id = $1";
const WAKE: &str = "SELECT pg_notify($1, $2)";

fn read_bookings() -> String {
    format!(
        "SELECT {} FROM unnest($2::uuid[]) AS key (id) CROSS JOIN LATERAL \
         (SELECT * FROM bookings WHERE event_id = $1 AND booking_id = key.id OFFSET 0) b",
        rows::BOOKING_COLUMNS
    )
}

impl Store {
    /// A connection for one batch.
    pub async fn batch(&self) -> Result<Connection, StoreError> {
        Ok(Connection(self.client().await?))
    }
}

impl Connection {
    /// Begins the transaction.
    pub async fn begin(&mut self) -> Result<Batch<'_>, StoreError> {
        Ok(Batch(self.0.transaction().await?))
    }
}

impl Batch<'_> {
    /// Locks the event row and reads what the commands touch; `None` where there is no such event.
    pub async fn read(&mut self, event_id: EventId, commands: &[Command]) -> Result<Option<BatchSnapshot>, StoreError> {
        let names = Names::of(commands);
        let event = event_id.0;
        let tx = &self.0;
        let (insert_customers, lock, tiers, customers, fates, seats) = tokio::try_join!(
            tx.prepare_cached(INSERT_CUSTOMERS),
            tx.prepare_cached(LOCK_EVENT),
            tx.prepare_cached(READ_TIERS),
            tx.prepare_cached(READ_CUSTOMERS),
            tx.prepare_cached(READ_FATES),
            tx.prepare_cached(READ_SEATS),
        )?;
        // Sent in this order and run in this order: the lock comes before the reads, and each of them sees what was
        // committed before the lock was granted.
        let (_, event_row, tier_rows, customer_rows, fate_rows, seat_rows) = tokio::try_join!(
            async {
                if names.customers.is_empty() {
                    Ok(0)
                } else {
                    tx.execute(&insert_customers, &[&names.customers]).await
                }
            },
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
            let bookings = self.0.prepare_cached(&read_bookings()).await?;
            for row in self.0.query(&bookings, &[&event_id.0, &posted]).await? {
                let booking = rows::booking(&row)?;
                fates.insert(booking.booking_id, Fate::Posted(booking));
            }
        }
        Ok(fates)
    }

    /// Writes what was decided. What goes back goes first: a seat may be released and taken again in one batch.
    pub async fn write(&mut self, position: &Position, writes: &Writes) -> Result<(), StoreError> {
        self.confirm(position, writes).await?;
        self.release(position, writes).await?;
        tokio::try_join!(
            self.post(position, writes),
            self.void(position, writes),
            self.account(position, writes),
            self.append(position, writes),
        )?;
        Ok(())
    }

    /// Makes it durable. Every statement before succeeded, so the server cannot answer a COMMIT with a silent rollback.
    pub async fn commit(self) -> Result<(), StoreError> {
        Ok(self.0.commit().await?)
    }

    async fn confirm(&self, position: &Position, writes: &Writes) -> Result<(), StoreError> {
        if writes.confirmed.is_empty() {
            return Ok(());
        }
        let (ids, references): (Vec<_>, Vec<_>) =
            writes.confirmed.iter().map(|(rid, name)| (rid.0, name.as_deref())).unzip();
        let statement = self.0.prepare_cached(CONFIRM).await?;
        let changed = self.0.execute(&statement, &[&position.event_id.0, &ids, &references]).await?;
        expect_rows("confirm bookings", ids.len(), changed)
    }

    async fn release(&self, position: &Position, writes: &Writes) -> Result<(), StoreError> {
        if writes.released.is_empty() {
            return Ok(());
        }
        let (ids, statuses): (Vec<_>, Vec<_>) =
            writes.released.iter().map(|(rid, status)| (rid.0, status.as_str())).unzip();
        let (bookings, items) = tokio::try_join!(self.0.prepare_cached(RELEASE), self.0.prepare_cached(RELEASE_ITEMS))?;
        let event = position.event_id.0;
        let (ended, freed) =
            tokio::try_join!(async { self.0.execute(&bookings, &[&event, &ids, &statuses]).await }, async {
                self.0.execute(&items, &[&event, &ids]).await
            },)?;
        expect_rows("end bookings", ids.len(), ended)?;
        if freed < ended {
            return Err(StoreError::Rows { what: "free booking items", meant: ended, actual: freed });
        }
        Ok(())
    }

    async fn post(&self, position: &Position, writes: &Writes) -> Result<(), StoreError> {
        let Some(first) = writes.posted.first() else { return Ok(()) };
        let event = position.event_id.0;
        let bookings = || writes.posted.iter().map(|new| &new.booking);
        let ids: Vec<_> = bookings().map(|booking| booking.booking_id.0).collect();
        let customers: Vec<_> = bookings().map(|booking| booking.customer_id.0).collect();
        let quantities: Vec<_> = bookings().map(|booking| i64::from(booking.items.quantity())).collect();
        let amounts: Vec<_> = bookings().map(|booking| booking.amount_minor).collect();
        let items = ItemColumns::of(writes);
        let (insert_posted, insert_bookings, insert_items) = tokio::try_join!(
            self.0.prepare_cached(INSERT_POSTED),
            self.0.prepare_cached(INSERT_BOOKINGS),
            self.0.prepare_cached(INSERT_ITEMS),
        )?;
        // All of a batch share the transaction's time, and with it the payment deadline.
        let (currency, due, made) =
            (first.booking.currency.to_string(), first.booking.payment_due_at, first.booking.created_at);
        let (posted, booked, itemized) = tokio::try_join!(
            async { self.0.execute(&insert_posted, &[&event, &ids]).await },
            async {
                self.0
                    .execute(
                        &insert_bookings,
                        &[&event, &ids, &customers, &quantities, &amounts, &currency, &due, &made],
                    )
                    .await
            },
            async { self.0.execute(&insert_items, &items.parameters(&event)).await },
        )?;
        expect_rows("post reservations", ids.len(), posted)?;
        expect_rows("insert bookings", ids.len(), booked)?;
        expect_rows("insert booking items", items.bookings.len(), itemized)
    }

    async fn void(&self, position: &Position, writes: &Writes) -> Result<(), StoreError> {
        if writes.voided.is_empty() {
            return Ok(());
        }
        let (ids, refusals): (Vec<_>, Vec<_>) =
            writes.voided.iter().map(|(rid, refusal)| (rid.0, json!(refusal))).unzip();
        let statement = self.0.prepare_cached(INSERT_VOID).await?;
        let written = self.0.execute(&statement, &[&position.event_id.0, &ids, &refusals]).await?;
        expect_rows("void reservations", ids.len(), written)
    }

    async fn account(&self, position: &Position, writes: &Writes) -> Result<(), StoreError> {
        let (tiers, deltas): (Vec<_>, Vec<_>) =
            writes.sold_deltas.iter().filter(|(_, delta)| **delta != 0).map(|(tier, delta)| (tier.0, *delta)).unzip();
        if tiers.is_empty() {
            return Ok(());
        }
        let statement = self.0.prepare_cached(ACCOUNT_TIERS).await?;
        let changed = self.0.execute(&statement, &[&position.event_id.0, &tiers, &deltas]).await?;
        expect_rows("account tiers", tiers.len(), changed)
    }

    /// One row for all bookings made, one for each change that Redis has to follow, and a wake for those.
    async fn append(&self, position: &Position, writes: &Writes) -> Result<(), StoreError> {
        let (kinds, changes): (Vec<_>, Vec<_>) = journal_rows(writes).into_iter().unzip();
        if kinds.is_empty() {
            return Ok(());
        }
        let event = position.event_id.0;
        let last = position.journal_seq + i64::try_from(kinds.len()).unwrap_or(i64::MAX);
        let (append, advance) =
            tokio::try_join!(self.0.prepare_cached(APPEND_JOURNAL), self.0.prepare_cached(ADVANCE_JOURNAL))?;
        let (appended, advanced) = tokio::try_join!(
            async { self.0.execute(&append, &[&event, &position.journal_seq, &kinds, &changes]).await },
            async { self.0.execute(&advance, &[&event, &last]).await },
        )?;
        expect_rows("append to the journal", kinds.len(), appended)?;
        expect_rows("advance the journal", 1, advanced)?;
        if !writes.journal.is_empty() {
            let wake = self.0.prepare_cached(WAKE).await?;
            self.0.execute(&wake, &[&WAKE_CHANNEL, &position.event_id.to_string()]).await?;
        }
        Ok(())
    }
}

fn journal_rows(writes: &Writes) -> Vec<(&'static str, Value)> {
    let mut rows = Vec::with_capacity(writes.journal.len() + 1);
    rows.extend(writes.journal.iter().map(|change| (kind(change), json!(change))));
    if !writes.posted.is_empty() {
        let rids: Vec<ReservationId> = writes.posted.iter().map(|new| new.booking.booking_id).collect();
        rows.push(("booked", json!({ "rids": rids })));
    }
    rows
}

pub(super) fn kind(change: &Change) -> &'static str {
    match change {
        Change::Released { .. } => "released",
        Change::Confirmed { .. } => "confirmed",
        Change::Capacity { .. } => "capacity",
        Change::SaleState(_) => "sale_state",
    }
}

/// Booking items as columns for `unnest`.
#[derive(Default)]
struct ItemColumns {
    bookings: Vec<Uuid>,
    numbers: Vec<i64>,
    tiers: Vec<Option<Uuid>>,
    seats: Vec<Option<i64>>,
    quantities: Vec<i64>,
    prices: Vec<i64>,
}

impl ItemColumns {
    fn of(writes: &Writes) -> Self {
        let mut columns = Self::default();
        for new in &writes.posted {
            let booking = new.booking.booking_id.0;
            match &new.booking.items {
                Items::Tier(tier, quantity) => {
                    columns.push(booking, 0, Some(tier.0), None, i64::from(*quantity), new.prices_minor[0]);
                }
                Items::Seats(seats) => {
                    for (number, (seat, price)) in (0..).zip(seats.iter().zip(&new.prices_minor)) {
                        columns.push(booking, number, None, Some(i64::from(*seat)), 1, *price);
                    }
                }
            }
        }
        columns
    }

    fn parameters<'a>(&'a self, event: &'a Uuid) -> [&'a (dyn ToSql + Sync); 7] {
        [event, &self.bookings, &self.numbers, &self.tiers, &self.seats, &self.quantities, &self.prices]
    }

    fn push(&mut self, booking: Uuid, number: i64, tier: Option<Uuid>, seat: Option<i64>, quantity: i64, price: i64) {
        self.bookings.push(booking);
        self.numbers.push(number);
        self.tiers.push(tier);
        self.seats.push(seat);
        self.quantities.push(quantity);
        self.prices.push(price);
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
