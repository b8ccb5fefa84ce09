//! From a name, a code, a URI or WKT to a [`Crs`].

use crate::{CGCS2000, Crs, CrsError, Definition, WGS84, messages::collect, offset};
use gdal::spatial_ref::SpatialRef;

/// The keywords that WKT of a coordinate reference system starts with (OGC 18-010r7 and 01-009).
const WKT_STARTS: [&str; 14] = [
    "GEOGCS",
    "PROJCS",
    "COMPD_CS",
    "GEOCCS",
    "VERT_CS",
    "LOCAL_CS",
    "GEOGCRS",
    "GEODCRS",
    "PROJCRS",
    "COMPOUNDCRS",
    "VERTCRS",
    "BOUNDCRS",
    "ENGCRS",
    "GEOGRAPHICCRS",
];
/// A degree in radians, as PROJ writes it.
const DEGREE: f64 = 0.017_453_292_519_943_3;

impl Crs {
    /// Reads a system from what people and files write:
    /// `EPSG:4547` (also `EPSG:28992+5709`), `4547`, `urn:ogc:def:crs:EPSG::4547`,
    /// `http://www.opengis.net/def/crs/EPSG/0/4547`, `CRS84`, `WGS84`, `CGCS2000`, `GCJ-02`,
    /// `BD-09`, WKT 1 or 2 (Esri's too), or a PROJ string.
    ///
    /// # Errors
    /// The text names nothing, PROJ does not know the code, or the system has no horizontal part.
    pub fn parse(text: &str) -> Result<Self, CrsError> {
        let text = text.trim();
        let upper = text.to_ascii_uppercase();
        let word: String = upper.chars().filter(|c| !matches!(c, '-' | '_' | ' ')).collect();
        match word.as_str() {
            "GCJ02" | "GCJ" => return Ok(Self::offset("GCJ-02", Definition::Gcj02)),
            "BD09" | "BD09LL" => return Ok(Self::offset("BD-09", Definition::Bd09)),
            "WGS84" | "CRS84" | "CRS84H" | "OGC:CRS84" | "OGC:CRS84H" => return Ok(Self::wgs84()),
            "CGCS2000" => return Self::from_epsg(CGCS2000),
            _ => {}
        }
        let keyword: String = upper.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
        if WKT_STARTS.contains(&keyword.as_str()) {
            return Self::from_wkt(text);
        }
        if upper.starts_with("+PROJ=") || upper.starts_with("+INIT=") {
            return read(quietly(|| SpatialRef::from_proj4(text)), None);
        }
        let unknown = || CrsError::Unknown(text.chars().take(80).collect());
        let authority_code = uri_parts(&upper).unwrap_or_else(|| upper.split([':']).map(str::to_owned).collect());
        let parts: Vec<&str> = authority_code.iter().map(String::as_str).filter(|p| !p.is_empty()).collect();
        match parts.as_slice() {
            ["OGC", .., "CRS84" | "CRS84H"] => Ok(Self::wgs84()),
            ["EPSG", .., code] | [code] => match code.split_once('+') {
                None => Self::from_epsg(code.parse().map_err(|_| unknown())?),
                Some((plane, height)) if digits(plane) && digits(height) => {
                    read(quietly(|| SpatialRef::from_definition(&format!("EPSG:{plane}+{height}"))), Some(format!("EPSG:{plane}+{height}")))
                }
                Some(_) => Err(unknown()),
            },
            // Esri's codes are in PROJ's database too.
            ["ESRI", code] if digits(code) => {
                read(quietly(|| SpatialRef::from_definition(&format!("ESRI:{code}"))), Some(format!("ESRI:{code}")))
            }
            _ => Err(unknown()),
        }
    }

    /// The system with an EPSG code.
    ///
    /// # Errors
    /// PROJ does not know the code, or it is no horizontal system.
    pub fn from_epsg(code: u32) -> Result<Self, CrsError> {
        if code == WGS84 {
            return Ok(Self::wgs84());
        }
        let system = quietly(|| SpatialRef::from_epsg(code)).map_err(|_| CrsError::NoCode(code))?;
        read(Ok(system), Some(format!("EPSG:{code}")))
    }

    /// The system that WKT describes.
    ///
    /// # Errors
    /// The text is no WKT, or the system has no horizontal part.
    pub fn from_wkt(wkt: &str) -> Result<Self, CrsError> {
        let system = quietly(|| SpatialRef::from_wkt(wkt).or_else(|_| SpatialRef::from_esri(wkt)));
        read(system, None)
    }

    /// The system as PROJJSON, in its authority's axis order; `None` for GCJ-02 and BD-09, which PROJ does not know.
    #[must_use]
    pub fn projjson(&self) -> Option<String> {
        let system = match &self.definition {
            Definition::Gcj02 | Definition::Bd09 => return None,
            // A code says more than the WKT of the plane alone.
            _ if self.name.starts_with("EPSG:") => quietly(|| SpatialRef::from_definition(&self.name)),
            Definition::LonLat => quietly(|| SpatialRef::from_epsg(self.storage)),
            Definition::Plane(wkt) | Definition::Geocentric(wkt) => quietly(|| SpatialRef::from_wkt(wkt)),
        };
        quietly(|| system.and_then(|system| system.to_projjson())).ok()
    }

