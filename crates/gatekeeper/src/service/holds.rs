//! Holds: a customer's claim for a while.

use std::time::{Duration, Instant};

use chassis::retry::Backoff;
use contract::api::{HoldView, NewHold};
use contract::internal::Items;
use contract::values::QuantityError;
use contract::{Code, CustomerId, EventId, Origin, Quantity, ReservationId, SeatIndex, SeatLabel, TierId};
use jiff::Timestamp;

use super::{Gate, ServiceError, refused};
use crate::attempt::Attempt;
use crate::catalog::Event;
use crate::identity::Caller;
use crate::keys::EventKeys;
use crate::scripts::check_and_decrement::{self, Claim};
use crate::scripts::release_hold::{self, Release};
use crate::scripts::{Admission, Hold, HoldRefusal, ScriptError, extend_hold, hold_seats, read_hold};
use crate::tally::Ending;

/// Tries to release a hold whose reply was lost, about ten seconds in all, and the waits between them.
const ABANDON_TRIES_MAX: u32 = 12;
const ABANDON_MISSING_MAX: u32 = 3;
const ABANDON_FIRST: Duration = Duration::from_millis(100);
const ABANDON_LONGEST: Duration = Duration::from_secs(1);
/// Extensions can stretch a hold to this many times its length in all.
const LIFETIME_FACTOR: i64 = 5;

/// Holds seats, or a quantity of a tier.
pub async fn create(
    gate: &Gate,
    event_id: EventId,
    caller: &Caller,
    attempt: Attempt,
    new: NewHold,
) -> Result<HoldView, ServiceError> {
    let event = gate.event(event_id).await?;
    match (new.seats, new.tier_id, new.quantity) {
        (Some(seats), None, None) => hold_seats(gate, &event, caller, attempt, &parse_seats(&event, &seats)?).await,
        (None, Some(tier), Some(quantity)) => {
            hold_tier(gate, &event, caller, attempt, (tier, parse_quantity(quantity)?)).await
        }
        _ => Err(ServiceError::Malformed("Send either seats, or tier_id and quantity.".into())),
    }
}

/// Holds one seat.
pub async fn lock_seat(
    gate: &Gate,
    event_id: EventId,
    caller: &Caller,
    attempt: Attempt,
    seat: &str,
) -> Result<HoldView, ServiceError> {
    let event = gate.event(event_id).await?;
    let seat = parse_seat(&event, seat)?;
    hold_seats(gate, &event, caller, attempt, &[seat]).await
}

/// Gives one seat of the caller's back.
pub async fn unlock_seat(
    gate: &Gate,
    event_id: EventId,
    caller: &Caller,
    attempt: Attempt,
    seat: &str,
) -> Result<(), ServiceError> {
    let event = gate.event(event_id).await?;
    let seat = parse_seat(&event, seat)?;
    match give_back(gate, &event, Release::Seat(seat), caller).await? {
        Ok(()) => Ok(()),
        // It may have been given back the first time, and be another's by now.
        Err(HoldRefusal::NotFound | HoldRefusal::Expired | HoldRefusal::NotOwner) if attempt.is_repeat => Ok(()),
        // Another's is not told from none.
        Err(HoldRefusal::NotFound | HoldRefusal::Expired | HoldRefusal::NotOwner) => {
            Err(ServiceError::NotFound("lock"))
        }
        Err(other) => Err(refusal(other)),
    }
}

/// Reads a hold of the caller's.
pub async fn read(
    gate: &Gate,
    event_id: EventId,
    id: ReservationId,
    customer: CustomerId,
) -> Result<HoldView, ServiceError> {
    let event = gate.event(event_id).await?;
    let hold = read_hold::call(&gate.link, &event.keys, id, customer).await;
    let hold = hold.map_err(|error| gate.failed(event_id, error))?.map_err(refusal)?;
    view(&event, id, &hold)
}

