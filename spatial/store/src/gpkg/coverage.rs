//! Elevation grids as a tiled gridded coverage (OGC 17-066r2, “GeoPackage Extension for Tiled
//! Gridded Coverage Data”): 16-bit PNG tiles, so that GDAL and QGIS read the heights.

use super::{Inner, catalog, pyramid, schema};
use crate::{LayerDraft, StoreError, error::Doing};
use citywall_model::{Bbox, CollectionId, CollectionKind, CollectionMeta, Grid, limits};
use rusqlite::{Connection, OptionalExtension, params};
use std::sync::Arc;

/// Cells along a tile's side.
const TILE_CELLS: u32 = 256;
/// The stored number of an unknown height.
const UNKNOWN: u16 = u16::MAX;
/// The largest stored number of a known height.
const KNOWN_MAX: u16 = u16::MAX - 1;
/// Tiles that are written in one transaction.
const BATCH_TILES: usize = 8;

/// What the extension prescribes.
const PRESCRIBED: &str = r#"
CREATE TABLE IF NOT EXISTS gpkg_2d_gridded_coverage_ancillary (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, tile_matrix_set_name TEXT NOT NULL UNIQUE, datatype TEXT NOT NULL DEFAULT 'integer',
  scale REAL NOT NULL DEFAULT 1.0, offset REAL NOT NULL DEFAULT 0.0, precision REAL DEFAULT 1.0, data_null REAL,
  grid_cell_encoding TEXT DEFAULT 'grid-value-is-center', uom TEXT, field_name TEXT DEFAULT 'Height', quantity_definition TEXT DEFAULT 'Height',
  CONSTRAINT fk_g2dgtct_name FOREIGN KEY (tile_matrix_set_name) REFERENCES gpkg_tile_matrix_set (table_name),
  CHECK (datatype IN ('integer', 'float'))
);
CREATE TABLE IF NOT EXISTS gpkg_2d_gridded_tile_ancillary (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, tpudt_name TEXT NOT NULL, tpudt_id INTEGER NOT NULL,
  scale REAL NOT NULL DEFAULT 1.0, offset REAL NOT NULL DEFAULT 0.0, min REAL DEFAULT NULL, max REAL DEFAULT NULL,
  mean REAL DEFAULT NULL, std_dev REAL DEFAULT NULL,
  CONSTRAINT fk_g2dgtat_name FOREIGN KEY (tpudt_name) REFERENCES gpkg_contents (table_name), UNIQUE (tpudt_name, tpudt_id)
);
INSERT OR IGNORE INTO gpkg_spatial_ref_sys VALUES ('WGS 84 geodetic 3D', 4979, 'EPSG', 4979,
  'GEODCRS["WGS 84",DATUM["World Geodetic System 1984",ELLIPSOID["WGS 84",6378137,298.257223563,LENGTHUNIT["metre",1]]],CS[ellipsoidal,3],AXIS["geodetic latitude (Lat)",north,ANGLEUNIT["degree",0.0174532925199433]],AXIS["geodetic longitude (Lon)",east,ANGLEUNIT["degree",0.0174532925199433]],AXIS["ellipsoidal height (h)",up,LENGTHUNIT["metre",1]],ID["EPSG",4979]]',
  'longitude/latitude/height coordinates on the WGS 84 spheroid');
"#;

/// Where the extension is defined.
const DEFINITION: &str = "http://docs.opengeospatial.org/is/17-066r1/17-066r1.html";

/// How heights become 16-bit numbers: height = number × scale + offset.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Packing {
    scale: f64,
    offset: f64,
}

impl Packing {
    /// The finest of 1 m (for whole metres only), 1 cm, 1 dm that holds all heights, or as fine
    /// as 16 bits allow.
    fn of(grid: &Grid) -> Self {
        let (low, high) = grid.range_m().unwrap_or((0.0, 0.0));
        let (offset, span) = (f64::from(low).floor(), f64::from(high) - f64::from(low).floor());
        let whole = grid.heights_m.iter().all(|h| h.is_nan() || h.fract() == 0.0);
        let steps = f64::from(KNOWN_MAX);
        let scale = [1.0, 0.01, 0.1].into_iter().skip(usize::from(!whole)).find(|scale| span <= steps * scale);
        Self { scale: scale.unwrap_or(span / steps), offset }
    }

    fn pack(self, height: f32) -> u16 {
        if height.is_nan() {
            return UNKNOWN;
        }
        let number = ((f64::from(height) - self.offset) / self.scale).round().clamp(0.0, f64::from(KNOWN_MAX));
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the range of u16")]
        let number = number as u16;
        number
    }

