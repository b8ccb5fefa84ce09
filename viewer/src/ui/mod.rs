//! What is written over the picture: title, clock, figures, the list of incidents, names.
//!
//! The layout is made once; after that only texts that differ are changed. What they say is
//! worked out in [`board`], which knows nothing of the screen.

mod board;
mod labels;
mod layout;
mod style;
mod sync;

use crate::city::WallSystems;
use bevy::prelude::*;

/// Writes over the picture.
pub struct WallUiPlugin {
    /// True if there is a mouse and a keyboard.
    pub interactive: bool,
}

impl Plugin for WallUiPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<board::Board>().add_systems(PreStartup, style::load_fonts).add_systems(Startup, layout::build).add_systems(
            Update,
            (board::update, sync::texts, sync::plates, labels::update, style::scale).chain().in_set(WallSystems::Write),
        );
        if self.interactive {
            app.add_systems(Update, (sync::clicks, sync::keys, sync::full_screen).in_set(WallSystems::Move));
        }
    }
}
