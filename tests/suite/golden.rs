//! Golden pictures: every scene as a committed picture has it, drawn on software Vulkan.
//!
//! City, events, vehicles, time and size are fixed, so that the same program draws the same pictures. They are
//! compared with NVIDIA's FLIP, beside counts that do not depend on pixels. `CITYWALL_GOLDEN=write` writes
//! both anew: look at the pictures before they are committed.
#![allow(clippy::unwrap_used, missing_docs)]

use citywall_tests::{
    Server, citywall_ok, pictures, root, run,
    wall::{every_scene, picture, pixels, put},
};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

const TIME: &str = "2026-03-01T04:00:00Z";
const SIZE: &str = "640x360";
/// JPEG's quality: the committed pictures take a megabyte. What is drawn goes through the same compression
/// before it is compared, so that its losses are the same.
const QUALITY: &str = "QUALITY=85";
/// The mean of FLIP's error over a picture, and over any of its blocks: a single word that is missing
/// exceeds the second. Other processors round differently, and stay far below both.
const MEAN_MAX: f32 = 0.005;
const BLOCK_MEAN_MAX: f32 = 0.15;
/// The same where the demo's cameras write the time of day into their pictures.
const BLOCK_OF_CAMERAS_MEAN_MAX: f32 = 0.3;
/// The side of a block, pixels.
const BLOCK: usize = 16;
/// What is counted. Bytes and times are not: they say nothing of the picture.
const COUNTED: [&str; 12] = [
    "tiles",
    "levels",
    "buildings",
    "building_classes",
    "markers",
    "moving",
    "incidents_open",
    "labels_placed",
    "alarm_labels_placed",
    "alarm",
    "mode",
    "scene",
];

fn folder() -> PathBuf {
    root().join("tests/golden")
}

/// A city without a feed, with events and vehicles whose places, levels and times are fixed.
fn serve(folder: &Path) -> Server {
    let city = folder.join("demo.gpkg");
    citywall_ok(&["demo", "--city", city.to_str().unwrap()]);
    let server = Server::start(&city, &[]);
    let made = json!({"id": "vehicles", "kind": "moving_objects", "title": {"zh": "重点车辆", "en": "Key vehicles"}});
    let (status, body) = citywall_tests::post(&format!("{}/collections", server.url), "application/json", &made.to_string());
    assert!((200..300).contains(&status), "{status} {body}");
    let mut random = fastrand::Rng::with_seed(20_260_301);
    let mut place = || {
        // Most of it happens in the middle.
        let mut near = || (random.f64() + random.f64() + random.f64()) / 1.5 - 1.0;
        [117.2 + near() * 0.14, 39.125 + near() * 0.1]
    };
    let places: Vec<[f64; 2]> = (0..220).map(|_| place()).collect();
    let classes = ["0129", "0304", "0410", "0502", "0506", "0114", "0311", "0493"];
    let titles = ["占道经营", "道路积水", "非机动车乱停放", "供水管道破裂", "内涝", "路面塌陷", "渣土车遗撒", "停车场满溢"];
    let events = places[..160].iter().enumerate().map(|(n, at)| {
        let (kind, level) = (n % 8, [4, 4, 3, 4, 2, 4, 3, 4, 4, 3][n % 10].min(if n == 40 { 1 } else { 4 }));
        json!({"type": "Feature", "id": format!("e{n:03}"), "geometry": {"type": "Point", "coordinates": at}, "properties": {
            "source": "test", "time": format!("2026-03-01T0{}:{:02}:00Z", n / 60, n % 60), "title": titles[kind], "level": level,
            "class": format!("GB/T 30428.2-2013:{}", classes[kind]), "status": if n % 3 == 0 { "dispatched" } else { "open" }}})
    });
    let kinds = ["bus", "muck_truck", "sanitation", "patrol", "hazmat", "ambulance"];
    let vehicles = places[160..].iter().enumerate().map(|(n, at)| {
        // The last ones have not been heard of for an hour.
        let time = if n < 50 { "2026-03-01T03:59:57Z" } else { "2026-03-01T03:00:00Z" };
        json!({"type": "Feature", "id": format!("v{n:02}"), "geometry": {"type": "Point", "coordinates": at}, "properties": {
            "source": "test", "time": time, "title": format!("车{n}"), "kind": kinds[n % 6], "heading": n * 37 % 360}})
    });
    put(&server, "events", &json!({"type": "FeatureCollection", "features": events.collect::<Vec<_>>()}));
    put(&server, "vehicles", &json!({"type": "FeatureCollection", "features": vehicles.collect::<Vec<_>>()}));
    server
}

