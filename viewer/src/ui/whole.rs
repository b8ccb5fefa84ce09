//! The interface of the whole wall: one node as large as the wall, of which each display shows its part.

use crate::displays::Displays;
use bevy::prelude::*;

/// The node that everything else hangs on.
#[derive(Component)]
pub struct WholeWall;

/// What stands by itself in the interface.
type Orphan = (With<Node>, Without<ChildOf>, Without<WholeWall>);

pub(super) fn build(mut commands: Commands) {
    commands.spawn((Node { position_type: PositionType::Absolute, ..default() }, WholeWall));
}

/// Makes the node as large as the wall, and puts the part of this display where it is seen.
pub(super) fn follow(displays: Res<Displays>, scale: Res<UiScale>, windows: Query<&Window>, mut whole: Query<&mut Node, With<WholeWall>>) {
    let factor = (scale.0 * windows.iter().next().map_or(1.0, Window::scale_factor)).max(1e-3);
    let (size, corner) = (displays.whole().as_vec2() / factor, displays.pane().min.as_vec2() / factor);
    for mut node in &mut whole {
        let wanted = Node { left: px(-corner.x), top: px(-corner.y), width: px(size.x), height: px(size.y), ..node.clone() };
        node.set_if_neq(wanted);
    }
}

/// Hangs on it what was built since.
pub(super) fn adopt(mut commands: Commands, orphans: Query<Entity, Orphan>, whole: Query<Entity, With<WholeWall>>) {
    let Ok(whole) = whole.single() else { return };
    for orphan in &orphans {
        commands.entity(whole).add_child(orphan);
    }
}
