//! What flows along lines: which of a layer's lines, which way, how fast, how much; and the records that a
//! tile has of them.
//!
//! A line's dashes are counted by their phase: a whole number where one begins. A line begins and ends with a whole
//! one, and so does every part of it where it leaves the tile: its dashes are a little shorter or longer for that.
//! So dashes go on from tile to tile, whatever the levels of the two are, and nothing of a neighbour must be known.

use super::{
    drape,
    geometry::Record,
    mvt::{Attribute, Feature, Layer},
    relief::{Relief, corner},
    style::{Role, StyleId},
};
use schemars::JsonSchema;
use serde::Deserialize;

/// The attributes that may have a line's class, the first that there is.
pub const CLASS_KEYS: [&str; 5] = ["fclass", "class", "highway", "kind", "level"];
/// A tile is drawn 450 to 900 pixels wide: so a dash and the gap after it take about 30 to 60.
const DASHES_PER_TILE: f64 = 16.0;
/// Steps of speed and density.
const STEPS: f64 = 7.0;
/// Steps of a phase, and of what a segment adds to it.
const PHASE_STEPS: f64 = 256.0;
const SPAN_STEPS: f64 = 32.0;
/// The most that a segment adds, in steps.
const SPAN_MAX: f64 = 1023.0;
/// Bits of a record's style: traffic both ways, and that it keeps to the left.
const BOTH_WAYS: u32 = 1 << 7;
const KEEPS_LEFT: u32 = 1 << 13;

/// Which way something flows along a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// As the line was drawn, from its first point to its last.
    #[default]
    Along,
    /// The other way.
    Against,
    /// Both ways at once, on two sides of the line.
    Both,
}

/// The side to which traffic keeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Keeps {
    /// The right one.
    #[default]
    Right,
    /// The left one.
    Left,
}

/// Something between 0 and 1: the same for every line, or from one of its attributes.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Share {
    /// The same for every line, 0 to 1.
    Always(f64),
    /// An attribute that is a number, as a share of what counts as full; a half where a line has none.
    Of {
        /// The attribute.
        by: String,
        /// What counts as 1.
        full: f64,
    },
}

impl Default for Share {
    fn default() -> Self {
        Self::Always(0.5)
    }
}

impl Share {
    fn fault(&self, key: &str) -> Option<String> {
        let (good, rule) = match self {
            Self::Always(share) => ((0.0..=1.0).contains(share), "must be 0 to 1"),
            Self::Of { full, .. } => (full.is_finite() && *full > 0.0, "needs a `full` above 0"),
        };
        (!good).then(|| format!("{key} {rule}"))
    }

    fn key(&self, layer: &Layer<'_>) -> Option<u32> {
        match self {
            Self::Always(_) => None,
            Self::Of { by, .. } => layer.key(by),
        }
    }

    fn step(&self, feature: &Feature<'_, '_>, key: Option<u32>) -> u32 {
        let share = match self {
            Self::Always(share) => *share,
            Self::Of { full, .. } => feature.attribute(key).and_then(|a| a.number()).map_or(0.5, |n| n / full),
        };
        (share.clamp(0.0, 1.0) * STEPS).round() as u32
    }
}

/// What flows along the lines of a layer: light that moves along them.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Flow {
    /// The layer; it is drawn even if no other part of the scene asks for it.
    pub collection: String,
    /// What the legend calls it; the layer's title and 流向 if absent.
    pub title: Option<String>,
    /// What the legend adds below.
    #[serde(default)]
    pub note: String,
    /// Only lines of these classes (`fclass`, `class`, `highway`, `kind` or `level`); empty means all.
    #[serde(default)]
    pub classes: Vec<String>,
    /// Which way.
    #[serde(default)]
    pub direction: Direction,
    /// With `both`: the attribute that tells one-way lines (true, 1 or yes: along; -1 or reverse: against).
    pub oneway: Option<String>,
    /// With `both`: the side to which traffic keeps.
    #[serde(default)]
    pub keeps: Keeps,
    /// How fast the light moves.
    #[serde(default)]
    pub speed: Share,
    /// How long its dashes are, beside the gaps between them.
    #[serde(default)]
    pub density: Share,
}

impl Flow {
    /// True if something flows both ways at once.
    #[must_use]
    pub fn is_both_ways(&self) -> bool {
        self.direction == Direction::Both
    }

