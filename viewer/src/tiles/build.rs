//! Builds a tile's geometry from the vector tiles of its layers.

use super::{
    drape, faces,
    flow::{CLASS_KEYS, Flow, FlowReader, Flowing},
    geometry::{DrawKind, NO_NUMBER, Record, TileGeometry, pack},
    mvt::{self, Feature, MvtError, Paths, Shape},
    relief::{self, Relief, Samples},
    style::{Role, StyleId, id},
    table::BuildingTable,
};
use crate::{
    geo::{CityPlane, TileId},
    solids::{Solid, Solids},
};
use bevy::math::DVec2;
use rustc_hash::FxHashSet;
use std::sync::Arc;

/// A building of which nothing is known but its outline.
const HEIGHT_DEFAULT_M: f64 = 9.0;
/// A storey, where only their number is known.
const FLOOR_M: f64 = 3.2;
/// Higher than any building; a larger number is a mistake in the data.
const HEIGHT_MAX_M: f64 = 1200.0;
/// Corners of a building that are smaller than this many square units are left out: one pixel, if
/// the tile is drawn 900 pixels wide; a square metre in the deepest tiles at 40° of latitude.
const CORNER_AREA_MIN: i64 = 20;
/// A building whose own ground is farther than this from the elevation's is taken to be measured from another
/// level, metres.
const OWN_GROUND_M_MAX: f64 = 20.0;
/// Land that covers this share of a tile is the ground itself.
const LAND_SHARE: f64 = 0.9995;
/// Half the side of the square that 16-bit coordinates span, in tile widths.
const SPAN: f64 = 0.75;
/// A solid that is wider than this share of its tile may reach beyond that square; a little less than it might.
const SOLID_SHARE_MAX: f64 = (SPAN - 0.5) * 1.9;

/// One layer's vector tile.
pub struct LayerInput<'a> {
    /// The collection: the layer's name in the tile.
    pub collection: &'a str,
    /// What it is on the wall.
    pub role: Role,
    /// The tile's bytes.
    pub bytes: &'a [u8],
    /// Solids of its buildings, which are drawn instead of their footprints.
    pub solids: &'a [Arc<Solids>],
    /// What flows along its lines.
    pub flow: Option<&'a Flow>,
}

/// Builds one tile, layer after layer.
pub struct TileBuilder {
    tile: TileId,
    plane: CityPlane,
    origin: DVec2,
    unit_m: f64,
    relief: Option<Relief>,
    faces: Vec<Record>,
    fills: Vec<Record>,
    lines: Vec<Record>,
    flowing: Flowing,
    walls: Vec<Record>,
    roofs: Vec<Record>,
    buildings: u32,
    solids: u32,
    table: BuildingTable,
    borders: FxHashSet<(StyleId, u32, u32)>,
    scratch: Scratch,
}

#[derive(Default)]
struct Scratch {
    paths: Paths,
    ring: Vec<[f64; 2]>,
    clipped: Vec<[f64; 2]>,
    flat: Vec<[i32; 2]>,
    holes: Vec<u32>,
    triangles: Vec<u32>,
    earcut: earcut::int::EarcutI32,
}

impl TileBuilder {
    /// An empty tile on a city's plane; its ground is level at 0 m where no heights are known.
    #[must_use]
    pub fn new(tile: TileId, plane: CityPlane, heights: Option<&Samples>) -> Self {
        let place = |fx, fy| {
            let (lon, lat) = tile.place(fx, fy);
            plane.forward(lon, lat)
        };
        let origin = place(0.5, 0.5);
        let width = place(0.0, 0.5).distance(place(1.0, 0.5)).max(place(0.5, 0.0).distance(place(0.5, 1.0)));
        let mut builder = Self {
            tile,
            plane,
            origin,
            unit_m: width * SPAN / f64::from(i16::MAX),
            relief: None,
            faces: Vec::new(),
            fills: Vec::new(),
            lines: Vec::new(),
            flowing: Flowing::default(),
            walls: Vec::new(),
            roofs: Vec::new(),
            buildings: 0,
            solids: 0,
            table: BuildingTable::default(),
            borders: FxHashSet::default(),
            scratch: Scratch::default(),
        };
        builder.relief = heights.map(|heights| Relief::of(heights, width, |fx, fy| builder.quantise(fx, fy, 1.0)));
        builder
    }