    /// Longitude, latitude on WGS 84 (OGC:CRS84) as PROJJSON.
    #[must_use]
    pub fn crs84_projjson() -> Option<String> {
        // By the name that GDAL has itself its id is lost.
        quietly(|| SpatialRef::from_definition("urn:ogc:def:crs:OGC:1.3:CRS84").and_then(|system| system.to_projjson())).ok()
    }

    fn offset(name: &str, definition: Definition) -> Self {
        Self { name: name.to_owned(), area: Some(offset::AREA), definition, ..Self::wgs84() }
    }
}

fn digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// Authority, version, code of an OGC URN or URL (OGC 09-048r5), upper case.
fn uri_parts(upper: &str) -> Option<Vec<String>> {
    if let Some(rest) = upper.strip_prefix("URN:OGC:DEF:CRS:").or_else(|| upper.strip_prefix("URN:X-OGC:DEF:CRS:")) {
        return Some(rest.split(':').map(str::to_owned).collect());
    }
    let rest = upper.strip_prefix("HTTP://").or_else(|| upper.strip_prefix("HTTPS://"))?;
    let path = rest.strip_prefix("WWW.OPENGIS.NET/DEF/CRS/").or_else(|| rest.strip_prefix("OPENGIS.NET/DEF/CRS/"))?;
    Some(path.trim_end_matches('/').split('/').map(str::to_owned).collect())
}

/// GDAL's messages are not printed: its result is an error already.
fn quietly<T>(work: impl FnOnce() -> T) -> T {
    collect(work).0
}

fn read(system: gdal::errors::Result<SpatialRef>, name: Option<String>) -> Result<Crs, CrsError> {
    let system = system.map_err(|e| CrsError::Definition(e.to_string()))?;
    let own_name = || system.name().unwrap_or_else(|| "the system".to_owned());
    // A WKT with an authority is known by its code; one without is known by its name.
    let name = name.or_else(|| system.authority().ok()).unwrap_or_else(own_name);
    let not_horizontal = |reason| CrsError::NotHorizontal { name: name.clone(), reason };
    if system.is_vertical() && !system.is_compound() {
        return Err(not_horizontal("has heights only"));
    }
    if system.is_local() {
        return Err(not_horizontal("is a local system without a tie to the ground"));
    }
    let wkt = system.to_wkt().map_err(|e| CrsError::Definition(e.to_string()))?;
    let (plane_wkt, vertical) = split_compound(&wkt);
    let plane = SpatialRef::from_wkt(plane_wkt).map_err(|e| CrsError::Definition(e.to_string()))?;
    let datum = plane.get_attr_value("DATUM", 0).ok().flatten().unwrap_or_default();
    let storage = if datum == "China_2000" { CGCS2000 } else { WGS84 };
    let definition = if system.is_geocentric() {
        Definition::Geocentric(plane_wkt.to_owned())
    } else if plane.is_projected() || plane.is_geographic() {
        if is_lon_lat(&plane, &datum) { Definition::LonLat } else { Definition::Plane(plane_wkt.to_owned()) }
    } else {
        return Err(not_horizontal("is neither geographic nor projected"));
    };
    // WKT 1 has no area; the database knows it by the code.
    let code = plane.auth_code().ok().filter(|_| plane.auth_name().as_deref() == Some("EPSG")).and_then(|c| u32::try_from(c).ok());
    let area = code.and_then(|code| quietly(|| SpatialRef::from_epsg(code)).ok()).and_then(|s| s.area_of_use());
    let area = area.map(|a| [a.west_lon_degree, a.south_lat_degree, a.east_lon_degree, a.north_lat_degree]);
    let whole_world = [-180.0, -90.0, 180.0, 90.0];
    Ok(Crs {
        name,
        storage,
        area: area.filter(|a| *a != whole_world),
        height_m: vertical.and_then(unit_factor).unwrap_or(1.0),
        vertical: vertical.and_then(quoted),
        definition,
    })
}

/// True if coordinates in the system may be stored as they are: geographic on WGS 84 or
/// CGCS2000, in degrees, from Greenwich.
fn is_lon_lat(plane: &SpatialRef, datum: &str) -> bool {
    let meridian: f64 = plane.get_attr_value("PRIMEM", 1).ok().flatten().and_then(|m| m.parse().ok()).unwrap_or(0.0);
    plane.is_geographic()
        && !plane.is_derived_geographic()
        && matches!(datum, "WGS_1984" | "China_2000")
        && meridian == 0.0
        && (plane.angular_units() - DEGREE).abs() < 1e-12
}

