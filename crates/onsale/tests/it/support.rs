//! Stacks, events and crowds for the tests.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use contract::api::{AuditView, EventView, FreshApiKey, HoldView, LogEntry, LogPage, NewEvent};
use contract::{EventId, TierId};
use futures_util::future::join_all;
use nix::sys::signal::Signal;
use serde_json::Value;
use stack::client::Answer;
use stack::process::Spec;
use stack::tools::Tools;
use stack::{Client, Options, ReadyFile, Role, Stack, demo};
use tempfile::TempDir;
use uuid::Uuid;

/// For what is prompt, on a machine that has other things to do; where a time is promised, the test says it itself.
pub const SOON: Duration = Duration::from_secs(10);

/// A stack's addresses, an administrator, and a folder to put faults into.
pub struct System {
    pub ready: ReadyFile,
    pub admin: Client,
    pub faults: PathBuf,
}

impl System {
    fn new(ready: ReadyFile, faults: PathBuf) -> Self {
        let admin = Client::new(&ready.url).unwrap().with_token(&ready.admin_token);
        Self { ready, admin, faults }
    }

    /// Sets a fault: a crash point fires once, a switch stays until cleared.
    pub fn set_fault(&self, name: &str) {
        std::fs::write(self.faults.join(name), "").unwrap();
    }

    pub fn clear_fault(&self, name: &str) {
        let _ = std::fs::remove_file(self.faults.join(name));
    }

    /// Waits until a crash point has fired.
    pub async fn crashed_at(&self, name: &str) {
        eventually(name, Duration::from_secs(10), async || !self.faults.join(name).exists()).await;
    }

    pub async fn guest(&self) -> Client {
        self.admin.guest().await.unwrap()
    }

    /// Guests, each at one of the replicas or at the front door.
    pub async fn guests(&self, count: usize) -> Vec<Client> {
        join_all((0..count).map(|_| self.guest())).await
    }

    /// The guests' connections spread over the gatekeepers themselves, past nginx.
    pub fn spread(&self, guests: &[Client]) -> Vec<Client> {
        guests.iter().zip(self.ready.replicas.iter().cycle()).map(|(guest, replica)| guest.at(replica)).collect()
    }

    /// A new API key.
    pub async fn make_api_key(&self, role: &str) -> FreshApiKey {
        let new = serde_json::json!({ "name": "Box office, main hall", "role": role });
        self.admin.post("/api/v1/api-keys", &new).await.unwrap().into().unwrap()
    }

    /// Whoever has the key, once every replica knows it.
    pub async fn holder_of(&self, key: &FreshApiKey) -> Client {
        let client = self.admin.with_token(&key.api_key);
        for replica in &self.ready.replicas {
            let at = client.at(replica);
            eventually("the key is known", SOON, async || at.get("/api/v1/bookings").await.unwrap().status == 200)
                .await;
        }
        client
    }

    pub async fn create(&self, new: &NewEvent) -> EventView {
        self.admin.create_event(new).await.unwrap()
    }

    /// An event with one tier.
    pub async fn tier_event(&self, capacity: i64) -> (EventId, TierId) {
        self.tier_event_with(capacity, |_| ()).await
    }

    pub async fn tier_event_with(&self, capacity: i64, change: impl Fn(&mut NewEvent)) -> (EventId, TierId) {
        let mut new = demo::event("Test", "Here").unwrap();
        new.tiers = vec![demo::tier("Floor", capacity)];
        change(&mut new);
        let event = self.create(&new).await;
        (event.event_id, event.tiers[0].tier_id)
    }

    /// An event with one section `A` of ten rows of ten.
    pub async fn seat_event(&self) -> EventId {
        self.seat_event_with(|_| ()).await
    }

    pub async fn seat_event_with(&self, change: impl Fn(&mut NewEvent)) -> EventId {
        let mut new = demo::event("Test", "Here").unwrap();
        new.sections = vec![demo::section("A", 10, 10, 4_000)];
        change(&mut new);
        self.create(&new).await.event_id
    }

