//! No bytes make a reader panic: broken copies of good files, of every format.

#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use citywall_import::{ImportError, ImportOptions, Silent, read_elevation};
use common::{City, ogr2ogr, shared};
use proptest::prelude::*;
use std::sync::LazyLock;

/// A city and small good files to break.
type Seeds = (City, Vec<(&'static str, Vec<u8>)>);

/// See [`Seeds`].
static SEEDS: LazyLock<Seeds> = LazyLock::new(|| {
    let city = City::new();
    let lines: String =
        std::fs::read_to_string(shared("city/delft/delft.city.jsonl")).unwrap().lines().take(4).map(|l| format!("{l}\n")).collect();
    let geojson = r#"{"type":"FeatureCollection","crs":{"type":"name","properties":{"name":"EPSG:4326"}},"features":[
{"type":"Feature","id":1,"properties":{"name":"天津","n":1.5,"list":[1,2]},"geometry":{"type":"Polygon","coordinates":[[[117,39],[118,39],[118,40],[117,39]]]}},
{"type":"Feature","properties":null,"geometry":{"type":"GeometryCollection","geometries":[{"type":"Point","coordinates":[1,2,3]}]}}]}"#;
    let mut seeds = vec![
        ("a.geojson", geojson.as_bytes().to_vec()),
        ("a.ndjson", geojson.lines().skip(1).map(|l| format!("{}\n", l.trim_end_matches("]}").trim_end_matches(','))).collect::<String>().into_bytes()),
        ("a.city.jsonl", lines.into_bytes()),
        (
            "a.city.json",
            br#"{"type":"CityJSON","version":"2.0","metadata":{"referenceSystem":"https://www.opengis.net/def/crs/EPSG/0/4326"},"CityObjects":{"a":{"type":"Building","children":["b"],"attributes":{"n":1}},"b":{"type":"BuildingPart","parents":["a"],"geometry":[{"type":"Solid","lod":"1","boundaries":[[[[0,1,2]],[[0,2,3]],[[0,3,1]],[[1,3,2]]]],"semantics":{"surfaces":[{"type":"GroundSurface"}],"values":[[0,null,null,null]]}}]}},"vertices":[[1,2,0],[2,2,0],[1,3,0],[1,2,1]]}"#.to_vec(),
        ),
        ("a.csv", "name,lon,lat\n\"a \"\"b\"\"\",1,2\nc,3,4\n".as_bytes().to_vec()),
        ("a.asc", b"ncols 2\nnrows 2\nxllcorner 5\nyllcorner 40\ncellsize 1\n1 2\n3 4\n".to_vec()),
    ];
    let one = r#"{"type":"Feature","properties":{"name":"天津","n":1.5},"geometry":{"type":"Polygon","coordinates":[[[117,39],[118,39],[118,40],[117,39]]]}}"#;
    let source = city.file("seed.geojson", one);
    for (format, name) in [("GPKG", "a.gpkg"), ("FlatGeobuf", "a.fgb"), ("KML", "a.kml"), ("GML", "a.gml")] {
        let target = city.folder.path().join(format!("seed_{name}"));
        ogr2ogr(&["-f", format, target.to_str().unwrap(), source.to_str().unwrap()]);
        seeds.push((name, std::fs::read(target).unwrap()));
    }
    (city, seeds)
});

#[derive(Clone, Debug)]
enum Break {
    Set(usize, u8),
    Cut(usize),
    Drop(usize, usize),
    Double(usize, usize),
}

fn breaks() -> impl Strategy<Value = Vec<Break>> {
    let one = prop_oneof![
        4 => (any::<usize>(), any::<u8>()).prop_map(|(at, byte)| Break::Set(at, byte)),
        2 => (any::<usize>(), prop::sample::select(b"{}[]\",:-.eE0\\n".to_vec())).prop_map(|(at, byte)| Break::Set(at, byte)),
        1 => any::<usize>().prop_map(Break::Cut),
        1 => (any::<usize>(), 1..40usize).prop_map(|(at, n)| Break::Drop(at, n)),
        1 => (any::<usize>(), 1..40usize).prop_map(|(at, n)| Break::Double(at, n)),
    ];
    prop::collection::vec(one, 1..6)
}

fn broken(bytes: &[u8], breaks: &[Break]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for b in breaks {
        let len = bytes.len().max(1);
        match *b {
            _ if bytes.is_empty() => {}
            Break::Set(at, byte) => bytes[at % len] = byte,
            Break::Cut(at) => bytes.truncate(at % len),
            Break::Drop(at, n) => drop(bytes.drain(at % len..(at % len + n).min(len))),
            Break::Double(at, n) => {
                let piece = bytes[at % len..(at % len + n).min(len)].to_vec();
                bytes.splice(at % len..at % len, piece);
            }
        }
    }
    bytes
}

/// A few in every test run, many in a soak.
fn cases() -> u32 {
    if std::env::var_os("CITYWALL_SOAK").is_some() { 40_000 } else { 400 }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn soak_no_broken_file_panics_a_reader(seed in 0..10usize, breaks in breaks()) {
        let (city, seeds) = &*SEEDS;
        let (name, good) = &seeds[seed];
        let path = city.file(&format!("broken_{name}"), broken(good, &breaks));
        let ended = if name.ends_with("asc") {
            read_elevation(&path, &common::in_crs("EPSG:4326"), &Silent).err().map(|f| f.error)
        } else {
            city.import(&path, &ImportOptions::default()).err().map(|f| f.error)
        };
        // A reader that panics is caught and told as this.
        prop_assert!(!matches!(ended, Some(ImportError::Reader(_))), "{ended:?}");
    }
}
