//! The command line.

use crate::{
    displays::{DISPLAYS_MAX, Displays},
    window::Outputs,
};
use bevy::math::UVec2;
use citywall_wire::Replay;
use clap::Parser;
use std::{net::SocketAddr, path::PathBuf};

/// The operations wall: the whole city on one screen, from a Citywall server.
///
/// Without --screenshot a window opens. With it, a picture is rendered without a window or a
/// display (software Vulkan is enough), written as PNG, and the program ends: 0 if the picture is
/// complete, 1 with a message if it is not or could not be made.
///
/// Mouse: drag turns on the spot (left: move, right: turn), wheel zooms, a click on an incident in
/// the list flies there, a click on the city tells what stands there. Keys: W A S D or arrows move, Q E turn, R F tilt, + - zoom, Home goes
/// home, 1–9 fly to bookmarks, Space starts and stops the tour of them, N and P go to the next and
/// previous incident, M opens the menu of
/// scenes (then a key or a click shows one), F3 the diagnostics, F11 full screen, Esc closes what is
/// open, Ctrl+Q ends the wall.
#[derive(Parser, Debug, Clone)]
#[command(name = "citywall-viewer", version, verbatim_doc_comment)]
pub struct Args {
    /// Something else than to open the wall.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// The server's address.
    #[arg(long, value_name = "URL", env = "CITYWALL_SERVER", default_value = "http://127.0.0.1:8080")]
    pub server: String,
    /// A token with the scope “read”, if the server asks for one.
    #[arg(long, env = "CITYWALL_TOKEN", hide_env_values = true)]
    pub token: Option<String>,
    /// The wall's name: /control tells walls apart by it.
    #[arg(long, value_name = "NAME", env = "CITYWALL_WALL", default_value = "wall")]
    pub name: String,
    /// What the wall shows: a scene file, a folder of them, or the name of one that comes with the
    /// wall (such as traffic); files are read again when they change. The overview if absent.
    #[arg(long, value_name = "SCENE")]
    pub scene: Option<PathBuf>,
    /// Render one picture without a window and end.
    #[arg(long, value_name = "PNG")]
    pub screenshot: Option<PathBuf>,
    /// Render a picture of every scene into this folder, without a window, and end; with --stats
    /// what was drawn stands beside each as JSON.
    #[arg(long, value_name = "FOLDER", conflicts_with = "screenshot")]
    pub pictures: Option<PathBuf>,
    /// Record a film without a window (H.264 in MP4, by ffmpeg) and end.
    #[arg(long, value_name = "MP4", conflicts_with_all = ["screenshot", "pictures"])]
    pub record: Option<PathBuf>,
    /// How long the film is, seconds.
    #[arg(long, value_name = "S", default_value_t = 10.0, value_parser = seconds)]
    pub seconds: f64,
    /// Frames of the film in a second.
    #[arg(long, value_name = "N", default_value_t = 25, value_parser = clap::value_parser!(u32).range(1..=120))]
    pub fps: u32,
    /// Show the past from this instant on (RFC 3339), at so many times its speed.
    #[arg(long, value_name = "FROM[,SPEED]", value_parser = replay)]
    pub replay: Option<Replay>,
    /// Go round the scene's bookmarks from the start.
    #[arg(long)]
    pub tour: bool,
    /// The picture's size, or the window's: that of one display.
    #[arg(long, value_name = "WxH", default_value = "1920x1080", value_parser = size)]
    pub size: (u32, u32),
    /// Fill an output, show no pointer, and end neither by a key nor by Escape: for a wall that nobody sits at.
    #[arg(long)]
    pub kiosk: bool,
    /// The output of this machine that the window fills, counted from 1 from the left, or all of them as one
    /// picture; with --kiosk the first if absent. When an output goes or comes, the window follows.
    #[arg(long, value_name = "N|all", value_parser = output)]
    pub output: Option<Outputs>,
    /// Columns and rows of displays that together are the wall.
    #[arg(long, value_name = "COLSxROWS", default_value = "1x1", value_parser = grid)]
    pub grid: (u32, u32),
    /// The display of the grid that this process draws: its column and row from the upper left,
    /// counted from 1. Without it the whole wall is drawn as one picture.
    #[arg(long, value_name = "COL,ROW", value_parser = display)]
    pub display: Option<(u32, u32)>,
    /// Lead other walls: tell those that follow, frame by frame, what to draw. They are listened for at
    /// this address (UDP).
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub lead: Option<SocketAddr>,
    /// Of a leader without a window: followers to wait for, which then take their picture of the same frame.
    #[arg(long, value_name = "N", default_value_t = 0, requires = "lead")]
    pub followers: usize,
    /// Follow the wall that leads at this address: its camera, scene and clock.
    #[arg(long, value_name = "ADDRESS:PORT", conflicts_with = "lead")]
    pub follow: Option<SocketAddr>,
    /// What the frames hide between the pictures of two displays, across and down, and the size of
    /// a display's picture, in millimetres.
    #[arg(long, value_name = "X,Y,WIDTH,HEIGHT", value_parser = bezel)]
    pub bezel: Option<[f64; 4]>,
    /// Draw this many frames without a window, then end (with --stats: a measurement).
    #[arg(long, value_name = "N")]
    pub frames: Option<u32>,
    /// Without a window: once the picture is whole, go on until the server is lost, then end.
    #[arg(long, hide = true)]
    pub until_lost: bool,
    /// Without a window: once the picture is whole, say of every incident when the frame that shows it was
    /// finished, for ever.
    #[arg(long, hide = true)]
    pub watch: bool,
    /// Without a window: once the picture is whole, go on until standard input ends, then end (with --stats:
    /// also the ids of the open incidents).
    #[arg(long, hide = true)]
    pub hold: bool,
    /// Without a window: once the picture is whole, lose the graphics device as a driver's reset does, and go on once
    /// the picture is whole again.
    #[arg(long, hide = true)]
    pub lose_device: bool,
    /// Show what is drawn, how fast, and how far a follower is behind its leader (F3 shows and hides it).
    #[arg(long)]
    pub diagnostics: bool,
    /// Draw frames without a city, as a yardstick.
    #[arg(long, hide = true)]
    pub empty: bool,
    /// Print what was drawn, and how fast, as JSON on standard output at the end.
    #[arg(long)]
    pub stats: bool,
    /// Stop the clock here (RFC 3339), for pictures that are to be compared.
    #[arg(long, value_name = "TIME")]
    pub time: Option<jiff::Timestamp>,
    /// Where to look from: longitude, latitude, distance in metres, bearing, pitch.
    #[arg(long, value_name = "LON,LAT,M[,BEARING[,PITCH]]", value_parser = view, allow_hyphen_values = true)]
    pub view: Option<View>,
    /// Seconds to wait for the server, its tiles and its live state, without a window.
    #[arg(long, value_name = "S", default_value_t = 60)]
    pub wait: u64,
    /// Write the picture even if something of it is missing (it is said what), and end with 0.
    #[arg(long)]
    pub incomplete: bool,
    /// What a picture may cost: on a wall that the processor draws, low is a third faster.
    #[arg(long, value_enum, default_value_t = QualityArg::Auto)]
    pub quality: QualityArg,
}

