//! What is measured: each thing a name, a sentence, and one number a round; and which are set against which.

use std::collections::BTreeMap;

use super::meter::Cpu;

/// One thing that is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct What {
    /// Its name in JSON.
    pub name: &'static str,
    /// What it is, for people.
    pub is: &'static str,
    /// Of what a second.
    pub unit: &'static str,
}

const fn what(name: &'static str, is: &'static str, unit: &'static str) -> What {
    What { name, is, unit }
}

/// nginx alone.
pub const NGINX_RETURN: What = what("nginx_return", "nginx: `return 200`", "requests");
/// The least a server behind nginx can do.
pub const BARE_CONSTANT: What = what("bare_constant", "nginx → bare actix, constant answer", "requests");
/// And with one script in between.
pub const BARE_EVALSHA: What = what("bare_evalsha", "nginx → bare actix → the least EVALSHA there is", "requests");
/// The gate's script by itself.
pub const SCRIPT_1: What = what("script_pipeline_1", "redis-benchmark, the gate's script, one at a time", "refusals");
/// The same in pipelines of 16.
pub const SCRIPT_16: What =
    what("script_pipeline_16", "redis-benchmark, the gate's script, pipelines of 16", "refusals");
/// The same in pipelines of 64.
pub const SCRIPT_64: What =
    what("script_pipeline_64", "redis-benchmark, the gate's script, pipelines of 64", "refusals");
/// The per-request way.
pub const ROW_LOCK: What = what("row_lock_50", "pgbench, row lock per request, 50 clients", "bookings");
/// An INSERT without a lock.
pub const INSERT: What = what("insert_50", "pgbench, INSERT per request, 50 clients", "rows");
/// Batches of 64.
pub const UNNEST_64: What = what("unnest_64", "pgbench, row lock and batched unnest of 64", "rows");
/// Batches of 256.
pub const UNNEST_256: What = what("unnest_256", "pgbench, row lock and batched unnest of 256", "rows");
/// Refused by the latch.
pub const REFUSE_LATCH_ON: What = what("refuse_latch_on", "Onsale: refusals from the latch", "requests");
/// Refused by the latch, with everybody counted.
pub const REFUSE_LIMITS_ON: What = what("refuse_limits_on", "Onsale: refusals from the latch, limits on", "requests");
/// Refused by the script.
pub const REFUSE_LATCH_OFF: What = what("refuse_latch_off", "Onsale: refusals from the script", "requests");
/// Booked by a crowd.
pub const BOOK: What = what("book_256", "Onsale: durable bookings, 256 buyers", "bookings");
/// Booked by as many as the row lock has clients.
pub const BOOK_AT_50: What = what("book_50", "Onsale: durable bookings, 50 buyers", "bookings");
/// The vault alone.
pub const COMMIT: What = what("commit", "Onsale: the vault's commit call alone", "bookings");
/// Holds given back.
pub const HOLD_RELEASE: What = what("hold_release", "Onsale: a random seat held and released, 64 clients", "rounds");
/// Holds booked.
pub const HOLD_BOOK: What = what("hold_book", "Onsale: a random seat held and booked, 64 clients", "rounds");
/// Seat maps read.
pub const SEAT_MAP: What = what("seat_map", "Onsale: the state of 50,000 seats read", "reads");

/// Ours over a limit.
pub const RATIOS: [(&str, What, What, Option<f64>); 8] = [
    ("refuse_latch_on", REFUSE_LATCH_ON, BARE_CONSTANT, Some(0.9)),
    ("refuse_limits_on", REFUSE_LIMITS_ON, REFUSE_LATCH_ON, Some(0.9)),
    ("refuse_latch_off", REFUSE_LATCH_OFF, BARE_EVALSHA, Some(0.85)),
    ("book_vs_row_lock", BOOK, ROW_LOCK, Some(5.0)),
    ("book_vs_row_lock_at_50", BOOK_AT_50, ROW_LOCK, Some(5.0)),
    ("commit_vs_row_lock", COMMIT, ROW_LOCK, Some(20.0)),
    ("commit_vs_insert", COMMIT, INSERT, None),
    ("commit_vs_unnest_256", COMMIT, UNNEST_256, None),
];

/// All numbers of one thing.
#[derive(Debug, Clone)]
pub struct Series {
    /// What it is.
    pub what: What,
    /// A second, one a round.
    pub rates: Vec<f64>,
    /// CPU microseconds for each one, by role, one a round; empty for what is not ours.
    pub cpu_us: BTreeMap<&'static str, Vec<f64>>,
}

impl Series {
    /// A series without numbers.
    #[must_use]
    pub fn of(what: What) -> Self {
        Self { what, rates: Vec::new(), cpu_us: BTreeMap::new() }
    }

    /// Adds a round: so many a second, and what they cost in all these seconds.
    pub fn add(&mut self, rate: f64, cpu: &Cpu, seconds: f64) {
        self.rates.push(rate);
        for (role, cpu_seconds) in cpu {
            self.cpu_us.entry(role).or_default().push(cpu_seconds * 1e6 / (rate * seconds));
        }
    }
}

/// The middle, or the mean of the two in the middle.
#[must_use]
pub fn median(numbers: &[f64]) -> f64 {
    let mut numbers = numbers.to_vec();
    numbers.sort_by(f64::total_cmp);
    let middle = numbers.len() / 2;
    match numbers.len() {
        0 => 0.0,
        odd if odd % 2 == 1 => numbers[middle],
        _ => f64::midpoint(numbers[middle - 1], numbers[middle]),
    }
}

/// The least and the most.
#[must_use]
pub fn spread(numbers: &[f64]) -> (f64, f64) {
    (numbers.iter().copied().fold(f64::INFINITY, f64::min), numbers.iter().copied().fold(0.0, f64::max))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_is_in_the_middle() {
        assert!((median(&[3.0, 1.0, 2.0]) - 2.0).abs() < 1e-9);
        assert!((median(&[4.0, 1.0]) - 2.5).abs() < 1e-9);
        assert_eq!(spread(&[3.0, 1.0]), (1.0, 3.0));
    }

    #[test]
    fn cost_is_shared_by_all_that_were_served() {
        let mut series = Series::of(BOOK);
        series.add(1_000.0, &Cpu::from([("redis", 0.5)]), 2.0);
        assert!((series.cpu_us["redis"][0] - 250.0).abs() < 1e-9);
    }
}
