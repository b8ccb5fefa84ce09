//! The command line.

use clap::Parser;
use std::path::PathBuf;

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
/// scenes (then a key or a click shows one), F11 full screen, Esc closes what is open.
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
    /// The picture's size, or the window's.
    #[arg(long, value_name = "WxH", default_value = "1920x1080", value_parser = size)]
    pub size: (u32, u32),
    /// Draw this many frames without a window, then end (with --stats: a measurement).
    #[arg(long, value_name = "N")]
    pub frames: Option<u32>,
    /// Without a window: once the picture is whole, go on until the server is lost, then end.
    #[arg(long, hide = true)]
    pub until_lost: bool,
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
    /// High for pictures and windows, low for --frames alone.
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

impl Args {
    /// True if no window is to be opened.
    #[must_use]
    pub fn is_headless(&self) -> bool {
        self.screenshot.is_some() || self.frames.is_some()
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
    fn sizes_and_views_are_checked() {
        assert_eq!(size("3840x2160"), Ok((3840, 2160)));
        assert!(size("1920").is_err() && size("10x10").is_err() && size("99999x100").is_err());
        assert_eq!(view("117.2,39.1,20000").map(|v| v.pitch), Ok(48.0));
        assert!(view("117.2,39.1").is_err() && view("500,39.1,20").is_err() && view("a,b,c").is_err());
    }
}
