//! Makes the whole city and hands it to a store.

use crate::{
    DemoError, LayerDigest,
    areas::Areas,
    buildings,
    layers::{self, LAYERS, TERRAIN},
    nature,
    obstacles::Obstacles,
    parcels::{self, Ground},
    pipes,
    plan::Plan,
    roads, things,
};
use citywall_model::{Bbox, CimCategory, CollectionKind, Grid, LocalText, limits};
use citywall_store::{CityStore, LayerStage, NewFeature};
use std::{str::FromStr, sync::mpsc};

/// How large the city is. Areas, roads and water are the same at every scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// 60,000 buildings in the cores and the hearts of the towns.
    Small,
    /// 1,000,000 buildings over the whole city.
    City,
}

impl Scale {
    /// How many buildings there are.
    #[must_use]
    pub fn buildings(self) -> usize {
        self.of(60_000, 1_000_000)
    }

    fn of(self, small: usize, city: usize) -> usize {
        match self {
            Self::Small => small,
            Self::City => city,
        }
    }
}

impl FromStr for Scale {
    type Err = DemoError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "small" => Ok(Self::Small),
            "city" => Ok(Self::City),
            other => Err(DemoError::Inputs(format!("“{other}” is no scale: use small or city"))),
        }
    }
}

/// Generates the city into a store: profile, thirteen layers, the elevation grid `terrain` and the
/// live collection `events`.
/// `progress` hears the layer, how many items of it are written, and how many there will be.
///
/// Returns one digest per layer, the same for the same scale and seed.
///
/// # Errors
/// The store cannot be written, or refuses an item.
///
/// # Complexity
/// O(items) time. The areas, roads and parcels are held in memory (about 200 MB); buildings are
/// streamed in batches.
pub fn generate(
    scale: Scale,
    seed: u64,
    store: &dyn CityStore,
    progress: &mut dyn FnMut(&str, u64, u64),
) -> Result<Vec<LayerDigest>, DemoError> {
    progress("areas", 0, 1);
    let city = City::new(seed)?;
    progress("areas", 1, 1);
    store.set_profile(&layers::profile(city.extent())?)?;
    let mut digests = Vec::with_capacity(LAYERS.len());
    for layer in &LAYERS {
        let mut writer = Writer::new(layer.0, store.stage(layers::draft(layer)?)?);
        city.layer(layer.0, scale, &mut |features, total| {
            writer.write(features)?;
            progress(layer.0, writer.digest.count, total);
            Ok(())
        })?;
        writer.stage.publish()?;
        digests.push(writer.digest);
    }
    digests.push(terrain(&city, store)?);
    let title = LocalText::new("实时事件（生成）", "Live events (generated)");
    store.create_live(&layers::collection("events")?, CollectionKind::Incidents, &title, CimCategory::IotSensing, true)?;
    Ok(digests)
}

/// Writes the ground as an elevation grid with cells of about 500 m.
fn terrain(city: &City, store: &dyn CityStore) -> Result<LayerDigest, DemoError> {
    let extent = city.extent();
    let (columns, rows) = (256u32, 384u32);
    let (width, height) = ((extent.x_max - extent.x_min) / f64::from(columns), (extent.y_max - extent.y_min) / f64::from(rows));
    let mut digest = LayerDigest::new(TERRAIN.0);
    let mut heights_m = Vec::with_capacity((columns * rows) as usize);
    for row in 0..rows {
        for column in 0..columns {
            let (lon, lat) = (extent.x_min + (f64::from(column) + 0.5) * width, extent.y_max - (f64::from(row) + 0.5) * height);
            // To a decimetre, which is what the ground is known to.
            #[expect(clippy::cast_possible_truncation, reason = "metres")]
            let metres = ((crate::terrain::ground(city.plan.seed, lon, lat) * 10.0).round() / 10.0) as f32;
            digest.bytes(&metres.to_le_bytes());
            digest.count += 1;
            heights_m.push(metres);
        }
    }
    store.put_grid(layers::draft(&TERRAIN)?, &Grid { extent, columns, rows, heights_m })?;
    Ok(digest)
}

/// Everything but the buildings, in memory.
pub(crate) struct City {
    pub plan: Plan,
    pub areas: Areas,
    pub grounds: Vec<Ground>,
    pub roads: Vec<roads::Road>,
}

type Emit<'e> = &'e mut dyn FnMut(Vec<NewFeature>, u64) -> Result<(), DemoError>;

impl City {
    pub fn new(seed: u64) -> Result<Self, DemoError> {
        let plan = Plan::new(seed);
        let areas = Areas::new(&plan)?;
        let obstacles = Obstacles::new(&plan);
        let half = areas.grids.len() / 2;
        // Each grid draws from a stream of its own, so that they may be made side by side.
        let part = |range: std::ops::Range<usize>| range.map(|g| parcels::ground(&plan, &areas, &obstacles, g)).collect::<Vec<_>>();
        let grounds = std::thread::scope(|s| {
            let second = s.spawn(|| part(half..areas.grids.len()));
            let mut grounds = part(0..half);
            grounds.extend(second.join().unwrap_or_default());
            grounds
        });
        let roads = roads::network(&plan, &areas, &obstacles, &grounds);
        Ok(Self { plan, areas, grounds, roads })
    }

