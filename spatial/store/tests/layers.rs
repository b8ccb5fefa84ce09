//! Layers: staging, schemas that grow, ids, publishing, solids.
#![allow(clippy::unwrap_used)]

mod common;

use citywall_model::{Bbox, FieldType, Value, ValueRef, Wkb, limits};
use citywall_store::{CityStore, GeoPackage, LayerDraft, NewFeature, Solid, StoreError};
use common::*;
use proptest::prelude::*;
use std::sync::Arc;

#[test]
fn a_published_layer_comes_back_as_it_was_written() {
    let (_folder, path, store) = city();
    let rows: Vec<NewFeature> = (0..5_000_i32)
        .map(|i| {
            let place = (i % 11 != 0).then(|| square(117.0 + f64::from(i % 100) * 0.01, 39.0 + f64::from(i / 100) * 0.01));
            feature(
                place,
                &[
                    ("name", if i % 3 == 0 { Value::Null } else { Value::Text(format!("楼 {i}")) }),
                    ("floors", Value::Integer(i64::from(i % 40))),
                    ("height", Value::Number(f64::from(i) / 3.0)),
                    ("listed", Value::Boolean(i % 2 == 0)),
                    ("tags", Value::Json("{\"a\":[1,2]}".to_owned())),
                ],
            )
        })
        .collect();
    let meta = publish(&store, draft("buildings"), rows.clone());
    assert_eq!((meta.count, meta.version, meta.revision.0), (5_000, 1, 1));
    assert_eq!(meta.geometry_type, "POLYGON");
    drop(store);

    let store = GeoPackage::open(&path).unwrap();
    assert_eq!(store.collections().unwrap(), vec![meta.clone()]);
    assert_eq!(store.revision().0, 1);
    let table = store.load_layer(&id("buildings")).unwrap();
    assert_eq!(table.len(), rows.len());
    let mut extent = Bbox::EMPTY;
    for (row, feature) in (0..).zip(&rows) {
        assert_eq!(table.geometry(row), feature.geometry.as_ref().map(Wkb::bytes));
        for (at, (_, value)) in feature.values.iter().enumerate() {
            assert_eq!(table.value(row, at), value.as_ref());
        }
        extent = feature.geometry.as_ref().map_or(extent, |g| extent.union(g.bounds()));
    }
    assert_eq!(meta.extent, Some(extent));
    assert_sound(&path);
}

#[test]
fn no_reader_sees_a_version_before_it_is_published() {
    let (_folder, path, store) = city();
    publish(&store, draft("roads"), vec![feature(None, &[("v", Value::Integer(1))])]);
    let mut stage = store.stage(draft("roads")).unwrap();
    stage.write(vec![feature(None, &[("v", Value::Integer(2))]), feature(None, &[("v", Value::Integer(3))])]).unwrap();
    assert_eq!(store.load_layer(&id("roads")).unwrap().len(), 1);
    assert_eq!(stage.load().unwrap().len(), 2);
    let meta = stage.publish().unwrap();
    assert_eq!((meta.version, meta.revision.0, store.revision().0), (2, 2, 2));
    let table = store.load_layer(&id("roads")).unwrap();
    assert_eq!((0..2).map(|row| table.value(row, 0)).collect::<Vec<_>>(), [ValueRef::Integer(2), ValueRef::Integer(3)]);
    assert!(
        tables(&path).iter().all(|t| !t.starts_with("citywall_old") && !t.starts_with("citywall_stage")),
        "nothing of version 1 is left"
    );
}

#[test]
fn a_dropped_version_leaves_nothing() {
    let (_folder, path, store) = city();
    let mut stage = store.stage(draft("roads")).unwrap();
    let solid = NewFeature { solids: vec![solid("a")], ..feature(None, &[]) };
    stage.write(vec![solid; 10]).unwrap();
    assert!(tables(&path).iter().any(|t| t.starts_with("citywall_solids")));
    drop(stage);
    assert!(tables(&path).iter().all(|t| !t.starts_with("citywall_stage") && !t.starts_with("citywall_solids")));
    assert!(store.collections().unwrap().is_empty());
    assert!(matches!(store.load_layer(&id("roads")), Err(StoreError::NoCollection(_))));
}

