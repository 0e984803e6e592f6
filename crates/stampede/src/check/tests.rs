//! A small history in which everything is as it should be, and what the witness says when one thing in it is not.

use std::collections::HashMap;
use std::time::Duration;

use contract::api::{BookingStatus, BookingView, HoldView, booking_reference};
use contract::{Code, Currency, CustomerId, EventId, ReservationId, TierId};
use jiff::Timestamp;
use uuid::Uuid;

use super::{Invariant, Verdict, check, overall};
use crate::arrivals::{Arrivals, Spacing};
use crate::evidence::{BookingRow, Evidence, PostgresState, RedisState};
use crate::history::{Action, History, Operation};
use crate::outcome::Outcome;
use crate::run::Plan;
use crate::scenario::Scenario;
use crate::watcher::{Step, Watched};
use Invariant::{I1, I2, I3, I4, I5, I6, I7, I11, I13};

const SECOND: u64 = 1_000_000;
const BOUGHT: u128 = 1;
const HELD: u128 = 2;
const LOST: u128 = 3;

fn rid(number: u128) -> ReservationId {
    ReservationId(Uuid::from_u128(number))
}

fn customer(number: u128) -> CustomerId {
    CustomerId(Uuid::from_u128(1_000 + number))
}

fn tier() -> TierId {
    TierId(Uuid::from_u128(77))
}

