//! One arrival: does its steps one after another and writes each down.

use std::time::{Duration, Instant};

use bytes::Bytes;
use contract::{CustomerId, EventId, ReservationId};
use hyper::Method;
use hyper::header::HeaderValue;
use serde_json::json;

use crate::history::{Action, Operation};
use crate::http::{Http, Lost};
use crate::outcome::{self, Outcome};
use crate::scenario::{Step, Visit};

/// A guest with a token.
#[derive(Debug, Clone)]
pub struct Customer {
    /// Whom the token names.
    pub id: CustomerId,
    /// `Bearer …`.
    pub token: HeaderValue,
}

/// What all visitors share.
pub struct Ground {
    /// The way to the front door.
    pub http: Http,
    /// What is attacked.
    pub event: EventId,
    /// When the run began.
    pub start: Instant,
}

impl Ground {
    /// Microseconds since the start.
    #[must_use]
    pub fn now_us(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// Does one thing for a customer and writes it down.
    pub async fn perform(&self, arrival: u32, customer: &Customer, action: Action, intended_us: u64) -> Operation {
        let (method, path, body) = self.request(&action);
        let invoked_us = self.now_us();
        let key = action.key().and_then(|key| HeaderValue::from_str(&key.to_string()).ok());
        let reply = self.http.call_with_key(method, &path, Some(&customer.token), key, body).await;
        let outcome = match reply {
            Ok((status, body)) => outcome::read(action.expects(), status, &body),
            Err(Lost::NotSent(why)) => Outcome::NotSent(why),
            Err(Lost::Unknown(why)) => Outcome::Unknown(why),
        };
        let returned_us = self.now_us();
        Operation { arrival, customer: customer.id, action, intended_us, invoked_us, returned_us, outcome }
    }

    fn request(&self, action: &Action) -> (Method, String, Option<Bytes>) {
        let event = self.event;
        let json = |value: serde_json::Value| Some(Bytes::from(value.to_string()));
        let event_path = |rest: String| format!("/api/v1/events/{event}{rest}");
        let booking_path = |id: &ReservationId, rest: &str| format!("/api/v1/bookings/{id}{rest}");
        let bookings = || "/api/v1/bookings".to_owned();
        match action {
            Action::Buy(tier, quantity) | Action::BuyOnce(tier, quantity, _) => {
                (Method::POST, bookings(), json(json!({ "event_id": event, "tier_id": tier, "quantity": quantity })))
            }
            Action::HoldTier(tier, quantity) => {
                (Method::POST, event_path("/holds".into()), json(json!({ "tier_id": tier, "quantity": quantity })))
            }
            Action::HoldSeats(seats) => (Method::POST, event_path("/holds".into()), json(json!({ "seats": seats }))),
            Action::Extend(hold) => (Method::POST, event_path(format!("/holds/{hold}/extend")), None),
            Action::Release(hold) => (Method::DELETE, event_path(format!("/holds/{hold}")), None),
            Action::Book(hold) => (Method::POST, bookings(), json(json!({ "event_id": event, "hold_id": hold }))),
            Action::Confirm(booking) => (Method::POST, booking_path(booking, "/confirm"), None),
            Action::Cancel(booking) => (Method::POST, booking_path(booking, "/cancel"), None),
            Action::Read(rest) => (Method::GET, event_path(rest.clone()), None),
        }
    }
}

/// Comes at the intended time and does what it came for. Stops at the first step that does not succeed.
pub async fn visit(
    ground: &Ground,
    customer: &Customer,
    (arrival, mut intended_us): (u32, u64),
    steps: Visit,
) -> Vec<Operation> {
    let mut operations: Vec<Operation> = Vec::with_capacity(steps.len());
    let mut rid = None;
    for (think_ms, step) in steps {
        if think_ms > 0 {
            tokio::time::sleep(Duration::from_millis(think_ms)).await;
        }
        if let Some(before) = operations.last() {
            intended_us = before.returned_us + think_ms * 1_000;
        }
        let Some(action) = action(step, rid) else { break };
        let operation = ground.perform(arrival, customer, action, intended_us).await;
        let goes_on = match &operation.outcome {
            Outcome::Booked(booking) => {
                rid = Some(booking.booking_id);
                true
            }
            Outcome::Held(hold) => {
                rid = Some(hold.hold_id);
                true
            }
            Outcome::Done(_) => true,
            _ => false,
        };
        operations.push(operation);
        if !goes_on {
            break;
        }
    }
    operations
}

/// The hold and the booking made of it have the same id.
fn action(step: Step, rid: Option<ReservationId>) -> Option<Action> {
    Some(match step {
        Step::Buy(tier, quantity) => Action::Buy(tier, quantity),
        Step::BuyOnce(tier, quantity, key) => Action::BuyOnce(tier, quantity, key),
        Step::HoldTier(tier, quantity) => Action::HoldTier(tier, quantity),
        Step::HoldSeats(seats) => Action::HoldSeats(seats),
        Step::Read(rest) => Action::Read(rest.to_owned()),
        Step::Extend => Action::Extend(rid?),
        Step::Release => Action::Release(rid?),
        Step::Book | Step::BookAgain => Action::Book(rid?),
        Step::Confirm => Action::Confirm(rid?),
        Step::Cancel => Action::Cancel(rid?),
    })
}
