//! Turns coordinates of a [`Crs`] into longitude and latitude, and back.

use crate::{Crs, CrsError, Definition, messages::collect, offset};
use gdal::spatial_ref::{AxisMappingStrategy, CoordTransform, CoordTransformOptions, SpatialRef};

/// Points per edge when a rectangle is transformed, so that curved edges are not cut off.
const BOUNDS_POINTS_PER_EDGE: usize = 21;

/// Turns coordinates of one system into longitude and latitude in degrees, on the datum of
/// [`Crs::storage_crs`], or back. Belongs to one thread; making one takes milliseconds, so make
/// it once per layer.
#[derive(Debug)]
pub struct Transform {
    crs: Crs,
    inverse: bool,
    way: Way,
    approximate: bool,
}

#[derive(Debug)]
enum Way {
    Same,
    Proj(CoordTransform),
    Formula(fn((f64, f64)) -> (f64, f64)),
}

impl Transform {
    /// From a system to longitude and latitude.
    ///
    /// # Errors
    /// PROJ has no transformation.
    pub fn to_lon_lat(crs: &Crs) -> Result<Self, CrsError> {
        Self::new(crs, false)
    }

    /// From longitude and latitude to a system.
    ///
    /// # Errors
    /// PROJ has no transformation.
    pub fn from_lon_lat(crs: &Crs) -> Result<Self, CrsError> {
        Self::new(crs, true)
    }

    fn new(crs: &Crs, inverse: bool) -> Result<Self, CrsError> {
        let mut approximate = false;
        let way = match &crs.definition {
            Definition::LonLat => Way::Same,
            Definition::Gcj02 if inverse => Way::Formula(offset::gcj02_from_wgs84),
            Definition::Gcj02 => Way::Formula(offset::wgs84_from_gcj02),
            Definition::Bd09 if inverse => Way::Formula(offset::bd09_from_wgs84),
            Definition::Bd09 => Way::Formula(offset::wgs84_from_bd09),
            Definition::Plane(wkt) | Definition::Geocentric(wkt) => {
                let (transform, rough) = proj(crs, wkt, inverse)?;
                approximate = rough;
                Way::Proj(transform)
            }
        };
        Ok(Self { crs: crs.clone(), inverse, way, approximate })
    }

    /// True if nothing is computed.
    #[must_use]
    pub fn is_identity(&self) -> bool {
        matches!(self.way, Way::Same)
    }

    /// True if PROJ knows no transformation between the two datums and takes them for the same,
    /// which may be wrong by a few hundred metres (Xian 1980 and Beijing 1954 among them).
    #[must_use]
    pub fn is_approximate(&self) -> bool {
        self.approximate
    }

    /// Transforms pairs in place. `z` is read only by geocentric systems, where it becomes the
    /// height above the ellipsoid in metres; else it may be empty and is left alone.
    ///
    /// # Errors
    /// A coordinate is not finite or has no place in the system; the slices are then undefined.
    /// Their lengths differ (`z` empty excepted).
    ///
    /// # Complexity
    /// O(n) calls of the formula or of PROJ; allocates one copy of the pairs for PROJ.
    pub fn apply(&self, x: &mut [f64], y: &mut [f64], z: &mut [f64]) -> Result<(), CrsError> {
        let at = |index: usize, x: f64, y: f64| CrsError::Coordinate { index, x, y, crs: self.crs.name.clone() };
        if x.len() != y.len() || !(z.is_empty() || z.len() == x.len()) {
            let index = x.len().min(y.len());
            return Err(at(index, f64::NAN, f64::NAN));
        }
        if let Some(index) = x.iter().zip(y.iter()).position(|(x, y)| !(x.is_finite() && y.is_finite())) {
            return Err(at(index, x[index], y[index]));
        }
        match &self.way {
            Way::Same => Ok(()),
            Way::Formula(formula) => {
                for (x, y) in x.iter_mut().zip(y) {
                    (*x, *y) = formula((*x, *y));
                }
                Ok(())
            }
            Way::Proj(transform) => {
                let source: Vec<(f64, f64)> = x.iter().copied().zip(y.iter().copied()).collect();
                let geocentric = matches!(self.crs.definition, Definition::Geocentric(_));
                if geocentric && z.is_empty() && !x.is_empty() {
                    return Err(at(0, x[0], y[0]));
                }
                let heights: &mut [f64] = if geocentric { z } else { &mut [] };
                let (done, _) = collect(|| transform.transform_coords(x, y, heights));
                let lost = x.iter().zip(y.iter()).position(|(x, y)| !(x.is_finite() && y.is_finite()));
                match (done, lost) {
                    (Ok(()), None) => Ok(()),
                    (_, index) => {
                        let index = index.unwrap_or(0);
                        let (x, y) = source.get(index).copied().unwrap_or((f64::NAN, f64::NAN));
                        Err(at(index, x, y))
                    }
                }
            }
        }
    }

