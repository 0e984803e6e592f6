//! `audit_event.lua`: counts an event's inventory entry by entry.

use std::collections::HashMap;

use contract::TierId;

use super::call::lua_script;
use super::{Arg, LuaScript, Reply, ScriptError, code};
use crate::keys::EventKeys;
use crate::link::Link;

/// The script.
pub static SCRIPT: LuaScript = lua_script!("audit_event", 2, false);

/// Attempts under way that are read in passing: some milliseconds of Redis.
const IN_PASSING_MAX: i64 = 2_000;

/// Tickets, or seats, by what Redis knows of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Account {
    /// Free.
    pub available: i64,
    /// In holds.
    pub held: i64,
    /// In commits not settled.
    pub committing: i64,
}

/// An event's account.
#[derive(Debug, PartialEq, Eq)]
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

impl EventAccount {
    /// Whether nothing is on its way to the vault.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.tiers.values().chain([&self.seats]).all(|account| account.committing == 0)
    }
}

/// Counts, however much there is to count.
pub async fn call(link: &Link, keys: &EventKeys) -> Result<EventAccount, ScriptError> {
    let reply = SCRIPT.call(link, keys, &[Arg::Int(i64::MAX)]).await?;
    if reply.code != code::OK {
        return Err(reply.unknown());
    }
    read(&reply)
}

/// Counts, if that takes no time to speak of.
pub async fn in_passing(link: &Link, keys: &EventKeys) -> Result<Option<EventAccount>, ScriptError> {
    let reply = SCRIPT.call(link, keys, &[Arg::Int(IN_PASSING_MAX)]).await?;
    match reply.code {
        code::OK => read(&reply).map(Some),
        code::TOO_MANY => Ok(None),
        _ => Err(reply.unknown()),
    }
}

pub(crate) fn read(reply: &Reply) -> Result<EventAccount, ScriptError> {
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
