//! `/query/hotspots`: where items are dense, crowd together, or are more than chance would give.

use super::{
    Desk, Operation,
    areas::{Level, level_of},
    input::{Field, Input, Kind},
};
use crate::{api::features::schema, geojson::write::geometry_value, http::Problem};
use citywall_analysis::{
    aggregate::{Group, Measure, Places, Question, aggregate},
    cells::{Cell, Cells, Squares},
    clusters::dbscan,
    density::{Dense, Kernel, density},
    getis_ord::gi_star,
    points::{self, PointItem},
};
use citywall_model::Bbox;
use citywall_query::{CollectionView, ItemsQuery};
use geo::{ConvexHull, MultiPoint};
use geo_types::{Geometry, Point};
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const FIELDS: &[Field] = &[
    Field::needed("collection", Kind::Text, "the collection; an item counts at its point, or a point inside of it", "events"),
    Field::needed(
        "method",
        Kind::Text,
        "density (kernel density on squares), clusters (DBSCAN) or getis-ord (Gi* of areas or cells)",
        "density",
    ),
    Field::optional("filter", Kind::Filter, "CQL2 that holds of the items", "status = 'open'"),
    Field::optional(
        "against-filter",
        Kind::Filter,
        "CQL2 that holds of other items of the collection, such as those of another period: the answer then has both and their difference; not for clusters",
        "",
    ),
    Field::optional("bbox", Kind::Numbers, "only within west, south, east, north; with getis-ord also the area whose cells count", ""),
    Field::optional("weight", Kind::Text, "a property whose number an item counts for; 1 without it", ""),
    Field::optional(
        "radius",
        Kind::Number,
        "metres, geodesic. density: of the kernel, 1 to 10,000, 300 without it. clusters: how far neighbours are from each other, 100 without it. getis-ord: how far the middles of neighbours are from each other; without it the next squares (8) or cells (6)",
        "300",
    ),
    Field::optional("cell", Kind::Number, "metres of a square's side, of density: 1 to 1,000,000, 100 without it", "100"),
    Field::optional(
        "kernel",
        Kind::Text,
        "of density: quartic, or gaussian (the radius is the standard deviation); quartic without it",
        "",
    ),
    Field::optional(
        "minimum",
        Kind::Number,
        "of clusters: points within the radius that make a core point, itself included; 5 without it",
        "",
    ),
    Field::optional("members", Kind::Truth, "of clusters: true lists the items' ids, core points and border points", ""),
    Field::optional("by", Kind::Text, "of getis-ord: square:METRES, h3:0…15, or a level of areas: district, street, community, grid", ""),
    Field::optional("form", Kind::Text, "numbers, or geojson (features with outlines); numbers without it", "numbers"),
];

/// `/query/hotspots`
pub const OPERATION: Operation = Operation {
    id: "hotspots",
    title: "Where items crowd",
    description: "density: at the middle of each square the items per square kilometre, by a kernel. clusters: DBSCAN with geodesic distances, numbered by their first core item; a border item of several clusters belongs to the first. getis-ord: Gi* (Ord and Getis 1995, binary weights within the radius, the place itself included) with z and the two-sided p of the normal distribution, not corrected for the number of places; squares and cells without items count as 0 within the box of the items, or within bbox.",
    fields: FIELDS,
    is_quick: |_, _| false,
    answer,
};

fn answer(desk: &Desk<'_>, input: &Input) -> Result<String, Problem> {
    let question = Hotspots::read(desk, input)?;
    let mut answer = match input.choice("method", &["density", "clusters", "getis-ord"])? {
        "density" => question.density()?,
        "clusters" => question.clusters()?,
        _ => question.getis_ord()?,
    };
    answer["collection"] = question.view.id().as_str().into();
    answer["method"] = input.text("method").into();
    Ok(answer.to_string())
}

/// A question, read.
struct Hotspots<'a> {
    desk: &'a Desk<'a>,
    input: &'a Input,
    view: CollectionView,
    query: ItemsQuery,
    against: Option<ItemsQuery>,
    window: Option<Bbox>,
    as_features: bool,
}

impl<'a> Hotspots<'a> {
    fn read(desk: &'a Desk<'a>, input: &'a Input) -> Result<Self, Problem> {
        let window = input.window("bbox")?;
        let within = |query: ItemsQuery| ItemsQuery { windows: window.into_iter().collect(), ..query };
        let (view, query) = desk.selection(input.text("collection").unwrap_or_default(), input.filter("filter")?)?;
        let against = input.filter("against-filter")?.map(|filter| desk.query("against-filter", &view, Some(filter))).transpose()?;
        if let Some(name) = input.text("weight")
            && schema::queryables(desk.city, &view.meta()).get(name).is_none()
        {
            return Err(Problem::parameter("weight", format!("there is no property “{name}”; /queryables lists them")));
        }
        let as_features = input.choice("form", &["numbers", "geojson"])? == "geojson";
        Ok(Self { desk, input, query: within(query), against: against.map(within), view, window, as_features })
    }

