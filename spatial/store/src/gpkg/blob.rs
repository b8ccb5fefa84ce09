//! Geometry blobs (OGC 12-128r19, clause 2.1.3): a header with the envelope, then ISO WKB.

use citywall_model::Bbox;

/// The header's flag for little-endian numbers.
const LITTLE_ENDIAN: u8 = 0b0000_0001;
/// The header's flag for an envelope of x and y.
const ENVELOPE_XY: u8 = 0b0000_0010;
/// The header's flag for a geometry without a vertex.
const EMPTY: u8 = 0b0001_0000;
/// The WKB code of a point, with its heights taken away.
const POINT: u32 = 1;

/// Writes a blob over what `out` held. A point gets no envelope, which would repeat it.
pub(super) fn write(out: &mut Vec<u8>, srs_id: u32, wkb: &[u8], bounds: &Bbox) {
    out.clear();
    let envelope = !bounds.is_empty() && code(wkb) % 1000 != POINT;
    let flags = LITTLE_ENDIAN | if envelope { ENVELOPE_XY } else { 0 } | if bounds.is_empty() { EMPTY } else { 0 };
    out.extend_from_slice(&[b'G', b'P', 0, flags]);
    out.extend_from_slice(&srs_id.to_le_bytes());
    if envelope {
        for edge in [bounds.x_min, bounds.x_max, bounds.y_min, bounds.y_max] {
            out.extend_from_slice(&edge.to_le_bytes());
        }
    }
    out.extend_from_slice(wkb);
}

/// The WKB of a blob, unchecked; or why there is none.
pub(super) fn wkb(blob: &[u8]) -> Result<&[u8], &'static str> {
    let [b'G', b'P', _version, flags, ..] = blob else { return Err("no GeoPackage geometry") };
    let envelope_bytes = match flags >> 1 & 0b111 {
        0 => 0,
        1 => 32,
        2 | 3 => 48,
        4 => 64,
        _ => return Err("an unknown kind of envelope"),
    };
    blob.get(8 + envelope_bytes..).ok_or("the geometry's header ends early")
}

/// The WKB geometry code: type, plus 1000 with heights. 0 if the bytes end early.
pub(super) fn code(wkb: &[u8]) -> u32 {
    wkb.get(1..5).and_then(|code| code.try_into().ok()).map_or(0, u32::from_le_bytes)
}

/// What the geometries of a layer have in common, in GeoPackage's words.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct GeometryKinds {
    common: Option<u32>,
    mixed: bool,
    flat: bool,
    high: bool,
}

impl GeometryKinds {
    /// Counts one geometry in.
    pub(super) fn add(&mut self, wkb: &[u8]) {
        let code = code(wkb);
        self.mixed |= *self.common.get_or_insert(code % 1000) != code % 1000;
        self.high |= code >= 1000;
        self.flat |= code < 1000;
    }

    /// The value of `gpkg_geometry_columns.geometry_type_name`.
    pub(super) fn type_name(self) -> &'static str {
        match self.common {
            _ if self.mixed => "GEOMETRY",
            Some(1) => "POINT",
            Some(2) => "LINESTRING",
            Some(3) => "POLYGON",
            Some(4) => "MULTIPOINT",
            Some(5) => "MULTILINESTRING",
            Some(6) => "MULTIPOLYGON",
            Some(7) => "GEOMETRYCOLLECTION",
            _ => "GEOMETRY",
        }
    }

    /// The value of `gpkg_geometry_columns.z`: 0 without heights, 1 with, 2 with some.
    pub(super) fn z(self) -> u8 {
        match (self.flat, self.high) {
            (_, false) => 0,
            (false, true) => 1,
            (true, true) => 2,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use citywall_model::Wkb;
    use geo_types::{Geometry, MultiPolygon, polygon};

    #[test]
    fn a_blob_gives_its_wkb_back() {
        let shapes = [
            Geometry::Point((117.2, 39.1).into()),
            Geometry::Polygon(polygon![(x: 1.0, y: 2.0), (x: 5.0, y: 2.0), (x: 5.0, y: 7.0), (x: 1.0, y: 2.0)]),
            Geometry::MultiPolygon(MultiPolygon(vec![])),
        ];
        let mut blob = vec![1, 2, 3];
        for shape in &shapes {
            let shape = Wkb::from_geo(shape).unwrap();
            write(&mut blob, 4326, shape.bytes(), &shape.bounds());
            assert_eq!(wkb(&blob), Ok(shape.bytes()));
        }
    }

    #[test]
    fn a_cut_header_is_an_error() {
        let shape = Wkb::from_geo(&Geometry::LineString(vec![(0.0, 0.0), (1.0, 1.0)].into())).unwrap();
        let mut blob = Vec::new();
        write(&mut blob, 4490, shape.bytes(), &shape.bounds());
        for cut in 0..40 {
            assert!(wkb(&blob[..cut]).is_err());
        }
    }
}
