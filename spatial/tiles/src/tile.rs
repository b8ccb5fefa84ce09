//! Tile addresses in the WebMercatorQuad tile matrix set (OGC 17-083r4, annex D.1).

use crate::matrix::MatrixSet;
use citywall_model::{Bbox, limits};
use std::f64::consts::PI;

/// Units along a tile's edge (MVT 2.1, 4.1 `extent`).
pub const EXTENT: u32 = 4096;
/// Units that a tile reaches over each edge, so that outlines and wide lines meet unseen.
pub const BUFFER: u32 = 64;

/// A tile address: zoom level, column from the west, row from the north, in a tile matrix set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TileId {
    set: MatrixSet,
    /// The quadtree's level.
    z: u8,
    x: u32,
    y: u32,
}

/// An address that no tile has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TileError {
    /// The set has no such zoom level.
    #[error("zoom level {z} is not one of {set}'s, {first} to {last}", first = set.levels().0, last = set.levels().1)]
    Zoom {
        /// The set.
        set: MatrixSet,
        /// The zoom level asked for.
        z: u32,
    },
    /// The column or row is outside the zoom level.
    #[error("zoom level {z} of {set} has {columns} columns and {rows} rows, not column {x}, row {y}", columns = set.size(*z).0, rows = set.size(*z).1)]
    Range {
        /// The set.
        set: MatrixSet,
        /// The zoom level asked for.
        z: u32,
        /// The column asked for.
        x: u32,
        /// The row asked for.
        y: u32,
    },
}

impl TileId {
    /// Checks an address of WebMercatorQuad.
    ///
    /// # Errors
    /// See [`TileError`].
    pub fn new(z: u32, x: u32, y: u32) -> Result<Self, TileError> {
        Self::of(MatrixSet::WebMercatorQuad, z, x, y)
    }

    /// Checks an address: the set, its tile matrix, column and row.
    ///
    /// # Errors
    /// See [`TileError`].
    pub fn of(set: MatrixSet, z: u32, x: u32, y: u32) -> Result<Self, TileError> {
        let (first, last) = set.levels();
        if !(first..=last).contains(&z) {
            return Err(TileError::Zoom { set, z });
        }
        let (columns, rows) = set.size(z);
        if u64::from(x) >= columns || u64::from(y) >= rows {
            return Err(TileError::Range { set, z, x, y });
        }
        Ok(Self { set, z: u8::try_from(set.depth(z)).unwrap_or(limits::TILE_ZOOM_MAX), x, y })
    }

    /// The tile matrix set.
    #[must_use]
    pub fn set(self) -> MatrixSet {
        self.set
    }

    /// The level of WebMercatorQuad whose tiles are as wide: what a zoom level shows is decided by it.
    #[must_use]
    pub fn detail(self) -> u8 {
        if self.set.is_geographic() { self.z + 1 } else { self.z }
    }

    /// The tile that holds a position; what lies beyond the map's edge (latitude 85.05°) belongs
    /// to the row at the edge.
    ///
    /// # Errors
    /// The zoom level is too deep.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "casts from float saturate, which is what is meant")]
    pub fn at(z: u32, longitude: f64, latitude: f64) -> Result<Self, TileError> {
        let side = f64::from(Self::new(z, 0, 0)?.side());
        let index = |share: f64| ((share * side).floor() as u32).min(side as u32 - 1);
        Self::new(z, index((longitude + 180.0) / 360.0), index(mercator(latitude)))
    }

    /// The level of the quadtree: 0 has one row.
    #[must_use]
    pub fn z(self) -> u8 {
        self.z
    }

    /// The level as the tile matrix set numbers it.
    #[must_use]
    pub fn level(self) -> u32 {
        u32::from(self.z) + u32::from(self.set == MatrixSet::TiandituC)
    }

    /// The column, counted from the west.
    #[must_use]
    pub fn x(self) -> u32 {
        self.x
    }

    /// The row, counted from the north.
    #[must_use]
    pub fn y(self) -> u32 {
        self.y
    }

    /// The four tiles of the next level that cover this one.
    ///
    /// # Errors
    /// There is no deeper level.
    pub fn children(self) -> Result<[Self; 4], TileError> {
        let child = |dx, dy| Self::of(self.set, self.level() + 1, 2 * self.x + dx, 2 * self.y + dy);
        Ok([child(0, 0)?, child(1, 0)?, child(0, 1)?, child(1, 1)?])
    }

    /// The tile's rectangle in degrees.
    #[must_use]
    pub fn bbox(self) -> Bbox {
        self.grown(0.0)
    }

    /// The rectangle of which the tile draws: its own and [`BUFFER`] around it, in degrees, cut
    /// off at the antimeridian. Whatever meets it is to be given to the builder.
    #[must_use]
    pub fn window(self) -> Bbox {
        self.grown(f64::from(BUFFER) / f64::from(EXTENT))
    }

