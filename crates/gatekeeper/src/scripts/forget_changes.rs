//! `forget_changes.lua`: what the audit log has need not be kept here.

use super::call::lua_script;
use super::{Arg, LuaScript, ScriptError, code};
use crate::keys::EventKeys;
use crate::link::Link;

/// The script.
pub static SCRIPT: LuaScript = lua_script!("forget_changes", 4, false);

/// Forgets an event's oldest changes up to this one, of `count` that were read; says how many still wait.
pub async fn call(
    link: &Link,
    keys: &EventKeys,
    (epoch, number): (i64, i64),
    count: usize,
) -> Result<i64, ScriptError> {
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    let reply = SCRIPT.call(link, keys, &[Arg::Int(epoch), Arg::Int(number), Arg::Int(count)]).await?;
    if reply.code == code::OK { reply.int(1) } else { Err(reply.unknown()) }
}
