//! `onsale bench`: this machine's limits and how near to them Onsale comes, measured in turn in one run.
//!
//! Speeds of a shared machine mean little by themselves, so each of ours is set against a limit that was measured in the
//! same round, some seconds before or after: the median of the rounds' ratios is what counts.

pub mod baseline;
mod commits;
mod crowd;
mod feed;
mod limits;
mod meter;
mod pgbench;
mod report;
mod scene;
mod series;
mod wrk;

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use stack::Stack;

use crate::output;
use crowd::Round;
use feed::Crowd;
use meter::{Cpu, Meter};
use report::Report;
use scene::Scene;
use series::What;

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
#[command(after_help = "Examples:\n  onsale bench                       some ten minutes\n  \
    onsale bench --quick               every ratio, in less than a minute\n  \
    onsale bench --json bench.json --report docs/BENCHMARKS.md\n\n\
    A ratio that misses its target is shown so, and is no failure. Exit status: 0 it was measured, 1 it could not be, or \
    something was not even right (a booking that does not add up, a watcher with a wrong picture), 2 bad usage.")]
pub struct Arguments {
    /// Rounds; in each everything is measured once, ours and the limits in turn.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=50))]
    pairs: u32,

    /// Seconds of each measurement.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=60))]
    seconds: u32,

    /// Two rounds of a second each, of what the ratios need.
    #[arg(long, conflicts_with_all = ["pairs", "seconds", "watchers", "only_feed"])]
    quick: bool,

    /// Clients that watch the live feed of one replica; 0 leaves the feed out.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(..=15_000))]
    watchers: u32,

    /// The live feed alone.
    #[arg(long)]
    only_feed: bool,

    /// Write the ratios and figures as JSON to this file; without a name, to standard output.
    #[arg(long, num_args = 0..=1, default_missing_value = output::STANDARD_OUTPUT)]
    json: Option<PathBuf>,

    /// Write the page of the documentation to this file, and its chart into `pictures` beside it.
    #[arg(long)]
    report: Option<PathBuf>,
}

/// Measures, and prints tables.
pub async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let (rounds, seconds) = if arguments.quick { (2, 1) } else { (arguments.pairs, arguments.seconds) };
    let bar = output::spinner();
    let mut report = Report::default();
    if !arguments.only_feed {
        bar.set_message("starting two stacks and the bare servers");
        let scene = Scene::set().await?;
        for round in 1..=rounds {
            let tell = |what: What| bar.set_message(format!("round {round} of {rounds}: {}", what.is));
            let mut bench = Bench { scene: &scene, seconds, report: &mut report, tell: &tell };
            bench.ratios().await?;
            if !arguments.quick {
                bench.others().await?;
            }
        }
        report.set_memory(meter::memory_mib(&scene.latched.stack));
        bar.set_message("checking that everything sold adds up");
        scene.check().await?;
    }
    if arguments.watchers > 0 && !arguments.quick {
        let crowd = Crowd {
            watchers: usize::try_from(arguments.watchers)?,
            changes_per_second: CHANGES_PER_SECOND,
            seconds: CHANGES_SECONDS,
        };
        let tell = |what: &str| bar.set_message(what.to_owned());
        report.set_feed(feed::run(crowd, &tell).await?);
    }
    bar.finish_and_clear();
    output::tell(&report, &report.to_json(), arguments.json.as_ref())?;
    if let Some(path) = &arguments.report {
        write_page(&report, path)?;
    }
    report.check()
}

fn write_page(report: &Report, path: &Path) -> anyhow::Result<()> {
    let pictures = path.parent().unwrap_or(Path::new(".")).join("pictures");
    std::fs::create_dir_all(&pictures)?;
    std::fs::write(pictures.join("bench.svg"), report.to_svg())?;
    std::fs::write(path, report.to_markdown()).with_context(|| format!("{} cannot be written", path.display()))
}

/// One round.
struct Bench<'a> {
    scene: &'a Scene,
    seconds: u32,
    report: &'a mut Report,
    tell: &'a dyn Fn(What),
}

