//! Which building stands in which tile.

use citywall_model::{Bbox, FeatureRef, geometry};
use citywall_query::CollectionView;
use rustc_hash::FxHashMap;
use std::ops::Range;

/// Buildings that a node takes before the next ones go deeper.
const NODE_ITEMS_MAX: u32 = 400;
/// The deepest level of a quadtree.
const LEVEL_MAX: u32 = 14;
/// Half of a nearly flat layer's height, so that no region is without volume, metres.
const HEIGHT_MIN_M: f64 = 1.0;

/// A node of the quadtree: level, column from the west, row from the south (22-025r4, 7.3).
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
    /// The node of the level above.
    #[must_use]
    pub fn parent(self) -> Option<Self> {
        self.level.checked_sub(1).map(|level| Self { level, x: self.x / 2, y: self.y / 2 })
    }
}

/// A layer's buildings by node: the same for the same version.
#[derive(Debug)]
pub struct Plan {
    extent: Bbox,
    heights_m: [f64; 2],
    levels: u32,
    nodes: FxHashMap<Node, Range<usize>>,
    /// Every node that is there or has one below it.
    ancestors: FxHashMap<Node, ()>,
    fids: Vec<u64>,
}

/// A building on its way to a node.
struct Candidate {
    fid: u64,
    bounds: Bbox,
    importance: f64,
}

/// The height of a building above its foot, metres: `height`, or else three metres a floor.
pub fn height_m(item: FeatureRef<'_>) -> Option<f64> {
    let own = item.number("height").filter(|h| h.is_finite() && (0.1..=1500.0).contains(h));
    own.or_else(|| {
        ["floors", "building:levels"].iter().find_map(|name| item.number(name)).filter(|n| (1.0..=400.0).contains(n)).map(|n| n * 3.0)
    })
}

impl Plan {
    /// Plans a layer. `ground_m` are the least and the greatest ellipsoidal height at which its
    /// buildings stand.
    /// O(n log n); `None` if nothing of the layer is a polygon.
    #[must_use]
    pub fn of(view: &CollectionView, ground_m: [f64; 2]) -> Option<Self> {
        let mut all = Vec::new();
        let (mut extent, mut highest) = (Bbox::EMPTY, HEIGHT_MIN_M);
        view.window(&Bbox::WORLD, |item| {
            let Some(wkb) = item.geometry() else { return };
            let bounds = geometry::bounds(wkb);
            if !is_areal(wkb) || bounds.is_empty() {
                return;
            }
            let height = height_m(item).unwrap_or(HEIGHT_MIN_M);
            extent = extent.union(bounds);
            highest = highest.max(height);
            let area = (bounds.x_max - bounds.x_min) * (bounds.y_max - bounds.y_min);
            all.push(Candidate { fid: item.fid(), bounds, importance: area * height.max(3.0) });
        });
        if all.is_empty() {
            return None;
        }
        all.sort_unstable_by(|a, b| b.importance.total_cmp(&a.importance).then(a.fid.cmp(&b.fid)));
        let mut taken: FxHashMap<Node, Vec<u64>> = FxHashMap::default();
        let mut levels = 1;
        for item in &all {
            let deepest = deepest_holding(&extent, &item.bounds);
            let at = |level: u32| Node { level, x: deepest.x >> (deepest.level - level), y: deepest.y >> (deepest.level - level) };
            let has_room = |node: &Node| taken.get(node).is_none_or(|fids| fids.len() < NODE_ITEMS_MAX as usize);
            let node = (0..=deepest.level).map(at).find(has_room).unwrap_or(deepest);
            levels = levels.max(node.level + 1);
            taken.entry(node).or_default().push(item.fid);
        }
        let mut order: Vec<(Node, Vec<u64>)> = taken.into_iter().collect();
        order.sort_unstable_by_key(|(node, _)| *node);
        let (mut nodes, mut ancestors, mut fids) = (FxHashMap::default(), FxHashMap::default(), Vec::with_capacity(all.len()));
        for (node, mut members) in order {
            members.sort_unstable();
            nodes.insert(node, fids.len()..fids.len() + members.len());
            fids.extend(members);
            let mut up = Some(node);
            while let Some(node) = up
                && ancestors.insert(node, ()).is_none()
            {
                up = node.parent();
            }
        }
        Some(Self { extent, heights_m: [ground_m[0] - HEIGHT_MIN_M, ground_m[1] + highest + HEIGHT_MIN_M], levels, nodes, ancestors, fids })
    }

    /// The layer's extent, degrees.
    #[must_use]
    pub fn extent(&self) -> &Bbox {
        &self.extent
    }

    /// The least and the greatest ellipsoidal height, metres.
    #[must_use]
    pub fn heights_m(&self) -> [f64; 2] {
        self.heights_m
    }

    /// The number of levels.
    #[must_use]
    pub fn levels(&self) -> u32 {
        self.levels
    }

    /// The buildings of a node by fid; `None` if it has none.
    #[must_use]
    pub fn members(&self, node: Node) -> Option<&[u64]> {
        self.fids.get(self.nodes.get(&node)?.clone())
    }

    /// True if a node or one below it has buildings.
    #[must_use]
    pub fn is_there(&self, node: Node) -> bool {
        self.ancestors.contains_key(&node)
    }

    /// Every node with buildings, in order.
    #[must_use]
    pub fn nodes(&self) -> Vec<Node> {
        let mut nodes: Vec<Node> = self.nodes.keys().copied().collect();
        nodes.sort_unstable();
        nodes
    }

    /// The rectangle of a node, degrees.
    #[must_use]
    pub fn region(&self, node: Node) -> Bbox {
        region(&self.extent, node)
    }

    /// The layer's greatest width on the ground, metres.
    #[must_use]
    pub fn width_m(&self) -> f64 {
        let Bbox { x_min, y_min, x_max, y_max } = self.extent;
        let metres = 111_195.08;
        ((x_max - x_min) * metres * f64::midpoint(y_min, y_max).to_radians().cos()).max((y_max - y_min) * metres)
    }
}

/// True for ISO WKB of polygons, codes 3 and 6, with or without heights.
fn is_areal(wkb: &[u8]) -> bool {
    let code = wkb.get(1..5).and_then(|bytes| bytes.first_chunk::<4>()).map(|bytes| u32::from_le_bytes(*bytes) % 1000);
    matches!(code, Some(3 | 6))
}

fn region(extent: &Bbox, node: Node) -> Bbox {
    let side = f64::from(1u32 << node.level);
    let (width, height) = ((extent.x_max - extent.x_min) / side, (extent.y_max - extent.y_min) / side);
    let (west, south) = (extent.x_min + f64::from(node.x) * width, extent.y_min + f64::from(node.y) * height);
    Bbox::new(west, south, west + width, south + height)
}

/// The deepest node whose rectangle holds an envelope: content must not reach out of its tile.
fn deepest_holding(extent: &Bbox, bounds: &Bbox) -> Node {
    let mut node = Node { level: 0, x: 0, y: 0 };
    while node.level < LEVEL_MAX {
        let (longitude, latitude) = region(extent, node).center();
        let (east, north) = (bounds.x_min >= longitude, bounds.y_min >= latitude);
        if (!east && bounds.x_max > longitude) || (!north && bounds.y_max > latitude) {
            break;
        }
        node = Node { level: node.level + 1, x: 2 * node.x + u32::from(east), y: 2 * node.y + u32::from(north) };
    }
    node
}
