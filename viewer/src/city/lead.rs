//! Leads other walls, or follows one: the same scene, camera and clock in every frame.

use crate::{
    camera::{Orbit, Rig},
    city::{Chosen, City, WallClock},
    live::ToldView,
    net::{Follower, LeadFrame, Leader},
    scene::Scenes,
};
use bevy::prelude::*;

/// Tells the followers of this frame.
pub(super) fn lead(
    leader: Option<ResMut<Leader>>,
    rig: Res<Rig>,
    city: Res<City>,
    (scenes, clock, chosen): (Res<Scenes>, Res<WallClock>, Res<Chosen>),
) {
    let (Some(mut leader), Some(plane)) = (leader, city.plane) else { return };
    leader.hear();
    let orbit = rig.orbit;
    let (longitude, latitude) = plane.inverse(orbit.target);
    let frame = LeadFrame {
        // Everyone pictures the same frame, so it is told until they have.
        number: if leader.picture { leader.number } else { leader.number + 1 },
        at_us: leader.now_us(),
        seconds: clock.seconds(),
        time: clock.is_fixed().then(|| clock.time_of_day()),
        view: ToldView { longitude, latitude, distance: orbit.distance, bearing: orbit.bearing, pitch: orbit.pitch },
        scene: scenes.name().to_owned(),
        mode: scenes.mode(),
        ground_m: rig.ground_m,
        chosen: chosen.0.clone(),
        picture: leader.picture,
    };
    leader.tell(frame);
}

/// Takes the leader's frame: its clock, its scene, what it marks.
pub(super) fn follow(
    follower: Option<ResMut<Follower>>,
    mut clock: ResMut<WallClock>,
    mut scenes: ResMut<Scenes>,
    mut chosen: ResMut<Chosen>,
) {
    let Some(mut follower) = follower else { return };
    follower.follow();
    let Some(frame) = &follower.frame else { return };
    clock.follow(frame.seconds, frame.time);
    if scenes.name() != frame.scene {
        scenes.show_named(&frame.scene);
    }
    if scenes.mode() != frame.mode {
        let hidden = scenes.hidden().to_vec();
        scenes.tell(Some(frame.mode), hidden);
    }
    if chosen.0 != frame.chosen {
        chosen.0.clone_from(&frame.chosen);
    }
}

/// Looks from where the leader looks, whatever else would move the camera.
pub(super) fn look(follower: Option<Res<Follower>>, city: Res<City>, mut rig: ResMut<Rig>) {
    let (Some(follower), Some(plane)) = (follower, city.plane) else { return };
    if let Some(LeadFrame { view, ground_m, .. }) = &follower.frame {
        rig.ground_m = *ground_m;
        let target = plane.forward(view.longitude, view.latitude);
        rig.jump(Orbit { target, distance: view.distance, bearing: view.bearing, pitch: view.pitch });
    }
}