    /// Longitude and latitude of a place in a picture of the tile: pixels from its western and
    /// northern edge.
    pub(crate) fn pixels(self, size: u32) -> impl Fn(f64, f64) -> (f64, f64) {
        let side = f64::from(self.side());
        let columns = if self.set.is_geographic() { 2.0 * side } else { side };
        let (tile, size) = (self, f64::from(size));
        move |column, row| {
            let (x, y) = (f64::from(tile.x) + column / size, f64::from(tile.y) + row / size);
            let latitude =
                if tile.set.is_geographic() { 90.0 - y / side * 180.0 } else { (PI * (1.0 - 2.0 * y / side)).sinh().atan().to_degrees() };
            (x / columns * 360.0 - 180.0, latitude)
        }
    }

    /// Rows of the zoom level.
    fn side(self) -> u32 {
        1 << self.z
    }

    fn grown(self, margin: f64) -> Bbox {
        let side = f64::from(self.side());
        let columns = if self.set.is_geographic() { 2.0 * side } else { side };
        let longitude = |column: f64| (column / columns * 360.0 - 180.0).clamp(-180.0, 180.0);
        let latitude = |row: f64| {
            if self.set.is_geographic() {
                (90.0 - row / side * 180.0).clamp(-90.0, 90.0)
            } else {
                (PI * (1.0 - 2.0 * row / side)).sinh().atan().to_degrees()
            }
        };
        let (x, y) = (f64::from(self.x), f64::from(self.y));
        Bbox::new(longitude(x - margin), latitude(y + 1.0 + margin), longitude(x + 1.0 + margin), latitude(y - margin))
    }
}

/// Beyond this latitude, in degrees, positions are drawn as if they were on it: Mercator has no pole.
const LATITUDE_MAX: f64 = 89.5;

/// Spherical Mercator (EPSG:3857): the share of the map's height north of a latitude in degrees.
/// 0 at 85.05°, 1 at −85.05°; less and more beyond.
pub(crate) fn mercator(latitude: f64) -> f64 {
    let latitude = latitude.clamp(-LATITUDE_MAX, LATITUDE_MAX).to_radians();
    0.5 - latitude.tan().asinh() / (2.0 * PI)
}

/// Longitude and latitude to a tile's units: x to the east, y to the south, the origin at the
/// tile's north-western corner.
///
/// Mercator costs a logarithm and a tangent per vertex. Around a tile its Taylor series is as good
/// and ten times as quick; the constructor measures how far it holds, and beyond that the exact
/// formula is used.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Projection {
    scale: f64,
    x_offset: f64,
    y_offset: f64,
    units_per_degree: f64,
    center: f64,
    /// Coefficients of y in powers of (latitude − center), in degrees, ascending.
    series: [f64; 6],
    /// How far from the centre, in degrees, the series holds.
    reach: f64,
}

/// The series may differ from the exact formula by this many units.
const SERIES_ERROR_MAX: f64 = 1.0 / 256.0;

impl Projection {
    pub(crate) fn new(tile: TileId) -> Self {
        let scale = f64::from(tile.side()) * f64::from(EXTENT);
        let geographic = tile.set.is_geographic();
        let units_per_degree = if geographic { scale / 180.0 } else { scale / 360.0 };
        let mut projection = Self {
            scale,
            x_offset: f64::from(tile.x) * f64::from(EXTENT) - units_per_degree * 180.0,
            y_offset: f64::from(tile.y) * f64::from(EXTENT),
            units_per_degree,
            center: tile.bbox().center().1,
            series: [0.0; 6],
            reach: 0.0,
        };
        if geographic {
            // Latitude itself: the series ends after its second term and holds everywhere.
            projection.series[0] = (90.0 - projection.center) * units_per_degree - projection.y_offset;
            projection.series[1] = -units_per_degree;
            projection.reach = f64::INFINITY;
        } else {
            projection.fit();
        }
        projection
    }

    fn fit(&mut self) {
        let latitude = self.center.to_radians();
        let (tan, sec) = (latitude.tan(), 1.0 / latitude.cos());
        let sec2 = sec * sec;
        // The derivatives of ln tan(π/4 + φ/2).
        let derivatives =
            [sec, sec * tan, sec * (2.0 * sec2 - 1.0), sec * tan * (6.0 * sec2 - 1.0), sec * (24.0 * sec2 * sec2 - 20.0 * sec2 + 1.0)];
        self.series[0] = self.exact_y(self.center);
        let mut factor = -self.scale / (2.0 * PI);
        for (order, derivative) in (1u32..).zip(derivatives) {
            factor *= 1f64.to_radians() / f64::from(order);
            self.series[order as usize] = factor * derivative;
        }
        self.reach = 64.0;
        let error = |latitude: f64| (self.series_y(latitude) - self.exact_y(latitude)).abs();
        let mut reach = self.reach;
        while reach > 1e-9 && error(self.center - reach).max(error(self.center + reach)) > SERIES_ERROR_MAX {
            reach /= 2.0;
        }
        self.reach = reach;
    }

