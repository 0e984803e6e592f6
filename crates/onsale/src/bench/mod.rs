//! `onsale bench`: this machine's limits and how near to them Onsale comes, measured in turn in one run.
//!
//! Speeds of a shared machine mean little by themselves, so each of ours is set against a limit that was measured right
//! beside it: limit, ours, limit, ours, … and the median of the pairs' ratios is what counts.

pub mod baseline;
mod commits;
mod feed;
mod pgbench;
mod report;
mod scene;
mod wrk;

use std::path::PathBuf;

use indicatif::ProgressBar;

use feed::Crowd;
use report::Report;
use scene::Scene;

/// Connections of the load: enough to keep two cores busy, few enough to leave latency alone.
const CONNECTIONS: u32 = 64;
/// Clients of pgbench, and of the bookings set against it at the same concurrency.
const ROW_LOCK_CLIENTS: u32 = 50;
/// A crowd: more buyers at once than a row lock could ever serve.
const CROWD: u32 = 256;

/// Seats that go each second while thousands watch, and for how long.
const CHANGES_PER_SECOND: u32 = 200;
const CHANGES_SECONDS: u32 = 10;

/// What is measured.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  onsale bench\n  onsale bench --quick\n  onsale bench --pairs 10 --json bench.json"
)]
pub struct Arguments {
    /// Pairs of limit and ours for each figure.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=50))]
    pairs: u32,

    /// Seconds of each measurement.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=60))]
    seconds: u32,

    /// Two pairs of two seconds: a first impression in about a minute.
    #[arg(long)]
    quick: bool,

    /// Clients that watch the live feed of one replica; 0 leaves the feed out.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(..=15_000))]
    watchers: u32,

    /// The live feed alone.
    #[arg(long)]
    only_feed: bool,

    /// Write the ratios and figures to this file as well.
    #[arg(long)]
    json: Option<PathBuf>,
}

/// Measures, and prints a table.
pub async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let (pairs, seconds) = if arguments.quick { (2, 2) } else { (arguments.pairs, arguments.seconds) };
    let bar = ProgressBar::new_spinner();
    bar.enable_steady_tick(std::time::Duration::from_millis(100));
    let mut report = Report::default();
    if !arguments.only_feed {
        bar.set_message("starting two stacks and the bare servers");
        let scene = Scene::set().await?;
        for pair in 1..=pairs {
            let tell = |what: &str| bar.set_message(format!("pair {pair} of {pairs}: {what}"));
            measure(&scene, seconds, &mut report, &tell).await?;
        }
        scene.check().await?;
    }
    if arguments.watchers > 0 {
        let crowd = Crowd {
            watchers: usize::try_from(arguments.watchers)?,
            changes_per_second: CHANGES_PER_SECOND,
            seconds: CHANGES_SECONDS,
        };
        let tell = |what: &str| bar.set_message(what.to_owned());
        report.set_feed(feed::run(crowd, &tell).await?);
    }
    bar.finish_and_clear();
    print!("{report}");
    if let Some(path) = arguments.json {
        std::fs::write(&path, serde_json::to_vec_pretty(&report.to_json())?)?;
        println!("written to {}", path.display());
    }
    report.check()
}

async fn measure(scene: &Scene, seconds: u32, report: &mut Report, tell: &dyn Fn(&str)) -> anyhow::Result<()> {
    tell("refusals from the latch");
    let limit = wrk::run(&scene.bare_url, &scene.bare_constant, CONNECTIONS, seconds).await?.all_refused()?;
    let ours = wrk::run(&scene.latched.url, &scene.sold_out_latched, CONNECTIONS, seconds).await?.all_refused()?;
    report.pair("refuse_latch_on", "nginx → bare actix, constant answer", limit, ours);

    tell("refusals from the script");
    let limit = wrk::run(&scene.bare_url, &scene.bare_evalsha, CONNECTIONS, seconds).await?.all_refused()?;
    let ours = wrk::run(&scene.unlatched.url, &scene.sold_out_unlatched, CONNECTIONS, seconds).await?.all_refused()?;
    report.pair("refuse_latch_off", "nginx → bare actix, one EVALSHA", limit, ours);

    tell("durable bookings against the row lock");
    let row_lock = pgbench::row_lock(&scene.latched, ROW_LOCK_CLIENTS, seconds).await?;
    let crowd = wrk::run(&scene.latched.url, &scene.bookings(), CROWD, seconds).await?.all_accepted()?;
    report.pair("book_vs_row_lock", "pgbench, row lock per request, 50 clients", row_lock, crowd);
    let few = wrk::run(&scene.latched.url, &scene.bookings(), ROW_LOCK_CLIENTS, seconds).await?.all_accepted()?;
    report.pair("book_vs_row_lock_at_50", "pgbench, row lock per request, 50 clients", row_lock, few);

    tell("the vault's commit call alone");
    let commits = commits::run(scene, seconds).await?;
    report.pair("commit_vs_row_lock", "pgbench, row lock per request, 50 clients", row_lock, commits);
    Ok(())
}
