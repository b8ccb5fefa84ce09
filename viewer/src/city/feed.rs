//! Takes in what the server says of the city.

use crate::{
    args::Args,
    camera::{Orbit, Rig},
    city::{Complaints, PictureSize, tiles::Tiles},
    geo::CityPlane,
    net::{CityUpdate, ElevationPlan, Label, LayerPlan, LiveUpdate, Server, TilePlan},
    render::Picture,
    scene::{SceneView, Scenes},
    tiles::Role,
};
use bevy::prelude::*;
use citywall_wire::{CityDocument, CollectionDocument};
use jiff::Timestamp;
use std::{
    sync::{Arc, Mutex, PoisonError, mpsc::Receiver},
    time::Instant,
};

/// The lines to the server.
#[derive(Resource)]
pub struct CityFeed {
    /// The server.
    pub server: Server,
    /// Its documents.
    pub updates: Mutex<Receiver<CityUpdate>>,
    /// Its incidents.
    pub live: LiveUpdate,
}

/// How the wall was started.
#[derive(Resource)]
pub struct Wish {
    /// The command line.
    pub args: Args,
}

/// What is known of the city.
#[derive(Resource, Default)]
pub struct City {
    /// Its document; `None` before the server has answered.
    pub document: Option<CityDocument>,
    /// When the document came.
    pub heard: Option<Instant>,
    /// Its plane, once a place in it is known.
    pub plane: Option<CityPlane>,
    /// The names of its largest areas.
    pub labels: Vec<Label>,
    /// Goes up with every set of names.
    pub labels_version: u32,
    /// Why the server does not answer, if it does not.
    pub failure: Option<String>,
    /// What the wall has to say, for the diagnostics view and the log.
    pub complaints: Complaints,
    /// The camera's home, once known: the scene's, or the city's.
    pub home: Option<Orbit>,
    /// The city's own home.
    pub city_home: Option<Orbit>,
    /// True if the document is to be taken in again, since the scene has changed.
    pub document_is_new: bool,
}

impl City {
    /// Says that something was met that is wrong.
    pub fn complain(&mut self, text: String) {
        self.complaints.meet(text, Timestamp::now());
    }

    /// Says all that is wrong about something now; nothing, if nothing is.
    pub fn complain_about(&mut self, what: &'static str, texts: Vec<String>) {
        self.complaints.about(what, texts, Timestamp::now());
    }

    /// The city's name in Chinese.
    #[must_use]
    pub fn name(&self) -> &str {
        self.document.as_ref().map_or("", |d| if d.name.zh.is_empty() { &d.name.en } else { &d.name.zh })
    }

    /// The city's time zone; UTC until it is known.
    #[must_use]
    pub fn time_zone(&self) -> &str {
        self.document.as_ref().map_or("UTC", |d| &d.time_zone)
    }
}

#[expect(clippy::too_many_arguments, reason = "what a system asks the world for")]
pub(super) fn receive(
    feed: Res<CityFeed>,
    wish: Res<Wish>,
    scenes: Res<Scenes>,
    mut city: ResMut<City>,
    mut tiles: ResMut<Tiles>,
    mut rig: ResMut<Rig>,
    mut picture: ResMut<Picture>,
    size: Res<PictureSize>,
) {
    let updates = feed.updates.lock().unwrap_or_else(PoisonError::into_inner);
    while let Ok(update) = updates.try_recv() {
        match update {
            CityUpdate::Failed(error) => {
                city.failure = Some(error.to_string());
                // Before its first answer the middle of the wall says so.
                if city.document.is_some() {
                    city.complain_about("server", vec![format!("服务器没有应答：{}", error.words())]);
                }
            }
            CityUpdate::Labels(labels) => {
                city.labels = labels;
                city.labels_version += 1;
            }
            CityUpdate::Document(document) => {
                city.failure = None;
                city.heard = Some(Instant::now());
                city.complain_about("server", Vec::new());
                let is_other = document.version != env!("CARGO_PKG_VERSION");
                let versions = || format!("服务器版本 {} 与大屏版本 {} 不同", document.version, env!("CARGO_PKG_VERSION"));
                city.complain_about("version", is_other.then(versions).into_iter().collect());
                feed.live.follow(&document);
                take_document(*document, &wish, &scenes, &mut city, &mut tiles, &mut rig, &mut picture, size.0);
            }
        }
    }
    if city.complaints.is_old(Timestamp::now()) {
        city.complaints.forget(Timestamp::now());
    }
    if std::mem::take(&mut city.document_is_new)
        && let Some(document) = city.document.clone()
    {
        take_document(document, &wish, &scenes, &mut city, &mut tiles, &mut rig, &mut picture, size.0);
    }
    for layer in feed.live.take_changed_layers() {
        info!("layer “{layer}” has a new version: its tiles are fetched again");
        tiles.expire();
    }
}

