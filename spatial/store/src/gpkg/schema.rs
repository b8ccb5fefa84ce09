//! The tables of a city file.
//!
//! What GeoPackage prescribes (OGC 12-128r19, annex C), and the city's own tables beside it,
//! which begin with `citywall_`. `citywall_meta` is listed as an attribute table: GDAL then
//! shows what is listed and nothing of the city's inner tables.

use super::catalog;
use crate::{StoreError, error::Doing};
use citywall_model::{Bbox, CityProfile, CollectionId, CollectionMeta, LocalText};
use rusqlite::{Connection, params};

/// The format that this version writes.
pub(super) const FORMAT: u32 = 4;
/// `GPKG`, SQLite's application id of a GeoPackage.
pub(super) const APPLICATION_ID: u32 = 0x4750_4B47;
/// GeoPackage 1.3.0.
const GEOPACKAGE_VERSION: u32 = 10_300;
/// Bytes of a page: large enough for long rows, small enough for a journal of single events.
const PAGE_BYTES: u32 = 8192;

/// The tables that every city file has.
pub(super) const REQUIRED: [&str; 11] = [
    "gpkg_spatial_ref_sys",
    "gpkg_contents",
    "gpkg_geometry_columns",
    "gpkg_extensions",
    "citywall_meta",
    "citywall_collections",
    "citywall_journal",
    "citywall_journal_items",
    "citywall_refused",
    "citywall_refused_counts",
    "citywall_versions",
];

const PRESCRIBED: &str = r#"
CREATE TABLE gpkg_spatial_ref_sys (
  srs_name TEXT NOT NULL,
  srs_id INTEGER PRIMARY KEY NOT NULL,
  organization TEXT NOT NULL,
  organization_coordsys_id INTEGER NOT NULL,
  definition TEXT NOT NULL,
  description TEXT
);
CREATE TABLE gpkg_contents (
  table_name TEXT PRIMARY KEY NOT NULL,
  data_type TEXT NOT NULL,
  identifier TEXT UNIQUE,
  description TEXT DEFAULT '',
  last_change DATETIME NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')),
  min_x DOUBLE,
  min_y DOUBLE,
  max_x DOUBLE,
  max_y DOUBLE,
  srs_id INTEGER,
  CONSTRAINT fk_gc_r_srs_id FOREIGN KEY (srs_id) REFERENCES gpkg_spatial_ref_sys(srs_id)
);
CREATE TABLE gpkg_geometry_columns (
  table_name TEXT NOT NULL,
  column_name TEXT NOT NULL,
  geometry_type_name TEXT NOT NULL,
  srs_id INTEGER NOT NULL,
  z TINYINT NOT NULL,
  m TINYINT NOT NULL,
  CONSTRAINT pk_geom_cols PRIMARY KEY (table_name, column_name),
  CONSTRAINT uk_gc_table_name UNIQUE (table_name),
  CONSTRAINT fk_gc_tn FOREIGN KEY (table_name) REFERENCES gpkg_contents(table_name),
  CONSTRAINT fk_gc_srs FOREIGN KEY (srs_id) REFERENCES gpkg_spatial_ref_sys (srs_id)
);
CREATE TABLE gpkg_extensions (
  table_name TEXT,
  column_name TEXT,
  extension_name TEXT NOT NULL,
  definition TEXT NOT NULL,
  scope TEXT NOT NULL,
  CONSTRAINT ge_tce UNIQUE (table_name, column_name, extension_name)
);
"#;

const WGS_84: &str = r#"GEOGCS["WGS 84",DATUM["WGS_1984",SPHEROID["WGS 84",6378137,298.257223563,AUTHORITY["EPSG","7030"]],AUTHORITY["EPSG","6326"]],PRIMEM["Greenwich",0,AUTHORITY["EPSG","8901"]],UNIT["degree",0.0174532925199433,AUTHORITY["EPSG","9122"]],AXIS["Latitude",NORTH],AXIS["Longitude",EAST],AUTHORITY["EPSG","4326"]]"#;
const CGCS_2000: &str = r#"GEOGCS["China Geodetic Coordinate System 2000",DATUM["China_2000",SPHEROID["CGCS2000",6378137,298.257222101,AUTHORITY["EPSG","1024"]],AUTHORITY["EPSG","1043"]],PRIMEM["Greenwich",0,AUTHORITY["EPSG","8901"]],UNIT["degree",0.0174532925199433,AUTHORITY["EPSG","9122"]],AXIS["Latitude",NORTH],AXIS["Longitude",EAST],AUTHORITY["EPSG","4490"]]"#;

