//! The plans of the current versions, each made once.

use crate::{Plan, Setting, Tile3dError, mesh};
use citywall_model::{Bbox, CollectionId, Revision};
use citywall_query::CollectionView;
use citywall_store::CityStore;
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// Ground that nobody knows lies between these stored heights, metres.
const GROUND_UNKNOWN_M: [f64; 2] = [-20.0, 100.0];

/// Plans by collection. Cheap to ask: a plan is made when its version is first asked for.
#[derive(Debug, Default)]
pub struct Plans(Mutex<FxHashMap<CollectionId, Version>>);

/// A version and its plan, `None` without polygons.
type Version = (Revision, Option<Arc<Plan>>);

impl Plans {
    /// The plan of a layer's version; `None` if it has no polygons. `grounds_m` are the least and
    /// the greatest stored height of the city's ground, where an elevation grid tells.
    ///
    /// # Errors
    /// The layer's solids cannot be read.
    pub fn of(
        &self,
        view: &CollectionView,
        store: &dyn CityStore,
        setting: &Setting<'_>,
        grounds_m: Option<[f64; 2]>,
    ) -> Result<Option<Arc<Plan>>, Tile3dError> {
        // Held while a plan is made: whoever asks at once waits for it instead of making it too.
        let mut known = self.0.lock();
        if let Some((revision, plan)) = known.get(view.id())
            && *revision == view.changed()
        {
            return Ok(plan.clone());
        }
        let stored = match solid_heights_m(view, store)? {
            Some(range) => range,
            None => grounds_m.unwrap_or(GROUND_UNKNOWN_M),
        };
        let plan = Plan::of(view, stored.map(|height| height + setting.geoid_offset_m)).map(Arc::new);
        known.insert(view.id().clone(), (view.changed(), plan.clone()));
        Ok(plan)
    }
}

/// The least and the greatest stored height of a layer's solids; `None` if it has none.
fn solid_heights_m(view: &CollectionView, store: &dyn CityStore) -> Result<Option<[f64; 2]>, Tile3dError> {
    if view.meta().solids == 0 {
        return Ok(None);
    }
    let mut fids = Vec::new();
    view.window_fids(&Bbox::WORLD, &mut fids);
    let (mut least, mut most) = (f64::INFINITY, f64::NEG_INFINITY);
    for fid in fids {
        for solid in store.solids(view.id(), fid)? {
            for place in mesh::surfaces(solid.surfaces.bytes()).into_iter().flatten().flatten() {
                (least, most) = (least.min(place[2]), most.max(place[2]));
            }
        }
    }
    Ok((least <= most).then_some([least, most]))
}