    fn unpack(self, number: u16) -> f32 {
        #[expect(clippy::cast_possible_truncation, reason = "heights are metres; f32 holds millimetres of them")]
        let height = (f64::from(number) * self.scale + self.offset) as f32;
        if number == UNKNOWN { f32::NAN } else { height }
    }
}

/// Writes a grid as a layer's new version: its tiles in bounded batches, then one short
/// transaction that makes it current.
pub(super) fn put(inner: &Arc<Inner>, draft: LayerDraft, grid: &Grid) -> Result<CollectionMeta, StoreError> {
    check(&draft, grid)?;
    inner.check_disk()?;
    let packing = Packing::of(grid);
    let table = pyramid::create(inner, PRESCRIBED)?;
    let written = write_tiles(inner, &table, grid, packing).and_then(|()| {
        pyramid::publish(inner, draft, CollectionKind::Elevation, grid.extent, &table, |tx, meta| list(tx, meta, grid, packing))
    });
    pyramid::discard_failed(inner, &table, written)
}

fn check(draft: &LayerDraft, grid: &Grid) -> Result<(), StoreError> {
    schema::check_name(&draft.id)?;
    if !matches!(draft.storage_crs, 4326 | 4490) {
        return Err(StoreError::StorageCrs(draft.storage_crs));
    }
    let cells = grid.columns as usize * grid.rows as usize;
    if cells > limits::GRID_CELLS_MAX {
        return Err(StoreError::Limit {
            what: format!("the grid “{}”", draft.id), name: "GRID_CELLS_MAX", max: limits::GRID_CELLS_MAX
        });
    }
    if cells == 0 || cells != grid.heights_m.len() || grid.extent.is_empty() {
        return Err(StoreError::damaged(draft.id.as_str(), "the grid's size and its heights differ"));
    }
    Ok(())
}

fn write_tiles(inner: &Arc<Inner>, table: &str, grid: &Grid, packing: Packing) -> Result<(), StoreError> {
    let deed = "writing an elevation grid";
    let (across, down) = (grid.columns.div_ceil(TILE_CELLS), grid.rows.div_ceil(TILE_CELLS));
    let places: Vec<(u32, u32)> = (0..down).flat_map(|row| (0..across).map(move |column| (column, row))).collect();
    let sql = format!("INSERT INTO {} (zoom_level, tile_column, tile_row, tile_data) VALUES (0, ?1, ?2, ?3)", schema::quoted(table));
    for batch in places.chunks(BATCH_TILES) {
        let tiles: Result<Vec<Vec<u8>>, StoreError> = batch.iter().map(|(column, row)| encode(grid, *column, *row, packing)).collect();
        let tiles = tiles?;
        inner.writer()?.lock().lazily(deed, |tx| {
            let mut insert = tx.prepare_cached(&sql).doing(deed)?;
            for ((column, row), png) in batch.iter().zip(&tiles) {
                insert.execute(params![column, row, png]).doing(deed)?;
            }
            Ok(())
        })?;
        inner.wal_wait();
    }
    Ok(())
}

