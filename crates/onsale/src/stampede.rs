//! `onsale stampede`: sends a crowd and judges what it was told.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use stampede::arrivals::{Arrivals, Spacing};
use stampede::{History, Plan, Progress, Report, Scenario, Target};

use crate::{output, target};

/// Arrivals of a run at most: each is remembered until the verdict, at some hundred bytes.
const ARRIVALS_MAX: u64 = 20_000_000;

/// Who comes, when, and for what.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  onsale stampede                                     a hot tier, on a stack of its own\n  \
    onsale stampede --scenario seat-rush --rate 500\n  \
    onsale stampede --scenario hot-tier --rate 10000 --seconds 60 --spike --json report.json\n  \
    onsale stampede --ready-file ready.json             against a running `onsale up --ready-file ready.json`\n  \
    onsale stampede --save history.ndjson               keep everything that was asked and answered\n  \
    onsale stampede --check history.ndjson              and judge it again\n\n\
    Exit status: 0 the verdict is ok, 3 violated, 4 unknown (too little happened, or is known, to say); 1 it could not be run, 2 bad usage."
)]
pub struct Arguments {
    /// What is sold, and what people want of it.
    #[arg(long, value_enum, default_value_t = Scenario::HotTier)]
    scenario: Scenario,

    /// Arrivals a second.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    rate: u32,

    /// For how long.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=3_600))]
    seconds: u32,

    /// How arrivals are spaced.
    #[arg(long, value_enum, default_value_t = Spacing::Poisson)]
    arrivals: Spacing,

    /// Climb from no arrivals to the rate within the first second, as when a sale opens.
    #[arg(long)]
    spike: bool,

    /// Tickets, and seats; as suits the scenario and so many arrivals if not given.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=20_000))]
    capacity: Option<u32>,

    /// Watchers of the live feed.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    watchers: u16,

    /// Connections to the front door at most.
    #[arg(long, default_value_t = 512, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    connections: u16,

    /// How long a reply is waited for before its outcome counts as unknown, in seconds.
    #[arg(long, default_value_t = 35, value_parser = clap::value_parser!(u64).range(1..=300))]
    timeout_seconds: u64,

    /// Where all chance comes from; the same seed, the same crowd.
    #[arg(long, default_value_t = 1)]
    seed: u64,

    /// Gatekeepers, if it starts a stack of its own.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=32))]
    replicas: u8,

    #[command(flatten)]
    door: target::Door,

    #[command(flatten)]
    stores: target::StoreAddresses,

    /// Write the report as JSON to this file; without a name, to standard output.
    #[arg(long, num_args = 0..=1, default_missing_value = output::STANDARD_OUTPUT)]
    json: Option<PathBuf>,

    /// Keep the whole history in this file, one JSON object a line.
    #[arg(long)]
    save: Option<PathBuf>,

    /// Judge a history that was kept, and send nobody.
    #[arg(long, conflicts_with_all = ["save", "url", "ready_file", "scenario", "rate", "seconds", "capacity", "seed"])]
    check: Option<PathBuf>,
}

/// Runs, tells, and exits by the verdict.
pub async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let history = match &arguments.check {
        Some(path) => History::load(path)?,
        None => send(&arguments).await?,
    };
    let report = Report::of(&history)?;
    output::tell(&report, &report, arguments.json.as_ref())?;
    if let Some(path) = &arguments.save {
        history.save(path)?;
        eprintln!("history kept in {}", path.display());
    }
    Ok(ExitCode::from(report.exit_status()))
}

async fn send(arguments: &Arguments) -> anyhow::Result<History> {
    let (rate, seconds) = (arguments.rate, arguments.seconds);
    let offered = u64::from(rate) * u64::from(seconds);
    anyhow::ensure!(offered <= ARRIVALS_MAX, "{offered} arrivals are too many to remember; at most {ARRIVALS_MAX}");
    let arrivals = Arrivals { rate, seconds, spacing: arguments.arrivals, spike: arguments.spike };
    let plan = Plan {
        capacity: arguments.capacity,
        watchers: arguments.watchers.into(),
        connections_max: arguments.connections.into(),
        patience: Duration::from_secs(arguments.timeout_seconds),
        seed: arguments.seed,
        ..Plan::new(arguments.scenario, arrivals)
    };
    let bar = output::spinner();
    let tell = |progress| match progress {
        Progress::Doing(what) => bar.set_message(what),
        Progress::Coming { come, offered, answered } => {
            bar.set_message(format!("{come} of {offered} have come, {answered} requests were answered"));
        }
    };
    let (_stack, target) = if let Some(target) = arguments.door.target(Some(&arguments.stores))? {
        if target.stores.is_none() {
            bar.println(
                "Postgres and Redis will not be read (--postgres and --redis, or --ready-file): no verdict but unknown",
            );
        }
        (None, target)
    } else {
        bar.set_message("starting a stack");
        let stack = target::start(arguments.replicas.into()).await?;
        let target = Target::from(&stack.ready());
        (Some(stack), target)
    };
    let history = stampede::run(&target, plan, &tell).await;
    bar.finish_and_clear();
    history
}
