//! OGC API – Features Part 1: Core (17-069r4): collections and their items.
//!
//! Besides Core: CRS by reference (Part 2, 18-058r1) in [`crs`], filtering (Part 3, 19-079r2) in
//! `query`, edits (Part 4, 20-002) in [`edit`], schemas (Part 5, 23-058r1) in [`schema`].

use super::{city, json, value, versions};
use crate::{
    app::App,
    export::{Export, Form},
    geojson::{Writer, fg, write},
    html,
    http::{Answer, Ask, Format, Language, Links, Params, PathOf, Problem, ask::not_modified, links::link, problem::collection_id},
    limits,
};
use axum::{
    extract::State,
    http::{HeaderValue, header},
    response::IntoResponse,
};
use citywall_model::{CollectionKind, CollectionMeta, FeatureRef};
use citywall_query::{CollectionView, ItemsPage, Moment};
use serde_json::{Map, Value, json as object};
use std::{
    hash::{Hash, Hasher},
    sync::Arc,
};

pub mod crs;
pub mod edit;
pub mod query;
pub mod schema;
mod window;

const TILESETS_MAP: &str = "http://www.opengis.net/def/rel/ogc/1.0/tilesets-map";

/// What this module conforms to.
pub const CONFORMANCE: &[&str] = &[
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/oas30",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/html",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/geojson",
    "http://www.opengis.net/spec/ogcapi-features-2/1.0/conf/crs",
    "http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/queryables",
    "http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/queryables-query-parameters",
    "http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/filter",
    "http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/features-filter",
    "http://www.opengis.net/spec/ogcapi-features-4/1.0/conf/create-replace-delete",
    "http://www.opengis.net/spec/ogcapi-features-4/1.0/conf/update",
    "http://www.opengis.net/spec/ogcapi-features-4/1.0/conf/optimistic-locking-etags",
    "http://www.opengis.net/spec/ogcapi-features-5/1.0/conf/schemas",
    "http://www.opengis.net/spec/ogcapi-features-5/1.0/conf/core-roles-features",
    "http://www.opengis.net/spec/ogcapi-features-5/1.0/conf/queryables",
    "http://www.opengis.net/spec/ogcapi-features-5/1.0/conf/sortables",
    "http://www.opengis.net/spec/cql2/1.0/conf/cql2-text",
    "http://www.opengis.net/spec/cql2/1.0/conf/cql2-json",
    "http://www.opengis.net/spec/cql2/1.0/conf/basic-cql2",
    "http://www.opengis.net/spec/cql2/1.0/conf/advanced-comparison-operators",
    "http://www.opengis.net/spec/cql2/1.0/conf/case-insensitive-comparison",
    "http://www.opengis.net/spec/cql2/1.0/conf/accent-insensitive-comparison",
    "http://www.opengis.net/spec/cql2/1.0/conf/basic-spatial-functions",
    "http://www.opengis.net/spec/cql2/1.0/conf/basic-spatial-functions-plus",
    "http://www.opengis.net/spec/cql2/1.0/conf/spatial-functions",
    "http://www.opengis.net/spec/cql2/1.0/conf/temporal-functions",
    "http://www.opengis.net/spec/cql2/1.0/conf/array-functions",
    "http://www.opengis.net/spec/cql2/1.0/conf/property-property",
    "http://www.opengis.net/spec/cql2/1.0/conf/functions",
    "http://www.opengis.net/spec/cql2/1.0/conf/arithmetic",
];

/// Longitude, latitude on WGS 84: the CRS of an answer that asks for no other.
pub const CRS84: &str = "http://www.opengis.net/def/crs/OGC/1.3/CRS84";

/// `GET /collections`
pub async fn collections(State(app): State<Arc<App>>, ask: Ask) -> Answer {
    let (_, format, language) = ask.read(&[])?;
    let city = app.city()?;
    let views = city.collections();
    if format == Format::Html {
        return Ok(html::collections(&ask.links, language, city, &views).into_response());
    }
    let collections: Vec<Value> = views.iter().map(|view| collection_object(&ask.links, view)).collect();
    Ok(value(&object!({"links": super::common::document_links(&ask, "/collections"), "collections": collections})))
}

