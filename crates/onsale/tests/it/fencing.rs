//! Late, repeated and outdated commits.

use contract::internal::{CommitRequest, Items};
use contract::{ApiKeyId, CustomerId, EventId, Origin, Quantity, ReservationId, TierId, paths};
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::json;

use crate::support::{System, hold, shared, tally};

async fn epoch(system: &System, event: EventId) -> i64 {
    system.admin.audit(event).await.unwrap().epoch
}

fn commit(event_id: EventId, epoch: i64, tier: TierId) -> CommitRequest {
    let items = Items::Tier(tier, Quantity::try_from(1).unwrap());
    CommitRequest {
        rid: ReservationId::fresh(),
        event_id,
        epoch,
        customer_id: CustomerId::fresh(),
        items,
        origin: Origin::system(),
    }
}

/// The verdict on one commit, sent to the vault directly.
async fn verdict(system: &System, commit: &CommitRequest) -> serde_json::Value {
    system.vault(paths::COMMITS, &json!({"items": [commit]})).await.body["items"][0].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_comes_after_its_void_is_refused() {
    void_is_for_ever(shared().await).await;
}

pub async fn void_is_for_ever(system: &System) {
    let (event, tier) = system.tier_event(5).await;
    let late = commit(event, epoch(system, event).await, tier);
    let resolve = json!({"event_id": event, "rids": [late.rid]});
    for _ in 0..2 {
        let resolved = system.vault(paths::RESOLVE, &resolve).await;
        assert_eq!(resolved.body, json!({late.rid.to_string(): "void"}), "resolved once and for all");
    }
    for _ in 0..2 {
        assert_eq!(verdict(system, &late).await, json!({"refused": "void"}));
    }
    assert_eq!(system.bookings(event).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_posted_commit_cannot_be_voided() {
    posted_is_for_ever(shared().await).await;
}

pub async fn posted_is_for_ever(system: &System) {
    let (event, tier) = system.tier_event(5).await;
    let posted = commit(event, epoch(system, event).await, tier);
    let first = verdict(system, &posted).await;
    assert!(first["posted"].is_object(), "{first}");
    let resolved = system.vault(paths::RESOLVE, &json!({"event_id": event, "rids": [posted.rid]})).await;
    assert_eq!(resolved.body, json!({posted.rid.to_string(): "posted"}));
    assert_eq!(verdict(system, &posted).await, first, "this is not the first answer");
    let thief = CommitRequest { customer_id: CustomerId::fresh(), ..posted };
    assert_eq!(verdict(system, &thief).await, json!({"refused": "not_yours"}));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_under_an_old_epoch_is_refused() {
    old_epochs_are_fenced(shared().await).await;
}

pub async fn old_epochs_are_fenced(system: &System) {
    let (event, tier) = system.tier_event(5).await;
    let old = epoch(system, event).await;
    let next = system.vault(&paths::epoch(event), &json!({"run_id": "test"})).await;
    assert_eq!(next.body["epoch"], old + 1);
    let late = commit(event, old, tier);
    assert_eq!(verdict(system, &late).await, json!({"refused": "stale_epoch"}));
    let same_rid = CommitRequest { epoch: old + 1, ..late };
    assert_eq!(verdict(system, &same_rid).await, json!({"refused": "stale_epoch"}), "refused for good");
    // The gate finds out and follows, and nobody was told that anything is sold out.
    let guest = system.guest().await;
    let buys = async || {
        let answer = guest.buy(event, tier, 1).await.unwrap();
        assert!(answer.status == 201 || answer.code() == "inventory_rebuilding", "{}", answer.body);
        answer.status == 201
    };
    crate::support::eventually("it sells under the new epoch", crate::support::SOON, buys).await;
    system.clean_audit(event).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_rid_sent_many_times_at_once_is_one_booking_and_one_answer() {
    let system = shared().await;
    let event = system.seat_event().await;
    let guest = system.guest().await;
    let held = hold(guest.hold_seats(event, &["A-1-1", "A-1-2"]).await.unwrap());
    let replicas = system.spread(&vec![guest.clone(); 30]);
    let answers = join_all(replicas.iter().map(|guest| guest.book_hold(event, held.hold_id))).await;
    let answers: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
    assert_eq!(tally(&answers), [("201".into(), 30)].into());
    assert!(answers.iter().all(|answer| answer.body == answers[0].body));
    assert_eq!(guest.book_hold(event, held.hold_id).await.unwrap().body, answers[0].body, "and later as well");
    assert_eq!(system.bookings(event).await, 1);

    let (event, tier) = system.tier_event(5).await;
    let same = commit(event, epoch(system, event).await, tier);
    let verdicts = join_all((0..20).map(|_| verdict(system, &same))).await;
    assert!(verdicts.iter().all(|verdict| *verdict == verdicts[0] && verdict["posted"].is_object()), "{verdicts:?}");
    assert_eq!(system.bookings(event).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_vault_refuses_callers_without_its_credential() {
    let system = shared().await;
    let stranger = stack::Client::new(&system.ready.vault).unwrap();
    let (event, rid, customer) = (EventId::fresh(), ReservationId::fresh(), CustomerId::fresh());
    let booking = paths::customer_booking(customer, rid);
    let calls = [
        (Method::POST, paths::COMMITS.to_owned()),
        (Method::POST, paths::RESOLVE.to_owned()),
        (Method::POST, paths::EVENTS.to_owned()),
        (Method::GET, paths::EVENTS.to_owned()),
        (Method::GET, paths::event(event)),
        (Method::PATCH, paths::event(event)),
        (Method::POST, paths::epoch(event)),
        (Method::GET, paths::audit(event)),
        (Method::GET, paths::journal(event, 0)),
        (Method::POST, paths::JOURNAL_BEHIND.to_owned()),
        (Method::GET, format!("{}?after=0&wait_ms=0", paths::JOURNAL_WAKES)),
        (Method::GET, paths::customer_bookings(customer)),
        (Method::GET, booking.clone()),
        (Method::POST, format!("{booking}/confirm")),
        (Method::POST, format!("{booking}/cancel")),
        (Method::POST, paths::IDEMPOTENCY.to_owned()),
        (Method::POST, paths::changes(event)),
        (Method::POST, paths::AUDIT_LOG.to_owned()),
        (Method::POST, paths::API_KEYS.to_owned()),
        (Method::GET, paths::API_KEYS.to_owned()),
        (Method::GET, paths::WORKING_API_KEYS.to_owned()),
        (Method::DELETE, paths::api_key(ApiKeyId::fresh())),
        (Method::GET, paths::profile(customer)),
        (Method::PUT, paths::profile(customer)),
        (Method::DELETE, paths::profile(customer)),
    ];
    for token in ["", "wrong", &system.ready.admin_token] {
        for (method, path) in &calls {
            let refused = stranger.with_token(token).call(method.clone(), path, &json!({})).await.unwrap();
            assert_eq!((refused.status.as_u16(), refused.code()), (401, "unauthorized"), "{method} {path}");
        }
    }
}
