//! `TicketBlitz`'s answer: the look and the count are one script in Redis, so nothing oversells while Redis lives. What
//! comes after is another matter: a crash between the count and the INSERT loses a ticket, and without the key every
//! purchase fails.

use redis::Script;

use crate::shop::{Purchase, STOCK_KEY, Shop};

/// As it stands in their README.
const SCRIPT: &str = "
local stock = tonumber(redis.call('GET', KEYS[1]))
if stock > 0 then
    redis.call('DECR', KEYS[1])
    return 1
else
    return 0
end";

pub(super) async fn buy(shop: &Shop) -> anyhow::Result<Purchase> {
    #[expect(clippy::disallowed_methods, reason = "the lab is no service")]
    let script = Script::new(SCRIPT);
    let is_sold: i64 = script.key(STOCK_KEY).invoke_async(&mut shop.redis()).await?;
    if is_sold == 0 {
        return Ok(Purchase::SoldOut);
    }
    let postgres = shop.postgres().await?;
    shop.record(&postgres).await
}
