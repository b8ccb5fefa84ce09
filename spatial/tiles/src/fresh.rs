//! Tiles that are never stale: one is made new when, and only when, a shape in it has changed.

use crate::{
    CachedTile, Coding, Tile, TileBuilder, TileId,
    cache::{TileCache, TileKey},
    touched::{TouchLog, Touched},
};
use citywall_model::{FeatureRef, Revision};
use citywall_query::{City, CollectionView, Commit};
use std::sync::Arc;

/// A tile as it is now.
#[derive(Clone, Debug)]
pub struct Fresh {
    /// The tile.
    pub tile: Arc<CachedTile>,
    /// The revision at which it last became what it is: the state that it shows until the next.
    pub revision: Revision,
    /// All changes up to this revision are in it.
    pub checked: Revision,
    /// False if it came out of the cache.
    pub built: bool,
}

/// Makes tiles of a city's collections and keeps them for as long as they are right.
#[derive(Debug)]
pub struct FreshTiles {
    cache: TileCache,
    log: TouchLog,
}

impl FreshTiles {
    /// Tiles of a city of which every later commit is given to [`FreshTiles::note`].
    #[must_use]
    pub fn new(bytes_max: u64, started: Revision) -> Self {
        Self { cache: TileCache::new(bytes_max), log: TouchLog::new(started) }
    }

    /// Follows a city: its commits are noted from now on.
    #[must_use]
    pub fn follow(city: &City, bytes_max: u64) -> Arc<Self> {
        city.at_rest(|revision| {
            let tiles = Arc::new(Self::new(bytes_max, revision));
            let noting = Arc::downgrade(&tiles);
            city.on_commit(move |commit| {
                if let Some(tiles) = noting.upgrade() {
                    tiles.note(commit);
                }
            });
            tiles
        })
    }

    /// Takes a commit. Quick: nothing is made before it is asked for.
    pub fn note(&self, commit: &Commit) {
        self.log.note(commit);
    }

    /// The tile of some collections, one layer each, in a coding. Of several that ask for the same at
    /// once, one makes it and the others wait.
    #[must_use]
    pub fn tile(&self, views: &[CollectionView], id: TileId, coding: Coding) -> Fresh {
        if let Some(kept) = self.kept(views, id, coding) {
            return kept;
        }
        // Read before the items: the tile may show more than it says, never less.
        let noted = self.log.noted();
        let (entry, built) = self.cache.put_if(
            &key(views, id),
            coding,
            |known| !self.is_right(views, id, known.checked.get()),
            || {
                let revision = views.iter().map(|view| self.revision(view, id)).max().unwrap_or_default();
                (draw(views, id), revision, noted)
            },
        );
        Fresh { tile: entry.tile, revision: entry.revision, checked: entry.checked.get(), built }
    }

    /// The tile in a coding from the cache, if it is there and still right. Draws and packs nothing.
    #[must_use]
    pub fn kept(&self, views: &[CollectionView], id: TileId, coding: Coding) -> Option<Fresh> {
        let noted = self.log.noted();
        let entry = self.cache.get(&key(views, id)).filter(|entry| entry.tile.form(coding).is_some())?;
        if !self.is_right(views, id, entry.checked.get()) {
            return None;
        }
        entry.checked.raise(noted);
        Some(Fresh { tile: entry.tile, revision: entry.revision, checked: noted, built: false })
    }

    /// False if something in the tile has changed since a revision, or may have.
    fn is_right(&self, views: &[CollectionView], id: TileId, checked: Revision) -> bool {
        let window = id.window();
        let same = |view: &CollectionView| view.changed() <= checked || self.log.since(view.id(), checked, &window) == Touched::No;
        views.iter().all(same)
    }

    /// The revision at which a collection's part of a tile last changed: the same again after the
    /// tile has left the cache, for as long as the log reaches.
    fn revision(&self, view: &CollectionView, id: TileId) -> Revision {
        let base = self.log.complete_after(view.id());
        match self.log.since(view.id(), base, &id.window()) {
            Touched::At(revision) => revision,
            Touched::No | Touched::Unknown => view.changed().min(base),
        }
    }

    /// Where the city changed lately.
    #[must_use]
    pub fn log(&self) -> &TouchLog {
        &self.log
    }

    /// The number of tiles in the cache and the bytes that they take, both approximate.
    #[must_use]
    pub fn size(&self) -> (u64, u64) {
        self.cache.size()
    }
}

fn key(views: &[CollectionView], tile: TileId) -> TileKey {
    TileKey { collections: views.iter().map(|view| view.id().clone()).collect(), tile }
}

/// Draws a tile of those items of a collection that are to be kept. O(items in the tile).
#[must_use]
pub fn draw_kept(view: &CollectionView, id: TileId, keep: impl Fn(FeatureRef<'_>) -> bool) -> Tile {
    let mut builder = TileBuilder::new(id);
    let mut layer = builder.layer(view.id().as_str());
    view.window(&id.window(), |item| {
        if keep(item) {
            layer.add(item);
        }
    });
    builder.finish()
}

/// Draws a tile of some collections.
#[must_use]
pub fn draw(views: &[CollectionView], id: TileId) -> Tile {
    let mut builder = TileBuilder::new(id);
    for view in views {
        let mut layer = builder.layer(view.id().as_str());
        view.window(&id.window(), |item| layer.add(item));
    }
    builder.finish()
}
