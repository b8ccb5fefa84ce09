//! What is known of each building and area of a tile besides its geometry: its attributes, column by column, as the
//! vector tile has them. By it they are coloured without being built again.

use super::mvt::{Attribute, Feature, Layer};
use std::ops::Range;

/// Columns of a table, at most: attributes beyond them colour nothing.
const COLUMNS_MAX: usize = 64;

/// The highest place above a tile's floor that 20 bits have: 10,485 m.
const STANDS_CM_MAX: u32 = (1 << 20) - 1;

/// A value of an attribute.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A number, or a boolean as 0 or 1.
    Number(f64),
    /// Text.
    Text(Box<str>),
}

impl From<Attribute<'_>> for Value {
    fn from(attribute: Attribute<'_>) -> Self {
        match attribute {
            Attribute::Number(number) => Self::Number(number),
            Attribute::Text(text) => Self::Text(text.into()),
        }
    }
}

/// The buildings and areas of a tile in the order of their numbers.
#[derive(Debug, Default)]
pub struct BuildingTable {
    /// A number for each, that does not change from tile to tile.
    seeds: Vec<u8>,
    /// Where each stands: centimetres above the tile's floor.
    stands_cm: Vec<u32>,
    /// The collections that they come from.
    parts: Vec<(Box<str>, Range<usize>)>,
    /// By attribute, for each building: 0 if it has none, else the number of its value and 1.
    columns: Vec<(Box<str>, Vec<u32>)>,
    /// Every value once, as the vector tile has them.
    values: Vec<Value>,
}

/// A layer's part of the table while it is read.
pub struct Part {
    /// The column of each key of the layer.
    columns: Vec<Option<usize>>,
    values_from: usize,
    values: usize,
}

impl BuildingTable {
    /// Begins with a layer.
    pub fn begin(&mut self, layer: &Layer<'_>) -> Part {
        let values_from = self.values.len();
        self.values.extend(layer.values().iter().map(|value| Value::from(*value)));
        let mut columns = vec![None; layer.keys().map(|(_, number)| number + 1).max().unwrap_or(0)];
        for (name, number) in layer.keys() {
            columns[number] = self.column(name);
        }
        self.parts.push((layer.name.into(), self.len()..self.len()));
        Part { columns, values_from, values: layer.values().len() }
    }

    fn column(&mut self, name: &str) -> Option<usize> {
        let known = self.columns.iter().position(|(known, _)| **known == *name);
        if known.is_none() && self.columns.len() < COLUMNS_MAX {
            self.columns.push((name.into(), vec![0; self.seeds.len()]));
            return Some(self.columns.len() - 1);
        }
        known
    }

    /// Takes in a feature; returns its number.
    pub fn push(&mut self, part: &Part, feature: &Feature<'_, '_>) -> u32 {
        let row = self.len();
        // Fibonacci hashing: buildings that are numbered one after the other differ.
        self.seeds.push((feature.id.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 48) as u8);
        self.stands_cm.push(0);
        self.columns.iter_mut().for_each(|(_, cells)| cells.push(0));
        for (key, value) in feature.tags() {
            let column = part.columns.get(key).copied().flatten();
            if let (Some(column), true) = (column, value < part.values) {
                self.columns[column].1[row] = (part.values_from + value + 1) as u32;
            }
        }
        if let Some((_, rows)) = self.parts.last_mut() {
            rows.end = row + 1;
        }
        row as u32
    }

    /// Notes where a building stands, metres above the tile's floor.
    pub fn stand(&mut self, building: u32, height_m: f64) {
        if let Some(stands) = self.stands_cm.get_mut(building as usize) {
            *stands = (height_m * 100.0).round().clamp(0.0, f64::from(STANDS_CM_MAX)) as u32;
        }
    }

    /// The number of buildings.
    #[must_use]
    pub fn len(&self) -> usize {
        self.seeds.len()
    }

    /// The states of all buildings, as the shaders read them: bits 0 to 7 the seed of its tone, 8 to 11 its
    /// class (0: none), 12 to 31 where it stands, centimetres above the tile's floor. `class` is asked once for each value of the attribute, and with `None` for those without.
    #[must_use]
    pub fn states(&self, collection: &str, by: Option<&str>, class: impl Fn(Option<&Value>) -> u8) -> Vec<u32> {
        let mut states: Vec<u32> = self.seeds.iter().zip(&self.stands_cm).map(|(seed, cm)| u32::from(*seed) | cm << 12).collect();
        let without = u32::from(class(None)) << 8;
        let column = by.and_then(|by| self.columns.iter().find(|(name, _)| **name == *by));
        let classes: Vec<u32> = column.map_or_else(Vec::new, |_| self.values.iter().map(|v| u32::from(class(Some(v))) << 8).collect());
        for rows in self.parts.iter().filter(|(name, _)| **name == *collection).map(|(_, rows)| rows.clone()) {
            for row in rows {
                let value = column.map_or(0, |(_, cells)| cells[row] as usize);
                states[row] |= value.checked_sub(1).map_or(without, |value| classes[value]);
            }
        }
        states
    }
}
