//! The city: its collections, how one asks for them, and how it is written to.

use crate::{
    Commit, Counts, IngestError, QueryError, Refused,
    areas::AreaIndex,
    edit::Edit,
    layer::Layer,
    live::{Live, LiveState},
    past::PastViews,
    reaction::Reaction,
    versions::ReadyVersions,
    writer::{Outcome, Receipt, Records, Writer},
};
use arc_swap::ArcSwap;
use citywall_model::{
    Areas, Bbox, Change, CimCategory, CityProfile, CollectionId, CollectionKind, CollectionMeta, EventDraft, FeatureRef, Grid,
    ImageryLevels, LiveItem, LocalText, Revision,
};
use citywall_store::{CityStore, LayerDraft, LayerStage, Pyramid, StoreError};
use parking_lot::{Mutex, RwLock, RwLockReadGuard};
use rayon::prelude::*;
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// A collection in memory.
#[derive(Clone)]
pub(crate) enum Kind {
    Layer(Arc<Layer>),
    Raster(Arc<Raster>),
    Live(Arc<Live>),
}

/// A collection without items: an elevation grid in memory, or imagery, whose tiles stay in the store.
pub(crate) struct Raster {
    pub(crate) meta: CollectionMeta,
    cells: Cells,
}

enum Cells {
    Heights(Grid),
    Pictures(ImageryLevels),
}

impl Raster {
    fn grid(&self) -> Option<&Grid> {
        match &self.cells {
            Cells::Heights(grid) => Some(grid),
            Cells::Pictures(_) => None,
        }
    }

    fn imagery(&self) -> Option<ImageryLevels> {
        match self.cells {
            Cells::Pictures(levels) => Some(levels),
            Cells::Heights(_) => None,
        }
    }
}

/// Is told of every commit, in order, on the writer's thread: it must not block.
type Listener = Box<dyn Fn(&Commit) + Send + Sync>;

/// What readers and the writer share.
pub(crate) struct Shared {
    pub(crate) store: Arc<dyn CityStore>,
    collections: ArcSwap<BTreeMap<CollectionId, Kind>>,
    profile: ArcSwap<CityProfile>,
    pub(crate) areas: ArcSwap<AreaIndex>,
    revision: AtomicU64,
    /// Held from the choice of a revision until it is visible, so that revisions become visible in order.
    pub(crate) commit_lock: Mutex<()>,
    listeners: RwLock<Vec<Listener>>,
    /// Locked by the writer alone, but for the moment in which it is set.
    pub(crate) reaction: Mutex<Option<Box<dyn Reaction>>>,
    pub(crate) past: PastViews,
    pub(crate) versions: ReadyVersions,
}

impl Shared {
    pub(crate) fn revision(&self) -> Revision {
        Revision(self.revision.load(Ordering::Acquire))
    }

    pub(crate) fn collection(&self, id: &CollectionId) -> Option<Kind> {
        self.collections.load().get(id).cloned()
    }

    /// Makes a committed write visible: the trees already have it.
    pub(crate) fn announce(&self, revision: Revision, changes: Arc<[Change]>, layer: Option<CollectionId>) {
        let after = self.revision();
        self.revision.store(revision.0, Ordering::Release);
        self.past.note(&changes);
        let commit = Commit { after, revision, changes, layer };
        self.listeners.read().iter().for_each(|listener| listener(&commit));
    }

    fn put(&self, id: CollectionId, kind: Kind) {
        self.collections.rcu(|map| {
            let mut map = BTreeMap::clone(map);
            map.insert(id.clone(), kind.clone());
            map
        });
    }

    /// Indexes the areas anew: their layers, or the profile that names them, have changed.
    fn find_areas(&self) {
        self.areas.store(Arc::new(AreaIndex::new(&self.profile.load(), &self.collections.load())));
    }
}

/// A city, ready to be asked and written to from any thread.
pub struct City {
    pub(crate) shared: Arc<Shared>,
    writer: Writer,
}

