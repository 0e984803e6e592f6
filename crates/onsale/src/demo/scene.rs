//! What demonstrations on the real system share.

use std::collections::BTreeMap;

use contract::EventId;
use contract::api::NewEvent;
use futures_util::future::try_join_all;
use stack::client::Answer;
use stack::{Client, Stack, demo};

use crate::{output, target};

/// A stack with an administrator, and guests to come.
pub(super) struct Scene {
    pub(super) stack: Stack,
    pub(super) admin: Client,
}

impl Scene {
    pub(super) async fn set() -> anyhow::Result<Self> {
        let bar = output::spinner();
        bar.set_message("starting a stack");
        let stack = target::start(3).await?;
        bar.finish_and_clear();
        let ready = stack.ready();
        Ok(Self { admin: Client::new(&ready.url)?.with_token(&ready.admin_token), stack })
    }

    pub(super) async fn guests(&self, count: usize) -> anyhow::Result<Vec<Client>> {
        try_join_all((0..count).map(|_| self.admin.guest())).await
    }

    pub(super) async fn event(&self, seats: u32, change: impl FnOnce(&mut NewEvent)) -> anyhow::Result<EventId> {
        let mut new = demo::event("Demonstration", "Loopback")?;
        new.sections = vec![demo::section("A", 1, seats, 9_000)];
        change(&mut new);
        Ok(self.admin.create_event(&new).await?.event_id)
    }

    pub(super) async fn free(&self, event: EventId) -> anyhow::Result<Option<i64>> {
        Ok(self.admin.event(event).await?.seats_available)
    }
}

/// Locks one of the row's seats.
pub(super) async fn lock(guest: &Client, event: EventId, seat: u32) -> anyhow::Result<Answer> {
    guest.post(&format!("/api/v1/events/{event}/seats/A-1-{seat}/lock"), &serde_json::Value::Null).await
}

/// How many answers of each kind.
pub(super) fn tally(answers: &[Answer]) -> BTreeMap<String, usize> {
    let mut tally = BTreeMap::new();
    for answer in answers {
        let kind = format!("{} {}", answer.status.as_u16(), answer.code());
        *tally.entry(kind.trim().to_owned()).or_default() += 1;
    }
    tally
}

/// The same in words.
pub(super) fn list(tally: &BTreeMap<String, usize>) -> String {
    tally.iter().map(|(kind, count)| format!("{count} × {kind}")).collect::<Vec<_>>().join(", ")
}
