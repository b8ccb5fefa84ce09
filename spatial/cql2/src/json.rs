//! CQL2 JSON (OGC 21-065r2, clause 8.2), read and written.

use crate::{
    FilterError, Place, Shape,
    expr::{Expr, Node, Op},
    shape::{Coordinates, ShapeKind},
    text::{interval_end, names_function, shaped},
    time,
};
use citywall_model::limits::{FILTER_BYTES_MAX, FILTER_DEPTH_MAX};
use serde_json::{Map, Value, json};

/// Reads a JSON text.
pub(crate) fn parse(text: &str) -> Result<Expr, FilterError> {
    if text.len() > FILTER_BYTES_MAX {
        let most = format!("at most {FILTER_BYTES_MAX} bytes (FILTER_BYTES_MAX)");
        return Err(FilterError::new(&Place::Pointer(String::new()), most, format!("{} bytes", text.len())));
    }
    let value = serde_json::from_str(text).map_err(|error| {
        let before = text.lines().take(error.line().saturating_sub(1)).map(|line| line.chars().count() + 1).sum::<usize>();
        FilterError::new(&Place::Character(before + error.column().max(1)), "JSON", error.to_string())
    })?;
    parse_value(&value)
}

/// Reads a JSON value.
pub(crate) fn parse_value(value: &Value) -> Result<Expr, FilterError> {
    Reader { path: String::new(), depth: 0 }.expr(value)
}

struct Reader {
    path: String,
    depth: usize,
}

impl Reader {
    fn place(&self) -> Place {
        Place::Pointer(self.path.clone())
    }

    fn error(&self, expected: &str, found: &Value) -> FilterError {
        FilterError::new(&self.place(), expected, found.to_string())
    }

    /// Reads a member one step further down the path.
    fn at<T>(&mut self, step: &str, read: impl FnOnce(&mut Self) -> Result<T, FilterError>) -> Result<T, FilterError> {
        let length = self.path.len();
        self.path.push('/');
        self.path.push_str(&step.replace('~', "~0").replace('/', "~1"));
        let result = read(self);
        self.path.truncate(length);
        result
    }

    fn expr(&mut self, value: &Value) -> Result<Expr, FilterError> {
        self.depth += 1;
        if self.depth > FILTER_DEPTH_MAX {
            let most = format!("at most {FILTER_DEPTH_MAX} levels (FILTER_DEPTH_MAX)");
            return Err(FilterError::new(&self.place(), most, "one more"));
        }
        let place = self.place();
        let node = match value {
            Value::Bool(b) => Node::Boolean(*b),
            Value::Number(n) => match n.as_i64() {
                Some(n) => Node::Integer(n),
                None => Node::Number(n.as_f64().unwrap_or_default()),
            },
            Value::String(text) => Node::Text(text.clone()),
            Value::Array(items) => Node::Array(self.all(items)?),
            Value::Object(object) => return self.object(value, object).inspect(|_| self.depth -= 1),
            Value::Null => return Err(self.error("a value", value)),
        };
        self.depth -= 1;
        Ok(Expr::new(place, node))
    }

    fn all(&mut self, items: &[Value]) -> Result<Vec<Expr>, FilterError> {
        let items = items.iter().enumerate();
        items.map(|(at, item)| self.at(&at.to_string(), |r| r.expr(item))).collect()
    }

    fn object(&mut self, value: &Value, object: &Map<String, Value>) -> Result<Expr, FilterError> {
        let place = self.place();
        if let Some(op) = object.get("op") {
            let Value::String(op) = op else { return Err(self.at("op", |r| Err(r.error("the name of an operator", op)))?) };
            return self.call(op, object.get("args"));
        }
        if let Some(name) = object.get("property") {
            return match name {
                Value::String(name) if !name.is_empty() => Ok(Expr::new(place, Node::Property(name.clone()))),
                other => self.at("property", |r| Err(r.error("a property’s name", other))),
            };
        }
        if let Some(day) = object.get("date") {
            let node = self.at("date", |r| Ok(Node::Date(time::date(&r.place(), r.text(day)?)?)))?;
            return Ok(Expr::new(place, node));
        }
        if let Some(instant) = object.get("timestamp") {
            let node = self.at("timestamp", |r| Ok(Node::Timestamp(time::timestamp(&r.place(), r.text(instant)?)?)))?;
            return Ok(Expr::new(place, node));
        }
        if let Some(ends) = object.get("interval") {
            return self.at("interval", |r| match ends.as_array().map(Vec::as_slice) {
                Some([start, end]) => {
                    let start = r.at("0", |r| r.expr(start).and_then(interval_end))?;
                    let end = r.at("1", |r| r.expr(end).and_then(interval_end))?;
                    Ok(Expr::new(place, Node::Interval(Box::new([start, end]))))
                }
                _ => Err(r.error("an array of the interval’s 2 ends", ends)),
            });
        }
        if object.contains_key("type") || object.contains_key("bbox") {
            let shape = self.shape(value, object, 0)?;
            return shaped(place, shape);
        }
        Err(self.error("an object with one of op, property, date, timestamp, interval, type and bbox", value))
    }

