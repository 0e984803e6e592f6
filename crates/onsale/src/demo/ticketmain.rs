//! Ticketmain's: two visitors on different replicas, and one seat.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use contract::EventId;
use futures_util::StreamExt as _;
use stampede::http::authority;
use stampede::watcher::{Socket, connect};
use tokio_tungstenite::tungstenite::Message;

use super::Findings;
use super::scene::{Scene, lock};

/// How soon what one does is to be seen by the other.
const SEEN_MAX_MS: u128 = 300;

pub(super) async fn show(findings: &mut Findings, slow_machine: bool) -> anyhow::Result<()> {
    let scene = Scene::set().await?;
    let event = scene.event(10, |_| ()).await?;
    let replicas = scene.stack.ready().replicas;
    let (one, other) = (scene.admin.guest().await?.at(&replicas[0]), scene.admin.guest().await?.at(&replicas[1]));
    let mut feed = watch(&replicas[1], event).await?;
    let clicked = Instant::now();
    let held = lock(&one, event, 5).await?;
    findings.say(held.status == 201, "one visitor, on the first replica, takes a seat");
    let seen = tokio::time::timeout(Duration::from_secs(5), sees_held(&mut feed, 4)).await;
    let after = clicked.elapsed().as_millis();
    let is_seen = matches!(seen, Ok(Ok(())));
    let is_prompt = slow_machine || after < SEEN_MAX_MS;
    let what = format!("the other, on the second, sees it go {after} ms after the click (at most {SEEN_MAX_MS})");
    findings.say(is_seen && is_prompt, what);
    let refused = lock(&other, event, 5).await?;
    let title = refused.body["title"].as_str().unwrap_or_default().to_owned();
    let is_so = refused.status == 409 && title == "Seat already held by another customer";
    findings.say(is_so, format!("and cannot have it: \"{title}\""));
    Ok(())
}

async fn watch(url: &str, event: EventId) -> anyhow::Result<Socket> {
    let mut feed = connect(&authority(url)?, event).await?;
    // The first picture: what comes after it is new.
    feed.next().await.context("the live feed says nothing")??;
    Ok(feed)
}

/// Reads on until this seat is held.
async fn sees_held(feed: &mut Socket, seat: u32) -> anyhow::Result<()> {
    loop {
        let message = feed.next().await.context("the live feed was closed")??;
        let Message::Text(text) = message else { continue };
        let step: contract::live::LiveMessage = serde_json::from_str(&text)?;
        if let contract::live::LiveMessage::Delta(delta) = step
            && delta.seats.get(&'h').is_some_and(|held| held.contains(&seat))
        {
            return Ok(());
        }
    }
}