    /// The rectangle (x min, y min, x max, y max) that holds a transformed rectangle. Edges are
    /// divided, so that it holds curved ones; a rectangle across the antimeridian is not looked for.
    ///
    /// # Errors
    /// A point of its edge has no place in the system.
    pub fn apply_bounds(&self, bounds: [f64; 4]) -> Result<[f64; 4], CrsError> {
        let [x_min, y_min, x_max, y_max] = bounds;
        #[expect(clippy::cast_precision_loss, reason = "a handful of points")]
        let steps = (0..BOUNDS_POINTS_PER_EDGE).map(|i| i as f64 / (BOUNDS_POINTS_PER_EDGE - 1) as f64);
        let (mut xs, mut ys) = (Vec::new(), Vec::new());
        for t in steps {
            let (x, y) = (x_min + t * (x_max - x_min), y_min + t * (y_max - y_min));
            xs.extend([x, x, x_min, x_max]);
            ys.extend([y_min, y_max, y, y]);
        }
        let mut heights = if matches!(self.crs.definition, Definition::Geocentric(_)) { vec![0.0; xs.len()] } else { Vec::new() };
        self.apply(&mut xs, &mut ys, &mut heights)?;
        let range = |v: &[f64]| v.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(lo, hi), v| (lo.min(*v), hi.max(*v)));
        let ((x_min, x_max), (y_min, y_max)) = (range(&xs), range(&ys));
        Ok([x_min, y_min, x_max, y_max])
    }

    /// The system at the other end of longitude and latitude.
    #[must_use]
    pub fn crs(&self) -> &Crs {
        &self.crs
    }

    /// True if it goes from longitude and latitude to the system.
    #[must_use]
    pub fn is_inverse(&self) -> bool {
        self.inverse
    }
}

