//! Bookings: from a hold or at once, confirmed, cancelled, read.

use std::time::Instant;

use contract::api::{BookingStatus, BookingView, Confirmation, NewBooking, Page, booking_reference};
use contract::internal::{Booking, BookingAnswer, CommitRequest, Items, Outcome, Refusal, Verdict};
use contract::{Code, CustomerId, Quantity, ReservationId, TierId};

use super::holds::{admit_tier, admitted, parse_quantity, refusal as hold_refusal, seat_taken, sold_out};
use super::{Gate, ServiceError, refused};
use crate::attempt::Attempt;
use crate::catalog::Event;
use crate::identity::Caller;
use crate::scripts::check_and_decrement::Claim;
use crate::scripts::{HoldRefusal, begin_commit};

/// Longest name of a payment, in characters.
const PAYMENT_REFERENCE_CHARS_MAX: usize = 200;

/// Books a hold, or a quantity of a tier at once.
pub async fn create(
    gate: &Gate,
    caller: &Caller,
    attempt: Attempt,
    new: NewBooking,
) -> Result<BookingView, ServiceError> {
    let event = gate.event(new.event_id).await?;
    match (new.hold_id, new.tier_id, new.quantity) {
        // Boxed, so that a refusal of a tier is not as large.
        (Some(hold), None, None) => Box::pin(book_hold(gate, &event, caller, hold)).await,
        (None, Some(tier), Some(quantity)) => {
            buy(gate, &event, caller, attempt, (tier, parse_quantity(quantity)?)).await
        }
        _ => Err(ServiceError::Malformed("Send event_id with either hold_id, or tier_id and quantity.".into())),
    }
}

/// Reads a booking of the caller's.
pub async fn read(gate: &Gate, customer: CustomerId, id: ReservationId) -> Result<BookingView, ServiceError> {
    let booking = gate.vault.booking(customer, id).await?.ok_or(ServiceError::NotFound("booking"))?;
    let event = gate.event(booking.event_id).await?;
    Ok(view(&event, &booking))
}

/// The caller's bookings, newest first.
pub async fn list(gate: &Gate, customer: CustomerId, page: u32, limit: u32) -> Result<Page<BookingView>, ServiceError> {
    let bookings = gate.vault.bookings(customer, page, limit).await?;
    let mut items = Vec::with_capacity(bookings.items.len());
    for booking in &bookings.items {
        items.push(view(&*gate.event(booking.event_id).await?, booking));
    }
    Ok(Page { items, page: bookings.page, limit: bookings.limit, total: bookings.total })
}

/// Marks a booking of the caller's as paid. Asked again, it answers the same.
pub async fn confirm(
    gate: &Gate,
    caller: &Caller,
    id: ReservationId,
    confirmation: &Confirmation,
) -> Result<BookingView, ServiceError> {
    let name = confirmation.payment_reference.as_deref().unwrap_or_default();
    if name.chars().count() > PAYMENT_REFERENCE_CHARS_MAX || name.chars().any(char::is_control) {
        let most = PAYMENT_REFERENCE_CHARS_MAX;
        return Err(ServiceError::Malformed(format!(
            "payment_reference has at most {most} characters, none a control character."
        )));
    }
    let answer = gate.vault.confirm(caller, id, confirmation).await?;
    changed(gate, id, answer).await
}

/// Gives a booking of the caller's back. Asked again, it answers the same.
pub async fn cancel(gate: &Gate, caller: &Caller, id: ReservationId) -> Result<BookingView, ServiceError> {
    let answer = gate.vault.cancel(caller, id).await?;
    changed(gate, id, answer).await
}

async fn changed(gate: &Gate, id: ReservationId, answer: BookingAnswer) -> Result<BookingView, ServiceError> {
    match answer {
        BookingAnswer::Done(booking) => Ok(view(&*gate.event(booking.event_id).await?, &booking)),
        BookingAnswer::NotFound => Err(ServiceError::NotFound("booking")),
        BookingAnswer::Gone(status) => Err(gone(status)),
        BookingAnswer::Unknown => Err(ServiceError::OutcomeUnknown(id)),
    }
}

fn gone(status: BookingStatus) -> ServiceError {
    refused(Code::Gone, format!("The booking is {} and its tickets are on sale again.", status.as_str()))
}

async fn buy(
    gate: &Gate,
    event: &Event,
    caller: &Caller,
    attempt: Attempt,
    (tier, quantity): (TierId, Quantity),
) -> Result<BookingView, ServiceError> {
    let (rid, customer) = (attempt.rid, caller.customer);
    if attempt.is_repeat {
        // Asked after whatever of it is still on its way: what is not booked by now never will be, and the key goes on to
        // another attempt. What Redis remembers of this one does not count.
        return match gate.vault.resolve(event.record.event_id, vec![rid]).await?.get(&rid) {
            Some(Outcome::Posted) => match gate.vault.booking(customer, rid).await? {
                Some(booking) => Ok(view(event, &booking)),
                None => Err(ServiceError::OutcomeUnknown(rid)),
            },
            Some(Outcome::Void) => Err(ServiceError::Voided),
            None => Err(ServiceError::OutcomeUnknown(rid)),
        };
    }
    let claim = Claim::Commit { lease_ms: gate.commit_lease_ms };
    let admission = admit_tier(gate, event, (attempt, customer), (tier, quantity), claim).await?;
    let (epoch, _) = admitted(event, admission)?;
    let items = Items::Tier(tier, quantity);
    let request = request(caller, rid, event, epoch, items);
    commit(gate, event, request, attempt.until, false).await
}