fn event() -> EventId {
    EventId(Uuid::from_u128(88))
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn booking(number: u128, seats: &[&str], quantity: u32) -> BookingView {
    BookingView {
        booking_id: rid(number),
        reference: booking_reference(rid(number)),
        event_id: event(),
        customer_id: customer(number),
        status: BookingStatus::Reserved,
        seats: seats.iter().map(|seat| (*seat).to_owned()).collect(),
        tier_id: seats.is_empty().then(tier),
        quantity,
        amount_minor: 100 * i64::from(quantity),
        currency: Currency::try_from("EUR".to_owned()).unwrap(),
        payment_due_at: at(900),
        payment_reference: None,
        created_at: at(0),
    }
}

fn row(view: &BookingView) -> BookingRow {
    let items = if view.seats.is_empty() { 1 } else { i64::try_from(view.seats.len()).unwrap() };
    BookingRow {
        booking_id: view.booking_id,
        customer_id: view.customer_id,
        status: view.status,
        quantity: view.quantity.into(),
        amount_minor: view.amount_minor,
        currency: view.currency.to_string(),
        payment_due_at: view.payment_due_at,
        created_at: view.created_at,
        tier_id: view.tier_id,
        seats: view.seats.clone(),
        items_live: items,
        items,
    }
}

fn operation(number: u128, action: Action, at_us: u64, outcome: Outcome) -> Operation {
    let (intended_us, invoked_us, returned_us) = (at_us, at_us, at_us + 1_000);
    Operation { arrival: 0, customer: customer(number), action, intended_us, invoked_us, returned_us, outcome }
}

/// The purchase of two tickets under a key.
fn once_more(key: u128) -> Action {
    Action::BuyOnce(tier(), 2, Uuid::from_u128(key))
}

/// Gives an operation a key.
fn once(history: &mut History, at: usize, key: u128) {
    history.operations[at].action = once_more(key);
}

/// A tier of two tickets and a row of two seats. Somebody buys both tickets; one holds both seats, books them and asks
/// again; one books too late; one comes when the tickets are sold out.
fn good() -> History {
    let mut new = Scenario::Mixed.event(100, None).unwrap();
    new.hold_ttl_seconds = 2;
    let bought = booking(BOUGHT, &[], 2);
    let booked = booking(HELD, &["A-1-1", "A-1-2"], 2);
    let hold = |number: u128| HoldView {
        hold_id: rid(number),
        event_id: event(),
        seats: booked.seats.clone(),
        tier_id: None,
        quantity: 2,
        amount_minor: 200,
        currency: booked.currency,
        expires_at: at(2),
    };
    let seats = Action::HoldSeats(booked.seats.clone());
    let answer = |view: &BookingView| Outcome::Booked(Box::new(view.clone()));
    let operations = vec![
        operation(LOST, seats.clone(), 0, Outcome::Held(Box::new(hold(LOST)))),
        operation(BOUGHT, Action::Buy(tier(), 2), SECOND, answer(&bought)),
        operation(4, Action::Buy(tier(), 1), 2 * SECOND, Outcome::Refused(409, Code::SoldOut)),
        operation(LOST, Action::Book(rid(LOST)), 3 * SECOND, Outcome::Refused(409, Code::HoldExpired)),
        operation(HELD, seats, 4 * SECOND, Outcome::Held(Box::new(hold(HELD)))),
        operation(HELD, Action::Book(rid(HELD)), 5 * SECOND, answer(&booked)),
        operation(HELD, Action::Book(rid(HELD)), 6 * SECOND, answer(&booked)),
    ];
    let plan = Plan {
        scenario: Scenario::Mixed,
        arrivals: Arrivals { rate: 1, seconds: 7, spacing: Spacing::Fixed, spike: false },
        capacity: None,
        watchers: 1,
        connections_max: 1,
        under_way_max: 1,
        patience: Duration::from_secs(1),
        seed: 0,
    };
    History {
        plan,
        event: view(&new),
        offered: 5,
        dropped: 0,
        operations,
        replays: Vec::new(),
        evidence: Some(evidence(&bought, &booked)),
    }
}

fn view(new: &contract::api::NewEvent) -> contract::api::EventView {
    serde_json::from_value(serde_json::json!({
        "event_id": event(), "name": new.name, "venue": new.venue, "starts_at": new.starts_at, "ends_at": new.ends_at,
        "on_sale_at": new.on_sale_at, "sale_state": "open", "currency": new.currency, "per_customer_max": 10,
        "hold_ttl_seconds": 2, "payment_ttl_seconds": 900,
        "tiers": [{"tier_id": tier(), "name": "Floor", "price_minor": 100, "capacity": 2, "available": 2}],
        "sections": [{"name": "A", "rows": 1, "seats_per_row": 2, "price_minor": 100}],
        "seats_total": 2, "seats_available": 2, "server_time": at(0)
    }))
    .unwrap()
}

fn evidence(bought: &BookingView, booked: &BookingView) -> Evidence {
    Evidence {
        postgres: PostgresState {
            epoch: 1,
            journal_seq: 3,
            tiers: HashMap::from([(tier(), (2, 2))]),
            seats_total: 2,
            bookings: vec![row(bought), row(booked)],
            fates: HashMap::from([(rid(BOUGHT), true), (rid(HELD), true), (rid(LOST), false)]),
        },
        redis: Some(RedisState {
            now_ms: 0,
            epoch: 1,
            applied_seq: 3,
            feed_sequence: 9,
            tiers: HashMap::from([(tier(), 0)]),
            seats_available: 0,
            seats: [(0, rid(HELD)), (1, rid(HELD))].into(),
            map: "rr".into(),
            ledger: HashMap::new(),
            customers: HashMap::from([(customer(BOUGHT), 2), (customer(HELD), 2)]),
        }),
        watched: vec![Watched {
            steps: vec![Step::Snapshot(1, 0), Step::Delta(1, 0, 4), Step::Delta(1, 4, 9)],
            at: (1, 9),
            states: "rr".into(),
            tiers: HashMap::from([(tier(), 0)]),
        }],
    }
}

#[test]
fn a_good_history_is_ok() {
    let history = good();
    let checks = check(&history);
    for (invariant, check) in &checks {
        assert_eq!(check.verdict, Verdict::Ok, "{invariant:?} {check:?}");
    }
    assert_eq!(overall(&history, &checks), Verdict::Ok);
}

/// One thing that is wrong, and which invariants it breaks.
type Wrong = (&'static str, &'static [Invariant], fn(&mut History, &mut Evidence));

const WRONGS: &[Wrong] = &[
    ("a seat has two live bookings", &[I1, I2, I3, I5, I6, I7], |_, evidence| {
        let mut again = evidence.postgres.bookings[1].clone();
        (again.booking_id, again.customer_id) = (rid(LOST), customer(LOST));
        evidence.postgres.bookings.push(again);
        evidence.postgres.bookings[1].seats.truncate(1);
    }),
    ("a tier sold more than it has", &[I1, I2, I6], |_, evidence| evidence.postgres.bookings[0].quantity = 3),
    ("a counter is wrong", &[I1], |_, evidence| {
        evidence.postgres.tiers.insert(tier(), (2, 1));
    }),
    ("a live booking has lost its items", &[I1], |_, evidence| evidence.postgres.bookings[0].items_live = 0),
    ("a booking has no row", &[I1, I2, I6, I7], |_, evidence| {
        evidence.postgres.bookings.remove(0);
    }),
    ("a row has another price than was told", &[I2], |_, evidence| evidence.postgres.bookings[0].amount_minor += 1),
    ("a row belongs to another customer", &[I2, I6], |_, evidence| {
        evidence.postgres.bookings[0].customer_id = customer(9);
    }),
    ("a row that nobody asked for", &[I3, I11], |history, _| {
        history.operations.remove(1);
    }),
    ("a replay is answered otherwise", &[I2, I4], |history, _| {
        let Outcome::Booked(view) = &mut history.operations[6].outcome else { panic!("the replay") };
        view.amount_minor += 1;
    }),
    ("a replay is refused", &[I4, I5, I7], |history, _| {
        history.operations[6].outcome = Outcome::Refused(409, Code::SeatTaken);
    }),
    ("what was refused has a row", &[I5, I7], |history, _| {
        history.operations[5].outcome = Outcome::Refused(409, Code::HoldExpired);
    }),
    ("a ticket leaked", &[I6, I13], |_, evidence| {
        evidence.redis.as_mut().unwrap().tiers.insert(tier(), -1);
        evidence.watched[0].tiers.insert(tier(), 1);
    }),
    ("a seat is kept by nobody", &[I6], |_, evidence| {
        evidence.redis.as_mut().unwrap().seats.insert(0, rid(LOST));
    }),
    ("the map is not the seats", &[I6, I13], |_, evidence| evidence.redis.as_mut().unwrap().map = "ra".into()),
    ("a customer is counted wrongly", &[I6], |_, evidence| {
        evidence.redis.as_mut().unwrap().customers.insert(customer(9), 1);
    }),
    ("Redis is of another epoch", &[I6, I13], |_, evidence| evidence.redis.as_mut().unwrap().epoch = 2),
    ("the inventory is not in Redis", &[I6], |_, evidence| evidence.redis = None),
    ("a rid is void and has a row", &[I7], |_, evidence| {
        evidence.postgres.fates.insert(rid(HELD), false);
    }),
    ("a rid is posted and has no row", &[I7], |_, evidence| {
        evidence.postgres.fates.insert(rid(9), true);
    }),
    ("sold out while everything was there", &[I11], |history, _| {
        history.operations[1].invoked_us = 3 * SECOND;
        history.operations[1].returned_us = 3 * SECOND;
    }),
    ("a sequence goes back", &[I13], |_, evidence| evidence.watched[0].steps[2] = Step::Delta(1, 0, 3)),
    ("a step is missing", &[I13], |_, evidence| evidence.watched[0].steps[2] = Step::Delta(1, 5, 9)),
    ("a gap, and no snapshot after it", &[I13], |_, evidence| evidence.watched[0].steps[1] = Step::AskedAgain),
    ("a watcher is ahead of the feed", &[I13], |_, evidence| evidence.watched[0].at = (1, 10)),
    ("a watcher is of another epoch", &[I13], |_, evidence| evidence.watched[0].at = (0, 9)),
    ("a journal row was not followed", &[I6], |_, evidence| evidence.postgres.journal_seq = 4),
    ("another quantity was bought than asked for", &[I2, I11], |history, _| {
        history.operations[1].action = Action::Buy(tier(), 1);
    }),
    ("one booking was told to two buyers", &[I2], |history, _| {
        let again = history.operations[1].clone();
        history.operations.push(again);
    }),
    ("a key was refused after it had bought", &[I4], |history, _| {
        once(history, 1, 1);
        history.operations.push(operation(BOUGHT, once_more(1), 7 * SECOND, Outcome::Refused(409, Code::SoldOut)));
    }),
    ("a key that was refused has bought", &[I2, I4], |history, _| {
        let told = history.operations[1].outcome.clone();
        let refused = Outcome::Refused(409, Code::SoldOut);
        history.operations.push(operation(BOUGHT, once_more(1), 2 * SECOND, refused));
        history.operations.push(operation(BOUGHT, once_more(1), 7 * SECOND, told));
    }),
    ("one booking was told to two keys", &[I2], |history, _| {
        let told = history.operations[1].outcome.clone();
        once(history, 1, 1);
        history.operations.push(operation(BOUGHT, once_more(2), 7 * SECOND, told));
    }),
    ("other seats were booked than held", &[I2], |history, _| {
        let Outcome::Held(hold) = &mut history.operations[4].outcome else { panic!("the hold") };
        hold.seats.reverse();
        history.operations[4].action = Action::HoldSeats(hold.seats.clone());
    }),
    ("other seats were held than asked for", &[I2], |history, _| {
        history.operations[4].action = Action::HoldSeats(vec!["A-1-1".into()]);
    }),
    ("a cancellation was lost", &[I2], |history, _| {
        history.operations.push(operation(HELD, Action::Cancel(rid(HELD)), 7 * SECOND, Outcome::Done(200)));
    }),
    ("a payment was lost", &[I2], |history, _| {
        history.operations.push(operation(HELD, Action::Confirm(rid(HELD)), 7 * SECOND, Outcome::Done(200)));
    }),
    ("what was released is booked", &[I2], |history, _| {
        history.operations.push(operation(HELD, Action::Release(rid(HELD)), 7 * SECOND, Outcome::Done(204)));
    }),
    ("a booking is gone that nobody gave back", &[I4], |history, _| {
        history.operations[6].outcome = Outcome::Refused(410, Code::Gone);
    }),
    ("a watcher sees another seat", &[I13], |_, evidence| evidence.watched[0].states = "ra".into()),
];

#[test]
fn a_key_that_is_answered_the_same_twice_is_right() {
    let mut history = good();
    once(&mut history, 1, 1);
    let again = history.operations[1].outcome.clone();
    history.operations.push(operation(BOUGHT, once_more(1), 7 * SECOND, again));
    let checks = check(&history);
    assert_eq!(overall(&history, &checks), Verdict::Ok, "{checks:?}");
}

#[test]
fn what_stays_unknown_is_not_called_ok() {
    for (outcome, verdict) in [
        (Outcome::Unknown("timeout".into()), Verdict::Unknown),
        (Outcome::Refused(409, Code::InProgress), Verdict::Unknown),
        (Outcome::Refused(503, Code::Unavailable), Verdict::Unknown),
        (Outcome::Done(204), Verdict::Ok),
    ] {
        let mut history = good();
        history.operations.push(operation(
            HELD,
            Action::Extend(rid(HELD)),
            7 * SECOND,
            Outcome::Unknown("reset".into()),
        ));
        history.replays.push(operation(HELD, Action::Extend(rid(HELD)), 8 * SECOND, outcome));
        assert_eq!(overall(&history, &check(&history)), verdict);
    }
}

#[test]
fn whatever_is_wrong_is_found_by_its_invariants_and_by_no_other() {
    for (what, invariants, spoil) in WRONGS {
        let mut history = good();
        let mut evidence = history.evidence.take().unwrap();
        spoil(&mut history, &mut evidence);
        history.evidence = Some(evidence);
        let checks = check(&history);
        let found: Vec<_> = checks
            .iter()
            .filter(|(_, check)| check.verdict == Verdict::Violated)
            .map(|(invariant, _)| *invariant)
            .collect();
        assert_eq!(found, *invariants, "{what}: {checks:?}");
        assert_eq!(overall(&history, &checks), Verdict::Violated, "{what}");
    }
}

#[test]
fn what_is_not_known_is_no_violation() {
    let mut history = good();
    // The reply to the purchase and to the last booking were lost: each may have a row.
    history.operations[1].outcome = Outcome::Unknown("timeout".into());
    history.operations[5].outcome = Outcome::Unknown("connection reset".into());
    history.operations.pop();
    let checks = check(&history);
    assert!(checks.values().all(|check| check.verdict != Verdict::Violated), "{checks:?}");
    assert_eq!(checks[&I3].verdict, Verdict::Ok);
    // But not two.
    let evidence = history.evidence.as_mut().unwrap();
    let mut another = evidence.postgres.bookings[0].clone();
    another.booking_id = rid(9);
    evidence.postgres.bookings.push(another);
    assert_eq!(check(&history)[&I3].violations, 1);
}

#[test]
fn a_hold_that_may_not_have_come_back_yet_excuses_a_sold_out() {
    let mut history = good();
    // Both tickets are held from the start for two seconds, and nothing else is taken.
    let Outcome::Held(mut hold) = history.operations[0].outcome.clone() else { panic!("the hold") };
    hold.tier_id = Some(tier());
    history.operations[0].action = Action::HoldTier(tier(), 2);
    history.operations[0].outcome = Outcome::Held(hold);
    history.operations.retain(|operation| !matches!(operation.action, Action::Book(_)));
    history.operations.remove(1);
    let mut verdict_at = |second: u64| {
        let refused = &mut history.operations[1];
        (refused.invoked_us, refused.returned_us) = (second * SECOND, second * SECOND + 1_000);
        check(&history)[&I11].verdict
    };
    assert_eq!(verdict_at(1), Verdict::Ok);
    assert_eq!(verdict_at(4), Verdict::Ok, "the sweep may be late");
    assert_eq!(verdict_at(5), Verdict::Violated, "but not for ever");
}
