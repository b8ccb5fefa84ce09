//! A layer's items in memory: immutable, column by column.
//!
//! Geometry stays the WKB of the file; text columns are dictionaries, since most text of a city
//! (kinds, streets, materials) repeats. A million buildings with six attributes take some
//! 200 bytes each.

use crate::{FieldType, Schema, ValueRef};
use rustc_hash::FxHashMap;
use std::borrow::Cow;

/// Byte strings one after the other.
#[derive(Debug, Default)]
struct Arena {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Arena {
    fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        self.ends.push(self.bytes.len());
    }

    #[inline]
    fn get(&self, at: usize) -> &[u8] {
        let start = if at == 0 { 0 } else { self.ends[at - 1] };
        &self.bytes[start..self.ends[at]]
    }

    #[inline]
    fn text(&self, at: usize) -> &str {
        // Only text is ever pushed into an arena that is read as text.
        std::str::from_utf8(self.get(at)).unwrap_or_default()
    }

    fn shrink(&mut self) {
        self.bytes.shrink_to_fit();
        self.ends.shrink_to_fit();
    }
}

/// Text values by number, each kept once.
#[derive(Debug, Default)]
struct Dictionary {
    texts: Arena,
    codes: Vec<u32>,
    seen: FxHashMap<Box<str>, u32>,
}

/// The code of a null text.
const NULL_CODE: u32 = u32::MAX;

impl Dictionary {
    fn push(&mut self, text: Option<&str>) {
        let code = match text {
            None => NULL_CODE,
            Some(text) => match self.seen.get(text) {
                Some(code) => *code,
                None => {
                    let code = u32::try_from(self.texts.ends.len()).unwrap_or(NULL_CODE);
                    self.texts.push(text.as_bytes());
                    self.seen.insert(text.into(), code);
                    code
                }
            },
        };
        self.codes.push(code);
    }
}

#[derive(Debug)]
enum Column {
    Boolean(Vec<Option<bool>>),
    Integer(Vec<i64>, Nulls),
    Number(Vec<f64>),
    Text(Dictionary),
    Json(Dictionary),
}

/// A bit per row, set where the value is null.
#[derive(Debug, Default)]
struct Nulls(Vec<u64>);

impl Nulls {
    fn push(&mut self, row: usize, null: bool) {
        if row.is_multiple_of(64) {
            self.0.push(0);
        }
        self.0[row / 64] |= u64::from(null) << (row % 64);
    }

    #[inline]
    fn get(&self, row: usize) -> bool {
        self.0[row / 64] >> (row % 64) & 1 == 1
    }
}

impl Column {
    fn new(kind: FieldType) -> Self {
        match kind {
            FieldType::Boolean => Self::Boolean(Vec::new()),
            FieldType::Integer => Self::Integer(Vec::new(), Nulls::default()),
            FieldType::Number => Self::Number(Vec::new()),
            FieldType::Text => Self::Text(Dictionary::default()),
            FieldType::Json => Self::Json(Dictionary::default()),
        }
    }

    /// A value of another type than the column's is kept as null: the store coerces before.
    fn push(&mut self, value: ValueRef<'_>) {
        match self {
            Self::Boolean(rows) => rows.push(if let ValueRef::Boolean(b) = value { Some(b) } else { None }),
            Self::Integer(rows, nulls) => {
                let value = if let ValueRef::Integer(i) = value { Some(i) } else { None };
                nulls.push(rows.len(), value.is_none());
                rows.push(value.unwrap_or_default());
            }
            // NaN, which no value can be, stands for null.
            Self::Number(rows) => rows.push(value.as_f64().unwrap_or(f64::NAN)),
            Self::Text(texts) | Self::Json(texts) => texts.push(match value {
                ValueRef::Text(t) | ValueRef::Json(t) => Some(t),
                _ => None,
            }),
        }
    }

