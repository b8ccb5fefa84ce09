//! The plan of the generated city: where people live, which way its streets run, and the axes
//! (rivers, rings, radials, expressways) that everything else is cut along.
//!
//! Places of towns, rivers and lakes are roughly those of the real ones, so that the picture is
//! familiar; their shapes, names and widths are invented.

use crate::{
    atlas::{CENTRE, COAST_CORE, EXPRESSWAYS, LAKES, RIVERS, TOWNS},
    plane::{P, Rng, bump, direction, extent, fractal, noise, smooth},
};
use citywall_model::Bbox;

/// What an axis is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AxisKind {
    River,
    Canal,
    Expressway,
    Ring,
    Radial,
}

impl AxisKind {
    pub fn is_water(self) -> bool {
        matches!(self, Self::River | Self::Canal)
    }
}

/// A line through the whole city.
pub(crate) struct Axis {
    pub name: &'static str,
    pub kind: AxisKind,
    pub line: Vec<P>,
    /// Half the width of the water or carriageway at each point of the line, metres.
    pub half: Vec<f64>,
}

/// A lake, reservoir or pond.
pub(crate) struct Lake {
    pub name: &'static str,
    pub ring: Vec<P>,
    pub extent: Bbox,
}

struct Town {
    at: P,
    /// People per square kilometre in its middle.
    peak: f64,
    /// Where density has fallen to half, metres.
    radius: f64,
    /// Which way its streets run, in turns.
    turns: f64,
    /// How far its streets stray from a right angle, 0 to 1.
    organic: f64,
}

/// A quarter of towers.
pub(crate) struct Cbd {
    pub at: P,
    pub radius: f64,
    /// Height of its tallest building, metres.
    pub tallest: f64,
    pub names: &'static [&'static str],
}

/// The plan; see the module.
pub(crate) struct Plan {
    pub seed: u64,
    pub axes: Vec<Axis>,
    pub lakes: Vec<Lake>,
    pub cbds: Vec<Cbd>,
    towns: Vec<Town>,
}

impl Plan {
    pub fn new(seed: u64) -> Self {
        let at = |&(lon, lat): &(f64, f64)| P::from_degrees(lon, lat);
        let mut axes = Vec::new();
        for (name, kind, from, to, points) in RIVERS {
            let control: Vec<P> = points.iter().map(at).collect();
            axes.push(Axis::new(name, kind, meander(smooth(&control, 70.0, false), from, seed), from, to));
        }
        axes.extend(rings(seed));
        axes.extend(radials());
        for (name, points) in EXPRESSWAYS {
            let control: Vec<P> = points.iter().map(at).collect();
            axes.push(Axis::new(name, AxisKind::Expressway, smooth(&control, 220.0, false), 16.0, 16.0));
        }
        let lakes = LAKES
            .iter()
            .enumerate()
            .map(|(i, &(name, lon, lat, a, b, turns))| lake(name, P::from_degrees(lon, lat), a, b, turns, seed ^ i as u64));
        let towns = TOWNS.iter().map(|&(lon, lat, peak, radius, turns, organic)| Town {
            at: P::from_degrees(lon, lat),
            peak,
            radius,
            turns,
            organic,
        });
        Self { seed, axes, lakes: lakes.collect(), cbds: cbds(), towns: towns.collect() }
    }

    /// People per square kilometre.
    pub fn density(&self, p: P) -> f64 {
        let hills = bump((p.y - 118_000.0).min(0.0).abs(), 9_000.0, 4);
        let country = (420.0 + 380.0 * noise(p, 9_000.0, self.seed ^ 0x11)) * (1.0 - 0.85 * hills);
        // The same as `bump` with power 4, of which there are many.
        let town = |t: &Town| {
            let d = t.at.to(p);
            let q = d.dot(d) / (t.radius * t.radius);
            if q < 64.0 { t.peak / (1.0 + q * q) } else { 0.0 }
        };
        let towns: f64 = self.towns.iter().map(town).sum();
        let salt =
            bump(p.distance(P::from_degrees(117.60, 38.70)), 12_000.0, 4).max(bump(p.distance(P::from_degrees(117.85, 39.1)), 14_000.0, 4));
        country * (1.0 - 0.8 * salt) + towns * (0.75 + 0.5 * noise(p, 1_300.0, self.seed ^ 0x12))
    }

