//! One batch of an event's lane as one transaction: lock, read what it touches, write what was decided, commit.
//!
//! Statements of a step are sent together and answered together, so a batch costs three round trips however many commands
//! it has: BEGIN with the reads, the writes, COMMIT.

mod read;
mod write;

use contract::EventId;
use deadpool_postgres::{ClientWrapper, Object};

use super::{Store, StoreError};
use crate::committer::model::Snapshot;

pub(super) use write::kind;

/// An open transaction on a connection of its own. Dropped before its end, it closes the connection, and Postgres rolls
/// back: what was sent may still be under way there, and nobody else is to wait for it.
pub struct Batch(Option<Object>);

/// Where the batch's journal rows go.
pub struct Position {
    event_id: EventId,
    journal_seq: i64,
}

/// What was read, and where to write.
pub struct BatchSnapshot {
    /// For the decision.
    pub state: Snapshot,
    /// For [`Batch::write`].
    pub position: Position,
}

impl Store {
    /// A connection for one batch. Its transaction begins with the first statement.
    pub async fn batch(&self) -> Result<Batch, StoreError> {
        Ok(Batch(Some(self.client().await?)))
    }
}

impl Batch {
    /// Makes it durable. Every statement before succeeded, so the server cannot answer a COMMIT with a silent rollback.
    pub async fn commit(self) -> Result<(), StoreError> {
        self.end("COMMIT").await
    }

    /// Leaves everything as it was.
    pub async fn roll_back(self) -> Result<(), StoreError> {
        self.end("ROLLBACK").await
    }

    async fn end(mut self, how: &str) -> Result<(), StoreError> {
        self.client().batch_execute(how).await?;
        // Back into the pool.
        drop(self.0.take());
        Ok(())
    }

    #[expect(clippy::expect_used, reason = "taken only by `end`, which consumes the batch, and by `drop`")]
    fn client(&self) -> &ClientWrapper {
        self.0.as_ref().expect("a batch has its connection until its end")
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        if let Some(connection) = self.0.take() {
            drop(Object::take(connection));
        }
    }
}
