//! The plan of the generated city: where people live, which way its streets run, and the axes
//! (rivers, rings, radials, expressways) that everything else is cut along.
//!
//! Places of towns, rivers and lakes are roughly those of the real ones, so that the picture is
//! familiar; their shapes, names and widths are invented.

use crate::plane::{P, Rng, bump, direction, extent, fractal, noise, smooth, to_segment};
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
    pub extent: Bbox,
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

/// The centre of the city, where the home view opens: longitude, latitude.
pub(crate) const CENTRE: (f64, f64) = (117.205, 39.118);
const COAST_CORE: (f64, f64) = (117.672, 39.022);

/// lon, lat, peak, radius (m), turns, organic
const TOWNS: [(f64, f64, f64, f64, f64, f64); 19] = [
    (117.205, 39.118, 26_000.0, 7_400.0, 0.115, 1.0),
    (117.170, 39.090, 6_000.0, 3_000.0, 0.02, 0.35),
    (117.235, 39.065, 6_000.0, 3_200.0, 0.06, 0.2),
    (117.160, 39.175, 5_000.0, 3_000.0, 0.20, 0.6),
    (117.265, 39.125, 5_000.0, 3_000.0, -0.03, 0.25),
    (117.672, 39.022, 17_000.0, 4_600.0, 0.03, 0.1),
    (117.700, 39.075, 7_000.0, 3_000.0, -0.05, 0.1),
    (117.800, 39.250, 6_000.0, 2_200.0, 0.07, 0.3),
    (117.455, 38.845, 7_000.0, 2_600.0, 0.02, 0.2),
    (117.010, 39.140, 9_000.0, 2_600.0, 0.05, 0.6),
    (117.130, 39.230, 9_000.0, 2_800.0, 0.16, 0.3),
    (117.330, 39.085, 8_000.0, 2_600.0, 0.12, 0.3),
    (117.360, 38.985, 9_000.0, 2_400.0, 0.01, 0.5),
    (117.045, 39.385, 10_000.0, 3_000.0, 0.03, 0.3),
    (117.310, 39.715, 10_000.0, 2_600.0, 0.0, 0.4),
    (117.820, 39.330, 8_000.0, 2_200.0, 0.04, 0.4),
    (116.925, 38.945, 9_000.0, 2_400.0, 0.06, 0.4),
    (117.405, 40.040, 10_000.0, 2_400.0, 0.01, 0.7),
    (117.380, 39.160, 5_000.0, 2_200.0, 0.09, 0.1),
];

