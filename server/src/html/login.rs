//! The page that asks for a token.

use super::frame::page;
use crate::http::{Language, Links};
use axum::response::Response;
use maud::html;

/// `GET /login`
pub fn login(links: &Links, language: Language, next: &str, failed: bool) -> Response {
    let say = |zh, en| language.say(zh, en);
    let body = html! {
        h1 { (say("登录", "Log in")) }
        p.lead { (say("输入访问令牌。浏览器只保存一个会话，不保存令牌。", "Enter an access token. The browser keeps a session, not the token.")) }
        @if failed { p role="alert" { strong { (say("令牌无效。", "The token is not known.")) } } }
        form method="post" action=(links.to("/session")) {
            input type="hidden" name="next" value=(next);
            label for="token" { (say("访问令牌", "Access token")) }
            input #token type="password" name="token" required autocomplete="current-password" autofocus;
            div { button type="submit" { (say("登录", "Log in")) } }
        }
    };
    page(links, language, say("登录", "Log in"), &[], &body)
}
