//! Chooses tiles for the view, asks for them, and hands them to the picture.

use crate::{
    camera::Rig,
    city::{City, Ground, PictureSize, WallClock},
    displays::Displays,
    geo::{CityPlane, TileId},
    lod::{Pyramid, Selection, TileCache, View},
    net::{TileLoader, TilePlan},
    render::{Picture, TileDraw},
    scene::Colouring,
    tiles::{BuildingTable, Role},
};
use bevy::prelude::*;
use rustc_hash::FxHashMap;
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

/// Bytes of tiles on the GPU, beyond what is drawn at the moment.
pub const TILE_BYTES_MAX: usize = 768 << 20;
/// Tiles that are taken in per frame, so that no frame stalls.
const ARRIVALS_PER_FRAME_MAX: usize = 12;

/// The tiles of the city.
#[derive(Resource)]
pub struct Tiles {
    loader: TileLoader,
    cache: TileCache,
    pyramid: Option<Mutex<Pyramid>>,
    plan: Option<Arc<TilePlan>>,
    extent: [f64; 4],
    selection: Selection,
    tile_px: f64,
    faults: u64,
    drawn_levels: BTreeSet<u8>,
    /// What is known of the buildings of each tile on the GPU, and their states there.
    tables: FxHashMap<TileId, (BuildingTable, Vec<u32>)>,
    colouring: Option<Colouring>,
}

/// What there is to say of the tiles.
#[derive(Clone, Debug, Default)]
pub struct TileStats {
    /// True if everything that the view asks for is on the GPU.
    pub complete: bool,
    /// Tiles on their way.
    pub loading: usize,
    /// Tiles that the view still lacks.
    pub missing: usize,
    /// Bytes on the GPU.
    pub bytes: usize,
    /// Layers' tiles that were corrupt or refused since the start.
    pub faults: u64,
    /// The levels drawn.
    pub levels: Vec<u8>,
}

impl Tiles {
    /// No tiles yet; a tile is split above `tile_px` pixels at 1080 lines.
    #[must_use]
    pub fn new(loader: TileLoader, tile_px: f64) -> Self {
        Self {
            loader,
            cache: TileCache::new(TILE_BYTES_MAX),
            pyramid: None,
            plan: None,
            extent: [0.0; 4],
            selection: Selection::default(),
            tile_px,
            faults: 0,
            drawn_levels: BTreeSet::new(),
            tables: FxHashMap::default(),
            colouring: None,
        }
    }

    /// Another city, or the same one around another home.
    pub(super) fn begin(&mut self, plane: CityPlane, extent: [f64; 4]) {
        self.pyramid = Some(Mutex::new(Pyramid::over(plane, extent)));
        self.extent = extent;
        self.cache = TileCache::new(TILE_BYTES_MAX);
        self.tables.clear();
        self.plan = None;
    }

    /// What tiles are made of from now on.
    pub(super) fn set_plan(&mut self, plan: Arc<TilePlan>, extent: [f64; 4]) {
        if extent != self.extent {
            self.pyramid = Some(Mutex::new(Pyramid::over(plan.plane, extent)));
            self.extent = extent;
        }
        if self.plan.as_deref() != Some(&*plan) {
            if self.plan.is_some() {
                self.expire();
            }
            self.plan = Some(plan);
        }
    }

    /// No tile is on the GPU any more.
    pub(super) fn lose(&mut self) {
        self.cache = TileCache::new(TILE_BYTES_MAX);
        self.tables.clear();
        self.selection = Selection::default();
    }

    /// Every tile is fetched again; what is there stays until then.
    pub(super) fn expire(&mut self) {
        self.cache.expire();
    }

    /// Colours the buildings of every tile, without building one anew: only states that change are handed on.
    pub(super) fn colour(&mut self, colouring: Option<Colouring>, picture: &mut Picture) {
        self.colouring = colouring;
        for (tile, (table, known)) in &mut self.tables {
            let states = states(table, self.colouring.as_ref());
            let differs = |at: &usize| states[*at] != known[*at];
            let first = (0..states.len()).find(differs);
            if let (Some(first), Some(last)) = (first, (0..states.len()).rev().find(differs)) {
                picture.states.push((*tile, first as u32, states[first..=last].to_vec()));
                *known = states;
            }
        }
    }