    fn extent(&self) -> Bbox {
        self.areas.outlines.iter().flatten().fold(Bbox::EMPTY, |b, &v| {
            let (x, y) = self.areas.mesh.degrees(v);
            b.with(x, y)
        })
    }

    /// The items of one layer, in batches, each with the number of items in all.
    pub fn layer(&self, id: &str, scale: Scale, emit: Emit<'_>) -> Result<(), DemoError> {
        let Self { plan, areas, grounds, roads } = self;
        let obstacles = Obstacles::new(plan);
        let core = scale == Scale::Small;
        match id {
            "districts" => batches(layers::districts(areas), areas.districts.len(), emit),
            "streets" => batches(layers::level(areas, &areas.streets, |p| &areas.districts[p].code), areas.streets.len(), emit),
            "communities" => batches(layers::level(areas, &areas.communities, |p| &areas.streets[p].code), areas.communities.len(), emit),
            "grids" => batches(layers::level(areas, &areas.grids, |p| &areas.communities[p].code), areas.grids.len(), emit),
            "roads" => batches(layers::roads(roads), roads.len(), emit),
            "water" => {
                let patches = nature::water(plan, areas, &obstacles, grounds);
                batches(layers::water(&patches), patches.len(), emit)
            }
            "green" => {
                let patches = nature::green(plan, areas, &obstacles, grounds, roads);
                batches(layers::green(&patches), patches.len(), emit)
            }
            "pipes" => {
                let sewers = pipes::sewers(plan, areas, roads);
                batches(layers::pipes(&sewers), sewers.len(), emit)
            }
            "components" => {
                let things = things::components(plan, areas, &obstacles, roads, scale.of(30_000, 300_000), core);
                batches(layers::components(&things), things.len(), emit)
            }
            "cameras" => {
                let things = things::cameras(plan, areas, &obstacles, roads, scale.of(4_000, 80_000), core);
                batches(layers::cameras(&things), things.len(), emit)
            }
            "sensors" => {
                let things = things::sensors(plan, areas, &obstacles, roads, scale.of(2_000, 20_000), core);
                batches(layers::sensors(&things), things.len(), emit)
            }
            "institutions" => {
                let things = things::institutions(plan, areas, &obstacles, grounds);
                batches(layers::institutions(&things), things.len(), emit)
            }
            "buildings" => self.buildings(scale.buildings(), &obstacles, emit),
            other => Err(DemoError::Inputs(format!("there is no layer {other}"))),
        }
    }

    /// Buildings are made on a thread of their own while the caller writes the batch before.
    fn buildings(&self, total: usize, obstacles: &Obstacles<'_>, emit: Emit<'_>) -> Result<(), DemoError> {
        let Self { plan, areas, grounds, .. } = self;
        std::thread::scope(|s| {
            let (to, from) = mpsc::sync_channel::<Vec<NewFeature>>(BATCHES_WAITING_MAX);
            let maker = s.spawn(move || {
                let fields = layers::building_fields();
                let mut batch = Vec::with_capacity(BATCH);
                let sent = buildings::stream(plan, areas, obstacles, grounds, total, &mut |built| {
                    for b in &built {
                        batch.push(layers::building(&fields, b)?);
                    }
                    if batch.len() >= BATCH && to.send(std::mem::take(&mut batch)).is_err() {
                        // The writer has failed and says why.
                        return Err(DemoError::Inputs("the writer has gone".to_owned()));
                    }
                    Ok(())
                });
                sent.map(|()| drop(to.send(batch)))
            });
            for batch in from {
                emit(batch, total as u64)?;
            }
            maker.join().unwrap_or_else(|_| Err(DemoError::Inputs("the generator panicked".to_owned())))
        })
    }
}

/// Features handed over at once.
const BATCH: usize = limits::IMPORT_BATCH_ROWS_MAX;
/// Batches of buildings made ahead of the writer.
const BATCHES_WAITING_MAX: usize = 8;

fn batches(features: impl Iterator<Item = Result<NewFeature, DemoError>>, total: usize, emit: Emit<'_>) -> Result<(), DemoError> {
    let mut batch = Vec::with_capacity(BATCH);
    for feature in features {
        batch.push(feature?);
        if batch.len() == BATCH {
            emit(std::mem::take(&mut batch), total as u64)?;
        }
    }
    emit(batch, total as u64)
}

struct Writer {
    stage: Box<dyn LayerStage>,
    digest: LayerDigest,
}

impl Writer {
    fn new(layer: &str, stage: Box<dyn LayerStage>) -> Self {
        Self { stage, digest: LayerDigest::new(layer) }
    }

    fn write(&mut self, features: Vec<NewFeature>) -> Result<(), DemoError> {
        for feature in &features {
            self.digest.add(feature);
        }
        match self.stage.write(features)?.into_iter().next() {
            Some(refusal) => Err(DemoError::Refused { layer: self.digest.layer.clone(), reason: refusal.reason }),
            None => Ok(()),
        }
    }
}