/// Gives a hold of the caller's its full time again.
pub async fn extend(
    gate: &Gate,
    event_id: EventId,
    id: ReservationId,
    caller: &Caller,
) -> Result<HoldView, ServiceError> {
    let event = gate.event(event_id).await?;
    let by = (caller.customer, &caller.origin);
    let hold = extend_hold::call(&gate.link, &event.keys, id, by, ttl_ms(&event)).await;
    gate.changes.note(event_id, 1);
    let hold = hold.map_err(|error| gate.failed(event_id, error))?.map_err(refusal)?;
    view(&event, id, &hold)
}

/// Gives a hold of the caller's back.
pub async fn release(gate: &Gate, event_id: EventId, id: ReservationId, caller: &Caller) -> Result<(), ServiceError> {
    let event = gate.event(event_id).await?;
    give_back(gate, &event, Release::Hold(id), caller).await?.map_err(refusal)
}

async fn give_back(
    gate: &Gate,
    event: &Event,
    what: Release,
    caller: &Caller,
) -> Result<Result<(), HoldRefusal>, ServiceError> {
    let released = release_hold::call(&gate.link, &event.keys, what, caller.customer, &caller.origin).await;
    let event_id = event.record.event_id;
    gate.changes.note(event_id, 1);
    released.map_err(|error| gate.failed(event_id, error))
}

/// How the client is told why a hold could not be used. Another customer's hold looks like none.
pub(super) fn refusal(refusal: HoldRefusal) -> ServiceError {
    match refusal {
        HoldRefusal::NotFound | HoldRefusal::NotOwner => ServiceError::NotFound("hold"),
        HoldRefusal::Expired => refused(Code::HoldExpired, "The hold ran out; what it had is on sale again."),
        HoldRefusal::InProgress => refused(Code::InProgress, "The hold is being booked."),
        HoldRefusal::Closed => {
            refused(Code::NotBookable, "The sale is paused or over. The hold stays until its deadline.")
        }
    }
}

/// Reads a quantity as clients send it.
pub(super) fn parse_quantity(quantity: i64) -> Result<Quantity, ServiceError> {
    Quantity::try_from(quantity).map_err(|error| match error {
        QuantityError::TooSmall => ServiceError::Malformed(format!("{error}.")),
        QuantityError::TooLarge => refused(Code::LimitExceeded, format!("{error}.")),
    })
}

/// Asks the gate for tickets of a tier, by way of the latch.
pub(super) async fn admit_tier(
    gate: &Gate,
    event: &Event,
    (attempt, customer): (Attempt, CustomerId),
    (tier, quantity): (TierId, Quantity),
    claim: Claim<'_>,
) -> Result<Admission, ServiceError> {
    let event_id = event.record.event_id;
    if event.tier(tier).is_none() {
        return Err(ServiceError::NotFound("tier"));
    }
    let asked_at = Instant::now();
    if let Some(available) =
        (!attempt.is_repeat).then(|| gate.latch.refuses(event_id, tier, quantity.get(), asked_at)).flatten()
    {
        gate.metrics.latch_hits.inc();
        gate.metrics.booking_conflicts.inc();
        gate.tally.count(event_id, Ending::SoldOut);
        return Ok(Admission::SoldOut { available });
    }
    if attempt.is_over() {
        return Err(ServiceError::TookTooLong);
    }
    let asked = check_and_decrement::Attempt { rid: attempt.rid, customer, tier, quantity, claim };
    // Boxed, so that what the latch refuses is not as large as a call to Redis.
    let admission = Box::pin(check_and_decrement::call(&gate.link, &event.keys, asked)).await;
    let is_hold = matches!(claim, Claim::Hold { .. });
    if is_hold {
        gate.changes.note(event_id, 1);
    }
    let admission = admission.map_err(|error| {
        if is_hold {
            abandon(gate, event_id, attempt, customer, &error);
        }
        gate.failed(event_id, error)
    })?;
    gate.count(event_id, &admission);
    if let Admission::SoldOut { available } = admission {
        gate.latch.close(event_id, tier, available, asked_at);
    }
    Ok(admission)
}

