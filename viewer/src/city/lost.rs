//! A graphics device that is lost (its driver was reset, a card was taken away) is opened anew, and everything of
//! the city is handed to it again: tiles from the server, the rest from what is known.

use crate::{
    city::{City, Drawings, MarkerBook, ThingBook, Tiles},
    render::{self, Picture},
};
use bevy::{
    app::AppExit,
    prelude::*,
    render::{
        error_handler::{RenderError, RenderErrorPolicy},
        settings::RenderCreation,
    },
};
use std::time::{Duration, Instant};

/// More losses than this within [`PERIOD`] are not mended here: the wall ends, and whoever watches over it starts
/// it anew.
const LOSSES_MAX: usize = 4;
/// See [`LOSSES_MAX`].
const PERIOD: Duration = Duration::from_secs(120);
/// Between two attempts to open a device, while there is none.
const RETRY: Duration = Duration::from_secs(2);

/// When devices were lost.
#[derive(Resource, Default)]
pub struct Losses {
    recent: Vec<Instant>,
    tried: Option<Instant>,
}

/// What is to be done about an error of the graphics device. While there is nothing to draw on, the last picture
/// stays on the display.
pub fn recover(error: &RenderError, main: &mut World, render: &mut World) -> RenderErrorPolicy {
    let now = Instant::now();
    let mut losses = main.get_resource_or_init::<Losses>();
    if losses.tried.is_some_and(|at| now.duration_since(at) < RETRY) {
        return RenderErrorPolicy::StopRendering;
    }
    losses.tried = Some(now);
    if render::adapters().is_empty() {
        warn!("there is no graphics adapter at the moment; the wall looks for one every {} s", RETRY.as_secs());
        return RenderErrorPolicy::StopRendering;
    }
    losses.recent.retain(|at| now.duration_since(*at) < PERIOD);
    losses.recent.push(now);
    losses.tried = None;
    if losses.recent.len() > LOSSES_MAX {
        error!("the graphics device was lost more than {LOSSES_MAX} times in {} s: the wall ends ({:?})", PERIOD.as_secs(), error.ty);
        main.write_message(AppExit::error());
        return RenderErrorPolicy::StopRendering;
    }
    warn!("the graphics device was lost ({:?}: {}); it is opened anew", error.ty, error.description);
    render::forget(render);
    forget(main);
    RenderErrorPolicy::Recover(RenderCreation::default())
}

/// Whatever was on the device is handed over again.
fn forget(world: &mut World) {
    world.resource_mut::<City>().complain("图形设备曾丢失，已重新打开".to_owned());
    world.resource_mut::<Tiles>().lose();
    *world.resource_mut::<MarkerBook>() = MarkerBook::default();
    world.resource_mut::<ThingBook>().write_again();
    world.resource_mut::<Drawings>().draw_again();
    world.resource_mut::<Picture>().lose();
}
