//! Holds in the audit log: each change has its entry, though they are made without the vault.

use std::time::Duration;

use contract::ReservationId;
use contract::api::{Action, LogEntry};
use contract::origin::ActorKind;
use contract::paths;
use jiff::Timestamp;
use nix::sys::signal::Signal;
use reqwest::Method;
use serde_json::{Value, json};
use stack::Role;
use uuid::Uuid;

use crate::support::{SOON, System, eventually, hold, id, log_entries, log_page, private, shared};

/// What the log has of a subject, oldest first.
async fn entries_of(system: &System, subject: Uuid) -> Vec<LogEntry> {
    let mut entries = log_page(&system.admin, &format!("subject={subject}")).await.items;
    // Newest first they come; of those of one millisecond, too. Replicas bring theirs when they come to it.
    entries.reverse();
    entries.sort_by_key(|entry| entry.at);
    entries
}

/// What happened to it, and by whom.
pub async fn story(system: &System, subject: Uuid) -> Vec<(Action, ActorKind)> {
    entries_of(system, subject).await.iter().map(|entry| (entry.action, entry.actor_kind)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_change_of_a_hold_has_its_entry_with_who_and_by_which_request() {
    let system = shared().await;
    let (event, tier) = system.tier_event(10).await;
    let guest = system.guest().await;
    let request = guest.request(Method::POST, &format!("/api/v1/events/{event}/holds"));
    let reply = request.json(&json!({"tier_id": tier, "quantity": 1})).send().await.unwrap();
    let request_id = reply.headers()["x-request-id"].to_str().unwrap().to_owned();
    let held = id(&reply.json().await.unwrap(), "hold_id");
    let path = format!("/api/v1/events/{event}/holds/{held}");
    // The same key twice is one change.
    for _ in 0..2 {
        guest.post_with_key(&format!("{path}/extend"), "once", &Value::Null).await.unwrap();
    }
    guest.call(Method::DELETE, &path, &Value::Null).await.unwrap();
    // Refused, it is no change.
    guest.call(Method::DELETE, &path, &Value::Null).await.unwrap();
    let stranger = system.guest().await;
    stranger.post(&format!("{path}/extend"), &Value::Null).await.unwrap();
    let booked = hold(guest.hold_tier(event, tier, 2).await.unwrap()).hold_id;
    guest.book_hold(event, booked).await.unwrap();
    system.log_is_written().await;

    let by = ActorKind::Customer;
    let (one, two) = (json!({"tier_id": tier, "quantity": 1}), json!({"tier_id": tier, "quantity": 2}));
    let of_hold = entries_of(system, held).await;
    let told = |entries: &[LogEntry]| -> Vec<_> {
        entries.iter().map(|entry| (entry.action, entry.actor_kind, entry.detail.clone().unwrap_or_default())).collect()
    };
    let meant = [Action::Held, Action::Extended, Action::Released].map(|action| (action, by, one.clone()));
    assert_eq!(told(&of_hold), meant);
    let customer = of_hold[0].actor.unwrap();
    assert!(of_hold.iter().all(|entry| entry.actor == Some(customer) && entry.event_id == Some(event)));
    assert_eq!(of_hold[0].request_id, request_id);
    let of_booked = told(&entries_of(system, booked.0).await);
    assert_eq!(of_booked, [(Action::Held, by, two), (Action::Booked, by, Value::Null)], "one subject finds both");
    let found = log_entries(system, event, 200).await;
    assert_eq!(found.len(), 6, "those five and the event: {found:#?}");

    // Seats are locked one by one, or together, and given back so.
    let event = system.seat_event().await;
    let seat = |label: &str, verb: &str| format!("/api/v1/events/{event}/seats/{label}/{verb}");
    let locked = guest.post(&seat("A-1-1", "lock"), &Value::Null).await.unwrap().body;
    guest.post(&seat("A-1-1", "unlock"), &Value::Null).await.unwrap();
    let three = hold(guest.hold_seats(event, &["A-1-2", "A-1-3", "A-2-1"]).await.unwrap()).hold_id;
    guest.post(&seat("A-1-3", "unlock"), &Value::Null).await.unwrap();
    guest.post(&format!("/api/v1/events/{event}/holds/{three}/extend"), &Value::Null).await.unwrap();
    guest.call(Method::DELETE, &format!("/api/v1/events/{event}/holds/{three}"), &Value::Null).await.unwrap();
    system.log_is_written().await;
    let seats = |action: Action, labels: &[&str]| (action, by, json!({"seats": labels}));
    let of_locked = told(&entries_of(system, id(&locked, "hold_id")).await);
    assert_eq!(of_locked, [seats(Action::Held, &["A-1-1"]), seats(Action::Released, &["A-1-1"])]);
    let of_three = told(&entries_of(system, three.0).await);
    let meant = [
        seats(Action::Held, &["A-1-2", "A-1-3", "A-2-1"]),
        seats(Action::Released, &["A-1-3"]),
        seats(Action::Extended, &["A-1-2", "A-2-1"]),
        seats(Action::Released, &["A-1-2", "A-2-1"]),
    ];
    assert_eq!(of_three, meant, "each says which of them");
}

#[tokio::test(flavor = "multi_thread")]
async fn holds_reach_the_log_once_though_the_vault_is_away_and_their_replica_is_killed() {
    let system = private().await;
    let (event, tier) = system.tier_event(100).await;
    let first = system.guest().await.at(&system.ready.replicas[0]);
    let take = async || hold(first.hold_tier(event, tier, 1).await.unwrap()).hold_id.0;
    let knows_event = async || {
        let read = first.get(&format!("/api/v1/events/{event}")).await;
        read.is_ok_and(|read| read.status == 200)
    };
    let held = [(Action::Held, ActorKind::Customer)];
    let usual = take().await;
    system.log_is_written().await;
    assert_eq!(story(&system, usual).await, held);

    // Killed at once, the replica has told nobody; and what it brought the vault just before may be brought again.
    let replica = system.stack.child(Role::Gatekeeper(0)).unwrap();
    let (last, starts) = (take().await, replica.starts());
    replica.signal(Signal::SIGKILL);
    eventually("it is started again", SOON, async || replica.starts() > starts).await;
    eventually("it sells again", SOON, async || knows_event().await).await;
    eventually("another brings it", SOON, async || story(&system, last).await == held).await;

    // The vault is away, the replica is killed, and the event is loaded anew before any of it is in the log.
    let vault = system.stack.child(Role::Vault).unwrap();
    vault.down(Signal::SIGKILL);
    let (away, starts) = (take().await, replica.starts());
    replica.signal(Signal::SIGKILL);
    eventually("it is started again", SOON, async || replica.starts() > starts).await;
    let spoil = format!("{{e:{event}}}:meta");
    let mut redis = system.redis().await;
    redis::cmd("HSET").arg(spoil).arg("run_id").arg("another").exec_async(&mut redis).await.unwrap();
    let back_at = Timestamp::now();
    vault.up();
    eventually("the log can be read", SOON, async || {
        system.admin.get("/api/v1/audit-log?limit=1").await.is_ok_and(|answer| answer.status == 200)
    })
    .await;
    eventually("it is entered when the vault is back", SOON, async || !story(&system, away).await.is_empty()).await;
    let entry = log_page(&system.admin, &format!("subject={away}&action=held")).await.items.remove(0);
    assert!(entry.at < back_at, "when it was made, not when it arrived");
    // The new epoch's are told from those of the one before.
    eventually("the event is loaded again", SOON, async || {
        first.hold_tier(event, tier, 1).await.unwrap().status == 201
    })
    .await;
    let after = take().await;
    system.log_is_written().await;
    let ended = [held[0], (Action::Expired, ActorKind::System)];
    for (subject, told) in [(usual, &ended[..]), (last, &ended), (away, &ended), (after, &held)] {
        assert_eq!(story(&system, subject).await, told, "holds end with their epoch");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_that_are_brought_again_are_not_entered_again() {
    let system = shared().await;
    let (event, _) = system.tier_event(1).await;
    let subjects: Vec<_> = (0..4).map(|_| Uuid::now_v7()).collect();
    let change = |epoch: i64, number: usize| {
        json!({"epoch": epoch, "number": number, "at": Timestamp::now(), "action": "held", "subject": subjects[number - 1],
            "origin": {"kind": "customer", "actor": Uuid::now_v7(), "request_id": "r"}})
    };
    let path = format!("/internal/events/{event}/changes");
    let bring = async |changes: Vec<Value>| system.vault(&path, &json!({"changes": changes})).await.status.as_u16();
    // Twice at once, by two who do not know of each other; then more, some of it known.
    let twice = || vec![change(1_001, 1), change(1_001, 2)];
    assert_eq!(tokio::join!(bring(twice()), bring(twice())), (204, 204));
    assert_eq!(bring(vec![change(1_001, 2), change(1_001, 3)]).await, 204);
    // An epoch before it may still have something to say, and one of each may come together.
    assert_eq!(bring(vec![change(1_000, 4), change(1_001, 3)]).await, 204);
    assert_eq!(bring(Vec::new()).await, 204);
    for subject in &subjects {
        assert_eq!(story(system, *subject).await.len(), 1);
    }
    assert_eq!(bring(vec![change(1_002, 1); 513]).await, 400);
    assert_eq!(bring(vec![change(0, 1)]).await, 400, "there is no such epoch");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_that_ends_without_its_customer_has_entries_that_say_so() {
    let system = private().await;
    let (event, tier) = system.tier_event(4).await;
    let (brief, brief_tier) = system.tier_event_with(4, |event| event.hold_ttl_seconds = 1).await;
    // One replica throughout: it is connected, and Redis knows its scripts.
    let guest = system.guest().await.at(&system.ready.replicas[0]);
    let (held, by, system_itself) = (Action::Held, ActorKind::Customer, ActorKind::System);

    // It runs out.
    let over = hold(guest.hold_tier(brief, brief_tier, 1).await.unwrap()).hold_id.0;
    let story_of_over = [(held, by), (Action::Expired, system_itself)];
    eventually("its end is entered", SOON, async || story(&system, over).await == story_of_over).await;

    // Its booking is refused by the vault, which knows of a pause that the gate does not.
    let refused = hold(guest.hold_tier(event, tier, 1).await.unwrap()).hold_id;
    let pause = async |state: &str| {
        let change = format!("UPDATE events SET sale_state = '{state}' WHERE event_id = '{event}'");
        system.postgres().await.batch_execute(&change).await.unwrap();
    };
    pause("paused").await;
    assert_eq!(guest.book_hold(event, refused).await.unwrap().code(), "not_bookable");
    pause("open").await;
    let story_of_refused = [(held, by), (Action::Expired, system_itself)];
    eventually("its end is entered", SOON, async || story(&system, refused.0).await == story_of_refused).await;

    // Its answer is lost, so nobody knows of it but the log.
    let redis = system.stack.child(Role::Redis).unwrap();
    redis.signal(Signal::SIGSTOP);
    let lost = guest.hold_tier(event, tier, 4).await.unwrap();
    redis.signal(Signal::SIGCONT);
    assert_eq!(lost.status, 503);
    let of_lost = async || {
        let entries = log_entries(&system, event, 200).await;
        let mut others: Vec<_> =
            entries.iter().filter(|entry| entry.subject != refused.0 && entry.subject != event.0).collect();
        others.reverse();
        others.sort_by_key(|entry| entry.at);
        let same = others.windows(2).all(|pair| pair[0].subject == pair[1].subject);
        (same, others.iter().map(|entry| (entry.action, entry.actor_kind)).collect::<Vec<_>>())
    };
    let story_of_lost = (true, vec![(held, by), (Action::Released, system_itself)]);
    eventually("it was made and given back", SOON, async || of_lost().await == story_of_lost).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn holds_wait_while_the_log_can_take_no_more() {
    let system = private().await;
    let (event, tier) = system.tier_event(10).await;
    let (brief, brief_tier) = system.tier_event_with(1, |event| event.hold_ttl_seconds = 5).await;
    // One replica throughout: it knows the events.
    let guest = system.guest().await.at(&system.ready.replicas[0]);
    let held = hold(guest.hold_tier(event, tier, 1).await.unwrap()).hold_id;
    system.log_is_written().await;
    let path = format!("/api/v1/events/{event}/holds/{held}");
    assert_eq!(guest.get(&format!("/api/v1/events/{brief}")).await.unwrap().status, 200);

    let vault = system.stack.child(Role::Vault).unwrap();
    vault.down(Signal::SIGKILL);
    let waiting = hold(guest.hold_tier(event, tier, 1).await.unwrap()).hold_id;
    let fill = "for _ = 1, 250000 do redis.call('RPUSH', KEYS[1], 'what no script writes') end";
    // Nobody can say that the last ticket is sold: its hold has run out, and cannot end.
    let last = hold(guest.hold_tier(brief, brief_tier, 1).await.unwrap());
    let mut redis = system.redis().await;
    for event in [event, brief] {
        redis::cmd("EVAL").arg(fill).arg(1).arg(format!("{{e:{event}}}:changes")).exec_async(&mut redis).await.unwrap();
    }
    let over = async || Timestamp::now() > last.expires_at;
    eventually("the hold runs out", SOON, over).await;
    let other = system.guest().await.at(&system.ready.replicas[0]);
    for answer in [
        other.buy(brief, brief_tier, 1).await.unwrap(),
        other.hold_tier(brief, brief_tier, 1).await.unwrap(),
        guest.hold_tier(event, tier, 1).await.unwrap(),
        guest.post(&format!("{path}/extend"), &Value::Null).await.unwrap(),
        guest.call(Method::DELETE, &path, &Value::Null).await.unwrap(),
    ] {
        assert_eq!((answer.status.as_u16(), answer.code()), (503, "unavailable"), "{}", answer.body);
    }
    assert!(system.gate_metric("gatekeeper_changes_lost_total").await < 1.0);

    vault.up();
    let is_given_back = async || guest.call(Method::DELETE, &path, &Value::Null).await.unwrap().status == 204;
    eventually("the log takes changes again", Duration::from_mins(1), is_given_back).await;
    eventually("the last ticket can be bought", Duration::from_mins(1), async || {
        other.buy(brief, brief_tier, 1).await.is_ok_and(|answer| answer.status == 201)
    })
    .await;
    system.log_is_written().await;
    let unreadable = system.gate_metric("gatekeeper_changes_lost_total").await;
    // Two replicas that clear it away at once may not count the same.
    assert!(unreadable >= 499_000.0, "what nobody can read is told: {unreadable}");
    let (taken, released) = ((Action::Held, ActorKind::Customer), (Action::Released, ActorKind::Customer));
    assert_eq!(story(&system, held.0).await, [taken, released]);
    assert_eq!(story(&system, waiting.0).await, [taken]);
    assert_eq!(system.clean_audit(event).await.tiers[0].held, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_that_is_being_booked_when_its_inventory_is_counted_anew_has_its_end_or_its_booking() {
    let system = private().await;
    let (event, tier) = system.tier_event(10).await;
    let guest = system.guest().await.at(&system.ready.replicas[0]);
    let take = async || hold(guest.hold_tier(event, tier, 1).await.unwrap()).hold_id;
    let (ledger, meta) = (format!("{{e:{event}}}:ledger"), format!("{{e:{event}}}:meta"));
    let mut redis = system.redis().await;
    let known = async |hold: ReservationId| -> Option<String> {
        redis::cmd("HGET").arg(&ledger).arg(hold.to_string()).query_async(&mut system.redis().await).await.unwrap()
    };
    // As an entry stands between the begin of its commit and the vault's verdict.
    let begin_commit = async |hold: ReservationId, entry: String| {
        let committing = entry.replacen('h', "c", 1);
        let mut set = redis::cmd("HSET");
        set.arg(&ledger).arg(hold.to_string()).arg(committing).exec_async(&mut system.redis().await).await.unwrap();
    };
    let sells = async || guest.hold_tier(event, tier, 1).await.is_ok_and(|answer| answer.status == 201);
    // The epochs that followed the first, as the log has them.
    let recounts = async || -> Vec<i64> {
        let counts = format!("event_id={event}&subject={event}&action=event_recounted");
        let entries = log_page(&system.admin, &counts).await.items;
        entries.iter().map(|entry| entry.detail.as_ref().unwrap()["epoch"].as_i64().unwrap()).collect()
    };
    let (held, booked) = ((Action::Held, ActorKind::Customer), (Action::Booked, ActorKind::Customer));
    let ended = (Action::Expired, ActorKind::System);

    // One is booked, and nobody lived to tell Redis; the commit of another never reached the vault.
    let won = take().await;
    let entry = known(won).await.unwrap();
    assert_eq!(guest.book_hold(event, won).await.unwrap().status, 201);
    eventually("it is settled", SOON, async || known(won).await.is_none()).await;
    begin_commit(won, entry).await;
    let abandoned = take().await;
    begin_commit(abandoned, known(abandoned).await.unwrap()).await;
    let first = *recounts().await.iter().max().unwrap_or(&1);
    redis::cmd("HSET").arg(&meta).arg("run_id").arg("another").exec_async(&mut redis).await.unwrap();
    eventually("its inventory is counted anew", SOON, async || sells().await).await;
    system.log_is_written().await;
    assert_eq!(story(&system, won.0).await, [held, booked], "it did not end");
    assert_eq!(story(&system, abandoned.0).await, [held, ended]);
    assert!(recounts().await[0] > first, "the count has its own");
    assert!(!recounts().await.contains(&1), "the first is none");

    // The vault refuses the booking, because a newer epoch than the gate's is the event's.
    let refused = take().await;
    let issued = system.vault(&paths::epoch(event), &json!({"run_id": "test"})).await;
    assert_eq!(issued.status, 200);
    assert_eq!(guest.book_hold(event, refused).await.unwrap().code(), "hold_expired");
    eventually("its end is entered", SOON, async || story(&system, refused.0).await == [held, ended]).await;

    // A Redis takes all it knows with it; that every hold ended is in the log all the same.
    eventually("it sells again", SOON, async || sells().await).await;
    let before = recounts().await[0];
    system.stack.kill(Role::Redis).unwrap();
    eventually("it sells again", SOON, async || sells().await).await;
    assert!(recounts().await[0] > before);
}