    /// The items, and those of the other filter, as they are at one revision.
    fn points(&self) -> Result<Points, Problem> {
        let ((items, against), revision) = self.desk.settled(&[&self.view], || {
            let mut budget = self.desk.budget();
            let mut read = |query: &ItemsQuery| points::read(&self.view, query, self.input.text("weight"), &mut budget);
            Ok((read(&self.query)?, self.against.as_ref().map(read).transpose()?))
        })?;
        Ok(Points { items, against, revision })
    }

    fn density(&self) -> Result<Value, Problem> {
        let squares = Squares::new(self.input.number("cell").unwrap_or(100.0))?;
        let radius_m = self.input.number("radius").unwrap_or(300.0);
        let kernel = match self.input.choice("kernel", &["quartic", "gaussian"])? {
            "quartic" => Kernel::Quartic,
            _ => Kernel::Gaussian,
        };
        let Points { items, against, revision } = self.points()?;
        let budget = self.desk.budget();
        let mut cells: BTreeMap<(u64, u64), [f64; 2]> = BTreeMap::new();
        for (which, items) in [Some(&items), against.as_ref()].into_iter().enumerate() {
            for Dense { square, per_m2 } in density(items.map_or(&[], Vec::as_slice), squares, kernel, radius_m, &budget)? {
                cells.entry(square).or_default()[which] = per_m2 * 1e6;
            }
        }
        let rows = cells.into_iter().map(|(cell, [now, then])| {
            let mut row = json!({"code": squares.code(cell), "density": now});
            if against.is_some() {
                row["against"] = then.into();
                row["difference"] = (now - then).into();
            }
            (row, Some(Geometry::from(squares.outline(cell))))
        });
        let unit = if self.input.text("weight").is_some() { "weight/km2" } else { "items/km2" };
        let units = json!({"density": unit, "against": unit, "difference": unit});
        let mut answer = self.table("cells", rows.collect(), units, revision);
        answer["items"] = items.len().into();
        Ok(answer)
    }

    fn clusters(&self) -> Result<Value, Problem> {
        if self.against.is_some() {
            return Err(Problem::parameter("against-filter", "clusters have no difference; ask density or getis-ord"));
        }
        let radius_m = self.input.between("radius", 0.001..=100_000.0, 100.0)?;
        let minimum = self.input.whole("minimum", 5)?;
        let Points { items, revision, .. } = self.points()?;
        let places: Vec<Point> = items.iter().map(|item| item.place).collect();
        let found = dbscan(&places, radius_m, minimum, &self.desk.budget())?;
        let mut members: Vec<Vec<usize>> = vec![Vec::new(); found.count as usize];
        found.labels.iter().enumerate().for_each(|(at, label)| {
            if let Some(label) = label {
                members[*label as usize].push(at);
            }
        });
        let row = |(at, members): (usize, &Vec<usize>)| {
            let hull = MultiPoint(members.iter().map(|at| places[*at]).collect()).convex_hull();
            let ids =
                |core: bool| -> Value { members.iter().filter(|at| found.core[**at] == core).map(|at| items[*at].id.as_str()).collect() };
            let weight: f64 = members.iter().map(|at| items[*at].weight).sum();
            let core = members.iter().filter(|at| found.core[**at]).count();
            let mut row = json!({"cluster": at + 1, "count": members.len(), "core": core});
            if self.input.text("weight").is_some() {
                row["weight"] = weight.into();
            }
            if self.input.truth("members") {
                row["coreItems"] = ids(true);
                row["borderItems"] = ids(false);
            }
            (row, Some(Geometry::from(hull)))
        };
        let rows = members.iter().enumerate().map(row).collect();
        let units = json!({"count": "items", "core": "items", "noise": "items", "radius": "m"});
        let mut answer = self.table("clusters", rows, units, revision);
        answer["items"] = items.len().into();
        answer["noise"] = found.labels.iter().filter(|label| label.is_none()).count().into();
        answer["radius"] = radius_m.into();
        answer["minimum"] = minimum.into();
        Ok(answer)
    }

