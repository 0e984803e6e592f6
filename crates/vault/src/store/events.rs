//! Events, tiers and seats.

use contract::api::{Action, EventChange, NewEvent, Page};
use contract::internal::{Change, EventRecord, TierRecord};
use contract::{EventId, Origin, Seating, TierId};
use serde_json::json;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{Store, StoreError, WAKE_CHANNEL, audit_log, batch, expect_rows, rows};

const EVENT_COLUMNS: &str = "e.event_id, e.name, e.venue, e.starts_at, e.ends_at, e.on_sale_at, e.sale_state, e.currency, \
    e.per_customer_max, e.hold_ttl_seconds, e.payment_ttl_seconds, e.sections, \
    ARRAY(SELECT jsonb_build_object('tier_id', t.tier_id, 'name', t.name, 'price_minor', t.price_minor, \
        'capacity', t.capacity) FROM tiers t WHERE t.event_id = e.event_id ORDER BY t.ordinal) AS tiers";

impl Store {
    /// Makes an event with all its tiers and seats, or nothing. One that is there under this id is left as it is.
    pub async fn create_event(
        &self,
        event_id: EventId,
        new: &NewEvent,
        origin: &Origin,
    ) -> Result<EventRecord, StoreError> {
        let mut client = self.client().await?;
        let tx = client.transaction().await?;
        let id = event_id.0;
        let made = tx
            .execute(
                "INSERT INTO events (event_id, name, venue, starts_at, ends_at, on_sale_at, currency, per_customer_max, \
                 hold_ttl_seconds, payment_ttl_seconds, sections) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (event_id) DO NOTHING",
                &[
                    &id,
                    &new.name,
                    &new.venue,
                    &new.starts_at,
                    &new.ends_at,
                    &new.on_sale_at,
                    &new.currency.to_string(),
                    &i64::from(new.per_customer_max),
                    &i64::from(new.hold_ttl_seconds),
                    &i64::from(new.payment_ttl_seconds),
                    &json!(new.sections),
                ],
            )
            .await?;
        if made == 1 {
            insert_tiers(&tx, id, new).await?;
            insert_seats(&tx, id, &Seating::new(new.sections.clone())).await?;
            let made = audit_log::Changes::one(Action::EventCreated, origin, id);
            audit_log::enter(&tx, Some(event_id), &made, None).await?;
        }
        let record = event(&tx.query_one(&select_event(), &[&id]).await?)?;
        tx.commit().await?;
        Ok(record)
    }

    /// One event.
    pub async fn event(&self, event_id: EventId) -> Result<Option<EventRecord>, StoreError> {
        let client = self.client().await?;
        let statement = client.prepare_cached(&select_event()).await?;
        client.query_opt(&statement, &[&event_id.0]).await?.as_ref().map(event).transpose()
    }

    /// Events by the time they start, those that are over last.
    pub async fn events(&self, page: u32, limit: u32) -> Result<Page<EventRecord>, StoreError> {
        let client = self.client().await?;
        let query = format!(
            "SELECT {EVENT_COLUMNS} FROM events e ORDER BY e.ends_at < now(), e.starts_at, e.event_id \
             LIMIT $1 OFFSET $2"
        );
        let (list, count) =
            tokio::try_join!(client.prepare_cached(&query), client.prepare_cached("SELECT count(*) FROM events"),)?;
        let offset = i64::from(page - 1) * i64::from(limit);
        let (list, count) =
            tokio::try_join!(async { client.query(&list, &[&i64::from(limit), &offset]).await }, async {
                client.query_one(&count, &[]).await
            },)?;
        let items = list.iter().map(event).collect::<Result<_, _>>()?;
        Ok(Page { items, page, limit, total: count.get(0) })
    }

    /// Changes the sale state and capacities, each with its journal row; `None` where there is no such event.
    pub async fn change_event(
        &self,
        event_id: EventId,
        change: &EventChange,
        origin: &Origin,
    ) -> Result<Option<EventRecord>, StoreError> {
        let mut client = self.client().await?;
        let tx = client.transaction().await?;
        let id = event_id.0;
        let locked =
            tx.query_opt("SELECT sale_state, journal_seq FROM events WHERE event_id = $1 FOR UPDATE", &[&id]).await?;
        let Some(locked) = locked else { return Ok(None) };
        let mut changes = Vec::new();
        if let Some(state) = change.sale_state.filter(|state| state.as_str() != locked.get::<_, &str>("sale_state")) {
            let updated =
                tx.execute("UPDATE events SET sale_state = $2 WHERE event_id = $1", &[&id, &state.as_str()]).await?;
            expect_rows("set the sale state", 1, updated)?;
            changes.push(Change::SaleState(state));
        }
        for tier in &change.tiers {
            changes.extend(set_capacity(&tx, id, tier.tier_id, tier.capacity).await?);
        }
        append(&tx, event_id, locked.get("journal_seq"), &changes).await?;
        if !changes.is_empty() {
            let entry = audit_log::Changes::one(Action::EventChanged, origin, id);
            audit_log::enter(&tx, Some(event_id), &entry, Some(json!(change))).await?;
        }
        let record = event(&tx.query_one(&select_event(), &[&id]).await?)?;
        tx.commit().await?;
        Ok(Some(record))
    }
}

