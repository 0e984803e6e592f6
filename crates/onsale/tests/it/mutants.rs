//! The proof of the proof: systems made wrong on purpose, one way each, and whether anybody notices. The mutants
//! themselves are in `crates/gatekeeper/src/scripts/mutants.rs` and `crates/vault/src/committer/mutants.rs`.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt as _;
use nix::sys::signal::Signal;
use stack::Role;
use stampede::check::Invariant::{self, I1, I2, I3, I5, I6, I7, I11, I13};
use stampede::{Report, Scenario, Verdict};

use crate::fencing::{old_epochs_are_fenced, posted_is_for_ever, void_is_for_ever};
use crate::idempotency::{keys_are_their_customers_alone, the_next_continues_what_a_dead_replica_began};
use crate::ownership::owners_alone_use_holds;
use crate::stampede::{plan, run};
use crate::support::{Private, System, broken, broken_and_alone, eventually};

/// Attacks a system and sees whether these invariants were found violated.
async fn is_seen(system: &System, scenario: Scenario, seconds: u32, invariants: &[Invariant]) -> Report {
    let report = Report::of(&run(system, plan(scenario, 200, seconds)).await).unwrap();
    for invariant in invariants {
        assert_eq!(report.checks[invariant].verdict, Verdict::Violated, "{invariant:?} {report}");
        assert!(!report.checks[invariant].offending.is_empty(), "what is violated is shown");
    }
    assert_eq!(report.verdict, Verdict::Violated);
    report
}

/// Whether a test fails on this system, and with this in its message: not for some other reason.
async fn is_caught(what: &str, message: &str, test: impl Future<Output = ()>) {
    let Err(panic) = AssertUnwindSafe(test).catch_unwind().await else { panic!("{what} goes unnoticed") };
    let said = panic.downcast_ref::<String>().cloned();
    let said = said.or_else(|| panic.downcast_ref::<&str>().map(|said| (*said).to_owned())).unwrap_or_default();
    assert!(said.contains(message), "{what} is caught, but by: {said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_unique_a_committer_that_trusts_the_gate_sells_a_seat_twice() {
    let system = broken(&["gate-forgets-seats", "committer-trusts-the-gate"]).await;
    // The constraint alone stands between this system and a seat sold twice. While it stands, none is.
    let guarded = Report::of(&run(&system, plan(Scenario::OneSeat, 50, 1)).await).unwrap();
    assert_eq!(guarded.checks[&I1].verdict, Verdict::Ok, "{guarded}");
    system.postgres().await.batch_execute("DROP INDEX booking_items_live_seat").await.unwrap();
    is_seen(&system, Scenario::OneSeat, 1, &[I1]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn acknowledging_before_commit_is_seen() {
    let system = broken(&[]).await;
    let faults = system.faults.clone();
    let dying = tokio::spawn(async move {
        for _ in 0..5 {
            tokio::time::sleep(Duration::from_millis(300)).await;
            std::fs::write(faults.join("acknowledge-before-commit"), "").unwrap();
        }
    });
    is_seen(&system, Scenario::Browse, 3, &[I2]).await;
    dying.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn refusing_what_was_posted_is_seen() {
    let system = broken(&["refuse-what-is-posted"]).await;
    is_seen(&system, Scenario::SeatRush, 2, &[I3, I5, I7]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answering_a_replay_otherwise_is_seen() {
    let system = broken(&["replay-answers-otherwise"]).await;
    is_caught("a replay is told another price", "is not the first answer", posted_is_for_ever(&system)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stock_that_comes_back_twice_is_seen() {
    let system = broken(&["double-return"]).await;
    is_seen(&system, Scenario::Abandonment, 3, &[I6]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sweep_that_does_not_run_is_seen() {
    let system = broken(&["no-sweep"]).await;
    is_seen(&system, Scenario::Abandonment, 1, &[I6]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_applied_twice_is_seen() {
    let system = broken(&["journal-applied-twice"]).await;
    // Many cancellations of the tier, so that one page or another is brought by two replicas.
    let mut plan = plan(Scenario::Mixed, 300, 4);
    plan.capacity = Some(5_000);
    let report = Report::of(&run(&system, plan).await).unwrap();
    assert_eq!(report.checks[&I6].verdict, Verdict::Violated, "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_latch_without_its_bound_is_seen() {
    let system = broken(&["latch-without-bound"]).await;
    is_seen(&system, Scenario::Abandonment, 8, &[I11]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sold_out_that_comes_too_early_is_seen() {
    let system = broken(&["sold-out-early"]).await;
    let mut plan = plan(Scenario::HotTier, 200, 2);
    plan.capacity = Some(50);
    let report = Report::of(&run(&system, plan).await).unwrap();
    assert_eq!((report.sold, report.checks[&I11].verdict), (30, Verdict::Violated), "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_booking_that_watchers_do_not_hear_of_is_seen() {
    let system = broken(&["silent-booking"]).await;
    is_seen(&system, Scenario::SeatRush, 2, &[I13]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_without_its_owner_is_caught() {
    let system = broken(&["release-without-owner-check"]).await;
    is_caught("anyone may release", "DELETE", owners_alone_use_holds(&system)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_without_its_customer_is_caught() {
    let system = broken(&["key-without-customer"]).await;
    is_caught("anyone may book", "book another's hold", owners_alone_use_holds(&system)).await;
    is_caught("anyone may replay", "not_yours", posted_is_for_ever(&system)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idempotency_key_without_its_customer_is_caught() {
    let system = broken(&["keys-of-everyone"]).await;
    is_caught("anyone may replay", "another customer's answer", keys_are_their_customers_alone(&system)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idempotency_key_without_its_rid_is_caught() {
    let system = broken(&["fresh-rid-each-time"]).await;
    let test = the_next_continues_what_a_dead_replica_began(&system);
    is_caught("a repetition buys again", "one purchase", test).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_void_without_its_tombstone_is_caught() {
    let system = broken(&["no-tombstone"]).await;
    is_caught("a late commit may post", "\"void\"", void_is_for_ever(&system)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_committer_that_skips_the_epoch_is_caught() {
    let system = broken(&["skip-epoch"]).await;
    is_caught("an old epoch may post", "stale_epoch", old_epochs_are_fenced(&system)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gate_that_takes_nothing_for_infinite_is_caught() {
    let system = broken_and_alone(&["absent-is-infinite"]).await;
    is_caught("what is absent is sold", "(201, \"\")", absence_admits_nobody(&system)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_inventory_admits_nobody_and_is_not_sold_out() {
    absence_admits_nobody(&broken_and_alone(&[]).await).await;
}

/// I10. The vault stands still, so that what is missing stays missing.
async fn absence_admits_nobody(system: &Private) {
    let (event, tier) = system.tier_event(5).await;
    let guest = system.guest().await;
    assert_eq!(guest.hold_tier(event, tier, 1).await.unwrap().status, 201);
    let vault = system.stack.child(Role::Vault).unwrap();
    vault.signal(Signal::SIGSTOP);
    let mut redis = system.redis().await;
    redis::cmd("FLUSHALL").query_async::<()>(&mut redis).await.unwrap();
    let answer = guest.hold_tier(event, tier, 1).await;
    vault.signal(Signal::SIGCONT);
    let answer = answer.unwrap();
    assert_eq!((answer.status.as_u16(), answer.code()), (503, "inventory_rebuilding"));
    assert!(answer.body["retry_after_seconds"].is_u64(), "{}", answer.body);
    let sells = async || guest.buy(event, tier, 1).await.unwrap().status == 201;
    eventually("it sells again", Duration::from_secs(10), sells).await;
}