/// `GET /collections/{id}`
pub async fn collection(State(app): State<Arc<App>>, ask: Ask, PathOf(id): PathOf<String>) -> Answer {
    let (_, format, language) = ask.read(&[])?;
    let city = app.city()?;
    let view = city.view(&collection_id(&id)?)?;
    if format == Format::Html {
        return Ok(html::collection(&ask.links, language, city, &view).into_response());
    }
    Ok(value(&collection_object(&ask.links, &view)))
}

/// A collection as Features Part 1, clause 7.13.3 describes it, with what a city adds.
fn collection_object(links: &Links, view: &CollectionView) -> Value {
    let meta = view.meta();
    let id = meta.id.as_str();
    let counts = view.counts();
    let mut extent = Map::new();
    if let Some(bbox) = meta.extent {
        extent.insert("spatial".into(), object!({"bbox": [bbox], "crs": CRS84}));
    }
    if view.is_live() {
        extent.insert("temporal".into(), object!({"interval": [[null, null]]}));
    }
    let tiles = if view.is_raster() { "image/png" } else { "application/vnd.mapbox-vector-tile" };
    let mut collection = object!({
        "id": id,
        "title": meta.title.en,
        "titles": meta.title,
        "description": meta.source,
        "extent": extent,
        "itemType": "feature",
        "crs": crs::offered(meta.extent),
        "storageCrs": format!("http://www.opengis.net/def/crs/EPSG/0/{}", meta.storage_crs),
        "sourceCrs": meta.source_crs,
        "kind": city::kind(meta.kind),
        "category": city::category(meta.category),
        "generated": meta.generated,
        "geometryType": meta.geometry_type,
        "count": counts.total,
        "version": meta.version,
        "revision": view.changed(),
        "links": [
            link("self", links.to(&format!("/collections/{id}?f=json")), "application/json", "This document"),
            link("alternate", links.to(&format!("/collections/{id}?f=html")), "text/html", "This document as a page"),
            link("items", links.to(&format!("/collections/{id}/items?f=json")), "application/geo+json", "The items"),
            link("items", links.to(&format!("/collections/{id}/items?f=html")), "text/html", "The items as a page"),
            {"rel": "item", "href": links.tiles(id), "type": tiles, "title": "Tiles", "templated": true},
            link("collection", links.to("/collections"), "application/json", "All collections"),
            link("http://www.opengis.net/def/rel/ogc/1.0/queryables", links.to(&format!("/collections/{id}/queryables")), "application/schema+json", "What a filter can name"),
            link("http://www.opengis.net/def/rel/ogc/1.0/sortables", links.to(&format!("/collections/{id}/sortables")), "application/schema+json", "What items can be sorted by"),
            link("http://www.opengis.net/def/rel/ogc/1.0/schema", links.to(&format!("/collections/{id}/schema")), "application/schema+json", "The schema of its items"),
        ]
    });
    if let Some(all) = collection["links"].as_array_mut() {
        let form = |(_, name, media)| link("items", links.to(&format!("/collections/{id}/items?f={name}")), media, "All items, streamed");
        all.extend(Form::ALL.map(form));
    }
    if view.is_raster() {
        let tilesets = link(TILESETS_MAP, links.to(&format!("/collections/{id}/map/tiles")), "application/json", "Map tiles");
        collection["links"].as_array_mut().into_iter().for_each(|all| all.push(tilesets.clone()));
    }
    if meta.kind == CollectionKind::Layer {
        let versions = link("version-history", links.to(&format!("/collections/{id}/versions")), "application/json", "Its versions");
        collection["links"].as_array_mut().into_iter().for_each(|all| all.push(versions.clone()));
    }
    if view.is_live() {
        collection["open"] = counts.open.into();
        collection["openByLevel"] = object!(counts.open_by_level);
        collection["supportsNonAutogeneratedResourceIds"] = true.into();
    }
    if !meta.schema.fields.is_empty() {
        collection["fields"] = object!(meta.schema);
    }
    collection
}

