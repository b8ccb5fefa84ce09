//! The file as a whole: who may open it, what is refused, copies, damage.
#![allow(clippy::unwrap_used)]

mod common;

use citywall_model::{Areas, Change, CityProfile, LiveItem, LiveParts, LocalText, Revision, Value, Wkb};
use citywall_store::{CityStore, GeoPackage, StoreError};
use common::*;
use std::{
    fs,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

fn refused(path: &Path) -> StoreError {
    let before = fs::read(path).ok();
    let error = GeoPackage::open(path).map(drop).unwrap_err();
    assert!(GeoPackage::open_read_only(path).is_err());
    assert_eq!(fs::read(path).ok(), before, "the file is untouched");
    error
}

fn event(revision: u64, fid: u64) -> Change {
    let item = LiveParts {
        fid,
        id: format!("E{fid}").into(),
        source: "s".into(),
        time: "2026-03-01T08:15:00Z".parse().unwrap(),
        since: "2026-03-01T08:15:00Z".parse().unwrap(),
        areas: Areas::default(),
        revision: Revision(revision),
        geometry: Some(Wkb::point(117.0, 39.0).unwrap()),
        properties: serde_json::json!({"title": format!("事件 {revision}")}).as_object().unwrap().clone(),
    };
    Change { collection: id("events"), item: item.into(), before: None, late: false, actor: "local".into() }
}

#[test]
fn the_profile_is_kept() {
    let (_folder, path, store) = city();
    let mut profile = CityProfile::named("天津");
    assert_eq!(store.profile().unwrap(), CityProfile::named("Test"));
    profile.notice = Some(LocalText::new("合成", "synthetic"));
    profile.geoid_offset_m = -9.3;
    store.set_profile(&profile).unwrap();
    drop(store);
    assert_eq!(GeoPackage::open(&path).unwrap().profile().unwrap(), profile);
}

#[test]
fn an_existing_file_is_never_overwritten() {
    let (_folder, path, store) = city();
    drop(store);
    let before = fs::read(&path).unwrap();
    assert!(matches!(GeoPackage::create(&path, &CityProfile::named("x")), Err(StoreError::Exists(_))));
    assert_eq!(fs::read(&path).unwrap(), before);
    assert!(GeoPackage::open(&path).is_ok());
}

#[test]
fn the_log_of_a_file_that_is_gone_never_gets_into_a_new_one() {
    let (folder, path, store) = city();
    create_events(&store);
    store.append(&[event(1, 1)]).unwrap();
    // As after a crash: the log is there.
    let (log, copy) = (folder.path().join("city.gpkg-wal"), folder.path().join("copy.gpkg"));
    store.backup(&copy, &mut |_, _| {}).unwrap();
    let left = fs::read(&log).unwrap();
    drop(store);
    fs::remove_file(&path).unwrap();
    fs::write(&log, left).unwrap();
    assert!(matches!(GeoPackage::create(&path, &CityProfile::named("x")), Err(StoreError::Exists(at)) if at == log));
    assert!(matches!(GeoPackage::restore(&copy, &path), Err(StoreError::Exists(at)) if at == log));
    fs::remove_file(&log).unwrap();
    GeoPackage::restore(&copy, &path).unwrap();
    assert_sound(&path);
}

#[test]
fn a_second_writer_is_told_who_the_first_is() {
    let (_folder, path, store) = city();
    store.set_address("http://127.0.0.1:8080/").unwrap();
    match GeoPackage::open(&path).map(drop) {
        Err(StoreError::Locked { pid, address, .. }) => {
            assert_eq!((pid, address.as_deref()), (std::process::id(), Some("http://127.0.0.1:8080/")));
        }
        other => panic!("{other:?}"),
    }
    let reader = GeoPackage::open_read_only(&path).unwrap();
    create_events(&store);
    store.append(&[event(1, 1)]).unwrap();
    assert_eq!((reader.revision(), reader.load_live(&id("events")).unwrap().items.len()), (Revision(1), 1), "a reader follows");
    assert!(matches!(reader.append(&[event(2, 1)]), Err(StoreError::ReadOnly(_))));
    assert!(matches!(reader.set_profile(&CityProfile::named("x")), Err(StoreError::ReadOnly(_))));
    assert!(matches!(reader.stage(draft("x")).map(drop), Err(StoreError::ReadOnly(_))));
    drop(store);
    drop(GeoPackage::open(&path).unwrap());
}

#[test]
fn tables_that_nothing_refers_to_are_removed_at_the_next_start() {
    let (_folder, path, store) = city();
    publish(&store, draft("roads"), vec![feature(None, &[("n", Value::Integer(1))])]);
    drop(store);
    let before = tables(&path);
    let conn = rusqlite::Connection::open(&path).unwrap();
    for name in ["citywall_stage_77", "citywall_old_78", "citywall_solids_79"] {
        conn.execute_batch(&format!("CREATE TABLE {name} (fid INTEGER PRIMARY KEY, geom GEOMETRY); INSERT INTO {name} VALUES (1, NULL)"))
            .unwrap();
    }
    conn.close().unwrap();
    let store = GeoPackage::open(&path).unwrap();
    assert_eq!(tables(&path), before);
    assert_eq!(store.load_layer(&id("roads")).unwrap().len(), 1);
}

#[test]
fn a_missing_column_is_damage_and_not_a_value() {
    let (_folder, path, store) = city();
    publish(&store, draft("roads"), vec![feature(None, &[("name", Value::Text("x".to_owned()))])]);
    drop(store);
    rusqlite::Connection::open(&path).unwrap().execute_batch("ALTER TABLE roads RENAME COLUMN name TO other").unwrap();
    let store = GeoPackage::open_read_only(&path).unwrap();
    assert!(store.load_layer(&id("roads")).is_err());
    assert!(!store.verify().unwrap().is_empty());
}

#[test]
fn what_is_no_city_is_refused_with_the_reason_and_untouched() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.gpkg");
    assert!(matches!(refused(&path), StoreError::Missing(_)));
    assert!(matches!(refused(folder.path()), StoreError::Foreign { .. }));
    for text in ["", "hello", &"no database ".repeat(1_000)] {
        fs::write(&path, text).unwrap();
        assert!(refused(&path).to_string().contains("no SQLite file"));
    }
    fs::remove_file(&path).unwrap();
    let conn = rusqlite::Connection::open(&path).unwrap();
    conn.execute_batch("CREATE TABLE t (x)").unwrap();
    assert!(refused(&path).to_string().contains("no GeoPackage"));
    conn.execute_batch("PRAGMA application_id = 0x47504B47; CREATE TABLE gpkg_contents (x)").unwrap();
    assert!(refused(&path).to_string().contains("without a city"));
    drop(conn);
    let names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(names, ["x.gpkg"], "nothing is left beside it");
}

