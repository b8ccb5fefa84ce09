//! Tiles as an independent decoder sees them, and the same shapes by definition.

use citywall_tiles::{Tile, TileId};
use geo::MapCoords;
use geo_types::{Coord, Geometry, MultiPolygon, Polygon, Rect};
use mvt_reader::{Reader, feature::Feature};
use std::f64::consts::PI;

/// The layer named `layer` of a tile.
pub fn decode(tile: &Tile) -> Vec<Feature<f64>> {
    let reader = Reader::new(tile.bytes.clone()).unwrap();
    match reader.get_layer_metadata().unwrap().as_slice() {
        [] => Vec::new(),
        [layer] => {
            assert_eq!((layer.version, layer.extent, layer.feature_count), (2, 4096, tile.features));
            reader.get_features_as(0).unwrap()
        }
        more => panic!("{} layers", more.len()),
    }
}

/// Web Mercator by its definition (EPSG:3857), in a tile's units.
pub fn project(tile: TileId, geometry: &Geometry<f64>) -> Geometry<f64> {
    let scale = f64::from(1u32 << tile.z()) * 4096.0;
    geometry.map_coords(|Coord { x, y }| Coord {
        x: (x / 360.0 + 0.5) * scale - f64::from(tile.x()) * 4096.0,
        y: (0.5 - (PI / 4.0 + y.clamp(-89.5, 89.5).to_radians() / 2.0).tan().ln() / (2.0 * PI)) * scale - f64::from(tile.y()) * 4096.0,
    })
}

pub fn square(min: f64, max: f64) -> Polygon<f64> {
    Rect::new((min, min), (max, max)).to_polygon()
}

pub fn polygons(geometry: &Geometry<f64>) -> MultiPolygon<f64> {
    match geometry {
        Geometry::Polygon(polygon) => MultiPolygon::new(vec![polygon.clone()]),
        Geometry::MultiPolygon(polygons) => polygons.clone(),
        _ => MultiPolygon::new(Vec::new()),
    }
}

/// The type and the commands of every feature, by a reading of protocol buffers as short as can be.
pub fn raw_geometries(tile: &[u8]) -> Vec<(u64, Vec<u64>)> {
    fn varint(bytes: &mut &[u8]) -> u64 {
        let (mut value, mut shift) = (0, 0);
        loop {
            let byte = bytes[0];
            *bytes = &bytes[1..];
            value |= u64::from(byte & 0x7F) << shift;
            shift += 7;
            if byte < 0x80 {
                return value;
            }
        }
    }
    fn fields(mut bytes: &[u8]) -> Vec<(u64, u64, &[u8])> {
        let mut fields = Vec::new();
        while !bytes.is_empty() {
            let key = varint(&mut bytes);
            let value = varint(&mut bytes);
            let content = if key & 7 == 2 { bytes.split_off(..value as usize).unwrap() } else { &[] };
            fields.push((key >> 3, value, content));
        }
        fields
    }
    let mut geometries = Vec::new();
    for (_, _, layer) in fields(tile) {
        for (_, _, feature) in fields(layer).into_iter().filter(|f| f.0 == 2) {
            let fields = fields(feature);
            let kind = fields.iter().find(|f| f.0 == 3).unwrap().1;
            let mut packed = fields.iter().find(|f| f.0 == 4).unwrap().2;
            let mut commands = Vec::new();
            while !packed.is_empty() {
                commands.push(varint(&mut packed));
            }
            geometries.push((kind, commands));
        }
    }
    geometries
}

pub fn raw_rings(commands: &[u64]) -> Vec<Vec<(i64, i64)>> {
    let unzigzag = |v: u64| (v >> 1).cast_signed() ^ -(v & 1).cast_signed();
    let (mut rings, mut at, mut i) = (Vec::<Vec<(i64, i64)>>::new(), (0, 0), 0);
    while i < commands.len() {
        let (command, count) = (commands[i] & 7, commands[i] >> 3);
        i += 1;
        match command {
            1 | 2 => {
                for _ in 0..count {
                    at = (at.0 + unzigzag(commands[i]), at.1 + unzigzag(commands[i + 1]));
                    i += 2;
                    if command == 1 {
                        rings.push(Vec::new());
                    }
                    rings.last_mut().unwrap().push(at);
                }
            }
            7 => {}
            other => panic!("command {other}"),
        }
    }
    rings
}
