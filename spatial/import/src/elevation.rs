//! Elevation rasters into a grid of longitude and latitude.
//!
//! A north-up raster in degrees is taken cell by cell. Any other is sampled anew, bilinear, on a
//! grid of about the same cell size.

use crate::{
    Failed, ImportError, ImportOptions, Phase, Progress, State,
    raster::{self, Opened},
    report::{ImportReport, LayerReport},
    source,
};
use citywall_crs::{Crs, Transform, messages};
use citywall_model::{Bbox, CollectionId, Grid, limits};
use citywall_store::LayerDraft;
use gdal::{GeoTransformEx, raster::RasterBand};
use std::{path::Path, time::Instant};

/// Rows between two looks at the progress.
const PROGRESS_ROWS: usize = 64;
/// Metres per foot, by the names that rasters give their units.
const FEET: [(&str, f64); 4] = [("ft", 0.3048), ("foot", 0.3048), ("feet", 0.3048), ("us-ft", 1200.0 / 3937.0)];

/// An elevation raster, ready for `CityStore::put_grid`.
#[derive(Clone, Debug)]
pub struct Elevation {
    /// What the collection is.
    pub draft: LayerDraft,
    /// The heights.
    pub grid: Grid,
    /// What became of the cells: `read` counts all, `stored` those with a height.
    pub report: ImportReport,
}

/// Reads an elevation raster; its first band is the height.
///
/// # Errors
/// The source is no raster, has no place or no CRS, is a picture, passes the limit
/// `GRID_CELLS_MAX`, breaks off, or the caller stopped it.
pub fn read_elevation(source: &Path, options: &ImportOptions, progress: &dyn Progress) -> Result<Elevation, Failed> {
    read(source, options, progress).map_err(|error| Failed { error, report: Box::default() })
}

fn read(source: &Path, options: &ImportOptions, progress: &dyn Progress) -> Result<Elevation, ImportError> {
    let begun = Instant::now();
    let foreign = |reason: String| ImportError::Foreign { path: source.to_owned(), reason };
    let Opened { dataset, format, crs, transform, mut notes, .. } = raster::open(source, options)?;
    if dataset.raster_count() > 2 {
        return Err(foreign(format!("it has {} bands: a picture, not heights", dataset.raster_count())));
    }
    let band = dataset.rasterband(1).map_err(|e| foreign(e.to_string()))?;
    check_size(source, band.size())?;
    let collection = options.layer.clone().unwrap_or_else(|| CollectionId::slug(&source::stem(source)));
    let shown = Shown { progress, collection: collection.as_str(), rows: band.y_size() };
    let (heights, said) = messages::collect(|| read_band(&band, &shown));
    let heights = heights.map_err(|e| match e {
        BandError::Stopped => ImportError::Cancelled,
        BandError::Gdal(row, e) => {
            ImportError::Broken { path: source.to_owned(), place: format!("row {row}"), reason: raster::words(said, &e.to_string()) }
        }
    })?;
    let raster = Raster { columns: band.x_size(), rows: band.y_size(), heights, transform };
    let grid = if crs.is_lon_lat() && transform[2] == 0.0 && transform[4] == 0.0 && transform[1] > 0.0 && transform[5] < 0.0 {
        raster.into_grid()
    } else {
        notes.push(format!("sampled anew from {crs}, bilinear"));
        raster.sampled(source, &crs, &shown)?
    };
    let report = report(source, &collection, format, &crs, &grid, notes, begun)?;
    let draft = raster::draft(source, options, collection, &crs, crs.storage_crs());
    Ok(Elevation { draft, grid, report })
}

fn check_size(source: &Path, (columns, rows): (usize, usize)) -> Result<(), ImportError> {
    if columns.saturating_mul(rows) <= limits::GRID_CELLS_MAX {
        return Ok(());
    }
    let reason = format!(
        "{columns} × {rows} cells pass the limit GRID_CELLS_MAX ({}); make it coarser or cut it (gdalwarp -tr, -te)",
        limits::GRID_CELLS_MAX
    );
    Err(ImportError::Foreign { path: source.to_owned(), reason })
}

