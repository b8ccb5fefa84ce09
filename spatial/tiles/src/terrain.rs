//! Tiles of a grid of heights: terrain-RGB for machines, hillshade for people.

use crate::TileId;
use citywall_model::Grid;

/// Pixels along a raster tile's edge.
pub const RASTER_SIZE: u32 = 256;
/// Where the sun of a hillshade stands: degrees from north, clockwise; the custom of maps.
const SUN_AZIMUTH_DEG: f64 = 315.0;
/// Degrees over the horizon.
const SUN_HEIGHT_DEG: f64 = 45.0;
/// Metres in a degree of latitude, on a sphere of 6,371,008.8 m.
const METRES_PER_DEGREE: f64 = 111_195.08;

/// Heights of a tile's pixel centres and one pixel around, row by row, `None` where nothing is known.
struct Samples {
    heights: Vec<Option<f64>>,
    /// A pixel's size on the ground in the tile's middle, metres: east, south.
    pixel_m: (f64, f64),
}

const SIDE: usize = RASTER_SIZE as usize + 2;

impl Samples {
    /// O(pixels); `None` if the grid does not reach into the tile.
    fn of(grid: &Grid, tile: TileId) -> Option<Self> {
        let bbox = tile.bbox();
        if !grid.extent.intersects(&bbox) {
            return None;
        }
        let place = tile.pixels(RASTER_SIZE);
        let mut heights = Vec::with_capacity(SIDE * SIDE);
        for row in 0..SIDE {
            for column in 0..SIDE {
                let (longitude, latitude) = place(column as f64 - 0.5, row as f64 - 0.5);
                heights.push(grid.height_m(longitude, latitude));
            }
        }
        let (_, latitude) = bbox.center();
        let degrees = ((bbox.x_max - bbox.x_min) / f64::from(RASTER_SIZE), (bbox.y_max - bbox.y_min) / f64::from(RASTER_SIZE));
        let pixel_m = (degrees.0 * METRES_PER_DEGREE * latitude.to_radians().cos(), degrees.1 * METRES_PER_DEGREE);
        heights.iter().any(Option::is_some).then_some(Self { heights, pixel_m })
    }

    /// The height at a pixel of the tile, counted from its north-western one; may be one outside.
    fn at(&self, column: isize, row: isize) -> Option<f64> {
        let at = (row + 1) * SIDE as isize + column + 1;
        usize::try_from(at).ok().and_then(|at| self.heights.get(at).copied().flatten())
    }

    fn each(&self, mut visit: impl FnMut(isize, isize)) {
        let side = RASTER_SIZE as isize;
        (0..side).for_each(|row| (0..side).for_each(|column| visit(column, row)));
    }
}

/// A PNG of the heights in Mapbox' terrain-RGB: metres = −10,000 + 0.1 · (65,536·R + 256·G + B).
/// What is not known is 0 m. `None` if the grid does not reach into the tile.
///
/// # Errors
/// The picture cannot be written.
pub fn terrain_rgb(grid: &Grid, tile: TileId) -> Result<Option<Vec<u8>>, png::EncodingError> {
    let Some(samples) = Samples::of(grid, tile) else { return Ok(None) };
    let mut pixels = Vec::with_capacity(3 * (RASTER_SIZE * RASTER_SIZE) as usize);
    samples.each(|column, row| {
        let height = samples.at(column, row).unwrap_or(0.0);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 24 bits before")]
        let value = ((height + 10_000.0) * 10.0).round().clamp(0.0, 16_777_215.0) as u32;
        pixels.extend_from_slice(&value.to_be_bytes()[1..]);
    });
    picture(png::ColorType::Rgb, &pixels).map(Some)
}

/// A PNG of light and shadow: white where it faces the sun, black where it lies in shadow, clear
/// on the level (Horn's slope, as `gdaldem hillshade` has it). `None` if the grid does not reach
/// into the tile.
///
/// # Errors
/// The picture cannot be written.
pub fn hillshade(grid: &Grid, tile: TileId) -> Result<Option<Vec<u8>>, png::EncodingError> {
    let Some(samples) = Samples::of(grid, tile) else { return Ok(None) };
    let mut pixels = Vec::with_capacity(2 * (RASTER_SIZE * RASTER_SIZE) as usize);
    let level = SUN_HEIGHT_DEG.to_radians().sin();
    samples.each(|column, row| {
        let (grey, alpha) = match shade(&samples, column, row) {
            Some(light) if light >= level => (255, (light - level) / (1.0 - level) * 0.5),
            Some(light) => (0, (level - light) / level * 0.7),
            None => (0, 0.0),
        };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 255")]
        pixels.extend_from_slice(&[grey, (alpha * 255.0).round() as u8]);
    });
    picture(png::ColorType::GrayscaleAlpha, &pixels).map(Some)
}

