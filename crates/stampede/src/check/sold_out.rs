//! I11: "sold out" is answered only if fewer tickets than asked for were left at some instant within the last 250 ms.
//!
//! Clients do not see the stock, but they know what they took and when they gave it back. At any instant the tickets that
//! *may* have been taken are those of every attempt that had been sent and had not certainly ended. If even then enough
//! were left, all the time from 250 ms before the question to the answer, the answer was not true.

use std::collections::{HashMap, HashSet};

use contract::{Code, ReservationId, TierId};

use super::Examination;
use crate::history::{Action, History, Operation};
use crate::outcome::Outcome;

/// How old a "sold out" may be.
const MEMORY_US: u64 = 250_000;
/// How long after its end a hold may still keep its tickets: the sweep's rhythm, a busy machine, and some.
const SWEEP_SLACK_US: u64 = 2_000_000;
/// How long an attempt that failed may keep tickets: a commit's lease, and until it is resolved.
const FAILED_KEEPS_US: u64 = 20_000_000;

pub(crate) fn sold_out_means_sold_out(history: &History) -> Examination {
    let mut examination = Examination::default();
    for tier in &history.event.tiers {
        let taken = Taken::of(history, tier.tier_id);
        let mut scarce: HashMap<i64, Vec<(u64, u64)>> = HashMap::new();
        for operation in first_times(history) {
            let Some((of, quantity)) = wanted(&operation.action) else { continue };
            if of != tier.tier_id || !operation.outcome.is_refused(Code::SoldOut) {
                continue;
            }
            examination.examine();
            let scarce = scarce.entry(quantity).or_insert_with(|| taken.above(tier.capacity - quantity));
            let from = operation.invoked_us.saturating_sub(MEMORY_US);
            if !meets(scarce, from, operation.returned_us) {
                let what = format!("at least {quantity} tickets were left for the 250 ms before, and until the answer");
                examination.offend(what, Some(operation));
            }
        }
    }
    examination
}

/// All but what was sent again under its key: that is answered as it was then, however many are left now.
fn first_times(history: &History) -> impl Iterator<Item = &Operation> {
    let mut seen = HashSet::new();
    history.all().filter(move |operation| operation.action.key().is_none_or(|key| seen.insert(key)))
}

fn wanted(action: &Action) -> Option<(TierId, i64)> {
    match action {
        Action::Buy(tier, quantity) | Action::BuyOnce(tier, quantity, _) | Action::HoldTier(tier, quantity) => {
            Some((*tier, i64::from(*quantity)))
        }
        _ => None,
    }
}

/// The most tickets that may have been taken, as steps in time.
struct Taken(Vec<(u64, i64)>);

impl Taken {
    fn of(history: &History, tier: TierId) -> Self {
        let ends = Ends::of(history);
        let mut changes = Vec::new();
        for operation in history.all() {
            let Some((_, quantity)) = wanted(&operation.action).filter(|(of, _)| *of == tier) else { continue };
            if let Some(until) = ends.of_attempt(operation) {
                changes.push((operation.invoked_us, quantity));
                changes.push((until, -quantity));
            }
        }
        changes.sort_unstable();
        let mut taken = 0;
        let steps = changes.into_iter().map(|(at, change)| {
            taken += change;
            (at, taken)
        });
        Self(steps.collect())
    }

    /// Spans of time in which more than so many may have been taken.
    fn above(&self, many: i64) -> Vec<(u64, u64)> {
        let mut spans = Vec::new();
        // With nothing taken at all there may be too few.
        let mut since = if many < 0 { Some(0) } else { None };
        for (at, taken) in &self.0 {
            match (since, *taken > many) {
                (None, true) => since = Some(*at),
                (Some(from), false) => {
                    spans.push((from, *at));
                    since = None;
                }
                _ => {}
            }
        }
        spans.extend(since.map(|from| (from, u64::MAX)));
        spans
    }
}

/// Whether one of the spans, which are in order, touches this one.
fn meets(spans: &[(u64, u64)], from: u64, to: u64) -> bool {
    let first_after = spans.partition_point(|(_, until)| *until < from);
    spans.get(first_after).is_some_and(|(since, _)| *since <= to)
}

/// When attempts certainly gave their tickets back.
struct Ends {
    ttl_us: u64,
    released_us: HashMap<ReservationId, u64>,
    extended_us: HashMap<ReservationId, u64>,
    booked: HashMap<ReservationId, bool>,
}

impl Ends {
    fn of(history: &History) -> Self {
        let ttl_us = u64::from(history.event.hold_ttl_seconds) * 1_000_000;
        let mut ends =
            Self { ttl_us, released_us: HashMap::new(), extended_us: HashMap::new(), booked: HashMap::new() };
        for operation in history.all() {
            let is_done = matches!(operation.outcome, Outcome::Done(_));
            match operation.action {
                Action::Release(rid) if is_done => {
                    ends.released_us.insert(rid, operation.returned_us);
                }
                // Whether it was extended or not: it may have been.
                Action::Extend(rid) => {
                    ends.extended_us.insert(rid, operation.returned_us);
                }
                // Booked, or perhaps; a cancelled booking is given the benefit of the doubt and keeps its tickets.
                Action::Book(rid) => {
                    let may_be = !matches!(operation.outcome, Outcome::Refused(409 | 404 | 422, _));
                    *ends.booked.entry(rid).or_default() |= may_be;
                }
                _ => {}
            }
        }
        ends
    }

    /// Until when an attempt may have had its tickets; `None` if it certainly never had any.
    fn of_attempt(&self, operation: &Operation) -> Option<u64> {
        match &operation.outcome {
            // The last are turned away at the door.
            Outcome::NotSent(_)
            | Outcome::Refused(_, Code::SoldOut)
            | Outcome::Refused(400 | 401 | 403 | 404 | 429, _) => None,
            Outcome::Refused(..) => Some(operation.returned_us + FAILED_KEEPS_US),
            Outcome::Booked(_) | Outcome::Done(_) | Outcome::Unknown(_) => Some(u64::MAX),
            Outcome::Held(hold) => {
                let rid = hold.hold_id;
                if let Some(released_us) = self.released_us.get(&rid) {
                    return Some(*released_us);
                }
                match self.booked.get(&rid) {
                    Some(true) => Some(u64::MAX),
                    Some(false) => Some(operation.returned_us + self.ttl_us + FAILED_KEEPS_US),
                    None => {
                        let from = self.extended_us.get(&rid).copied().unwrap_or(0).max(operation.returned_us);
                        Some(from + self.ttl_us + SWEEP_SLACK_US)
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_found_by_any_instant_they_share() {
        let spans = [(10, 20), (30, 40)];
        assert!(meets(&spans, 0, 10) && meets(&spans, 20, 25) && meets(&spans, 35, 36) && meets(&spans, 0, 100));
        assert!(!meets(&spans, 21, 29) && !meets(&spans, 41, 50) && !meets(&spans, 0, 9));
    }

    #[test]
    fn scarcity_is_where_more_may_be_taken_than_leaves_enough() {
        let taken = Taken(vec![(10, 1), (20, 2), (30, 1), (40, 2)]);
        assert_eq!(taken.above(1), [(20, 30), (40, u64::MAX)]);
        assert_eq!(taken.above(0), [(10, u64::MAX)]);
        assert_eq!(taken.above(2), []);
    }
}
