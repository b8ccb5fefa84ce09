//! Windows of 500 m on New York's buildings, in process, per second on one core: the ids of all whose envelope
//! meets the window. The floor is a plain rstar tree in the same run.

#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark that cannot run fails")]

mod common;

use citywall_model::{Bbox, CollectionId, geometry};
use citywall_query::City;
use citywall_store::GeoPackage;
use rstar::{
    AABB, RTree,
    primitives::{GeomWithData, Rectangle},
};
use std::sync::Arc;

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let city = City::open(Arc::new(GeoPackage::open(&common::new_york(folder.path())).unwrap())).unwrap();
    let view = city.view(&CollectionId::new("buildings").unwrap()).unwrap();
    let mut entries = Vec::new();
    view.window(&Bbox::WORLD, |feature| entries.push((feature.fid(), geometry::bounds(feature.geometry().unwrap()))));
    let extent = entries.iter().fold(Bbox::EMPTY, |all, (_, bounds)| all.union(*bounds));
    let windows = common::windows(extent.into(), 20_000);

    let rectangles =
        entries.iter().map(|(fid, b)| GeomWithData::new(Rectangle::from_corners([b.x_min, b.y_min], [b.x_max, b.y_max]), *fid));
    let tree = RTree::bulk_load(rectangles.collect());
    let (mut ours, mut floor) = (0f64, 0f64);
    let (mut hits, mut expected) = (0, 0);
    // Taking turns, the best of five: a shared machine is slower at times but never faster.
    for _ in 0..5 {
        let mut fids = Vec::new();
        hits = 0;
        ours = ours.max(rate(&windows, |[x0, y0, x1, y1]| {
            fids.clear();
            view.window_fids(&Bbox::new(x0, y0, x1, y1), &mut fids);
            hits += fids.len();
        }));
        expected = 0;
        floor = floor.max(rate(&windows, |[x0, y0, x1, y1]| {
            fids.clear();
            fids.extend(tree.locate_in_envelope_intersecting(AABB::from_corners([x0, y0], [x1, y1])).map(|entry| entry.data));
            expected += fids.len();
        }));
    }
    assert_eq!(hits, expected, "both must find the same");
    let average = hits as f64 / windows.len() as f64;
    common::row(
        "window",
        &format!("{ours:.0} queries/s on one core, {average:.0} hits on average, {:.1} × rstar", ours / floor),
        &format!("rstar {floor:.0} queries/s"),
        "≥ 300,000 queries/s at 174 hits",
    );
}

fn rate(windows: &[[f64; 4]], mut ask: impl FnMut([f64; 4])) -> f64 {
    let start = common::on_core();
    windows.iter().for_each(|window| ask(*window));
    windows.len() as f64 / (common::on_core() - start).as_secs_f64()
}
