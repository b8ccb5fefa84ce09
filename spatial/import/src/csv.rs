//! Comma-separated values with coordinates in columns.
//!
//! The file is read twice: once to see of what type each column is, so that a column with codes
//! such as `0312` is text as a whole and keeps every character; then for its records.

use crate::{
    ImportError, ImportOptions, LayerPlan, bytes,
    clean::Repairs,
    progress::Control,
    shape::{Kind, Shape},
    sink::Sink,
    source::{self, Format},
    wkb_in,
};
use ::csv::{ByteRecord, Reader, ReaderBuilder, Trim};
use citywall_crs::{Crs, messages};
use citywall_model::{FieldType, Value, limits};
use encoding_rs::{Encoding, UTF_8};
use gdal::vector::Geometry;
use std::{io::Read, path::Path, sync::Arc};

/// Pairs of column names that hold a position in degrees, longitude first, lower case.
const LON_LAT: [(&str, &str); 12] = [
    ("longitude", "latitude"),
    ("lon", "lat"),
    ("lng", "lat"),
    ("long", "lat"),
    ("经度", "纬度"),
    ("wgs84_lon", "wgs84_lat"),
    ("wgs84_lng", "wgs84_lat"),
    ("gcj02_lon", "gcj02_lat"),
    ("gcj02_lng", "gcj02_lat"),
    ("bd09_lon", "bd09_lat"),
    ("bd09_lng", "bd09_lat"),
    ("lon_wgs84", "lat_wgs84"),
];
/// Pairs that may hold any unit, easting first.
const X_Y: [(&str, &str); 5] = [("x", "y"), ("easting", "northing"), ("x坐标", "y坐标"), ("point_x", "point_y"), ("coord_x", "coord_y")];
/// Columns with a geometry as well-known text.
const WKT: [&str; 5] = ["wkt", "geom", "geometry", "the_geom", "wkt_geom"];

/// Where a record's geometry stands.
#[derive(Clone, Debug, PartialEq)]
enum Position {
    Pair(usize, usize),
    Wkt(usize),
}

/// What was found out about the columns.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Columns {
    position: Position,
    delimiter: u8,
    encoding: &'static Encoding,
    names: Vec<Arc<str>>,
    kinds: Vec<FieldType>,
}

/// Chooses the columns; one layer.
pub(crate) fn plan(path: &Path, options: &ImportOptions) -> Result<Vec<LayerPlan>, ImportError> {
    let foreign = |reason: String| ImportError::Foreign { path: path.to_owned(), reason };
    let encoding = options.encoding.as_ref().and_then(|e| Encoding::for_label(e.as_bytes())).unwrap_or(UTF_8);
    let head = bytes::head(path, source::HEAD_BYTES)?;
    if head.contains(&0) {
        return Err(foreign("it has zero bytes, so it is no text".to_owned()));
    }
    let header = head.split(|b| *b == b'\n').next().unwrap_or_default();
    let delimiter = [b',', b'\t', b';', b'|'].into_iter().max_by_key(|d| header.iter().filter(|b| *b == d).count()).unwrap_or(b',');
    let control = Control::default();
    let mut reader = reader(path, delimiter, &control)?;
    let header = reader.byte_headers().map_err(|e| broken(path, &e, 0))?.clone();
    let mut names: Vec<Arc<str>> = Vec::new();
    for (at, name) in header.iter().enumerate() {
        let name = text(name, encoding).map_err(|reason| foreign(format!("the name of column {} {reason}", at + 1)))?;
        let name = if name.trim().is_empty() { format!("column_{}", at + 1) } else { name.trim().to_owned() };
        if names.iter().any(|known| **known == *name) {
            return Err(foreign(format!("the column “{name}” stands twice in its header")));
        }
        names.push(name.into());
    }
    if names.len() > limits::FIELDS_MAX {
        return Err(foreign(format!("{} columns pass the limit FIELDS_MAX ({})", names.len(), limits::FIELDS_MAX)));
    }
    let Some((position, in_degrees)) = position(&names) else {
        let listed = names.iter().take(20).map(|n| &**n).collect::<Vec<_>>().join(", ");
        return Err(foreign(format!(
            "none of its columns ({listed}) hold a position; name them lon and lat (or longitude, lng, 经度 and latitude, 纬度), x and y with --crs, or wkt"
        )));
    };
    let mut notes = vec![match &position {
        Position::Pair(x, y) => format!("positions are read from the columns {} (x) and {} (y)", names[*x], names[*y]),
        Position::Wkt(at) => format!("geometries are read from the column {} as well-known text", names[*at]),
    }];
    let crs = match &options.crs {
        Some(crs) => crs.clone(),
        None if in_degrees => Crs::wgs84(),
        None => return Err(ImportError::NoCrs { path: path.to_owned(), layer: None }),
    };
    notes.push(source::assumed(options, "degrees in a CSV are taken as WGS 84"));
    let named = |word: &str| matches!(&position, Position::Pair(x, _) if names[*x].to_lowercase().contains(word));
    let crs = match &options.crs {
        None if named("gcj") => datum_by_name("GCJ-02", &mut notes),
        None if named("bd09") => datum_by_name("BD-09", &mut notes),
        _ => crs,
    };
    let kinds = kinds(path, delimiter, encoding, names.len())?;
    let columns = Columns { position, delimiter, encoding, names, kinds };
    Ok(vec![source::single(path, options, "CSV", Format::Csv(columns), crs, notes)])
}

