//! What a batch writes: one statement for all that is new, one each for what changes older rows, which is rare.

use contract::ReservationId;
use contract::internal::{Change, Items};
use serde_json::{Value, json};
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::{Batch, Position};
use crate::committer::model::{Logged, Writes};
use crate::store::audit_log::Changes;
use crate::store::{StoreError, WAKE_CHANNEL, expect_rows};

// One statement, because on a busy machine each costs as much as several rows do. Says how many rows each part wrote; their
// references are checked at its end, all of them together (V5). Customers are sorted, so that two events' batches that
// bring the same new ones never wait for each other in a circle.
const WRITE: &str = "
    WITH registered AS (
        INSERT INTO customers (customer_id) SELECT DISTINCT id FROM unnest($3::uuid[]) AS id ORDER BY id
        ON CONFLICT DO NOTHING
    ), posted AS (
        INSERT INTO reservations (event_id, rid, outcome)
        SELECT $1, rid, 'posted' FROM unnest($2::uuid[]) AS rid
        RETURNING 1
    ), booked AS (
        INSERT INTO bookings (event_id, booking_id, customer_id, status, quantity, amount_minor, currency, payment_due_at,
            created_at)
        SELECT $1, booking_id, customer_id, 'reserved', quantity, amount_minor, $6, $7, $8
        FROM unnest($2::uuid[], $3::uuid[], $4::bigint[], $5::bigint[])
            AS made (booking_id, customer_id, quantity, amount_minor)
        RETURNING 1
    ), itemized AS (
        INSERT INTO booking_items (event_id, booking_id, item_no, tier_id, seat_index, quantity, price_minor)
        SELECT $1, * FROM unnest($9::uuid[], $10::bigint[], $11::uuid[], $12::bigint[], $13::bigint[], $14::bigint[])
        RETURNING 1
    ), accounted AS (
        UPDATE tiers SET sold = sold + delta
        FROM unnest($15::uuid[], $16::bigint[]) AS account (id, delta)
        WHERE event_id = $1 AND tier_id = account.id
        RETURNING 1
    ), logged AS (
        INSERT INTO journal (event_id, seq, kind, change)
        SELECT $1, $17 + ordinal, kind, change
        FROM unnest($18::text[], $19::jsonb[]) WITH ORDINALITY AS row (kind, change, ordinal)
        RETURNING 1
    ), advanced AS (
        UPDATE events SET journal_seq = $17 + cardinality($18::text[])
        WHERE event_id = $1 AND cardinality($18::text[]) > 0
        RETURNING 1
    ), audited AS (
        INSERT INTO audit_log (event_id, actions, actor_kinds, actors, subjects, request_ids)
        SELECT $1, $20::text[], $21::text[], $22::uuid[], $23::uuid[], $24::text[]
        WHERE cardinality($20::text[]) > 0
        RETURNING 1
    )
    SELECT (SELECT count(*) FROM posted), (SELECT count(*) FROM booked), (SELECT count(*) FROM itemized),
        (SELECT count(*) FROM accounted), (SELECT count(*) FROM logged), (SELECT count(*) FROM advanced),
        (SELECT count(*) FROM audited)";
const INSERT_VOID: &str = "INSERT INTO reservations (event_id, rid, outcome, refusal) \
    SELECT $1, rid, 'void', refusal FROM unnest($2::uuid[], $3::jsonb[]) AS void (rid, refusal)";
// A row is looked up by its whole key and nothing else, and then changed where it lies. Joined with the keys, an event of
// which statistics know nothing would be read whole; asked for its status as well, so might every reserved booking there
// is. None moves meanwhile: nobody else changes bookings of an event that is locked, and `due` only locks them.
const CONFIRM: &str = "UPDATE bookings SET status = 'confirmed', payment_reference = paid.reference
    FROM unnest($2::uuid[], $3::text[]) AS paid (booking_id, reference) CROSS JOIN LATERAL (
        SELECT tableoid AS part, ctid AS place, status FROM bookings
        WHERE event_id = $1 AND booking_id = paid.booking_id OFFSET 0
    ) found
    WHERE found.status = 'reserved' AND bookings.ctid = found.place AND bookings.tableoid = found.part";
