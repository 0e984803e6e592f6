//! Free ports.
//!
//! Not those the kernel would choose: it also gives them to outgoing connections, so that one chosen now may be taken by
//! the time its server starts, or by the time it is started again.

use std::collections::HashSet;
use std::net::TcpListener;
use std::sync::{Mutex, PoisonError};

use uuid::Uuid;

use crate::options::{Options, PostgresShape};
use crate::redis;

/// Below the range for outgoing connections (32768 to 60999 on Linux), above what is commonly in use.
const FIRST: u16 = 17_000;
const LAST: u16 = 31_999;
/// Tries before giving up.
const TRIES_MAX: usize = 1_000;

/// Where everything of a stack listens.
pub struct Ports {
    /// Redis.
    pub redis: redis::Ports,
    /// Postgres.
    pub postgres: u16,
    /// Its standby, if there is one.
    pub standby: Option<u16>,
    /// The vault.
    pub vault: u16,
    /// The gatekeepers.
    pub gatekeepers: Vec<u16>,
    /// nginx.
    pub nginx: u16,
    /// Prometheus, if there is one.
    pub prometheus: Option<u16>,
}

impl Ports {
    /// Free ones for whatever is to be started.
    pub fn choose(options: &Options) -> std::io::Result<Self> {
        Ok(Self {
            redis: redis::Ports::choose(options.redis)?,
            postgres: free()?,
            standby: (options.postgres == PostgresShape::Standby).then(free).transpose()?,
            vault: free()?,
            gatekeepers: (0..options.replicas).map(|_| free()).collect::<Result<_, _>>()?,
            nginx: options.port.map_or_else(free, Ok)?,
            prometheus: options.prometheus.then(free).transpose()?,
        })
    }
}

/// A loopback port that nobody listens on now and that this process has not given out before.
pub fn free() -> std::io::Result<u16> {
    static GIVEN: Mutex<Option<HashSet<u16>>> = Mutex::new(None);
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    let given = given.get_or_insert_default();
    for _ in 0..TRIES_MAX {
        let port = FIRST + random() % (LAST - FIRST + 1);
        if !given.contains(&port) && TcpListener::bind(("127.0.0.1", port)).is_ok() {
            given.insert(port);
            return Ok(port);
        }
    }
    Err(std::io::Error::other(format!("no free port between {FIRST} and {LAST}")))
}

fn random() -> u16 {
    let [high, low, ..] = Uuid::new_v4().into_bytes();
    u16::from_be_bytes([high, low])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_port_is_given_out_twice() {
        let ports: HashSet<_> = (0..200).map(|_| free().unwrap()).collect();
        assert_eq!(ports.len(), 200);
        assert!(ports.iter().all(|port| (FIRST..=LAST).contains(port)));
    }
}
