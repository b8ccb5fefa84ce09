//! A rule as a document: what it watches, when, and which alarm it raises.
//!
//! The document is the properties of an item of a rules collection. Unknown members are refused,
//! so that a rule never does less than it seems to say.

use crate::watch::WINDOWS_KEPT;
use citywall_model::{CollectionId, Properties};
use jiff::civil::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Longest id of a rule, in bytes: alarms carry it in theirs.
pub const RULE_ID_BYTES_MAX: usize = 100;
/// Longest time that a rule may look back or wait, in seconds.
pub const RULE_SECONDS_MAX: f64 = 7.0 * 24.0 * 3600.0;
/// Most events that a rate rule counts.
pub const RATE_COUNT_MAX: u32 = 10_000;
/// Largest circle around a moving object, in metres.
pub const NEAR_METRES_MAX: f64 = 50_000.0;

/// A rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleDocument {
    /// What it is called; its alarms are called the same.
    pub title: String,
    /// The level of its alarms: 1 red, 2 orange, 3 yellow, 4 blue.
    pub level: u8,
    /// False to keep the rule without applying it.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// The live collection whose items it watches.
    #[schemars(with = "String")]
    pub collection: CollectionId,
    /// A CQL2 filter, as text or JSON: items of which it does not hold are as if they were not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<Value>,
    /// When it is on; always without it. What began before and still goes on when its hours begin is found then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hours: Option<Hours>,
    /// What raises the alarm.
    pub when: When,
    /// Anything for people: who wrote it and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// True if the rule belongs to generated data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generated: Option<bool>,
    /// `open`, or `removed` for a rule that was deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
}

fn yes() -> bool {
    true
}

/// A window of time, in the city's zone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Hours {
    /// The first minute of the day, such as `22:00`.
    #[schemars(with = "String")]
    pub from: Time,
    /// The minute at which it is over; earlier than `from` means the next day.
    #[schemars(with = "String")]
    pub to: Time,
    /// The days on which it begins, 1 Monday to 7 Sunday; every day without it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub days: Vec<i8>,
}

/// What raises an alarm.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum When {
    /// An item does something to one of many polygons.
    Fence(FenceWhen),
    /// An item comes near one that moves.
    Near(NearWhen),
    /// A number passes a threshold.
    Threshold(ThresholdWhen),
    /// Many items open in an area in a short time.
    Rate(RateWhen),
    /// An item is not heard of.
    Silence(SilenceWhen),
}

/// An item does something to one of many polygons.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FenceWhen {
    /// The collection of the polygons: a layer, or a live one.
    #[schemars(with = "String")]
    pub fences: CollectionId,
    /// The ids of those that count; all without it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ids: Vec<String>,
    /// What raises the alarm.
    pub on: Vec<FenceEvent>,
    /// How long the item must dwell or be absent, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_s: Option<f64>,
    /// The least and the greatest `altitude` of an item that the fence holds, in metres; one
    /// without an altitude is then outside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub altitude_m: Option<[f64; 2]>,
}

/// What an item does to a fence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FenceEvent {
    /// It comes in.
    Enter,
    /// It goes out.
    Exit,
    /// It passes through between two places outside.
    Cross,
    /// It is in: as entering, but also for those that are in when the rule begins.
    Inside,
    /// It stays in for `after_s`.
    Dwell,
    /// It went out and does not come back for `after_s`.
    Absent,
}

/// An item comes near one that moves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NearWhen {
    /// The collection of the others; it may be the rule's own.
    #[schemars(with = "String")]
    pub to: CollectionId,
    /// The greatest distance, in metres on the globe.
    pub within_m: f64,
}

/// A number passes a threshold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ThresholdWhen {
    /// The property that is the number; `result` is an observation's.
    pub property: String,
    /// The alarm begins above this. Give this or `below`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub above: Option<f64>,
    /// The alarm begins below this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub below: Option<f64>,
    /// The alarm ends once the number is back at this: less than `above`, or greater than
    /// `below`. Without it, once the threshold is no longer passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<f64>,
    /// How long the threshold must be passed without a break, in seconds.
    #[serde(default)]
    pub hold_s: f64,
}

/// Many items open in an area in a short time. Each counts once, at its own time, also if it is
/// reported late; one that comes more than `within_s` after the latest one counts no more.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RateWhen {
    /// How many.
    pub count: u32,
    /// In how many seconds, by the time at which they happened.
    pub within_s: f64,
    /// The level of the areas that are counted apart: `district`, `street`, `community` or
    /// `grid`; the whole city without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per: Option<String>,
}

/// An item is not heard of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SilenceWhen {
    /// For how many seconds.
    pub after_s: f64,
}

/// Why a document is no rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{member}: {reason}")]
pub struct RuleError {
    /// The member that is wrong.
    pub member: String,
    /// What is wrong, and what was expected.
    pub reason: String,
}

