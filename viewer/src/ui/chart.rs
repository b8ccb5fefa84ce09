//! Rings, courses, glyphs and the map inset, drawn into images with tiny-skia.

use crate::{render::Glyph, scene::Scheme};
use bevy::{
    asset::RenderAssetUsages,
    image::Image,
    render::render_resource::{Extent3d, TextureDimension, TextureFormat},
};
use tiny_skia::{Color, FillRule, LineCap, Paint, PathBuilder, Pixmap, Rect, Shader, Stroke, Transform};

/// A picture of a size in pixels at 1080 lines, drawn at a scale.
struct Sheet {
    map: Pixmap,
    at: Transform,
}

impl Sheet {
    fn new(width: f32, height: f32, scale: f32) -> Option<Self> {
        let map = Pixmap::new((width * scale).ceil() as u32, (height * scale).ceil() as u32)?;
        Some(Self { map, at: Transform::from_scale(scale, scale) })
    }

    fn fill(&mut self, path: PathBuilder, colour: [f32; 4]) {
        if let Some(path) = path.finish() {
            self.map.fill_path(&path, &paint(colour), FillRule::EvenOdd, self.at, None);
        }
    }

    fn stroke(&mut self, path: PathBuilder, width: f32, colour: [f32; 4], cap: LineCap) {
        if let Some(path) = path.finish() {
            let stroke = Stroke { width, line_cap: cap, ..Stroke::default() };
            self.map.stroke_path(&path, &paint(colour), &stroke, self.at, None);
        }
    }

    /// As the interface wants it: straight alpha, sRGB values as they are.
    fn image(self) -> Image {
        let size = Extent3d { width: self.map.width(), height: self.map.height(), depth_or_array_layers: 1 };
        let bytes: Vec<u8> = self
            .map
            .pixels()
            .iter()
            .flat_map(|p| {
                let c = p.demultiply();
                [c.red(), c.green(), c.blue(), c.alpha()]
            })
            .collect();
        // It is kept beside the graphics device, which may be lost.
        Image::new(size, TextureDimension::D2, bytes, TextureFormat::Rgba8Unorm, RenderAssetUsages::default())
    }
}

fn paint(c: [f32; 4]) -> Paint<'static> {
    let colour = Color::from_rgba(c[0], c[1], c[2], c[3]).unwrap_or(Color::TRANSPARENT);
    Paint { shader: Shader::SolidColor(colour), anti_alias: true, ..Paint::default() }
}

fn alpha(c: [f32; 3], a: f32) -> [f32; 4] {
    [c[0], c[1], c[2], a]
}

/// The side of a ring, pixels at 1080 lines.
pub const RING_PX: f32 = 150.0;

/// Shares of a ring in the colours of the groups, from the top clockwise.
pub fn ring(shares: &[f32], scheme: &Scheme, scale: f32) -> Option<Image> {
    const WIDTH: f32 = 22.0;
    /// Between two shares, in turns.
    const GAP: f32 = 0.006;
    let mut sheet = Sheet::new(RING_PX, RING_PX, scale)?;
    let radius = (RING_PX - WIDTH) / 2.0 - 1.0;
    let place = |turn: f32| {
        let (sin, cos) = (turn * std::f32::consts::TAU).sin_cos();
        (RING_PX / 2.0 + sin * radius, RING_PX / 2.0 - cos * radius)
    };
    let mut from = 0.0;
    for (i, share) in shares.iter().enumerate() {
        let (start, end) = (from + GAP / 2.0, from + share - GAP / 2.0);
        from += share;
        if end <= start {
            continue;
        }
        let mut path = PathBuilder::new();
        let steps = ((end - start) * 90.0).ceil().max(1.0) as u32;
        for k in 0..=steps {
            let (x, y) = place(start + (end - start) * k as f32 / steps as f32);
            if k == 0 { path.move_to(x, y) } else { path.line_to(x, y) }
        }
        sheet.stroke(path, WIDTH, alpha(scheme.series[i % scheme.series.len()], 1.0), LineCap::Butt);
    }
    Some(sheet.image())
}

