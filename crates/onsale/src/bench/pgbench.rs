//! The row lock's side, by pgbench on the very Postgres the vault uses.

use anyhow::Context as _;
use stack::tools::Tools;
use tokio::process::Command;

use super::scene::Sale;

const TABLES: &str = "CREATE TABLE IF NOT EXISTS bench_event (id int PRIMARY KEY, stock bigint NOT NULL CHECK (stock >= 0)); \
    INSERT INTO bench_event VALUES (1, 1000000000) ON CONFLICT DO NOTHING; \
    CREATE TABLE IF NOT EXISTS bench_booking (id bigserial PRIMARY KEY, event_id int NOT NULL REFERENCES bench_event, \
    customer_id uuid NOT NULL);";

/// Transactions a second of the row lock with this many clients.
pub async fn row_lock(sale: &Sale, clients: u32, seconds: u32) -> anyhow::Result<f64> {
    let folder = Tools::find()?.postgres_folder;
    let url = sale.stack.ready().postgres;
    let script = sale.stack.data().join("row_lock.sql");
    std::fs::write(&script, include_str!("row_lock.sql"))?;
    run(Command::new(folder.join("psql")).args(["-qX", &url, "-c", TABLES])).await?;
    let clients = clients.to_string();
    let seconds = seconds.to_string();
    let mut pgbench = Command::new(folder.join("pgbench"));
    pgbench.args(["-n", "-M", "prepared", "-j", "2", "-c", &clients, "-T", &seconds, "-f"]).arg(&script).arg(&url);
    let text = run(&mut pgbench).await?;
    let rate = text.lines().find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse().ok());
    rate.with_context(|| format!("pgbench said: {text}"))
}

async fn run(command: &mut Command) -> anyhow::Result<String> {
    let output = command.kill_on_drop(true).output().await?;
    anyhow::ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
