//! Versions of a layer: which are kept, what differs between two, and the one that a request asks
//! for with `as-of`.

use super::{
    definition::{Operation, data, get},
    features::{past, query::as_of},
    json, value,
};
use crate::{
    app::App,
    geojson::write::FeatureWriter,
    http::{Answer, Ask, Links, Params, PathOf, Problem, links::link, problem::collection_id},
};
use axum::{extract::State, http::StatusCode, response::IntoResponse};
use citywall_model::{FeatureRef, Revision, limits};
use citywall_query::{CollectionView, Difference, Differs, Moment, SameBy};
use citywall_store::LayerVersion;
use serde_json::{Map, Value, json as object};
use std::sync::Arc;

/// The collection that a request asks for: of a layer the version that was current at `as-of`. Of a
/// live collection it is the present, whose past depends on more.
///
/// # Errors
/// There is no such collection, or the version is not kept.
pub async fn asked(app: &App, ask: &Ask, id: &str) -> Result<CollectionView, Problem> {
    let view = app.city()?.view(&collection_id(id)?)?;
    let as_of = if view.is_live() { None } else { as_of(ask.peek("as-of").as_deref())? };
    past(app, view, Moment { time: None, as_of }).await
}

/// `GET /collections/{id}/versions`
pub async fn list(State(app): State<Arc<App>>, ask: Ask, PathOf(id): PathOf<String>) -> Answer {
    ask.params(&[])?;
    let city = app.city()?.clone();
    let id = layer(&city.view(&collection_id(&id)?)?)?.id().clone();
    let versions = app.blocking(move || Ok(city.versions(&id)?)).await?;
    let versions: Vec<Value> = versions.iter().map(|version| described(&ask.links, version)).collect();
    Ok(value(&object!({"versions": versions})))
}

/// `DELETE /collections/{id}/versions/{version}`
pub async fn remove(State(app): State<Arc<App>>, ask: Ask, PathOf((id, version)): PathOf<(String, String)>) -> Answer {
    ask.params(&[])?;
    let city = app.city()?.clone();
    let current = layer(&city.view(&collection_id(&id)?)?)?.meta();
    let missing = || Problem::missing(format!("“{id}” keeps no version “{}”", version.chars().take(20).collect::<String>()));
    let number: u32 = version.parse().map_err(|_| missing())?;
    if number == current.version {
        return Err(Problem::new(StatusCode::CONFLICT, format!("version {number} is the current one; an import replaces it")));
    }
    let is_gone = app.blocking(move || Ok(city.remove_version(&current.id, number)?)).await?;
    if is_gone { Ok(StatusCode::NO_CONTENT.into_response()) } else { Err(missing()) }
}

/// `GET /collections/{id}/changes`
pub async fn changes(State(app): State<Arc<App>>, ask: Ask, PathOf(id): PathOf<String>) -> Answer {
    let params = ask.params(&["since", "as-of", "limit", "cursor"])?;
    let later = asked(&app, &ask, &id).await?;
    layer(&later)?;
    let since = params.get("since").ok_or_else(|| Problem::parameter("since", "the revision of the earlier version is expected"))?;
    let since = since.parse().map(Revision).map_err(|_| Problem::parameter("since", "no revision, a whole number"))?;
    if since > later.changed() {
        let reason = format!("{since} lies after the version of revision {} that it is compared with", later.changed());
        return Err(Problem::parameter("since", reason));
    }
    let earlier = app.city()?.view(later.id())?;
    let earlier = past(&app, earlier, Moment { time: None, as_of: Some(since) }).await.map_err(|problem| problem.about("since"))?;
    let (limit, start) = (number(&params, "limit", limits::ITEMS_LIMIT_DEFAULT)?, number(&params, "cursor", 0)?);
    let links = ask.links.clone();
    let page = Page { start, end: start.saturating_add(limit.min(limits::ITEMS_LIMIT_MAX)) };
    let body = app.blocking(move || written(&links, &params, &earlier, &later, page)).await?;
    Ok(json("application/geo+json", body))
}

/// Which of the differing items are written.
#[derive(Clone, Copy)]
struct Page {
    start: usize,
    end: usize,
}

