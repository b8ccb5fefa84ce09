//! A question, as parameters or as JSON: one table of fields says what is known, checks it, and
//! describes it in the API definition.

use crate::{
    api::definition::{Operation, data},
    geojson,
    http::{Ask, Problem, body},
    limits,
};
use axum::{body::Body, http::Method};
use citywall_cql2::Filter;
use citywall_model::Bbox;
use geo_types::{Geometry, Point};
use serde_json::{Map, Value, json};

/// What a field holds.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// A finite number.
    Number,
    /// Texts; with commas between them in a parameter.
    List,
    /// Finite numbers; with commas between them in a parameter.
    Numbers,
    /// True or false.
    Truth,
    /// Longitude and latitude in degrees.
    Place,
    /// CQL2: text, or an object in its JSON form.
    Filter,
    /// A GeoJSON geometry.
    Geometry,
}

/// A field of a question.
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// True if there is no question without it.
    pub needed: bool,
    /// What it means.
    pub means: &'static str,
    /// An example, as a parameter has it; none if it is left out of the example.
    pub example: &'static str,
}

impl Field {
    /// A field without which there is no question.
    pub const fn needed(name: &'static str, kind: Kind, means: &'static str, example: &'static str) -> Self {
        Self { name, kind, needed: true, means, example }
    }

    /// A field that may be left out.
    pub const fn optional(name: &'static str, kind: Kind, means: &'static str, example: &'static str) -> Self {
        Self { name, kind, needed: false, means, example }
    }
}

/// The fields of one question, each checked.
pub struct Input(Map<String, Value>);

/// Reads a question.
///
/// # Errors
/// A field is unknown, missing or of another kind; the body is no JSON object, too large or slow.
pub async fn read(ask: &Ask, method: &Method, body: Body, fields: &[Field]) -> Result<Input, Problem> {
    let names: Vec<&str> = fields.iter().map(|field| field.name).collect();
    let given = if *method == Method::POST {
        ask.params(&[])?;
        body::json_within(&ask.headers, body, limits::QUERY_BODY_BYTES_MAX, "QUERY_BODY_BYTES_MAX").await?
    } else {
        let params = ask.params(&names)?;
        let parse = |field: &Field| params.get(field.name).map(|text| field.parse(text).map(|value| (field.name.to_owned(), value)));
        fields.iter().filter_map(parse).collect::<Result<_, _>>()?
    };
    Input::of(given, fields)
}

impl Field {
    /// A parameter's text as the JSON that a body would have.
    fn parse(&self, text: &str) -> Result<Value, Problem> {
        let number = |text: &str| text.trim().parse::<f64>().ok().and_then(serde_json::Number::from_f64).map(Value::Number);
        match self.kind {
            Kind::Text | Kind::Filter => Ok(text.into()),
            Kind::Number => number(text).ok_or_else(|| self.refuse()),
            Kind::Place | Kind::Numbers => {
                text.split(',').map(number).collect::<Option<_>>().map(Value::Array).ok_or_else(|| self.refuse())
            }
            Kind::Truth => text.parse::<bool>().map(Value::Bool).map_err(|_| self.refuse()),
            Kind::List => Ok(text.split(',').map(|text| Value::from(text.trim())).collect()),
            Kind::Geometry => serde_json::from_str(text).map_err(|error| Problem::parameter(self.name, error)),
        }
    }

    fn check(&self, value: &Value) -> Result<(), Problem> {
        let fine = match self.kind {
            Kind::Text => value.is_string(),
            Kind::Number => value.as_f64().is_some_and(f64::is_finite),
            Kind::List => value.as_array().is_some_and(|list| !list.is_empty() && list.iter().all(Value::is_string)),
            Kind::Numbers => value.as_array().is_some_and(|list| !list.is_empty() && list.iter().all(Value::is_number)),
            Kind::Truth => value.is_boolean(),
            Kind::Place => place(value).is_some(),
            Kind::Filter => value.is_string() || value.is_object(),
            Kind::Geometry => value.is_object(),
        };
        if fine { Ok(()) } else { Err(self.refuse()) }
    }

