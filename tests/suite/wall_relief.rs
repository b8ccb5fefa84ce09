//! The ground on the wall: what it draws beside what GDAL reads from the same raster.
#![allow(clippy::unwrap_used, missing_docs)]

use citywall_tests::{Server, citywall_ok, pictures, run, sixty_buildings, wall::picture};
use serde_json::Value;
use std::{fmt::Write as _, fs, path::Path};

/// Cells of the raster along a side of a degree.
const CELLS_PER_DEGREE: f64 = 1000.0;
const WEST: f64 = 116.95;
const SOUTH: f64 = 38.95;
const SIZE: (usize, usize) = (700, 400);

/// A plateau 1,900 m high with waves, and a mountain that rises 900 m over it.
fn height(longitude: f64, latitude: f64) -> f64 {
    let (x, y) = ((longitude - 117.3) * 86.5, (latitude - 39.15) * 111.0);
    let away = ((x - 9.0).powi(2) + (y - 4.0).powi(2)) / 18.0;
    1900.0 + 900.0 * (-away).exp() + 25.0 * (x * 1.3).sin() * (y * 0.9).cos()
}

/// Writes it as an Esri ASCII grid.
fn raster(path: &Path) {
    let mut text =
        format!("ncols {}\nnrows {}\nxllcorner {WEST}\nyllcorner {SOUTH}\ncellsize {}\n", SIZE.0, SIZE.1, 1.0 / CELLS_PER_DEGREE);
    for row in (0..SIZE.1).rev() {
        for column in 0..SIZE.0 {
            let place = |from: f64, cell: usize| from + (cell as f64 + 0.5) / CELLS_PER_DEGREE;
            write!(text, "{:.2} ", height(place(WEST, column), place(SOUTH, row))).unwrap();
        }
        text.push('\n');
    }
    fs::write(path, text).unwrap();
}

fn view(server: &Server, name: &str, view: &str) -> Value {
    picture(&server.url, &["--size", "480x270", "--view", view, "--time", "2026-03-01T04:00:00Z"], &pictures().join(name))
}

fn number(said: &Value, key: &str) -> f64 {
    said["ground"][key].as_f64().unwrap_or_else(|| panic!("{key}: {said}"))
}

#[test]
fn the_drawn_ground_has_the_heights_of_the_elevation_and_the_eye_is_above_it() {
    let folder = tempfile::tempdir().unwrap();
    let city = folder.path().join("city.gpkg");
    // Without an elevation the ground is level.
    let server = sixty_buildings(folder.path());
    let level = view(&server, "relief-none.png", "117.3,39.15,9000,20,30");
    assert_eq!((number(&level, "reliefs"), number(&level, "target_m")), (0.0, 0.0));
    drop(server);

    let source = folder.path().join("heights.asc");
    raster(&source);
    citywall_ok(&["import", source.to_str().unwrap(), "--city", city.to_str().unwrap(), "--layer", "heights", "--crs", "EPSG:4326"]);
    let server = Server::start(&city, &[]);
    // In the middles of cells, since GDAL gives a cell's value. From near the ground is true to a metre, from afar to what a pixel is: 1/1,500 of a tile's width.
    for (n, (longitude, latitude, distance, tolerance)) in [
        (117.3005, 39.1505, 800.0, 1.0),
        (117.4005, 39.1855, 800.0, 1.0),
        (117.3855, 39.1705, 2_500.0, 2.0),
        (117.2005, 39.0505, 2_500.0, 2.0),
        (117.3605, 39.2005, 30_000.0, 14.0),
    ]
    .into_iter()
    .enumerate()
    {
        let said = view(&server, &format!("relief-{n}.png"), &format!("{longitude},{latitude},{distance},20,14"));
        let (x, y) = (longitude.to_string(), latitude.to_string());
        let known = run("gdallocationinfo", &["-valonly", "-geoloc", source.to_str().unwrap(), &x, &y]);
        let known: f64 = known.trim().parse().unwrap();
        let drawn = number(&said, "target_m");
        assert!((drawn - known).abs() < tolerance, "at {x} {y} from {distance} m the ground is {drawn:.2} m high, GDAL says {known:.2}");
        assert!(number(&said, "reliefs") >= 1.0 && number(&said, "eye_above_m") > distance * 0.03, "{said}");
        assert_eq!(said["tile_faults"], 0, "{said}");
    }
    // Behind the mountain, low: the eye would be within it.
    let said = view(&server, "relief-behind.png", "117.372,39.215,9000,170,12");
    assert!(number(&said, "eye_above_m") > 300.0, "{said}");
    // Every building of the city without heights is there with them.
    let far = view(&server, "relief-far.png", "117.3,39.15,90000,0,60");
    assert!(far["buildings"].as_u64().unwrap() >= 60, "{far}");
}