impl City {
    /// Loads every collection of a store, layers in parallel.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn open(store: Arc<dyn CityStore>) -> Result<Self, QueryError> {
        let profile = store.profile()?;
        let loaded: Result<BTreeMap<_, _>, StoreError> = store
            .collections()?
            .into_par_iter()
            .map(|meta| {
                let id = meta.id.clone();
                let kind = match meta.kind {
                    CollectionKind::Layer => Kind::Layer(Arc::new(Layer::new(meta, store.load_layer(&id)?))),
                    CollectionKind::Elevation => Kind::Raster(Arc::new(Raster { meta, cells: Cells::Heights(store.load_grid(&id)?) })),
                    CollectionKind::Imagery => Kind::Raster(Arc::new(Raster { meta, cells: Cells::Pictures(store.imagery_levels(&id)?) })),
                    _ => {
                        let state = RwLock::new(LiveState::load(&store.load_live(&id)?.items));
                        Kind::Live(Arc::new(Live { meta, state }))
                    }
                };
                Ok((id, kind))
            })
            .collect();
        let shared = Arc::new(Shared {
            collections: ArcSwap::from_pointee(loaded?),
            profile: ArcSwap::from_pointee(profile),
            areas: ArcSwap::default(),
            revision: AtomicU64::new(store.revision().0),
            commit_lock: Mutex::new(()),
            listeners: RwLock::new(Vec::new()),
            reaction: Mutex::new(None),
            past: PastViews::default(),
            versions: ReadyVersions::default(),
            store,
        });
        shared.find_areas();
        let writer = Writer::start(shared.clone());
        Ok(Self { shared, writer })
    }

    /// The last revision that every reader sees.
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.shared.revision()
    }

    /// The city's profile.
    #[must_use]
    pub fn profile(&self) -> Arc<CityProfile> {
        self.shared.profile.load_full()
    }

    /// Replaces the profile.
    ///
    /// # Errors
    /// The store cannot be written.
    pub fn set_profile(&self, profile: CityProfile) -> Result<(), QueryError> {
        self.shared.store.set_profile(&profile)?;
        self.shared.profile.store(Arc::new(profile));
        self.shared.find_areas();
        Ok(())
    }

    /// The city's extent: the profile's, or else that of all items; `None` in an empty city.
    #[must_use]
    pub fn extent(&self) -> Option<Bbox> {
        let all = || self.collections().iter().filter_map(|view| view.meta().extent).reduce(Bbox::union);
        self.profile().extent.or_else(all)
    }

    /// The areas that a place lies in: longitude, latitude in degrees. On a border, the first area
    /// of the level's layer counts. Well under a microsecond.
    #[must_use]
    pub fn areas_at(&self, longitude: f64, latitude: f64) -> Areas {
        self.shared.areas.load().at(geo::Point::new(longitude, latitude))
    }

    /// The store behind the city.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn CityStore> {
        &self.shared.store
    }

    /// Every collection, in order of id.
    #[must_use]
    pub fn collections(&self) -> Vec<CollectionView> {
        let revision = self.revision();
        self.shared.collections.load().values().map(|kind| CollectionView { kind: kind.clone(), revision }).collect()
    }

    /// One collection.
    ///
    /// # Errors
    /// There is no such collection.
    pub fn view(&self, id: &CollectionId) -> Result<CollectionView, QueryError> {
        let revision = self.revision();
        let kind = self.shared.collection(id).ok_or_else(|| QueryError::NoCollection(id.clone()))?;
        Ok(CollectionView { kind, revision })
    }

    /// Makes a live collection if there is none of that id.
    ///
    /// # Errors
    /// A layer has the id, or the store cannot be written.
    pub fn create_live(
        &self,
        id: &CollectionId,
        kind: CollectionKind,
        title: &LocalText,
        category: CimCategory,
        generated: bool,
    ) -> Result<(), QueryError> {
        let _in_order = self.shared.commit_lock.lock();
        self.shared.store.create_live(id, kind, title, category, generated)?;
        if self.shared.collection(id).is_none() {
            let meta = self.shared.store.collections()?.into_iter().find(|meta| meta.id == *id);
            let meta = meta.ok_or_else(|| QueryError::NoCollection(id.clone()))?;
            let state = RwLock::new(LiveState::load(&self.shared.store.load_live(id)?.items));
            self.shared.put(id.clone(), Kind::Live(Arc::new(Live { meta, state })));
        }
        Ok(())
    }

    /// Writes a batch to a live collection and returns once it is durable and visible: one
    /// result per record, in order. A record that changes nothing gives the item's own revision.
    ///
    /// # Errors
    /// Nothing of the batch was kept; see [`IngestError`].
    pub fn ingest(&self, id: &CollectionId, batch: Vec<EventDraft>, actor: &str) -> Result<Vec<Result<Receipt, Refused>>, IngestError> {
        self.writer.ingest(id, batch, actor)
    }

    /// As [`City::ingest`], without waiting: `reply` is called on the writer's thread once the
    /// batch is durable and visible, and must not block.
    ///
    /// # Errors
    /// The batch was not queued, and `reply` will not be called; see [`IngestError`].
    pub fn submit(
        &self,
        id: &CollectionId,
        batch: Vec<EventDraft>,
        actor: &str,
        reply: impl FnOnce(Outcome) + Send + 'static,
    ) -> Result<(), IngestError> {
        self.writer.submit(id, Records::Drafts(batch), actor, Box::new(reply))
    }

    /// As [`City::submit`], for one item that a client edits: `reply` gets one result.
    ///
    /// # Errors
    /// The edit was not queued, and `reply` will not be called; see [`IngestError`].
    pub fn submit_edit(
        &self,
        id: &CollectionId,
        edit: Edit,
        actor: &str,
        reply: impl FnOnce(Outcome) + Send + 'static,
    ) -> Result<(), IngestError> {
        self.writer.submit(id, Records::Edit(Box::new(edit)), actor, Box::new(reply))
    }

    /// Has a reaction take part in every later commit: what it drafts is committed with what it
    /// saw, in one transaction. There is one reaction; a later one takes the place of the first.
    pub fn set_reaction(&self, reaction: Box<dyn Reaction>) {
        *self.shared.reaction.lock() = Some(reaction);
    }

    /// The records that wait for the writer.
    #[must_use]
    pub fn ingest_waiting(&self) -> usize {
        self.writer.waiting()
    }

    /// Makes a staged layer version current. Readers go on with the version before until the
    /// new one is loaded and indexed; then it takes one short transaction.
    ///
    /// # Errors
    /// The store cannot be read or written; the version before stays current.
    pub fn publish(&self, stage: Box<dyn LayerStage>) -> Result<CollectionMeta, QueryError> {
        let mut layer = Layer::new(stage.meta(), stage.load()?);
        let _in_order = self.shared.commit_lock.lock();
        let meta = stage.publish()?;
        layer.meta = meta.clone();
        self.shared.put(meta.id.clone(), Kind::Layer(Arc::new(layer)));
        if self.profile().area_levels.iter().any(|level| level.collection == meta.id) {
            self.shared.find_areas();
        }
        self.shared.announce(meta.revision, Arc::default(), Some(meta.id.clone()));
        Ok(meta)
    }

    /// Makes an elevation grid current, as [`City::publish`] does a layer.
    ///
    /// # Errors
    /// Another kind of collection has the id, a limit is passed, or the store cannot be written.
    pub fn put_grid(&self, draft: LayerDraft, grid: Grid) -> Result<CollectionMeta, QueryError> {
        let _in_order = self.shared.commit_lock.lock();
        let meta = self.shared.store.put_grid(draft, &grid)?;
        self.shared.put(meta.id.clone(), Kind::Raster(Arc::new(Raster { meta: meta.clone(), cells: Cells::Heights(grid) })));
        self.shared.announce(meta.revision, Arc::default(), Some(meta.id.clone()));
        Ok(meta)
    }

    /// Makes imagery current, as [`City::publish`] does a layer.
    ///
    /// # Errors
    /// Another kind of collection has the id, a limit is passed, or the store cannot be written.
    pub fn put_imagery(&self, draft: LayerDraft, tiles: &Pyramid) -> Result<CollectionMeta, QueryError> {
        let publish = self.shared.store.stage_imagery(draft, tiles)?;
        let _in_order = self.shared.commit_lock.lock();
        let meta = publish()?;
        let levels = self.shared.store.imagery_levels(&meta.id)?;
        self.shared.put(meta.id.clone(), Kind::Raster(Arc::new(Raster { meta: meta.clone(), cells: Cells::Pictures(levels) })));
        self.shared.announce(meta.revision, Arc::default(), Some(meta.id.clone()));
        Ok(meta)
    }

    /// A kept tile of imagery, PNG or WebP; `None` where nothing is shown. Reads the store.
    ///
    /// # Errors
    /// There is no such imagery, or the store cannot be read.
    pub fn imagery_tile(&self, id: &CollectionId, level: u32, column: u32, row: u32) -> Result<Option<Vec<u8>>, QueryError> {
        Ok(self.shared.store.imagery_tile(id, level, column, row)?)
    }

    /// The height of the ground at a place in the city's vertical datum, from the first
    /// elevation grid, in order of id, that knows it.
    #[must_use]
    pub fn ground_height_m(&self, longitude: f64, latitude: f64) -> Option<f64> {
        self.shared.collections.load().values().find_map(|kind| match kind {
            Kind::Raster(raster) => raster.grid()?.height_m(longitude, latitude),
            Kind::Layer(_) | Kind::Live(_) => None,
        })
    }

    /// Has a listener told of every later commit, in order, on the writer's thread. It must not
    /// block and must not write to the city.
    pub fn on_commit(&self, listener: impl Fn(&Commit) + Send + Sync + 'static) {
        self.shared.listeners.write().push(Box::new(listener));
    }

    /// Runs `read` between two commits: what it sees is one revision, over all collections.
    /// Writers wait, so it must be short.
    pub fn at_rest<R>(&self, read: impl FnOnce(Revision) -> R) -> R {
        let _in_order = self.shared.commit_lock.lock();
        read(self.revision())
    }
}

