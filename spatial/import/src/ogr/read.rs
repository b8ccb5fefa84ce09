//! Features of one GDAL layer into the sink.

use super::{OgrLayer, open, osm::Outlines, tags};
use crate::{ImportError, ImportOptions, clean::Repairs, report::Repair, sink::Sink, wkb_in};
use citywall_crs::messages::{self, Message};
use citywall_model::Value;
use gdal::vector::{Feature, FieldValue, LayerAccess, OGRFieldType, sql::Dialect};
use std::{path::Path, sync::Arc};

/// Features between two looks at the progress.
const PROGRESS_EVERY: u64 = 100;

pub(super) struct FieldReader {
    name: Arc<str>,
    kind: OGRFieldType::Type,
    is_other_tags: bool,
}

/// Reads every feature of a layer.
pub(crate) fn read(path: &Path, options: &ImportOptions, layer: &OgrLayer, sink: &mut Sink<'_>) -> Result<(), ImportError> {
    let foreign = |reason: String| ImportError::Foreign { path: path.to_owned(), reason };
    let (dataset, _) = messages::collect(|| open(&layer.path, options));
    let dataset = dataset.map_err(|e| foreign(e.to_string()))?;
    if layer.is_osm() {
        // GDAL reads an OSM file once and sorts features into layers as they come; asked for one
        // layer by name it need not keep the others in memory.
        let outlines = if layer.name == "multipolygons" { Outlines::collect(&dataset, layer) } else { Outlines::default() };
        let query = format!("SELECT * FROM {}", layer.name);
        let (result, said) = messages::collect(|| dataset.execute_sql(query, None, Dialect::DEFAULT));
        let mut result = result.ok().flatten().ok_or_else(|| foreign(last_error(&said)))?;
        return read_features(path, layer, &mut *result, &outlines, sink);
    }
    let mut features = dataset.layer(layer.index).map_err(|e| foreign(e.to_string()))?;
    if let (Some(count), _) = messages::collect(|| features.try_feature_count()) {
        sink.control.set_total(count);
    }
    read_features(path, layer, &mut features, &Outlines::default(), sink)
}

fn last_error(said: &[Message]) -> String {
    said.iter().rev().find(|m| m.is_error).map_or_else(|| "GDAL does not say why".to_owned(), |m| m.text.clone())
}

/// The fields of a layer.
pub(super) fn field_readers<L: LayerAccess>(source: &L, layer: &OgrLayer) -> Vec<FieldReader> {
    let reader = |(name, kind): (String, _)| FieldReader { is_other_tags: layer.is_osm() && name == "other_tags", name: name.into(), kind };
    source.defn().fields().map(|field| reader((field.name(), field.field_type()))).collect()
}

fn read_features<L: LayerAccess>(
    path: &Path,
    layer: &OgrLayer,
    source: &mut L,
    outlines: &Outlines,
    sink: &mut Sink<'_>,
) -> Result<(), ImportError> {
    let fields = field_readers(source, layer);
    for field in fields.iter().filter(|f| f.kind == OGRFieldType::OFTBinary) {
        sink.note(format!("the binary field {} is not kept", field.name));
    }
    let mut features = source.features();
    loop {
        let (feature, said) = messages::collect(|| features.next());
        let error = said.iter().find(|m| m.is_error);
        for warning in said.iter().filter(|m| !m.is_error) {
            sink.note(format!("GDAL warns: {}", warning.text));
        }
        let Some(feature) = feature else {
            return match error {
                None => Ok(()),
                Some(_) => Err(ended_early(path, last_error(&said), sink.records())),
            };
        };
        let place = sink.next_place(None);
        if place.record.is_multiple_of(PROGRESS_EVERY) {
            sink.control.set_done(place.record);
        }
        if let Some(error) = error {
            let reason = error.text.clone();
            sink.refuse(place, reason, &[])?;
            continue;
        }
        let (found, said) = messages::collect(|| read_feature(&feature, &fields, layer));
        match (found, said.iter().find(|m| m.is_error)) {
            (Ok((geometry, mut values)), _) => {
                let mut repairs = Repairs::default();
                let mut shape = None;
                if let Some(decoded) = geometry {
                    if decoded.had_curves {
                        repairs.add(Repair::Curve, "");
                    }
                    if decoded.had_measures {
                        repairs.add(Repair::Measure, "");
                    }
                    if outlines.complete(&decoded.shape, &mut values) {
                        sink.note("relations that are buildings by the tags of their outline have taken those tags");
                    }
                    shape = Some(decoded.shape);
                }
                sink.feature(place, shape.as_mut(), values, &[], repairs)?;
            }
            (Err(reason), None) => sink.refuse(place, reason, &[])?,
            (Err(reason), Some(error)) => sink.refuse(place, format!("{reason}: {}", error.text), &[])?,
        }
    }
}

/// GDAL stopped with an error: a file that ends early, or one that is damaged.
fn ended_early(path: &Path, reason: String, records: u64) -> ImportError {
    ImportError::Broken { path: path.to_owned(), place: format!("record {}", records + 1), reason }
}

pub(super) type Found = (Option<wkb_in::Decoded>, Vec<(Arc<str>, Value)>);

