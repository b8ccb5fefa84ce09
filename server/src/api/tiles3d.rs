//! 3D Tiles 1.1 (OGC 22-025r4) of every layer of polygons, at `/collections/{id}/3dtiles`.

use super::{
    definition::{Operation, get},
    features::etag,
};
use crate::{
    app::App,
    http::{Answer, Ask, PathOf, Problem, ask::not_modified, coding, packed_body, problem::collection_id},
};
use axum::{
    extract::State,
    http::{HeaderValue, header},
};
use citywall_query::{City, CollectionView};
use citywall_tiles3d::{Node, Plan, Setting, Tile3dError};
use serde_json::{Map, Value, json as object};
use std::sync::Arc;

const GLB: &str = "model/gltf-binary";

/// What the API definition says of 3D Tiles.
pub fn paths() -> Map<String, Value> {
    let tile = |id, summary, description, parameters, media: &str| {
        let ok = object!({"200": {"description": summary, "content": {media: {"schema": {"type": "string", "format": "binary"}}}}, "304": {"description": "The client's copy is current."}});
        get(Operation { tag: "Tiles", id, summary, description, parameters, ok, problems: &["400", "404"] })
    };
    let root = "/collections/{collectionId}/3dtiles";
    let address = &["collectionId", "level", "x", "y", "v"];
    let paths = [
        (
            "/tileset.json",
            tile(
                "get3dTileset",
                "A layer as 3D Tiles 1.1",
                "For layers of polygons, with their heights or solids. Heights are ellipsoidal metres.",
                &["collectionId", "v"],
                "application/json",
            ),
        ),
        ("/blocks.glb", tile("get3dOverview", "The whole layer as block masses", "Binary glTF 2.0.", &["collectionId", "v"], GLB)),
        (
            "/content/{level}/{x}/{y}.glb",
            tile(
                "get3dContent",
                "The buildings of one tile",
                "Binary glTF 2.0 with EXT_mesh_features, EXT_structural_metadata, KHR_mesh_quantization and EXT_meshopt_compression; the property “id” is the item's.",
                address,
                GLB,
            ),
        ),
        (
            "/subtrees/{level}/{x}/{y}.subtree",
            tile(
                "get3dSubtree",
                "Which tiles there are",
                "A binary subtree of the implicit quadtree.",
                address,
                "application/octet-stream",
            ),
        ),
    ];
    paths.into_iter().map(|(path, operation)| (format!("{root}{path}"), operation)).collect()
}

/// `GET /collections/{id}/3dtiles/tileset.json`
pub async fn tileset(State(app): State<Arc<App>>, ask: Ask, PathOf(id): PathOf<String>) -> Answer {
    let made = |plan: &Plan, view: &CollectionView, _: &City, _: &Setting<'_>| {
        Ok(Some(citywall_tiles3d::tileset(plan, view.id().as_str(), view.changed().0).to_string().into_bytes()))
    };
    answer(&app, &ask, &id, "application/json", made).await
}

/// `GET /collections/{id}/3dtiles/blocks.glb`: the whole layer as block masses.
pub async fn blocks(State(app): State<Arc<App>>, ask: Ask, PathOf(id): PathOf<String>) -> Answer {
    let made =
        |plan: &Plan, view: &CollectionView, _: &City, setting: &Setting<'_>| citywall_tiles3d::overview(plan, view, setting).map(Some);
    answer(&app, &ask, &id, GLB, made).await
}

/// `GET /collections/{id}/3dtiles/content/{level}/{x}/{y}.glb`
pub async fn content(State(app): State<Arc<App>>, ask: Ask, PathOf((id, level, x, y)): PathOf<(String, String, String, String)>) -> Answer {
    let node = node(&level, &x, &y, ".glb")?;
    let made = move |plan: &Plan, view: &CollectionView, city: &City, setting: &Setting<'_>| {
        citywall_tiles3d::content(plan, view, city.store().as_ref(), setting, node)
    };
    answer(&app, &ask, &id, GLB, made).await
}

