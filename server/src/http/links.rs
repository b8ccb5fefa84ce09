//! Every link that the server writes is built here, so that a public URL or a proxy's prefix
//! keeps all of them right.

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde_json::{Value, json};

/// What must not stand raw in one segment of a path.
pub const SEGMENT: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'`')
    .add(b'{')
    .add(b'}')
    .add(b'/')
    .add(b'%')
    .add(b'\\')
    .add(b'^')
    .add(b'|')
    .add(b'[')
    .add(b']');

/// The address of the server as this client sees it.
#[derive(Clone, Debug)]
pub struct Links {
    base: String,
}

impl Links {
    /// Links under this address.
    pub fn new(base: &str) -> Self {
        Self { base: base.trim_end_matches('/').to_owned() }
    }

    /// The scheme, host and port: what a browser sends as `Origin`.
    pub fn origin(&self) -> &str {
        let after_scheme = self.base.find("://").map_or(0, |at| at + 3);
        self.base[after_scheme..].find('/').map_or(&*self.base, |at| &self.base[..after_scheme + at])
    }

    /// The host, with the port if there is one.
    pub fn host(&self) -> &str {
        self.origin().split_once("://").map_or("", |(_, host)| host)
    }

    /// The path prefix: empty, or `/wall`.
    pub fn prefix(&self) -> &str {
        &self.base[self.origin().len()..]
    }

    /// The address of a path, which starts with `/`.
    pub fn to(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// The address of a collection.
    pub fn collection(&self, id: &str) -> String {
        self.to(&format!("/collections/{id}"))
    }

    /// The address of a collection's items.
    pub fn items(&self, id: &str) -> String {
        self.to(&format!("/collections/{id}/items"))
    }

    /// The address of one item.
    pub fn item(&self, collection: &str, id: &str) -> String {
        format!("{}/{}", self.items(collection), utf8_percent_encode(id, SEGMENT))
    }

    /// The template of a collection's tiles.
    pub fn tiles(&self, id: &str) -> String {
        self.to(&format!("/collections/{id}/tiles/WebMercatorQuad/{{tileMatrix}}/{{tileRow}}/{{tileCol}}"))
    }
}

/// A link object.
pub fn link(rel: &str, href: impl Into<String>, media: &str, title: &str) -> Value {
    json!({"rel": rel, "href": href.into(), "type": media, "title": title})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_taken_apart() {
        let links = Links::new("https://city.example:8443/wall/");
        assert_eq!(links.origin(), "https://city.example:8443");
        assert_eq!(links.host(), "city.example:8443");
        assert_eq!(links.prefix(), "/wall");
        assert_eq!(links.item("events", "a/b 你"), "https://city.example:8443/wall/collections/events/items/a%2Fb%20%E4%BD%A0");
        assert_eq!(Links::new("http://127.0.0.1:8080").prefix(), "");
    }
}
