//! Tiles of imagery, as PNG or WebP, in any matrix set, out of the kept pyramid in WebMercatorQuad.
//!
//! A tile that is kept is given as it is. Any other is sampled: in the geographic sets, whose columns
//! are those of Mercator one level deeper, and beyond the finest level. What is kept exactly (PNG: a
//! grey or a class) takes the nearest pixel, so that no value comes up that the source does not have;
//! a photograph (WebP) is bilinear.

use crate::{
    TileId,
    terrain::{RASTER_SIZE, picture},
    tile::mercator,
};
use citywall_model::ImageryLevels;
use rustc_hash::FxHashMap;
use std::io::Cursor;

/// The form of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Without loss, for any client.
    Png,
    /// Smaller.
    WebP,
}

impl Form {
    /// The form that a picture's first bytes tell.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0x89, b'P', b'N', b'G', ..] => Some(Self::Png),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(Self::WebP),
            _ => None,
        }
    }

    /// Its media type.
    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::WebP => "image/webp",
        }
    }
}

/// A kept tile that is no picture of 256 pixels.
#[derive(Debug, thiserror::Error)]
#[error("a kept tile is no picture of 256 × 256 pixels: {0}")]
pub struct BrokenPicture(String);

const SIDE: usize = RASTER_SIZE as usize;

/// A decoded tile.
struct Picture {
    rgba: Vec<u8>,
    /// Its pixels are values and must not be mixed.
    is_exact: bool,
}

/// A tile of imagery in a form; `None` where nothing is shown. `kept` gives a kept tile by level,
/// column and row. O(pixels) unless the tile is kept in that form.
///
/// # Errors
/// A kept tile cannot be read or is broken.
pub fn draw<E: From<BrokenPicture>>(
    levels: ImageryLevels,
    tile: TileId,
    form: Form,
    kept: impl Fn(u32, u32, u32) -> Result<Option<Vec<u8>>, E>,
) -> Result<Option<Vec<u8>>, E> {
    let depth = u32::from(tile.z());
    if !tile.set().is_geographic() && (levels.first..=levels.last).contains(&depth) {
        let Some(bytes) = kept(depth, tile.x(), tile.y())? else { return Ok(None) };
        if Form::of(&bytes) == Some(form) {
            return Ok(Some(bytes));
        }
        return Ok(Some(encode(&decode(&bytes)?.rgba, form)?));
    }
    let level = (depth + u32::from(tile.set().is_geographic())).clamp(levels.first, levels.last);
    let mut mosaic = Mosaic { level, kept, tiles: FxHashMap::default() };
    let place = tile.pixels(RASTER_SIZE);
    let mut rgba = Vec::with_capacity(4 * SIDE * SIDE);
    for row in 0..SIDE {
        for column in 0..SIDE {
            let (longitude, latitude) = place(column as f64 + 0.5, row as f64 + 0.5);
            rgba.extend_from_slice(&mosaic.colour(longitude, latitude)?);
        }
    }
    if rgba.chunks_exact(4).all(|pixel| pixel[3] == 0) { Ok(None) } else { Ok(Some(encode(&rgba, form)?)) }
}

/// The kept tiles of a level as one picture of the world.
struct Mosaic<K> {
    level: u32,
    kept: K,
    tiles: FxHashMap<(u32, u32), Option<Picture>>,
}