/// The differing items as a FeatureCollection, with how many there are of each sort.
fn written(links: &Links, params: &Params, earlier: &CollectionView, later: &CollectionView, page: Page) -> Result<Vec<u8>, Problem> {
    let Difference { same_by, items } = earlier.difference(later).ok_or_else(|| no_layer(later))?;
    let count = |is: fn(&Differs) -> bool| items.iter().filter(|item| is(item)).count();
    let end = page.end.min(items.len());
    let shown = items.get(page.start..end).unwrap_or_default();
    let mut all_links = vec![link("collection", links.collection(later.id().as_str()), "application/json", "The collection")];
    if end < items.len() {
        let query = params.without(&["cursor"]).with("cursor", end.to_string());
        let next = links.to(&format!("/collections/{}/changes{query}", later.id()));
        all_links.push(link("next", next, "application/geo+json", "The next page"));
    }
    let head = object!({
        "type": "FeatureCollection",
        "since": earlier.changed(),
        "asOf": later.changed(),
        "sameBy": match same_by { SameBy::Id => "id", SameBy::Content => "content" },
        "removed": count(|item| matches!(item, Differs::Removed(_))),
        "changed": count(|item| matches!(item, Differs::Changed(..))),
        "added": count(|item| matches!(item, Differs::Added(_))),
        "numberMatched": items.len(),
        "numberReturned": shown.len(),
        "links": all_links,
    });
    let mut out = head.to_string().into_bytes();
    out.pop();
    out.extend_from_slice(b",\"features\":[");
    let mut writer = FeatureWriter::new(None, None);
    for (at, item) in shown.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        let (view, fid, more) = match *item {
            Differs::Removed(fid) => (earlier, fid, object!({"change": "removed"})),
            Differs::Added(fid) => (later, fid, object!({"change": "added"})),
            Differs::Changed(before, fid) => {
                let (shape, properties) = earlier.changes_of(before, later, fid);
                (later, fid, object!({"change": "changed", "changedGeometry": shape, "changedProperties": properties}))
            }
        };
        let more = more.to_string();
        // What differs was found in these very versions, so the item is there.
        view.item_by_fid(fid, |feature: FeatureRef<'_>| writer.feature_with(&mut out, feature, &more[1..more.len() - 1]));
    }
    writer.finish()?;
    out.extend_from_slice(b"]}");
    Ok(out)
}

fn number(params: &Params, name: &str, otherwise: usize) -> Result<usize, Problem> {
    let Some(text) = params.get(name) else { return Ok(otherwise) };
    text.parse().map_err(|_| Problem::parameter(name, format!("“{}” is no whole number", text.chars().take(40).collect::<String>())))
}

fn layer(view: &CollectionView) -> Result<&CollectionView, Problem> {
    if view.is_live() || view.is_raster() { Err(no_layer(view)) } else { Ok(view) }
}

fn no_layer(view: &CollectionView) -> Problem {
    Problem::missing(format!("“{}” is no layer: only layers have versions, the past of live items is at “datetime” and “as-of”", view.id()))
}

fn described(links: &Links, version: &LayerVersion) -> Value {
    let LayerVersion { meta, published, until } = version;
    let (id, revision) = (&meta.id, meta.revision);
    object!({
        "version": meta.version,
        "revision": revision,
        "until": until,
        "published": published.to_string(),
        "title": meta.title,
        "source": meta.source,
        "count": meta.count,
        "bbox": meta.extent,
        "generated": meta.generated,
        "links": [
            link("items", links.to(&format!("/collections/{id}/items?as-of={revision}")), "application/geo+json", "Its items"),
            link("related", links.to(&format!("/collections/{id}/changes?since={revision}")), "application/geo+json", "What has changed since"),
        ]
    })
}

/// The parameters that only versions have.
pub fn parameters() -> Map<String, Value> {
    let version = object!({"name": "version", "in": "path", "required": true, "description": "The number of a kept version.", "schema": {"type": "integer", "minimum": 1}});
    let since = object!({"name": "since", "in": "query", "required": true, "description": "The revision of the earlier version, or any at which it was current.", "schema": {"type": "integer", "minimum": 0}});
    Map::from_iter([("version".to_owned(), version), ("since".to_owned(), since)])
}

/// The addresses of versions and what is at them.
pub fn paths() -> Map<String, Value> {
    let gone = Operation {
        tag: "Data",
        id: "deleteVersion",
        summary: "Remove a kept version",
        description: "Needs the scope operate. The current version cannot be removed.",
        parameters: &["collectionId", "version"],
        ok: object!({"204": {"description": "It is removed"}}),
        problems: &["404", "409"],
    };
    let paths = [
        (
            "/collections/{collectionId}/versions",
            get(Operation {
                tag: "Data",
                id: "getVersions",
                summary: "The versions of a layer",
                description: "The kept ones, the oldest first, and the current one last; each with the revision at which it became current, the one until which it was, when it was published, its source and its count. as-of=REVISION asks for one, in items and in tiles. `citywall import --keep N` keeps them.",
                parameters: &["collectionId"],
                ok: data("The versions", "application/json", "Any"),
                problems: &["404"],
            }),
        ),
        ("/collections/{collectionId}/versions/{version}", object!({"delete": gone.json()})),
        (
            "/collections/{collectionId}/changes",
            get(Operation {
                tag: "Data",
                id: "getChanges",
                summary: "What differs between two versions of a layer",
                description: "The items that were removed, changed and added between the version of “since” and that of “as-of” (the current one without it), in this order, each with the member change and, if it was changed, changedGeometry and changedProperties; those removed as they were, the others as they are. removed, changed and added count all of them, whatever the page. Items are the same by their id (sameBy: id); where ids are generated, by all that is known of them (sameBy: content), so that a changed item is one removed and one added.",
                parameters: &["collectionId", "since", "as-of", "limit", "cursor"],
                ok: data("The items that differ", "application/geo+json", "FeatureCollection"),
                problems: &["400", "404", "410"],
            }),
        ),
    ];
    paths.into_iter().map(|(path, operation)| (path.to_owned(), operation)).collect()
}
