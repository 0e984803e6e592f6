//! `TicketEngine`'s answer: a seat is locked in Redis for a minute, then sold under its row's lock. Right as long as the row
//! is looked at too; the lock is never given back, so a seat whose sale failed is dead until its minute is over.

use redis::Script;
use uuid::Uuid;

use crate::shop::{Purchase, Shop};

/// As it stands in their README.
const SCRIPT: &str = "
if redis.call('EXISTS', KEYS[1]) == 1 then
    return 0
end
redis.call('SET', KEYS[1], ARGV[1], 'EX', 60)
return 1";

pub(super) async fn buy(shop: &Shop) -> anyhow::Result<Purchase> {
    let mut postgres = shop.postgres().await?;
    // Everybody wants some seat or other.
    let count = postgres.prepare_cached("SELECT capacity FROM lab.event WHERE id = 1").await?;
    let capacity: i64 = postgres.query_one(&count, &[]).await?.get(0);
    let seat = i32::try_from(fastrand::i64(1..=capacity))?;
    #[expect(clippy::disallowed_methods, reason = "the lab is no service")]
    let script = Script::new(SCRIPT);
    let customer = Uuid::new_v4();
    let lock = script.key(format!("lab:seat:{seat}")).arg(customer.to_string()).invoke_async(&mut shop.redis()).await;
    let is_locked: i64 = lock?;
    if is_locked == 0 {
        return Ok(Purchase::SoldOut);
    }
    let transaction = postgres.transaction().await?;
    let read = transaction.prepare_cached("SELECT is_sold FROM lab.seat WHERE id = $1 FOR UPDATE").await?;
    if transaction.query_one(&read, &[&seat]).await?.get(0) {
        return Ok(Purchase::SoldOut);
    }
    let mark = transaction.prepare_cached("UPDATE lab.seat SET is_sold = true WHERE id = $1").await?;
    transaction.execute(&mark, &[&seat]).await?;
    let insert = transaction.prepare_cached("INSERT INTO lab.sale (customer_id, seat_id) VALUES ($1, $2)").await?;
    transaction.execute(&insert, &[&customer, &seat]).await?;
    transaction.commit().await?;
    Ok(Purchase::Sold)
}
