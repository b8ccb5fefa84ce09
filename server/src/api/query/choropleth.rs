//! `/query/aggregate/tiles`: an aggregate over areas or cells as a vector tile, for a map that
//! colours them.

use super::{
    Desk,
    aggregate::{Asked, FIELDS},
    areas::Level,
    input,
};
use crate::{
    api::{
        definition::{Operation, get, reference},
        tiles::{MVT, tile_id},
    },
    app::App,
    http::{Answer, Ask, PathOf, Problem, ask::not_modified, coding, packed_body},
    limits,
};
use axum::{
    extract::State,
    http::{HeaderValue, Method, header},
};
use citywall_analysis::aggregate::Places;
use citywall_model::{Bbox, FeatureRef, FeatureTable, FeatureTableBuilder, Field, FieldType, Revision, RowIds, Schema, ValueRef, geometry};
use citywall_tiles::{Tile, TileBuilder, TileId};
use geo_types::Geometry;
use parking_lot::Mutex;
use serde_json::{Map, Value, json};
use std::{
    collections::VecDeque,
    hash::{Hash, Hasher},
    sync::Arc,
};

/// The name of the layer in its tiles.
const LAYER: &str = "aggregate";

/// Aggregates that are kept between tiles: at most [`limits::CHOROPLETHS_KEPT_MAX`], the last used first.
#[derive(Default)]
pub struct Choropleths(Mutex<VecDeque<Kept>>);

struct Kept {
    question: String,
    changed: Revision,
    choropleth: Arc<Choropleth>,
}

/// The groups of an aggregate as rows with shapes.
struct Choropleth {
    table: FeatureTable,
    bounds: Vec<Bbox>,
    revision: u64,
}

impl Choropleth {
    fn of(desk: &Desk<'_>, asked: &Asked) -> Result<Self, Problem> {
        let (groups, revision) = asked.groups(desk)?;
        let areas = match asked.question.places {
            Places::Area(level) => Level::of(desk.city, level)?,
            _ => None,
        };
        let names = std::iter::once("code").chain(asked.names.iter().map(String::as_str));
        let fields = names.map(|name| Field { name: name.into(), kind: if name == "code" { FieldType::Text } else { FieldType::Number } });
        let mut table = FeatureTableBuilder::new(Schema { fields: fields.collect() }, RowIds::Generated);
        let mut bounds = Vec::with_capacity(groups.len());
        for (fid, group) in (1..).zip(&groups) {
            let Some(code) = &group.code else { continue };
            let shape = match (&group.outline, &areas) {
                (Some(outline), _) => Some(Geometry::from(outline.clone())),
                (None, Some(areas)) => areas.shape(code),
                (None, None) => None,
            };
            let Some(wkb) = shape.map(|shape| geometry::encode(&shape)) else { continue };
            let values = group.values.iter().map(|value| value.map_or(ValueRef::Null, ValueRef::Number));
            table.push(fid, Some(&wkb), std::iter::once(ValueRef::Text(code)).chain(values));
            bounds.push(geometry::bounds(&wkb));
        }
        Ok(Self { table: table.finish(), bounds, revision })
    }

    fn draw(&self, tile: TileId) -> Tile {
        let window = tile.window();
        let mut builder = TileBuilder::new(tile);
        let mut layer = builder.layer(LAYER).with_all_attributes();
        for (row, _) in (0u32..).zip(&self.bounds).filter(|(_, bounds)| bounds.intersects(&window)) {
            layer.add(FeatureRef::Row(&self.table, row));
        }
        builder.finish()
    }
}

