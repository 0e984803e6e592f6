//! `UPDATE … WHERE stock > 0`: the look and the count are one statement. The shortest that is right; its row lock still
//! lasts until the commit, so buyers still go one by one.

use crate::shop::{Purchase, Shop};

pub(super) async fn buy(shop: &Shop) -> anyhow::Result<Purchase> {
    let mut postgres = shop.postgres().await?;
    let transaction = postgres.transaction().await?;
    let take = "UPDATE lab.event SET stock = stock - 1 WHERE id = 1 AND stock > 0";
    let take = transaction.prepare_cached(take).await?;
    if transaction.execute(&take, &[]).await? == 0 {
        return Ok(Purchase::SoldOut);
    }
    let sold = shop.record(&transaction).await?;
    transaction.commit().await?;
    Ok(sold)
}
