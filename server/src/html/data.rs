//! The landing page, collections and items.

use super::frame::{number, page};
use crate::http::{Language, Links, Params, Problem};
use axum::response::Response;
use citywall_model::{CimCategory, CollectionKind, CollectionMeta, FeatureRef, FieldType, Value, geometry};
use citywall_query::{City, CollectionView, ItemsQuery};
use jiff::{Timestamp, tz::TimeZone};
use maud::{Markup, html};

/// Columns of an items table.
const COLUMNS_MAX: usize = 8;
/// Characters of a value in a table.
const CELL_CHARS_MAX: usize = 120;

/// `GET /`
pub fn landing(links: &Links, language: Language, city: &City) -> Response {
    let say = |zh, en| language.say(zh, en);
    let profile = city.profile();
    let views = city.collections();
    let items: u64 = views.iter().map(|view| view.counts().total).sum();
    let open: u64 = views.iter().filter(|view| view.is_live()).map(|view| view.counts().open).sum();
    let body = html! {
        h1 { (language.of(&profile.name)) }
        p.lead { (say("一座城市的数字孪生：图层与实时事件。", "A digital twin of a city: its layers and its live events.")) }
        @if let Some(notice) = &profile.notice { p.notice { (language.of(notice)) } }
        div.go {
            a.first href=(links.to("/map")) { (say("打开地图", "Open the map")) }
            a href=(links.to("/collections?f=html")) { (say("浏览图层", "Browse collections")) }
            a href=(links.to("/api.html")) { (say("接口文档", "API documentation")) }
            a href=(links.to("/?f=json")) { "JSON" }
        }
        div.plate { dl {
            dt { (say("图层", "Collections")) } dd { (number(views.len() as u64)) }
            dt { (say("要素", "Items")) } dd { (number(items)) }
            dt { (say("未结事件", "Open events")) } dd { (number(open)) }
            dt { (say("版本号", "Revision")) } dd { (city.revision()) }
            dt { (say("时区", "Time zone")) } dd { (profile.time_zone) }
            @if let Some(extent) = city.extent() {
                dt { (say("范围", "Extent")) }
                dd { (format!("{:.4}, {:.4} – {:.4}, {:.4}", extent.x_min, extent.y_min, extent.x_max, extent.y_max)) }
            }
        } }
        @if views.iter().all(|view| view.is_live()) {
            h2 { (say("还没有图层", "No layer yet")) }
            p { (say("在命令行导入您的数据：", "Import your data from the command line:")) }
            pre { "citywall import buildings.geojson --city FILE" }
        }
    };
    page(links, language, language.of(&profile.name), &[], &body)
}

/// `GET /collections`
pub fn collections(links: &Links, language: Language, city: &City, views: &[CollectionView]) -> Response {
    let say = |zh, en| language.say(zh, en);
    let metas: Vec<(CollectionMeta, &CollectionView)> = views.iter().map(|view| (view.meta(), view)).collect();
    let body = html! {
        h1 { (say("图层", "Collections")) }
        p.lead { (language.of(&city.profile().name)) }
        @for category in CimCategory::ALL {
            @if metas.iter().any(|(meta, _)| meta.category == category) {
                h2 { (language.of(&category.title())) }
                div.plate { table.list {
                    @for (meta, view) in metas.iter().filter(|(meta, _)| meta.category == category) {
                        tr {
                            td { a href=(links.to(&format!("/collections/{}?f=html", meta.id))) { (language.of(&meta.title)) } " " (badges(language, meta)) }
                            td { code { (meta.id) } }
                            td.n { (count(meta, view)) }
                        }
                    }
                } }
            }
        }
    };
    page(links, language, say("图层", "Collections"), &[(say("图层", "Collections"), links.to("/collections?f=html"))], &body)
}

/// The number of items; an elevation grid has cells instead.
fn count(meta: &CollectionMeta, view: &CollectionView) -> String {
    if matches!(meta.kind, CollectionKind::Elevation | CollectionKind::Imagery) { "–".to_owned() } else { number(view.counts().total) }
}

