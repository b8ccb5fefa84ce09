//! `/query/visibility`: what can be seen from where, and by which cameras.

use super::{
    Desk, Operation,
    input::{Field, Input, Kind},
};
use crate::{geojson::write, http::Problem, limits};
use citywall_analysis::{
    Budget,
    distance::windows_within,
    nearest::within,
    overlay::area_m2,
    visibility::{Air, Block, Ground, REFRACTION, Sight, Spot, blocks, line_of_sight, viewshed},
};
use citywall_model::Bbox;
use citywall_query::{CollectionView, ItemsQuery};
use geo::{Bearing, Distance, Geodesic};
use geo_types::{Geometry, LineString, Point};
use serde_json::{Value, json};

const FIELDS: &[Field] = &[
    Field::needed("method", Kind::Text, "line (between from and to), viewshed (around from) or cameras (that see to)", "line"),
    Field::optional("from", Kind::Numbers, "the eye: longitude, latitude, and metres above the ground", "117.2,39.13,1.6"),
    Field::optional("to", Kind::Numbers, "the target: longitude, latitude, and metres above the ground", "117.205,39.13,1.6"),
    Field::optional(
        "buildings",
        Kind::List,
        "collections whose polygons stand in the way, with flat tops; without them only the ground does",
        "buildings",
    ),
    Field::optional("filter", Kind::Filter, "CQL2 that holds of the buildings, in each of their collections", ""),
    Field::optional("height", Kind::Text, "the property with a building's metres above the ground; height without it", ""),
    Field::optional("refraction", Kind::Number, "of the air, 0 to 1: 0.13 without it, as surveyors take it; 1 takes the Earth as flat", ""),
    Field::optional("radius", Kind::Number, "metres of a viewshed, 1 to 20,000; 500 without it", ""),
    Field::optional("cell", Kind::Number, "metres of a viewshed's cells, 0.2 to 1,000; 5 without it", ""),
    Field::optional("above", Kind::Number, "metres above the surface that a viewshed's targets are, 0 to 1,000; 0 without it", ""),
    Field::optional("form", Kind::Text, "of a viewshed: polygon, or cells; polygon without it", ""),
    Field::optional("cameras", Kind::Text, "the collection of cameras, as points", ""),
    Field::optional("cameras-filter", Kind::Filter, "CQL2 that holds of the cameras", ""),
    Field::optional("heading", Kind::Text, "the property with a camera's heading, degrees from north to the east; heading without it", ""),
    Field::optional(
        "field-of-view",
        Kind::Text,
        "the property with the degrees that it sees, half to each side; field_of_view without it",
        "",
    ),
    Field::optional("range", Kind::Text, "the property with the metres that it sees, at most 5,000; range without it", ""),
    Field::optional("mounted", Kind::Text, "the property with its metres above the ground; mount_height without it", ""),
    Field::optional("default-field-of-view", Kind::Number, "degrees where a camera has none, 1 to 360; 360 without it", ""),
    Field::optional("default-range", Kind::Number, "metres where a camera has no range, 1 to 5,000; 100 without it", ""),
    Field::optional("default-mounted", Kind::Number, "metres where it has no height, 0 to 500; 5 without it", ""),
];

/// `/query/visibility`
pub const OPERATION: Operation = Operation {
    id: "visibility",
    title: "What can be seen",
    description: "Heights count from the city's elevation, or from 0 where there is none, which terrain says; buildings are blocks with flat tops, and a spot within a building is at its height above the ground, not above the roof. The Earth falls away by (1 − refraction) · d² / 2R, R = 6,371,008.8 m. line: whether the target is seen, the line's least clearance, and what blocks it. viewshed: the surface that is seen, on cells of the azimuthal equidistant plane around the eye; as cells, rows from the north of 1 (seen), 0 (hidden) and - (beyond the radius). cameras: those whose range, heading and field of view hold the target and whose line to it is free, the nearest first; assumed names what a camera does not say.",
    fields: FIELDS,
    is_quick: |_, _| false,
    answer,
};

/// The longest line of sight, in metres.
const SIGHT_M_MAX: f64 = 50_000.0;
/// No camera of a city sees further, in metres.
const CAMERA_M_MAX: f64 = 5_000.0;

fn answer(desk: &Desk<'_>, input: &Input) -> Result<String, Problem> {
    let scene = Scene::read(desk, input)?;
    let mut answer = match input.choice("method", &["line", "viewshed", "cameras"])? {
        "line" => scene.line()?,
        "viewshed" => scene.viewshed()?,
        _ => scene.cameras()?,
    };
    let elevation = desk.city.collections().into_iter().find(|view| view.grid().is_some());
    answer["terrain"] = json!(elevation.map(|view| view.id().as_str().to_owned()));
    answer["verticalDatum"] = desk.city.profile().vertical_datum.clone().into();
    answer["refraction"] = scene.air.refraction.into();
    Ok(answer.to_string())
}

