//! What servers say of each other: who is the primary, and who has which slot.

use std::ops::RangeInclusive;

use redis::aio::MultiplexedConnection;
use redis::{ErrorKind, RedisError, Value};

use super::call::{new_command, send};
use crate::link::HostPort;

/// Slots of a Cluster that the same servers have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotRange {
    /// From the first to the last.
    pub slots: RangeInclusive<u16>,
    /// Who takes writes.
    pub primary: HostPort,
    /// Who would follow it.
    pub replicas: Vec<HostPort>,
}

/// Who the primary of that name is, as a Sentinel says.
pub async fn primary_named(sentinel: &mut MultiplexedConnection, name: &str) -> Result<HostPort, RedisError> {
    let mut command = new_command("SENTINEL");
    command.arg("GET-MASTER-ADDR-BY-NAME").arg(name);
    let known: Option<(String, u16)> = redis::from_redis_value(send(sentinel, &command).await?)?;
    known.ok_or_else(|| unexpected("the Sentinel knows no primary of this name"))
}

/// Refuses a server that does not say that it is a primary.
pub async fn check_is_primary(server: &mut MultiplexedConnection) -> Result<(), RedisError> {
    let said = send(server, &new_command("ROLE")).await?;
    let Value::Array(fields) = said else { return Err(unexpected("ROLE answered something else")) };
    let role: Option<String> = fields.into_iter().next().and_then(|role| redis::from_redis_value(role).ok());
    if role.as_deref() == Some("master") {
        Ok(())
    } else {
        Err(unexpected("the primary is not one yet, or not any more"))
    }
}

/// Who has which slot, as one of a Cluster's servers says that was reached by this name.
pub async fn slot_ranges(server: &mut MultiplexedConnection, asked: &str) -> Result<Vec<SlotRange>, RedisError> {
    let mut command = new_command("CLUSTER");
    command.arg("SLOTS");
    read_slot_ranges(&send(server, &command).await?, asked)
        .ok_or_else(|| unexpected("CLUSTER SLOTS answered something else"))
}

/// Reads the answer to `CLUSTER SLOTS`; none if it is none.
#[must_use]
pub fn read_slot_ranges(reply: &Value, asked: &str) -> Option<Vec<SlotRange>> {
    let Value::Array(ranges) = reply else { return None };
    let read = |range: &Value| {
        let Value::Array(fields) = range else { return None };
        let [Value::Int(from), Value::Int(to), servers @ ..] = fields.as_slice() else { return None };
        let mut servers =
            servers.iter().map(|server| read_server(server, asked)).collect::<Option<Vec<_>>>()?.into_iter();
        let slots = u16::try_from(*from).ok()?..=u16::try_from(*to).ok()?;
        Some(SlotRange { slots, primary: servers.next()?, replicas: servers.collect() })
    };
    ranges.iter().map(read).collect()
}

/// One that does not know its own name is meant by the name it was reached by.
fn read_server(server: &Value, asked: &str) -> Option<HostPort> {
    let Value::Array(fields) = server else { return None };
    let port = match fields.get(1)? {
        Value::Int(port) => u16::try_from(*port).ok()?,
        _ => return None,
    };
    match fields.first()? {
        Value::BulkString(host) if !host.is_empty() => Some((String::from_utf8(host.clone()).ok()?, port)),
        Value::BulkString(_) | Value::Nil => Some((asked.to_owned(), port)),
        _ => None,
    }
}

fn unexpected(what: &'static str) -> RedisError {
    (ErrorKind::UnexpectedReturnType, what).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_read_with_who_has_them() {
        let text = |text: &str| Value::BulkString(text.into());
        let server = |host: Value, port| Value::Array(vec![host, Value::Int(port), text("id"), Value::Array(vec![])]);
        let range =
            |from, to, servers: Vec<Value>| Value::Array([vec![Value::Int(from), Value::Int(to)], servers].concat());
        let reply = Value::Array(vec![
            range(0, 8_191, vec![server(text("a"), 1), server(text("b"), 2)]),
            range(8_192, 16_383, vec![server(Value::Nil, 3)]),
        ]);
        let read = read_slot_ranges(&reply, "me").unwrap();
        let at = |host: &str, port| (host.to_owned(), port);
        assert_eq!(read[0], SlotRange { slots: 0..=8_191, primary: at("a", 1), replicas: vec![at("b", 2)] });
        assert_eq!(read[1], SlotRange { slots: 8_192..=16_383, primary: at("me", 3), replicas: vec![] });
        for bad in [Value::Nil, Value::Array(vec![Value::Nil]), Value::Array(vec![range(0, 1, vec![])])] {
            assert_eq!(read_slot_ranges(&bad, "me"), None, "{bad:?}");
        }
    }
}