/// How much sun a pixel gets, 0 to 1 (B. K. P. Horn, Hill Shading and the Reflectance Map, 1981).
fn shade(samples: &Samples, column: isize, row: isize) -> Option<f64> {
    let here = samples.at(column, row)?;
    let z = |dx: isize, dy: isize| samples.at(column + dx, row + dy).unwrap_or(here);
    let east = (z(1, -1) + 2.0 * z(1, 0) + z(1, 1) - z(-1, -1) - 2.0 * z(-1, 0) - z(-1, 1)) / (8.0 * samples.pixel_m.0);
    let north = (z(-1, -1) + 2.0 * z(0, -1) + z(1, -1) - z(-1, 1) - 2.0 * z(0, 1) - z(1, 1)) / (8.0 * samples.pixel_m.1);
    let (azimuth, height) = (SUN_AZIMUTH_DEG.to_radians(), SUN_HEIGHT_DEG.to_radians());
    // The normal of the slope, (-east, -north, 1), against the direction of the sun.
    let sun = (azimuth.sin() * height.cos(), azimuth.cos() * height.cos(), height.sin());
    let light = (sun.2 - east * sun.0 - north * sun.1) / (1.0 + east * east + north * north).sqrt();
    Some(light.clamp(0.0, 1.0))
}

pub(crate) fn picture(color: png::ColorType, pixels: &[u8]) -> Result<Vec<u8>, png::EncodingError> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, RASTER_SIZE, RASTER_SIZE);
    encoder.set_color(color);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Fast);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(pixels)?;
    writer.finish()?;
    Ok(bytes)
}

/// The level of WebMercatorQuad whose pixels are as fine as a grid's cells: deeper ones only enlarge it.
#[must_use]
pub fn native_level(grid: &Grid) -> u32 {
    let (width, _) = grid.cell();
    let pixel = |level: u32| 360.0 / f64::from(RASTER_SIZE) / f64::from(1u32 << level);
    (0..15).find(|level| pixel(*level) <= width).unwrap_or(15)
}

#[cfg(test)]
mod tests {
    use super::*;
    use citywall_model::Bbox;

    fn decode(png: &[u8]) -> (png::ColorType, Vec<u8>) {
        let mut reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        (info.color_type, pixels)
    }

    /// A slope that falls to the east by 1 m a cell.
    fn slope() -> Grid {
        let heights_m = (0..100 * 100).map(|at| 500.5 - (at % 100) as f32).collect();
        Grid { extent: Bbox::new(117.0, 39.0, 118.0, 40.0), columns: 100, rows: 100, heights_m }
    }

    #[test]
    fn heights_come_back_to_a_decimetre() {
        let grid = slope();
        let tile = TileId::at(12, 117.5, 39.5).unwrap();
        let (_, pixels) = decode(&terrain_rgb(&grid, tile).unwrap().unwrap());
        let place = tile.pixels(RASTER_SIZE);
        for (column, row) in [(0, 0), (17, 200), (255, 255)] {
            let at = 3 * (row * 256 + column);
            let value = pixels[at..at + 3].iter().fold(0u32, |sum, byte| sum * 256 + u32::from(*byte));
            let (longitude, latitude) = place(column as f64 + 0.5, row as f64 + 0.5);
            let expected = grid.height_m(longitude, latitude).unwrap();
            assert!((f64::from(value) * 0.1 - 10_000.0 - expected).abs() <= 0.05 + 1e-6);
        }
        assert_eq!(terrain_rgb(&grid, TileId::at(12, 110.0, 39.5).unwrap()).unwrap(), None);
    }

    #[test]
    fn a_slope_away_from_the_sun_is_dark_and_a_level_is_clear() {
        let tile = TileId::at(12, 117.5, 39.5).unwrap();
        let (_, east) = decode(&hillshade(&slope(), tile).unwrap().unwrap());
        assert!(east.chunks(2).all(|pixel| pixel[0] == 0), "it falls to the east, the sun is in the north-west");
        let level = Grid { heights_m: vec![7.0; 100 * 100], ..slope() };
        let (_, level) = decode(&hillshade(&level, tile).unwrap().unwrap());
        assert!(level.chunks(2).all(|pixel| pixel[1] == 0));
    }
}
