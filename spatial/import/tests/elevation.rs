//! Elevation rasters, against GDAL's own programs.

#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use citywall_import::{ImportOptions, Silent, is_raster, read_elevation};
use citywall_store::CityStore;
use common::{City, shared};
use std::process::Command;

fn run(program: &str, arguments: &[&str]) -> String {
    let out = Command::new(program).args(arguments).output().unwrap();
    assert!(out.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

/// The height that gdallocationinfo reads at a place.
fn gdals_height(raster: &str, lon: f64, lat: f64) -> f64 {
    run("gdallocationinfo", &["-valonly", "-wgs84", raster, &lon.to_string(), &lat.to_string()]).trim().parse().unwrap()
}

#[test]
fn monacos_elevation_tile_is_kept_cell_by_cell() {
    let city = City::new();
    let source = shared("city/monaco/N43E007.hgt.zip");
    assert!(is_raster(&source));
    let elevation = read_elevation(&source, &ImportOptions::default(), &Silent).unwrap();
    let grid = &elevation.grid;
    assert_eq!((grid.columns, grid.rows), (1201, 1201));
    assert_eq!(grid.range_m(), Some((-11.0, 2064.0)));
    let gdal_path = format!("/vsizip/{}/N43E007.hgt", source.canonicalize().unwrap().display());
    for (lon, lat) in [(7.42, 43.735), (7.4, 43.75), (7.2505, 43.9005), (7.9, 43.95)] {
        // On the centre of a cell the height is the cell's own.
        let (lon, lat) = ((lon * 1200.0_f64).round() / 1200.0, (lat * 1200.0_f64).round() / 1200.0);
        assert_eq!(f64::from(grid.height_m(lon, lat).unwrap() as f32), gdals_height(&gdal_path, lon, lat), "{lon} {lat}");
    }
    assert!(elevation.report.to_string().contains("1201 × 1201 cells"), "{}", elevation.report);

    city.store.put_grid(elevation.draft.clone(), grid).unwrap();
    let kept = city.store.load_grid(&elevation.draft.id).unwrap();
    assert_eq!((kept.columns, kept.rows, kept.extent), (grid.columns, grid.rows, grid.extent));
    assert!(kept.heights_m.iter().zip(&grid.heights_m).all(|(a, b)| a == b || (a.is_nan() && b.is_nan())));
}

#[test]
fn a_projected_geotiff_lands_at_the_same_heights() {
    let city = City::new();
    // A tilted plane of 10 m cells in UTM zone 32: bilinear sampling meets it anywhere.
    let plane = |x: f64, y: f64| 100.0 + (x - 370_000.0) * 0.1 + (y - 4_840_000.0) * 0.2;
    let (columns, rows) = (200, 150);
    let mut text = format!("ncols {columns}\nnrows {rows}\nxllcorner 370000\nyllcorner 4840000\ncellsize 10\n");
    for row in 0..rows {
        let cells: Vec<String> = (0..columns)
            .map(|column| plane(370_005.0 + 10.0 * f64::from(column), 4_840_000.0 + 10.0 * (f64::from(rows - row) - 0.5)).to_string())
            .collect();
        text += &format!("{}\n", cells.join(" "));
    }
    let asc = city.file("plane.asc", text);
    let tif = city.folder.path().join("plane.tif");
    run("gdal_translate", &["-q", "-a_srs", "EPSG:32632", "-ot", "Float32", asc.to_str().unwrap(), tif.to_str().unwrap()]);
    let elevation = read_elevation(&tif, &ImportOptions::default(), &Silent).unwrap();
    assert_eq!(elevation.draft.source_crs, "EPSG:32632");
    let to_lon_lat = citywall_crs::Transform::to_lon_lat(&citywall_crs::Crs::parse("EPSG:32632").unwrap()).unwrap();
    for i in 1..20 {
        for j in 1..15 {
            let (x, y) = (370_000.0 + 100.0 * f64::from(i), 4_840_000.0 + 100.0 * f64::from(j));
            let (mut lon, mut lat) = ([x], [y]);
            to_lon_lat.apply(&mut lon, &mut lat, &mut []).unwrap();
            let height = elevation.grid.height_m(lon[0], lat[0]).unwrap();
            assert!((height - plane(x, y)).abs() < 0.01, "{x} {y}: {height} instead of {}", plane(x, y));
        }
    }
}

#[test]
fn what_is_no_elevation_raster_says_so() {
    let city = City::new();
    let noise = city.file("noise.tif", b"II*\0 but no more");
    let error = read_elevation(&noise, &ImportOptions::default(), &Silent).unwrap_err().error.to_string();
    assert!(error.contains("noise.tif"), "{error}");
    let bare = city.folder.path().join("bare.asc");
    std::fs::write(&bare, "ncols 2\nnrows 2\nxllcorner 500000\nyllcorner 4000000\ncellsize 10\nNODATA_value -9999\n1 2\n3 -9999\n")
        .unwrap();
    let error = read_elevation(&bare, &ImportOptions::default(), &Silent).unwrap_err().error.to_string();
    assert!(error.contains("--crs"), "{error}");
    let given = read_elevation(&bare, &common::in_crs("EPSG:32632"), &Silent).unwrap();
    assert_eq!(given.grid.range_m().map(|(low, high)| low >= 1.0 && high <= 3.0), Some(true));
    assert!(city.refused(&bare, &ImportOptions::default()).contains("it is a raster"));
}
