//! Imagery as a pyramid of map tiles (OGC 12-128r19, clause 2.2) in the matrix WebMercatorQuad, PNG
//! or WebP as the import made them, so that GDAL and QGIS show it.

use super::{Inner, catalog, pyramid, schema};
use crate::{LayerDraft, PublishImagery, Pyramid, StoreError, error::Doing};
use citywall_model::{CollectionId, CollectionKind, CollectionMeta, ImageryLevels, limits};
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};
use std::sync::Arc;

/// The CRS of the tiles.
pub(super) const STORAGE_CRS: u32 = 3857;
/// Half the width of the world in metres of EPSG:3857.
const HALF_WORLD_M: f64 = 20_037_508.342_789_244;
/// Pixels along a tile's side.
const TILE_PIXELS: u32 = 256;
/// Bytes of tiles that are written in one transaction.
const BATCH_BYTES: usize = 4 << 20;

/// What a table with WebP tiles and one in EPSG:3857 need.
const PRESCRIBED: &str = r#"
INSERT OR IGNORE INTO gpkg_spatial_ref_sys VALUES ('WGS 84 / Pseudo-Mercator', 3857, 'EPSG', 3857,
  'PROJCS["WGS 84 / Pseudo-Mercator",GEOGCS["WGS 84",DATUM["WGS_1984",SPHEROID["WGS 84",6378137,298.257223563,AUTHORITY["EPSG","7030"]],AUTHORITY["EPSG","6326"]],PRIMEM["Greenwich",0,AUTHORITY["EPSG","8901"]],UNIT["degree",0.0174532925199433,AUTHORITY["EPSG","9122"]],AUTHORITY["EPSG","4326"]],PROJECTION["Mercator_1SP"],PARAMETER["central_meridian",0],PARAMETER["scale_factor",1],PARAMETER["false_easting",0],PARAMETER["false_northing",0],UNIT["metre",1,AUTHORITY["EPSG","9001"]],AXIS["Easting",EAST],AXIS["Northing",NORTH],EXTENSION["PROJ4","+proj=merc +a=6378137 +b=6378137 +lat_ts=0 +lon_0=0 +x_0=0 +y_0=0 +k=1 +units=m +nadgrids=@null +wktext +no_defs"],AUTHORITY["EPSG","3857"]]',
  'the sphere of web maps');
"#;

/// Copies a pyramid into the file in bounded batches; what is returned makes it current.
pub(super) fn stage(inner: &Arc<Inner>, draft: LayerDraft, tiles: &Pyramid) -> Result<PublishImagery, StoreError> {
    schema::check_name(&draft.id)?;
    if draft.storage_crs != STORAGE_CRS {
        return Err(StoreError::StorageCrs(draft.storage_crs));
    }
    inner.check_disk()?;
    let table = pyramid::create(inner, PRESCRIBED)?;
    let copied = copy_tiles(inner, &table, tiles);
    let levels = pyramid::discard_failed(inner, &table, copied)?;
    let (inner, extent) = (inner.clone(), tiles.extent);
    Ok(Box::new(move || {
        let published = pyramid::publish(&inner, draft, CollectionKind::Imagery, extent, &table, |tx, meta| list(tx, meta, levels));
        pyramid::discard_failed(&inner, &table, published)
    }))
}

fn copy_tiles(inner: &Arc<Inner>, table: &str, tiles: &Pyramid) -> Result<ImageryLevels, StoreError> {
    let deed = "copying tiles of imagery";
    let source = Connection::open_with_flags(&tiles.file, OpenFlags::SQLITE_OPEN_READ_ONLY).doing(deed)?;
    let sql = format!("SELECT zoom_level, tile_column, tile_row, tile_data FROM {} ORDER BY zoom_level, id", schema::quoted(&tiles.table));
    let mut read = source.prepare(&sql).doing(deed)?;
    let mut rows = read.query([]).doing(deed)?;
    let mut levels: Option<ImageryLevels> = None;
    let (mut batch, mut bytes) = (Vec::new(), 0);
    while let Some(row) = rows.next().doing(deed)? {
        let tile: (u32, u32, u32, Vec<u8>) =
            (row.get(0).doing(deed)?, row.get(1).doing(deed)?, row.get(2).doing(deed)?, row.get(3).doing(deed)?);
        let known = levels.get_or_insert(ImageryLevels { first: tile.0, last: tile.0 });
        *known = ImageryLevels { first: known.first.min(tile.0), last: known.last.max(tile.0) };
        bytes += tile.3.len();
        batch.push(tile);
        if bytes >= BATCH_BYTES {
            write(inner, table, &batch)?;
            (batch, bytes) = (Vec::new(), 0);
        }
    }
    write(inner, table, &batch)?;
    let levels = levels.ok_or_else(|| StoreError::damaged(tiles.table.as_str(), "it has no tiles"))?;
    if levels.last > limits::IMAGERY_LEVEL_MAX {
        let (what, max) = (format!("level {} of the imagery", levels.last), limits::IMAGERY_LEVEL_MAX as usize);
        return Err(StoreError::Limit { what, name: "IMAGERY_LEVEL_MAX", max });
    }
    Ok(levels)
}

fn write(inner: &Arc<Inner>, table: &str, tiles: &[(u32, u32, u32, Vec<u8>)]) -> Result<(), StoreError> {
    let deed = "writing tiles of imagery";
    let sql = format!("INSERT INTO {} (zoom_level, tile_column, tile_row, tile_data) VALUES (?1, ?2, ?3, ?4)", schema::quoted(table));
    inner.writer()?.lock().lazily(deed, |tx| {
        let mut insert = tx.prepare_cached(&sql).doing(deed)?;
        for (level, column, row, picture) in tiles {
            insert.execute(params![level, column, row, picture]).doing(deed)?;
        }
        Ok(())
    })?;
    inner.wal_wait();
    Ok(())
}