async fn book_hold(
    gate: &Gate,
    event: &Event,
    caller: &Caller,
    rid: ReservationId,
) -> Result<BookingView, ServiceError> {
    let (event_id, customer) = (event.record.event_id, caller.customer);
    let begun = begin_commit::call(&gate.link, &event.keys, rid, customer, gate.commit_lease_ms).await;
    let hold = match begun.map_err(|error| gate.failed(event_id, error))? {
        Ok(hold) => hold,
        // A hold that was booked before has left the ledger: the vault knows the booking by the same id. About another's it is asked as
        // well, or there would be a difference.
        Err(HoldRefusal::NotFound | HoldRefusal::NotOwner) => {
            let booking = gate.vault.booking(customer, rid).await?.filter(|booking| booking.event_id == event_id);
            return match booking.ok_or(ServiceError::NotFound("hold"))? {
                live if live.status.is_live() => Ok(view(event, &live)),
                ended => Err(gone(ended.status)),
            };
        }
        Err(other) => return Err(hold_refusal(other)),
    };
    let request = request(caller, rid, event, hold.epoch, hold.items);
    commit(gate, event, request, None, true).await
}

fn request(caller: &Caller, rid: ReservationId, event: &Event, epoch: i64, items: Items) -> CommitRequest {
    let Caller { customer, origin } = caller.clone();
    CommitRequest { rid, event_id: event.record.event_id, epoch, customer_id: customer, items, origin }
}

async fn commit(
    gate: &Gate,
    event: &Event,
    request: CommitRequest,
    until: Option<Instant>,
    from_hold: bool,
) -> Result<BookingView, ServiceError> {
    let CommitRequest { rid, event_id, epoch, .. } = request;
    let verdict = gate.commits.commit(request, until).await;
    gate.metrics.bookings.with_label_values(&[verdict.as_str()]).inc();
    match &verdict {
        Verdict::Posted(_) => gate.metrics.booking_successes.inc(),
        Verdict::Refused(Refusal::SoldOut | Refusal::SeatTaken(_)) => gate.metrics.booking_conflicts.inc(),
        Verdict::Refused(_) | Verdict::Unknown => {}
    }
    match verdict {
        Verdict::Posted(booking) => Ok(view(event, &booking)),
        Verdict::Refused(refusal) => Err(refused_by_vault(gate, event, &refusal, epoch, from_hold)),
        Verdict::Unknown => {
            tracing::warn!(%event_id, %rid, "a commit's outcome is not known");
            Err(ServiceError::OutcomeUnknown(rid))
        }
    }
}

/// How the client is told that the vault did not let through what Redis did.
fn refused_by_vault(gate: &Gate, event: &Event, refusal: &Refusal, epoch: i64, from_hold: bool) -> ServiceError {
    let event_id = event.record.event_id;
    match refusal {
        Refusal::SoldOut => sold_out(0),
        Refusal::SeatTaken(seats) => seat_taken(event, seats),
        Refusal::Limit => {
            refused(Code::LimitExceeded, "You have as many tickets of this event as one customer may have.")
        }
        Refusal::Closed => refused(Code::NotBookable, "The event is not on sale."),
        Refusal::UnknownItem | Refusal::NotYours => ServiceError::NotFound("hold"),
        Refusal::StaleEpoch => {
            gate.link.doubt();
            gate.reloader.request(event_id, Some(epoch));
            void(from_hold)
        }
        Refusal::Void => void(from_hold),
    }
}

fn void(from_hold: bool) -> ServiceError {
    if from_hold {
        refused(Code::HoldExpired, "The inventory was counted again and the hold is void. Nothing was booked.")
    } else {
        ServiceError::Voided
    }
}

fn view(event: &Event, booking: &Booking) -> BookingView {
    let (seats, tier_id) = match &booking.items {
        Items::Tier(tier_id, _) => (Vec::new(), Some(*tier_id)),
        Items::Seats(seats) => {
            let labels = seats.iter().filter_map(|seat| event.record.seating.seat_at(*seat));
            (labels.map(|(label, _)| label.to_string()).collect(), None)
        }
    };
    BookingView {
        booking_id: booking.booking_id,
        reference: booking_reference(booking.booking_id),
        event_id: booking.event_id,
        customer_id: booking.customer_id,
        status: booking.status,
        seats,
        tier_id,
        quantity: booking.items.quantity(),
        amount_minor: booking.amount_minor,
        currency: booking.currency,
        payment_due_at: booking.payment_due_at,
        payment_reference: booking.payment_reference.clone(),
        created_at: booking.created_at,
    }
}
