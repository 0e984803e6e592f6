//! Free ports.
//!
//! Not those the kernel would choose: it also gives them to outgoing connections, so that one chosen now may be taken by
//! the time its server starts, or by the time it is started again.

use std::collections::HashSet;
use std::net::TcpListener;
use std::sync::{Mutex, PoisonError};

use uuid::Uuid;

/// Below the range for outgoing connections (32768 to 60999 on Linux), above what is commonly in use.
const FIRST: u16 = 17_000;
const LAST: u16 = 31_999;
/// Tries before giving up.
const TRIES_MAX: usize = 1_000;

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
