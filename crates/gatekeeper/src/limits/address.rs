//! Where a request comes from. Only proxies that are trusted are believed about it.

use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use actix_web::HttpRequest;
use actix_web::http::header::HeaderName;
use ipnet::IpNet;

static FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Networks whose word on addresses counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proxies(Vec<IpNet>);

impl FromStr for Proxies {
    type Err = String;

    /// Networks or single addresses, separated by commas.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        let net = |part: &str| {
            let one = part.parse::<IpAddr>().map(IpNet::from);
            part.parse::<IpNet>()
                .or(one)
                .map_err(|_| format!("{part:?} is neither a network such as 10.0.0.0/8 nor an address"))
        };
        parts.map(net).collect::<Result<_, _>>().map(Self)
    }
}

impl Proxies {
    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }
}

/// The client's address: the connection's, unless a trusted proxy holds that; then the last one in `X-Forwarded-For` that is
/// no trusted proxy's. What cannot be read ends the search: beyond it anybody may have written anything.
#[must_use]
pub fn client_address(request: &HttpRequest, proxies: &Proxies) -> Option<IpAddr> {
    let peer = request.peer_addr()?.ip().to_canonical();
    let forwarded = request.headers().get_all(&FORWARDED_FOR).map(|value| value.to_str().unwrap_or("?"));
    Some(resolve(peer, forwarded, proxies))
}

fn resolve<'a>(peer: IpAddr, forwarded: impl DoubleEndedIterator<Item = &'a str>, proxies: &Proxies) -> IpAddr {
    let mut client = peer;
    for part in forwarded.rev().flat_map(|line| line.rsplit(',')) {
        if !proxies.trusts(client) {
            break;
        }
        let Ok(address) = part.trim().parse::<IpAddr>() else { break };
        client = address.to_canonical();
    }
    client
}

/// The address that is counted: an IPv6 network of 64 bits is one household, or one server.
pub(super) fn counted_as(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(peer: &str, forwarded: &[&str], proxies: &str) -> String {
        resolve(peer.parse().unwrap(), forwarded.iter().copied(), &proxies.parse().unwrap()).to_string()
    }

    #[test]
    fn only_trusted_proxies_are_believed_about_addresses() {
        let inside = "127.0.0.1,10.0.0.0/8,fd00::/8";
        for (peer, forwarded, found) in [
            // Nobody is between.
            ("9.9.9.9", &["1.1.1.1"][..], "9.9.9.9"),
            ("9.9.9.9", &[], "9.9.9.9"),
            ("127.0.0.1", &[], "127.0.0.1"),
            // One proxy, two proxies, and what the client claimed before them.
            ("127.0.0.1", &["9.9.9.9"], "9.9.9.9"),
            ("127.0.0.1", &["9.9.9.9, 10.1.2.3"], "9.9.9.9"),
            ("127.0.0.1", &["1.1.1.1, 9.9.9.9, 10.1.2.3"], "9.9.9.9"),
            ("127.0.0.1", &["1.1.1.1", "9.9.9.9"], "9.9.9.9"),
            ("127.0.0.1", &["127.0.0.1, 9.9.9.9"], "9.9.9.9"),
            ("127.0.0.1", &["10.9.9.9"], "10.9.9.9"),
            // What is no address ends it.
            ("127.0.0.1", &["9.9.9.9, x"], "127.0.0.1"),
            ("127.0.0.1", &["9.9.9.9, x, 10.1.2.3"], "10.1.2.3"),
            ("127.0.0.1", &["9.9.9.9:80"], "127.0.0.1"),
            ("127.0.0.1", &[""], "127.0.0.1"),
            // Every way to write the same address is the same.
            (
                "::ffff:127.0.0.1".parse::<IpAddr>().unwrap().to_canonical().to_string().as_str(),
                &["::ffff:9.9.9.9"],
                "9.9.9.9",
            ),
            ("fd00::1", &["2001:db8::1"], "2001:db8::1"),
        ] {
            assert_eq!(client(peer, forwarded, inside), found, "{peer} {forwarded:?}");
        }
        assert_eq!(client("127.0.0.1", &["9.9.9.9"], ""), "127.0.0.1", "nobody is trusted unless named");
    }

    #[test]
    fn a_household_is_one_address() {
        let counted = |text: &str| counted_as(text.parse().unwrap());
        assert_eq!(counted("2001:db8:1:2:3:4:5:6"), counted("2001:db8:1:2::"));
        assert_ne!(counted("2001:db8:1:2::"), counted("2001:db8:1:3::"));
        assert_ne!(counted("9.9.9.9"), counted("9.9.9.8"));
    }

    #[test]
    fn networks_are_read_or_named_as_wrong() {
        assert_eq!("10.0.0.0/8, ::1".parse::<Proxies>().unwrap().0.len(), 2);
        assert!("10.0.0.0/33".parse::<Proxies>().unwrap_err().contains("10.0.0.0/33"));
    }
}
