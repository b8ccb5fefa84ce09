//! The columns of a collection in a form that has them.

use citywall_model::{AREA_PROPERTIES, CollectionMeta, FeatureRef, Field, FieldType, ValueRef};

/// The columns besides the id and the geometry.
pub struct Columns {
    /// The column of the ids: `id`, unless a property has that name.
    pub id: &'static str,
    /// The column of the geometries, in a form that names it: `geometry`, unless a property has that name.
    pub geometry: &'static str,
    /// The columns, in order.
    pub fields: Vec<Field>,
    /// Of a layer, where each stands in its schema.
    places: Vec<usize>,
    is_live: bool,
}

/// Where a live item's properties that have no column of their own stand, as a JSON object.
const REST: &str = "properties";

impl Columns {
    /// The columns of these properties, or of all. A live item's properties are free: those that
    /// every item may have get a column, the others share one.
    pub fn of(meta: &CollectionMeta, only: Option<&[String]>) -> Self {
        let wanted = |name: &str| only.is_none_or(|only| only.iter().any(|own| own == name));
        let fields: Vec<Field> = if meta.kind.is_live() {
            let texts = ["source", "time", "since", "class", "title", "status"].into_iter().chain(AREA_PROPERTIES);
            let column = |name: &str, kind| Field { name: name.into(), kind };
            let mut fields: Vec<Field> = texts.map(|name| column(name, FieldType::Text)).collect();
            fields.extend(["level", "recorded"].map(|name| column(name, FieldType::Integer)));
            fields.push(column(REST, FieldType::Json));
            fields
        } else {
            meta.schema.fields.clone()
        };
        let free = |name: &&str| fields.iter().all(|field| !field.name.eq_ignore_ascii_case(name));
        let id = ["id", "feature_id", "_id"].into_iter().find(free);
        let geometry = ["geometry", "geom", "_geom"].into_iter().find(free);
        let (places, fields) = fields.into_iter().enumerate().filter(|(_, field)| wanted(&field.name)).unzip();
        let (id, geometry) = (id.unwrap_or("_feature_id"), geometry.unwrap_or("_geometry"));
        Self { id, geometry, fields, places, is_live: meta.kind.is_live() }
    }

    /// True if the texts of a column are instants.
    pub fn is_instant(&self, column: usize) -> bool {
        self.is_live && ["time", "since"].contains(&&*self.fields[column].name)
    }

    /// Visits the values of an item that are not null, in order of the columns.
    pub fn each(&self, item: FeatureRef<'_>, mut visit: impl FnMut(usize, ValueRef<'_>)) {
        let live = match item {
            FeatureRef::Row(table, row) => {
                for (column, place) in self.places.iter().enumerate() {
                    match table.value(row, *place) {
                        ValueRef::Null => {}
                        value => visit(column, value),
                    }
                }
                return;
            }
            FeatureRef::Live(live) => live,
        };
        let mut rest = live.properties();
        for (column, field) in self.fields.iter().enumerate() {
            let area = |name: &str| live.areas().named().find(|(area, _)| *area == name).map(|(_, code)| code.to_owned());
            let text = match &*field.name {
                "source" => Some(live.source().to_string()),
                "time" => Some(live.time().to_string()),
                "since" => Some(live.since().to_string()),
                "recorded" => {
                    visit(column, ValueRef::Integer(live.revision().0.cast_signed()));
                    continue;
                }
                "level" => {
                    if let Some(level) = rest.shift_remove("level").and_then(|level| level.as_i64()) {
                        visit(column, ValueRef::Integer(level));
                    }
                    continue;
                }
                REST => (!rest.is_empty()).then(|| serde_json::to_string(&rest).unwrap_or_default()),
                name => area(name).or_else(|| match rest.shift_remove(name)? {
                    serde_json::Value::String(text) => Some(text),
                    other => Some(other.to_string()),
                }),
            };
            match text {
                Some(text) if field.kind == FieldType::Json => visit(column, ValueRef::Json(&text)),
                Some(text) => visit(column, ValueRef::Text(&text)),
                None => {}
            }
        }
    }
}