    fn refuse(&self) -> Problem {
        let expected = match self.kind {
            Kind::Text => "text",
            Kind::Number => "a number",
            Kind::List => "a list of texts, at least one",
            Kind::Numbers => "a list of numbers, at least one",
            Kind::Truth => "true or false",
            Kind::Place => "longitude (-180 to 180) and latitude (-90 to 90), degrees",
            Kind::Filter => "CQL2, as text or as an object",
            Kind::Geometry => "a GeoJSON geometry",
        };
        Problem::parameter(self.name, format!("expected {expected}: {}", self.means))
    }

    /// Its JSON Schema, in a body or as a parameter.
    pub fn schema(&self, body: bool) -> Value {
        match self.kind {
            Kind::Number => json!({"type": "number"}),
            Kind::List => json!({"type": "array", "items": {"type": "string"}, "minItems": 1}),
            Kind::Numbers => json!({"type": "array", "items": {"type": "number"}, "minItems": 1}),
            Kind::Truth => json!({"type": "boolean"}),
            Kind::Place => json!({"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}),
            Kind::Filter if body => json!({"oneOf": [{"type": "string"}, {"type": "object"}]}),
            Kind::Geometry if body => json!({"type": "object"}),
            Kind::Text | Kind::Filter | Kind::Geometry => json!({"type": "string"}),
        }
    }
}

fn place(value: &Value) -> Option<Point> {
    let [lon, lat] = value.as_array()?.as_slice() else { return None };
    let (lon, lat) = (lon.as_f64()?, lat.as_f64()?);
    ((-180.0..=180.0).contains(&lon) && (-90.0..=90.0).contains(&lat)).then(|| Point::new(lon, lat))
}

impl std::fmt::Display for Input {
    /// The question as JSON: two that say the same in the same order are the same.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|(name, value)| write!(f, "{name}={value};"))
    }
}

impl Input {
    /// Checks the members of a question; null stands for none.
    ///
    /// # Errors
    /// A field is unknown, missing or of another kind.
    pub fn of(mut given: Map<String, Value>, fields: &[Field]) -> Result<Self, Problem> {
        let names: Vec<&str> = fields.iter().map(|field| field.name).collect();
        given.retain(|_, value| !value.is_null());
        if let Some(name) = given.keys().find(|name| !names.contains(&name.as_str())) {
            let name: String = name.chars().take(80).collect();
            return Err(Problem::parameter(&name, format!("there is no such member here; known are {}", names.join(", "))));
        }
        for field in fields {
            match given.get(field.name) {
                Some(value) => field.check(value)?,
                None if field.needed => return Err(Problem::parameter(field.name, format!("is needed: {}", field.means))),
                None => {}
            }
        }
        Ok(Self(given))
    }

    /// True if it is given.
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// A text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str()
    }

    /// A number.
    pub fn number(&self, name: &str) -> Option<f64> {
        self.0.get(name)?.as_f64()
    }

    /// A list of texts; empty without one.
    pub fn list(&self, name: &str) -> Vec<String> {
        let list = self.0.get(name).and_then(Value::as_array);
        list.into_iter().flatten().filter_map(|text| text.as_str().map(str::to_owned)).collect()
    }

    /// A list of numbers; empty without one.
    pub fn numbers(&self, name: &str) -> Vec<f64> {
        let list = self.0.get(name).and_then(Value::as_array);
        list.into_iter().flatten().filter_map(Value::as_f64).collect()
    }

    /// True if it is given and true.
    pub fn truth(&self, name: &str) -> bool {
        self.0.get(name).and_then(Value::as_bool).unwrap_or(false)
    }

    /// A whole number, or what stands for it.
    ///
    /// # Errors
    /// It is none, or negative.
    pub fn whole(&self, name: &str, without: usize) -> Result<usize, Problem> {
        let Some(number) = self.number(name) else { return Ok(without) };
        if number.fract() != 0.0 || !(0.0..=1e9).contains(&number) {
            return Err(Problem::parameter(name, format!("{number} is no whole number, not less than 0")));
        }
        Ok(number as usize)
    }

    /// A number within bounds, or what stands for it.
    ///
    /// # Errors
    /// It is out of them.
    pub fn between(&self, name: &str, bounds: std::ops::RangeInclusive<f64>, without: f64) -> Result<f64, Problem> {
        let number = self.number(name).unwrap_or(without);
        if !bounds.contains(&number) {
            return Err(Problem::parameter(name, format!("{number} is not between {} and {}", bounds.start(), bounds.end())));
        }
        Ok(number)
    }

