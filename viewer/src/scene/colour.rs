//! Buildings and areas coloured by one of their attributes, or by what is measured of them now: as a scene says, or
//! as the layer's style on the server does.

use super::{Group, SERIES, Scheme};
use crate::{net::encode, tiles::Value};
use citywall_wire::Feature;
use rustc_hash::FxHashMap;
use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::Arc;

/// Classes of a colouring, at most.
pub const CLASSES_MAX: usize = 8;
/// Items that tell of something, at most: the most that the server gives in one answer.
const ITEMS_MAX: usize = 10_000;
/// A colour nearer than this to an alarm level's would be taken for one (Euclidean distance in sRGB).
const ALARM_NEAR: f32 = 0.22;

/// Buildings or areas in the colours of one of their attributes, or of a measure of them. Colours are the scheme's:
/// groups differ in hue and lightness, numbers in lightness alone, and none is that of an alarm.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct SceneColour {
    /// The collection of the buildings or areas.
    pub collection: String,
    /// The attribute; with a measure, the one by which the measure names them.
    pub by: String,
    /// What is measured of each, as it is now, in the place of the attribute's value.
    pub measure: Option<SceneMeasure>,
    /// What it is called in the legend; the attribute's name if absent.
    pub title: Option<String>,
    /// The unit of a number.
    #[serde(default)]
    pub unit: String,
    /// The bounds between the classes of a number, ascending; at most seven.
    #[serde(default)]
    pub steps: Vec<f64>,
    /// The values of a text, in the order of the legend; at most six.
    #[serde(default)]
    pub values: Vec<Group>,
}

/// What is measured: in areas (`areas`), or by items that each name what they tell of (`key`).
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct SceneMeasure {
    /// The collection of the items.
    pub of: String,
    /// In which areas they are counted, as `/query/aggregate` has it: district, street, community, grid.
    pub areas: Option<String>,
    /// The property of an item that names what it tells of.
    pub key: Option<String>,
    /// In areas: count, open, sum(p), mean(p) and what else `/query/aggregate` measures, open if absent; by a key:
    /// the property whose number counts.
    pub what: Option<String>,
    /// Only items for which this holds (CQL2).
    pub filter: Option<String>,
}

impl SceneMeasure {
    /// The measure in areas.
    fn name(&self) -> &str {
        self.what.as_deref().unwrap_or("open")
    }

    /// What to ask the server for it.
    #[must_use]
    pub fn path(&self) -> String {
        let filter = self.filter.as_ref().map_or_else(String::new, |filter| format!("&filter={}", encode(filter)));
        match &self.areas {
            Some(areas) => {
                format!("/query/aggregate?collection={}&by={}&measures={}{filter}", encode(&self.of), encode(areas), encode(self.name()))
            }
            None => format!("/collections/{}/items?limit={ITEMS_MAX}{filter}", encode(&self.of)),
        }
    }

    /// The numbers in its answer, by what they are of. Of two items that tell of the same, the later one counts.
    #[must_use]
    pub fn numbers(&self, features: &[Feature]) -> Numbers {
        let of = |feature: &Feature| {
            let property = |name: &str| feature.properties.get(name);
            Some(match &self.key {
                Some(key) => (plain(property(key)?).into(), property(self.what.as_deref()?)?.as_f64()?),
                None => (feature.id.as_str().into(), property(self.name())?.as_f64()?),
            })
        };
        let numbers = features.iter().filter_map(of).collect();
        // Where nothing is, nothing is counted.
        let others = (self.areas.is_some() && matches!(self.name(), "open" | "count")).then_some(0.0);
        Numbers { numbers, others }
    }
}

/// What was measured.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Numbers {
    numbers: FxHashMap<Box<str>, f64>,
    /// Of what is not named.
    others: Option<f64>,
}

impl Numbers {
    fn of(&self, name: &Value) -> Option<f64> {
        let known = match name {
            Value::Text(text) => self.numbers.get(&**text),
            Value::Number(number) => self.numbers.get(number.to_string().as_str()),
        };
        known.copied().or(self.others)
    }
}

