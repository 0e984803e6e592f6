//! The auditor: looks at every loaded event again and again, so that an oversold or a lost ticket is an alert, not a surprise.
//!
//! What Postgres says of sold and capacity is one snapshot and always counts. What is lost shows only where Redis and Postgres
//! agree about one moment: when nothing was being committed and Redis had not changed while Postgres was asked. A sale in
//! full swing is never so quiet; its leaks are seen when the rush is over.
//!
//! Replicas share the work: whoever is first looks. So each tells what it found for a few rounds more, and nobody takes
//! a look that failed for one that found nothing.

use std::collections::HashMap;
use std::time::Duration;

use contract::EventId;
use contract::api::AuditView;
use jiff::Timestamp;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::positions::Positions;
use crate::keys::EventKeys;
use crate::metrics::AuditMetrics;
use crate::scripts::registry;
use crate::service::Gate;
use crate::service::audit::{self, Look};

/// Rounds for which something found is told; others may have looked since.
const TOLD_ROUNDS: u32 = 3;

/// Audits forever: one event after the other, each about once in `every`, by whichever replica.
pub async fn run(gate: Gate, positions: Positions, every: Duration, metrics: AuditMetrics) {
    let mut rounds = interval(every);
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut findings = Findings::default();
    loop {
        rounds.tick().await;
        let events = positions.all();
        let (mut looked, mut failed) = (events.is_empty(), false);
        for (event, _) in events {
            match look(&gate, &metrics, &mut findings, event, every).await {
                Turn::Done => looked = true,
                Turn::Failed => failed = true,
                Turn::Elsewhere => {}
            }
        }
        findings.forget(Instant::now(), every * TOLD_ROUNDS);
        let total = findings.total();
        metrics.oversold.set(total.oversold);
        metrics.double_booked.set(total.double_booked);
        metrics.leaked.set(total.leaked);
        // Who left all to others cannot say that it was done.
        if looked && !failed {
            metrics.completed_at.set(Timestamp::now().as_second());
        }
    }
}

/// What became of a replica's turn at an event.
enum Turn {
    Done,
    Failed,
    Elsewhere,
}

/// Looks at an event, unless another replica does.
async fn look(gate: &Gate, metrics: &AuditMetrics, findings: &mut Findings, event: EventId, every: Duration) -> Turn {
    let claim = registry::claim_audit(&gate.link, &EventKeys::of(event), every / 2).await;
    // Without Redis there is nobody to agree with, and Postgres may still have something to say.
    if matches!(claim, Ok(false)) {
        return Turn::Elsewhere;
    }
    let looked = audit::look(gate, event).await;
    let outcome = match &looked {
        Ok(Look { audit: Some(audit), .. }) if audit.ok => "clean",
        Ok(Look { audit: Some(audit), .. }) => {
            let audit = serde_json::to_string(&audit).unwrap_or_default();
            tracing::warn!(event_id = %event, audit, "an audit is not clean");
            "unclean"
        }
        Ok(Look { audit: None, .. }) => "busy",
        Err(error) => {
            tracing::debug!(event_id = %event, %error, "an event could not be audited");
            "failed"
        }
    };
    metrics.audits.with_label_values(&[outcome]).inc();
    let Ok(look) = looked else { return Turn::Failed };
    findings.take(event, &look, Instant::now());
    // Without Redis only half of it was looked at.
    if claim.is_ok() { Turn::Done } else { Turn::Failed }
}

/// What is wrong with an event, or with all of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Figures {
    oversold: i64,
    double_booked: i64,
    leaked: i64,
}

/// What was found of each event that something is wrong with, and when.
#[derive(Default)]
struct Findings(HashMap<EventId, (Figures, Instant)>);

impl Findings {
    /// A look at an event that was not quiet says nothing of its leaks: what was known of them still is, and grows old.
    fn take(&mut self, event: EventId, look: &Look, now: Instant) {
        let (known, found) = self.0.get(&event).map_or((0, now), |(figures, found)| (figures.leaked, *found));
        let (leaked, found) = match &look.audit {
            Some(audit) => (leaked(audit), now),
            None if known != 0 => (known, found),
            None => (0, now),
        };
        let figures = Figures { oversold: look.oversold, double_booked: look.double_booked, leaked };
        if figures == Figures::default() {
            self.0.remove(&event);
        } else {
            self.0.insert(event, (figures, found));
        }
    }

    fn forget(&mut self, now: Instant, after: Duration) {
        self.0.retain(|_, (_, found)| now.duration_since(*found) < after);
    }

    fn total(&self) -> Figures {
        self.0.values().fold(Figures::default(), |total, (figures, _)| Figures {
            oversold: total.oversold + figures.oversold,
            double_booked: total.double_booked + figures.double_booked,
            leaked: total.leaked + figures.leaked,
        })
    }
}

/// What is missing in one tier is not made up for by what is too much in another.
fn leaked(audit: &AuditView) -> i64 {
    audit.tiers.iter().map(|tier| tier.leak.abs()).sum::<i64>() + audit.seats.leak.abs()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(oversold: i64, leak: Option<i64>) -> Look {
        let mut audit =
            AuditView { ok: false, epoch: 1, tiers: Vec::new(), seats: contract::api::SeatsAudit::default() };
        audit.seats.leak = leak.unwrap_or(0);
        Look { oversold, double_booked: 0, audit: leak.map(|_| audit) }
    }

    #[test]
    fn what_was_found_is_told_until_somebody_finds_otherwise_or_may_have() {
        let (event, start) = (EventId::fresh(), Instant::now());
        let mut findings = Findings::default();
        findings.take(event, &found(0, Some(-3)), start);
        findings.take(EventId::fresh(), &found(2, Some(0)), start);
        assert_eq!(findings.total(), Figures { oversold: 2, double_booked: 0, leaked: 3 });
        findings.take(event, &found(0, None), start + Duration::from_secs(9));
        assert_eq!(findings.total().leaked, 3, "a busy event's leak is not gone");
        findings.forget(start + Duration::from_secs(10), Duration::from_secs(10));
        assert_eq!(findings.total(), Figures::default(), "but others may have looked by now");
        findings.take(event, &found(0, Some(1)), start);
        findings.take(event, &found(0, Some(0)), start);
        assert_eq!(findings.total(), Figures::default());
    }
}
