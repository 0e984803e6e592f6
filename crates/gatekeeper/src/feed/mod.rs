//! The live feed: what scripts publish, brought to everyone who watches. `docs/FEED.md` tells its story.
//!
//! Runs on the main runtime, whichever worker serves the watcher.

pub mod frame;
pub mod hub;
pub mod listener;
pub mod picture;
pub mod published;
pub mod watcher;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use contract::EventId;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, mpsc, oneshot};

use crate::catalog::Event;
use crate::metrics::FeedMetrics;
use crate::service::Gate;
use hub::{Hub, Input, Joined};
use listener::Order;
use watcher::Place;

/// Events watched at a time on this replica.
const HUBS_MAX: usize = 2_000;
/// Steps a hub may be behind its channel.
const INBOX_MAX: usize = 4_096;

/// Says whether a hub without watchers may end; it may not while somebody is asking to join.
type Retire = Box<dyn Fn(&mpsc::Receiver<Input>) -> bool + Send>;

/// Nobody more can watch here now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this replica has no room for another watcher")]
pub struct NoRoom;

/// How the feed works.
#[derive(Debug, Clone, Copy)]
pub struct FeedSettings {
    /// Shortest time between two frames.
    pub interval: Duration,
    /// Watchers of this replica.
    pub watchers_max: usize,
}

/// Clones share the hubs.
#[derive(Clone)]
pub struct Feed {
    gate: Gate,
    settings: FeedSettings,
    /// What is measured of it.
    pub metrics: FeedMetrics,
    orders: mpsc::Sender<Order>,
    hubs: Arc<Mutex<HashMap<EventId, mpsc::Sender<Input>>>>,
    places: Arc<Semaphore>,
    is_stopping: Arc<AtomicBool>,
    runtime: Handle,
}

impl Feed {
    /// A feed that works on the current runtime; connects at once.
    #[must_use]
    pub fn start(gate: Gate, settings: FeedSettings, metrics: FeedMetrics) -> Self {
        let (orders, inbox) = mpsc::channel(HUBS_MAX);
        let runtime = Handle::current();
        runtime.spawn(listener::run(gate.link.clone(), inbox));
        Self {
            gate,
            settings,
            metrics,
            orders,
            hubs: Arc::default(),
            places: Arc::new(Semaphore::new(settings.watchers_max)),
            is_stopping: Arc::default(),
            runtime,
        }
    }

    /// A place for one more watcher.
    pub fn take_place(&self) -> Result<Place, NoRoom> {
        if self.is_stopping.load(Ordering::Relaxed) {
            return Err(NoRoom);
        }
        let permit = self.places.clone().try_acquire_owned().map_err(|_| NoRoom)?;
        Ok(Place::new(permit, self.metrics.active_connections.clone()))
    }

    /// Begins to watch an event.
    pub async fn join(&self, event: &Arc<Event>) -> Result<Joined, NoRoom> {
        // A hub may retire between being found and being asked; a second one cannot be idle yet.
        for _ in 0..2 {
            let hub = self.hub(event)?;
            let (reply, joined) = oneshot::channel();
            if hub.send(Input::Join(reply)).await.is_ok()
                && let Ok(joined) = joined.await
            {
                return Ok(joined);
            }
        }
        Err(NoRoom)
    }

    /// Tells all watchers to go elsewhere, and lets nobody in any more.
    pub async fn stop(&self) {
        self.is_stopping.store(true, Ordering::Relaxed);
        let hubs: Vec<_> = self.lock().drain().map(|(_, hub)| hub).collect();
        for hub in hubs {
            // One that has ended has no watchers.
            let _ = hub.send(Input::Stop).await;
        }
    }

    fn hub(&self, event: &Arc<Event>) -> Result<mpsc::Sender<Input>, NoRoom> {
        let id = event.record.event_id;
        let mut hubs = self.lock();
        if let Some(hub) = hubs.get(&id).filter(|hub| !hub.is_closed()) {
            return Ok(hub.clone());
        }
        if hubs.len() >= HUBS_MAX || self.is_stopping.load(Ordering::Relaxed) {
            return Err(NoRoom);
        }
        let (hub, inbox) = mpsc::channel(INBOX_MAX);
        self.orders.try_send(Order::Watch(id, hub.clone())).map_err(|_| NoRoom)?;
        let task = Hub::new(self.gate.clone(), event.clone(), self.settings.interval, inbox);
        let feed = self.clone();
        let retire: Retire = Box::new(move |inbox| feed.retire(id, inbox));
        let orders = self.orders.clone();
        self.runtime.spawn(async move {
            task.run(retire).await;
            // Its inbox is closed by now. Should the listener have gone, there is nothing to leave.
            let _ = orders.send(Order::Leave(id)).await;
        });
        hubs.insert(id, hub.clone());
        Ok(hub)
    }

    /// The senders of a hub never leave the lock but to ask at once, so an empty inbox under it means nobody is asking.
    fn retire(&self, id: EventId, inbox: &mpsc::Receiver<Input>) -> bool {
        let mut hubs = self.lock();
        inbox.is_empty() && hubs.remove(&id).is_some()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<EventId, mpsc::Sender<Input>>> {
        self.hubs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