    /// The order in which places fill up: the two cores and the hearts of the towns first.
    pub fn rank(&self, p: P) -> f64 {
        let reach = |i: usize| match i {
            0 => 6_600.0,
            5 => 2_500.0,
            _ => 700.0,
        };
        self.towns.iter().enumerate().map(|(i, t)| p.distance(t.at) / reach(i)).fold(f64::INFINITY, f64::min)
    }

    /// Which way the streets run here, and how far they stray from it (0 to 1).
    pub fn grain(&self, p: P) -> (P, f64) {
        let pull = |t: &Town| p.distance(t.at) / t.radius;
        let nearest = self.towns.iter().min_by(|a, b| pull(a).total_cmp(&pull(b)));
        // In the old centre every quarter (the concessions, say) has a direction of its own.
        nearest.map_or((P::new(1.0, 0.0), 0.3), |t| {
            let d = p.distance(t.at) / t.radius;
            let old = t.organic * bump(d, 0.55, 4);
            let quarter =
                (noise(P::new((p.x / 1_700.0).floor() * 1_700.0, (p.y / 1_500.0).floor() * 1_500.0), 800.0, self.seed ^ 0x13) - 0.5) * 0.16;
            (
                direction(t.turns + quarter * t.organic * bump(d, 0.8, 4)),
                (0.08 + 0.9 * old + 0.35 * bump(1.0 / d.max(0.01), 0.33, 4)).min(1.0),
            )
        })
    }

    /// How industrial a place is, 0 to 1: patches around the towns, and the ports.
    pub fn industry(&self, p: P) -> f64 {
        let port = bump(p.distance(P::from_degrees(117.76, 38.93)), 9_000.0, 6)
            .max(bump(p.distance(P::from_degrees(117.72, 39.07)), 3_200.0, 6))
            .max(bump(p.distance(P::from_degrees(117.60, 38.70)), 9_000.0, 6));
        let d = p.distance(P::from_degrees(CENTRE.0, CENTRE.1));
        let belt = bump((d - 13_500.0).abs(), 4_500.0, 4) * noise(p, 3_500.0, self.seed ^ 0x14);
        let patches = fractal(p, 6_000.0, self.seed ^ 0x15);
        port.max(belt * 1.1).max((patches - 0.55) * 3.0 * bump(d, 60_000.0, 4) * bump(8_000.0 / d.max(1.0), 1.0, 6)).clamp(0.0, 1.0)
    }

    /// The lake that holds a point, if one does.
    pub fn lake_at(&self, p: P) -> Option<&Lake> {
        self.lakes.iter().find(|l| l.extent.contains(&Bbox::EMPTY.with(p.x, p.y)) && crate::plane::inside(&l.ring, p))
    }
}

impl Axis {
    fn new(name: &'static str, kind: AxisKind, line: Vec<P>, from: f64, to: f64) -> Self {
        let last = line.len().max(2) - 1;
        #[expect(clippy::cast_precision_loss, reason = "a few thousand points")]
        let half = (0..line.len()).map(|i| from + (to - from) * i as f64 / last as f64).collect();
        Self { name, kind, line, half }
    }
}

/// Sways a line sideways, ends fixed.
fn meander(line: Vec<P>, half: f64, seed: u64) -> Vec<P> {
    // A wide river bends wide.
    let (sway, size) = (60.0 + half, 700.0 + 22.0 * half);
    let last = line.len() - 1;
    (0..line.len())
        .map(|i| {
            if i == 0 || i == last {
                return line[i];
            }
            let side = line[i - 1].to(line[i + 1]).unit().left();
            let ends = line[i].distance(line[0]).min(line[i].distance(line[last]));
            line[i] + side * ((noise(line[i], size, seed ^ 0x21) - 0.5) * sway * (ends / (8.0 * sway)).min(1.0))
        })
        .collect()
}

