//! The schema of a staged version, as it shows itself item by item.
//!
//! Fields appear and widen. Each field has a column whose name SQLite can hold: SQLite takes
//! `Name` and `name` for one, and `fid` and `geom` are taken.

use crate::NewFeature;
use citywall_model::{Field, FieldType, Schema, Value, limits};
use rustc_hash::{FxHashMap, FxHashSet};
use std::sync::Arc;

/// Integers above this are not exact as floats.
const EXACT_INTEGER_MAX: u64 = 1 << 53;

/// A field and its column.
#[derive(Clone, Debug)]
pub(super) struct Column {
    pub(super) name: Arc<str>,
    /// The column's name in the table.
    pub(super) column: String,
    /// `None` as long as every value was null.
    pub(super) kind: Option<FieldType>,
    /// The type of the column in the table; `None` as long as there is no column.
    pub(super) declared: Option<FieldType>,
    has_large_integers: bool,
    last_row: usize,
}

/// The fields seen so far.
#[derive(Debug, Default)]
pub(super) struct Columns {
    list: Vec<Column>,
    by_name: FxHashMap<Arc<str>, usize>,
    /// Column names in use, in lower case.
    taken: FxHashSet<String>,
    /// The field whose values are the ids: it must stay exact.
    id_field: Option<Arc<str>>,
    rows: usize,
}

impl Columns {
    pub(super) fn new(id_field: Option<&str>) -> Self {
        let taken = ["fid", "geom", "rowid", "oid", "_rowid_"].map(str::to_owned).into_iter().collect();
        Self { taken, id_field: id_field.map(Into::into), ..Self::default() }
    }

    pub(super) fn list(&self) -> &[Column] {
        &self.list
    }

    /// Notes that every column is in the table as it should be.
    pub(super) fn set_declared(&mut self) {
        self.list.iter_mut().for_each(|column| column.declared = column.kind);
    }

    /// Fields of which every value was null become text, so that they have a column too.
    pub(super) fn settle(&mut self) {
        for column in &mut self.list {
            column.kind.get_or_insert(FieldType::Text);
        }
    }

    pub(super) fn schema(&self) -> Schema {
        let field = |c: &Column| Field { name: Arc::clone(&c.name), kind: c.kind.unwrap_or(FieldType::Text) };
        Schema { fields: self.list.iter().map(field).collect() }
    }

    /// Finds the field of each value, which it appends to `slots`, and lets fields appear and
    /// widen; or says why the item cannot be taken, with nothing changed.
    pub(super) fn admit(&mut self, feature: &NewFeature, slots: &mut Vec<usize>) -> Result<(), String> {
        let (fields_before, slots_before) = (self.list.len(), slots.len());
        let admitted = self.find_slots(feature, slots);
        if admitted.is_err() {
            slots.truncate(slots_before);
            for column in self.list.drain(fields_before..) {
                self.by_name.remove(&column.name);
                self.taken.remove(&column.column.to_lowercase());
            }
            return admitted;
        }
        for ((_, value), slot) in feature.values.iter().zip(&slots[slots_before..]) {
            if let Some(kind) = value.kind() {
                self.list[*slot].widen(kind, value, self.id_field.as_deref());
            }
        }
        Ok(())
    }

    fn find_slots(&mut self, feature: &NewFeature, slots: &mut Vec<usize>) -> Result<(), String> {
        self.rows += 1;
        let mut next = 0;
        for (name, value) in &feature.values {
            check_value(name, value)?;
            // Values mostly come in the order of the fields.
            let slot = match self.list.get(next) {
                Some(column) if Arc::ptr_eq(&column.name, name) || column.name == *name => next,
                _ => match self.by_name.get(name) {
                    Some(slot) => *slot,
                    None => self.appear(name)?,
                },
            };
            if std::mem::replace(&mut self.list[slot].last_row, self.rows) == self.rows {
                return Err(format!("the field “{name}” is there twice"));
            }
            slots.push(slot);
            next = slot + 1;
        }
        Ok(())
    }

    fn appear(&mut self, name: &Arc<str>) -> Result<usize, String> {
        if self.list.len() >= limits::FIELDS_MAX {
            return Err(format!("with the field “{name}” the layer passes the limit FIELDS_MAX ({})", limits::FIELDS_MAX));
        }
        if name.len() > limits::FIELD_NAME_BYTES_MAX {
            let start: String = name.chars().take(40).collect();
            return Err(format!("the field name “{start}…” passes the limit FIELD_NAME_BYTES_MAX ({})", limits::FIELD_NAME_BYTES_MAX));
        }
        let column = self.free_column(name);
        self.taken.insert(column.to_lowercase());
        self.by_name.insert(Arc::clone(name), self.list.len());
        self.list.push(Column { name: Arc::clone(name), column, kind: None, declared: None, has_large_integers: false, last_row: 0 });
        Ok(self.list.len() - 1)
    }