impl SceneColour {
    /// What is wrong with it, if something is.
    pub(super) fn fault(&self) -> Option<String> {
        if let Some(measure) = &self.measure {
            if self.steps.is_empty() {
                return Some("a measure needs `steps`".to_owned());
            }
            if measure.areas.is_some() == measure.key.is_some() || (measure.key.is_some() && measure.what.is_none()) {
                return Some("a measure needs either `areas`, or `key` and `what`".to_owned());
            }
        }
        if self.steps.is_empty() == self.values.is_empty() {
            return Some("a colour needs either `steps` (of a number) or `values` (of a text)".to_owned());
        }
        if self.steps.len() >= CLASSES_MAX || self.steps.iter().any(|s| !s.is_finite()) || !self.steps.is_sorted_by(|a, b| a < b) {
            return Some(format!("steps must be at most {} numbers, ascending", CLASSES_MAX - 1));
        }
        (self.values.len() > SERIES).then(|| format!("values must be at most {SERIES}"))
    }

    /// The colouring.
    #[must_use]
    pub fn colouring(&self) -> Colouring {
        let class = |label: String, colour| Class { label, colour };
        let number = |n: f64| format!("{n}");
        let (rule, classes) = if self.steps.is_empty() {
            let classes = self.values.iter().enumerate().map(|(i, g)| class(g.name().to_owned(), ClassColour::Series(i))).collect();
            (Rule::Values(self.values.iter().map(|g| vec![g.value.clone()]).collect(), 0), classes)
        } else {
            let count = self.steps.len();
            let label = |i: usize| match (i.checked_sub(1).map(|b| self.steps[b]), self.steps.get(i)) {
                (None, Some(to)) => format!("{} 以下", number(*to)),
                (Some(from), Some(to)) => format!("{}–{}", number(from), number(*to)),
                (Some(from), None) => format!("{} 以上", number(from)),
                (None, None) => String::new(),
            };
            let classes = (0..=count).map(|i| class(label(i), ClassColour::Ramp(i as f32 / count as f32))).collect();
            (Rule::Steps(self.steps.clone()), classes)
        };
        let title = self.title.clone().unwrap_or_else(|| self.by.clone());
        let title = if self.unit.is_empty() { title } else { format!("{title}（{}）", self.unit) };
        Colouring { collection: self.collection.clone(), by: Some(self.by.clone()), title, rule, classes, numbers: None }
    }
}

/// How buildings or areas are coloured.
#[derive(Clone, Debug, PartialEq)]
pub struct Colouring {
    /// The collection of the buildings or areas.
    pub collection: String,
    /// The attribute; without one all are of the first class.
    pub by: Option<String>,
    /// What it is called in the legend.
    pub title: String,
    rule: Rule,
    /// The classes in the order of the legend.
    pub classes: Vec<Class>,
    /// What was measured: the attribute only names whose number counts.
    pub numbers: Option<Arc<Numbers>>,
}

/// A class of buildings.
#[derive(Clone, Debug, PartialEq)]
pub struct Class {
    /// What it is called.
    pub label: String,
    /// Its colour.
    pub colour: ClassColour,
}

/// A class's colour.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ClassColour {
    /// Of a group.
    Series(usize),
    /// Of a share, 0 to 1, of the way from few to many.
    Ramp(f32),
    /// Its own, sRGB.
    Own([f32; 3]),
}

/// Which class a value has.
#[derive(Clone, Debug, PartialEq)]
enum Rule {
    /// The number of bounds that are not above it.
    Steps(Vec<f64>),
    /// The texts of each class, and the class of the others, counted from 1 (0: none).
    Values(Vec<Vec<String>>, u8),
    /// All have the same.
    All,
}

impl Colouring {
    /// The same by what was measured.
    #[must_use]
    pub fn by_numbers(self, numbers: Numbers) -> Self {
        Self { numbers: Some(Arc::new(numbers)), ..self }
    }