    /// Adds a layer. What was read before an error stays.
    ///
    /// # Errors
    /// The bytes are no vector tile.
    pub fn add(&mut self, input: &LayerInput<'_>) -> Result<(), MvtError> {
        for layer in mvt::layers(input.bytes)? {
            if layer.name != input.collection {
                continue;
            }
            let extent = f64::from(layer.extent);
            let height = layer.key("height");
            let floors = layer.key("floors").or_else(|| layer.key("levels")).or_else(|| layer.key("building:levels"));
            let base = layer.key("min_height");
            let ground = layer.key("ground_height").or_else(|| layer.key("base_height"));
            let id = layer.key("_id");
            let part = input.role.is_coloured().then(|| self.table.begin(&layer));
            let class = CLASS_KEYS.into_iter().find_map(|k| layer.key(k));
            let flow = input.flow.map(|flow| FlowReader::new(flow, &layer));
            for feature in layer.features() {
                let feature = feature?;
                let mut paths = std::mem::take(&mut self.scratch.paths);
                let read = feature.paths(&mut paths);
                if read.is_ok() && input.role == Role::Building {
                    paths.simplify(CORNER_AREA_MIN * i64::from(layer.extent).pow(2) / (4096 * 4096));
                }
                if read.is_ok() {
                    match (input.role, feature.shape) {
                        (Role::Building, Shape::Polygon) => {
                            let top = height_of(&feature, height, floors);
                            let base = feature.attribute(base).and_then(|b| b.number()).unwrap_or(0.0).clamp(0.0, top);
                            let number = part.as_ref().map_or(0, |part| self.table.push(part, &feature));
                            let ground = feature.attribute(ground).and_then(|g| g.number());
                            let (foot, stilts) = self.stands(&paths, extent, ground);
                            self.table.stand(number, foot);
                            let solid = solid_of(&feature, id, input.solids);
                            if solid.is_some_and(|solid| self.solid(solid, number)) {
                                self.scratch.paths = paths;
                                continue;
                            }
                            let base = if base > 0.0 { base + stilts } else { 0.0 };
                            self.building(&paths, extent, [foot, base, top + stilts], number);
                        }
                        (Role::Building, _) => {}
                        (role, Shape::Polygon) => {
                            let number = part.as_ref().map(|part| self.table.push(part, &feature));
                            self.polygon(role, &paths, extent, number);
                        }
                        (role, Shape::Line) => {
                            let style = role.line(feature.attribute(class));
                            let way = flow.as_ref().and_then(|flow| flow.way(&feature, style));
                            for path in paths.iter() {
                                let first = self.lines.len();
                                for pair in path.windows(2) {
                                    self.segment(pair[0], pair[1], extent, style, false);
                                }
                                if let Some(way) = way {
                                    self.flowing.add(&self.lines[first..], way);
                                }
                            }
                        }
                        (_, Shape::Point | Shape::Unknown) => {}
                    }
                }
                self.scratch.paths = paths;
                read?;
            }
        }
        Ok(())
    }

    /// The tile. Records are sorted by style, so that the larger road lies over the smaller.
    #[must_use]
    pub fn finish(mut self) -> TileGeometry {
        let mut is_land = false;
        if let Some(relief) = &self.relief {
            is_land = self.is_all_land();
            if is_land {
                // The ground is land already, unless it is coloured.
                for fill in self.fills.iter_mut().filter(|fill| style_of(fill) == id::LAND) {
                    fill[3] += u32::from(id::TINT - id::LAND);
                }
            }
            self.fills = drape::areas(&self.fills, relief);
            self.lines = drape::lines(&self.lines, relief);
        }
        let mut flows = self.flowing.records(self.relief.as_ref(), f64::from(i16::MAX) / SPAN);
        self.fills.sort_by_key(|fill| match style_of(fill) {
            // Colours lie over land and green, and water over them.
            id::TINT => (id::GREEN, 1),
            style => (style, 0),
        });
        self.lines.sort_by_key(|r| r[2]);
        let counts = [&self.faces, &self.fills, &self.lines, &flows, &self.walls, &self.roofs].map(|v| v.len() as u32);
        debug_assert_eq!(DrawKind::ALL.len(), counts.len());
        let mut records = self.faces;
        records.append(&mut self.fills);
        records.append(&mut self.lines);
        records.append(&mut flows);
        records.append(&mut self.walls);
        records.append(&mut self.roofs);
        TileGeometry {
            origin: self.origin,
            unit_m: self.unit_m as f32,
            records,
            counts,
            relief: self.relief.map(Arc::new),
            is_land,
            states: self.table.states("", None, |_| 0),
            table: self.table,
            buildings: self.buildings,
            solids: self.solids,
        }
    }

