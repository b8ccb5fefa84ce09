//! FlatGeobuf 3: a header, then one size-prefixed feature after the other.
//!
//! There is neither a count nor an index in the header, since both would need all items first;
//! readers go through the features in order.

use super::{Columns, Encoder, Sink, Turn, turned};
use citywall_crs::Crs;
use citywall_model::{FeatureRef, FieldType, ValueRef};
use citywall_query::{CollectionView, ItemsQuery};
use flatbuffers::{FlatBufferBuilder, WIPOffset};
use flatgeobuf::{
    Column, ColumnArgs, ColumnType, Crs as FgbCrs, CrsArgs, Feature, FeatureArgs, Geometry, GeometryArgs, GeometryType, Header, HeaderArgs,
};
use geo_traits::{
    CoordTrait, Dimensions, GeometryCollectionTrait, GeometryTrait, LineStringTrait, MultiLineStringTrait, MultiPointTrait,
    MultiPolygonTrait, PointTrait, PolygonTrait,
};
use std::{
    io::{self, Write},
    sync::Arc,
};

const MAGIC: [u8; 8] = *b"fgb\x03fgb\x00";

/// What the header says of the collection.
pub struct Head {
    name: String,
    geometry_type: GeometryType,
    has_z: bool,
    crs: Option<(&'static str, i32)>,
}

impl Head {
    /// Has the first item tell whether there are heights.
    pub fn of(view: &CollectionView, query: &ItemsQuery, crs: Option<&Crs>) -> Self {
        let meta = view.meta();
        let mut has_z = false;
        view.each(query, |item| {
            let geometry = item.geometry().and_then(|wkb| wkb::reader::read_wkb(wkb).ok());
            has_z = geometry.as_ref().is_some_and(|geometry| geometry.dim() == Dimensions::Xyz);
            geometry.is_none()
        });
        let crs = match crs {
            None => Some(("EPSG", 4326)),
            Some(crs) => crs.name().strip_prefix("EPSG:").and_then(|code| code.parse().ok()).map(|code| ("EPSG", code)),
        };
        Self { name: meta.id.to_string(), geometry_type: geometry_type(&meta.geometry_type), has_z, crs }
    }
}

fn geometry_type(name: &str) -> GeometryType {
    match name {
        "POINT" => GeometryType::Point,
        "LINESTRING" => GeometryType::LineString,
        "POLYGON" => GeometryType::Polygon,
        "MULTIPOINT" => GeometryType::MultiPoint,
        "MULTILINESTRING" => GeometryType::MultiLineString,
        "MULTIPOLYGON" => GeometryType::MultiPolygon,
        "GEOMETRYCOLLECTION" => GeometryType::GeometryCollection,
        _ => GeometryType::Unknown,
    }
}

/// A document of features.
pub struct FlatGeobuf {
    sink: Sink,
    columns: Arc<Columns>,
    turn: Option<Turn>,
    builder: FlatBufferBuilder<'static>,
    properties: Vec<u8>,
    shape: Shape,
}

impl FlatGeobuf {
    /// Writes the header.
    ///
    /// # Errors
    /// The client has gone away.
    pub fn new(mut sink: Sink, columns: Arc<Columns>, turn: Option<Turn>, head: Head) -> io::Result<Self> {
        let mut builder = FlatBufferBuilder::new();
        let mut column = |name: &str, kind, is_id: bool| {
            let name = builder.create_string(name);
            Column::create(&mut builder, &ColumnArgs { name: Some(name), type_: kind, nullable: !is_id, ..ColumnArgs::default() })
        };
        let mut all = vec![column(columns.id, ColumnType::String, true)];
        all.extend(columns.fields.iter().map(|field| column(&field.name, column_type(field.kind), false)));
        let all = builder.create_vector(&all);
        let crs = head.crs.map(|(org, code)| {
            let org = builder.create_string(org);
            FgbCrs::create(&mut builder, &CrsArgs { org: Some(org), code, ..CrsArgs::default() })
        });
        let name = builder.create_string(&head.name);
        let header = HeaderArgs {
            name: Some(name),
            geometry_type: head.geometry_type,
            has_z: head.has_z,
            columns: Some(all),
            features_count: 0,
            index_node_size: 0,
            crs,
            ..HeaderArgs::default()
        };
        let header = Header::create(&mut builder, &header);
        builder.finish_size_prefixed(header, None);
        sink.write_all(&MAGIC)?;
        sink.write_all(builder.finished_data())?;
        Ok(Self { sink, columns, turn, builder, properties: Vec::new(), shape: Shape::default() })
    }
}

fn column_type(kind: FieldType) -> ColumnType {
    match kind {
        FieldType::Boolean => ColumnType::Bool,
        FieldType::Integer => ColumnType::Long,
        FieldType::Number => ColumnType::Double,
        FieldType::Text => ColumnType::String,
        FieldType::Json => ColumnType::Json,
    }
}

impl Encoder for FlatGeobuf {
    fn item(&mut self, item: FeatureRef<'_>) -> io::Result<()> {
        let Self { sink, columns, turn, builder, properties, shape } = self;
        properties.clear();
        property(properties, 0, ValueRef::Text(&item.id()));
        columns.each(item, |column, value| property(properties, column + 1, value));
        builder.reset();
        let geometry = match item.geometry() {
            None => None,
            Some(wkb) => {
                let turned = turned(turn.as_ref(), wkb)?;
                let geometry = wkb::reader::read_wkb(turned.as_deref().unwrap_or(wkb)).map_err(io::Error::other)?;
                shape.write(builder, &geometry)
            }
        };
        let properties = builder.create_vector(properties);
        let feature = Feature::create(builder, &FeatureArgs { geometry, properties: Some(properties), columns: None });
        builder.finish_size_prefixed(feature, None);
        sink.write_all(builder.finished_data())
    }

