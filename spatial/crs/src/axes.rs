//! The axis order that an authority defines, for protocols that follow it (OGC API – Features
//! Part 2). Everything inside Citywall is longitude or easting first.

use crate::{Crs, messages::collect};
use gdal::spatial_ref::SpatialRef;

/// GDAL's `OAO_North`.
const NORTH: u32 = 1;

impl Crs {
    /// True if EPSG writes latitude or northing before longitude or easting; false for a system
    /// without a code. Asks PROJ's database each time.
    #[must_use]
    pub fn north_first(&self) -> bool {
        let code = self.name().strip_prefix("EPSG:").map(|code| code.split('+').next().unwrap_or(code));
        let Some(code) = code.and_then(|code| code.parse().ok()) else { return false };
        collect(|| {
            let Ok(system) = SpatialRef::from_epsg(code) else { return false };
            let node = if system.is_projected() { "PROJCS" } else { "GEOGCS" };
            // On the axes of a polar system, which both run south or north, easting still comes first.
            let runs_north = |axis| system.axis_orientation(node, axis).is_ok_and(|direction| direction == NORTH);
            runs_north(0) && !runs_north(1)
        })
        .0
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_order_is_the_authoritys() {
        for (code, north_first) in [
            ("EPSG:4326", true),
            ("EPSG:4490", true),
            ("EPSG:4547", true),
            ("EPSG:3857", false),
            ("EPSG:28992", false),
            ("EPSG:7415", false),
            ("EPSG:2326", true),
            ("GCJ-02", false),
        ] {
            assert_eq!(Crs::parse(code).unwrap().north_first(), north_first, "{code}");
        }
    }
}