    /// The class of a value, counted from 1; 0 if it has none.
    #[must_use]
    pub fn class(&self, value: Option<&Value>) -> u8 {
        let measured;
        let value = match &self.numbers {
            Some(numbers) => {
                measured = value.and_then(|name| numbers.of(name)).map(Value::Number);
                measured.as_ref()
            }
            None => value,
        };
        let class = match (&self.rule, value) {
            (Rule::All, _) => Some(0),
            (Rule::Values(_, others), None) => return *others,
            (Rule::Steps(_), None) => None,
            (Rule::Steps(steps), Some(value)) => {
                let number = match value {
                    Value::Number(number) => Some(*number),
                    Value::Text(text) => text.trim().parse().ok(),
                };
                number.filter(|n| !n.is_nan()).map(|number| steps.partition_point(|bound| *bound <= number))
            }
            (Rule::Values(classes, others), Some(value)) => {
                let is = |text: &String| match value {
                    Value::Text(value) => **value == **text,
                    Value::Number(number) => text.parse() == Ok(*number),
                };
                return classes.iter().position(|texts| texts.iter().any(is)).map_or(*others, |at| at as u8 + 1);
            }
        };
        class.map_or(0, |at| at as u8 + 1)
    }

    /// What a style of the server (MapLibre) says of a collection's buildings: a colour, or colours by an
    /// attribute (`match`, `step`, `interpolate`, which is shown in steps). `Ok(None)` if it says nothing of it.
    ///
    /// # Errors
    /// It says something that the wall does not show, in words.
    pub fn of_style(style: &serde_json::Value, collection: &str, scheme: &Scheme) -> Result<Option<Self>, String> {
        let layers = style["layers"].as_array().map_or(&[][..], Vec::as_slice);
        let draws = |layer: &&serde_json::Value| {
            layer.get("source-layer").or_else(|| layer.get("source")).and_then(serde_json::Value::as_str) == Some(collection)
        };
        let colour = |layer: &serde_json::Value, name: &str| layer["paint"].get(name).cloned();
        let find = |name: &str| layers.iter().filter(draws).find_map(|layer| colour(layer, name));
        let Some(paint) = find("fill-extrusion-color").or_else(|| find("fill-color")) else { return Ok(None) };
        let Paint { by, rule, colours } = Paint::read(&paint).ok_or_else(|| format!("{paint}"))?;
        if !(1..=CLASSES_MAX).contains(&colours.len()) {
            return Err(format!("{} 种颜色，要 1 到 {CLASSES_MAX} 种", colours.len()));
        }
        if let Some((label, _)) = colours.iter().find(|(_, colour)| is_alarm(*colour, scheme)) {
            return Err(format!("“{label}”的颜色与告警级别的颜色相近"));
        }
        let title = style["name"].as_str().map(str::to_owned).or_else(|| by.clone()).unwrap_or_default();
        let classes = colours.into_iter().map(|(label, own)| Class { label, colour: ClassColour::Own(own) }).collect();
        Ok(Some(Self { collection: collection.to_owned(), by, title, rule, classes, numbers: None }))
    }
}

/// What a style's colour says.
struct Paint {
    by: Option<String>,
    rule: Rule,
    /// What each class is called, and its colour.
    colours: Vec<(String, [f32; 3])>,
}

