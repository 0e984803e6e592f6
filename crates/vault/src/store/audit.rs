//! The account of an event as Postgres has it, from the rows themselves rather than from the counters.

use contract::internal::VaultAudit;
use contract::{EventId, TierId};
use tokio_postgres::IsolationLevel;

use super::{Store, StoreError};

impl Store {
    /// Sums up one instant; `None` where there is no such event.
    pub async fn audit(&self, event_id: EventId) -> Result<Option<VaultAudit>, StoreError> {
        let mut client = self.client().await?;
        let snapshot = client.build_transaction().isolation_level(IsolationLevel::RepeatableRead).read_only(true);
        let tx = snapshot.start().await?;
        let id = event_id.0;
        let Some(event) = tx.query_opt("SELECT epoch FROM events WHERE event_id = $1", &[&id]).await? else {
            return Ok(None);
        };
        let tiers = tx
            .query(
                "WITH live AS MATERIALIZED (SELECT tier_id, sum(quantity) AS tickets FROM booking_items \
                 WHERE event_id = $1 AND tier_id IS NOT NULL AND released_at IS NULL GROUP BY tier_id) \
                 SELECT t.tier_id, t.capacity, \
                 coalesce((SELECT tickets FROM live WHERE live.tier_id = t.tier_id), 0)::bigint \
                 FROM tiers t WHERE t.event_id = $1 ORDER BY t.ordinal",
                &[&id],
            )
            .await?;
        let seats = tx
            .query_one(
                // Each booking is looked up by itself, as in a batch's statements.
                "SELECT (SELECT count(*) FROM seats WHERE event_id = $1), \
                 count(*) FILTER (WHERE b.status = 'reserved'), count(*) FILTER (WHERE b.status = 'confirmed'), \
                 count(*) - count(DISTINCT i.seat_index) \
                 FROM booking_items i CROSS JOIN LATERAL (SELECT status FROM bookings \
                 WHERE event_id = i.event_id AND booking_id = i.booking_id OFFSET 0) b \
                 WHERE i.event_id = $1 AND i.seat_index IS NOT NULL AND i.released_at IS NULL",
                &[&id],
            )
            .await?;
        tx.commit().await?;
        Ok(Some(VaultAudit {
            epoch: event.get(0),
            tiers: tiers.iter().map(|row| (TierId(row.get(0)), row.get(1), row.get(2))).collect(),
            seats_total: seats.get(0),
            seats_reserved: seats.get(1),
            seats_sold: seats.get(2),
            double_booked: seats.get(3),
        }))
    }
}
