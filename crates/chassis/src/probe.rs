//! `gatekeeper probe`, `vault probe`: asks the service beside it whether it is ready, for containers that have neither a shell
//! nor curl.

use std::env;
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

use contract::paths;

/// How long an answer may take: readiness itself waits a second for what it asks.
const ANSWER_WAIT: Duration = Duration::from_secs(3);

/// Whether that is what this process was started for.
#[must_use]
pub fn is_asked_for() -> bool {
    env::args_os().nth(1).is_some_and(|argument| argument == "probe")
}

/// Success if it is ready. `listen` is the variable with its address.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "a probe has no other setting")]
pub fn run(listen: &str, default: SocketAddr) -> ExitCode {
    let address = env::var(listen).ok().and_then(|text| text.parse().ok()).unwrap_or(default);
    match status(address, paths::READY) {
        Ok(status) if status == "200" => ExitCode::SUCCESS,
        Ok(status) => {
            eprintln!("{} says {status}", paths::READY);
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("{address} does not answer: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The status of an answer, as three digits.
pub fn status(mut address: SocketAddr, path: &str) -> std::io::Result<String> {
    if address.ip().is_unspecified() {
        address.set_ip(IpAddr::V4(Ipv4Addr::LOCALHOST));
    }
    let mut stream = TcpStream::connect_timeout(&address, ANSWER_WAIT)?;
    stream.set_read_timeout(Some(ANSWER_WAIT))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut head = [0; 12];
    stream.read_exact(&mut head)?;
    Ok(String::from_utf8_lossy(&head[9..]).into_owned())
}
