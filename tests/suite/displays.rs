//! A wall of several displays: a leader and its followers draw one each, and together they are one picture.
#![allow(clippy::unwrap_used, missing_docs)]

use citywall_tests::{
    Server, citywall_ok, pictures,
    wall::{picture, pixels, put},
};
use serde_json::{Value, json};
use std::{net::UdpSocket, thread};

const TIME: &str = "2026-03-01T04:00:00Z";
/// Pixels of a display, and of what the frames hide between two: 12 of 1200 mm.
const SIZE: (usize, usize) = (480, 270);
const GAP: usize = 5;

#[test]
fn a_leader_and_its_followers_show_one_picture_to_the_pixel() {
    let folder = tempfile::tempdir().unwrap();
    let city = folder.path().join("demo.gpkg");
    citywall_ok(&["demo", "--city", city.to_str().unwrap()]);
    let server = Server::start(&city, &[]);
    let feature = |id: &str, place: [f64; 2], level: u8, status: &str| {
        json!({"type": "Feature", "id": id, "geometry": {"type": "Point", "coordinates": place},
            "properties": {"source": "test", "time": "2026-03-01T03:59:00Z", "title": id, "level": level, "status": status}})
    };
    for n in 0..40 {
        let place = [117.14 + f64::from(n % 8) * 0.017, 39.08 + f64::from(n / 8) * 0.02];
        put(&server, "events", &feature(&format!("事件{n}"), place, (n % 4 + 1) as u8, "open"));
    }
    put(&server, "alarms", &feature("红色告警", [117.2, 39.13], 1, "raised"));

    let size = format!("{}x{}", SIZE.0, SIZE.1);
    let common = ["--size", &size, "--grid", "3x1", "--bezel", "12.5,0,1200,675"];
    let path = |name: &str| pictures().join(format!("displays-{name}.png"));
    let said = picture(&server.url, &[&common[..], &["--time", TIME]].concat(), &path("whole"));
    let (width, height, whole) = pixels(&path("whole"));
    assert_eq!((width, height), (3 * SIZE.0 + 2 * GAP, SIZE.1));
    assert!(said["alarm_labels_placed"].as_u64().unwrap() >= 4, "{said}");

    // The leader alone knows the time and the place; the others draw what it draws.
    let leader = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let url = &server.url;
    let said: Vec<Value> = thread::scope(|scope| {
        let (common, path, leader) = (&common, &path, &leader);
        let displays = [("1,1", "left"), ("2,1", "middle"), ("3,1", "right")].map(|(display, name)| {
            scope.spawn(move || {
                let own: &[&str] = match name {
                    "middle" => &["--lead", leader, "--followers", "2", "--time", TIME],
                    _ => &["--follow", leader, "--scene", "energy"],
                };
                picture(url, &[&common[..], &["--display", display], own].concat(), &path(name))
            })
        });
        displays.map(|display| display.join().unwrap()).into()
    });
    assert!(said[0]["frame"].as_u64().unwrap() > 0, "{}", said[0]);
    assert!(said.iter().all(|one| (&one["frame"], &one["scene"]) == (&said[1]["frame"], &json!("overview"))), "the same frame: {said:?}");
    println!("skew of the followers on one busy machine: {} and {}", said[0]["skew_ms"], said[2]["skew_ms"]);
    assert!(said[0]["skew_ms"]["median"].is_number());

    for (column, name) in ["left", "middle", "right"].into_iter().enumerate() {
        let (w, h, part) = pixels(&path(name));
        assert_eq!((w, h), SIZE);
        let x = column * (SIZE.0 + GAP);
        let mut differing = Vec::new();
        for y in 0..h {
            let row = &whole[(y * width + x) * 3..(y * width + x + w) * 3];
            for (at, (a, b)) in row.chunks_exact(3).zip(part[y * w * 3..(y + 1) * w * 3].chunks_exact(3)).enumerate() {
                let most = a.iter().zip(b).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
                if most > 8 {
                    differing.push((at, y, most));
                }
            }
        }
        // An edge that falls between two samples may be rounded to either side; at the seams nothing differs.
        println!("{name}: {} of {} pixels differ by more than 8 of 255", differing.len(), w * h);
        assert!(differing.len() * 10_000 < w * h * 5, "{name}: {:?}", &differing[..differing.len().min(20)]);
        assert!(differing.iter().all(|(x, _, _)| (1..w - 1).contains(x)), "{name}, at the seam: {differing:?}");
    }
}
