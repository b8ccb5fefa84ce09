//! What the wall is told to show: the item of its name in the collection `walls`.

use super::{DRAWINGS_MAX, Drawing, ToldReplay};
use crate::scene::Mode;
use citywall_wire::LiveMessage;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

/// The collection of walls.
pub const WALLS: &str = "walls";

/// A place for the camera.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToldView {
    /// Degrees.
    pub longitude: f64,
    /// Degrees.
    pub latitude: f64,
    /// Metres from the place to the eye.
    pub distance: f64,
    /// Degrees clockwise from north.
    #[serde(default)]
    pub bearing: f64,
    /// Degrees above the horizon.
    pub pitch: f64,
}

/// An item.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ToldItem {
    /// Its collection.
    pub collection: String,
    /// Its id.
    pub id: String,
}

/// What a wall is told. What is absent is the wall's own.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Order {
    /// The scene, by its name.
    pub scene: Option<String>,
    /// The mode instead of the scene's.
    pub mode: Option<Mode>,
    /// Where to look from.
    pub camera: Option<ToldView>,
    /// What to mark.
    pub highlight: Option<ToldItem>,
    /// Layers that are left out.
    pub hidden: Vec<String>,
    /// Whether the tour goes round; absent leaves it as it is.
    pub playing: Option<bool>,
    /// A past window instead of now.
    pub replay: Option<ToldReplay>,
    /// What is drawn on the wall.
    pub drawings: Vec<Drawing>,
    /// Properties that make no sense, for the diagnostics line.
    pub faults: Vec<String>,
}

impl Order {
    /// Reads the properties of a wall's item; one that makes no sense is named and left out.
    #[must_use]
    pub fn read(properties: &Map<String, Value>) -> Self {
        fn take<T: DeserializeOwned>(properties: &Map<String, Value>, name: &str, faults: &mut Vec<String>) -> Option<T> {
            let value = properties.get(name).filter(|v| !v.is_null())?;
            serde_json::from_value(value.clone()).map_err(|e| faults.push(format!("控制台的 {name} 无法理解：{e}"))).ok()
        }
        let mut faults = Vec::new();
        let drawings = drawings(take(properties, "drawings", &mut faults).unwrap_or_default(), &mut faults);
        let camera = take(properties, "camera", &mut faults).filter(|v: &ToldView| {
            let whole = [v.longitude, v.latitude, v.distance, v.bearing, v.pitch].iter().all(|n| n.is_finite());
            whole && v.longitude.abs() <= 180.0 && v.latitude.abs() <= 85.0 && v.distance > 0.0
        });
        let replay = take(properties, "replay", &mut faults).and_then(|replay: ToldReplay| match replay.fault() {
            None => Some(replay),
            Some(why) => {
                faults.push(format!("控制台的 replay 无法理解：{why}"));
                None
            }
        });
        Self {
            scene: take(properties, "scene", &mut faults),
            mode: take(properties, "mode", &mut faults),
            camera,
            highlight: take(properties, "highlight", &mut faults),
            hidden: take(properties, "hidden", &mut faults).unwrap_or_default(),
            playing: take(properties, "playing", &mut faults),
            replay,
            drawings,
            faults,
        }
    }
}

/// The drawings that make sense, at most as many as a wall has.
fn drawings(told: Vec<Value>, faults: &mut Vec<String>) -> Vec<Drawing> {
    if told.len() > DRAWINGS_MAX {
        faults.push(format!("控制台的标绘有 {} 个，只画前 {DRAWINGS_MAX} 个", told.len()));
    }
    let read = |value: Value| {
        let drawing: Drawing = serde_json::from_value(value).map_err(|e| e.to_string())?;
        drawing.fault().map_or(Ok(drawing), Err)
    };
    let read = told.into_iter().take(DRAWINGS_MAX).map(read);
    read.filter_map(|drawing| drawing.map_err(|why| faults.push(format!("控制台的标绘无法理解：{why}"))).ok()).collect()
}

/// What is known of the wall's item.
#[derive(Debug, Default)]
pub struct Told {
    /// True once the server has said what it is, or that there is none.
    pub heard: bool,
    order: Order,
    is_new: bool,
}

