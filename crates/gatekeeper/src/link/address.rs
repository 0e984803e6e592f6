//! Where Redis is: one server, a primary that Sentinels know, or a Cluster.

use std::sync::Arc;

use redis::io::tcp::TcpSettings;
use redis::{Client, IntoConnectionInfo as _, RedisError, TlsCertificates};

/// What separates the scheme of a server from what it is a part of: `redis+cluster://`.
const SENTINEL: &str = "+sentinel";
const CLUSTER: &str = "+cluster";
/// Its port, unless the address says another.
const PORT: u16 = 6_379;
const SENTINEL_PORT: u16 = 26_379;
/// How a Sentinel's own password is given.
const SENTINEL_PASSWORD: &str = "sentinel_password=";

/// A host and a port.
pub type HostPort = (String, u16);

/// The address is not one of a Redis.
#[derive(Debug, thiserror::Error)]
pub enum AddressError {
    /// What Redis' own crate says of it.
    #[error(transparent)]
    Redis(#[from] RedisError),
    /// What we say of it, without any of it: it has a password.
    #[error("{0}")]
    Malformed(&'static str),
}

/// How servers are spoken to: by TLS or not, with which name and password.
#[derive(Clone)]
pub struct Manner {
    scheme: &'static str,
    /// Up to and with the `@`; empty if there is none.
    user: String,
    authorities: Option<Arc<[u8]>>,
}

impl Manner {
    /// A client of the server there.
    pub fn client(&self, (host, port): &HostPort) -> Result<Client, RedisError> {
        let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
        self.open(&format!("{}://{}{host}:{port}/", self.scheme, self.user))
    }

    fn open(&self, url: &str) -> Result<Client, RedisError> {
        let info = url.into_connection_info()?.set_tcp_settings(TcpSettings::default().set_nodelay(true));
        match &self.authorities {
            Some(pem) => {
                Client::build_with_tls(info, TlsCertificates { client_tls: None, root_cert: Some(pem.to_vec()) })
            }
            None => Client::open(info),
        }
    }
}

/// What an address leads to.
pub enum Address {
    /// One server.
    Server(Client),
    /// Whichever server these Sentinels call the primary of that name.
    Sentinel {
        /// The Sentinels.
        sentinels: Vec<Client>,
        /// The name.
        name: String,
        /// How the primary is spoken to.
        manner: Manner,
    },
    /// A Cluster, some of whose servers are these.
    Cluster {
        /// Those to ask first.
        seeds: Vec<HostPort>,
        /// How all of them are spoken to.
        manner: Manner,
    },
}

impl Address {
    /// Reads `redis://:password@host:port/`, `redis+sentinel://:password@host:port,host:port/name` with
    /// `?sentinel_password=…` if the Sentinels have one, or `redis+cluster://:password@host:port,host:port/`; each with
    /// `rediss` for TLS, vouched for by these authorities (PEM) or, without any, by the system's.
    pub fn parse(url: &str, authorities: Option<&[u8]>) -> Result<Self, AddressError> {
        let (scheme, rest) =
            url.split_once("://").ok_or(AddressError::Malformed("an address begins with redis:// or rediss://"))?;
        let (scheme, kind) = scheme.split_at(scheme.find('+').unwrap_or(scheme.len()));
        let scheme = match scheme {
            "redis" => "redis",
            "rediss" => "rediss",
            // Nothing that looks encrypted may turn out not to be.
            _ => return Err(AddressError::Malformed("an address begins with redis:// or rediss://")),
        };
        let (user, rest) = rest.rsplit_once('@').map_or(("", rest), |(user, rest)| (user, rest));
        let user = if user.is_empty() { String::new() } else { format!("{user}@") };
        let manner = Manner { scheme, user, authorities: authorities.map(Into::into) };
        let (hosts, path) = rest.split_once('/').unwrap_or((rest, ""));
        match kind {
            "" => Ok(Self::Server(manner.open(url)?)),
            CLUSTER if path.is_empty() => Ok(Self::Cluster { seeds: hosts_of(hosts, PORT)?, manner }),
            CLUSTER => {
                Err(AddressError::Malformed("a Cluster has no databases: nothing comes after its hosts and a /"))
            }
            SENTINEL => {
                let (name, query) = path.split_once('?').unwrap_or((path, ""));
                if name.is_empty() {
                    return Err(AddressError::Malformed("after the Sentinels comes a / and the name of their primary"));
                }
                let user = match query.strip_prefix(SENTINEL_PASSWORD) {
                    Some(password) => format!(":{password}@"),
                    None if query.is_empty() => String::new(),
                    None => return Err(AddressError::Malformed("after the ? can only be sentinel_password=")),
                };
                let of_sentinels = Manner { user, ..manner.clone() };
                let sentinels = hosts_of(hosts, SENTINEL_PORT)?;
                let sentinels = sentinels.iter().map(|host| of_sentinels.client(host)).collect::<Result<_, _>>()?;
                Ok(Self::Sentinel { sentinels, name: name.to_owned(), manner })
            }
            _ => Err(AddressError::Malformed("after redis can only come +sentinel or +cluster")),
        }
    }
}

fn hosts_of(text: &str, port: u16) -> Result<Vec<HostPort>, AddressError> {
    let read = |host: &str| {
        // An IPv6 address has colons of its own, and brackets.
        let (host, given) = match host.rsplit_once(':') {
            Some((before, after)) if !after.ends_with(']') => (before, Some(after)),
            _ => (host, None),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let port = given.map_or(Some(port), |port| port.parse().ok().filter(|port| *port > 0))?;
        (!host.is_empty()).then(|| (host.to_owned(), port))
    };
    let hosts: Option<Vec<_>> = text.split(',').map(read).collect();
    hosts.ok_or(AddressError::Malformed("hosts are host:port, with a comma between them"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_server_sentinels_or_a_cluster() {
        let parse = |url: &str| Address::parse(url, None);
        assert!(matches!(parse("redis://:secret@host:1/"), Ok(Address::Server(_))));
        assert!(matches!(parse("redis://host"), Ok(Address::Server(_))));
        let Ok(Address::Cluster { seeds, manner }) = parse("redis+cluster://:p%40ss@a:1,b,[::1]:3/") else { panic!() };
        assert_eq!(seeds, [("a".to_owned(), 1), ("b".to_owned(), 6_379), ("::1".to_owned(), 3)]);
        let info = manner.client(&seeds[2]).unwrap().get_connection_info().clone();
        assert_eq!((info.addr().to_string().as_str(), info.redis_settings().password()), ("::1:3", Some("p@ss")));
        let Ok(Address::Sentinel { sentinels, name, manner }) =
            parse("redis+sentinel://user:secret@a:1,b/sale?sentinel_password=other")
        else {
            panic!()
        };
        assert_eq!(name, "sale");
        let of_sentinel = sentinels[1].get_connection_info();
        assert_eq!(of_sentinel.addr().to_string(), "b:26379");
        assert_eq!(of_sentinel.redis_settings().password(), Some("other"));
        let of_primary = manner.client(&("c".into(), 5)).unwrap();
        assert_eq!(of_primary.get_connection_info().redis_settings().password(), Some("secret"));
    }

    #[test]
    fn what_is_no_address_is_refused_and_not_repeated() {
        for bad in [
            "secret",
            "redis+cluster://:secret@a:x/",
            "redis+cluster://:secret@a:0/",
            "redis+cluster://:secret@,/",
            "redis+cluster://:secret@a:1/7",
            "redis+sentinel://:secret@a:1",
            "redis+sentinel://:secret@a:1/",
            "redis+sentinel://:secret@a:1/name?db=1",
            "redis+something://:secret@a:1/",
            "http://:secret@a:1/",
            "REDISS+cluster://:secret@a:1/",
            "valkeys+sentinel://:secret@a:1/name",
        ] {
            let error = Address::parse(bad, None).err().unwrap_or_else(|| panic!("{bad}")).to_string();
            assert!(!error.contains("secret"), "{bad}: {error}");
        }
    }
}
