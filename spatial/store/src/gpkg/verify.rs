//! Looks for faults in the whole file.

use super::{
    blob, catalog, digest, journal, live,
    load::{self, Source},
    schema,
};
use crate::{StoreError, error::Doing};
use citywall_model::{Bbox, Revision, geometry};
use rusqlite::Connection;
use rustc_hash::FxHashSet;
use std::ops::ControlFlow;

/// Faults that one table is worth naming.
const FAULTS_PER_TABLE_MAX: usize = 20;

/// One line per fault; none for a sound file. O(file).
pub(super) fn verify(conn: &Connection) -> Vec<String> {
    let mut faults = Vec::new();
    note(&mut faults, sqlite(conn));
    note(&mut faults, tables(conn));
    let revision = match catalog::revision(conn) {
        Ok(revision) => revision,
        Err(e) => {
            faults.push(e.to_string());
            Revision(u64::MAX)
        }
    };
    note(&mut faults, catalog::profile(conn).map(|_| Vec::new()));
    match catalog::entries(conn) {
        Err(e) => faults.push(e.to_string()),
        Ok(entries) => {
            for entry in &entries {
                let found = if entry.meta.kind.is_live() { live_collection(conn, entry, revision) } else { layer(conn, entry, revision) };
                note(&mut faults, found);
            }
        }
    }
    note(&mut faults, journal_order(conn, revision));
    faults
}

/// A check that cannot even read is a fault too.
fn note(faults: &mut Vec<String>, found: Result<Vec<String>, StoreError>) {
    match found {
        Ok(found) => faults.extend(found),
        Err(e) => faults.push(e.to_string()),
    }
}

fn sqlite(conn: &Connection) -> Result<Vec<String>, StoreError> {
    let deed = "checking SQLite's structures";
    let lines = |sql: &str| -> Result<Vec<String>, StoreError> {
        let mut lines = conn.prepare(sql).doing(deed)?;
        lines.query_map([], |row| row.get(0)).and_then(Iterator::collect).doing(deed)
    };
    let mut faults = lines("PRAGMA integrity_check")?;
    faults.retain(|line| line != "ok");
    faults.extend(lines("PRAGMA foreign_key_check")?.into_iter().map(|table| format!("{table}: a row refers to nothing")));
    Ok(faults)
}

fn tables(conn: &Connection) -> Result<Vec<String>, StoreError> {
    let tables = schema::tables(conn)?;
    let missing = schema::REQUIRED.iter().filter(|required| !tables.iter().any(|table| table == *required));
    let mut faults: Vec<String> = missing.map(|table| format!("the table {table} is missing")).collect();
    let listed: i64 = conn
        .query_row(
            "SELECT count(*) FROM citywall_collections c JOIN gpkg_contents g ON g.table_name = c.id
             JOIN gpkg_geometry_columns k ON k.table_name = c.id",
            [],
            |row| row.get(0),
        )
        .doing("checking the list of tables")?;
    let kept = catalog::entries(conn)?.len();
    if usize::try_from(listed) != Ok(kept) {
        faults.push(format!("gpkg_contents: {listed} of {kept} collections are listed"));
    }
    Ok(faults)
}

