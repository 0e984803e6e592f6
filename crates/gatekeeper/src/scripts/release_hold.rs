//! `release_hold.lua`: gives a hold back before its time.

use contract::{CustomerId, Origin, ReservationId, SeatIndex};

use super::call::lua_script;
use super::{Arg, HoldRefusal, LuaScript, ScriptError, changes, code};
use crate::keys::EventKeys;
use crate::link::Link;

/// The script.
pub static SCRIPT: LuaScript = lua_script!("release_hold", 5, false);

/// What is given back.
#[derive(Debug, Clone, Copy)]
pub enum Release {
    /// A whole hold.
    Hold(ReservationId),
    /// One seat, of whatever hold has it.
    Seat(SeatIndex),
}

/// Gives it back; the owner's only.
pub async fn call(
    link: &Link,
    keys: &EventKeys,
    release: Release,
    customer: CustomerId,
    origin: &Origin,
) -> Result<Result<(), HoldRefusal>, ScriptError> {
    let (rid, seat) = match release {
        Release::Hold(rid) => (Arg::Id(rid.0), Arg::Text("")),
        Release::Seat(seat) => (Arg::Text(""), Arg::Int(seat.into())),
    };
    let origin = changes::origin(origin);
    let reply = SCRIPT.call(link, keys, &[rid, Arg::Id(customer.0), seat, Arg::Text(&origin)]).await?;
    if reply.code == code::OK { Ok(Ok(())) } else { HoldRefusal::read(&reply).map(Err) }
}