#[test]
fn a_newer_format_is_refused_and_named() {
    let (_folder, path, store) = city();
    drop(store);
    let conn = rusqlite::Connection::open(&path).unwrap();
    conn.execute_batch("DELETE FROM citywall_meta WHERE key = 'format'").unwrap();
    let mut crc = crc32fast::Hasher::new();
    for part in ["format", "99"] {
        crc.update(&part.len().to_le_bytes());
        crc.update(part.as_bytes());
    }
    conn.execute("INSERT INTO citywall_meta (key, value, digest) VALUES ('format', '99', ?1)", [crc.finalize()]).unwrap();
    conn.close().unwrap();
    match refused(&path) {
        StoreError::TooNew { found, known, .. } => assert!(found == 99 && known < 99),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_file_that_is_cut_off_is_refused_wherever_it_is_cut() {
    let (_folder, path, store) = city();
    publish(&store, draft("roads"), (0..3_000).map(|i| feature(Some(square(10.0, 10.0)), &[("n", Value::Integer(i))])).collect());
    drop(store);
    assert!(!path.with_extension("gpkg-wal").exists(), "a closed city is one file");
    let whole = fs::read(&path).unwrap();
    for kept in [0, 50, 100, 4_096, whole.len() / 2, whole.len() - 8_192, whole.len() - 1] {
        fs::write(&path, &whole[..kept]).unwrap();
        assert!(matches!(refused(&path), StoreError::Damaged { .. } | StoreError::Foreign { .. }));
    }
    fs::write(&path, &whole).unwrap();
    assert_sound(&path);
}

#[test]
fn a_backup_is_the_whole_city_of_one_instant_while_it_is_written() {
    let (folder, path, store) = city();
    create_events(&store);
    publish(&store, draft("roads"), (0..20_000).map(|i| feature(Some(square(10.0, 10.0)), &[("n", Value::Integer(i))])).collect());
    let mut unfinished = store.stage(draft("unfinished")).unwrap();
    unfinished.write(vec![feature(None, &[("n", Value::Integer(1))])]).unwrap();
    let copy = folder.path().join("copy.gpkg");
    let done = AtomicBool::new(false);
    let mut reports = Vec::new();
    let mut at = Revision(0);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut revision = store.revision().0;
            while !done.load(Ordering::Relaxed) {
                revision += 1;
                store.append(&[event(revision, revision % 50 + 1)]).unwrap();
            }
        });
        while store.revision().0 < 20 {
            std::thread::yield_now();
        }
        at = store.revision();
        store.backup(&copy, &mut |pages, of| reports.push((pages, of))).unwrap();
        done.store(true, Ordering::Relaxed);
        writer.join().unwrap();
    });
    assert!(reports.is_sorted() && reports.last().is_some_and(|(pages, of)| pages == of && *of > 0));
    assert!(matches!(store.backup(&copy, &mut |_, _| {}), Err(StoreError::Exists(_))));
    assert_sound(&copy);
    assert!(tables(&copy).iter().all(|table| !table.starts_with("citywall_stage")), "nothing of an unfinished import");
    drop(unfinished);

    let restored = folder.path().join("restored.gpkg");
    GeoPackage::restore(&copy, &restored).unwrap();
    assert!(matches!(GeoPackage::restore(&copy, &restored), Err(StoreError::Exists(_))));
    let restored = GeoPackage::open(&restored).unwrap();
    assert!(restored.revision() >= at && restored.revision() < store.revision());
    assert_eq!(restored.load_layer(&id("roads")).unwrap().len(), 20_000);
    let changes =
        |store: &GeoPackage| store.changes_after(Revision(0), usize::MAX).unwrap().into_iter().map(|c| c.item).collect::<Vec<_>>();
    let (then, now) = (changes(&restored), changes(&store));
    assert_eq!(then[..], now[..then.len()]);
    drop(store);
    assert_sound(&path);
}

