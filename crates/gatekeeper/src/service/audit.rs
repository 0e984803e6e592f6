//! The account of an event: what Redis and Postgres know, side by side.

use contract::EventId;
use contract::api::{AuditView, SeatsAudit, TierAudit};
use contract::internal::VaultAudit;

use super::{Gate, ServiceError};
use crate::scripts::audit_event::{self, EventAccount};

/// Sums up an event. The two halves are read one after the other: exact once the event is quiet, close while it sells.
pub async fn event(gate: &Gate, id: EventId) -> Result<AuditView, ServiceError> {
    let event = gate.event(id).await?;
    let account = audit_event::call(&gate.link, &event.keys).await.map_err(|error| gate.failed(id, error))?;
    let vault = gate.vault.audit(id).await?.ok_or(ServiceError::NotFound("event"))?;
    Ok(compare(&account, &vault))
}

/// What a look in passing found.
#[derive(Debug, Default)]
pub struct Look {
    /// Tickets sold beyond a capacity: Postgres' own word, true at any time.
    pub oversold: i64,
    /// Seats sold more than once; the same.
    pub double_booked: i64,
    /// The whole account, if both halves are of one moment.
    pub audit: Option<AuditView>,
}

/// Looks at an event without being in anybody's way: a ledger that is too long to be read in passing is left alone, and
/// inventory that is missing is left to sweeps, which know whether the event is over.
pub async fn look(gate: &Gate, id: EventId) -> Result<Look, ServiceError> {
    let event = gate.event(id).await?;
    // What Redis cannot say now keeps nobody from hearing Postgres.
    let account = async || match audit_event::in_passing(&gate.link, &event.keys).await {
        Ok(account) => account,
        Err(error) => {
            tracing::debug!(%error, event_id = %id, "Redis' half of an event could not be audited");
            None
        }
    };
    let before = account().await;
    let vault = gate.vault.audit(id).await?.ok_or(ServiceError::NotFound("event"))?;
    let after = if before.is_some() { account().await } else { None };
    let quiet = before.filter(|before| before.is_settled() && after.as_ref() == Some(before));
    Ok(Look {
        oversold: vault.tiers.iter().map(|(_, capacity, sold)| (sold - capacity).max(0)).sum(),
        double_booked: vault.double_booked,
        audit: quiet.map(|account| compare(&account, &vault)),
    })
}

fn compare(account: &EventAccount, vault: &VaultAudit) -> AuditView {
    let tiers: Vec<_> = vault
        .tiers
        .iter()
        .map(|(tier_id, capacity, sold)| {
            let ours = account.tiers.get(tier_id).copied().unwrap_or_default();
            TierAudit {
                tier_id: *tier_id,
                capacity: *capacity,
                available: ours.available,
                held: ours.held,
                committing: ours.committing,
                sold: *sold,
                leak: capacity - ours.available - ours.held - ours.committing - sold,
                oversold: (sold - capacity).max(0),
            }
        })
        .collect();
    let seats = account.seats;
    let accounted = seats.available + seats.held + seats.committing + vault.seats_reserved + vault.seats_sold;
    let seats = SeatsAudit {
        total: vault.seats_total,
        available: seats.available,
        held: seats.held,
        committing: seats.committing,
        reserved: vault.seats_reserved,
        sold: vault.seats_sold,
        leak: vault.seats_total - accounted,
        double_booked: vault.double_booked,
    };
    let ok = account.epoch == vault.epoch
        && account.agrees
        && tiers.iter().all(|tier| tier.leak == 0 && tier.oversold == 0)
        && seats.leak == 0
        && seats.double_booked == 0;
    AuditView { ok, epoch: vault.epoch, tiers, seats }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scripts::audit_event::Account;
    use contract::TierId;

    fn books(available: i64, sold: i64, epoch: i64) -> AuditView {
        let tier = TierId::fresh();
        let ours = Account { available, held: 3, committing: 2 };
        let account = EventAccount { epoch: 7, agrees: true, seats: Account::default(), tiers: [(tier, ours)].into() };
        let tiers = vec![(tier, 100, sold)];
        let vault = VaultAudit { epoch, tiers, seats_total: 0, seats_reserved: 0, seats_sold: 0, double_booked: 0 };
        compare(&account, &vault)
    }

    #[test]
    fn an_account_that_adds_up_is_ok_and_any_other_is_not() {
        assert!(books(55, 40, 7).ok);
        let missing = books(54, 40, 7);
        assert!(!missing.ok && missing.tiers[0].leak == 1);
        assert!(!books(55, 40, 8).ok, "another epoch");
        let oversold = books(-6, 101, 7);
        assert!(!oversold.ok && oversold.tiers[0].oversold == 1 && oversold.tiers[0].leak == 0);
    }
}