impl Bench<'_> {
    /// Ours and their limits, in turn.
    async fn ratios(&mut self) -> anyhow::Result<()> {
        let (scene, seconds) = (self.scene, self.seconds);
        let (latched, unlatched) = (&scene.latched, &scene.unlatched);
        let refused = async |url: &str, script: &Path| wrk::run(url, script, CONNECTIONS, seconds).await?.all_refused();
        let booked = async |buyers| {
            let script = scene.bookings()?;
            wrk::run(&latched.url, &script, buyers, seconds).await?.all_accepted()
        };

        self.limit(series::BARE_CONSTANT, refused(&scene.bare_url, &scene.bare_constant)).await?;
        let ours = refused(&latched.url, &scene.sold_out_latched);
        self.ours(series::REFUSE_LATCH_ON, &latched.stack, ours).await?;
        let ours = refused(&scene.limited.url, &scene.sold_out_limited);
        self.ours(series::REFUSE_LIMITS_ON, &scene.limited.stack, ours).await?;

        self.limit(series::BARE_EVALSHA, refused(&scene.bare_url, &scene.bare_evalsha)).await?;
        let ours = refused(&unlatched.url, &scene.sold_out_unlatched);
        self.ours(series::REFUSE_LATCH_OFF, &unlatched.stack, ours).await?;

        self.limit(series::ROW_LOCK, pgbench::row_lock(latched, ROW_LOCK_CLIENTS, seconds)).await?;
        self.ours(series::BOOK, &latched.stack, booked(CROWD)).await?;
        self.ours(series::BOOK_AT_50, &latched.stack, booked(ROW_LOCK_CLIENTS)).await?;
        self.ours(series::COMMIT, &latched.stack, commits::run(scene, seconds)).await?;
        self.limit(series::INSERT, pgbench::insert(latched, ROW_LOCK_CLIENTS, seconds)).await?;
        self.limit(series::UNNEST_256, pgbench::unnest(latched, 256, seconds)).await
    }

    /// Limits further down, and what has none beside it.
    async fn others(&mut self) -> anyhow::Result<()> {
        let (scene, seconds) = (self.scene, self.seconds);
        let returned = async { wrk::run(&scene.plain_url, &scene.plain, CONNECTIONS, seconds).await?.all_accepted() };
        self.limit(series::NGINX_RETURN, returned).await?;
        self.limit(series::SCRIPT_1, limits::script(scene, 1, seconds)).await?;
        self.limit(series::SCRIPT_16, limits::script(scene, 16, seconds)).await?;
        self.limit(series::SCRIPT_64, limits::script(scene, 64, seconds)).await?;
        self.limit(series::UNNEST_64, pgbench::unnest(&scene.latched, 64, seconds)).await?;
        let clients = usize::try_from(CONNECTIONS)?;
        let rounds = [
            (series::HOLD_RELEASE, Round::HoldAndRelease),
            (series::HOLD_BOOK, Round::HoldAndBook),
            (series::SEAT_MAP, Round::SeatMap),
        ];
        // A new one each time: what is booked does not come back.
        let arena = scene.latched.arena().await?;
        for (what, round) in rounds {
            let measure = crowd::rounds(scene, arena, round, clients, seconds);
            self.ours(what, &scene.latched.stack, measure).await?;
        }
        Ok(())
    }

    async fn limit(&mut self, what: What, measure: impl Future<Output = anyhow::Result<f64>>) -> anyhow::Result<()> {
        (self.tell)(what);
        let rate = measure.await.with_context(|| what.is)?;
        self.report.add(what, rate, &Cpu::new(), self.seconds);
        Ok(())
    }

    async fn ours(
        &mut self,
        what: What,
        stack: &Stack,
        measure: impl Future<Output = anyhow::Result<f64>>,
    ) -> anyhow::Result<()> {
        (self.tell)(what);
        let meter = Meter::start(stack);
        let rate = measure.await.with_context(|| what.is)?;
        self.report.add(what, rate, &meter.stop(), self.seconds);
        Ok(())
    }
}
