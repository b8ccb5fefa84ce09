//! Imagery: pictures as map tiles, against GDAL's own warp of the same tile.

use crate::harness::{City, citywall, stderr};
use serde_json::json;
use std::{f64::consts::PI, path::Path, process::Command};

/// Half the width of the world in EPSG:3857, metres.
const HALF_WORLD_M: f64 = 20_037_508.342_789_244;

fn run(program: &str, arguments: &[&str]) {
    let out = Command::new(program).args(arguments).output().unwrap();
    assert!(out.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&out.stderr));
}

/// A picture of 700 × 500 pixels of 2 m in UTM zone 50 (39.1° north, 117° east), as GDAL makes it
/// of numbers: a red that rises to the east, a green that rises to the south, a blue in waves.
fn orthophoto(city: &City) -> String {
    let (width, height) = (700, 500);
    let mut ppm = format!("P6\n{width} {height}\n255\n").into_bytes();
    for y in 0..height {
        for x in 0..width {
            let wave = 127.0 + 100.0 * (f64::from(x) / 40.0).sin() * (f64::from(y) / 40.0).cos();
            ppm.extend([(x * 255 / width) as u8, (y * 255 / height) as u8, wave as u8]);
        }
    }
    std::fs::write(city.path("ortho.ppm"), ppm).unwrap();
    let tif = city.path("ortho.tif");
    let place = ["-a_srs", "EPSG:32650", "-a_ullr", "500000", "4330000", "501400", "4329000"];
    run("gdal_translate", &[&["-q"], &place[..], &[&city.path("ortho.ppm"), &tif]].concat());
    tif
}

/// A land cover of 64 × 64 cells of three classes with a palette; class 0 is no data.
fn classes(city: &City) -> String {
    let cells: String =
        (0..64).map(|row| (0..64).map(|column| format!("{} ", (row / 16 + column / 16) % 4)).collect::<String>() + "\n").collect();
    let head = "ncols 64\nnrows 64\nxllcorner 117.0\nyllcorner 39.0\ncellsize 0.0005\nNODATA_value 0\n";
    std::fs::write(city.path("classes.asc"), format!("{head}{cells}")).unwrap();
    run("gdal_translate", &["-q", "-ot", "Byte", "-a_srs", "EPSG:4326", &city.path("classes.asc"), &city.path("bare.tif")]);
    let band = std::fs::read_to_string({
        run("gdal_translate", &["-q", "-of", "VRT", &city.path("bare.tif"), &city.path("classes.vrt")]);
        city.path("classes.vrt")
    })
    .unwrap();
    let table = r#"<ColorInterp>Palette</ColorInterp><ColorTable><Entry c1="0" c2="0" c3="0" c4="255"/><Entry c1="200" c2="30" c3="30" c4="255"/><Entry c1="20" c2="150" c3="40" c4="255"/><Entry c1="30" c2="60" c3="200" c4="255"/></ColorTable>"#;
    std::fs::write(city.path("classes.vrt"), band.replace("<ColorInterp>Gray</ColorInterp>", table)).unwrap();
    let tif = city.path("classes.tif");
    run("gdal_translate", &["-q", &city.path("classes.vrt"), &tif]);
    tif
}

/// The column and row of a place on a level of WebMercatorQuad.
fn place(level: u32, longitude: f64, latitude: f64) -> (u32, u32) {
    let side = f64::from(1_u32 << level);
    let y = 0.5 - latitude.to_radians().tan().asinh() / (2.0 * PI);
    (((longitude + 180.0) / 360.0 * side) as u32, (y * side) as u32)
}

