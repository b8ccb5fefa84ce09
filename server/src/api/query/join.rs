//! `/query/join`: two collections joined by where their items are.

use super::{
    Desk, Operation,
    input::{Field, Input, Kind},
};
use crate::http::Problem;
use citywall_analysis::join::{Joined, Relation, Side, counts, nearest, pairs, read};
use serde_json::{Map, Value, json};

const FIELDS: &[Field] = &[
    Field::needed("left", Kind::Text, "the collection whose items are looked up", "events"),
    Field::needed("right", Kind::Text, "the collection that they are looked up in", "districts"),
    Field::needed("relation", Kind::Text, "intersects, within, dwithin (with distance) or nearest (of points)", "intersects"),
    Field::optional("distance", Kind::Number, "metres of dwithin, geodesic", ""),
    Field::optional("result", Kind::Text, "counts (of the left for each of the right) or pairs; counts without it", "counts"),
    Field::optional("left-filter", Kind::Filter, "CQL2 that holds of the left", ""),
    Field::optional("right-filter", Kind::Filter, "CQL2 that holds of the right", ""),
    Field::optional("left-properties", Kind::List, "properties of the left to carry over into pairs", ""),
    Field::optional("right-properties", Kind::List, "properties of the right to carry over", ""),
];

/// `/query/join`
pub const OPERATION: Operation = Operation {
    id: "join",
    title: "Two collections joined by place",
    description: "The items of the left that share a point with, lie in, or are near those of the right: how many for each of the right, or every pair, in the order of the collections. Distances are in metres.",
    fields: FIELDS,
    is_quick: |_, _| false,
    answer,
};

fn answer(desk: &Desk<'_>, input: &Input) -> Result<String, Problem> {
    let (left_id, right_id) = (input.text("left").unwrap_or_default(), input.text("right").unwrap_or_default());
    let name = input.text("relation").unwrap_or_default();
    // Nearest is not a relation of two items alone.
    let relation = match (name, input.number("distance")) {
        ("dwithin", Some(metres)) if metres >= 0.0 => Some(Relation::Near(metres)),
        ("dwithin", _) => return Err(Problem::parameter("distance", "dwithin needs metres, not less than 0")),
        (_, Some(_)) => return Err(Problem::parameter("distance", "only dwithin has a distance")),
        ("intersects", None) => Some(Relation::Intersects),
        ("within", None) => Some(Relation::Within),
        ("nearest", None) => None,
        _ => return Err(Problem::parameter("relation", format!("“{name}” is none of intersects, within, dwithin, nearest"))),
    };
    let as_pairs = match input.text("result") {
        None | Some("counts") => false,
        Some("pairs") => true,
        Some(other) => return Err(Problem::parameter("result", format!("“{other}” is neither counts nor pairs"))),
    };
    let (left_view, left_query) = desk.selection_by("left-filter", left_id, input.filter("left-filter")?)?;
    let (right_view, right_query) = desk.selection_by("right-filter", right_id, input.filter("right-filter")?)?;
    let (left_names, right_names) = (input.list("left-properties"), input.list("right-properties"));
    let mut budget = desk.budget();
    let left_side = Side { view: &left_view, query: &left_query, properties: &left_names };
    let ((left, sums, right), revision) = desk.settled(&[&left_view, &right_view], || {
        budget = desk.budget();
        let right = read(&Side { view: &right_view, query: &right_query, properties: &right_names }, &mut budget)?;
        Ok(match relation.filter(|_| !as_pairs) {
            Some(relation) => (Vec::new(), counts(&left_side, &right, relation, &budget)?, right),
            None => (read(&left_side, &mut budget)?, Vec::new(), right),
        })
    })?;
    let mut answer = json!({"left": left_id, "right": right_id, "relation": name, "revision": revision});
    let pair = |l: &Joined, r: &Joined, distance: Option<f64>| {
        let mut object = json!({"left": l.id, "right": r.id});
        if let Some(metres) = distance {
            object["distance"] = metres.into();
        }
        [("leftProperties", l, &left_names), ("rightProperties", r, &right_names)]
            .into_iter()
            .filter(|(.., names)| !names.is_empty())
            .for_each(|(name, item, _)| object[name] = carried(item));
        object
    };
    let counted = |counts: &[u64]| -> Value {
        let count = |(item, count): (&Joined, &u64)| {
            let mut object = json!({"right": item.id, "count": count});
            if !right_names.is_empty() {
                object["rightProperties"] = carried(item);
            }
            object
        };
        right.iter().zip(counts).map(count).collect()
    };
    match (relation, as_pairs) {
        (Some(relation), true) => {
            let found = pairs(&left, &right, relation, &budget)?;
            answer["units"] = json!({});
            answer["pairs"] = found.iter().map(|(l, r)| pair(&left[*l as usize], &right[*r as usize], None)).collect();
        }
        (Some(_), false) => {
            answer["units"] = json!({"count": "items"});
            answer["counts"] = counted(&sums);
        }
        (None, true) => {
            let found = nearest(&left, &right, &budget)?;
            answer["units"] = json!({"distance": "m"});
            let with = |(l, found): (&Joined, &Option<(u32, f64)>)| found.map(|(r, metres)| pair(l, &right[r as usize], Some(metres)));
            answer["pairs"] = left.iter().zip(&found).filter_map(with).collect();
        }
        (None, false) => {
            let mut sums = vec![0; right.len()];
            nearest(&left, &right, &budget)?.iter().flatten().for_each(|(r, _)| sums[*r as usize] += 1);
            answer["units"] = json!({"count": "items"});
            answer["counts"] = counted(&sums);
        }
    }
    Ok(answer.to_string())
}

fn carried(item: &Joined) -> Value {
    use citywall_model::Value as Held;
    let json = |value: &Held| match value {
        Held::Null => Value::Null,
        Held::Boolean(value) => (*value).into(),
        Held::Integer(value) => (*value).into(),
        Held::Number(value) => json!(value),
        Held::Text(text) => text.as_str().into(),
        Held::Json(text) => serde_json::from_str(text).unwrap_or_default(),
    };
    item.properties.iter().map(|(name, value)| (name.clone(), json(value))).collect::<Map<_, _>>().into()
}
