//! The page that steers walls.

use crate::harness::City;
use serde_json::json;

#[test]
fn the_shipped_scenes_are_offered_in_the_order_of_the_menu() {
    let city = City::new();
    let server = city.serve();
    let scenes = server.json("/control/scenes")["scenes"].clone();
    assert_eq!(scenes.as_array().unwrap().len(), 15);
    assert_eq!(scenes[0], json!({"id": "overview", "title": "总览"}));
    assert!(scenes.as_array().unwrap().iter().all(|scene| scene["error"].is_null()), "{scenes}");
    assert!(server.get("/control").text().contains("control/control.js"));
    assert!(
        ["control.js", "draw.js", "replay.js"]
            .iter()
            .all(|script| server.get(&format!("/control/{script}")).text().contains("'use strict'"))
    );
    server.get("/control/other.js").problem(404);
    server.get("/control/scenes?x=1").problem(400);
}

#[test]
fn a_sixteenth_scene_needs_no_code_and_a_broken_one_says_why() {
    let city = City::new();
    let folder = city.path("scenes");
    std::fs::create_dir(&folder).unwrap();
    let write = |name: &str, text: &str| std::fs::write(format!("{folder}/{name}"), text).unwrap();
    write("overview.toml", "menu = \"总览\"\n");
    write("harbour.toml", "title = \"港口\"\n");
    write("broken.toml", "menu = [\n");
    write("notes.txt", "no scene");
    let server = city.serve_configured(&format!("scenes = {folder:?}\n"));
    let scenes = server.json("/control/scenes")["scenes"].clone();
    assert_eq!((&scenes[0], &scenes[2]), (&json!({"id": "overview", "title": "总览"}), &json!({"id": "harbour", "title": "港口"})));
    assert_eq!(scenes[1]["id"], "broken");
    assert!(scenes[1]["error"].is_string() && scenes.as_array().unwrap().len() == 3, "{scenes}");
    // A file is read when the page asks.
    write("broken.toml", "menu = \"好了\"\n");
    assert_eq!(server.json("/control/scenes")["scenes"][1], json!({"id": "broken", "title": "好了"}));
    std::fs::remove_dir_all(&folder).unwrap();
    server.get("/control/scenes").problem(500);
}
