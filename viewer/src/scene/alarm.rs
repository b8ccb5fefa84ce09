//! What a scene shows of an alarm that takes the stage.

use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Around an alarm that takes the stage.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub struct SceneAlarm {
    /// The radius of the inner ring in metres; the others are at twice and four times it.
    pub ring: f64,
    /// Of each of these the nearest is shown, with a line, the distance, and the time of those that drive.
    pub nearest: Vec<SceneQuery>,
    /// Of each of these it is said how many are inside the inner ring.
    pub inside: Vec<SceneQuery>,
    /// The collection whose lines are the roads of those that drive.
    pub roads: String,
    /// How fast they drive, km/h.
    pub speed: f64,
}

/// Some items of a collection.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct SceneQuery {
    /// What they are called.
    pub title: String,
    /// The collection.
    pub collection: String,
    /// Only items with these properties (equality).
    #[serde(default, rename = "where")]
    pub filter: BTreeMap<String, String>,
    /// True if help comes from there by road: the nearest is the one that is there first.
    #[serde(default)]
    pub drives: bool,
}

/// Queries of each kind, at most: there is room for so many.
pub const ALARM_QUERIES_MAX: usize = 6;
/// The inner ring's radius, metres.
pub const ALARM_RING_M: (f64, f64) = (50.0, 20_000.0);
/// Speeds that are taken for one, km/h.
pub const ALARM_SPEED_KMH: (f64, f64) = (3.0, 200.0);

impl Default for SceneAlarm {
    fn default() -> Self {
        let query = |title: &str, collection: &str, kind: &str, drives: bool| SceneQuery {
            title: title.to_owned(),
            collection: collection.to_owned(),
            filter: if kind.is_empty() { BTreeMap::new() } else { BTreeMap::from([("kind".to_owned(), kind.to_owned())]) },
            drives,
        };
        Self {
            ring: 500.0,
            nearest: vec![
                query("摄像机", "cameras", "", false),
                query("消防救援站", "institutions", "fire_station", true),
                query("医院", "institutions", "hospital", true),
                query("救护车", "vehicles", "ambulance", true),
                query("巡查车", "vehicles", "patrol", true),
            ],
            inside: vec![
                query("建筑", "buildings", "", false),
                query("小学", "institutions", "primary_school", false),
                query("幼儿园", "institutions", "kindergarten", false),
                query("养老机构", "institutions", "elderly_care", false),
            ],
            roads: "roads".to_owned(),
            speed: 30.0,
        }
    }
}

impl SceneAlarm {
    /// What is wrong with it, if something is.
    #[must_use]
    pub fn fault(&self) -> Option<String> {
        if !(ALARM_RING_M.0..=ALARM_RING_M.1).contains(&self.ring) {
            return Some(format!("alarm.ring must be {} to {} metres", ALARM_RING_M.0, ALARM_RING_M.1));
        }
        if !(ALARM_SPEED_KMH.0..=ALARM_SPEED_KMH.1).contains(&self.speed) {
            return Some(format!("alarm.speed must be {} to {} km/h", ALARM_SPEED_KMH.0, ALARM_SPEED_KMH.1));
        }
        let many = self.nearest.len().max(self.inside.len()) > ALARM_QUERIES_MAX;
        many.then(|| format!("alarm.nearest and alarm.inside have room for {ALARM_QUERIES_MAX} each"))
    }
}
