//! The decision: given an event as it is and a batch of commands, who gets what. Pure, so that it can be tested against
//! a model; it trusts nothing that Redis said.

use contract::Quantity;
use contract::api::{Action, BookingStatus, SaleState};
use contract::internal::{Booking, BookingAnswer, Change, CommitRequest, Items, Outcome, Refusal, Verdict};
use contract::{CustomerId, Origin, ReservationId, SeatIndex, TierId};
use jiff::SignedDuration;

use super::model::{Answer, Command, Fate, Logged, NewBooking, Snapshot, Writes};

/// How far Redis' and Postgres' clocks may differ before an admission at the very start or end of a sale is refused.
const CLOCK_LEEWAY: SignedDuration = SignedDuration::from_secs(2);

/// Decides every command in order. The answers are true only once the writes are committed.
#[must_use]
pub fn decide(snapshot: Snapshot, commands: &[Command]) -> (Vec<Answer>, Writes) {
    let mut desk = Desk { state: snapshot, writes: Writes::default() };
    let answers = commands.iter().map(|command| desk.answer(command)).collect();
    (answers, desk.writes)
}

struct Desk {
    state: Snapshot,
    writes: Writes,
}

impl Desk {
    fn answer(&mut self, command: &Command) -> Answer {
        match command {
            Command::Commit(request) => Answer::Verdict(self.commit(request)),
            Command::Resolve(rid) => Answer::Resolved(Some(self.resolve(*rid))),
            Command::Confirm { customer_id, booking_id, payment_reference, origin } => {
                let answer = self.confirm((*customer_id, *booking_id), payment_reference.clone(), origin);
                Answer::Booking(Box::new(answer))
            }
            Command::Cancel { customer_id, booking_id, origin } => {
                Answer::Booking(Box::new(self.cancel((*customer_id, *booking_id), origin)))
            }
            Command::Expire(booking_id) => Answer::Expired(self.expire(*booking_id)),
        }
    }

    fn commit(&mut self, request: &CommitRequest) -> Verdict {
        match self.state.fates.get(&request.rid) {
            Some(Fate::Posted(booking)) if booking.customer_id != request.customer_id => {
                return Verdict::Refused(Refusal::NotYours);
            }
            Some(Fate::Posted(booking)) => return Verdict::Posted(booking.clone()),
            Some(Fate::Void(refusal)) => return Verdict::Refused(refusal.clone()),
            None => {}
        }
        match self.admit(request) {
            Ok(prices_minor) => Verdict::Posted(self.post(request, prices_minor)),
            Err(refusal) => {
                self.void(request.rid, refusal.clone());
                Verdict::Refused(refusal)
            }
        }
    }

    /// Checks everything that could forbid the booking; gives the price of each item.
    fn admit(&self, request: &CommitRequest) -> Result<Vec<i64>, Refusal> {
        let event = &self.state.event;
        if request.epoch != event.epoch {
            return Err(Refusal::StaleEpoch);
        }
        let now = self.state.now;
        let on_sale = now + CLOCK_LEEWAY >= event.on_sale_at && now - CLOCK_LEEWAY < event.ends_at;
        if event.sale_state != SaleState::Open || !on_sale {
            return Err(Refusal::Closed);
        }
        let prices_minor = self.take(&request.items)?;
        let owned = self.state.tickets_of.get(&request.customer_id).copied().unwrap_or(0);
        if owned + i64::from(request.items.quantity()) > event.per_customer_max {
            return Err(Refusal::Limit);
        }
        Ok(prices_minor)
    }

    fn take(&self, items: &Items) -> Result<Vec<i64>, Refusal> {
        match items {
            Items::Tier(tier_id, quantity) => {
                let tier = self.state.tiers.get(tier_id).ok_or(Refusal::UnknownItem)?;
                if tier.sold + i64::from(*quantity) > tier.capacity {
                    return Err(Refusal::SoldOut);
                }
                Ok(vec![tier.price_minor])
            }
            Items::Seats(seats) => self.take_seats(seats),
        }
    }

    fn take_seats(&self, seats: &[SeatIndex]) -> Result<Vec<i64>, Refusal> {
        let all_different = seats.iter().collect::<std::collections::HashSet<_>>().len() == seats.len();
        let countable = i64::try_from(seats.len()).is_ok_and(|count| Quantity::try_from(count).is_ok());
        if !all_different || !countable {
            return Err(Refusal::UnknownItem);
        }
        let states: Option<Vec<_>> = seats.iter().map(|seat| self.state.seats.get(seat)).collect();
        let states = states.ok_or(Refusal::UnknownItem)?;
        let taken: Vec<_> = seats.iter().zip(&states).filter(|(_, state)| state.taken).map(|(seat, _)| *seat).collect();
        if taken.is_empty() {
            Ok(states.iter().map(|state| state.price_minor).collect())
        } else {
            Err(Refusal::SeatTaken(taken))
        }
    }

    fn post(&mut self, request: &CommitRequest, prices_minor: Vec<i64>) -> Booking {
        let event = &self.state.event;
        let amount_minor = match &request.items {
            Items::Tier(_, quantity) => prices_minor.iter().sum::<i64>() * i64::from(*quantity),
            Items::Seats(_) => prices_minor.iter().sum(),
        };
        let booking = Booking {
            booking_id: request.rid,
            event_id: event.event_id,
            customer_id: request.customer_id,
            status: BookingStatus::Reserved,
            items: request.items.clone(),
            amount_minor,
            currency: event.currency,
            payment_due_at: self.state.now + SignedDuration::from_secs(event.payment_ttl_seconds),
            payment_reference: None,
            created_at: self.state.now,
        };
        self.account(&booking, 1);
        self.state.fates.insert(request.rid, Fate::Posted(booking.clone()));
        self.writes.posted.push(NewBooking { booking: booking.clone(), prices_minor });
        self.log(Action::Booked, &request.origin, request.rid);
        booking
    }

