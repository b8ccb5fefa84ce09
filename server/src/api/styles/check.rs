//! Checks a MapLibre style: its form against the reference of the style specification in
//! `data/maplibre-style`, its layers against the city, its addresses against this server. The
//! first fault is told with its place in the document.

use crate::limits;
use citywall_model::CollectionId;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::LazyLock,
};

/// What is wrong and where.
#[derive(Debug)]
pub struct Fault {
    place: String,
    reason: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.reason)
    }
}

fn fault<T>(place: impl Into<String>, reason: impl Into<String>) -> Result<T, Fault> {
    Err(Fault { place: place.into(), reason: reason.into() })
}

/// The part of the style specification that is checked.
#[derive(Deserialize)]
struct Reference {
    layers: BTreeMap<String, LayerType>,
    expressions: BTreeSet<String>,
}

#[derive(Deserialize)]
struct LayerType {
    layout: BTreeMap<String, Property>,
    paint: BTreeMap<String, Property>,
}

#[derive(Deserialize)]
struct Property {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    values: Vec<String>,
    length: Option<usize>,
    minimum: Option<f64>,
    maximum: Option<f64>,
}

static REFERENCE: LazyLock<Reference> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../../../data/maplibre-style/v8.json"))
        .unwrap_or_else(|error| unreachable!("the reference: {error}"))
});

/// Operators of filters from before expressions.
const OLD_FILTERS: [&str; 3] = ["none", "!in", "!has"];
/// Members of a style that hold addresses.
const ADDRESSES: [&str; 2] = ["sprite", "glyphs"];

/// The collections that a style's layers draw, each once.
pub fn collections(style: &Value) -> Vec<&str> {
    let layers = style["layers"].as_array().map_or(&[] as &[Value], Vec::as_slice);
    let named: BTreeSet<&str> = layers.iter().filter_map(collection_of).collect();
    named.into_iter().collect()
}

/// The collection that a layer draws: its `source-layer`, or else its source.
fn collection_of(layer: &Value) -> Option<&str> {
    layer.get("source-layer").or_else(|| layer.get("source")).and_then(Value::as_str)
}

/// Checks a style. `of` is the one collection that it may draw, if it is one collection's.
pub fn style(style: &Value, of: Option<&CollectionId>, has: &dyn Fn(&CollectionId) -> bool) -> Result<(), Fault> {
    let Value::Object(members) = style else { return fault("the style", "must be an object") };
    if members.get("version").and_then(Value::as_u64) != Some(8) {
        return fault("version", "must be 8");
    }
    for name in ADDRESSES {
        own_address(name, members.get(name))?;
    }
    let Some(Value::Object(sources)) = members.get("sources") else { return fault("sources", "must be an object") };
    for (name, source) in sources {
        check_source(&format!("sources.{name}"), source)?;
    }
    let Some(Value::Array(layers)) = members.get("layers") else { return fault("layers", "must be an array") };
    if layers.is_empty() {
        return fault("layers", "must not be empty");
    }
    let mut ids = BTreeSet::new();
    for (at, layer) in layers.iter().enumerate() {
        let place = format!("layers[{at}]");
        let Value::Object(layer_members) = layer else { return fault(place, "must be an object") };
        check_layer(&place, layer_members, sources)?;
        if !ids.insert(layer_members.get("id").and_then(Value::as_str)) {
            return fault(format!("{place}.id"), "another layer has it");
        }
        check_collection(&place, layer, of, has)?;
    }
    Ok(())
}

fn check_source(place: &str, source: &Value) -> Result<(), Fault> {
    match source["type"].as_str() {
        Some("vector" | "raster" | "raster-dem") => {}
        Some(other) => {
            return fault(format!("{place}.type"), format!("“{other}” holds no collection; known are vector, raster, raster-dem"));
        }
        None => return fault(format!("{place}.type"), "must be vector, raster or raster-dem"),
    }
    own_address(&format!("{place}.url"), source.get("url"))?;
    let tiles = source.get("tiles").and_then(Value::as_array).map_or(&[] as &[Value], Vec::as_slice);
    tiles.iter().enumerate().try_for_each(|(at, tile)| own_address(&format!("{place}.tiles[{at}]"), Some(tile)))
}

/// Page and wall call no address but the server's, so a style names paths of it alone.
fn own_address(place: &str, address: Option<&Value>) -> Result<(), Fault> {
    match address {
        None => Ok(()),
        Some(Value::String(address)) if address.starts_with('/') && !address.starts_with("//") => Ok(()),
        Some(address) => fault(place, format!("{address} is no path of this server, which would start with “/”")),
    }
}

fn check_collection(place: &str, layer: &Value, of: Option<&CollectionId>, has: &dyn Fn(&CollectionId) -> bool) -> Result<(), Fault> {
    let Some(name) = collection_of(layer) else { return Ok(()) };
    let place = format!("{place}.{}", if layer.get("source-layer").is_some() { "source-layer" } else { "source" });
    let Some(id) = CollectionId::new(name).ok().filter(|id| has(id)) else {
        return fault(place, format!("the city has no layer “{name}”"));
    };
    match of {
        Some(of) if *of != id => fault(place, format!("this is a style of “{of}”, and “{name}” is another layer; PUT it to /styles")),
        _ => Ok(()),
    }
}

