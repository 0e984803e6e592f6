//! All that the vault is asked for, each with its deadline.

mod transport;

use std::collections::HashMap;
use std::time::Duration;

use chassis::credential::Credential;
use chassis::telemetry::REQUEST_ID;
use contract::api::{ApiKeyView, Confirmation, EventChange, LogFilter, LogPage, NewEvent, Page, Profile};
use contract::idempotency::{KeyCommand, KeyReply};
use contract::internal::{
    Batch, Booking, BookingAnswer, CommitRequest, EpochRequest, EventRecord, JournalPage, JournalPositions,
    JournalWakes, KeptKey, KeyRecord, LoggedChange, LoggedChanges, NewKeyRecord, Outcome, Projection, ResolveRequest,
    VaultAudit, Verdict,
};
use contract::{ApiKeyId, CustomerId, EventId, Origin, ReservationId, paths};
use reqwest::Method;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::identity::Caller;
use transport::Transport;
pub use transport::VaultError;

/// Longest wait for a reply. The vault's own bounds are shorter, so that it is the one to say what went wrong.
const REPLY_WAIT: Duration = Duration::from_secs(20);
/// Others' changes wait behind these.
const CHANGES_WAIT: Duration = Duration::from_secs(3);
/// Longest wait for idempotency keys.
const KEYS_WAIT: Duration = Duration::from_secs(6);
/// Longest wait for the list of API keys.
const LIST_WAIT: Duration = Duration::from_secs(2);
/// Longest wait for a readiness check.
const READY_WAIT: Duration = Duration::from_secs(1);
/// Longest wait for a projection: 100,000 seats and as many customers take some seconds on a busy machine.
const EPOCH_WAIT: Duration = Duration::from_secs(30);

/// Clones share the connections.
#[derive(Clone)]
pub struct VaultClient(Transport);

impl VaultClient {
    /// A client of the vault at `base`, run on the current runtime.
    pub fn new(base: &str, credential: &Credential) -> Result<Self, VaultError> {
        Ok(Self(Transport::new(base, credential)?))
    }

    /// A verdict for each commit, in order.
    pub async fn commit(&self, commits: Vec<CommitRequest>, wait: Duration) -> Result<Vec<Verdict>, VaultError> {
        let batch = Batch { items: commits };
        Ok(self.ask::<Batch<Verdict>>(Method::POST, paths::COMMITS, Some(&batch), wait).await?.items)
    }

    /// What became of each attempt; those that could not be resolved now are missing.
    pub async fn resolve(
        &self,
        event_id: EventId,
        rids: Vec<ReservationId>,
    ) -> Result<HashMap<ReservationId, Outcome>, VaultError> {
        let request = ResolveRequest { event_id, rids };
        self.ask(Method::POST, paths::RESOLVE, Some(&request), REPLY_WAIT).await
    }

    /// A reply to each command about an idempotency key, in order.
    pub async fn decide_keys(&self, commands: Vec<KeyCommand>) -> Result<Vec<KeyReply>, VaultError> {
        let batch = Batch { items: commands };
        Ok(self.ask::<Batch<KeyReply>>(Method::POST, paths::IDEMPOTENCY, Some(&batch), KEYS_WAIT).await?.items)
    }

    /// Makes an event under this id, or finds that it is there.
    pub async fn create_event(&self, id: EventId, new: &NewEvent, origin: &Origin) -> Result<EventRecord, VaultError> {
        self.change(origin, Method::POST, &format!("{}?event_id={id}", paths::EVENTS), Some(new)).await
    }

    /// One event.
    pub async fn event(&self, id: EventId) -> Result<Option<EventRecord>, VaultError> {
        found(self.get(&paths::event(id)).await)
    }

    /// A page of events.
    pub async fn events(&self, page: u32, limit: u32) -> Result<Page<EventRecord>, VaultError> {
        self.get(&format!("{}?page={page}&limit={limit}", paths::EVENTS)).await
    }

    /// Changes an event.
    pub async fn change_event(
        &self,
        id: EventId,
        change: &EventChange,
        origin: &Origin,
    ) -> Result<Option<EventRecord>, VaultError> {
        found(self.change(origin, Method::PATCH, &paths::event(id), Some(change)).await)
    }

    /// A new epoch and what goes with it.
    pub async fn issue_epoch(&self, id: EventId, run_id: String) -> Result<Option<Projection>, VaultError> {
        found(self.ask(Method::POST, &paths::epoch(id), Some(&EpochRequest { run_id }), EPOCH_WAIT).await)
    }

    /// What Postgres knows of an event's inventory.
    pub async fn audit(&self, id: EventId) -> Result<Option<VaultAudit>, VaultError> {
        found(self.get(&paths::audit(id)).await)
    }

    /// Journal rows after a position.
    pub async fn journal(&self, id: EventId, after: i64) -> Result<Option<JournalPage>, VaultError> {
        found(self.get(&paths::journal(id, after)).await)
    }

    /// Which events have rows after these positions.
    pub async fn journal_behind(&self, positions: Vec<(EventId, i64)>) -> Result<Vec<EventId>, VaultError> {
        self.ask(Method::POST, paths::JOURNAL_BEHIND, Some(&JournalPositions { positions }), REPLY_WAIT).await
    }

