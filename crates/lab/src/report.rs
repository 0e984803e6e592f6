//! What the lab found: a table for people, the same numbers for programs.

use std::fmt;

use comfy_table::{Table, presets};
use serde::Serialize;

use crate::sale::Sale;

/// All strategies of a run.
#[derive(Debug, Serialize)]
pub struct LabReport {
    /// Tickets, clients and how long they went on; the same for all.
    pub sale: Sale,
    /// How long the naive ones thought, in milliseconds.
    pub pause_ms: u64,
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
    /// Tickets left by the strategy's own count; the bare script's, which is in Redis, is not read.
    pub left: Option<i64>,
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
    /// Whether Onsale, where it took part, sold what there was and no more, lost nothing and failed nobody. It may keep
    /// tickets only if nobody was refused one.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        let ours = self.strategies.iter().filter(|row| row.name == "onsale");
        let sold_what_there_was = |row: &Row| row.sold == row.capacity || row.refused == 0;
        ours.into_iter()
            .all(|row| sold_what_there_was(row) && row.oversold == 0 && row.lost == 0 && row.errors_5xx == 0)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn report(sold: i64, refused: u64, errors_5xx: u64) -> LabReport {
        let row = Row {
            name: "onsale".into(),
            capacity: 100,
            sold,
            left: Some(100 - sold),
            oversold: (sold - 100).max(0),
            lost: 0,
            errors_5xx,
            requests_per_second: 1.0,
            p50_ms: 1.0,
            p95_ms: 1.0,
            p99_ms: 1.0,
            requests: 1,
            refused,
            postgres_transactions: 1,
        };
        LabReport { sale: Sale { capacity: 100, clients: 1, seconds: None }, pause_ms: 0, strategies: vec![row] }
    }

    #[test]
    fn what_is_not_sold_though_somebody_wanted_it_is_not_right() {
        assert!(report(100, 10, 0).is_ok());
        assert!(report(50, 0, 0).is_ok(), "nobody else came");
        assert!(!report(0, 10, 0).is_ok());
        assert!(!report(101, 10, 0).is_ok());
        assert!(!report(100, 10, 1).is_ok());
    }
}
