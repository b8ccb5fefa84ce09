//! What can go wrong with a coordinate reference system.

/// What can go wrong with a coordinate reference system. Each message says what would do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CrsError {
    /// The text names no system.
    #[error("“{0}” names no coordinate reference system: say EPSG:4326 (or another code), GCJ-02, BD-09, or give WKT")]
    Unknown(String),
    /// The code is not in PROJ's database.
    #[error("EPSG:{0} is no coordinate reference system that PROJ knows")]
    NoCode(u32),
    /// The definition cannot be read.
    #[error("the coordinate reference system cannot be read: {0}")]
    Definition(String),
    /// The system has no horizontal position.
    #[error("{name} {reason}, so it gives no position on the globe")]
    NotHorizontal {
        /// The system.
        name: String,
        /// What it is instead.
        reason: &'static str,
    },
    /// PROJ has no way between two systems.
    #[error("there is no transformation from {from} to {to}: {reason}")]
    NoTransformation {
        /// The source.
        from: String,
        /// The target.
        to: String,
        /// PROJ's own words.
        reason: String,
    },
    /// A coordinate lies where the system does not.
    #[error("coordinate {index} ({x}, {y}) has no place in {crs}")]
    Coordinate {
        /// Its position among the coordinates given.
        index: usize,
        /// Its first ordinate.
        x: f64,
        /// Its second ordinate.
        y: f64,
        /// The system that it was said to be in.
        crs: String,
    },
}