/// What the program does besides the wall.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::Subcommand)]
pub enum Command {
    /// Print the JSON Schema of scene files.
    SceneSchema,
    /// Say what this machine can draw, and why.
    Doctor,
}

/// What a picture may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum QualityArg {
    /// High for pictures and on a graphics card, low where the processor draws.
    Auto,
    /// One sample per pixel, coarser tiles.
    Low,
    /// Four samples per pixel.
    High,
}

/// Where to look from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct View {
    /// Degrees.
    pub longitude: f64,
    /// Degrees.
    pub latitude: f64,
    /// Metres.
    pub distance: f64,
    /// Degrees clockwise from north.
    pub bearing: f64,
    /// Degrees above the horizon.
    pub pitch: f64,
}

/// Largest side of a picture, pixels.
const SIDE_MAX: u32 = 16_384;

fn size(text: &str) -> Result<(u32, u32), String> {
    let (w, h) = text.split_once(['x', 'X', '×']).ok_or("write it as 1920x1080")?;
    let side = |t: &str| {
        t.trim().parse::<u32>().ok().filter(|s| (64..=SIDE_MAX).contains(s)).ok_or(format!("each side must be 64 to {SIDE_MAX} pixels"))
    };
    Ok((side(w)?, side(h)?))
}

fn output(text: &str) -> Result<Outputs, String> {
    let one = |n: &usize| (1..=OUTPUTS_MAX).contains(n);
    match text {
        "all" => Ok(Outputs::All),
        _ => text.parse().ok().filter(one).map(Outputs::One).ok_or(format!("write a number, 1 to {OUTPUTS_MAX}, or all")),
    }
}

