//! What became of an operation, as its client saw it.

use contract::Code;
use contract::api::{BookingView, HoldView};
use serde::{Deserialize, Serialize};

/// What a client knows after an operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// 201: a booking, durable.
    Booked(Box<BookingView>),
    /// 201: a hold.
    Held(Box<HoldView>),
    /// 200 or 204.
    Done(u16),
    /// A definite no: nothing was changed, nor will be.
    Refused(u16, Code),
    /// It never left: no connection could be had. Nothing was changed.
    NotSent(String),
    /// It may have been carried out or not.
    Unknown(String),
}

impl Outcome {
    /// One word or two to count it by.
    #[must_use]
    pub fn kind(&self) -> String {
        match self {
            Self::Booked(_) | Self::Held(_) => "201".into(),
            Self::Done(status) => status.to_string(),
            Self::Refused(status, code) => format!("{status} {}", code.as_str()),
            Self::NotSent(why) => format!("not sent: {why}"),
            Self::Unknown(why) => format!("unknown: {why}"),
        }
    }

    /// Whether nothing is known.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        matches!(self, Self::Unknown(_))
    }

    /// Whether it is an answer, and one that does not pass by itself: not "in progress", nor "wait".
    #[must_use]
    pub fn is_definite(&self) -> bool {
        match self {
            Self::Refused(_, code) => !code.passes(),
            Self::Unknown(_) | Self::NotSent(_) => false,
            _ => true,
        }
    }

    /// Whether it was refused with this code.
    #[must_use]
    pub fn is_refused(&self, with: Code) -> bool {
        matches!(self, Self::Refused(_, code) if *code == with)
    }
}

/// What a 2xx of an operation carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expects {
    /// A booking.
    Booking,
    /// A hold.
    Hold,
    /// Nothing that is looked at.
    Nothing,
}

#[derive(Deserialize)]
struct JustTheCode {
    code: Code,
}

/// Reads a reply. A failure is never taken for a refusal: of the 5xx only the one that says that nothing can have
/// happened is definite.
#[must_use]
pub fn read(expects: Expects, status: u16, body: &[u8]) -> Outcome {
    let unreadable = || Outcome::Unknown(format!("{status} unreadable"));
    match (status, expects) {
        (201, Expects::Booking) => {
            serde_json::from_slice(body).map_or_else(|_| unreadable(), |view| Outcome::Booked(Box::new(view)))
        }
        (201, Expects::Hold) => {
            serde_json::from_slice(body).map_or_else(|_| unreadable(), |view| Outcome::Held(Box::new(view)))
        }
        (200..=299, _) => Outcome::Done(status),
        _ => match serde_json::from_slice(body).map(|problem: JustTheCode| problem.code) {
            Ok(code) if code.status() != status => unreadable(),
            Ok(code) if status < 500 || code == Code::InventoryRebuilding => Outcome::Refused(status, code),
            Ok(code) => Outcome::Unknown(format!("{status} {}", code.as_str())),
            Err(_) => unreadable(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_unknown_and_a_refusal_is_not() {
        let reply = |code: Code| format!("{{\"code\":\"{}\"}}", code.as_str());
        let read = |status, code| read(Expects::Booking, status, reply(code).as_bytes());
        assert_eq!(read(409, Code::SoldOut), Outcome::Refused(409, Code::SoldOut));
        assert_eq!(read(503, Code::InventoryRebuilding), Outcome::Refused(503, Code::InventoryRebuilding));
        assert!(read(503, Code::Unavailable).is_unknown());
        assert!(read(500, Code::Internal).is_unknown());
        assert!(read(409, Code::Internal).is_unknown(), "a code that does not go with its status");
    }

    #[test]
    fn what_is_no_problem_and_no_booking_is_unknown() {
        assert!(read(Expects::Booking, 201, b"{}").is_unknown());
        assert!(read(Expects::Booking, 409, b"<html>").is_unknown());
        assert_eq!(read(Expects::Nothing, 204, b""), Outcome::Done(204));
    }
}
