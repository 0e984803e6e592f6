//! One event's hub: a task that keeps the picture, and tells all who watch what changed.

use std::sync::Arc;
use std::time::Duration;

use contract::live::{LiveMessage, LiveSnapshot, close};
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

use super::Retire;
use super::frame::Frame;
use super::picture::{self, Picture, Step};
use super::published::Published;
use crate::catalog::Event;
use crate::scripts::{ScriptError, read_inventory};
use crate::service::Gate;

/// Frames a watcher may be behind before it is too slow.
const FRAMES_BEHIND_MAX: usize = 64;
/// How often the sequence is compared with Redis' own: what a lost message can cost.
const LOOK_INTERVAL: Duration = Duration::from_secs(2);
/// Waits between looks while what is available is not known.
const DOUBT_INTERVAL: Duration = Duration::from_millis(100);
/// How often clients are asked whether they are there.
pub const PING_INTERVAL: Duration = Duration::from_secs(15);
/// A hub nobody watches ends after this.
const IDLE_MAX: Duration = Duration::from_secs(10);
/// What a watcher adds to the wait between frames, and the longest wait: everyone is told before the next frame is due.
const INTERVAL_PER_WATCHER: Duration = Duration::from_micros(20);
const INTERVAL_MAX: Duration = Duration::from_millis(250);

/// What reaches a hub.
pub enum Input {
    /// A script published this.
    Published(String),
    /// The channel is heard from now on, or again: what was published before may be missing.
    Listening,
    /// Somebody wants to watch.
    Join(oneshot::Sender<Joined>),
    /// The replica is stopping.
    Stop,
}

/// What a new watcher is given: the first frame, and all that follow it.
pub struct Joined {
    /// A snapshot, or the word that there is none now.
    pub first: Frame,
    /// What follows.
    pub frames: broadcast::Receiver<Frame>,
}

/// The task's state.
pub struct Hub {
    gate: Gate,
    event: Arc<Event>,
    interval: Duration,
    inbox: mpsc::Receiver<Input>,
    frames: broadcast::Sender<Frame>,
    /// As of the last step heard; `None` while it is not known.
    now: Option<Picture>,
    /// As of the last frame.
    shown: Option<Picture>,
    /// The first frame of whoever joins, until the next one.
    first: Option<Frame>,
    /// Somebody joined while nothing was known, and has no snapshot that a delta could follow.
    owes_snapshot: bool,
    /// The step up to which was told, or found to change nothing anybody sees.
    told_sequence: i64,
    told_at: Instant,
    look_at: Instant,
    ping_at: Instant,
    watched_at: Instant,
}

impl Hub {
    /// A hub that knows nothing yet.
    #[must_use]
    pub fn new(gate: Gate, event: Arc<Event>, interval: Duration, inbox: mpsc::Receiver<Input>) -> Self {
        let now = Instant::now();
        Self {
            gate,
            event,
            interval,
            inbox,
            frames: broadcast::channel(FRAMES_BEHIND_MAX).0,
            now: None,
            shown: None,
            first: None,
            owes_snapshot: false,
            told_sequence: 0,
            told_at: now,
            look_at: now,
            ping_at: now + PING_INTERVAL,
            watched_at: now,
        }
    }

    /// Works until nobody watches any more, or the replica stops.
    pub async fn run(mut self, retire: Retire) {
        loop {
            let tell_at = self.tell_at();
            tokio::select! {
                input = self.inbox.recv() => match input {
                    Some(Input::Published(text)) => self.hear(&text).await,
                    Some(Input::Listening) => self.read().await,
                    // Whoever asked may have gone.
                    Some(Input::Join(reply)) => { let _ = reply.send(self.join().await); }
                    Some(Input::Stop) | None => return self.stop(),
                },
                () = sleep_until(tell_at.unwrap_or(self.look_at)), if tell_at.is_some() => self.tell(false),
                () = sleep_until(self.look_at) => self.look().await,
                () = sleep_until(self.ping_at) => {
                    self.ping_at += PING_INTERVAL;
                    let _ = self.frames.send(Frame::ping());
                }
            }
            if self.frames.receiver_count() > 0 {
                self.watched_at = Instant::now();
            } else if self.watched_at.elapsed() > IDLE_MAX && retire(&self.inbox) {
                return;
            }
        }
    }