/// Red, green, blue of a picture that GDAL can read.
fn decoded(path: &Path) -> (usize, usize, Vec<u8>) {
    let plain = if path.extension().is_some_and(|e| e == "png") { path.to_owned() } else { convert(path, "PNG", "png") };
    pixels(&plain)
}

/// Writes a picture in another format into the folder of the pictures.
fn convert(path: &Path, format: &str, ending: &str) -> PathBuf {
    let to = pictures().join(path.file_stem().unwrap()).with_extension(format!("golden.{ending}"));
    let options: &[&str] = if format == "JPEG" { &["-co", QUALITY] } else { &[] };
    let (from, target) = (path.to_str().unwrap(), to.to_str().unwrap());
    run("gdal_translate", &[&["-q", "--config", "GDAL_PAM_ENABLED", "NO", "-of", format], options, &[from, target]].concat());
    to
}

/// What is wrong with a picture beside the reference, and where; the difference is written as a picture.
fn difference(reference: &Path, drawn: &Path) -> Option<String> {
    let ((width, height, golden), (w, h, data)) = (decoded(reference), decoded(drawn));
    if (width, height) != (w, h) {
        return Some(format!("it has {w}×{h} pixels instead of {width}×{height}"));
    }
    let image = |data: &[u8]| nv_flip::FlipImageRgb8::with_data(width as u32, height as u32, data);
    let map = nv_flip::flip(image(&golden), image(&data), nv_flip::DEFAULT_PIXELS_PER_DEGREE);
    let errors = map.to_vec();
    let mean = errors.iter().sum::<f32>() / errors.len() as f32;
    let block = |bx: usize, by: usize| {
        let rows = (by * BLOCK..((by + 1) * BLOCK).min(height))
            .map(|y| &errors[y * width + bx * BLOCK..y * width + ((bx + 1) * BLOCK).min(width)]);
        let (sum, count) = rows.fold((0.0, 0), |(sum, count), row| (sum + row.iter().sum::<f32>(), count + row.len()));
        sum / count as f32
    };
    let blocks = (0..height.div_ceil(BLOCK)).flat_map(|by| (0..width.div_ceil(BLOCK)).map(move |bx| (bx, by)));
    let (worst, (bx, by)) = blocks.map(|at| (block(at.0, at.1), at)).max_by(|a, b| a.0.total_cmp(&b.0)).unwrap();
    println!("{}: FLIP mean {mean:.5}, worst block {worst:.3}", drawn.file_name().unwrap().display());
    let worst_max = if reference.ends_with("video.jpg") { BLOCK_OF_CAMERAS_MEAN_MAX } else { BLOCK_MEAN_MAX };
    if mean <= MEAN_MAX && worst <= worst_max {
        return None;
    }
    let shown = pictures().join(reference.file_stem().unwrap()).with_extension("difference.png");
    let mut encoder = png::Encoder::new(fs::File::create(&shown).unwrap(), width as u32, height as u32);
    encoder.set_color(png::ColorType::Rgb);
    encoder.write_header().unwrap().write_image_data(&map.apply_color_lut(&nv_flip::magma_lut()).to_vec()).unwrap();
    Some(format!(
        "FLIP's mean is {mean:.4} (at most {MEAN_MAX}), {worst:.3} in the block at {},{} (at most {worst_max}); the difference is {}",
        bx * BLOCK,
        by * BLOCK,
        shown.display()
    ))
}

