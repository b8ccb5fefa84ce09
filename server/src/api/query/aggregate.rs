//! `/query/aggregate`: counts, sums and other measures by area, cell and time.

use super::{
    Desk, Operation,
    areas::{Level, level_of},
    input::{Field, Input, Kind},
};
use crate::{geojson::write, http::Problem};
use citywall_analysis::aggregate::{Group, Measure, Places, Question, Span, aggregate};
use citywall_query::{City, CollectionView, ItemsQuery};
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};

/// What a question has.
pub const FIELDS: &[Field] = &[
    Field { name: "collection", kind: Kind::Text, needed: true, means: "the collection", example: "events" },
    Field {
        name: "by",
        kind: Kind::Text,
        needed: false,
        means: "places: district, street, community, grid (as far as the city has levels), h3:0…15, geohash:1…12, beidou:1…10 (GB/T 39409), square:METRES; without it all are one group",
        example: "district",
    },
    Field {
        name: "per",
        kind: Kind::Text,
        needed: false,
        means: "spans of time: hour, day, week, month, year, in the city's time zone",
        example: "day",
    },
    Field {
        name: "measures",
        kind: Kind::List,
        needed: false,
        means: "count, open (the live items that are not cleared), sum(p), mean(p), min(p), max(p), distinct(p), p50(p) or any percentile of a property p; count without it",
        example: "count,open,mean(level)",
    },
    Field { name: "filter", kind: Kind::Filter, needed: false, means: "CQL2 that holds of the items", example: "status = 'open'" },
    Field {
        name: "form",
        kind: Kind::Text,
        needed: false,
        means: "numbers (a list of groups) or geojson (features with the cells' outlines or the areas' polygons); numbers without it",
        example: "numbers",
    },
];
/// The most measures of one question.
const MEASURES_MAX: usize = 16;

/// `/query/aggregate`
pub const OPERATION: Operation = Operation {
    id: "aggregate",
    title: "Measures by area, cell and time",
    description: "Each item belongs to one group, by its point (or a point inside of it) and its time, so that the counts of areas add up to those of the areas above. Groups come in the order of their code and time; what lies in no area or cell has the code null. Sums do not depend on the order of the items.",
    fields: FIELDS,
    is_quick: |_, _| false,
    answer,
};

/// A question, read.
pub struct Asked {
    /// The collection.
    pub view: CollectionView,
    /// The measures as they were named.
    pub names: Vec<String>,
    /// The question itself.
    pub question: Question,
    query: ItemsQuery,
}

impl Asked {
    /// Reads a question.
    ///
    /// # Errors
    /// It does not make sense for the collection or the city.
    pub fn read(desk: &Desk<'_>, input: &Input) -> Result<Self, Problem> {
        let city = desk.city;
        let id = input.text("collection").unwrap_or_default();
        let (view, query) = desk.selection(id, input.filter("filter")?)?;
        let names = input.list("measures");
        let names = if names.is_empty() { vec!["count".to_owned()] } else { names };
        if names.len() > MEASURES_MAX {
            return Err(Problem::parameter("measures", format!("{} measures where at most {MEASURES_MAX} are taken", names.len())));
        }
        let queryables = crate::api::features::schema::queryables(city, &view.meta());
        let measures = names.iter().map(|name| measure(name, |property| queryables.get(property).is_some()));
        let question = Question {
            places: places(city, input.text("by"))?,
            span: input.text("per").map(span).transpose()?,
            zone: TimeZone::get(&city.profile().time_zone).unwrap_or(TimeZone::UTC),
            measures: measures.collect::<Result<_, _>>()?,
        };
        if question.span.is_some() && !view.is_live() {
            return Err(Problem::parameter("per", format!("the items of “{id}” have no time; ask a live collection")));
        }
        if question.measures.contains(&Measure::Open) && !view.is_live() {
            return Err(Problem::parameter("measures", format!("the items of “{id}” do not open and clear; ask a live collection")));
        }
        Ok(Self { view, names, question, query })
    }

    /// The groups, and the revision that they are of.
    ///
    /// # Errors
    /// A limit is passed.
    pub fn groups(&self, desk: &Desk<'_>) -> Result<(Vec<Group>, u64), Problem> {
        let areas_at = |lon: f64, lat: f64| desk.city.areas_at(lon, lat);
        desk.settled(&[&self.view], || Ok(aggregate(&self.view, &self.query, &self.question, areas_at, &desk.budget())?))
    }
}

