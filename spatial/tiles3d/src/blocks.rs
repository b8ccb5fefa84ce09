//! The whole layer from afar: one block per cell, as high as the buildings in it are on average.

use crate::{
    Setting,
    mesh::{Feature, Mesh},
    plan::height_m,
};
use citywall_model::{Bbox, geometry};
use citywall_query::CollectionView;
use geo::{Area, polygon};

/// Cells along the longer side.
const CELLS: usize = 160;
/// A cell of which less than this share is built up stays empty.
const COVER_MIN: f64 = 0.01;

/// Adds the blocks of a layer. A block covers the share of its cell that is built up. O(n).
pub fn add(mesh: &mut Mesh, view: &CollectionView, extent: &Bbox, setting: &Setting<'_>) {
    let squeeze = f64::midpoint(extent.y_min, extent.y_max).to_radians().cos();
    let (width, height) = ((extent.x_max - extent.x_min) * squeeze, extent.y_max - extent.y_min);
    let cell = (width.max(height) / CELLS as f64).max(1e-7);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 1 and CELLS")]
    let (columns, rows) = ((width / cell).ceil().max(1.0) as usize, (height / cell).ceil().max(1.0) as usize);
    // Per cell: the built-up area in square degrees, and that times the height.
    let mut sums = vec![[0.0f64; 2]; columns * rows];
    view.window(extent, |item| {
        let Some(shape) = item.geometry().and_then(geometry::to_geo) else { return };
        let area = shape.unsigned_area() * squeeze;
        let Some(wkb) = item.geometry() else { return };
        let (x, y) = geometry::bounds(wkb).center();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "casts from float saturate; the index is cut to the grid"
        )]
        let at = |share: f64, count: usize| ((share / cell) as usize).min(count - 1);
        let index = at((y - extent.y_min).max(0.0), rows) * columns + at((x - extent.x_min).max(0.0) * squeeze, columns);
        sums[index][0] += area;
        sums[index][1] += area * height_m(item).unwrap_or(6.0);
    });
    mesh.features.push(Feature { id: view.id().to_string(), height_m: f32::NAN });
    for (index, [area, volume]) in sums.into_iter().enumerate() {
        let cover = area / (cell * cell);
        if cover < COVER_MIN {
            continue;
        }
        let (column, row) = (index % columns, index / columns);
        let middle = ((column as f64 + 0.5) * cell / squeeze + extent.x_min, (row as f64 + 0.5) * cell + extent.y_min);
        let half = 0.5 * cell * cover.min(1.0).sqrt();
        let (dx, dy) = (half / squeeze, half);
        let (west, east) = ((middle.0 - dx).max(extent.x_min), (middle.0 + dx).min(extent.x_max));
        let (south, north) = ((middle.1 - dy).max(extent.y_min), (middle.1 + dy).min(extent.y_max));
        let block = polygon![(x: west, y: south), (x: east, y: south), (x: east, y: north), (x: west, y: north), (x: west, y: south)];
        let foot = (setting.ground_m)(middle.0, middle.1).unwrap_or(0.0) + setting.geoid_offset_m;
        mesh.extrude(&block, foot, foot + volume / area, 0);
    }
}
