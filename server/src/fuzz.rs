//! What the fuzz targets of `tests/fuzz` feed: one function for each reader of what comes from
//! outside. Each takes any bytes, and panics where the reader does, where an answer is a 500, or
//! where what was read and written again is something else.

mod import;
mod served;

use crate::{
    api::styles,
    config::TopicConfig,
    geojson::{read, write},
    ingest::{Line, Lines, mqtt},
    redis::object::from_hash,
};
use axum::body::Bytes;
use citywall_analysis::cells::Cells;
use citywall_cql2::{Filter, Queryables};
use citywall_model::{
    Bbox, CimCategory, CollectionId, CollectionKind, CollectionMeta, FeatureRef, FeatureTable, FeatureTableBuilder, FieldType, LocalText,
    Revision, RowIds, Schema, Value, ValueRef, Wkb, geometry, limits,
};
use std::sync::LazyLock;

/// A target: what it is called, and what it feeds.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: &[Target] = &[
    ("cell", cell),
    ("cityjson", import::cityjson),
    ("cql2_json", cql2_json),
    ("cql2_text", cql2_text),
    ("csv", import::csv),
    ("document", served::document),
    ("edit", served::edit),
    ("geojson", geojson),
    ("geojson_file", import::geojson),
    ("lines", lines),
    ("mqtt", mqtt_payload),
    ("parameters", served::get),
    ("question", served::question),
    ("redis", served::redis),
    ("style", style),
    ("tile_address", served::get),
    ("wkb", wkb),
];

fn cql2_text(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data)
        && let Ok(filter) = Filter::from_text(text)
    {
        check_filter(&filter, true);
    }
}

fn cql2_json(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data)
        && let Ok(filter) = Filter::from_json(text)
    {
        check_filter(&filter, false);
    }
}

