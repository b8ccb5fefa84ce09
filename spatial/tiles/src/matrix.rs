//! The tile matrix sets (OGC 17-083r4): which rectangle an address means.

use std::{fmt, str::FromStr};

/// A tile matrix set. Rows count from the north, columns from the west.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MatrixSet {
    /// WebMercatorQuad (annex D.1): spherical Mercator, EPSG:3857.
    #[default]
    WebMercatorQuad,
    /// WorldCRS84Quad (annex D.2): longitude and latitude, two columns at level 0.
    WorldCrs84Quad,
    /// The `w` set of 天地图: WebMercatorQuad's levels 1 to 18.
    TiandituW,
    /// The `c` set of 天地图: longitude and latitude on CGCS2000 (EPSG:4490); its level 1 is
    /// WorldCRS84Quad's level 0.
    TiandituC,
}

/// A name that no tile matrix set has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no tile matrix set “{0}”; known are WebMercatorQuad, WorldCRS84Quad, w, c")]
pub struct MatrixSetError(String);

impl MatrixSet {
    /// All sets.
    pub const ALL: [Self; 4] = [Self::WebMercatorQuad, Self::WorldCrs84Quad, Self::TiandituW, Self::TiandituC];

    /// The name in addresses.
    #[must_use]
    pub fn id(self) -> &'static str {
        match self {
            Self::WebMercatorQuad => "WebMercatorQuad",
            Self::WorldCrs84Quad => "WorldCRS84Quad",
            Self::TiandituW => "w",
            Self::TiandituC => "c",
        }
    }

    /// What a person calls it.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::WebMercatorQuad => "Google Maps Compatible for the World",
            Self::WorldCrs84Quad => "CRS84 for the World",
            Self::TiandituW => "天地图 w · spherical Mercator",
            Self::TiandituC => "天地图 c · CGCS2000 longitude and latitude",
        }
    }

    /// The standard's address of the set, where it has one.
    #[must_use]
    pub fn uri(self) -> Option<&'static str> {
        match self {
            Self::WebMercatorQuad => Some("http://www.opengis.net/def/tilematrixset/OGC/1.0/WebMercatorQuad"),
            Self::WorldCrs84Quad => Some("http://www.opengis.net/def/tilematrixset/OGC/1.0/WorldCRS84Quad"),
            Self::TiandituW | Self::TiandituC => None,
        }
    }

    /// The CRS, as a URI. EPSG:4490 has latitude first.
    #[must_use]
    pub fn crs(self) -> &'static str {
        match self {
            Self::WebMercatorQuad | Self::TiandituW => "http://www.opengis.net/def/crs/EPSG/0/3857",
            Self::WorldCrs84Quad => "http://www.opengis.net/def/crs/OGC/1.3/CRS84",
            Self::TiandituC => "http://www.opengis.net/def/crs/EPSG/0/4490",
        }
    }

    /// True where tiles are squares in degrees and not in Mercator's metres.
    #[must_use]
    pub fn is_geographic(self) -> bool {
        matches!(self, Self::WorldCrs84Quad | Self::TiandituC)
    }

    /// The least and the greatest tile matrix.
    #[must_use]
    pub fn levels(self) -> (u32, u32) {
        let deepest = u32::from(citywall_model::limits::TILE_ZOOM_MAX);
        match self {
            Self::WebMercatorQuad | Self::WorldCrs84Quad => (0, deepest),
            Self::TiandituW | Self::TiandituC => (1, 18),
        }
    }

    /// The quadtree's level of a tile matrix: 天地图's `c` counts from 1.
    pub(crate) fn depth(self, level: u32) -> u32 {
        if self == Self::TiandituC { level - 1 } else { level }
    }

    /// Columns and rows of a tile matrix.
    #[must_use]
    pub fn size(self, level: u32) -> (u64, u64) {
        let side = 1u64 << self.depth(level);
        if self.is_geographic() { (2 * side, side) } else { (side, side) }
    }

    /// The scale denominator of a tile matrix with tiles of 256 pixels of 0.28 mm (OGC 17-083r4, 6.1.1).
    #[must_use]
    pub fn scale_denominator(self, level: u32) -> f64 {
        let first = if self.is_geographic() { 279_541_132.014_358_76 } else { 559_082_264.028_717_8 };
        first / (1u64 << self.depth(level)) as f64
    }

    /// The size of a pixel of a tile of 256 pixels, in the CRS' unit (metres or degrees).
    #[must_use]
    pub fn cell_size(self, level: u32) -> f64 {
        let first = if self.is_geographic() { 180.0 / 256.0 } else { 156_543.033_928_041 };
        first / (1u64 << self.depth(level)) as f64
    }
}

impl fmt::Display for MatrixSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

impl FromStr for MatrixSet {
    type Err = MatrixSetError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.into_iter().find(|set| set.id() == name);
        known.ok_or_else(|| MatrixSetError(name.chars().take(60).collect()))
    }
}
