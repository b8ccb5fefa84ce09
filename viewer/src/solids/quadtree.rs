//! The implicit quadtree of a tileset, and which of its tiles there are (22-025r4, clause 7.3).

use super::{SolidsError, word};
use serde::Deserialize;

/// The deepest level that is looked at.
const LEVELS_MAX: u32 = 24;
/// Levels of one subtree file, at most: 4⁸ bits a level.
const SUBTREE_LEVELS_MAX: u32 = 8;

/// A tile of the quadtree: level, column from the west, row from the south.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Node {
    /// 0 is the whole layer.
    pub level: u32,
    /// Column.
    pub x: u32,
    /// Row.
    pub y: u32,
}

impl Node {
    const ROOT: Self = Self { level: 0, x: 0, y: 0 };

    fn children(self) -> [Self; 4] {
        [(0, 0), (1, 0), (0, 1), (1, 1)].map(|(x, y)| Self { level: self.level + 1, x: self.x * 2 + x, y: self.y * 2 + y })
    }
}

/// An implicit quadtree of binary glTF.
#[derive(Clone, Debug)]
pub struct Quadtree {
    /// West, south, east, north in degrees.
    region: [f64; 4],
    levels: u32,
    subtree_levels: u32,
    contents: String,
    subtrees: String,
}

#[derive(Deserialize)]
struct Tileset {
    root: Tile,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Tile {
    bounding_volume: Volume,
    content: Option<Uri>,
    implicit_tiling: Option<Tiling>,
    #[serde(default)]
    children: Vec<Tile>,
}

#[derive(Deserialize)]
struct Volume {
    region: Option<[f64; 6]>,
}

#[derive(Deserialize)]
struct Uri {
    uri: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Tiling {
    subdivision_scheme: String,
    available_levels: u32,
    subtree_levels: u32,
    subtrees: Uri,
}

impl Tile {
    /// The tile itself, or the first one below it, that is divided implicitly.
    fn implicit(&self) -> Option<(&Self, &Tiling)> {
        self.implicit_tiling.as_ref().map(|tiling| (self, tiling)).or_else(|| self.children.iter().find_map(Self::implicit))
    }
}

impl Quadtree {
    /// Reads `tileset.json`.
    ///
    /// # Errors
    /// It is no tileset, or has no implicit quadtree of a region.
    pub fn read(json: &[u8]) -> Result<Self, SolidsError> {
        let tileset: Tileset = serde_json::from_slice(json).map_err(|error| SolidsError::of(format!("tileset.json: {error}")))?;
        let (tile, tiling) = tileset.root.implicit().ok_or_else(|| SolidsError::of("a tileset without an implicit quadtree"))?;
        let region = tile.bounding_volume.region.ok_or_else(|| SolidsError::of("a quadtree without a region"))?;
        let contents = tile.content.as_ref().ok_or_else(|| SolidsError::of("a quadtree without content"))?;
        if tiling.subdivision_scheme != "QUADTREE" || !(1..=SUBTREE_LEVELS_MAX).contains(&tiling.subtree_levels) {
            return Err(SolidsError::of(format!(
                "“{}” in subtrees of {} levels, not QUADTREE in 1 to {SUBTREE_LEVELS_MAX}",
                tiling.subdivision_scheme, tiling.subtree_levels
            )));
        }
        let [west, south, east, north, ..] = region.map(f64::to_degrees);
        Ok(Self {
            region: [west, south, east, north],
            levels: tiling.available_levels.min(LEVELS_MAX),
            subtree_levels: tiling.subtree_levels,
            contents: contents.uri.clone(),
            subtrees: tiling.subtrees.uri.clone(),
        })
    }

    /// The address of a tile's content, from that of the tileset.
    #[must_use]
    pub fn content(&self, node: Node) -> String {
        filled(&self.contents, node)
    }

