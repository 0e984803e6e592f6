//! What a run came to, for people and for programs.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use contract::EventId;
use hdrhistogram::Histogram;
use serde::Serialize;

use crate::check::{self, Check, Invariant, Verdict};
use crate::history::History;
use crate::outcome::Outcome;
use crate::scenario::Scenario;

/// Of a latency: a thousandth of it is told apart.
const SIGNIFICANT_DIGITS: u8 = 3;
/// Longer than any reply is waited for: an hour.
const LATENCY_MAX_US: u64 = 3_600_000_000;

/// A run, judged.
#[derive(Debug, Serialize)]
pub struct Report {
    /// On the whole.
    pub verdict: Verdict,
    /// What was played.
    pub scenario: Scenario,
    /// The event it was played on.
    pub event_id: EventId,
    /// Tickets and seats there were.
    pub capacity: i64,
    /// Tickets and seats in live bookings at the end.
    pub sold: i64,
    /// Arrivals that were planned.
    pub offered: u64,
    /// Arrivals whose first request left.
    pub sent: u64,
    /// Those whose did not: too many were under way, or no connection could be had.
    pub unsent: u64,
    /// Requests in all.
    pub requests: u64,
    /// Seconds from the first intended request to the last reply.
    pub seconds: f64,
    /// Requests by what became of them.
    pub outcomes: BTreeMap<String, u64>,
    /// From the intended time of a request to its reply.
    pub latency_ms: Latency,
    /// Whether Postgres and Redis were read.
    pub is_witnessed: bool,
    /// Each invariant.
    pub checks: BTreeMap<Invariant, Check>,
}

/// Quantiles, in milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Latency {
    /// Median.
    pub p50: f64,
    /// 95 %.
    pub p95: f64,
    /// 99 %.
    pub p99: f64,
    /// 99.9 %.
    pub p999: f64,
    /// The longest.
    pub max: f64,
}

impl Report {
    /// Judges a history.
    pub fn of(history: &History) -> anyhow::Result<Self> {
        let checks = check::check(history);
        let mut outcomes = BTreeMap::new();
        let mut latencies = Histogram::<u64>::new_with_bounds(1, LATENCY_MAX_US, SIGNIFICANT_DIGITS)?;
        // Of arrivals: whether anything of theirs left.
        let mut left: HashMap<u32, bool> = HashMap::new();
        let mut last_us = 0;
        for operation in &history.operations {
            *outcomes.entry(operation.outcome.kind()).or_default() += 1;
            last_us = last_us.max(operation.returned_us);
            if matches!(operation.outcome, Outcome::NotSent(_)) {
                left.entry(operation.arrival).or_default();
            } else {
                left.insert(operation.arrival, true);
                latencies.saturating_record(operation.returned_us.saturating_sub(operation.intended_us));
            }
        }
        let unsent = history.dropped + u64::try_from(left.values().filter(|left| !**left).count())?;
        let tiers: i64 = history.event.tiers.iter().map(|tier| tier.capacity).sum();
        let rows = history.evidence.iter().flat_map(|evidence| &evidence.postgres.bookings);
        Ok(Self {
            verdict: check::overall(history, &checks),
            scenario: history.plan.scenario,
            event_id: history.event.event_id,
            capacity: tiers + i64::from(history.event.seats_total),
            sold: rows.filter(|row| row.status.is_live()).map(|row| row.quantity).sum(),
            offered: history.offered,
            sent: history.offered.saturating_sub(unsent),
            unsent,
            requests: u64::try_from(history.operations.len())?,
            seconds: millis(last_us) / 1e3,
            outcomes,
            latency_ms: Latency::of(&latencies),
            is_witnessed: history.evidence.is_some(),
            checks,
        })
    }

    /// The exit status that tells the verdict: 0 ok, 3 violated, 4 unknown.
    #[must_use]
    pub fn exit_status(&self) -> u8 {
        exit_status(self.verdict)
    }
}

/// 0 ok, 3 violated, 4 unknown. 1 and 2 are left to what could not be run and to bad usage.
#[must_use]
pub fn exit_status(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Ok => 0,
        Verdict::Violated => 3,
        Verdict::Unknown => 4,
    }
}

impl Latency {
    fn of(histogram: &Histogram<u64>) -> Self {
        let at = |quantile| millis(histogram.value_at_quantile(quantile));
        Self { p50: at(0.5), p95: at(0.95), p99: at(0.99), p999: at(0.999), max: millis(histogram.max()) }
    }
}

/// Microseconds as milliseconds, to a hundredth.
#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn millis(us: u64) -> f64 {
    (us as f64 / 10.0).round() / 100.0
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.scenario.name();
        writeln!(f, "\n{name}: {} of {} sold; {} came", self.sold, self.capacity, self.offered)?;
        writeln!(
            f,
            "  sent {}, unsent {}, {} requests in {:.1} s",
            self.sent, self.unsent, self.requests, self.seconds
        )?;
        for (kind, count) in &self.outcomes {
            writeln!(f, "  {count:>9}  {kind}")?;
        }
        let Latency { p50, p95, p99, p999, max } = self.latency_ms;
        writeln!(
            f,
            "  latency from the intended time: p50 {p50} ms, p95 {p95} ms, p99 {p99} ms, p99.9 {p999} ms, max {max} ms\n"
        )?;
        for (invariant, check) in &self.checks {
            let word = match check.verdict {
                Verdict::Ok => "ok",
                Verdict::Violated => "VIOLATED",
                Verdict::Unknown => "not tested",
            };
            let label = format!("{invariant:?}");
            writeln!(f, "  {label:<4} {:<32} {word:<11} {} examined", invariant.says(), check.examined)?;
            for offence in &check.offending {
                writeln!(f, "         {}", offence.what)?;
                if let Some(operation) = &offence.operation {
                    writeln!(f, "           {}", serde_json::to_string(operation).unwrap_or_default())?;
                }
            }
            let listed = u64::try_from(check.offending.len()).unwrap_or(u64::MAX);
            if check.violations > listed {
                writeln!(f, "         … and {} more", check.violations - listed)?;
            }
        }
        let verdict = match self.verdict {
            Verdict::Ok => "ok",
            Verdict::Violated => "VIOLATED",
            Verdict::Unknown if !self.is_witnessed => "unknown: Postgres and Redis were not read",
            Verdict::Unknown => {
                "unknown: too little happened, or was answered in the end; more arrivals or more seconds may tell"
            }
        };
        writeln!(f, "\nverdict: {verdict}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_is_told_as_a_second() {
        let mut histogram = Histogram::<u64>::new_with_bounds(1, LATENCY_MAX_US, SIGNIFICANT_DIGITS).unwrap();
        (0..90).for_each(|_| histogram.saturating_record(500));
        (0..10).for_each(|_| histogram.saturating_record(1_000_000));
        let latency = Latency::of(&histogram);
        assert!((latency.p50 - 0.5).abs() < 0.01 && (latency.p99 - 1_000.0).abs() < 1.0, "{latency:?}");
    }
}
