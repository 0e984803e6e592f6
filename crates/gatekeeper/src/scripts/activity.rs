//! Attempts by how they ended: plain commands on a hash an event, apart from everything scripts decide by.

use std::collections::HashMap;

use contract::EventId;

use super::call::{ScriptError, new_command};
use super::registry::query;
use crate::keys::EventKeys;
use crate::link::Link;
use crate::tally::Ending;

/// Kept this long after the last attempt.
const KEPT_SECONDS: u32 = 7 * 24 * 3_600;

/// Adds to the attempts that ended so.
pub async fn add(link: &Link, event: EventId, ending: Ending, attempts: i64) -> Result<(), ScriptError> {
    let keys = EventKeys::of(event);
    let mut command = new_command("HINCRBY");
    command.arg(keys.activity()).arg(ending.field()).arg(attempts);
    let _: i64 = query(link, keys.activity(), "count_attempts", &command).await?;
    let mut command = new_command("EXPIRE");
    command.arg(keys.activity()).arg(KEPT_SECONDS);
    let _: i64 = query(link, keys.activity(), "keep_attempts", &command).await?;
    Ok(())
}

/// Forgets the attempts of an event if they are all there is of it: it was retired while they were on their way.
pub async fn forget_leftover(link: &Link, event: EventId) -> Result<(), ScriptError> {
    let keys = EventKeys::of(event);
    let mut command = new_command("EXISTS");
    command.arg(keys.meta());
    let there: i64 = query(link, keys.meta(), "find_event", &command).await?;
    if there == 0 { forget(link, event).await } else { Ok(()) }
}

/// Forgets the attempts of an event that was retired.
pub async fn forget(link: &Link, event: EventId) -> Result<(), ScriptError> {
    let keys = EventKeys::of(event);
    let mut command = new_command("UNLINK");
    command.arg(keys.activity());
    let _: i64 = query(link, keys.activity(), "forget_attempts", &command).await?;
    Ok(())
}

/// The attempts of an event, by how they ended.
pub async fn read(link: &Link, event: EventId) -> Result<impl Fn(Ending) -> i64, ScriptError> {
    let keys = EventKeys::of(event);
    let mut command = new_command("HGETALL");
    command.arg(keys.activity());
    let counts: HashMap<String, i64> = query(link, keys.activity(), "read_attempts", &command).await?;
    Ok(move |ending: Ending| counts.get(ending.field()).copied().unwrap_or(0))
}
