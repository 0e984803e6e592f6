//! Load that needs to know what it was answered: clients that hold, release, book and read, each again as soon as it has
//! an answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use contract::EventId;
use contract::api::HoldView;
use fastrand::Rng;
use futures_util::future::try_join_all;
use hyper::Method;
use hyper::header::HeaderValue;
use serde_json::json;
use stampede::http::Http;

use super::scene::Scene;

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(10);
/// Seats in a row of the arena, as [`super::scene`] makes it.
pub const SEATS_PER_ROW: u32 = 100;
/// And rows: 50,000 seats.
pub const ROWS: u32 = 500;

/// What a client does again and again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Round {
    /// Holds a random seat and gives it back: two requests.
    HoldAndRelease,
    /// Holds a random seat and books it: two requests.
    HoldAndBook,
    /// Reads the state of all 50,000 seats.
    SeatMap,
}

/// Rounds a second.
pub async fn rounds(scene: &Scene, event: EventId, round: Round, clients: usize, seconds: u32) -> anyhow::Result<f64> {
    let http = Arc::new(Http::new(&scene.latched.url, clients, PATIENCE)?);
    let done = Arc::new(AtomicU64::new(0));
    let started = Instant::now();
    let until = started + Duration::from_secs(seconds.into());
    let clients = scene.tokens.iter().take(clients).map(|token| {
        let (http, done, token) = (http.clone(), done.clone(), token.clone());
        tokio::spawn(async move {
            let client = Client { http, event, token: HeaderValue::from_str(&format!("Bearer {token}"))? };
            let mut rng = Rng::new();
            while Instant::now() < until {
                if client.play(round, &mut rng).await? {
                    done.fetch_add(1, Ordering::Relaxed);
                }
            }
            anyhow::Ok(())
        })
    });
    for ended in try_join_all(clients).await? {
        ended?;
    }
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let done = done.load(Ordering::Relaxed) as f64;
    Ok(done / started.elapsed().as_secs_f64())
}

struct Client {
    http: Arc<Http>,
    event: EventId,
    token: HeaderValue,
}

impl Client {
    /// One round; false if somebody else had the seat.
    async fn play(&self, round: Round, rng: &mut Rng) -> anyhow::Result<bool> {
        if round == Round::SeatMap {
            let map = self.call(Method::GET, &format!("/events/{}/seats", self.event), None, &[200]).await?;
            anyhow::ensure!(map.1.len() > 1_000, "a map of {} bytes", map.1.len());
            return Ok(true);
        }
        let seat = format!("A-{}-{}", rng.u32(1..=ROWS), rng.u32(1..=SEATS_PER_ROW));
        let wish = Some(json!({ "seats": [seat] }));
        let (status, body) =
            self.call(Method::POST, &format!("/events/{}/holds", self.event), wish, &[201, 409]).await?;
        if status == 409 {
            return Ok(false);
        }
        let hold: HoldView = serde_json::from_slice(&body)?;
        if round == Round::HoldAndRelease {
            let path = format!("/events/{}/holds/{}", self.event, hold.hold_id);
            self.call(Method::DELETE, &path, None, &[204]).await?;
        } else {
            let wish = Some(json!({ "event_id": self.event, "hold_id": hold.hold_id }));
            self.call(Method::POST, "/bookings", wish, &[201]).await?;
        }
        Ok(true)
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<serde_json::Value>,
        expected: &[u16],
    ) -> anyhow::Result<(u16, Bytes)> {
        let path = format!("/api/v1{path}");
        let body = body.map(|body| Bytes::from(body.to_string()));
        let answer = self.http.call(method, &path, Some(&self.token), body).await;
        let (status, body) = answer.map_err(|lost| anyhow::anyhow!("{path}: {lost:?}"))?;
        anyhow::ensure!(expected.contains(&status), "{path}: {status} {}", String::from_utf8_lossy(&body));
        Ok((status, body))
    }
}
