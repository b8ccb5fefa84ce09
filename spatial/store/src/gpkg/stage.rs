//! A layer version in the making: a table that no reader sees until it is published.
//!
//! Items are checked and the schema is widened outside of the writer; then they are written in
//! bounded batches, each one transaction, with the writer free for events in between. Batches
//! are not flushed: the publication is, and all before it with it.

use super::{
    Inner,
    blob::{self, GeometryKinds},
    bury, catalog,
    columns::{Column, Columns},
    digest, load, publish, rebuild, schema,
};
use crate::{LayerDraft, LayerStage, NewFeature, Refusal, Solid, StoreError, error::Doing};
use citywall_model::{Bbox, CollectionKind, CollectionMeta, FeatureTable, FieldType, Value, limits};
use rusqlite::{Connection, Statement, params};
use rustc_hash::FxHashSet;
use std::{borrow::Cow, fmt::Write, ops::Range, sync::Arc};

/// A staged version.
pub(super) struct Stage {
    pub(super) inner: Arc<Inner>,
    pub(super) draft: LayerDraft,
    pub(super) table: String,
    pub(super) solids_table: Option<String>,
    pub(super) columns: Columns,
    /// The sum of the rows' digests.
    pub(super) digest: u64,
    /// The sum of the solids' digests.
    pub(super) solids_digest: u64,
    pub(super) geometry_kinds: GeometryKinds,
    ids: Option<Ids>,
    extent: Bbox,
    rows: u64,
    solids: u64,
    /// An error leaves the table and what is known of it apart; nothing more is done then.
    failed: bool,
    /// True once the table is a layer's own.
    pub(super) published: bool,
    slots: Vec<usize>,
}

/// The ids seen so far.
struct Ids {
    field: Arc<str>,
    seen: FxHashSet<Box<str>>,
    text: String,
}

/// An item that is written: its position in the batch, its fid, its values' slots, its extent.
struct Admitted {
    index: usize,
    fid: u64,
    slots: Range<usize>,
    bounds: Bbox,
}

impl Stage {
    /// Starts a version.
    pub(super) fn start(inner: &Arc<Inner>, draft: LayerDraft) -> Result<Self, StoreError> {
        schema::check_name(&draft.id)?;
        if !matches!(draft.storage_crs, 4326 | 4490) {
            return Err(StoreError::StorageCrs(draft.storage_crs));
        }
        inner.check_disk()?;
        let table = inner.writer()?.lock().lazily("starting a layer version", |tx| {
            if let Some(before) = catalog::entry(tx, &draft.id)? {
                publish::check_layer(&before.meta)?;
            }
            new_table(tx, &[])
        })?;
        let ids = draft.id_field.as_deref().map(|field| Ids { field: field.into(), seen: FxHashSet::default(), text: String::new() });
        Ok(Self {
            inner: Arc::clone(inner),
            columns: Columns::new(draft.id_field.as_deref()),
            draft,
            table,
            solids_table: None,
            digest: 0,
            solids_digest: 0,
            geometry_kinds: GeometryKinds::default(),
            ids,
            extent: Bbox::EMPTY,
            rows: 0,
            solids: 0,
            failed: false,
            published: false,
            slots: Vec::new(),
        })
    }

    fn write_all(&mut self, features: &[NewFeature]) -> Result<Vec<Refusal>, StoreError> {
        self.inner.check_disk()?;
        let (admitted, refusals) = self.admit(features);
        self.declare(features.iter().any(|f| !f.solids.is_empty()))?;
        let mut rest = &admitted[..];
        while !rest.is_empty() {
            let (batch, later) = rest.split_at(batch_len(rest, features));
            self.inner.check_disk()?;
            self.write_batch(batch, features)?;
            rest = later;
            self.inner.wal_wait();
        }
        Ok(refusals)
    }

