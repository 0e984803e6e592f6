//! `begin_commit.lua`: turns a hold into a commit with a lease of its own.

use contract::{CustomerId, ReservationId};

use super::call::lua_script;
use super::{Arg, Hold, HoldRefusal, LuaScript, ScriptError, hold};
use crate::keys::EventKeys;
use crate::link::Link;

/// The script.
pub static SCRIPT: LuaScript = lua_script!("begin_commit", 4, false);

/// Turns a hold into a commit with a lease of its own; the owner's only.
pub async fn call(
    link: &Link,
    keys: &EventKeys,
    rid: ReservationId,
    customer: CustomerId,
    lease_ms: i64,
) -> Result<Result<Hold, HoldRefusal>, ScriptError> {
    hold::read(&SCRIPT.call(link, keys, &[Arg::Id(rid.0), Arg::Id(customer.0), Arg::Int(lease_ms)]).await?)
}