    /// Buildings in the tiles that are drawn by their class, if they are coloured; index 0 has those without one.
    #[must_use]
    pub fn classes(&self) -> Option<Vec<usize>> {
        let mut counts = vec![0; 1 + self.colouring.as_ref()?.classes.len()];
        for (_, states) in self.selection.draw.iter().filter_map(|tile| self.tables.get(tile)) {
            for state in states {
                if let Some(count) = counts.get_mut((state >> 8 & 15) as usize) {
                    *count += 1;
                }
            }
        }
        Some(counts)
    }

    /// The collection of the buildings that are drawn.
    #[must_use]
    pub fn buildings(&self) -> Option<String> {
        self.plan.as_ref()?.layers.iter().find(|l| l.role == Role::Building).map(|l| l.collection.clone())
    }

    /// What there is to say.
    #[must_use]
    pub fn stats(&self) -> TileStats {
        TileStats {
            complete: self.plan.is_some() && self.selection.complete && self.cache.stale(&self.selection.draw).is_empty(),
            loading: self.cache.loading(),
            missing: self.selection.fetch.len(),
            bytes: self.cache.bytes(),
            faults: self.faults,
            levels: self.drawn_levels.iter().copied().collect(),
        }
    }
}

fn states(table: &BuildingTable, colouring: Option<&Colouring>) -> Vec<u32> {
    match colouring {
        Some(c) => table.states(&c.collection, c.by.as_deref(), |value| c.class(value)),
        None => table.states("", None, |_| 0),
    }
}

pub(super) fn receive(
    mut tiles: ResMut<Tiles>,
    mut ground: ResMut<Ground>,
    mut picture: ResMut<Picture>,
    mut city: ResMut<City>,
    clock: Res<WallClock>,
) {
    if let Some(plane) = city.plane {
        ground.on(plane);
    }
    for _ in 0..ARRIVALS_PER_FRAME_MAX {
        let Some(outcome) = tiles.loader.finished() else { break };
        for fault in &outcome.faults {
            tiles.faults += 1;
            city.complain(format!("瓦片有误：{fault}"));
        }
        // An answer for a city that is no longer shown is of no use.
        if tiles.cache.residence(outcome.tile).is_none() {
            continue;
        }
        if city.plane != Some(outcome.plane) {
            tiles.cache.fail(outcome.tile, clock.moment());
            continue;
        }
        match outcome.result {
            Ok(mut geometry) => {
                let table = std::mem::take(&mut geometry.table);
                geometry.states = states(&table, tiles.colouring.as_ref());
                tiles.tables.insert(outcome.tile, (table, geometry.states.clone()));
                tiles.cache.arrive(outcome.tile, geometry.bytes());
                ground.take(outcome.tile, geometry.relief.clone());
                picture.arrived.push((outcome.tile, geometry));
            }
            Err(error) => {
                debug!("tile {:?}: {error}", outcome.tile);
                tiles.cache.fail(outcome.tile, clock.moment());
            }
        }
    }
}

pub(super) fn choose(
    (mut tiles, mut ground): (ResMut<Tiles>, ResMut<Ground>),
    mut picture: ResMut<Picture>,
    rig: Res<Rig>,
    (size, displays): (Res<PictureSize>, Res<Displays>),
    clock: Res<WallClock>,
) {
    let tiles = &mut *tiles;
    let (Some(pyramid), Some(plan)) = (&tiles.pyramid, &tiles.plan) else { return };
    let Ok(pyramid) = pyramid.lock() else { return };
    let view = rig.eye(size.0).pane(displays.pane()).lod_view(tiles.tile_px * f64::from(size.0.y) / 1080.0);
    let view = View { relief_m: ground.range_m(), ..view };
    let selection = pyramid.select(&view, &|t| tiles.cache.is_ready(t));
    let stale = tiles.cache.stale(&selection.draw);
    for tile in selection.fetch.iter().copied().chain(stale) {
        if !tiles.cache.wants(tile, clock.moment()) {
            continue;
        }
        if !tiles.loader.ask(tile, plan) {
            break;
        }
        tiles.cache.begin(tile);
    }
    let kept: Vec<TileId> = selection.draw.iter().chain(pyramid.roots()).copied().collect();
    let left = tiles.cache.turn(kept);
    for tile in &left {
        tiles.tables.remove(tile);
        ground.take(*tile, None);
    }
    ground.draw(&selection.draw);
    picture.left.extend(left);
    picture.draw.clear();
    picture.draw.extend(selection.draw.iter().map(|&tile| TileDraw { tile }));
    tiles.drawn_levels = selection.draw.iter().map(|t| t.z).collect();
    tiles.selection = selection;
}