    /// Checks every item, lets the schema grow, and gives those that are taken their fids.
    fn admit(&mut self, features: &[NewFeature]) -> (Vec<Admitted>, Vec<Refusal>) {
        let mut admitted = Vec::with_capacity(features.len());
        let mut refusals = Vec::new();
        self.slots.clear();
        for (index, feature) in features.iter().enumerate() {
            let start = self.slots.len();
            if let Err(reason) = self.admit_one(feature) {
                refusals.push(Refusal { index, reason });
                continue;
            }
            self.rows += 1;
            let bounds = feature.geometry.as_ref().map_or(Bbox::EMPTY, |wkb| {
                self.geometry_kinds.add(wkb.bytes());
                wkb.bounds()
            });
            self.extent = self.extent.union(bounds);
            admitted.push(Admitted { index, fid: self.rows, slots: start..self.slots.len(), bounds });
        }
        (admitted, refusals)
    }

    fn admit_one(&mut self, feature: &NewFeature) -> Result<(), String> {
        match &mut self.ids {
            None => self.columns.admit(feature, &mut self.slots),
            Some(ids) => {
                ids.check(feature)?;
                self.columns.admit(feature, &mut self.slots)?;
                ids.seen.insert(ids.text.as_str().into());
                Ok(())
            }
        }
    }

    /// Brings the table up to the schema: adds columns, or makes the table anew where one widens.
    pub(super) fn declare(&mut self, with_solids: bool) -> Result<(), StoreError> {
        let widens = |c: &Column| c.declared.is_some_and(|d| c.kind.is_some_and(|k| k.gpkg_type() != d.gpkg_type()));
        let is_new = |c: &Column| c.declared.is_none() && c.kind.is_some();
        if self.columns.list().iter().any(widens) {
            rebuild::widen(self)?;
        } else if self.columns.list().iter().any(is_new) {
            self.inner.writer()?.lock().lazily("adding columns", |tx| {
                for column in self.columns.list().iter().filter(|c| is_new(c)) {
                    let (name, kind) = (schema::quoted(&column.column), column.kind.map_or("TEXT", FieldType::gpkg_type));
                    tx.execute_batch(&format!("ALTER TABLE {} ADD COLUMN {name} {kind}", schema::quoted(&self.table)))
                        .doing("adding columns")?;
                }
                Ok(())
            })?;
        }
        self.columns.set_declared();
        if with_solids && self.solids_table.is_none() {
            self.solids_table = Some(self.inner.writer()?.lock().lazily("making a table for solids", new_solids_table)?);
        }
        Ok(())
    }

    fn write_batch(&mut self, batch: &[Admitted], features: &[NewFeature]) -> Result<(), StoreError> {
        let deed = "writing a layer version";
        let declared = || self.columns.list().iter().enumerate().filter(|(_, c)| c.declared.is_some());
        // The parameter of each slot; fid and geometry are 1 and 2.
        let mut parameters = vec![0; self.columns.list().len()];
        for (parameter, (slot, _)) in (3..).zip(declared()) {
            parameters[slot] = parameter;
        }
        let sql = insert_sql(&self.table, declared().map(|(_, c)| c.column.as_str()));
        let (mut digest, mut solids_digest, mut solids) = (0_u64, 0_u64, 0);
        self.inner.writer()?.lock().lazily(deed, |tx| {
            let mut insert = tx.prepare_cached(&sql).doing(deed)?;
            let mut geom = Vec::new();
            for item in batch {
                let feature = &features[item.index];
                insert.clear_bindings();
                insert.raw_bind_parameter(1, item.fid.cast_signed()).doing(deed)?;
                if let Some(wkb) = &feature.geometry {
                    blob::write(&mut geom, self.draft.storage_crs, wkb.bytes(), &item.bounds);
                    digest = digest.wrapping_add(digest::of_geometry(item.fid, &geom));
                    insert.raw_bind_parameter(2, geom.as_slice()).doing(deed)?;
                }
                for (slot, (_, value)) in self.slots[item.slots.clone()].iter().zip(&feature.values) {
                    let Some(kind) = self.columns.list()[*slot].kind else { continue };
                    let value = fitted(value, kind);
                    digest = digest.wrapping_add(digest::of_value(item.fid, *slot, value.as_ref().as_ref()));
                    bind(&mut insert, parameters[*slot], &value).doing(deed)?;
                }
                insert.raw_execute().doing(deed)?;
                if let Some(table) = &self.solids_table {
                    for solid in &feature.solids {
                        insert_solid(tx, table, item.fid, solid)?;
                        solids_digest = solids_digest.wrapping_add(digest::of_solid(item.fid, solid));
                        solids += 1;
                    }
                }
            }
            Ok(())
        })?;
        self.digest = self.digest.wrapping_add(digest);
        self.solids_digest = self.solids_digest.wrapping_add(solids_digest);
        self.solids += solids;
        Ok(())
    }

