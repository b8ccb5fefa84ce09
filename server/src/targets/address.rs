//! Which addresses a target may have: a document must not make the server speak to machines that
//! only the server can reach.

use ipnet::IpNet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};

/// The addresses that may be spoken to besides public ones.
#[derive(Clone, Debug, Default)]
pub struct Allowed {
    /// Private networks that the configuration allows.
    pub networks: Vec<IpNet>,
    /// True where the server itself listens on loopback only, so that whoever writes a document
    /// can reach loopback anyway.
    pub loopback: bool,
}

impl Allowed {
    /// True if the server may speak to this address.
    pub fn contains(&self, ip: IpAddr) -> bool {
        let ip = plain(ip);
        self.networks.iter().any(|network| network.contains(&ip)) || self.loopback && ip.is_loopback() || is_public(ip)
    }

    /// The allowed addresses of `host:port`.
    ///
    /// # Errors
    /// The name is not known, or none of its addresses is allowed.
    pub fn resolve(&self, host_and_port: &str) -> Result<Vec<SocketAddr>, String> {
        let found: Vec<SocketAddr> = host_and_port.to_socket_addrs().map_err(|error| format!("{host_and_port}: {error}"))?.collect();
        let allowed: Vec<SocketAddr> = found.iter().copied().filter(|address| self.contains(address.ip())).collect();
        match (allowed.is_empty(), found.first()) {
            (false, _) => Ok(allowed),
            (true, None) => Err(format!("{host_and_port} has no address")),
            (true, Some(first)) => Err(format!(
                "{host_and_port} is {}, no public address; targets_allow in the configuration lists the private ones that may be used",
                first.ip()
            )),
        }
    }
}

/// An IPv4 address that is written as an IPv6 one is an IPv4 address.
fn plain(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V6(v6) => {
            let embedded = v6.to_ipv4_mapped().or_else(|| {
                // NAT64 (RFC 6052).
                let s = v6.segments();
                (s[..6] == [0x64, 0xff9b, 0, 0, 0, 0]).then(|| Ipv4Addr::from((u32::from(s[6]) << 16) | u32::from(s[7])))
            });
            embedded.map_or(ip, IpAddr::V4)
        }
        IpAddr::V4(_) => ip,
    }
}

/// True for what the IANA special-purpose registries leave to the public internet.
fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

fn is_public_v4(v4: Ipv4Addr) -> bool {
    let [a, b, c, _] = v4.octets();
    let special = a == 0
        || v4.is_private()
        || v4.is_loopback()
        || v4.is_link_local()
        || v4.is_documentation()
        || a >= 224
        || a == 100 && (64..128).contains(&b)
        || (a, b, c) == (192, 0, 0)
        || (a, b) == (198, 18)
        || (a, b) == (198, 19);
    !special
}

fn is_public_v6(v6: Ipv6Addr) -> bool {
    // Only 2000::/3 is given out; of it, documentation, 6to4 and Teredo stand for something else.
    let s = v6.segments();
    s[0] & 0xe000 == 0x2000 && s[0] != 0x2002 && !(s[0] == 0x2001 && (s[1] == 0x0db8 || s[1] < 0x0200)) && s[0] & 0xfff0 != 0x3ff0
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_public_addresses_and_those_of_the_configuration_are_allowed() {
        let none = Allowed::default();
        for private in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "0.0.0.0",
            "100.64.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "192.0.2.1",
            "198.18.0.1",
            "::1",
            "::",
            "fe80::1",
            "fd00::1",
            "ff02::1",
            "2001:db8::1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
            "2002:a00:1::1",
        ] {
            assert!(!none.contains(private.parse().unwrap()), "{private}");
        }
        for public in ["1.1.1.1", "223.5.5.5", "2400:3200::1", "64:ff9b::101:101"] {
            assert!(none.contains(public.parse().unwrap()), "{public}");
        }
        let some = Allowed { networks: vec!["10.1.0.0/16".parse().unwrap()], loopback: true };
        assert!(some.contains("10.1.2.3".parse().unwrap()) && some.contains("::ffff:10.1.2.3".parse().unwrap()));
        assert!(some.contains("127.0.0.1".parse().unwrap()) && some.contains("::1".parse().unwrap()));
        assert!(!some.contains("10.2.0.1".parse().unwrap()));
        assert!(some.resolve("127.0.0.1:80").is_ok());
        assert!(none.resolve("127.0.0.1:80").unwrap_err().contains("targets_allow"));
    }
}
