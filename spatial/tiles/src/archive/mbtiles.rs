//! MBTiles 1.3: an SQLite database with the tables `metadata` and `tiles`; rows count from the south.

use super::{ArchiveError, Head, Sink};
use crate::TileId;
use rusqlite::{Connection, params};
use serde_json::json;
use std::path::Path;

/// `MPBX`, SQLite's application id of MBTiles.
const APPLICATION_ID: i32 = 0x4d50_4258;

/// Tiles are written in transactions of so many.
const TILES_PER_TRANSACTION: usize = 4096;

/// An MBTiles file in the making.
pub(super) struct File {
    conn: Connection,
    open: usize,
}

impl File {
    pub(super) fn create(path: &Path, head: &Head) -> Result<Self, ArchiveError> {
        let conn = Connection::open(path)?;
        // The file has no reader until it is whole: a crash leaves nothing to mend.
        conn.pragma_update(None, "journal_mode", "OFF")?;
        conn.pragma_update(None, "synchronous", "OFF")?;
        conn.pragma_update(None, "application_id", APPLICATION_ID)?;
        conn.execute_batch(
            "CREATE TABLE metadata (name TEXT, value TEXT);
             CREATE UNIQUE INDEX metadata_name ON metadata (name);
             CREATE TABLE tiles (zoom_level INTEGER, tile_column INTEGER, tile_row INTEGER, tile_data BLOB);",
        )?;
        let (longitude, latitude) = head.bounds.center();
        let [west, south, east, north]: [f64; 4] = head.bounds.into();
        let rows = [
            ("name", head.name.clone()),
            ("format", "pbf".to_owned()),
            ("type", "baselayer".to_owned()),
            ("attribution", head.attribution.clone()),
            ("bounds", format!("{west},{south},{east},{north}")),
            ("center", format!("{longitude},{latitude},{}", (*head.zooms.start()).max(10).min(*head.zooms.end()))),
            ("minzoom", head.zooms.start().to_string()),
            ("maxzoom", head.zooms.end().to_string()),
            ("json", json!({"vector_layers": head.vector_layers}).to_string()),
        ];
        for (name, value) in rows {
            conn.execute("INSERT INTO metadata VALUES (?1, ?2)", params![name, value])?;
        }
        Ok(Self { conn, open: 0 })
    }
}

impl Sink for File {
    fn put(&mut self, tile: TileId, gzip: &[u8]) -> Result<(), ArchiveError> {
        if self.open == 0 {
            self.conn.execute_batch("BEGIN")?;
        }
        let row = (1u32 << tile.z()) - 1 - tile.y();
        self.conn.prepare_cached("INSERT INTO tiles VALUES (?1, ?2, ?3, ?4)")?.execute(params![tile.z(), tile.x(), row, gzip])?;
        self.open += 1;
        if self.open == TILES_PER_TRANSACTION {
            self.conn.execute_batch("COMMIT")?;
            self.open = 0;
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<(), ArchiveError> {
        if self.open > 0 {
            self.conn.execute_batch("COMMIT")?;
        }
        self.conn.execute_batch("CREATE UNIQUE INDEX tile_index ON tiles (zoom_level, tile_column, tile_row)")?;
        self.conn.pragma_update(None, "synchronous", "FULL")?;
        self.conn.close().map_err(|(_, error)| error.into())
    }
}
