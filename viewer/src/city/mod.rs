//! What the wall knows of the city: its document, its tiles, its incidents.

mod clock;
mod colours;
mod complaints;
mod drawings;
mod feed;
mod ground;
mod lead;
mod lost;
mod markers;
mod orders;
mod pick;
mod scenes;
mod stage;
mod things;
mod tiles;

pub use clock::WallClock;
pub use colours::Colours;
pub use complaints::Complaints;
pub use drawings::Drawings;
pub use feed::{City, CityFeed, Wish, orbit_of};
pub use ground::Ground;
pub use lost::recover;
pub use markers::{Chosen, MarkerBook, is_marked};
pub use orders::Tour;
pub use pick::{Card, Pick, click, outlines};
pub use stage::{Stage, StageAlarm, alarm_collections, alarms};
pub use things::ThingBook;
pub use tiles::Tiles;

use crate::{
    camera::Rig,
    displays::Displays,
    render::{FrameUniform, Light, Picture},
    scene::Scheme,
};
use bevy::{math::DVec2, prelude::*};

/// The order of a frame's work.
#[derive(SystemSet, Debug, Clone, PartialEq, Eq, Hash)]
pub enum WallSystems {
    /// What has arrived.
    Receive,
    /// The camera moves.
    Move,
    /// What is drawn.
    Choose,
    /// What is written over it.
    Write,
}

/// The size of the whole wall's picture in pixels.
#[derive(Resource, Clone, Copy, Debug, PartialEq, Eq)]
pub struct PictureSize(pub UVec2);

/// The scheme in use.
#[derive(Resource, Clone, Debug)]
pub struct CurrentScheme(pub Scheme);

/// Keeps what is known of the city.
pub struct CityPlugin {
    /// True if the tour goes round from the start.
    pub tour: bool,
}

impl Plugin for CityPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<City>()
            .init_resource::<MarkerBook>()
            .init_resource::<Chosen>()
            .init_resource::<Drawings>()
            .init_resource::<Ground>()
            .insert_resource(Tour::starting(self.tour))
            .init_resource::<Stage>()
            .init_resource::<Pick>()
            .init_resource::<orders::Destination>()
            .configure_sets(Update, (WallSystems::Receive, WallSystems::Move, WallSystems::Choose, WallSystems::Write).chain())
            .add_systems(
                Update,
                (
                    clock::tick,
                    lead::follow,
                    orders::obey,
                    scenes::follow,
                    orders::travel,
                    feed::receive,
                    stage::direct,
                    orders::tour,
                    colours::follow,
                    tiles::receive,
                )
                    .chain()
                    .in_set(WallSystems::Receive),
            )
            .add_systems(Update, (lead::look, ground::lift, lead::lead).chain().after(WallSystems::Move).before(WallSystems::Choose))
            .add_systems(
                Update,
                (tiles::choose, pick::answer, markers::update, things::update, drawings::update, stage::light, write_frame)
                    .chain()
                    .in_set(WallSystems::Choose),
            );
    }
}

fn write_frame(
    rig: Res<Rig>,
    (size, displays): (Res<PictureSize>, Res<Displays>),
    scheme: Res<CurrentScheme>,
    (clock, ground, city): (Res<WallClock>, Res<Ground>, Res<City>),
    mut picture: ResMut<Picture>,
) {
    let eye = rig.eye(size.0).pane(displays.pane());
    picture.eye = eye.position;
    picture.lines = size.0.y;
    let home = city.plane.filter(|_| scheme.0.has_sun).map(|plane| plane.inverse(DVec2::ZERO));
    let light = home.map_or(Light::CALM, |(longitude, latitude)| Light::of_sun(clock.time(), longitude, latitude));
    picture.frame = FrameUniform::new(&eye, &scheme.0, &picture.overlay, &picture.classes, ground.has_relief(), light, clock.seconds());
}
