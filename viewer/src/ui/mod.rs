//! What is written over the picture: title, clock, panels, names, the menu.
//!
//! The layout is made once per scene; after that only what differs is changed. What the panels say
//! is worked out in [`content`], and what the bar says in [`board`]; both know nothing of the screen.

mod around;
mod board;
mod cameras;
mod card;
mod chart;
mod content;
mod crowd;
mod diagnostics;
mod drawn;
mod edge;
mod kit;
mod labels;
mod layout;
mod menu;
mod mode;
mod named;
mod panel;
mod replay;
mod room;
mod sources;
mod stage;
mod style;
mod sync;
mod terms;
mod whole;
mod words;

pub use card::CardSaid;
pub use labels::Placed;
pub use menu::MenuOpen;
pub use panel::{CameraDesk, PanelDesk, PanelsReady};
pub use replay::AlarmsNow;
pub use room::StageRoom;
pub use stage::StageWays;

use crate::city::WallSystems;
use bevy::prelude::*;

/// Writes over the picture.
pub struct WallUiPlugin {
    /// True if there is a mouse and a keyboard.
    pub interactive: bool,
    /// True if the diagnostics are shown from the start.
    pub diagnosed: bool,
}

impl Plugin for WallUiPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<board::Board>()
            .insert_resource(diagnostics::Diagnosed { shown: self.diagnosed, skipped: 0 })
            .init_resource::<AlarmsNow>()
            .init_resource::<CardSaid>()
            .init_resource::<PanelsReady>()
            .init_resource::<MenuOpen>()
            .init_resource::<Placed>()
            .add_systems(PreStartup, (style::load_fonts, whole::build))
            .add_systems(
                Update,
                (
                    layout::build,
                    ApplyDeferred,
                    diagnostics::queries,
                    board::update,
                    panel::update,
                    layout::off_seams,
                    sync::texts,
                    sync::plates,
                    stage::update,
                    replay::announce,
                    drawn::update,
                    edge::update,
                    labels::update,
                    named::update,
                    (card::show, menu::show).chain(),
                    style::scale,
                    (whole::follow, whole::adopt).chain(),
                )
                    .chain()
                    .in_set(WallSystems::Write),
            );
        if self.interactive {
            app.add_systems(PreUpdate, menu::choose.after(bevy::input::InputSystems))
                .add_systems(Update, card::picks.before(WallSystems::Move).after(WallSystems::Receive))
                .add_systems(Update, (sync::clicks, sync::keys, diagnostics::keys, replay::keys).in_set(WallSystems::Move));
        }
    }
}
