//! The witness: judges a history and the evidence by the invariants of docs/PROOF.md. Pure, and deaf to what the system says
//! of itself: it counts rows, keys and replies, and believes no audit.
//!
//! Where a client cannot know, the check gives the system the benefit of the doubt, so that what it calls a violation is
//! one. docs/PROOF.md tells how each is decided.

pub mod bookings;
pub mod feed;
pub mod inventory;
pub mod sold_out;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::history::{History, Operation};

/// The most offences a check lists; it counts all.
const OFFENCES_LISTED_MAX: usize = 20;

/// What is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Invariant {
    /// Sold ≤ capacity per tier; at most one live booking per seat.
    I1,
    /// Every 201 a client saw is exactly one row with the same fields.
    I2,
    /// Every booking row was asked for by someone.
    I3,
    /// One rid → one booking, and every replay gets the same answer.
    I4,
    /// A definite refusal never has a row for its rid.
    I5,
    /// Once quiet, capacity = available + live holds + sold.
    I6,
    /// A rid is posted xor void, forever.
    I7,
    /// "Sold out" is answered only if availability was 0 within the last 250 ms.
    I11,
    /// A live feed's sequence only grows; its picture ends true.
    I13,
}

impl Invariant {
    /// All, in order.
    pub const ALL: [Self; 9] =
        [Self::I1, Self::I2, Self::I3, Self::I4, Self::I5, Self::I6, Self::I7, Self::I11, Self::I13];

    /// What it says, for people.
    #[must_use]
    pub fn says(self) -> &'static str {
        match self {
            Self::I1 => "nothing is sold twice",
            Self::I2 => "every 201 is one row, as told",
            Self::I3 => "every row was asked for",
            Self::I4 => "a replay changes nothing",
            Self::I5 => "what was refused has no row",
            Self::I6 => "every ticket is accounted for",
            Self::I7 => "a fate is final",
            Self::I11 => "sold out means sold out",
            Self::I13 => "the feed tells the truth",
        }
    }
}

/// What a check, or a whole run, came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It was put to the test and held.
    Ok,
    /// It did not hold.
    Violated,
    /// Too little happened, or is known, to say.
    Unknown,
}

/// Something that must not be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offence {
    /// In words.
    pub what: String,
    /// The operation that shows it, if one does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<Box<Operation>>,
}

/// The result of one check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// How it went.
    pub verdict: Verdict,
    /// Rows, replies or steps that could have shown a violation.
    pub examined: u64,
    /// How many did.
    pub violations: u64,
    /// The first of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub offending: Vec<Offence>,
}

/// A check in the making.
#[derive(Debug, Default)]
pub(crate) struct Examination {
    examined: u64,
    violations: u64,
    offending: Vec<Offence>,
}

impl Examination {
    /// One more that could have shown a violation.
    pub(crate) fn examine(&mut self) {
        self.examined += 1;
    }

    pub(crate) fn offend(&mut self, what: impl Into<String>, operation: Option<&Operation>) {
        self.violations += 1;
        if self.offending.len() < OFFENCES_LISTED_MAX {
            self.offending.push(Offence { what: what.into(), operation: operation.cloned().map(Box::new) });
        }
    }

    fn conclude(self) -> Check {
        let verdict = match (self.violations, self.examined) {
            (0, 0) => Verdict::Unknown,
            (0, _) => Verdict::Ok,
            _ => Verdict::Violated,
        };
        Check { verdict, examined: self.examined, violations: self.violations, offending: self.offending }
    }
}

/// Checks everything that can be checked.
#[must_use]
pub fn check(history: &History) -> BTreeMap<Invariant, Check> {
    let examine = |invariant| match (invariant, &history.evidence) {
        (Invariant::I4, _) => bookings::replays_change_nothing(history),
        (Invariant::I11, _) => sold_out::sold_out_means_sold_out(history),
        (_, None) => Examination::default(),
        (Invariant::I1, Some(evidence)) => inventory::nothing_is_sold_twice(evidence),
        (Invariant::I2, Some(evidence)) => bookings::every_201_is_one_row(history, evidence),
        (Invariant::I3, Some(evidence)) => bookings::every_row_was_asked_for(history, evidence),
        (Invariant::I5, Some(evidence)) => bookings::what_was_refused_has_no_row(history, evidence),
        (Invariant::I6, Some(evidence)) => inventory::every_ticket_is_accounted_for(evidence),
        (Invariant::I7, Some(evidence)) => bookings::a_fate_is_final(history, evidence),
        (Invariant::I13, Some(evidence)) => feed::the_feed_tells_the_truth(evidence),
    };
    Invariant::ALL.into_iter().map(|invariant| (invariant, examine(invariant).conclude())).collect()
}

/// The verdict on the whole: violated if anything is, ok if nothing is, everything this scenario is for was put to the
/// test, and all that was asked again was answered in the end.
#[must_use]
pub fn overall(history: &History, checks: &BTreeMap<Invariant, Check>) -> Verdict {
    let is = |verdict: Verdict| move |check: &Check| check.verdict == verdict;
    let needed = history.plan.scenario.puts_to_the_test();
    let was_tested = needed.iter().all(|invariant| checks.get(invariant).is_some_and(is(Verdict::Ok)));
    match checks.values().any(is(Verdict::Violated)) {
        true => Verdict::Violated,
        false if was_tested && history.replays.iter().all(|again| again.outcome.is_definite()) => Verdict::Ok,
        false => Verdict::Unknown,
    }
}
