//! How crowded the picture is with markers, roughly: names are written where they cover few of them.

use bevy::prelude::*;

/// The side of a cell, pixels at 1080 lines.
const CELL_PX: f32 = 24.0;

/// How many markers are in which cell of the picture.
#[derive(Debug, Default)]
pub struct Crowd {
    columns: usize,
    rows: usize,
    counts: Vec<u16>,
}

impl Crowd {
    /// The markers at these places of a picture; pixels at 1080 lines. O(places + cells).
    #[must_use]
    pub fn of(screen: Vec2, places: impl Iterator<Item = Vec2>) -> Self {
        let [columns, rows] = (screen / CELL_PX).ceil().max(Vec2::ONE).to_array().map(|n| n as usize);
        let mut crowd = Self { columns, rows, counts: vec![0; columns * rows] };
        for place in places.filter(|p| p.cmpge(Vec2::ZERO).all() && p.cmplt(screen).all()) {
            let [x, y] = (place / CELL_PX).to_array().map(|v| v as usize);
            if let Some(count) = crowd.counts.get_mut(y * columns + x) {
                *count = count.saturating_add(1);
            }
        }
        crowd
    }

    /// How many are in the cells that a rectangle touches. O(cells).
    #[must_use]
    pub fn under(&self, rect: Rect) -> u32 {
        let cell = |v: f32, most: usize| ((v / CELL_PX).max(0.0) as usize).min(most);
        let (left, right) = (cell(rect.min.x, self.columns), cell(rect.max.x + CELL_PX, self.columns));
        let (top, foot) = (cell(rect.min.y, self.rows), cell(rect.max.y + CELL_PX, self.rows));
        let rows = (top..foot).filter_map(|y| self.counts.get(y * self.columns + left..y * self.columns + right.max(left)));
        rows.flatten().map(|n| u32::from(*n)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rectangle_counts_the_markers_under_it_and_none_beside_it() {
        let places = [(100.0, 100.0), (101.0, 102.0), (400.0, 100.0), (-5.0, 10.0), (5_000.0, 10.0)].map(Vec2::from);
        let crowd = Crowd::of(Vec2::new(1920.0, 1080.0), places.into_iter());
        assert_eq!(crowd.under(Rect::from_center_size(Vec2::new(100.0, 100.0), Vec2::new(80.0, 40.0))), 2);
        assert_eq!(crowd.under(Rect::from_center_size(Vec2::new(250.0, 100.0), Vec2::new(80.0, 40.0))), 0);
        assert_eq!(crowd.under(Rect::new(-50.0, -50.0, 9_000.0, 9_000.0)), 3);
        assert_eq!(Crowd::default().under(Rect::new(0.0, 0.0, 100.0, 100.0)), 0);
    }
}