/// `GET /collections/{id}/3dtiles/subtrees/{level}/{x}/{y}.subtree`
pub async fn subtree(State(app): State<Arc<App>>, ask: Ask, PathOf((id, level, x, y)): PathOf<(String, String, String, String)>) -> Answer {
    let node = node(&level, &x, &y, ".subtree")?;
    let made = move |plan: &Plan, _: &CollectionView, _: &City, _: &Setting<'_>| Ok(citywall_tiles3d::subtree(plan, node));
    answer(&app, &ask, &id, "application/octet-stream", made).await
}

fn node(level: &str, x: &str, y: &str, ending: &str) -> Result<Node, Problem> {
    let number = |name: &str, text: &str| {
        text.parse::<u32>()
            .map_err(|_| Problem::parameter(name, format!("“{}” is no whole number", text.chars().take(40).collect::<String>())))
    };
    let y = y.strip_suffix(ending).ok_or_else(|| Problem::missing(format!("the address ends with {ending}")))?;
    let node = Node { level: number("level", level)?, x: number("x", x)?, y: number("y", y)? };
    if node.level > 30 || node.x >> node.level > 0 || node.y >> node.level > 0 {
        return Err(Problem::missing(format!("level {} has no tile {}, {}", node.level, node.x, node.y)));
    }
    Ok(node)
}

/// Plans the layer if that has not been done, and answers with what is made of it.
async fn answer(
    app: &Arc<App>,
    ask: &Ask,
    id: &str,
    media: &'static str,
    make: impl FnOnce(&Plan, &CollectionView, &City, &Setting<'_>) -> Result<Option<Vec<u8>>, Tile3dError> + Send + 'static,
) -> Answer {
    let params = ask.params(&["v"])?;
    let city = app.city()?.clone();
    let view = city.view(&collection_id(id)?)?;
    if view.is_live() || view.is_raster() {
        return Err(Problem::missing(format!("“{id}” has no 3D tiles: they are of layers of polygons")));
    }
    let (changed, etag) = (view.changed().0, etag(&view.meta(), view.changed().0));
    if ask.holds(&etag) {
        return Ok(not_modified(&etag));
    }
    let (app_too, id, coding) = (app.clone(), id.to_owned(), coding(&ask.headers));
    let packed = app
        .blocking(move || {
            let ground = |longitude, latitude| city.ground_height_m(longitude, latitude);
            let setting = Setting { geoid_offset_m: city.profile().geoid_offset_m, ground_m: &ground };
            let failed = |error: Tile3dError| Problem::internal(&error);
            let plan = app_too.plans.of(&view, city.store().as_ref(), &setting, grounds_m(&city)).map_err(failed)?;
            let plan = plan.ok_or_else(|| Problem::missing(format!("“{id}” has no polygons, and so no 3D tiles")))?;
            let made = make(&plan, &view, &city, &setting).map_err(failed)?;
            Ok(made.map(|bytes| coding.pack(&bytes)))
        })
        .await?;
    let Some(packed) = packed else { return Err(Problem::missing("there is no such tile; the subtrees say which there are")) };
    let mut response = packed_body(packed, coding, media);
    let headers = response.headers_mut();
    headers.insert(header::ETAG, etag.parse().unwrap_or(HeaderValue::from_static("W/\"\"")));
    if params.get("v").is_some_and(|wanted| wanted.parse() == Ok(changed)) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, max-age=31536000, immutable"));
    }
    headers.insert("citywall-revision", HeaderValue::from(changed));
    Ok(response)
}

/// The least and the greatest stored height of the city's elevation grids.
fn grounds_m(city: &City) -> Option<[f64; 2]> {
    let ranges = city.collections().into_iter().filter_map(|view| view.grid().and_then(citywall_model::Grid::range_m));
    ranges.map(|(low, high)| [f64::from(low), f64::from(high)]).reduce(|a, b| [a[0].min(b[0]), a[1].max(b[1])])
}
