//! What the strategies sell, and where: tables of the lab's own, without a CHECK and without a UNIQUE, so that what a
//! strategy does wrong is not put right by the database.

use std::time::Duration;

use anyhow::Context as _;
use deadpool_postgres::{Hook, HookError, Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime};
use redis::AsyncCommands as _;
use redis::aio::MultiplexedConnection;
use tokio_postgres::NoTls;
use uuid::Uuid;

/// Connections to Postgres: what the reference systems settled on.
const POOL_SIZE: usize = 25;
/// How long anything is waited for.
const WAIT_MAX: Duration = Duration::from_secs(30);
/// The counter in Redis.
pub const STOCK_KEY: &str = "lab:stock";

const TABLES: &str = "
    CREATE SCHEMA IF NOT EXISTS lab;
    CREATE TABLE IF NOT EXISTS lab.event (id int PRIMARY KEY, capacity bigint NOT NULL, stock bigint NOT NULL,
        version bigint NOT NULL DEFAULT 0);
    CREATE TABLE IF NOT EXISTS lab.seat (id int PRIMARY KEY, is_sold boolean NOT NULL);
    CREATE TABLE IF NOT EXISTS lab.sale (id bigserial PRIMARY KEY, customer_id uuid NOT NULL, seat_id int)";
const SEATS: &str = "INSERT INTO lab.seat SELECT id, false FROM generate_series(1, $1::bigint) id";
const EVENT: &str = "INSERT INTO lab.event (id, capacity, stock) VALUES (1, $1, $1)";
const EMPTY: &str = "TRUNCATE lab.event, lab.seat, lab.sale";

/// How one purchase went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purchase {
    /// The buyer has a ticket.
    Sold,
    /// There is none left, or the one that was wanted is gone.
    SoldOut,
}

/// A shop with one event.
#[derive(Clone)]
pub struct Shop {
    pool: Pool,
    redis: MultiplexedConnection,
    /// How long the naive strategies think between reading the stock and writing it.
    pub pause: Duration,
}

/// What is in the books after a sale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Books {
    /// Rows of sales.
    pub sold: i64,
    /// The counter, where the strategy has one in Postgres.
    pub stock: i64,
}

impl Shop {
    /// Opens a shop in this Postgres and Redis.
    pub async fn open(postgres: &str, redis: &str, pause: Duration) -> anyhow::Result<Self> {
        let settings = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = Manager::from_config(postgres.parse()?, NoTls, settings);
        let ready = Hook::async_fn(|client, _| {
            // A lost race is to be answered soon, not after a second in which nobody sees the deadlock.
            Box::pin(
                async move { client.batch_execute("SET deadlock_timeout = '50ms'").await.map_err(HookError::Backend) },
            )
        });
        let pool = Pool::builder(manager).max_size(POOL_SIZE).runtime(Runtime::Tokio1).post_create(ready);
        let pool = pool.wait_timeout(Some(WAIT_MAX)).create_timeout(Some(WAIT_MAX)).build()?;
        let client = redis::Client::open(redis)?;
        let redis = client.get_multiplexed_async_connection().await.context("the lab's Redis does not answer")?;
        let shop = Self { pool, redis, pause };
        shop.postgres().await?.batch_execute(TABLES).await?;
        Ok(shop)
    }

    /// Fills the shelves anew.
    pub async fn reset(&self, capacity: i64) -> anyhow::Result<()> {
        let postgres = self.postgres().await?;
        postgres.batch_execute(EMPTY).await?;
        postgres.execute(EVENT, &[&capacity]).await?;
        postgres.execute(SEATS, &[&capacity]).await?;
        let mut redis = self.redis.clone();
        let locks: Vec<String> = (1..=capacity).map(|seat| format!("lab:seat:{seat}")).collect();
        for some in locks.chunks(1_000) {
            redis.del::<_, ()>(some).await?;
        }
        redis.set::<_, _, ()>(STOCK_KEY, capacity).await?;
        Ok(())
    }

    /// Reads the books.
    pub async fn books(&self) -> anyhow::Result<Books> {
        let books = "SELECT (SELECT count(*) FROM lab.sale), stock FROM lab.event WHERE id = 1";
        let row = self.postgres().await?.query_one(books, &[]).await?;
        Ok(Books { sold: row.get(0), stock: row.get(1) })
    }

    /// Ends its connections; nothing can be bought any more.
    pub fn close(&self) {
        self.pool.close();
    }

    /// A connection to Postgres.
    pub async fn postgres(&self) -> anyhow::Result<Object> {
        Ok(self.pool.get().await?)
    }

    /// The connection to Redis.
    #[must_use]
    pub fn redis(&self) -> MultiplexedConnection {
        self.redis.clone()
    }

    /// Writes the sale down.
    pub async fn record(&self, postgres: &impl deadpool_postgres::GenericClient) -> anyhow::Result<Purchase> {
        let insert = postgres.prepare_cached("INSERT INTO lab.sale (customer_id) VALUES ($1)").await?;
        postgres.execute(&insert, &[&Uuid::new_v4()]).await?;
        Ok(Purchase::Sold)
    }
}

/// Counts Postgres' transactions, by a connection of its own.
pub struct Counter(tokio_postgres::Client);

impl Counter {
    /// Counts in this database.
    pub async fn open(postgres: &str) -> anyhow::Result<Self> {
        let (client, connection) = tokio_postgres::connect(postgres, NoTls).await?;
        tokio::spawn(connection);
        Ok(Self(client))
    }

    /// Transactions so far. A connection that stays open tells its own late, by up to ten seconds; one that ends tells all.
    pub async fn transactions(&self) -> anyhow::Result<i64> {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let count = "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()";
        Ok(self.0.query_one(count, &[]).await?.get(0))
    }

    /// Ends the connections of this program, so that they tell. Their owner opens others when it needs them.
    pub async fn end_connections_of(&self, program: &str) -> anyhow::Result<()> {
        let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE $1 || '%'";
        self.0.query(end, &[&program]).await?;
        Ok(())
    }

    /// What is in the books of a shop.
    pub async fn books(&self) -> anyhow::Result<Books> {
        let books = "SELECT (SELECT count(*) FROM lab.sale), stock FROM lab.event WHERE id = 1";
        let row = self.0.query_one(books, &[]).await?;
        Ok(Books { sold: row.get(0), stock: row.get(1) })
    }

    /// Tickets in live bookings of an event of Onsale's.
    pub async fn sold_by_onsale(&self, event: contract::EventId) -> anyhow::Result<i64> {
        let sold = "SELECT coalesce(sum(quantity), 0)::bigint FROM bookings WHERE event_id = $1 \
                    AND status IN ('reserved', 'confirmed')";
        Ok(self.0.query_one(sold, &[&event.0]).await?.get(0))
    }
}