fn check_layer(place: &str, layer: &Map<String, Value>, sources: &Map<String, Value>) -> Result<(), Fault> {
    if layer.get("id").and_then(Value::as_str).is_none_or(str::is_empty) {
        return fault(format!("{place}.id"), "must be a text");
    }
    let kind = layer.get("type").and_then(Value::as_str).unwrap_or_default();
    let Some(known) = REFERENCE.layers.get(kind) else {
        let names: Vec<&str> = REFERENCE.layers.keys().map(String::as_str).collect();
        return fault(format!("{place}.type"), format!("“{kind}” is no type of layer; known are {}", names.join(", ")));
    };
    match layer.get("source").and_then(Value::as_str) {
        Some(source) if !sources.contains_key(source) => {
            return fault(format!("{place}.source"), format!("“{source}” is not among the sources"));
        }
        None if kind != "background" => return fault(format!("{place}.source"), "must name one of the sources"),
        _ => {}
    }
    for zoom in ["minzoom", "maxzoom"] {
        if layer.get(zoom).is_some_and(|value| value.as_f64().is_none_or(|value| !(0.0..=24.0).contains(&value))) {
            return fault(format!("{place}.{zoom}"), "must be a number from 0 to 24");
        }
    }
    if let Some(filter) = layer.get("filter") {
        check_filter(&format!("{place}.filter"), filter)?;
    }
    for (group, properties) in [("layout", &known.layout), ("paint", &known.paint)] {
        let place = format!("{place}.{group}");
        match layer.get(group) {
            None => {}
            Some(Value::Object(members)) => {
                for (name, value) in members {
                    let place = format!("{place}.{name}");
                    // Transitions are properties of every paint property.
                    let Some(property) = properties.get(name) else {
                        if name.ends_with("-transition") && value.is_object() {
                            continue;
                        }
                        return fault(place, format!("a layer of type {kind} has no such property"));
                    };
                    check_value(&place, value, property)?;
                }
            }
            Some(_) => return fault(place, "must be an object"),
        }
    }
    Ok(())
}

fn check_filter(place: &str, filter: &Value) -> Result<(), Fault> {
    match filter {
        Value::Bool(_) => Ok(()),
        Value::Array(_) => check_expression(place, filter, 0),
        _ => fault(place, "must be an expression"),
    }
}

fn check_value(place: &str, value: &Value, property: &Property) -> Result<(), Fault> {
    if is_expression(value, property) {
        return check_expression(place, value, 0);
    }
    // A zoom function from before expressions.
    if value.get("stops").is_some_and(Value::is_array) {
        return Ok(());
    }
    let number = |value: &Value| {
        let Some(number) = value.as_f64() else { return fault(place, format!("{value} is no number")) };
        match (property.minimum, property.maximum) {
            (Some(minimum), _) if number < minimum => fault(place, format!("{number} is below {minimum}")),
            (_, Some(maximum)) if number > maximum => fault(place, format!("{number} is above {maximum}")),
            _ => Ok(()),
        }
    };
    let one_of = |value: &Value| {
        if value.as_str().is_some_and(|text| property.values.iter().any(|known| known == text)) {
            return Ok(());
        }
        fault(place, format!("{value} is not one of {}", property.values.join(", ")))
    };
    let color = |value: &Value| match value.as_str() {
        Some(text) if csscolorparser::parse(text).is_ok() => Ok(()),
        _ => fault(place, format!("{value} is no colour")),
    };
    match property.kind.as_str() {
        "number" => number(value),
        "boolean" if !value.is_boolean() => fault(place, format!("{value} is neither true nor false")),
        "color" => color(value),
        "enum" => one_of(value),
        "formatted" | "resolvedImage" | "string" if !value.is_string() => fault(place, format!("{value} is no text")),
        "colorArray" => value.as_array().map_or_else(|| color(value), |colors| colors.iter().try_for_each(color)),
        "numberArray" => value.as_array().map_or_else(|| number(value), |numbers| numbers.iter().try_for_each(number)),
        "array" => match value.as_array() {
            None => fault(place, format!("{value} is no array")),
            Some(array) if property.length.is_some_and(|length| length != array.len()) => {
                fault(place, format!("must have {} members", property.length.unwrap_or_default()))
            }
            Some(array) if !property.values.is_empty() => array.iter().try_for_each(one_of),
            Some(_) => Ok(()),
        },
        _ => Ok(()),
    }
}

/// An array that begins with the name of an operator, where an array of texts is not the value itself.
fn is_expression(value: &Value, property: &Property) -> bool {
    let Some(first) = value.as_array().and_then(|array| array.first()).and_then(Value::as_str) else { return false };
    property.kind != "array" || REFERENCE.expressions.contains(first)
}