#[expect(clippy::too_many_arguments, reason = "all that a new document may change")]
fn take_document(
    document: CityDocument,
    wish: &Wish,
    scenes: &Scenes,
    city: &mut City,
    tiles: &mut Tiles,
    rig: &mut Rig,
    picture: &mut Picture,
    size: UVec2,
) {
    let extent = document.extent.or_else(|| union(document.collections.iter().filter_map(|c| c.extent)));
    let centre =
        document.home.map(|h| (h.longitude, h.latitude)).or_else(|| extent.map(|[w, s, e, n]| (f64::midpoint(w, e), f64::midpoint(s, n))));
    let (Some(extent), Some((longitude, latitude))) = (extent, centre) else {
        // A city without a single item has no place yet; it is asked again.
        city.document = Some(document);
        return;
    };
    let plane = CityPlane::around(longitude, latitude);
    let first = city.plane.is_none();
    if city.plane != Some(plane) {
        city.plane = Some(plane);
        picture.forget = true;
        picture.arrived.clear();
        tiles.begin(plane, extent);
    }
    let is_ground = |c: &&CollectionDocument| c.kind == "elevation" && !scenes.hidden().contains(&c.id);
    let elevation = document.collections.iter().find(is_ground).map(|c| ElevationPlan {
        collection: c.id.clone(),
        revision: c.revision,
        extent: c.extent,
    });
    let plan = TilePlan { plane, layers: plan_layers(&document, scenes, city), elevation };
    tiles.set_plan(Arc::new(plan), extent);
    let city_home = home_of(&document, plane, extent, size);
    let home = scenes.current().home.as_ref().map_or(city_home, |view| orbit_of(view.get_ref(), plane));
    (city.home, city.city_home) = (Some(home), Some(city_home));
    if first {
        rig.jump(wish.args.view.map_or(home, |v| {
            Orbit { target: plane.forward(v.longitude, v.latitude), distance: v.distance, bearing: v.bearing, pitch: v.pitch }.clamped()
        }));
    }
    city.document = Some(document);
}

fn union(extents: impl Iterator<Item = [f64; 4]>) -> Option<[f64; 4]> {
    extents.reduce(|a, b| [a[0].min(b[0]), a[1].min(b[1]), a[2].max(b[2]), a[3].max(b[3])])
}