/// Name, id, organization, its id, definition and description of each CRS.
const REFERENCE_SYSTEMS: [(&str, i32, &str, i32, &str, &str); 4] = [
    ("Undefined Cartesian SRS", -1, "NONE", -1, "undefined", "undefined Cartesian coordinate reference system"),
    ("Undefined geographic SRS", 0, "NONE", 0, "undefined", "undefined geographic coordinate reference system"),
    ("WGS 84 geodetic", 4326, "EPSG", 4326, WGS_84, "longitude/latitude coordinates in decimal degrees on the WGS 84 spheroid"),
    ("CGCS2000", 4490, "EPSG", 4490, CGCS_2000, "longitude/latitude coordinates in decimal degrees on the CGCS2000 spheroid"),
];

const OWN: &str = "
CREATE TABLE citywall_meta (
  id INTEGER PRIMARY KEY NOT NULL,
  key TEXT NOT NULL UNIQUE,
  value TEXT NOT NULL,
  digest INTEGER NOT NULL
);
CREATE TABLE citywall_collections (
  id TEXT PRIMARY KEY NOT NULL,
  meta TEXT NOT NULL,
  columns TEXT NOT NULL,
  solids_table TEXT,
  digest INTEGER NOT NULL,
  rows_digest INTEGER NOT NULL
);
CREATE TABLE citywall_journal (
  revision INTEGER PRIMARY KEY NOT NULL,
  collection TEXT NOT NULL,
  fid INTEGER NOT NULL,
  id TEXT NOT NULL,
  source TEXT NOT NULL,
  time TEXT NOT NULL,
  actor TEXT NOT NULL,
  recorded_at TEXT NOT NULL,
  geom BLOB,
  properties TEXT NOT NULL,
  digest INTEGER NOT NULL,
  since TEXT,
  areas TEXT,
  late INTEGER,
  since_second INTEGER
);
CREATE INDEX citywall_journal_time ON citywall_journal (collection, since_second);
INSERT INTO gpkg_contents (table_name, data_type, identifier, description)
  VALUES ('citywall_meta', 'attributes', 'citywall_meta', 'Citywall: settings of the city');
";

/// Makes the tables in an empty file: one transaction, but for the settings that SQLite takes
/// only before the first table.
pub(super) fn create(conn: &mut Connection, profile: &CityProfile) -> Result<(), StoreError> {
    let deed = "making the city file";
    conn.execute_batch(&format!(
        "PRAGMA page_size = {PAGE_BYTES}; PRAGMA encoding = 'UTF-8'; PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {GEOPACKAGE_VERSION};"
    ))
    .doing(deed)?;
    let transaction = conn.transaction().doing(deed)?;
    transaction.execute_batch(PRESCRIBED).doing(deed)?;
    for crs in REFERENCE_SYSTEMS {
        transaction.execute("INSERT INTO gpkg_spatial_ref_sys VALUES (?1, ?2, ?3, ?4, ?5, ?6)", crs).doing(deed)?;
    }
    for tables in [OWN, super::refused::TABLES, super::versions::TABLE, super::journal::ITEMS_TABLE] {
        transaction.execute_batch(tables).doing(deed)?;
    }
    for (key, number) in [(catalog::FORMAT, FORMAT), (catalog::REVISION, 0), (catalog::FOLDED, 0), (catalog::NEXT_TABLE, 1)] {
        catalog::set(&transaction, key, number)?;
    }
    catalog::set_profile(&transaction, profile)?;
    transaction.commit().doing(deed)
}

/// A name as SQL spells it.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The geometry's column as [`features_sql`] declares it, for any type of geometry.
pub(super) const GEOMETRY_COLUMN: &str = "geom GEOMETRY";