    fn exact_y(&self, latitude: f64) -> f64 {
        mercator(latitude) * self.scale - self.y_offset
    }

    #[inline]
    fn series_y(&self, latitude: f64) -> f64 {
        let d = latitude - self.center;
        let [a, b, c, e, f, g] = self.series;
        a + d * (b + d * (c + d * (e + d * (f + d * g))))
    }

    /// A position in the tile's units.
    #[inline]
    pub(crate) fn project(&self, longitude: f64, latitude: f64) -> [f64; 2] {
        let x = longitude * self.units_per_degree - self.x_offset;
        let y = if (latitude - self.center).abs() <= self.reach { self.series_y(latitude) } else { self.exact_y(latitude) };
        [x, y]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn addresses_are_checked() {
        let set = MatrixSet::WebMercatorQuad;
        assert_eq!(TileId::new(23, 0, 0), Err(TileError::Zoom { set, z: 23 }));
        assert_eq!(TileId::new(300, 0, 0), Err(TileError::Zoom { set, z: 300 }));
        assert_eq!(TileId::new(1, 2, 0), Err(TileError::Range { set, z: 1, x: 2, y: 0 }));
        assert!(TileId::of(MatrixSet::TiandituC, 0, 0, 0).is_err() && TileId::of(MatrixSet::TiandituC, 1, 1, 0).is_ok());
        assert!(TileId::new(22, (1 << 22) - 1, (1 << 22) - 1).is_ok());
    }

    #[test]
    fn a_tile_lies_where_the_standard_puts_it() {
        // 天津站: transformed to EPSG:3857 by PROJ, then divided by the width of a tile at zoom 14.
        let tile = TileId::at(14, 117.2035, 39.1368).expect("a tile");
        assert_eq!((tile.x(), tile.y()), (13526, 6253));
        let world = TileId::new(0, 0, 0).expect("a tile").bbox();
        assert!((world.y_max - 85.051_128_779_806_6).abs() < 1e-9 && world.x_min == -180.0);
        assert!(tile.window().contains(&tile.bbox()));
    }

    #[test]
    fn a_geographic_tile_is_a_square_of_degrees() {
        // Level 1 of 天地图's c set: 256 pixels of 0.703125°, the origin at -180, 90.
        let tile = TileId::of(MatrixSet::TiandituC, 1, 1, 0).expect("a tile");
        assert_eq!(tile.bbox(), Bbox::new(0.0, -90.0, 180.0, 90.0));
        assert_eq!(tile, TileId { set: MatrixSet::TiandituC, ..TileId::of(MatrixSet::WorldCrs84Quad, 0, 1, 0).expect("a tile") });
        let tile = TileId::of(MatrixSet::WorldCrs84Quad, 10, 1690, 289).expect("a tile");
        let (bbox, projection) = (tile.bbox(), Projection::new(tile));
        for (longitude, latitude, x, y) in [(bbox.x_min, bbox.y_max, 0.0, 0.0), (bbox.x_max, bbox.y_min, 4096.0, 4096.0)] {
            let at = projection.project(longitude, latitude);
            assert!((at[0] - x).abs() < 1e-6 && (at[1] - y).abs() < 1e-6, "{at:?}");
        }
    }

    proptest! {
        #[test]
        fn the_series_agrees_with_the_exact_formula(z in 0u32..=22, lon in -180.0..180.0, lat in -85.0..85.0f64, dx in -3.0..3.0, dy in -3.0..3.0f64) {
            let tile = TileId::at(z, lon, lat).expect("a tile");
            let projection = Projection::new(tile);
            let size = 360.0 / f64::from(tile.side());
            let (lon, lat) = (lon + dx * size, (lat + dy * size).clamp(-90.0, 90.0));
            let [x, y] = projection.project(lon, lat);
            prop_assert!((y - projection.exact_y(lat)).abs() < 1.0 / 64.0);
            let exact_x = (lon + 180.0) / 360.0 * projection.scale - f64::from(tile.x) * 4096.0;
            prop_assert!((x - exact_x).abs() < 1e-4);
        }

        #[test]
        fn a_position_is_in_the_rectangle_of_its_tile(z in 0u32..=22, lon in -179.9..179.9, lat in -85.0..85.0f64) {
            let bbox = TileId::at(z, lon, lat).expect("a tile").bbox();
            let slack = 1e-9;
            prop_assert!(bbox.x_min - slack <= lon && lon <= bbox.x_max + slack && bbox.y_min - slack <= lat && lat <= bbox.y_max + slack);
        }
    }
}