/// A course as a line over its area; the last point is marked.
pub fn course(values: &[f64], width: f32, height: f32, scheme: &Scheme, scale: f32) -> Option<Image> {
    let top = values.iter().copied().fold(0.0, f64::max);
    if values.len() < 2 || top <= 0.0 {
        return None;
    }
    let mut sheet = Sheet::new(width, height, scale)?;
    let at = |i: usize| {
        let x = 5.0 + (width - 10.0) * i as f32 / (values.len() - 1) as f32;
        (x, height - 5.0 - (height - 12.0) * (values[i] / top) as f32)
    };
    let colour = scheme.series[0];
    let (mut area, mut line) = (PathBuilder::new(), PathBuilder::new());
    area.move_to(at(0).0, height - 1.0);
    for i in 0..values.len() {
        let (x, y) = at(i);
        area.line_to(x, y);
        if i == 0 { line.move_to(x, y) } else { line.line_to(x, y) }
    }
    area.line_to(at(values.len() - 1).0, height - 1.0);
    area.close();
    sheet.fill(area, alpha(colour, 0.20));
    let mut foot = PathBuilder::new();
    foot.move_to(0.0, height - 1.0);
    foot.line_to(width, height - 1.0);
    sheet.stroke(foot, 1.0, alpha(scheme.ink_faint, 0.6), LineCap::Butt);
    sheet.stroke(line, 2.2, alpha(colour, 1.0), LineCap::Round);
    let (x, y) = at(values.len() - 1);
    if let Some(dot) = PathBuilder::from_circle(x, y, 4.0) {
        sheet.map.fill_path(&dot, &paint(alpha(scheme.ink, 1.0)), FillRule::Winding, sheet.at, None);
    }
    Some(sheet.image())
}

/// The side of a glyph in a legend, pixels at 1080 lines.
pub const GLYPH_PX: f32 = 28.0;

/// A thing's glyph as its markers have it (`glyph_shape` in `marker.wgsl`).
pub fn glyph(glyph: Glyph, is_hollow: bool, colour: [f32; 3], scale: f32) -> Option<Image> {
    let mut sheet = Sheet::new(GLYPH_PX, GLYPH_PX, scale)?;
    let (width, height) = (sheet.map.width(), sheet.map.height());
    let size = 11.0 * scale;
    for (i, pixel) in sheet.map.pixels_mut().iter_mut().enumerate() {
        let (column, row) = (i as u32 % width, i as u32 / width);
        let p = [column as f32 + 0.5 - width as f32 / 2.0, height as f32 / 2.0 - row as f32 - 0.5];
        let d = distance(glyph, p, size);
        let body = (0.5 - d).clamp(0.0, 1.0);
        let hole = if is_hollow { (0.5 - (d + 2.0 * scale)).clamp(0.0, 1.0) } else { 0.0 };
        if let Some(c) = Color::from_rgba(colour[0], colour[1], colour[2], body * (1.0 - hole)) {
            *pixel = c.premultiply().to_color_u8();
        }
    }
    Some(sheet.image())
}

