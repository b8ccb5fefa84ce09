//! Reads a layer from its table into memory, without a copy in between.

use super::{blob, catalog, schema};
use crate::{Solid, StoreError, error::Doing};
use citywall_model::{CollectionId, FeatureTable, FeatureTableBuilder, FieldType, RowIds, Schema, ValueRef, Wkb};
use rusqlite::{Connection, Row, types::ValueRef as Cell};
use std::ops::ControlFlow;

/// A feature table to read: where, and what its columns mean.
pub(super) struct Source<'a> {
    pub(super) table: &'a str,
    pub(super) schema: &'a Schema,
    /// The column of each field; `None` where there is none yet, which reads as nulls.
    pub(super) columns: Vec<Option<&'a str>>,
}

impl<'a> From<&'a catalog::Entry> for Source<'a> {
    fn from(entry: &'a catalog::Entry) -> Self {
        let columns = entry.columns.iter().map(|column| Some(column.as_str())).collect();
        Self { table: entry.table(), schema: &entry.meta.schema, columns }
    }
}

/// Reads a layer's current version.
pub(super) fn layer(conn: &Connection, id: &CollectionId) -> Result<FeatureTable, StoreError> {
    let entry = layer_entry(conn, id)?;
    table(conn, &Source::from(&entry), entry.meta.id_field.as_deref())
}

/// Reads a feature table, in ascending order of fid. O(rows), one pass over the file's pages.
pub(super) fn table(conn: &Connection, source: &Source<'_>, id_field: Option<&str>) -> Result<FeatureTable, StoreError> {
    let ids = match id_field.map(|name| (name, source.schema.position(name))) {
        None => RowIds::Generated,
        Some((_, Some(position))) => RowIds::Field(position),
        // Without a row there is no field either.
        Some((name, None)) => RowIds::Field(if source.schema.fields.is_empty() { 0 } else { return Err(no_field(source, name)) }),
    };
    let mut builder = FeatureTableBuilder::new(source.schema.clone(), ids);
    each_row(conn, source, 0, |row| {
        let geometry = row.geometry()?.map(|blob| blob::wkb(blob).map_err(|reason| row.damaged(reason))).transpose()?;
        let mut fault = None;
        let values = (0..source.columns.len()).map(|at| {
            row.value(at).unwrap_or_else(|e| {
                fault = Some(e);
                ValueRef::Null
            })
        });
        builder.push(row.fid, geometry, values);
        fault.map_or(Ok(ControlFlow::Continue(())), Err)
    })?;
    Ok(builder.finish())
}

fn no_field(source: &Source<'_>, name: &str) -> StoreError {
    StoreError::damaged(source.table, format!("there is no field “{name}” for the ids"))
}

/// A row of a feature table, read in place.
pub(super) struct FeatureRow<'r> {
    pub(super) fid: u64,
    row: &'r Row<'r>,
    source: &'r Source<'r>,
}

impl FeatureRow<'_> {
    /// The geometry's blob.
    pub(super) fn geometry(&self) -> Result<Option<&[u8]>, StoreError> {
        match self.cell(1)? {
            Cell::Null => Ok(None),
            Cell::Blob(blob) => Ok(Some(blob)),
            _ => Err(self.damaged("the geometry is no blob")),
        }
    }

    /// The value of the field at a position.
    pub(super) fn value(&self, position: usize) -> Result<ValueRef<'_>, StoreError> {
        let field = &self.source.schema.fields[position];
        Ok(match (field.kind, self.cell(position + 2)?) {
            (_, Cell::Null) => ValueRef::Null,
            (FieldType::Boolean, Cell::Integer(n @ (0 | 1))) => ValueRef::Boolean(n == 1),
            (FieldType::Integer, Cell::Integer(n)) => ValueRef::Integer(n),
            (FieldType::Number, Cell::Real(n)) => ValueRef::Number(n),
            (FieldType::Text, Cell::Text(text)) => ValueRef::Text(self.utf8(text)?),
            (FieldType::Json, Cell::Text(text)) => ValueRef::Json(self.utf8(text)?),
            (kind, cell) => return Err(self.damaged(format!("“{}” is {}, not {}", field.name, cell.data_type(), kind.gpkg_type()))),
        })
    }

    /// An error that names this row.
    pub(super) fn damaged(&self, reason: impl ToString) -> StoreError {
        StoreError::damaged(format!("{}, fid {}", self.source.table, self.fid), reason)
    }

    fn cell(&self, at: usize) -> Result<Cell<'_>, StoreError> {
        self.row.get_ref(at).map_err(|e| self.damaged(e))
    }

    fn utf8<'t>(&self, text: &'t [u8]) -> Result<&'t str, StoreError> {
        std::str::from_utf8(text).map_err(|e| self.damaged(e))
    }
}

