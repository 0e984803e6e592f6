//! `extend_hold.lua`: gives a hold its full time again.

use contract::{CustomerId, ReservationId};

use super::call::lua_script;
use super::{Arg, Hold, HoldRefusal, LuaScript, ScriptError, hold};
use crate::keys::EventKeys;
use crate::link::Link;

/// The script.
pub static SCRIPT: LuaScript = lua_script!("extend_hold", 4, false);

/// Gives a hold its full time again; the owner's only.
pub async fn call(
    link: &Link,
    keys: &EventKeys,
    rid: ReservationId,
    customer: CustomerId,
    ttl_ms: i64,
) -> Result<Result<Hold, HoldRefusal>, ScriptError> {
    hold::read(&SCRIPT.call(link, keys, &[Arg::Id(rid.0), Arg::Id(customer.0), Arg::Int(ttl_ms)]).await?)
}
