//! What the scripts about one hold have in common.

use contract::Quantity;
use contract::internal::Items;
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
    let taken = items(reply.text(3)?, reply.int(4)?, reply.text(5)?);
    let items = taken.ok_or_else(|| reply.unknown())?;
    Ok(Ok(Hold { epoch: reply.int(1)?, deadline: deadline(reply, 2)?, items }))
}

/// What an entry of the ledger takes, in the ledger's words: seats if there is no tier.
pub(super) fn items(tier: &str, quantity: i64, seats: &str) -> Option<Items> {
    if tier.is_empty() {
        seats.split(',').map(str::parse).collect::<Result<_, _>>().ok().map(Items::Seats)
    } else {
        Some(Items::Tier(tier.parse().ok()?, Quantity::try_from(quantity).ok()?))
    }
}
