//! Epochs: the generations of an event's inventory in Redis.

use contract::api::Action;
use contract::internal::Projection;
use contract::{CustomerId, EventId, Origin, ReservationId, TierId};
use serde_json::json;

use super::{Store, StoreError, audit_log, events, rows};

impl Store {
    /// Issues the next epoch and reads what Redis must hold under it, in one transaction: whatever was posted before is
    /// part of the projection, whatever comes later under an older epoch is refused. `None` where there is no such event.
    pub async fn issue_epoch(&self, event_id: EventId) -> Result<Option<Projection>, StoreError> {
        let mut client = self.client().await?;
        let tx = client.transaction().await?;
        let id = event_id.0;
        // The row lock of this update is what the committer's batches wait for, and it for them.
        let bumped = tx
            .query_opt("UPDATE events SET epoch = epoch + 1 WHERE event_id = $1 RETURNING epoch, journal_seq, ends_at > now() AS is_current", &[&id])
            .await?;
        let Some(bumped) = bumped else { return Ok(None) };
        let epoch: i64 = bumped.get("epoch");
        let event = events::event(&tx.query_one(&events::select_event(), &[&id]).await?)?;
        if epoch > 1 && bumped.get("is_current") {
            // Holds that a Redis took with it when it died have no other entry of their end.
            let origin = Origin::system();
            let recounted = audit_log::Changes::one(Action::EventRecounted, &origin, id);
            audit_log::enter(&tx, Some(event_id), &recounted, Some(json!({ "epoch": epoch }))).await?;
        }
        let tiers = tx.query("SELECT tier_id, capacity - sold FROM tiers WHERE event_id = $1", &[&id]).await?;
        let seats = tx
            .query(
                // Each booking is looked up by itself, as in a batch's statements.
                "SELECT i.seat_index, i.booking_id, b.status = 'confirmed' FROM booking_items i \
                 CROSS JOIN LATERAL (SELECT status FROM bookings \
                 WHERE event_id = i.event_id AND booking_id = i.booking_id OFFSET 0) b \
                 WHERE i.event_id = $1 AND i.seat_index IS NOT NULL AND i.released_at IS NULL",
                &[&id],
            )
            .await?;
        let customers = tx
            .query(
                "SELECT customer_id, sum(quantity)::bigint FROM bookings \
                 WHERE event_id = $1 AND status IN ('reserved', 'confirmed') GROUP BY customer_id",
                &[&id],
            )
            .await?;
        tx.commit().await?;
        let seats: Result<Vec<_>, StoreError> = seats
            .iter()
            .map(|row| Ok((rows::seat_index(row.get(0))?, ReservationId(row.get(1)), row.get(2))))
            .collect();
        Ok(Some(Projection {
            epoch,
            event,
            tiers: tiers.iter().map(|row| (TierId(row.get(0)), row.get(1))).collect(),
            seats: seats?,
            customers: customers.iter().map(|row| (CustomerId(row.get(0)), row.get(1))).collect(),
            journal_seq: bumped.get("journal_seq"),
        }))
    }
}
