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

/// A watcher that reached the last step has the picture Redis has.
fn ends_true(number: usize, watched: &Watched, evidence: &Evidence, examination: &mut Examination) {
    let Some(redis) = &evidence.redis else { return };
    examination.examine();
    let last = (redis.epoch, redis.feed_sequence);
    if watched.at != last {
        let at = watched.at;
        return examination.offend(format!("watcher {number} stopped at {at:?}, and the feed is at {last:?}"), None);
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
