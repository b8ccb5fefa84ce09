//! A mesh as binary glTF 2.0 with the extensions that 3D Tiles 1.1 builds on.

use crate::{
    Tile3dError,
    mesh::{Mesh, Vertex},
};
use serde_json::{Value, json};

/// Positions are whole numbers of this many metres, or coarser where a tile is too wide for 16 bits.
const STEP_MIN_M: f64 = 0.02;

/// A part of the buffer, compressed or as it is.
struct Views {
    bytes: Vec<u8>,
    /// The length of the buffer that a reader without the extension would see.
    fallback_len: usize,
    views: Vec<Value>,
}

impl Views {
    fn plain(&mut self, bytes: &[u8]) -> usize {
        self.bytes.resize(self.bytes.len().next_multiple_of(8), 0);
        self.views.push(json!({"buffer": 0, "byteOffset": self.bytes.len(), "byteLength": bytes.len()}));
        self.bytes.extend_from_slice(bytes);
        self.views.len() - 1
    }

    /// EXT_meshopt_compression of `count` elements of `stride` bytes.
    fn compressed(&mut self, packed: &[u8], count: usize, stride: usize, mode: &str) -> usize {
        self.bytes.resize(self.bytes.len().next_multiple_of(8), 0);
        let len = count * stride;
        let mut view = json!({
            "buffer": 1, "byteOffset": self.fallback_len, "byteLength": len,
            "target": if mode == "TRIANGLES" { 34963 } else { 34962 },
            "extensions": {"EXT_meshopt_compression": {
                "buffer": 0, "byteOffset": self.bytes.len(), "byteLength": packed.len(), "byteStride": stride, "count": count, "mode": mode
            }}
        });
        if mode == "ATTRIBUTES" {
            view["byteStride"] = stride.into();
        }
        self.fallback_len = (self.fallback_len + len).next_multiple_of(8);
        self.bytes.extend_from_slice(packed);
        self.views.push(view);
        self.views.len() - 1
    }
}

/// Positions as steps from their least corner.
struct Quantized {
    steps: Vec<[u16; 4]>,
    step_m: f64,
    least: [f64; 3],
    most: [u16; 3],
}

fn quantize(vertices: &[Vertex]) -> Quantized {
    let (mut least, mut most) = ([f64::INFINITY; 3], [f64::NEG_INFINITY; 3]);
    for Vertex { position, .. } in vertices {
        for axis in 0..3 {
            least[axis] = least[axis].min(position[axis]);
            most[axis] = most[axis].max(position[axis]);
        }
    }
    let width = (0..3).map(|axis| most[axis] - least[axis]).fold(0.0, f64::max);
    let step_m = (width / f64::from(u16::MAX)).max(STEP_MIN_M);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the step is chosen so that all fit into 16 bits")]
    let step = |v: f64, axis: usize| ((v - least[axis]) / step_m).round() as u16;
    let steps: Vec<[u16; 4]> = vertices.iter().map(|v| v.position).map(|p| [step(p[0], 0), step(p[1], 1), step(p[2], 2), 0]).collect();
    Quantized { step_m, least, most: [0, 1, 2].map(|axis| step(most[axis], axis)), steps }
}