const RELEASE: &str = "UPDATE bookings SET status = ended.status
    FROM unnest($2::uuid[], $3::text[]) AS ended (booking_id, status) CROSS JOIN LATERAL (
        SELECT tableoid AS part, ctid AS place, status FROM bookings
        WHERE event_id = $1 AND booking_id = ended.booking_id OFFSET 0
    ) found
    WHERE found.status IN ('reserved', 'confirmed') AND bookings.ctid = found.place AND bookings.tableoid = found.part";
const RELEASE_ITEMS: &str = "UPDATE booking_items SET released_at = now()
    FROM unnest($2::uuid[]) AS ended (booking_id) CROSS JOIN LATERAL (
        SELECT tableoid AS part, ctid AS place, released_at FROM booking_items
        WHERE event_id = $1 AND booking_id = ended.booking_id OFFSET 0
    ) found
    WHERE found.released_at IS NULL AND booking_items.ctid = found.place AND booking_items.tableoid = found.part";
const WAKE: &str = "SELECT pg_notify($1, $2)";

impl Batch {
    /// Writes what was decided. What goes back goes first: a seat may be released and taken again in one batch.
    pub async fn write(&self, position: &Position, writes: &Writes) -> Result<(), StoreError> {
        self.confirm(position, writes).await?;
        self.release(position, writes).await?;
        tokio::try_join!(self.write_new(position, writes), self.void(position, writes), self.wake(position, writes))?;
        Ok(())
    }

    /// Bookings with their reservations and items, the tiers' counters, and the journal.
    async fn write_new(&self, position: &Position, writes: &Writes) -> Result<(), StoreError> {
        let new = NewRows::of(writes);
        if new.is_empty() {
            return Ok(());
        }
        let statement = self.client().prepare_cached(WRITE).await?;
        let row = self.client().query_one(&statement, &new.parameters(position)).await?;
        let meant = [
            ("post reservations", new.ids.len()),
            ("insert bookings", new.ids.len()),
            ("insert booking items", new.items.bookings.len()),
            ("account tiers", new.tiers.len()),
            ("append to the journal", new.kinds.len()),
            ("advance the journal", usize::from(!new.kinds.is_empty())),
            ("enter changes into the audit log", usize::from(!new.logged.actions.is_empty())),
        ];
        for (at, (what, meant)) in meant.into_iter().enumerate() {
            expect_rows(what, meant, u64::try_from(row.get::<_, i64>(at)).unwrap_or(u64::MAX))?;
        }
        Ok(())
    }

    /// Tells gatekeepers that the journal has rows for Redis; heard once the transaction is committed.
    async fn wake(&self, position: &Position, writes: &Writes) -> Result<(), StoreError> {
        if writes.journal.is_empty() {
            return Ok(());
        }
        let wake = self.client().prepare_cached(WAKE).await?;
        self.client().execute(&wake, &[&WAKE_CHANNEL, &position.event_id.to_string()]).await?;
        Ok(())
    }

    async fn confirm(&self, position: &Position, writes: &Writes) -> Result<(), StoreError> {
        if writes.confirmed.is_empty() {
            return Ok(());
        }
        let (ids, references): (Vec<_>, Vec<_>) =
            writes.confirmed.iter().map(|(rid, name)| (rid.0, name.as_deref())).unzip();
        let statement = self.client().prepare_cached(CONFIRM).await?;
        let changed = self.client().execute(&statement, &[&position.event_id.0, &ids, &references]).await?;
        expect_rows("confirm bookings", ids.len(), changed)
    }

    async fn release(&self, position: &Position, writes: &Writes) -> Result<(), StoreError> {
        if writes.released.is_empty() {
            return Ok(());
        }
        let (ids, statuses): (Vec<_>, Vec<_>) =
            writes.released.iter().map(|(rid, status)| (rid.0, status.as_str())).unzip();
        let (bookings, items) =
            tokio::try_join!(self.client().prepare_cached(RELEASE), self.client().prepare_cached(RELEASE_ITEMS))?;
        let event = position.event_id.0;
        let (ended, freed) =
            tokio::try_join!(async { self.client().execute(&bookings, &[&event, &ids, &statuses]).await }, async {
                self.client().execute(&items, &[&event, &ids]).await
            },)?;
        expect_rows("end bookings", ids.len(), ended)?;
        if freed < ended {
            return Err(StoreError::Rows { what: "free booking items", meant: ended, actual: freed });
        }
        Ok(())
    }

