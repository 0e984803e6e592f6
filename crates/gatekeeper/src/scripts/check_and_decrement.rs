//! `check_and_decrement.lua`: takes tickets of a tier, or says why not.

use contract::{CustomerId, Origin, Quantity, ReservationId, TierId};

use super::call::lua_script;
use super::{Admission, Arg, LuaScript, ScriptError, changes};
use crate::keys::EventKeys;
use crate::link::Link;

/// The script.
pub static SCRIPT: LuaScript = lua_script!("check_and_decrement", 6, false);

/// One attempt on a tier.
#[derive(Debug, Clone, Copy)]
pub struct Attempt<'a> {
    /// Its id.
    pub rid: ReservationId,
    /// Whose it is.
    pub customer: CustomerId,
    /// Of what.
    pub tier: TierId,
    /// How many.
    pub quantity: Quantity,
    /// For how long.
    pub claim: Claim<'a>,
}

/// How long an attempt keeps what it takes unless the vault says otherwise.
#[derive(Debug, Clone, Copy)]
pub enum Claim<'a> {
    /// A hold of `ttl_ms`, which extensions may stretch to `lifetime_ms`.
    Hold {
        /// Until it ends.
        ttl_ms: i64,
        /// Until it ends at the latest.
        lifetime_ms: i64,
        /// Who caused it, for the audit log.
        origin: &'a Origin,
    },
    /// A commit at once, resolved by the vault after `lease_ms`.
    Commit {
        /// Until the vault is asked.
        lease_ms: i64,
    },
}

/// Asks the gate. Idempotent by rid.
pub async fn call(link: &Link, keys: &EventKeys, attempt: Attempt<'_>) -> Result<Admission, ScriptError> {
    let claim = match attempt.claim {
        Claim::Hold { ttl_ms, lifetime_ms, origin } => format!("h:{ttl_ms}:{lifetime_ms}:{}", changes::origin(origin)),
        Claim::Commit { lease_ms } => format!("c:{lease_ms}:0:"),
    };
    let arguments = [
        Arg::Id(attempt.rid.0),
        Arg::Id(attempt.customer.0),
        Arg::Id(attempt.tier.0),
        Arg::Int(attempt.quantity.into()),
        Arg::Text(&claim),
    ];
    Admission::read(&SCRIPT.call(link, keys, &arguments).await?)
}