fn rings(seed: u64) -> Vec<Axis> {
    let ring = |name, kind, (lon, lat): (f64, f64), radius: f64, half| {
        let centre = P::from_degrees(lon, lat);
        let mut rng = Rng::new(seed, name, 0);
        let control: Vec<P> = (0..16)
            .map(|i| {
                let d = direction(f64::from(i) / 16.0 + 0.02);
                // Between a circle and a square, as ring roads are.
                let square = 1.0 / d.x.abs().max(d.y.abs());
                centre + d * (radius * (0.78 + 0.22 * square) * (1.0 + 0.05 * rng.bell()))
            })
            .collect();
        Axis::new(name, kind, smooth(&control, 120.0, true), half, half)
    };
    vec![
        ring("一环路", AxisKind::Ring, CENTRE, 2_350.0, 17.0),
        ring("二环路", AxisKind::Ring, CENTRE, 5_100.0, 20.0),
        ring("三环快速路", AxisKind::Expressway, CENTRE, 10_400.0, 20.0),
        ring("滨澜环路", AxisKind::Ring, COAST_CORE, 3_300.0, 19.0),
    ]
}

fn radials() -> Vec<Axis> {
    const TARGETS: [(&str, (f64, f64)); 9] = [
        ("望武大道", (117.045, 39.385)),
        ("望宝大道", (117.310, 39.715)),
        ("望宁大道", (117.820, 39.330)),
        ("望海大道", (117.700, 39.060)),
        ("津水大道", (117.360, 38.985)),
        ("望静大道", (116.925, 38.945)),
        ("杨柳大道", (117.010, 39.140)),
        ("北斗大道", (117.130, 39.250)),
        ("东曦大道", (117.480, 39.120)),
    ];
    let centre = P::from_degrees(CENTRE.0, CENTRE.1);
    TARGETS
        .iter()
        .map(|&(name, (lon, lat))| {
            let end = P::from_degrees(lon, lat);
            let way = centre.to(end);
            let side = way.unit().left();
            let start = centre + way.unit() * 2_250.0;
            let bend = (noise(end, 500.0, 77) - 0.5) * 0.14 * way.length();
            let control = [start, start.lerp(end, 0.33) + side * bend, start.lerp(end, 0.68) - side * (bend * 0.4), end];
            Axis::new(name, AxisKind::Radial, smooth(&control, 200.0, false), 15.0, 13.0)
        })
        .collect()
}

fn lake(name: &'static str, centre: P, a: f64, b: f64, turns: f64, seed: u64) -> Lake {
    let control: Vec<P> = (0..20)
        .map(|i| {
            let d = direction(f64::from(i) / 20.0);
            let wobble = 0.72 + 0.56 * noise(centre + d * 3_000.0, 1_500.0, seed);
            centre + P::new(d.x * a * wobble, d.y * b * wobble).turn(direction(turns))
        })
        .collect();
    let mut ring = smooth(&control, (a / 12.0).max(30.0), true);
    ring.pop();
    let extent = extent(&ring);
    Lake { name, ring, extent }
}

fn cbds() -> Vec<Cbd> {
    let cbd = |lon, lat, radius, tallest, names| Cbd { at: P::from_degrees(lon, lat), radius, tallest, names };
    vec![
        cbd(117.1995, 39.1185, 950.0, 336.0, &["云津大厦", "镜河中心", "海棠广场", "银杏金融中心"]),
        cbd(117.2230, 39.0885, 800.0, 298.0, &["友和中心", "星汉大厦"]),
        cbd(117.6830, 39.0130, 1_100.0, 488.0, &["潮云之塔", "望海中心", "鸥鸣国际大厦"]),
        cbd(117.7150, 39.0420, 650.0, 240.0, &["晨帆大厦"]),
        cbd(117.1650, 39.0760, 450.0, 225.0, &["翠湖中心"]),
    ]
}