    fn check_usable(&self) -> Result<(), StoreError> {
        if self.failed { Err(StoreError::damaged(self.draft.id.as_str(), "an earlier write of this version failed")) } else { Ok(()) }
    }
}

impl LayerStage for Stage {
    fn write(&mut self, features: Vec<NewFeature>) -> Result<Vec<Refusal>, StoreError> {
        self.check_usable()?;
        let written = self.write_all(&features);
        self.failed = written.is_err();
        written
    }

    fn meta(&self) -> CollectionMeta {
        let draft = self.draft.clone();
        let before = self.inner.readers.read(|conn| catalog::entry(conn, &draft.id)).ok().flatten();
        let version = before.map_or(0, |entry| entry.meta.version) + 1;
        CollectionMeta {
            schema: self.columns.schema(),
            geometry_type: self.geometry_kinds.type_name().to_owned(),
            extent: Some(self.extent).filter(|extent| !extent.is_empty()),
            count: self.rows,
            solids: self.solids,
            ..draft.meta(CollectionKind::Layer, version, self.inner.last_revision().next())
        }
    }

    fn load(&self) -> Result<FeatureTable, StoreError> {
        self.check_usable()?;
        let schema = self.columns.schema();
        let columns = self.columns.list().iter().map(|c| c.declared.map(|_| c.column.as_str())).collect();
        let source = load::Source { table: &self.table, schema: &schema, columns };
        self.inner.readers.read(|conn| load::table(conn, &source, self.draft.id_field.as_deref()))
    }

    fn publish(mut self: Box<Self>) -> Result<CollectionMeta, StoreError> {
        self.check_usable()?;
        publish::publish(&mut self)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if self.published {
            return;
        }
        for table in [Some(&self.table), self.solids_table.as_ref()].into_iter().flatten() {
            if let Err(e) = bury::bury(&self.inner, table) {
                tracing::warn!("{table} is left until the next start: {e}");
            }
        }
    }
}

impl Ids {
    /// Checks an item's id and leaves it in `text`.
    fn check(&mut self, feature: &NewFeature) -> Result<(), String> {
        let field = &self.field;
        self.text.clear();
        let text = &mut self.text;
        // Writing into a string does not fail.
        let _ = match feature.values.iter().find(|(name, _)| name == field).map(|(_, value)| value) {
            Some(Value::Text(id)) => write!(text, "{id}"),
            Some(Value::Integer(id)) => write!(text, "{id}"),
            // SQLite keeps no sign of zero.
            Some(Value::Number(id)) => write!(text, "{}", id + 0.0),
            Some(Value::Boolean(_) | Value::Json(_)) => return Err(format!("the id field “{field}” is neither text nor number")),
            None | Some(Value::Null) => Ok(()),
        };
        if self.text.is_empty() {
            return Err(format!("the id field “{field}” is missing"));
        }
        if self.text.len() > limits::ITEM_ID_BYTES_MAX {
            return Err(format!("the id passes the limit ITEM_ID_BYTES_MAX ({})", limits::ITEM_ID_BYTES_MAX));
        }
        if self.seen.contains(self.text.as_str()) {
            Err(format!("the id “{}” in the field “{field}” repeats", self.text))
        } else {
            Ok(())
        }
    }
}

