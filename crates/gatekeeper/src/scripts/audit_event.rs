//! `audit_event.lua`: counts an event's inventory entry by entry.

use std::collections::HashMap;

use contract::TierId;

use super::call::lua_script;
use super::{LuaScript, ScriptError, code};
use crate::keys::EventKeys;
use crate::link::Link;

/// The script.
pub static SCRIPT: LuaScript = lua_script!("audit_event", 1, false);

/// Tickets, or seats, by what Redis knows of them.
#[derive(Debug, Clone, Copy, Default)]
pub struct Account {
    /// Free.
    pub available: i64,
    /// In holds.
    pub held: i64,
    /// In commits not settled.
    pub committing: i64,
}

/// An event's account.
#[derive(Debug)]
pub struct EventAccount {
    /// The epoch Redis has.
    pub epoch: i64,
    /// Of the seats.
    pub seats: Account,
    /// The seat map and the counter of free seats say the same as the seats themselves.
    pub agrees: bool,
    /// Of each tier.
    pub tiers: HashMap<TierId, Account>,
}

/// Counts.
pub async fn call(link: &Link, keys: &EventKeys) -> Result<EventAccount, ScriptError> {
    let reply = SCRIPT.call(link, keys, &[]).await?;
    if reply.code != code::OK {
        return Err(reply.unknown());
    }
    let account = |at| -> Result<Account, ScriptError> {
        Ok(Account { available: reply.int(at)?, held: reply.int(at + 1)?, committing: reply.int(at + 2)? })
    };
    let tiers = (6..reply.len()).step_by(4).map(|at| Ok((TierId(reply.id(at)?), account(at + 1)?)));
    Ok(EventAccount {
        epoch: reply.int(1)?,
        seats: account(2)?,
        agrees: reply.int(5)? == 1,
        tiers: tiers.collect::<Result<_, ScriptError>>()?,
    })
}
