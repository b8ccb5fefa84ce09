//! The small things: city components, cameras, sensors and institutions.

use crate::{
    areas::Areas,
    names::Names,
    obstacles::Obstacles,
    parcels::{Ground, Use},
    plan::Plan,
    plane::{P, Rng, centroid, heading},
    roads::Road,
};

/// A thing at a point.
pub(crate) struct Thing {
    pub at: P,
    pub code: String,
    pub kind: &'static str,
    pub name: String,
    /// What else is known of it, in the order of its layer's fields.
    pub more: Vec<citywall_model::Value>,
}

/// Component classes that stand along roads: weight, four-digit code and name of GB/T 30428.2,
/// and whether they lie on the carriageway (true) or beside it.
const COMPONENTS: [(f64, (&str, &str, bool)); 26] = [
    (6.0, ("0101", "上水井盖", true)),
    (9.0, ("0102", "污水井盖", true)),
    (9.0, ("0103", "雨水井盖", true)),
    (8.0, ("0104", "雨水箅子", true)),
    (2.5, ("0106", "路灯井盖", false)),
    (2.0, ("0110", "热力井盖", true)),
    (2.0, ("0111", "燃气井盖", true)),
    (2.0, ("0127", "通讯交接箱", false)),
    (2.0, ("0128", "电力设施", false)),
    (3.0, ("0130", "电力立杆", false)),
    (2.0, ("0131", "通信立杆", false)),
    (16.0, ("0137", "路灯", false)),
    (0.6, ("0125", "供水器", false)),
    (0.6, ("0154", "充电站（桩）", false)),
    (0.4, ("0146", "户外健身设施", false)),
    (1.5, ("0204", "公交站亭（牌）", false)),
    (2.0, ("0212", "路名牌", false)),
    (2.0, ("0283", "道路指示牌", false)),
    (1.5, ("0225", "非机动车停放点", false)),
    (0.5, ("0301", "公共厕所", false)),
    (5.0, ("0305", "垃圾箱（果皮箱、桶）", false)),
    (1.0, ("0308", "宣传栏", false)),
    (17.0, ("0402", "行道树", false)),
    (0.1, ("0401", "古树名木", false)),
    (1.0, ("0405", "花钵花架", false)),
    (1.5, ("0407", "街头座椅", false)),
];

