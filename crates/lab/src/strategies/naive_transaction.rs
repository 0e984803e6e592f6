//! The naive way with BEGIN and COMMIT around it. At READ COMMITTED, the default, a transaction does not keep others from
//! reading the same stock: it makes the two writes one, not the look and the write.

use crate::shop::{Purchase, Shop};

pub(super) async fn buy(shop: &Shop) -> anyhow::Result<Purchase> {
    let mut postgres = shop.postgres().await?;
    let transaction = postgres.transaction().await?;
    let read = transaction.prepare_cached("SELECT stock FROM lab.event WHERE id = 1").await?;
    let stock: i64 = transaction.query_one(&read, &[]).await?.get(0);
    if stock <= 0 {
        return Ok(Purchase::SoldOut);
    }
    tokio::time::sleep(shop.pause).await;
    let write = transaction.prepare_cached("UPDATE lab.event SET stock = stock - 1 WHERE id = 1").await?;
    transaction.execute(&write, &[]).await?;
    let sold = shop.record(&transaction).await?;
    transaction.commit().await?;
    Ok(sold)
}
