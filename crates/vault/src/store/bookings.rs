//! Reading bookings. They are made and changed only by the committer's batches.

use contract::api::Page;
use contract::internal::Booking;
use contract::{CustomerId, EventId, ReservationId};

use super::{Store, StoreError, rows};

impl Store {
    /// One booking of a customer.
    pub async fn booking(&self, customer: CustomerId, id: ReservationId) -> Result<Option<Booking>, StoreError> {
        let client = self.client().await?;
        let query =
            format!("SELECT {} FROM bookings b WHERE b.customer_id = $1 AND b.booking_id = $2", rows::BOOKING_COLUMNS);
        let statement = client.prepare_cached(&query).await?;
        client.query_opt(&statement, &[&customer.0, &id.0]).await?.as_ref().map(rows::booking).transpose()
    }

    /// The bookings of a customer, newest first.
    pub async fn bookings(&self, customer: CustomerId, page: u32, limit: u32) -> Result<Page<Booking>, StoreError> {
        let client = self.client().await?;
        let query = format!(
            "SELECT {} FROM bookings b WHERE b.customer_id = $1 ORDER BY b.created_at DESC, b.booking_id DESC LIMIT $2 OFFSET $3",
            rows::BOOKING_COLUMNS
        );
        let list = client.prepare_cached(&query).await?;
        let count = client.prepare_cached("SELECT count(*) FROM bookings WHERE customer_id = $1").await?;
        let offset = i64::from(page - 1) * i64::from(limit);
        let (list, count) =
            tokio::try_join!(async { client.query(&list, &[&customer.0, &i64::from(limit), &offset]).await }, async {
                client.query_one(&count, &[&customer.0]).await
            },)?;
        let items = list.iter().map(rows::booking).collect::<Result<_, _>>()?;
        Ok(Page { items, page, limit, total: count.get(0) })
    }

    /// Unpaid bookings whose time is over, oldest first. Rows that a batch is changing right now are skipped: that batch
    /// decides about them, and what it leaves unpaid is found next time.
    pub async fn due(&self, limit: i64) -> Result<Vec<(EventId, ReservationId)>, StoreError> {
        let client = self.client().await?;
        let statement = client
            .prepare_cached(
                "SELECT event_id, booking_id FROM bookings WHERE status = 'reserved' AND payment_due_at <= now() \
                 ORDER BY payment_due_at LIMIT $1 FOR UPDATE SKIP LOCKED",
            )
            .await?;
        let rows = client.query(&statement, &[&limit]).await?;
        Ok(rows.iter().map(|row| (EventId(row.get(0)), ReservationId(row.get(1)))).collect())
    }
}
