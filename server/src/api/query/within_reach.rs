//! `/query/within-reach`: what is how far along the roads.

use super::{
    Desk, Operation,
    input::{Field, Input, Kind},
    start::Start,
};
use crate::{geojson::write, http::Problem, limits};
use citywall_analysis::{
    distance::windows_within,
    network::{Cost, Direction, Network, Piece, Reach, Rules, Ties},
    overlay::{area_m2, buffer},
    points::place_of,
};
use citywall_model::limits as engine;
use citywall_query::{CollectionView, ItemsQuery};
use geo_types::{Geometry, MultiLineString, Point};
use serde_json::{Value, json};

const FIELDS: &[Field] = &[
    Field::needed("roads", Kind::Text, "the collection whose lines are the network; others are passed over", "roads"),
    Field::optional("place", Kind::Place, "where the way begins: longitude, latitude in degrees", "117.2,39.13"),
    Field::optional("from-collection", Kind::Text, "or the collection of the item where it begins", ""),
    Field::optional("from-item", Kind::Text, "and the item's id", ""),
    Field::optional(
        "collections",
        Kind::List,
        "collections whose items are looked for; an item stands at its point, or a point inside of it",
        "buildings",
    ),
    Field::optional("filter", Kind::Filter, "CQL2 that holds of the items, in each of the collections", ""),
    Field::optional("by", Kind::Text, "distance (metres) or time (seconds); distance without it", "distance"),
    Field::optional(
        "bands",
        Kind::Numbers,
        "metres or seconds, at most REACH_BANDS_MAX (16); each has its area; 500 without it",
        "250,500",
    ),
    Field::optional("towards", Kind::Truth, "true: how far it is to the place, rather than from it", ""),
    Field::optional("roads-filter", Kind::Filter, "CQL2 that holds of the roads that may be used", ""),
    Field::optional(
        "oneway",
        Kind::Text,
        "the property that says in which direction a road is used, as in OpenStreetMap: yes, true, 1 or F as it is drawn, -1, reverse or T against it, anything else both; oneway without this",
        "",
    ),
    Field::optional("both-ways", Kind::Truth, "true passes over one-ways, as who walks does", ""),
    Field::optional("speed", Kind::Text, "the property with a road's speed: km/h, or text such as “30 mph”", ""),
    Field::optional("default-speed", Kind::Number, "km/h where a road has no speed, 0.1 to 300; 30 without it", ""),
    Field::optional(
        "snap",
        Kind::Number,
        "metres within which an end of a road meets a vertex of another, 0 to 50; 0 (the same place) without it",
        "",
    ),
    Field::optional(
        "access",
        Kind::Number,
        "metres between a road and what stands at it, 0.1 to 5,000; 100 without it. They are not part of the distance",
        "",
    ),
    Field::optional("include", Kind::List, "which of items, areas, roads the answer has; items and areas without it", ""),
    Field::optional("width", Kind::Number, "metres to each side of the roads that an area takes in, 1 to 1,000; 25 without it", ""),
];

/// `/query/within-reach`
pub const OPERATION: Operation = Operation {
    id: "within-reach",
    title: "What is within reach along roads",
    description: "A FeatureCollection of the items within the last band, the nearest first, each with its distance (metres, geodesic along the roads) or duration (seconds), its band, and access: the metres between the road and itself, which do not count. areas has for each band the roads reached, widened by width: an isochrone; roads has these roads themselves. Roads meet where they share a vertex, so that a bridge does not meet the road below it.",
    fields: FIELDS,
    is_quick: |_, _| false,
    answer,
};

/// A question, read.
struct Question<'a> {
    desk: &'a Desk<'a>,
    roads: CollectionView,
    roads_query: ItemsQuery,
    items: Vec<(CollectionView, ItemsQuery)>,
    ties: Ties,
    rules: Rules,
    bands: Vec<f64>,
    access_m: f64,
}

