//! What the scripts about one hold have in common.

use contract::internal::Items;
use contract::{Quantity, TierId};
use jiff::Timestamp;

use super::admission::deadline;
use super::call::{Reply, ScriptError};
use super::code;

/// A hold as Redis has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// The epoch it belongs to.
    pub epoch: i64,
    /// When it, or its commit's lease, ends.
    pub deadline: Timestamp,
    /// What it has.
    pub items: Items,
}

/// Why a hold could not be read, extended, released or booked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HoldRefusal {
    /// There is none.
    NotFound,
    /// It is another customer's.
    NotOwner,
    /// It ran out.
    Expired,
    /// It is being booked.
    InProgress,
    /// The sale is paused or over; the hold stays.
    Closed,
}

impl HoldRefusal {
    pub(super) fn read(reply: &Reply) -> Result<Self, ScriptError> {
        match reply.code {
            code::NOT_FOUND => Ok(Self::NotFound),
            code::NOT_OWNER => Ok(Self::NotOwner),
            code::EXPIRED => Ok(Self::Expired),
            code::IN_PROGRESS => Ok(Self::InProgress),
            code::CLOSED => Ok(Self::Closed),
            _ => Err(reply.unknown()),
        }
    }
}

/// Reads `{OK, epoch, deadline_ms, tier, quantity, seats}` or a refusal.
pub(crate) fn read(reply: &Reply) -> Result<Result<Hold, HoldRefusal>, ScriptError> {
    if reply.code != code::OK {
        return HoldRefusal::read(reply).map(Err);
    }
    let items = if reply.text(3)?.is_empty() {
        let seats = reply.text(5)?.split(',').map(str::parse).collect::<Result<_, _>>();
        Items::Seats(seats.map_err(|_| reply.unknown())?)
    } else {
        Items::Tier(TierId(reply.id(3)?), Quantity::try_from(reply.int(4)?).map_err(|_| reply.unknown())?)
    };
    Ok(Ok(Hold { epoch: reply.int(1)?, deadline: deadline(reply, 2)?, items }))
}
