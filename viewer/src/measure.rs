//! What a frame costs: by the clock, and on the wall's own threads.

use crate::{args::Args, city::MarkerBook, render::Picture, shot};
use anyhow::Context;
use bevy::{app::AppExit, prelude::*};
use std::{
    fs,
    io::Write,
    path::PathBuf,
    time::{Duration, Instant, SystemTime},
};

/// Frames that were measured, milliseconds each.
#[derive(Default)]
pub struct Frames {
    /// Until the device has finished, by the clock.
    pub clock_ms: Vec<f64>,
    /// On the main thread and the app's pools, which do the main and the render world's work; a software
    /// rasteriser's threads do not count.
    pub own_ms: Vec<f64>,
}

impl Frames {
    /// The frames in few numbers.
    #[must_use]
    pub fn summary(&self) -> serde_json::Value {
        let of =
            |numbers: &[f64]| serde_json::json!({"median": share(numbers, 0.5), "p95": share(numbers, 0.95), "max": share(numbers, 1.0)});
        serde_json::json!({"frames": self.clock_ms.len(), "frame_ms": of(&self.clock_ms), "own_ms": of(&self.own_ms)})
    }
}

/// Draws frames one after the other and measures each to its end on the device. While the camera moves, the
/// city is drawn anew in each; `moves` has it so though the camera stays.
pub fn frames(app: &mut App, count: u32, moves: bool) -> Frames {
    if let Some(mut picture) = app.world_mut().get_resource_mut::<Picture>() {
        picture.always_anew = moves;
    }
    let (mut frames, own_threads) = (Frames::default(), OwnThreads::find());
    for _ in 0..count {
        let (start, before) = (Instant::now(), own_threads.time());
        app.update();
        let own = own_threads.time().saturating_sub(before);
        shot::wait_for_device(app);
        frames.clock_ms.push(start.elapsed().as_secs_f64() * 1e3);
        frames.own_ms.push(own.as_secs_f64() * 1e3);
    }
    frames
}

/// Where Linux counts the time of the main thread and the app's pools.
struct OwnThreads(Vec<PathBuf>);

impl OwnThreads {
    fn find() -> Self {
        let process = std::process::id().to_string();
        let tasks = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
        let own = tasks.filter(|task| {
            let name = fs::read_to_string(task.path().join("comm")).unwrap_or_default();
            task.file_name().to_str() == Some(&process) || name.contains("Task Po") || name.contains("Compute T")
        });
        Self(own.map(|task| task.path().join("schedstat")).collect())
    }

    /// The time that they have had on a processor.
    fn time(&self) -> Duration {
        let used = |path: &PathBuf| fs::read_to_string(path).ok()?.split(' ').next()?.parse::<u64>().ok();
        Duration::from_nanos(self.0.iter().filter_map(used).sum())
    }
}

/// A share of some numbers, such as 0.5 for the median; `None` of none.
#[must_use]
pub fn share(numbers: &[f64], share: f64) -> Option<f64> {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(((sorted.len() as f64 - 1.0) * share).round().max(0.0) as usize).copied()
}

/// Says of every incident when the frame that shows it was finished, until the server is lost.
///
/// # Errors
/// Nobody reads what it says.
pub fn watch(app: &mut App) -> anyhow::Result<()> {
    let mut out = std::io::stdout();
    app.world_mut().resource_mut::<MarkerBook>().arrivals = Some(Vec::new());
    loop {
        app.update();
        shot::wait_for_device(app);
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_nanos();
        if let Some(arrivals) = &mut app.world_mut().resource_mut::<MarkerBook>().arrivals {
            for (_, id) in arrivals.drain(..) {
                writeln!(out, "shown {id} {now}").context("standard output")?;
            }
        }
        out.flush().context("standard output")?;
    }
}

/// The frames of Bevy without a city: a camera, and nothing to see. The yardstick of the others.
///
/// # Errors
/// There is nothing to draw on.
pub fn empty(mut app: App, args: &Args) -> anyhow::Result<()> {
    app.finish();
    app.cleanup();
    frames(&mut app, 5, false);
    let measured = frames(&mut app, args.frames.unwrap_or(30), false);
    anyhow::ensure!(!matches!(app.should_exit(), Some(AppExit::Error(_))), "the graphics device refuses to draw");
    println!("{}", measured.summary());
    Ok(())
}