/// What GDAL itself makes of a source in a rectangle of a CRS, as 256 × 256 pixels of red, green, blue, alpha.
fn warped(city: &City, source: &str, crs: &str, [west, south, east, north]: [f64; 4], resampling: &str) -> Vec<u8> {
    let (warped, plain) = (city.path("warped.tif"), city.path("warped.bin"));
    let edges = [west, south, east, north].map(|edge| format!("{edge:.9}"));
    let edges: Vec<&str> = edges.iter().map(String::as_str).collect();
    let fixed = ["-q", "-overwrite", "-t_srs", crs, "-ts", "256", "256", "-dstalpha", "-r", resampling, "-te"];
    run("gdalwarp", &[&fixed[..], &edges, &[source, &warped]].concat());
    pixels(&warped, &plain)
}

/// A picture's pixels, as GDAL reads them: red, green, blue, alpha.
fn pixels(picture: &str, plain: &str) -> Vec<u8> {
    run("gdal_translate", &["-q", "-of", "ENVI", "-co", "INTERLEAVE=BIP", picture, plain]);
    let pixels = std::fs::read(plain).unwrap();
    // A WebP that is opaque all over has no alpha.
    if pixels.len() == 256 * 256 * 4 {
        return pixels;
    }
    assert_eq!(pixels.len(), 256 * 256 * 3);
    pixels.chunks_exact(3).flat_map(|pixel| [pixel[0], pixel[1], pixel[2], 255]).collect()
}

/// Our tile's pixels, as GDAL reads them.
fn ours(city: &City, bytes: &[u8]) -> Vec<u8> {
    let (file, plain) = (city.path("tile.bin"), city.path("ours.bin"));
    std::fs::write(&file, bytes).unwrap();
    pixels(&file, &plain)
}

/// The mean and the largest difference of the colours where both are opaque, and in how many pixels only one is.
fn difference(a: &[u8], b: &[u8]) -> (f64, u8, usize) {
    let (mut sum, mut count, mut largest, mut apart) = (0.0, 0.0, 0, 0);
    for (a, b) in a.chunks_exact(4).zip(b.chunks_exact(4)) {
        let (clear_a, clear_b) = (a[3] < 128, b[3] < 128);
        apart += usize::from(clear_a != clear_b);
        if clear_a || clear_b {
            continue;
        }
        for channel in 0..3 {
            let off = a[channel].abs_diff(b[channel]);
            sum += f64::from(off);
            count += 1.0;
            largest = largest.max(off);
        }
    }
    (sum / count, largest, apart)
}

fn import(city: &City, source: &str, more: &[&str]) -> std::process::Output {
    citywall(&[&["import", source, "--city", city.file.to_str().unwrap()], more].concat())
}

