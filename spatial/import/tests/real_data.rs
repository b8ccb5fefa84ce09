//! Real cities, against the counts that came with them.

#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use citywall_import::{ImportOptions, report::Repair};
use citywall_model::{FeatureTable, Value};
use citywall_store::CityStore;
use common::{City, bounds, in_crs, shared, text, value};
use std::collections::BTreeSet;

#[test]
fn new_yorks_buildings_all_arrive() {
    let city = City::new();
    let report = city.imported(&shared("city/new-york/buildings.geojsonl.gz"));
    assert_eq!((report.stored(), report.refused()), (115_436, 0));
    let table = city.table("buildings");
    let rows = 0..u32::try_from(table.len()).unwrap();
    assert_eq!(rows.clone().filter(|r| value(&table, *r, "height") != Value::Null).count(), 111_243);
    // The source's property `id` repeats, so it is an attribute and no key.
    let ids: BTreeSet<String> = rows
        .clone()
        .filter_map(|r| match value(&table, r, "id") {
            Value::Integer(id) => Some(id.to_string()),
            Value::Text(id) => Some(id),
            _ => None,
        })
        .collect();
    assert_eq!(ids.len(), 113_089);
    assert_eq!(rows.filter(|r| table.geometry(*r).is_none()).count(), 0);

    let keyed = city.refused(
        &shared("city/new-york/buildings.geojsonl.gz"),
        &ImportOptions { id_field: Some("nothing".into()), ..ImportOptions::default() },
    );
    assert!(keyed.contains("all 115436 records were refused"), "{keyed}");
    assert_eq!(city.table("buildings").len(), 115_436, "the version before stays");
}

#[test]
fn a_repeating_id_field_refuses_the_repeats() {
    let city = City::new();
    let refused_file = city.folder.path().join("refused.ndjson");
    let options = ImportOptions { id_field: Some("id".into()), refused_file: Some(refused_file.clone()), ..ImportOptions::default() };
    let report = city.import(&shared("city/new-york/buildings.geojsonl.gz"), &options).unwrap();
    assert_eq!((report.stored(), report.refused()), (113_089, 115_436 - 113_089));
    let rows: Vec<serde_json::Value> =
        std::fs::read_to_string(refused_file).unwrap().lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(rows.len() as u64, report.refused());
    let source = &rows[0]["raw"].as_str().unwrap();
    assert!(source.contains("\"type\":\"Feature\"") && rows[0]["line"].is_u64() && rows[0]["reason"].is_string(), "{}", rows[0]);
}

#[test]
fn new_yorks_roads_all_arrive() {
    let city = City::new();
    let report = city.imported(&shared("city/new-york/roads.geojsonl.gz"));
    assert_eq!((report.stored(), report.refused()), (53_340, 0));
}

fn district(table: &FeatureTable, name: &str) -> u32 {
    let field = ["district_name", "_district"].into_iter().find(|f| table.schema().position(f).is_some()).unwrap();
    (0..u32::try_from(table.len()).unwrap())
        .find(|r| value(table, *r, field) == Value::Text(name.into()))
        .unwrap_or_else(|| panic!("no {name}"))
}

#[test]
fn tianjins_offset_districts_land_on_the_unshifted_ones() {
    let city = City::new();
    assert_eq!(city.imported(&shared("city/tianjin/districts_wgs84_detailed.geojson")).stored(), 16);
    let report = city.import(&shared("city/tianjin/districts_gcj02.geojson"), &in_crs("GCJ-02")).unwrap();
    assert_eq!((report.stored(), report.layers[0].source_crs.as_str()), (18, "GCJ-02"));
    let (plain, offset) = (city.table("districts_wgs84_detailed"), city.table("districts_gcj02"));
    for name in ["和平区", "河西区"] {
        let (a, b) = (bounds(&plain, district(&plain, name)), bounds(&offset, district(&offset, name)));
        let metres_north = 111_320.0;
        let metres_east = metres_north * a.y_min.to_radians().cos();
        for (apart, metres) in [
            (a.x_min - b.x_min, metres_east),
            (a.x_max - b.x_max, metres_east),
            (a.y_min - b.y_min, metres_north),
            (a.y_max - b.y_max, metres_north),
        ] {
            assert!((apart * metres).abs() < 10.0, "{name}: {} m", apart * metres);
        }
    }
}

