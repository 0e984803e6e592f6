//! `extend_hold.lua`: gives a hold its full time again.

use contract::{CustomerId, Origin, ReservationId};

use super::call::lua_script;
use super::{Arg, Hold, HoldRefusal, LuaScript, ScriptError, changes, hold};
use crate::keys::EventKeys;
use crate::link::Link;

/// The script.
pub static SCRIPT: LuaScript = lua_script!("extend_hold", 5, false);

/// Gives a hold its full time again; the owner's only.
pub async fn call(
    link: &Link,
    keys: &EventKeys,
    rid: ReservationId,
    (customer, origin): (CustomerId, &Origin),
    ttl_ms: i64,
) -> Result<Result<Hold, HoldRefusal>, ScriptError> {
    let origin = changes::origin(origin);
    let arguments = [Arg::Id(rid.0), Arg::Id(customer.0), Arg::Int(ttl_ms), Arg::Text(&origin)];
    hold::read(&SCRIPT.call(link, keys, &arguments).await?)
}