#[test]
fn a_field_widens_from_integers_to_floats_to_text_without_loss() {
    let (_folder, path, store) = city();
    let mut stage = store.stage(draft("mixed")).unwrap();
    let write = |stage: &mut Box<dyn citywall_store::LayerStage>, x: Value, y: Value| {
        assert_eq!(stage.write(vec![feature(None, &[("x", x), ("y", y)])]).unwrap(), vec![]);
    };
    write(&mut stage, Value::Integer(1), Value::Text("007".to_owned()));
    assert_eq!(stage.meta().schema.fields[0].kind, FieldType::Integer);
    write(&mut stage, Value::Number(0.1 + 0.2), Value::Integer(7));
    assert_eq!(stage.meta().schema.fields[0].kind, FieldType::Number);
    assert_eq!(stage.load().unwrap().value(0, 0), ValueRef::Number(1.0));
    write(&mut stage, Value::Text("007".to_owned()), Value::Boolean(true));
    write(&mut stage, Value::Null, Value::Json("[1]".to_owned()));
    let meta = stage.publish().unwrap();
    assert_eq!(meta.schema.fields.iter().map(|f| f.kind).collect::<Vec<_>>(), [FieldType::Text, FieldType::Text]);
    let table = store.load_layer(&id("mixed")).unwrap();
    let column = |at| (0..4).map(|row| table.value(row, at)).collect::<Vec<_>>();
    use ValueRef::{Null, Text};
    assert_eq!(column(0), [Text("1"), Text("0.30000000000000004"), Text("007"), Null]);
    assert_eq!(column(1), [Text("007"), Text("7"), Text("true"), Text("[1]")]);
    drop(store);
    assert_sound(&path);
}

#[test]
fn widening_after_many_batches_keeps_every_row() {
    let (_folder, path, store) = city();
    let mut stage = store.stage(draft("many")).unwrap();
    let rows = 3 * limits::IMPORT_BATCH_ROWS_MAX + 17;
    stage
        .write((0..rows).map(|i| feature(Some(square(10.0, 10.0)), &[("n", Value::Integer(i64::try_from(i).unwrap()))])).collect())
        .unwrap();
    stage.write(vec![feature(None, &[("n", Value::Text("last".to_owned())), ("new", Value::Integer(1))])]).unwrap();
    stage.publish().unwrap();
    let table = store.load_layer(&id("many")).unwrap();
    assert_eq!(table.len(), rows + 1);
    for row in 0..u32::try_from(rows).unwrap() {
        assert_eq!(table.value(row, 0), ValueRef::Text(&row.to_string()));
        assert_eq!(table.value(row, 1), ValueRef::Null);
    }
    drop(store);
    assert_sound(&path);
}

#[test]
fn names_that_sqlite_cannot_keep_apart_survive() {
    let (_folder, path, store) = city();
    let names = ["fid", "FID", "geom", "Geom", "rowid", "name", "Name", "名称", "a b", "quo\"te", ""];
    let values: Vec<(&str, Value)> = names.iter().enumerate().map(|(i, n)| (*n, Value::Integer(i64::try_from(i).unwrap()))).collect();
    let meta = publish(&store, draft("names"), vec![feature(None, &values)]);
    assert_eq!(meta.schema.fields.iter().map(|f| &*f.name).collect::<Vec<_>>(), names);
    let table = store.load_layer(&id("names")).unwrap();
    for (at, (_, value)) in values.iter().enumerate() {
        assert_eq!(table.value(0, at), value.as_ref());
    }
    drop(store);
    assert_sound(&path);
}

#[test]
fn an_id_field_gives_ids_and_refuses_those_that_are_missing_or_repeat() {
    let (_folder, _path, store) = city();
    let mut stage = store.stage(LayerDraft { id_field: Some("code".to_owned()), ..draft("areas") }).unwrap();
    let with = |v: Value| feature(None, &[("code", v)]);
    let long = "x".repeat(limits::ITEM_ID_BYTES_MAX + 1);
    let refused = stage
        .write(vec![
            with(Value::Text("120101".to_owned())),
            with(Value::Integer(120_101)),
            with(Value::Null),
            feature(None, &[]),
            with(Value::Text(long)),
            with(Value::Boolean(true)),
            with(Value::Number(7.5)),
            with(Value::Text("7.5".to_owned())),
            with(Value::Text("007".to_owned())),
        ])
        .unwrap();
    assert_eq!(refused.iter().map(|r| r.index).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 7]);
    assert!(refused[0].reason.contains("120101") && refused[0].reason.contains("repeats"));
    assert!(refused[1].reason.contains("code") && refused[1].reason.contains("missing"));
    assert!(refused[3].reason.contains("ITEM_ID_BYTES_MAX"));
    // The set of ids lives as long as the version.
    assert_eq!(stage.write(vec![with(Value::Text("007".to_owned()))]).unwrap().len(), 1);
    assert_eq!(stage.publish().unwrap().count, 3);
    let table = store.load_layer(&id("areas")).unwrap();
    assert_eq!((0..3).map(|row| table.id(row)).collect::<Vec<_>>(), ["120101", "7.5", "007"]);
    assert_eq!(table.row_of_id("007"), Some(2));
}

