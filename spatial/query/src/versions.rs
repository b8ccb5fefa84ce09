//! Versions of a layer: those that are kept beside the current one, and what differs between two.

use crate::{City, CollectionView, QueryError, city::Kind, layer::Layer};
use citywall_model::{CollectionId, FeatureTable, Revision, RowIds, ValueRef, limits};
use citywall_store::{LayerVersion, StoreError};
use parking_lot::Mutex;
use rustc_hash::{FxHashMap, FxHasher};
use std::{
    collections::VecDeque,
    hash::{Hash, Hasher},
    sync::Arc,
};

impl City {
    /// Every version of a layer: those that are kept, the oldest first, and the current one last.
    ///
    /// # Errors
    /// There is no such layer, or the store cannot be read.
    pub fn versions(&self, id: &CollectionId) -> Result<Vec<LayerVersion>, QueryError> {
        Ok(self.store().versions(id)?)
    }

    /// Sets how many replaced versions a layer keeps; see [`citywall_store::CityStore::keep_versions`].
    ///
    /// # Errors
    /// The number passes the limit, or the store cannot be written.
    pub fn keep_versions(&self, id: &CollectionId, versions: u32) -> Result<(), QueryError> {
        Ok(self.store().keep_versions(id, versions)?)
    }

    /// Removes a kept version of a layer; false if it is not kept. Who reads it goes on undisturbed.
    ///
    /// # Errors
    /// The store cannot be written.
    pub fn remove_version(&self, id: &CollectionId, version: u32) -> Result<bool, QueryError> {
        let is_gone = self.store().remove_version(id, version)?;
        self.shared.versions.0.lock().retain(|layer| (&layer.meta.id, layer.meta.version) != (id, version));
        Ok(is_gone)
    }

    /// The version of a layer that was current at a revision before that of the present one.
    pub(crate) fn version_at(&self, id: &CollectionId, as_of: Revision) -> Result<Arc<Layer>, QueryError> {
        let was_current = |version: &LayerVersion| version.meta.revision <= as_of && version.until.is_some_and(|until| as_of < until);
        let expired = || {
            let reason = format!("the version of the layer that was current at revision {as_of} is not kept");
            QueryError::Expired { parameter: "as-of", reason }
        };
        let version = self.versions(id)?.into_iter().find(was_current).ok_or_else(expired)?;
        self.shared.versions.get(version, |version| {
            let table = self.store().load_version(id, version.meta.version);
            // It may have been removed since it was listed.
            table.map_err(|error| if matches!(error, StoreError::NoVersion { .. }) { expired() } else { error.into() })
        })
    }
}

/// Kept versions in memory, those last asked for at the back.
#[derive(Default)]
pub(crate) struct ReadyVersions(Mutex<VecDeque<Arc<Layer>>>);

impl ReadyVersions {
    /// A version, read if it is not ready. One is read at a time; who asks for the same waits for it.
    fn get(
        &self,
        version: LayerVersion,
        read: impl FnOnce(&LayerVersion) -> Result<FeatureTable, QueryError>,
    ) -> Result<Arc<Layer>, QueryError> {
        let mut ready = self.0.lock();
        let is_it = |layer: &Arc<Layer>| layer.meta.id == version.meta.id && layer.meta.version == version.meta.version;
        let known = ready.iter().position(is_it).and_then(|at| ready.remove(at));
        let layer = match known {
            Some(layer) => layer,
            None => {
                let table = read(&version)?;
                Arc::new(Layer::new(version.meta, table))
            }
        };
        ready.push_back(layer.clone());
        if ready.len() > limits::VERSIONS_READY_MAX {
            ready.pop_front();
        }
        Ok(layer)
    }
}

/// What tells which items of two versions are the same one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SameBy {
    /// Their ids, which are those of one field in both.
    Id,
    /// All that is known of them, where ids are generated: a changed item is then one that was
    /// removed and one that was added.
    Content,
}

/// An item that differs between two versions, by its fid in the one and in the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Differs {
    /// It is only in the earlier one.
    Removed(u64),
    /// It is in both, with another shape or other values: its fid before and its fid after.
    Changed(u64, u64),
    /// It is only in the later one.
    Added(u64),
}

/// What differs between two versions of a layer.
#[derive(Debug)]
pub struct Difference {
    /// What tells which items are the same one.
    pub same_by: SameBy,
    /// The items that differ: those removed, those changed, those added, each in the order of fid.
    pub items: Vec<Differs>,
}

impl CollectionView {
    /// What differs between a layer's version and a later one. Shapes are the same if their stored
    /// bytes are. O(items) with their values; some 20 bytes of memory for each. `None` of what is no layer.
    #[must_use]
    pub fn difference(&self, later: &Self) -> Option<Difference> {
        let (Kind::Layer(before), Kind::Layer(after)) = (&self.kind, &later.kind) else { return None };
        let fields = Fields::new(&before.table, &after.table);
        let ids = [before, after].map(|layer| matches!(layer.table.ids(), RowIds::Field(_)).then_some(&layer.meta.id_field));
        let has_same_ids = ids[0].is_some() && ids[0] == ids[1];
        let (same_by, pairs) = if has_same_ids { (SameBy::Id, by_id(&fields)) } else { (SameBy::Content, by_content(&fields)) };
        let mut is_found = vec![false; after.table.len()];
        let mut items = Vec::new();
        let mut changed = Vec::new();
        for (row, pair) in (0..).zip(pairs) {
            match pair {
                None => items.push(Differs::Removed(before.table.fid(row))),
                Some(other) => {
                    is_found[other as usize] = true;
                    if same_by == SameBy::Id && !fields.same(row, other) {
                        changed.push(Differs::Changed(before.table.fid(row), after.table.fid(other)));
                    }
                }
            }
        }
        items.append(&mut changed);
        let added = (0..).zip(is_found).filter(|(_, is_found)| !is_found);
        items.extend(added.map(|(row, _)| Differs::Added(after.table.fid(row))));
        Some(Difference { same_by, items })
    }