/// Lists the coverage, so that GeoPackage readers see it.
fn list(conn: &Connection, meta: &CollectionMeta, grid: &Grid, packing: Packing) -> Result<(), StoreError> {
    let deed = "listing an elevation grid";
    let (table, Bbox { x_min, y_min, x_max, y_max }) = (meta.id.as_str(), grid.extent);
    let (width, height) = grid.cell();
    let (across, down) = (grid.columns.div_ceil(TILE_CELLS), grid.rows.div_ceil(TILE_CELLS));
    let side = f64::from(TILE_CELLS);
    conn.execute(
        "INSERT INTO gpkg_contents (table_name, data_type, identifier, description, min_x, min_y, max_x, max_y, srs_id)
         VALUES (?1, '2d-gridded-coverage', ?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![table, schema::description(meta), x_min, y_min, x_max, y_max, meta.storage_crs],
    )
    .doing(deed)?;
    conn.execute(
        "INSERT INTO gpkg_tile_matrix_set VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![table, meta.storage_crs, x_min, y_max - f64::from(down) * side * height, x_min + f64::from(across) * side * width, y_max],
    )
    .doing(deed)?;
    conn.execute(
        "INSERT INTO gpkg_tile_matrix VALUES (?1, 0, ?2, ?3, ?4, ?4, ?5, ?6)",
        params![table, across, down, TILE_CELLS, width, height],
    )
    .doing(deed)?;
    conn.execute(
        "INSERT INTO gpkg_2d_gridded_coverage_ancillary (tile_matrix_set_name, datatype, scale, offset, precision, data_null, uom)
         VALUES (?1, 'integer', ?2, ?3, ?2, ?4, 'm')",
        params![table, packing.scale, packing.offset, UNKNOWN],
    )
    .doing(deed)?;
    conn.execute(
        &format!("INSERT INTO gpkg_2d_gridded_tile_ancillary (tpudt_name, tpudt_id) SELECT ?1, id FROM {}", schema::quoted(table)),
        [table],
    )
    .doing(deed)?;
    for (name, column) in
        [("gpkg_2d_gridded_coverage_ancillary", None), ("gpkg_2d_gridded_tile_ancillary", None), (table, Some("tile_data"))]
    {
        conn.execute(
            "INSERT INTO gpkg_extensions SELECT ?1, ?2, 'gpkg_2d_gridded_coverage', ?3, 'read-write'
             WHERE NOT EXISTS (SELECT 1 FROM gpkg_extensions WHERE table_name = ?1 AND extension_name = 'gpkg_2d_gridded_coverage')",
            params![name, column, DEFINITION],
        )
        .doing(deed)?;
    }
    Ok(())
}

/// Takes the coverage's own lists off the file; [`pyramid`] knows the rest.
pub(super) fn unlist(conn: &Connection, table: &str) -> Result<(), StoreError> {
    for (list, column) in [("gpkg_2d_gridded_tile_ancillary", "tpudt_name"), ("gpkg_2d_gridded_coverage_ancillary", "tile_matrix_set_name")]
    {
        conn.execute(&format!("DELETE FROM {list} WHERE {column} = ?1"), [table]).doing("unlisting an elevation grid")?;
    }
    Ok(())
}

/// Reads a grid back.
pub(super) fn load(conn: &Connection, id: &CollectionId) -> Result<Grid, StoreError> {
    let deed = "reading an elevation grid";
    let meta = catalog::entry(conn, id)?.ok_or_else(|| StoreError::NoCollection(id.clone()))?.meta;
    pyramid::check_kind(&meta, CollectionKind::Elevation)?;
    let damaged = |reason: &str| StoreError::damaged(id.as_str(), reason);
    let extent = meta.extent.ok_or_else(|| damaged("it has no extent"))?;
    let packing = conn
        .query_row("SELECT scale, offset FROM gpkg_2d_gridded_coverage_ancillary WHERE tile_matrix_set_name = ?1", [id.as_str()], |row| {
            Ok(Packing { scale: row.get(0)?, offset: row.get(1)? })
        })
        .optional()
        .doing(deed)?
        .ok_or_else(|| damaged("its scale is missing"))?;
    let (width, height): (f64, f64) = conn
        .query_row(
            "SELECT pixel_x_size, pixel_y_size FROM gpkg_tile_matrix WHERE table_name = ?1 AND zoom_level = 0",
            [id.as_str()],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .optional()
        .doing(deed)?
        .ok_or_else(|| damaged("its tile matrix is missing"))?;
    let cells = |span: f64, size: f64| {
        let count = (span / size).round();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked")]
        let whole = (count >= 1.0 && count <= limits::GRID_CELLS_MAX as f64).then_some(count as u32);
        whole.ok_or_else(|| damaged("its size makes no sense"))
    };
    let (columns, rows) = (cells(extent.x_max - extent.x_min, width)?, cells(extent.y_max - extent.y_min, height)?);
    let count = columns as usize * rows as usize;
    if count > limits::GRID_CELLS_MAX {
        return Err(damaged("its size makes no sense"));
    }
    let mut grid = Grid { extent, columns, rows, heights_m: vec![f32::NAN; count] };
    let sql = format!("SELECT tile_column, tile_row, tile_data FROM {} WHERE zoom_level = 0", schema::quoted(id.as_str()));
    let mut tiles = conn.prepare(&sql).doing(deed)?;
    let mut tiles = tiles.query([]).doing(deed)?;
    while let Some(tile) = tiles.next().doing(deed)? {
        let (column, row): (u32, u32) = (tile.get(0).doing(deed)?, tile.get(1).doing(deed)?);
        let png = tile.get_ref(2).doing(deed)?.as_blob().map_err(|_| damaged("a tile is no picture"))?;
        decode(&mut grid, column, row, png, packing).map_err(|reason| damaged(&format!("tile {column}/{row}: {reason}")))?;
    }
    Ok(grid)
}

/// One tile as a 16-bit greyscale PNG; cells beyond the grid are unknown.
fn encode(grid: &Grid, column: u32, row: u32, packing: Packing) -> Result<Vec<u8>, StoreError> {
    let mut numbers = Vec::with_capacity((TILE_CELLS * TILE_CELLS * 2) as usize);
    for y in 0..TILE_CELLS {
        for x in 0..TILE_CELLS {
            let height = grid.at(i64::from(column * TILE_CELLS + x), i64::from(row * TILE_CELLS + y));
            numbers.extend_from_slice(&packing.pack(height).to_be_bytes());
        }
    }
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, TILE_CELLS, TILE_CELLS);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::Sixteen);
    let written = encoder.write_header().and_then(|mut writer| writer.write_image_data(&numbers));
    written.map_err(|e| StoreError::damaged("an elevation tile", e))?;
    Ok(bytes)
}