const RIVERS: [(&str, AxisKind, f64, f64, &[(f64, f64)]); 9] = [
    ("镜河", AxisKind::River, 48.0, 170.0, &[
        (117.1855, 39.1475), (117.1905, 39.1400), (117.1915, 39.1335), (117.1985, 39.1300), (117.2050, 39.1300), (117.2110, 39.1235),
        (117.2140, 39.1165), (117.2225, 39.1100), (117.2275, 39.1035), (117.2360, 39.0985), (117.2350, 39.0895), (117.2430, 39.0835),
        (117.2560, 39.0805), (117.2700, 39.0740), (117.2860, 39.0775), (117.3080, 39.0715), (117.3250, 39.0600), (117.3450, 39.0535),
        (117.3650, 39.0535), (117.3830, 39.0400), (117.4020, 39.0225), (117.4340, 39.0205), (117.4560, 39.0310), (117.4670, 39.0170),
        (117.4880, 39.0130), (117.5020, 38.9970), (117.5220, 39.0030), (117.5450, 38.9890), (117.5700, 38.9960), (117.5930, 39.0110),
        (117.6200, 39.0080), (117.6400, 38.9920), (117.6610, 38.9980), (117.6800, 39.0060), (117.7000, 38.9910), (117.7160, 38.9750),
        (117.7420, 38.9605), (117.7650, 38.9500),
    ]),
    ("北漕河", AxisKind::River, 26.0, 30.0, &[
        (116.8600, 39.6500), (116.9200, 39.5600), (116.9600, 39.4900), (117.0150, 39.4500), (117.0700, 39.4000), (117.0650, 39.3500),
        (117.1000, 39.3000), (117.1250, 39.2550), (117.1120, 39.2200), (117.1400, 39.1950), (117.1560, 39.1780), (117.1680, 39.1600),
        (117.1855, 39.1475),
    ]),
    ("西清河", AxisKind::River, 32.0, 34.0, &[
        (116.8500, 39.0500), (116.9000, 39.0850), (116.9500, 39.1130), (117.0000, 39.1280), (117.0450, 39.1550), (117.0850, 39.1480),
        (117.1200, 39.1560), (117.1500, 39.1420), (117.1720, 39.1430), (117.1855, 39.1475),
    ]),
    ("潮青河", AxisKind::River, 40.0, 80.0, &[
        (117.3000, 39.8100), (117.3600, 39.7500), (117.4400, 39.6900), (117.5300, 39.6000), (117.5800, 39.5000), (117.6400, 39.4400),
        (117.7200, 39.3900), (117.7600, 39.3300), (117.7450, 39.2700), (117.7700, 39.2100), (117.7400, 39.1500), (117.7450, 39.0950),
    ]),
    ("沽山河", AxisKind::River, 20.0, 26.0, &[
        (117.5200, 40.0200), (117.4600, 39.9900), (117.4200, 39.9300), (117.4500, 39.8600), (117.4200, 39.8000), (117.4400, 39.6900),
    ]),
    ("南减河", AxisKind::River, 140.0, 190.0, &[
        (116.8600, 39.0200), (116.9400, 39.0130), (117.0300, 38.9650), (117.1200, 38.9050), (117.2400, 38.8500), (117.3600, 38.8080),
        (117.4800, 38.7750), (117.5900, 38.7650),
    ]),
    ("澄渠", AxisKind::Canal, 11.0, 13.0, &[
        (117.0950, 39.0650), (117.1250, 39.0700), (117.1520, 39.0800), (117.1780, 39.0800), (117.2010, 39.0760), (117.2200, 39.0850),
        (117.2350, 39.0895),
    ]),
    ("月牙渠", AxisKind::Canal, 10.0, 12.0, &[
        (117.1560, 39.1780), (117.1900, 39.1790), (117.2280, 39.1760), (117.2560, 39.1620), (117.2700, 39.1380), (117.2750, 39.1050),
        (117.2700, 39.0740),
    ]),
    ("洪泥渠", AxisKind::Canal, 16.0, 18.0, &[
        (117.3830, 39.0400), (117.3560, 39.0000), (117.3420, 38.9600), (117.3480, 38.9000), (117.3700, 38.8060),
    ]),
];

const EXPRESSWAYS: [(&str, &[(f64, f64)]); 6] = [
    ("滨岸高速", &[
        (117.5400, 38.5900), (117.5350, 38.7000), (117.5500, 38.8000), (117.6000, 38.9000), (117.6150, 38.9700), (117.6250, 39.0600),
        (117.6700, 39.1300), (117.7000, 39.2000), (117.7600, 39.2500), (117.8300, 39.2800),
    ]),
    ("城海高速", &[
        (116.8600, 39.5800), (116.9800, 39.4700), (117.1000, 39.3400), (117.2200, 39.2500), (117.3300, 39.1900), (117.4500, 39.1400),
        (117.5500, 39.0900), (117.6400, 39.0600), (117.7000, 39.0550),
    ]),
    ("西环高速", &[(116.9500, 39.6200), (116.9700, 39.4500), (116.9500, 39.3000), (116.9300, 39.1600), (116.9700, 39.0500), (116.9650, 38.9000), (116.9500, 38.7500), (116.9900, 38.6300)]),
    ("北山高速", &[(117.2200, 39.2500), (117.3000, 39.3300), (117.3400, 39.4700), (117.3700, 39.6200), (117.3600, 39.7900), (117.3700, 39.9300), (117.4300, 40.0700), (117.4500, 40.2000)]),
    ("南港高速", &[(117.2500, 39.0200), (117.3000, 38.9500), (117.3900, 38.8800), (117.4300, 38.7800), (117.4000, 38.6800), (117.4500, 38.6000)]),
    ("东西快速路", &[(116.8700, 39.1000), (116.9800, 39.1100), (117.0600, 39.1050), (117.1300, 39.1120), (117.1700, 39.1080)]),
];

