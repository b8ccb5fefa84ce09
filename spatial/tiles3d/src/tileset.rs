//! `tileset.json` and the subtrees of its implicit quadtree (22-025r4, clause 7.3).

use crate::{Node, Plan};
use citywall_model::Bbox;
use serde_json::{Value, json};

/// Levels in one subtree file.
pub const SUBTREE_LEVELS: u32 = 5;
/// The block masses stand for buildings up to this share of the layer's width.
const OVERVIEW_ERROR: f64 = 1.0 / 40.0;
/// Each level of single buildings is as exact as its parent's tile divided by this.
const LEVEL_ERROR: f64 = 1.0 / 160.0;

/// The tileset of a plan. `address` is put before every relative address; it may hold a version.
#[must_use]
pub fn tileset(plan: &Plan, collection: &str, revision: u64) -> Value {
    let volume = json!({"region": region(plan.extent(), plan.heights_m())});
    let width = plan.width_m();
    let pin = format!("?v={revision}");
    json!({
        "asset": {"version": "1.1", "tilesetVersion": revision.to_string(), "extras": {"collection": collection}},
        "geometricError": width * OVERVIEW_ERROR * 4.0,
        "root": {
            "boundingVolume": volume, "geometricError": width * OVERVIEW_ERROR, "refine": "REPLACE",
            "content": {"uri": format!("blocks.glb{pin}")},
            "children": [{
                "boundingVolume": volume, "geometricError": width * LEVEL_ERROR, "refine": "ADD",
                "content": {"uri": format!("content/{{level}}/{{x}}/{{y}}.glb{pin}")},
                "implicitTiling": {
                    "subdivisionScheme": "QUADTREE", "availableLevels": plan.levels(), "subtreeLevels": SUBTREE_LEVELS,
                    "subtrees": {"uri": format!("subtrees/{{level}}/{{x}}/{{y}}.subtree{pin}")}
                }
            }]
        }
    })
}

/// West, south, east, north in radians, least and greatest ellipsoidal height in metres.
fn region(bbox: &Bbox, heights_m: [f64; 2]) -> [f64; 6] {
    let Bbox { x_min, y_min, x_max, y_max } = bbox;
    [x_min.to_radians(), y_min.to_radians(), x_max.to_radians(), y_max.to_radians(), heights_m[0], heights_m[1]]
}

/// Where the bits of an availability are.
struct Bits {
    bytes: Vec<u8>,
    ones: usize,
    len: usize,
}

impl Bits {
    fn of(bits: impl Iterator<Item = bool>) -> Self {
        let mut all = Self { bytes: Vec::new(), ones: 0, len: 0 };
        for bit in bits {
            if all.len.is_multiple_of(8) {
                all.bytes.push(0);
            }
            if bit && let Some(last) = all.bytes.last_mut() {
                *last |= 1 << (all.len % 8);
                all.ones += 1;
            }
            all.len += 1;
        }
        all
    }

    /// A constant where all bits are the same, else the next bit stream.
    fn document(&self, buffer: &mut Vec<u8>, views: &mut Vec<Value>) -> Value {
        if self.ones == 0 || self.ones == self.len {
            return json!({"constant": u8::from(self.ones > 0)});
        }
        buffer.resize(buffer.len().next_multiple_of(8), 0);
        views.push(json!({"buffer": 0, "byteOffset": buffer.len(), "byteLength": self.bytes.len()}));
        buffer.extend_from_slice(&self.bytes);
        json!({"bitstream": views.len() - 1, "availableCount": self.ones})
    }
}

/// The nodes of a level under a root in Morton order.
fn level_under(root: Node, level: u32) -> impl Iterator<Item = Node> {
    (0..1u32 << (2 * level)).map(move |morton| {
        let bits = |shift: u32| (0..level).fold(0, |sum, bit| sum | ((morton >> (2 * bit + shift)) & 1) << bit);
        Node { level: root.level + level, x: (root.x << level) + bits(0), y: (root.y << level) + bits(1) }
    })
}

/// The binary subtree at a node; `None` if the plan has no such node.
#[must_use]
pub fn subtree(plan: &Plan, root: Node) -> Option<Vec<u8>> {
    if !plan.is_there(root) || !root.level.is_multiple_of(SUBTREE_LEVELS) {
        return None;
    }
    let inside = || (0..SUBTREE_LEVELS).flat_map(|level| level_under(root, level));
    let tiles = Bits::of(inside().map(|node| plan.is_there(node)));
    let contents = Bits::of(inside().map(|node| plan.members(node).is_some()));
    let children = Bits::of(level_under(root, SUBTREE_LEVELS).map(|node| plan.is_there(node)));
    let (mut buffer, mut views) = (Vec::new(), Vec::new());
    let mut document = json!({
        "tileAvailability": tiles.document(&mut buffer, &mut views),
        "contentAvailability": [contents.document(&mut buffer, &mut views)],
        "childSubtreeAvailability": children.document(&mut buffer, &mut views)
    });
    buffer.resize(buffer.len().next_multiple_of(8), 0);
    if !views.is_empty() {
        document["buffers"] = json!([{"byteLength": buffer.len()}]);
        document["bufferViews"] = Value::Array(views);
    }
    let mut text = document.to_string().into_bytes();
    text.resize(text.len().next_multiple_of(8), b' ');
    let mut out = Vec::with_capacity(24 + text.len() + buffer.len());
    out.extend_from_slice(b"subt");
    out.extend_from_slice(&1u32.to_le_bytes());
    out.extend_from_slice(&(text.len() as u64).to_le_bytes());
    out.extend_from_slice(&(buffer.len() as u64).to_le_bytes());
    out.extend_from_slice(&text);
    out.extend_from_slice(&buffer);
    Some(out)
}
