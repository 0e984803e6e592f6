//! The rows of an event.

use anyhow::Context as _;
use contract::api::BookingStatus;
use contract::{CustomerId, EventId, ReservationId, TierId};
use tokio_postgres::{Client, NoTls, Row};

use super::{BookingRow, PostgresState};

const EVENT: &str = "
    SELECT epoch, (SELECT count(*) FROM seats WHERE event_id = $1),
        (SELECT coalesce(max(seq), 0) FROM journal WHERE event_id = $1 AND kind <> 'booked')
    FROM events WHERE event_id = $1";
const TIERS: &str = "SELECT tier_id, capacity, sold FROM tiers WHERE event_id = $1";
const FATES: &str = "SELECT rid, outcome = 'posted' FROM reservations WHERE event_id = $1";
const BOOKINGS: &str = "
    SELECT b.booking_id, b.customer_id, b.status, b.quantity, b.amount_minor, b.currency, b.payment_due_at, b.created_at,
        (array_agg(i.tier_id) FILTER (WHERE i.tier_id IS NOT NULL))[1],
        coalesce(array_agg(s.label ORDER BY i.item_no) FILTER (WHERE s.label IS NOT NULL), '{}'),
        count(*) FILTER (WHERE i.booking_id IS NOT NULL AND i.released_at IS NULL),
        count(i.booking_id)
    FROM bookings b
    LEFT JOIN booking_items i ON i.event_id = b.event_id AND i.booking_id = b.booking_id
    LEFT JOIN seats s ON s.event_id = i.event_id AND s.seat_index = i.seat_index
    WHERE b.event_id = $1
    GROUP BY b.event_id, b.booking_id";

pub(super) async fn connect(url: &str) -> anyhow::Result<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.context("Postgres cannot be read")?;
    tokio::spawn(connection);
    Ok(client)
}

/// Everything at one instant.
pub(super) async fn read(client: &Client, event: EventId) -> anyhow::Result<PostgresState> {
    client.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY").await?;
    let state = read_rows(client, event).await;
    client.batch_execute("ROLLBACK").await?;
    state
}

async fn read_rows(client: &Client, event: EventId) -> anyhow::Result<PostgresState> {
    let row = client.query_opt(EVENT, &[&event.0]).await?.context("the event is not in this Postgres")?;
    let tiers = client.query(TIERS, &[&event.0]).await?;
    let fates = client.query(FATES, &[&event.0]).await?;
    let bookings = client.query(BOOKINGS, &[&event.0]).await?;
    Ok(PostgresState {
        epoch: row.get(0),
        seats_total: row.get(1),
        journal_seq: row.get(2),
        tiers: tiers.iter().map(|row| (TierId(row.get(0)), (row.get(1), row.get(2)))).collect(),
        fates: fates.iter().map(|row| (ReservationId(row.get(0)), row.get(1))).collect(),
        bookings: bookings.iter().map(booking).collect::<Result<_, _>>()?,
    })
}

fn booking(row: &Row) -> anyhow::Result<BookingRow> {
    let status: String = row.get(2);
    let all = [BookingStatus::Reserved, BookingStatus::Confirmed, BookingStatus::Cancelled, BookingStatus::Expired];
    let known = all.into_iter().find(|known| known.as_str() == status);
    Ok(BookingRow {
        booking_id: ReservationId(row.get(0)),
        customer_id: CustomerId(row.get(1)),
        status: known.with_context(|| format!("{status} is no booking's status"))?,
        quantity: row.get(3),
        amount_minor: row.get(4),
        currency: row.get(5),
        payment_due_at: row.get(6),
        created_at: row.get(7),
        tier_id: row.get::<_, Option<uuid::Uuid>>(8).map(TierId),
        seats: row.get(9),
        items_live: row.get(10),
        items: row.get(11),
    })
}