#[test]
fn values_past_a_limit_are_refused_by_name() {
    let (_folder, _path, store) = city();
    let mut stage = store.stage(draft("limits")).unwrap();
    let refused = stage
        .write(vec![
            feature(None, &[("t", Value::Text("x".repeat(limits::VALUE_BYTES_MAX + 1)))]),
            feature(None, &[("n", Value::Number(f64::INFINITY))]),
            feature(None, &[("a", Value::Integer(1)), ("a", Value::Integer(2))]),
            feature(None, &[("t", Value::Text("fine".to_owned()))]),
        ])
        .unwrap();
    assert_eq!(refused.iter().map(|r| r.index).collect::<Vec<_>>(), [0, 1, 2]);
    assert!(refused[0].reason.contains("VALUE_BYTES_MAX"));
    assert_eq!(stage.meta().count, 1);
}

#[test]
fn too_many_fields_refuse_the_item_that_brings_them() {
    let (_folder, _path, store) = city();
    let mut stage = store.stage(draft("wide")).unwrap();
    let wide = |from: usize, to: usize| NewFeature {
        values: (from..to).map(|i| (Arc::from(format!("f{i}")), Value::Integer(1))).collect(),
        ..NewFeature::default()
    };
    let refused = stage.write(vec![wide(0, limits::FIELDS_MAX), wide(5, limits::FIELDS_MAX + 1), wide(3, 9)]).unwrap();
    assert_eq!(refused.len(), 1);
    assert!(refused[0].index == 1 && refused[0].reason.contains("FIELDS_MAX"));
    assert_eq!(stage.publish().unwrap().schema.fields.len(), limits::FIELDS_MAX);
}

fn solid(object: &str) -> Solid {
    let roof = [(4.0, 52.0, 3.5), (4.1, 52.0, 3.5), (4.1, 52.1, 9.25), (4.0, 52.0, 3.5)];
    let mut wkb = vec![1];
    wkb.extend_from_slice(&1006_u32.to_le_bytes());
    wkb.extend_from_slice(&1_u32.to_le_bytes());
    wkb.push(1);
    wkb.extend_from_slice(&1003_u32.to_le_bytes());
    wkb.extend_from_slice(&1_u32.to_le_bytes());
    wkb.extend_from_slice(&4_u32.to_le_bytes());
    for (x, y, z) in roof {
        [x, y, z].iter().for_each(|n: &f64| wkb.extend_from_slice(&n.to_le_bytes()));
    }
    Solid {
        object: object.to_owned(),
        object_type: "BuildingPart".to_owned(),
        kind: "Solid".to_owned(),
        lod: "2.2".to_owned(),
        surfaces: Wkb::new(wkb).unwrap(),
        shells: vec![1],
        semantics: vec!["RoofSurface".to_owned()],
    }
}

#[test]
fn solids_stay_with_their_item_and_go_with_its_version() {
    let (_folder, path, store) = city();
    let item = |names: &[&str]| NewFeature { solids: names.iter().map(|n| solid(n)).collect(), ..feature(Some(square(4.0, 52.0)), &[]) };
    let meta = publish(&store, draft("delft"), vec![item(&["a", "b"]), item(&[]), item(&["c"])]);
    assert_eq!(meta.solids, 3);
    assert_eq!(store.solids(&id("delft"), 1).unwrap(), vec![solid("a"), solid("b")]);
    assert_eq!(store.solids(&id("delft"), 2).unwrap(), vec![]);
    assert_eq!(store.solids(&id("delft"), 3).unwrap(), vec![solid("c")]);
    assert!(matches!(store.solids(&id("none"), 1), Err(StoreError::NoCollection(_))));
    publish(&store, draft("delft"), vec![item(&["d"])]);
    assert_eq!(store.solids(&id("delft"), 1).unwrap(), vec![solid("d")]);
    assert_eq!(tables(&path).iter().filter(|t| t.starts_with("citywall_solids")).count(), 1);
    drop(store);
    assert_sound(&path);
}

