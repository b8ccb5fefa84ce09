//! The properties that a filter can name.

use crate::value::Val;
use citywall_model::{AREA_PROPERTIES, CollectionMeta, FeatureRef, Field, FieldType, Value};
use jiff::tz::TimeZone;
use std::sync::Arc;

/// The properties of one version of a collection that a filter can name.
#[derive(Clone, Debug)]
pub struct Queryables {
    all: Vec<Queryable>,
    is_open: bool,
    zone: TimeZone,
}

/// One property that a filter can name.
#[derive(Clone, Debug)]
pub struct Queryable {
    /// Its name.
    pub name: Arc<str>,
    /// Its type.
    pub kind: QueryableKind,
    pub(crate) reads: Reads,
}

/// The type of a property.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueryableKind {
    /// True or false.
    Boolean,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// Text; compared with a date or timestamp it is read as one.
    Text,
    /// A date or timestamp.
    Instant,
    /// The item's geometry.
    Geometry,
    /// An array, or an object, which stands for no value.
    Array,
    /// Whatever an item has under this name.
    Any,
}

/// Where an item has a property.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Reads {
    Column(usize),
    Named(Arc<str>),
    Id,
    Time,
    Since,
    Source,
    /// The code of the area on a level, counted from the largest.
    Area(usize),
    Geometry,
}

impl Queryables {
    /// The properties of a collection: `geometry`, `id`, and a layer's fields or what a live item
    /// has. A live collection is open: any other name is a property that some item may have.
    /// Days are those of UTC until [`Queryables::in_zone`] says otherwise.
    #[must_use]
    pub fn of(meta: &CollectionMeta) -> Self {
        let mut all = vec![Queryable { name: "geometry".into(), kind: QueryableKind::Geometry, reads: Reads::Geometry }];
        let own = |name: &str, kind, reads| Queryable { name: name.into(), kind, reads };
        let field =
            |(at, field): (usize, &Field)| Queryable { name: field.name.clone(), kind: field.kind.into(), reads: Reads::Column(at) };
        if meta.kind.is_live() {
            all.push(own("id", QueryableKind::Text, Reads::Id));
            all.push(own("source", QueryableKind::Text, Reads::Source));
            all.push(own("time", QueryableKind::Instant, Reads::Time));
            all.push(own("since", QueryableKind::Instant, Reads::Since));
            let areas = AREA_PROPERTIES.into_iter().enumerate();
            all.extend(areas.map(|(level, name)| own(name, QueryableKind::Text, Reads::Area(level))));
            let texts = ["class", "title", "status"];
            all.extend(texts.map(|name| own(name, QueryableKind::Text, Reads::Named(name.into()))));
            all.push(own("level", QueryableKind::Integer, Reads::Named("level".into())));
        } else {
            if meta.schema.position("id").is_none() {
                all.push(own("id", QueryableKind::Text, Reads::Id));
            }
            let fields = meta.schema.fields.iter().enumerate().filter(|(_, field)| &*field.name != "geometry");
            all.extend(fields.map(field));
        }
        Self { all, is_open: meta.kind.is_live(), zone: TimeZone::UTC }
    }

    /// The same, with the days of a time zone.
    #[must_use]
    pub fn in_zone(self, zone: TimeZone) -> Self {
        Self { zone, ..self }
    }

    /// The known properties, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Queryable> {
        self.all.iter()
    }

    /// True if items may have properties that are not listed.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.is_open
    }

    pub(crate) fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// The property of this exact name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Queryable> {
        let known = self.all.iter().find(|own| &*own.name == name).cloned();
        known.or_else(|| {
            let any = || Queryable { name: name.into(), kind: QueryableKind::Any, reads: Reads::Named(name.into()) };
            self.is_open.then(any)
        })
    }
}

impl Queryable {
    /// The value by which items are put in order: an instant is its seconds since 1970, an array or
    /// a geometry has none.
    #[must_use]
    pub fn rank(&self, item: FeatureRef<'_>) -> Value {
        match Val::read(&self.reads, item) {
            Val::Null | Val::Json(_) => Value::Null,
            Val::Boolean(b) => Value::Boolean(b),
            Val::Integer(n) => Value::Integer(n),
            Val::Number(n) => Value::Number(n),
            Val::Text(text) => Value::Text(text.into_owned()),
            #[expect(clippy::cast_precision_loss, reason = "a quarter of a microsecond in this century")]
            Val::Instant(at) => Value::Number(at.first.as_nanosecond() as f64 / 1e9),
        }
    }
}

impl From<FieldType> for QueryableKind {
    fn from(kind: FieldType) -> Self {
        match kind {
            FieldType::Boolean => Self::Boolean,
            FieldType::Integer => Self::Integer,
            FieldType::Number => Self::Number,
            FieldType::Text => Self::Text,
            FieldType::Json => Self::Array,
        }
    }
}