/// `GET /query/aggregate/tiles/{matrix}/{z}/{row}/{col}`
pub async fn tile(
    State(app): State<Arc<App>>,
    ask: Ask,
    PathOf((matrix, z, row, col)): PathOf<(String, String, String, String)>,
) -> Answer {
    let city = app.city()?.clone();
    let tile = tile_id(&matrix, &z, &row, &col)?;
    let input = input::read(&ask, &Method::GET, axum::body::Body::empty(), FIELDS).await?;
    for name in ["per", "form"] {
        if input.text(name).is_some() {
            return Err(Problem::parameter(name, "is not for tiles: they have one value of each measure for an area or cell"));
        }
    }
    if input.text("by").is_none() {
        return Err(Problem::parameter("by", "is needed: tiles have areas or cells"));
    }
    let question = input.to_string();
    let (app_too, key) = (app.clone(), question.clone());
    let coding = coding(&ask.headers);
    let (etag, revision, drawn, packed) = app
        .blocking(move || {
            let desk = Desk::new(&city, &app_too.networks);
            let asked = Asked::read(&desk, &input)?;
            let choropleth = app_too.choropleths.of(&desk, &asked, key)?;
            let etag = etag(&choropleth, &question, tile);
            let drawn = choropleth.draw(tile);
            let packed = coding.pack(&drawn.bytes);
            Ok((etag, choropleth.revision, drawn, packed))
        })
        .await?;
    if ask.holds(&etag) {
        return Ok(not_modified(&etag));
    }
    let mut response = packed_body(packed, coding, MVT);
    let headers = response.headers_mut();
    headers.insert(header::ETAG, etag.parse().unwrap_or(HeaderValue::from_static("W/\"\"")));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert("citywall-revision", HeaderValue::from(revision));
    if drawn.thinned {
        headers.insert("citywall-thinned", HeaderValue::from(drawn.dropped));
    }
    Ok(response)
}

fn etag(choropleth: &Choropleth, question: &str, tile: TileId) -> String {
    let mut mark = rustc_hash::FxHasher::default();
    (question, tile).hash(&mut mark);
    format!("W/\"aggregate-{}.{:x}\"", choropleth.revision, mark.finish())
}

impl Choropleths {
    /// The groups of a question, kept or counted.
    fn of(&self, desk: &Desk<'_>, asked: &Asked, question: String) -> Result<Arc<Choropleth>, Problem> {
        let changed = asked.view.changed();
        let mut kept = self.0.lock();
        if let Some(found) =
            kept.iter().position(|kept| kept.question == question && kept.changed == changed).and_then(|at| kept.remove(at))
        {
            let choropleth = found.choropleth.clone();
            kept.push_front(found);
            return Ok(choropleth);
        }
        drop(kept);
        let choropleth = Arc::new(Choropleth::of(desk, asked)?);
        // What depends on the clock is another question each time.
        if asked.view.changed() == changed && !question.to_lowercase().contains("now") {
            let mut kept = self.0.lock();
            kept.retain(|old| old.question != question);
            kept.push_front(Kept { question, changed, choropleth: choropleth.clone() });
            kept.truncate(limits::CHOROPLETHS_KEPT_MAX);
        }
        Ok(choropleth)
    }
}

/// What the API definition says.
pub fn path() -> (String, Value) {
    let mut described = get(Operation {
        tag: "Query",
        id: "getAggregateTile",
        summary: "An aggregate as a vector tile",
        description: "The areas or cells of /query/aggregate with their measures, as polygons of one layer, aggregate, with the attribute code and one for each measure. The ETag names the question and the revision that it was computed at; the groups are kept between the tiles of one revision.",
        parameters: &["tileMatrixSetId", "tileMatrix", "tileRow", "tileCol"],
        ok: json!({
            "200": {"description": "The tile", "content": {"application/vnd.mapbox-vector-tile": {"schema": {"type": "string", "format": "binary"}}}},
            "204": {"description": "Nothing lies in this tile."},
            "304": {"description": "The client's copy is current."}
        }),
        problems: &["400", "404", "422"],
    });
    let mut parameters: Vec<Value> =
        ["tileMatrixSetId", "tileMatrix", "tileRow", "tileCol"].iter().map(|name| reference("parameters", name)).collect();
    parameters.extend(FIELDS.iter().filter(|field| !["per", "form"].contains(&field.name)).map(input::parameter));
    described["get"]["parameters"] = parameters.into();
    ("/query/aggregate/tiles/{tileMatrixSetId}/{tileMatrix}/{tileRow}/{tileCol}".to_owned(), described)
}

/// The address as a map.
pub fn paths() -> Map<String, Value> {
    [path()].into_iter().collect()
}