async fn insert_tiers(tx: &deadpool_postgres::Transaction<'_>, event: Uuid, new: &NewEvent) -> Result<(), StoreError> {
    let ids: Vec<_> = new.tiers.iter().map(|_| TierId::fresh().0).collect();
    let names: Vec<_> = new.tiers.iter().map(|tier| tier.name.as_str()).collect();
    let prices: Vec<_> = new.tiers.iter().map(|tier| tier.price_minor).collect();
    let capacities: Vec<_> = new.tiers.iter().map(|tier| tier.capacity).collect();
    let made = tx
        .execute(
            "INSERT INTO tiers (event_id, tier_id, name, price_minor, capacity, ordinal) \
             SELECT $1, * FROM unnest($2::uuid[], $3::text[], $4::bigint[], $5::bigint[]) WITH ORDINALITY",
            &[&event, &ids, &names, &prices, &capacities],
        )
        .await?;
    expect_rows("insert tiers", ids.len(), made)
}

async fn insert_seats(
    tx: &deadpool_postgres::Transaction<'_>,
    event: Uuid,
    seating: &Seating,
) -> Result<(), StoreError> {
    let seats: Vec<_> = (0..seating.seats_total()).filter_map(|index| seating.seat_at(index)).collect();
    let labels: Vec<_> = seats.iter().map(|(label, _)| label.to_string()).collect();
    let prices: Vec<_> = seats.iter().map(|(_, price)| *price).collect();
    let made = tx
        .execute(
            "INSERT INTO seats (event_id, label, price_minor, seat_index) SELECT $1, label, price, ordinal - 1 \
             FROM unnest($2::text[], $3::bigint[]) WITH ORDINALITY AS seat (label, price, ordinal)",
            &[&event, &labels, &prices],
        )
        .await?;
    expect_rows("insert seats", seats.len(), made)
}

async fn set_capacity(
    tx: &deadpool_postgres::Transaction<'_>,
    event: Uuid,
    tier_id: TierId,
    capacity: i64,
) -> Result<Option<Change>, StoreError> {
    let row = tx
        .query_opt("SELECT capacity, sold FROM tiers WHERE event_id = $1 AND tier_id = $2", &[&event, &tier_id.0])
        .await?;
    let row = row.ok_or_else(|| StoreError::Malformed(format!("The event has no tier {tier_id}.")))?;
    let (old, sold): (i64, i64) = (row.get("capacity"), row.get("sold"));
    if capacity < sold.max(1) || capacity > contract::values::CAPACITY_MAX {
        return Err(StoreError::Refused(format!("{sold} tickets are sold: the capacity cannot be {capacity}")));
    }
    if capacity == old {
        return Ok(None);
    }
    let changed = tx
        .execute(
            "UPDATE tiers SET capacity = $3 WHERE event_id = $1 AND tier_id = $2",
            &[&event, &tier_id.0, &capacity],
        )
        .await?;
    expect_rows("set the capacity", 1, changed)?;
    Ok(Some(Change::Capacity { tier_id, delta: capacity - old }))
}

async fn append(
    tx: &deadpool_postgres::Transaction<'_>,
    event_id: EventId,
    mut seq: i64,
    changes: &[Change],
) -> Result<(), StoreError> {
    if changes.is_empty() {
        return Ok(());
    }
    for change in changes {
        seq += 1;
        let row = "INSERT INTO journal (event_id, seq, kind, change) VALUES ($1, $2, $3, $4)";
        tx.execute(row, &[&event_id.0, &seq, &batch::kind(change), &json!(change)]).await?;
    }
    let advanced = tx.execute("UPDATE events SET journal_seq = $2 WHERE event_id = $1", &[&event_id.0, &seq]).await?;
    expect_rows("advance the journal", 1, advanced)?;
    tx.execute("SELECT pg_notify($1, $2)", &[&WAKE_CHANNEL, &event_id.to_string()]).await?;
    Ok(())
}

pub(super) fn select_event() -> String {
    format!("SELECT {EVENT_COLUMNS} FROM events e WHERE e.event_id = $1")
}

pub(super) fn event(row: &Row) -> Result<EventRecord, StoreError> {
    let tiers: Vec<serde_json::Value> = row.get("tiers");
    let tiers: Result<Vec<TierRecord>, _> = tiers.into_iter().map(serde_json::from_value).collect();
    Ok(EventRecord {
        event_id: EventId(row.get("event_id")),
        name: row.get("name"),
        venue: row.get("venue"),
        starts_at: row.get("starts_at"),
        ends_at: row.get("ends_at"),
        on_sale_at: row.get("on_sale_at"),
        sale_state: rows::sale_state(row.get("sale_state"))?,
        currency: rows::currency(row.get("currency"))?,
        per_customer_max: rows::small(row.get("per_customer_max"), "limit")?,
        hold_ttl_seconds: rows::small(row.get("hold_ttl_seconds"), "hold time")?,
        payment_ttl_seconds: rows::small(row.get("payment_ttl_seconds"), "payment time")?,
        tiers: tiers.map_err(|_| StoreError::Unreadable("tier"))?,
        seating: rows::seating(row)?,
    })
}