    #[inline]
    fn get(&self, row: usize) -> ValueRef<'_> {
        match self {
            Self::Boolean(rows) => rows[row].map_or(ValueRef::Null, ValueRef::Boolean),
            Self::Integer(rows, nulls) => {
                if nulls.get(row) {
                    ValueRef::Null
                } else {
                    ValueRef::Integer(rows[row])
                }
            }
            Self::Number(rows) => {
                if rows[row].is_nan() {
                    ValueRef::Null
                } else {
                    ValueRef::Number(rows[row])
                }
            }
            Self::Text(t) if t.codes[row] != NULL_CODE => ValueRef::Text(t.texts.text(t.codes[row] as usize)),
            Self::Json(t) if t.codes[row] != NULL_CODE => ValueRef::Json(t.texts.text(t.codes[row] as usize)),
            Self::Text(_) | Self::Json(_) => ValueRef::Null,
        }
    }

    #[inline]
    fn token(&self, row: usize) -> Option<u64> {
        match self {
            Self::Boolean(rows) => rows[row].map(u64::from),
            Self::Integer(rows, nulls) => (!nulls.get(row)).then(|| rows[row].cast_unsigned()),
            Self::Number(rows) => (!rows[row].is_nan()).then(|| rows[row].to_bits()),
            Self::Text(t) | Self::Json(t) => (t.codes[row] != NULL_CODE).then(|| u64::from(t.codes[row])),
        }
    }

    fn finish(&mut self) {
        match self {
            Self::Boolean(rows) => rows.shrink_to_fit(),
            Self::Integer(rows, nulls) => {
                rows.shrink_to_fit();
                nulls.0.shrink_to_fit();
            }
            Self::Number(rows) => rows.shrink_to_fit(),
            Self::Text(t) | Self::Json(t) => {
                t.codes.shrink_to_fit();
                t.texts.shrink();
                t.seen = FxHashMap::default();
            }
        }
    }
}

/// Where a layer's item ids come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowIds {
    /// The id is the generated fid.
    Generated,
    /// The id is the value of the field at this position.
    Field(usize),
}

/// The fids of all rows, ascending.
#[derive(Debug)]
enum Fids {
    /// Each is one more than the one before: the first one, and how many.
    Run(u64, usize),
    Listed(Vec<u64>),
}

impl Fids {
    fn push(&mut self, fid: u64) {
        match self {
            Self::Run(_, 0) => *self = Self::Run(fid, 1),
            Self::Run(first, count) if fid == *first + *count as u64 => *count += 1,
            Self::Run(first, count) => {
                *self = Self::Listed((0..*count as u64).map(|at| *first + at).chain([fid]).collect());
            }
            Self::Listed(fids) => fids.push(fid),
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Run(_, count) => *count,
            Self::Listed(fids) => fids.len(),
        }
    }

    #[inline]
    fn get(&self, row: usize) -> u64 {
        match self {
            Self::Run(first, count) => {
                assert!(row < *count, "no row {row} of {count}");
                first + row as u64
            }
            Self::Listed(fids) => fids[row],
        }
    }

    fn row_of(&self, fid: u64) -> Option<usize> {
        match self {
            Self::Run(first, count) => usize::try_from(fid.checked_sub(*first)?).ok().filter(|row| row < count),
            Self::Listed(fids) => fids.binary_search(&fid).ok(),
        }
    }
}

/// A layer's items. Rows are in ascending order of fid.
#[derive(Debug)]
pub struct FeatureTable {
    schema: Schema,
    ids: RowIds,
    fids: Fids,
    geometry: Arena,
    columns: Vec<Column>,
    /// Row by row, a bit per field that is not null.
    present: Vec<u64>,
    row_by_id: FxHashMap<Box<str>, u32>,
}

impl FeatureTable {
    /// The attributes.
    #[must_use]
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// Where the ids come from.
    #[must_use]
    pub fn ids(&self) -> RowIds {
        self.ids
    }

    /// The number of items.
    #[must_use]
    pub fn len(&self) -> usize {
        self.fids.len()
    }

    /// True if there are no items.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number that stands for the row's id in tiles. Panics if there is no such row.
    #[must_use]
    #[inline]
    pub fn fid(&self, row: u32) -> u64 {
        self.fids.get(row as usize)
    }