    fn void(&mut self, rid: ReservationId, refusal: Refusal) {
        self.state.fates.insert(rid, Fate::Void(refusal.clone()));
        self.writes.voided.push((rid, refusal));
    }

    fn resolve(&mut self, rid: ReservationId) -> Outcome {
        match self.state.fates.get(&rid) {
            Some(Fate::Posted(_)) => Outcome::Posted,
            Some(Fate::Void(_)) => Outcome::Void,
            None => {
                self.void(rid, Refusal::Void);
                Outcome::Void
            }
        }
    }

    fn confirm(
        &mut self,
        (customer_id, booking_id): (CustomerId, ReservationId),
        payment_reference: Option<String>,
        origin: &Origin,
    ) -> BookingAnswer {
        let now = self.state.now;
        let Some(booking) = self.booking_of(customer_id, booking_id) else { return BookingAnswer::NotFound };
        match booking.status {
            BookingStatus::Confirmed => BookingAnswer::Done(booking.clone()),
            BookingStatus::Reserved if booking.payment_due_at > now => {
                booking.status = BookingStatus::Confirmed;
                booking.payment_reference.clone_from(&payment_reference);
                let booking = booking.clone();
                let seats = match &booking.items {
                    Items::Seats(seats) => seats.clone(),
                    Items::Tier(..) => Vec::new(),
                };
                self.writes.confirmed.push((booking_id, payment_reference));
                self.writes.journal.push(Change::Confirmed { rid: booking_id, seats });
                self.log(Action::Confirmed, origin, booking_id);
                BookingAnswer::Done(booking)
            }
            BookingStatus::Reserved => {
                self.end_unpaid(booking_id);
                BookingAnswer::Gone(BookingStatus::Expired)
            }
            ended => BookingAnswer::Gone(ended),
        }
    }

    fn cancel(&mut self, (customer_id, booking_id): (CustomerId, ReservationId), origin: &Origin) -> BookingAnswer {
        let Some(booking) = self.booking_of(customer_id, booking_id) else { return BookingAnswer::NotFound };
        match booking.status {
            BookingStatus::Cancelled => BookingAnswer::Done(booking.clone()),
            BookingStatus::Expired => BookingAnswer::Gone(BookingStatus::Expired),
            BookingStatus::Reserved | BookingStatus::Confirmed => {
                let Some(cancelled) = self.release(booking_id, BookingStatus::Cancelled) else {
                    return BookingAnswer::NotFound;
                };
                self.log(Action::Cancelled, origin, booking_id);
                BookingAnswer::Done(cancelled)
            }
        }
    }

    fn expire(&mut self, booking_id: ReservationId) -> bool {
        let due = match self.state.fates.get(&booking_id) {
            Some(Fate::Posted(booking)) => {
                booking.status == BookingStatus::Reserved && booking.payment_due_at <= self.state.now
            }
            _ => false,
        };
        due && self.end_unpaid(booking_id)
    }

    /// The time to pay is over; whoever noticed, nobody did it.
    fn end_unpaid(&mut self, booking_id: ReservationId) -> bool {
        let is_ended = self.release(booking_id, BookingStatus::Expired).is_some();
        if is_ended {
            self.log(Action::Expired, &Origin::system(), booking_id);
        }
        is_ended
    }

    fn log(&mut self, action: Action, origin: &Origin, booking_id: ReservationId) {
        self.writes.logged.push(Logged { action, origin: origin.clone(), booking_id });
    }

    fn booking_of(&mut self, customer_id: CustomerId, booking_id: ReservationId) -> Option<&mut Booking> {
        match self.state.fates.get_mut(&booking_id) {
            Some(Fate::Posted(booking)) if booking.customer_id == customer_id => Some(booking),
            _ => None,
        }
    }

    /// Ends a live booking and gives its inventory back.
    fn release(&mut self, booking_id: ReservationId, status: BookingStatus) -> Option<Booking> {
        let Some(Fate::Posted(booking)) = self.state.fates.get_mut(&booking_id) else { return None };
        booking.status = status;
        let booking = booking.clone();
        self.account(&booking, -1);
        self.writes.released.push((booking_id, status));
        self.writes.journal.push(Change::Released {
            rid: booking_id,
            customer_id: booking.customer_id,
            items: booking.items.clone(),
        });
        Some(booking)
    }

    /// Enters a booking into (`sign` 1) or takes it out of (`sign` -1) the accounts.
    fn account(&mut self, booking: &Booking, sign: i64) {
        let tickets = sign * i64::from(booking.items.quantity());
        *self.state.tickets_of.entry(booking.customer_id).or_default() += tickets;
        match &booking.items {
            Items::Tier(tier_id, _) => self.account_tier(*tier_id, tickets),
            Items::Seats(seats) => {
                for seat in seats {
                    if let Some(state) = self.state.seats.get_mut(seat) {
                        state.taken = sign > 0;
                    }
                }
            }
        }
    }

    fn account_tier(&mut self, tier_id: TierId, tickets: i64) {
        if let Some(tier) = self.state.tiers.get_mut(&tier_id) {
            tier.sold += tickets;
            assert!((0..=tier.capacity).contains(&tier.sold), "a tier's account left its bounds");
        }
        *self.writes.sold_deltas.entry(tier_id).or_default() += tickets;
    }
}
