//! Tiles of the WebMercatorQuad pyramid (OGC 17-083r4, annex D.1).

use std::f64::consts::PI;

/// One tile: its level, column from the west, row from the north.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TileId {
    /// The level; 0 is the whole world.
    pub z: u8,
    /// The column.
    pub x: u32,
    /// The row.
    pub y: u32,
}

/// How far east and south a position in degrees lies on the square map of the world, 0 to 1.
#[must_use]
pub fn world_share(longitude: f64, latitude: f64) -> (f64, f64) {
    let phi = latitude.clamp(-85.051_128, 85.051_128).to_radians();
    ((longitude + 180.0) / 360.0, (1.0 - phi.tan().asinh() / PI) / 2.0)
}

impl TileId {
    /// The tile at a level that holds a position in degrees.
    #[must_use]
    pub fn holding(z: u8, longitude: f64, latitude: f64) -> Self {
        let n = f64::from(1u32 << z);
        let (fx, fy) = world_share(longitude, latitude);
        Self { z, x: (fx * n).clamp(0.0, n - 1.0) as u32, y: (fy * n).clamp(0.0, n - 1.0) as u32 }
    }

    /// The longitude and latitude of a place in the tile; (0, 0) is its north-western corner,
    /// (1, 1) its south-eastern one, and places outside are as good.
    #[must_use]
    pub fn place(&self, fx: f64, fy: f64) -> (f64, f64) {
        let n = f64::from(1u32 << self.z);
        let lon = (f64::from(self.x) + fx) / n * 360.0 - 180.0;
        let lat = (PI * (1.0 - 2.0 * (f64::from(self.y) + fy) / n)).sinh().atan().to_degrees();
        (lon, lat)
    }

    /// West, south, east, north in degrees.
    #[must_use]
    pub fn bounds(&self) -> [f64; 4] {
        let (west, north) = self.place(0.0, 0.0);
        let (east, south) = self.place(1.0, 1.0);
        [west, south, east, north]
    }

    /// The four tiles that make this one up.
    #[must_use]
    pub fn children(&self) -> [Self; 4] {
        let (z, x, y) = (self.z + 1, self.x * 2, self.y * 2);
        [Self { z, x, y }, Self { z, x: x + 1, y }, Self { z, x, y: y + 1 }, Self { z, x: x + 1, y: y + 1 }]
    }

    /// True if `other` lies in this tile or is it.
    #[cfg(test)]
    pub fn holds(&self, other: &Self) -> bool {
        other.z >= self.z && other.x >> (other.z - self.z) == self.x && other.y >> (other.z - self.z) == self.y
    }

    /// Every tile of a level that meets a rectangle (west, south, east, north in degrees).
    #[must_use]
    pub fn over(z: u8, [west, south, east, north]: [f64; 4]) -> Vec<Self> {
        let (from, to) = (Self::holding(z, west, north), Self::holding(z, east, south));
        (from.y..=to.y).flat_map(|y| (from.x..=to.x).map(move |x| Self { z, x, y })).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_lies_in_the_tile_that_holds_it() {
        let tile = TileId::holding(15, 117.2, 39.1);
        let [west, south, east, north] = tile.bounds();
        assert!(west <= 117.2 && 117.2 < east && south < 39.1 && 39.1 <= north);
        assert!(TileId::holding(9, 117.2, 39.1).holds(&tile));
    }

    #[test]
    fn children_tile_their_parent() {
        let tile = TileId { z: 11, x: 1690, y: 776 };
        let [west, south, east, north] = tile.bounds();
        let children = tile.children().map(|c| c.bounds());
        assert_eq!(children[0][0], west);
        assert_eq!(children[0][3], north);
        assert_eq!(children[3][2], east);
        assert!((children[3][1] - south).abs() < 1e-12);
        assert_eq!(children[0][2], children[1][0]);
    }
}