/// More outputs than this has no machine.
const OUTPUTS_MAX: usize = 64;

fn view(text: &str) -> Result<View, String> {
    let numbers: Vec<f64> =
        text.split(',').map(|t| t.trim().parse::<f64>().map_err(|_| format!("“{t}” is no number"))).collect::<Result<_, _>>()?;
    let good = (3..=5).contains(&numbers.len())
        && numbers.iter().all(|n| n.is_finite())
        && (-180.0..=180.0).contains(&numbers[0])
        && (-85.0..=85.0).contains(&numbers[1])
        && numbers[2] > 0.0;
    if !good {
        return Err("write it as longitude,latitude,metres[,bearing[,pitch]]".to_owned());
    }
    let at = |i: usize, or: f64| numbers.get(i).copied().unwrap_or(or);
    Ok(View { longitude: numbers[0], latitude: numbers[1], distance: numbers[2], bearing: at(3, 0.0), pitch: at(4, 48.0) })
}

/// A film longer than this is a mistake, seconds.
const FILM_S_MAX: f64 = 3600.0;

fn seconds(text: &str) -> Result<f64, String> {
    text.parse::<f64>().ok().filter(|s| *s > 0.0 && *s <= FILM_S_MAX).ok_or(format!("write seconds, at most {FILM_S_MAX}"))
}

fn replay(text: &str) -> Result<Replay, String> {
    let (from, speed) = text.split_once(',').unwrap_or((text, "1"));
    let from: jiff::Timestamp = from.trim().parse().map_err(|e| format!("“{from}” is no instant: {e}"))?;
    let speed = speed.trim().parse::<f64>().ok().filter(|s| s.is_finite() && *s > 0.0).ok_or(format!("“{speed}” is no speed"))?;
    Ok(Replay { from: from.to_string(), to: None, speed })
}

fn grid(text: &str) -> Result<(u32, u32), String> {
    let side = |t: &str| t.trim().parse::<u32>().ok().filter(|n| (1..=DISPLAYS_MAX).contains(n));
    let both = text.split_once(['x', 'X', '×']).and_then(|(c, r)| Some((side(c)?, side(r)?)));
    both.ok_or(format!("write it as 3x2, each side 1 to {DISPLAYS_MAX}"))
}

fn display(text: &str) -> Result<(u32, u32), String> {
    let side = |t: &str| t.trim().parse::<u32>().ok().filter(|n| (1..=DISPLAYS_MAX).contains(n));
    text.split_once(',').and_then(|(c, r)| Some((side(c)?, side(r)?))).ok_or("write it as column,row, counted from 1".to_owned())
}

/// Frames wider than this are a mistake, millimetres.
const BEZEL_MM_MAX: f64 = 500.0;

