//! Follows the scene: its scheme, its mode, its camera, and its files while they change.

use crate::{
    camera::Rig,
    city::{City, CurrentScheme, Stage, Wish, orbit_of},
    render::Picture,
    scene::{Scenes, Scheme},
};
use bevy::prelude::*;
use std::time::{Duration, Instant};

/// Between two looks at the files.
const LOOK: Duration = Duration::from_secs(1);

#[expect(clippy::too_many_arguments, reason = "what a system asks the world for")]
pub(super) fn follow(
    mut scenes: ResMut<Scenes>,
    mut city: ResMut<City>,
    mut scheme: ResMut<CurrentScheme>,
    mut picture: ResMut<Picture>,
    (mut rig, mut stage): (ResMut<Rig>, ResMut<Stage>),
    wish: Res<Wish>,
    mut looked: Local<Option<Instant>>,
    mut shown: Local<Option<(u32, usize)>>,
) {
    let now = Instant::now();
    if looked.is_none_or(|at| now.duration_since(at) >= LOOK) {
        *looked = Some(now);
        if let Err(error) = scenes.bypass_change_detection().refresh() {
            city.complain(format!("场景有误：{error}"));
        }
    }
    let scene = scenes.current();
    picture.overlay.heat = scene.incidents.heat;
    let now_shown = (scenes.version, scenes.number());
    if *shown == Some(now_shown) {
        return;
    }
    let before = shown.replace(now_shown);
    let wanted = Scheme::of(scene.scheme, scenes.mode());
    if scheme.0 != wanted {
        scheme.0 = wanted;
    }
    // The document is taken in anew, for the layers and the home that the scene asks for.
    if let (Some(plane), Some((_, number))) = (city.plane, before) {
        city.document_is_new = true;
        let home = scene.home.as_ref().map(|v| orbit_of(v.get_ref(), plane)).or(city.city_home);
        let is_another = number != scenes.number() || city.home != home;
        city.home = home;
        if let (Some(home), None, true) = (home, wish.args.view, is_another)
            && !stage.keeps_camera(home)
        {
            rig.go(home, wish.args.is_still());
        }
    }
}