pub(super) fn read_feature(feature: &Feature<'_>, fields: &[FieldReader], layer: &OgrLayer) -> Result<Found, String> {
    let geometry = match feature.geometry_by_index(0) {
        // No geometry, or a layer without any.
        Err(_) => None,
        Ok(geometry) => Some(wkb_in::decode(&geometry.iso_wkb().map_err(|e| e.to_string())?)?),
    };
    let mut values = Vec::with_capacity(fields.len());
    for (at, field) in fields.iter().enumerate() {
        let value = read_value(feature, at, field, layer.leaves_unset()).map_err(|e| format!("field “{}”: {e}", field.name))?;
        match value {
            Value::Text(text) if field.is_other_tags => match tags::parse(&text) {
                None => values.push((field.name.clone(), Value::Text(text))),
                Some(tags) => {
                    let (lifted, rest) = tags::attributes(tags);
                    for (name, value) in lifted {
                        // GDAL has no field of the name, or the tag would not be here.
                        if values.iter().all(|(known, _): &(Arc<str>, Value)| **known != *name) {
                            values.push((name.into(), value));
                        }
                    }
                    values.extend(rest.map(|rest| (field.name.clone(), rest)));
                }
            },
            value => values.push((field.name.clone(), value)),
        }
    }
    Ok((geometry, values))
}

fn read_value(feature: &Feature<'_>, at: usize, field: &FieldReader, leaves_unset: bool) -> Result<Value, String> {
    let text = |e: gdal::errors::GdalError| e.to_string();
    if field.kind == OGRFieldType::OFTBinary {
        return Ok(Value::Null);
    }
    if leaves_unset && feature.field_as_string(at).map_err(text)?.is_none_or(|t| t.is_empty()) {
        return Ok(Value::Null);
    }
    match field.kind {
        OGRFieldType::OFTInteger | OGRFieldType::OFTInteger64 => {
            Ok(feature.field_as_integer64(at).map_err(text)?.map_or(Value::Null, Value::Integer))
        }
        OGRFieldType::OFTReal => match feature.field_as_double(at).map_err(text)? {
            None => Ok(Value::Null),
            Some(number) if number.is_finite() => Ok(Value::Number(number)),
            Some(number) => Err(format!("{number} is no finite number")),
        },
        OGRFieldType::OFTIntegerList | OGRFieldType::OFTInteger64List | OGRFieldType::OFTRealList | OGRFieldType::OFTStringList => {
            Ok(match feature.field(at).map_err(text)? {
                Some(FieldValue::IntegerListValue(list)) => json(&list),
                Some(FieldValue::Integer64ListValue(list)) => json(&list),
                Some(FieldValue::RealListValue(list)) => json(&list),
                Some(FieldValue::StringListValue(list)) => json(&list),
                _ => Value::Null,
            })
        }
        kind => match feature.field_as_string(at).map_err(text)? {
            None => Ok(Value::Null),
            Some(text) if text.contains('\u{fffd}') => {
                Err("the text is not in the encoding that was read; say --encoding GBK (or another)".to_owned())
            }
            Some(text) if matches!(kind, OGRFieldType::OFTDate | OGRFieldType::OFTDateTime | OGRFieldType::OFTTime) => {
                Ok(Value::Text(iso_8601(&text)))
            }
            Some(text) => Ok(Value::Text(text)),
        },
    }
}

fn json<T: serde::Serialize>(list: &[T]) -> Value {
    serde_json::to_string(list).map_or(Value::Null, Value::Json)
}

/// GDAL's `2016/03/01 08:15:00+08` as ISO 8601: `2016-03-01T08:15:00+08:00`.
fn iso_8601(text: &str) -> String {
    let (date, time) = match text.split_once(' ') {
        None => (text, None),
        Some((date, time)) => (date, Some(time)),
    };
    let date = date.replace('/', "-");
    let Some(time) = time else { return date };
    let zone = match time.rfind(['+', '-']) {
        None => return format!("{date}T{time}"),
        Some(at) => &time[at..],
    };
    let clock = &time[..time.len() - zone.len()];
    match zone.as_bytes() {
        b"+00" => format!("{date}T{clock}Z"),
        [_, _, _] => format!("{date}T{clock}{zone}:00"),
        [_, _, _, _, _] => format!("{date}T{clock}{}:{}", &zone[..3], &zone[3..]),
        _ => format!("{date}T{time}"),
    }
}

#[cfg(test)]
mod tests {
    use super::iso_8601;

    #[test]
    fn dates_are_iso_8601() {
        for (gdal, iso) in [
            ("2016/03/01", "2016-03-01"),
            ("2016/03/01 08:15:00", "2016-03-01T08:15:00"),
            ("2016/03/01 08:15:00+00", "2016-03-01T08:15:00Z"),
            ("2016/03/01 08:15:00.5+08", "2016-03-01T08:15:00.5+08:00"),
            ("2016/03/01 08:15:00-0330", "2016-03-01T08:15:00-03:30"),
            ("08:15:00", "08:15:00"),
        ] {
            assert_eq!(iso_8601(gdal), iso);
        }
    }
}
