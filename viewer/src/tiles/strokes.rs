//! Lines and an area that come from no tile: what is drawn on the wall by hand.

use super::{
    BuildingTable,
    geometry::{Record, TileGeometry, pack},
    style::id,
};
use bevy::math::DVec2;

/// The finest unit of a coordinate, metres.
const UNIT_MIN_M: f64 = 0.01;

/// Lines through points on the city's plane, and an area that a ring encloses; metres.
#[must_use]
pub fn of_strokes(lines: &[Vec<DVec2>], ring: Option<&[DVec2]>) -> TileGeometry {
    let all = || lines.iter().flatten().chain(ring.into_iter().flatten());
    let (low, high) = all().fold((DVec2::INFINITY, DVec2::NEG_INFINITY), |(low, high), point| (low.min(*point), high.max(*point)));
    if !low.is_finite() {
        return TileGeometry::default();
    }
    let origin = (low + high) / 2.0;
    let unit_m = ((high - low).max_element() / 2.0 / f64::from(i16::MAX)).max(UNIT_MIN_M);
    let at = |point: &DVec2| ((*point - origin) / unit_m).round().to_array().map(|v| v as i16);
    let segments =
        lines.iter().flat_map(|line| line.windows(2)).map(|pair| [pack(at(&pair[0])), pack(at(&pair[1])), u32::from(id::DRAWN), 0]);
    let strokes: Vec<Record> = segments.filter(|record| record[0] != record[1]).collect();
    let mut records: Vec<Record> = Vec::new();
    if let Some(ring) = ring {
        let flat: Vec<[i32; 2]> = ring.iter().map(|point| at(point).map(i32::from)).collect();
        let mut triangles: Vec<u32> = Vec::new();
        earcut::int::EarcutI32::default().earcut_slice(&flat, &[], &mut triangles);
        let word = |corner: u32| pack(flat[corner as usize].map(|v| v as i16));
        records.extend(triangles.chunks_exact(3).map(|t| [word(t[0]), word(t[1]), word(t[2]), u32::from(id::DRAWN_AREA)]));
    }
    let counts = [0, records.len() as u32, strokes.len() as u32, 0, 0, 0];
    records.extend(strokes);
    TileGeometry { origin, unit_m: unit_m as f32, records, counts, table: BuildingTable::default(), ..TileGeometry::default() }
}