impl Told {
    /// Takes in a message of the subscription to walls; `name` is this wall's. True if the wall is
    /// to subscribe again.
    pub fn apply(&mut self, message: LiveMessage, name: &str) -> bool {
        match message {
            LiveMessage::Snapshot { features, last, .. } => {
                let own = features.into_iter().find(|f| f.id == name);
                if let Some(own) = own {
                    self.set(Order::read(&own.properties));
                } else if last && !self.heard {
                    self.set(Order::default());
                }
                self.heard |= last;
            }
            LiveMessage::Delta { changes, gone, .. } => {
                for change in changes.into_iter().filter(|c| c.feature.id == name) {
                    let removed = change.feature.properties.get("status").and_then(Value::as_str) == Some("removed");
                    self.set(if removed { Order::default() } else { Order::read(&change.feature.properties) });
                }
                if gone.iter().any(|g| g.id == name) {
                    self.set(Order::default());
                }
            }
            LiveMessage::Resync { .. } => return true,
            LiveMessage::Error { reason, .. } => {
                // Without control the wall goes on as it is.
                self.heard = true;
                bevy::log::warn!("the wall cannot be controlled: {reason}");
            }
            LiveMessage::LayerChanged { .. } | LiveMessage::StylesChanged { .. } | LiveMessage::Heartbeat { .. } => {}
        }
        false
    }

    fn set(&mut self, order: Order) {
        self.is_new |= self.order != order;
        self.order = order;
    }

    /// What is told now.
    #[must_use]
    pub fn order(&self) -> &Order {
        &self.order
    }

    /// What is told, if it is another than at the last call.
    pub fn take(&mut self) -> Option<Order> {
        std::mem::take(&mut self.is_new).then(|| self.order.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn message(value: Value) -> LiveMessage {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn who_joins_late_has_the_last_state_and_each_change_counts_once() {
        let mut told = Told::default();
        let wall =
            |scene: &str| json!({"type": "Feature", "id": "hall", "geometry": null, "properties": {"scene": scene, "mode": "drill"}});
        let other = json!({"type": "Feature", "id": "lobby", "geometry": null, "properties": {"scene": "food"}});
        told.apply(
            message(json!({"type": "snapshot", "revision": 4, "collection": "walls", "features": [other, wall("traffic")], "last": true})),
            "hall",
        );
        let order = told.take().unwrap();
        assert_eq!((order.scene.as_deref(), order.mode), (Some("traffic"), Some(Mode::Drill)));
        assert!(told.take().is_none() && told.heard);
        told.apply(message(json!({"type": "delta", "after": 4, "revision": 5, "changes": [{"collection": "walls", "revision": 5, "feature": wall("traffic")}]})), "hall");
        assert!(told.take().is_none(), "nothing is new");
        told.apply(message(json!({"type": "delta", "after": 5, "revision": 6, "changes": [{"collection": "walls", "revision": 6, "feature": wall("pipes")}]})), "hall");
        assert_eq!(told.take().unwrap().scene.as_deref(), Some("pipes"));
    }

    #[test]
    fn drawings_that_make_sense_are_drawn_and_the_others_named() {
        let circle = json!({"id": "a", "kind": "circle", "points": [[117.2, 39.1]], "radius_m": 1500});
        let short = json!({"id": "b", "kind": "area", "points": [[117.2, 39.1], [117.3, 39.1]]});
        let properties = json!({"drawings": [circle, short, {"id": "c", "kind": "star", "points": []}]});
        let order = Order::read(properties.as_object().unwrap());
        assert_eq!((order.drawings.len(), order.faults.len()), (1, 2), "{:?}", order.faults);
        assert_eq!(order.drawings[0].label(), "1.50 公里");
    }

    #[test]
    fn nonsense_is_named_and_the_rest_is_obeyed() {
        let properties = json!({"scene": "food", "mode": "panic", "camera": {"longitude": 1e300}, "hidden": ["roads"]});
        let order = Order::read(properties.as_object().unwrap());
        assert_eq!((order.scene.as_deref(), order.mode, order.camera, order.faults.len()), (Some("food"), None, None, 2));
        assert_eq!(order.hidden, ["roads"]);
    }
}