    fn text<'v>(&self, value: &'v Value) -> Result<&'v str, FilterError> {
        value.as_str().ok_or_else(|| self.error("a text", value))
    }

    fn call(&mut self, name: &str, args: Option<&Value>) -> Result<Expr, FilterError> {
        let place = self.place();
        let Some(Value::Array(args)) = args else {
            return self.at("args", |r| Err(r.error("an array of arguments", args.unwrap_or(&Value::Null))));
        };
        let args = self.at("args", |r| r.all(args))?;
        let op = Op::of_json(name);
        if matches!(op, Op::Function(_)) && !names_function(name) {
            return self.at("op", |r| Err(r.error("the name of an operator or a function", &Value::from(name))));
        }
        let args = if op == Op::In || matches!(op, Op::Array(_)) { args } else { args.into_iter().map(alone).collect() };
        if op == Op::In && !matches!(args.get(1).map(|list| &list.node), Some(Node::Array(list)) if !list.is_empty()) {
            return Err(FilterError::new(&place, "a value and an array of at least one value to be in", "others"));
        }
        Expr::call(place, op, args)
    }

    fn shape(&mut self, value: &Value, object: &Map<String, Value>, depth: usize) -> Result<Shape, FilterError> {
        let Some(kind) = object.get("type") else {
            let Some(edges) = object.get("bbox") else { return Err(self.error("a geometry", value)) };
            return self.at("bbox", |r| match r.position(edges)?.len() {
                4 | 6 => Ok(Shape::Box(r.position(edges)?)),
                _ => Err(r.error("an array of 4 or 6 numbers", edges)),
            });
        };
        if kind == "GeometryCollection" {
            if depth >= citywall_model::limits::GEOMETRY_DEPTH_MAX {
                return Err(self.error("fewer nested collections", value));
            }
            let Some(Value::Array(all)) = object.get("geometries") else {
                return Err(self.error("a GeometryCollection with geometries", value));
            };
            return self.at("geometries", |r| {
                let members = all.iter().enumerate().map(|(at, member)| {
                    r.at(&at.to_string(), |r| match member {
                        Value::Object(object) if object.contains_key("type") => r.shape(member, object, depth + 1),
                        _ => Err(r.error("a geometry", member)),
                    })
                });
                members.collect::<Result<_, _>>().map(Shape::Collection)
            });
        }
        let Some(kind) = kind.as_str().and_then(ShapeKind::of) else {
            return self.at("type", |r| Err(r.error("a GeoJSON geometry type", kind)));
        };
        let coordinates = object.get("coordinates").unwrap_or(&Value::Null);
        let coordinates = self.at("coordinates", |r| r.coordinates(coordinates, kind.depth()))?;
        Ok(Shape::Simple(kind, coordinates))
    }

    fn coordinates(&mut self, value: &Value, depth: usize) -> Result<Coordinates, FilterError> {
        if depth == 0 {
            return match self.position(value)? {
                position if matches!(position.len(), 0 | 2 | 3) => Ok(Coordinates::Position(position)),
                _ => Err(self.error("a position of 2 or 3 numbers", value)),
            };
        }
        let Value::Array(items) = value else { return Err(self.error("an array of positions", value)) };
        let items = items.iter().enumerate();
        let items = items.map(|(at, item)| self.at(&at.to_string(), |r| r.coordinates(item, depth - 1)));
        items.collect::<Result<_, _>>().map(Coordinates::List)
    }

    fn position(&self, value: &Value) -> Result<Vec<f64>, FilterError> {
        let numbers = value.as_array().and_then(|items| items.iter().map(Value::as_f64).collect::<Option<Vec<f64>>>());
        numbers.ok_or_else(|| self.error("an array of numbers", value))
    }
}

/// Writes an expression.
pub(crate) fn write(expr: &Expr) -> Value {
    let all = |args: &[Expr]| Value::Array(args.iter().map(write).collect());
    match &expr.node {
        Node::Boolean(b) => json!(b),
        Node::Integer(n) => json!(n),
        Node::Number(n) => json!(n),
        Node::Text(text) => json!(text),
        Node::Date(date) => json!({"date": date.to_string()}),
        Node::Timestamp(at) => json!({"timestamp": at.to_string()}),
        Node::Unbounded => json!(".."),
        Node::Interval(ends) => json!({"interval": ends.iter().map(write_end).collect::<Vec<_>>()}),
        Node::Shape(shape) => write_shape(shape),
        Node::Array(items) => all(items),
        Node::Property(name) => json!({"property": name}),
        Node::Call(op, args) => json!({"op": op.name(), "args": all(args)}),
    }
}

fn write_end(end: &Expr) -> Value {
    match &end.node {
        Node::Date(date) => json!(date.to_string()),
        Node::Timestamp(at) => json!(at.to_string()),
        _ => write(end),
    }
}

fn write_shape(shape: &Shape) -> Value {
    match shape {
        Shape::Box(edges) => json!({"bbox": edges}),
        Shape::Collection(all) => {
            json!({"type": "GeometryCollection", "geometries": all.iter().map(write_shape).collect::<Vec<_>>()})
        }
        Shape::Simple(kind, coordinates) => json!({"type": kind.name(), "coordinates": write_coordinates(coordinates)}),
    }
}

fn write_coordinates(coordinates: &Coordinates) -> Value {
    match coordinates {
        Coordinates::Position(numbers) => json!(numbers),
        Coordinates::List(items) => Value::Array(items.iter().map(write_coordinates).collect()),
    }
}

/// An array of one value is that value but for the functions of arrays, since text has no other way to
/// write it than in parentheses.
fn alone(mut arg: Expr) -> Expr {
    match &mut arg.node {
        Node::Array(all) if all.len() == 1 => all.pop().map_or(arg, alone),
        _ => arg,
    }
}
