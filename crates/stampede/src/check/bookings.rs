//! I2 to I5 and I7: what clients were told, against the rows.

use std::collections::{HashMap, HashSet};

use contract::api::{BookingStatus, BookingView};
use contract::{Code, CustomerId, ReservationId, TierId};
use uuid::Uuid;

use super::Examination;
use crate::evidence::{BookingRow, Evidence};
use crate::history::{Action, History, Operation};
use crate::outcome::Outcome;

pub(crate) fn every_201_is_one_row(history: &History, evidence: &Evidence) -> Examination {
    let mut examination = Examination::default();
    let mut rows: HashMap<ReservationId, Vec<&BookingRow>> = HashMap::new();
    for row in &evidence.postgres.bookings {
        rows.entry(row.booking_id).or_default().push(row);
    }
    for (operation, view) in booked(history) {
        examination.examine();
        match rows.get(&view.booking_id).map(Vec::as_slice) {
            None | Some([]) => {
                examination.offend("a booking was confirmed to its buyer and has no row", Some(operation));
            }
            Some([row]) => {
                if !is_as_told(row, view) || view.customer_id != operation.customer {
                    examination.offend(format!("the row is another: {row:?}"), Some(operation));
                }
            }
            Some(several) => examination.offend(format!("{} rows of one booking", several.len()), Some(operation)),
        }
    }
    answers_are_what_was_asked_for(history, &mut examination);
    what_was_done_is_done(history, &rows, &mut examination);
    examination
}

/// A booking or hold is of what was wanted, and nobody else was told of the same.
fn answers_are_what_was_asked_for(history: &History, examination: &mut Examination) {
    let mut holds = HashMap::new();
    let mut bought = HashMap::new();
    for operation in history.all() {
        let is_what_was_asked_for = match (&operation.action, &operation.outcome) {
            (Action::HoldSeats(seats), Outcome::Held(hold)) => hold.seats == *seats,
            (Action::HoldTier(tier, quantity), Outcome::Held(hold)) => {
                hold.tier_id == Some(*tier) && hold.quantity == *quantity
            }
            (action, Outcome::Booked(view)) => match action.purchase() {
                // One booking is told once, or to whoever has its key.
                Some((tier, quantity)) => {
                    let before = bought.insert(view.booking_id, action.key());
                    let is_theirs = before.is_none_or(|key| key.is_some() && key == action.key());
                    view.tier_id == Some(tier) && view.quantity == quantity && is_theirs
                }
                None => true,
            },
            _ => true,
        };
        if !is_what_was_asked_for {
            examination.offend("something else was asked for", Some(operation));
        }
        if let Outcome::Held(hold) = &operation.outcome {
            holds.insert(hold.hold_id, hold);
        }
    }
    for (operation, view) in booked(history) {
        let Some(hold) = operation.action.rid().map(|rid| holds.get(&rid)) else { continue };
        let is_the_hold = hold.is_some_and(|hold| {
            (hold.hold_id, &hold.seats, hold.tier_id) == (view.booking_id, &view.seats, view.tier_id)
                && (hold.quantity, hold.amount_minor) == (view.quantity, view.amount_minor)
        });
        if !is_the_hold {
            examination.offend("what was booked is not what was held", Some(operation));
        }
    }
}

/// What was confirmed, cancelled or released to its owner's knowledge stays so.
fn what_was_done_is_done(
    history: &History,
    rows: &HashMap<ReservationId, Vec<&BookingRow>>,
    examination: &mut Examination,
) {
    let may_be_cancelled = cancelled(history, |outcome| matches!(outcome, Outcome::Done(_) | Outcome::Unknown(_)));
    for operation in history.all().filter(|operation| matches!(operation.outcome, Outcome::Done(_))) {
        let status = |rid| rows.get(rid).and_then(|rows| rows.first()).map(|row| row.status);
        let is_done = match &operation.action {
            Action::Confirm(rid) => {
                status(rid) == Some(BookingStatus::Confirmed)
                    || (status(rid) == Some(BookingStatus::Cancelled) && may_be_cancelled.contains(rid))
            }
            Action::Cancel(rid) => status(rid) == Some(BookingStatus::Cancelled),
            Action::Release(rid) => status(rid).is_none(),
            _ => continue,
        };
        examination.examine();
        if !is_done {
            examination.offend("it was done, and is not so", Some(operation));
        }
    }
}

/// Bookings whose cancellation came out so.
fn cancelled(history: &History, how: impl Fn(&Outcome) -> bool) -> HashSet<ReservationId> {
    let cancels = history.all().filter(|operation| how(&operation.outcome));
    cancels
        .filter_map(|operation| match operation.action {
            Action::Cancel(rid) => Some(rid),
            _ => None,
        })
        .collect()
}

/// All but what may change later.
fn is_as_told(row: &BookingRow, view: &BookingView) -> bool {
    row.customer_id == view.customer_id
        && row.quantity == i64::from(view.quantity)
        && row.amount_minor == view.amount_minor
        && row.currency == view.currency.to_string()
        && row.tier_id == view.tier_id
        && row.seats == view.seats
        && row.payment_due_at == view.payment_due_at
        && row.created_at == view.created_at
}

