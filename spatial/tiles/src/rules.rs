//! What a tile shows at which zoom level, and what matters more.
//!
//! Two rules, and neither draws lots:
//! - A feature that is too small or too minor for the zoom level is left out ([`is_shown`],
//!   [`class_zoom_min`]). The rule looks at the feature alone, so that it is in all tiles of a zoom
//!   level or in none, and whatever is in one zoom level is in all deeper ones.
//! - A tile that would pass the byte limit leaves out what matters least ([`Importance`]) and says so.
//!
//! From [`DETAIL_ZOOM_MIN`] on every feature is shown with all its attributes.

/// From this zoom level on nothing is left out by rule, and every attribute is written.
pub const DETAIL_ZOOM_MIN: u8 = 14;

/// The attributes that a map needs, the only ones below [`DETAIL_ZOOM_MIN`].
pub const OVERVIEW_FIELDS: [&str; 12] =
    ["name", "height", "floors", "kind", "use", "class", "level", "status", "code", "fclass", "type", "generated"];

/// Below [`DETAIL_ZOOM_MIN`] a polygon needs this area in square units (a quarter of a pixel squared
/// at 512 pixels per tile); the higher a building is above [`HEIGHT_UNIT_M`], the less it needs.
const AREA_MIN: f64 = 4.0;

/// A building twice as high matters as much as one of twice the area.
const HEIGHT_UNIT_M: f64 = 10.0;

/// Of features that matter the same, chance decides, but always the same: a hash of the fid, so that
/// what is left out is spread evenly and no tile flickers.
fn tie(fid: u64) -> f32 {
    (fid.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40) as f32 / (1u64 << 24) as f32
}

/// What is known of a feature when its place in the order is decided.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Traits {
    pub(crate) fid: u64,
    /// Area of all exterior rings, before clipping, in square units.
    pub(crate) area: f64,
    /// Length of all lines, before clipping, in units.
    pub(crate) length: f64,
    /// The attribute `height`, in metres; 0 if unknown.
    pub(crate) height_m: f64,
    /// The attribute `level` of a live item: 1 (highest) to 4; 0 if unknown.
    pub(crate) level: u8,
    /// The rank of the attribute `fclass` by [`class_rank`]; 0 if unknown.
    pub(crate) rank: u8,
}

/// The order in which features are kept, the greatest first: by alarm level, then by road class, then
/// by area × max(1, height ÷ 10 m) or by length, then by a hash of the fid.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub(crate) struct Importance {
    class: u8,
    size: f32,
    tie: f32,
}

impl Importance {
    pub(crate) fn of(t: &Traits) -> Self {
        let level = if (1..=4).contains(&t.level) { 5 - t.level } else { 0 };
        let size = t.area * (t.height_m / HEIGHT_UNIT_M).max(1.0) + t.length;
        Self { class: level * 32 + t.rank, size: size as f32, tie: tie(t.fid) }
    }

    pub(crate) fn cmp(&self, o: &Self) -> std::cmp::Ordering {
        self.class.cmp(&o.class).then(self.size.total_cmp(&o.size)).then(self.tie.total_cmp(&o.tie))
    }
}

/// True if a polygon is large enough for the zoom level.
pub(crate) fn is_shown(z: u8, area: f64, height_m: f64) -> bool {
    z >= DETAIL_ZOOM_MIN || area * (height_m / HEIGHT_UNIT_M).max(1.0) >= AREA_MIN
}

/// How far a line may be moved when it is simplified, in units: a quarter of a pixel at 512 pixels
/// per tile.
pub(crate) const LINE_TOLERANCE: f64 = 2.0;

/// The rank of a road class in OpenStreetMap's words (`fclass` of Geofabrik's files, `highway` of
/// OpenStreetMap): 9 for a motorway, 1 for a path, 0 for anything else.
pub(crate) fn class_rank(class: &str) -> u8 {
    match class.strip_suffix("_link").unwrap_or(class) {
        "motorway" => 9,
        "trunk" => 8,
        "primary" => 7,
        "secondary" => 6,
        "tertiary" => 5,
        "residential" | "unclassified" | "living_street" | "pedestrian" => 4,
        "service" | "unknown" => 3,
        "track" | "track_grade1" | "track_grade2" | "track_grade3" | "track_grade4" | "track_grade5" | "busway" => 2,
        "footway" | "path" | "steps" | "cycleway" | "bridleway" => 1,
        _ => 0,
    }
}

/// The zoom level from which on a road of this rank is shown; rank 0 is always shown.
pub(crate) fn class_zoom_min(rank: u8) -> u8 {
    match rank {
        8 => 5,
        7 => 8,
        6 => 10,
        5 => 11,
        4 => 12,
        3 => 13,
        1 | 2 => DETAIL_ZOOM_MIN,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn importance(traits: Traits) -> Importance {
        Importance::of(&traits)
    }

    #[test]
    fn alarms_come_before_roads_and_towers_before_sheds() {
        let red = importance(Traits { level: 1, ..Traits::default() });
        let blue = importance(Traits { level: 4, ..Traits::default() });
        let motorway = importance(Traits { rank: class_rank("motorway_link"), ..Traits::default() });
        let street = importance(Traits { rank: class_rank("residential"), length: 1e6, ..Traits::default() });
        let tower = importance(Traits { area: 100.0, height_m: 300.0, ..Traits::default() });
        let hall = importance(Traits { area: 2000.0, height_m: 8.0, ..Traits::default() });
        let shed = importance(Traits { area: 100.0, ..Traits::default() });
        let order = [red, blue, motorway, street, tower, hall, shed];
        assert!(order.windows(2).all(|w| w[0].cmp(&w[1]).is_gt()), "{order:?}");
    }

    #[test]
    fn what_is_shown_stays_shown_deeper_down() {
        // A building keeps its height; its area in units grows fourfold with each zoom level.
        for (area, height) in [(0.001, 3.0), (0.3, 90.0), (2.0, 0.0), (1e4, 12.0)] {
            let shown: Vec<bool> = (0..=22u8).map(|z| is_shown(z, area * 4f64.powi(i32::from(z)), height)).collect();
            assert!(shown.windows(2).all(|w| w[0] <= w[1]));
        }
        assert!((0..9).all(|rank| class_zoom_min(rank) <= DETAIL_ZOOM_MIN));
    }
}
