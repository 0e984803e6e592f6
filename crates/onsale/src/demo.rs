//! `onsale demo`: the demonstrations that five well-known systems are built around, on the real thing, each with an
//! outcome that can be otherwise.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::ValueEnum;
use contract::EventId;
use contract::api::{HoldView, NewEvent};
use futures_util::StreamExt as _;
use futures_util::future::try_join_all;
use lab::{LabReport, Sale, Strategy};
use stack::client::Answer;
use stack::{Client, Stack, demo};
use stampede::arrivals::{Arrivals, Spacing};
use stampede::{Plan, Report, Scenario, Target, Verdict};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::{lab as lab_command, output, target};

/// Which demonstration.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  onsale demo                 all five, in about a minute\n  onsale demo ticketblitz\n\n\
    Exit status: 0 everything was as it should be, 3 something was not; 1 it could not be run, 2 bad usage."
)]
pub struct Arguments {
    /// One of them; all if not given.
    #[arg(value_enum)]
    which: Option<Demonstration>,
}

/// Whose demonstration it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Demonstration {
    /// One ticket, 50 buyers, with a pause between reading and writing.
    Safeticket,
    /// 100 tickets, 10 clients for 5 seconds, naively and by a script.
    Ticketblitz,
    /// 50 customers lock one seat; 50 lock a seat each and book it; who does not pay loses it.
    TicketBookingSystem,
    /// 500 on one seat; thousands on a hundred seats; 10,000 requests a second. Three replicas behind nginx.
    Ticketengine,
    /// Two visitors on different replicas: one takes a seat, the other sees it go and cannot have it.
    Ticketmain,
}

/// What is said, and whether it is so.
struct Findings(Vec<(bool, String)>);

impl Findings {
    fn say(&mut self, is_so: bool, what: impl Into<String>) {
        let what = what.into();
        println!("  {}  {what}", if is_so { "ok    " } else { "FAILED" });
        self.0.push((is_so, what));
    }
}

/// Demonstrates, and exits by whether it went as it should.
pub async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let all = Demonstration::value_variants();
    let mut findings = Findings(Vec::new());
    for which in all.iter().filter(|which| arguments.which.is_none_or(|one| one == **which)) {
        let name = which.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
        println!("{name}");
        match which {
            Demonstration::Safeticket => safeticket(&mut findings).await?,
            Demonstration::Ticketblitz => ticketblitz(&mut findings).await?,
            Demonstration::TicketBookingSystem => ticket_booking_system(&mut findings).await?,
            Demonstration::Ticketengine => ticketengine(&mut findings).await?,
            Demonstration::Ticketmain => ticketmain(&mut findings).await?,
        }
    }
    let failed = findings.0.iter().filter(|(is_so, _)| !is_so).count();
    println!(
        "{}",
        if failed == 0 { "all as it should be".to_owned() } else { format!("{failed} not as it should be") }
    );
    let verdict = if failed == 0 { Verdict::Ok } else { Verdict::Violated };
    Ok(ExitCode::from(stampede::report::exit_status(verdict)))
}

async fn safeticket(findings: &mut Findings) -> anyhow::Result<()> {
    let sale = Sale { capacity: 1, clients: 50, seconds: None };
    let strategies = [Strategy::Naive, Strategy::RowLock, Strategy::Onsale];
    let report = compare(&sale, &strategies, Duration::from_millis(300)).await?;
    let [naive, row_lock, onsale] = &report.strategies[..] else { anyhow::bail!("three strategies") };
    findings.say(naive.oversold > 0, format!("read, pause, write: {} sold of 1", naive.sold));
    for row in [row_lock, onsale] {
        let is_so = row.sold == 1 && row.refused == 49 && row.lost == 0 && row.errors_5xx == 0;
        findings.say(is_so, format!("{}: {} sold of 1, {} refused with 409", row.name, row.sold, row.refused));
    }
    Ok(())
}

async fn ticketblitz(findings: &mut Findings) -> anyhow::Result<()> {
    let sale = Sale { capacity: 100, clients: 10, seconds: Some(5) };
    let report = compare(&sale, &[Strategy::Naive, Strategy::RedisLua, Strategy::Onsale], Duration::ZERO).await?;
    let [naive, script, onsale] = &report.strategies[..] else { anyhow::bail!("three strategies") };
    findings.say(naive.oversold > 0, format!("read, look, write: {} sold of 100", naive.sold));
    for row in [script, onsale] {
        let is_so = row.sold == 100 && row.lost == 0 && row.errors_5xx == 0;
        let speed = format!("{:.0} requests/s, p95 {:.2} ms", row.requests_per_second, row.p95_ms);
        findings.say(is_so, format!("{}: {} sold of 100 in {} requests, {speed}", row.name, row.sold, row.requests));
    }
    Ok(())
}

async fn compare(sale: &Sale, strategies: &[Strategy], pause: Duration) -> anyhow::Result<LabReport> {
    let bar = output::spinner();
    let report = lab_command::compare(sale, strategies, pause, &|what| bar.set_message(what)).await;
    bar.finish_and_clear();
    report
}

/// A stack with an administrator, and guests to come.
struct Scene {
    stack: Stack,
    admin: Client,
}

impl Scene {
    async fn set() -> anyhow::Result<Self> {
        let bar = output::spinner();
        bar.set_message("starting a stack");
        let stack = target::start(3).await?;
        bar.finish_and_clear();
        let ready = stack.ready();
        Ok(Self { admin: Client::new(&ready.url)?.with_token(&ready.admin_token), stack })
    }

