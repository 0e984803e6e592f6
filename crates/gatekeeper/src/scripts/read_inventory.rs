//! `read_inventory.lua`: what is available now.

use std::collections::HashMap;

use contract::TierId;
use contract::api::SaleState;

use super::call::lua_script;
use super::{Arg, LuaScript, Reply, ScriptError, code};
use crate::keys::EventKeys;
use crate::link::Link;

/// The script.
pub static SCRIPT: LuaScript = lua_script!("read_inventory", 2, true);

/// An event's inventory at one instant.
#[derive(Debug)]
pub struct Inventory {
    /// Its generation.
    pub epoch: i64,
    /// The position in the event's feed.
    pub sequence: i64,
    /// Seats free.
    pub seats_available: i64,
    /// One letter a seat, if it was asked for.
    pub map: String,
    /// Whether the event is on sale.
    pub sale_state: SaleState,
    /// Tickets free of each tier asked about.
    pub tiers: HashMap<TierId, i64>,
}

/// Reads it, with the map if wanted.
pub async fn call(link: &Link, keys: &EventKeys, tiers: &[TierId], with_map: bool) -> Result<Inventory, ScriptError> {
    let mut arguments = vec![Arg::Int(with_map.into())];
    arguments.extend(tiers.iter().map(|tier| Arg::Id(tier.0)));
    read(&SCRIPT.call(link, keys, &arguments).await?, tiers, with_map)
}

pub(crate) fn read(reply: &Reply, tiers: &[TierId], with_map: bool) -> Result<Inventory, ScriptError> {
    if reply.code != code::OK {
        return Err(reply.unknown());
    }
    let map = if with_map { reply.text(4).unwrap_or_default().to_owned() } else { String::new() };
    // Outstanding tickets may exceed a capacity that was lowered; nobody is told of fewer than none.
    let available = tiers.iter().enumerate().map(|(place, tier)| Ok((*tier, reply.int(6 + place)?.max(0))));
    Ok(Inventory {
        epoch: reply.int(1)?,
        sequence: reply.int(2)?,
        seats_available: reply.int(3)?,
        map,
        sale_state: reply.text(5)?.parse().map_err(|_| reply.unknown())?,
        tiers: available.collect::<Result<_, ScriptError>>()?,
    })
}