    fn end(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}

/// A value with the number of its column before it.
fn property(out: &mut Vec<u8>, column: usize, value: ValueRef<'_>) {
    let Ok(column) = u16::try_from(column) else { return };
    out.extend_from_slice(&column.to_le_bytes());
    match value {
        ValueRef::Null => out.truncate(out.len() - 2),
        ValueRef::Boolean(value) => out.push(u8::from(value)),
        ValueRef::Integer(value) => out.extend_from_slice(&value.to_le_bytes()),
        ValueRef::Number(value) => out.extend_from_slice(&value.to_le_bytes()),
        ValueRef::Text(text) | ValueRef::Json(text) => {
            out.extend_from_slice(&u32::try_from(text.len()).unwrap_or(0).to_le_bytes());
            out.extend_from_slice(text.as_bytes());
        }
    }
}

/// The coordinates of a geometry on their way, kept for their room.
#[derive(Default)]
struct Shape {
    xy: Vec<f64>,
    z: Vec<f64>,
    ends: Vec<u32>,
}

impl Shape {
    /// Writes a geometry; `None` for an empty point.
    fn write<'b>(
        &mut self,
        builder: &mut FlatBufferBuilder<'b>,
        geometry: &impl GeometryTrait<T = f64>,
    ) -> Option<WIPOffset<Geometry<'b>>> {
        use geo_traits::GeometryType as Is;
        self.xy.clear();
        self.z.clear();
        self.ends.clear();
        let kind = match geometry.as_type() {
            Is::Point(point) => {
                self.position(&point.coord()?);
                GeometryType::Point
            }
            Is::LineString(line) => {
                self.line(line);
                GeometryType::LineString
            }
            Is::Polygon(polygon) => {
                self.polygon(polygon);
                GeometryType::Polygon
            }
            Is::MultiPoint(points) => {
                points.points().filter_map(|point| point.coord().map(|at| self.position(&at))).for_each(drop);
                GeometryType::MultiPoint
            }
            Is::MultiLineString(lines) => {
                for line in lines.line_strings() {
                    self.line(&line);
                    self.end();
                }
                GeometryType::MultiLineString
            }
            Is::MultiPolygon(polygons) => {
                let mut parts = Vec::new();
                for polygon in polygons.polygons() {
                    self.clear();
                    self.polygon(&polygon);
                    parts.push(self.create(builder, GeometryType::Polygon));
                }
                return Some(Self::parts(builder, GeometryType::MultiPolygon, &parts));
            }
            Is::GeometryCollection(all) => {
                let parts: Vec<_> = all.geometries().filter_map(|part| self.write(builder, &part)).collect();
                return Some(Self::parts(builder, GeometryType::GeometryCollection, &parts));
            }
            _ => return None,
        };
        Some(self.create(builder, kind))
    }

    fn clear(&mut self) {
        self.xy.clear();
        self.z.clear();
        self.ends.clear();
    }

    fn parts<'b>(builder: &mut FlatBufferBuilder<'b>, kind: GeometryType, parts: &[WIPOffset<Geometry<'b>>]) -> WIPOffset<Geometry<'b>> {
        let parts = builder.create_vector(parts);
        Geometry::create(builder, &GeometryArgs { type_: kind, parts: Some(parts), ..GeometryArgs::default() })
    }

    fn create<'b>(&self, builder: &mut FlatBufferBuilder<'b>, kind: GeometryType) -> WIPOffset<Geometry<'b>> {
        // One part needs no ends.
        let ends = (self.ends.len() > 1).then(|| builder.create_vector(&self.ends));
        let xy = builder.create_vector(&self.xy);
        let z = (!self.z.is_empty()).then(|| builder.create_vector(&self.z));
        Geometry::create(builder, &GeometryArgs { ends, xy: Some(xy), z, type_: kind, ..GeometryArgs::default() })
    }

    fn polygon(&mut self, polygon: &impl PolygonTrait<T = f64>) {
        for ring in polygon.exterior().into_iter().chain(polygon.interiors()) {
            self.line(&ring);
            self.end();
        }
    }

    fn line(&mut self, line: &impl LineStringTrait<T = f64>) {
        line.coords().for_each(|at| self.position(&at));
    }

    fn end(&mut self) {
        self.ends.push(u32::try_from(self.xy.len() / 2).unwrap_or(u32::MAX));
    }

    fn position(&mut self, at: &impl CoordTrait<T = f64>) {
        self.xy.extend([at.x(), at.y()]);
        if at.dim() == Dimensions::Xyz
            && let Some(z) = at.nth(2)
        {
            self.z.push(z);
        }
    }
}