fn counts(said: &Value) -> Value {
    COUNTED.into_iter().map(|key| (key.to_owned(), said[key].clone())).collect::<serde_json::Map<_, _>>().into()
}

#[test]
fn every_scene_and_an_alarm_look_as_they_did() {
    let temporary = tempfile::tempdir().unwrap();
    let server = serve(temporary.path());
    let scenes = root().join("scenes");
    let arguments = ["--size", SIZE, "--time", TIME, "--scene", scenes.to_str().unwrap()];
    let mut drawn: BTreeMap<String, (PathBuf, Value)> = every_scene(&server.url, &arguments, &pictures().join("golden"));
    assert!(drawn.len() >= 16, "{:?}", drawn.keys());
    // Hills, by day, low over the ground.
    let day = temporary.path().join("relief.toml");
    fs::write(&day, "scheme = \"day\"\n").unwrap();
    let path = pictures().join("golden/relief.png");
    let hills = ["--size", SIZE, "--time", TIME, "--scene", day.to_str().unwrap(), "--view", "117.40,40.17,12000,330,18"];
    let said = picture(&server.url, &hills, &path);
    assert!(said["ground"]["reliefs"].as_u64().unwrap() > 10, "{said}");
    drawn.insert("relief".to_owned(), (path, said));
    let alarm = json!({"type": "Feature", "id": "alarm", "geometry": {"type": "Point", "coordinates": [117.205, 39.13]},
        "properties": {"source": "test", "time": "2026-03-01T03:59:00Z", "title": "危化品泄漏", "level": 1, "status": "raised"}});
    put(&server, "alarms", &alarm);
    let path = pictures().join("golden/alarm.png");
    let said = picture(&server.url, &["--size", SIZE, "--time", TIME], &path);
    drawn.insert("alarm".to_owned(), (path, said));

    let found: Value = drawn.iter().map(|(name, (_, said))| (name.clone(), counts(said))).collect::<serde_json::Map<_, _>>().into();
    let known = folder().join("counts.json");
    let compressed: BTreeMap<&String, PathBuf> = drawn.iter().map(|(name, (path, _))| (name, convert(path, "JPEG", "jpg"))).collect();
    if std::env::var("CITYWALL_GOLDEN").is_ok_and(|v| v == "write") {
        fs::create_dir_all(folder()).unwrap();
        fs::write(&known, serde_json::to_string_pretty(&found).unwrap() + "\n").unwrap();
        for (name, path) in &compressed {
            fs::copy(path, folder().join(format!("{name}.jpg"))).unwrap();
        }
    }
    let expected: Value = serde_json::from_str(&fs::read_to_string(&known).unwrap()).unwrap();
    let mut wrong: Vec<String> = Vec::new();
    for (name, path) in &compressed {
        if expected[name] != found[name] {
            wrong.push(format!("{name}: the counts are {} instead of {}", found[name], expected[name]));
        }
        let reference = folder().join(format!("{name}.jpg"));
        assert!(reference.exists(), "{} is missing: see the head of this test", reference.display());
        wrong.extend(difference(&reference, path).map(|what| format!("{name}: {what}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));

    // The comparison sees a single word that is missing.
    let (width, height, mut data) = decoded(&compressed[&"energy".to_owned()]);
    for y in 12..28 {
        data[(y * width + 290) * 3..(y * width + 350) * 3].fill(10);
    }
    let spoilt = pictures().join("golden-spoilt.png");
    let mut encoder = png::Encoder::new(fs::File::create(&spoilt).unwrap(), width as u32, height as u32);
    encoder.set_color(png::ColorType::Rgb);
    encoder.write_header().unwrap().write_image_data(&data).unwrap();
    let what = difference(&folder().join("energy.jpg"), &spoilt).expect("a difference");
    assert!(what.contains("block at"), "{what}");
}