/// A collection as it stands while it is being read. A layer's view stays the version that it
/// was taken of; a live collection's view follows the changes.
#[derive(Clone)]
pub struct CollectionView {
    pub(crate) kind: Kind,
    revision: Revision,
}

impl CollectionView {
    /// The same collection with another content.
    pub(crate) fn with(self, kind: Kind) -> Self {
        Self { kind, ..self }
    }

    /// What is known of the collection; of a live one with its count and extent right now.
    #[must_use]
    pub fn meta(&self) -> CollectionMeta {
        match &self.kind {
            Kind::Layer(layer) => layer.meta.clone(),
            Kind::Raster(raster) => raster.meta.clone(),
            Kind::Live(live) => {
                let state = live.state.read();
                CollectionMeta { count: state.counts.total, extent: state.extent(), revision: state.revision, ..live.meta.clone() }
            }
        }
    }

    /// As [`CollectionView::meta`] without a copy; the count, extent and revision of a live
    /// collection are those that it was loaded with.
    #[must_use]
    pub fn loaded_meta(&self) -> &CollectionMeta {
        match &self.kind {
            Kind::Layer(layer) => &layer.meta,
            Kind::Raster(raster) => &raster.meta,
            Kind::Live(live) => &live.meta,
        }
    }

    /// The collection's id.
    #[must_use]
    pub fn id(&self) -> &CollectionId {
        &self.loaded_meta().id
    }