fn badges(language: Language, meta: &CollectionMeta) -> Markup {
    html! {
        @if meta.generated { span.badge { (language.say("生成数据", "generated")) } " " }
        @if meta.kind.is_live() { span.badge { (language.say("实时", "live")) } }
    }
}

/// `GET /collections/{id}`
pub fn collection(links: &Links, language: Language, city: &City, view: &CollectionView) -> Response {
    let say = |zh, en| language.say(zh, en);
    let meta = view.meta();
    let counts = view.counts();
    let id = meta.id.as_str();
    let body = html! {
        h1 { (language.of(&meta.title)) }
        p.lead { (language.of(&city.profile().name)) " · " (language.of(&meta.category.title())) " " (badges(language, &meta)) }
        div.go {
            a.first href=(links.to(&format!("/collections/{id}/items?f=html"))) { (say("查看要素", "Browse items")) }
            a href=(links.to(&format!("/map?layer={id}"))) { (say("在地图上查看", "See on the map")) }
            a href=(links.to(&format!("/collections/{id}?f=json"))) { "JSON" }
            a href=(links.to(&format!("/collections/{id}/items?f=json"))) { "GeoJSON" }
        }
        div.plate { dl {
            dt { "id" } dd { code { (id) } }
            dt { (say("要素", "Items")) } dd { (number(counts.total)) }
            @if view.is_live() { dt { (say("未结", "Open")) } dd { (number(counts.open)) } }
            dt { (say("来源", "Source")) } dd { (meta.source) }
            dt { (say("来源坐标系", "Source CRS")) } dd { (meta.source_crs) }
            dt { (say("几何类型", "Geometry")) } dd { (meta.geometry_type) }
            @if let Some(b) = meta.extent {
                dt { (say("范围", "Extent")) } dd { (format!("{:.5}, {:.5} – {:.5}, {:.5}", b.x_min, b.y_min, b.x_max, b.y_max)) }
            }
            dt { (say("版本", "Version")) } dd { (meta.version) " (" (say("修订", "revision")) " " (view.changed()) ")" }
            @if meta.solids > 0 { dt { (say("三维体", "Solids")) } dd { (number(meta.solids)) } }
        } }
        @if !meta.schema.fields.is_empty() {
            h2 { (say("属性", "Attributes")) }
            div.plate { table {
                @for field in &meta.schema.fields { tr { td { code { (field.name) } } td { (type_name(language, field.kind)) } } }
            } }
        }
    };
    let crumbs = [
        (say("图层", "Collections"), links.to("/collections?f=html")),
        (language.of(&meta.title), links.to(&format!("/collections/{id}?f=html"))),
    ];
    page(links, language, language.of(&meta.title), &crumbs, &body)
}

fn type_name(language: Language, kind: FieldType) -> &'static str {
    match kind {
        FieldType::Boolean => language.say("是/否", "yes or no"),
        FieldType::Integer => language.say("整数", "whole number"),
        FieldType::Number => language.say("数值", "number"),
        FieldType::Text => language.say("文本", "text"),
        FieldType::Json => "JSON",
    }
}