/// How many of the items make up a batch; at least one.
fn batch_len(items: &[Admitted], features: &[NewFeature]) -> usize {
    let mut bytes = 0;
    let fits = |item: &&Admitted| {
        bytes += bytes_of(&features[item.index]);
        bytes <= limits::IMPORT_BATCH_BYTES_MAX
    };
    items.iter().take(limits::IMPORT_BATCH_ROWS_MAX).take_while(fits).count().max(1)
}

/// About as many bytes as the item takes in the file.
fn bytes_of(feature: &NewFeature) -> usize {
    let value = |value: &Value| match value {
        Value::Text(text) | Value::Json(text) => text.len(),
        _ => 8,
    };
    feature.geometry.as_ref().map_or(0, |wkb| wkb.bytes().len())
        + feature.values.iter().map(|(_, v)| value(v)).sum::<usize>()
        + feature.solids.iter().map(|solid| solid.surfaces.bytes().len()).sum::<usize>()
}

/// Makes a table for a version and returns its name.
pub(super) fn new_table(conn: &Connection, columns: &[(&str, &str)]) -> Result<String, StoreError> {
    let table = format!("{}{}", bury::STAGE, catalog::next_table(conn)?);
    conn.execute_batch(&schema::features_sql(&table, columns.iter().copied())).doing("starting a layer version")?;
    Ok(table)
}

fn new_solids_table(tx: &rusqlite::Transaction<'_>) -> Result<String, StoreError> {
    let table = format!("{}{}", bury::SOLIDS, catalog::next_table(tx)?);
    tx.execute_batch(&format!(
        "CREATE TABLE {table} (number INTEGER PRIMARY KEY NOT NULL, fid INTEGER NOT NULL, object TEXT NOT NULL, type TEXT NOT NULL,
           kind TEXT NOT NULL, lod TEXT NOT NULL, surfaces BLOB NOT NULL, shells TEXT NOT NULL, semantics TEXT NOT NULL);
         CREATE INDEX {table}_fid ON {table} (fid);"
    ))
    .doing("making a table for solids")?;
    Ok(table)
}

fn insert_solid(conn: &Connection, table: &str, fid: u64, solid: &Solid) -> Result<(), StoreError> {
    let list = |list: serde_json::Value| list.to_string();
    conn.prepare_cached(&format!(
        "INSERT INTO {table} (fid, object, type, kind, lod, surfaces, shells, semantics) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"
    ))
    .and_then(|mut row| {
        row.execute(params![
            fid.cast_signed(),
            solid.object,
            solid.object_type,
            solid.kind,
            solid.lod,
            solid.surfaces.bytes(),
            list(solid.shells.as_slice().into()),
            list(solid.semantics.as_slice().into()),
        ])
    })
    .doing("writing solids")?;
    Ok(())
}

/// The statement that writes a row: fid, geometry, then the columns.
pub(super) fn insert_sql<'a>(table: &str, columns: impl Iterator<Item = &'a str> + Clone) -> String {
    let names: String = columns.clone().map(|column| format!(", {}", schema::quoted(column))).collect();
    let marks = ", ?".repeat(columns.count());
    format!("INSERT INTO {} (fid, geom{names}) VALUES (?, ?{marks})", schema::quoted(table))
}

/// A value as its column holds it.
fn fitted(value: &Value, kind: FieldType) -> Cow<'_, Value> {
    match value.kind() {
        Some(own) if own != kind => Cow::Owned(value.clone().coerce(kind)),
        _ => Cow::Borrowed(value),
    }
}

/// Binds a value that fits its column.
pub(super) fn bind(statement: &mut Statement<'_>, parameter: usize, value: &Value) -> rusqlite::Result<()> {
    match value {
        Value::Null => statement.raw_bind_parameter(parameter, rusqlite::types::Null),
        Value::Boolean(b) => statement.raw_bind_parameter(parameter, b),
        Value::Integer(i) => statement.raw_bind_parameter(parameter, i),
        Value::Number(n) => statement.raw_bind_parameter(parameter, n),
        Value::Text(t) | Value::Json(t) => statement.raw_bind_parameter(parameter, t.as_str()),
    }
}