fn layer(conn: &Connection, entry: &catalog::Entry, last: Revision) -> Result<Vec<String>, StoreError> {
    let meta = &entry.meta;
    let mut faults = Vec::new();
    let (mut rows, mut sum, mut extent) = (0_u64, 0_u64, Bbox::EMPTY);
    load::each_row(conn, &Source::from(entry), 0, |row| {
        rows += 1;
        if let Some(blob) = row.geometry()? {
            sum = sum.wrapping_add(digest::of_geometry(row.fid, blob));
            let checked =
                blob::wkb(blob).map_err(str::to_owned).and_then(|wkb| geometry::check(wkb).map(|()| wkb).map_err(|e| e.to_string()));
            match checked {
                Ok(wkb) => extent = extent.union(geometry::bounds(wkb)),
                Err(reason) => add(&mut faults, row.damaged(reason).to_string()),
            }
        }
        for position in 0..meta.schema.fields.len() {
            match row.value(position) {
                Ok(value) => sum = sum.wrapping_add(digest::of_value(row.fid, position, value)),
                Err(e) => add(&mut faults, e.to_string()),
            }
        }
        Ok(ControlFlow::Continue(()))
    })?;
    let id = &meta.id;
    if rows != meta.count {
        faults.push(format!("{id}: {rows} rows, where {} were published", meta.count));
    }
    if Some(extent).filter(|e| !e.is_empty()) != meta.extent {
        faults.push(format!("{id}: the extent is not that of the geometries"));
    }
    if sum != entry.digest {
        faults.push(format!("{id}: a value is not what was written (the digest does not match)"));
    }
    if meta.revision > last {
        faults.push(format!("{id}: its revision {} is after the city's last, {last}", meta.revision));
    }
    faults.extend(solids(conn, entry)?);
    Ok(faults)
}

fn solids(conn: &Connection, entry: &catalog::Entry) -> Result<Vec<String>, StoreError> {
    let Some(table) = &entry.solids_table else { return Ok(Vec::new()) };
    let deed = "reading solids";
    let mut faults = Vec::new();
    let mut rows =
        conn.prepare(&format!("SELECT object, type, kind, lod, surfaces, shells, semantics, number FROM {table}")).doing(deed)?;
    let mut rows = rows.query([]).doing(deed)?;
    let mut count = 0;
    while let Some(row) = rows.next().doing(deed)? {
        count += 1;
        if let Err(reason) = load::solid(row) {
            let number: i64 = row.get(7).doing(deed)?;
            add(&mut faults, format!("{table}, solid {number}: {reason}"));
        }
    }
    if count != entry.meta.solids {
        faults.push(format!("{}: {count} solids, where {} were published", entry.meta.id, entry.meta.solids));
    }
    Ok(faults)
}

fn live_collection(conn: &Connection, entry: &catalog::Entry, last: Revision) -> Result<Vec<String>, StoreError> {
    let id = &entry.meta.id;
    let mut faults = Vec::new();
    let mut ids = FxHashSet::default();
    let mut rows = 0;
    live::each_item(conn, id, |item| {
        rows += 1;
        if item.revision > last {
            add(&mut faults, format!("{id}, fid {}: its revision {} is after the city's last, {last}", item.fid, item.revision));
        }
        if !ids.insert(item.id.clone()) {
            add(&mut faults, format!("{id}, fid {}: the id “{}” repeats", item.fid, item.id));
        }
        Ok(())
    })?;
    if rows != entry.meta.count {
        faults.push(format!("{id}: {rows} rows, where {} were saved", entry.meta.count));
    }
    Ok(faults)
}

fn journal_order(conn: &Connection, last: Revision) -> Result<Vec<String>, StoreError> {
    let mut faults = Vec::new();
    let known: FxHashSet<String> =
        catalog::entries(conn)?.into_iter().filter(|e| e.meta.kind.is_live()).map(|e| e.meta.id.to_string()).collect();
    // The key is the revision, so the order is SQLite's; every digest is checked on the way.
    journal::each_after(conn, Revision(0), usize::MAX, |change| {
        if change.item.revision > last {
            add(&mut faults, format!("citywall_journal: revision {} is after the city's last, {last}", change.item.revision));
        }
        if !known.contains(change.collection.as_str()) {
            add(
                &mut faults,
                format!("citywall_journal, revision {}: there is no live collection “{}”", change.item.revision, change.collection),
            );
        }
        Ok(())
    })?;
    if catalog::number(conn, catalog::FOLDED)? > last.0 {
        faults.push("citywall_meta: more of the journal is folded than there is".to_owned());
    }
    Ok(faults)
}

fn add(faults: &mut Vec<String>, fault: String) {
    if faults.len() < FAULTS_PER_TABLE_MAX {
        faults.push(fault);
    }
}
