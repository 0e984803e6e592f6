//! What the lab found: a table for people, the same numbers for programs.

use std::fmt;

use comfy_table::{Table, presets};
use serde::Serialize;

/// All strategies of a run.
#[derive(Debug, Serialize)]
pub struct LabReport {
    /// One each, in the order they ran.
    pub strategies: Vec<Row>,
}

/// One strategy's sale.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// The strategy.
    pub name: String,
    /// Tickets there were.
    pub capacity: i64,
    /// Sales in the books.
    pub sold: i64,
    /// Sales beyond the capacity.
    pub oversold: i64,
    /// Buyers who were told that they have a ticket, and are in no book.
    pub lost: i64,
    /// Requests that failed.
    pub errors_5xx: u64,
    /// Answers of any kind a second.
    pub requests_per_second: f64,
    /// Median time to an answer.
    pub p50_ms: f64,
    /// 95 %.
    pub p95_ms: f64,
    /// 99 %.
    pub p99_ms: f64,
    /// Answers of any kind.
    pub requests: u64,
    /// Answers that there is no ticket.
    pub refused: u64,
    /// What it cost Postgres, its own bookkeeping included.
    pub postgres_transactions: i64,
}

impl LabReport {
    /// Whether Onsale, where it took part, sold what there was and no more, lost nothing and failed nobody.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        let ours = self.strategies.iter().filter(|row| row.name == "onsale");
        ours.into_iter().all(|row| row.oversold == 0 && row.lost == 0 && row.errors_5xx == 0)
    }
}

impl fmt::Display for LabReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new();
        table.load_style(presets::ASCII_MARKDOWN);
        table.set_header([
            "strategy",
            "sold",
            "oversold",
            "lost",
            "5xx",
            "requests/s",
            "p50 ms",
            "p95 ms",
            "p99 ms",
            "transactions",
        ]);
        for row in &self.strategies {
            table.add_row([
                row.name.clone(),
                format!("{} of {}", row.sold, row.capacity),
                row.oversold.to_string(),
                row.lost.to_string(),
                row.errors_5xx.to_string(),
                format!("{:.0}", row.requests_per_second),
                format!("{:.2}", row.p50_ms),
                format!("{:.2}", row.p95_ms),
                format!("{:.2}", row.p99_ms),
                row.postgres_transactions.to_string(),
            ]);
        }
        writeln!(f, "{table}")
    }
}
