//! Versions of a layer: what is kept, and what differs between two, against brute force.
#![allow(clippy::unwrap_used)]

use citywall_model::{CimCategory, CityProfile, CollectionId, FeatureRef, LocalText, Revision, Value, Wkb};
use citywall_query::{City, Differs, Moment, QueryError, SameBy};
use citywall_store::{GeoPackage, LayerDraft, NewFeature};
use proptest::prelude::*;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// A row: its id, its place and its height.
type Row = (String, i32, Option<i64>);

fn id() -> CollectionId {
    CollectionId::new("houses").unwrap()
}

fn city(dir: &tempfile::TempDir) -> City {
    City::open(Arc::new(GeoPackage::create(&dir.path().join("city.gpkg"), &CityProfile::named("Test")).unwrap())).unwrap()
}

/// Publishes rows; of an odd number of them the heights are numbers with a fraction's type, which are
/// the same heights.
fn publish(city: &City, rows: &[Row], id_field: Option<&str>) -> Revision {
    let draft = LayerDraft {
        id: id(),
        title: LocalText::new("房屋", "Houses"),
        category: CimCategory::SpatiotemporalBase,
        source: format!("{} rows", rows.len()),
        source_crs: "EPSG:4326".into(),
        storage_crs: 4326,
        generated: true,
        id_field: id_field.map(str::to_owned),
    };
    let mut stage = city.store().stage(draft).unwrap();
    let [code, height]: [Arc<str>; 2] = ["code".into(), "height".into()];
    #[expect(clippy::cast_precision_loss, reason = "small")]
    let number = |n: i64| if rows.len() % 2 == 1 { Value::Number(n as f64) } else { Value::Integer(n) };
    let features = rows.iter().map(|(name, place, tall)| NewFeature {
        geometry: Some(Wkb::point(117.0 + f64::from(*place) / 1000.0, 39.0).unwrap()),
        values: vec![(code.clone(), Value::Text(name.clone())), (height.clone(), tall.map_or(Value::Null, number))],
        solids: Vec::new(),
    });
    assert!(stage.write(features.collect()).unwrap().is_empty());
    city.publish(stage).unwrap().revision
}

fn as_of(revision: Revision) -> Moment {
    Moment { time: None, as_of: Some(revision) }
}

/// What differs, as the codes of the items, checked for the order of the three sorts.
fn differing(city: &City, before: Revision, after: Revision) -> (SameBy, [Vec<String>; 3]) {
    let [earlier, later] = [before, after].map(|revision| city.view_at(&id(), &as_of(revision)).unwrap());
    let difference = earlier.difference(&later).unwrap();
    let code = |item: FeatureRef<'_>| item.text("code").unwrap();
    let (before, after) = (|fid| earlier.item_by_fid(fid, code).unwrap(), |fid| later.item_by_fid(fid, code).unwrap());
    let mut sorts: [Vec<String>; 3] = Default::default();
    for item in &difference.items {
        match *item {
            Differs::Removed(fid) => sorts[0].push(before(fid)),
            Differs::Changed(fid, other) => {
                assert_eq!(before(fid), after(other));
                let (moved, names) = earlier.changes_of(fid, &later, other);
                assert!(moved || names == ["height"], "{names:?}");
                sorts[1].push(after(other));
            }
            Differs::Added(fid) => sorts[2].push(after(fid)),
        }
    }
    sorts.iter_mut().for_each(|sort| sort.sort());
    (difference.same_by, sorts)
}

