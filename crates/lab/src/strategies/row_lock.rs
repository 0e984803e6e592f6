//! `SELECT … FOR UPDATE`: whoever reads the stock keeps the row until the commit. Right, and one buyer at a time, each for
//! a round trip and a flush to disk. `SafeTicket`'s and the Ticket Booking System's answer.

use crate::shop::{Purchase, Shop};

pub(super) async fn buy(shop: &Shop) -> anyhow::Result<Purchase> {
    let mut postgres = shop.postgres().await?;
    let transaction = postgres.transaction().await?;
    let lock = transaction.prepare_cached("SELECT stock FROM lab.event WHERE id = 1 FOR UPDATE").await?;
    let stock: i64 = transaction.query_one(&lock, &[]).await?.get(0);
    if stock <= 0 {
        return Ok(Purchase::SoldOut);
    }
    let write = transaction.prepare_cached("UPDATE lab.event SET stock = stock - 1 WHERE id = 1").await?;
    transaction.execute(&write, &[]).await?;
    let sold = shop.record(&transaction).await?;
    transaction.commit().await?;
    Ok(sold)
}