/// The deadline and epoch of an admission, or how the client is told why there is none.
pub(super) fn admitted(event: &Event, admission: Admission) -> Result<(i64, Timestamp), ServiceError> {
    let record = &event.record;
    Err(match admission {
        Admission::Admitted { epoch, deadline } => return Ok((epoch, deadline)),
        Admission::SoldOut { available } => sold_out(available),
        Admission::SeatTaken(seats) => seat_taken(event, &seats),
        Admission::Closed => refused(Code::NotBookable, closed_because(event, Timestamp::now())),
        Admission::Limit => {
            let most = record.per_customer_max;
            refused(Code::LimitExceeded, format!("One customer may have at most {most} tickets of this event."))
        }
        Admission::UnknownItem => ServiceError::NotFound("seat or tier"),
        Admission::NotOwner => ServiceError::NotFound("hold"),
        Admission::Expired => refusal(HoldRefusal::Expired),
    })
}

pub(super) fn sold_out(available: i64) -> ServiceError {
    let detail = match available {
        0 => "No tickets are left.".to_owned(),
        1 => "Only 1 ticket is left.".to_owned(),
        left => format!("Only {left} tickets are left."),
    };
    let mut problem = contract::Problem::new(Code::SoldOut, detail);
    problem.available = Some(available);
    ServiceError::Refused(Box::new(problem))
}

pub(super) fn seat_taken(event: &Event, seats: &[SeatIndex]) -> ServiceError {
    let labels: Vec<_> = seats.iter().filter_map(|seat| event.record.seating.seat_at(*seat)).collect();
    let labels: Vec<_> = labels.into_iter().map(|(label, _)| label.to_string()).collect();
    let mut problem = contract::Problem::new(Code::SeatTaken, format!("Not free: {}.", labels.join(", ")));
    problem.conflicts = labels;
    ServiceError::Refused(Box::new(problem))
}

fn closed_because(event: &Event, now: Timestamp) -> String {
    let record = &event.record;
    if now < record.on_sale_at {
        format!("The sale begins at {}.", record.on_sale_at)
    } else if now >= record.ends_at {
        "The sale is over.".into()
    } else {
        "The sale is paused.".into()
    }
}

/// A hold that nobody was told of and that ran out meanwhile is followed by another.
fn held(event: &Event, attempt: Attempt, admission: Admission) -> Result<(i64, Timestamp), ServiceError> {
    if attempt.is_repeat && matches!(admission, Admission::Expired) {
        return Err(ServiceError::Voided);
    }
    admitted(event, admission)
}

async fn hold_tier(
    gate: &Gate,
    event: &Event,
    caller: &Caller,
    attempt: Attempt,
    (tier, quantity): (TierId, Quantity),
) -> Result<HoldView, ServiceError> {
    let ttl_ms = ttl_ms(event);
    let claim = Claim::Hold { ttl_ms, lifetime_ms: ttl_ms * LIFETIME_FACTOR, origin: &caller.origin };
    let admission = admit_tier(gate, event, (attempt, caller.customer), (tier, quantity), claim).await?;
    let (epoch, deadline) = held(event, attempt, admission)?;
    view(event, attempt.rid, &Hold { epoch, deadline, items: Items::Tier(tier, quantity) })
}

async fn hold_seats(
    gate: &Gate,
    event: &Event,
    caller: &Caller,
    attempt: Attempt,
    seats: &[SeatIndex],
) -> Result<HoldView, ServiceError> {
    let (rid, customer, origin) = (attempt.rid, caller.customer, &caller.origin);
    let ttl_ms = ttl_ms(event);
    let lifetime_ms = ttl_ms * LIFETIME_FACTOR;
    let asked = hold_seats::Attempt { rid, customer, seats, ttl_ms, lifetime_ms, origin };
    if attempt.is_over() {
        return Err(ServiceError::TookTooLong);
    }
    let event_id = event.record.event_id;
    let admission = hold_seats::call(&gate.link, &event.keys, asked).await;
    gate.changes.note(event_id, 1);
    let admission = admission.map_err(|error| {
        abandon(gate, event_id, attempt, customer, &error);
        gate.failed(event_id, error)
    })?;
    gate.count(event_id, &admission);
    let (epoch, deadline) = held(event, attempt, admission)?;
    view(event, rid, &Hold { epoch, deadline, items: Items::Seats(seats.to_vec()) })
}