/// The layers that the scene names, or those that the city has a meaning for.
fn plan_layers(document: &CityDocument, scenes: &Scenes, city: &mut City) -> Vec<LayerPlan> {
    let area_role = |id: &str| match document.area_levels.iter().position(|l| l.collection == id) {
        Some(0) => Some(Role::Area),
        Some(1) => Some(Role::SubArea),
        _ => None,
    };
    let find = |id: &str| document.collections.iter().find(|c| c.id == id && c.kind == "layer");
    let (mut layers, mut missing) = (Vec::new(), Vec::new());
    match &scenes.current().layers {
        Some(wanted) => {
            for layer in wanted {
                let Some(c) = find(&layer.collection) else {
                    missing.push(format!("场景要求的图层“{}”不在城市中", layer.collection));
                    continue;
                };
                let role = layer
                    .role
                    .or_else(|| area_role(&c.id))
                    .or_else(|| Role::of_collection(&c.id, &c.geometry_type))
                    .unwrap_or(Role::Outline);
                layers.push(plan_layer(c, role, layer.level_min));
            }
        }
        None => {
            for c in document.collections.iter().filter(|c| c.kind == "layer") {
                let Some(role) = area_role(&c.id).or_else(|| Role::of_collection(&c.id, &c.geometry_type)) else { continue };
                // Pipes lie under the streets: only a scene about them shows them.
                if role == Role::Pipe {
                    continue;
                }
                // Second-level areas are many and fine: from afar they would only be noise.
                let level_min = if role == Role::SubArea { 12 } else { 0 };
                layers.push(plan_layer(c, role, level_min));
            }
        }
    }
    if let Some(colour) = scenes.current().colour.as_ref().map(|colour| colour.get_ref()) {
        // What is coloured is seen from afar, whatever it is.
        match layers.iter_mut().find(|layer: &&mut LayerPlan| layer.collection == colour.collection) {
            Some(layer) => layer.level_min = 0,
            None => match find(&colour.collection) {
                Some(c) => layers.push(plan_layer(c, Role::SubArea, 0)),
                None => city.complain(format!("场景着色的图层“{}”不在城市中", colour.collection)),
            },
        }
    }
    for flow in scenes.current().flows.iter().map(toml::Spanned::get_ref) {
        let Some(c) = find(&flow.collection) else {
            city.complain(format!("场景要求流向的图层“{}”不在城市中", flow.collection));
            continue;
        };
        if !layers.iter().any(|layer| layer.collection == c.id) {
            layers.push(plan_layer(c, Role::of_collection(&c.id, &c.geometry_type).unwrap_or(Role::Outline), 0));
        }
        if let Some(layer) = layers.iter_mut().find(|layer| layer.collection == c.id) {
            layer.flow = Some(flow.clone());
        }
    }
    city.complain_about("layers", missing);
    layers.retain(|layer: &LayerPlan| !scenes.hidden().contains(&layer.collection));
    layers
}

fn plan_layer(c: &CollectionDocument, role: Role, level_min: u8) -> LayerPlan {
    let solids = (role == Role::Building && c.solids > 0).then_some(c.revision);
    LayerPlan { collection: c.id.clone(), role, extent: c.extent, level_min, solids, flow: None }
}

fn home_of(document: &CityDocument, plane: CityPlane, extent: [f64; 4], size: UVec2) -> Orbit {
    match document.home {
        Some(home) => {
            let metres_per_px = 40_075_016.686 * home.latitude.to_radians().cos() / 512.0 / home.zoom.exp2();
            let distance = Orbit::distance_to_show(metres_per_px * 1080.0);
            Orbit { target: plane.forward(home.longitude, home.latitude), distance, ..Orbit::default() }.clamped()
        }
        None => {
            let (sw, ne) = (plane.forward(extent[0], extent[1]), plane.forward(extent[2], extent[3]));
            let span = ne - sw;
            // The middle two thirds of the picture are free of panels.
            let aspect = f64::from(size.x) / f64::from(size.y.max(1)) * 0.66;
            let height = (span.y * 0.8).max(span.x / aspect);
            Orbit { target: (sw + ne) / 2.0, distance: Orbit::distance_to_show(height), ..Orbit::default() }.clamped()
        }
    }
}

/// A scene's view as an orbit.
#[must_use]
pub fn orbit_of(view: &SceneView, plane: CityPlane) -> Orbit {
    Orbit { target: plane.forward(view.longitude, view.latitude), distance: view.distance, bearing: view.bearing, pitch: view.pitch }
        .clamped()
}
