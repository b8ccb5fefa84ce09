//! One tile as the GPU reads it: records of 16 bytes, six kinds, one buffer.
//!
//! The vertex shaders pull the records from a storage buffer and make the triangles, so that a
//! wall of a building costs 16 bytes and not four vertices. Positions are 16-bit, in units of
//! `unit_m` metres from the tile's origin on the city's plane.

use super::{BuildingTable, Relief};
use bevy::math::DVec2;
use std::sync::Arc;

/// A record: four words, laid out as its kind says.
pub type Record = [u32; 4];

/// The kinds of record, in the order of the buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DrawKind {
    /// A triangle of a solid, in two records ([`super::faces::add`]). First, so that the records of each are even.
    Face,
    /// A triangle on the ground: three corners; style, and from bit 8 on the number of its feature and 1, or 0.
    Fill,
    /// A line's segment: two ends, style, the ends' heights above the tile's floor in decimetres.
    Line,
    /// A line's segment along which something flows ([`super::flow`]).
    Flow,
    /// A wall: two ends (outside on the right), base and top in decimetres above where its building stands, the
    /// building's number.
    Wall,
    /// A roof's triangle: three corners, top in decimetres and its building's number; [`NO_NUMBER`] has its top
    /// above the tile's floor.
    Roof,
}

impl DrawKind {
    /// In the order of the buffer.
    pub const ALL: [Self; 6] = [Self::Face, Self::Fill, Self::Line, Self::Flow, Self::Wall, Self::Roof];

    /// True if a record is a quad, false if it is a triangle.
    #[must_use]
    pub fn is_quad(self) -> bool {
        matches!(self, Self::Line | Self::Flow | Self::Wall)
    }
}

/// What a roof has in the place of a number that 16 bits do not count.
pub const NO_NUMBER: u32 = 0xffff;

/// A tile's geometry, ready to be copied to the GPU.
#[derive(Debug, Default)]
pub struct TileGeometry {
    /// The tile's centre on the city's plane, metres.
    pub origin: DVec2,
    /// Metres per unit of a 16-bit coordinate.
    pub unit_m: f32,
    /// Every record, kind by kind.
    pub records: Vec<Record>,
    /// How many records each kind has.
    pub counts: [u32; 6],
    /// The ground; `None` where it is level, at 0 m.
    pub relief: Option<Arc<Relief>>,
    /// True if the whole ground is inside the city.
    pub is_land: bool,
    /// What is known of the buildings and areas, by their numbers in this tile.
    pub table: BuildingTable,
    /// The states of the buildings, as [`BuildingTable::states`] has them.
    pub states: Vec<u32>,
    /// Buildings that begin in this tile (none is counted in two tiles).
    pub buildings: u32,
    /// Those of them that are drawn as solids.
    pub solids: u32,
}

impl TileGeometry {
    /// The records of one kind, as a range of the buffer.
    #[must_use]
    pub fn range(&self, kind: DrawKind) -> std::ops::Range<u32> {
        let at = kind as usize;
        let start = self.counts[..at].iter().sum();
        start..start + self.counts[at]
    }

    /// What it takes on the GPU.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let relief = self.relief.as_ref().map_or(0, |relief| relief.bytes());
        self.records.len() * size_of::<Record>() + self.table.len() * size_of::<u32>() + relief
    }

    /// The records as bytes, for the GPU.
    #[must_use]
    pub fn as_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.bytes());
        for word in self.records.iter().flatten() {
            bytes.extend_from_slice(&word.to_le_bytes());
        }
        bytes
    }
}

/// Two 16-bit coordinates in a word.
#[must_use]
pub fn pack(p: [i16; 2]) -> u32 {
    u32::from(p[0] as u16) | u32::from(p[1] as u16) << 16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kinds_lie_one_after_the_other() {
        let tile = TileGeometry { counts: [4, 3, 5, 0, 7, 2], ..Default::default() };
        assert_eq!(DrawKind::ALL.map(|k| tile.range(k)), [0..4, 4..7, 7..12, 12..12, 12..19, 19..21]);
    }
}