/// Lists the pyramid, so that GeoPackage readers see it.
fn list(conn: &Connection, meta: &CollectionMeta, levels: ImageryLevels) -> Result<(), StoreError> {
    let deed = "listing imagery";
    let table = meta.id.as_str();
    let edges: Option<[f64; 4]> = meta.extent.map(|extent| {
        let (west, south) = mercator(extent.x_min, extent.y_min);
        let (east, north) = mercator(extent.x_max, extent.y_max);
        [west, south, east, north]
    });
    let [west, south, east, north] = edges.unwrap_or([-HALF_WORLD_M, -HALF_WORLD_M, HALF_WORLD_M, HALF_WORLD_M]);
    conn.execute(
        "INSERT INTO gpkg_contents (table_name, data_type, identifier, description, min_x, min_y, max_x, max_y, srs_id)
         VALUES (?1, 'tiles', ?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![table, schema::description(meta), west, south, east, north, STORAGE_CRS],
    )
    .doing(deed)?;
    conn.execute("INSERT INTO gpkg_tile_matrix_set VALUES (?1, ?2, -?3, -?3, ?3, ?3)", params![table, STORAGE_CRS, HALF_WORLD_M])
        .doing(deed)?;
    for level in levels.first..=levels.last {
        let across = 1_u32 << level;
        let pixel_m = 2.0 * HALF_WORLD_M / f64::from(across) / f64::from(TILE_PIXELS);
        conn.execute(
            "INSERT INTO gpkg_tile_matrix VALUES (?1, ?2, ?3, ?3, ?4, ?4, ?5, ?5)",
            params![table, level, across, TILE_PIXELS, pixel_m],
        )
        .doing(deed)?;
    }
    conn.execute(
        "INSERT INTO gpkg_extensions VALUES (?1, 'tile_data', 'gpkg_webp', 'http://www.geopackage.org/spec120/#extension_tiles_webp', 'read-write')",
        [table],
    )
    .doing(deed)?;
    Ok(())
}

/// A place in EPSG:3857, from degrees (EPSG guidance note 7-2, 1024).
fn mercator(longitude: f64, latitude: f64) -> (f64, f64) {
    let radius_m = HALF_WORLD_M / std::f64::consts::PI;
    let y = radius_m * latitude.to_radians().tan().asinh();
    (longitude / 180.0 * HALF_WORLD_M, y.clamp(-HALF_WORLD_M, HALF_WORLD_M))
}

/// The levels that are kept.
pub(super) fn levels(conn: &Connection, id: &CollectionId) -> Result<ImageryLevels, StoreError> {
    check(conn, id)?;
    let deed = "reading the levels of imagery";
    let sql = "SELECT min(zoom_level), max(zoom_level) FROM gpkg_tile_matrix WHERE table_name = ?1";
    let range: (Option<u32>, Option<u32>) = conn.query_row(sql, [id.as_str()], |row| Ok((row.get(0)?, row.get(1)?))).doing(deed)?;
    let (Some(first), Some(last)) = range else { return Err(StoreError::damaged(id.as_str(), "its tile matrix is missing")) };
    if last > limits::IMAGERY_LEVEL_MAX {
        return Err(StoreError::damaged(id.as_str(), format!("it has a level {last}")));
    }
    Ok(ImageryLevels { first, last })
}

/// One kept tile, as PNG or WebP.
pub(super) fn tile(conn: &Connection, id: &CollectionId, level: u32, column: u32, row: u32) -> Result<Option<Vec<u8>>, StoreError> {
    check(conn, id)?;
    let sql = format!("SELECT tile_data FROM {} WHERE zoom_level = ?1 AND tile_column = ?2 AND tile_row = ?3", schema::quoted(id.as_str()));
    let mut read = conn.prepare_cached(&sql).doing("reading a tile of imagery")?;
    read.query_row(params![level, column, row], |row| row.get(0)).optional().doing("reading a tile of imagery")
}

fn check(conn: &Connection, id: &CollectionId) -> Result<(), StoreError> {
    let meta = catalog::entry(conn, id)?.ok_or_else(|| StoreError::NoCollection(id.clone()))?.meta;
    pyramid::check_kind(&meta, CollectionKind::Imagery)
}

/// What is wrong with the kept tiles: each must lie in its matrix and begin as a picture does.
pub(super) fn verify(conn: &Connection, id: &CollectionId) -> Result<Vec<String>, StoreError> {
    let ImageryLevels { first, last } = levels(conn, id)?;
    let sql = format!(
        "SELECT count(*) FROM {} WHERE zoom_level NOT BETWEEN ?1 AND ?2 OR tile_column NOT BETWEEN 0 AND (1 << zoom_level) - 1
           OR tile_row NOT BETWEEN 0 AND (1 << zoom_level) - 1
           OR NOT (substr(tile_data, 1, 4) = x'89504E47' OR substr(tile_data, 1, 4) = x'52494646' OR substr(tile_data, 1, 3) = x'FFD8FF')",
        schema::quoted(id.as_str())
    );
    let bad: i64 = conn.query_row(&sql, params![first, last], |row| row.get(0)).doing("checking imagery")?;
    Ok((bad > 0).then(|| format!("{id}: {bad} tiles are no pictures or lie outside their matrix")).into_iter().collect())
}