/// `GET /collections/{id}/items`
pub async fn items(State(app): State<Arc<App>>, ask: Ask, PathOf(id): PathOf<String>) -> Answer {
    let view = versions::asked(&app, &ask, &id).await?;
    let meta = view.meta();
    let queryables = schema::queryables(app.city()?, &meta);
    let known = query::known_parameters(&meta);
    let params = ask.params(&known)?;
    let items = query::items_request(&params, &meta, &queryables)?;
    let etag = etag(&meta, view.changed().0);
    let view = if view.is_live() { past(&app, view, items.moment).await? } else { view };
    let is_export = params.get("export-id").is_some() && params.get("f") != Some("html");
    if let Some(form) = Form::asked(&params, &ask.headers).or_else(|| is_export.then(|| Form::of_documents(&params, &ask.headers))) {
        return export(&app, view, &params, items, form, &etag);
    }
    let is_fg = fg::is_asked(&params, &ask.headers);
    let format = if is_fg { Format::Json } else { Format::choose(&params, &ask.headers)? };
    let language = Language::choose(&params, &ask.headers)?;
    if format == Format::Json && ask.holds(&etag) {
        return Ok(not_modified(&etag));
    }
    if items.explain {
        return Ok(value(&query::explain(&view, &items)));
    }
    let links = ask.links.clone();
    let mut response = match format {
        Format::Json => {
            let content_crs = crs::header(&items.crs);
            let is_quick = items.crs.is_none() && view.is_quick_query(&items.query);
            let write = move || write_items(&links, &view, &params, &items, is_fg);
            let body = if is_quick { write()? } else { app.blocking(write).await? };
            let mut response = json(if is_fg { fg::MEDIA } else { "application/geo+json" }, body);
            response.headers_mut().insert("content-crs", content_crs);
            response
        }
        Format::Html => {
            let city = app.city()?.clone();
            let page = move || html::items(&links, language, &city, &view, &params, &items.query);
            app.blocking(page).await?.into_response()
        }
    };
    response.headers_mut().insert(header::ETAG, etag.parse().unwrap_or(HeaderValue::from_static("W/\"\"")));
    Ok(response)
}

/// The collection as it was at a moment.
///
/// # Errors
/// That moment is not kept.
pub async fn past(app: &App, view: CollectionView, moment: Moment) -> Result<CollectionView, Problem> {
    if moment.is_present() {
        return Ok(view);
    }
    let city = app.city()?.clone();
    app.blocking(move || Ok(city.view_at(view.id(), &moment)?)).await
}

/// A FeatureCollection. What is known only at its end (links, counts) comes after the features.
fn write_items(
    links: &Links,
    view: &CollectionView,
    params: &Params,
    items: &query::ItemsRequest,
    is_fg: bool,
) -> Result<Vec<u8>, Problem> {
    let mut out = Vec::with_capacity(items.query.limit.min(1_000) * 256);
    out.extend_from_slice(b"{\"type\":\"FeatureCollection\",");
    if is_fg {
        let crs = items.crs.as_ref().map(|_| crs::address(&items.crs));
        out.extend_from_slice(fg::head(view.id().as_str(), crs.as_deref()).as_bytes());
    }
    out.extend_from_slice(b"\"features\":[");
    let start = out.len();
    let turn = items.crs.as_ref().map(crs::Turn::new).transpose()?;
    let mut writer = Writer::new(is_fg, items.properties.clone(), turn);
    let page = view.items(&items.query, |item| {
        if out.len() > start {
            out.push(b',');
        }
        writer.feature(&mut out, item);
    })?;
    writer.finish()?;
    let links: Vec<Value> = page_links(links, view.id().as_str(), params, &page);
    let time = jiff::Timestamp::now().round(jiff::Unit::Millisecond).unwrap_or_default();
    let tail = format!(
        "],\"numberMatched\":{},\"numberReturned\":{},\"timeStamp\":\"{time}\",\"revision\":{},\"links\":{}}}",
        page.matched,
        page.returned,
        page.revision,
        Value::Array(links)
    );
    out.extend_from_slice(tail.as_bytes());
    Ok(out)
}

