//! Coordinate reference systems by reference (OGC API – Features Part 2, 18-058r1).
//!
//! Any CRS that PROJ knows may be asked for, in its authority's axis order; a collection lists those
//! that are likely.

use super::CRS84;
use crate::http::{Params, Problem};
use axum::http::HeaderValue;
use citywall_crs::{Crs, Transform};
use citywall_model::{Bbox, geometry};

/// The address of an EPSG code.
fn epsg(code: impl std::fmt::Display) -> String {
    format!("http://www.opengis.net/def/crs/EPSG/0/{code}")
}

/// The CRS that a collection lists: longitude and latitude, WGS 84, CGCS2000, Web Mercator, and
/// the CGCS2000 zone of three degrees (EPSG 4534 to 4554) in which it lies.
pub fn offered(extent: Option<Bbox>) -> Vec<String> {
    let mut all = vec![CRS84.to_owned(), epsg(4326), epsg(4490), epsg(3857)];
    if let Some((lon, _)) = extent.map(|extent| extent.center()) {
        #[expect(clippy::cast_possible_truncation, reason = "longitudes are small")]
        let zone = ((lon - 75.0) / 3.0).round() as i64;
        if (0..=20).contains(&zone) {
            all.push(epsg(4534 + zone));
        }
    }
    all
}

/// Reads a CRS by its address or name; `None` is longitude and latitude.
///
/// # Errors
/// PROJ does not know it.
pub fn parse(text: &str, parameter: &str) -> Result<Option<Crs>, Problem> {
    if matches!(text, CRS84 | "CRS84" | "OGC:CRS84" | "urn:ogc:def:crs:OGC:1.3:CRS84" | "[OGC:CRS84]") {
        return Ok(None);
    }
    Crs::parse(text).map(Some).map_err(|error| Problem::parameter(parameter, error))
}

/// The CRS of a parameter; `None` is longitude and latitude.
///
/// # Errors
/// PROJ does not know it.
pub fn asked(params: &Params, parameter: &str) -> Result<Option<Crs>, Problem> {
    params.get(parameter).map_or(Ok(None), |text| parse(text, parameter))
}

/// The address of a CRS.
pub fn address(crs: &Option<Crs>) -> String {
    match crs.as_ref().map(Crs::name) {
        None => CRS84.to_owned(),
        Some(name) => name.strip_prefix("EPSG:").map_or_else(|| name.to_owned(), epsg),
    }
}

/// The header `Content-Crs`.
pub fn header(crs: &Option<Crs>) -> HeaderValue {
    HeaderValue::from_str(&format!("<{}>", address(crs))).unwrap_or(HeaderValue::from_static(""))
}

/// Turns positions between longitude and latitude and a CRS in its authority's axis order.
pub struct Turn {
    transform: Transform,
    north_first: bool,
}

impl Turn {
    /// From longitude and latitude to a CRS.
    ///
    /// # Errors
    /// PROJ has no transformation.
    pub fn new(crs: &Crs) -> Result<Self, Problem> {
        let transform = Transform::from_lon_lat(crs).map_err(|error| Problem::parameter("crs", error))?;
        Ok(Self { transform, north_first: crs.north_first() })
    }

    /// The same with the easting first, as files have it, whatever the authority says.
    #[must_use]
    pub fn east_first(self) -> Self {
        Self { north_first: false, ..self }
    }

    /// From a CRS to longitude and latitude.
    ///
    /// # Errors
    /// PROJ has no transformation.
    pub fn back(crs: &Crs, parameter: &str) -> Result<Self, Problem> {
        let transform = Transform::to_lon_lat(crs).map_err(|error| Problem::parameter(parameter, error))?;
        Ok(Self { transform, north_first: crs.north_first() })
    }

    /// Turns positions of the CRS, as they are written, into longitude and latitude.
    ///
    /// # Errors
    /// A position has no place in the CRS.
    pub fn to_lon_lat(&self, positions: &mut [[f64; 2]]) -> Result<(), String> {
        if self.north_first {
            positions.iter_mut().for_each(|position| position.swap(0, 1));
        }
        self.apply(positions)
    }

    /// A geometry's WKB, turned from longitude and latitude into the CRS as it is written.
    ///
    /// # Errors
    /// A position has no place in the CRS.
    pub fn wkb(&self, wkb: &[u8]) -> Result<Vec<u8>, String> {
        let mut positions = Vec::new();
        geometry::map_positions(&mut wkb.to_vec(), |x, y| positions.push([*x, *y]));
        // An empty point is NaN, and stays so.
        let mut known: Vec<[f64; 2]> = positions.into_iter().filter(|position| !position[0].is_nan()).collect();
        self.apply(&mut known)?;
        let mut turned = known.into_iter();
        let mut out = wkb.to_vec();
        geometry::map_positions(&mut out, |x, y| {
            if !x.is_nan()
                && let Some([a, b]) = turned.next()
            {
                (*x, *y) = if self.north_first { (b, a) } else { (a, b) };
            }
        });
        Ok(out)
    }

    fn apply(&self, positions: &mut [[f64; 2]]) -> Result<(), String> {
        let (mut xs, mut ys): (Vec<f64>, Vec<f64>) = positions.iter().map(|[x, y]| (*x, *y)).unzip();
        self.transform.apply(&mut xs, &mut ys, &mut []).map_err(|error| error.to_string())?;
        for (position, (x, y)) in positions.iter_mut().zip(xs.into_iter().zip(ys)) {
            *position = [x, y];
        }
        Ok(())
    }
}