    /// The row's id. Panics if there is no such row.
    #[must_use]
    pub fn id(&self, row: u32) -> Cow<'_, str> {
        match self.ids {
            RowIds::Generated => Cow::Owned(self.fid(row).to_string()),
            RowIds::Field(at) => match self.value(row, at) {
                ValueRef::Text(text) => Cow::Borrowed(text),
                ValueRef::Integer(i) => Cow::Owned(i.to_string()),
                other => Cow::Owned(other.as_f64().map_or_else(String::new, |n| n.to_string())),
            },
        }
    }

    /// The row's geometry as WKB; `None` if it has none. Panics if there is no such row.
    #[must_use]
    #[inline]
    pub fn geometry(&self, row: u32) -> Option<&[u8]> {
        Some(self.geometry.get(row as usize)).filter(|wkb| !wkb.is_empty())
    }

    /// The bytes that all geometries take.
    #[must_use]
    pub fn geometry_bytes(&self) -> usize {
        self.geometry.bytes.len()
    }

    /// A value by row and field position. Panics if there is no such row or field.
    #[must_use]
    #[inline]
    pub fn value(&self, row: u32, field: usize) -> ValueRef<'_> {
        self.columns[field].get(row as usize)
    }

    /// A number that stands for a value within its field: two rows have the same one if and only if
    /// they have the same value. Those of texts count them from 0. `None` for null. Cheaper than the value itself, since no text is
    /// looked up. Panics if there is no such row or field.
    #[must_use]
    #[inline]
    pub fn token(&self, row: u32, field: usize) -> Option<u64> {
        self.columns[field].token(row as usize)
    }

    /// Which fields of a row are not null: bit `f % 64` of word `f / 64` for field `f`. Panics if
    /// there is no such row.
    #[must_use]
    #[inline]
    pub fn present(&self, row: u32) -> &[u64] {
        let words = self.columns.len().div_ceil(64);
        &self.present[row as usize * words..][..words]
    }

    /// The row with this fid. O(log rows), O(1) where each fid is one more than the one before.
    #[must_use]
    pub fn row_of_fid(&self, fid: u64) -> Option<u32> {
        self.fids.row_of(fid).and_then(|row| u32::try_from(row).ok())
    }

    /// The bits of [`FeatureTable::present`].
    fn nulls(&self) -> Vec<u64> {
        let words = self.columns.len().div_ceil(64);
        let mut present = vec![0; self.len() * words];
        for (field, column) in self.columns.iter().enumerate() {
            for row in (0..self.len()).filter(|row| column.token(*row).is_some()) {
                present[row * words + field / 64] |= 1 << (field % 64);
            }
        }
        present
    }

    /// The row with this id. O(1) for ids of a field, O(log rows) for generated ones.
    #[must_use]
    pub fn row_of_id(&self, id: &str) -> Option<u32> {
        match self.ids {
            RowIds::Generated => self.row_of_fid(id.parse().ok()?).filter(|row| self.id(*row) == id),
            RowIds::Field(_) => self.row_by_id.get(id).copied(),
        }
    }
}

/// Builds a [`FeatureTable`] row by row.
#[derive(Debug)]
pub struct FeatureTableBuilder {
    table: FeatureTable,
}

impl FeatureTableBuilder {
    /// An empty table with the given attributes.
    #[must_use]
    pub fn new(schema: Schema, ids: RowIds) -> Self {
        let columns = schema.fields.iter().map(|f| Column::new(f.kind)).collect();
        let present = Vec::new();
        Self {
            table: FeatureTable {
                schema,
                ids,
                fids: Fids::Run(0, 0),
                geometry: Arena::default(),
                columns,
                present,
                row_by_id: FxHashMap::default(),
            },
        }
    }