impl<E: From<BrokenPicture>, K: Fn(u32, u32, u32) -> Result<Option<Vec<u8>>, E>> Mosaic<K> {
    fn colour(&mut self, longitude: f64, latitude: f64) -> Result<[u8; 4], E> {
        let side = f64::from(RASTER_SIZE) * f64::from(1_u32 << self.level);
        let (x, y) = ((longitude + 180.0) / 360.0 * side, mercator(latitude) * side);
        if !(0.0..side).contains(&x) || !(0.0..side).contains(&y) {
            return Ok([0; 4]);
        }
        let (nearest, is_exact) = self.pixel(x.floor(), y.floor())?;
        if is_exact {
            return Ok(nearest);
        }
        // The corners of the square between pixel centres; a clear one lends no colour.
        let (left, top) = ((x - 0.5).floor(), (y - 0.5).floor());
        let (right_share, bottom_share) = (x - 0.5 - left, y - 0.5 - top);
        let mut sum = [0.0; 4];
        for (dx, dy) in [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0)] {
            let share =
                (if dx > 0.0 { right_share } else { 1.0 - right_share }) * (if dy > 0.0 { bottom_share } else { 1.0 - bottom_share });
            let (pixel, _) = self.pixel((left + dx).clamp(0.0, side - 1.0), (top + dy).clamp(0.0, side - 1.0))?;
            let clear = f64::from(pixel[3]) * share;
            sum[3] += clear;
            (0..3).for_each(|part| sum[part] += f64::from(pixel[part]) * clear);
        }
        let alpha = sum[3];
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "means of bytes")]
        let byte = |value: f64| value.round() as u8;
        Ok(if alpha > 0.0 { [byte(sum[0] / alpha), byte(sum[1] / alpha), byte(sum[2] / alpha), byte(alpha)] } else { [0; 4] })
    }

    /// A pixel of the level, and whether it is a value.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the caller keeps within the world")]
    fn pixel(&mut self, x: f64, y: f64) -> Result<([u8; 4], bool), E> {
        let (x, y) = (x as u64, y as u64);
        let address = ((x / u64::from(RASTER_SIZE)) as u32, (y / u64::from(RASTER_SIZE)) as u32);
        if !self.tiles.contains_key(&address) {
            let bytes = (self.kept)(self.level, address.0, address.1)?;
            let picture = bytes.map(|bytes| decode(&bytes)).transpose()?;
            self.tiles.insert(address, picture);
        }
        let Some(Some(picture)) = self.tiles.get(&address) else { return Ok(([0; 4], false)) };
        let at = 4 * ((y % u64::from(RASTER_SIZE)) as usize * SIDE + (x % u64::from(RASTER_SIZE)) as usize);
        let pixel = &picture.rgba[at..at + 4];
        Ok(([pixel[0], pixel[1], pixel[2], pixel[3]], picture.is_exact))
    }
}

fn encode(rgba: &[u8], form: Form) -> Result<Vec<u8>, BrokenPicture> {
    match form {
        Form::Png => picture(png::ColorType::Rgba, rgba).map_err(|e| BrokenPicture(e.to_string())),
        Form::WebP => {
            let mut bytes = Vec::new();
            let written = image_webp::WebPEncoder::new(&mut bytes).encode(rgba, RASTER_SIZE, RASTER_SIZE, image_webp::ColorType::Rgba8);
            written.map(|()| bytes).map_err(|e| BrokenPicture(e.to_string()))
        }
    }
}