/// Kind, name, unit, and whether it belongs to the water.
type SensorKind = (&'static str, &'static str, &'static str, bool);

/// Fifteen kinds of sensor, with weights.
const SENSORS: [(f64, SensorKind); 15] = [
    (5.0, ("air_quality", "空气质量", "µg/m³", false)),
    (6.0, ("noise", "噪声", "dB(A)", false)),
    (5.0, ("weather", "气象", "°C", false)),
    (5.0, ("rain", "雨量", "mm", false)),
    (8.0, ("water_level", "水位", "m", true)),
    (5.0, ("water_quality", "水质", "mg/L", true)),
    (9.0, ("waterlogging", "积水", "cm", false)),
    (10.0, ("manhole", "井盖状态", "°", false)),
    (7.0, ("gas", "燃气泄漏", "%LEL", false)),
    (6.0, ("pipe_pressure", "供水压力", "MPa", false)),
    (5.0, ("heat", "供热温度", "°C", false)),
    (10.0, ("traffic", "交通流量", "辆/h", false)),
    (9.0, ("street_light", "照明控制", "W", false)),
    (3.0, ("bridge_strain", "桥梁应变", "µε", true)),
    (7.0, ("waste_bin", "垃圾满溢", "%", false)),
];

/// Places along the roads, the more the more people live there.
struct Places<'a> {
    roads: Vec<(&'a Road, f64)>,
    obstacles: &'a Obstacles<'a>,
}

impl<'a> Places<'a> {
    fn new(plan: &Plan, roads: &'a [Road], obstacles: &'a Obstacles<'a>, core: bool, weight: impl Fn(&Road) -> f64) -> Self {
        let mut sum = 0.0;
        let mut weighed = Vec::new();
        for road in roads.iter().filter(|r| !r.bridge) {
            let length: f64 = road.line.windows(2).map(|w| w[0].distance(w[1])).sum();
            let middle = road.line[road.line.len() / 2];
            let density = plan.density(middle);
            // A small city has its buildings in the cores, and its things too.
            let built = if core && plan.rank(middle) > 1.05 { 0.04 } else { 1.0 };
            sum += built * length * density.max(60.0).sqrt() * if density < 1_500.0 { 0.12 } else { 1.0 } * weight(road);
            weighed.push((road, sum));
        }
        Self { roads: weighed, obstacles }
    }

    /// A road, a place on it and the direction there, at the part `t` of the whole.
    fn at(&self, t: f64) -> (&'a Road, P, P) {
        let goal = t * self.roads.last().map_or(0.0, |r| r.1);
        let i = self.roads.partition_point(|r| r.1 < goal).min(self.roads.len() - 1);
        let before = if i > 0 { self.roads[i - 1].1 } else { 0.0 };
        let (road, after) = self.roads[i];
        let length: f64 = road.line.windows(2).map(|w| w[0].distance(w[1])).sum();
        let mut along = length * ((goal - before) / (after - before)).clamp(0.0, 1.0);
        for pair in road.line.windows(2) {
            let l = pair[0].distance(pair[1]);
            if along <= l {
                return (road, pair[0].lerp(pair[1], if l > 0.0 { along / l } else { 0.0 }), pair[0].to(pair[1]).unit());
            }
            along -= l;
        }
        let n = road.line.len();
        (road, road.line[n - 1], road.line[n - 2].to(road.line[n - 1]).unit())
    }

    /// `n` places spread evenly over the whole with some play, beside the carriageway or on it.
    fn spread(&self, n: usize, rng: &mut Rng, mut put: impl FnMut(&mut Rng, &Road, P, P) -> Thing) -> Vec<Thing> {
        #[expect(clippy::cast_precision_loss, reason = "below 2^53")]
        (0..n)
            .map(|i| {
                let mut thing = None;
                for attempt in 0..12 {
                    let play = if attempt < 6 { rng.unit() } else { rng.range(0.0, n as f64) };
                    let (road, at, way) = self.at(((i as f64 + play) / n as f64).fract());
                    let candidate = put(rng, road, at, way);
                    let dry = !self.obstacles.is_wet(candidate.at, 0.0);
                    thing = Some(candidate);
                    if dry {
                        break;
                    }
                }
                thing.unwrap_or_else(|| unreachable!("at least one attempt is made"))
            })
            .collect()
    }
}

/// Manholes, lamps, trees, signs. Codes: district, class, running number.
pub(crate) fn components(plan: &Plan, areas: &Areas, obstacles: &Obstacles<'_>, roads: &[Road], n: usize, core: bool) -> Vec<Thing> {
    let mut rng = Rng::new(plan.seed, "components", n as u64);
    let mut next = rustc_hash::FxHashMap::<(usize, &str), u32>::default();
    let places = Places::new(plan, roads, obstacles, core, |r| if matches!(r.class, "motorway" | "track") { 0.1 } else { 1.0 });
    places.spread(n, &mut rng, |rng, road, at, way| {
        let &(code, name, on_road) = rng.weighted(&COMPONENTS);
        let side = if rng.chance(0.5) { 1.0 } else { -1.0 };
        let aside = if on_road { rng.range(0.0, road.width / 2.0 - 0.6) } else { road.width / 2.0 + rng.range(0.7, 1.4) };
        let at = at + way.left() * (side * aside);
        let district = areas.district_at(at).unwrap_or(0);
        let number = next.entry((district, code)).and_modify(|n| *n += 1).or_insert(1);
        let state = *rng.weighted(&[(0.965, "完好"), (0.028, "破损"), (0.007, "丢失")]);
        Thing {
            at,
            code: format!("{}{code}{number:06}", areas.districts[district].code),
            kind: code,
            name: name.to_owned(),
            more: vec![text(state), text(road.name.clone().unwrap_or_default())],
        }
    })
}

/// Where the server that shows the demo city answers with a camera's picture, before the camera's code.
const SNAPSHOTS: &str = "/demo/snapshots";

/// Cameras with ids in the layout of GB/T 28181: eight digits of the centre, two of the trade,
/// three of the type, one of the network, six of the device.
pub(crate) fn cameras(plan: &Plan, areas: &Areas, obstacles: &Obstacles<'_>, roads: &[Road], n: usize, core: bool) -> Vec<Thing> {
    let mut rng = Rng::new(plan.seed, "cameras", n as u64);
    let mut next = vec![0u32; areas.districts.len()];
    let places = Places::new(plan, roads, obstacles, core, |r| match r.class {
        "motorway" | "trunk" => 3.0,
        "primary" => 2.5,
        "secondary" => 1.6,
        "track" => 0.1,
        _ => 0.8,
    });
    places.spread(n, &mut rng, |rng, road, at, way| {
        let side = if rng.chance(0.5) { 1.0 } else { -1.0 };
        let at = at + way.left() * (side * (road.width / 2.0 + 1.0));
        let way = if rng.chance(0.5) { way } else { way * -1.0 };
        let district = areas.district_at(at).unwrap_or(0);
        next[district] += 1;
        let &(code, kind, title) = rng.weighted(&[
            (0.5, ("132", "box", "枪机")),
            (0.22, ("132", "dome", "球机")),
            (0.16, ("131", "fixed", "半球")),
            (0.12, ("121", "checkpoint", "卡口")),
        ]);
        let network = *rng.weighted(&[(0.5, 0), (0.2, 5), (0.2, 6), (0.1, 8)]);
        let trade = *rng.weighted(&[(0.7, "00"), (0.2, "01"), (0.1, "02")]);
        let number = next[district];
        let road_name = road.name.clone().unwrap_or_default();
        let id = format!("{}00{trade}{code}{network}{number:06}", areas.districts[district].code);
        let snapshot = format!("{SNAPSHOTS}/{id}");
        Thing {
            at,
            code: id,
            kind,
            name: format!("{road_name}{title}{number}"),
            more: vec![
                citywall_model::Value::Integer(heading(way.turn(crate::plane::direction(rng.bell() * 0.08)))),
                citywall_model::Value::Number(if code == "121" { 6.5 } else { (rng.range(3.5, 6.0) * 10.0).round() / 10.0 }),
                text(if rng.chance(0.97) { "ON" } else { "OFF" }),
                text(road_name),
                text(snapshot),
            ],
        }
    })
}

/// Sensors of fifteen kinds, those of the water on its banks.
pub(crate) fn sensors(plan: &Plan, areas: &Areas, obstacles: &Obstacles<'_>, roads: &[Road], n: usize, core: bool) -> Vec<Thing> {
    let mut rng = Rng::new(plan.seed, "sensors", n as u64);
    let places = Places::new(plan, roads, obstacles, core, |r| if matches!(r.class, "track") { 0.2 } else { 1.0 });
    let banks: Vec<(P, P, f64)> = plan
        .axes
        .iter()
        .filter(|a| a.kind.is_water())
        .flat_map(|a| a.line.windows(2).zip(&a.half).map(|(w, &h)| (w[0], w[0].to(w[1]).unit().left(), h)))
        .filter(|b| areas.district_at(b.0).is_some() && plan.density(b.0) > 700.0)
        .collect();
    let mut number = 0;
    places.spread(n, &mut rng, |rng, road, at, way| {
        let &(kind, title, unit, by_water) = rng.weighted(&SENSORS);
        let mut at = at + way.left() * (road.width / 2.0 + rng.range(1.0, 1.6));
        if by_water && !banks.is_empty() {
            let &(p, left, half) = rng.pick(&banks);
            at = p + left * ((half + 1.0) * if rng.chance(0.5) { 1.0 } else { -1.0 });
        }
        number += 1;
        let district = areas.district_at(at).unwrap_or(0);
        Thing {
            at,
            code: format!("{}S{number:06}", areas.districts[district].code),
            kind,
            name: format!("{title}监测点{number}"),
            more: vec![text(title), text(unit), text(if rng.chance(0.96) { "online" } else { "offline" })],
        }
    })
}

/// Schools, hospitals, fire and police stations, offices of streets and communities, homes for
/// the elderly.
pub(crate) fn institutions(plan: &Plan, areas: &Areas, obstacles: &Obstacles<'_>, grounds: &[Ground]) -> Vec<Thing> {
    let mut rng = Rng::new(plan.seed, "institutions", 0);
    let mut names = Names::new(plan.seed, "institution names", 0);
    let mut things: Vec<Thing> = Vec::new();
    let mut last_community = usize::MAX;
    let mut last_street = usize::MAX;
    for (grid, ground) in grounds.iter().enumerate() {
        let community = areas.grids[grid].parent;
        let street = areas.communities[community].parent;
        let mut add = |at: P, kind: &'static str, title: &str, name: String, size: i64| {
            let number = things.len() + 1;
            let more = vec![text(title), citywall_model::Value::Integer(size), text(areas.communities[community].code.clone())];
            things.push(Thing { at, code: format!("{}J{number:06}", &areas.communities[community].code[..6]), kind, name, more });
        };
        for parcel in &ground.parcels {
            let at = centroid(&parcel.ring);
            if obstacles.is_wet(at, 1.0) || obstacles.is_on_axis_road(at, 6.0) {
                continue;
            }
            match parcel.usage {
                Use::School => {
                    let &(kind, title) = rng.weighted(&[
                        (0.4, ("kindergarten", "幼儿园")),
                        (0.36, ("primary_school", "小学")),
                        (0.24, ("middle_school", "中学")),
                    ]);
                    add(at, kind, title, names.of(title), rng.between(180, 2400));
                }
                Use::Hospital => {
                    let &(kind, title) = rng.weighted(&[(0.35, ("hospital", "医院")), (0.65, ("clinic", "卫生服务中心"))]);
                    add(at, kind, title, names.of(title), if kind == "hospital" { rng.between(120, 1800) } else { rng.between(10, 60) });
                }
                // Few campuses are a college's: the city has some sixty. Most are offices and laboratories.
                Use::Campus if rng.chance(0.05) => add(at, "college", "学院", names.of("学院"), rng.between(3_000, 22_000)),
                Use::Campus if rng.chance(0.2) => {
                    add(at, "vocational_school", "职业学校", names.of("职业学校"), rng.between(400, 4_000));
                }
                Use::Slabs | Use::Towers | Use::Mixed | Use::Office | Use::Village | Use::Old => {
                    // Beside the lane, at the edge of the parcel.
                    let door = at.lerp(parcel.ring[0], 0.2);
                    if community != last_community {
                        last_community = community;
                        let village = areas.communities[community].code[9..] >= *"200";
                        let title = if village { "村民委员会" } else { "居民委员会" };
                        add(
                            door,
                            "committee",
                            title,
                            format!("{}{title}", areas.communities[community].name.trim_end_matches("社区").trim_end_matches('村')),
                            rng.between(4, 20),
                        );
                    } else if street != last_street {
                        last_street = street;
                        add(door, "street_office", "街道办事处", format!("{}办事处", areas.streets[street].name), rng.between(30, 160));
                        add(
                            at.lerp(parcel.ring[parcel.ring.len() / 2], 0.25),
                            "police",
                            "派出所",
                            format!("{}派出所", areas.streets[street].name),
                            rng.between(20, 90),
                        );
                        if rng.chance(0.75) {
                            add(at.lerp(parcel.ring[1], 0.3), "fire_station", "消防救援站", names.of("消防救援站"), rng.between(15, 60));
                        }
                    } else if rng.chance(0.07) {
                        let &(kind, title) = rng.weighted(&[
                            (0.3, ("elderly_care", "养老院")),
                            (0.3, ("market", "菜市场")),
                            (0.2, ("library", "图书馆")),
                            (0.2, ("sports", "体育馆")),
                        ]);
                        add(door, kind, title, names.of(title), rng.between(30, 400));
                    }
                }
                _ => {}
            }
        }
    }
    things
}

fn text(value: impl Into<String>) -> citywall_model::Value {
    citywall_model::Value::Text(value.into())
}
