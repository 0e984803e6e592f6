//! A version column: write only if nobody has written since the look, else look again. Right, and the hotter the row the
//! more work is thrown away; who loses too often is sent away though tickets are left.

use super::TRIES_MAX;
use crate::shop::{Purchase, Shop};

pub(super) async fn buy(shop: &Shop) -> anyhow::Result<Purchase> {
    let mut postgres = shop.postgres().await?;
    for _ in 0..TRIES_MAX {
        let read = postgres.prepare_cached("SELECT stock, version FROM lab.event WHERE id = 1").await?;
        let row = postgres.query_one(&read, &[]).await?;
        let (stock, version): (i64, i64) = (row.get(0), row.get(1));
        if stock <= 0 {
            return Ok(Purchase::SoldOut);
        }
        let transaction = postgres.transaction().await?;
        let write = "UPDATE lab.event SET stock = stock - 1, version = version + 1 WHERE id = 1 AND version = $1";
        let write = transaction.prepare_cached(write).await?;
        if transaction.execute(&write, &[&version]).await? == 1 {
            let sold = shop.record(&transaction).await?;
            transaction.commit().await?;
            return Ok(sold);
        }
    }
    anyhow::bail!("lost the race {TRIES_MAX} times")
}