/// A datum that the column's own name states.
fn datum_by_name(datum: &str, notes: &mut Vec<String>) -> Crs {
    notes.pop();
    notes.push(format!("the columns' names say that positions are in {datum}"));
    Crs::parse(datum).unwrap_or_else(|_| Crs::wgs84())
}

fn reader<'a>(path: &Path, delimiter: u8, control: &'a Control) -> Result<Reader<Box<dyn Read + 'a>>, ImportError> {
    Ok(ReaderBuilder::new().delimiter(delimiter).flexible(true).trim(Trim::None).from_reader(bytes::open(path, control)?))
}

fn broken(path: &Path, error: &::csv::Error, records: u64) -> ImportError {
    let place = error.position().map_or_else(|| format!("record {}", records + 1), |p| format!("line {}", p.line()));
    match error.kind() {
        ::csv::ErrorKind::Io(e) => bytes::read_error(path, std::io::Error::new(e.kind(), e.to_string()), &place, records),
        _ => ImportError::Broken { path: path.to_owned(), place, reason: error.to_string() },
    }
}

/// A cell's text, or what is wrong with it.
fn text(cell: &[u8], encoding: &'static Encoding) -> Result<String, String> {
    let (text, failed) = encoding.decode_without_bom_handling(cell);
    if failed {
        return Err(format!("is not {}: say --encoding GBK (or what it is)", encoding.name()));
    }
    Ok(text.into_owned())
}

/// The columns of the position, and whether they can only be degrees.
fn position(names: &[Arc<str>]) -> Option<(Position, bool)> {
    let lower: Vec<String> = names.iter().map(|n| n.trim_start_matches('\u{feff}').to_lowercase()).collect();
    let at = |name: &str| lower.iter().position(|n| n == name);
    let pair = |pairs: &[(&str, &str)]| pairs.iter().find_map(|(x, y)| Some(Position::Pair(at(x)?, at(y)?)));
    pair(&LON_LAT)
        .map(|p| (p, true))
        .or_else(|| WKT.iter().find_map(|name| at(name)).map(|at| (Position::Wkt(at), true)))
        .or_else(|| pair(&X_Y).map(|p| (p, false)))
}

/// The narrowest type that holds every cell of each column exactly.
fn kinds(path: &Path, delimiter: u8, encoding: &'static Encoding, columns: usize) -> Result<Vec<FieldType>, ImportError> {
    let control = Control::default();
    let mut reader = reader(path, delimiter, &control)?;
    let mut kinds: Vec<Option<FieldType>> = vec![None; columns];
    let mut record = ByteRecord::new();
    // What breaks the file is told when its records are read.
    while reader.read_byte_record(&mut record).unwrap_or(false) {
        for (kind, cell) in kinds.iter_mut().zip(&record) {
            if !cell.is_empty() && *kind != Some(FieldType::Text) {
                let cell = text(cell, encoding).map_or(FieldType::Text, |t| kind_of(&t));
                *kind = Some(kind.map_or(cell, |k| k.widen(cell)));
            }
        }
    }
    Ok(kinds.into_iter().map(|k| k.unwrap_or(FieldType::Text)).collect())
}

/// A number only if it would be written back the same way.
fn kind_of(cell: &str) -> FieldType {
    if cell.parse::<i64>().is_ok_and(|i| i.to_string() == cell) {
        return FieldType::Integer;
    }
    let digits = cell.strip_prefix('-').unwrap_or(cell);
    let leads_with_zeros = digits.len() > 1 && digits.starts_with('0') && !digits.starts_with("0.");
    let plain = digits.starts_with(|c: char| c.is_ascii_digit()) && digits.bytes().all(|b| b.is_ascii_digit() || b".eE+-".contains(&b));
    let significant = digits.bytes().take_while(|b| !matches!(b, b'e' | b'E')).filter(u8::is_ascii_digit).count();
    if plain && !leads_with_zeros && significant <= 17 && cell.parse::<f64>().is_ok_and(f64::is_finite) {
        FieldType::Number
    } else {
        FieldType::Text
    }
}