fn decode(grid: &mut Grid, column: u32, row: u32, bytes: &[u8], packing: Packing) -> Result<(), String> {
    let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().map_err(|e| e.to_string())?;
    let info = reader.info();
    if (info.width, info.height) != (TILE_CELLS, TILE_CELLS)
        || info.color_type != png::ColorType::Grayscale
        || info.bit_depth != png::BitDepth::Sixteen
    {
        return Err("not 256 × 256 cells of 16 bits".to_owned());
    }
    let mut numbers = vec![0; (TILE_CELLS * TILE_CELLS * 2) as usize];
    reader.next_frame(&mut numbers).map_err(|e| e.to_string())?;
    for (at, number) in (0u32..).zip(numbers.as_chunks::<2>().0) {
        let (x, y) = (column * TILE_CELLS + at % TILE_CELLS, row * TILE_CELLS + at / TILE_CELLS);
        if x < grid.columns && y < grid.rows {
            grid.heights_m[y as usize * grid.columns as usize + x as usize] = packing.unpack(u16::from_be_bytes(*number));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CityStore, GeoPackage};
    use citywall_model::{CimCategory, CityProfile, LocalText};

    fn draft() -> LayerDraft {
        LayerDraft {
            id: CollectionId::new("terrain").unwrap(),
            title: LocalText::new("地形", "Terrain"),
            category: CimCategory::SpatiotemporalBase,
            source: "test".into(),
            source_crs: "EPSG:4326".into(),
            storage_crs: 4326,
            generated: true,
            id_field: None,
        }
    }

    fn grid(heights: impl Fn(u32) -> f32) -> Grid {
        let (columns, rows) = (300, 270);
        Grid { extent: Bbox::new(7.0, 43.0, 7.3, 43.27), columns, rows, heights_m: (0..columns * rows).map(heights).collect() }
    }

    #[test]
    fn a_grid_comes_back_and_gdal_reads_the_same_heights() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("city.gpkg");
        let store = GeoPackage::create(&path, &CityProfile::named("Test")).unwrap();
        let fine = grid(|at| if at % 7 == 0 { f32::NAN } else { f32::from(u16::try_from(at % 600).unwrap()) + 0.25 });
        assert_eq!(store.put_grid(draft(), &fine).unwrap().version, 1);
        let back = store.load_grid(&draft().id).unwrap();
        assert_eq!((back.columns, back.rows, back.extent), (fine.columns, fine.rows, fine.extent));
        for (a, b) in fine.heights_m.iter().zip(&back.heights_m) {
            assert!(a.is_nan() && b.is_nan() || (a - b).abs() < 0.006, "{a} {b}");
        }
        let whole = grid(|at| f32::from(u16::try_from(at % 3000).unwrap()));
        let meta = store.put_grid(draft(), &whole).unwrap();
        assert_eq!((meta.version, store.revision(), meta.kind), (2, meta.revision, CollectionKind::Elevation));
        assert_eq!(store.load_grid(&draft().id).unwrap(), whole);
        assert!(matches!(store.stage(draft()), Err(StoreError::WrongKind { .. })));
        drop(store);

        let asked =
            std::process::Command::new("gdallocationinfo").args(["-valonly", path.to_str().unwrap(), "299", "123"]).output().unwrap();
        let height: f32 = String::from_utf8(asked.stdout).unwrap().trim().parse().unwrap();
        assert_eq!(height, whole.at(299, 123));
    }
}
