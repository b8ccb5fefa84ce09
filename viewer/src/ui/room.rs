//! Room for names over the picture: none lies over another, under a panel, or on a seam between displays.

use super::layout::{BAR_PX, MARGIN_PX, SIDES_PX};
use crate::displays::Displays;
use bevy::prelude::*;

/// Between a name and a panel.
const AWAY_PX: f32 = 12.0;
/// The line at the foot.
const FOOT_PX: f32 = 64.0;

/// The room that is left. Pixels at 1080 lines, from the upper left corner of the whole wall.
pub struct Room {
    free: Rect,
    seams: Vec<Rect>,
    taken: Vec<Rect>,
}

impl Room {
    /// What bar, panels and foot leave, besides what is taken already; `factor` is pixels per pixel at
    /// 1080 lines.
    #[must_use]
    pub fn beside_panels(displays: &Displays, factor: f32, taken: &[Rect]) -> Self {
        let screen = displays.whole().as_vec2() / factor;
        let (left, right) = (SIDES_PX.0 + MARGIN_PX + AWAY_PX, screen.x - SIDES_PX.1 - MARGIN_PX - AWAY_PX);
        let seams = displays.seams().iter().map(|s| Rect { min: s.min / factor, max: s.max / factor }).collect();
        Self { free: Rect::new(left, BAR_PX + AWAY_PX, right, screen.y - FOOT_PX), seams, taken: taken.to_vec() }
    }

    /// Keeps a place for something else.
    pub fn keep(&mut self, rect: Rect) {
        self.taken.push(rect);
    }

    /// Takes the first of some places in which there is room; one on a seam is moved off it.
    pub fn take(&mut self, places: impl IntoIterator<Item = Rect>) -> Option<Rect> {
        let rect = places.into_iter().map(|place| self.off_seams(place)).find(|r| self.fits(*r))?;
        self.taken.push(rect);
        Some(rect)
    }

    fn fits(&self, rect: Rect) -> bool {
        self.free.contains(rect.min)
            && self.free.contains(rect.max)
            && self.seams.iter().chain(&self.taken).all(|o| o.intersect(rect).is_empty())
    }

    fn off_seams(&self, rect: Rect) -> Rect {
        self.seams.iter().filter(|seam| !seam.intersect(rect).is_empty()).fold(rect, |rect, seam| {
            // A hair more, so that the edges do not touch.
            let nearer = |back: f32, on: f32| if -back < on { back - 0.5 } else { on + 0.5 };
            let step = if seam.height() > seam.width() {
                Vec2::new(nearer(seam.min.x - rect.max.x, seam.max.x - rect.min.x), 0.0)
            } else {
                Vec2::new(0.0, nearer(seam.min.y - rect.max.y, seam.max.y - rect.min.y))
            };
            Rect { min: rect.min + step, max: rect.max + step }
        })
    }
}

/// The width of a name in pixels, a little more than it takes: letters of the Latin alphabet are narrower.
#[must_use]
pub fn width_of(text: &str, size_px: f32) -> f32 {
    text.chars().map(|c| if c.is_ascii() { 0.62 } else { 1.0 }).sum::<f32>() * size_px + 12.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_goes_where_there_is_room_and_off_the_seam() {
        let wall = Displays { size: UVec2::new(1920, 1080), grid: UVec2::new(2, 1), gap: UVec2::new(40, 0), shown: None };
        let mut room = Room::beside_panels(&wall, 1.0, &[]);
        let at = |x: f32, y: f32| Rect::from_center_size(Vec2::new(x, y), Vec2::new(200.0, 30.0));
        assert_eq!(room.take([at(100.0, 500.0)]), None, "under a panel");
        let moved = room.take([at(1930.0, 500.0)]).unwrap();
        assert!(moved.max.x < 1919.0 && moved.max.x > 1917.0, "{moved:?} is off the seam by the shorter way");
        assert_eq!(room.take([at(1750.0, 500.0), at(1750.0, 560.0)]), Some(at(1750.0, 560.0)), "the second place, beside the first name");
    }
}