impl RuleError {
    /// An error of one member.
    pub fn new(member: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { member: member.into(), reason: reason.into() }
    }
}

impl RuleDocument {
    /// Reads and checks the properties of a rule's item.
    ///
    /// # Errors
    /// A member is unknown, missing, or makes no sense; it is named.
    pub fn read(properties: &Properties) -> Result<Self, RuleError> {
        let document: Self = serde_json::from_value(Value::Object(properties.clone())).map_err(|error| {
            // serde names the member in quotes; what it says is enough for a person.
            RuleError::new("rule", error.to_string())
        })?;
        document.check()?;
        Ok(document)
    }

    fn check(&self) -> Result<(), RuleError> {
        let wrong = |member: &str, reason: String| Err(RuleError::new(member, reason));
        let seconds = |member: &str, value: f64, least: f64| {
            if value.is_finite() && (least..=RULE_SECONDS_MAX).contains(&value) {
                Ok(())
            } else {
                Err(RuleError::new(member, format!("must be {least} to RULE_SECONDS_MAX ({RULE_SECONDS_MAX}) seconds")))
            }
        };
        if self.title.trim().is_empty() || self.title.len() > 512 {
            return wrong("title", "needs 1 to 512 bytes".to_owned());
        }
        if !(1..=4).contains(&self.level) {
            return wrong("level", "must be 1 (red), 2 (orange), 3 (yellow) or 4 (blue)".to_owned());
        }
        if self.hours.as_ref().is_some_and(|hours| hours.days.iter().any(|day| !(1..=7).contains(day))) {
            return wrong("hours.days", "must be 1 (Monday) to 7 (Sunday)".to_owned());
        }
        match &self.when {
            When::Fence(fence) => {
                if fence.on.is_empty() {
                    return wrong("when.on", "names no event: enter, exit, cross, inside, dwell or absent".to_owned());
                }
                let waits = fence.on.iter().any(|on| matches!(on, FenceEvent::Dwell | FenceEvent::Absent));
                match fence.after_s {
                    Some(after_s) => seconds("when.after_s", after_s, 1.0)?,
                    None if waits => return wrong("when.after_s", "is missing: dwell and absent need it".to_owned()),
                    None => {}
                }
                if fence.altitude_m.is_some_and(|[low, high]| !(low.is_finite() && high.is_finite() && low <= high)) {
                    return wrong("when.altitude_m", "must be two numbers, the lower one first".to_owned());
                }
            }
            When::Near(near) if !(near.within_m > 0.0 && near.within_m <= NEAR_METRES_MAX) => {
                return wrong("when.within_m", format!("must be greater than 0, at most NEAR_METRES_MAX ({NEAR_METRES_MAX})"));
            }
            When::Near(_) => {}
            When::Threshold(threshold) => {
                if threshold.property.is_empty() {
                    return wrong("when.property", "is empty".to_owned());
                }
                let ends_at = threshold.ends_at;
                match (threshold.above, threshold.below) {
                    (Some(above), None) if ends_at.is_some_and(|ends_at| ends_at > above) => {
                        return wrong("when.ends_at", format!("must not be greater than above ({above})"));
                    }
                    (None, Some(below)) if ends_at.is_some_and(|ends_at| ends_at < below) => {
                        return wrong("when.ends_at", format!("must not be less than below ({below})"));
                    }
                    (Some(_), None) | (None, Some(_)) => {}
                    _ => return wrong("when.above", "give either above or below".to_owned()),
                }
                seconds("when.hold_s", threshold.hold_s, 0.0)?;
            }
            When::Rate(rate) => {
                if !(1..=RATE_COUNT_MAX).contains(&rate.count) {
                    return wrong("when.count", format!("must be 1 to RATE_COUNT_MAX ({RATE_COUNT_MAX})"));
                }
                seconds("when.within_s", rate.within_s, 1.0)?;
                if let Some(per) = &rate.per
                    && !citywall_model::AREA_PROPERTIES.contains(&per.as_str())
                {
                    return wrong("when.per", format!("must be one of {}", citywall_model::AREA_PROPERTIES.join(", ")));
                }
            }
            When::Silence(silence) => seconds("when.after_s", silence.after_s, 1.0)?,
        }
        Ok(())
    }

    /// How far back the rule looks: what must be known of the past for it to go on after a start, in seconds.
    #[must_use]
    pub fn look_back_s(&self) -> f64 {
        match &self.when {
            When::Fence(fence) => fence.after_s.unwrap_or(0.0),
            When::Threshold(threshold) => threshold.hold_s,
            When::Rate(rate) => rate.within_s * WINDOWS_KEPT,
            When::Silence(_) | When::Near(_) => 0.0,
        }
    }
}