    /// What differs between an item of a layer's version and one of a later version, by their fids:
    /// true if the shape does, and the names of the properties that do. Nothing of what is not there.
    #[must_use]
    pub fn changes_of(&self, fid: u64, later: &Self, later_fid: u64) -> (bool, Vec<String>) {
        let (Kind::Layer(before), Kind::Layer(after)) = (&self.kind, &later.kind) else { return (false, Vec::new()) };
        let (Some(row), Some(other)) = (before.table.row_of_fid(fid), after.table.row_of_fid(later_fid)) else {
            return (false, Vec::new());
        };
        let fields = Fields::new(&before.table, &after.table);
        let names = fields.pairs.iter().filter(|(name, ..)| !fields.same_value(name, row, other)).map(|(name, ..)| (*name).to_owned());
        (before.table.geometry(row) != after.table.geometry(other), names.collect())
    }
}

/// Two tables and where they have each property.
struct Fields<'t> {
    before: &'t FeatureTable,
    after: &'t FeatureTable,
    /// Name, position before, position after.
    pairs: Vec<(&'t str, Option<usize>, Option<usize>)>,
}

impl<'t> Fields<'t> {
    fn new(before: &'t FeatureTable, after: &'t FeatureTable) -> Self {
        let later = after.schema().fields.iter().enumerate().filter(|(_, field)| before.schema().position(&field.name).is_none());
        let earlier = before.schema().fields.iter().enumerate();
        let pairs = earlier
            .map(|(at, field)| (&*field.name, Some(at), after.schema().position(&field.name)))
            .chain(later.map(|(at, field)| (&*field.name, None, Some(at))))
            .collect();
        Self { before, after, pairs }
    }

    fn same(&self, row: u32, other: u32) -> bool {
        self.before.geometry(row) == self.after.geometry(other) && self.pairs.iter().all(|pair| self.same_at(*pair, row, other))
    }

    fn same_value(&self, name: &str, row: u32, other: u32) -> bool {
        self.pairs.iter().filter(|pair| pair.0 == name).all(|pair| self.same_at(*pair, row, other))
    }

    fn same_at(&self, (_, before, after): (&str, Option<usize>, Option<usize>), row: u32, other: u32) -> bool {
        let before = before.map_or(ValueRef::Null, |at| self.before.value(row, at));
        let after = after.map_or(ValueRef::Null, |at| self.after.value(other, at));
        let is_wider = matches!((before, after), (ValueRef::Integer(_), ValueRef::Number(_)) | (ValueRef::Number(_), ValueRef::Integer(_)));
        // A field may have become wider: 5 is 5.0.
        before == after || is_wider && before.as_f64() == after.as_f64()
    }

    /// A number that rows of the same content share.
    fn content(&self, table: &FeatureTable, row: u32, position: impl Fn(&(&str, Option<usize>, Option<usize>)) -> Option<usize>) -> u64 {
        let mut hash = FxHasher::default();
        table.geometry(row).hash(&mut hash);
        for pair in &self.pairs {
            match position(pair).map_or(ValueRef::Null, |at| table.value(row, at)) {
                ValueRef::Null => 0_u8.hash(&mut hash),
                ValueRef::Boolean(value) => value.hash(&mut hash),
                ValueRef::Text(text) | ValueRef::Json(text) => text.hash(&mut hash),
                // As numbers are compared: zero has no sign.
                number => number.as_f64().map(|n| (n + 0.0).to_bits()).hash(&mut hash),
            }
        }
        hash.finish()
    }
}

/// The later row of each earlier one, by its id.
fn by_id(fields: &Fields<'_>) -> Vec<Option<u32>> {
    rows(fields.before).map(|row| fields.after.row_of_id(&fields.before.id(row))).collect()
}

/// A later row of the same content for each earlier one; of several that are alike, each is taken once.
fn by_content(fields: &Fields<'_>) -> Vec<Option<u32>> {
    let mut later: FxHashMap<u64, Vec<u32>> = FxHashMap::default();
    for row in rows(fields.after).rev() {
        later.entry(fields.content(fields.after, row, |pair| pair.2)).or_default().push(row);
    }
    let pair = |row| {
        let alike = later.get_mut(&fields.content(fields.before, row, |pair| pair.1))?;
        let at = alike.iter().rposition(|other| fields.same(row, *other))?;
        Some(alike.remove(at))
    };
    rows(fields.before).map(pair).collect()
}

fn rows(table: &FeatureTable) -> std::ops::Range<u32> {
    0..u32::try_from(table.len()).unwrap_or(u32::MAX)
}
