//! The figures that clusters are counted with, as one small texture.
//!
//! They are drawn at the size in which they are shown, so that the shader copies pixels and
//! nothing is blurred.

use ab_glyph::{Font, FontRef, ScaleFont};
use bevy::render::{
    render_resource::{
        Extent3d, Texture, TextureDescriptor, TextureDimension, TextureFormat, TextureUsages, TextureView, TextureViewDescriptor,
    },
    renderer::{RenderDevice, RenderQueue},
};

/// The characters in the order of the texture, as `marker.wgsl` has them.
const CHARACTERS: &str = "0123456789.万";
/// Pixels of an em at 1080 lines.
const EM_PX: f32 = 20.0;
/// A cell of the texture at 1080 lines, pixels, as `marker.wgsl` has it.
pub const CELL_PX: (f32, f32) = (11.0, 20.0);
/// The last character, 万, is this many cells wide.
const LAST_CELLS: u32 = 2;
const BOLD: &[u8] = include_bytes!("../../assets/fonts/NotoSansSC-Bold.otf");

/// The texture of figures for a height in lines.
pub(super) struct Digits {
    lines: u32,
    _texture: Texture,
    pub(super) view: TextureView,
}

impl Digits {
    /// Draws the figures.
    pub(super) fn new(lines: u32, device: &RenderDevice, queue: &RenderQueue) -> Self {
        let (width, height, pixels) = draw(lines as f32 / 1080.0);
        let size = Extent3d { width, height, depth_or_array_layers: 1 };
        let descriptor = TextureDescriptor {
            label: Some("citywall figures"),
            size,
            mip_level_count: 1,
            sample_count: 1,
            dimension: TextureDimension::D2,
            format: TextureFormat::R8Unorm,
            usage: TextureUsages::TEXTURE_BINDING | TextureUsages::COPY_DST,
            view_formats: &[],
        };
        let texture = device.create_texture_with_data(queue, &descriptor, Default::default(), &pixels);
        let view = texture.create_view(&TextureViewDescriptor::default());
        Self { lines, _texture: texture, view }
    }

    /// True if the figures have the size for this many lines.
    pub(super) fn fits(&self, lines: u32) -> bool {
        self.lines == lines
    }
}

/// Width, height and coverage of the figures, one cell after the other.
fn draw(scale: f32) -> (u32, u32, Vec<u8>) {
    let (cell_w, cell_h) = ((CELL_PX.0 * scale).round().max(1.0), (CELL_PX.1 * scale).round().max(1.0));
    let width = cell_w as u32 * (CHARACTERS.chars().count() as u32 - 1 + LAST_CELLS);
    let mut pixels = vec![0; (width * cell_h as u32) as usize];
    // The font is part of the program; without it figures would be blank, and tests say so.
    let Ok(font) = FontRef::try_from_slice(BOLD) else { return (width, cell_h as u32, pixels) };
    for (i, c) in CHARACTERS.chars().enumerate() {
        let em = font.pt_to_px_scale(EM_PX * scale * 0.75).unwrap_or((EM_PX * scale).into());
        let scaled = font.as_scaled(em);
        let id = font.glyph_id(c);
        let room = if c == '万' { cell_w * LAST_CELLS as f32 } else { cell_w };
        let left = i as f32 * cell_w + (room - scaled.h_advance(id)) / 2.0;
        // Figures have no descenders: their middle is that of the cell.
        let baseline = cell_h / 2.0 + EM_PX * scale * 0.365;
        let glyph = id.with_scale_and_position(em, ab_glyph::point(left, baseline));
        let Some(outline) = font.outline_glyph(glyph) else { continue };
        let bounds = outline.px_bounds();
        outline.draw(|x, y, cover| {
            let (x, y) = (bounds.min.x as i64 + i64::from(x), bounds.min.y as i64 + i64::from(y));
            if (0..i64::from(width)).contains(&x) && (0..cell_h as i64).contains(&y) {
                pixels[(y * i64::from(width) + x) as usize] = (cover * 255.0) as u8;
            }
        });
    }
    (width, cell_h as u32, pixels)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_figure_has_ink_within_its_own_cell() {
        let (width, height, pixels) = draw(2.0);
        let cell = (CELL_PX.0 * 2.0) as u32;
        assert_eq!((width, height), (cell * 13, 40));
        for i in 0..12u32 {
            let room = if i == 11 { cell * 2 } else { cell };
            let columns: Vec<u32> =
                (i * cell..i * cell + room).filter(|x| (0..height).any(|y| pixels[(y * width + x) as usize] > 40)).collect();
            assert!(!columns.is_empty(), "character {i} is blank");
            let rows = (0..height).filter(|y| (i * cell..i * cell + room).any(|x| pixels[(y * width + x) as usize] > 40)).count();
            assert!(i == 10 || (20..=38).contains(&rows), "character {i} is {rows} pixels high");
        }
    }
}
