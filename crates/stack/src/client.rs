//! A client of the public API, for demo data, tests and measurements. Every method is one call; replies come back with
//! their status, because a refusal is as interesting as a success.

use anyhow::Context as _;
use contract::api::{AuditView, EventChange, EventView, NewEvent, Session};
use contract::{EventId, ReservationId, TierId};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// A reply.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its body; null if there is none.
    pub body: Value,
    /// Whether it was given before, to a request with the same Idempotency-Key.
    pub is_replay: bool,
}

impl Answer {
    /// The `code` of a problem.
    #[must_use]
    pub fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    /// The body as a type, if the status is a success.
    pub fn into<T: DeserializeOwned>(self) -> anyhow::Result<T> {
        anyhow::ensure!(self.status.is_success(), "{}: {}", self.status, self.body);
        Ok(serde_json::from_value(self.body)?)
    }
}

/// Speaks with one token, or none, to one address. Clones share connections.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    token: Option<String>,
}

impl Client {
    /// A client without a token.
    pub fn new(base: &str) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder().timeout(std::time::Duration::from_secs(40)).build()?;
        Ok(Self { http, base: base.to_owned(), token: None })
    }

    /// The same connections with another token.
    #[must_use]
    pub fn with_token(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self.clone() }
    }

    /// The same customer at another address.
    #[must_use]
    pub fn at(&self, base: &str) -> Self {
        Self { base: base.to_owned(), ..self.clone() }
    }

    /// A new guest.
    pub async fn guest(&self) -> anyhow::Result<Self> {
        let session: Session = self.post("/api/v1/sessions", &Value::Null).await?.into()?;
        Ok(self.with_token(&session.token))
    }

    /// Any call; a null body sends none.
    pub async fn call(&self, method: Method, path: &str, body: &Value) -> anyhow::Result<Answer> {
        let mut request = self.request(method, path);
        if !body.is_null() {
            request = request.json(body);
        }
        send(request).await
    }

    /// A request with the token, to be filled and sent with [`send`].
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.base));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// `GET`.
    pub async fn get(&self, path: &str) -> anyhow::Result<Answer> {
        self.call(Method::GET, path, &Value::Null).await
    }

    /// `POST`; a null body sends none.
    pub async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Answer> {
        self.call(Method::POST, path, body).await
    }

    /// `POST` with an Idempotency-Key.
    pub async fn post_with_key(&self, path: &str, key: &str, body: &Value) -> anyhow::Result<Answer> {
        let mut request = self.request(Method::POST, path).header("Idempotency-Key", key);
        if !body.is_null() {
            request = request.json(body);
        }
        send(request).await
    }

    /// Makes an event.
    pub async fn create_event(&self, new: &NewEvent) -> anyhow::Result<EventView> {
        self.post("/api/v1/events", &serde_json::to_value(new)?).await?.into()
    }

    /// Reads an event.
    pub async fn event(&self, id: EventId) -> anyhow::Result<EventView> {
        self.get(&format!("/api/v1/events/{id}")).await?.into()
    }

    /// Changes an event.
    pub async fn change_event(&self, id: EventId, change: &EventChange) -> anyhow::Result<Answer> {
        self.call(Method::PATCH, &format!("/api/v1/events/{id}"), &serde_json::to_value(change)?).await
    }

    /// Audits an event.
    pub async fn audit(&self, id: EventId) -> anyhow::Result<AuditView> {
        self.get(&format!("/api/v1/events/{id}/audit")).await?.into()
    }

    /// Holds seats.
    pub async fn hold_seats(&self, event: EventId, seats: &[&str]) -> anyhow::Result<Answer> {
        self.post(&format!("/api/v1/events/{event}/holds"), &json!({ "seats": seats })).await
    }

    /// Holds tickets of a tier.
    pub async fn hold_tier(&self, event: EventId, tier: TierId, quantity: i64) -> anyhow::Result<Answer> {
        self.post(&format!("/api/v1/events/{event}/holds"), &json!({ "tier_id": tier, "quantity": quantity })).await
    }

    /// Books a hold.
    pub async fn book_hold(&self, event: EventId, hold: ReservationId) -> anyhow::Result<Answer> {
        self.post("/api/v1/bookings", &json!({ "event_id": event, "hold_id": hold })).await
    }

    /// Books tickets at once.
    pub async fn buy(&self, event: EventId, tier: TierId, quantity: i64) -> anyhow::Result<Answer> {
        self.post("/api/v1/bookings", &json!({ "event_id": event, "tier_id": tier, "quantity": quantity })).await
    }
}

/// Sends a request and reads the reply whole.
pub async fn send(request: RequestBuilder) -> anyhow::Result<Answer> {
    let response = request.send().await?;
    let status = response.status();
    let is_replay = response.headers().get("idempotent-replayed").is_some_and(|value| value == "true");
    let text = response.text().await?;
    let body = if text.is_empty() { Value::Null } else { serde_json::from_str(&text).with_context(|| text.clone())? };
    Ok(Answer { status, body, is_replay })
}
