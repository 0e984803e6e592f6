//! `load_event.lua`: installs the projection of a newer epoch.

use contract::internal::Projection;

use super::call::lua_script;
use super::{Arg, LuaScript, ScriptError, code};
use crate::keys::EventKeys;
use crate::link::Link;

/// The script.
pub static SCRIPT: LuaScript = lua_script!("load_event", 12, false);

/// Feed sequences an epoch may use up: they start at `epoch × this`, so that they grow over reloads too.
const FEED_SEQUENCES_PER_EPOCH: i64 = 1_000_000_000;

/// Installs it, unless a newer epoch is there already. Says whether it was installed.
pub async fn call(link: &Link, keys: &EventKeys, projection: &Projection) -> Result<bool, ScriptError> {
    let event = &projection.event;
    let mut map = vec![b'a'; usize::try_from(event.seating.seats_total()).unwrap_or(0)];
    for (seat, _, is_paid) in &projection.seats {
        if let Some(place) = usize::try_from(*seat).ok().and_then(|seat| map.get_mut(seat)) {
            *place = if *is_paid { b's' } else { b'r' };
        }
    }
    let map = String::from_utf8_lossy(&map);
    let tiers = pairs(&projection.tiers);
    let seats = pairs(&projection.seats.iter().map(|(seat, rid, _)| (seat, rid)).collect::<Vec<_>>());
    let customers = pairs(&projection.customers);
    let arguments = [
        Arg::Int(projection.epoch),
        Arg::Text(event.sale_state.as_str()),
        Arg::Int(event.on_sale_at.as_millisecond()),
        Arg::Int(event.ends_at.as_millisecond()),
        Arg::Int(event.per_customer_max.into()),
        Arg::Int(projection.journal_seq),
        Arg::Int(projection.epoch * FEED_SEQUENCES_PER_EPOCH),
        Arg::Text(&map),
        Arg::Text(&tiers),
        Arg::Text(&seats),
        Arg::Text(&customers),
    ];
    let reply = SCRIPT.call(link, keys, &arguments).await?;
    match reply.code {
        code::OK => Ok(true),
        code::STALE => Ok(false),
        _ => Err(reply.unknown()),
    }
}

/// `key=value,key=value`; neither ids nor numbers contain the separators.
fn pairs<K: std::fmt::Display, V: std::fmt::Display>(pairs: &[(K, V)]) -> String {
    pairs.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",")
}
