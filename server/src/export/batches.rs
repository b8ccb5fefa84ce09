//! Items as Arrow record batches, which two forms are made of: Arrow IPC and GeoParquet.
//!
//! The geometry is WKB with the extension type `geoarrow.wkb`, whose metadata have the CRS as
//! PROJJSON; what is JSON has `arrow.json`.

use super::{Columns, Turn, turned};
use crate::limits;
use arrow_array::{
    ArrayRef, RecordBatch,
    builder::{ArrayBuilder, BinaryBuilder, BooleanBuilder, Float64Builder, Int64Builder, StringBuilder, TimestampMicrosecondBuilder},
};
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use citywall_crs::Crs;
use citywall_model::{FeatureRef, FieldType, ValueRef};
use geoarrow_schema::{Metadata, WkbType};
use jiff::Timestamp;
use std::{
    io,
    sync::{Arc, LazyLock},
};

/// The PROJJSON of longitude and latitude on WGS 84.
static CRS84: LazyLock<Option<serde_json::Value>> = LazyLock::new(|| serde_json::from_str(&Crs::crs84_projjson()?).ok());

/// The PROJJSON of what is written; `None` if PROJ has no name for it.
pub(super) fn projjson(crs: Option<&Crs>) -> Option<serde_json::Value> {
    match crs {
        None => CRS84.clone(),
        Some(crs) => serde_json::from_str(&crs.projjson()?).ok(),
    }
}

/// Gathers items until they are a batch.
pub(super) struct Batches {
    columns: Arc<Columns>,
    turn: Option<Turn>,
    schema: SchemaRef,
    ids: StringBuilder,
    values: Vec<Values>,
    geometry: BinaryBuilder,
    bytes: usize,
}

impl Batches {
    pub(super) fn new(columns: Arc<Columns>, turn: Option<Turn>, crs: Option<&Crs>) -> Self {
        let mut fields = vec![Field::new(columns.id, DataType::Utf8, false)];
        fields.extend(columns.fields.iter().enumerate().map(|(at, field)| {
            let kind = match field.kind {
                _ if columns.is_instant(at) => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
                FieldType::Boolean => DataType::Boolean,
                FieldType::Integer => DataType::Int64,
                FieldType::Number => DataType::Float64,
                FieldType::Text | FieldType::Json => DataType::Utf8,
            };
            let own = Field::new(&*field.name, kind, true);
            match field.kind {
                FieldType::Json => own.with_metadata([("ARROW:extension:name".to_owned(), "arrow.json".to_owned())].into()),
                _ => own,
            }
        }));
        let crs = projjson(crs).map_or_else(geoarrow_schema::Crs::default, geoarrow_schema::Crs::from_projjson);
        let metadata = Arc::new(Metadata::new(crs, None));
        fields.push(Field::new(columns.geometry, DataType::Binary, true).with_extension_type(WkbType::new(metadata)));
        let values = columns.fields.iter().enumerate().map(|(at, field)| Values::new(field.kind, columns.is_instant(at))).collect();
        let schema = Arc::new(Schema::new(fields));
        Self { columns, turn, schema, ids: StringBuilder::new(), values, geometry: BinaryBuilder::new(), bytes: 0 }
    }

    pub(super) fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    /// Takes an item in; gives a batch once there are enough.
    pub(super) fn push(&mut self, item: FeatureRef<'_>) -> io::Result<Option<RecordBatch>> {
        let Self { columns, turn, ids, values, geometry, bytes, .. } = self;
        let id = item.id();
        *bytes += id.len();
        ids.append_value(id);
        let mut written = 0;
        columns.each(item, |column, value| {
            values[written..column].iter_mut().for_each(Values::push_null);
            *bytes += values[column].push(value);
            written = column + 1;
        });
        values[written..].iter_mut().for_each(Values::push_null);
        match item.geometry() {
            None => geometry.append_null(),
            Some(wkb) => {
                let turned = turned(turn.as_ref(), wkb)?;
                let wkb = turned.as_deref().unwrap_or(wkb);
                *bytes += wkb.len();
                geometry.append_value(wkb);
            }
        }
        let is_full = self.ids.len() >= limits::EXPORT_BATCH_ROWS_MAX || self.bytes >= limits::EXPORT_BATCH_BYTES_MAX;
        if is_full { self.take() } else { Ok(None) }
    }

    /// What has been taken in since the last batch; `None` if that is nothing.
    pub(super) fn take(&mut self) -> io::Result<Option<RecordBatch>> {
        if self.ids.is_empty() {
            return Ok(None);
        }
        self.bytes = 0;
        let mut arrays: Vec<ArrayRef> = vec![Arc::new(self.ids.finish())];
        arrays.extend(self.values.iter_mut().map(Values::finish));
        arrays.push(Arc::new(self.geometry.finish()));
        RecordBatch::try_new(self.schema(), arrays).map(Some).map_err(io::Error::other)
    }
}

/// The values of a column.
enum Values {
    Boolean(BooleanBuilder),
    Integer(Int64Builder),
    Number(Float64Builder),
    Text(StringBuilder),
    Instant(TimestampMicrosecondBuilder),
}

impl Values {
    fn new(kind: FieldType, is_instant: bool) -> Self {
        match kind {
            _ if is_instant => Self::Instant(TimestampMicrosecondBuilder::new().with_timezone("UTC")),
            FieldType::Boolean => Self::Boolean(BooleanBuilder::new()),
            FieldType::Integer => Self::Integer(Int64Builder::new()),
            FieldType::Number => Self::Number(Float64Builder::new()),
            FieldType::Text | FieldType::Json => Self::Text(StringBuilder::new()),
        }
    }

    /// Appends a value of the column's type; any other is null. Returns how many bytes it takes.
    fn push(&mut self, value: ValueRef<'_>) -> usize {
        match (self, value) {
            (Self::Boolean(all), ValueRef::Boolean(value)) => all.append_value(value),
            (Self::Integer(all), ValueRef::Integer(value)) => all.append_value(value),
            (Self::Number(all), value) => all.append_option(value.as_f64()),
            (Self::Instant(all), ValueRef::Text(text)) => all.append_option(text.parse().ok().map(|at: Timestamp| at.as_microsecond())),
            (Self::Text(all), ValueRef::Text(text) | ValueRef::Json(text)) => {
                all.append_value(text);
                return text.len();
            }
            (other, _) => other.push_null(),
        }
        size_of::<i64>()
    }

    fn push_null(&mut self) {
        match self {
            Self::Boolean(all) => all.append_null(),
            Self::Integer(all) => all.append_null(),
            Self::Number(all) => all.append_null(),
            Self::Text(all) => all.append_null(),
            Self::Instant(all) => all.append_null(),
        }
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Boolean(all) => ArrayBuilder::finish(all),
            Self::Integer(all) => ArrayBuilder::finish(all),
            Self::Number(all) => ArrayBuilder::finish(all),
            Self::Text(all) => ArrayBuilder::finish(all),
            Self::Instant(all) => ArrayBuilder::finish(all),
        }
    }
}
