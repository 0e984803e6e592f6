//! A run: the event is made, customers get their tokens, watchers take their places, and then everybody comes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use contract::api::{EventChange, EventView, SaleState, Session};
use fastrand::Rng;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use hyper::Method;
use hyper::header::HeaderValue;
use serde::{Deserialize, Serialize};
use stack::Client;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use crate::arrivals::Arrivals;
use crate::evidence;
use crate::history::{History, Operation};
use crate::http::Http;
use crate::scenario::Scenario;
use crate::settle;
use crate::target::Target;
use crate::visitor::{Customer, Ground, visit};
use crate::watcher;

/// Sessions that are asked for at a time. It leaves as many connections open for those who come first.
const SESSIONS_AT_A_TIME: usize = 256;
/// The most customers a run makes; beyond them the same ones come again.
pub const CUSTOMERS_MAX: u64 = 10_000;

/// The shortest sleep between arrivals; who is due by its end comes with them, late by no more, which counts as waiting. At
/// 10,000 a second, to wake for each would take from the system what it is to answer them with.
const SLEEP_MIN: Duration = Duration::from_micros(500);
/// How often is told how far it is.
const TELL_EVERY: Duration = Duration::from_millis(200);
/// Keeps the arrivals' sources of chance apart: 2^64 over the golden ratio.
const SEED_STEP: u64 = 0x9E37_79B9_7F4A_7C15;

/// What a run does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// What is sold, and what people want of it.
    pub scenario: Scenario,
    /// When they come.
    pub arrivals: Arrivals,
    /// How much there is; the scenario's own choice if none.
    pub capacity: Option<u32>,
    /// Watchers of the live feed.
    pub watchers: usize,
    /// Connections at most.
    pub connections_max: usize,
    /// Arrivals under way at most; who comes while there are as many is counted as unsent.
    pub under_way_max: usize,
    /// How long a reply is waited for.
    pub patience: Duration,
    /// Where all chance comes from.
    pub seed: u64,
}

impl Plan {
    /// The usual way to play a scenario: a few watchers, as many connections as one machine is good for, and more patience
    /// than any bound within the system.
    #[must_use]
    pub fn new(scenario: Scenario, arrivals: Arrivals) -> Self {
        Self {
            scenario,
            arrivals,
            capacity: None,
            watchers: 3,
            connections_max: 512,
            under_way_max: 50_000,
            patience: Duration::from_secs(35),
            seed: 1,
        }
    }
}

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Something is being prepared or finished.
    Doing(&'static str),
    /// So many of so many have come, and so many operations were answered.
    Coming {
        /// Arrivals so far.
        come: u64,
        /// Arrivals in all.
        offered: u64,
        /// Operations so far.
        answered: u64,
    },
}

/// Runs the plan against the target and collects everything. Fails only if it could not be carried out.
pub async fn run(target: &Target, plan: Plan, tell: &(dyn Fn(Progress) + Sync)) -> anyhow::Result<History> {
    // Before anything is sent: what cannot be read cannot be judged.
    let reader = match &target.stores {
        Some(stores) => Some(evidence::Reader::open(stores).await?),
        None => None,
    };
    tell(Progress::Doing("making the event"));
    let times = plan.arrivals.times_us(plan.seed);
    let offered = u64::try_from(times.len())?;
    let admin = Client::new(&target.url)?.with_token(&target.admin_token);
    let event = admin.create_event(&plan.scenario.event(offered, plan.capacity)?).await?;
    tell(Progress::Doing("customers ask for their tokens"));
    let http = Http::new(&target.url, plan.connections_max, plan.patience)?;
    let customers = customers(&http, offered.clamp(1, CUSTOMERS_MAX)).await?;
    let watchers = watcher::start(target, event.event_id, plan.watchers).await?;

    let ground = Arc::new(Ground { http, event: event.event_id, start: Instant::now() });
    let crowd = Arc::new(Crowd {
        ground: ground.clone(),
        event: event.clone(),
        plan: plan.clone(),
        customers,
        times_us: times,
        operations: Mutex::default(),
        come: AtomicU64::new(0),
        answered: AtomicU64::new(0),
        dropped: AtomicU64::new(0),
        under_way: Arc::new(Semaphore::new(plan.under_way_max)),
    });
    crowd.come(tell).await?;
    let operations = std::mem::take(&mut *crowd.operations.lock().unwrap_or_else(PoisonError::into_inner));
    let dropped = crowd.dropped.load(Ordering::Relaxed);
    tell(Progress::Doing("what is not known is asked again until it is"));
    let replays = settle::replay_unknown(&ground, &crowd.customers, &operations).await;
    tell(Progress::Doing("waiting until all is quiet, and reading Postgres and Redis"));
    let evidence = match reader {
        Some(reader) => Some(settle::gather(&reader, &event, watchers).await?),
        None => None,
    };
    // Nobody is to buy from it any more, should the system have other visitors.
    let paused = EventChange { sale_state: Some(SaleState::Paused), tiers: Vec::new() };
    admin.change_event(event.event_id, &paused).await?;
    Ok(History { plan, event, offered, dropped, operations, replays, evidence })
}