    /// Waits for journals to grow.
    pub async fn journal_wakes(&self, after: u64, wait: Duration) -> Result<JournalWakes, VaultError> {
        self.get(&format!("{}?after={after}&wait_ms={}", paths::JOURNAL_WAKES, wait.as_millis())).await
    }

    /// One booking of a customer.
    pub async fn booking(&self, customer: CustomerId, id: ReservationId) -> Result<Option<Booking>, VaultError> {
        found(self.get(&paths::customer_booking(customer, id)).await)
    }

    /// The bookings of a customer, newest first.
    pub async fn bookings(&self, customer: CustomerId, page: u32, limit: u32) -> Result<Page<Booking>, VaultError> {
        self.get(&format!("{}?page={page}&limit={limit}", paths::customer_bookings(customer))).await
    }

    /// The owner paid.
    pub async fn confirm(
        &self,
        caller: &Caller,
        id: ReservationId,
        confirmation: &Confirmation,
    ) -> Result<BookingAnswer, VaultError> {
        let path = format!("{}/confirm", paths::customer_booking(caller.customer, id));
        self.change(&caller.origin, Method::POST, &path, Some(confirmation)).await
    }

    /// The owner gives the tickets back.
    pub async fn cancel(&self, caller: &Caller, id: ReservationId) -> Result<BookingAnswer, VaultError> {
        let path = format!("{}/cancel", paths::customer_booking(caller.customer, id));
        self.change(&caller.origin, Method::POST, &path, None::<&()>).await
    }

    /// Keeps a new API key by its digest.
    pub async fn create_api_key(&self, key: &NewKeyRecord, origin: &Origin) -> Result<KeptKey, VaultError> {
        self.change(origin, Method::POST, paths::API_KEYS, Some(key)).await
    }

    /// All API keys.
    pub async fn api_keys(&self) -> Result<Vec<ApiKeyView>, VaultError> {
        self.get(paths::API_KEYS).await
    }

    /// Those that work, as they are checked.
    pub async fn working_api_keys(&self) -> Result<Vec<KeyRecord>, VaultError> {
        self.ask(Method::GET, paths::WORKING_API_KEYS, None::<&()>, LIST_WAIT).await
    }

    /// Ends an API key.
    pub async fn revoke_api_key(&self, id: ApiKeyId, origin: &Origin) -> Result<Option<ApiKeyView>, VaultError> {
        found(self.change(origin, Method::DELETE, &paths::api_key(id), None::<&()>).await)
    }

    /// What a customer told of themselves.
    pub async fn profile(&self, customer: CustomerId) -> Result<Option<Profile>, VaultError> {
        found(self.get(&paths::profile(customer)).await)
    }

    /// Writes it.
    pub async fn put_profile(&self, caller: &Caller, profile: &Profile) -> Result<(), VaultError> {
        self.change(&caller.origin, Method::PUT, &paths::profile(caller.customer), Some(profile)).await
    }

    /// Removes it.
    pub async fn remove_profile(&self, caller: &Caller) -> Result<(), VaultError> {
        self.change(&caller.origin, Method::DELETE, &paths::profile(caller.customer), None::<&()>).await
    }

    /// A page of the audit log.
    pub async fn audit_log(&self, filter: &LogFilter) -> Result<LogPage, VaultError> {
        self.ask(Method::POST, paths::AUDIT_LOG, Some(filter), REPLY_WAIT).await
    }

    /// Enters changes of an event's holds into the audit log; the same ones as often as it takes.
    pub async fn enter_changes(&self, event: EventId, changes: &[LoggedChange]) -> Result<(), VaultError> {
        let body = LoggedChanges { changes: changes.to_vec() };
        self.ask(Method::POST, &paths::changes(event), Some(&body), CHANGES_WAIT).await
    }

    /// Whether the vault can do its work.
    pub async fn ready(&self) -> Result<(), VaultError> {
        self.ask::<serde_json::Value>(Method::GET, paths::READY, None::<&()>, READY_WAIT).await.map(|_| ())
    }

    async fn get<T: DeserializeOwned + Send + 'static>(&self, path: &str) -> Result<T, VaultError> {
        self.ask(Method::GET, path, None::<&()>, REPLY_WAIT).await
    }

    async fn ask<T: DeserializeOwned + Send + 'static>(
        &self,
        method: Method,
        path: &str,
        body: Option<&impl Serialize>,
        wait: Duration,
    ) -> Result<T, VaultError> {
        self.0.send(self.0.request(method, path, body), wait).await
    }

    /// What goes into the audit log says who caused it.
    async fn change<T: DeserializeOwned + Send + 'static>(
        &self,
        origin: &Origin,
        method: Method,
        path: &str,
        body: Option<&impl Serialize>,
    ) -> Result<T, VaultError> {
        let request_id = origin.request_id.as_str();
        let origin = serde_json::to_string(origin).unwrap_or_default();
        let request = self.0.request(method, path, body).header(paths::ORIGIN_HEADER, origin);
        self.0.send(request.header(REQUEST_ID.as_str(), request_id), REPLY_WAIT).await
    }
}

/// A 404 is an answer.
fn found<T>(reply: Result<T, VaultError>) -> Result<Option<T>, VaultError> {
    match reply {
        Ok(found) => Ok(Some(found)),
        Err(VaultError::Problem(problem)) if problem.status == 404 => Ok(None),
        Err(error) => Err(error),
    }
}