fn answer(desk: &Desk<'_>, input: &Input) -> Result<String, Problem> {
    let by = input.choice("by", &["distance", "time"])?;
    let include = input.list("include");
    if let Some(other) = include.iter().find(|name| !["items", "areas", "roads"].contains(&name.as_str())) {
        return Err(Problem::parameter("include", format!("“{other}” is none of items, areas, roads")));
    }
    let has = |name: &str, without: bool| if include.is_empty() { without } else { include.iter().any(|own| own == name) };
    let width_m = input.between("width", 1.0..=1_000.0, 25.0)?;
    let question = Question::read(desk, input, by, has("items", true))?;
    let start = Start::read(desk, input, None)?;
    let views: Vec<&CollectionView> =
        std::iter::once(&question.roads).chain(start.view()).chain(question.items.iter().map(|(view, _)| view)).collect();
    let (found, revision) = desk.settled(&views, || question.find(start.place()?))?;
    let amount = if by == "time" { "duration" } else { "distance" };
    let mut answer = json!({"type": "FeatureCollection"});
    let features: Vec<Value> = found.items.into_iter().map(|item| item.feature(amount, &question.bands)).collect();
    answer["numberReturned"] = features.len().into();
    answer["features"] = features.into();
    let bands = question.bands.iter().zip(&found.bands);
    if has("areas", true) {
        let area = |(band, reached): (&f64, &Band)| {
            desk.budget().time()?;
            let area = buffer(&Geometry::MultiLineString(reached.shape.clone()), width_m)?.into();
            Ok(
                json!({"type": "Feature", "geometry": write::geometry_value(&area), "properties": {"band": band, "area": area_m2(&area), "width": width_m}}),
            )
        };
        answer["areas"] =
            json!({"type": "FeatureCollection", "features": bands.clone().map(area).collect::<Result<Vec<Value>, Problem>>()?});
    }
    let road = |(band, reached): (&f64, &Band)| {
        let shape = has("roads", false).then(|| write::geometry_value(&Geometry::MultiLineString(reached.shape.clone())));
        json!({"type": "Feature", "geometry": shape, "properties": {"band": band, "length": reached.length_m, "pieces": reached.shape.0.len()}})
    };
    answer["roads"] = json!({"type": "FeatureCollection", "features": bands.map(road).collect::<Vec<_>>()});
    answer["place"] = json!([found.place.x(), found.place.y()]);
    answer["access"] = found.access_m.into();
    answer["by"] = by.into();
    answer["units"] = json!({"distance": "m", "duration": "s", "band": if by == "time" { "s" } else { "m" }, "access": "m", "width": "m", "length": "m", "area": "m2"});
    answer["revision"] = revision.into();
    Ok(answer.to_string())
}

impl<'a> Question<'a> {
    fn read(desk: &'a Desk<'a>, input: &Input, by: &str, with_items: bool) -> Result<Self, Problem> {
        let (roads, roads_query) =
            desk.selection_by("roads-filter", input.text("roads").unwrap_or_default(), input.filter("roads-filter")?)?;
        let ids = input.list("collections");
        if ids.len() > limits::QUERY_COLLECTIONS_MAX {
            return Err(Problem::parameter("collections", format!("more than QUERY_COLLECTIONS_MAX ({})", limits::QUERY_COLLECTIONS_MAX)));
        }
        let filter = input.filter("filter")?;
        let items = ids.iter().filter(|_| with_items).map(|id| desk.selection(id, filter.clone())).collect::<Result<_, _>>()?;
        let mut bands = input.numbers("bands");
        if bands.is_empty() {
            bands.push(500.0);
        }
        bands.sort_by(f64::total_cmp);
        bands.dedup();
        if bands.len() > engine::REACH_BANDS_MAX || bands.iter().any(|band| !(0.0..=1e6).contains(band)) {
            return Err(Problem::parameter(
                "bands",
                format!("expected at most REACH_BANDS_MAX ({}) numbers from 0 to 1,000,000", engine::REACH_BANDS_MAX),
            ));
        }
        let without_kmh = input.between("default-speed", 0.1..=300.0, 30.0)?;
        let cost = match by {
            "time" => Cost::Seconds { speed: input.text("speed").map(str::to_owned), without_kmh },
            _ => Cost::Metres,
        };
        let oneway = input.text("oneway").unwrap_or("oneway").to_owned();
        let rules = Rules {
            direction: (!input.truth("both-ways")).then_some(oneway),
            without: Direction::Both,
            cost,
            towards: input.truth("towards"),
        };
        let ties = Ties::Places { snap_m: input.between("snap", 0.0..=50.0, 0.0)? };
        let access_m = input.between("access", 0.1..=5_000.0, 100.0)?;
        Ok(Self { desk, roads, roads_query, items, ties, rules, bands, access_m })
    }