/// The statement that makes a feature table: its key, its geometry, and columns with their
/// declared types.
pub(super) fn features_sql<'a>(table: &str, columns: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let columns: String = columns.into_iter().map(|(name, kind)| format!(", {} {kind}", quoted(name))).collect();
    format!("CREATE TABLE {} (fid INTEGER PRIMARY KEY NOT NULL, {GEOMETRY_COLUMN}{columns})", quoted(table))
}

/// What a listed feature table is called and holds.
pub(super) struct Listing<'a> {
    pub(super) table: &'a str,
    pub(super) description: &'a str,
    pub(super) geometry_type: &'a str,
    /// 0 without heights, 1 with, 2 with some.
    pub(super) z: u8,
    pub(super) srs_id: u32,
    pub(super) extent: Option<Bbox>,
}

/// Lists a feature table, so that GeoPackage readers see it.
pub(super) fn list(conn: &Connection, listing: &Listing<'_>) -> Result<(), StoreError> {
    let deed = "listing a feature table";
    let Listing { table, description, geometry_type, z, srs_id, extent } = listing;
    let edges = extent.map(<[f64; 4]>::from);
    conn.execute(
        "INSERT INTO gpkg_contents (table_name, data_type, identifier, description, min_x, min_y, max_x, max_y, srs_id)
         VALUES (?1, 'features', ?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![table, description, edges.map(|e| e[0]), edges.map(|e| e[1]), edges.map(|e| e[2]), edges.map(|e| e[3]), srs_id],
    )
    .doing(deed)?;
    conn.execute(
        "INSERT INTO gpkg_geometry_columns (table_name, column_name, geometry_type_name, srs_id, z, m) VALUES (?1, 'geom', ?2, ?3, ?4, 0)",
        params![table, geometry_type, srs_id, z],
    )
    .doing(deed)?;
    Ok(())
}

/// Takes a feature table off the list.
pub(super) fn unlist(conn: &Connection, table: &str) -> Result<(), StoreError> {
    let deed = "unlisting a feature table";
    conn.execute("DELETE FROM gpkg_geometry_columns WHERE table_name = ?1", [table]).doing(deed)?;
    conn.execute("DELETE FROM gpkg_contents WHERE table_name = ?1", [table]).doing(deed)?;
    Ok(())
}

/// Brings a listed table's extent up to date.
pub(super) fn set_extent(conn: &Connection, table: &str, extent: Bbox) -> Result<(), StoreError> {
    let [x_min, y_min, x_max, y_max] = extent.into();
    conn.execute(
        "UPDATE gpkg_contents SET min_x = ?2, min_y = ?3, max_x = ?4, max_y = ?5,
           last_change = strftime('%Y-%m-%dT%H:%M:%fZ','now') WHERE table_name = ?1",
        params![table, x_min, y_min, x_max, y_max],
    )
    .doing("saving an extent")?;
    Ok(())
}

/// Gives a table another name.
pub(super) fn rename(conn: &Connection, from: &str, to: &str) -> Result<(), StoreError> {
    conn.execute_batch(&format!("ALTER TABLE {} RENAME TO {}", quoted(from), quoted(to))).doing("renaming a table")
}

/// The names of all tables.
pub(super) fn tables(conn: &Connection) -> Result<Vec<String>, StoreError> {
    let deed = "listing the tables";
    let mut names = conn.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").doing(deed)?;
    names.query_map([], |row| row.get(0)).and_then(Iterator::collect).doing(deed)
}

/// Refuses a collection whose table would be mistaken for one of the file's own.
pub(super) fn check_name(id: &CollectionId) -> Result<(), StoreError> {
    let reserved = ["gpkg_", "rtree_", "sqlite_", "citywall_"].iter().any(|prefix| id.as_str().starts_with(prefix));
    if reserved { Err(StoreError::ReservedName(id.clone())) } else { Ok(()) }
}

/// What a GIS program shows of a collection.
pub(super) fn description(meta: &CollectionMeta) -> String {
    let LocalText { zh, en } = &meta.title;
    let notice = if meta.generated { " · 合成数据 generated data" } else { "" };
    let dot = if meta.source.is_empty() { "" } else { " · " };
    format!("{zh} / {en}{notice}{dot}{}", meta.source)
}
