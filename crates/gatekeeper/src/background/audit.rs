//! The auditor: looks at every loaded event again and again, so that an oversold or a lost ticket is an alert, not a surprise.
//!
//! What Postgres says of sold and capacity is one snapshot and always counts. What is lost shows only where Redis and Postgres
//! agree about one moment: when nothing was being committed and Redis had not changed while Postgres was asked. A sale in
//! full swing is never so quiet; its leaks are seen when the rush is over.

use std::time::Duration;

use contract::EventId;
use contract::api::AuditView;
use jiff::Timestamp;
use tokio::time::{MissedTickBehavior, interval};

use super::positions::Positions;
use crate::metrics::AuditMetrics;
use crate::service::Gate;
use crate::service::audit::{self, Look};

/// Audits forever: one event after the other, all of them within `every` if there are few, and each in its turn.
pub async fn run(gate: Gate, positions: Positions, every: Duration, metrics: AuditMetrics) {
    let mut rounds = interval(every);
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        rounds.tick().await;
        let mut found = Found::default();
        for (event, _) in positions.all() {
            let look = look(&gate, &metrics, event).await;
            found.add(&look);
        }
        metrics.oversold.set(found.oversold);
        metrics.double_booked.set(found.double_booked);
        metrics.leaked.set(found.leaked);
        metrics.completed_at.set(Timestamp::now().as_second());
    }
}

async fn look(gate: &Gate, metrics: &AuditMetrics, event: EventId) -> Look {
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
    looked.unwrap_or_default()
}

/// Of all events together.
#[derive(Default)]
struct Found {
    oversold: i64,
    double_booked: i64,
    leaked: i64,
}

impl Found {
    fn add(&mut self, look: &Look) {
        self.oversold += look.oversold;
        self.double_booked += look.double_booked;
        self.leaked += look.audit.as_ref().map_or(0, leaked);
    }
}

/// What is missing in one tier is not made up for by what is too much in another.
fn leaked(audit: &AuditView) -> i64 {
    audit.tiers.iter().map(|tier| tier.leak.abs()).sum::<i64>() + audit.seats.leak.abs()
}
