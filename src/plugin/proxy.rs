//! Whether a cluster is reached directly though the environment names a proxy: by the rules that kubectl has (package
//! golang.org/x/net/http/httpproxy). kube 5 holds NO_PROXY against the proxy's own address instead. Pure.

use ipnet::IpNet;
use std::net::IpAddr;

/// `no_proxy` is the variable's value.
pub fn is_direct(host: &str, port: u16, no_proxy: &str) -> bool {
    // In a URI an IPv6 address stands in brackets.
    let host = host.trim_matches(['[', ']']).to_ascii_lowercase();
    let address: Option<IpAddr> = host.parse().ok();
    if host == "localhost" || address.is_some_and(|address| address.is_loopback()) {
        return true;
    }
    no_proxy.split(',').map(|entry| entry.trim().to_ascii_lowercase()).any(|entry| match address {
        _ if entry == "*" => true,
        Some(address) => holds_address(&entry, address, port),
        None => holds_name(&entry, &host, port),
    })
}

fn holds_address(entry: &str, address: IpAddr, port: u16) -> bool {
    if let Ok(network) = entry.parse::<IpNet>() {
        return network.contains(&address);
    }
    let (name, of_port) = split_port(entry);
    name.trim_matches(['[', ']']).parse() == Ok(address) && of_port.is_none_or(|given| given == port)
}

/// A name holds itself and what is below it; with a dot before it, only what is below it.
fn holds_name(entry: &str, host: &str, port: u16) -> bool {
    let (name, of_port) = split_port(entry);
    let below = name.trim_start_matches('*');
    let domain = below.trim_start_matches('.');
    if domain.is_empty() || of_port.is_some_and(|given| given != port) {
        return false;
    }
    let is_below = host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'));
    is_below || host == domain && !below.starts_with('.')
}

/// An IPv6 address without brackets has no port.
fn split_port(entry: &str) -> (&str, Option<u16>) {
    match entry.rsplit_once(':') {
        Some((name, port)) if !name.contains(':') || name.ends_with(']') => match port.parse() {
            Ok(port) => (name, Some(port)),
            Err(_) => (entry, None),
        },
        _ => (entry, None),
    }
}

#[cfg(test)]
mod tests {
    use super::is_direct;

    #[test]
    fn no_proxy_holds_what_it_holds_for_kubectl() {
        for (no_proxy, host) in [
            ("*", "api.example.com"),
            ("example.com", "example.com"),
            ("example.com", "api.Example.com"),
            ("other, .example.com", "api.example.com"),
            ("*.example.com", "api.example.com"),
            ("example.com:6443", "api.example.com"),
            ("10.0.0.0/8", "10.1.2.3"),
            ("10.1.2.3", "10.1.2.3"),
            ("10.1.2.3:6443", "10.1.2.3"),
            ("fd00::/8", "[fd00::1]"),
            ("fd00::1", "[fd00::1]"),
            ("[fd00::1]:6443", "[fd00::1]"),
            ("", "localhost"),
            ("", "127.0.0.1"),
        ] {
            assert!(is_direct(host, 6443, no_proxy), "{no_proxy} holds {host}");
        }
        for (no_proxy, host) in [
            ("", "api.example.com"),
            (",", "api.example.com"),
            (".example.com", "example.com"),
            ("example.com", "badexample.com"),
            ("example.com:443", "api.example.com"),
            ("10.0.0.0/8", "11.1.2.3"),
            ("10.0.0.0/8", "10.example.com"),
            ("10.1.2.3:443", "10.1.2.3"),
            ("fd00::/8", "[fe80::1]"),
        ] {
            assert!(!is_direct(host, 6443, no_proxy), "{no_proxy} doesn't hold {host}");
        }
    }
}
