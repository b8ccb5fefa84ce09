//! GeoParquet 1.1: row groups as they fill, then the footer with what is known only at the end.

use super::{Encoder, Sink, batches::Batches};
use crate::limits;
use arrow_array::RecordBatch;
use arrow_schema::DataType;
use citywall_model::FeatureRef;
use geoparquet::writer::{GeoParquetRecordBatchEncoder, GeoParquetWriterOptions};
use parquet::{
    arrow::ArrowWriter,
    basic::{Compression, Encoding, ZstdLevel},
    file::{
        metadata::KeyValue,
        properties::{EnabledStatistics, WriterProperties},
    },
    schema::types::ColumnPath,
};
use serde_json::Value;
use std::io::{self, Write};

/// A document of row groups.
pub struct Parquet {
    batches: Batches,
    /// What it says of the geometry is `None` once the footer has it.
    encoder: Option<GeoParquetRecordBatchEncoder>,
    writer: ArrowWriter<Sink>,
    has_crs: bool,
}

impl Parquet {
    /// Begins a document; one without a CRS says that its CRS is unknown.
    ///
    /// # Errors
    /// The client has gone away.
    pub(super) fn new(sink: Sink, batches: Batches, has_crs: bool) -> io::Result<Self> {
        let encoder = GeoParquetRecordBatchEncoder::try_new(&batches.schema(), &GeoParquetWriterOptions::default());
        let encoder = encoder.map_err(io::Error::other)?;
        let properties = properties(&batches);
        let writer = ArrowWriter::try_new(sink, encoder.target_schema(), Some(properties)).map_err(io::Error::other)?;
        Ok(Self { batches, encoder: Some(encoder), writer, has_crs })
    }

    fn write(&mut self, batch: Option<RecordBatch>) -> io::Result<()> {
        let (Some(batch), Some(encoder)) = (batch, &mut self.encoder) else { return Ok(()) };
        let batch = encoder.encode_record_batch(&batch).map_err(io::Error::other)?;
        self.writer.write(&batch).map_err(io::Error::other)
    }

    /// The key `geo` of the footer (GeoParquet 1.1, “File metadata”).
    fn geo(&self, encoder: GeoParquetRecordBatchEncoder) -> io::Result<KeyValue> {
        let mut geo = serde_json::to_value(encoder.into_geoparquet_metadata()).map_err(io::Error::other)?;
        let columns = geo["columns"].as_object_mut().into_iter().flatten();
        for column in columns.filter_map(|(_, column)| column.as_object_mut()) {
            // The encoder leaves out a CRS that it does not know, which means longitude and latitude.
            if !self.has_crs {
                column.insert("crs".into(), Value::Null);
            }
            // The box of no geometry has no finite numbers.
            if column.get("bbox").and_then(Value::as_array).is_some_and(|bbox| bbox.iter().any(|n| !n.is_number())) {
                column.remove("bbox");
            }
        }
        Ok(KeyValue::new("geo".to_owned(), Some(geo.to_string())))
    }
}

/// How columns are written. The writer would look every value up in a dictionary, which takes most
/// of the time and gains nothing where nearly every value differs: only texts get one.
fn properties(batches: &Batches) -> WriterProperties {
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_bytes(Some(limits::EXPORT_ROW_GROUP_BYTES_MAX))
        .set_statistics_enabled(EnabledStatistics::Chunk);
    for (at, field) in batches.schema().fields().iter().enumerate() {
        let column = ColumnPath::new(vec![field.name().clone()]);
        let is_id = at == 0;
        properties = match field.data_type() {
            DataType::Utf8 if !is_id => properties,
            // Least and greatest bytes of geometries say nothing.
            DataType::Binary => properties
                .set_column_dictionary_enabled(column.clone(), false)
                .set_column_statistics_enabled(column, EnabledStatistics::None),
            DataType::Int64 => {
                properties.set_column_dictionary_enabled(column.clone(), false).set_column_encoding(column, Encoding::DELTA_BINARY_PACKED)
            }
            _ => properties.set_column_dictionary_enabled(column, false),
        };
    }
    properties.build()
}

impl Encoder for Parquet {
    fn item(&mut self, item: FeatureRef<'_>) -> io::Result<()> {
        let batch = self.batches.push(item)?;
        self.write(batch)
    }

    fn end(&mut self) -> io::Result<()> {
        let batch = self.batches.take()?;
        self.write(batch)?;
        if let Some(encoder) = self.encoder.take() {
            let geo = self.geo(encoder)?;
            self.writer.append_key_value_metadata(geo);
        }
        self.writer.finish().map_err(io::Error::other)?;
        self.writer.inner_mut().flush()
    }
}