/// Dashes of light along a line, as `flow.wgsl` draws them: three one way, or both ways.
pub fn flow(is_both_ways: bool, line: [f32; 4], scheme: &Scheme, scale: f32) -> Option<Image> {
    let mut sheet = Sheet::new(GLYPH_PX, GLYPH_PX, scale)?;
    let middle = GLYPH_PX / 2.0;
    let block = |x: f32, y: f32, w: f32, h: f32| Rect::from_xywh(x, y, w, h).map(PathBuilder::from_rect);
    let half = if is_both_ways { 5.0 } else { 3.0 };
    if let Some(path) = block(0.0, middle - half, GLYPH_PX, half * 2.0) {
        // Dimmer than on the map, where the dashes move.
        let [red, green, blue, opacity] = line;
        sheet.map.fill_path(&path, &paint([red, green, blue, opacity * 0.4]), FillRule::Winding, sheet.at, None);
    }
    let lanes: &[(f32, bool)] = if is_both_ways { &[(middle + 2.5, true), (middle - 2.5, false)] } else { &[(middle, true)] };
    for (y, is_ahead) in lanes {
        for step in 0..GLYPH_PX as u32 {
            // Two dashes, half of each lit, the brighter the nearer to its head.
            let at = (step as f32 / GLYPH_PX * 2.0).fract();
            let x = if *is_ahead { step as f32 } else { GLYPH_PX - 1.0 - step as f32 };
            if let (true, Some(path)) = (at < 0.6, block(x, y - 1.5, 1.0, 3.0)) {
                let colour = alpha([scheme.flow[0], scheme.flow[1], scheme.flow[2]], scheme.flow[3] * (at / 0.6));
                sheet.map.fill_path(&path, &paint(colour), FillRule::Winding, sheet.at, None);
            }
        }
    }
    Some(sheet.image())
}

/// Density from none to much, as `overlay.wgsl` draws it.
pub fn density(scheme: &Scheme, scale: f32) -> Option<Image> {
    let mut sheet = Sheet::new(GLYPH_PX, GLYPH_PX, scale)?;
    for (radius, share) in [(13.0, 0.16), (10.0, 0.30), (7.0, 0.45), (4.0, 0.75)] {
        if let Some(dot) = PathBuilder::from_circle(GLYPH_PX / 2.0, GLYPH_PX / 2.0, radius) {
            sheet.map.fill_path(&dot, &paint(alpha(scheme.heat, share)), FillRule::Winding, sheet.at, None);
        }
    }
    Some(sheet.image())
}

/// The distance of a place to a glyph's outline, negative inside; y points up.
fn distance(glyph: Glyph, [x, y]: [f32; 2], size: f32) -> f32 {
    let (ax, ay, length) = (x.abs(), y.abs(), x.hypot(y));
    match glyph {
        Glyph::Level | Glyph::Dot => length - size * 0.5,
        Glyph::Camera => {
            // A dot, and the fan of its view.
            let fan = (length * 0.848 - y).max(length - size * 1.25).max(size * 0.7 - length);
            (length - size * 0.5).min(fan)
        }
        Glyph::Sensor => (length - size * 0.38).min((length - size * 0.84).abs() - size * 0.13),
        Glyph::Square => ax.max(ay) - size * 0.52,
        Glyph::House => {
            let walls = (ax - size * 0.52).max((y + size * 0.28).abs() - size * 0.42);
            let roof = (ax * 0.64 + (y - size * 0.78) * 0.77).max(size * 0.08 - y);
            walls.min(roof)
        }
        Glyph::Cross => (ax - size * 0.26).max(ay - size * 0.76).min((ay - size * 0.26).max(ax - size * 0.76)),
        Glyph::Hexagon => (ax * 0.866 + ay * 0.5).max(ay) - size * 0.60,
        Glyph::Drop => {
            let disc = x.hypot(y + size * 0.22) - size * 0.50;
            disc.min((ax * 0.899 + (y - size * 0.92) * 0.438).max(-y))
        }
        Glyph::Bars => {
            let bar = |at: f32, middle: f32, half: f32| ((x - size * at).abs() - size * 0.17).max((y - size * middle).abs() - size * half);
            bar(-0.52, -0.30, 0.35).min(bar(0.0, 0.05, 0.70)).min(bar(0.52, -0.12, 0.53))
        }
        Glyph::Arrow => {
            let side = ax * 0.939 + (y - size * 0.95) * 0.343;
            side.max(-(ax * 0.542 + (y + size * 0.35) * 0.840))
        }
    }
}

/// The outlines of areas as rings of places.
pub type Outlines<'a> = &'a [Vec<[f32; 2]>];

