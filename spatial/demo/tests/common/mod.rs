//! A city store that keeps what it is given in memory, for tests and pictures.
#![allow(missing_docs, dead_code, clippy::unwrap_used)]

use citywall_model::{
    Bbox, Change, CimCategory, CityProfile, CollectionId, CollectionKind, CollectionMeta, FeatureTable, Grid, ImageryLevels, LiveItem,
    LocalText, RefusedRecord, Revision, Schema,
};
use citywall_store::{
    CityStore, ExpireQuery, Expired, Export, HistoryQuery, Horizon, LayerDraft, LayerStage, LayerVersion, LiveLoad, NewFeature,
    PublishImagery, Pyramid, Refusal, RefusedCount, Solid, StoreError,
};
use jiff::Timestamp;
use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex},
};

/// Layers by id.
pub type Layers = BTreeMap<String, (LayerDraft, Vec<NewFeature>)>;

#[derive(Default)]
pub struct MemoryStore {
    /// Counts items instead of keeping them.
    pub forget: bool,
    pub layers: Arc<Mutex<Layers>>,
    pub profile: Mutex<Option<CityProfile>>,
    pub live: Mutex<Vec<String>>,
    pub grids: Mutex<BTreeMap<String, Grid>>,
}

struct Stage {
    forget: bool,
    count: u64,
    draft: LayerDraft,
    features: Vec<NewFeature>,
    layers: Arc<Mutex<Layers>>,
}

impl LayerStage for Stage {
    fn write(&mut self, features: Vec<NewFeature>) -> Result<Vec<Refusal>, StoreError> {
        self.count += features.len() as u64;
        if !self.forget {
            self.features.extend(features);
        }
        Ok(Vec::new())
    }
    fn meta(&self) -> CollectionMeta {
        let d = self.draft.clone();
        CollectionMeta {
            id: d.id,
            kind: CollectionKind::Layer,
            title: d.title,
            category: d.category,
            source: d.source,
            source_crs: d.source_crs,
            storage_crs: d.storage_crs,
            generated: d.generated,
            version: 1,
            revision: Revision(0),
            schema: Schema::default(),
            id_field: d.id_field,
            geometry_type: "GEOMETRY".to_owned(),
            extent: None::<Bbox>,
            count: self.count,
            solids: 0,
        }
    }
    fn load(&self) -> Result<FeatureTable, StoreError> {
        panic!("the demo does not read")
    }
    fn publish(self: Box<Self>) -> Result<CollectionMeta, StoreError> {
        let meta = self.meta();
        self.layers.lock().unwrap().insert(meta.id.to_string(), (self.draft, self.features));
        Ok(meta)
    }
}

