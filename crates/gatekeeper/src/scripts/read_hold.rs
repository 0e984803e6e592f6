//! `read_hold.lua`: reads a hold.

use contract::{CustomerId, ReservationId};

use super::call::lua_script;
use super::{Arg, Hold, HoldRefusal, LuaScript, ScriptError, hold};
use crate::keys::EventKeys;
use crate::link::Link;

/// The script.
pub static SCRIPT: LuaScript = lua_script!("read_hold", 3, false);

/// Reads a hold; the owner's only.
pub async fn call(
    link: &Link,
    keys: &EventKeys,
    rid: ReservationId,
    customer: CustomerId,
) -> Result<Result<Hold, HoldRefusal>, ScriptError> {
    hold::read(&SCRIPT.call(link, keys, &[Arg::Id(rid.0), Arg::Id(customer.0)]).await?)
}