/// After a lost reply the hold may be there, and nobody was told its id: it is released in the background, unless its client
/// can come back for it by a key. A commit's short lease sees to itself.
fn abandon(gate: &Gate, event: EventId, attempt: Attempt, customer: CustomerId, error: &ScriptError) {
    let rid = attempt.rid;
    if attempt.is_keyed || !matches!(error, ScriptError::Redis { .. } | ScriptError::Link(_)) {
        return;
    }
    // Beyond this many, holds are left to their deadlines.
    let Ok(turn) = gate.abandoning.clone().try_acquire_owned() else { return };
    let (link, changes) = (gate.link.clone(), gate.changes.clone());
    tokio::spawn(async move {
        let _turn = turn;
        let keys = EventKeys::of(event);
        let mut backoff = Backoff::new(ABANDON_FIRST, ABANDON_LONGEST);
        let mut missing = 0;
        for _ in 0..ABANDON_TRIES_MAX {
            tokio::time::sleep(backoff.next_wait()).await;
            let released = release_hold::call(&link, &keys, Release::Hold(rid), customer, &Origin::system()).await;
            changes.note(event, 1);
            match released {
                Err(ScriptError::Redis { .. } | ScriptError::Link(_) | ScriptError::LogFull { .. }) => {}
                // The release may have overtaken what it is to undo.
                Ok(Err(HoldRefusal::NotFound)) if missing < ABANDON_MISSING_MAX => missing += 1,
                released => {
                    tracing::info!(event_id = %event, %rid, was_there = matches!(released, Ok(Ok(()))), "abandoned");
                    return;
                }
            }
        }
    });
}

fn ttl_ms(event: &Event) -> i64 {
    i64::from(event.record.hold_ttl_seconds) * 1_000
}

fn parse_seats(event: &Event, labels: &[String]) -> Result<Vec<SeatIndex>, ServiceError> {
    parse_quantity(i64::try_from(labels.len()).unwrap_or(i64::MAX))?;
    let mut seats = labels.iter().map(|label| parse_seat(event, label)).collect::<Result<Vec<_>, _>>()?;
    seats.sort_unstable();
    if seats.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(ServiceError::Malformed("A seat is named twice.".into()));
    }
    Ok(seats)
}

fn parse_seat(event: &Event, label: &str) -> Result<SeatIndex, ServiceError> {
    let label: SeatLabel = label.parse().map_err(|error| ServiceError::Malformed(format!("{error}.")))?;
    event.record.seating.index_of(&label).ok_or(ServiceError::NotFound("seat"))
}

fn view(event: &Event, hold_id: ReservationId, hold: &Hold) -> Result<HoldView, ServiceError> {
    let (seats, tier_id, amount_minor) = match &hold.items {
        Items::Tier(tier_id, quantity) => {
            let tier = event.tier(*tier_id).ok_or(ServiceError::NotFound("tier"))?;
            (Vec::new(), Some(*tier_id), tier.price_minor * i64::from(*quantity))
        }
        Items::Seats(seats) => {
            let seats: Vec<_> = seats.iter().filter_map(|seat| event.record.seating.seat_at(*seat)).collect();
            let amount_minor = seats.iter().map(|(_, price)| price).sum();
            (seats.into_iter().map(|(label, _)| label.to_string()).collect(), None, amount_minor)
        }
    };
    Ok(HoldView {
        hold_id,
        event_id: event.record.event_id,
        seats,
        tier_id,
        quantity: hold.items.quantity(),
        amount_minor,
        currency: event.record.currency,
        expires_at: hold.deadline,
    })
}