    async fn guests(&self, count: usize) -> anyhow::Result<Vec<Client>> {
        try_join_all((0..count).map(|_| self.admin.guest())).await
    }

    async fn event(&self, seats: u32, change: impl FnOnce(&mut NewEvent)) -> anyhow::Result<EventId> {
        let mut new = demo::event("Demonstration", "Loopback")?;
        new.sections = vec![demo::section("A", 1, seats, 9_000)];
        change(&mut new);
        Ok(self.admin.create_event(&new).await?.event_id)
    }

    async fn free(&self, event: EventId) -> anyhow::Result<Option<i64>> {
        Ok(self.admin.event(event).await?.seats_available)
    }
}

async fn ticket_booking_system(findings: &mut Findings) -> anyhow::Result<()> {
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
    findings.say(free == Some(50), format!("nobody pays within 5 s: all 50 seats are free again after {after:.1} s"));
    Ok(())
}

async fn lock(guest: &Client, event: EventId, seat: u32) -> anyhow::Result<Answer> {
    guest.post(&format!("/api/v1/events/{event}/seats/A-1-{seat}/lock"), &serde_json::Value::Null).await
}

async fn ticketengine(findings: &mut Findings) -> anyhow::Result<()> {
    let scene = Scene::set().await?;
    let guests = scene.guests(500).await?;
    let one = scene.event(1, |_| ()).await?;
    let outcomes = tally(&try_join_all(guests.iter().map(|guest| lock(guest, one, 1))).await?);
    let is_so = outcomes == BTreeMap::from([("201".to_owned(), 1), ("409 seat_taken".to_owned(), 499)]);
    findings.say(is_so, format!("500 customers on one seat: {}", list(&outcomes)));

    let rush = stampede(&scene.stack, Scenario::SeatRush, 3_000, 10).await?;
    let is_so = rush.verdict == Verdict::Ok && rush.sold <= 100 && has_no_failure(&rush);
    findings.say(is_so, format!("3,000 a second for 10 s on 100 seats: {} sold, no 5xx, {}", rush.sold, word(&rush)));
    let hot = stampede(&scene.stack, Scenario::HotTier, 10_000, 10).await?;
    let latency = hot.latency_ms;
    let is_so = hot.verdict == Verdict::Ok && hot.unsent == 0 && has_no_failure(&hot) && latency.p95 < 15.0;
    let speed = format!("p95 {} ms, p99 {} ms", latency.p95, latency.p99);
    let what = format!(
        "10,000 a second for 10 s, 99 % in vain: {} sold of {}, {speed}, {}",
        hot.sold,
        hot.capacity,
        word(&hot)
    );
    findings.say(is_so, what);
    Ok(())
}

async fn stampede(stack: &Stack, scenario: Scenario, rate: u32, seconds: u32) -> anyhow::Result<Report> {
    let plan = Plan {
        scenario,
        arrivals: Arrivals { rate, seconds, spacing: Spacing::Poisson, spike: true },
        capacity: None,
        watchers: 3,
        connections_max: 1_500,
        under_way_max: 50_000,
        patience: Duration::from_secs(35),
        seed: 1,
    };
    let bar = output::spinner();
    bar.set_message(format!("{rate} a second for {seconds} s"));
    let history = stampede::run(&Target::from(&stack.ready()), plan, &|_| ()).await;
    bar.finish_and_clear();
    Report::of(&history?)
}

fn has_no_failure(report: &Report) -> bool {
    !report.outcomes.keys().any(|kind| kind.starts_with('5') || kind.starts_with("unknown") || kind == "not_sent")
}

fn word(report: &Report) -> String {
    let found = report.checks.values().filter(|check| check.verdict == Verdict::Ok).count();
    match report.verdict {
        Verdict::Ok => format!("{found} invariants checked and none violated"),
        Verdict::Violated => "invariants VIOLATED".into(),
        Verdict::Unknown => "too little happened to say".into(),
    }
}

async fn ticketmain(findings: &mut Findings) -> anyhow::Result<()> {
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
    findings.say(is_seen && after < 300, format!("the other, on the second, sees it go {after} ms after the click"));
    let refused = lock(&other, event, 5).await?;
    let title = refused.body["title"].as_str().unwrap_or_default().to_owned();
    findings.say(refused.status == 409 && refused.code() == "seat_taken", format!("and cannot have it: \"{title}\""));
    Ok(())
}

async fn watch(url: &str, event: EventId) -> anyhow::Result<WebSocketStream<TcpStream>> {
    let authority = url.trim_start_matches("http://");
    let socket = TcpStream::connect(authority).await?;
    let mut feed = client_async(format!("ws://{authority}/api/v1/events/{event}/live"), socket).await?.0;
    // The first picture: what comes after it is new.
    feed.next().await.context("the live feed says nothing")??;
    Ok(feed)
}

/// Reads on until this seat is held.
async fn sees_held(feed: &mut WebSocketStream<TcpStream>, seat: u32) -> anyhow::Result<()> {
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

fn tally(answers: &[Answer]) -> BTreeMap<String, usize> {
    let mut tally = BTreeMap::new();
    for answer in answers {
        let kind = format!("{} {}", answer.status.as_u16(), answer.code());
        *tally.entry(kind.trim().to_owned()).or_default() += 1;
    }
    tally
}

fn list(tally: &BTreeMap<String, usize>) -> String {
    tally.iter().map(|(kind, count)| format!("{count} × {kind}")).collect::<Vec<_>>().join(", ")
}