    /// True if areas cover the whole tile, so that its ground has their colour.
    fn is_all_land(&self) -> bool {
        let land: f64 = self.fills.iter().filter(|fill| style_of(fill) == id::LAND).map(relief::area).sum();
        let corners = [(0.0, 1.0), (1.0, 1.0), (1.0, 0.0), (0.0, 0.0)].map(|(fx, fy)| pack(self.quantise(fx, fy, 1.0)));
        let whole = relief::area(&[corners[0], corners[1], corners[2], 0]) + relief::area(&[corners[0], corners[2], corners[3], 0]);
        land >= whole * LAND_SHARE
    }

    /// Where a building stands: the lowest ground on its outline, metres above the tile's floor, and how much
    /// higher its own ground is, if it has one. From there its height counts.
    fn stands(&self, paths: &Paths, extent: f64, own: Option<f64>) -> (f64, f64) {
        let Some(relief) = &self.relief else { return (0.0, 0.0) };
        let corners = paths.iter().flatten().map(|p| relief.height_m(f64::from(p[0]) / extent, f64::from(p[1]) / extent));
        let lowest = corners.fold(f64::INFINITY, f64::min);
        if !lowest.is_finite() {
            return (0.0, 0.0);
        }
        let higher = own.map_or(0.0, |own| own - lowest);
        (lowest - relief.floor_m, if higher <= OWN_GROUND_M_MAX { higher.max(0.0) } else { 0.0 })
    }

    /// A place in tile units to 16-bit coordinates around the tile's origin.
    fn quantise(&self, x: f64, y: f64, extent: f64) -> [i16; 2] {
        let (lon, lat) = self.tile.place(x / extent, y / extent);
        let at = (self.plane.forward(lon, lat) - self.origin) / self.unit_m;
        // Far outside the tile there is nothing to see: the neighbour draws it.
        [at.x, at.y].map(|v| v.round().clamp(f64::from(i16::MIN), f64::from(i16::MAX)) as i16)
    }

    /// `number` is the feature's, if it can be coloured.
    fn polygon(&mut self, role: Role, paths: &Paths, extent: f64, number: Option<u32>) {
        if let Some(style) = role.border() {
            for ring in paths.iter().filter(|r| r.len() > 2) {
                for (i, &a) in ring.iter().enumerate() {
                    self.segment(a, ring[(i + 1) % ring.len()], extent, style, true);
                }
            }
        }
        if let Some(style) = role.fill().or(number.map(|_| id::TINT)) {
            let look = u32::from(style) | number.map_or(0, |number| number + 1) << 8;
            self.triangulate(paths, extent, true, |b, corners| b.fills.push([corners[0], corners[1], corners[2], look]));
        }
    }

    /// Walls and roof of a building. Rings that share its edges with the tile's border belong to
    /// both tiles; walls that lie outside are the neighbour's.
    /// `foot_m` is where it stands above the tile's floor, base and top count from there.
    fn building(&mut self, paths: &Paths, extent: f64, [foot_m, base_m, top_m]: [f64; 3], number: u32) {
        let decimetres = |m: f64| (m * 10.0).round().clamp(0.0, f64::from(u16::MAX)) as u32;
        let heights = decimetres(base_m) | decimetres(top_m) << 16;
        let mut inside = false;
        // Exterior rings run clockwise on the screen (y down), so that the outside lies to the
        // left of every ring, holes included; a source that winds the other way is turned.
        let turned = paths.iter().next().is_some_and(|ring| ring_area(ring) < 0);
        for (i, ring) in paths.iter().enumerate().filter(|(_, r)| r.len() > 2) {
            if i == 0 {
                let n = ring.len() as f64;
                let (cx, cy) = ring.iter().fold((0.0, 0.0), |(x, y), p| (x + f64::from(p[0]), y + f64::from(p[1])));
                inside = (0.0..extent).contains(&(cx / n)) && (0.0..extent).contains(&(cy / n));
            }
            for (k, &a) in ring.iter().enumerate() {
                let b = ring[(k + 1) % ring.len()];
                if beyond(a, b, extent) {
                    continue;
                }
                let (p, q) =
                    (self.quantise(f64::from(a[0]), f64::from(a[1]), extent), self.quantise(f64::from(b[0]), f64::from(b[1]), extent));
                let (p, q) = if turned { (p, q) } else { (q, p) };
                if p != q {
                    self.walls.push([pack(p), pack(q), heights, number]);
                }
            }
        }
        // A tile of more buildings than 16 bits count has roofs that all look alike.
        let roof = if number < NO_NUMBER { decimetres(top_m) | number << 16 } else { decimetres(foot_m + top_m) | NO_NUMBER << 16 };
        self.triangulate(paths, extent, false, |b, corners| b.roofs.push([corners[0], corners[1], corners[2], roof]));
        self.buildings += u32::from(inside);
    }

