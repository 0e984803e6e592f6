//! `SafeTicket`'s and `TicketBlitz`'s: the lab's strategies beside Onsale.

use std::time::Duration;

use lab::{LabReport, Sale, Strategy};

use super::Findings;
use crate::{lab as lab_command, output};

/// One ticket, fifty buyers, and a pause between reading and writing.
pub(super) async fn safeticket(findings: &mut Findings) -> anyhow::Result<()> {
    let sale = Sale { capacity: 1, clients: 50, seconds: None };
    let strategies = [Strategy::Naive, Strategy::RowLock, Strategy::Onsale];
    let report = compare(&sale, &strategies, Duration::from_millis(300)).await?;
    let [naive, row_lock, onsale] = &report.strategies[..] else { anyhow::bail!("three strategies") };
    findings.say(naive.oversold > 0, format!("read, pause, write: {} sold of 1", naive.sold));
    for row in [row_lock, onsale] {
        let is_so = row.sold == 1 && row.refused == 49 && row.left == Some(0) && row.lost == 0 && row.errors_5xx == 0;
        let left = row.left.map_or_else(|| "?".to_owned(), |left| left.to_string());
        findings
            .say(is_so, format!("{}: {} sold of 1, {} refused with 409, {left} left", row.name, row.sold, row.refused));
    }
    Ok(())
}

/// A hundred tickets, ten clients for five seconds.
pub(super) async fn ticketblitz(findings: &mut Findings) -> anyhow::Result<()> {
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