/// Guests, by the front door as everybody.
async fn customers(http: &Http, count: u64) -> anyhow::Result<Vec<Customer>> {
    let ask = |_| async move {
        let reply = http.call(Method::POST, "/api/v1/sessions", None, None).await;
        let (status, body) = reply.map_err(|lost| anyhow::anyhow!("no session: {lost:?}"))?;
        anyhow::ensure!(status == 201, "no session: {status} {}", String::from_utf8_lossy(&body));
        let session: Session = serde_json::from_slice(&body)?;
        let token = HeaderValue::from_str(&format!("Bearer {}", session.token))?;
        Ok(Customer { id: session.customer_id, token })
    };
    stream::iter(0..count).map(ask).buffer_unordered(SESSIONS_AT_A_TIME).try_collect().await
}

struct Crowd {
    ground: Arc<Ground>,
    event: EventView,
    plan: Plan,
    customers: Vec<Customer>,
    times_us: Vec<u64>,
    operations: Mutex<Vec<Operation>>,
    come: AtomicU64,
    answered: AtomicU64,
    dropped: AtomicU64,
    under_way: Arc<Semaphore>,
}

impl Crowd {
    /// Lets everybody come at their time; returns when the last is gone.
    async fn come(self: &Arc<Self>, tell: &(dyn Fn(Progress) + Sync)) -> anyhow::Result<()> {
        let (crowd, runtime) = (self.clone(), Handle::current());
        // A thread of its own: the runtime's timers are a millisecond apart.
        let mut coming = tokio::task::spawn_blocking(move || crowd.let_in_all(&runtime));
        let offered = u64::try_from(self.times_us.len())?;
        loop {
            let (come, answered) = (self.come.load(Ordering::Relaxed), self.answered.load(Ordering::Relaxed));
            tell(Progress::Coming { come, offered, answered });
            tokio::select! {
                ended = &mut coming => break ended?,
                () = tokio::time::sleep(TELL_EVERY) => {}
            }
        }
        tell(Progress::Doing("waiting for the last replies"));
        // Each visit is bounded by its steps, and each step by the client's patience.
        let _ = self.under_way.acquire_many(u32::try_from(self.plan.under_way_max)?).await?;
        Ok(())
    }

    fn let_in_all(self: &Arc<Self>, runtime: &Handle) {
        for (number, intended_us) in (0_u32..).zip(self.times_us.iter().copied()) {
            let now_us = self.ground.now_us();
            if intended_us > now_us {
                std::thread::sleep(Duration::from_micros(intended_us - now_us).max(SLEEP_MIN));
            }
            self.let_in(number, intended_us, runtime);
            self.come.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn let_in(self: &Arc<Self>, number: u32, intended_us: u64, runtime: &Handle) {
        let Ok(place) = self.under_way.clone().try_acquire_owned() else {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        };
        // Each arrival draws from a source of its own, so that it wants the same in each run.
        let mut rng = Rng::with_seed(self.plan.seed.wrapping_add(u64::from(number).wrapping_mul(SEED_STEP)));
        let steps = self.plan.scenario.visit(&self.event, &mut rng);
        let customer = self.customers[usize::try_from(number).unwrap_or(0) % self.customers.len()].clone();
        let crowd = self.clone();
        runtime.spawn(async move {
            let done = visit(&crowd.ground, &customer, (number, intended_us), steps).await;
            crowd.answered.fetch_add(u64::try_from(done.len()).unwrap_or(0), Ordering::Relaxed);
            crowd.operations.lock().unwrap_or_else(PoisonError::into_inner).extend(done);
            drop(place);
        });
    }
}