/// lon, lat, radii (m), kind of outline by its turns
const LAKES: [(&str, f64, f64, f64, f64, f64); 12] = [
    ("镜湖", 117.1640, 39.0880, 620.0, 380.0, 0.10),
    ("北屿水库", 117.3700, 38.7350, 6_500.0, 4_200.0, 0.06),
    ("团云湖", 117.1050, 38.9150, 4_200.0, 2_900.0, 0.20),
    ("东澜湖", 117.4850, 39.1980, 1_900.0, 1_300.0, 0.05),
    ("翠岚水库", 117.5700, 40.0350, 6_800.0, 1_900.0, 0.02),
    ("七鸥海", 117.5500, 39.2950, 3_300.0, 2_500.0, 0.12),
    ("官屿湖", 117.5350, 38.9250, 1_500.0, 900.0, 0.30),
    ("银河湖", 117.1950, 39.0560, 420.0, 260.0, 0.02),
    ("柳影湖", 117.1250, 39.1080, 330.0, 220.0, 0.22),
    ("听潮湖", 117.7050, 39.0330, 420.0, 330.0, 0.0),
    ("双溪湖", 117.2950, 39.1130, 520.0, 300.0, 0.15),
    ("荷塘", 117.0100, 39.4000, 500.0, 300.0, 0.4),
];

impl Plan {
    pub fn new(seed: u64) -> Self {
        let at = |&(lon, lat): &(f64, f64)| P::from_degrees(lon, lat);
        let mut axes = Vec::new();
        for (name, kind, from, to, points) in RIVERS {
            let control: Vec<P> = points.iter().map(at).collect();
            axes.push(Axis::new(name, kind, meander(smooth(&control, 70.0, false), 60.0 + from, seed), from, to));
        }
        axes.extend(rings(seed));
        axes.extend(radials());
        for (name, points) in EXPRESSWAYS {
            let control: Vec<P> = points.iter().map(at).collect();
            axes.push(Axis::new(name, AxisKind::Expressway, smooth(&control, 220.0, false), 16.0, 16.0));
        }
        let lakes = LAKES.iter().enumerate().map(|(i, &(name, lon, lat, a, b, turns))| lake(name, P::from_degrees(lon, lat), a, b, turns, seed ^ i as u64));
        let towns = TOWNS.iter().map(|&(lon, lat, peak, radius, turns, organic)| Town { at: P::from_degrees(lon, lat), peak, radius, turns, organic });
        Self { seed, axes, lakes: lakes.collect(), cbds: cbds(), towns: towns.collect() }
    }

    /// People per square kilometre.
    pub fn density(&self, p: P) -> f64 {
        let hills = bump((p.y - 118_000.0).min(0.0).abs(), 9_000.0, 4);
        let country = (420.0 + 380.0 * fractal(p, 9_000.0, self.seed ^ 0x11)) * (1.0 - 0.85 * hills);
        let towns: f64 = self.towns.iter().map(|t| t.peak * bump(p.distance(t.at), t.radius, 4)).sum();
        let salt = bump(p.distance(P::from_degrees(117.60, 38.70)), 12_000.0, 4).max(bump(p.distance(P::from_degrees(117.85, 39.1)), 14_000.0, 4));
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
            let quarter = (noise(P::new((p.x / 1_700.0).floor() * 1_700.0, (p.y / 1_500.0).floor() * 1_500.0), 800.0, self.seed ^ 0x13) - 0.5) * 0.16;
            (direction(t.turns + quarter * t.organic * bump(d, 0.8, 4)), (0.08 + 0.9 * old + 0.35 * bump(1.0 / d.max(0.01), 0.33, 4)).min(1.0))
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
        let extent = extent(&line);
        Self { name, kind, line, half, extent }
    }
}

/// Sways a line sideways, ends fixed.
fn meander(line: Vec<P>, sway: f64, seed: u64) -> Vec<P> {
    let last = line.len() - 1;
    (0..line.len())
        .map(|i| {
            if i == 0 || i == last {
                return line[i];
            }
            let side = line[i - 1].to(line[i + 1]).unit().left();
            line[i] + side * ((noise(line[i], 900.0, seed ^ 0x21) - 0.5) * sway)
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

/// The nearest point of an axis: distance, and half the axis' width there.
pub(crate) fn to_axis(p: P, axis: &Axis) -> (f64, f64) {
    let mut best = (f64::INFINITY, 0.0);
    for (i, pair) in axis.line.windows(2).enumerate() {
        let (d, t) = to_segment(p, pair[0], pair[1]);
        if d < best.0 {
            best = (d, axis.half[i] + (axis.half[i + 1] - axis.half[i]) * t);
        }
    }
    best
}
