//! The naive way at ISOLATION LEVEL SERIALIZABLE: Postgres finds the conflict and fails all but one, who have to try again.

use deadpool_postgres::Object;
use tokio_postgres::IsolationLevel;
use tokio_postgres::error::SqlState;

use super::TRIES_MAX;
use crate::shop::{Purchase, Shop};

pub(super) async fn buy(shop: &Shop) -> anyhow::Result<Purchase> {
    let mut postgres = shop.postgres().await?;
    for _ in 0..TRIES_MAX {
        match attempt(shop, &mut postgres).await {
            Err(error) if is_conflict(&error) => {}
            outcome => return outcome,
        }
    }
    anyhow::bail!("lost the race {TRIES_MAX} times")
}

async fn attempt(shop: &Shop, postgres: &mut Object) -> anyhow::Result<Purchase> {
    let transaction = postgres.build_transaction().isolation_level(IsolationLevel::Serializable).start().await?;
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

fn is_conflict(error: &anyhow::Error) -> bool {
    let state = error.downcast_ref::<tokio_postgres::Error>().and_then(tokio_postgres::Error::code);
    matches!(state, Some(state) if *state == SqlState::T_R_SERIALIZATION_FAILURE || *state == SqlState::T_R_DEADLOCK_DETECTED)
}
