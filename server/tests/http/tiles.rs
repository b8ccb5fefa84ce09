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
fn a_tile_is_given_plain_in_gzip_or_in_zstd() {
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
    let zstd = server.send("GET", &path, &[("accept-encoding", "gzip;q=0.5, zstd")], b"");
    assert_eq!((zstd.header("content-encoding"), zstd.header("etag")), ("zstd", plain.header("etag")));
    assert!(zstd.body.starts_with(&[0x28, 0xB5, 0x2F, 0xFD]), "the magic number of RFC 8878");
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

#[test]
fn tilesets_and_their_matrix_sets_are_described() {
    let city = City::new();
    let server = city.serve();
    let sets = server.get("/tileMatrixSets").json();
    let ids: Vec<&str> = sets["tileMatrixSets"].as_array().unwrap().iter().map(|set| set["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["WebMercatorQuad", "WorldCRS84Quad", "w", "c"]);
    // The first and the last row of 天地图's c set: 0.703125° and 5.364418029785156e-06° to the pixel.
    let c = server.get("/tileMatrixSets/c").json();
    let matrices = c["tileMatrices"].as_array().unwrap();
    assert_eq!((&matrices[0]["id"], &matrices[0]["cellSize"], &matrices[0]["matrixWidth"]), (&"1".into(), &0.703125.into(), &2.into()));
    assert_eq!((&matrices[17]["cellSize"], &matrices[17]["matrixHeight"]), (&5.364_418_029_785_156e-06.into(), &131_072.into()));
    assert_eq!((&matrices[0]["pointOfOrigin"], &c["orderedAxes"][0]), (&serde_json::json!([90.0, -180.0]), &"Lat".into()));
    let list = server.get("/collections/squares/tiles").json();
    assert_eq!(list["tilesets"].as_array().unwrap().len(), 4);
    let tileset = server.get("/collections/squares/tiles/WorldCRS84Quad").json();
    assert_eq!(tileset["layers"][0]["id"], "squares");
    let template = tileset["links"].as_array().unwrap().iter().find(|link| link["templated"] == true).unwrap()["href"].as_str().unwrap();
    assert!(template.ends_with("/collections/squares/tiles/WorldCRS84Quad/{tileMatrix}/{tileRow}/{tileCol}"));
    let tile_json = server.get("/tiles/WebMercatorQuad?collections=squares,events&f=tilejson").json();
    assert_eq!((&tile_json["tilejson"], tile_json["vector_layers"].as_array().unwrap().len()), (&"3.0.0".into(), 2));
    assert!(tile_json["tiles"][0].as_str().unwrap().ends_with("/tiles/WebMercatorQuad/{z}/{y}/{x}?collections=squares,events"));
    server.get("/collections/squares/tiles/WorldCRS84Quad?f=tilejson").problem(400);
    server.get("/tileMatrixSets/nothing").problem(404);
}

#[test]
fn the_same_place_is_in_the_tile_of_every_matrix_set() {
    let city = City::new();
    let server = city.serve();
    // Level 11 of WorldCRS84Quad has tiles of 180/2048°.
    let (row, col) = ((90.0 - 39.1) / 180.0 * 2048.0, (117.1 + 180.0) / 180.0 * 2048.0);
    let (row, col) = (row as u32, col as u32);
    for address in [format!("WorldCRS84Quad/11/{row}/{col}"), format!("c/12/{row}/{col}")] {
        let tile = server.get(&format!("/collections/squares/tiles/{address}"));
        assert_eq!(tile.status, 200, "{address}");
        assert!(tile.body.windows(7).any(|window| window == b"squares"));
    }
    server.get("/collections/squares/tiles/c/0/0/0").problem(404);
    server.get("/collections/squares/tiles/w/19/0/0").problem(404);
}

#[test]
fn a_tile_that_nothing_touches_keeps_its_tag() {
    let city = City::new();
    let server = city.serve();
    let address = |lon, lat| {
        let (row, col) = place(lon, lat);
        format!("/collections/events/tiles/WebMercatorQuad/12/{row}/{col}")
    };
    assert_eq!(server.post_event(&event("e1", 117.1, 39.1)).status, 201);
    let tag = server.get(&address(117.1, 39.1)).header("etag").to_owned();
    assert_eq!(server.post_event(&event("far", 118.1, 39.9)).status, 201);
    assert_eq!(server.send("GET", &address(117.1, 39.1), &[("if-none-match", &tag)], b"").status, 304, "the change is elsewhere");
    assert_eq!(server.post_event(&event("near", 117.1, 39.1)).status, 201);
    assert_eq!(server.send("GET", &address(117.1, 39.1), &[("if-none-match", &tag)], b"").status, 200);
}

#[test]
fn wmts_answers_in_its_own_words() {
    let city = City::new();
    let server = city.serve();
    let text = |path: &str| {
        let answer = server.get(path);
        (answer.status, String::from_utf8(answer.body.clone()).unwrap_or_default())
    };
    let (status, xml) = text("/wmts?service=WMTS&request=GetCapabilities");
    assert_eq!((status, xml == text("/wmts/1.0.0/WMTSCapabilities.xml").1), (200, true));
    assert!(xml.contains("<ows:Identifier>squares</ows:Identifier>") && xml.contains("urn:ogc:def:crs:EPSG::4490"));
    let (row, col) = place(117.1, 39.1);
    let kvp = format!(
        "/wmts?SERVICE=WMTS&REQUEST=GetTile&VERSION=1.0.0&LAYER=squares&STYLE=default&FORMAT=application/vnd.mapbox-vector-tile&TILEMATRIXSET=WebMercatorQuad&TILEMATRIX=12&TILEROW={row}&TILECOL={col}"
    );
    let rest = server.get(&format!("/wmts/1.0.0/squares/default/WebMercatorQuad/12/{row}/{col}.mvt"));
    assert_eq!((rest.status, &rest.body), (200, &server.get(&kvp).body));
    assert_eq!(rest.body, server.get(&format!("{TILE}/{row}/{col}")).body);
    for (path, status, word) in [
        ("/wmts", 400, "MissingParameterValue"),
        ("/wmts?service=WMS&request=GetMap", 400, "InvalidParameterValue"),
        ("/wmts?request=GetFeatureInfo", 501, "OperationNotSupported"),
        ("/wmts?request=GetTile&layer=squares", 400, "tilematrixset"),
        ("/wmts/1.0.0/nothing/default/w/1/0/0.mvt", 404, "nothing"),
    ] {
        let (found, xml) = text(path);
        assert_eq!(found, status, "{path}");
        assert!(xml.contains("ExceptionReport") && xml.contains(word), "{xml}");
    }
}

#[test]
fn changed_tiles_are_told_and_no_others() {
    let city = City::new();
    let server = city.serve();
    let events = |query: &str| {
        let address = format!("{}/collections/events/tiles/WebMercatorQuad/changes?levels=11-12{query}", server.url);
        let stream = ureq::get(&address).call().unwrap();
        assert_eq!(stream.headers()["content-type"], "text/event-stream");
        let lines = std::io::BufRead::lines(std::io::BufReader::new(stream.into_body().into_reader()));
        lines.filter_map(|line| serde_json::from_str::<serde_json::Value>(line.unwrap().strip_prefix("data: ")?).ok())
    };
    let mut told = events("");
    assert_eq!(told.next().unwrap()["tiles"], serde_json::json!([]));
    assert_eq!(server.post_event(&event("e1", 117.1, 39.1)).status, 201);
    let (row, col) = place(117.1, 39.1);
    let touched = serde_json::json!([[11, row / 2, col / 2], [12, row, col]]);
    // A beat between them may say that nothing has changed so far.
    let changed = |said: &serde_json::Value| said["tiles"] != serde_json::json!([]);
    let first = told.find(changed).unwrap();
    assert_eq!(first["tiles"], touched);
    // Who comes back is told what was missed.
    let before = first["revision"].as_u64().unwrap() - 1;
    assert_eq!(events(&format!("&after={before}")).find(changed).unwrap()["tiles"], touched);
    for (query, parameter) in
        [("levels=12-11", "levels"), ("levels=30", "levels"), ("bbox=1,2,3", "bbox"), ("after=x", "after"), ("q=1", "q")]
    {
        let path = format!("/collections/events/tiles/WebMercatorQuad/changes?{query}");
        assert_eq!(server.get(&path).problem(400)["parameter"], parameter);
    }
    server.get("/tiles/Nowhere/changes").problem(404);
}

#[test]
fn a_foreign_tileset_is_passed_through_and_a_broken_one_is_said_to_be() {
    let city = City::new();
    let folder = std::path::PathBuf::from(city.path("old town"));
    std::fs::create_dir_all(folder.join("0/1")).unwrap();
    let tileset = r#"{"asset":{"version":"1.0"},"geometricError":100,"root":{"boundingVolume":{"sphere":[0,0,0,9]},"geometricError":9,"refine":"ADD","content":{"uri":"0/1/瓦 片.b3dm"}}}"#;
    std::fs::write(folder.join("tileset.json"), tileset).unwrap();
    std::fs::write(folder.join("0/1/瓦 片.b3dm"), b"b3dm0123456789").unwrap();
    std::fs::write(city.path("secret.txt"), "no").unwrap();
    std::fs::create_dir_all(city.path("broken")).unwrap();
    std::fs::write(std::path::Path::new(&city.path("broken")).join("tileset.json"), r#"{"asset":{"version":"1.0"},"geometricError":1}"#)
        .unwrap();
    let server = city.serve_configured(
        "[[tilesets]]\nid = \"old\"\ntitle = { zh = \"老城\", en = \"Old town\" }\nfolder = \"old town\"\n\
         [[tilesets]]\nid = \"broken\"\ntitle = { zh = \"坏\", en = \"Broken\" }\nfolder = \"broken\"\n\
         [[tilesets]]\nid = \"gone\"\ntitle = { zh = \"无\", en = \"Gone\" }\nfolder = \"gone\"\n",
    );
    let list = server.json("/3dtiles");
    let entry = |id: &str| list["tilesets"].as_array().unwrap().iter().find(|entry| entry["id"] == id).unwrap().clone();
    assert!(entry("squares")["links"][0]["href"].as_str().unwrap().ends_with("/collections/squares/3dtiles/tileset.json"));
    assert!(entry("old").get("problem").is_none());
    assert!(entry("broken")["problem"].as_str().unwrap().contains("root"));
    assert_eq!(server.get("/3dtiles/old/tileset.json").text(), tileset);
    assert_eq!(server.get("/3dtiles/old/0/1/%E7%93%A6%20%E7%89%87.b3dm").body, b"b3dm0123456789");
    let part = server.send("GET", "/3dtiles/old/0/1/%E7%93%A6%20%E7%89%87.b3dm", &[("range", "bytes=4-6")], b"");
    assert_eq!((part.status, part.body.as_slice()), (206, &b"012"[..]));
    assert!(server.get("/3dtiles/broken/tileset.json").problem(422)["detail"].as_str().unwrap().contains("root"));
    server.get("/3dtiles/gone/tileset.json").problem(422);
    for path in ["/3dtiles/none/tileset.json", "/3dtiles/old/none.b3dm", "/3dtiles/old/..%2fsecret.txt", "/3dtiles/old/%2e%2e/secret.txt"] {
        server.get(path).problem(404);
    }
}

#[test]
fn a_tile_has_only_what_its_filter_is_true_of() {
    let city = City::new();
    let server = city.serve();
    let (row, col) = place(117.2, 39.2);
    let tile = format!("/collections/squares/tiles/WebMercatorQuad/12/{row}/{col}");
    let plain = server.get(&tile);
    let all = plain.body.clone();
    let offices = server.get(&format!("{tile}?filter=kind%20%3D%20%27office%27"));
    assert_eq!(offices.status, 200, "{}", offices.text());
    assert_ne!(offices.header("etag"), plain.header("etag"), "a map takes one tag for one tile");
    let has = |bytes: &[u8], word: &str| bytes.windows(word.len()).any(|part| part == word.as_bytes());
    assert!(has(&all, "home") && has(&all, "office"));
    assert!(!has(&offices.body, "home") && has(&offices.body, "office"));
    assert_eq!(server.get(&format!("{tile}?filter=kind%20%3D%20%27castle%27")).status, 204);
    let wrong = server.get(&format!("{tile}?filter=colour%20%3D%201")).problem(400);
    assert_eq!(wrong["parameter"], "filter");
}