fn decode(bytes: &[u8]) -> Result<Picture, BrokenPicture> {
    let broken = |reason: &dyn std::fmt::Display| BrokenPicture(reason.to_string());
    let (size, channels, pixels, is_exact) = match Form::of(bytes) {
        Some(Form::Png) => {
            let mut decoder = png::Decoder::new(Cursor::new(bytes));
            decoder.set_transformations(png::Transformations::EXPAND | png::Transformations::STRIP_16);
            let mut reader = decoder.read_info().map_err(|e| broken(&e))?;
            if (reader.info().width, reader.info().height) != (RASTER_SIZE, RASTER_SIZE) {
                return Err(broken(&"of another size"));
            }
            let mut pixels = vec![0; reader.output_buffer_size().ok_or_else(|| broken(&"too large"))?];
            let info = reader.next_frame(&mut pixels).map_err(|e| broken(&e))?;
            ((info.width, info.height), info.color_type.samples(), pixels, true)
        }
        Some(Form::WebP) => {
            let mut decoder = image_webp::WebPDecoder::new(Cursor::new(bytes)).map_err(|e| broken(&e))?;
            if decoder.dimensions() != (RASTER_SIZE, RASTER_SIZE) {
                return Err(broken(&"of another size"));
            }
            let mut pixels = vec![0; decoder.output_buffer_size().ok_or_else(|| broken(&"too large"))?];
            decoder.read_image(&mut pixels).map_err(|e| broken(&e))?;
            (decoder.dimensions(), if decoder.has_alpha() { 4 } else { 3 }, pixels, false)
        }
        None => return Err(broken(&"neither PNG nor WebP")),
    };
    if size != (RASTER_SIZE, RASTER_SIZE) || pixels.len() < channels * SIDE * SIDE {
        return Err(broken(&"of another size"));
    }
    let rgba = pixels.chunks_exact(channels).take(SIDE * SIDE).flat_map(|pixel| match *pixel {
        [grey] => [grey, grey, grey, 255],
        [grey, alpha] => [grey, grey, grey, alpha],
        [red, green, blue] => [red, green, blue, 255],
        _ => [pixel[0], pixel[1], pixel[2], pixel[3]],
    });
    Ok(Picture { rgba: rgba.collect(), is_exact })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MatrixSet;

    /// A level 1 of which only the north-western tile is kept: red in its west, green in its east.
    fn kept(form: Form) -> impl Fn(u32, u32, u32) -> Result<Option<Vec<u8>>, BrokenPicture> {
        let rgba: Vec<u8> = (0..SIDE * SIDE).flat_map(|at| if at % SIDE < 128 { [255, 0, 0, 255] } else { [0, 255, 0, 255] }).collect();
        let bytes = encode(&rgba, form).unwrap();
        move |level, column, row| Ok(((level, column, row) == (1, 0, 0)).then(|| bytes.clone()))
    }

    fn drawn(set: MatrixSet, level: u32, column: u32, row: u32, form: Form) -> Option<Vec<u8>> {
        let levels = ImageryLevels { first: 1, last: 1 };
        let bytes = draw(levels, TileId::of(set, level, column, row).unwrap(), Form::Png, kept(form)).unwrap()?;
        assert_eq!(Form::of(&bytes), Some(Form::Png));
        Some(decode(&bytes).unwrap().rgba)
    }

    #[test]
    fn a_kept_tile_is_given_in_either_form_and_none_elsewhere() {
        for form in [Form::Png, Form::WebP] {
            let levels = ImageryLevels { first: 1, last: 1 };
            let tile = |column| TileId::of(MatrixSet::WebMercatorQuad, 1, column, 0).unwrap();
            for wanted in [Form::Png, Form::WebP] {
                let bytes = draw(levels, tile(0), wanted, kept(form)).unwrap().unwrap();
                assert_eq!(Form::of(&bytes), Some(wanted));
                assert_eq!(&decode(&bytes).unwrap().rgba[..4], &[255, 0, 0, 255]);
            }
            assert!(draw(levels, tile(1), Form::Png, kept(form)).unwrap().is_none());
        }
    }

    #[test]
    fn a_geographic_tile_has_the_same_columns_and_the_rows_of_its_latitudes() {
        // The western hemisphere: degrees 90 to −90 north; Mercator's tile ends at the equator.
        let pixels = drawn(MatrixSet::WorldCrs84Quad, 0, 0, 0, Form::Png).unwrap();
        let at = |column: usize, row: usize| &pixels[4 * (row * SIDE + column)..][..4];
        assert_eq!((at(127, 100), at(128, 100)), (&[255, 0, 0, 255][..], &[0, 255, 0, 255][..]));
        // 88° north is beyond Mercator, 1° south beyond the tile.
        assert_eq!((at(10, 2)[3], at(10, 130)[3], at(10, 126)[3]), (0, 0, 255));
    }

    #[test]
    fn beyond_the_finest_level_values_stay_and_photographs_blend() {
        let across = |form| {
            let pixels = drawn(MatrixSet::WebMercatorQuad, 3, 2, 1, form).unwrap();
            assert_eq!(&pixels[..4], &[0, 255, 0, 255]);
            pixels
        };
        across(Form::Png);
        // The border between red and green lies in the middle of this one's western neighbour's edge.
        let west = drawn(MatrixSet::WebMercatorQuad, 3, 1, 1, Form::WebP).unwrap();
        let edge = &west[4 * (SIDE - 1)..][..4];
        assert!(edge[0] > 128 && edge[1] > 60, "{edge:?}");
        let west = drawn(MatrixSet::WebMercatorQuad, 3, 1, 1, Form::Png).unwrap();
        assert_eq!(&west[4 * (SIDE - 1)..][..4], &[255, 0, 0, 255]);
    }

    #[test]
    fn a_broken_picture_is_named() {
        let levels = ImageryLevels { first: 0, last: 0 };
        let tile = TileId::of(MatrixSet::WebMercatorQuad, 0, 0, 0).unwrap();
        for bytes in [b"\x89PNG and no more".to_vec(), b"RIFF____WEBPVP8 ".to_vec(), b"GIF89a".to_vec(), Vec::new()] {
            let error = draw::<BrokenPicture>(levels, tile, Form::Png, |_, _, _| Ok(Some(bytes.clone())));
            // A client that takes the form as it is kept gets the bytes; all else must be read.
            if Form::of(&bytes) != Some(Form::Png) {
                assert!(error.is_err());
            }
            assert!(decode(&bytes).is_err());
        }
    }
}