#[test]
fn a_source_on_cgcs2000_is_stored_on_cgcs2000() {
    let city = City::new();
    let report = city.import(&shared("city/tianjin/districts_cgcs2000.geojson"), &in_crs("CGCS2000")).unwrap();
    assert_eq!((report.stored(), report.layers[0].source_crs.as_str()), (16, "EPSG:4490"));
    assert_eq!(city.store.collections().unwrap()[0].storage_crs, 4490);
    let codes = city.table("districts_cgcs2000");
    assert_eq!(text(&codes, district(&codes, "和平区"), "district_adcode"), "120101");
}

#[test]
fn hexis_invalid_ring_is_reported_and_mended() {
    let city = City::new();
    let report = city.imported(&shared("city/tianjin/hexi_communities.geojson"));
    assert_eq!((report.stored(), report.refused()), (141, 0));
    let invalid = &report.layers[0].repaired[&Repair::Invalid];
    assert_eq!(invalid.records, 1);
    assert!(invalid.examples[0].detail.contains("Self-intersection"), "{}", invalid.examples[0].detail);
    assert!(report.to_string().contains("self-crossing polygon made valid in 1 records"), "{report}");
    assert_eq!(city.imported(&shared("city/tianjin/hexi_streets.geojson")).stored(), 14);
}

#[test]
fn a_gzipped_collection_is_read_like_a_plain_one() {
    let city = City::new();
    assert_eq!(city.imported(&shared("city/tianjin/heat_geohash6.geojson.gz")).stored(), 23_993);
}

#[test]
fn delft_keeps_its_solids_footprints_and_heights() {
    let city = City::new();
    let report = city.imported(&shared("city/delft/delft.city.jsonl"));
    let layer = &report.layers[0];
    assert_eq!((layer.stored, layer.solids, layer.no_geometry), (1_115, 3_348, 0));
    assert_eq!(layer.source_crs, "EPSG:7415");
    let meta = &city.store.collections().unwrap()[0];
    assert_eq!((meta.count, meta.solids, meta.id_field.as_deref()), (1_115, 3_348, Some("cityobject_id")));

    let table = city.table("delft");
    let row = table.row_of_id("NL.IMBAG.Pand.0503100000012869").unwrap();
    // 3DBAG gives the ground's height and the highest point of the roof.
    let number = |field: &str| match value(&table, row, field) {
        Value::Number(n) => n,
        other => panic!("{field}: {other:?}"),
    };
    assert!((number("height") + number("ground_height") - number("b3_h_dak_max")).abs() < 0.05);
    assert!((number("ground_height") - number("b3_h_maaiveld")).abs() < 0.05);

    let solids = city.store.solids(&meta.id, table.fid(row)).unwrap();
    let lods: Vec<&str> = solids.iter().map(|s| s.lod.as_str()).collect();
    assert_eq!(lods, ["1.2", "1.3", "2.2"]);
    assert!(solids.iter().all(|s| s.kind == "Solid" && s.object_type == "BuildingPart" && s.shells == [6]));
    assert_eq!(solids[0].semantics, ["GroundSurface", "WallSurface", "WallSurface", "WallSurface", "WallSurface", "RoofSurface"]);
    let (a, b) = (solids[0].surfaces.bounds(), bounds(&table, row));
    assert!((a.x_min - b.x_min).abs() < 1e-5 && (a.y_max - b.y_max).abs() < 1e-5, "{a:?} {b:?}");
}

#[test]
fn monacos_layers_become_collections() {
    let city = City::new();
    let report = city.imported(&shared("city/monaco/monaco.osm.gz"));
    let stored = |collection: &str| report.layers.iter().find(|l| l.collection == collection).unwrap().stored;
    assert_eq!((stored("monaco_points"), stored("monaco_lines"), stored("monaco_multipolygons")), (758, 913, 1_016),);
    let polygons = city.table("monaco_multipolygons");
    let rows = 0..u32::try_from(polygons.len()).unwrap();
    assert_eq!(rows.clone().filter(|r| value(&polygons, *r, "building") != Value::Null).count(), 966);
    // The palace is a relation with a name; that it is a building stands on its outline.
    let palace = rows.clone().find(|r| value(&polygons, *r, "name") == Value::Text("Palais Princier".into())).unwrap();
    assert_eq!(text(&polygons, palace, "building"), "yes");
}
