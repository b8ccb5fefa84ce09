//! Pictures of cameras, read again while somebody looks at them.
//!
//! A camera's item has the address of its picture in the attribute `snapshot`: a path of the city's server, since
//! the wall calls no other. A picture that could not be renewed stays, and is old.

use super::{HttpError, Server};
use image::{ImageFormat, ImageReader, Limits, RgbaImage, imageops::FilterType};
use rustc_hash::FxHashMap;
use std::{
    io::Cursor,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};
use zune_jpeg::{
    JpegDecoder,
    zune_core::{bytestream::ZCursor, colorspace::ColorSpace, options::DecoderOptions},
};

/// The longest picture that is read, bytes.
pub const SNAPSHOT_BYTES_MAX: u64 = 4 << 20;
/// The longest side of a picture that is unpacked, pixels.
const SIDE_MAX: u32 = 4096;
/// The widest that a panel shows, pixels; wider ones are made smaller.
const SHOWN_MAX: u32 = 960;
/// How often a picture is read again.
const EVERY: Duration = Duration::from_secs(5);
/// A picture older than this is shown as old.
pub const SNAPSHOT_OLD: Duration = Duration::from_secs(20);
/// Cameras that are looked at, at most.
const CAMERAS_MAX: usize = 16;
/// A camera that nobody looks at is forgotten after this long.
const FORGET: Duration = Duration::from_secs(30);
/// Between two looks at what is due.
const PERIOD: Duration = Duration::from_millis(100);

/// A picture that has come.
#[derive(Debug)]
pub struct Still {
    /// Its pixels.
    pub pixels: RgbaImage,
    /// When it came.
    pub at: Instant,
}

/// What is known of a camera's picture.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// The one that came last.
    pub still: Option<Arc<Still>>,
    /// Why it could not be renewed, if so.
    pub failure: Option<String>,
}

struct Looked {
    wanted: Instant,
    tried: Option<Instant>,
    known: Snapshot,
}

/// Where pictures are asked for. Cloning shares them.
#[derive(Clone, Default)]
pub struct Snapshots(Arc<Mutex<FxHashMap<String, Looked>>>);

impl Snapshots {
    /// Starts the thread that reads them.
    #[must_use]
    pub fn start(server: Server) -> Self {
        let snapshots = Self::default();
        let own = snapshots.clone();
        let spawned = thread::Builder::new().name("snapshots".to_owned()).spawn(move || {
            loop {
                match own.due() {
                    Some(path) => own.file(&path, read(&server, &path)),
                    None => thread::sleep(PERIOD),
                }
            }
        });
        if let Err(error) = spawned {
            bevy::log::error!("cameras have no thread: {error}");
        }
        snapshots
    }

    /// The picture at a path of the server, as it is known now; it is read again every few seconds while it is
    /// asked for.
    #[must_use]
    pub fn ask(&self, path: &str) -> Snapshot {
        let now = Instant::now();
        let mut all = self.lock();
        if let Some(looked) = all.get_mut(path) {
            looked.wanted = now;
            return looked.known.clone();
        }
        if all.len() < CAMERAS_MAX {
            all.insert(path.to_owned(), Looked { wanted: now, tried: None, known: Snapshot::default() });
        }
        Snapshot::default()
    }

    /// The pictures that are asked for: their paths, and why one could not be read.
    #[must_use]
    pub fn known(&self) -> Vec<(String, Option<String>)> {
        let mut known: Vec<_> = self.lock().iter().map(|(path, looked)| (path.clone(), looked.known.failure.clone())).collect();
        known.sort();
        known
    }

    /// The next to read: the one that waits longest.
    fn due(&self) -> Option<String> {
        let now = Instant::now();
        let mut all = self.lock();
        all.retain(|_, looked| now.duration_since(looked.wanted) < FORGET);
        let is_due = |looked: &Looked| looked.tried.is_none_or(|tried| now.duration_since(tried) >= EVERY);
        let next = all.iter().filter(|(_, looked)| is_due(looked)).min_by_key(|(path, looked)| (looked.tried, path.as_str()))?.0.clone();
        if let Some(looked) = all.get_mut(&next) {
            looked.tried = Some(now);
        }
        Some(next)
    }

    fn file(&self, path: &str, result: Result<RgbaImage, String>) {
        let mut all = self.lock();
        let Some(looked) = all.get_mut(path) else { return };
        match result {
            Ok(pixels) => looked.known = Snapshot { still: Some(Arc::new(Still { pixels, at: Instant::now() })), failure: None },
            Err(failure) => looked.known.failure = Some(failure),
        }
    }

