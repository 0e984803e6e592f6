//! `onsale lab`: the same flash sale by every strategy, on the same Postgres and Redis.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::ValueEnum as _;
use lab::face::{self, Face};
use lab::shop::Counter;
use lab::{LabReport, Sale, Shop, Strategy, chart};
use stampede::Verdict;
use stampede::report::exit_status;

use crate::{output, target};

/// Gatekeepers of the stack that `onsale` sells by.
const REPLICAS: usize = 3;

/// Which strategies, and what they have to stand.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  onsale lab\n  onsale lab --strategies naive,row-lock,onsale --capacity 1 --clients 50 --once --pause-ms 300\n  \
    onsale lab --clients 10 --seconds 5 --json lab.json --svg lab.svg\n  \
    onsale lab --serve --port 9090     POST /buy, /book/unsafe, /book/safe, /reset, for k6 scripts written for others\n\n\
    The naive strategies are meant to oversell. Exit status: 0 onsale sold what there was and failed nobody (or took no \
    part), 3 it did not; 1 it could not be run, 2 bad usage."
)]
pub struct Arguments {
    /// Strategies, in this order; all of them if not given.
    #[arg(long, value_enum, value_delimiter = ',')]
    strategies: Vec<Strategy>,

    /// Tickets there are.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(i64).range(1..=1_000_000))]
    capacity: i64,

    /// Clients at once, each asking again as soon as it has an answer.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=2_000))]
    clients: u16,

    /// Seconds of each sale.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=600))]
    seconds: u32,

    /// Each client asks once.
    #[arg(long, conflicts_with = "seconds")]
    once: bool,

    /// How long the naive strategies think between reading the stock and writing it, in milliseconds.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u64).range(..=10_000))]
    pause_ms: u64,

    /// Write the results as JSON to this file; without a name, to standard output.
    #[arg(long, num_args = 0..=1, default_missing_value = output::STANDARD_OUTPUT)]
    json: Option<PathBuf>,

    /// Draw the results into this SVG file.
    #[arg(long)]
    svg: Option<PathBuf>,

    /// Serve the strategies over HTTP until Ctrl-C, instead of attacking them.
    #[arg(long, conflicts_with_all = ["strategies", "clients", "seconds", "once", "json", "svg"])]
    serve: bool,

    /// The port to serve on.
    #[arg(long, default_value_t = 9_090, requires = "serve")]
    port: u16,

    /// How `POST /buy` sells.
    #[arg(long, value_enum, default_value_t = Strategy::RedisLua, requires = "serve")]
    buy: Strategy,
}

/// Runs or serves.
pub async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    if arguments.serve {
        return serve(&arguments).await.map(|()| ExitCode::SUCCESS);
    }
    let seconds = (!arguments.once).then_some(arguments.seconds);
    let sale = Sale { capacity: arguments.capacity, clients: arguments.clients.into(), seconds };
    let strategies = if arguments.strategies.is_empty() {
        Strategy::value_variants().to_vec()
    } else {
        arguments.strategies.clone()
    };
    let bar = output::spinner();
    let pause = Duration::from_millis(arguments.pause_ms);
    let report = compare(&sale, &strategies, pause, &|what| bar.set_message(what)).await?;
    bar.finish_and_clear();
    output::tell(&report, &report, arguments.json.as_ref())?;
    if let Some(path) = &arguments.svg {
        std::fs::write(path, chart::svg(&report)).with_context(|| format!("{} cannot be written", path.display()))?;
        eprintln!("drawn into {}", path.display());
    }
    let verdict = if report.is_ok() { Verdict::Ok } else { Verdict::Violated };
    Ok(ExitCode::from(exit_status(verdict)))
}

/// One sale by each strategy, on a stack of their own.
pub async fn compare(
    sale: &Sale,
    strategies: &[Strategy],
    pause: Duration,
    tell: &dyn Fn(String),
) -> anyhow::Result<LabReport> {
    tell("starting a stack".into());
    let stack = target::start(REPLICAS).await?;
    let ready = stack.ready();
    let counter = Counter::open(&ready.postgres).await?;
    let mut rows = Vec::new();
    for (number, strategy) in (1..).zip(strategies) {
        tell(format!("{} ({number} of {})", strategy.name(), strategies.len()));
        rows.push(if *strategy == Strategy::Onsale {
            sale.run_on_stack(&stack, &counter).await?
        } else {
            let shop = Shop::open(&ready.postgres, &ready.redis, pause).await?;
            let face = open(&shop, sale.capacity, *strategy, String::new(), 0)?;
            sale.run_in_shop(*strategy, &shop, &face, &counter).await?
        });
    }
    let pause_ms = u64::try_from(pause.as_millis())?;
    Ok(LabReport { sale: *sale, pause_ms, strategies: rows })
}

async fn serve(arguments: &Arguments) -> anyhow::Result<()> {
    anyhow::ensure!(arguments.buy != Strategy::Onsale, "onsale sells by its own services: `onsale up`");
    let bar = output::spinner();
    bar.set_message("starting a stack");
    let stack = target::start(1).await?;
    let ready = stack.ready();
    let shop = Shop::open(&ready.postgres, &ready.redis, Duration::from_millis(arguments.pause_ms)).await?;
    shop.reset(arguments.capacity).await?;
    let token = uuid::Uuid::new_v4().simple().to_string();
    let face = open(&shop, arguments.capacity, arguments.buy, token.clone(), arguments.port)?;
    bar.finish_and_clear();
    let url = &face.url;
    println!(
        "The lab is open at {url}\n\n  curl -X POST {url}/buy                  sells by {}\n  \
         curl -X POST {url}/book/unsafe          sells naively\n  \
         curl -X POST {url}/book/safe            sells under a row lock\n  \
         curl {url}/stock                        what is in the books\n  \
         curl -X POST {url}/strategies/NAME/buy  sells by any of them\n  \
         curl -X POST {url}/reset -H 'Authorization: Bearer {token}'\n\nCtrl-C stops it.",
        arguments.buy.name()
    );
    tokio::signal::ctrl_c().await?;
    Ok(())
}

fn open(shop: &Shop, capacity: i64, buy: Strategy, admin_token: String, port: u16) -> anyhow::Result<face::Open> {
    face::open(Face { shop: shop.clone(), buy, capacity, admin_token }, port)
        .with_context(|| format!("port {port} cannot be served on"))
}