fn answer(desk: &Desk<'_>, input: &Input) -> Result<String, Problem> {
    let asked = Asked::read(desk, input)?;
    let as_features = match input.text("form") {
        None | Some("numbers") => false,
        Some("geojson") => true,
        Some(other) => return Err(Problem::parameter("form", format!("“{other}” is neither numbers nor geojson"))),
    };
    let (groups, revision) = asked.groups(desk)?;
    let Asked { view, names, question, .. } = &asked;
    let total: u64 = groups.iter().map(|group| group.count).sum();
    let units: Map<String, Value> = names.iter().zip(&question.measures).map(|(name, measure)| (name.clone(), unit(measure))).collect();
    let mut answer = json!({"collection": view.id().as_str(), "by": input.text("by"), "per": input.text("per"), "total": total, "units": units, "revision": revision});
    if as_features {
        let areas = match question.places {
            Places::Area(level) => Level::of(desk.city, level)?,
            _ => None,
        };
        answer["type"] = "FeatureCollection".into();
        answer["features"] = groups.iter().map(|group| feature(group, names, areas.as_ref())).collect();
    } else {
        answer["groups"] = groups.iter().map(|group| Value::Object(numbers(group, names))).collect();
    }
    Ok(answer.to_string())
}

/// A count is a number of items; any other measure has the unit of its property, which no schema names.
fn unit(measure: &Measure) -> Value {
    match measure {
        Measure::Count | Measure::Open => "items".into(),
        Measure::Distinct(_) => "values".into(),
        Measure::Sum(name) | Measure::Mean(name) | Measure::Min(name) | Measure::Max(name) | Measure::Percentile(_, name) => {
            format!("as {name}").into()
        }
    }
}

fn numbers(group: &Group, names: &[String]) -> Map<String, Value> {
    let mut object = Map::new();
    object.insert("code".to_owned(), json!(group.code));
    group.areas.named().for_each(|(name, code)| drop(object.insert(name.to_owned(), code.into())));
    if let Some(start) = &group.start {
        object.insert("start".to_owned(), start.strftime("%FT%T%:z").to_string().into());
    }
    for (name, value) in names.iter().zip(&group.values) {
        // What is counted is whole.
        let whole = value.filter(|value| value.fract() == 0.0 && value.abs() < 9e15);
        object.insert(name.clone(), whole.map_or_else(|| json!(value), |whole| json!(whole as i64)));
    }
    object
}

fn feature(group: &Group, names: &[String], areas: Option<&Level>) -> Value {
    let shape = match (&group.outline, areas, &group.code) {
        (Some(outline), ..) => Some(outline.clone().into()),
        (None, Some(areas), Some(code)) => areas.shape(code),
        _ => None,
    };
    json!({"type": "Feature", "geometry": shape.map(|shape| write::geometry_value(&shape)), "properties": numbers(group, names)})
}

fn places(city: &City, by: Option<&str>) -> Result<Places, Problem> {
    let Some(by) = by else { return Ok(Places::All) };
    level_of(city, by)?.map_or_else(|| Ok(Places::Cells(by.parse()?)), |level| Ok(Places::Area(level)))
}

fn span(per: &str) -> Result<Span, Problem> {
    Ok(match per {
        "hour" => Span::Hour,
        "day" => Span::Day,
        "week" => Span::Week,
        "month" => Span::Month,
        "year" => Span::Year,
        _ => return Err(Problem::parameter("per", format!("“{per}” is none of hour, day, week, month, year"))),
    })
}

fn measure(text: &str, known: impl Fn(&str) -> bool) -> Result<Measure, Problem> {
    let refuse = |reason: String| Problem::parameter("measures", reason);
    match text {
        "count" => return Ok(Measure::Count),
        "open" => return Ok(Measure::Open),
        _ => {}
    }
    let parts = text.strip_suffix(')').and_then(|text| text.split_once('('));
    let Some((name, property)) = parts else {
        return Err(refuse(format!("“{text}” is none of count, open, sum(p), mean(p), min(p), max(p), distinct(p), p50(p)")));
    };
    if !known(property) {
        return Err(refuse(format!("there is no property “{property}”; /queryables lists them")));
    }
    let property = property.to_owned();
    Ok(match name {
        "sum" => Measure::Sum(property),
        "mean" => Measure::Mean(property),
        "min" => Measure::Min(property),
        "max" => Measure::Max(property),
        "distinct" => Measure::Distinct(property),
        _ => match name.strip_prefix('p').and_then(|percent| percent.parse::<f64>().ok()).filter(|p| (0.0..=100.0).contains(p)) {
            Some(percent) => Measure::Percentile(percent, property),
            None => return Err(refuse(format!("“{name}” is none of sum, mean, min, max, distinct, p0 to p100"))),
        },
    })
}