#[test]
fn a_damaged_backup_is_not_restored() {
    let (folder, path, store) = city();
    publish(&store, draft("roads"), vec![feature(None, &[("name", Value::Text("Unter den Linden".to_owned()))])]);
    drop(store);
    let mut bytes = fs::read(&path).unwrap();
    let at = bytes.windows(6).position(|w| w == b"Linden").unwrap();
    bytes[at] = b'B';
    fs::write(&path, bytes).unwrap();
    let to = folder.path().join("restored.gpkg");
    assert!(GeoPackage::restore(&path, &to).unwrap_err().to_string().contains("roads"));
    assert!(!to.exists());
}

/// Everything that a reader can see.
#[derive(Debug, PartialEq)]
struct Content {
    profile: CityProfile,
    revision: Revision,
    collections: Vec<citywall_model::CollectionMeta>,
    rows: Vec<String>,
    live: Vec<LiveItem>,
    changes: Vec<LiveItem>,
}

fn content(store: &GeoPackage) -> Result<Content, StoreError> {
    let table = store.load_layer(&id("roads"))?;
    let row = |row| {
        format!(
            "{:?} {:?} {:?}",
            table.fid(row),
            table.geometry(row),
            (0..table.schema().fields.len()).map(|f| table.value(row, f)).collect::<Vec<_>>()
        )
    };
    Ok(Content {
        profile: store.profile()?,
        revision: store.revision(),
        collections: store.collections()?,
        rows: (0..u32::try_from(table.len()).unwrap()).map(row).collect(),
        live: store.load_live(&id("events"))?.items,
        changes: store.changes_after(Revision(0), usize::MAX)?.into_iter().map(|c| c.item).collect(),
    })
}

#[test]
fn no_flipped_byte_goes_unnoticed_where_it_changes_what_is_read() {
    let (_folder, path, store) = city();
    create_events(&store);
    publish(
        &store,
        draft("roads"),
        (0..400)
            .map(|i| {
                feature(
                    Some(square(10.0 + 0.01 * f64::from(i), 10.0)),
                    &[("n", Value::Integer(i64::from(i))), ("t", Value::Text(format!("road {i}")))],
                )
            })
            .collect(),
    );
    store.append(&(2..100).map(|r| event(r, r % 30 + 1)).collect::<Vec<_>>()).unwrap();
    store.checkpoint().unwrap();
    store.append(&[event(100, 1)]).unwrap();
    let sound = content(&store).unwrap();
    drop(store);
    let whole = fs::read(&path).unwrap();
    let mut random = fastrand::Rng::with_seed(7);
    let (mut noticed, mut harmless) = (0, 0);
    for _ in 0..600 {
        let mut bytes = whole.clone();
        let at = random.usize(100..bytes.len());
        bytes[at] ^= 1 << random.u8(0..8);
        fs::write(&path, &bytes).unwrap();
        let Ok(store) = GeoPackage::open_read_only(&path) else {
            noticed += 1;
            continue;
        };
        // Damage is an error, never a panic.
        let read = content(&store);
        if store.verify().map_or(true, |faults| !faults.is_empty()) {
            noticed += 1;
        } else {
            assert_eq!(read.unwrap(), sound, "byte {at}");
            harmless += 1;
        }
    }
    assert!(noticed > 150, "{noticed} noticed, {harmless} in unused space");
}
