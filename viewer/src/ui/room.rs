//! Room for names over the picture: none lies over another, under a panel, or on a seam between displays.

use super::{
    layout::{BAR_PX, MARGIN_PX, SIDES_PX},
    style::fit,
};
use crate::displays::Displays;
use bevy::prelude::*;

/// Between a name and a panel.
const AWAY_PX: f32 = 12.0;
/// The line at the foot.
const FOOT_PX: f32 = 64.0;

/// Where the parts of an alarm have room: beside the panels, inside of one display each. Pixels at 1080 lines.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StageRoom {
    /// The upper part of the middle column of displays, for the banner.
    pub upper: Rect,
    /// The lower part of the same column, for its facts.
    pub lower: Rect,
    /// The lower part of the next column, if the wall has no middle one: there is room for more facts.
    pub beside: Option<Rect>,
    /// What the banner and the facts usually leave of the display in the middle, for the place itself.
    pub place: Rect,
}

/// What the banner takes of the upper part, and the facts of the lower one, as a rule.
const USUAL_PX: (f32, f32) = (190.0, 270.0);
/// How high an alarm's marker stands, and what it takes below its place.
const MARKER_PX: f32 = 150.0;
const FOOT_OF_PLACE_PX: f32 = 60.0;
/// How wide the notice at the foot is in one line, and how high a line of it.
const NOTICE_PX: f32 = 1_120.0;
const NOTICE_LINE_PX: f32 = 30.0;
/// A banner that has less room than this is small.
const NARROW_PX: f32 = 640.0;
/// Less than this is no room for facts.
const BESIDE_PX: f32 = 300.0;

impl StageRoom {
    /// The room on a wall.
    #[must_use]
    pub fn of(displays: &Displays) -> Self {
        let factor = fit(displays.whole());
        let free = Room::beside_panels(displays, factor, &[]).free;
        let display = |column: u32, row: u32| {
            let at = displays.display(UVec2::new(column, row)).as_rect();
            // Nothing touches a seam.
            let inner = Rect { min: at.min / factor, max: at.max / factor }.inflate(-AWAY_PX);
            free.intersect(inner)
        };
        let (column, row, last) = ((displays.grid.x - 1) / 2, (displays.grid.y - 1) / 2, displays.grid.y - 1);
        let (upper, mut lower, middle) = (display(column, 0), display(column, last), display(column, row));
        if (displays.size.x as f32) < NOTICE_PX * factor {
            // The notice at the foot takes two lines.
            lower.max.y -= NOTICE_LINE_PX;
        }
        let mut next = display((column + 1).min(displays.grid.x - 1), last);
        next.max.y = lower.max.y;
        let beside = (displays.grid.x.is_multiple_of(2) && next.width() >= BESIDE_PX).then_some(next);
        let top = if row == 0 { middle.min.y + USUAL_PX.0 } else { middle.min.y };
        let bottom = if row == last { middle.max.y - USUAL_PX.1 } else { middle.max.y };
        Self { upper, lower, beside, place: Rect::new(middle.min.x, top, middle.max.x, bottom.max(top)) }
    }

    /// The same where the foot is so much higher.
    #[must_use]
    pub fn above(mut self, foot_px: f32) -> Self {
        for part in [Some(&mut self.lower), self.beside.as_mut()].into_iter().flatten() {
            part.max.y -= foot_px;
        }
        self
    }

    /// True if the banner has little room.
    #[must_use]
    pub fn is_narrow(&self) -> bool {
        self.upper.width() < NARROW_PX
    }

    /// Where the place of an alarm is to be in the whole wall's picture, pixels.
    #[must_use]
    pub fn place_px(displays: &Displays) -> Vec2 {
        let place = Self::of(displays).place;
        // The marker stands on it.
        let high = (place.center().y + MARKER_PX / 4.0).max(place.min.y + MARKER_PX).min(place.max.y - FOOT_OF_PLACE_PX);
        Vec2::new(place.center().x, high) * fit(displays.whole())
    }
}

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

    /// The same where the foot is so much higher.
    #[must_use]
    pub fn above(mut self, foot_px: f32) -> Self {
        self.free.max.y -= foot_px;
        self
    }

    /// What bar, panels and foot leave.
    #[must_use]
    pub fn free(&self) -> Rect {
        self.free
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
    fn on_any_wall_an_alarm_is_beside_the_panels_and_off_the_seams() {
        let size = UVec2::new(1920, 1080);
        let grids = [(1, 1), (2, 1), (3, 1), (4, 2), (2, 2), (1, 3), (3, 3), (2, 3)].map(|(x, y)| (size, UVec2::new(x, y)));
        let portraits = [(UVec2::new(1080, 1920), UVec2::ONE), (UVec2::new(1080, 1920), UVec2::new(3, 1))];
        for (size, grid) in grids.into_iter().chain(portraits) {
            let wall = Displays { size, grid, gap: (grid - UVec2::ONE) * 10, shown: None };
            let (factor, stage) = (fit(wall.whole()), StageRoom::of(&wall));
            let room = Room::beside_panels(&wall, factor, &[]);
            for part in [stage.upper, stage.lower, stage.place].into_iter().chain(stage.beside) {
                assert!(room.fits(part), "{grid} of {size}: {part:?}");
                assert!(part.width() >= 300.0, "{grid} of {size}: {part:?}");
            }
            let place = StageRoom::place_px(&wall);
            assert!(wall.seams().iter().all(|seam| !seam.inflate(60.0 * factor).contains(place)), "{grid} of {size}: {place}");
        }
    }

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
