//! Binary glTF 2.0 of buildings: triangles by the building that they belong to.

use super::{SolidsError, word};
use crate::geo::geodetic;
use rustc_hash::FxHashMap;
use serde::Deserialize;
use std::ops::Range;

/// Corners and triangles of one tile, at most.
const ELEMENTS_MAX: usize = 1 << 21;
/// Component types of glTF.
const UNSIGNED_SHORT: u32 = 5123;
const UNSIGNED_INT: u32 = 5125;
const FLOAT: u32 = 5126;

/// The buildings of a tile.
#[derive(Debug, Default)]
pub struct Solids {
    /// Longitude and latitude in degrees, metres above the ellipsoid.
    places: Vec<[f64; 3]>,
    /// Against the clock seen from outside, building by building.
    triangles: Vec<[u32; 3]>,
    by_id: FxHashMap<Box<str>, Range<usize>>,
}

/// A building.
#[derive(Clone, Copy)]
pub struct Solid<'a> {
    places: &'a [[f64; 3]],
    triangles: &'a [[u32; 3]],
}

impl Solid<'_> {
    /// The corners of each triangle: longitude and latitude in degrees, metres above the ellipsoid.
    pub fn triangles(&self) -> impl Iterator<Item = [[f64; 3]; 3]> + '_ {
        self.triangles.iter().map(|corners| corners.map(|corner| self.places[corner as usize]))
    }
}

impl Solids {
    /// Reads a tile. O(corners).
    ///
    /// # Errors
    /// The bytes are no glTF, or one without the numbers or ids of buildings.
    pub fn read(glb: &[u8]) -> Result<Self, SolidsError> {
        let file = File::open(glb)?;
        let mut solids = Self::default();
        for (node, mesh) in file.gltf.nodes.iter().filter_map(|node| Some((node, node.mesh?))) {
            for primitive in &at(&file.gltf.meshes, mesh, "mesh")?.primitives {
                solids.add(&file, primitive, &node.matrix)?;
            }
        }
        Ok(solids)
    }

    /// A building by its item's id.
    #[must_use]
    pub fn of(&self, id: &str) -> Option<Solid<'_>> {
        let triangles = self.by_id.get(id)?;
        Some(Solid { places: &self.places, triangles: &self.triangles[triangles.clone()] })
    }

    /// The ids of its buildings.
    #[cfg(test)]
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.by_id.keys().map(|id| &**id)
    }

    /// What it takes in memory, bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.places.len() * size_of::<[f64; 3]>() + self.triangles.len() * size_of::<[u32; 3]>() + self.by_id.len() * 64
    }

    fn add(&mut self, file: &File<'_>, primitive: &Primitive, matrix: &[f64; 16]) -> Result<(), SolidsError> {
        let features = primitive.extensions.features.as_ref().and_then(|f| f.feature_ids.first());
        let features = features.ok_or_else(|| SolidsError::of("a mesh without EXT_mesh_features"))?;
        let attribute =
            |name: &str| primitive.attributes.get(name).copied().ok_or_else(|| SolidsError::of(format!("a mesh without {name}")));
        let positions = file.positions(attribute("POSITION")?)?;
        let numbers = file.numbers(attribute(&format!("_FEATURE_ID_{}", features.attribute))?)?;
        let corners = file.numbers(primitive.indices)?;
        let ids = file.ids(features.property_table)?;
        if numbers.len() != positions.len() {
            return Err(SolidsError::of(format!("{} corners with the numbers of {} buildings", positions.len(), numbers.len())));
        }
        let first = u32::try_from(self.places.len()).unwrap_or(u32::MAX);
        self.places.extend(positions.iter().map(|p| in_degrees(matrix, *p)));
        let mut triangles: Vec<(u32, [u32; 3])> = Vec::with_capacity(corners.len() / 3);
        for corners in corners.as_chunks::<3>().0 {
            let number = corners.iter().map(|corner| numbers.get(*corner as usize)).collect::<Option<Vec<_>>>();
            let number =
                *number.and_then(|numbers| numbers.first().copied()).ok_or_else(|| SolidsError::of("a triangle without its corner"))?;
            triangles.push((number, corners.map(|corner| first + corner)));
        }
        triangles.sort_by_key(|(number, _)| *number);
        for building in triangles.chunk_by(|a, b| a.0 == b.0) {
            let id = at(&ids, building[0].0 as usize, "building")?;
            let start = self.triangles.len();
            self.triangles.extend(building.iter().map(|(_, corners)| *corners));
            self.by_id.insert(id.clone(), start..self.triangles.len());
        }
        Ok(())
    }
}

/// A node's own place to degrees and metres. 3D Tiles turns glTF's y up into z up: (x, y, z) → (x, −z, y).
fn in_degrees(m: &[f64; 16], [x, y, z]: [f64; 3]) -> [f64; 3] {
    let row = |r: usize| m[r] * x + m[4 + r] * y + m[8 + r] * z + m[12 + r];
    let (longitude, latitude, height) = geodetic([row(0), -row(2), row(1)]);
    [longitude, latitude, height]
}

