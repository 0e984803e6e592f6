//! The Ticket Booking System's: fifty on one seat, fifty on a seat each, and nobody pays.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use contract::api::HoldView;
use futures_util::future::try_join_all;
use stack::Client;

use super::Findings;
use super::scene::{Scene, list, lock, tally};

pub(super) async fn show(findings: &mut Findings) -> anyhow::Result<()> {
    let scene = Scene::set().await?;
    let guests = scene.guests(50).await?;
    let one = scene.event(1, |_| ()).await?;
    let locks = try_join_all(guests.iter().map(|guest| lock(guest, one, 1))).await?;
    let outcomes = tally(&locks);
    let is_so = outcomes == BTreeMap::from([("201".to_owned(), 1), ("409 seat_taken".to_owned(), 49)]);
    findings.say(is_so, format!("50 customers lock one seat: {}", list(&outcomes)));

    let many = scene.event(50, |event| event.payment_ttl_seconds = 5).await?;
    let book = async |(guest, seat): (&Client, u32)| {
        let hold: HoldView = lock(guest, many, seat).await?.into()?;
        let booked = guest.book_hold(many, hold.hold_id).await?;
        let is_theirs = booked.body["seats"] == serde_json::json!([format!("A-1-{seat}")]);
        anyhow::Ok((booked, is_theirs))
    };
    let booked = try_join_all(guests.iter().zip(1..).map(book)).await?;
    let own = booked.iter().filter(|(booked, is_theirs)| booked.status == 201 && *is_theirs).count();
    findings.say(own == 50, format!("50 customers each lock a seat and book: {own} have the seat they locked"));
    let unpaid = Instant::now();
    while scene.free(many).await? != Some(50) && unpaid.elapsed() < Duration::from_secs(30) {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let free = scene.free(many).await?;
    let after = unpaid.elapsed().as_secs_f64();
    let free_now = free.unwrap_or_default();
    findings.say(
        free == Some(50),
        format!("nobody pays within 5 s: {free_now} of 50 seats are free again after {after:.1} s"),
    );
    Ok(())
}