/// Reads every record into the sink.
pub(crate) fn read(path: &Path, columns: &Columns, sink: &mut Sink<'_>) -> Result<(), ImportError> {
    let control = sink.control;
    let mut reader = reader(path, columns.delimiter, control)?;
    let mut record = ByteRecord::new();
    loop {
        match reader.read_byte_record(&mut record) {
            Ok(true) => {}
            Ok(false) => return Ok(()),
            Err(e) => return Err(broken(path, &e, sink.records())),
        }
        let place = sink.next_place(record.position().map(::csv::Position::line));
        if record.as_slice().len() > limits::LINE_BYTES_MAX {
            sink.refuse(place, format!("the record passes the limit LINE_BYTES_MAX ({})", limits::LINE_BYTES_MAX), &[])?;
            continue;
        }
        let raw = raw(&record, columns.delimiter);
        match read_record(&record, columns) {
            Ok((mut shape, values)) => sink.feature(place, shape.as_mut(), values, &raw, Repairs::default())?,
            Err(reason) => sink.refuse(place, reason, &raw)?,
        }
    }
}

/// The record as a line.
fn raw(record: &ByteRecord, delimiter: u8) -> Vec<u8> {
    let mut line = Vec::new();
    for (at, cell) in record.iter().enumerate() {
        if at > 0 {
            line.push(delimiter);
        }
        line.extend_from_slice(cell);
    }
    line
}

type Found = (Option<Shape>, Vec<(Arc<str>, Value)>);

fn read_record(record: &ByteRecord, columns: &Columns) -> Result<Found, String> {
    if record.len() != columns.names.len() {
        return Err(format!("it has {} cells, the header has {}", record.len(), columns.names.len()));
    }
    let cell = |at: usize| text(&record[at], columns.encoding).map_err(|reason| format!("the cell “{}” {reason}", columns.names[at]));
    let shape = match columns.position {
        Position::Pair(x, y) => point(&cell(x)?, &cell(y)?, (&columns.names[x], &columns.names[y]))?,
        Position::Wkt(at) => well_known_text(&cell(at)?)?,
    };
    let mut values = Vec::with_capacity(columns.names.len());
    for (at, (name, kind)) in columns.names.iter().zip(&columns.kinds).enumerate() {
        if columns.position == Position::Wkt(at) {
            continue;
        }
        values.push((name.clone(), value(cell(at)?, *kind)));
    }
    Ok((shape, values))
}

fn value(cell: String, kind: FieldType) -> Value {
    if cell.is_empty() {
        return Value::Null;
    }
    match kind {
        FieldType::Integer => cell.parse().map_or(Value::Text(cell), Value::Integer),
        FieldType::Number => cell.parse().map_or(Value::Text(cell), Value::Number),
        _ => Value::Text(cell),
    }
}

/// A point, or none where both cells are empty.
fn point(x: &str, y: &str, names: (&str, &str)) -> Result<Option<Shape>, String> {
    let (x, y) = (x.trim(), y.trim());
    if x.is_empty() && y.is_empty() {
        return Ok(None);
    }
    let number = |text: &str, name: &str| match text.parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(number),
        _ => Err(format!("“{}” in the column {name} is no number", text.chars().take(40).collect::<String>())),
    };
    let mut shape = Shape::new(Kind::Point);
    shape.push(number(x, names.0)?, number(y, names.1)?, None);
    Ok(Some(shape))
}

fn well_known_text(cell: &str) -> Result<Option<Shape>, String> {
    if cell.trim().is_empty() {
        return Ok(None);
    }
    // PostGIS writes its code in front.
    let wkt = match cell.trim().split_once(';') {
        Some((srid, wkt)) if srid.to_ascii_uppercase().starts_with("SRID=") => wkt,
        _ => cell.trim(),
    };
    let (wkb, _) = messages::collect(|| Geometry::from_wkt(wkt).and_then(|g| g.iso_wkb()));
    let wkb = wkb.map_err(|_| format!("“{}” is no well-known text", cell.chars().take(40).collect::<String>()))?;
    Ok(Some(wkb_in::decode(&wkb)?.shape))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_a_number_only_if_nothing_is_lost() {
        for (cell, kind) in [
            ("12", FieldType::Integer),
            ("-3", FieldType::Integer),
            ("0312", FieldType::Text),
            ("+3", FieldType::Text),
            ("1.50", FieldType::Number),
            ("0.5", FieldType::Number),
            ("1e3", FieldType::Number),
            ("NaN", FieldType::Text),
            ("1.2.3", FieldType::Text),
            ("120103002001", FieldType::Integer),
            ("12010300200100000000", FieldType::Text),
            ("2013-03-01", FieldType::Text),
        ] {
            assert_eq!(kind_of(cell), kind, "{cell}");
        }
    }

    #[test]
    fn columns_are_found_in_both_languages() {
        let find = |names: &[&str]| position(&names.iter().map(|n| Arc::from(*n)).collect::<Vec<_>>());
        assert_eq!(find(&["id", "LON", "Lat"]), Some((Position::Pair(1, 2), true)));
        assert_eq!(find(&["纬度", "经度"]), Some((Position::Pair(1, 0), true)));
        assert_eq!(find(&["x", "y"]), Some((Position::Pair(0, 1), false)));
        assert_eq!(find(&["geom", "x", "y"]), Some((Position::Wkt(0), true)));
        assert_eq!(find(&["PM2.5", "station"]), None);
    }
}
