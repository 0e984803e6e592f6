//! Limits that are nobody's service: Redis running our script for its own load generator, nginx answering by itself.

use std::path::Path;

use anyhow::Context as _;
use contract::{CustomerId, EventId, ReservationId, TierId};
use nix::sys::signal::Signal;
use stack::process::{Spec, make_server_folder};
use stack::tools::Tools;
use tokio::process::Command;

use super::scene::Scene;

/// Clients of redis-benchmark.
const CLIENTS: u32 = 50;
/// The script's code for a refusal (lua/prelude.lua).
const SOLD_OUT: i64 = 2;
/// The gate's script and what it stands on.
const PRELUDE: &str = include_str!("../../../../lua/prelude.lua");
const LEDGER: &str = include_str!("../../../../lua/ledger.lua");
const SCRIPT: &str = include_str!("../../../../lua/check_and_decrement.lua");

/// Refusals of a sold-out tier a second, by `redis-benchmark` with so many commands at a time, for about so many seconds.
pub async fn script(scene: &Scene, pipeline: u32, seconds: u32) -> anyhow::Result<f64> {
    let address = scene.unlatched.stack.ready().redis;
    let url = address.strip_prefix("redis://:").context("a Redis with a password")?;
    let (password, host) = url.trim_end_matches('/').split_once('@').context("a Redis with a password")?;
    let (_, port) = host.rsplit_once(':').context("a Redis with a port")?;
    // As many as are done in the time if each took as long as it alone takes: some 60,000 to 150,000 a second.
    let requests = u64::from(seconds) * 60_000;
    let (event, tier) = scene.sold_out_event;
    let call = evalsha(&address, event, tier).await?;
    is_refusal(&address, &call).await?;
    let mut command = Command::new("redis-benchmark");
    command.args(["-p", port, "-a", password, "-q", "--csv", "-c", &CLIENTS.to_string(), "-P", &pipeline.to_string()]);
    command.args(["-n", &requests.to_string()]).args(call);
    let output = command.kill_on_drop(true).output().await.context("redis-benchmark could not be run")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let rate = text.lines().last().and_then(|line| line.split("\",\"").nth(1)?.trim_matches('"').parse().ok());
    rate.with_context(|| format!("redis-benchmark said: {text}{}", String::from_utf8_lossy(&output.stderr)))
}

/// Errors are quick too: what is measured is to be a refusal.
async fn is_refusal(address: &str, call: &[String]) -> anyhow::Result<()> {
    let mut connection = redis::Client::open(address)?.get_multiplexed_async_connection().await?;
    let mut once = redis::pipe();
    once.cmd(&call[0]).arg(&call[1..]);
    let (reply,): (Vec<redis::Value>,) = once.query_async(&mut connection).await.context("the gate's script")?;
    anyhow::ensure!(reply.first() == Some(&redis::Value::Int(SOLD_OUT)), "the gate's script answered {reply:?}");
    Ok(())
}

async fn evalsha(address: &str, event: EventId, tier: TierId) -> anyhow::Result<Vec<String>> {
    let mut connection = redis::Client::open(address)?.get_multiplexed_async_connection().await?;
    let mut info = redis::pipe();
    info.cmd("INFO").arg("server");
    let (info,): (String,) = info.query_async(&mut connection).await?;
    let run_id = info.lines().find_map(|line| line.strip_prefix("run_id:")).context("Redis has a run_id")?;
    // As the gatekeepers have loaded it.
    let (before, after) = SCRIPT.split_once("--@ ledger\n").context("the script has a place for the ledger")?;
    #[expect(clippy::disallowed_methods, reason = "the limit is measured past the services")]
    let sha = redis::Script::new(&format!("{PRELUDE}\n{before}\n{LEDGER}\n{after}")).get_hash().to_owned();
    let keys = ["meta", "ledger", "due", "customers", "seats", "map", "feed", "changes"]
        .map(|key| format!("{{e:{event}}}:{key}"));
    let mut arguments = vec!["EVALSHA".to_owned(), sha, keys.len().to_string()];
    arguments.extend(keys);
    let (rid, customer) = (ReservationId::fresh(), CustomerId::fresh());
    arguments.extend([run_id.to_owned(), rid.to_string(), customer.to_string(), tier.to_string()]);
    arguments.extend(["1", "c:10000:0:"].map(str::to_owned));
    Ok(arguments)
}

/// An nginx that answers everything itself.
pub fn plain_nginx(tools: &Tools, folder: &Path, port: u16, logs: &Path) -> anyhow::Result<Spec> {
    make_server_folder(folder)?;
    let config = folder.join("nginx.conf");
    let at = folder.display();
    let bodies =
        ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(|kind| format!("{kind}_temp_path {at}/{kind};"));
    let text = format!(
        "worker_processes auto; pid {at}/nginx.pid; error_log stderr warn;\n\
         events {{ worker_connections 4096; multi_accept on; }}\n\
         http {{ access_log off; keepalive_requests 1000000; {}\n\
         server {{ listen 127.0.0.1:{port} reuseport; location / {{ return 200 ok; }} }} }}\n",
        bodies.join(" ")
    );
    std::fs::write(&config, text)?;
    let arguments = ["-p", &at.to_string(), "-c", &config.display().to_string(), "-e", "stderr", "-g", "daemon off;"];
    Ok(Spec {
        program: tools.nginx.clone(),
        arguments: arguments.map(str::to_owned).into(),
        environment: Vec::new(),
        is_unprivileged: true,
        death_signal: Signal::SIGTERM,
        log: logs.join("plain-nginx.log"),
    })
}