    /// Adds a row. Fids come in ascending order; values in the schema's order, missing ones null.
    pub fn push<'v>(&mut self, fid: u64, wkb: Option<&[u8]>, values: impl IntoIterator<Item = ValueRef<'v>>) {
        debug_assert!(self.table.is_empty() || self.table.fids.get(self.table.len() - 1) < fid, "fids ascend");
        self.table.fids.push(fid);
        self.table.geometry.push(wkb.unwrap_or_default());
        let mut values = values.into_iter();
        for column in &mut self.table.columns {
            column.push(values.next().unwrap_or(ValueRef::Null));
        }
    }

    /// The finished table.
    #[must_use]
    pub fn finish(mut self) -> FeatureTable {
        if let Fids::Listed(fids) = &mut self.table.fids {
            fids.shrink_to_fit();
        }
        self.table.geometry.shrink();
        self.table.columns.iter_mut().for_each(Column::finish);
        self.table.present = self.table.nulls();
        if matches!(self.table.ids, RowIds::Field(_)) {
            let rows = u32::try_from(self.table.len()).unwrap_or(u32::MAX);
            self.table.row_by_id = (0..rows).map(|row| (self.table.id(row).into(), row)).collect();
        }
        self.table
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Value;

    #[test]
    fn rows_come_back_as_they_were_pushed() {
        let schema = Schema::new([
            ("name", FieldType::Text),
            ("floors", FieldType::Integer),
            ("height", FieldType::Number),
            ("open", FieldType::Boolean),
        ]);
        let rows: Vec<[Value; 4]> = (0..200)
            .map(|i| {
                if i % 7 == 3 {
                    [Value::Null, Value::Null, Value::Null, Value::Null]
                } else {
                    [
                        Value::Text(format!("b{}", i % 5)),
                        Value::Integer(i),
                        Value::Number(f64::from(u8::try_from(i).unwrap()) / 3.0),
                        Value::Boolean(i % 2 == 0),
                    ]
                }
            })
            .collect();
        let mut builder = FeatureTableBuilder::new(schema, RowIds::Generated);
        for (i, row) in rows.iter().enumerate() {
            builder.push(i as u64 * 3 + 1, (i % 2 == 0).then_some(&[1, 2, 3][..]), row.iter().map(Value::as_ref));
        }
        let table = builder.finish();
        for (i, row) in rows.iter().enumerate() {
            let at = table.row_of_id(&(i * 3 + 1).to_string()).expect("the row");
            assert_eq!(at as usize, i);
            for (f, value) in row.iter().enumerate() {
                assert_eq!(table.value(at, f), value.as_ref());
                assert_eq!(table.present(at)[0] >> f & 1 == 1, *value != Value::Null);
                for (j, other) in rows.iter().enumerate().take(50) {
                    let j = u32::try_from(j).unwrap();
                    assert_eq!(table.token(at, f) == table.token(j, f), *value == other[f], "tokens tell values apart");
                }
            }
            assert_eq!(table.geometry(at).is_some(), i % 2 == 0);
        }
        assert_eq!((table.row_of_fid(0), table.row_of_fid(599)), (None, None));
        assert_eq!(table.row_of_id("01"), None, "an id has one spelling");
        assert_eq!(table.row_of_id("2"), None);
    }

    #[test]
    fn fids_are_found_whether_they_follow_each_other_or_not() {
        for gap in [None, Some(0), Some(1), Some(7)] {
            let fids: Vec<u64> = (0..20).map(|at| 5 + at + u64::from(gap.is_some_and(|gap| at > gap))).collect();
            let mut builder = FeatureTableBuilder::new(Schema::new::<&str>([]), RowIds::Generated);
            fids.iter().for_each(|fid| builder.push(*fid, None, []));
            let table = builder.finish();
            assert_eq!((0..20).map(|row| table.fid(row)).collect::<Vec<_>>(), fids);
            for fid in 0..40 {
                assert_eq!(table.row_of_fid(fid).map(|row| row as usize), fids.iter().position(|own| *own == fid));
            }
        }
    }

    #[test]
    fn an_id_field_gives_the_ids() {
        let mut builder = FeatureTableBuilder::new(Schema::new([("code", FieldType::Text)]), RowIds::Field(0));
        builder.push(1, None, [ValueRef::Text("120101")]);
        builder.push(2, None, [ValueRef::Text("120102")]);
        let table = builder.finish();
        assert_eq!(table.row_of_id("120102"), Some(1));
        assert_eq!(table.id(0), "120101");
    }
}
