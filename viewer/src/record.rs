//! Records the wall as a film: frames without a window, handed to ffmpeg as they come.
//!
//! The film runs at the wall's own pace: a frame that took longer to draw than its share is shown for
//! longer, so nothing is faster or slower than it was. Under a stopped clock each frame is drawn once.

use crate::{args::Args, shot};
use anyhow::Context;
use bevy::{
    image::Image,
    prelude::*,
    render::view::screenshot::{Screenshot, ScreenshotCaptured},
    time::TimeUpdateStrategy,
};
use std::{
    collections::BTreeMap,
    io::{Read, Write},
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, Sender, channel},
    thread,
    time::{Duration, Instant},
};

/// Updates that the last frames may take to come back from the graphics device.
const FLUSH_UPDATES_MAX: u32 = 240;

/// Records a film of the wall, which is whole already.
///
/// # Errors
/// There is no ffmpeg, it refuses, or frames do not come back from the graphics device.
pub fn run(app: &mut App, args: &Args, path: &Path) -> anyhow::Result<()> {
    let size = args.displays()?.pane().size();
    let total = (args.seconds * f64::from(args.fps)).round().max(1.0) as u64;
    let mut film = Film::begin(path, size, args.fps)?;
    let is_stopped = args.time.is_some();
    if is_stopped {
        app.insert_resource(TimeUpdateStrategy::ManualDuration(Duration::from_secs_f64(1.0 / f64::from(args.fps))));
    }
    let (sender, receiver) = channel();
    let (start, mut planned, mut drawn) = (Instant::now(), 0, 0);
    while planned < total {
        let by_now = (start.elapsed().as_secs_f64() * f64::from(args.fps)) as u64 + 1;
        let due = if is_stopped { planned + 1 } else { by_now.min(total) };
        if due == planned {
            thread::sleep(Duration::from_millis(1));
            continue;
        }
        draw(app, drawn, sender.clone());
        film.wanted.insert(drawn, due - planned);
        (planned, drawn) = (due, drawn + 1);
        film.take(&receiver)?;
    }
    for _ in 0..FLUSH_UPDATES_MAX {
        if film.wanted.is_empty() {
            return film.end(path, total);
        }
        app.update();
        film.take(&receiver)?;
    }
    anyhow::bail!("the last frames did not come back from the graphics device")
}

/// Draws a frame and has it sent back with its number.
fn draw(app: &mut App, number: u64, sender: Sender<(u64, Image)>) {
    let canvas = shot::canvas(app);
    app.world_mut().spawn(Screenshot::image(canvas)).observe(move |captured: On<ScreenshotCaptured>| {
        // The film may have ended early.
        let _ = sender.send((number, captured.image.clone()));
    });
    app.update();
    shot::wait_for_device(app);
}

/// A film in the making.
struct Film {
    ffmpeg: Child,
    /// How often each frame is shown that has not been written.
    wanted: BTreeMap<u64, u64>,
    /// Frames that came before their turn.
    early: BTreeMap<u64, Image>,
}

impl Film {
    fn begin(path: &Path, size: UVec2, fps: u32) -> anyhow::Result<Self> {
        let (size, fps) = (format!("{}x{}", size.x, size.y), fps.to_string());
        let input = ["-f", "rawvideo", "-pixel_format", "rgb24", "-video_size", &size, "-framerate", &fps, "-i", "pipe:0"];
        // H.264 in the form that every player takes: an even number of pixels, four of which share a colour.
        let output = ["-c:v", "libx264", "-preset", "veryfast", "-crf", "18", "-pix_fmt", "yuv420p", "-movflags", "+faststart"];
        let ffmpeg = Command::new("ffmpeg")
            .args(["-y", "-loglevel", "error"])
            .args(input)
            .args(["-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2"])
            .args(output)
            .arg(path)
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("ffmpeg cannot be run (on Debian, the package ffmpeg has it)")?;
        Ok(Self { ffmpeg, wanted: BTreeMap::new(), early: BTreeMap::new() })
    }

    /// Writes what has come back, in order.
    fn take(&mut self, receiver: &Receiver<(u64, Image)>) -> anyhow::Result<()> {
        self.early.extend(receiver.try_iter());
        while let Some(next) = self.early.first_entry() {
            let Some(first) = self.wanted.first_entry().filter(|first| first.key() == next.key()) else { break };
            let (times, image) = (first.remove(), next.remove());
            let pixels = image.try_into_dynamic().context("a frame cannot be read back")?.into_rgb8();
            for _ in 0..times {
                let written = self.ffmpeg.stdin.as_mut().map(|ffmpeg| ffmpeg.write_all(&pixels));
                if !matches!(written, Some(Ok(()))) {
                    anyhow::bail!("ffmpeg has ended: {}", self.complaint());
                }
            }
        }
        Ok(())
    }

    fn complaint(&mut self) -> String {
        let mut said = String::new();
        if let Some(mut error) = self.ffmpeg.stderr.take() {
            // Whatever can be read of it helps.
            let _ = error.read_to_string(&mut said);
        }
        said.trim().to_owned()
    }

    fn end(mut self, path: &Path, frames: u64) -> anyhow::Result<()> {
        drop(self.ffmpeg.stdin.take());
        let said = self.complaint();
        let status = self.ffmpeg.wait().context("ffmpeg")?;
        anyhow::ensure!(status.success(), "ffmpeg refuses: {said}");
        eprintln!("{} ({frames} frames)", path.display());
        Ok(())
    }
}
