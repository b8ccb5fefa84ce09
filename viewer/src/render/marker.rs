//! A marker as the GPU has it, and the order in which markers are drawn.

/// Kinds of marker that are drawn, clustered and counted apart.
pub const BUCKETS: usize = 7;

/// Which markers are drawn together: the levels of incidents have the numbers 0 to 4.
pub mod bucket {
    /// Things that stay where they are: cameras, sensors, institutions.
    pub const THINGS: usize = 5;
    /// Vehicles and whatever else moves.
    pub const MOVING: usize = 6;
}

/// From the ground up: things, what moves, then incidents, the graver over the others.
pub const BUCKET_ORDER: [usize; BUCKETS] = [bucket::THINGS, bucket::MOVING, 0, 4, 3, 2, 1];

/// The shape of a thing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
#[repr(u32)]
pub enum Glyph {
    /// The shape of an incident's level.
    #[serde(skip)]
    Level = 0,
    /// A dot.
    #[default]
    Dot = 1,
    /// A camera: a dot, and where it looks.
    Camera = 2,
    /// A sensor: a dot in a ring.
    Sensor = 3,
    /// A component: a small square.
    Square = 4,
    /// An institution: a house.
    House = 5,
    /// A hospital: a cross.
    Cross = 6,
    /// A vehicle: an arrow in the direction of its way.
    Arrow = 7,
    /// A hexagon.
    Hexagon = 8,
    /// A drop.
    Drop = 9,
    /// Three bars on one foot.
    Bars = 10,
}

/// A marker as the GPU has it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Marker {
    /// Where it was: metres east and north of the city's home.
    pub from: [f32; 2],
    /// Where it is going, or is.
    pub to: [f32; 2],
    /// When it set out, seconds of the wall's clock.
    pub start_s: f32,
    /// How long it is on its way, seconds; 0 for what stands still.
    pub travel_s: f32,
    /// When it arrived on the wall, seconds of its clock; far in the past if it was there before.
    pub arrived_s: f32,
    /// Bits 0–2 the level, 3 chosen, 4–7 the glyph, 8–15 the heading in 256ths of a turn, 16 out of
    /// order.
    pub bits: u32,
}

impl Marker {
    /// Bytes of a marker on the GPU.
    pub const BYTES: usize = 32;
    /// The bit of a chosen marker.
    pub const CHOSEN: u32 = 1 << 3;
    /// The bit of a thing that does not work.
    pub const OUT_OF_ORDER: u32 = 1 << 16;

    /// A marker that stands still.
    #[must_use]
    pub fn still(place: [f32; 2], arrived_s: f32, bits: u32) -> Self {
        Self { from: place, to: place, arrived_s, bits, ..Self::default() }
    }

    /// The bits of a glyph and a heading in degrees clockwise from north.
    #[must_use]
    pub fn glyph_bits(glyph: Glyph, heading_deg: f64) -> u32 {
        let turn = (heading_deg.rem_euclid(360.0) / 360.0 * 256.0) as u32 & 255;
        (glyph as u32) << 4 | turn << 8
    }

    /// As the shader reads it.
    #[must_use]
    pub fn bytes(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        let floats = [self.from[0], self.from[1], self.to[0], self.to[1], self.start_s, self.travel_s, self.arrived_s].map(f32::to_bits);
        for (chunk, word) in bytes.chunks_exact_mut(4).zip(floats.into_iter().chain([self.bits])) {
            chunk.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_go_round_in_256_steps() {
        assert_eq!(Marker::glyph_bits(Glyph::Arrow, 90.0), 7 << 4 | 64 << 8);
        assert_eq!(Marker::glyph_bits(Glyph::Dot, -90.0) >> 8, 192);
        assert_eq!(Marker::glyph_bits(Glyph::Dot, 360.0) >> 8, 0);
    }
}