    /// The heights of an elevation collection; `None` of any other.
    #[must_use]
    pub fn grid(&self) -> Option<&Grid> {
        match &self.kind {
            Kind::Raster(raster) => raster.grid(),
            Kind::Layer(_) | Kind::Live(_) => None,
        }
    }

    /// The levels of WebMercatorQuad at which imagery is kept; `None` of any other collection.
    #[must_use]
    pub fn imagery(&self) -> Option<ImageryLevels> {
        match &self.kind {
            Kind::Raster(raster) => raster.imagery(),
            Kind::Layer(_) | Kind::Live(_) => None,
        }
    }

    /// True for what has cells instead of items: elevation and imagery.
    #[must_use]
    pub fn is_raster(&self) -> bool {
        matches!(self.kind, Kind::Raster(_))
    }

    /// How the collection's items change.
    #[must_use]
    pub fn kind(&self) -> CollectionKind {
        match &self.kind {
            Kind::Layer(_) => CollectionKind::Layer,
            Kind::Raster(raster) => raster.meta.kind,
            Kind::Live(live) => live.meta.kind,
        }
    }

    /// True for a live collection.
    #[must_use]
    pub fn is_live(&self) -> bool {
        matches!(self.kind, Kind::Live(_))
    }

    /// The revision that answers of this view name: all changes up to it are seen.
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// The revision at which the collection itself last changed: what its ETags are made of.
    #[must_use]
    pub fn changed(&self) -> Revision {
        match &self.kind {
            Kind::Layer(layer) => layer.meta.revision,
            Kind::Raster(raster) => raster.meta.revision,
            Kind::Live(live) => live.state.read().revision,
        }
    }