    /// The faces of a solid, which stands where its building does. The tile that its middle lies in draws it whole;
    /// false if it is wider than a tile's units reach for certain, or higher than a face's.
    fn solid(&mut self, solid: Solid<'_>, number: u32) -> bool {
        let mut low = [f64::INFINITY; 3];
        let mut high = [f64::NEG_INFINITY; 3];
        for place in solid.triangles().flatten() {
            low = std::array::from_fn(|k| low[k].min(place[k]));
            high = std::array::from_fn(|k| high[k].max(place[k]));
        }
        let [west, south, east, north] = self.tile.bounds();
        let fits = |k: usize, side: f64| high[k] - low[k] < side * SOLID_SHARE_MAX;
        if number >= NO_NUMBER || high[2] - low[2] > HEIGHT_MAX_M || !fits(0, east - west) || !fits(1, north - south) {
            return false;
        }
        let middle = [0, 1].map(|k| f64::midpoint(low[k], high[k]));
        if !(west..east).contains(&middle[0]) || !(south..north).contains(&middle[1]) {
            return true;
        }
        let corner = |[longitude, latitude, height]: [f64; 3]| {
            let at = (self.plane.forward(longitude, latitude) - self.origin) / self.unit_m;
            ([at.x, at.y].map(|v| v.round() as i16), ((height - low[2]) / faces::HEIGHT_UNIT_M).round() as u16)
        };
        let triangles: Vec<_> = solid.triangles().map(|triangle| triangle.map(corner)).collect();
        faces::add(&mut self.faces, &triangles, number, self.unit_m);
        self.buildings += 1;
        self.solids += 1;
        true
    }

    /// A segment, cut at the tile's border.
    fn segment(&mut self, a: [i32; 2], b: [i32; 2], extent: f64, style: StyleId, shared: bool) {
        let Some((a, b)) = cut(a.map(f64::from), b.map(f64::from), extent) else { return };
        let (p, q) = (pack(self.quantise(a[0], a[1], extent)), pack(self.quantise(b[0], b[1], extent)));
        // Neighbouring areas have their border in common; it is drawn once.
        if p != q && (!shared || self.borders.insert((style, p.min(q), p.max(q)))) {
            self.lines.push([p, q, u32::from(style), 0]);
        }
    }

    /// The triangles of each polygon in the paths, counter-clockwise on the plane.
    fn triangulate(&mut self, paths: &Paths, extent: f64, clip: bool, mut emit: impl FnMut(&mut Self, [u32; 3])) {
        let mut s = std::mem::take(&mut self.scratch);
        let rings: Vec<&[[i32; 2]]> = paths.iter().filter(|r| r.len() > 2).collect();
        let mut from = 0;
        while from < rings.len() {
            // A polygon is a ring and the rings of the other sense that follow (section 4.3.3.3).
            let sense = ring_area(rings[from]) > 0;
            let to = (from + 1..rings.len()).find(|&i| (ring_area(rings[i]) > 0) == sense).unwrap_or(rings.len());
            s.flat.clear();
            s.holes.clear();
            for ring in &rings[from..to] {
                s.ring.clear();
                s.ring.extend(ring.iter().map(|p| p.map(f64::from)));
                if clip {
                    clip_ring(&mut s.ring, &mut s.clipped, extent);
                }
                if s.ring.len() > 2 {
                    if !s.flat.is_empty() {
                        s.holes.push(s.flat.len() as u32);
                    }
                    s.flat.extend(s.ring.iter().map(|p| self.quantise(p[0], p[1], extent).map(i32::from)));
                } else if s.flat.is_empty() {
                    break;
                }
            }
            from = to;
            s.earcut.earcut_slice(&s.flat, &s.holes, &mut s.triangles);
            for t in s.triangles.chunks_exact(3) {
                let [a, b, c] = [t[0], t[1], t[2]].map(|i| s.flat[i as usize]);
                let area = i64::from(b[0] - a[0]) * i64::from(c[1] - a[1]) - i64::from(c[0] - a[0]) * i64::from(b[1] - a[1]);
                let word = |p: [i32; 2]| pack(p.map(|v| v as i16));
                match area.signum() {
                    1 => emit(self, [word(a), word(b), word(c)]),
                    -1 => emit(self, [word(a), word(c), word(b)]),
                    _ => {}
                }
            }
        }
        self.scratch = s;
    }
}

