//! Mutants: a committer made wrong on purpose, in test builds alone, to see that a test or the checker notices
//! (`crates/onsale/tests/it/mutants.rs`). A release has none of this.

use std::borrow::Cow;

use chassis::faults::is_on;
use contract::internal::{Refusal, Verdict};

use super::model::{Answer, Command, Fate, Snapshot, Writes};

/// What the decision is made to believe.
pub(super) fn before_deciding<'a>(snapshot: &mut Snapshot, commands: &'a [Command]) -> Cow<'a, [Command]> {
    if is_on("committer-trusts-the-gate") {
        // Only the constraints are left.
        snapshot.seats.values_mut().for_each(|seat| seat.taken = false);
        snapshot.tiers.values_mut().for_each(|tier| tier.capacity = i64::MAX);
    }
    let mut commands = Cow::Borrowed(commands);
    if is_on("skip-epoch") {
        for command in commands.to_mut() {
            if let Command::Commit(request) = command {
                request.epoch = snapshot.event.epoch;
            }
        }
    }
    if is_on("key-without-customer") {
        for command in commands.to_mut() {
            if let Command::Commit(request) = command
                && let Some(Fate::Posted(booking)) = snapshot.fates.get(&request.rid)
            {
                request.customer_id = booking.customer_id;
            }
        }
    }
    if is_on("replay-answers-otherwise") {
        for fate in snapshot.fates.values_mut() {
            if let Fate::Posted(booking) = fate {
                booking.amount_minor += 1;
            }
        }
    }
    commands
}

/// What becomes of the decision.
pub(super) fn after_deciding(answers: &mut [Answer], writes: &mut Writes) {
    if is_on("no-tombstone") {
        writes.voided.retain(|(_, refusal)| *refusal != Refusal::Void);
    }
    if is_on("refuse-what-is-posted") {
        for answer in answers {
            if let Answer::Verdict(Verdict::Posted(_)) = answer {
                *answer = Answer::Verdict(Verdict::Refused(Refusal::SoldOut));
            }
        }
    }
}

/// Whether everybody is told the outcome of this batch, and then it is never committed, as if the process had died in
/// between. Once for each time it is asked for.
pub(super) fn dies_between_answer_and_commit() -> bool {
    chassis::faults::take("acknowledge-before-commit")
}