impl Paint {
    /// A colour or an expression of the MapLibre style specification; `None` if it is none that is known here.
    fn read(paint: &serde_json::Value) -> Option<Self> {
        if let Some(own) = css(paint) {
            return Some(Self { by: None, rule: Rule::All, colours: vec![(String::new(), own)] });
        }
        let parts = paint.as_array()?;
        let by = |input: &serde_json::Value| {
            input.as_array().filter(|i| i.first().is_some_and(|name| name == "get")).and_then(|i| i.get(1)?.as_str().map(str::to_owned))
        };
        match parts.first()?.as_str()? {
            "match" => {
                let arms = parts.get(2..parts.len() - 1)?;
                let texts = |labels: &serde_json::Value| match labels {
                    serde_json::Value::Array(labels) => labels.iter().map(plain).collect(),
                    label => vec![plain(label)],
                };
                let mut colours = Vec::new();
                let mut values: Vec<Vec<String>> = Vec::new();
                for arm in arms.chunks_exact(2) {
                    values.push(texts(&arm[0]));
                    colours.push((texts(&arm[0]).join("、"), css(&arm[1])?));
                }
                colours.push(("其他".to_owned(), css(parts.last()?)?));
                let others = colours.len() as u8;
                Some(Self { by: Some(by(parts.get(1)?)?), rule: Rule::Values(values, others), colours })
            }
            "step" => {
                let mut colours = vec![css(parts.get(2)?)?];
                let mut steps = Vec::new();
                for pair in parts.get(3..)?.chunks_exact(2) {
                    steps.push(pair[0].as_f64()?);
                    colours.push(css(&pair[1])?);
                }
                let labels =
                    std::iter::once(format!("< {}", steps.first()?)).chain(steps.iter().map(|s| format!("≥ {s}"))).collect::<Vec<_>>();
                Some(Self { by: Some(by(parts.get(1)?)?), rule: Rule::Steps(steps), colours: labels.into_iter().zip(colours).collect() })
            }
            "interpolate" => {
                let stops: Option<Vec<(f64, [f32; 3])>> =
                    parts.get(3..)?.chunks_exact(2).map(|pair| Some((pair[0].as_f64()?, css(&pair[1])?))).collect();
                let stops = stops?;
                let steps = stops.windows(2).map(|w| f64::midpoint(w[0].0, w[1].0)).collect();
                let colours = stops.iter().map(|(at, colour)| (format!("≈ {at}"), *colour)).collect();
                Some(Self { by: Some(by(parts.get(2)?)?), rule: Rule::Steps(steps), colours })
            }
            _ => None,
        }
    }
}

fn plain(label: &serde_json::Value) -> String {
    label.as_str().map_or_else(|| label.to_string(), str::to_owned)
}

/// A CSS colour without its opacity.
fn css(value: &serde_json::Value) -> Option<[f32; 3]> {
    let colour = csscolorparser::parse(value.as_str()?).ok()?;
    Some([colour.r, colour.g, colour.b])
}

