//! `/query/overlay`: shapes from shapes, their areas and lengths.

use super::{
    Desk,
    input::{Field, Input, Kind},
};
use crate::{geojson::write, http::Problem};
use citywall_analysis::overlay::{Operation, area_m2, buffer, length_m, overlay};
use citywall_model::geometry as wkb;
use citywall_query::{CollectionView, ItemsQuery};
use geo_types::{Geometry, GeometryCollection};
use serde_json::json;

const FIELDS: &[Field] = &[
    Field::needed(
        "operation",
        Kind::Text,
        "measure, buffer (with distance), union, intersection or difference (each with a second shape or collection)",
        "buffer",
    ),
    Field::optional("geometry", Kind::Geometry, "the first shape", r#"{"type":"Point","coordinates":[117.2,39.13]}"#),
    Field::optional("collection", Kind::Text, "or the collection whose items are the first shape", ""),
    Field::optional("filter", Kind::Filter, "CQL2 that holds of these items", ""),
    Field::optional("other-geometry", Kind::Geometry, "the second shape", ""),
    Field::optional("other-collection", Kind::Text, "or the collection whose items are the second shape", ""),
    Field::optional("other-filter", Kind::Filter, "CQL2 that holds of these items", ""),
    Field::optional("distance", Kind::Number, "metres of a buffer, -50,000 to 50,000; below 0 it shrinks polygons", "200"),
];

/// `/query/overlay`
pub const OPERATION: super::Operation = super::Operation {
    id: "overlay",
    title: "Shapes from shapes",
    description: "A Feature with the shape that results, and its area in square metres and its length (of lines and borders) in metres, geodesic on WGS 84. Union, intersection and difference take the polygons of their shapes.",
    fields: FIELDS,
    is_quick: |_, _| false,
    answer,
};

fn answer(desk: &Desk<'_>, input: &Input) -> Result<String, Problem> {
    let name = input.text("operation").unwrap_or_default();
    let operation = match name {
        "measure" | "buffer" => None,
        "union" => Some(Operation::Union),
        "intersection" => Some(Operation::Intersection),
        "difference" => Some(Operation::Difference),
        _ => return Err(Problem::parameter("operation", format!("“{name}” is none of measure, buffer, union, intersection, difference"))),
    };
    let first = Side::of(desk, input, ["geometry", "collection", "filter"])?;
    let second = operation.map(|_| Side::of(desk, input, ["other-geometry", "other-collection", "other-filter"])).transpose()?;
    let views: Vec<&CollectionView> = [Some(&first), second.as_ref()].into_iter().flatten().filter_map(Side::view).collect();
    // Both sides as they are at one revision.
    let ((first, second), revision) =
        desk.settled(&views, || Ok((first.shapes(desk)?, second.as_ref().map(|side| side.shapes(desk)).transpose()?)))?;
    let result: Geometry = match (operation, second) {
        (Some(operation), Some(second)) => overlay(&first, &second, operation)?.into(),
        _ if name == "buffer" => {
            let metres = input.number("distance").ok_or_else(|| Problem::parameter("distance", "a buffer needs metres"))?;
            buffer(&Geometry::GeometryCollection(GeometryCollection(first)), metres)?.into()
        }
        _ if first.len() == 1 => first.into_iter().next().unwrap_or(Geometry::GeometryCollection(GeometryCollection::default())),
        _ => Geometry::GeometryCollection(GeometryCollection(first)),
    };
    Ok(json!({
        "type": "Feature",
        "geometry": write::geometry_value(&result),
        "properties": {"operation": name, "area": area_m2(&result), "length": length_m(&result)},
        "units": {"area": "m2", "length": "m"},
        "revision": revision,
    })
    .to_string())
}

/// Where the shapes of one side come from.
enum Side {
    Given(Geometry),
    Items(CollectionView, ItemsQuery),
}

impl Side {
    fn of(desk: &Desk<'_>, input: &Input, [geometry, collection, filter]: [&'static str; 3]) -> Result<Self, Problem> {
        match (input.geometry(geometry)?, input.text(collection)) {
            (Some(shape), None) => Ok(Self::Given(shape)),
            (None, Some(id)) => desk.selection_by(filter, id, input.filter(filter)?).map(|(view, query)| Self::Items(view, query)),
            _ => Err(Problem::parameter(geometry, format!("give either {geometry} or {collection}"))),
        }
    }

    fn view(&self) -> Option<&CollectionView> {
        match self {
            Self::Given(_) => None,
            Self::Items(view, _) => Some(view),
        }
    }

    fn shapes(&self, desk: &Desk<'_>) -> Result<Vec<Geometry>, Problem> {
        let (view, query) = match self {
            Self::Given(shape) => return Ok(vec![shape.clone()]),
            Self::Items(view, query) => (view, query),
        };
        let (mut shapes, budget, mut stopped) = (Vec::new(), desk.budget(), None);
        view.each(query, |item| {
            shapes.extend(item.geometry().and_then(wkb::to_geo));
            stopped = budget.rows(1).err();
            stopped.is_none()
        });
        stopped.map_or(Ok(shapes), |error| Err(error.into()))
    }
}
