//! `hold_seats.lua`: holds seats, all or none.

use contract::{CustomerId, Origin, ReservationId, SeatIndex};

use super::call::lua_script;
use super::{Admission, Arg, LuaScript, ScriptError, changes};
use crate::keys::EventKeys;
use crate::link::Link;

/// The script.
pub static SCRIPT: LuaScript = lua_script!("hold_seats", 6, true);

/// One attempt on seats.
#[derive(Debug, Clone, Copy)]
pub struct Attempt<'a> {
    /// Its id.
    pub rid: ReservationId,
    /// Whose it is.
    pub customer: CustomerId,
    /// All different.
    pub seats: &'a [SeatIndex],
    /// Until the hold ends.
    pub ttl_ms: i64,
    /// Until it ends at the latest, extensions included.
    pub lifetime_ms: i64,
    /// Who caused it, for the audit log.
    pub origin: &'a Origin,
}

/// Asks the gate. Idempotent by rid.
pub async fn call(link: &Link, keys: &EventKeys, attempt: Attempt<'_>) -> Result<Admission, ScriptError> {
    let origin = changes::origin(attempt.origin);
    let mut arguments = vec![
        Arg::Id(attempt.rid.0),
        Arg::Id(attempt.customer.0),
        Arg::Int(attempt.ttl_ms),
        Arg::Int(attempt.lifetime_ms),
        Arg::Text(&origin),
    ];
    arguments.extend(attempt.seats.iter().map(|seat| Arg::Int((*seat).into())));
    Admission::read(&SCRIPT.call(link, keys, &arguments).await?)
}