    /// One of several words, or the first of them.
    ///
    /// # Errors
    /// It is none of them.
    pub fn choice(&self, name: &str, words: &[&'static str]) -> Result<&'static str, Problem> {
        let Some(given) = self.text(name) else { return Ok(words.first().copied().unwrap_or_default()) };
        let known = words.iter().find(|word| **word == given).copied();
        known.ok_or_else(|| Problem::parameter(name, format!("“{given}” is none of {}", words.join(", "))))
    }

    /// A window: west, south, east, north.
    ///
    /// # Errors
    /// It is no window, or crosses the antimeridian.
    pub fn window(&self, name: &str) -> Result<Option<Bbox>, Problem> {
        match *self.numbers(name) {
            [] => Ok(None),
            [west, south, east, north]
                if west < east && south < north && west >= -180.0 && east <= 180.0 && south >= -90.0 && north <= 90.0 =>
            {
                Ok(Some(Bbox::new(west, south, east, north)))
            }
            _ => Err(Problem::parameter(name, "expected west, south, east, north in degrees, west less than east")),
        }
    }

    /// A place.
    pub fn place(&self, name: &str) -> Option<Point> {
        self.0.get(name).and_then(place)
    }

    /// A filter.
    ///
    /// # Errors
    /// It is no CQL2.
    pub fn filter(&self, name: &str) -> Result<Option<Filter>, Problem> {
        let read = |value: &Value| match value {
            Value::String(text) => Filter::from_text(text),
            other => Filter::from_json_value(other),
        };
        self.0.get(name).map(read).transpose().map_err(|error| Problem::parameter(name, error))
    }

    /// A geometry.
    ///
    /// # Errors
    /// It is no GeoJSON geometry, or passes a limit.
    pub fn geometry(&self, name: &str) -> Result<Option<Geometry>, Problem> {
        let Some(value) = self.0.get(name) else { return Ok(None) };
        let wkb = geojson::read::geometry(&value.to_string()).map_err(|reason| Problem::parameter(name, reason))?;
        wkb.to_geo().map(Some).ok_or_else(|| Problem::parameter(name, "the geometry is empty"))
    }
}

/// A field as the API definition says it of a parameter.
pub fn parameter(field: &Field) -> Value {
    let mut described = json!({
        "name": field.name, "in": "query", "required": field.needed, "description": field.means,
        "schema": field.schema(false), "style": "form", "explode": false});
    if !field.example.is_empty() {
        described["example"] = field.parse(field.example).unwrap_or_default();
    }
    described
}

/// A word with a capital.
fn capitalised(word: &str) -> String {
    let mut rest = word.chars();
    rest.next().map_or_else(String::new, |first| first.to_uppercase().chain(rest).collect())
}

/// What the API definition says of one address.
pub fn describe(asked: &super::Operation) -> Value {
    let super::Operation { title: summary, description, fields, .. } = *asked;
    let id: String = asked.id.split('-').map(capitalised).collect();
    let operation = |id: &str| {
        let problems = &["400", "404", "413", "415", "422"];
        Operation { tag: "Query", id, summary, description, parameters: &[], ok: data("The answer", "application/json", "Any"), problems }
            .json()
    };
    let mut get = operation(&format!("get{id}"));
    get["parameters"] = fields.iter().map(parameter).collect();
    let properties: Map<String, Value> = fields
        .iter()
        .map(|field| {
            let mut schema = field.schema(true);
            schema["description"] = field.means.into();
            (field.name.to_owned(), schema)
        })
        .collect();
    let needed: Vec<&str> = fields.iter().filter(|field| field.needed).map(|field| field.name).collect();
    let example: Map<String, Value> = fields
        .iter()
        .filter(|field| !field.example.is_empty())
        .filter_map(|field| Some((field.name.to_owned(), field.parse(field.example).ok()?)))
        .collect();
    let mut schema = json!({"type": "object", "additionalProperties": false, "properties": properties});
    if !needed.is_empty() {
        schema["required"] = json!(needed);
    }
    let mut post = operation(&format!("post{id}"));
    post["requestBody"] = json!({"required": true, "content": {"application/json": {"schema": schema, "example": example}}});
    json!({"get": get, "post": post})
}