/// A filter means the same in both forms, and can be asked of any item. Only JSON tells an array of one value from
/// that value in parentheses, so that one that came as JSON may be simpler as text.
fn check_filter(filter: &Filter, is_from_text: bool) {
    let (text, json) = (filter.to_text(), filter.to_json().to_string());
    // What is written is longer than what was read where operators are words and names are quoted.
    if text.len().max(json.len()) <= limits::FILTER_BYTES_MAX {
        let again = Filter::from_text(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert!(again.to_text() == text || !is_from_text, "{} was {text}", again.to_text());
        let again = Filter::from_json(&json).unwrap_or_else(|error| panic!("{json}: {error}"));
        assert_eq!(again.to_text(), text);
    }
    let (table, queryables) = &*ITEMS;
    if let Ok(bound) = filter.bind(queryables) {
        let _ = bound.explain();
        for row in 0..u32::try_from(table.len()).unwrap_or(0) {
            let item = FeatureRef::Row(table, row);
            if bound.holds(item)
                && let Some(windows) = bound.windows()
            {
                let bounds = item.geometry().map_or(Bbox::EMPTY, geometry::bounds);
                assert!(windows.iter().any(|window| window.intersects(&bounds)), "{}", bound.explain());
            }
        }
    }
}

/// A few items with values of every type.
static ITEMS: LazyLock<(FeatureTable, Queryables)> = LazyLock::new(|| {
    let schema = Schema::new([
        ("name", FieldType::Text),
        ("floors", FieldType::Integer),
        ("height", FieldType::Number),
        ("open", FieldType::Boolean),
        ("built", FieldType::Text),
        ("tags", FieldType::Json),
    ]);
    let meta = CollectionMeta {
        id: CollectionId::new("buildings").unwrap_or_else(|error| unreachable!("{error}")),
        kind: CollectionKind::Layer,
        title: LocalText::default(),
        category: CimCategory::PublicThemes,
        source: String::new(),
        source_crs: String::new(),
        storage_crs: 4326,
        generated: true,
        version: 1,
        revision: Revision(1),
        schema: schema.clone(),
        id_field: None,
        geometry_type: "GEOMETRY".to_owned(),
        extent: None,
        count: 0,
        solids: 0,
    };
    let mut table = FeatureTableBuilder::new(schema, RowIds::Generated);
    let point = Wkb::point(117.2, 39.1).unwrap_or_else(|error| unreachable!("{error}"));
    let text = |text: &str| Value::Text(text.into());
    let tags = Value::Json(r#"["tower",1]"#.into());
    let tower = [text("鼓楼"), Value::Integer(3), Value::Number(20.5), Value::Boolean(true), text("1493-05-01"), tags];
    table.push(1, Some(point.bytes()), tower.iter().map(Value::as_ref));
    table.push(2, None, [ValueRef::Null; 6]);
    (table.finish(), Queryables::of(&meta))
});

fn geojson(data: &[u8]) {
    if let Ok(document) = read::document(&Bytes::copy_from_slice(data)) {
        assert_eq!(document.records.len(), document.lines.len());
        for record in document.records {
            if let Ok(Some(Some(wkb))) = record.draft.map(|draft| draft.geometry) {
                check_geometry(&wkb);
            }
        }
    }
}

/// A geometry that was taken can be written and is then the same.
fn check_geometry(wkb: &Wkb) {
    let mut text = Vec::new();
    write::geometry(&mut text, wkb.bytes());
    let text = String::from_utf8(text).unwrap_or_else(|error| panic!("{error}"));
    let again = read::geometry(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
    // Written are nine decimals of a degree, a tenth of a millimetre; an empty one has no finite bounds.
    let edges = |of: &Wkb| <[f64; 4]>::from(of.bounds());
    let same = edges(&again).iter().zip(edges(wkb)).all(|(a, b)| *a == b || (a - b).abs() < 1e-8);
    assert!(same, "{text}: {:?} was {:?}", again.bounds(), wkb.bounds());
}

/// The first byte says how a body is cut as it arrives.
fn lines(data: &[u8]) {
    let Some((cut, body)) = data.split_first() else { return };
    let mut cutter = Lines::new(1 << 10);
    let mut found = Vec::new();
    for chunk in body.chunks(usize::from(*cut).max(1)) {
        cutter.push(chunk);
        found.extend(cutter.take(false));
    }
    found.extend(cutter.take(true));
    for (_, line) in found {
        if let Line::Whole(text) = line {
            let _ = read::record(text);
        }
    }
}

/// Messages of three forms; the first byte says which.
fn mqtt_payload(data: &[u8]) {
    static TOPICS: LazyLock<Vec<TopicConfig>> = LazyLock::new(|| {
        let position = "topic = \"a/{id}\"\ncollection = \"a\"\ntime = \"/ts\"\ntime_format = \"unix_ms\"\nlongitude = \"/pos/0\"\nlatitude = \"/pos/1\"\naltitude = \"/alt\"\nproperties = { speed = \"/speed\", plate = \"津{/plate}\" }";
        let station = "topic = \"a/{id}\"\ncollection = \"a\"\nrecords = \"/data\"\nid = \"{/station}\"\ntime = \"/at\"\ntime_format = \"%Y-%m-%d %H:%M\"\ntime_zone = \"Asia/Shanghai\"\nsource = \"/net\"\ngeometry = \"/where\"";
        let feature = "topic = \"a/{id}\"\ncollection = \"a\"\npayload = \"feature\"";
        [position, station, feature].map(|config| toml::from_str(config).unwrap_or_else(|error| unreachable!("{error}"))).into()
    });
    let Some((form, payload)) = data.split_first() else { return };
    let config = &TOPICS[usize::from(*form) % TOPICS.len()];
    mqtt::mapping::records(config, "broker", &[("id", "7")], &Bytes::copy_from_slice(payload), jiff::Timestamp::UNIX_EPOCH);
}

fn style(data: &[u8]) {
    if let Ok(style) = serde_json::from_slice(data)
        && styles::check::style(&style, None, &|_| true).is_ok()
    {
        let _ = styles::check::collections(&style);
    }
}

/// `CELLS LONGITUDE LATITUDE`, or a geohash.
fn cell(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _ = from_hash(text);
    let mut words = text.split_whitespace();
    let Some(cells) = words.next().and_then(|word| word.parse::<Cells>().ok()) else { return };
    let mut degrees = || words.next().and_then(|word| word.parse::<f64>().ok());
    let (Some(lon), Some(lat)) = (degrees(), degrees()) else { return };
    // Only places on the globe come so far.
    if Wkb::point(lon, lat).is_ok() {
        let _ = (cells.code(lon, lat), cells.outline(lon, lat));
        let _ = cells.over(&Bbox::new(lon, lat, (lon + 0.01).min(180.0), (lat + 0.01).min(90.0)));
    }
}

fn wkb(data: &[u8]) {
    if let Ok(wkb) = Wkb::new(data.to_vec()) {
        let _ = (wkb.to_geo(), geometry::as_point(wkb.bytes()));
        check_geometry(&wkb);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::TARGETS;
    use std::{fs, path::Path};

    #[test]
    fn no_seed_of_a_fuzz_target_panics() {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fuzz/corpus");
        for (name, feed) in TARGETS {
            let seeds: Vec<_> = fs::read_dir(corpus.join(name)).unwrap_or_else(|error| panic!("{name}: {error}")).collect();
            assert!(!seeds.is_empty(), "{name} has no seeds");
            for seed in seeds {
                feed(&fs::read(seed.unwrap().path()).unwrap());
            }
            feed(b"");
        }
    }
}
