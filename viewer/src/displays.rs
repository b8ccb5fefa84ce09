//! The displays that a wall is made of: their grid, what their frames hide, and which one is drawn.
//!
//! The whole wall is one picture, behind which the frames between two displays hide a strip. A process
//! draws one display of it through its own part of the camera's frustum, or the whole.

use bevy::prelude::*;

/// Displays along a side of a wall, at most.
pub const DISPLAYS_MAX: u32 = 16;

/// The displays of a wall.
#[derive(Resource, Clone, Copy, Debug, PartialEq, Eq)]
pub struct Displays {
    /// Pixels of one display.
    pub size: UVec2,
    /// Columns and rows.
    pub grid: UVec2,
    /// Pixels that the frames hide between two displays, across and down.
    pub gap: UVec2,
    /// The display that this process draws, by column and row from the upper left, counted from 0; the
    /// whole wall without one.
    pub shown: Option<UVec2>,
}

impl Displays {
    /// One display, which is the wall.
    #[cfg(test)]
    #[must_use]
    pub fn one(size: UVec2) -> Self {
        Self { size, grid: UVec2::ONE, gap: UVec2::ZERO, shown: None }
    }

    /// The size of the whole wall in pixels, with what the frames hide.
    #[must_use]
    pub fn whole(&self) -> UVec2 {
        self.grid * self.size + (self.grid - UVec2::ONE) * self.gap
    }

    /// The part of the wall that this process draws.
    #[must_use]
    pub fn pane(&self) -> URect {
        self.shown.map_or(URect { min: UVec2::ZERO, max: self.whole() }, |at| self.display(at))
    }

    /// Where the pointer is on the wall's picture; `None` outside the window.
    #[must_use]
    pub fn pointer(&self, window: &Window) -> Option<Vec2> {
        window.physical_cursor_position().map(|at| at + self.pane().min.as_vec2())
    }

    /// The part of the wall that a display shows.
    #[must_use]
    pub fn display(&self, at: UVec2) -> URect {
        let min = at * (self.size + self.gap);
        URect { min, max: min + self.size }
    }

    /// The display in the middle of the wall; where there are two, the upper or left one.
    #[must_use]
    pub fn middle(&self) -> URect {
        self.display((self.grid - UVec2::ONE) / 2)
    }

    /// The strips between the displays, at least a pixel wide on either side of the seam.
    #[must_use]
    pub fn seams(&self) -> Vec<Rect> {
        let whole = self.whole().as_vec2();
        let strip = |i: u32, size: u32, gap: u32| {
            let end = (i * (size + gap) + size) as f32;
            (end - 1.0, end + gap as f32 + 1.0)
        };
        let columns = (0..self.grid.x - 1).map(|i| strip(i, self.size.x, self.gap.x)).map(|(a, b)| Rect::new(a, 0.0, b, whole.y));
        let rows = (0..self.grid.y - 1).map(|i| strip(i, self.size.y, self.gap.y)).map(|(a, b)| Rect::new(0.0, a, whole.x, b));
        columns.chain(rows).collect()
    }

    /// Where the display in the middle begins across the wall, and how wide it is, in shares of the wall.
    #[must_use]
    pub fn middle_across(&self) -> (f32, f32) {
        let (middle, whole) = (self.middle(), self.whole().x as f32);
        (middle.min.x as f32 / whole, middle.width() as f32 / whole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn displays_and_what_their_frames_hide_make_the_wall() {
        let wall =
            Displays { size: UVec2::new(1920, 1080), grid: UVec2::new(3, 2), gap: UVec2::new(20, 30), shown: Some(UVec2::new(2, 1)) };
        assert_eq!(wall.whole(), UVec2::new(5800, 2190));
        assert_eq!(wall.pane(), URect::new(3880, 1110, 5800, 2190));
        assert_eq!(wall.middle(), URect::new(1940, 0, 3860, 1080));
        assert_eq!(wall.seams().len(), 3);
        assert!(wall.seams().iter().all(|s| (0..3).all(|x| (0..2).all(|y| {
            let inner = wall.display(UVec2::new(x, y)).as_rect().inflate(-1.0);
            inner.intersect(*s).is_empty()
        }))));
        assert_eq!(Displays::one(UVec2::new(640, 360)).seams(), []);
    }
}
