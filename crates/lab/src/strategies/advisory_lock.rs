//! A lock that belongs to no row, taken for the length of the transaction. As right as the row lock, as long as everybody
//! asks for it; nothing makes them.

use crate::shop::{Purchase, Shop};

pub(super) async fn buy(shop: &Shop) -> anyhow::Result<Purchase> {
    let mut postgres = shop.postgres().await?;
    let transaction = postgres.transaction().await?;
    let lock = transaction.prepare_cached("SELECT pg_advisory_xact_lock(1)").await?;
    transaction.execute(&lock, &[]).await?;
    let read = transaction.prepare_cached("SELECT stock FROM lab.event WHERE id = 1").await?;
    let stock: i64 = transaction.query_one(&read, &[]).await?.get(0);
    if stock <= 0 {
        return Ok(Purchase::SoldOut);
    }
    let write = transaction.prepare_cached("UPDATE lab.event SET stock = stock - 1 WHERE id = 1").await?;
    transaction.execute(&write, &[]).await?;
    let sold = shop.record(&transaction).await?;
    transaction.commit().await?;
    Ok(sold)
}