    /// The field's own name if a column can have it, else the nearest that is free.
    fn free_column(&self, name: &str) -> String {
        let plain = name.replace('\0', "_");
        let plain = if plain.is_empty() { "field".to_owned() } else { plain };
        let numbered = (2..).map(|n: usize| format!("{plain}_{n}"));
        std::iter::once(plain.clone()).chain(numbered).find(|column| !self.taken.contains(&column.to_lowercase())).unwrap_or(plain)
    }
}

impl Column {
    fn widen(&mut self, kind: FieldType, value: &Value, id_field: Option<&str>) {
        if let Value::Integer(n) = value {
            self.has_large_integers |= n.unsigned_abs() > EXACT_INTEGER_MAX;
        }
        // Ids stay as they are spelled, and an integer that a float cannot hold becomes text.
        let inexact = self.has_large_integers || id_field == Some(&*self.name);
        self.kind = Some(match self.kind {
            None => kind,
            Some(known) if known == kind => return,
            Some(known) => match known.widen(kind) {
                FieldType::Number if inexact => FieldType::Text,
                wider => wider,
            },
        });
    }
}

fn check_value(name: &str, value: &Value) -> Result<(), String> {
    match value {
        Value::Text(text) | Value::Json(text) if text.len() > limits::VALUE_BYTES_MAX => {
            Err(format!("the value of “{name}” passes the limit VALUE_BYTES_MAX ({})", limits::VALUE_BYTES_MAX))
        }
        Value::Number(number) if !number.is_finite() => Err(format!("the value of “{name}” is not a finite number")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feature(values: &[(&str, Value)]) -> NewFeature {
        NewFeature { values: values.iter().map(|(name, value)| ((*name).into(), value.clone())).collect(), ..NewFeature::default() }
    }

    fn kinds_after(values: &[Value], id_field: Option<&str>) -> FieldType {
        let mut columns = Columns::new(id_field);
        for value in values {
            columns.admit(&feature(&[("x", value.clone())]), &mut Vec::new()).unwrap();
        }
        columns.schema().fields[0].kind
    }

    #[test]
    fn a_field_widens_until_it_holds_everything() {
        use FieldType::{Integer, Json, Number, Text};
        let large = Value::Integer(i64::MAX);
        assert_eq!(kinds_after(&[Value::Null], None), Text);
        assert_eq!(kinds_after(&[Value::Null, Value::Integer(1)], None), Integer);
        assert_eq!(kinds_after(&[Value::Integer(1), Value::Number(0.5)], None), Number);
        assert_eq!(kinds_after(&[Value::Integer(1), Value::Text("007".into())], None), Text);
        assert_eq!(kinds_after(&[Value::Json("[]".into()), Value::Null], None), Json);
        assert_eq!(kinds_after(&[large.clone(), Value::Number(0.5)], None), Text, "no digit is lost");
        assert_eq!(kinds_after(&[Value::Number(0.5), large], None), Text, "no digit is lost");
        assert_eq!(kinds_after(&[Value::Integer(1), Value::Number(0.5)], Some("x")), Text, "ids stay as they are spelled");
    }

    #[test]
    fn every_name_gets_a_column_of_its_own() {
        let mut columns = Columns::new(None);
        let names = ["fid", "FID", "geom", "Name", "name", "NAME", "", "a\"b", "街道", "fid_2", "x\0y", "x_y"];
        let values: Vec<_> = names.iter().map(|n| (*n, Value::Integer(1))).collect();
        columns.admit(&feature(&values), &mut Vec::new()).unwrap();
        let mut seen: Vec<String> = columns.list().iter().map(|c| c.column.to_lowercase()).collect();
        assert!(!seen.contains(&"fid".to_owned()) && !seen.contains(&"geom".to_owned()));
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), names.len());
        let schema = columns.schema();
        assert!(names.iter().all(|name| schema.position(name).is_some()), "the schema has the names as the source spells them");
    }

    #[test]
    fn a_refused_item_leaves_no_field_behind() {
        let mut columns = Columns::new(None);
        let mut slots = Vec::new();
        let twice = feature(&[("a", Value::Integer(1)), ("b", Value::Integer(1)), ("a", Value::Integer(1))]);
        assert!(columns.admit(&twice, &mut slots).unwrap_err().contains("twice"));
        assert!(columns.list().is_empty() && slots.is_empty());
        let long = "x".repeat(limits::FIELD_NAME_BYTES_MAX + 1);
        assert!(columns.admit(&feature(&[(&long, Value::Null)]), &mut slots).unwrap_err().contains("FIELD_NAME_BYTES_MAX"));
        let nan = feature(&[("a", Value::Number(f64::NAN))]);
        assert!(columns.admit(&nan, &mut slots).is_err());
    }
}