impl CityStore for MemoryStore {
    fn revision(&self) -> Revision {
        Revision(0)
    }
    fn profile(&self) -> Result<CityProfile, StoreError> {
        Ok(self.profile.lock().unwrap().clone().unwrap_or_else(|| CityProfile::named("empty")))
    }
    fn set_profile(&self, profile: &CityProfile) -> Result<(), StoreError> {
        *self.profile.lock().unwrap() = Some(profile.clone());
        Ok(())
    }
    fn styles(&self) -> Result<Vec<(String, String)>, StoreError> {
        Ok(Vec::new())
    }
    fn set_style(&self, _: &str, _: Option<&str>) -> Result<bool, StoreError> {
        unreachable!("the generator draws nothing")
    }
    fn collections(&self) -> Result<Vec<CollectionMeta>, StoreError> {
        Ok(Vec::new())
    }
    fn create_live(&self, id: &CollectionId, _: CollectionKind, _: &LocalText, _: CimCategory, _: bool) -> Result<(), StoreError> {
        self.live.lock().unwrap().push(id.to_string());
        Ok(())
    }
    fn load_layer(&self, _: &CollectionId) -> Result<FeatureTable, StoreError> {
        panic!("the demo does not read")
    }
    fn versions(&self, _: &CollectionId) -> Result<Vec<LayerVersion>, StoreError> {
        Ok(Vec::new())
    }
    fn load_version(&self, _: &CollectionId, _: u32) -> Result<FeatureTable, StoreError> {
        unreachable!("the generator keeps no versions")
    }
    fn keep_versions(&self, _: &CollectionId, _: u32) -> Result<(), StoreError> {
        unreachable!("the generator keeps no versions")
    }
    fn remove_version(&self, _: &CollectionId, _: u32) -> Result<bool, StoreError> {
        unreachable!("the generator keeps no versions")
    }
    fn load_live(&self, _: &CollectionId) -> Result<LiveLoad, StoreError> {
        Ok(LiveLoad::default())
    }
    fn stage(&self, draft: LayerDraft) -> Result<Box<dyn LayerStage>, StoreError> {
        Ok(Box::new(Stage { forget: self.forget, count: 0, draft, features: Vec::new(), layers: self.layers.clone() }))
    }
    fn solids(&self, _: &CollectionId, _: u64) -> Result<Vec<Solid>, StoreError> {
        Ok(Vec::new())
    }
    fn put_grid(&self, draft: LayerDraft, grid: &Grid) -> Result<CollectionMeta, StoreError> {
        self.grids.lock().unwrap().insert(draft.id.to_string(), grid.clone());
        Ok(Stage { forget: self.forget, count: 0, draft, features: Vec::new(), layers: self.layers.clone() }.meta())
    }
    fn load_grid(&self, id: &CollectionId) -> Result<Grid, StoreError> {
        Ok(self.grids.lock().unwrap()[id.as_str()].clone())
    }
    fn stage_imagery(&self, _: LayerDraft, _: &Pyramid) -> Result<PublishImagery, StoreError> {
        unreachable!("the generator makes no imagery")
    }
    fn imagery_levels(&self, _: &CollectionId) -> Result<ImageryLevels, StoreError> {
        unreachable!("the generator makes no imagery")
    }
    fn imagery_tile(&self, _: &CollectionId, _: u32, _: u32, _: u32) -> Result<Option<Vec<u8>>, StoreError> {
        unreachable!("the generator makes no imagery")
    }
    fn append(&self, _: &[Change]) -> Result<(), StoreError> {
        Ok(())
    }
    fn changes_after(&self, _: Revision, _: usize) -> Result<Vec<Change>, StoreError> {
        Ok(Vec::new())
    }
    fn state_before(&self, _: &CollectionId, _: u64, _: Revision) -> Result<Option<LiveItem>, StoreError> {
        unreachable!("the generator asks for no past")
    }
    fn history(&self, _: &HistoryQuery, _: &mut dyn FnMut(Change) -> bool) -> Result<(), StoreError> {
        unreachable!("the generator asks for no past")
    }

    fn state_at(&self, _: &CollectionId, _: Timestamp) -> Result<Vec<LiveItem>, StoreError> {
        unreachable!("the generator asks for no past")
    }

    fn horizon(&self, _: &CollectionId) -> Result<Horizon, StoreError> {
        Ok(Horizon::default())
    }

    fn expire(&self, _: &ExpireQuery, _: &mut Export<'_>) -> Result<Expired, StoreError> {
        unreachable!("the generator expires nothing")
    }

    fn refuse(&self, _: &[RefusedRecord]) -> Result<(), StoreError> {
        unreachable!("the generator refuses nothing")
    }

    fn refused(&self, _: Option<&CollectionId>, _: u64, _: usize) -> Result<Vec<RefusedRecord>, StoreError> {
        Ok(Vec::new())
    }

    fn refused_counts(&self) -> Result<Vec<RefusedCount>, StoreError> {
        Ok(Vec::new())
    }

    fn checkpoint(&self) -> Result<(), StoreError> {
        Ok(())
    }
    fn backup(&self, _: &Path, _: &mut dyn FnMut(u64, u64)) -> Result<(), StoreError> {
        Ok(())
    }
    fn verify(&self) -> Result<Vec<String>, StoreError> {
        Ok(Vec::new())
    }
}