    /// The version that cursors name: a layer's revision, 0 for a live collection.
    pub(crate) fn version(&self) -> Revision {
        match &self.kind {
            Kind::Layer(layer) => layer.meta.revision,
            Kind::Raster(raster) => raster.meta.revision,
            Kind::Live(_) => Revision(0),
        }
    }

    /// The items by state; of a layer, only the total.
    #[must_use]
    pub fn counts(&self) -> Counts {
        match &self.kind {
            Kind::Layer(layer) => Counts { total: layer.table.len() as u64, ..Counts::default() },
            Kind::Raster(_) => Counts::default(),
            Kind::Live(live) => live.state.read().counts,
        }
    }

    /// The items of a live collection by the areas that they lie in, in no particular order. Kept up
    /// to date, so O(areas); empty for a layer.
    #[must_use]
    pub fn counts_of_areas(&self) -> Vec<(Areas, Counts)> {
        match &self.kind {
            Kind::Layer(_) | Kind::Raster(_) => Vec::new(),
            Kind::Live(live) => live.state.read().counts_of_areas(),
        }
    }

    /// The items of a live collection by the code of the area that they lie in, on a level counted
    /// from the largest; `""` has those of which it is not known. Kept up to date, so O(areas);
    /// empty for a layer.
    #[must_use]
    pub fn counts_by_area(&self, level: usize) -> BTreeMap<String, Counts> {
        match &self.kind {
            Kind::Layer(_) | Kind::Raster(_) => BTreeMap::new(),
            Kind::Live(live) => live.state.read().counts_by_area(level),
        }
    }

    /// Reads one item by id; `None` if there is none. O(log n).
    pub fn item<R>(&self, id: &str, read: impl FnOnce(FeatureRef<'_>) -> R) -> Option<R> {
        match &self.kind {
            Kind::Raster(_) => None,
            Kind::Layer(layer) => layer.table.row_of_id(id).map(|row| read(FeatureRef::Row(&layer.table, row))),
            Kind::Live(live) => {
                let item = live.state.read().by_id(id).cloned()?;
                Some(read(FeatureRef::Live(&item)))
            }
        }
    }

    /// Reads one item by the number that stands for it in tiles; `None` if there is none. O(log n).
    pub fn item_by_fid<R>(&self, fid: u64, read: impl FnOnce(FeatureRef<'_>) -> R) -> Option<R> {
        match &self.kind {
            Kind::Raster(_) => None,
            Kind::Layer(layer) => layer.table.row_of_fid(fid).map(|row| read(FeatureRef::Row(&layer.table, row))),
            Kind::Live(live) => {
                let item = live.state.read().by_fid(fid).cloned()?;
                Some(read(FeatureRef::Live(&item)))
            }
        }
    }

    /// The open items of a live collection in the order in which they first came; none of a layer.
    #[must_use]
    pub fn open_items(&self) -> Vec<LiveItem> {
        match &self.kind {
            Kind::Layer(_) | Kind::Raster(_) => Vec::new(),
            Kind::Live(live) => {
                let state: RwLockReadGuard<'_, LiveState> = live.state.read();
                state.items().filter(|item| !item.is_cleared()).cloned().collect()
            }
        }
    }
}
