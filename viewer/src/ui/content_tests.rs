use super::*;
use crate::{
    city::{City, ThingBook},
    live::LiveState,
    net::{Desk, Server, Snapshots, ThingsReader},
    scene::{Scene, Side},
};
use serde_json::json;

fn live(features: Vec<serde_json::Value>) -> LiveState {
    let mut live = LiveState::default();
    let message = json!({"type": "snapshot", "revision": 1, "collection": "events", "features": features, "last": true});
    live.apply(serde_json::from_value(message).unwrap(), Instant::now());
    live
}

fn feature(id: usize, level: usize, class: &str, title: &str) -> serde_json::Value {
    json!({"type": "Feature", "id": format!("{id}"), "geometry": {"type": "Point", "coordinates": [117.2, 39.1]},
        "properties": {"title": title, "class": class, "level": level, "time": format!("2026-01-01T00:{:02}:00Z", id % 60)}})
}

fn city() -> City {
    let collection = |id: &str, title: &str, kind: &str| {
        json!({"id": id, "title": {"zh": title, "en": id}, "kind": kind, "category": "", "generated": false,
            "source": "", "geometry_type": "POINT", "extent": null, "count": 5, "open": if kind == "layer" { None } else { Some(1) },
            "open_by_level": null, "revision": 1, "fields": []})
    };
    let document = json!({"name": {"zh": "", "en": ""}, "time_zone": "Asia/Shanghai", "extent": null, "home": null, "notice": null,
        "area_levels": [], "revision": 1, "version": "0", "collections": [collection("events", "事件", "incidents"), collection("components", "部件", "layer"),
            collection("vehicles", "车辆（生成）", "moving_objects")]});
    City { document: Some(serde_json::from_value(document).unwrap()), ..City::default() }
}

fn say(panel: &ScenePanel, scene: &str, live: &LiveState) -> Body {
    with(panel, scene, live, &Desk::default()).body
}

fn with(panel: &ScenePanel, scene: &str, live: &LiveState, desk: &Desk) -> Content {
    let things = ThingBook::new(ThingsReader::start(Server::at("http://127.0.0.1:1", None).unwrap()));
    let (city, scene) = (city(), Scene::parse(scene, "test").unwrap());
    let sources = Sources {
        live,
        city: &city,
        desk,
        snapshots: &Snapshots::default(),
        scene: &scene,
        things: &things,
        hidden: &[],
        colouring: None,
        now: (Instant::now(), "2026-01-01T04:00:00Z".parse().unwrap()),
        view: ([0.0; 2], &[]),
        haste: 1,
    };
    content(panel, &sources)
}

fn panel(kind: PanelKind, collection: &str) -> ScenePanel {
    ScenePanel { collection: Some(collection.to_owned()), ..ScenePanel::plain(kind, Side::Left) }
}

#[test]
fn the_list_has_the_gravest_first_then_the_newest_and_counts_the_rest() {
    let live = live((0..20).map(|i| feature(i, i % 5, "s:1", &format!("t{i}"))).collect());
    let Body::Rows(rows) = say(&panel(PanelKind::Events, "events"), "", &live) else { panic!("rows") };
    let titles: Vec<_> = rows.iter().map(|r| r.label.as_str()).collect();
    assert_eq!(titles, ["t16", "t11", "t6", "t1", "t17", "t12", "t7", "t2", "t18", "另有 11 件未列出"]);
    assert!(rows[0].meta.starts_with("08:16　一级"), "{}", rows[0].meta);
}

#[test]
fn a_scene_counts_only_its_own_classes() {
    let live = live(vec![feature(1, 1, "s:0501", "a"), feature(2, 4, "s:0410", "b"), feature(3, 4, "s:0506", "c")]);
    let Body::Total { value, .. } = say(&panel(PanelKind::Levels, "events"), "[incidents]\nclasses = [\"05\"]", &live) else {
        panic!("total")
    };
    assert_eq!(value, "2");
}

#[test]
fn incidents_are_ranked_by_class_and_the_class_has_its_name() {
    let titles = ["东街道占道经营", "西街道占道经营", "南街道积水"];
    let live = live(titles.iter().enumerate().map(|(i, t)| feature(i, 4, if i < 2 { "s:1" } else { "s:2" }, t)).collect());
    let ranking = ScenePanel { by: Some("class".into()), ..panel(PanelKind::Ranking, "events") };
    let Body::Rows(rows) = say(&ranking, "", &live) else { panic!("rows") };
    assert_eq!(rows.iter().map(|r| (r.label.as_str(), r.value.as_str())).collect::<Vec<_>>(), [("街道占道经营", "2"), ("南街道积水", "1")]);
    assert_eq!(rows[1].share, Some(0.5));
}