/// What stands around.
struct Scene<'a> {
    desk: &'a Desk<'a>,
    input: &'a Input,
    buildings: Vec<(CollectionView, ItemsQuery)>,
    height: &'a str,
    air: Air,
}

impl<'a> Scene<'a> {
    fn read(desk: &'a Desk<'a>, input: &'a Input) -> Result<Self, Problem> {
        let ids = input.list("buildings");
        if ids.len() > limits::QUERY_COLLECTIONS_MAX {
            return Err(Problem::parameter("buildings", format!("more than QUERY_COLLECTIONS_MAX ({})", limits::QUERY_COLLECTIONS_MAX)));
        }
        let filter = input.filter("filter")?;
        let buildings = ids.iter().map(|id| desk.selection(id, filter.clone())).collect::<Result<_, _>>()?;
        let air = Air { refraction: input.between("refraction", 0.0..=1.0, REFRACTION)? };
        Ok(Self { desk, input, buildings, height: input.text("height").unwrap_or("height"), air })
    }

    fn ground_m(&self, lon: f64, lat: f64) -> f64 {
        self.desk.city.ground_height_m(lon, lat).unwrap_or(0.0)
    }

    fn spot(&self, name: &str) -> Result<Spot, Problem> {
        match *self.input.numbers(name) {
            [lon, lat, above_m] if lon.abs() <= 180.0 && lat.abs() <= 90.0 && above_m.abs() <= 10_000.0 => {
                Ok(Spot { place: Point::new(lon, lat), height_m: self.ground_m(lon, lat) + above_m })
            }
            _ => Err(Problem::parameter(name, "expected longitude, latitude in degrees, and metres above the ground")),
        }
    }

    /// The ground is looked at twice a cell of its grid, at least every 100 m.
    fn step_m(&self) -> f64 {
        let grids = self.desk.city.collections();
        let cells = grids.iter().filter_map(|view| view.grid()).map(|grid| grid.cell().1 * 111_195.0 / 2.0);
        cells.fold(100.0, f64::min).max(0.5)
    }

    fn views(&self) -> Vec<&CollectionView> {
        self.buildings.iter().map(|(view, _)| view).collect()
    }

    /// The buildings that meet windows, of all their collections, and in which each stands.
    fn blocks(&self, windows: &[Bbox], budget: &mut Budget) -> Result<(Vec<Block>, Vec<String>), Problem> {
        let ground: Ground<'_> = &|lon, lat| self.ground_m(lon, lat);
        let (mut all, mut collections) = (Vec::new(), Vec::new());
        for (view, query) in &self.buildings {
            let query = ItemsQuery { windows: windows.to_vec(), ..query.clone() };
            let found = blocks(view, &query, self.height, ground, budget)?;
            collections.extend(std::iter::repeat_n(view.id().to_string(), found.len()));
            all.extend(found);
        }
        Ok((all, collections))
    }

    fn look(&self, eye: Spot, target: Spot, budget: &mut Budget) -> Result<(Sight, Value), Problem> {
        let window = [eye.place, target.place].iter().fold(Bbox::EMPTY, |window, place| window.with(place.x(), place.y()));
        let (blocks, collections) = self.blocks(&[window], budget)?;
        let sight = line_of_sight(eye, target, &blocks, &|lon, lat| self.ground_m(lon, lat), self.step_m(), self.air);
        let obstacle = sight.obstacle.as_ref().map(|obstacle| {
            let by = obstacle.block.map(|at| json!({"collection": collections[at], "id": blocks[at].id}));
            json!({"by": by, "place": [obstacle.place.x(), obstacle.place.y()], "away": obstacle.away_m, "height": obstacle.height_m})
        });
        Ok((sight, json!(obstacle)))
    }

    fn line(&self) -> Result<Value, Problem> {
        let (eye, target) = (self.spot("from")?, self.spot("to")?);
        if Geodesic.distance(eye.place, target.place) > SIGHT_M_MAX || (eye.place.x() - target.place.x()).abs() > 180.0 {
            return Err(Problem::parameter("to", format!("more than {SIGHT_M_MAX} m from the eye, or across the antimeridian")));
        }
        let ((sight, obstacle), revision) = self.desk.settled(&self.views(), || self.look(eye, target, &mut self.desk.budget()))?;
        let line = Geometry::LineString(LineString(vec![eye.place.0, target.place.0]));
        Ok(json!({
            "type": "Feature",
            "geometry": write::geometry_value(&line),
            "properties": {"visible": sight.obstacle.is_none(), "distance": sight.distance_m, "clearance": sight.clearance_m,
                "fromHeight": eye.height_m, "toHeight": target.height_m, "obstacle": obstacle},
            "units": {"distance": "m", "clearance": "m", "fromHeight": "m", "toHeight": "m", "away": "m", "height": "m", "refraction": "1"},
            "revision": revision,
        }))
    }

