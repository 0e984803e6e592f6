//! One flash sale: so many clients, each buying again as soon as it has an answer, for a while or once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::try_join_all;
use hdrhistogram::Histogram;
use hyper::Method;
use hyper::header::HeaderValue;
use serde::Serialize;
use stack::{Client, Stack, demo};
use stampede::http::Http;

use crate::face::Open;
use crate::report::Row;
use crate::shop::{Counter, Shop};
use crate::strategies::Strategy;

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// The same for every strategy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Sale {
    /// Tickets there are.
    pub capacity: i64,
    /// Clients at once.
    pub clients: usize,
    /// How long they go on; `None`: each buys once.
    pub seconds: Option<u32>,
}

/// What the clients of one sale saw.
struct Seen {
    answered_sold: i64,
    answers: u64,
    errors_5xx: u64,
    latencies_us: Histogram<u64>,
    seconds: f64,
}

/// What a client sends, and as whom.
#[derive(Clone)]
struct Request {
    path: String,
    tokens: Arc<Vec<HeaderValue>>,
    body: Option<Bytes>,
}

impl Sale {
    /// Sells by one of the lab's own strategies.
    pub async fn run_in_shop(
        &self,
        strategy: Strategy,
        shop: &Shop,
        face: &Open,
        counter: &Counter,
    ) -> anyhow::Result<Row> {
        shop.reset(self.capacity).await?;
        let before = counter.transactions().await?;
        let path = format!("/strategies/{}/buy", strategy.name());
        let seen = self.attack(&face.url, Request { path, tokens: Arc::default(), body: None }).await?;
        shop.close();
        let transactions = counter.transactions().await? - before;
        let books = counter.books().await?;
        // The script's own is in Redis.
        let left = (strategy != Strategy::RedisLua).then_some(books.stock);
        Ok(seen.row(strategy, self.capacity, (books.sold, left), transactions))
    }

    /// Sells by the real services.
    pub async fn run_on_stack(&self, stack: &Stack, counter: &Counter) -> anyhow::Result<Row> {
        let ready = stack.ready();
        let admin = Client::new(&ready.url)?.with_token(&ready.admin_token);
        let mut new = demo::event("The lab's sale", "Loopback")?;
        // The lab's own strategies know no limit per customer either.
        new.per_customer_max = 1_000_000;
        new.tiers = vec![demo::tier("Floor", self.capacity)];
        let event = admin.create_event(&new).await?;
        let tokens = try_join_all((0..self.clients).map(|_| token(&admin))).await?;
        let body = serde_json::json!({ "event_id": event.event_id, "tier_id": event.tiers[0].tier_id, "quantity": 1 });
        let request = Request {
            path: "/api/v1/bookings".into(),
            tokens: Arc::new(tokens),
            body: Some(Bytes::from(body.to_string())),
        };
        let before = counter.transactions().await?;
        let seen = self.attack(&ready.url, request).await?;
        counter.end_connections_of("onsale-vault").await?;
        let transactions = counter.transactions().await? - before;
        let sold = counter.sold_by_onsale(event.event_id).await?;
        let left = admin.event(event.event_id).await?.tiers[0].available;
        Ok(seen.row(Strategy::Onsale, self.capacity, (sold, left), transactions))
    }

    async fn attack(&self, url: &str, request: Request) -> anyhow::Result<Seen> {
        let http = Arc::new(Http::new(url, self.clients, PATIENCE)?);
        let started = Instant::now();
        let until = self.seconds.map(|seconds| started + Duration::from_secs(seconds.into()));
        let clients: Vec<_> = (0..self.clients)
            .map(|number| tokio::spawn(client(http.clone(), request.clone(), number, until)))
            .collect();
        let mut all = Seen::new()?;
        for client in clients {
            let seen = client.await??;
            all.answered_sold += seen.answered_sold;
            all.answers += seen.answers;
            all.errors_5xx += seen.errors_5xx;
            all.latencies_us.add(seen.latencies_us)?;
        }
        all.seconds = started.elapsed().as_secs_f64();
        Ok(all)
    }
}

async fn token(admin: &Client) -> anyhow::Result<HeaderValue> {
    let session: contract::api::Session = admin.post("/api/v1/sessions", &serde_json::Value::Null).await?.into()?;
    Ok(HeaderValue::from_str(&format!("Bearer {}", session.token))?)
}

async fn client(http: Arc<Http>, request: Request, number: usize, until: Option<Instant>) -> anyhow::Result<Seen> {
    let mut seen = Seen::new()?;
    let token = request.tokens.get(number);
    loop {
        let asked = Instant::now();
        let reply = http.call(Method::POST, &request.path, token, request.body.clone()).await;
        seen.latencies_us.saturating_record(u64::try_from(asked.elapsed().as_micros())?);
        seen.answers += 1;
        match reply {
            Ok((200..=299, _)) => seen.answered_sold += 1,
            Ok((409, _)) => {}
            Ok((500..=599, _)) => seen.errors_5xx += 1,
            Ok((status, body)) => anyhow::bail!("{}: {status} {}", request.path, String::from_utf8_lossy(&body)),
            Err(lost) => anyhow::bail!("{}: {lost:?}", request.path),
        }
        if until.is_none_or(|until| Instant::now() >= until) {
            return Ok(seen);
        }
    }
}

impl Seen {
    fn new() -> anyhow::Result<Self> {
        let latencies_us = Histogram::new_with_bounds(1, 3_600_000_000, 3)?;
        Ok(Self { answered_sold: 0, answers: 0, errors_5xx: 0, latencies_us, seconds: 0.0 })
    }

    fn row(self, strategy: Strategy, capacity: i64, (sold, left): (i64, Option<i64>), transactions: i64) -> Row {
        let quantile_ms = |quantile| millis(self.latencies_us.value_at_quantile(quantile));
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        let rate = self.answers as f64 / self.seconds;
        Row {
            name: strategy.name(),
            capacity,
            sold,
            left,
            oversold: (sold - capacity).max(0),
            // Who was told that they have a ticket, and is in no book.
            lost: (self.answered_sold - sold).max(0),
            errors_5xx: self.errors_5xx,
            requests_per_second: (rate * 10.0).round() / 10.0,
            p50_ms: quantile_ms(0.5),
            p95_ms: quantile_ms(0.95),
            p99_ms: quantile_ms(0.99),
            requests: self.answers,
            refused: self.answers - self.errors_5xx - u64::try_from(self.answered_sold).unwrap_or(0),
            postgres_transactions: transactions,
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn millis(us: u64) -> f64 {
    (us as f64 / 10.0).round() / 100.0
}
