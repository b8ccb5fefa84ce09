//! A question, as parameters or as JSON: one table of fields says what is known, checks it, and
//! describes it in the API definition.

use crate::{
    api::definition::{Operation, data},
    geojson,
    http::{Ask, Problem, body},
    limits,
};
use axum::{
    body::Body,
    http::{Method, StatusCode, header},
};
use citywall_cql2::Filter;
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

/// The fields of one question, each checked.
pub struct Input(Map<String, Value>);

/// Reads a question.
///
/// # Errors
/// A field is unknown, missing or of another kind; the body is no JSON object, too large or slow.
pub async fn read(ask: &Ask, method: &Method, body: Body, fields: &[Field]) -> Result<Input, Problem> {
    let names: Vec<&str> = fields.iter().map(|field| field.name).collect();
    let mut given = if *method == Method::POST {
        ask.params(&[])?;
        object(ask, body).await?
    } else {
        let params = ask.params(&names)?;
        let parse = |field: &Field| params.get(field.name).map(|text| field.parse(text).map(|value| (field.name.to_owned(), value)));
        fields.iter().filter_map(parse).collect::<Result<_, _>>()?
    };
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
    Ok(Input(given))
}

async fn object(ask: &Ask, body: Body) -> Result<Map<String, Value>, Problem> {
    let content = ask.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !content.starts_with("application/json") {
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "Content-Type: send application/json"));
    }
    let body = body::read(&ask.headers, body, limits::QUERY_BODY_BYTES_MAX, "QUERY_BODY_BYTES_MAX").await?;
    serde_json::from_slice(&body).map_err(|error| Problem::body(format!("the body is no JSON object: {error}")).at_line(error.line()))
}

impl Field {
    /// A parameter's text as the JSON that a body would have.
    fn parse(&self, text: &str) -> Result<Value, Problem> {
        let number = |text: &str| text.trim().parse::<f64>().ok().and_then(serde_json::Number::from_f64).map(Value::Number);
        match self.kind {
            Kind::Text | Kind::Filter => Ok(text.into()),
            Kind::Number => number(text).ok_or_else(|| self.refuse()),
            Kind::Place => text.split(',').map(number).collect::<Option<_>>().map(Value::Array).ok_or_else(|| self.refuse()),
            Kind::List => Ok(text.split(',').map(|text| Value::from(text.trim())).collect()),
            Kind::Geometry => serde_json::from_str(text).map_err(|error| Problem::parameter(self.name, error)),
        }
    }

    fn check(&self, value: &Value) -> Result<(), Problem> {
        let fine = match self.kind {
            Kind::Text => value.is_string(),
            Kind::Number => value.as_f64().is_some_and(f64::is_finite),
            Kind::List => value.as_array().is_some_and(|list| !list.is_empty() && list.iter().all(Value::is_string)),
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
            Kind::Place => "longitude (-180 to 180) and latitude (-90 to 90), degrees",
            Kind::Filter => "CQL2, as text or as an object",
            Kind::Geometry => "a GeoJSON geometry",
        };
        Problem::parameter(self.name, format!("expected {expected}: {}", self.means))
    }

    fn schema(&self, body: bool) -> Value {
        match self.kind {
            Kind::Number => json!({"type": "number"}),
            Kind::List => json!({"type": "array", "items": {"type": "string"}, "minItems": 1}),
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

impl Input {
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

/// What the API definition says of one address.
pub fn describe(id: &str, summary: &str, description: &str, fields: &[Field]) -> Value {
    let operation = |id: &str| {
        let problems = &["400", "404", "413", "415", "422"];
        Operation { tag: "Query", id, summary, description, parameters: &[], ok: data("The answer", "application/json", "Any"), problems }
            .json()
    };
    let parameter = |field: &Field| {
        let mut described = json!({
            "name": field.name, "in": "query", "required": field.needed, "description": field.means,
            "schema": field.schema(false), "style": "form", "explode": false});
        if !field.example.is_empty() {
            described["example"] = field.parse(field.example).unwrap_or_default();
        }
        described
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
