//! The audit log: every lasting change has its entry, in its own transaction, with who and by which request.

use std::time::Duration;

use contract::EventId;
use contract::api::{Action, EventChange, LogEntry, LogPage, SaleState};
use contract::origin::ActorKind;
use jiff::Timestamp;
use nix::sys::signal::Signal;
use reqwest::Method;
use serde_json::{Value, json};
use stack::{Client, Role};
use uuid::Uuid;

use crate::support::{SOON, System, eventually, hold, private, shared};

async fn page(reader: &Client, query: &str) -> LogPage {
    reader.get(&format!("/api/v1/audit-log?{query}")).await.unwrap().into().unwrap()
}

/// All entries of an event, newest first, by pages of this length.
async fn entries(system: &System, event: EventId, limit: u32) -> Vec<LogEntry> {
    let (mut all, mut before) = (Vec::new(), String::new());
    loop {
        let LogPage { items, next } = page(&system.admin, &format!("event_id={event}&limit={limit}{before}")).await;
        assert!(items.len() <= limit as usize);
        all.extend(items);
        let Some(next) = next else { return all };
        before = format!("&before={next}");
    }
}

fn id(body: &Value, field: &str) -> Uuid {
    body[field].as_str().unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_lasting_change_has_its_entry_with_who_and_by_which_request() {
    let system = shared().await;
    let (event, tier) = system.tier_event_with(100, |event| event.payment_ttl_seconds = 2).await;
    let guest = system.guest().await;
    // Asked by hand for the id that the reply carries.
    let request = guest.request(Method::POST, "/api/v1/bookings");
    let reply = request.json(&json!({"event_id": event, "tier_id": tier, "quantity": 1})).send().await.unwrap();
    let request_id = reply.headers()["x-request-id"].to_str().unwrap().to_owned();
    let paid: Value = reply.json().await.unwrap();
    let customer = id(&paid, "customer_id");
    let path = |booking: &Value, verb: &str| format!("/api/v1/bookings/{}/{verb}", id(booking, "booking_id"));
    guest.post(&path(&paid, "confirm"), &Value::Null).await.unwrap();
    let given_back = guest.buy(event, tier, 2).await.unwrap().body;
    guest.post(&path(&given_back, "cancel"), &Value::Null).await.unwrap();
    let forgotten = guest.buy(event, tier, 3).await.unwrap().body;
    // Asked again, they are what they are: nothing changes, and nothing is entered.
    guest.post(&path(&paid, "confirm"), &Value::Null).await.unwrap();
    guest.post(&path(&given_back, "cancel"), &Value::Null).await.unwrap();
    let pause = EventChange { sale_state: Some(SaleState::Paused), tiers: Vec::new() };
    for _ in 0..2 {
        system.admin.change_event(event, &pause).await.unwrap();
    }
    let expired = format!("event_id={event}&action=expired");
    eventually("the unpaid booking ends", crate::support::SOON, async || {
        !page(&system.admin, &expired).await.items.is_empty()
    })
    .await;

    let found = entries(system, event, 200).await;
    let told: Vec<_> = found.iter().rev().map(|entry| (entry.action, entry.actor_kind, entry.subject)).collect();
    let (by, admin) = (ActorKind::Customer, ActorKind::Admin);
    let booking = |body: &Value| id(body, "booking_id");
    let meant = [
        (Action::EventCreated, admin, event.0),
        (Action::Booked, by, booking(&paid)),
        (Action::Confirmed, by, booking(&paid)),
        (Action::Booked, by, booking(&given_back)),
        (Action::Cancelled, by, booking(&given_back)),
        (Action::Booked, by, booking(&forgotten)),
        (Action::EventChanged, admin, event.0),
        (Action::Expired, ActorKind::System, booking(&forgotten)),
    ];
    assert_eq!(told, meant);
    let first = &found[found.len() - 2];
    assert_eq!((first.actor, &first.request_id), (Some(customer), &request_id));
    assert!(
        found.iter().filter(|entry| entry.actor_kind != ActorKind::System).all(|entry| entry.request_id.len() == 32)
    );
    let change = found.iter().find(|entry| entry.action == Action::EventChanged).unwrap();
    assert_eq!(change.detail.as_ref().unwrap()["sale_state"], "paused");

    // By actor, by what was changed, by kind; all of them at once.
    assert_eq!(page(&system.admin, &format!("actor={customer}")).await.items.len(), 5);
    assert_eq!(page(&system.admin, &format!("subject={}", booking(&paid))).await.items.len(), 2);
    let one = format!("event_id={event}&actor={customer}&subject={}&action=confirmed", booking(&paid));
    assert_eq!(page(&system.admin, &one).await.items.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_is_read_page_by_page_though_bookings_come_in_batches() {
    let system = shared().await;
    let (event, tier) = system.tier_event(500).await;
    let guests = system.guests(100).await;
    let answers = futures_util::future::join_all(guests.iter().map(|guest| guest.buy(event, tier, 1))).await;
    let mut booked: Vec<Uuid> = answers.into_iter().map(|answer| id(&answer.unwrap().body, "booking_id")).collect();
    let rows = "SELECT count(*) FROM audit_log WHERE event_id = $1";
    assert!(system.count(rows, event).await < 101, "some shared a transaction, and a row with it");
    for limit in [1, 7, 200] {
        let found = entries(system, event, limit).await;
        assert_eq!(found.len(), 101, "by pages of {limit}");
        let mut subjects: Vec<_> =
            found.iter().filter(|entry| entry.action == Action::Booked).map(|entry| entry.subject).collect();
        subjects.sort_unstable();
        booked.sort_unstable();
        assert_eq!(subjects, booked);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_changes_the_log_and_only_operators_read_it() {
    let system = private().await;
    let (_, _) = system.tier_event(1).await;
    let postgres = system.postgres().await;
    for tampering in ["UPDATE audit_log SET detail = NULL", "DELETE FROM audit_log", "TRUNCATE audit_log"] {
        let refused = postgres.execute(tampering, &[]).await.unwrap_err();
        let refused = refused.as_db_error().unwrap().message().to_owned();
        assert!(refused.contains("never changed or removed"), "{tampering}: {refused}");
    }
    let guest = system.guest().await;
    assert_eq!(guest.get("/api/v1/audit-log").await.unwrap().status, 403);
    assert_eq!(guest.with_token("").get("/api/v1/audit-log").await.unwrap().status, 401);
    for bad in [
        "limit=0",
        "limit=201",
        "limit=x",
        "before=x",
        "before=1",
        "before=-1-1",
        "action=stolen",
        "actor=me",
        "who=me",
    ] {
        let answer = system.admin.get(&format!("/api/v1/audit-log?{bad}")).await.unwrap();
        assert_eq!((answer.status.as_u16(), answer.code()), (400, "malformed"), "{bad}: {}", answer.body);
    }
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

    let found = entries(system, event, 200).await;
    let by = ActorKind::Customer;
    let told = |entries: &[LogEntry]| {
        let told = entries.iter().map(|entry| (entry.action, entry.actor_kind, entry.subject));
        told.collect::<Vec<_>>()
    };
    // Replicas send theirs when they come to it; which was first, their times say.
    let mut of_hold = page(&system.admin, &format!("subject={held}")).await.items;
    of_hold.reverse();
    of_hold.sort_by_key(|entry| entry.at);
    assert_eq!(told(&of_hold), [(Action::Held, by, held), (Action::Extended, by, held), (Action::Released, by, held)]);
    let customer = of_hold[0].actor.unwrap();
    assert!(of_hold.iter().all(|entry| entry.actor == Some(customer) && entry.event_id == Some(event)));
    let taken = of_hold.iter().find(|entry| entry.action == Action::Held).unwrap();
    assert_eq!(taken.request_id, request_id);
    let mut of_booked = page(&system.admin, &format!("subject={booked}")).await.items;
    of_booked.reverse();
    of_booked.sort_by_key(|entry| entry.at);
    assert_eq!(
        told(&of_booked),
        [(Action::Held, by, booked.0), (Action::Booked, by, booked.0)],
        "one subject finds both"
    );
    assert_eq!(found.len(), 6, "those five and the event: {found:#?}");

    // Seats are locked one by one, or together.
    let event = system.seat_event().await;
    let seat = |label: &str, verb: &str| format!("/api/v1/events/{event}/seats/{label}/{verb}");
    let locked = guest.post(&seat("A-1-1", "lock"), &Value::Null).await.unwrap().body;
    guest.post(&seat("A-1-1", "unlock"), &Value::Null).await.unwrap();
    let both = hold(guest.hold_seats(event, &["A-1-2", "A-1-3"]).await.unwrap()).hold_id;
    guest.post(&seat("A-1-2", "unlock"), &Value::Null).await.unwrap();
    system.log_is_written().await;
    for hold in [id(&locked, "hold_id"), both.0] {
        let mut of_hold = page(&system.admin, &format!("event_id={event}&subject={hold}")).await.items;
        of_hold.reverse();
        of_hold.sort_by_key(|entry| entry.at);
        assert_eq!(told(&of_hold), [(Action::Held, by, hold), (Action::Released, by, hold)]);
    }
}

/// What the log says of a subject, oldest first.
async fn story(system: &System, subject: Uuid) -> Vec<(Action, ActorKind)> {
    let mut entries = page(&system.admin, &format!("subject={subject}")).await.items;
    // Newest first they come; of those of one millisecond, too.
    entries.reverse();
    entries.sort_by_key(|entry| entry.at);
    entries.iter().map(|entry| (entry.action, entry.actor_kind)).collect()
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
    let entry = page(&system.admin, &format!("subject={away}&action=held")).await.items.remove(0);
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
        let entries = entries(&system, event, 200).await;
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