/// Visits the rows of a feature table from a fid on, in ascending order, until told to stop.
pub(super) fn each_row(
    conn: &Connection,
    source: &Source<'_>,
    from_fid: u64,
    mut visit: impl FnMut(FeatureRow<'_>) -> Result<ControlFlow<()>, StoreError>,
) -> Result<(), StoreError> {
    let deed = "reading a feature table";
    let columns: String =
        source.columns.iter().map(|column| column.map_or(", NULL".to_owned(), |name| format!(", {}", schema::quoted(name)))).collect();
    let sql = format!("SELECT fid, geom{columns} FROM {} WHERE fid >= ?1 ORDER BY fid", schema::quoted(source.table));
    let mut rows = conn.prepare_cached(&sql).doing(deed)?;
    let mut rows = rows.query([from_fid.cast_signed()]).doing(deed)?;
    while let Some(row) = rows.next().doing(deed)? {
        let fid: i64 = row.get(0).doing(deed)?;
        let fid = u64::try_from(fid).map_err(|_| StoreError::damaged(format!("{}, fid {fid}", source.table), "a fid is not negative"))?;
        if visit(FeatureRow { fid, row, source })?.is_break() {
            break;
        }
    }
    Ok(())
}

/// The solids of one item of a layer, in the order in which they were written.
pub(super) fn solids(conn: &Connection, id: &CollectionId, fid: u64) -> Result<Vec<Solid>, StoreError> {
    let entry = layer_entry(conn, id)?;
    let Some(table) = entry.solids_table else { return Ok(Vec::new()) };
    let deed = "reading solids";
    let sql = format!(
        "SELECT object, type, kind, lod, surfaces, shells, semantics FROM {} WHERE fid = ?1 ORDER BY number",
        schema::quoted(&table)
    );
    let mut rows = conn.prepare_cached(&sql).doing(deed)?;
    let mut rows = rows.query([fid.cast_signed()]).doing(deed)?;
    let mut solids = Vec::new();
    while let Some(row) = rows.next().doing(deed)? {
        solids.push(solid(row).map_err(|reason| StoreError::damaged(format!("{table}, fid {fid}"), reason))?);
    }
    Ok(solids)
}

/// Reads a solid from the columns object, type, kind, lod, surfaces, shells, semantics.
pub(super) fn solid(row: &Row<'_>) -> Result<Solid, String> {
    let text = |at: usize| row.get::<_, String>(at).map_err(|e| e.to_string());
    let surfaces = row.get_ref(4).ok().and_then(|cell| cell.as_blob().ok()).ok_or("its surfaces are no blob")?;
    Ok(Solid {
        object: text(0)?,
        object_type: text(1)?,
        kind: text(2)?,
        lod: text(3)?,
        surfaces: Wkb::new(surfaces).map_err(|e| e.to_string())?,
        shells: serde_json::from_str(&text(5)?).map_err(|e| e.to_string())?,
        semantics: serde_json::from_str(&text(6)?).map_err(|e| e.to_string())?,
    })
}

pub(super) fn layer_entry(conn: &Connection, id: &CollectionId) -> Result<catalog::Entry, StoreError> {
    let entry = catalog::entry(conn, id)?.ok_or_else(|| StoreError::NoCollection(id.clone()))?;
    if entry.meta.kind.is_live() {
        return Err(StoreError::WrongKind { id: id.clone(), is: "a live collection", wanted: "a layer" });
    }
    Ok(entry)
}