    async fn void(&self, position: &Position, writes: &Writes) -> Result<(), StoreError> {
        if writes.voided.is_empty() {
            return Ok(());
        }
        let (ids, refusals): (Vec<_>, Vec<_>) =
            writes.voided.iter().map(|(rid, refusal)| (rid.0, json!(refusal))).unzip();
        let statement = self.client().prepare_cached(INSERT_VOID).await?;
        let written = self.client().execute(&statement, &[&position.event_id.0, &ids, &refusals]).await?;
        expect_rows("void reservations", ids.len(), written)
    }
}

/// Everything new as columns for `unnest`.
struct NewRows<'a> {
    ids: Vec<Uuid>,
    customers: Vec<Uuid>,
    quantities: Vec<i64>,
    amounts: Vec<i64>,
    currency: Option<String>,
    due: Option<jiff::Timestamp>,
    made: Option<jiff::Timestamp>,
    items: ItemColumns,
    tiers: Vec<Uuid>,
    deltas: Vec<i64>,
    kinds: Vec<&'a str>,
    changes: Vec<Value>,
    logged: Changes<'a>,
}

impl<'a> NewRows<'a> {
    fn of(writes: &'a Writes) -> Self {
        let bookings = || writes.posted.iter().map(|new| &new.booking);
        let accounts = writes.sold_deltas.iter().filter(|(_, delta)| **delta != 0);
        let (tiers, deltas) = accounts.map(|(tier, delta)| (tier.0, *delta)).unzip();
        let (kinds, changes) = journal_rows(writes).into_iter().unzip();
        // All of a batch share the transaction's time, and with it the payment deadline.
        let first = bookings().next();
        let mut logged = Changes::default();
        for Logged { action, origin, booking_id } in &writes.logged {
            logged.push(*action, origin, booking_id.0);
        }
        Self {
            ids: bookings().map(|booking| booking.booking_id.0).collect(),
            customers: bookings().map(|booking| booking.customer_id.0).collect(),
            quantities: bookings().map(|booking| i64::from(booking.items.quantity())).collect(),
            amounts: bookings().map(|booking| booking.amount_minor).collect(),
            currency: first.map(|booking| booking.currency.to_string()),
            due: first.map(|booking| booking.payment_due_at),
            made: first.map(|booking| booking.created_at),
            items: ItemColumns::of(writes),
            tiers,
            deltas,
            kinds,
            changes,
            logged,
        }
    }

    fn is_empty(&self) -> bool {
        self.ids.is_empty() && self.tiers.is_empty() && self.kinds.is_empty()
    }

    fn parameters<'p>(&'p self, position: &'p Position) -> [&'p (dyn ToSql + Sync); 24] {
        let items = &self.items;
        [
            &position.event_id.0,
            &self.ids,
            &self.customers,
            &self.quantities,
            &self.amounts,
            &self.currency,
            &self.due,
            &self.made,
            &items.bookings,
            &items.numbers,
            &items.tiers,
            &items.seats,
            &items.quantities,
            &items.prices,
            &self.tiers,
            &self.deltas,
            &position.journal_seq,
            &self.kinds,
            &self.changes,
            &self.logged.actions,
            &self.logged.kinds,
            &self.logged.actors,
            &self.logged.subjects,
            &self.logged.requests,
        ]
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

pub(in crate::store) fn kind(change: &Change) -> &'static str {
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

    fn push(&mut self, booking: Uuid, number: i64, tier: Option<Uuid>, seat: Option<i64>, quantity: i64, price: i64) {
        self.bookings.push(booking);
        self.numbers.push(number);
        self.tiers.push(tier);
        self.seats.push(seat);
        self.quantities.push(quantity);
        self.prices.push(price);
    }
}
