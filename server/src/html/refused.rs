//! The list of refused records.

use super::frame::page;
use crate::http::{Language, Links};
use axum::response::Response;
use citywall_model::RefusedRecord;
use maud::html;

/// Characters of a record in the table.
const CELL_CHARS_MAX: usize = 200;

/// `GET /refused`
pub fn refused(links: &Links, language: Language, records: &[RefusedRecord], next: Option<&str>) -> Response {
    let say = |zh, en| language.say(zh, en);
    let title = say("拒收记录", "Refused records");
    let body = html! {
        h1 { (title) }
        p.lead { (say("未被接收的记录及原因。修正后可重新发送。", "Records that were not taken, and why. Send them again once they are right.")) }
        @if records.is_empty() {
            p { (say("没有拒收记录。", "Nothing was refused.")) }
        } @else {
            div.plate { table {
                tr {
                    th { (say("编号", "Number")) } th { (say("时间", "Received")) } th { (say("图层", "Collection")) } th { (say("发送者", "Sender")) }
                    th { (say("原因", "Reason")) } th { (say("说明", "Detail")) } th { (say("记录", "Record")) }
                }
                @for record in records {
                    tr {
                        td.n { (record.number) } td { (record.received.strftime("%F %TZ")) } td { code { (record.collection) } } td { (record.actor) }
                        td { code { (record.reason) } } td { (record.detail) }
                        td { code { (record.text.chars().take(CELL_CHARS_MAX).collect::<String>()) @if record.text.chars().nth(CELL_CHARS_MAX).is_some() { "…" } } }
                    }
                }
            } }
            @if let Some(next) = next { p { a href=(format!("{next}&f=html")) { (say("下一页", "Next page")) } } }
        }
    };
    page(links, language, title, &[(title, links.to("/refused?f=html"))], &body)
}
