//! `sweep.lua`: attends to what is due.

use std::time::Duration;

use contract::ReservationId;

use super::call::lua_script;
use super::{Arg, LuaScript, Reply, ScriptError, code};
use crate::keys::EventKeys;
use crate::link::Link;

/// The script.
pub static SCRIPT: LuaScript = lua_script!("sweep", 3, false);

/// Entries attended to in one call; a script of this size stays well under a millisecond.
pub const ENTRIES_MAX: i64 = 200;
/// How long an overdue commit is left to whoever was handed it.
const CLAIM_MS: i64 = 1_000;

/// What a sweep found.
#[derive(Debug)]
pub struct Swept {
    /// The event's epoch.
    pub epoch: i64,
    /// The last journal row applied.
    pub applied_seq: i64,
    /// Until the next entry is due; `None` when there is none.
    pub next_due: Option<Duration>,
    /// Changes of holds that are not in the audit log yet.
    pub changes: i64,
    /// Commits beyond their lease, for the vault to resolve.
    pub overdue: Vec<ReservationId>,
}

/// Sweeps one event.
pub async fn call(link: &Link, keys: &EventKeys) -> Result<Swept, ScriptError> {
    read(&SCRIPT.call(link, keys, &[Arg::Int(ENTRIES_MAX), Arg::Int(CLAIM_MS)]).await?)
}

/// Reads what the script says.
pub fn read(reply: &Reply) -> Result<Swept, ScriptError> {
    if reply.code != code::OK {
        return Err(reply.unknown());
    }
    Ok(Swept {
        epoch: reply.int(1)?,
        applied_seq: reply.int(2)?,
        next_due: u64::try_from(reply.int(3)?).ok().map(Duration::from_millis),
        changes: reply.int(4)?,
        overdue: (5..reply.len()).map(|at| reply.id(at).map(ReservationId)).collect::<Result<_, _>>()?,
    })
}