/// PROJ's transformation, and whether it is one of unknown accuracy.
fn proj(crs: &Crs, wkt: &str, inverse: bool) -> Result<(CoordTransform, bool), CrsError> {
    let lon_lat = format!("EPSG:{}", crs.storage);
    let failed = |e: gdal::errors::GdalError| {
        let (from, to) = if inverse { (lon_lat.clone(), crs.name.clone()) } else { (crs.name.clone(), lon_lat.clone()) };
        CrsError::NoTransformation { from, to, reason: e.to_string() }
    };
    let geocentric = matches!(crs.definition, Definition::Geocentric(_));
    let mut plane = SpatialRef::from_wkt(wkt).map_err(failed)?;
    plane.set_axis_mapping_strategy(AxisMappingStrategy::TraditionalGisOrder);
    // A geocentric position has a height, so its counterpart needs one: the 3D twins of the two.
    let code = match (geocentric, crs.storage) {
        (true, crate::CGCS2000) => 4480,
        (true, _) => 4979,
        (false, code) => code,
    };
    let mut target = SpatialRef::from_epsg(code).map_err(failed)?;
    target.set_axis_mapping_strategy(AxisMappingStrategy::TraditionalGisOrder);
    let (from, to) = if inverse { (&target, &plane) } else { (&plane, &target) };
    let mut exact = CoordTransformOptions::new().map_err(failed)?;
    exact.set_ballpark_allowed(false).map_err(failed)?;
    match collect(|| CoordTransform::new_with_options(from, to, &exact)).0 {
        Ok(transform) => Ok((transform, false)),
        Err(_) => Ok((CoordTransform::new(from, to).map_err(failed)?, true)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;
    use std::io::Write;

    fn lon_lat(crs: &str, x: f64, y: f64) -> (f64, f64) {
        let transform = Transform::to_lon_lat(&Crs::parse(crs).unwrap()).unwrap();
        let (mut x, mut y) = ([x], [y]);
        transform.apply(&mut x, &mut y, &mut []).unwrap();
        (x[0], y[0])
    }

    /// What the program cs2cs of PROJ makes of a pair, longitude first.
    fn cs2cs(from: &str, to: &str, x: f64, y: f64, swap: bool) -> (f64, f64) {
        let mut child = std::process::Command::new("cs2cs")
            .args(["-f", "%.10f", from, to])
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let line = if swap { format!("{y} {x}\n") } else { format!("{x} {y}\n") };
        child.stdin.take().unwrap().write_all(line.as_bytes()).unwrap();
        let out = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
        let mut numbers = out.split_whitespace().map(|n| n.parse::<f64>().unwrap());
        let (lat, lon) = (numbers.next().unwrap(), numbers.next().unwrap());
        (lon, lat)
    }

    #[test]
    fn codes_agree_with_projs_own_program() {
        // System, x (easting), y, whether the authority writes the northing first.
        for (crs, x, y, swap) in [
            ("EPSG:28992", 85000.0, 447000.0, false),
            ("EPSG:3857", 13_037_000.0, 4_740_000.0, false),
            ("EPSG:32650", 517_000.0, 4_330_000.0, false),
            ("EPSG:2263", 987_000.0, 200_000.0, false),
            ("EPSG:4258", 7.42, 43.73, true),
            ("EPSG:31467", 3_500_000.0, 5_400_000.0, true),
        ] {
            let (ours, theirs) = (lon_lat(crs, x, y), cs2cs(crs, "EPSG:4326", x, y, swap));
            assert!((ours.0 - theirs.0).abs() < 1e-8 && (ours.1 - theirs.1).abs() < 1e-8, "{crs}: {ours:?} {theirs:?}");
        }
        // Tianjin in three-degree Gauss-Krüger zone 117 on CGCS2000 stays on CGCS2000.
        let (ours, theirs) = (lon_lat("EPSG:4548", 517_000.0, 4_330_000.0), cs2cs("EPSG:4548", "EPSG:4490", 517_000.0, 4_330_000.0, true));
        assert!((ours.0 - theirs.0).abs() < 1e-9 && (ours.1 - theirs.1).abs() < 1e-9, "{ours:?} {theirs:?}");
    }

    #[test]
    fn a_compound_system_lands_where_its_plane_does() {
        assert_eq!(lon_lat("EPSG:7415", 85000.0, 447000.0), lon_lat("EPSG:28992", 85000.0, 447000.0));
    }

    #[test]
    fn a_geocentric_position_gains_a_height() {
        let transform = Transform::to_lon_lat(&Crs::parse("EPSG:4978").unwrap()).unwrap();
        let (mut x, mut y, mut z) = ([6_378_137.0 + 100.0], [0.0], [0.0]);
        transform.apply(&mut x, &mut y, &mut z).unwrap();
        assert!(x[0].abs() < 1e-9 && y[0].abs() < 1e-9 && (z[0] - 100.0).abs() < 1e-6, "{x:?} {y:?} {z:?}");
    }

    #[test]
    fn an_unknown_datum_shift_is_admitted() {
        let approximate = |crs: &str| Transform::to_lon_lat(&Crs::parse(crs).unwrap()).unwrap().is_approximate();
        assert!(!approximate("EPSG:4548") && !approximate("EPSG:28992") && !approximate("EPSG:3857"));
        assert!(approximate("EPSG:2384"), "Xian 1980 / 3-degree Gauss-Krüger CM 117E");
    }

    #[test]
    fn a_coordinate_without_a_place_is_named() {
        let transform = Transform::to_lon_lat(&Crs::parse("EPSG:32650").unwrap()).unwrap();
        let (mut x, mut y) = ([500_000.0, f64::NAN], [4_400_000.0, 1.0]);
        assert!(matches!(transform.apply(&mut x, &mut y, &mut []), Err(CrsError::Coordinate { index: 1, .. })));
        let (mut x, mut y) = ([500_000.0, 1e30], [4_400_000.0, 1e30]);
        assert!(matches!(transform.apply(&mut x, &mut y, &mut []), Err(CrsError::Coordinate { index: 1, .. })));
    }

    #[test]
    fn a_transformed_rectangle_holds_its_transformed_points() {
        let crs = Crs::parse("EPSG:32650").unwrap();
        let to = Transform::to_lon_lat(&crs).unwrap();
        let [w, s, e, n] = to.apply_bounds([400_000.0, 4_300_000.0, 600_000.0, 4_400_000.0]).unwrap();
        let (lon, lat) = lon_lat("EPSG:32650", 500_000.0, 4_400_000.0);
        assert!(w < lon && lon < e && s < lat && lat <= n);
        let back = Transform::from_lon_lat(&crs).unwrap().apply_bounds([w, s, e, n]).unwrap();
        assert!(back[0] <= 400_000.0 + 1e-3 && back[3] >= 4_400_000.0 - 1e-3);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn there_and_back_is_the_same_place(lon in 115.6..118.4f64, lat in 30.0..45.0f64) {
            for crs in ["EPSG:4548", "EPSG:3857", "GCJ-02", "BD-09"] {
                let crs = Crs::parse(crs).unwrap();
                let (mut x, mut y) = ([lon], [lat]);
                Transform::from_lon_lat(&crs).unwrap().apply(&mut x, &mut y, &mut []).unwrap();
                Transform::to_lon_lat(&crs).unwrap().apply(&mut x, &mut y, &mut []).unwrap();
                prop_assert!((x[0] - lon).abs() < 1e-8 && (y[0] - lat).abs() < 1e-8, "{}", crs);
            }
        }

        #[test]
        fn no_text_panics(text in ".{0,40}") {
            let _ = Crs::parse(&text);
        }
    }
}