/// The style of a triangle on the ground.
fn style_of(fill: &Record) -> StyleId {
    (fill[3] & 0xff) as StyleId
}

/// The solid of a building by its item's id, which a tile has apart where it is not the feature's number.
fn solid_of<'s>(feature: &Feature<'_, '_>, id: Option<u32>, solids: &'s [Arc<Solids>]) -> Option<Solid<'s>> {
    let of = |id: &str| solids.iter().find_map(|tile| tile.of(id));
    match feature.attribute(id) {
        _ if solids.is_empty() => None,
        Some(mvt::Attribute::Text(id)) => of(id),
        _ => of(&feature.id.to_string()),
    }
}

fn height_of(feature: &Feature<'_, '_>, height: Option<u32>, floors: Option<u32>) -> f64 {
    let number = |key| feature.attribute(key).and_then(|a| a.number()).filter(|n| *n > 0.0);
    number(height).or_else(|| number(floors).map(|n| n * FLOOR_M)).unwrap_or(HEIGHT_DEFAULT_M).min(HEIGHT_MAX_M)
}

/// Twice the signed area by the surveyor's formula; positive for an exterior ring (y down).
fn ring_area(ring: &[[i32; 2]]) -> i64 {
    (0..ring.len())
        .map(|i| {
            let ([ax, ay], [bx, by]) = (ring[i], ring[(i + 1) % ring.len()]);
            i64::from(ax) * i64::from(by) - i64::from(bx) * i64::from(ay)
        })
        .fold(0, i64::saturating_add)
}

/// True if both ends lie on the same far side of the tile's border.
fn beyond(a: [i32; 2], b: [i32; 2], extent: f64) -> bool {
    (0..2).any(|k| (a[k] < 0 && b[k] < 0) || (f64::from(a[k]) > extent && f64::from(b[k]) > extent))
}

/// The part of a segment that lies in the tile (Liang–Barsky).
fn cut(a: [f64; 2], b: [f64; 2], extent: f64) -> Option<([f64; 2], [f64; 2])> {
    let d = [b[0] - a[0], b[1] - a[1]];
    let (mut t0, mut t1) = (0.0f64, 1.0f64);
    for k in 0..2 {
        for (p, q) in [(-d[k], a[k]), (d[k], extent - a[k])] {
            if p == 0.0 {
                if q < 0.0 {
                    return None;
                }
            } else if p < 0.0 {
                t0 = t0.max(q / p);
            } else {
                t1 = t1.min(q / p);
            }
        }
    }
    let at = |t: f64| [a[0] + t * d[0], a[1] + t * d[1]];
    (t0 < t1).then(|| (at(t0), at(t1)))
}

