//! Customers: whoever has asked for a ticket.

use std::collections::BTreeSet;

use contract::CustomerId;
use uuid::Uuid;

use super::{Store, StoreError};

/// Sorted, so that two of these never wait for each other in a circle.
const INSERT_CUSTOMERS: &str =
    "INSERT INTO customers (customer_id) SELECT id FROM unnest($1::uuid[]) AS id ORDER BY id ON CONFLICT DO NOTHING";

impl Store {
    /// Makes sure that these customers have rows to point at. Done ahead of the event's lock, which is where time is dear;
    /// a customer without a booking harms nobody.
    ///
    /// It need not wait for the disk: the log is written in order, so a booking that is durable has its customer with it.
    pub async fn remember_customers(&self, customers: impl Iterator<Item = CustomerId>) -> Result<(), StoreError> {
        let ids: Vec<Uuid> = customers.map(|customer| customer.0).collect::<BTreeSet<_>>().into_iter().collect();
        let mut client = self.client().await?;
        let tx = client.transaction().await?;
        let insert = tx.prepare_cached(INSERT_CUSTOMERS).await?;
        tokio::try_join!(async { tx.batch_execute("SET LOCAL synchronous_commit = off").await }, async {
            tx.execute(&insert, &[&ids]).await
        },)?;
        Ok(tx.commit().await?)
    }
}
