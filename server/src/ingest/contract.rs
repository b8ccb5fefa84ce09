//! What the items of a collection must be: its classes and its typed properties.

use super::refusal::{Reason, Refusal};
use crate::config::{LiveConfig, PropertyConfig, PropertyKind};
use citywall_model::EventDraft;
use rustc_hash::FxHashSet;
use serde_json::Value;

/// What a collection asks of its items, besides what every collection asks.
pub struct Contract {
    /// `None` if any class will do.
    classes: Option<FxHashSet<String>>,
    properties: Vec<(String, PropertyConfig)>,
}

impl Contract {
    /// The contract of a checked configuration.
    pub fn new(live: &LiveConfig) -> Self {
        Self {
            classes: (!live.classes.is_empty()).then(|| live.classes.iter().cloned().collect()),
            properties: live.properties.iter().map(|(name, property)| (name.clone(), property.clone())).collect(),
        }
    }

    /// Checks a record. `is_known` tells whether the item is there already: only a new one must
    /// name everything. O(properties of the contract).
    pub fn check(&self, draft: &EventDraft, is_known: impl FnOnce() -> bool) -> Result<(), Refusal> {
        if let (Some(classes), Some(class)) = (&self.classes, draft.properties.get("class"))
            && !class.is_null()
            && !class.as_str().is_some_and(|class| classes.contains(class))
        {
            let class: String = class.to_string().chars().take(100).collect();
            return Err(Refusal::new(
                Reason::UnknownClass,
                format!("class: {class} is not one of the collection's {} classes", classes.len()),
            ));
        }
        let mut missing = None;
        for (name, property) in &self.properties {
            match draft.properties.get(name) {
                None if property.required => missing = Some(name),
                None => {}
                Some(Value::Null) if property.required => return Err(wrong(name, "every item must have it")),
                Some(Value::Null) => {}
                Some(value) => check(name, property, value)?,
            }
        }
        match missing {
            Some(name) if !is_known() => Err(wrong(name, "is missing: a new item needs it")),
            _ => Ok(()),
        }
    }
}

fn wrong(name: &str, detail: impl std::fmt::Display) -> Refusal {
    Refusal::new(Reason::Property, format!("{name}: {detail}"))
}

fn check(name: &str, property: &PropertyConfig, value: &Value) -> Result<(), Refusal> {
    let (is, expected) = match property.kind {
        PropertyKind::String => (value.is_string(), "text"),
        PropertyKind::Number => (value.is_number(), "a number"),
        PropertyKind::Integer => (value.is_i64() || value.is_u64(), "a whole number"),
        PropertyKind::Boolean => (value.is_boolean(), "true or false"),
        PropertyKind::Array => (value.is_array(), "an array"),
        PropertyKind::Object => (value.is_object(), "an object"),
        PropertyKind::Any => (true, "anything"),
    };
    if !is {
        return Err(wrong(name, format!("must be {expected}")));
    }
    if let Some(text) = value.as_str()
        && !property.values.is_empty()
        && !property.values.iter().any(|known| known == text)
    {
        return Err(wrong(name, format!("must be one of {}", property.values.join(", "))));
    }
    if let Some(number) = value.as_f64() {
        if let Some(min) = property.min.filter(|min| number < *min) {
            return Err(wrong(name, format!("{number} is less than {min}")));
        }
        if let Some(max) = property.max.filter(|max| number > *max) {
            return Err(wrong(name, format!("{number} is greater than {max}")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    fn contract() -> Contract {
        let live = r#"
            id = "cases"
            kind = "incidents"
            title = { zh = "案件", en = "Cases" }
            classes = ["s:1", "s:2"]
            [properties]
            kind = { type = "string", required = true, values = ["a", "b"] }
            depth_cm = { type = "number", min = 0, max = 500 }
        "#;
        Contract::new(&toml::from_str(live).unwrap())
    }

    fn check(properties: Value, known: bool) -> Result<(), Reason> {
        let properties = properties.as_object().cloned().unwrap();
        let draft = EventDraft { id: "e".to_owned(), source: None, time: None, geometry: None, properties };
        contract().check(&draft, || known).map_err(|refusal| refusal.reason)
    }

    #[test]
    fn a_record_must_be_what_its_collection_says() {
        assert_eq!(check(json!({"class": "s:1", "kind": "a", "depth_cm": 3.5, "free": [1]}), false), Ok(()));
        assert_eq!(check(json!({"kind": "a"}), false), Ok(()));
        assert_eq!(check(json!({"class": "s:3", "kind": "a"}), false), Err(Reason::UnknownClass));
        assert_eq!(check(json!({"class": 3, "kind": "a"}), false), Err(Reason::UnknownClass));
        for bad in [
            json!({}),
            json!({"kind": null}),
            json!({"kind": "c"}),
            json!({"kind": 1}),
            json!({"kind": "a", "depth_cm": "3"}),
            json!({"kind": "a", "depth_cm": -1}),
            json!({"kind": "a", "depth_cm": 501}),
        ] {
            assert_eq!(check(bad.clone(), false), Err(Reason::Property), "{bad}");
        }
    }

    #[test]
    fn an_update_need_not_name_what_the_item_has() {
        assert_eq!(check(json!({"status": "cleared"}), true), Ok(()));
        assert_eq!(check(json!({"kind": null}), true), Err(Reason::Property));
    }
}
