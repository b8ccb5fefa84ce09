//! CityJSON documents: shared vertices, parts, levels of detail, what is refused by name.

#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use citywall_import::ImportOptions;
use citywall_model::{Value, geometry};
use citywall_store::CityStore;
use common::{City, text, value};
use geo::{Area, BoundingRect};

/// A town in RD New with NAP heights: a house of two halves that share a wall, a road of
/// triangles, a tree, a lamp from a template, and a house with a vertex that does not exist.
const TOWN: &str = r#"{"type":"CityJSON","version":"2.0",
"transform":{"scale":[0.01,0.01,0.01],"translate":[85000,447000,0]},
"metadata":{"referenceSystem":"https://www.opengis.net/def/crs/EPSG/0/7415"},
"CityObjects":{
 "house":{"type":"Building","attributes":{"owner":"city"},"children":["west","east"]},
 "west":{"type":"BuildingPart","parents":["house"],"attributes":{"roof":"flat","year":1990},"geometry":[
  {"type":"Solid","lod":"2.2","boundaries":[[[[0,3,2,1]],[[4,5,6,7]],[[0,1,5,4]],[[1,2,6,5]],[[2,3,7,6]],[[3,0,4,7]]]],
   "semantics":{"surfaces":[{"type":"GroundSurface"},{"type":"RoofSurface"}],"values":[[0,1,null,null,null,null]]}},
  {"type":"Solid","lod":"1","boundaries":[[[[0,3,2,1]],[[4,5,6,7]],[[0,1,5,4]],[[1,2,6,5]],[[2,3,7,6]],[[3,0,4,7]]]]}]},
 "east":{"type":"BuildingPart","parents":["house"],"attributes":{"roof":"flat","year":2005},"geometry":[
  {"type":"Solid","lod":"2.2","boundaries":[[[[1,2,9,8]],[[5,10,11,6]],[[1,8,10,5]],[[8,9,11,10]],[[9,2,6,11]],[[2,1,5,6]]]],
   "semantics":{"surfaces":[{"type":"GroundSurface"},{"type":"RoofSurface"}],"values":[[0,1,null,null,null,null]]}}]},
 "road":{"type":"Road","geometry":[{"type":"MultiSurface","lod":"1","boundaries":[[[12,13,14]],[[12,14,15]]]}]},
 "tree":{"type":"SolitaryVegetationObject","geometry":[{"type":"MultiPoint","lod":"0","boundaries":[12]}]},
 "lamp":{"type":"CityFurniture","geometry":[{"type":"GeometryInstance","template":0,"boundaries":[0],"transformationMatrix":[1,0,0,0,0,1,0,0,0,0,1,0,0,0,0,1]}]},
 "ruin":{"type":"Building","geometry":[{"type":"MultiSurface","lod":"1","boundaries":[[[0,1,99]]]}]}},
"vertices":[[0,0,100],[1000,0,100],[1000,1000,100],[0,1000,100],[0,0,700],[1000,0,700],[1000,1000,700],[0,1000,700],
 [2000,0,100],[2000,1000,100],[2000,0,700],[2000,1000,700],[5000,0,50],[6000,0,50],[6000,1000,50],[5000,1000,50]]}"#;

#[test]
fn a_document_becomes_one_item_per_top_level_object() {
    let city = City::new();
    let report = city.imported(&city.file("town.city.json", TOWN));
    let layer = &report.layers[0];
    assert_eq!((layer.stored, layer.refused, layer.solids), (3, 2, 4), "{report}");
    let reasons: Vec<&str> = layer.refusals.iter().map(|r| r.reason.as_str()).collect();
    assert!(reasons[0].starts_with("lamp:") && reasons[0].contains("template"), "{reasons:?}");
    assert!(reasons[1].starts_with("ruin:") && reasons[1].contains("vertex 99 of 16"), "{reasons:?}");

    let table = city.table("town");
    let house = table.row_of_id("house").unwrap();
    assert_eq!(text(&table, house, "owner"), "city");
    assert_eq!(text(&table, house, "roof"), "flat", "what the parts agree on is the house's");
    assert_eq!(text(&table, house, "parts"), r#"{"west":{"year":1990},"east":{"year":2005}}"#);
    assert_eq!((value(&table, house, "height"), value(&table, house, "ground_height")), (Value::Number(6.0), Value::Number(1.0)));
    // The two halves are one outline of 20 m × 10 m.
    let outline = geometry::to_geo(table.geometry(house).unwrap()).unwrap();
    let bounds = outline.bounding_rect().unwrap();
    let square_m = outline.unsigned_area() * 111_320.0 * 111_250.0 * bounds.center().y.to_radians().cos();
    assert!((square_m - 200.0).abs() < 2.0, "{square_m}");
    assert!(matches!(&outline, geo::Geometry::MultiPolygon(parts) if parts.0.len() == 1), "{outline:?}");

    let id = citywall_model::CollectionId::new("town").unwrap();
    let solids = city.store.solids(&id, table.fid(house)).unwrap();
    let seen: Vec<(&str, &str, &[u32])> = solids.iter().map(|s| (s.object.as_str(), s.lod.as_str(), &s.shells[..])).collect();
    assert_eq!(seen, [("west", "2.2", &[6][..]), ("west", "1", &[6]), ("east", "2.2", &[6])]);
    assert_eq!(solids[0].semantics[..3], ["GroundSurface", "RoofSurface", ""]);
    assert!(solids[1].semantics.is_empty());

    let road = table.row_of_id("road").unwrap();
    let road = geometry::to_geo(table.geometry(road).unwrap()).unwrap();
    assert!(matches!(&road, geo::Geometry::MultiPolygon(parts) if parts.0.len() == 1), "triangles are merged: {road:?}");
    let tree = table.row_of_id("tree").unwrap();
    assert!(matches!(geometry::to_geo(table.geometry(tree).unwrap()), Some(geo::Geometry::MultiPoint(_))));
}

#[test]
fn a_broken_feature_of_a_sequence_is_refused_by_line() {
    let city = City::new();
    let feature = |id: &str, index: u32| {
        format!(
            r#"{{"type":"CityJSONFeature","id":"{id}","CityObjects":{{"{id}":{{"type":"Building","geometry":[{{"type":"MultiSurface","lod":"0","boundaries":[[[0,1,{index}]]]}}]}}}},"vertices":[[0,0,0],[1000,0,0],[1000,1000,0]]}}"#
        )
    };
    let header = r#"{"type":"CityJSON","version":"2.0","transform":{"scale":[0.001,0.001,0.001],"translate":[117,39,0]},"metadata":{"referenceSystem":"EPSG:4979"},"CityObjects":{},"vertices":[]}"#;
    let lines = [header, &feature("a", 2), &feature("b", 7), r#"{"type":"CityJSONFeature","id""#, "{}", &feature("c", 2), &feature("a", 2)];
    let report = city.imported(&city.file("few.city.jsonl", lines.join("\n") + "\n"));
    let layer = &report.layers[0];
    assert_eq!((layer.stored, layer.refused), (2, 4), "{report}");
    let at: Vec<Option<u64>> = layer.refusals.iter().map(|r| r.place.line).collect();
    assert!([3, 4, 5, 7].iter().all(|line| at.contains(&Some(*line))), "{at:?}");
    let error = city.refused(&city.file("cut.city.json", &TOWN[..TOWN.len() / 2]), &ImportOptions::default());
    assert!(error.contains("cut off at line"), "{error}");
}
