//! A wall of several displays: each process draws its own, and together they are one picture.
#![allow(clippy::unwrap_used, missing_docs)]

use citywall_tests::{
    Server, citywall_ok, pictures,
    wall::{picture, put},
};
use serde_json::json;
use std::{fs::File, io::BufReader, path::Path};

const TIME: &str = "2026-03-01T04:00:00Z";
/// Pixels of a display, and of what the frames hide between two: 12 of 1200 mm.
const SIZE: (usize, usize) = (480, 270);
const GAP: usize = 5;

fn pixels(path: &Path) -> (usize, usize, Vec<u8>) {
    let mut reader = png::Decoder::new(BufReader::new(File::open(path).unwrap())).read_info().unwrap();
    let mut data = vec![0; reader.output_buffer_size().unwrap()];
    let frame = reader.next_frame(&mut data).unwrap();
    (frame.width as usize, frame.height as usize, data)
}

#[test]
fn displays_show_their_parts_of_one_picture_to_the_pixel() {
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
    let wall = |name: &str, more: &[&str]| {
        let path = pictures().join(name);
        let common = ["--size", &size, "--grid", "2x1", "--bezel", "12.5,0,1200,675", "--time", TIME];
        let said = picture(&server.url, &[&common, more].concat(), &path);
        (said, pixels(&path))
    };
    let (said, (width, height, whole)) = wall("displays-whole.png", &[]);
    assert_eq!((width, height), (2 * SIZE.0 + GAP, SIZE.1));
    assert!(said["alarm_labels_placed"].as_u64().unwrap() >= 3, "{said}");
    for (column, name) in ["displays-left.png", "displays-right.png"].into_iter().enumerate() {
        let (_, (w, h, part)) = wall(name, &["--display", &format!("{},1", column + 1)]);
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
        // An edge that falls between two samples may be rounded to either side; at the seam nothing differs.
        let at_seam = if column == 0 { SIZE.0 - 1 } else { 0 };
        println!("display {}: {} of {} pixels differ by more than 8 of 255", column + 1, differing.len(), w * h);
        assert!(
            differing.len() * 10_000 < w * h * 5,
            "{} of {} pixels differ: {:?}",
            differing.len(),
            w * h,
            &differing[..differing.len().min(20)]
        );
        assert!(differing.iter().all(|(x, _, _)| *x != at_seam), "at the seam: {differing:?}");
    }
}