    /// When the next frame is due; `None` while there is nothing to tell.
    fn tell_at(&self) -> Option<Instant> {
        let now = self.now.as_ref()?;
        (now.sequence != self.told_sequence).then(|| self.told_at + self.wait())
    }

    fn wait(&self) -> Duration {
        let watchers = u32::try_from(self.frames.receiver_count()).unwrap_or(u32::MAX);
        self.interval.max(INTERVAL_PER_WATCHER.saturating_mul(watchers).min(INTERVAL_MAX))
    }

    async fn hear(&mut self, text: &str) {
        let Ok(published) = text.parse::<Published>() else {
            tracing::error!(event_id = %self.event.record.event_id, text, "a script published what is not a step");
            return;
        };
        // While nothing is known, the next look reads it all.
        if self.now.as_mut().is_some_and(|now| now.take(&published) == Step::Missed) {
            self.read().await;
        }
    }

    /// Compares positions, and reads everything if they differ.
    async fn look(&mut self) {
        self.look_at = Instant::now() + LOOK_INTERVAL;
        let Some(now) = &self.now else { return self.read().await };
        let (epoch, sequence) = (now.epoch, now.sequence);
        let there = read_inventory::call(&self.gate.link, &self.event.keys, &[], false).await;
        // What is published while this was read is in the inbox, and not missing.
        if !there.is_ok_and(|there| there.epoch == epoch && there.sequence == sequence) && self.inbox.is_empty() {
            self.read().await;
        }
    }

    async fn read(&mut self) {
        let read = read_inventory::call(&self.gate.link, &self.event.keys, &self.event.tier_ids, true).await;
        match read {
            Ok(inventory) => self.know(Picture::of(inventory, &self.event.tier_ids)),
            Err(error) => self.doubt(error),
        }
    }

    fn know(&mut self, picture: Picture) {
        let was_in_doubt = self.now.is_none();
        self.look_at = Instant::now() + LOOK_INTERVAL;
        self.now = Some(picture);
        if was_in_doubt {
            self.tell(true);
        }
    }

    /// I10: what cannot be seen is neither free nor taken.
    fn doubt(&mut self, error: ScriptError) {
        self.look_at = Instant::now() + DOUBT_INTERVAL;
        tracing::debug!(event_id = %self.event.record.event_id, %error, "what is available is not known");
        // What matters here is that missing inventory is being brought back.
        let _ = self.gate.failed(self.event.record.event_id, error);
        if self.now.take().is_some() {
            self.send(Frame::message(&LiveMessage::Rebuilding));
        }
    }

    /// Tells what changed since the last frame: nothing visible is nothing to tell, unless all were told that nothing is
    /// known.
    fn tell(&mut self, was_in_doubt: bool) {
        let Some(now) = &self.now else { return };
        self.told_sequence = now.sequence;
        self.told_at = Instant::now();
        let message = match &self.shown {
            Some(shown) if !self.owes_snapshot => LiveMessage::Delta(now.since(shown)),
            _ => LiveMessage::Snapshot(self.snapshot(now)),
        };
        if !was_in_doubt && matches!(&message, LiveMessage::Delta(delta) if picture::is_empty(delta)) {
            // Whoever has the last frame stays where that led; the next delta starts from there.
            return;
        }
        self.shown = Some(now.clone());
        self.owes_snapshot = false;
        self.send(Frame::message(&message));
    }

    fn send(&mut self, frame: Frame) {
        self.first = None;
        // Nobody may be watching.
        let _ = self.frames.send(frame);
    }

    async fn join(&mut self) -> Joined {
        if self.now.is_none() {
            self.read().await;
        }
        let frames = self.frames.subscribe();
        Joined { first: self.first_frame(), frames }
    }

    /// Everything as of the last frame, so that what follows it fits.
    fn first_frame(&mut self) -> Frame {
        if self.now.is_none() {
            self.owes_snapshot = true;
            return Frame::message(&LiveMessage::Rebuilding);
        }
        if let Some(first) = &self.first {
            return first.clone();
        }
        let Some(shown) = &self.shown else { return Frame::message(&LiveMessage::Rebuilding) };
        let first = Frame::message(&LiveMessage::Snapshot(self.snapshot(shown)));
        self.first = Some(first.clone());
        first
    }

    fn snapshot(&self, picture: &Picture) -> LiveSnapshot {
        picture.snapshot(self.event.record.event_id)
    }

    fn stop(&self) {
        let _ = self.frames.send(Frame::close(close::RESTARTING, "the server is stopping; connect again"));
    }
}
