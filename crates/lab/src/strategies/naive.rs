//! What everybody writes first, and what `TicketBlitz` and `SafeTicket` show first: read the stock, look at it, count it
//! down. Between the look and the count others look too. The longer the pause, the more of them.

use crate::shop::{Purchase, Shop};

pub(super) async fn buy(shop: &Shop) -> anyhow::Result<Purchase> {
    let postgres = shop.postgres().await?;
    let read = postgres.prepare_cached("SELECT stock FROM lab.event WHERE id = 1").await?;
    let stock: i64 = postgres.query_one(&read, &[]).await?.get(0);
    if stock <= 0 {
        return Ok(Purchase::SoldOut);
    }
    tokio::time::sleep(shop.pause).await;
    let write = postgres.prepare_cached("UPDATE lab.event SET stock = stock - 1 WHERE id = 1").await?;
    postgres.execute(&write, &[]).await?;
    shop.record(&postgres).await
}
