//! `retire_event.lua`: forgets an event that is over.

use std::time::Duration;

use super::call::lua_script;
use super::{Arg, LuaScript, ScriptError, code};
use crate::keys::EventKeys;
use crate::link::Link;

/// The script.
pub static SCRIPT: LuaScript = lua_script!("retire_event", 2, false);

/// Forgets the event if it has been over, and loaded, for `grace`, and nothing is under way. Says whether all of it is gone: changes
/// that wait for the audit log are not.
pub async fn call(link: &Link, keys: &EventKeys, grace: Duration) -> Result<bool, ScriptError> {
    let grace_ms = i64::try_from(grace.as_millis()).unwrap_or(i64::MAX);
    let reply = SCRIPT.call(link, keys, &[Arg::Int(grace_ms)]).await?;
    match reply.code {
        code::OK => Ok(true),
        code::IN_PROGRESS => Ok(false),
        _ => Err(reply.unknown()),
    }
}
