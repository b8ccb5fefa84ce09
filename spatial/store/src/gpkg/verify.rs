//! Looks for faults in the whole file.

use super::{
    blob, catalog, coverage, digest, imagery, journal, live,
    load::{self, Source},
    schema,
    tail::Mark,
    versions,
};
use crate::{StoreError, error::Doing};
use citywall_model::{Bbox, CollectionKind, LiveItem, Revision, geometry};
use rusqlite::Connection;
use rustc_hash::FxHashSet;
use std::{collections::BTreeMap, ops::ControlFlow};

/// Faults of one check that are worth naming.
const FAULTS_MAX: usize = 20;

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
                note(&mut faults, collection(conn, entry, revision));
            }
            note(&mut faults, journal_and_state(conn, &entries, revision));
        }
    }
    match versions::all(conn) {
        Err(e) => faults.push(e.to_string()),
        Ok(all) => all.iter().for_each(|kept| note(&mut faults, collection(conn, &kept.entry, revision))),
    }
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
             WHERE g.data_type != 'features' OR EXISTS (SELECT 1 FROM gpkg_geometry_columns k WHERE k.table_name = c.id)",
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

fn collection(conn: &Connection, entry: &catalog::Entry, last: Revision) -> Result<Vec<String>, StoreError> {
    let meta = &entry.meta;
    let mut faults = match meta.kind {
        CollectionKind::Layer => layer(conn, entry)?,
        CollectionKind::Elevation => coverage::load(conn, &meta.id).map(|_| Vec::new())?,
        CollectionKind::Imagery => imagery::verify(conn, &meta.id)?,
        _ => Vec::new(),
    };
    if meta.revision > last {
        faults.push(format!("{}: its revision {} is after the city's last, {last}", meta.id, meta.revision));
    }
    Ok(faults)
}

fn layer(conn: &Connection, entry: &catalog::Entry) -> Result<Vec<String>, StoreError> {
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
    let solids = solids(conn, entry, &mut sum, &mut faults)?;
    let id = &meta.id;
    if (rows, solids) != (meta.count, meta.solids) {
        faults.push(format!("{id}: {rows} rows and {solids} solids, where {} and {} were published", meta.count, meta.solids));
    }
    if Some(extent).filter(|e| !e.is_empty()) != meta.extent {
        faults.push(format!("{id}: the extent is not that of the geometries"));
    }
    if sum != entry.digest {
        faults.push(format!("{id}: a value is not what was written (the digest does not match)"));
    }
    Ok(faults)
}

/// Checks a layer's solids and counts them.
fn solids(conn: &Connection, entry: &catalog::Entry, sum: &mut u64, faults: &mut Vec<String>) -> Result<u64, StoreError> {
    let Some(table) = &entry.solids_table else { return Ok(0) };
    let deed = "reading solids";
    let sql = format!("SELECT object, type, kind, lod, surfaces, shells, semantics, fid FROM {} ORDER BY number", schema::quoted(table));
    let mut rows = conn.prepare(&sql).doing(deed)?;
    let mut rows = rows.query([]).doing(deed)?;
    let mut count = 0;
    while let Some(row) = rows.next().doing(deed)? {
        count += 1;
        let fid: i64 = row.get(7).doing(deed)?;
        match load::solid(row) {
            Ok(solid) => *sum = sum.wrapping_add(digest::of_solid(fid.cast_unsigned(), &solid)),
            Err(reason) => add(faults, format!("{table}, fid {fid}: {reason}")),
        }
    }
    Ok(count)
}

/// Reads the journal from its start and compares what it adds up to with the saved state of
/// every live collection. The journal's order is its key's, so it cannot be wrong; each change is
/// checked against its digest on the way.
fn journal_and_state(conn: &Connection, entries: &[catalog::Entry], last: Revision) -> Result<Vec<String>, StoreError> {
    let mut faults = Vec::new();
    let folded = Revision(catalog::number(conn, catalog::FOLDED)?);
    if folded > last {
        faults.push(format!("citywall_meta: the journal is folded up to {folded}, after the city's last revision, {last}"));
    }
    let live = entries.iter().filter(|entry| entry.meta.kind.is_live());
    let mut states: BTreeMap<&str, State> = live.map(|entry| (entry.meta.id.as_str(), State::default())).collect();
    // What was folded when the file was copied or cut off, before the mark could move.
    let mut ahead: BTreeMap<Revision, LiveItem> = BTreeMap::new();
    let mut unindexed = ItemIndex::default();
    journal::each_after(conn, Revision(0), usize::MAX, |change| {
        let revision = change.item.revision();
        if revision > last {
            add(&mut faults, format!("citywall_journal, revision {revision}: it is after the city's last, {last}"));
        }
        if revision <= folded {
            unindexed.step(change.collection.as_str(), change.item.fid(), Mark::of(&change), u64::wrapping_add);
        }
        match states.get_mut(change.collection.as_str()) {
            None => add(&mut faults, format!("citywall_journal, revision {revision}: there is no live collection “{}”", change.collection)),
            Some(state) if revision <= folded && !change.late => drop(state.insert(change.item.fid(), change.item)),
            Some(_) if revision > folded && !change.late => drop(ahead.insert(revision, change.item)),
            Some(_) => {}
        }
        Ok(())
    })?;
    journal::each_indexed(conn, folded, |collection, fid, mark| unindexed.step(collection, fid, mark, u64::wrapping_sub))?;
    if unindexed != ItemIndex::default() {
        faults.push("citywall_journal_items: it is not what the journal says".to_owned());
    }
    for entry in entries.iter().filter(|entry| entry.meta.kind.is_live()) {
        let id = &entry.meta.id;
        let mut state = states.remove(id.as_str()).unwrap_or_default();
        let (mut ids, mut rows) = (FxHashSet::default(), 0);
        live::each_item(conn, id, 0, i64::MAX, |item| {
            rows += 1;
            let folded_state = state.remove(&item.fid());
            let known = if item.revision() > folded { ahead.get(&item.revision()) } else { folded_state.as_ref() };
            if known != Some(&item) {
                add(&mut faults, format!("{id}, fid {}: it is not what the journal says", item.fid()));
            }
            if !ids.insert(item.id().to_owned()) {
                add(&mut faults, format!("{id}, fid {}: the id “{}” repeats", item.fid(), item.id()));
            }
            Ok(())
        })?;
        if !state.is_empty() || rows != entry.meta.count {
            faults.push(format!("{id}: {rows} rows, where {} were saved, and {} are missing", entry.meta.count, state.len()));
        }
    }
    Ok(faults)
}

/// The entries of the index by item, as their number and the sum of their digests.
#[derive(Default, PartialEq)]
struct ItemIndex {
    entries: u64,
    digests: u64,
}

impl ItemIndex {
    fn step(&mut self, collection: &str, fid: u64, mark: Mark, step: fn(u64, u64) -> u64) {
        let Mark { second, revision, late } = mark;
        let parts = [fid.to_le_bytes(), second.to_le_bytes(), revision.0.to_le_bytes(), u64::from(late).to_le_bytes()];
        let digest = digest::of_parts(parts.iter().map(<[u8; 8]>::as_slice).chain([collection.as_bytes()]));
        self.entries = step(self.entries, 1);
        self.digests = step(self.digests, digest.into());
    }
}

/// The items of a live collection by fid.
type State = BTreeMap<u64, LiveItem>;

fn add(faults: &mut Vec<String>, fault: String) {
    if faults.len() < FAULTS_MAX {
        faults.push(fault);
    }
}