/// The horizontal part of a WKT 1 compound system, and its vertical part.
fn split_compound(wkt: &str) -> (&str, Option<&str>) {
    if !wkt.starts_with("COMPD_CS[") {
        return (wkt, None);
    }
    let nodes = child_nodes(wkt);
    let of = |keys: &[&str]| nodes.iter().copied().find(|n| keys.iter().any(|k| n.starts_with(k)));
    match of(&["PROJCS[", "GEOGCS[", "GEOCCS["]) {
        Some(plane) => (plane, of(&["VERT_CS["])),
        None => (wkt, None),
    }
}

/// The nodes directly inside a WKT node.
fn child_nodes(wkt: &str) -> Vec<&str> {
    let (mut nodes, mut depth, mut start, mut in_text) = (Vec::new(), 0usize, 0usize, false);
    for (at, c) in wkt.char_indices() {
        match c {
            '"' => in_text = !in_text,
            _ if in_text => {}
            '[' => {
                depth += 1;
                if depth == 1 {
                    start = at + 1;
                }
            }
            ',' if depth == 1 => {
                nodes.push(wkt[start..at].trim());
                start = at + 1;
            }
            ']' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    nodes.push(wkt[start..at].trim());
                }
            }
            _ => {}
        }
    }
    nodes
}

/// The first quoted text of a node: its name.
fn quoted(node: &str) -> Option<String> {
    node.split('"').nth(1).map(str::to_owned)
}

/// Metres per unit of a `VERT_CS` node.
fn unit_factor(node: &str) -> Option<f64> {
    let unit = child_nodes(node).into_iter().find(|n| n.starts_with("UNIT["))?;
    child_nodes(unit).get(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_spelling_of_a_system_means_the_same() {
        for text in [
            "EPSG:4547",
            "epsg:4547",
            " 4547 ",
            "urn:ogc:def:crs:EPSG::4547",
            "urn:ogc:def:crs:EPSG:9.9.1:4547",
            "http://www.opengis.net/def/crs/EPSG/0/4547",
            "https://www.opengis.net/def/crs/EPSG/0/4547",
        ] {
            let crs = Crs::parse(text).unwrap();
            assert_eq!((crs.name(), crs.storage_crs(), crs.is_lon_lat()), ("EPSG:4547", CGCS2000, false), "{text}");
        }
        let wkt = SpatialRef::from_epsg(4547).unwrap().to_wkt().unwrap();
        assert_eq!(Crs::parse(&wkt).unwrap(), Crs::parse("EPSG:4547").unwrap());
        let [west, _, east, _] = Crs::parse("EPSG:7415").unwrap().area().unwrap();
        assert!(west > 3.0 && east < 8.0, "the Netherlands");
        for text in ["CRS84", "urn:ogc:def:crs:OGC:1.3:CRS84", "http://www.opengis.net/def/crs/OGC/1.3/CRS84", "WGS 84", "EPSG:4326"] {
            assert_eq!(Crs::parse(text).unwrap(), Crs::wgs84(), "{text}");
        }
        for (text, name) in [("gcj02", "GCJ-02"), ("GCJ-02", "GCJ-02"), ("bd09", "BD-09"), ("BD_09", "BD-09")] {
            assert_eq!(Crs::parse(text).unwrap().name(), name);
        }
        let cgcs = Crs::parse("EPSG:4490").unwrap();
        assert_eq!((cgcs.name(), cgcs.storage_crs(), cgcs.is_lon_lat()), ("EPSG:4490", CGCS2000, true));
    }

    #[test]
    fn a_compound_system_keeps_its_height_apart() {
        for text in ["EPSG:7415", "https://www.opengis.net/def/crs/EPSG/0/7415"] {
            let crs = Crs::parse(text).unwrap();
            assert_eq!((crs.name(), crs.vertical(), crs.height_unit_m()), ("EPSG:7415", Some("NAP height"), 1.0));
        }
        let feet = Crs::parse("EPSG:2263+6360").unwrap();
        assert!((feet.height_unit_m() - 1200.0 / 3937.0).abs() < 1e-9, "{}", feet.height_unit_m());
    }

    #[test]
    fn projjson_names_the_system() {
        for (text, says) in [("EPSG:4548", "\"code\": 4548"), ("EPSG:4326", "\"code\": 4326"), ("EPSG:7415", "CompoundCRS")] {
            let json = Crs::parse(text).unwrap().projjson().unwrap();
            assert!(json.contains(says), "{text}: {json}");
        }
        assert_eq!(Crs::parse("GCJ-02").unwrap().projjson(), None);
        assert!(Crs::crs84_projjson().unwrap().contains("\"CRS84\""));
    }

    #[test]
    fn what_is_no_system_is_refused_with_a_reason() {
        for (text, says) in [
            ("", "names no coordinate"),
            ("Tianjin 90", "names no coordinate"),
            ("EPSG:999999", "EPSG:999999 is no"),
            ("EPSG:abc", "names no coordinate"),
            ("EPSG:5737", "has heights only"),
            ("PROJCS[\"broken\"", "cannot be read"),
            ("/etc/passwd", "names no coordinate"),
            ("http://example.org/crs", "names no coordinate"),
        ] {
            let error = Crs::parse(text).unwrap_err().to_string();
            assert!(error.contains(says), "{text}: {error}");
        }
    }
}
