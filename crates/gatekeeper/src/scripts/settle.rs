//! `settle.lua`: applies the vault's verdicts.

use contract::ReservationId;
use contract::internal::Outcome;

use super::call::lua_script;
use super::{Arg, LuaScript, ScriptError, code};
use crate::keys::EventKeys;
use crate::link::Link;

/// The script.
pub static SCRIPT: LuaScript = lua_script!("settle", 2, true);

/// Settles attempts admitted under `epoch`. Those of another epoch, and those settled before, are left alone; says how
/// many were settled now.
pub async fn call(
    link: &Link,
    keys: &EventKeys,
    epoch: i64,
    verdicts: &[(ReservationId, Outcome)],
) -> Result<i64, ScriptError> {
    let mut arguments = Vec::with_capacity(1 + 2 * verdicts.len());
    arguments.push(Arg::Int(epoch));
    for (rid, outcome) in verdicts {
        arguments.push(Arg::Id(rid.0));
        arguments.push(Arg::Text(match outcome {
            Outcome::Posted => "p",
            Outcome::Void => "v",
        }));
    }
    let reply = SCRIPT.call(link, keys, &arguments).await?;
    match reply.code {
        code::OK => reply.int(2),
        code::STALE => Ok(0),
        _ => Err(reply.unknown()),
    }
}