pub(crate) fn every_row_was_asked_for(history: &History, evidence: &Evidence) -> Examination {
    let mut examination = Examination::default();
    let told: HashSet<_> = booked(history).map(|(_, view)| view.booking_id).collect();
    // Whose outcome is not known may have a row: the hold's, or one like what was bought directly.
    let mut holds = HashSet::new();
    let mut purchases: HashMap<(CustomerId, TierId, i64), u64> = HashMap::new();
    for operation in history.all().filter(|operation| operation.outcome.is_unknown()) {
        match operation.action {
            Action::Book(rid) => {
                holds.insert(rid);
            }
            Action::Buy(tier, quantity) | Action::BuyOnce(tier, quantity, _) => {
                *purchases.entry((operation.customer, tier, quantity.into())).or_default() += 1;
            }
            _ => {}
        }
    }
    for row in &evidence.postgres.bookings {
        examination.examine();
        if told.contains(&row.booking_id) || holds.contains(&row.booking_id) {
            continue;
        }
        let like = row.tier_id.and_then(|tier| purchases.get_mut(&(row.customer_id, tier, row.quantity)));
        match like {
            Some(unanswered) if *unanswered > 0 => *unanswered -= 1,
            _ => examination.offend(format!("nobody asked for {row:?}"), None),
        }
    }
    examination
}

pub(crate) fn replays_change_nothing(history: &History) -> Examination {
    let mut examination = Examination::default();
    let mut by_rid: HashMap<ReservationId, Vec<&Operation>> = HashMap::new();
    for operation in history.all() {
        if let Action::Book(rid) = operation.action {
            by_rid.entry(rid).or_default().push(operation);
        }
    }
    let given_back = cancelled(history, |outcome| !matches!(outcome, Outcome::Refused(..) | Outcome::NotSent(_)));
    for (rid, operations) in by_rid {
        let first = operations.iter().find_map(|operation| match &operation.outcome {
            Outcome::Booked(view) => Some((*operation, view)),
            _ => None,
        });
        let Some((first, view)) = first else { continue };
        for replay in operations.iter().filter(|operation| operation.invoked_us >= first.returned_us) {
            match &replay.outcome {
                Outcome::Booked(again) if is_the_same(again, view) => examination.examine(),
                Outcome::Booked(_) => examination.offend(format!("{rid} was answered otherwise before"), Some(replay)),
                // No scenario is as long as the time to pay: gone is only what was given back.
                Outcome::Refused(_, code) if !given_back.contains(&rid) && (is_final(*code) || *code == Code::Gone) => {
                    examination.offend(format!("{rid} was booked before"), Some(replay));
                }
                _ => {}
            }
        }
    }
    keys_have_one_answer(history, &mut examination);
    examination
}

/// Whatever a key was answered first, refusals too, is what it is answered ever after.
fn keys_have_one_answer(history: &History, examination: &mut Examination) {
    let mut by_key: HashMap<Uuid, Vec<&Operation>> = HashMap::new();
    for operation in history.all().filter(|operation| operation.outcome.is_definite()) {
        if let Some(key) = operation.action.key() {
            by_key.entry(key).or_default().push(operation);
        }
    }
    for (key, operations) in by_key {
        let Some(first) = operations.iter().min_by_key(|operation| operation.returned_us) else { continue };
        for replay in operations.iter().filter(|operation| operation.invoked_us >= first.returned_us) {
            examination.examine();
            if replay.outcome != first.outcome {
                examination.offend(format!("key {key} was answered otherwise before"), Some(replay));
            }
        }
    }
}

fn is_the_same(again: &BookingView, view: &BookingView) -> bool {
    let as_then =
        BookingView { status: view.status, payment_reference: view.payment_reference.clone(), ..again.clone() };
    as_then == *view
}

pub(crate) fn what_was_refused_has_no_row(history: &History, evidence: &Evidence) -> Examination {
    let mut examination = Examination::default();
    let rows: HashSet<_> = evidence.postgres.bookings.iter().map(|row| row.booking_id).collect();
    for (operation, rid) in refused_for_good(history) {
        examination.examine();
        if rows.contains(&rid) {
            examination.offend(format!("{rid} was refused and has a row"), Some(operation));
        }
    }
    examination
}

pub(crate) fn a_fate_is_final(history: &History, evidence: &Evidence) -> Examination {
    let mut examination = Examination::default();
    let postgres = &evidence.postgres;
    let rows: HashSet<_> = postgres.bookings.iter().map(|row| row.booking_id).collect();
    for (rid, is_posted) in &postgres.fates {
        examination.examine();
        if *is_posted != rows.contains(rid) {
            let (fate, has) = if *is_posted { ("posted", "no row") } else { ("void", "a row") };
            examination.offend(format!("{rid} is {fate} and has {has}"), None);
        }
    }
    for row in rows.iter().filter(|rid| !postgres.fates.contains_key(rid)) {
        examination.offend(format!("booking {row} has no fate"), None);
    }
    for (operation, view) in booked(history) {
        if postgres.fates.get(&view.booking_id) == Some(&false) {
            examination.offend("a booking was confirmed to its buyer and is void", Some(operation));
        }
    }
    for (operation, rid) in refused_for_good(history) {
        if postgres.fates.get(&rid) == Some(&true) {
            examination.offend(format!("{rid} was refused and is posted"), Some(operation));
        }
    }
    examination
}

fn booked(history: &History) -> impl Iterator<Item = (&Operation, &BookingView)> {
    history.all().filter_map(|operation| match &operation.outcome {
        Outcome::Booked(view) => Some((operation, &**view)),
        _ => None,
    })
}

/// Bookings of holds that can never succeed any more.
fn refused_for_good(history: &History) -> impl Iterator<Item = (&Operation, ReservationId)> {
    history.all().filter_map(|operation| match (&operation.action, &operation.outcome) {
        (Action::Book(rid), Outcome::Refused(_, code)) if is_final(*code) => Some((operation, *rid)),
        _ => None,
    })
}

/// Whether a booking refused so stays refused. A paused sale may open again, and a try that is under way may succeed.
fn is_final(code: Code) -> bool {
    matches!(code, Code::HoldExpired | Code::SeatTaken | Code::SoldOut | Code::LimitExceeded | Code::NotFound)
}