struct Shown<'a> {
    progress: &'a dyn Progress,
    collection: &'a str,
    rows: usize,
}

impl Shown<'_> {
    /// Tells the progress; false if the caller wants to stop.
    fn row(&self, row: usize) -> bool {
        if !row.is_multiple_of(PROGRESS_ROWS) {
            return true;
        }
        let (done, total) = (row as u64, Some(self.rows as u64));
        self.progress.update(&State { phase: Phase::Read, collection: self.collection, layer: 1, layers: 1, done, total, stored: 0 });
        !self.progress.cancelled()
    }
}

enum BandError {
    Stopped,
    Gdal(usize, gdal::errors::GdalError),
}

/// Heights in metres, row by row; NaN where the raster says that it has none.
fn read_band(band: &RasterBand<'_>, shown: &Shown<'_>) -> Result<Vec<f32>, BandError> {
    let (columns, rows) = band.size();
    let (no_data, scale, offset) = (band.no_data_value(), band.scale().unwrap_or(1.0), band.offset().unwrap_or(0.0));
    let unit = band.unit().to_ascii_lowercase();
    let unit_m = FEET.iter().find(|(name, _)| unit.contains(name)).map_or(1.0, |(_, m)| *m);
    let mut heights = Vec::with_capacity(columns * rows);
    for row in 0..rows {
        if !shown.row(row) {
            return Err(BandError::Stopped);
        }
        #[expect(clippy::cast_possible_wrap, reason = "a raster's rows are an i32")]
        let line = band.read_as::<f64>((0, row as isize), (columns, 1), (columns, 1), None).map_err(|e| BandError::Gdal(row, e))?;
        #[expect(clippy::cast_possible_truncation, reason = "heights are metres; f32 holds millimetres of them")]
        heights.extend(line.data().iter().map(|value| {
            let known = value.is_finite() && Some(*value) != no_data;
            if known { ((value * scale + offset) * unit_m) as f32 } else { f32::NAN }
        }));
    }
    Ok(heights)
}

/// A raster in its own CRS.
struct Raster {
    columns: usize,
    rows: usize,
    heights: Vec<f32>,
    /// GDAL's affine transform from column and row to coordinates.
    transform: [f64; 6],
}