fn bezel(text: &str) -> Result<[f64; 4], String> {
    let numbers: Option<Vec<f64>> = text.split(',').map(|t| t.trim().parse::<f64>().ok().filter(|n| n.is_finite())).collect();
    let [x, y, width, height] = numbers.and_then(|n| <[f64; 4]>::try_from(n).ok()).ok_or("write it as x,y,width,height in millimetres")?;
    let good = [x, y].iter().all(|b| (0.0..=BEZEL_MM_MAX).contains(b)) && width > BEZEL_MM_MAX / 10.0 && height > BEZEL_MM_MAX / 10.0;
    if good {
        Ok([x, y, width, height])
    } else {
        Err(format!("frames are 0 to {BEZEL_MM_MAX} mm, a display's picture larger than {} mm", BEZEL_MM_MAX / 10.0))
    }
}

impl Args {
    /// True if the camera is where it is to be at once, since nobody sees it fly.
    #[must_use]
    pub fn is_still(&self) -> bool {
        self.is_headless() && self.record.is_none()
    }

    /// The displays of the wall.
    ///
    /// # Errors
    /// The display lies outside the grid, or the whole wall is larger than a picture may be.
    pub fn displays(&self) -> anyhow::Result<Displays> {
        let (size, grid) = (UVec2::from(self.size), UVec2::from(self.grid));
        let gap = self.bezel.map_or(UVec2::ZERO, |[x, y, width, height]| {
            UVec2::new((x / width * f64::from(size.x)).round() as u32, (y / height * f64::from(size.y)).round() as u32)
        });
        let shown = self.display.map(|(column, row)| UVec2::new(column - 1, row - 1));
        let displays = Displays { size, grid, gap, shown };
        if shown.is_some_and(|at| at.cmpge(grid).any()) {
            anyhow::bail!("--display lies outside --grid {}x{}", grid.x, grid.y);
        }
        anyhow::ensure!(displays.pane().size().max_element() <= SIDE_MAX, "the picture would be larger than {SIDE_MAX} pixels");
        Ok(displays)
    }

    /// True if no window is to be opened.
    #[must_use]
    pub fn is_headless(&self) -> bool {
        self.screenshot.is_some() || self.pictures.is_some() || self.record.is_some() || self.watch || self.hold || self.frames.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        use clap::CommandFactory;
        Args::command().debug_assert();
    }

    #[test]
    fn bezels_are_counted_in_pixels_of_the_display() {
        let wall = |display: &str| {
            Args::parse_from(["w", "--grid", "3x1", "--size", "1920x1080", "--bezel", "12,10,1200,675", "--display", display]).displays()
        };
        assert_eq!(wall("2,1").unwrap().pane().min, UVec2::new(1939, 0));
        assert!(wall("4,1").unwrap_err().to_string().contains("--grid 3x1"));
    }

    #[test]
    fn sizes_and_views_are_checked() {
        assert_eq!(size("3840x2160"), Ok((3840, 2160)));
        assert!(size("1920").is_err() && size("10x10").is_err() && size("99999x100").is_err());
        assert_eq!(view("117.2,39.1,20000").map(|v| v.pitch), Ok(48.0));
        assert_eq!(replay("2026-03-01T00:00:00Z,60").map(|r| r.speed), Ok(60.0));
        assert!(replay("yesterday").is_err() && replay("2026-03-01T00:00:00Z,0").is_err() && seconds("-1").is_err());
        assert_eq!((grid("3x2"), display("3,1")), (Ok((3, 2)), Ok((3, 1))));
        assert!(grid("0x2").is_err() && display("0,1").is_err() && bezel("3,3,1200").is_err() && bezel("3,3,1200,-1").is_err());
        assert_eq!((output("2"), output("all")), (Ok(Outputs::One(2)), Ok(Outputs::All)));
        assert!(output("0").is_err() && output("left").is_err());
        assert!(view("117.2,39.1").is_err() && view("500,39.1,20").is_err() && view("a,b,c").is_err());
    }
}
