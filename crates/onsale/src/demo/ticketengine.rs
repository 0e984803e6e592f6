//! `TicketEngine`'s: five hundred on one seat, thousands on a hundred seats, ten thousand requests a second.

use std::collections::BTreeMap;

use futures_util::future::try_join_all;
use stack::Stack;
use stampede::arrivals::{Arrivals, Spacing};
use stampede::{Plan, Report, Scenario, Target, Verdict};

use super::Findings;
use super::scene::{Scene, list, lock, tally};
use crate::output;

/// How long a crowd comes.
const SECONDS: u32 = 10;
/// What `TicketEngine` claims.
const P95_MAX_MS: f64 = 15.0;

pub(super) async fn show(findings: &mut Findings, slow_machine: bool) -> anyhow::Result<()> {
    let scene = Scene::set().await?;
    let guests = scene.guests(500).await?;
    let one = scene.event(1, |_| ()).await?;
    let outcomes = tally(&try_join_all(guests.iter().map(|guest| lock(guest, one, 1))).await?);
    let is_so = outcomes == BTreeMap::from([("201".to_owned(), 1), ("409 seat_taken".to_owned(), 499)]);
    findings.say(is_so, format!("500 customers on one seat: {}", list(&outcomes)));

    let (rush_rate, hot_rate) = if slow_machine { (300, 1_000) } else { (3_000, 10_000) };
    let rush = stampede(&scene.stack, Scenario::SeatRush, rush_rate, SECONDS).await?;
    let is_so = rush.verdict == Verdict::Ok && rush.sold == 100 && failures(&rush) == 0;
    let sold = format!("{} sold, {} failures, {}", rush.sold, failures(&rush), word(&rush));
    findings.say(is_so, format!("{rush_rate} a second for {SECONDS} s on 100 seats: {sold}"));

    let hot = stampede(&scene.stack, Scenario::HotTier, hot_rate, SECONDS).await?;
    let latency = hot.latency_ms;
    let is_quick = slow_machine || (latency.p95 < P95_MAX_MS && hot.unsent == 0);
    let is_so = hot.verdict == Verdict::Ok && hot.sold == hot.capacity && failures(&hot) == 0 && is_quick;
    let speed = format!("{} unsent, p95 {} ms (at most {P95_MAX_MS})", hot.unsent, latency.p95);
    let sold = format!("{} sold of {}, {} failures, {speed}, {}", hot.sold, hot.capacity, failures(&hot), word(&hot));
    findings.say(is_so, format!("{hot_rate} a second for {SECONDS} s, 99 % in vain: {sold}"));
    Ok(())
}

async fn stampede(stack: &Stack, scenario: Scenario, rate: u32, seconds: u32) -> anyhow::Result<Report> {
    let arrivals = Arrivals { rate, seconds, spacing: Spacing::Poisson, spike: true };
    let plan = Plan { connections_max: 1_500, ..Plan::new(scenario, arrivals) };
    let bar = output::spinner();
    bar.set_message(format!("{rate} a second for {seconds} s"));
    let history = stampede::run(&Target::from(&stack.ready()), plan, &|_| ()).await;
    bar.finish_and_clear();
    Report::of(&history?)
}

/// Requests that were answered by a 5xx, or not at all.
fn failures(report: &Report) -> u64 {
    let is_failure = |kind: &str| kind.starts_with('5') || kind.starts_with("unknown") || kind.starts_with("not sent");
    report.outcomes.iter().filter(|(kind, _)| is_failure(kind)).map(|(_, count)| count).sum()
}

fn word(report: &Report) -> String {
    let found = report.checks.values().filter(|check| check.verdict == Verdict::Ok).count();
    match report.verdict {
        Verdict::Ok => format!("{found} invariants checked and none violated"),
        Verdict::Violated => "invariants VIOLATED".into(),
        Verdict::Unknown => "too little happened, or is known, to say".into(),
    }
}
