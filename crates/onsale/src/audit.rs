//! `onsale audit`: I1 and I6 of a running system's events.

use std::fmt;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use contract::api::{AuditView, EventView, Page};
use contract::{Code, EventId};
use serde::Serialize;
use stack::Client;
use stampede::Verdict;
use stampede::report::exit_status;

use crate::{output, target};

/// Events on a page of the list.
const PAGE: u32 = 100;
/// Time between two looks at an event that is not even yet.
const POLL: Duration = Duration::from_millis(200);

/// Which system, and which of its events.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  onsale audit --ready-file ready.json\n  \
    onsale audit --url http://127.0.0.1:8080 --event 0198…  (with ONSALE_ADMIN_TOKEN set)\n  \
    onsale audit --ready-file ready.json --wait-seconds 30 --json\n\n\
    An account may be uneven for a moment while something is under way; --wait-seconds gives it time.\n\n\
    Exit status: 0 every account is even and nothing is oversold, 3 not so, 4 the inventory is being counted again or there \
    are no events; 1 it could not be run, 2 bad usage.")]
pub struct Arguments {
    #[command(flatten)]
    door: target::Door,

    /// This event alone; all of them if not given.
    #[arg(long)]
    event: Option<EventId>,

    /// Seconds an event that is not even may take to become so.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(..=3_600))]
    wait_seconds: u64,

    /// Write the result as JSON to this file; without a name, to standard output.
    #[arg(long, num_args = 0..=1, default_missing_value = output::STANDARD_OUTPUT)]
    json: Option<PathBuf>,
}

/// The audit of all that were asked for.
#[derive(Serialize)]
struct Audits {
    verdict: Verdict,
    events: Vec<Audited>,
}

#[derive(Serialize)]
struct Audited {
    event_id: EventId,
    name: String,
    verdict: Verdict,
    /// Missing while the inventory is being counted again.
    audit: Option<AuditView>,
}

/// Audits, tells, and exits by the verdict.
pub async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let target = arguments.door.target(None)?.context("which system? give --ready-file or --url")?;
    let admin = Client::new(&target.url)?.with_token(&target.admin_token);
    let bar = output::spinner();
    let mut events = Vec::new();
    for event in wanted(&admin, arguments.event).await? {
        bar.set_message(format!("{} ({} done)", event.name, events.len()));
        events.push(audit(&admin, event, Duration::from_secs(arguments.wait_seconds)).await?);
    }
    bar.finish_and_clear();
    let is = |verdict| events.iter().any(|event| event.verdict == verdict);
    let verdict = if is(Verdict::Violated) {
        Verdict::Violated
    } else if is(Verdict::Unknown) || events.is_empty() {
        Verdict::Unknown
    } else {
        Verdict::Ok
    };
    let audits = Audits { verdict, events };
    output::tell(&audits, &audits, arguments.json.as_ref())?;
    Ok(ExitCode::from(exit_status(verdict)))
}

async fn wanted(admin: &Client, one: Option<EventId>) -> anyhow::Result<Vec<EventView>> {
    if let Some(id) = one {
        return Ok(vec![admin.event(id).await?]);
    }
    let mut events = Vec::new();
    for page in 1.. {
        let answer = admin.get(&format!("/api/v1/events?page={page}&limit={PAGE}")).await?;
        let list: Page<EventView> = answer.into()?;
        let is_last = list.items.len() < usize::try_from(PAGE)?;
        events.extend(list.items);
        if is_last {
            break;
        }
    }
    Ok(events)
}

async fn audit(admin: &Client, event: EventView, wait: Duration) -> anyhow::Result<Audited> {
    let deadline = tokio::time::Instant::now() + wait;
    loop {
        let answer = admin.get(&format!("/api/v1/events/{}/audit", event.event_id)).await?;
        // Any other failure is one, and no finding.
        let is_rebuilding = answer.code() == Code::InventoryRebuilding.as_str();
        let audit = if is_rebuilding { None } else { Some(answer.into::<AuditView>()?) };
        let verdict = match &audit {
            None => Verdict::Unknown,
            Some(audit) if audit.ok => Verdict::Ok,
            Some(_) => Verdict::Violated,
        };
        if verdict == Verdict::Ok || tokio::time::Instant::now() >= deadline {
            return Ok(Audited { event_id: event.event_id, name: event.name, verdict, audit });
        }
        tokio::time::sleep(POLL).await;
    }
}

impl fmt::Display for Audits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for event in &self.events {
            writeln!(f, "{}  {}: {}", event.event_id, event.name, word(event.verdict))?;
            let Some(audit) = &event.audit else { continue };
            for tier in &audit.tiers {
                writeln!(
                    f,
                    "  tier {}: {} = {} available + {} held + {} committing + {} sold, leak {}, oversold {}",
                    tier.tier_id,
                    tier.capacity,
                    tier.available,
                    tier.held,
                    tier.committing,
                    tier.sold,
                    tier.leak,
                    tier.oversold
                )?;
            }
            let seats = &audit.seats;
            if seats.total > 0 {
                writeln!(
                    f,
                    "  seats: {} = {} available + {} held + {} committing + {} reserved + {} sold, leak {}, booked twice {}",
                    seats.total,
                    seats.available,
                    seats.held,
                    seats.committing,
                    seats.reserved,
                    seats.sold,
                    seats.leak,
                    seats.double_booked
                )?;
            }
        }
        let what = if self.events.is_empty() { "unknown: there are no events" } else { word(self.verdict) };
        writeln!(f, "verdict: {what}")
    }
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Ok => "ok",
        Verdict::Violated => "VIOLATED",
        Verdict::Unknown => "unknown: the inventory is being counted again",
    }
}
