//! Coordinate reference systems and datums: PROJ through GDAL, GCJ-02 and BD-09.
//!
//! Everything that enters a city is turned into longitude and latitude in degrees here, on
//! WGS 84 (EPSG:4326) or, where the source is on it already, on CGCS2000 (EPSG:4490); the two
//! agree within centimetres. Axis order is always x, y: longitude or easting first, whatever
//! order an authority writes down (GeoJSON, GeoPackage and most files do the same).
//!
//! Heights are kept as they are, in metres: a compound system such as EPSG:7415 (RD New and
//! NAP) is transformed in the plane only, so that a height above a national datum stays one.
//!
//! This crate knows nothing of files, features or collections.

mod axes;
mod error;
pub mod messages;
pub mod offset;
mod parse;
mod transform;

pub use error::CrsError;
pub use transform::Transform;

/// EPSG code of WGS 84 as longitude and latitude.
pub const WGS84: u32 = 4326;
/// EPSG code of CGCS2000 as longitude and latitude.
pub const CGCS2000: u32 = 4490;

/// What coordinates mean. Plain data; [`Transform`] does the work.
#[derive(Clone, Debug, PartialEq)]
pub struct Crs {
    name: String,
    storage: u32,
    area: Option<[f64; 4]>,
    height_m: f64,
    vertical: Option<String>,
    definition: Definition,
}

/// How coordinates become longitude and latitude.
#[derive(Clone, Debug, PartialEq)]
enum Definition {
    /// They are already.
    LonLat,
    /// By PROJ: the horizontal system as WKT.
    Plane(String),
    /// By PROJ in three dimensions: a geocentric system as WKT.
    Geocentric(String),
    /// The offset datum of Chinese web maps.
    Gcj02,
    /// Baidu's offset on top of GCJ-02.
    Bd09,
}

impl Crs {
    /// WGS 84 longitude and latitude.
    #[must_use]
    pub fn wgs84() -> Self {
        Self { name: "EPSG:4326".to_owned(), storage: WGS84, area: None, height_m: 1.0, vertical: None, definition: Definition::LonLat }
    }

    /// Its name: `EPSG:n` where it has a code, `GCJ-02`, `BD-09`, or else the name in its WKT.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The EPSG code to store its coordinates under: 4490 if it is based on CGCS2000, else 4326.
    #[must_use]
    pub fn storage_crs(&self) -> u32 {
        self.storage
    }

    /// True if its coordinates are longitude and latitude already and nothing is computed.
    #[must_use]
    pub fn is_lon_lat(&self) -> bool {
        self.definition == Definition::LonLat
    }

    /// True for GCJ-02 and BD-09.
    #[must_use]
    pub fn is_offset_datum(&self) -> bool {
        matches!(self.definition, Definition::Gcj02 | Definition::Bd09)
    }

    /// Where it is meant to be used, as west, south, east, north in degrees, if that is known and
    /// not the whole world. West is greater than east across the antimeridian.
    #[must_use]
    pub fn area(&self) -> Option<[f64; 4]> {
        self.area
    }

    /// The name of its vertical part, such as `NAP height`, if it has one.
    #[must_use]
    pub fn vertical(&self) -> Option<&str> {
        self.vertical.as_deref()
    }

    /// Metres per unit of its heights: 1 unless its vertical part is in feet.
    #[must_use]
    pub fn height_unit_m(&self) -> f64 {
        self.height_m
    }
}

impl std::fmt::Display for Crs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name)
    }
}