fn is_alarm(colour: [f32; 3], scheme: &Scheme) -> bool {
    let away = |level: &[f32; 3]| (0..3).map(|k| (level[k] - colour[k]).powi(2)).sum::<f32>().sqrt();
    scheme.levels[1..].iter().any(|level| away(level) < ALARM_NEAR)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::SchemeName;
    use serde_json::json;

    fn number(n: f64) -> Value {
        Value::Number(n)
    }

    #[test]
    fn numbers_fall_between_their_bounds_and_texts_into_their_groups() {
        let colour: SceneColour =
            toml::from_str("collection = \"buildings\"\nby = \"height\"\nunit = \"米\"\nsteps = [12.0, 24.0]").unwrap();
        let colouring = colour.colouring();
        let class = |n: f64| colouring.class(Some(&number(n)));
        assert_eq!((class(3.0), class(12.0), class(23.9), class(300.0), colouring.class(None)), (1, 2, 2, 3, 0));
        assert_eq!(colouring.classes.iter().map(|c| c.label.as_str()).collect::<Vec<_>>(), ["12 以下", "12–24", "24 以上"]);
        let colour: SceneColour = toml::from_str("collection = \"b\"\nby = \"use\"\nvalues = [{ value = \"office\" }]").unwrap();
        assert_eq!(colour.colouring().class(Some(&Value::Text("office".into()))), 1);
        assert_eq!(colour.colouring().class(Some(&Value::Text("shed".into()))), 0);
        let wrong: SceneColour = toml::from_str("collection = \"b\"\nby = \"height\"\nsteps = [2.0, 1.0]").unwrap();
        assert!(wrong.fault().unwrap().contains("ascending"));
    }

    #[test]
    fn what_is_measured_is_found_by_the_name_that_the_attribute_has() {
        let text = "collection = \"streets\"\nby = \"code\"\nsteps = [1, 5]\nmeasure = { of = \"events\", areas = \"street\", filter = \"level <= 2\" }";
        let colour: SceneColour = toml::from_str(text).unwrap();
        let measure = colour.measure.as_ref().unwrap();
        assert_eq!(measure.path(), "/query/aggregate?collection=events&by=street&measures=open&filter=level%20%3C%3D%202");
        let feature = |id: &str, properties: serde_json::Value| Feature {
            kind: "Feature".into(),
            id: id.into(),
            geometry: None,
            properties: serde_json::from_value(properties).unwrap(),
        };
        let numbers = measure.numbers(&[feature("120101001", json!({"open": 7})), feature("120101002", json!({"open": 3}))]);
        let colouring = colour.colouring().by_numbers(numbers);
        let class = |code: &str| colouring.class(Some(&Value::Text(code.into())));
        assert_eq!((class("120101001"), class("120101002"), class("elsewhere"), colouring.class(None)), (3, 2, 1, 0));

        let text = "collection = \"buildings\"\nby = \"name\"\nsteps = [18]\nmeasure = { of = \"meters\", key = \"building\", what = \"celsius\" }";
        let colour: SceneColour = toml::from_str(text).unwrap();
        let measure = colour.measure.as_ref().unwrap();
        assert_eq!(measure.path(), "/collections/meters/items?limit=10000");
        let items = [
            feature("1", json!({"building": 12, "celsius": 17.5})),
            feature("2", json!({"building": "A", "celsius": 20})),
            feature("3", json!({})),
        ];
        let colouring = colour.colouring().by_numbers(measure.numbers(&items));
        let class = |value: Value| colouring.class(Some(&value));
        assert_eq!((class(number(12.0)), class(Value::Text("A".into())), class(Value::Text("B".into()))), (1, 2, 0));
        for wrong in [
            "measure = { of = \"e\", areas = \"street\" }",
            "steps = [1]\nmeasure = { of = \"e\" }",
            "steps = [1]\nmeasure = { of = \"e\", key = \"k\" }",
        ] {
            let colour: SceneColour = toml::from_str(&format!("collection = \"b\"\nby = \"code\"\n{wrong}")).unwrap();
            assert!(colour.fault().unwrap().contains("measure"));
        }
    }

    #[test]
    fn a_style_of_the_server_colours_by_an_attribute_and_never_as_an_alarm_does() {
        let scheme = Scheme::of(SchemeName::Night, crate::scene::Mode::Ordinary);
        let style = |paint: serde_json::Value| {
            let layer = json!({"id": "a", "type": "fill-extrusion", "source": "b", "source-layer": "buildings", "paint": {"fill-extrusion-color": paint}});
            Colouring::of_style(&json!({"version": 8, "layers": [layer]}), "buildings", &scheme)
        };
        let by_use = style(json!(["match", ["get", "use"], ["office", "public"], "#5fb3a1", "#dfe7ef"])).unwrap().unwrap();
        let class = |text: &str| by_use.class(Some(&Value::Text(text.into())));
        assert_eq!((class("public"), class("shed"), by_use.classes.len()), (1, 2, 2));
        let by_height = style(json!(["interpolate", ["linear"], ["get", "height"], 0, "#222", 100, "#eee"])).unwrap().unwrap();
        assert_eq!((by_height.class(Some(&number(49.0))), by_height.class(Some(&number(51.0)))), (1, 2));
        let steps = style(json!(["step", ["get", "height"], "#222", 30, "#888", 90, "#eee"])).unwrap().unwrap();
        assert_eq!(steps.class(Some(&number(30.0))), 2);
        assert_eq!(style(json!("#8899aa")).unwrap().unwrap().class(None), 1);
        assert!(style(json!("#ff4d45")).unwrap_err().contains("告警"));
        assert!(
            [json!(["rgb", 1, 2, 3]), json!(["match"]), json!(["interpolate", ["linear"], ["get", "height"]])]
                .into_iter()
                .all(|p| style(p).is_err())
        );
        assert_eq!(Colouring::of_style(&json!({"layers": []}), "buildings", &scheme), Ok(None));
    }
}