#[test]
fn names_of_the_file_itself_and_unknown_crs_are_refused() {
    let (_folder, _path, store) = city();
    for name in ["gpkg_contents", "citywall_meta", "sqlite_schema", "rtree_x"] {
        assert!(matches!(store.stage(draft(name)), Err(StoreError::ReservedName(_))));
    }
    assert!(matches!(store.stage(LayerDraft { storage_crs: 3857, ..draft("x") }), Err(StoreError::StorageCrs(3857))));
    // Words of SQL are fine.
    publish(&store, draft("select"), vec![feature(None, &[("from", Value::Integer(1))])]);
    assert_eq!(store.load_layer(&id("select")).unwrap().len(), 1);
}

#[test]
fn a_live_collection_and_a_layer_do_not_share_a_name() {
    let (_folder, _path, store) = city();
    create_events(&store);
    create_events(&store);
    assert!(matches!(store.stage(draft("events")), Err(StoreError::WrongKind { .. })));
    publish(&store, draft("roads"), vec![feature(None, &[])]);
    assert!(matches!(store.load_live(&id("roads")), Err(StoreError::WrongKind { .. })));
    assert!(matches!(store.load_layer(&id("events")), Err(StoreError::WrongKind { .. })));
}

#[test]
fn an_empty_layer_can_be_published() {
    let (_folder, path, store) = city();
    let meta = store.stage(LayerDraft { id_field: Some("code".to_owned()), ..draft("empty") }).unwrap().publish().unwrap();
    assert_eq!((meta.count, meta.extent), (0, None));
    assert!(store.load_layer(&id("empty")).unwrap().is_empty());
    drop(store);
    assert_sound(&path);
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Boolean),
        any::<i64>().prop_map(Value::Integer),
        (-100_i64..100).prop_map(Value::Integer),
        // SQLite keeps no sign of zero.
        any::<f64>().prop_filter("a number", |n| n.is_finite()).prop_map(|n| Value::Number(n + 0.0)),
        ".{0,6}".prop_map(Value::Text),
        "[0-9]{1,4}".prop_map(Value::Text),
        Just(Value::Json("{}".to_owned())),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever the order in which fields appear and widen, every value is what it was, as the
    /// type of its column has it.
    #[test]
    fn any_values_in_any_order_come_back(batches in prop::collection::vec(prop::collection::vec(prop::collection::btree_map("[a-dA-D]", value(), 0..4), 1..5), 1..5)) {
        let (_folder, path, store) = city();
        let mut stage = store.stage(draft("any")).unwrap();
        let mut written = Vec::new();
        for batch in &batches {
            let features: Vec<NewFeature> = batch.iter().map(|values| NewFeature {
                values: values.iter().map(|(name, value)| (Arc::from(name.as_str()), value.clone())).collect(),
                ..NewFeature::default()
            }).collect();
            written.extend(features.iter().map(|f| f.values.clone()));
            prop_assert_eq!(stage.write(features).unwrap(), vec![]);
        }
        let staged = stage.load().unwrap();
        let meta = stage.publish().unwrap();
        let table = store.load_layer(&id("any")).unwrap();
        for (row, values) in (0..).zip(&written) {
            for (at, field) in meta.schema.fields.iter().enumerate() {
                let value = values.iter().find(|(name, _)| *name == field.name).map_or(Value::Null, |(_, v)| v.clone());
                let expected = value.clone().coerce(field.kind);
                prop_assert_eq!(table.value(row, at), expected.as_ref());
                prop_assert_eq!(staged.value(row, at), expected.as_ref());
                // Nothing is lost: a float column holds its integers exactly.
                if let (Value::Integer(i), ValueRef::Number(n)) = (&value, table.value(row, at)) {
                    prop_assert_eq!(n as i128, i128::from(*i));
                }
            }
        }
        drop(store);
        assert_sound(&path);
    }
}