    /// The audit once everything has settled; fails with the last one if it does not.
    pub async fn clean_audit(&self, event: EventId) -> AuditView {
        // A verdict that did not reach Redis is settled when its lease of ten seconds is over.
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let audit = self.admin.audit(event).await;
            if let Ok(audit) = &audit
                && audit.ok
                && audit.tiers.iter().all(|tier| tier.committing == 0)
                && audit.seats.committing == 0
            {
                return serde_json::from_value(serde_json::to_value(audit).unwrap()).unwrap();
            }
            assert!(Instant::now() < deadline, "the audit stays unclean: {audit:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub async fn postgres(&self) -> tokio_postgres::Client {
        let (client, connection) = tokio_postgres::connect(&self.ready.postgres, tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(connection);
        client
    }

    /// One number from Postgres.
    pub async fn count(&self, query: &str, event: EventId) -> i64 {
        self.postgres().await.query_one(query, &[&event.0]).await.unwrap().get(0)
    }

    pub async fn bookings(&self, event: EventId) -> i64 {
        self.count("SELECT count(*) FROM bookings WHERE event_id = $1", event).await
    }

    pub async fn redis(&self) -> redis::aio::MultiplexedConnection {
        redis::Client::open(self.ready.redis.as_str()).unwrap().get_multiplexed_async_connection().await.unwrap()
    }

    /// A call to the vault as a gatekeeper makes it.
    pub async fn vault(&self, path: &str, body: &serde_json::Value) -> Answer {
        let client = Client::new(&self.ready.vault).unwrap().with_token(&self.ready.service_credential);
        client.post(path, body).await.unwrap()
    }

    /// A number from the vault's metrics.
    pub async fn vault_metric(&self, name: &str) -> f64 {
        let text = reqwest::get(format!("{}/metrics", self.ready.vault)).await.unwrap().text().await.unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')).unwrap();
        line.parse().unwrap()
    }
}

impl System {
    /// A number of all gatekeepers' metrics, summed.
    pub async fn gate_metric(&self, name: &str) -> f64 {
        let of_replica = async |url: &String| {
            let text = reqwest::get(format!("{url}/metrics")).await.unwrap().text().await.unwrap();
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')).unwrap();
            line.parse::<f64>().unwrap()
        };
        join_all(self.ready.replicas.iter().map(of_replica)).await.iter().sum()
    }

    /// Waits until holds changed so far are in the audit log.
    pub async fn log_is_written(&self) {
        eventually("the log is written", SOON, async || self.gate_metric("gatekeeper_changes_waiting").await == 0.0)
            .await;
    }
}

/// The stack that tests share when they leave it as they found it: `onsale up` itself, ended with this process.
pub async fn shared() -> &'static System {
    static SHARED: OnceLock<System> = OnceLock::new();
    tokio::task::spawn_blocking(|| SHARED.get_or_init(start_shared)).await.unwrap()
}

#[expect(clippy::zombie_processes, reason = "it ends with this process, by its death signal")]
fn start_shared() -> System {
    // Never removed by us, since a static is never dropped; it is empty but for a log, and `up` removes its own folders.
    let folder = std::env::temp_dir().join(format!("onsale-test-{}", std::process::id()));
    let faults = folder.join("faults");
    std::fs::create_dir_all(&faults).unwrap();
    let ready_file = folder.join("ready.json");
    up(&["--no-demo", "--ready-file", ready_file.to_str().unwrap()], &faults, &folder.join("up.log"), Signal::SIGTERM);
    let ready = read_ready(&ready_file, Duration::from_mins(3));
    System::new(ready, faults)
}

/// Starts `onsale up`; it is sent `death_signal` when this process ends.
pub fn up(arguments: &[&str], faults: &Path, log: &Path, death_signal: Signal) -> std::process::Child {
    let spec = Spec {
        program: env!("CARGO_BIN_EXE_onsale").into(),
        arguments: std::iter::once("up").chain(arguments.iter().copied()).map(str::to_owned).collect(),
        environment: environment(faults),
        is_unprivileged: false,
        death_signal,
        log: log.to_owned(),
    };
    spec.start(&Tools::find().unwrap()).unwrap()
}

fn environment(faults: &Path) -> Vec<(String, String)> {
    vec![("ONSALE_FAULTS_DIR".to_owned(), faults.to_str().unwrap().to_owned())]
}

pub fn read_ready(path: &Path, wait: Duration) -> ReadyFile {
    let deadline = Instant::now() + wait;
    loop {
        if let Ok(text) = std::fs::read(path) {
            return serde_json::from_slice(&text).unwrap();
        }
        assert!(Instant::now() < deadline, "no ready file");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A stack of a test's own, to be broken.
pub struct Private {
    pub system: System,
    pub stack: Arc<Stack>,
    _faults: TempDir,
}

impl std::ops::Deref for Private {
    type Target = System;

    fn deref(&self) -> &System {
        &self.system
    }
}

impl Private {
    /// No process of it has ended, and none has panicked.
    pub fn assert_nothing_crashed(&self) {
        let gatekeepers = (0..self.ready.replicas.len()).map(Role::Gatekeeper);
        for role in gatekeepers.chain([Role::Vault, Role::Redis, Role::Postgres, Role::Nginx]) {
            assert_eq!(self.stack.child(role).unwrap().starts(), 1, "{role} was started again");
        }
        for entry in std::fs::read_dir(self.stack.data().join("logs")).unwrap() {
            let path = entry.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap();
            // Of nginx' workers and Postgres' processes, which are started again by their own.
            for sign in ["panicked at", "exited on signal", "was terminated by signal"] {
                assert!(!text.contains(sign), "{} has {sign:?}", path.display());
            }
        }
    }
}

pub async fn private() -> Private {
    private_with(|_| ()).await
}

/// A stack with faults that are on from its first moment.
pub async fn broken(faults: &[&str]) -> Private {
    private_from(faults, |_| ()).await
}

/// One gatekeeper alone, with faults.
pub async fn broken_and_alone(faults: &[&str]) -> Private {
    private_from(faults, |options| options.replicas = 1).await
}

pub async fn private_with(change: impl Fn(&mut Options) + Send + 'static) -> Private {
    private_from(&[], change).await
}

async fn private_from(on: &[&str], change: impl Fn(&mut Options) + Send + 'static) -> Private {
    let folder = TempDir::new().unwrap();
    for fault in on {
        std::fs::write(folder.path().join(fault), "").unwrap();
    }
    let faults = folder.path().to_owned();
    let stack = tokio::task::spawn_blocking(move || {
        let environment = environment(&faults);
        let mut options = Options { gatekeeper_env: environment.clone(), vault_env: environment, ..Options::default() };
        change(&mut options);
        Stack::start(&options, Arc::new(|_| ())).unwrap()
    });
    let stack = stack.await.unwrap();
    Private { system: System::new(stack.ready(), folder.path().to_owned()), stack: Arc::new(stack), _faults: folder }
}

/// How many answers of each kind: `201`, or `409 sold_out`.
pub fn tally(answers: &[Answer]) -> HashMap<String, usize> {
    let mut tally = HashMap::new();
    for answer in answers {
        let kind = format!("{} {}", answer.status.as_u16(), answer.code());
        *tally.entry(kind.trim().to_owned()).or_default() += 1;
    }
    tally
}

/// Polls until it holds.
pub async fn eventually(what: &str, within: Duration, holds: impl AsyncFn() -> bool) {
    let deadline = Instant::now() + within;
    while !holds().await {
        assert!(Instant::now() < deadline, "not within {within:?}: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(Instant::now() < deadline + Duration::from_secs(1), "only after {within:?}: {what}");
}

pub fn hold(answer: Answer) -> HoldView {
    answer.into().unwrap()
}

/// Buys one ticket after another until told to stop; keeps every answer.
pub struct Crowd {
    stop: Arc<std::sync::atomic::AtomicBool>,
    buyers: Vec<tokio::task::JoinHandle<Vec<Answer>>>,
}

impl Crowd {
    /// `size` buyers at once, each buyer a new guest for every ticket.
    pub fn buying(admin: &Client, event: EventId, tier: TierId, size: usize) -> Self {
        let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let buyers = (0..size).map(|_| {
            let (admin, stop) = (admin.clone(), stop.clone());
            tokio::spawn(async move {
                let mut answers = Vec::new();
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    let guest = admin.guest().await.unwrap();
                    // No answer, or one that is not JSON, is a failure: the front door always has something to say.
                    let answer = guest.buy(event, tier, 1).await.unwrap();
                    let refused = !answer.status.is_success();
                    answers.push(answer);
                    if refused {
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                }
                answers
            })
        });
        Self { buyers: buyers.collect(), stop }
    }

    pub async fn stop(self) -> Vec<Answer> {
        self.stop.store(true, std::sync::atomic::Ordering::Relaxed);
        join_all(self.buyers).await.into_iter().flat_map(Result::unwrap).collect()
    }
}

/// The ids of all bookings among the answers.
pub fn booked(answers: &[Answer]) -> Vec<uuid::Uuid> {
    let created = answers.iter().filter(|answer| answer.status == 201);
    created.map(|answer| answer.body["booking_id"].as_str().unwrap().parse().unwrap()).collect()
}

/// The same answer to everybody, but for what names the request.
pub fn without_request_id(mut body: serde_json::Value) -> serde_json::Value {
    if let Some(problem) = body.as_object_mut() {
        problem.remove("request_id");
    }
    body
}

/// A page of the audit log.
pub async fn log_page(reader: &Client, query: &str) -> LogPage {
    reader.get(&format!("/api/v1/audit-log?{query}")).await.unwrap().into().unwrap()
}

/// All entries of an event, newest first, by pages of this length.
pub async fn log_entries(system: &System, event: EventId, limit: u32) -> Vec<LogEntry> {
    let (mut all, mut before) = (Vec::new(), String::new());
    loop {
        let LogPage { items, next } = log_page(&system.admin, &format!("event_id={event}&limit={limit}{before}")).await;
        assert!(items.len() <= limit as usize);
        all.extend(items);
        let Some(next) = next else { return all };
        before = format!("&before={next}");
    }
}

/// An id in an answer.
pub fn id(body: &Value, field: &str) -> Uuid {
    body[field].as_str().unwrap().parse().unwrap()
}
