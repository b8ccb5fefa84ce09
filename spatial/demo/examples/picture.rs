//! Draws windows of the demo city as SVG, to look at what the generator makes.
//!
//! `cargo run --release -p citywall-demo --example picture -- small 1 out.svg LON LAT HALF_WIDTH_M [out2.svg …]`
#![allow(clippy::unwrap_used)]

#[path = "../tests/common/mod.rs"]
mod common;

use citywall_demo::{Scale, generate};
use citywall_model::{Bbox, Value};
use geo_types::{Geometry, LineString};
use std::fmt::Write as _;

const PIXELS: f64 = 1400.0;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [scale, seed, windows @ ..] = args.as_slice() else {
        eprintln!("picture SCALE SEED (FILE.svg LON LAT HALF_WIDTH_M)…");
        return;
    };
    let store = common::MemoryStore::default();
    let start = std::time::Instant::now();
    let scale: Scale = scale.parse().unwrap();
    let mut last = String::new();
    let digests = generate(scale, seed.parse().unwrap(), &store, &mut |layer, _, _| {
        if layer != last {
            eprintln!("{:6.2} s {layer}", start.elapsed().as_secs_f64());
            layer.clone_into(&mut last);
        }
    })
    .unwrap();
    eprintln!("{:6.2} s done", start.elapsed().as_secs_f64());
    for d in &digests {
        eprintln!("{d}");
    }
    for window in windows.chunks_exact(4) {
        let [lon, lat, half] = [1, 2, 3].map(|i| window[i].parse::<f64>().unwrap());
        std::fs::write(&window[0], draw(&store, lon, lat, half)).unwrap();
    }
}

fn draw(store: &common::MemoryStore, lon: f64, lat: f64, half: f64) -> String {
    let (kx, ky) = (86_480.0, 111_018.0);
    let k = PIXELS / (2.0 * half);
    let view = Bbox::new(lon - half / kx, lat - half / ky, lon + half / kx, lat + half / ky);
    let path = |line: &LineString<f64>| {
        let mut d = String::new();
        for (i, c) in line.0.iter().enumerate() {
            let _ = write!(d, "{}{:.1} {:.1}", if i == 0 { 'M' } else { 'L' }, (c.x - view.x_min) * kx * k, (view.y_max - c.y) * ky * k);
        }
        d
    };
    let mut svg = format!(
        "<svg xmlns='http://www.w3.org/2000/svg' width='{PIXELS}' height='{PIXELS}'><rect width='100%' height='100%' fill='#f4f1ea'/>\n"
    );
    let layers = store.layers.lock().unwrap();
    for id in ["green", "water", "roads", "buildings", "streets", "components", "cameras", "institutions"] {
        let points = matches!(id, "components" | "cameras" | "institutions");
        if points && half > 1_500.0 {
            continue;
        }
        for f in &layers[id].1 {
            let Some(g) = f.geometry.as_ref().filter(|g| g.bounds().intersects(&view)) else { continue };
            let get = |name: &str| f.values.iter().find(|v| &*v.0 == name).map(|v| &v.1);
            let word = |name: &str| match get(name) {
                Some(Value::Text(t)) => t.as_str(),
                _ => "",
            };
            let number = |name: &str| match get(name) {
                Some(Value::Number(n)) => *n,
                _ => 0.0,
            };
            let style = match id {
                "green" => match word("class") {
                    "park" | "belt" => "fill='#bfe0a6'".to_owned(),
                    "square" => "fill='#e6dcc8'".to_owned(),
                    "forest" => "fill='#a9cf93'".to_owned(),
                    "orchard" => "fill='#d2e5b0'".to_owned(),
                    _ => "fill='#eaeccd'".to_owned(),
                },
                "water" => if word("class") == "wetland" { "fill='#cfe6dd'" } else { "fill='#9fc9ea'" }.to_owned(),
                "roads" => {
                    let color = match word("fclass") {
                        "motorway" => "#e99a4a",
                        "trunk" => "#f2b65a",
                        "primary" => "#f8d98a",
                        "secondary" => "#fbeebb",
                        "track" => "#d9cfb8",
                        _ => "#ffffff",
                    };
                    format!("fill='none' stroke='{color}' stroke-width='{:.2}'", (number("width_m") * k).max(0.4))
                }
                "buildings" => {
                    let h = (number("height") / 120.0).min(1.0).sqrt();
                    let (r, g, b) = match word("use") {
                        "residential" => (205.0, 190.0, 175.0),
                        "commercial" => (225.0, 150.0, 140.0),
                        "office" => (150.0, 160.0, 200.0),
                        "industrial" => (190.0, 170.0, 200.0),
                        "public" => (230.0, 200.0, 120.0),
                        _ => (200.0, 180.0, 160.0),
                    };
                    let s = 1.05 - 0.55 * h;
                    format!("fill='rgb({:.0},{:.0},{:.0})'", r * s, g * s, b * s)
                }
                "streets" => "fill='none' stroke='#a04' stroke-width='0.8' stroke-dasharray='6 4' opacity='0.5'".to_owned(),
                "components" => "fill='#396'".to_owned(),
                "cameras" => "fill='#00f'".to_owned(),
                _ => "fill='#d00'".to_owned(),
            };
            match g.to_geo().unwrap() {
                Geometry::Polygon(p) => {
                    let _ = writeln!(svg, "<path d='{}Z' {style}/>", path(p.exterior()));
                }
                Geometry::LineString(l) => {
                    let _ = writeln!(svg, "<path d='{}' {style}/>", path(&l));
                }
                Geometry::Point(p) => {
                    let _ = writeln!(
                        svg,
                        "<circle cx='{:.1}' cy='{:.1}' r='{}' {style}/>",
                        (p.x() - view.x_min) * kx * k,
                        (view.y_max - p.y()) * ky * k,
                        if id == "components" { 1.2 } else { 3.0 }
                    );
                }
                _ => {}
            }
        }
    }
    svg + "</svg>\n"
}