    fn getis_ord(&self) -> Result<Value, Problem> {
        let city = self.desk.city;
        let by =
            self.input.text("by").ok_or_else(|| Problem::parameter("by", "getis-ord needs square:METRES, h3:0…15 or a level of areas"))?;
        let level = level_of(city, by)?;
        let places = match level {
            Some(level) => Places::Area(level),
            None => Places::Cells(by.parse()?),
        };
        let radius_m = match (self.input.number("radius"), places) {
            (Some(radius_m), _) => radius_m,
            // Beyond the corner neighbours at √2 sides, and short of the next ring at two.
            (None, Places::Cells(Cells::Square(side_m))) => 1.5 * side_m,
            // The first ring is √3 edges away, the second at least three.
            (None, Places::Cells(Cells::H3(resolution))) => 2.4 * resolution.edge_length_m(),
            _ => return Err(Problem::parameter("radius", "areas need metres between the middles of neighbours")),
        };
        let measure = self.input.text("weight").map_or(Measure::Count, |name| Measure::Sum(name.to_owned()));
        let question = Question { places, span: None, zone: TimeZone::UTC, measures: vec![measure] };
        let ((groups, against), revision) = self.desk.settled(&[&self.view], || {
            let budget = self.desk.budget();
            let ask = |query: &ItemsQuery| aggregate(&self.view, query, &question, |lon, lat| city.areas_at(lon, lat), &budget);
            Ok((ask(&self.query)?, self.against.as_ref().map(ask).transpose()?))
        })?;
        let frames: Vec<Frame> = match places {
            Places::Cells(cells) => {
                let window = self.window.unwrap_or_else(|| bounds(groups.iter().chain(against.iter().flatten())));
                if window.is_empty() { Vec::new() } else { cells.over(&window)?.into_iter().map(Frame::of_cell).collect() }
            }
            _ => level.map(|level| Level::of(city, level)).transpose()?.flatten().map_or_else(Vec::new, |level| level.frames()),
        };
        let values = |groups: &[Group]| -> BTreeMap<String, f64> {
            let value = |group: &Group| Some((group.code.clone()?, group.values.first().copied().flatten().unwrap_or(0.0)));
            groups.iter().filter_map(value).collect()
        };
        let (now, then) = (values(&groups), against.as_deref().map(values));
        let value = |values: &BTreeMap<String, f64>, frame: &Frame| values.get(&frame.code).copied().unwrap_or(0.0);
        let tested: Vec<f64> =
            frames.iter().map(|frame| value(&now, frame) - then.as_ref().map_or(0.0, |then| value(then, frame))).collect();
        let middles: Vec<Point> = frames.iter().map(|frame| frame.centre).collect();
        let scores = gi_star(&middles, &tested, radius_m, &self.desk.budget())?;
        let rows = frames.into_iter().zip(scores).zip(&tested).map(|((frame, score), tested)| {
            let mut row = json!({"code": frame.code, "value": value(&now, &frame)});
            if let Some(then) = &then {
                row["against"] = value(then, &frame).into();
                row["difference"] = (*tested).into();
            }
            row["z"] = json!(score.map(|score| score.z));
            row["p"] = json!(score.map(|score| score.p));
            row["neighbours"] = json!(score.map(|score| score.neighbours));
            (row, Some(frame.outline))
        });
        let unit = self.input.text("weight").map_or_else(|| "items".to_owned(), |name| format!("as {name}"));
        let units = json!({"value": unit, "against": unit, "difference": unit, "z": "standard deviations", "p": "1", "radius": "m"});
        let mut answer = self.table("places", rows.collect(), units, revision);
        answer["by"] = by.into();
        answer["radius"] = radius_m.into();
        Ok(answer)
    }

    /// Rows as numbers, or as features with their shapes.
    fn table(&self, name: &str, rows: Vec<(Value, Option<Geometry>)>, units: Value, revision: u64) -> Value {
        let mut answer = json!({"units": units, "revision": revision});
        if self.as_features {
            let feature = |(row, shape): (Value, Option<Geometry>)| json!({"type": "Feature", "geometry": shape.map(|shape| geometry_value(&shape)), "properties": row});
            answer["type"] = "FeatureCollection".into();
            answer["features"] = rows.into_iter().map(feature).collect();
        } else {
            answer[name] = rows.into_iter().map(|(row, _)| row).collect();
        }
        answer
    }
}

/// Items as points, and those of the other filter.
struct Points {
    items: Vec<PointItem>,
    against: Option<Vec<PointItem>>,
    revision: u64,
}

/// A place that has a value, or 0.
pub struct Frame {
    /// Its code.
    pub code: String,
    /// What stands for it when distances are taken.
    pub centre: Point,
    /// Its outline.
    pub outline: Geometry,
}

impl Frame {
    fn of_cell(cell: Cell) -> Self {
        Self { code: cell.code, centre: cell.centre, outline: cell.outline.into() }
    }
}

/// The box of the groups' cells, a little less, so that no further ring of cells touches it.
fn bounds<'a>(groups: impl Iterator<Item = &'a Group>) -> Bbox {
    let corners = groups.filter_map(|group| group.outline.as_ref()).flat_map(|outline| outline.exterior().0.iter());
    let bounds = corners.fold(Bbox::EMPTY, |bounds, c| bounds.with(c.x, c.y));
    if bounds.is_empty() {
        return bounds;
    }
    Bbox::new(bounds.x_min + 1e-9, bounds.y_min + 1e-9, bounds.x_max - 1e-9, bounds.y_max - 1e-9)
}