    /// The tiles with content whose regions meet a rectangle (degrees). `subtree` fetches the file at an
    /// address, from that of the tileset; each is asked for once. O(tiles that meet it).
    ///
    /// # Errors
    /// Those of `subtree`.
    pub fn meeting<S: std::ops::Deref<Target = Subtree>, E>(
        &self,
        bounds: [f64; 4],
        mut subtree: impl FnMut(Node, &str, u32) -> Result<S, E>,
    ) -> Result<Vec<Node>, E> {
        let mut found = Vec::new();
        let mut roots = vec![Node::ROOT];
        while let Some(root) = roots.pop() {
            let file = subtree(root, &filled(&self.subtrees, root), self.subtree_levels)?;
            let mut waiting = vec![root];
            while let Some(node) = waiting.pop() {
                if node.level >= self.levels || !self.meets(node, bounds) {
                    continue;
                }
                let level = node.level - root.level;
                let at = morton(node, root, level);
                if level == self.subtree_levels {
                    if file.children.has(at) {
                        roots.push(node);
                    }
                    continue;
                }
                let at = at + ((1 << (2 * level)) - 1) / 3;
                if file.tiles.has(at) {
                    if file.contents.has(at) {
                        found.push(node);
                    }
                    waiting.extend(node.children());
                }
            }
        }
        Ok(found)
    }

    fn meets(&self, node: Node, [west, south, east, north]: [f64; 4]) -> bool {
        let side = f64::from(1u32 << node.level);
        let [w, s, e, n] = self.region;
        let (width, height) = ((e - w) / side, (n - s) / side);
        let (w, s) = (w + f64::from(node.x) * width, s + f64::from(node.y) * height);
        w <= east && w + width >= west && s <= north && s + height >= south
    }
}

fn filled(template: &str, node: Node) -> String {
    [("{level}", node.level), ("{x}", node.x), ("{y}", node.y)]
        .iter()
        .fold(template.to_owned(), |t, (name, n)| t.replace(name, &n.to_string()))
}

/// The number of a tile among those of its level below a root: its coordinates there, bit by bit.
fn morton(node: Node, root: Node, level: u32) -> usize {
    let (x, y) = (node.x - (root.x << level), node.y - (root.y << level));
    (0..level).fold(0, |sum, bit| sum | ((x >> bit & 1) as usize) << (2 * bit) | ((y >> bit & 1) as usize) << (2 * bit + 1))
}

/// Which tiles there are below a root.
#[derive(Clone, Debug)]
pub struct Subtree {
    tiles: Availability,
    contents: Availability,
    children: Availability,
}

#[derive(Clone, Debug)]
enum Availability {
    All(bool),
    Bits(Vec<u8>),
}

impl Availability {
    fn has(&self, at: usize) -> bool {
        match self {
            Self::All(is) => *is,
            Self::Bits(bits) => bits.get(at / 8).is_some_and(|byte| byte >> (at % 8) & 1 == 1),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SubtreeDocument {
    tile_availability: Bits,
    content_availability: Vec<Bits>,
    child_subtree_availability: Bits,
    #[serde(default)]
    buffer_views: Vec<BitsView>,
}

#[derive(Deserialize)]
struct Bits {
    constant: Option<u8>,
    bitstream: Option<usize>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BitsView {
    byte_offset: usize,
    byte_length: usize,
}

impl Subtree {
    /// Reads a binary subtree of so many levels.
    ///
    /// # Errors
    /// The bytes are none, or too few.
    pub fn read(bytes: &[u8], levels: u32) -> Result<Self, SolidsError> {
        let ends = || SolidsError::of("the subtree ends too soon");
        if bytes.get(..4) != Some(b"subt") {
            return Err(SolidsError::of("not a binary subtree"));
        }
        // Both lengths have 64 bits, of which the upper ones are never needed.
        let length = word(bytes, 8).ok_or_else(ends)?;
        let text = bytes.get(24..).and_then(|rest| rest.get(..length)).ok_or_else(ends)?;
        let buffer = bytes.get(24 + length..).unwrap_or_default();
        let document: SubtreeDocument =
            serde_json::from_slice(text).map_err(|error| SolidsError::of(format!("the document of the subtree: {error}")))?;
        let read = |bits: &Bits, count: usize| match (bits.bitstream, bits.constant) {
            (Some(view), _) => {
                let view = document.buffer_views.get(view).ok_or_else(ends)?;
                let bits = buffer.get(view.byte_offset..).and_then(|rest| rest.get(..view.byte_length)).ok_or_else(ends)?;
                if bits.len() * 8 < count {
                    return Err(ends());
                }
                Ok(Availability::Bits(bits.to_vec()))
            }
            (None, constant) => Ok(Availability::All(constant == Some(1))),
        };
        let below = 1usize << (2 * levels);
        let inside = (below - 1) / 3;
        Ok(Self {
            tiles: read(&document.tile_availability, inside)?,
            contents: document.content_availability.first().map_or(Ok(Availability::All(false)), |bits| read(bits, inside))?,
            children: read(&document.child_subtree_availability, below)?,
        })
    }
}
