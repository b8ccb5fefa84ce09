//! Makes a staged table anew with wider columns, a bounded batch at a time.

use super::{
    bury, digest,
    load::{self, Source},
    stage::{self, Stage},
};
use crate::{StoreError, error::Doing};
use citywall_model::{Field, FieldType, Schema, limits};
use rusqlite::Connection;
use std::ops::ControlFlow;

/// Copies the version into a table with the columns as they are now, every value as its wider
/// column holds it, and buries the narrower table.
pub(super) fn widen(stage: &mut Stage) -> Result<(), StoreError> {
    let deed = "widening a layer version";
    let columns: Vec<(&str, &str)> =
        stage.columns.list().iter().filter_map(|c| c.kind.map(|kind| (c.column.as_str(), kind.gpkg_type()))).collect();
    let inner = &stage.inner;
    let wider = inner.writer()?.lock().lazily(deed, |tx| stage::new_table(tx, &columns))?;
    let copy = Copy::of(stage, &wider);
    let (mut last, mut sum) = (0, 0_u64);
    loop {
        let copied = inner.writer()?.lock().lazily(deed, |tx| copy.batch(tx, last))?;
        if copied.rows == 0 {
            break;
        }
        (last, sum) = (copied.last, sum.wrapping_add(copied.digest));
        inner.wal_wait();
    }
    let narrower = std::mem::replace(&mut stage.table, wider);
    stage.digest = sum;
    bury::bury(&stage.inner, &narrower)
}

/// What is copied from where to where.
struct Copy<'a> {
    from: &'a str,
    /// The fields that have a column, with the types that they had.
    schema: Schema,
    columns: Vec<&'a str>,
    /// The types that they have now, and their positions among all fields.
    kinds: Vec<(FieldType, usize)>,
    insert_sql: String,
}

impl<'a> Copy<'a> {
    fn of(stage: &'a Stage, to: &str) -> Self {
        let declared = || stage.columns.list().iter().enumerate().filter_map(|(at, c)| Some((at, c, c.declared?, c.kind?)));
        let columns: Vec<&str> = declared().map(|(_, c, ..)| c.column.as_str()).collect();
        Self {
            from: &stage.table,
            schema: Schema { fields: declared().map(|(_, c, kind, _)| Field { name: c.name.clone(), kind }).collect() },
            insert_sql: stage::insert_sql(to, columns.iter().copied()),
            columns,
            kinds: declared().map(|(at, _, _, kind)| (kind, at)).collect(),
        }
    }

    /// Copies the rows after `last`, one batch of them.
    fn batch(&self, conn: &Connection, last: u64) -> Result<Copied, StoreError> {
        let deed = "widening a layer version";
        let source = Source { table: self.from, schema: &self.schema, columns: self.columns.iter().map(|c| Some(*c)).collect() };
        let mut insert = conn.prepare_cached(&self.insert_sql).doing(deed)?;
        let mut copied = Copied { rows: 0, last, digest: 0 };
        let mut bytes = 0;
        load::each_row(conn, &source, last + 1, |row| {
            insert.clear_bindings();
            insert.raw_bind_parameter(1, row.fid.cast_signed()).doing(deed)?;
            if let Some(geom) = row.geometry()? {
                bytes += geom.len();
                copied.digest = copied.digest.wrapping_add(digest::of_geometry(row.fid, geom));
                insert.raw_bind_parameter(2, geom).doing(deed)?;
            }
            for (at, (kind, position)) in self.kinds.iter().enumerate() {
                let value = row.value(at)?.to_owned().coerce(*kind);
                copied.digest = copied.digest.wrapping_add(digest::of_value(row.fid, *position, value.as_ref()));
                stage::bind(&mut insert, at + 3, &value).doing(deed)?;
            }
            insert.raw_execute().doing(deed)?;
            copied.rows += 1;
            copied.last = row.fid;
            let full = copied.rows >= limits::IMPORT_BATCH_ROWS_MAX || bytes >= limits::IMPORT_BATCH_BYTES_MAX;
            Ok(if full { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })?;
        Ok(copied)
    }
}

/// What one batch copied.
struct Copied {
    rows: usize,
    last: u64,
    digest: u64,
}