#[test]
fn a_fleet_is_counted_as_it_is_known_and_explained_by_the_legend() {
    let mut live = LiveState::default();
    live.follow(&[("vehicles".to_owned(), Followed::Moving)].into());
    let fleet: Vec<_> = (0..1200).map(|id| feature(id, 1, "", "bus")).collect();
    let message = json!({"type": "snapshot", "revision": 1, "collection": "vehicles", "features": fleet, "last": true});
    live.apply(serde_json::from_value(message).unwrap(), Instant::now());
    let Body::Figure { value, .. } = say(&panel(PanelKind::Figure, "vehicles"), "", &live) else { panic!("a figure") };
    assert_eq!(value, "1,200");
    let legend = |scene: &str| say(&ScenePanel::plain(PanelKind::Legend, Side::Right), scene, &live);
    let Body::Rows(rows) = legend("") else { panic!("rows") };
    assert_eq!((rows[0].label.as_str(), rows[0].value.as_str()), ("车辆", "1,200"));
    let Body::Rows(rows) = legend("[moving]\nshown = false") else { panic!("rows") };
    assert!(rows.iter().all(|r| r.label != "车辆"));
}

#[test]
fn a_panel_without_data_says_so_plainly() {
    let live = live(Vec::new());
    assert_eq!(say(&panel(PanelKind::Figure, "trams"), "", &live), Body::Nothing("城市中没有“trams”数据".to_owned()));
    assert_eq!(say(&panel(PanelKind::Events, "events"), "", &live), Body::Nothing("没有未结事件".to_owned()));
    let ranking = ScenePanel { by: Some("district".into()), ..panel(PanelKind::Ranking, "events") };
    assert_eq!(say(&ranking, "", &live), Body::Nothing("目前没有数据".to_owned()));
}

#[test]
fn the_newest_come_first_where_the_panel_says_so() {
    let live = live((0..4).map(|i| feature(i, i + 1, "s:1", &format!("t{i}"))).collect());
    let newest = ScenePanel { by: Some("time".into()), ..panel(PanelKind::Events, "events") };
    let Body::Rows(rows) = say(&newest, "", &live) else { panic!("rows") };
    assert_eq!(rows.iter().map(|r| r.label.as_str()).collect::<Vec<_>>(), ["t3", "t2", "t1", "t0"]);
}

#[test]
fn in_a_replay_a_panel_asks_for_the_past_and_its_course_ends_there() {
    let mut live = live(Vec::new());
    let mark = json!({"from": "2026-01-01T00:00:00Z", "to": "2026-01-01T06:00:00Z", "time": "2026-01-01T04:00:00Z", "speed": 60.0});
    let message = json!({"type": "snapshot", "revision": 2, "collection": "events", "features": [], "last": true, "replay": mark});
    live.apply(serde_json::from_value(message).unwrap(), Instant::now());
    let desk = Desk::default();
    let trend = ScenePanel { hours: Some(2), ..panel(PanelKind::Trend, "events") };
    with(&trend, "[incidents]\nclasses = [\"05\"]", &live, &desk);
    with(&panel(PanelKind::Figure, "components"), "", &live, &desk);
    let mut asked = desk.questions();
    asked.sort_unstable();
    // The hour that has passed, the hour up to the instant that is shown, and what the layer keeps of the past.
    assert_eq!(asked.len(), 3, "{asked:?}");
    assert!(asked.iter().filter(|q| q.contains("LIKE") && q.contains("05")).count() == 2, "the scene's classes: {asked:?}");
    assert_eq!(asked.iter().filter(|q| q.contains(AT)).count(), 1, "{asked:?}");
    assert!(asked.iter().any(|q| q == "/collections/components/versions"), "{asked:?}");
    let none = crate::net::Page::default();
    desk.file("/collections/components/versions", Ok(none));
    let said = with(&panel(PanelKind::Figure, "components"), "", &live, &desk);
    assert_eq!(said.of, Of::NowInPast, "a layer without a past says so");
}