fn check_expression(place: &str, expression: &Value, depth: usize) -> Result<(), Fault> {
    if depth > limits::STYLE_DEPTH_MAX {
        return fault(place, format!("expressions are nested deeper than STYLE_DEPTH_MAX ({})", limits::STYLE_DEPTH_MAX));
    }
    let Value::Array(parts) = expression else { return Ok(()) };
    let Some(operator) = parts.first().and_then(Value::as_str) else {
        // A list of labels or values inside “match”, “in” and their like.
        return Ok(());
    };
    if operator == "literal" {
        return if parts.len() == 2 { Ok(()) } else { fault(place, "“literal” takes one value") };
    }
    if !REFERENCE.expressions.contains(operator) && !OLD_FILTERS.contains(&operator) {
        return fault(place, format!("“{operator}” is no expression of the style specification"));
    }
    for (at, part) in parts.iter().enumerate().skip(1) {
        // The labels of “match” and the members of an interpolation's kind are lists of plain values.
        let is_list = (operator == "match" && at >= 2 && at % 2 == 0) || (operator.starts_with("interpolate") && at == 1);
        if !is_list {
            check_expression(&format!("{place}[{at}]"), part, depth + 1)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn checked(layer: &Value) -> Result<(), String> {
        let document = json!({"version": 8, "sources": {"buildings": {"type": "vector"}}, "layers": [layer]});
        style(&document, None, &|id| id.as_str() == "buildings").map_err(|fault| fault.to_string())
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        let layer = |more: Value| {
            let mut layer = json!({"id": "a", "type": "fill", "source": "buildings", "source-layer": "buildings"});
            if let (Value::Object(layer), Value::Object(more)) = (&mut layer, more) {
                layer.extend(more);
            }
            layer
        };
        let sound = json!({"paint": {"fill-color": ["match", ["get", "use"], ["office", "public"], "#fff", "red"], "fill-opacity": ["interpolate", ["linear"], ["zoom"], 8, 0.2, 14, 1]}, "filter": ["all", ["==", ["get", "use"], "office"], [">", ["get", "height"], 10]]});
        assert_eq!(checked(&layer(sound)), Ok(()));
        let cases = [
            (json!({"type": "filling"}), "layers[0].type: “filling” is no type of layer"),
            (json!({"source": "roads"}), "layers[0].source: “roads” is not among the sources"),
            (json!({"source-layer": "castles"}), "layers[0].source-layer: the city has no layer “castles”"),
            (json!({"paint": {"fill-colour": "#fff"}}), "layers[0].paint.fill-colour: a layer of type fill has no such property"),
            (json!({"paint": {"fill-color": "bluish"}}), "layers[0].paint.fill-color: \"bluish\" is no colour"),
            (json!({"paint": {"fill-opacity": 3}}), "layers[0].paint.fill-opacity: 3 is above 1"),
            (json!({"paint": {"fill-color": ["mix", 1, 2]}}), "layers[0].paint.fill-color: “mix” is no expression"),
            (json!({"paint": {"fill-opacity": ["+", 0, ["got", "a"]]}}), "layers[0].paint.fill-opacity[2]: “got” is no expression"),
            (json!({"filter": ["is", 1]}), "layers[0].filter: “is” is no expression"),
            (json!({"layout": {"visibility": "hidden"}}), "layers[0].layout.visibility: \"hidden\" is not one of visible, none"),
            (json!({"minzoom": 99}), "layers[0].minzoom: must be a number from 0 to 24"),
            (json!({"id": ""}), "layers[0].id: must be a text"),
        ];
        for (more, wanted) in cases {
            let said = checked(&layer(more.clone())).unwrap_err();
            assert!(said.starts_with(wanted), "{more}: {said}");
        }
    }

    #[test]
    fn no_address_outside_this_server_is_kept() {
        let with = |source: Value| {
            let document = json!({"version": 8, "sources": {"buildings": source}, "layers": [{"id": "a", "type": "line", "source": "buildings", "source-layer": "buildings"}]});
            style(&document, None, &|_| true).map_err(|fault| fault.to_string())
        };
        assert_eq!(with(json!({"type": "vector", "tiles": ["/collections/buildings/tiles/WebMercatorQuad/{z}/{y}/{x}"]})), Ok(()));
        assert!(
            with(json!({"type": "vector", "url": "https://elsewhere.example/tiles.json"}))
                .unwrap_err()
                .starts_with("sources.buildings.url:")
        );
        assert!(
            with(json!({"type": "vector", "tiles": ["//elsewhere.example/{z}"]})).unwrap_err().starts_with("sources.buildings.tiles[0]:")
        );
    }

    #[test]
    fn a_deep_expression_is_refused_and_not_followed_to_its_end() {
        let deep = (0..200).fold(json!(1), |inner, _| json!(["+", inner, 1]));
        let said = checked(
            &json!({"id": "a", "type": "fill", "source": "buildings", "source-layer": "buildings", "paint": {"fill-opacity": deep}}),
        );
        assert!(said.unwrap_err().contains("STYLE_DEPTH_MAX"));
    }
}
