//! What every part of the interface is made of: text and plates in the colours of the scheme.

use super::{
    content::Tone,
    style::{FontFaces, ink, ink_alpha, text},
};
use crate::scene::Scheme;
use bevy::prelude::*;

/// The scheme and the faces.
pub struct Kit<'a> {
    pub faces: &'a FontFaces,
    pub scheme: &'a Scheme,
}

impl Kit<'_> {
    /// Text of a size in pixels at 1080 lines.
    pub fn text(&self, content: &str, size: f32, bold: bool, colour: Color) -> impl Bundle + use<> {
        text(self.faces, content, size, bold, colour)
    }

    /// The strongest text.
    pub fn ink(&self) -> Color {
        ink(self.scheme.ink)
    }

    /// Text of less weight.
    pub fn soft(&self) -> Color {
        ink(self.scheme.ink_soft)
    }

    /// Text of least weight.
    pub fn faint(&self) -> Color {
        ink(self.scheme.ink_faint)
    }

    /// A hairline.
    pub fn rule(&self) -> Color {
        ink_alpha(self.scheme.rule)
    }

    /// The colour of a mark.
    pub fn tone(&self, tone: Tone) -> Color {
        ink(match tone {
            Tone::Level(level) => self.scheme.levels[level],
            Tone::Series(i) => self.scheme.series[i % self.scheme.series.len()],
            Tone::Thing => self.scheme.things,
            Tone::Moving => self.scheme.moving,
            Tone::Class(colour) => self.scheme.class(colour),
        })
    }

    /// A plate under text.
    pub fn plate(&self) -> impl Bundle + use<> {
        (BackgroundColor(ink_alpha(self.scheme.plate)), BorderColor::all(self.rule()))
    }
}