#[test]
fn an_orthophoto_is_what_gdal_warps_it_to() {
    let city = City::new();
    let tif = orthophoto(&city);
    let output = import(&city, &tif, &["--generated"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let server = city.serve();
    let collection = server.json("/collections/ortho");
    assert_eq!(
        (&collection["kind"], &collection["sourceCrs"], &collection["generated"]),
        (&json!("imagery"), &json!("EPSG:32650"), &json!(true))
    );
    assert_eq!(server.json("/collections/ortho/items")["numberMatched"], 0);

    let tile_json = server.json("/collections/ortho/map/tiles/WebMercatorQuad?f=tilejson");
    let deepest = u32::try_from(tile_json["maxzoom"].as_u64().unwrap()).unwrap();
    assert_eq!((deepest, &tile_json["minzoom"], tile_json.get("vector_layers")), (16, &json!(0), None));
    for level in [deepest, deepest - 1] {
        let (column, row) = place(level, 117.0075, 39.115);
        let path = format!("/collections/ortho/map/tiles/WebMercatorQuad/{level}/{row}/{column}");
        let (png, webp) = (server.get(&format!("{path}?f=png")), server.send("GET", &path, &[("accept", "image/webp,*/*")], b""));
        assert_eq!((png.status, png.header("content-type")), (200, "image/png"));
        assert_eq!((webp.status, webp.header("content-type"), &webp.body[8..12]), (200, "image/webp", &b"WEBP"[..]));
        assert_ne!(png.header("etag"), webp.header("etag"));
        assert_eq!(server.send("GET", &path, &[("accept", "image/webp,*/*"), ("if-none-match", webp.header("etag"))], b"").status, 304);
        let side = 2.0 * HALF_WORLD_M / f64::from(1_u32 << level);
        let (west, north) = (f64::from(column) * side - HALF_WORLD_M, HALF_WORLD_M - f64::from(row) * side);
        let theirs =
            warped(&city, &tif, "EPSG:3857", [west, north - side, west + side, north], if level == deepest { "cubic" } else { "average" });
        // WebP loses a little, most where colours change from pixel to pixel.
        let (mean, _, apart) = difference(&ours(&city, &png.body), &theirs);
        assert!(mean < 3.0 && apart < 300, "level {level}: {mean} on average, {apart} pixels clear in one alone");
        let (mean, largest, _) = difference(&ours(&city, &png.body), &ours(&city, &webp.body));
        assert!(mean < 1.0 && largest < 12, "PNG and WebP show the same: {mean}, {largest}");
    }

    // In degrees the columns are the same and the rows stretch.
    let (level, tile) = (deepest - 1, 180.0 / f64::from(1_u32 << (deepest - 1)));
    let (column, row) = (((117.0075 + 180.0) / tile) as u32, ((90.0 - 39.115) / tile) as u32);
    let answer = server.get(&format!("/collections/ortho/map/tiles/WorldCRS84Quad/{level}/{row}/{column}"));
    assert_eq!(answer.status, 200);
    let (west, north) = (f64::from(column) * tile - 180.0, 90.0 - f64::from(row) * tile);
    let theirs = warped(&city, &tif, "EPSG:4326", [west, north - tile, west + tile, north], "cubic");
    let (mean, _, apart) = difference(&ours(&city, &answer.body), &theirs);
    assert!(mean < 4.0 && apart < 600, "degrees: {mean} on average, {apart} pixels clear in one alone");

    // Far away there is nothing, and beyond the levels it is enlarged.
    assert_eq!(server.get(&format!("/collections/ortho/map/tiles/WebMercatorQuad/{deepest}/0/0")).status, 204);
    let (column, row) = place(deepest + 3, 117.0075, 39.115);
    assert_eq!(server.get(&format!("/collections/ortho/map/tiles/WebMercatorQuad/{}/{row}/{column}", deepest + 3)).status, 200);

    // WMTS lists both forms and gives them; GDAL's own client finds the layer.
    let capabilities = server.get("/wmts/1.0.0/WMTSCapabilities.xml").text();
    let layer = &capabilities[capabilities.find("<ows:Title>ortho").unwrap()..];
    let layer = &layer[..layer.find("</Layer>").unwrap()];
    assert!(layer.contains("<Format>image/png</Format><Format>image/webp</Format>") && layer.contains("{TileCol}.webp"), "{layer}");
    let (column, row) = place(deepest, 117.0075, 39.115);
    for (ending, media) in [("png", "image/png"), ("webp", "image/webp")] {
        let rest = server.get(&format!("/wmts/1.0.0/ortho/default/WebMercatorQuad/{deepest}/{row}/{column}.{ending}"));
        assert_eq!((rest.status, rest.header("content-type")), (200, media));
        let kvp = format!(
            "/wmts?SERVICE=WMTS&REQUEST=GetTile&LAYER=ortho&STYLE=default&FORMAT={media}&TILEMATRIXSET=WebMercatorQuad&TILEMATRIX={deepest}&TILEROW={row}&TILECOL={column}"
        );
        assert_eq!(server.get(&kvp).body, rest.body);
    }

    // A new version has new tiles, and the city stays sound.
    let tag = server.get(&format!("/collections/ortho/map/tiles/WebMercatorQuad/{deepest}/{row}/{column}")).header("etag").to_owned();
    let output = import(&city, &tif, &[]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_ne!(server.get(&format!("/collections/ortho/map/tiles/WebMercatorQuad/{deepest}/{row}/{column}")).header("etag"), tag);
    assert_eq!(server.terminate(), Some(0));
    let verified = citywall(&["verify", "--city", city.file.to_str().unwrap()]);
    assert!(verified.status.success(), "{}", stderr(&verified));
    // GDAL reads the layer out of the city file itself.
    let info = Command::new("gdalinfo").args([&format!("GPKG:{}:ortho", city.file.display())]).output().unwrap();
    let info = String::from_utf8(info.stdout).unwrap();
    assert!(info.contains("Pseudo-Mercator") && info.contains("ColorInterp=Alpha"), "{info}");
}

#[test]
fn classes_keep_their_colours_exactly() {
    let city = City::new();
    let tif = classes(&city);
    let output = import(&city, &tif, &["--layer", "cover"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let server = city.serve();
    let tile_json = server.json("/collections/cover/map/tiles/WebMercatorQuad?f=tilejson");
    let deepest = u32::try_from(tile_json["maxzoom"].as_u64().unwrap()).unwrap();
    for level in [deepest, deepest + 2] {
        let (column, row) = place(level, 117.016, 39.016);
        let answer = server.get(&format!("/collections/cover/map/tiles/WebMercatorQuad/{level}/{row}/{column}"));
        assert_eq!(answer.status, 200);
        let pixels = ours(&city, &answer.body);
        for pixel in pixels.chunks_exact(4) {
            let known = [[200, 30, 30, 255], [20, 150, 40, 255], [30, 60, 200, 255]];
            assert!(pixel[3] == 0 || known.iter().any(|colour| colour == pixel), "{pixel:?} is no class");
        }
        // Where a class has no data the map is clear.
        assert!(pixels.chunks_exact(4).any(|pixel| pixel[3] == 0) || level > deepest);
    }
}

#[test]
fn what_is_no_picture_is_refused_and_changes_nothing() {
    let city = City::new();
    let before = std::fs::metadata(&city.file).unwrap().len();
    let tif = orthophoto(&city);
    // Cut off in the middle, without a place, and over a layer of items.
    let cut = city.path("cut.tif");
    let bytes = std::fs::read(&tif).unwrap();
    std::fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();
    let nowhere = city.path("nowhere.tif");
    run("gdal_translate", &["-q", &city.path("ortho.ppm"), &nowhere]);
    for (source, more, expected) in [
        (&cut, &[][..], "cut.tif"),
        (&nowhere, &[], "--crs"),
        (&nowhere, &["--crs", "EPSG:3857"], "geotransform"),
        (&tif, &["--crs", "GCJ-02"], "GCJ-02"),
        (&tif, &["--layer", "squares"], "a collection of items"),
    ] {
        let output = import(&city, source, more);
        assert_eq!(output.status.code(), Some(1), "{more:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(expected), "{more:?}: {}", stderr(&output));
    }
    let server = city.serve();
    assert_eq!(server.json("/collections")["collections"].as_array().unwrap().iter().filter(|c| c["kind"] == "imagery").count(), 0);
    assert!(std::fs::metadata(Path::new(&city.file)).unwrap().len() < before + (4 << 20));
    server.get("/collections/squares/map/tiles").problem(404);
    server.get("/collections/squares/map/tiles/WebMercatorQuad/0/0/0").problem(404);
    drop(server);
    assert!(import(&city, &tif, &[]).status.success());
    let server = city.serve();
    assert_eq!(server.get("/collections/ortho/map/tiles/WebMercatorQuad/0/0/0?f=gif").problem(400)["parameter"], "f");
    server.get("/collections/ortho/map/tiles/WebMercatorQuad/3/8/0").problem(404);
    server.get("/collections/ortho/map/tiles/WebMercatorQuad/a/0/0").problem(400);
    server.get("/collections/ortho/map/tiles/Nowhere").problem(404);
    server.get("/collections/ortho/3dtiles/tileset.json").problem(404);
    // A tile of all layers leaves pictures out.
    assert!(!server.get("/tiles/WebMercatorQuad/0/0/0").body.windows(5).any(|window| window == b"ortho"));
}
