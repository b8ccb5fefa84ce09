//! The panels of a scene: what each shows, and the query that it is bound to.

use super::Mode;
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;

/// A side of the wall.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Left.
    Left,
    /// Right.
    Right,
}

/// What a panel shows.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq, Hash)]
#[serde(rename_all = "snake_case")]
pub enum PanelKind {
    /// How many incidents are open, by level.
    Levels,
    /// How many items the city's collections have.
    Collections,
    /// The newest and gravest open incidents of the scene; a click flies there.
    Events,
    /// One number, with the share of a whole if `of` is given, and its course if `hours` is.
    Figure,
    /// The course of an incident collection over `hours`, by the hour.
    Trend,
    /// Groups, the largest first, with bars.
    Ranking,
    /// Groups as shares of a ring.
    Ring,
    /// Items with the columns that are asked for.
    Table,
    /// The newest incidents of the scene in one line, one after the other.
    Ticker,
    /// What the scene's markers and colours mean.
    Legend,
    /// What the cameras nearest to the middle of the picture see.
    Camera,
    /// The whole city, small, with its incidents and the part that is on the wall.
    Inset,
    /// A text.
    Text,
}

/// A group by a value of a property.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// The property's value.
    pub value: String,
    /// What it is called; the value itself if absent.
    pub title: Option<String>,
}

impl Group {
    /// What it is called.
    #[must_use]
    pub fn name(&self) -> &str {
        self.title.as_deref().unwrap_or(&self.value)
    }
}

/// A panel of a scene.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct ScenePanel {
    /// What it shows.
    pub kind: PanelKind,
    /// On which side.
    pub side: Side,
    /// Its heading; the kind's own if absent.
    pub title: Option<String>,
    /// The collection that it counts or lists.
    pub collection: Option<String>,
    /// Only items with these properties count (equality).
    #[serde(default, rename = "where")]
    pub filter: BTreeMap<String, String>,
    /// Of a figure: the whole of which it is a share, by the properties of its items; `{}` is all.
    pub of: Option<BTreeMap<String, String>>,
    /// The property whose values make the groups; `district` of incidents is the area that they lie in. Of events
    /// `time`: the newest come first, instead of the gravest. Of a table the property by which its rows are sorted,
    /// with `-` before it from the greatest down.
    pub by: Option<String>,
    /// The groups; those that occur if absent (of incidents only).
    #[serde(default)]
    pub groups: Vec<Group>,
    /// Of a table: the properties that are its columns, with their headings.
    #[serde(default)]
    pub columns: Vec<Group>,
    /// The unit of its numbers.
    #[serde(default)]
    pub unit: String,
    /// Rows, at most.
    pub rows: Option<usize>,
    /// Hours of a course.
    pub hours: Option<u32>,
    /// Of a text: the text.
    pub text: Option<String>,
    /// The modes in which it is shown. If absent, all of them for what tells of events and of the place
    /// (levels, events, ticker, camera, legend, inset); the others give room to these in an emergency.
    pub modes: Option<Vec<Mode>>,
}

impl ScenePanel {
    /// A panel of a kind without a query of its own.
    #[must_use]
    pub fn plain(kind: PanelKind, side: Side) -> Self {
        Self {
            kind,
            side,
            title: None,
            collection: None,
            filter: BTreeMap::new(),
            of: None,
            by: None,
            groups: Vec::new(),
            columns: Vec::new(),
            unit: String::new(),
            rows: None,
            hours: None,
            text: None,
            modes: None,
        }
    }

    /// The panel as a mode shows it; `None` if that mode leaves it out. In an emergency a list of events is
    /// longer.
    #[must_use]
    pub fn in_mode(mut self, mode: Mode) -> Option<Self> {
        use PanelKind as K;
        let is_about_events = matches!(self.kind, K::Levels | K::Events | K::Ticker | K::Camera | K::Legend | K::Inset);
        let is_shown = self.modes.as_ref().map_or(mode != Mode::Emergency || is_about_events, |modes| modes.contains(&mode));
        if mode == Mode::Emergency && self.kind == K::Events {
            self.rows = Some((self.rows.unwrap_or(EVENT_ROWS) + EMERGENCY_ROWS).min(ROWS_MAX));
        }
        is_shown.then_some(self)
    }

    /// Its heading.
    #[must_use]
    pub fn heading(&self) -> &str {
        self.title.as_deref().unwrap_or(match self.kind {
            PanelKind::Levels => "未结事件",
            PanelKind::Collections => "城市要素",
            PanelKind::Events => "事件列表",
            PanelKind::Figure => "指标",
            PanelKind::Trend => "趋势",
            PanelKind::Ranking => "排行",
            PanelKind::Ring => "构成",
            PanelKind::Table => "列表",
            PanelKind::Ticker => "最新",
            PanelKind::Legend => "图例",
            PanelKind::Camera => "现场画面",
            PanelKind::Inset => "全市",
            PanelKind::Text => "说明",
        })
    }

    /// What is wrong with it, if something is.
    #[must_use]
    pub fn fault(&self) -> Option<String> {
        use PanelKind as K;
        let needs = |key: &str, there: bool| (!there).then(|| format!("a {} panel needs `{key}`", self.word()));
        let collection = self.collection.is_some();
        match self.kind {
            K::Figure => needs("collection", collection),
            K::Trend => needs("collection", collection).or_else(|| needs("hours", self.hours.is_some())),
            K::Ranking | K::Ring => needs("collection", collection).or_else(|| needs("by", self.by.is_some())),
            K::Table => needs("collection", collection).or_else(|| needs("columns", !self.columns.is_empty())),
            K::Text => needs("text", self.text.is_some()),
            _ => None,
        }
        .or_else(|| self.rows.filter(|r| !(1..=ROWS_MAX).contains(r)).map(|_| format!("rows must be 1 to {ROWS_MAX}")))
        .or_else(|| self.hours.filter(|h| !(2..=HOURS_MAX).contains(h)).map(|_| format!("hours must be 2 to {HOURS_MAX}")))
        .or_else(|| (self.groups.len() > GROUPS_MAX).then(|| format!("at most {GROUPS_MAX} groups")))
    }

    /// Its kind, as scene files have it.
    #[must_use]
    pub fn word(&self) -> String {
        format!("{:?}", self.kind).to_lowercase()
    }
}

/// Rows of a list of events that does not say how many.
pub const EVENT_ROWS: usize = 6;
/// Rows that it has more in an emergency.
pub const EMERGENCY_ROWS: usize = 2;
/// Rows of a panel, at most.
pub const ROWS_MAX: usize = 12;
/// Hours of a course, at most.
pub const HOURS_MAX: u32 = 72;
/// Groups of a panel, at most: each is a query.
pub const GROUPS_MAX: usize = 16;
