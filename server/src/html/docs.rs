//! The API's own documents as pages: offline, and made from the documents themselves.

use super::frame::page;
use crate::http::{Language, Links};
use axum::response::Response;
use maud::{Markup, html};
use serde_json::Value;

/// `GET /conformance`
pub fn conformance(links: &Links, language: Language, classes: &[&str]) -> Response {
    let say = |zh, en| language.say(zh, en);
    let body = html! {
        h1 { (say("符合性", "Conformance")) }
        p.lead { (say("本服务器声明符合的标准类。", "The conformance classes that this server declares.")) }
        div.plate { table { @for class in classes { tr { td.v { code { (class) } } } } } }
        div.go { a href=(links.to("/conformance?f=json")) { "JSON" } }
    };
    page(links, language, say("符合性", "Conformance"), &[(say("符合性", "Conformance"), links.to("/conformance?f=html"))], &body)
}

/// A JSON document as it is, for those that have no page of their own.
pub fn document(links: &Links, language: Language, title: &str, path: &str, document: &Value) -> Response {
    let body = html! {
        h1 { (title) }
        pre { (format!("{document:#}")) }
        div.go { a href=(links.to(&format!("{path}?f=json"))) { "JSON" } }
    };
    page(links, language, title, &[(title, links.to(&format!("{path}?f=html")))], &body)
}

/// `GET /api.html`
pub fn definition(links: &Links, language: Language, document: &Value) -> Response {
    let empty = serde_json::Map::new();
    let paths = document["paths"].as_object().unwrap_or(&empty);
    let say = |zh, en| language.say(zh, en);
    let body = html! {
        h1 { "API" }
        p.lead { (document["info"]["description"].as_str().unwrap_or_default()) }
        div.go { a href=(links.to("/map/api.html")) { (say("在浏览器中试用", "Try it in the browser")) } a href=(links.to("/api")) { "OpenAPI 3.0 (JSON)" } a href=(links.to("/conformance?f=html")) { (say("符合性", "Conformance")) } }
        @for tag in document["tags"].as_array().into_iter().flatten() {
            @let name = tag["name"].as_str().unwrap_or_default();
            h2 { (name) }
            p.lead { (tag["description"].as_str().unwrap_or_default()) }
            div.plate {
                @for (path, methods) in paths {
                    @for (method, operation) in methods.as_object().unwrap_or(&empty) {
                        @if operation["tags"][0] == name { (endpoint(document, path, method, operation, language)) }
                    }
                }
            }
        }
    };
    page(links, language, "API", &[("API", links.to("/api.html"))], &body)
}

fn endpoint(document: &Value, path: &str, method: &str, operation: &Value, language: Language) -> Markup {
    let resolve = |value: &Value| -> Value {
        match value["$ref"].as_str().and_then(|reference| reference.strip_prefix('#')) {
            Some(pointer) => document.pointer(pointer).cloned().unwrap_or_default(),
            None => value.clone(),
        }
    };
    let parameters: Vec<Value> = operation["parameters"].as_array().into_iter().flatten().map(resolve).collect();
    let body = &operation["requestBody"];
    html! {
        details {
            summary { span.method { (method.to_uppercase()) } code { (path) } (operation["summary"].as_str().unwrap_or_default()) }
            div {
                @if let Some(text) = operation["description"].as_str() { p { (text) } }
                @if !parameters.is_empty() {
                    table { @for parameter in &parameters {
                        tr {
                            td { code { (parameter["name"].as_str().unwrap_or_default()) } }
                            td { (parameter["in"].as_str().unwrap_or_default()) }
                            td.v { (parameter["description"].as_str().unwrap_or_default()) }
                        }
                    } }
                }
                @for (media, content) in body["content"].as_object().into_iter().flatten() {
                    @let example = &content["example"];
                    @if !example.is_null() {
                        p { (language.say("请求体", "Body")) ", " code { (media) } }
                        pre { (example.as_str().map_or_else(|| format!("{example:#}"), str::to_owned)) }
                    }
                }
                table { @for (status, response) in operation["responses"].as_object().into_iter().flatten() {
                    tr { td { code { (status) } } td { (resolve(response)["description"].as_str().unwrap_or_default()) } }
                } }
            }
        }
    }
}
