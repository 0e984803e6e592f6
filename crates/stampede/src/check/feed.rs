//! I13: what watchers of the live feed saw.

use super::Examination;
use crate::evidence::Evidence;
use crate::watcher::{Step, Watched};

pub(crate) fn the_feed_tells_the_truth(evidence: &Evidence) -> Examination {
    let mut examination = Examination::default();
    for (number, watched) in evidence.watched.iter().enumerate() {
        only_grows(number, watched, &mut examination);
        ends_true(number, watched, evidence, &mut examination);
    }
    examination
}

/// Along one watcher's way the sequence only grows within an epoch, epochs only grow, and after a gap everything comes.
fn only_grows(number: usize, watched: &Watched, examination: &mut Examination) {
    let mut at = (0, 0);
    let mut needs_snapshot = true;
    for step in &watched.steps {
        match *step {
            Step::Closed | Step::AskedAgain => needs_snapshot = true,
            Step::Rebuilding => {}
            Step::Snapshot(epoch, sequence) => {
                examination.examine();
                if (epoch, sequence) < at {
                    examination.offend(format!("watcher {number} was at {at:?} and then shown {step:?}"), None);
                }
                at = (epoch, sequence);
                needs_snapshot = false;
            }
            Step::Delta(epoch, previous, sequence) => {
                examination.examine();
                if needs_snapshot {
                    examination.offend(format!("watcher {number} needed a snapshot and got {step:?}"), None);
                } else if epoch != at.0 || previous > at.1 || sequence < at.1 {
                    examination.offend(format!("watcher {number} was at {at:?} and then shown {step:?}"), None);
                }
                at = (epoch, sequence);
            }
        }
    }
}

/// In the end a watcher has the picture Redis has. Its sequence may be lower: steps that change nothing to be seen, as when a
/// ticket comes back and goes again within one frame, are not sent.
fn ends_true(number: usize, watched: &Watched, evidence: &Evidence, examination: &mut Examination) {
    let Some(redis) = &evidence.redis else { return };
    examination.examine();
    let (at, last) = (watched.at, (redis.epoch, redis.feed_sequence));
    if at.0 != last.0 || at.1 > last.1 {
        return examination.offend(format!("watcher {number} is at {at:?}, and the feed at {last:?}"), None);
    }
    if watched.states != redis.map {
        examination.offend(format!("watcher {number} sees other seats than there are"), None);
    }
    for (tier, left) in &redis.tiers {
        if watched.tiers.get(tier) != Some(&(*left).max(0)) {
            let seen = watched.tiers.get(tier);
            examination.offend(format!("watcher {number} sees {seen:?} of tier {tier}, and {left} are left"), None);
        }
    }
}
