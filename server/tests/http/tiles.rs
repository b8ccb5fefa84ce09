//! OGC API – Tiles.

use crate::harness::{City, event};
use std::io::Read;

const TILE: &str = "/collections/squares/tiles/WebMercatorQuad/12";

/// The row and column of a place at zoom 12.
fn place(lon: f64, lat: f64) -> (u32, u32) {
    let n = 4096.0;
    let y = (1.0 - lat.to_radians().tan().asinh() / std::f64::consts::PI) / 2.0 * n;
    (y as u32, ((lon + 180.0) / 360.0 * n) as u32)
}

#[test]
fn a_tile_is_given_plain_or_in_gzip() {
    let city = City::new();
    let server = city.serve();
    let (row, col) = place(117.1, 39.1);
    let path = format!("{TILE}/{row}/{col}");
    let gzip = server.send("GET", &path, &[("accept-encoding", "gzip")], b"");
    // The client unpacks what is in gzip and then no longer tells.
    let plain = server.send("GET", &path, &[("accept-encoding", "identity")], b"");
    assert_eq!((gzip.status, plain.status), (200, 200));
    assert_eq!(plain.header("content-type"), "application/vnd.mapbox-vector-tile");
    assert_eq!(plain.header("content-encoding"), "");
    let body = if gzip.body.starts_with(&[0x1f, 0x8b]) {
        let mut out = Vec::new();
        flate2::read::GzDecoder::new(gzip.body.as_slice()).read_to_end(&mut out).unwrap();
        out
    } else {
        gzip.body.clone()
    };
    assert_eq!(body, plain.body);
    assert!(plain.body.windows(7).any(|window| window == b"squares"));
    assert_eq!(plain.header("citywall-revision"), "1");
}

#[test]
fn a_tile_is_current_or_not_modified() {
    let city = City::new();
    let server = city.serve();
    let (row, col) = place(117.1, 39.1);
    let path = format!("/collections/events/tiles/WebMercatorQuad/12/{row}/{col}");
    assert_eq!(server.get(&path).status, 204);
    assert_eq!(server.post_event(&event("e1", 117.1, 39.1)).status, 201);
    let first = server.get(&path);
    assert_eq!(first.status, 200);
    let tag = first.header("etag").to_owned();
    assert_eq!(server.send("GET", &path, &[("if-none-match", &tag)], b"").status, 304);
    assert_eq!(server.post_event(&event("e2", 117.1, 39.1)).status, 201);
    let second = server.send("GET", &path, &[("if-none-match", &tag)], b"");
    assert_eq!(second.status, 200);
    assert_ne!(second.body, first.body);
    assert_eq!(second.header("cache-control"), "no-cache");
    let revision = second.header("citywall-revision").to_owned();
    assert!(server.get(&format!("{path}?v={revision}")).header("cache-control").contains("immutable"));
    assert_eq!(server.get(&format!("{path}?v=0")).header("cache-control"), "no-cache");
    // What is cleared is no longer drawn.
    for id in ["e1", "e2"] {
        let clear = format!(r#"{{"type":"Feature","id":"{id}","properties":{{"status":"cleared"}}}}"#);
        assert_eq!(server.post("application/geo+json", &clear).status, 201);
    }
    assert_eq!(server.get(&path).status, 204);
}

#[test]
fn several_collections_share_a_tile() {
    let city = City::new();
    let server = city.serve();
    let (row, col) = place(117.1, 39.1);
    assert_eq!(server.post_event(&event("e1", 117.1, 39.1)).status, 201);
    for query in ["", "?collections=squares,events"] {
        let tile = server.get(&format!("/tiles/WebMercatorQuad/12/{row}/{col}{query}"));
        assert_eq!(tile.status, 200);
        for name in [&b"squares"[..], b"events"] {
            assert!(tile.body.windows(name.len()).any(|window| window == name));
        }
    }
    assert_eq!(
        server.get(&format!("/tiles/WebMercatorQuad/12/{row}/{col}?collections=squares,nothing")).problem(400)["parameter"],
        "collections"
    );
}

#[test]
fn addresses_of_no_tile_are_refused() {
    let city = City::new();
    let server = city.serve();
    server.get("/collections/squares/tiles/WebMercatorQuad/2/4/0").problem(404);
    server.get("/collections/squares/tiles/WebMercatorQuad/23/0/0").problem(404);
    server.get("/collections/squares/tiles/Nowhere/2/0/0").problem(404);
    server.get("/collections/nothing/tiles/WebMercatorQuad/2/0/0").problem(404);
    server.get("/collections/squares/tiles/WebMercatorQuad/2/a/0").problem(400);
    server.get("/collections/squares/tiles/WebMercatorQuad/2/-1/0").problem(400);
    server.get("/collections/squares/tiles/WebMercatorQuad/99999999999/0/0").problem(400);
    server.get("/collections/squares/tiles/WebMercatorQuad/2/0/0?q=1").problem(400);
}