    /// The style of its lines, of the first of its classes, for a layer of a geometry type.
    #[must_use]
    pub fn style(&self, geometry_type: &str) -> StyleId {
        let role = Role::of_collection(&self.collection, geometry_type).unwrap_or(Role::Outline);
        role.line(self.classes.first().map(|class| Attribute::Text(class)))
    }

    /// What is wrong with it, if something is.
    #[must_use]
    pub fn fault(&self) -> Option<String> {
        let is_idle = self.oneway.is_some() && self.direction != Direction::Both;
        let idle = || is_idle.then(|| "oneway needs direction = \"both\"".to_owned());
        self.speed.fault("speed").or_else(|| self.density.fault("density")).or_else(idle)
    }
}

/// A flow, and where a tile's layer has what it asks for.
pub(super) struct FlowReader<'f> {
    flow: &'f Flow,
    class: Option<u32>,
    oneway: Option<u32>,
    speed: Option<u32>,
    density: Option<u32>,
}

/// The way something flows along a line: the bits of its records, and whether from its last point to its first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Way {
    bits: u32,
    is_reversed: bool,
}

impl<'f> FlowReader<'f> {
    pub(super) fn new(flow: &'f Flow, layer: &Layer<'_>) -> Self {
        Self {
            flow,
            class: CLASS_KEYS.into_iter().find_map(|k| layer.key(k)),
            oneway: flow.oneway.as_deref().and_then(|k| layer.key(k)),
            speed: flow.speed.key(layer),
            density: flow.density.key(layer),
        }
    }

    /// The way along a line of a style; `None` if nothing flows along it.
    pub(super) fn way(&self, feature: &Feature<'_, '_>, style: StyleId) -> Option<Way> {
        let Flow { classes, direction, keeps, speed, density, .. } = self.flow;
        let is_class = |class: &String| match feature.attribute(self.class) {
            Some(Attribute::Text(text)) => text == class,
            Some(Attribute::Number(n)) => class.parse() == Ok(n),
            None => false,
        };
        if !classes.is_empty() && !classes.iter().any(is_class) {
            return None;
        }
        let direction = match (direction, feature.attribute(self.oneway)) {
            (Direction::Both, Some(Attribute::Number(1.0) | Attribute::Text("yes" | "true" | "1"))) => Direction::Along,
            (Direction::Both, Some(Attribute::Number(-1.0) | Attribute::Text("-1" | "reverse"))) => Direction::Against,
            (direction, _) => *direction,
        };
        let lanes = match (direction, keeps) {
            (Direction::Both, Keeps::Right) => BOTH_WAYS,
            (Direction::Both, Keeps::Left) => BOTH_WAYS | KEEPS_LEFT,
            _ => 0,
        };
        let bits = u32::from(style) | speed.step(feature, self.speed) << 4 | density.step(feature, self.density) << 10 | lanes;
        Some(Way { bits, is_reversed: direction == Direction::Against })
    }
}

/// The parts of lines along which something flows, each without a gap.
#[derive(Default)]
pub(super) struct Flowing(Vec<Vec<Record>>);

impl Flowing {
    /// Adds a line by its segments in the tile, as [`super::geometry::DrawKind::Line`] has them.
    pub(super) fn add(&mut self, segments: &[Record], way: Way) {
        for part in segments.chunk_by(|a, b| a[1] == b[0]) {
            let mut part: Vec<Record> = part.iter().map(|[p, q, ..]| [*p, *q, way.bits, 0]).collect();
            if way.is_reversed {
                part.reverse();
                part.iter_mut().for_each(|segment| segment.swap(0, 1));
            }
            self.0.push(part);
        }
    }