#[test]
fn a_layer_keeps_as_many_versions_as_it_is_told_to() {
    let dir = tempfile::tempdir().unwrap();
    let city = city(&dir);
    let rows = |n: i32| -> Vec<Row> { (0..n).map(|at| (format!("h{at}"), at, Some(3))).collect() };
    let first = publish(&city, &rows(1), Some("code"));
    let second = publish(&city, &rows(2), Some("code"));
    assert!(matches!(city.view_at(&id(), &as_of(first)), Err(QueryError::Expired { parameter: "as-of", .. })), "none at first");
    city.keep_versions(&id(), 2).unwrap();
    let later: Vec<Revision> = (3..7).map(|n| publish(&city, &rows(n), Some("code"))).collect();
    let counts =
        |city: &City| city.versions(&id()).unwrap().iter().map(|version| (version.meta.version, version.meta.count)).collect::<Vec<_>>();
    assert_eq!(counts(&city), [(4, 4), (5, 5), (6, 6)]);
    assert!(city.view_at(&id(), &as_of(second)).is_err() && city.view_at(&id(), &as_of(later[0])).is_err());
    let held = city.view_at(&id(), &as_of(later[1])).unwrap();
    assert_eq!((held.counts().total, held.changed()), (4, later[1]));
    assert_eq!(city.view_at(&id(), &as_of(later[3])).unwrap().counts().total, 6);
    assert!(city.remove_version(&id(), 4).unwrap() && !city.remove_version(&id(), 4).unwrap());
    assert!(!city.remove_version(&id(), 6).unwrap(), "the current one is none that is kept");
    assert_eq!(held.item("h3", |_| ()), Some(()), "who reads it goes on");
    assert!(city.view_at(&id(), &as_of(later[1])).is_err());
    drop((city, held));
    let store = GeoPackage::open(&dir.path().join("city.gpkg")).unwrap();
    let city = City::open(Arc::new(store)).unwrap();
    assert_eq!(counts(&city), [(5, 5), (6, 6)], "they are there after a start");
    assert_eq!(city.view_at(&id(), &as_of(later[2])).unwrap().counts().total, 5);
    assert_eq!(city.store().verify().unwrap(), Vec::<String>::new());
    city.keep_versions(&id(), 0).unwrap();
    assert_eq!(counts(&city), [(6, 6)]);
    assert!(city.keep_versions(&id(), 1000).is_err());
    assert_eq!(city.store().verify().unwrap(), Vec::<String>::new());
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let row = (0..30_u32, 0..3_i32, prop::option::of(0..3_i64));
    prop::collection::vec(row, 1..30).prop_map(|rows| {
        let unique: BTreeMap<u32, (i32, Option<i64>)> = rows.into_iter().map(|(code, place, height)| (code, (place, height))).collect();
        unique.into_iter().map(|(code, (place, height))| (format!("h{code}"), place, height)).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn what_differs_is_what_brute_force_finds(before in rows(), mut after in rows(), swap in any::<prop::sample::Index>()) {
        // The order of a source is no change.
        let middle = swap.index(after.len());
        after.rotate_left(middle);
        let dir = tempfile::tempdir().unwrap();
        let city = city(&dir);
        city.keep_versions(&id(), 3).unwrap();
        let by_id = [publish(&city, &before, Some("code")), publish(&city, &after, Some("code"))];
        let content = |rows: &[Row]| rows.iter().cloned().collect::<BTreeSet<_>>();
        let codes = |rows: &[Row]| rows.iter().map(|row| row.0.clone()).collect::<BTreeSet<_>>();
        let (old, new, ids) = (content(&before), content(&after), [codes(&before), codes(&after)]);
        let removed: Vec<String> = ids[0].difference(&ids[1]).cloned().collect();
        let added: Vec<String> = ids[1].difference(&ids[0]).cloned().collect();
        let mut changed: Vec<String> = new.difference(&old).map(|row| row.0.clone()).filter(|code| ids[0].contains(code)).collect();
        changed.sort();
        prop_assert_eq!(differing(&city, by_id[0], by_id[1]), (SameBy::Id, [removed, changed, added]));

        let by_content = [publish(&city, &before, None), publish(&city, &after, None)];
        let only = |a: &BTreeSet<Row>, b: &BTreeSet<Row>| {
            let mut codes: Vec<String> = a.difference(b).map(|row| row.0.clone()).collect();
            codes.sort();
            codes
        };
        let expected = [only(&old, &new), Vec::new(), only(&new, &old)];
        prop_assert_eq!(differing(&city, by_content[0], by_content[1]), (SameBy::Content, expected));
    }
}