/// Cuts a ring to the tile (Sutherland–Hodgman).
fn clip_ring(ring: &mut Vec<[f64; 2]>, out: &mut Vec<[f64; 2]>, extent: f64) {
    for (k, edge, sign) in [(0, 0.0, 1.0), (0, extent, -1.0), (1, 0.0, 1.0), (1, extent, -1.0)] {
        out.clear();
        for i in 0..ring.len() {
            let (a, b) = (ring[i], ring[(i + 1) % ring.len()]);
            let (da, db) = ((a[k] - edge) * sign, (b[k] - edge) * sign);
            if da >= 0.0 {
                out.push(a);
            }
            if (da >= 0.0) != (db >= 0.0) {
                let t = da / (da - db);
                out.push([a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1])]);
            }
        }
        std::mem::swap(ring, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TILE: &[u8] = include_bytes!("../../tests/data/generated_buildings_15_27050_12510.mvt");

    fn demo() -> TileGeometry {
        let tile = TileId { z: 15, x: 27_050, y: 12_510 };
        let mut builder = TileBuilder::new(tile, CityPlane::around(117.2, 39.125), None);
        builder.add(&LayerInput { collection: "buildings", role: Role::Building, bytes: TILE, solids: &[], flow: None }).unwrap();
        builder.finish()
    }

    #[test]
    fn a_building_takes_at_most_200_bytes() {
        let tile = demo();
        assert!((900..=1010).contains(&tile.buildings), "{}", tile.buildings);
        let each = tile.bytes() as f64 / f64::from(tile.buildings);
        assert!(each <= 200.0, "{each} bytes");
    }

    #[test]
    fn roofs_cover_what_the_rings_enclose() {
        let tile = demo();
        let corner = |w: u32| [f64::from(w as u16 as i16), f64::from((w >> 16) as u16 as i16)];
        let covered: f64 = tile.records[tile.range(DrawKind::Roof).start as usize..]
            .iter()
            .map(|r| {
                let [a, b, c] = [corner(r[0]), corner(r[1]), corner(r[2])];
                ((b[0] - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (b[1] - a[1])) / 2.0
            })
            .sum::<f64>()
            * f64::from(tile.unit_m).powi(2);
        let mut paths = Paths::default();
        let mut units = 0.0;
        for layer in mvt::layers(TILE).unwrap() {
            for feature in layer.features() {
                feature.unwrap().paths(&mut paths).unwrap();
                units += paths.iter().map(ring_area).sum::<i64>() as f64 / 2.0;
            }
        }
        let [west, _, east, _] = TileId { z: 15, x: 27_050, y: 12_510 }.bounds();
        let metres = (east - west).to_radians() * 6_378_137.0 * 39.125f64.to_radians().cos() / 4096.0;
        let expected = units * metres * metres;
        assert!((covered / expected - 1.0).abs() < 0.01, "{covered} m² of {expected} m²");
    }

    #[test]
    fn buildings_stand_on_the_lowest_ground_of_their_outlines() {
        let tile = TileId { z: 15, x: 27_050, y: 12_510 };
        let across = 64 + 2 * Samples::MARGIN as usize;
        // A hillside: 3 m higher with every pixel, of 15 m, to the east.
        let pixels: Vec<f32> = (0..across * across).map(|at| 420.0 + 3.0 * (at % across) as f32).collect();
        let samples = Samples::of_pixels(&pixels, across);
        let mut builder = TileBuilder::new(tile, CityPlane::around(117.2, 39.125), Some(&samples));
        builder.add(&LayerInput { collection: "buildings", role: Role::Building, bytes: TILE, solids: &[], flow: None }).unwrap();
        let built = builder.finish();
        let relief = built.relief.as_ref().unwrap();
        let ground = |word: u32| relief.above_floor_m(relief.cell_of(relief::corner(word)));
        let mut feet: Vec<Vec<f64>> = vec![Vec::new(); built.states.len()];
        for wall in &built.records[built.range(DrawKind::Wall).start as usize..built.range(DrawKind::Wall).end as usize] {
            feet[wall[3] as usize].extend([ground(wall[0]), ground(wall[1])]);
        }
        assert!(feet.iter().filter(|feet| !feet.is_empty()).count() > 900);
        for (state, feet) in built.states.iter().zip(&feet).filter(|(_, feet)| !feet.is_empty()) {
            let (stands, lowest) = (f64::from(state >> 12) / 100.0, feet.iter().copied().fold(f64::INFINITY, f64::min));
            // Walls beyond the border are the neighbour's: a building there may stand lower than its walls here.
            assert!(stands <= lowest + 0.05, "floats {} m", stands - lowest);
            assert!(stands > lowest - 15.0, "sunk by {} m", lowest - stands);
        }
        let within = |feet: &&Vec<f64>| feet.len() > 3;
        let exact = built.states.iter().zip(&feet).filter(|(_, feet)| within(feet));
        let off = exact.filter(|(s, feet)| (f64::from(**s >> 12) / 100.0 - feet.iter().copied().fold(f64::INFINITY, f64::min)).abs() > 0.1);
        assert!(off.count() < 40, "all but those on the border stand on the lowest of their corners");
    }

    #[test]
    fn a_segment_is_cut_at_the_border() {
        assert_eq!(cut([-10.0, 5.0], [10.0, 5.0], 100.0), Some(([0.0, 5.0], [10.0, 5.0])));
        assert_eq!(cut([-10.0, 5.0], [-10.0, 50.0], 100.0), None);
    }

    #[test]
    fn a_ring_is_cut_at_the_border() {
        let mut ring = vec![[-50.0, -50.0], [50.0, -50.0], [50.0, 50.0], [-50.0, 50.0]];
        clip_ring(&mut ring, &mut Vec::new(), 100.0);
        ring.sort_by(|a, b| a.partial_cmp(b).unwrap());
        assert_eq!(ring, [[0.0, 0.0], [0.0, 50.0], [50.0, 0.0], [50.0, 50.0]]);
    }
}