    fn viewshed(&self) -> Result<Value, Problem> {
        let eye = self.spot("from")?;
        let radius_m = self.input.between("radius", 1.0..=20_000.0, 500.0)?;
        let cell_m = self.input.between("cell", 0.2..=1_000.0, 5.0)?;
        let above_m = self.input.between("above", 0.0..=1_000.0, 0.0)?;
        let as_cells = self.input.choice("form", &["polygon", "cells"])? == "cells";
        let windows = windows_within(eye.place, radius_m);
        let ((blocks, _), revision) = self.desk.settled(&self.views(), || self.blocks(&windows, &mut self.desk.budget()))?;
        let ground: Ground<'_> = &|lon, lat| self.ground_m(lon, lat);
        let made = viewshed(eye, radius_m, cell_m, above_m, &blocks, ground, self.air, &self.desk.budget())?;
        let mut properties = json!({"seen": made.seen_m2(), "radius": radius_m, "cell": cell_m, "above": above_m, "fromHeight": eye.height_m, "buildings": blocks.len()});
        let mut shape = Value::Null;
        if as_cells {
            let sign = |cell: &Option<bool>| match cell {
                Some(true) => '1',
                Some(false) => '0',
                None => '-',
            };
            properties["rows"] = made.seen.chunks(made.side()).map(|row| row.iter().map(sign).collect::<String>()).collect();
        } else {
            let polygons = Geometry::MultiPolygon(made.polygons());
            properties["area"] = area_m2(&polygons).into();
            shape = write::geometry_value(&polygons);
        }
        Ok(json!({
            "type": "Feature",
            "geometry": shape,
            "properties": properties,
            "units": {"seen": "m2", "area": "m2", "radius": "m", "cell": "m", "above": "m", "fromHeight": "m", "refraction": "1"},
            "revision": revision,
        }))
    }

    fn cameras(&self) -> Result<Value, Problem> {
        let target = self.spot("to")?;
        let id = self.input.text("cameras").ok_or_else(|| Problem::parameter("cameras", "is needed: the collection of cameras"))?;
        let cameras = [self.desk.selection_by("cameras-filter", id, self.input.filter("cameras-filter")?)?];
        let names = [("heading", "heading"), ("field-of-view", "field_of_view"), ("range", "range"), ("mounted", "mount_height")]
            .map(|(field, without)| self.input.text(field).unwrap_or(without));
        let view_degrees = self.input.between("default-field-of-view", 1.0..=360.0, 360.0)?;
        let range_m = self.input.between("default-range", 1.0..=CAMERA_M_MAX, 100.0)?;
        let mounted_m = self.input.between("default-mounted", 0.0..=500.0, 5.0)?;
        let mut views = self.views();
        views.push(&cameras[0].0);
        let (features, revision) = self.desk.settled(&views, || {
            let mut budget = self.desk.budget();
            let mut features = Vec::new();
            for near in within(&cameras, target.place, CAMERA_M_MAX, &mut budget)? {
                let found = cameras[0].0.item_by_fid(near.fid, |item| {
                    let place = item.geometry().and_then(citywall_model::geometry::as_point).map(Point::from);
                    (place, names.map(|name| item.number(name).filter(|number| number.is_finite())), write::feature_value(item))
                });
                let Some((Some(place), known, mut feature)) = found else { continue };
                let [heading, view, range, mounted] = known;
                let bearing = Geodesic.bearing(place, target.place).rem_euclid(360.0);
                let off = heading.map_or(0.0, |heading| ((bearing - heading + 540.0).rem_euclid(360.0) - 180.0).abs());
                if near.distance_m > range.unwrap_or(range_m) || off > view.unwrap_or(view_degrees) / 2.0 {
                    continue;
                }
                let eye = Spot { place, height_m: self.ground_m(place.x(), place.y()) + mounted.unwrap_or(mounted_m) };
                let (sight, _) = self.look(eye, target, &mut budget)?;
                if sight.obstacle.is_some() {
                    continue;
                }
                let assumed: Vec<&str> = names.iter().zip(known).filter(|(_, known)| known.is_none()).map(|(name, _)| *name).collect();
                feature["collection"] = id.into();
                feature["distance"] = near.distance_m.into();
                feature["bearing"] = bearing.into();
                feature["clearance"] = sight.clearance_m.into();
                feature["assumed"] = json!(assumed);
                features.push(feature);
            }
            Ok(features)
        })?;
        Ok(json!({
            "type": "FeatureCollection",
            "features": features,
            "numberReturned": features.len(),
            "units": {"distance": "m", "bearing": "degrees", "clearance": "m", "refraction": "1"},
            "revision": revision,
        }))
    }
}
