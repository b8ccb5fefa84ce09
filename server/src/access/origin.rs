//! Host and Origin: whether a request can come from where it says.
//!
//! A foreign web page can send requests to a loopback server in two ways: across origins, which
//! the browser marks with `Origin` and `Sec-Fetch-Site`, and by rebinding its own name to
//! 127.0.0.1, which shows in `Host`.

use crate::http::{Links, Problem};
use axum::http::{HeaderMap, Method, StatusCode, header};

/// True if a Host names this machine.
fn is_loopback_name(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// On a server without tokens, a Host must name this machine or the public address.
pub fn check_host(headers: &HeaderMap, public: Option<&Links>) -> Result<(), Problem> {
    let refuse = |detail: String| Err(Problem::new(StatusCode::MISDIRECTED_REQUEST, detail));
    let Some(host) = headers.get(header::HOST) else { return Ok(()) };
    let Ok(host) = host.to_str() else { return refuse("Host is not text".to_owned()) };
    if is_loopback_name(host) || public.is_some_and(|links| links.host().eq_ignore_ascii_case(host)) {
        return Ok(());
    }
    refuse(format!(
        "Host: “{}” is not this server; it answers to localhost, 127.0.0.1 and [::1], and to public_url if that is set",
        host.chars().take(100).collect::<String>()
    ))
}

/// Where a request comes from, as far as the browser says.
#[derive(Debug, PartialEq, Eq)]
pub enum From {
    /// No browser page, or one of this server.
    Here,
    /// A foreign web page, with its origin.
    Elsewhere(String),
}

/// Reads Origin and Sec-Fetch-Site; `links` is the server's own address, which only an Origin needs.
pub fn origin(headers: &HeaderMap, links: impl FnOnce() -> Links) -> From {
    if let Some(origin) = headers.get(header::ORIGIN) {
        let origin = String::from_utf8_lossy(origin.as_bytes()).into_owned();
        let own = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let is_own = origin.eq_ignore_ascii_case(links().origin())
            || own.is_some_and(|host| {
                origin.split_once("://").is_some_and(|(scheme, rest)| matches!(scheme, "http" | "https") && rest.eq_ignore_ascii_case(host))
            });
        return if is_own { From::Here } else { From::Elsewhere(origin) };
    }
    match headers.get("sec-fetch-site").and_then(|site| site.to_str().ok()) {
        Some("cross-site" | "same-site") => From::Elsewhere("unnamed".to_owned()),
        _ => From::Here,
    }
}

/// A foreign page may never write, and may read over a WebSocket, which browsers do not hold
/// back, only if its origin is listed. Other reads are held back by the browser itself.
pub fn check_origin(method: &Method, is_upgrade: bool, from: &From, readers: &[String]) -> Result<(), Problem> {
    let From::Elsewhere(origin) = from else { return Ok(()) };
    let reads = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
    if reads && (!is_upgrade || readers.iter().any(|reader| reader == "*" || reader.eq_ignore_ascii_case(origin))) {
        return Ok(());
    }
    let origin: String = origin.chars().take(100).collect();
    Err(Problem::new(StatusCode::FORBIDDEN, format!("Origin: a page of “{origin}” may not do this here")))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn a_rebound_name_is_refused() {
        for good in ["localhost", "LOCALHOST:8080", "127.0.0.1:8080", "[::1]:8080", "127.0.0.2"] {
            assert!(check_host(&headers(&[("host", good)]), None).is_ok(), "{good}");
        }
        for bad in ["evil.example", "evil.example:8080", "localhost.evil.example", "127.0.0.1.evil.example", "10.0.0.1", "[2001:db8::1]:80"]
        {
            assert_eq!(check_host(&headers(&[("host", bad)]), None).unwrap_err().status(), 421, "{bad}");
        }
        let public = Links::new("https://city.example/wall");
        assert!(check_host(&headers(&[("host", "city.example")]), Some(&public)).is_ok());
    }

    #[test]
    fn a_foreign_page_may_not_write_or_open_a_socket() {
        let links = Links::new("http://127.0.0.1:8080");
        let from = |pairs: &[(&'static str, &'static str)]| origin(&headers(pairs), || links.clone());
        let own = from(&[("host", "127.0.0.1:8080"), ("origin", "http://127.0.0.1:8080")]);
        assert_eq!(own, From::Here);
        assert_eq!(from(&[("host", "127.0.0.1:8080")]), From::Here);
        for foreign in [
            from(&[("host", "127.0.0.1:8080"), ("origin", "https://evil.example")]),
            from(&[("host", "127.0.0.1:8080"), ("origin", "http://127.0.0.1:9999")]),
            from(&[("host", "127.0.0.1:8080"), ("origin", "null")]),
            from(&[("sec-fetch-site", "cross-site")]),
        ] {
            assert!(check_origin(&Method::POST, false, &foreign, &["*".to_owned()]).is_err(), "{foreign:?}");
            assert!(check_origin(&Method::GET, true, &foreign, &[]).is_err(), "{foreign:?}");
            assert!(check_origin(&Method::GET, false, &foreign, &[]).is_ok(), "{foreign:?}");
        }
    }
}