impl Raster {
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "sizes are below GRID_CELLS_MAX")]
    fn into_grid(self) -> Grid {
        let (west, north) = (self.transform[0], self.transform[3]);
        let extent = Bbox::new(west, north + self.transform[5] * self.rows as f64, west + self.transform[1] * self.columns as f64, north);
        Grid { extent, columns: self.columns as u32, rows: self.rows as u32, heights_m: self.heights }
    }

    /// Sampled at the cell centres of a grid over its extent, with about as many cells.
    fn sampled(&self, source: &Path, crs: &Crs, shown: &Shown<'_>) -> Result<Grid, ImportError> {
        let failed = |e| ImportError::Crs { path: source.to_owned(), source: e };
        let foreign = |reason: &str| ImportError::Foreign { path: source.to_owned(), reason: reason.to_owned() };
        let there = Transform::to_lon_lat(crs).map_err(failed)?;
        let back = Transform::from_lon_lat(crs).map_err(failed)?;
        let cell_of = self.transform.invert().map_err(|_| foreign("its geotransform is degenerate"))?;
        #[expect(clippy::cast_precision_loss, reason = "sizes are below GRID_CELLS_MAX")]
        let (width, height) = (self.columns as f64, self.rows as f64);
        let corners = [(0.0, 0.0), (width, 0.0), (0.0, height), (width, height)].map(|(c, r)| self.transform.apply(c, r));
        let range = |pick: fn(&(f64, f64)) -> f64| {
            corners.iter().map(pick).fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)))
        };
        let ((x_min, x_max), (y_min, y_max)) = (range(|c| c.0), range(|c| c.1));
        let [west, south, east, north] = there.apply_bounds([x_min, y_min, x_max, y_max]).map_err(failed)?;
        let extent = Bbox::new(west.max(-180.0), south.max(-90.0), east.min(180.0), north.min(90.0));
        // Square cells on the ground at the middle latitude, as many as the raster has.
        let squeeze = extent.center().1.to_radians().cos().max(0.01);
        let shape = ((extent.x_max - extent.x_min) * squeeze / (extent.y_max - extent.y_min)).clamp(1e-3, 1e3);
        let cells = width * height;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at least 1 and bounded by the raster's size")]
        let (columns, rows) = ((cells * shape).sqrt().ceil().max(1.0) as u32, (cells / shape).sqrt().ceil().max(1.0) as u32);
        check_size(source, (columns as usize, rows as usize))?;
        let mut grid = Grid { extent, columns, rows, heights_m: Vec::with_capacity(columns as usize * rows as usize) };
        let (cell_x, cell_y) = grid.cell();
        for row in 0..rows {
            if !shown.row(row as usize) {
                return Err(ImportError::Cancelled);
            }
            let mut x: Vec<f64> = (0..columns).map(|column| extent.x_min + (f64::from(column) + 0.5) * cell_x).collect();
            let mut y = vec![extent.y_max - (f64::from(row) + 0.5) * cell_y; columns as usize];
            if back.apply(&mut x, &mut y, &mut []).is_err() {
                // A row beyond the system's reach has no heights.
                grid.heights_m.extend(std::iter::repeat_n(f32::NAN, columns as usize));
                continue;
            }
            grid.heights_m.extend(x.iter().zip(&y).map(|(x, y)| {
                let (column, row) = cell_of.apply(*x, *y);
                self.bilinear(column - 0.5, row - 0.5)
            }));
        }
        Ok(grid)
    }

    /// The height between cell centres; that of the nearest cell where a neighbour is unknown.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "checked to lie within the raster"
    )]
    fn bilinear(&self, column: f64, row: f64) -> f32 {
        let (last_column, last_row) = ((self.columns - 1) as f64, (self.rows - 1) as f64);
        if !(-0.5..=last_column + 0.5).contains(&column) || !(-0.5..=last_row + 0.5).contains(&row) {
            return f32::NAN;
        }
        let (column, row) = (column.clamp(0.0, last_column), row.clamp(0.0, last_row));
        let at = |c: f64, r: f64| f64::from(self.heights[r.min(last_row) as usize * self.columns + c.min(last_column) as usize]);
        let (c, r) = (column.floor(), row.floor());
        let (fc, fr) = (column - c, row - r);
        let top = at(c, r) * (1.0 - fc) + at(c + 1.0, r) * fc;
        let bottom = at(c, r + 1.0) * (1.0 - fc) + at(c + 1.0, r + 1.0) * fc;
        let height = top * (1.0 - fr) + bottom * fr;
        (if height.is_nan() { at(column.round(), row.round()) } else { height }) as f32
    }
}

fn report(
    source: &Path,
    collection: &CollectionId,
    format: &str,
    crs: &Crs,
    grid: &Grid,
    mut notes: Vec<String>,
    begun: Instant,
) -> Result<ImportReport, ImportError> {
    let known = grid.heights_m.iter().filter(|h| !h.is_nan()).count() as u64;
    let Some((low, high)) = grid.range_m() else {
        return Err(ImportError::Nothing { collection: collection.to_string(), reason: "no cell has a height".to_owned() });
    };
    let (x, y) = grid.cell();
    notes.push(format!("{} × {} cells of {x:.7} × {y:.7} degrees, heights from {low} to {high} m", grid.columns, grid.rows));
    let read = grid.heights_m.len() as u64;
    if known < read {
        notes.push(format!("{} cells have no height", read - known));
    }
    let seconds = begun.elapsed().as_secs_f64();
    Ok(ImportReport {
        source: source.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default(),
        layers: vec![LayerReport {
            collection: collection.to_string(),
            format: format!("elevation grid ({format})"),
            source_crs: crs.name().to_owned(),
            read,
            stored: known,
            bbox: Some(grid.extent),
            notes,
            seconds,
            ..LayerReport::default()
        }],
        refused_file: None,
        seconds,
    })
}