    fn lock(&self) -> MutexGuard<'_, FxHashMap<String, Looked>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read(server: &Server, path: &str) -> Result<RgbaImage, String> {
    let bytes = server.get_within(path, "image/jpeg, image/png", SNAPSHOT_BYTES_MAX).map_err(|error| match error {
        HttpError::Status(404 | 410) => "服务器上没有这个画面".to_owned(),
        HttpError::Body(_) => format!("画面超过 {} MB", SNAPSHOT_BYTES_MAX >> 20),
        other => other.to_string(),
    })?;
    let picture = decode(&bytes)?;
    Ok(if picture.width() > SHOWN_MAX {
        let height = (u64::from(picture.height()) * u64::from(SHOWN_MAX) / u64::from(picture.width())).max(1) as u32;
        image::imageops::resize(&picture, SHOWN_MAX, height, FilterType::Triangle)
    } else {
        picture
    })
}

/// The pixels of a JPEG or a PNG; or, in words for the panel, why there are none.
fn decode(bytes: &[u8]) -> Result<RgbaImage, String> {
    const CORRUPT: &str = "画面数据损坏";
    if bytes.starts_with(&[0xff, 0xd8]) {
        // Any width and height that the format has: what is too large is told from what is corrupt.
        let any = usize::from(u16::MAX);
        let options = DecoderOptions::default().set_max_width(any).set_max_height(any).set_strict_mode(true);
        let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options.jpeg_set_out_colorspace(ColorSpace::RGBA));
        decoder.decode_headers().map_err(|_| CORRUPT)?;
        let (width, height) = decoder.dimensions().ok_or(CORRUPT)?;
        if width.max(height) > SIDE_MAX as usize {
            return Err(too_large());
        }
        let pixels = decoder.decode().map_err(|_| CORRUPT)?;
        return RgbaImage::from_raw(width as u32, height as u32, pixels).ok_or_else(|| CORRUPT.to_owned());
    }
    if bytes.starts_with(b"\x89PNG") {
        let mut limits = Limits::default();
        (limits.max_image_width, limits.max_image_height) = (Some(SIDE_MAX), Some(SIDE_MAX));
        let mut reader = ImageReader::with_format(Cursor::new(bytes), ImageFormat::Png);
        reader.limits(limits);
        return reader.decode().map(|picture| picture.to_rgba8()).map_err(|error| match error {
            image::ImageError::Limits(_) => too_large(),
            _ => CORRUPT.to_owned(),
        });
    }
    Err("画面既不是 JPEG 也不是 PNG".to_owned())
}

fn too_large() -> String {
    format!("画面超过 {SIDE_MAX} 像素")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn png(width: u32, height: u32) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        RgbaImage::from_pixel(width, height, image::Rgba([10, 200, 30, 255])).write_to(&mut bytes, ImageFormat::Png).unwrap();
        bytes.into_inner()
    }

    /// 16 × 8 pixels of red 200, green 40, blue 60, as Pillow 13 writes it with quality 95.
    const JPEG: &[u8] = include_bytes!("../../tests/data/red_16_8.jpg");

    #[test]
    fn a_png_and_a_jpeg_are_read() {
        assert_eq!(decode(&png(40, 20)).unwrap().get_pixel(39, 19).0, [10, 200, 30, 255]);
        let picture = decode(JPEG).unwrap();
        let near = |a: u8, b: u8| a.abs_diff(b) < 6;
        let [red, green, blue, _] = picture.get_pixel(9, 4).0;
        assert!(picture.dimensions() == (16, 8) && near(red, 200) && near(green, 40) && near(blue, 60), "{red} {green} {blue}");
    }

    #[test]
    fn what_is_corrupt_too_large_or_something_else_is_said_and_not_shown() {
        assert_eq!(decode(&png(40, 20)[..60]).unwrap_err(), "画面数据损坏");
        assert_eq!(decode(&JPEG[..JPEG.len() / 2]).unwrap_err(), "画面数据损坏");
        assert!(decode(&png(5_000, 1)).unwrap_err().contains("4096"));
        let mut wide = JPEG.to_vec();
        let frame = wide.windows(2).position(|w| w == [0xff, 0xc0]).unwrap();
        wide[frame + 7..frame + 9].copy_from_slice(&[0x7f, 0xff]);
        assert!(decode(&wide).unwrap_err().contains("4096"));
        assert!(decode(b"<html>").unwrap_err().contains("JPEG") && decode(b"").is_err());
    }

    #[test]
    fn a_picture_outlives_a_failure() {
        let snapshots = Snapshots::default();
        assert!(snapshots.ask("/a").still.is_none());
        assert_eq!(snapshots.due().as_deref(), Some("/a"));
        snapshots.file("/a", Ok(RgbaImage::new(2, 2)));
        snapshots.file("/a", Err("x".to_owned()));
        let known = snapshots.ask("/a");
        assert!(known.still.is_some() && known.failure.is_some());
        assert_eq!(snapshots.due(), None, "it is not read again at once");
    }
}