/// `GET /collections/{id}/items`
pub fn items(
    links: &Links,
    language: Language,
    city: &City,
    view: &CollectionView,
    params: &Params,
    query: &ItemsQuery,
) -> Result<Response, Problem> {
    let say = |zh, en| language.say(zh, en);
    let meta = view.meta();
    let id = meta.id.as_str();
    let columns: Vec<String> = if view.is_live() {
        ["time", "title", "level", "status", "class", "source"].map(str::to_owned).into()
    } else {
        meta.schema.fields.iter().map(|field| field.name.to_string()).take(COLUMNS_MAX).collect()
    };
    let zone = TimeZone::get(&city.profile().time_zone).unwrap_or(TimeZone::UTC);
    let mut rows: Vec<(String, Vec<String>)> = Vec::new();
    let found = view.items(query, |item| {
        let mut cells = vec![String::new(); columns.len()];
        item.each_property(|name, value| {
            if let Some(at) = columns.iter().position(|column| column == name) {
                cells[at] = if name == "time" { local_time(&value.to_owned(), &zone) } else { short(&value.to_owned()) };
            }
        });
        rows.push((item.id().into_owned(), cells));
    })?;
    let next =
        found.next.as_ref().map(|next| format!("{}{}", links.items(id), params.without(&["cursor"]).with("cursor", next.to_string())));
    let body = html! {
        h1 { (language.of(&meta.title)) }
        p.lead { (language.of(&city.profile().name)) " · " (number(found.matched as u64)) " " (say("个要素符合条件", "items match")) ", " (say("显示", "showing")) " " (number(found.returned as u64)) }
        div.plate { table {
            thead { tr { th { "id" } @for column in &columns { th { (column) } } } }
            tbody {
                @for (item, cells) in &rows {
                    tr {
                        td.t { a href=(format!("{}?f=html", links.item(id, item))) { (item) } }
                        @for cell in cells { td.v { (cell) } }
                    }
                }
                @if rows.is_empty() { tr { td { (say("没有符合条件的要素。", "No item matches.")) } } }
            }
        } }
        div.go {
            @if let Some(next) = next { a.first rel="next" href=(next) { (say("下一页", "Next page")) } }
            a href=(format!("{}{}", links.items(id), params.without(&["f"]).with("f", "json"))) { "GeoJSON" }
        }
    };
    let crumbs = [
        (say("图层", "Collections"), links.to("/collections?f=html")),
        (language.of(&meta.title), links.to(&format!("/collections/{id}?f=html"))),
        (say("要素", "Items"), links.to(&format!("/collections/{id}/items?f=html"))),
    ];
    Ok(page(links, language, language.of(&meta.title), &crumbs, &body))
}

/// `GET /collections/{id}/items/{fid}`
pub fn item(links: &Links, language: Language, city: &City, meta: &CollectionMeta, item: FeatureRef<'_>) -> Response {
    let say = |zh, en| language.say(zh, en);
    let id = item.id().into_owned();
    let collection = meta.id.as_str();
    let mut properties: Vec<(String, String)> = Vec::new();
    item.each_property(|name, value| properties.push((name.to_owned(), text(&value.to_owned()))));
    let bounds = item.geometry().map(geometry::bounds).filter(|bounds| !bounds.is_empty());
    let body = html! {
        h1 { (id) }
        p.lead { (language.of(&meta.title)) " · " (language.of(&city.profile().name)) " " (badges(language, meta)) }
        div.go {
            @if let Some((lon, lat)) = bounds.map(|bounds| bounds.center()) {
                a.first href=(links.to(&format!("/map#17/{lat:.6}/{lon:.6}"))) { (say("在地图上查看", "See on the map")) }
            }
            a href=(format!("{}?f=json", links.item(collection, &id))) { "GeoJSON" }
        }
        div.plate { table {
            @for (name, value) in &properties { tr { th scope="row" { (name) } td.v { (value) } } }
            @if let Some(b) = bounds {
                tr { th scope="row" { (say("范围", "Extent")) } td { (format!("{:.6}, {:.6} – {:.6}, {:.6}", b.x_min, b.y_min, b.x_max, b.y_max)) } }
            } @else {
                tr { th scope="row" { (say("位置", "Place")) } td { (say("未知", "unknown")) } }
            }
        } }
    };
    let crumbs = [
        (say("图层", "Collections"), links.to("/collections?f=html")),
        (language.of(&meta.title), links.to(&format!("/collections/{collection}?f=html"))),
        (say("要素", "Items"), links.to(&format!("/collections/{collection}/items?f=html"))),
        (id.as_str(), format!("{}?f=html", links.item(collection, &id))),
    ];
    page(links, language, &id, &crumbs, &body)
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Boolean(b) => b.to_string(),
        Value::Integer(i) => i.to_string(),
        Value::Number(n) => n.to_string(),
        Value::Text(t) | Value::Json(t) => t.clone(),
    }
}

/// A live item's instant on the city's clock, to the second.
fn local_time(value: &Value, zone: &TimeZone) -> String {
    let text = text(value);
    text.parse::<Timestamp>().map_or(text, |at| at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string())
}

fn short(value: &Value) -> String {
    let text = text(value);
    if text.chars().count() <= CELL_CHARS_MAX { text } else { text.chars().take(CELL_CHARS_MAX).chain(['…']).collect() }
}