/// A file's document and its bytes.
struct File<'a> {
    gltf: Gltf,
    bytes: &'a [u8],
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct Gltf {
    accessors: Vec<Accessor>,
    buffer_views: Vec<View>,
    meshes: Vec<Mesh>,
    nodes: Vec<GltfNode>,
    extensions: Extensions,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Accessor {
    buffer_view: usize,
    component_type: u32,
    count: usize,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct View {
    #[serde(default)]
    byte_offset: usize,
    byte_length: usize,
    byte_stride: Option<usize>,
    #[serde(default)]
    extensions: ViewExtensions,
}

#[derive(Deserialize, Default)]
struct ViewExtensions {
    #[serde(rename = "EXT_meshopt_compression")]
    packed: Option<Packed>,
}

/// EXT_meshopt_compression.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Packed {
    #[serde(default)]
    byte_offset: usize,
    byte_length: usize,
    byte_stride: usize,
    count: usize,
    mode: String,
    filter: Option<String>,
}

#[derive(Deserialize)]
struct Mesh {
    primitives: Vec<Primitive>,
}

#[derive(Deserialize)]
struct Primitive {
    attributes: FxHashMap<String, usize>,
    indices: usize,
    #[serde(default)]
    extensions: PrimitiveExtensions,
}

#[derive(Deserialize, Default)]
struct PrimitiveExtensions {
    #[serde(rename = "EXT_mesh_features")]
    features: Option<MeshFeatures>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MeshFeatures {
    feature_ids: Vec<FeatureIds>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FeatureIds {
    attribute: usize,
    property_table: usize,
}

#[derive(Deserialize)]
struct GltfNode {
    mesh: Option<usize>,
    #[serde(default = "unmoved")]
    matrix: [f64; 16],
}

fn unmoved() -> [f64; 16] {
    std::array::from_fn(|at| f64::from(u8::from(at % 5 == 0)))
}

#[derive(Deserialize, Default)]
struct Extensions {
    #[serde(rename = "EXT_structural_metadata", default)]
    metadata: Metadata,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Metadata {
    property_tables: Vec<PropertyTable>,
}

#[derive(Deserialize)]
struct PropertyTable {
    count: usize,
    properties: FxHashMap<String, Property>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Property {
    values: usize,
    string_offsets: Option<usize>,
    string_offset_type: Option<String>,
}

fn at<'a, T>(list: &'a [T], number: usize, what: &str) -> Result<&'a T, SolidsError> {
    list.get(number).ok_or_else(|| SolidsError::of(format!("there is no {what} {number}")))
}

impl<'a> File<'a> {
    fn open(glb: &'a [u8]) -> Result<Self, SolidsError> {
        if glb.get(..4) != Some(b"glTF") || word(glb, 4) != Some(2) {
            return Err(SolidsError::of("not binary glTF 2.0"));
        }
        let chunk = |from: usize| {
            let length = word(glb, from)?;
            Some((glb.get(from + 8..)?.get(..length)?, from + 8 + length))
        };
        let (text, next) = chunk(12).ok_or_else(|| SolidsError::of("the glTF ends before its document does"))?;
        let gltf = serde_json::from_slice(text).map_err(|error| SolidsError::of(format!("the document of the glTF: {error}")))?;
        // A tile in which nothing stands has no bytes.
        Ok(Self { gltf, bytes: chunk(next).map_or(&[], |(bytes, _)| bytes) })
    }

    fn part(&self, offset: usize, length: usize) -> Result<&'a [u8], SolidsError> {
        let end = offset.checked_add(length);
        end.and_then(|end| self.bytes.get(offset..end)).ok_or_else(|| SolidsError::of("a view beyond the end of the glTF"))
    }

    /// The elements of an accessor, and how many bytes each takes.
    fn elements(&self, accessor: &Accessor) -> Result<(Vec<u8>, usize), SolidsError> {
        let view = at(&self.gltf.buffer_views, accessor.buffer_view, "view")?;
        if accessor.count > ELEMENTS_MAX {
            return Err(SolidsError::of(format!("{} elements: more than ELEMENTS_MAX ({ELEMENTS_MAX})", accessor.count)));
        }
        let Some(packed) = &view.extensions.packed else {
            let stride = view.byte_stride.unwrap_or_else(|| view.byte_length / accessor.count.max(1));
            return Ok((self.part(view.byte_offset, view.byte_length)?.to_vec(), stride));
        };
        if packed.count > ELEMENTS_MAX || packed.filter.as_ref().is_some_and(|filter| filter != "NONE") {
            return Err(SolidsError::of("compression that is not that of plain numbers"));
        }
        let bytes = self.part(packed.byte_offset, packed.byte_length)?;
        let failed = |error: meshopt::Error| SolidsError::of(format!("the compressed numbers: {error}"));
        let unpacked = match (packed.mode.as_str(), packed.byte_stride) {
            ("ATTRIBUTES", 4) => vertices::<4>(bytes, packed.count),
            ("ATTRIBUTES", 8) => vertices::<8>(bytes, packed.count),
            ("ATTRIBUTES", 12) => vertices::<12>(bytes, packed.count),
            ("ATTRIBUTES", 16) => vertices::<16>(bytes, packed.count),
            ("TRIANGLES", 2) => {
                meshopt::decode_index_buffer::<u16>(bytes, packed.count).map(|v| v.iter().flat_map(|n| n.to_le_bytes()).collect())
            }
            ("TRIANGLES", 4) => {
                meshopt::decode_index_buffer::<u32>(bytes, packed.count).map(|v| v.iter().flat_map(|n| n.to_le_bytes()).collect())
            }
            (mode, stride) => return Err(SolidsError::of(format!("compression “{mode}” with {stride} bytes each"))),
        };
        Ok((unpacked.map_err(failed)?, packed.byte_stride))
    }

    /// The numbers of an accessor, a number each.
    fn numbers(&self, accessor: usize) -> Result<Vec<u32>, SolidsError> {
        let accessor = at(&self.gltf.accessors, accessor, "accessor")?;
        let (bytes, stride) = self.elements(accessor)?;
        let number: fn(&[u8]) -> Option<u32> = match accessor.component_type {
            UNSIGNED_SHORT => |bytes| Some(u16::from_le_bytes(*bytes.first_chunk()?).into()),
            UNSIGNED_INT => |bytes| Some(u32::from_le_bytes(*bytes.first_chunk()?)),
            FLOAT => |bytes| Some(f32::from_le_bytes(*bytes.first_chunk()?) as u32),
            other => return Err(SolidsError::of(format!("whole numbers of component type {other}"))),
        };
        take(&bytes, stride, accessor.count, number)
    }

    /// The places of an accessor.
    fn positions(&self, accessor: usize) -> Result<Vec<[f64; 3]>, SolidsError> {
        let accessor = at(&self.gltf.accessors, accessor, "accessor")?;
        let (bytes, stride) = self.elements(accessor)?;
        let place: fn(&[u8]) -> Option<[f64; 3]> = match accessor.component_type {
            UNSIGNED_SHORT => |bytes| {
                let [x, y, z] = *bytes.as_chunks::<2>().0.first_chunk::<3>()?;
                Some([x, y, z].map(|v| u16::from_le_bytes(v).into()))
            },
            FLOAT => |bytes| {
                let [x, y, z] = *bytes.as_chunks::<4>().0.first_chunk::<3>()?;
                Some([x, y, z].map(|v| f32::from_le_bytes(v).into()))
            },
            other => return Err(SolidsError::of(format!("places of component type {other}"))),
        };
        take(&bytes, stride, accessor.count, place)
    }

    /// The property “id” of a table.
    fn ids(&self, table: usize) -> Result<Vec<Box<str>>, SolidsError> {
        let table = at(&self.gltf.extensions.metadata.property_tables, table, "property table")?;
        let id = table.properties.get("id").ok_or_else(|| SolidsError::of("a property table without “id”"))?;
        let plain = |view: usize| {
            let view = at(&self.gltf.buffer_views, view, "view")?;
            self.part(view.byte_offset, view.byte_length)
        };
        let offsets = id.string_offsets.ok_or_else(|| SolidsError::of("ids that are no text"))?;
        if id.string_offset_type.as_deref().unwrap_or("UINT32") != "UINT32" {
            return Err(SolidsError::of("ids whose offsets are not UINT32"));
        }
        let (text, offsets) = (plain(id.values)?, plain(offsets)?);
        let one = |row: usize| text.get(word(offsets, row * 4)?..word(offsets, row * 4 + 4)?).and_then(|id| std::str::from_utf8(id).ok());
        if table.count > ELEMENTS_MAX {
            return Err(SolidsError::of(format!("{} buildings: more than ELEMENTS_MAX ({ELEMENTS_MAX})", table.count)));
        }
        let ids: Option<Vec<Box<str>>> = (0..table.count).map(|row| one(row).map(Box::from)).collect();
        ids.ok_or_else(|| SolidsError::of("ids beyond the end of their view"))
    }
}

/// So many elements of so many bytes each.
fn take<T>(bytes: &[u8], stride: usize, count: usize, read: fn(&[u8]) -> Option<T>) -> Result<Vec<T>, SolidsError> {
    let elements: Option<Vec<T>> = (0..count).map(|at| bytes.get(at * stride..).and_then(read)).collect();
    elements.ok_or_else(|| SolidsError::of("an accessor beyond the end of its view"))
}

fn vertices<const N: usize>(bytes: &[u8], count: usize) -> Result<Vec<u8>, meshopt::Error>
where
    [u8; N]: Default,
{
    meshopt::decode_vertex_buffer::<[u8; N]>(bytes, count).map(|vertices| vertices.concat())
}
