//! What every page has around it.

use crate::http::{Language, Links};
use axum::{
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use maud::{DOCTYPE, Markup, PreEscaped, html};

const STYLE: &str = include_str!("style.css");
/// A page of text runs no script and loads nothing.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// A page: its title, the way to it (name and address of each step), its body.
pub fn page(links: &Links, language: Language, title: &str, crumbs: &[(&str, String)], body: &Markup) -> Response {
    let say = |zh, en| language.say(zh, en);
    let markup = html! {
        (DOCTYPE)
        html lang=(language.tag()) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " · Citywall" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header { div {
                    strong { a href=(links.to("/?f=html")) style="color:inherit;text-decoration:none" { "Citywall" } }
                    nav aria-label=(say("主导航", "Main")) {
                        a href=(links.to("/map")) { (say("地图", "Map")) }
                        a href=(links.to("/collections?f=html")) { (say("图层", "Collections")) }
                        a href=(links.to("/api.html")) { "API" }
                        a href=(match language { Language::Zh => "?f=html&lang=en", Language::En => "?f=html&lang=zh" }) hreflang=(say("en", "zh-CN")) { (say("English", "中文")) }
                    }
                } }
                main {
                    @if !crumbs.is_empty() {
                        p.crumbs {
                            a href=(links.to("/?f=html")) { (say("首页", "Home")) }
                            @for (name, address) in crumbs { " / " a href=(address) { (name) } }
                        }
                    }
                    (body)
                }
                footer { "Citywall " (env!("CARGO_PKG_VERSION")) }
            }
        }
    };
    let mut response = markup.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::VARY, HeaderValue::from_static("accept, accept-language"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

/// A number with its thousands apart.
pub fn number(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn thousands_stand_apart() {
        assert_eq!(super::number(0), "0");
        assert_eq!(super::number(999), "999");
        assert_eq!(super::number(1_234_567), "1,234,567");
    }
}
