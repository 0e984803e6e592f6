//! Brings what this replica counted to Redis, once a second.

use std::time::Duration;

use contract::EventId;
use jiff::Timestamp;

use crate::scripts::{ScriptError, activity};
use crate::service::Gate;
use crate::tally::Ending;

/// How far behind what a watcher is told may be.
const INTERVAL: Duration = Duration::from_secs(1);

/// Brings counts forever. What Redis did not take is brought with the next: an answer that was lost counts twice, which
/// a chart can bear.
pub async fn run(gate: Gate) {
    let mut ticks = tokio::time::interval(INTERVAL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let mut counted = gate.tally.take().into_iter();
        for (event, ending, attempts) in counted.by_ref() {
            if let Err(error) = bring(&gate, event, ending, attempts).await {
                tracing::debug!(%error, event_id = %event, "attempts could not be counted yet");
                gate.tally.add(event, ending, attempts);
                break;
            }
        }
        // A Redis that does not answer is not asked again for each of them.
        counted.for_each(|(event, ending, attempts)| gate.tally.add(event, ending, attempts));
    }
}

/// Of an event that is over they may be all there is, because it was retired in between: nobody would take them away for
/// a week.
async fn bring(gate: &Gate, event: EventId, ending: Ending, attempts: i64) -> Result<(), ScriptError> {
    activity::add(&gate.link, event, ending, attempts).await?;
    if gate.catalog.remembered(event).is_some_and(|event| event.is_over(Timestamp::now()))
        && let Err(error) = activity::forget_leftover(&gate.link, event).await
    {
        tracing::debug!(%error, event_id = %event, "it is not known whether attempts were left behind");
    }
    Ok(())
}