/// Streams the items: all that match, or with “limit” or “cursor” a page of them.
fn export(app: &App, view: CollectionView, params: &Params, items: query::ItemsRequest, form: Form, etag: &str) -> Answer {
    let whole = params.get("limit").is_none() && params.get("cursor").is_none();
    if whole && !items.query.sort.is_empty() {
        return Err(Problem::parameter("sortby", "a whole export follows the items' own order; ask for a page of it with “limit”"));
    }
    let name = params.get("export-id").map(str::to_owned);
    if let Some(name) = &name
        && (name.is_empty()
            || name.len() > limits::EXPORT_NAME_BYTES_MAX
            || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'))
    {
        let max = limits::EXPORT_NAME_BYTES_MAX;
        return Err(Problem::parameter("export-id", format!("1 to EXPORT_NAME_BYTES_MAX ({max}) letters, digits and - are expected")));
    }
    let query::ItemsRequest { query, properties, crs, has_mark, .. } = items;
    Export { view, query, whole, properties, crs, has_mark, name }.answer(app, form, etag)
}

/// The links of a page to itself, its HTML form, its collection and the next page.
fn page_links(links: &Links, id: &str, params: &Params, page: &ItemsPage) -> Vec<Value> {
    let items = links.items(id);
    let mut all = vec![
        link("self", format!("{items}{}", params.without(&["f"]).with("f", "json")), "application/geo+json", "This page"),
        link("alternate", format!("{items}{}", params.without(&["f"]).with("f", "html")), "text/html", "This page for a person"),
        link("collection", links.collection(id), "application/json", "The collection"),
    ];
    if let Some(next) = &page.next {
        let query = params.without(&["f", "cursor"]).with("f", "json").with("cursor", next.to_string());
        all.push(link("next", format!("{items}{query}"), "application/geo+json", "The next page"));
    }
    all
}

/// `GET /collections/{id}/items/{fid}`
pub async fn item(State(app): State<Arc<App>>, ask: Ask, PathOf((id, item)): PathOf<(String, String)>) -> Answer {
    let (params, format, language) = ask.read(&["crs", "as-of"])?;
    let crs = crs::asked(&params, "crs")?;
    let city = app.city()?;
    let view = versions::asked(&app, &ask, &id).await?;
    if view.is_live() && params.get("as-of").is_some() {
        return Err(Problem::parameter("as-of", "of a live item, its history tells the past"));
    }
    let meta = view.meta();
    let missing = || Problem::missing(format!("“{id}” has no item “{}”", item.chars().take(100).collect::<String>()));
    if format == Format::Html {
        let page = view.item(&item, |feature| html::item(&ask.links, language, city, &meta, feature));
        return Ok(page.ok_or_else(missing)?.into_response());
    }
    let self_link = ask.links.item(&id, &item);
    let links = object!([
        link("self", format!("{self_link}?f=json"), "application/geo+json", "This item"),
        link("alternate", format!("{self_link}?f=html"), "text/html", "This item as a page"),
        link("collection", ask.links.collection(&id), "application/json", "The collection"),
    ]);
    let body = view.item(&item, |feature| {
        let etag = match feature {
            FeatureRef::Live(live) => edit::etag(live.revision()),
            FeatureRef::Row(..) => etag(&meta, view.changed().0),
        };
        let mut out = Vec::new();
        let mut writer = write::FeatureWriter::new(None, crs.as_ref().map(crs::Turn::new).transpose()?);
        writer.feature_with(&mut out, feature, &format!("\"links\":{links}"));
        writer.finish().map(|()| (etag, out))
    });
    let (etag, body) = body.ok_or_else(missing)??;
    if ask.holds(&etag) {
        return Ok(not_modified(&etag));
    }
    let mut response = json("application/geo+json", body);
    response.headers_mut().insert("content-crs", crs::header(&crs));
    response.headers_mut().insert(header::ETAG, etag.parse().unwrap_or(HeaderValue::from_static("W/\"\"")));
    Ok(response)
}

/// The tag of everything that follows from one state of a collection: the revision at which it
/// last changed, and a mark of the collection and the server's version, so that another city at
/// the same address is not taken for this one.
pub fn etag(meta: &CollectionMeta, changed: u64) -> String {
    let mut mark = rustc_hash::FxHasher::default();
    (env!("CARGO_PKG_VERSION"), meta.id.as_str(), &meta.source, &meta.title.en, meta.version).hash(&mut mark);
    if !meta.kind.is_live() {
        meta.count.hash(&mut mark);
    }
    format!("W/\"{changed}-{:x}\"", mark.finish())
}
