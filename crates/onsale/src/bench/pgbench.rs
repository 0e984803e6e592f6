//! Postgres' side, by pgbench on the very server the vault uses.

use anyhow::Context as _;
use stack::tools::Tools;
use tokio::process::Command;

use super::scene::Sale;

const TABLES: &str = "CREATE TABLE IF NOT EXISTS bench_event (id int PRIMARY KEY, stock bigint NOT NULL CHECK (stock >= 0)); \
    INSERT INTO bench_event VALUES (1, 1000000000) ON CONFLICT DO NOTHING; \
    CREATE TABLE IF NOT EXISTS bench_booking (id bigserial PRIMARY KEY, event_id int NOT NULL REFERENCES bench_event, \
    customer_id uuid NOT NULL);";

/// The per-request way: lock the row, look, count down, insert, commit. Transactions a second.
pub async fn row_lock(sale: &Sale, clients: u32, seconds: u32) -> anyhow::Result<f64> {
    transactions(sale, "row_lock", include_str!("row_lock.sql"), clients, seconds).await
}

/// Nothing but an INSERT and its COMMIT. Transactions a second.
pub async fn insert(sale: &Sale, clients: u32, seconds: u32) -> anyhow::Result<f64> {
    let script = "INSERT INTO bench_booking (event_id, customer_id) VALUES (1, gen_random_uuid());";
    transactions(sale, "insert", script, clients, seconds).await
}

/// The batched way: one lock and one INSERT of so many rows, from two clients, so that one works while the other's commit
/// is flushed. Rows a second.
pub async fn unnest(sale: &Sale, rows: u32, seconds: u32) -> anyhow::Result<f64> {
    let script = format!(
        "BEGIN;\nSELECT stock FROM bench_event WHERE id = 1 FOR UPDATE;\n\
         UPDATE bench_event SET stock = stock - {rows} WHERE id = 1;\n\
         INSERT INTO bench_booking (event_id, customer_id) SELECT 1, customer_id FROM \
         unnest(ARRAY(SELECT gen_random_uuid() FROM generate_series(1, {rows}))) customer_id;\nCOMMIT;\n"
    );
    Ok(transactions(sale, &format!("unnest_{rows}"), &script, 2, seconds).await? * f64::from(rows))
}

async fn transactions(sale: &Sale, name: &str, script: &str, clients: u32, seconds: u32) -> anyhow::Result<f64> {
    let folder = Tools::find()?.postgres_folder;
    let url = sale.stack.ready().postgres;
    let path = sale.stack.data().join(format!("{name}.sql"));
    std::fs::write(&path, script)?;
    run(Command::new(folder.join("psql")).args(["-qX", &url, "-c", TABLES])).await?;
    let clients = clients.to_string();
    let seconds = seconds.to_string();
    let mut pgbench = Command::new(folder.join("pgbench"));
    pgbench.args(["-n", "-M", "prepared", "-j", "2", "-c", &clients, "-T", &seconds, "-f"]).arg(&path).arg(&url);
    let text = run(&mut pgbench).await?;
    let rate = text.lines().find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse().ok());
    rate.with_context(|| format!("pgbench said: {text}"))
}

async fn run(command: &mut Command) -> anyhow::Result<String> {
    let output = command.kill_on_drop(true).output().await?;
    anyhow::ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