    /// The records: two ends, bits, the ends' heights. Bits 0 to 3 are the style, 4 to 6 the speed, 10 to 12 the
    /// density, 7 and 13 the lanes, 8 and 9 where it goes on, 14 to 21 the phase at the first end, and 22 to 31 how
    /// much more it is at the second.
    pub(super) fn records(self, relief: Option<&Relief>, tile_units: f64) -> Vec<Record> {
        let dash = tile_units / DASHES_PER_TILE;
        let mut records = Vec::new();
        for part in self.0 {
            let part = relief.map_or_else(|| part.clone(), |relief| drape::lines(&part, relief));
            let length = |record: &Record| {
                let (p, q) = (corner(record[0]), corner(record[1]));
                (q[0] - p[0]).hypot(q[1] - p[1])
            };
            let whole: f64 = part.iter().map(length).sum();
            let per_unit = if whole > 0.0 { (whole / dash).round() / whole } else { 0.0 };
            let mut along = 0.0;
            for record in part {
                let phase = |at: f64| (at * per_unit * PHASE_STEPS).round();
                let (from, to) = (phase(along), phase(along + length(&record)));
                along += length(&record);
                let span = ((to - from) / PHASE_STEPS * SPAN_STEPS).round().min(SPAN_MAX);
                let [p, q, bits, heights] = record;
                records.push([p, q, bits | (from.rem_euclid(PHASE_STEPS) as u32) << 14 | (span as u32) << 22, heights]);
            }
        }
        records
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tiles::geometry::pack;

    fn segments(points: &[[i16; 2]]) -> Vec<Record> {
        points.windows(2).map(|w| [pack(w[0]), pack(w[1]), 9, 0]).collect()
    }

    fn phases(records: &[Record]) -> Vec<(f64, f64)> {
        let phase = |r: &Record| (f64::from(r[2] >> 14 & 255) / PHASE_STEPS, f64::from(r[2] >> 22) / SPAN_STEPS);
        records.iter().map(phase).collect()
    }

    const WAY: Way = Way { bits: 9, is_reversed: false };

    #[test]
    fn dashes_go_on_along_a_line_and_begin_and_end_whole() {
        let mut flowing = Flowing::default();
        // 1,000 + 1,500 + 710 units: 3.21 dashes of 1,000 become three longer ones.
        flowing.add(&segments(&[[0, 0], [1000, 0], [1000, 1500], [290, 1500]]), WAY);
        let records = flowing.records(None, 16_000.0);
        let phases = phases(&records);
        assert_eq!(phases[0].0, 0.0);
        for pair in phases.windows(2) {
            assert!(((pair[0].0 + pair[0].1).fract() - pair[1].0).abs() < 1.0 / SPAN_STEPS, "{phases:?}");
        }
        let all: f64 = phases.iter().map(|p| p.1).sum();
        assert!((all - 3.0).abs() < 2.0 / SPAN_STEPS, "{all}");
    }

    #[test]
    fn a_line_that_leaves_the_tile_and_comes_back_is_two_parts() {
        let mut flowing = Flowing::default();
        let mut parts = segments(&[[0, 0], [3000, 0]]);
        parts.extend(segments(&[[3000, 500], [0, 500]]));
        flowing.add(&parts, WAY);
        assert_eq!(phases(&flowing.records(None, 16_000.0)), [(0.0, 3.0), (0.0, 3.0)]);
    }

    #[test]
    fn what_flows_against_a_line_flows_from_its_last_point_to_its_first() {
        let mut flowing = Flowing::default();
        flowing.add(&segments(&[[0, 0], [1000, 0], [3000, 0]]), Way { bits: 9, is_reversed: true });
        let records = flowing.records(None, 16_000.0);
        assert_eq!((records[0][0], records[1][1]), (pack([3000, 0]), pack([0, 0])));
        assert_eq!(phases(&records)[0], (0.0, 2.0));
    }

    #[test]
    fn a_part_much_shorter_than_a_dash_has_one_phase() {
        let mut flowing = Flowing::default();
        flowing.add(&segments(&[[0, 0], [300, 0]]), WAY);
        assert_eq!(phases(&flowing.records(None, 16_000.0)), [(0.0, 0.0)]);
    }

    #[test]
    fn a_flow_says_what_is_wrong_with_it() {
        let flow = |text: &str| toml::from_str::<Flow>(&format!("collection = \"roads\"\n{text}")).unwrap().fault();
        assert_eq!(flow(""), None);
        assert_eq!(flow("direction = \"both\"\noneway = \"oneway\"\ndensity = { by = \"lanes\", full = 8 }"), None);
        assert!(flow("speed = 3.0").unwrap().contains("speed must be 0 to 1"));
        assert!(flow("density = { by = \"lanes\", full = 0 }").unwrap().contains("`full` above 0"));
        assert!(flow("oneway = \"oneway\"").unwrap().contains("both"));
    }
}
