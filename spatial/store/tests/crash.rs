//! What a killed process leaves: every acknowledged change, and nothing of an unfinished import.
#![allow(clippy::unwrap_used)]

mod common;

use citywall_model::{Areas, Change, LiveParts, Revision, Value, Wkb};
use citywall_store::{CityStore, GeoPackage};
use common::*;
use std::{
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

/// Tells the test below that it runs in the child that will be killed, and on which file.
const CHILD_FILE: &str = "CITYWALL_CRASH_TEST_FILE";

fn change(revision: u64) -> Change {
    let item = LiveParts {
        fid: revision % 100 + 1,
        id: format!("E{}", revision % 100).into(),
        source: "s".into(),
        time: "2026-03-01T08:15:00Z".parse().unwrap(),
        since: "2026-03-01T08:15:00Z".parse().unwrap(),
        areas: Areas::default(),
        revision: Revision(revision),
        geometry: Some(Wkb::point(117.0, 39.0).unwrap()),
        properties: serde_json::json!({"title": format!("at {revision}")}).as_object().unwrap().clone(),
    };
    Change { collection: id("events"), item: item.into(), before: None, late: false, actor: "child".into() }
}

/// In the child: imports without end beside a stream of changes, folds them now and then, and
/// says which are acknowledged. In a run of the tests, where the variable is not set, a child is
/// started and killed, several times on the same file.
#[test]
fn what_was_acknowledged_survives_kill_9_and_an_unfinished_import_does_not() {
    if let Some(path) = std::env::var_os(CHILD_FILE) {
        write_until_killed(&PathBuf::from(path));
    }
    let (_folder, path, store) = city();
    create_events(&store);
    publish(&store, draft("roads"), vec![feature(None, &[("n", Value::Integer(1))])]);
    drop(store);
    let mut acknowledged = 0;
    for acknowledgements in [1, 40, 200] {
        let mut child = spawn(&path);
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let acks = lines.map_while(Result::ok).filter_map(|line| line.strip_prefix("acknowledged ").and_then(|n| n.parse::<u64>().ok()));
        for revision in acks.take(acknowledgements) {
            acknowledged = revision;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(acknowledged > 0);

        let store = GeoPackage::open(&path).unwrap();
        let last = store.revision();
        assert!(last.0 >= acknowledged, "{last} is there, {acknowledged} was acknowledged");
        let changes = store.changes_after(Revision(1), usize::MAX).unwrap();
        assert!(changes.iter().map(|c| c.item.revision().0).eq(2..=last.0), "no gap, no repetition");
        assert!(changes.iter().all(|c| c.item == change(c.item.revision().0).item));
        let items = store.load_live(&id("events")).unwrap().items;
        assert!(items.iter().all(|item| item.revision().0 + 100 > last.0), "every item is at its last change");
        assert_eq!(store.load_layer(&id("roads")).unwrap().len(), 1);
        assert!(tables(&path).iter().all(|t| !t.starts_with("citywall_stage") && !t.starts_with("citywall_solids")));
        assert_eq!(store.verify().unwrap(), Vec::<String>::new());
        drop(store);
    }
    assert_sound(&path);
}

fn spawn(path: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "what_was_acknowledged_survives_kill_9_and_an_unfinished_import_does_not", "--nocapture"])
        .env(CHILD_FILE, path)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

fn write_until_killed(path: &Path) -> ! {
    let store = GeoPackage::open(path).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut stage = store.stage(draft("roads")).unwrap();
            loop {
                stage.write((0..500).map(|i| feature(Some(square(10.0, 10.0)), &[("n", Value::Integer(i))])).collect()).unwrap();
            }
        });
        for revision in store.revision().0 + 1.. {
            store.append(&[change(revision)]).unwrap();
            println!("acknowledged {revision}");
            std::io::stdout().flush().unwrap();
            if revision % 37 == 0 {
                store.checkpoint().unwrap();
            }
        }
    });
    unreachable!("it is killed before the numbers end")
}
