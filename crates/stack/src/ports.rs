//! Free ports.

use std::net::TcpListener;

/// A loopback port that nobody listens on now.
pub fn free() -> std::io::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}