/// The whole city: areas, incidents by level, the corners of the view; metres on the city's plane.
pub fn inset(
    areas: Outlines<'_>,
    marks: &[([f32; 2], usize)],
    view: &[[f32; 2]],
    size: [f32; 2],
    scheme: &Scheme,
    scale: f32,
) -> Option<Image> {
    let mut sheet = Sheet::new(size[0], size[1], scale)?;
    let all = areas.iter().flatten();
    let (min, max) =
        all.fold(([f32::MAX; 2], [f32::MIN; 2]), |(lo, hi), p| ([lo[0].min(p[0]), lo[1].min(p[1])], [hi[0].max(p[0]), hi[1].max(p[1])]));
    if min[0] >= max[0] || min[1] >= max[1] {
        return None;
    }
    let per_metre = ((size[0] - 8.0) / (max[0] - min[0])).min((size[1] - 8.0) / (max[1] - min[1]));
    let place = |p: &[f32; 2]| {
        let x = size[0] / 2.0 + (p[0] - f32::midpoint(min[0], max[0])) * per_metre;
        (x, size[1] / 2.0 - (p[1] - f32::midpoint(min[1], max[1])) * per_metre)
    };
    let path = |ring: &[[f32; 2]]| {
        let mut path = PathBuilder::new();
        for (i, p) in ring.iter().enumerate() {
            let (x, y) = place(p);
            if i == 0 { path.move_to(x, y) } else { path.line_to(x, y) }
        }
        path.close();
        path
    };
    for ring in areas {
        sheet.fill(path(ring), alpha(scheme.ink_faint, 0.16));
        sheet.stroke(path(ring), 0.8, alpha(scheme.ink_faint, 0.9), LineCap::Round);
    }
    for (at, level) in marks {
        let (x, y) = place(at);
        if let Some(dot) = PathBuilder::from_circle(x, y, if *level == 1 { 4.5 } else { 2.4 }) {
            sheet.map.fill_path(&dot, &paint(alpha(scheme.levels[*level], 1.0)), FillRule::Winding, sheet.at, None);
        }
    }
    if view.len() > 2 {
        sheet.stroke(path(view), 1.8, alpha(scheme.ink, 0.95), LineCap::Round);
    }
    Some(sheet.image())
}

/// A camera's picture, as it came.
pub fn still(pixels: &image::RgbaImage) -> Image {
    let size = Extent3d { width: pixels.width(), height: pixels.height(), depth_or_array_layers: 1 };
    Image::new(size, TextureDimension::D2, pixels.as_raw().clone(), TextureFormat::Rgba8Unorm, RenderAssetUsages::RENDER_WORLD)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::SchemeName;

    fn pixel(image: &Image, x: u32, y: u32) -> [u8; 4] {
        let at = ((y * image.width() + x) * 4) as usize;
        image.data.as_ref().unwrap()[at..at + 4].try_into().unwrap()
    }

    #[test]
    fn a_rings_first_share_begins_at_the_top_and_goes_clockwise() {
        let scheme = Scheme::of(SchemeName::Night, crate::scene::Mode::Ordinary);
        let image = ring(&[0.5, 0.5], &scheme, 1.0).unwrap();
        let is = |p: [u8; 4], c: [f32; 3]| (0..3).all(|k| (f32::from(p[k]) - c[k] * 255.0).abs() < 3.0);
        assert!(is(pixel(&image, 137, 75), scheme.series[0]) && is(pixel(&image, 12, 75), scheme.series[1]));
        assert_eq!(pixel(&image, 75, 75)[3], 0, "the middle is empty");
    }

    #[test]
    fn a_course_without_values_is_no_picture() {
        let scheme = Scheme::of(SchemeName::Day, crate::scene::Mode::Ordinary);
        assert!(course(&[0.0, 0.0], 100.0, 40.0, &scheme, 1.0).is_none());
        assert!(course(&[1.0, 3.0, 2.0], 100.0, 40.0, &scheme, 2.0).is_some_and(|i| i.width() == 200));
    }
}