/// The mesh as GLB; `class` names the layer in its metadata.
///
/// # Errors
/// The mesh cannot be compressed.
pub fn write(mesh: &Mesh, class: &str) -> Result<Vec<u8>, Tile3dError> {
    let failed = |error: meshopt::Error| Tile3dError::Compression(error.to_string());
    let mut views = Views { bytes: Vec::new(), fallback_len: 0, views: Vec::new() };
    let mut document = json!({"asset": {"version": "2.0", "generator": concat!("Citywall ", env!("CARGO_PKG_VERSION"))}, "scene": 0, "scenes": [{"nodes": []}]});
    if !mesh.is_empty() {
        let (corners, triangles) = mesh.finish();
        let count = corners.len();
        let Quantized { steps, step_m, least, most } = quantize(&corners);
        // The format's first version of the codec, which the extension names.
        let vertices = |bytes: Result<Vec<u8>, meshopt::Error>| bytes.map_err(failed);
        let positions = vertices(meshopt::encode_vertex_buffer_level(&steps, 2, Some(0)))?;
        let positions = views.compressed(&positions, count, 8, "ATTRIBUTES");
        #[expect(clippy::cast_possible_truncation, reason = "between -127 and 127")]
        let normals: Vec<[i8; 4]> = corners
            .iter()
            .map(|vertex| {
                let [x, y, z] = vertex.normal.map(|v| (v * 127.0).round() as i8);
                [x, y, z, 0]
            })
            .collect();
        let normals = vertices(meshopt::encode_vertex_buffer_level(&normals, 2, Some(0)))?;
        let normals = views.compressed(&normals, count, 4, "ATTRIBUTES");
        let numbers: Vec<[u16; 2]> = corners.iter().map(|vertex| [vertex.feature, 0]).collect();
        let numbers = vertices(meshopt::encode_vertex_buffer_level(&numbers, 2, Some(0)))?;
        let numbers = views.compressed(&numbers, count, 4, "ATTRIBUTES");
        let indices = meshopt::encode_index_buffer(&triangles, count).map_err(failed)?;
        let (index_bytes, index_type) = if count <= usize::from(u16::MAX) { (2, 5123) } else { (4, 5125) };
        let indices = views.compressed(&indices, triangles.len(), index_bytes, "TRIANGLES");
        document["accessors"] = json!([
            {"bufferView": positions, "componentType": 5123, "count": count, "type": "VEC3", "min": [0, 0, 0], "max": most},
            {"bufferView": normals, "componentType": 5120, "normalized": true, "count": count, "type": "VEC3"},
            {"bufferView": numbers, "componentType": 5123, "count": count, "type": "SCALAR"},
            {"bufferView": indices, "componentType": index_type, "count": triangles.len(), "type": "SCALAR"}
        ]);
        document["materials"] =
            json!([{"pbrMetallicRoughness": {"baseColorFactor": [0.82, 0.83, 0.85, 1.0], "metallicFactor": 0.0, "roughnessFactor": 0.9}}]);
        document["meshes"] = json!([{"primitives": [{
            "attributes": {"POSITION": 0, "NORMAL": 1, "_FEATURE_ID_0": 2}, "indices": 3, "material": 0, "mode": 4,
            "extensions": {"EXT_mesh_features": {"featureIds": [{"featureCount": mesh.features.len(), "attribute": 0, "propertyTable": 0}]}}
        }]}]);
        document["nodes"] = json!([{"mesh": 0, "matrix": mesh.frame.matrix(step_m, least)}]);
        document["scenes"][0]["nodes"] = json!([0]);
        document["extensions"] = json!({"EXT_structural_metadata": metadata(mesh, class, &mut views)});
        document["extensionsUsed"] =
            json!(["EXT_mesh_features", "EXT_structural_metadata", "KHR_mesh_quantization", "EXT_meshopt_compression"]);
        document["extensionsRequired"] = json!(["KHR_mesh_quantization", "EXT_meshopt_compression"]);
        document["buffers"] = json!([
            {"byteLength": views.bytes.len()},
            {"byteLength": views.fallback_len, "extensions": {"EXT_meshopt_compression": {"fallback": true}}}
        ]);
        document["bufferViews"] = Value::Array(views.views);
    }
    Ok(container(&document.to_string(), views.bytes))
}

/// EXT_structural_metadata: a property table with a row per building.
fn metadata(mesh: &Mesh, class: &str, views: &mut Views) -> Value {
    let (mut text, mut offsets) = (Vec::new(), vec![0u32]);
    for feature in &mesh.features {
        text.extend_from_slice(feature.id.as_bytes());
        offsets.push(u32::try_from(text.len()).unwrap_or(u32::MAX));
    }
    // A buffer view is never empty.
    if text.is_empty() {
        text.push(0);
    }
    let heights: Vec<u8> = mesh.features.iter().flat_map(|f| (if f.height_m.is_nan() { -1.0 } else { f.height_m }).to_le_bytes()).collect();
    let offsets: Vec<u8> = offsets.iter().flat_map(|offset| offset.to_le_bytes()).collect();
    let (text, offsets, heights) = (views.plain(&text), views.plain(&offsets), views.plain(&heights));
    let name: String = class.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    json!({
        "schema": {"id": "citywall", "classes": {name.clone(): {"properties": {
            "id": {"name": "id", "description": "The item's id in its collection", "type": "STRING", "required": true},
            "height": {"name": "height", "description": "Metres above its foot", "type": "SCALAR", "componentType": "FLOAT32", "noData": -1.0}
        }}}},
        "propertyTables": [{"name": class, "class": name, "count": mesh.features.len(), "properties": {
            "id": {"values": text, "stringOffsets": offsets, "stringOffsetType": "UINT32"},
            "height": {"values": heights}
        }}]
    })
}

/// Binary glTF: header, JSON chunk padded with spaces, binary chunk padded with zeros.
fn container(document: &str, mut bytes: Vec<u8>) -> Vec<u8> {
    let mut text = document.as_bytes().to_vec();
    text.resize(text.len().next_multiple_of(4), b' ');
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    let length = 12 + 8 + text.len() + if bytes.is_empty() { 0 } else { 8 + bytes.len() };
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX).to_le_bytes();
    let mut out = Vec::with_capacity(length);
    out.extend_from_slice(b"glTF");
    out.extend_from_slice(&2u32.to_le_bytes());
    out.extend_from_slice(&number(length));
    out.extend_from_slice(&number(text.len()));
    out.extend_from_slice(b"JSON");
    out.extend_from_slice(&text);
    if !bytes.is_empty() {
        out.extend_from_slice(&number(bytes.len()));
        out.extend_from_slice(b"BIN\0");
        out.extend_from_slice(&bytes);
    }
    out
}
