//! The few commands that are not scripts: who Redis is, which events it has, and who is loading one.

use std::time::Duration;

use contract::EventId;
use redis::aio::MultiplexedConnection;
use redis::{Cmd, FromRedisValue, RedisError, Value};

use super::call::{ScriptError, new_command, send, send_script};
use crate::keys::{EventKeys, LOADED_EVENTS};
use crate::link::{Link, LinkError};

/// How long a replica that loads an event may be silent before another tries.
pub const LOADING_MS: u64 = 3_000;

/// The oldest Redis there is `SPUBLISH` in. A script that failed at it would have written already.
const REDIS_MAJOR_MIN: u32 = 7;

/// The id of the Redis process at the other end of a new connection. Refuses one that is too old.
pub async fn read_run_id(connection: &mut MultiplexedConnection) -> Result<String, RedisError> {
    let mut info = new_command("INFO");
    info.arg("server");
    let text: String = info.query_async(connection).await?;
    let value = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let failed = |why: &'static str| RedisError::from((redis::ErrorKind::UnexpectedReturnType, why));
    let major = value("redis_version").and_then(|version| version.split('.').next()?.parse::<u32>().ok());
    if major.is_none_or(|major| major < REDIS_MAJOR_MIN) {
        return Err(failed("Redis 7 or newer is needed"));
    }
    value("run_id").map(str::to_owned).ok_or_else(|| failed("INFO has no run_id"))
}

/// Whether Redis answers.
pub async fn ping(link: &Link) -> Result<(), ScriptError> {
    link.ask_any(async |live| {
        let pong = send(&mut live.connection.clone(), &new_command("PING")).await;
        link.judge(&live, &pong);
        pong.map(|_| ()).map_err(|source| ScriptError::Redis { script: "ping", source })
    })
    .await
}

/// Events that were loaded into this Redis.
pub async fn loaded_events(link: &Link) -> Result<Vec<EventId>, ScriptError> {
    let mut command = new_command("SMEMBERS");
    command.arg(LOADED_EVENTS);
    let ids: Vec<String> = query(link, LOADED_EVENTS, "loaded_events", &command).await?;
    Ok(ids.iter().filter_map(|id| id.parse().ok()).collect())
}

/// Enters an event among the loaded ones. Done before loading: an entry too many is looked at in vain, one too few never.
pub async fn remember_loaded(link: &Link, event: EventId) -> Result<(), ScriptError> {
    let mut command = new_command("SADD");
    command.arg(LOADED_EVENTS).arg(event.to_string());
    let _: i64 = query(link, LOADED_EVENTS, "remember_loaded", &command).await?;
    Ok(())
}

/// Takes an event that was retired off the loaded ones.
pub async fn forget_loaded(link: &Link, event: EventId) -> Result<(), ScriptError> {
    let mut command = new_command("SREM");
    command.arg(LOADED_EVENTS).arg(event.to_string());
    let _: i64 = query(link, LOADED_EVENTS, "forget_loaded", &command).await?;
    Ok(())
}

/// Makes this replica the one that loads the event; false if another is at it.
pub async fn claim_loading(link: &Link, keys: &EventKeys) -> Result<bool, ScriptError> {
    let mut command = new_command("SET");
    command.arg(keys.loading()).arg(1).arg("NX").arg("PX").arg(LOADING_MS);
    Ok(query::<Option<String>>(link, keys.loading(), "claim_loading", &command).await?.is_some())
}

/// Keeps others from loading the event for the full time again.
pub async fn renew_loading(link: &Link, keys: &EventKeys) -> Result<(), ScriptError> {
    let mut command = new_command("PEXPIRE");
    command.arg(keys.loading()).arg(LOADING_MS);
    let _: i64 = query(link, keys.loading(), "renew_loading", &command).await?;
    Ok(())
}

/// Lets others load the event again.
pub async fn end_loading(link: &Link, keys: &EventKeys) -> Result<(), ScriptError> {
    let mut command = new_command("DEL");
    command.arg(keys.loading());
    let _: i64 = query(link, keys.loading(), "end_loading", &command).await?;
    Ok(())
}

/// Makes this replica the one that audits the event, for so long; false if another is at it.
pub async fn claim_audit(link: &Link, keys: &EventKeys, time: Duration) -> Result<bool, ScriptError> {
    let mut command = new_command("SET");
    let time_ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    command.arg(keys.auditing()).arg(1).arg("NX").arg("PX").arg(time_ms);
    Ok(query::<Option<String>>(link, keys.auditing(), "claim_audit", &command).await?.is_some())
}

/// Sends a command about one key to whoever has that.
pub(super) async fn query<T: FromRedisValue>(
    link: &Link,
    key: &str,
    script: &'static str,
    command: &Cmd,
) -> Result<T, ScriptError> {
    let value = send_to_owner(link, key, command, None).await;
    let value = value.map_err(|error| error.of(script))?;
    redis::from_redis_value(value).map_err(|error| ScriptError::Redis { script, source: error.into() })
}

/// What went wrong on the way to a key's owner.
pub(super) enum Failed {
    Link(LinkError),
    Redis(RedisError),
}

impl Failed {
    pub(super) fn of(self, script: &'static str) -> ScriptError {
        match self {
            Self::Link(error) => error.into(),
            Self::Redis(source) => ScriptError::Redis { script, source },
        }
    }
}

/// Sends a command about a key to whoever has that, and to the next if that has moved; with a script's text, if it is a call of one.
/// Nothing is sent twice that may have been done.
pub(super) async fn send_to_owner(link: &Link, key: &str, command: &Cmd, text: Option<&str>) -> Result<Value, Failed> {
    match send_once(link, key, command, text).await {
        Err(Failed::Redis(error)) if link.is_elsewhere(&error) => send_once(link, key, command, text).await,
        answer => answer,
    }
}

async fn send_once(link: &Link, key: &str, command: &Cmd, text: Option<&str>) -> Result<Value, Failed> {
    let live = link.live(key).await.map_err(Failed::Link)?;
    let mut connection = live.connection.clone();
    let answer = match text {
        Some(text) => send_script(&mut connection, command, text).await,
        None => send(&mut connection, command).await,
    };
    link.judge(&live, &answer);
    answer.map_err(Failed::Redis)
}
