//! The solids of buildings, from the server's 3D Tiles.
//!
//! A tile of the wall needs the solids of all tiles of the tileset's quadtree that meet it: large buildings stand
//! in the coarse ones. Those are shared by neighbours, and kept.

use super::{HttpError, Server};
use crate::solids::{Node, Quadtree, Solids, SolidsError, Subtree};
use rustc_hash::FxHashMap;
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

/// Bytes of solids that are kept.
const KEPT_BYTES_MAX: usize = 96 << 20;
/// Tiles of a quadtree that one tile of the wall may take its solids from.
const NODES_MAX: usize = 256;

/// The tilesets that were read last, by their collections.
#[derive(Default)]
pub struct SolidTiles(Mutex<FxHashMap<String, Arc<Tileset>>>);

/// A version of a layer's tileset.
struct Tileset {
    revision: u64,
    quadtree: Quadtree,
    subtrees: Mutex<FxHashMap<Node, Arc<Subtree>>>,
    kept: Mutex<Kept>,
}

type Slot = Arc<Mutex<Option<Arc<Solids>>>>;

#[derive(Default)]
struct Kept {
    slots: FxHashMap<Node, Slot>,
    order: VecDeque<(Node, usize)>,
    bytes: usize,
}

/// Why solids are missing.
enum Failure {
    /// The server cannot be reached: the tile is tried again.
    Unreachable(HttpError),
    /// What it says cannot be used: the buildings are drawn from their footprints.
    Fault(String),
}

impl Failure {
    fn of(path: &str, error: HttpError) -> Self {
        match error {
            HttpError::Status(code @ (404 | 410)) => Self::Fault(format!("{path}: {code}")),
            error => Self::Unreachable(error),
        }
    }
}

impl SolidTiles {
    /// The solids of a version of a collection that may stand in a rectangle (degrees); nothing of a tileset that
    /// is missing or corrupt, which `faults` tells.
    ///
    /// # Errors
    /// The server cannot be reached.
    pub fn meeting(
        &self,
        server: &Server,
        (collection, revision): (&str, u64),
        bounds: [f64; 4],
        faults: &mut Vec<String>,
    ) -> Result<Vec<Arc<Solids>>, HttpError> {
        let mut found = Vec::new();
        let mut failed = |failure| match failure {
            Failure::Unreachable(error) => Err(error),
            Failure::Fault(fault) => {
                faults.push(fault);
                Ok(())
            }
        };
        let root = format!("/collections/{collection}/3dtiles");
        let nodes = self.tileset(server, &root, collection, revision).and_then(|tileset| {
            let nodes = tileset.quadtree.meeting(bounds, |node, address, levels| tileset.subtree(server, &root, node, address, levels))?;
            Ok((tileset, nodes))
        });
        match nodes {
            Err(failure) => failed(failure)?,
            Ok((_, nodes)) if nodes.len() > NODES_MAX => {
                failed(Failure::Fault(format!("{root}: {} tiles meet one of the wall's, more than NODES_MAX ({NODES_MAX})", nodes.len())))?;
            }
            Ok((tileset, nodes)) => {
                for node in nodes {
                    match tileset.solids(server, &root, node) {
                        Ok(solids) => found.push(solids),
                        Err(failure) => failed(failure)?,
                    }
                }
            }
        }
        Ok(found)
    }

    fn tileset(&self, server: &Server, root: &str, collection: &str, revision: u64) -> Result<Arc<Tileset>, Failure> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(tileset) = known.get(collection).filter(|tileset| tileset.revision == revision) {
            return Ok(Arc::clone(tileset));
        }
        let path = format!("{root}/tileset.json?v={revision}");
        let quadtree = fetched(server, &path, "application/json", Quadtree::read)?;
        let tileset = Arc::new(Tileset { revision, quadtree, subtrees: Mutex::default(), kept: Mutex::default() });
        known.insert(collection.to_owned(), Arc::clone(&tileset));
        Ok(tileset)
    }
}

impl Tileset {
    fn subtree(&self, server: &Server, root: &str, node: Node, address: &str, levels: u32) -> Result<Arc<Subtree>, Failure> {
        let mut subtrees = self.subtrees.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(subtree) = subtrees.get(&node) {
            return Ok(Arc::clone(subtree));
        }
        let path = format!("{root}/{address}");
        let subtree = Arc::new(fetched(server, &path, "application/octet-stream", |bytes| Subtree::read(bytes, levels))?);
        subtrees.insert(node, Arc::clone(&subtree));
        Ok(subtree)
    }

    fn solids(&self, server: &Server, root: &str, node: Node) -> Result<Arc<Solids>, Failure> {
        // Whoever comes first fetches a tile, the others wait for it. A fault is not kept.
        let slot = Arc::clone(self.kept.lock().unwrap_or_else(PoisonError::into_inner).slots.entry(node).or_default());
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(solids) = &*slot {
            return Ok(Arc::clone(solids));
        }
        let path = format!("{root}/{}", self.quadtree.content(node));
        let solids = Arc::new(fetched(server, &path, "model/gltf-binary", Solids::read)?);
        *slot = Some(Arc::clone(&solids));
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).keep(node, solids.bytes());
        Ok(solids)
    }
}

impl Kept {
    /// Notes what a tile takes, and forgets the oldest ones that no longer fit beside it.
    fn keep(&mut self, node: Node, bytes: usize) {
        self.order.push_back((node, bytes));
        self.bytes += bytes;
        while self.bytes > KEPT_BYTES_MAX
            && self.order.len() > 1
            && let Some((oldest, bytes)) = self.order.pop_front()
        {
            self.slots.remove(&oldest);
            self.bytes -= bytes;
        }
    }
}

fn fetched<T>(server: &Server, path: &str, media: &str, read: impl FnOnce(&[u8]) -> Result<T, SolidsError>) -> Result<T, Failure> {
    let bytes = server.get(path, media).map_err(|error| Failure::of(path, error))?;
    read(&bytes).map_err(|error| Failure::Fault(format!("{path}: {error}")))
}