    fn find(&self, place: Point) -> Result<Found, Problem> {
        let mut budget = self.desk.budget();
        let network = self.desk.networks.of(&self.roads, &self.ties, &mut budget)?;
        let passages = network.passages(&self.roads, &self.roads_query, &self.rules, &mut budget)?;
        let is_open = |edge: u32| passages[network.edges()[edge as usize].line as usize].is_some();
        let Some(start) = network.locate(place, self.access_m, is_open) else {
            return Err(Problem::parameter(
                "access",
                format!("no road of “{}” is within {} m of the place", self.roads.id(), self.access_m),
            ));
        };
        let last = self.bands.last().copied().unwrap_or_default();
        let reach = network.reach(&passages, start, last, |_| true, &budget)?;
        // No way is shorter than the straight line at the highest speed.
        let cheapest = passages.iter().flatten().map(|passage| passage.per_m).min_by(f64::total_cmp).unwrap_or(1.0);
        let windows = windows_within(place, last / cheapest * 1.001 + 2.0 * self.access_m);
        let mut items = Vec::new();
        for (view, query) in &self.items {
            let query = ItemsQuery { windows: windows.clone(), ..query.clone() };
            let mut stopped: Option<Problem> = None;
            view.each(&query, |item| {
                stopped = budget.rows(1).err().map(Problem::from);
                let located = item.geometry().and_then(place_of).and_then(|place| network.locate(place, self.access_m, is_open));
                let cost = located.map(|located| (reach.cost(located), located.away_m)).filter(|(cost, _)| *cost <= last);
                if let Some((cost, access_m)) = cost {
                    let mut feature = write::feature_value(item);
                    feature["collection"] = view.id().as_str().into();
                    items.push(Item { cost, access_m, feature });
                }
                if items.len() > engine::ITEMS_LIMIT_MAX {
                    stopped = Some(too_many());
                }
                stopped.is_none()
            });
            if let Some(problem) = stopped {
                return Err(problem);
            }
        }
        // A stable sort: equally far items stay in the order of the collections and of the fid.
        items.sort_by(|a, b| a.cost.total_cmp(&b.cost));
        let bands = self.bands.iter().map(|band| Band::of(&network, &reach, *band)).collect();
        Ok(Found { place, access_m: start.away_m, items, bands })
    }
}

fn too_many() -> Problem {
    Problem::new(
        axum::http::StatusCode::UNPROCESSABLE_ENTITY,
        format!("the question passes ITEMS_LIMIT_MAX ({}): ask for a smaller band, or narrow the filter", engine::ITEMS_LIMIT_MAX),
    )
}

/// What is within reach.
struct Found {
    place: Point,
    access_m: f64,
    items: Vec<Item>,
    bands: Vec<Band>,
}

struct Item {
    cost: f64,
    access_m: f64,
    feature: Value,
}

impl Item {
    fn feature(mut self, amount: &str, bands: &[f64]) -> Value {
        self.feature[amount] = self.cost.into();
        self.feature["band"] = json!(bands.iter().find(|band| self.cost <= **band));
        self.feature["access"] = self.access_m.into();
        self.feature
    }
}

/// The roads of a band.
struct Band {
    shape: MultiLineString,
    length_m: f64,
}

impl Band {
    fn of(network: &Network, reach: &Reach<'_>, limit: f64) -> Self {
        let pieces: Vec<Piece> = reach.pieces(limit, |_| true);
        Self {
            shape: MultiLineString(pieces.iter().map(|piece| network.part(piece.edge, piece.from_m, piece.to_m)).collect()),
            length_m: pieces.iter().map(|piece| piece.to_m - piece.from_m).sum(),
        }
    }
}
