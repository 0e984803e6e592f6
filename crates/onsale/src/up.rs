//! `onsale up`: the whole of Onsale on this machine, until Ctrl-C.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::ValueEnum;
use contract::api::EventView;
use indicatif::{ProgressBar, ProgressStyle};
use stack::{Client, Options, PostgresShape, RedisShape, Report, Role, Stack, demo};
use tokio::signal::unix::{SignalKind, signal};

/// What is started.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  onsale up\n  onsale up --replicas 5 --port 8080\n  \
    onsale up --redis cluster --postgres standby  several servers of each store, to see them fail over\n  \
    onsale up --data ./data            keeps events and bookings between runs\n  \
    onsale up --ready-file ready.json  for scripts: URLs, an administrator's token, process ids")]
pub struct Arguments {
    /// Gatekeepers behind nginx.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=32))]
    replicas: u8,

    /// One Redis; a primary with a replica and three Sentinels; or a Cluster of three shards with a replica each. Of
    /// several servers, one that dies is not started again, so that another takes over.
    #[arg(long, value_enum, default_value_t = RedisChoice::Server)]
    redis: RedisChoice,

    /// One Postgres; or a primary and a standby that has every commit before it is acknowledged.
    #[arg(long, value_enum, default_value_t = PostgresChoice::Server)]
    postgres: PostgresChoice,

    /// Keep Redis' and Postgres' data in this folder. Without it they are gone afterwards.
    #[arg(long)]
    data: Option<PathBuf>,

    /// nginx' port; a free one if not given.
    #[arg(long)]
    port: Option<u16>,

    /// Rate limits by address and customer. Off by default, since every local client has the same address.
    #[arg(long, value_enum, default_value_t = Switch::Off)]
    limits: Switch,

    /// The built page to serve; `web/dist` unless there is none, and then the API alone.
    #[arg(long)]
    page: Option<PathBuf>,

    /// Written as JSON when everything is ready, and again whenever a process id changes.
    #[arg(long)]
    ready_file: Option<PathBuf>,

    /// Leave a process that dies dead, instead of starting it again.
    #[arg(long)]
    no_restart: bool,

    /// Make no demo events.
    #[arg(long)]
    no_demo: bool,

    /// Start a Prometheus as well, with the rules and alerts of `deploy/prometheus`.
    #[arg(long)]
    prometheus: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Switch {
    On,
    Off,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum RedisChoice {
    Server,
    Sentinel,
    Cluster,
}

impl From<RedisChoice> for RedisShape {
    fn from(choice: RedisChoice) -> Self {
        match choice {
            RedisChoice::Server => Self::Server,
            RedisChoice::Sentinel => Self::Sentinel,
            RedisChoice::Cluster => Self::Cluster,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum PostgresChoice {
    Server,
    Standby,
}

impl From<PostgresChoice> for PostgresShape {
    fn from(choice: PostgresChoice) -> Self {
        match choice {
            PostgresChoice::Server => Self::Server,
            PostgresChoice::Standby => Self::Standby,
        }
    }
}

/// Starts, shows where everything is, and waits for Ctrl-C or SIGTERM.
pub async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let options = Options {
        replicas: arguments.replicas.into(),
        redis: arguments.redis.into(),
        postgres: arguments.postgres.into(),
        data: arguments.data,
        port: arguments.port,
        limits: arguments.limits == Switch::On,
        page: page(arguments.page)?,
        restart: !arguments.no_restart,
        ready_file: arguments.ready_file,
        prometheus: arguments.prometheus,
        ..Options::default()
    };
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut terminated = signal(SignalKind::terminate())?;

    let bar = progress();
    let reporter: stack::stack::Reporter = Arc::new({
        let bar = bar.clone();
        move |report| show(&bar, &report)
    });
    let has_page = options.page.is_some();
    let starting = tokio::task::spawn_blocking(move || Stack::start(&options, reporter));
    let stack = tokio::select! {
        // Children that were started end with this process.
        _ = interrupted.recv() => anyhow::bail!("interrupted"),
        _ = terminated.recv() => anyhow::bail!("terminated"),
        started = starting => started??,
    };
    if !arguments.no_demo {
        bar.set_message("making the demo events");
        match make_demo(&stack).await {
            Ok(events) => {
                for event in events {
                    say(&bar, &format!("  event    {}  {}", event.event_id, event.name));
                }
            }
            Err(error) => say(&bar, &format!("  failed   demo events: {error:#}")),
        }
    }
    stack.write_ready_file()?;
    bar.finish_and_clear();
    print!("{}", describe(&stack, has_page));

    tokio::select! {
        _ = interrupted.recv() => {}
        _ = terminated.recv() => {}
    }
    eprintln!("stopping");
    tokio::task::spawn_blocking(move || stack.stop()).await?;
    Ok(())
}

/// The page that was asked for, or the one built in this checkout.
fn page(asked: Option<PathBuf>) -> anyhow::Result<Option<PathBuf>> {
    let is_built = |folder: &PathBuf| folder.join("index.html").exists();
    match asked {
        Some(folder) if is_built(&folder) => Ok(Some(folder)),
        Some(folder) => {
            anyhow::bail!("no page is in {}: index.html is missing; build it with: make page", folder.display())
        }
        None => Ok(Some(PathBuf::from("web/dist")).filter(is_built)),
    }
}

async fn make_demo(stack: &Stack) -> anyhow::Result<Vec<EventView>> {
    let ready = stack.ready();
    demo::load(&Client::new(&ready.url)?.with_token(&ready.admin_token)).await
}

fn progress() -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed} {msg}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(100));
    bar.set_message("setting up Postgres");
    bar
}

fn show(bar: &ProgressBar, report: &Report) {
    let line = match report {
        Report::Started(role, pid) => {
            bar.set_message(format!("waiting for {role}"));
            format!("  started  {role} (process {pid})")
        }
        Report::Died(role, how) => format!("  died     {role}: it {how}"),
        Report::Failed(role, why) => format!("  failed   {role}: {why}"),
    };
    say(bar, &line);
}

/// Prints above the spinner, or plainly where there is none.
fn say(bar: &ProgressBar, line: &str) {
    if bar.is_finished() || bar.is_hidden() { eprintln!("{line}") } else { bar.println(line) }
}

fn describe(stack: &Stack, has_page: bool) -> String {
    let ready = stack.ready();
    let log = stack.child(Role::Nginx).map(|child| child.log().parent().map(std::path::Path::to_owned));
    let logs = log.ok().flatten().unwrap_or_default();
    format!(
        "\nOnsale is open at {url}\n{page}\n  \
         curl -s {url}/api/v1/events\n  \
         curl -s -X POST {url}/api/v1/sessions\n\n  \
         gatekeepers  {replicas}\n  \
         vault        {vault}\n  \
         {prometheus}admin token  {token}\n  \
         logs         {logs}\n\n\
         Ctrl-C stops everything.\n",
        url = ready.url,
        page = if has_page { "Open it in a browser; the operator's page takes the token below.\n" } else { "" },
        replicas = ready.replicas.join("  "),
        vault = ready.vault,
        prometheus = ready.prometheus.map(|url| format!("prometheus   {url}/alerts\n  ")).unwrap_or_default(),
        token = ready.admin_token,
        logs = logs.display(),
    )
}
