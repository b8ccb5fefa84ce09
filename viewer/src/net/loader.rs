//! Fetches tiles and builds their geometry, on worker threads.
//!
//! The queue is short on purpose: what a tile is wanted for changes with every frame, so the wall
//! hands out only what the workers can begin at once.

use super::{
    HttpError, Server,
    heights::{ElevationPlan, HeightTiles},
    solids::SolidTiles,
};
use crate::{
    geo::{CityPlane, TileId},
    tiles::{Flow, LayerInput, Role, TileBuilder, TileGeometry},
};
use std::{
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread,
};

/// Tiles that may wait for a worker.
const QUEUE_MAX: usize = 4;
/// The first level at which buildings are solids: the pixels of the coarser ones are larger than what a roof is made of.
const SOLIDS_LEVEL_MIN: u8 = 14;
/// Finished tiles that may wait for the wall; beyond that the workers wait.
const FINISHED_MAX: usize = 64;

/// A layer to fetch.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerPlan {
    /// The collection.
    pub collection: String,
    /// What it is on the wall.
    pub role: Role,
    /// Where it has anything: west, south, east, north in degrees.
    pub extent: Option<[f64; 4]>,
    /// The first level at which it is asked for.
    pub level_min: u8,
    /// The version whose solids stand for its footprints from near.
    pub solids: Option<u64>,
    /// What flows along its lines.
    pub flow: Option<Flow>,
}

/// What every tile of a city is made of.
#[derive(Clone, Debug, PartialEq)]
pub struct TilePlan {
    /// The city's plane.
    pub plane: CityPlane,
    /// Its layers, in the order in which they are drawn.
    pub layers: Vec<LayerPlan>,
    /// What the ground's heights are taken from; without it the ground is level.
    pub elevation: Option<ElevationPlan>,
}

/// A finished tile.
pub struct TileOutcome {
    /// Which.
    pub tile: TileId,
    /// The plane that it was built on.
    pub plane: CityPlane,
    /// Its geometry, or why the server could not be reached.
    pub result: Result<TileGeometry, HttpError>,
    /// Layers whose tile was corrupt or refused: what was read of them is in the geometry.
    pub faults: Vec<String>,
}

/// The workers.
pub struct TileLoader {
    jobs: SyncSender<(TileId, Arc<TilePlan>)>,
    finished: Mutex<Receiver<TileOutcome>>,
    workers: usize,
}

impl TileLoader {
    /// Starts some workers.
    #[must_use]
    pub fn start(server: &Server, workers: usize) -> Self {
        let (jobs, inbox) = sync_channel::<(TileId, Arc<TilePlan>)>(QUEUE_MAX);
        let (outbox, finished) = sync_channel(FINISHED_MAX);
        let inbox = Arc::new(Mutex::new(inbox));
        let kept = Arc::new((HeightTiles::default(), SolidTiles::default()));
        let mut started = 0;
        for i in 0..workers {
            let (server, inbox, outbox, kept) = (server.clone(), Arc::clone(&inbox), outbox.clone(), Arc::clone(&kept));
            let spawned = thread::Builder::new().name(format!("tiles-{i}")).spawn(move || {
                loop {
                    let job = inbox.lock().unwrap_or_else(PoisonError::into_inner).recv();
                    let Ok((tile, plan)) = job else { return };
                    if outbox.send(load(&server, &kept, tile, &plan)).is_err() {
                        return;
                    }
                }
            });
            match spawned {
                Ok(_) => started += 1,
                Err(error) => bevy::log::error!("a tile worker could not be started: {error}"),
            }
        }
        Self { jobs, finished: Mutex::new(finished), workers: started }
    }

    /// Asks for a tile; false if the workers are busy.
    #[must_use]
    pub fn ask(&self, tile: TileId, plan: &Arc<TilePlan>) -> bool {
        match self.jobs.try_send((tile, Arc::clone(plan))) {
            Ok(()) => true,
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => false,
        }
    }

    /// The next finished tile, if there is one.
    pub fn finished(&self) -> Option<TileOutcome> {
        self.finished.lock().unwrap_or_else(PoisonError::into_inner).try_recv().ok()
    }

    /// How many workers there are.
    #[must_use]
    pub fn workers(&self) -> usize {
        self.workers
    }
}

fn load(server: &Server, (heights, solids): &(HeightTiles, SolidTiles), tile: TileId, plan: &TilePlan) -> TileOutcome {
    let mut faults = Vec::new();
    let samples = match plan.elevation.as_ref().map(|elevation| heights.samples(server, elevation, tile, &mut faults)) {
        Some(Err(error)) => return TileOutcome { tile, plane: plan.plane, result: Err(error), faults },
        Some(Ok(samples)) => samples,
        None => None,
    };
    let mut builder = TileBuilder::new(tile, plan.plane, samples.as_ref());
    let [w, s, e, n] = tile.bounds();
    for layer in &plan.layers {
        let meets = layer.extent.is_none_or(|x| w <= x[2] && e >= x[0] && s <= x[3] && n >= x[1]);
        if tile.z < layer.level_min || !meets {
            continue;
        }
        let path = format!("/collections/{}/tiles/WebMercatorQuad/{}/{}/{}", layer.collection, tile.z, tile.y, tile.x);
        match server.get(&path, "application/vnd.mapbox-vector-tile") {
            Ok(bytes) => {
                let version = layer.solids.filter(|_| tile.z >= SOLIDS_LEVEL_MIN && !bytes.is_empty());
                let solids = version.map(|version| solids.meeting(server, (&layer.collection, version), tile.bounds(), &mut faults));
                let solids = match solids.transpose() {
                    Ok(solids) => solids.unwrap_or_default(),
                    Err(error) => return TileOutcome { tile, plane: plan.plane, result: Err(error), faults },
                };
                let (role, flow) = (layer.role, layer.flow.as_ref());
                let input = LayerInput { collection: &layer.collection, role, bytes: &bytes, solids: &solids, flow };
                if let Err(error) = builder.add(&input) {
                    faults.push(format!("{path}: {error}"));
                }
            }
            // A layer that went away, or has no tile here, leaves the others as they are.
            Err(HttpError::Status(404 | 410)) => faults.push(format!("{path}: 404")),
            Err(error) => return TileOutcome { tile, plane: plan.plane, result: Err(error), faults },
        }
    }
    TileOutcome { tile, plane: plan.plane, result: Ok(builder.finish()), faults }
}
