//! Idempotency keys.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use contract::idempotency::{KeptAnswer, KeyCommand, KeyReply, KeyScope};
use contract::{CustomerId, ReservationId};
use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{Store, StoreError, expect_rows};
use crate::idempotency::decide::{CLAIM_TIME, Key, decide};

// Sorted, so that two vaults that meet here never wait for each other in a circle.
const CLAIM: &str = "INSERT INTO idempotency_keys (customer_id, digest, body_digest, rid, claimed_until) \
    SELECT customer_id, digest, body_digest, rid, now() + make_interval(secs => $5) \
    FROM unnest($1::uuid[], $2::text[], $3::text[], $4::uuid[]) AS claim (customer_id, digest, body_digest, rid) \
    ORDER BY customer_id, digest ON CONFLICT DO NOTHING";
const READ: &str = "SELECT k.*, now() AS now FROM unnest($1::uuid[], $2::text[]) AS named (customer_id, digest) \
    CROSS JOIN LATERAL (SELECT customer_id, digest, body_digest, rid, is_begun, turn, claimed_until, status, body, location \
    FROM idempotency_keys i WHERE i.customer_id = named.customer_id AND i.digest = named.digest FOR UPDATE) k";
const CHANGE: &str = "UPDATE idempotency_keys SET rid = changed.rid, turn = changed.turn, is_begun = changed.is_begun, changed_at = now(), claimed_until = changed.claimed_until, \
    status = changed.status, body = changed.body, location = changed.location \
    FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::timestamptz[], $5::bigint[], $6::text[], $7::text[], $8::bigint[], $9::boolean[]) \
    AS changed (customer_id, digest, rid, claimed_until, status, body, location, turn, is_begun) \
    WHERE idempotency_keys.customer_id = changed.customer_id AND idempotency_keys.digest = changed.digest";
const FORGET: &str = "DELETE FROM idempotency_keys WHERE (customer_id, digest) IN (SELECT customer_id, digest \
    FROM idempotency_keys WHERE changed_at < now() - make_interval(secs => $1) AND claimed_until < now() \
    ORDER BY changed_at LIMIT $2 FOR UPDATE SKIP LOCKED)";

impl Store {
    /// Carries the commands out in one transaction; replies come in the same order, once it is durable.
    pub async fn decide_keys(&self, commands: &[KeyCommand]) -> Result<Vec<KeyReply>, StoreError> {
        let mut client = self.client().await?;
        let tx = client.transaction().await?;
        let claims = Claims::of(commands);
        let (customers, digests): (Vec<Uuid>, Vec<&str>) =
            commands.iter().map(KeyCommand::scope).collect::<BTreeSet<_>>().into_iter().map(named).unzip();
        let (claim, read) = tokio::try_join!(tx.prepare_cached(CLAIM), tx.prepare_cached(READ))?;
        let lease = CLAIM_TIME.as_secs_f64();
        // Sent together and run in this order: what is claimed for the first time is there when it is read.
        let (_, rows) = tokio::try_join!(
            async {
                tx.execute(&claim, &[&claims.customers, &claims.digests, &claims.bodies, &claims.rids, &lease]).await
            },
            async { tx.query(&read, &[&customers, &digests]).await },
        )?;
        let now = rows.first().map_or_else(Timestamp::now, |row| row.get("now"));
        let mut keys = rows.iter().map(key).collect::<Result<BTreeMap<_, _>, _>>()?;
        let replies = decide(&mut keys, commands, now);
        let changes = Changes::of(&keys);
        if !changes.customers.is_empty() {
            let change = tx.prepare_cached(CHANGE).await?;
            let rows = tx.execute(&change, &changes.parameters()).await?;
            expect_rows("change idempotency keys", changes.customers.len(), rows)?;
        }
        tx.commit().await?;
        Ok(replies)
    }

    /// Removes keys that nothing was heard of for that long, so many at most; says how many there were.
    pub async fn forget_keys(&self, kept: Duration, most: i64) -> Result<u64, StoreError> {
        Ok(self.client().await?.execute(FORGET, &[&kept.as_secs_f64(), &most]).await?)
    }
}

fn named(scope: &KeyScope) -> (Uuid, &str) {
    (scope.customer_id.0, scope.digest.as_str())
}

fn key(row: &Row) -> Result<(KeyScope, Key), StoreError> {
    let scope = KeyScope { customer_id: CustomerId(row.get("customer_id")), digest: row.get("digest") };
    let status: Option<i64> = row.get("status");
    let answer = match status {
        None => None,
        Some(status) => Some(KeptAnswer {
            status: u16::try_from(status).map_err(|_| StoreError::Unreadable("status"))?,
            body: row.get("body"),
            location: row.get("location"),
        }),
    };
    let key = Key {
        body_digest: row.get("body_digest"),
        rid: ReservationId(row.get("rid")),
        is_begun: row.get("is_begun"),
        turn: row.get("turn"),
        claimed_until: row.get("claimed_until"),
        answer,
        is_changed: false,
    };
    Ok((scope, key))
}

/// Claims as columns for `unnest`.
#[derive(Default)]
struct Claims<'a> {
    customers: Vec<Uuid>,
    digests: Vec<&'a str>,
    bodies: Vec<&'a str>,
    rids: Vec<Uuid>,
}

impl<'a> Claims<'a> {
    fn of(commands: &'a [KeyCommand]) -> Self {
        let mut claims = Self::default();
        for command in commands {
            if let KeyCommand::Claim { scope, body_digest, rid } = command {
                claims.customers.push(scope.customer_id.0);
                claims.digests.push(&scope.digest);
                claims.bodies.push(body_digest);
                claims.rids.push(rid.0);
            }
        }
        claims
    }
}

/// Changed keys as columns for `unnest`.
#[derive(Default)]
struct Changes<'a> {
    customers: Vec<Uuid>,
    digests: Vec<&'a str>,
    rids: Vec<Uuid>,
    claimed_until: Vec<Timestamp>,
    statuses: Vec<Option<i64>>,
    bodies: Vec<Option<&'a str>>,
    locations: Vec<Option<&'a str>>,
    turns: Vec<i64>,
    begun: Vec<bool>,
}

impl<'a> Changes<'a> {
    fn of(keys: &'a BTreeMap<KeyScope, Key>) -> Self {
        let mut changes = Self::default();
        for (scope, key) in keys.iter().filter(|(_, key)| key.is_changed) {
            changes.customers.push(scope.customer_id.0);
            changes.digests.push(&scope.digest);
            changes.rids.push(key.rid.0);
            changes.claimed_until.push(key.claimed_until);
            changes.turns.push(key.turn);
            changes.begun.push(key.is_begun);
            let answer = key.answer.as_ref();
            changes.statuses.push(answer.map(|answer| i64::from(answer.status)));
            changes.bodies.push(answer.map(|answer| answer.body.as_str()));
            changes.locations.push(answer.and_then(|answer| answer.location.as_deref()));
        }
        changes
    }

    fn parameters(&self) -> [&(dyn tokio_postgres::types::ToSql + Sync); 9] {
        [
            &self.customers,
            &self.digests,
            &self.rids,
            &self.claimed_until,
            &self.statuses,
            &self.bodies,
            &self.locations,
            &self.turns,
            &self.begun,
        ]
    }
}
