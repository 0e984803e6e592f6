//! One client: what it is sent is its body, what it says is read by a task of its own.

use std::cell::RefCell;
use std::convert::Infallible;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::web::Bytes;
use actix_ws::{CloseCode, CloseReason, Message, MessageStream, ProtocolError, Session};
use contract::live::{LiveRequest, close};
use futures_util::Stream as _;
use prometheus::IntGauge;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout};
use tokio_stream::wrappers::BroadcastStream;

use super::Feed;
use super::frame::Frame;
use super::hub::Joined;
use crate::catalog::Event;
use crate::metrics::FeedMetrics;

/// The largest message a client may send.
pub const MESSAGE_BYTES_MAX: usize = 4_096;
/// Messages a client may send within [`MESSAGES_WINDOW`]; answers to our pings among them.
const MESSAGES_MAX: u32 = 20;
const MESSAGES_WINDOW: Duration = Duration::from_secs(10);
/// A client that says nothing for this long, not even that it is there, is gone: three pings.
const SILENCE_MAX: Duration = Duration::from_secs(45);
/// Longest wait for room to answer; a client without room reads nothing.
const ANSWER_WAIT: Duration = Duration::from_secs(5);

/// A watcher's place among those a replica has room for.
pub struct Place {
    _permit: OwnedSemaphorePermit,
    active: IntGauge,
}

impl Place {
    /// Counts it.
    #[must_use]
    pub fn new(permit: OwnedSemaphorePermit, active: IntGauge) -> Self {
        active.inc();
        Self { _permit: permit, active }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.active.dec();
    }
}

/// Hands a new beginning from the task that reads to the body that writes; the latest counts. Both live on one worker.
#[derive(Clone, Default)]
pub struct Rejoining(Rc<RefCell<(Option<Joined>, Option<Waker>)>>);

impl Rejoining {
    fn put(&self, joined: Joined) {
        let mut slot = self.0.borrow_mut();
        slot.0 = Some(joined);
        if let Some(waker) = slot.1.take() {
            waker.wake();
        }
    }

    fn take(&self, cx: &Context<'_>) -> Option<Joined> {
        let mut slot = self.0.borrow_mut();
        let joined = slot.0.take();
        if joined.is_none() && !slot.1.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            slot.1 = Some(cx.waker().clone());
        }
        joined
    }
}

/// The response's body: answers to the client first, then what is for everyone, as the socket takes it. Nothing is queued
/// for a client but places in the hub's ring of frames, so a slow one costs what a fast one does.
pub struct Outgoing {
    answers: Pin<Box<BoxBody>>,
    first: Option<Frame>,
    frames: BroadcastStream<Frame>,
    rejoining: Rejoining,
    is_over: bool,
    metrics: FeedMetrics,
    _place: Place,
}

impl Outgoing {
    /// `answers` is the body that the session writes to.
    #[must_use]
    pub fn new(answers: BoxBody, joined: Joined, rejoining: Rejoining, place: Place, metrics: FeedMetrics) -> Self {
        Self {
            answers: Box::pin(answers),
            first: Some(joined.first),
            frames: BroadcastStream::new(joined.frames),
            rejoining,
            is_over: false,
            metrics,
            _place: place,
        }
    }

    fn next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        match self.answers.as_mut().poll_next(cx) {
            Poll::Ready(Some(Ok(bytes))) => return Poll::Ready(Some(bytes)),
            Poll::Ready(None | Some(Err(_))) => return Poll::Ready(None),
            Poll::Pending => {}
        }
        if let Some(joined) = self.rejoining.take(cx) {
            self.first = Some(joined.first);
            self.frames = BroadcastStream::new(joined.frames);
        }
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(first.bytes));
        }
        let frame = match std::task::ready!(Pin::new(&mut self.frames).poll_next(cx)) {
            Some(Ok(frame)) => frame,
            Some(Err(_)) => {
                self.metrics.closed.with_label_values(&["slow"]).inc();
                Frame::close(close::SLOW, "too slow: connect again")
            }
            None => Frame::close(close::RESTARTING, "the server is stopping; connect again"),
        };
        self.is_over = frame.is_last;
        Poll::Ready(Some(frame.bytes))
    }
}

impl MessageBody for Outgoing {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Infallible>>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        self.next(cx).map(|bytes| bytes.map(Ok))
    }
}

/// Why a connection ends, as the client and the metrics are told.
struct End(CloseCode, &'static str, &'static str);

/// Reads what the client says until it goes or has to.
pub async fn attend(feed: Feed, event: Arc<Event>, session: Session, stream: MessageStream, rejoining: Rejoining) {
    let mut watcher = Watcher { feed, event, session, rejoining, window: Instant::now(), messages: 0 };
    let end = watcher.hear(stream.max_frame_size(MESSAGE_BYTES_MAX)).await;
    let Some(End(code, reason, label)) = end else { return };
    watcher.feed.metrics.closed.with_label_values(&[label]).inc();
    let reason = CloseReason { code, description: Some(reason.to_owned()) };
    // A client that takes nothing any more cannot be told.
    let _ = timeout(ANSWER_WAIT, watcher.session.close(Some(reason))).await;
}

struct Watcher {
    feed: Feed,
    event: Arc<Event>,
    session: Session,
    rejoining: Rejoining,
    window: Instant,
    messages: u32,
}

impl Watcher {
    /// `None` when the client went by itself.
    async fn hear(&mut self, mut stream: MessageStream) -> Option<End> {
        loop {
            let message = match timeout(SILENCE_MAX, stream.recv()).await {
                Err(_) => return Some(End(CloseCode::Other(close::SILENT), "nothing was heard of you", "silent")),
                Ok(None | Some(Err(ProtocolError::Io(_)))) => return None,
                Ok(Some(Err(ProtocolError::Overflow))) => return Some(End(CloseCode::Size, "too large", "too_large")),
                Ok(Some(Err(_))) => return Some(End(CloseCode::Protocol, "not WebSocket", "protocol")),
                Ok(Some(Ok(message))) => message,
            };
            if !self.is_within_budget() {
                return Some(End(CloseCode::Policy, "too many messages", "flood"));
            }
            if let Err(end) = self.answer(message).await {
                return end;
            }
        }
    }

    fn is_within_budget(&mut self) -> bool {
        if self.window.elapsed() > MESSAGES_WINDOW {
            (self.window, self.messages) = (Instant::now(), 0);
        }
        self.messages += 1;
        self.messages <= MESSAGES_MAX
    }

    async fn answer(&mut self, message: Message) -> Result<(), Option<End>> {
        match message {
            Message::Ping(bytes) => {
                let sent = timeout(ANSWER_WAIT, self.session.pong(&bytes)).await;
                sent.map_err(|_| None)?.map_err(|_| None)
            }
            Message::Pong(_) | Message::Nop => Ok(()),
            Message::Close(_) => Err(Some(End(CloseCode::Normal, "goodbye", "left"))),
            Message::Text(text) if request_in(text.as_bytes()) == Some(LiveRequest::Resync) => {
                let joined = self.feed.join(&self.event).await.map_err(|_| None)?;
                self.feed.metrics.resyncs.inc();
                self.rejoining.put(joined);
                Ok(())
            }
            _ => Err(Some(End(CloseCode::Unsupported, "not understood", "not_understood"))),
        }
    }
}

/// What a watcher asks for.
pub(crate) fn request_in(text: &[u8]) -> Option<LiveRequest> {
    serde_json::from_slice(text).ok()
}
