//! What is drawn on the wall from the console.

use serde::Deserialize;

/// Drawings of a wall, at most.
pub const DRAWINGS_MAX: usize = 100;
/// Points of a drawing, at most.
const POINTS_MAX: usize = 200;
/// Characters of a drawing's text, at most.
const TEXT_CHARS_MAX: usize = 60;
/// Largest radius of a circle, metres.
const RADIUS_MAX_M: f64 = 200_000.0;

/// What a drawing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DrawingKind {
    /// A line through its points.
    Line,
    /// The area that its points enclose.
    Area,
    /// A line whose last point is a head.
    Arrow,
    /// A text at its first point.
    Note,
    /// A circle around its first point.
    Circle,
}

/// A drawing.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Drawing {
    /// Tells it from the others.
    pub id: String,
    /// What it is.
    pub kind: DrawingKind,
    /// Longitude, latitude in degrees.
    pub points: Vec<(f64, f64)>,
    /// What is written beside it.
    #[serde(default)]
    pub text: String,
    /// A circle's radius, metres.
    #[serde(default)]
    pub radius_m: f64,
}

impl Drawing {
    /// What is wrong with it, if something is.
    #[must_use]
    pub fn fault(&self) -> Option<String> {
        let least = match self.kind {
            DrawingKind::Line | DrawingKind::Arrow => 2,
            DrawingKind::Area => 3,
            DrawingKind::Note | DrawingKind::Circle => 1,
        };
        let is_place = |p: &(f64, f64)| p.0.abs() <= 180.0 && p.1.abs() <= 85.0;
        if !(least..=POINTS_MAX).contains(&self.points.len()) || !self.points.iter().all(is_place) {
            return Some(format!("要有 {least} 到 {POINTS_MAX} 个点，以度为单位"));
        }
        if self.kind == DrawingKind::Circle && !(self.radius_m > 0.0 && self.radius_m <= RADIUS_MAX_M) {
            return Some(format!("radius_m 要大于 0，不超过 {RADIUS_MAX_M}"));
        }
        (self.text.chars().count() > TEXT_CHARS_MAX).then(|| format!("文字不超过 {TEXT_CHARS_MAX} 个字"))
    }

    /// What is written beside it: a circle's radius, and its text.
    #[must_use]
    pub fn label(&self) -> String {
        let radius = (self.kind == DrawingKind::Circle).then(|| match self.radius_m {
            r if r < 1000.0 => format!("{r:.0} 米"),
            r => format!("{:.2} 公里", r / 1000.0),
        });
        radius.into_iter().chain(Some(self.text.clone()).filter(|t| !t.trim().is_empty())).collect::<Vec<_>>().join(" · ")
    }
}
