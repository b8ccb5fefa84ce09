//! A line of sight between two spots.

use super::{Air, Block, Ground, Point, Spot};
use geo::{Contains, Coord, Distance, Geodesic, LinesIter};

/// What a look along a line finds.
#[derive(Clone, Debug, PartialEq)]
pub struct Sight {
    /// Metres between the spots on the ground, geodesic.
    pub distance_m: f64,
    /// The least height of the line above what is below it, in metres; below 0 it is blocked.
    pub clearance_m: f64,
    /// What reaches highest above the line, if anything does.
    pub obstacle: Option<Obstacle>,
}

/// What blocks a line of sight.
#[derive(Clone, Debug, PartialEq)]
pub struct Obstacle {
    /// Which of the blocks; `None` is the ground.
    pub block: Option<usize>,
    /// Where the line is deepest below its top.
    pub place: Point,
    /// Metres from the eye.
    pub away_m: f64,
    /// Its height there, in the city's datum.
    pub height_m: f64,
}

/// What is taken for numerical noise, in metres.
const NOISE_M: f64 = 1e-6;

/// Looks from an eye to a target, along the line that is straight in longitude and latitude, which
/// over the distances of a city is the geodesic to within metres. Blocks are exact; the ground is
/// looked at every `step_m` metres. O(vertices + distance / step).
#[must_use]
pub fn line_of_sight(eye: Spot, target: Spot, blocks: &[Block], ground: Ground<'_>, step_m: f64, air: Air) -> Sight {
    let distance_m = Geodesic.distance(eye.place, target.place);
    let line = Line { eye, target, distance_m, air };
    let mut least = (f64::INFINITY, None, 0.0, 0.0);
    let mut take = |clearance_m: f64, block: Option<usize>, t: f64, height_m: f64| {
        if clearance_m < least.0 {
            least = (clearance_m, block, t, height_m);
        }
    };
    let steps = (distance_m / step_m).ceil().clamp(1.0, 1e7) as u64;
    for step in 0..=steps {
        let t = step as f64 / steps as f64;
        let at = line.place(t);
        let height_m = ground(at.x(), at.y());
        take(line.above(t, height_m), None, t, height_m);
    }
    for (at, block) in blocks.iter().enumerate() {
        for (from, to) in line.within(block) {
            let t = line.lowest(from, to, block.top_m);
            take(line.above(t, block.top_m), Some(at), t, block.top_m);
        }
    }
    let (clearance_m, block, t, height_m) = least;
    let blocked = clearance_m < -NOISE_M;
    let obstacle = blocked.then(|| Obstacle { block, place: line.place(t), away_m: t * distance_m, height_m });
    Sight { distance_m, clearance_m, obstacle }
}

/// A line of sight; `t` is 0 at the eye and 1 at the target.
struct Line {
    eye: Spot,
    target: Spot,
    distance_m: f64,
    air: Air,
}

impl Line {
    fn place(&self, t: f64) -> Point {
        self.eye.place + (self.target.place - self.eye.place) * t
    }

    /// How far the line is above a height, in metres. The Earth's fall lowers both the target and
    /// what is below the line.
    fn above(&self, t: f64, height_m: f64) -> f64 {
        let end_m = self.target.height_m - self.air.drop_m(self.distance_m);
        let line_m = self.eye.height_m + (end_m - self.eye.height_m) * t;
        line_m - (height_m - self.air.drop_m(t * self.distance_m))
    }

    /// Where between two places the line is nearest to a level top: the curve is a parabola that opens upwards.
    fn lowest(&self, from: f64, to: f64, top_m: f64) -> f64 {
        let curve = self.air.drop_m(self.distance_m);
        let slope = self.above(1.0, top_m) - self.above(0.0, top_m) - curve;
        let turn = if curve > 0.0 {
            -slope / (2.0 * curve)
        } else if slope < 0.0 {
            to
        } else {
            from
        };
        turn.clamp(from, to)
    }

    /// The parts of the line that are within a block.
    fn within(&self, block: &Block) -> Vec<(f64, f64)> {
        let (a, b) = (self.eye.place.0, self.target.place.0);
        let along = b - a;
        let mut cuts = vec![0.0, 1.0];
        for edge in block.shape.lines_iter() {
            let side = edge.delta();
            let across = cross(along, side);
            if across != 0.0 {
                let (t, u) = (cross(edge.start - a, side) / across, cross(edge.start - a, along) / across);
                if (0.0..=1.0).contains(&t) && (0.0..=1.0).contains(&u) {
                    cuts.push(t);
                }
            }
        }
        cuts.sort_by(f64::total_cmp);
        let inside = |from: f64, to: f64| block.shape.contains(&self.place(f64::midpoint(from, to)));
        cuts.array_windows().map(|[from, to]| (*from, *to)).filter(|(from, to)| to > from && inside(*from, *to)).collect()
    }
}

fn cross(a: Coord, b: Coord) -> f64 {
    a.x * b.y - a.y * b.x
}
