//! Colours and widths, by night and by day.
//!
//! Colour belongs to state: red, orange, yellow and blue are alarm levels and nothing else.
//! Everything else is a tone of one cool grey. Colours are sRGB, as the wall composites them.

use super::{ClassColour, Mode, SERIES};
use crate::tiles::ROLE_STYLES;
use serde::Deserialize;

/// A scheme by its name in a scene file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SchemeName {
    /// Deep blue-black: for rooms with little light, all day.
    #[default]
    Night,
    /// Light grey: for bright rooms.
    Day,
}

/// How a style's lines and areas look.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LineStyle {
    /// Red, green, blue (sRGB) and opacity, 0 to 1.
    pub colour: [f32; 4],
    /// Width on the ground, metres.
    pub width_m: f32,
    /// Never narrower than this, in pixels at 1080 lines.
    pub width_px_min: f32,
    /// Never wider than this, in pixels at 1080 lines.
    pub width_px_max: f32,
    /// How fast it fades once it is narrower than its least width: 0 keeps it, 1 fades in proportion.
    pub fade: f32,
}

/// A scheme.
#[derive(Clone, Debug, PartialEq)]
pub struct Scheme {
    /// The ground outside the city.
    pub ground: [f32; 3],
    /// What distance fades into: the horizon.
    pub haze: [f32; 3],
    /// The sky high above.
    pub zenith: [f32; 3],
    /// A building's wall at its foot.
    pub wall_low: [f32; 3],
    /// A building's wall at its top.
    pub wall_high: [f32; 3],
    /// A roof.
    pub roof: [f32; 3],
    /// How much lighter the roofs of tall buildings are.
    pub roof_height: f32,
    /// True if light comes from the sun while it is up.
    pub has_sun: bool,
    /// The light along a building's edges, and its strength.
    pub edge: [f32; 4],
    /// How much the light at a building's foot adds.
    pub foot_glow: f32,
    /// How much faces differ by their direction.
    pub facing: f32,
    /// What the ground fades into where it turns away from the relief's sun, and how far at most.
    pub relief_shadow: [f32; 4],
    /// What it fades into where it faces that sun.
    pub relief_light: [f32; 4],
    /// The styles of the ground.
    pub styles: [LineStyle; ROLE_STYLES],
    /// Alarm levels: without a level, then 1 (red) to 4 (blue).
    pub levels: [[f32; 3]; 5],
    /// Things that stay where they are.
    pub things: [f32; 3],
    /// What moves.
    pub moving: [f32; 3],
    /// Groups that are no state, as far apart in lightness as in hue.
    pub series: [[f32; 3]; SERIES],
    /// From few to many: one hue, whose lightness alone tells.
    pub ramp: [[f32; 3]; 2],
    /// How light the roofs of coloured buildings are, a share of their class's colour.
    pub class_roof: f32,
    /// What flows along lines, and how strongly it is shown.
    pub flow: [f32; 4],
    /// Density: lightness alone tells more from less.
    pub heat: [f32; 3],
    /// Text.
    pub ink: [f32; 3],
    /// Text of less weight.
    pub ink_soft: [f32; 3],
    /// Text of least weight.
    pub ink_faint: [f32; 3],
    /// The plates under text, with their opacity.
    pub plate: [f32; 4],
    /// Hairlines on plates.
    pub rule: [f32; 4],
    /// Names on the ground.
    pub label: [f32; 4],
    /// What separates a name from the ground.
    pub label_shadow: [f32; 4],
}

const fn rgb(hex: u32) -> [f32; 3] {
    [((hex >> 16) & 0xff) as f32 / 255.0, ((hex >> 8) & 0xff) as f32 / 255.0, (hex & 0xff) as f32 / 255.0]
}

const fn rgba(hex: u32, a: f32) -> [f32; 4] {
    let [r, g, b] = rgb(hex);
    [r, g, b, a]
}

const fn line(hex: u32, alpha: f32, width_m: f32, px: (f32, f32), fade: f32) -> LineStyle {
    LineStyle { colour: rgba(hex, alpha), width_m, width_px_min: px.0, width_px_max: px.1, fade }
}

/// What an emergency leaves of the city's saturation, and of its light.
const EMERGENCY: (f32, f32) = (0.15, 0.55);
/// What a drill's paper adds to red, green and blue, and how much of the city's colour it covers.
const DRILL_TINT: [f32; 3] = [0.075, 0.02, 0.095];
const DRILL_SHARE: f32 = 0.85;
/// How light the paper is, a share of the city's light.
const DRILL_LIGHT: f32 = 0.86;

/// How light a colour looks (Rec. 709 luma).
fn luma(c: [f32; 3]) -> f32 {
    0.2126 * c[0] + 0.7152 * c[1] + 0.0722 * c[2]
}

impl Scheme {
    /// The scheme of a name, as a mode has it.
    #[must_use]
    pub fn of(name: SchemeName, mode: Mode) -> Self {
        let own = match name {
            SchemeName::Night => Self::night(),
            SchemeName::Day => Self::day(),
        };
        match mode {
            Mode::Ordinary => own,
            Mode::Emergency => own.emergency(),
            Mode::Drill => own.drill(),
        }
    }

    /// In an emergency the city steps back, without a colour of its own: what carries light are alarms, who
    /// responds, and the stage.
    fn emergency(self) -> Self {
        let moving = self.ink;
        let back = |c: [f32; 3]| {
            let grey = luma(c);
            c.map(|v| (grey + (v - grey) * EMERGENCY.0) * EMERGENCY.1)
        };
        let mut scheme = self.with_city(back);
        scheme.moving = moving;
        scheme.things = moving;
        if luma(scheme.roof) > luma(scheme.wall_low) {
            scheme.roof = scheme.wall_low;
        }
        scheme.foot_glow *= 0.4;
        scheme.edge[3] *= 0.6;
        scheme
    }

    /// In a drill the city is a drawing on tinted paper, flat and with strong edges: it is never taken for the
    /// city itself.
    fn drill(self) -> Self {
        let tinted = |c: [f32; 3]| {
            let grey = luma(c);
            // What is light has no room for more: it is darkened first.
            let paper = DRILL_TINT.map(|tint| (grey * DRILL_LIGHT + tint).clamp(0.0, 1.0));
            std::array::from_fn(|k| c[k] + (paper[k] - c[k]) * DRILL_SHARE)
        };
        let mut scheme = self.with_city(tinted);
        scheme.wall_high = scheme.wall_low;
        scheme.foot_glow = 0.0;
        scheme.edge[3] = 1.0;
        scheme
    }

    /// The same with other colours of ground, sky, buildings and names.
    fn with_city(mut self, change: impl Fn([f32; 3]) -> [f32; 3]) -> Self {
        let three = [&mut self.ground, &mut self.haze, &mut self.zenith, &mut self.wall_low, &mut self.wall_high, &mut self.roof];
        three.into_iter().for_each(|colour| *colour = change(*colour));
        let four =
            [&mut self.edge, &mut self.flow, &mut self.relief_shadow, &mut self.relief_light, &mut self.label, &mut self.label_shadow];
        for colour in four.into_iter().chain(self.styles.iter_mut().map(|style| &mut style.colour)) {
            let [r, g, b] = change([colour[0], colour[1], colour[2]]);
            *colour = [r, g, b, colour[3]];
        }
        self
    }

    /// The colour of a class of buildings.
    #[must_use]
    pub fn class(&self, colour: ClassColour) -> [f32; 3] {
        match colour {
            ClassColour::Series(at) => self.series[at % SERIES],
            ClassColour::Ramp(share) => std::array::from_fn(|k| self.ramp[0][k] + (self.ramp[1][k] - self.ramp[0][k]) * share),
            ClassColour::Own(own) => own,
        }
    }

    /// A style's row.
    #[cfg(test)]
    fn style(&self, id: u8) -> LineStyle {
        self.styles[usize::from(id)]
    }

    fn night() -> Self {
        Self {
            ground: rgb(0x05080f),
            haze: rgb(0x101b2d),
            zenith: rgb(0x05080f),
            wall_low: rgb(0x33425a),
            wall_high: rgb(0x1d2838),
            roof: rgb(0x161f2d),
            roof_height: 0.85,
            has_sun: false,
            edge: rgba(0xaebfd4, 0.50),
            foot_glow: 0.42,
            facing: 0.42,
            relief_shadow: rgba(0x02040a, 0.85),
            relief_light: rgba(0x3a5274, 0.62),
            styles: [
                line(0x0b1422, 1.0, 0.0, (0.0, 0.0), 0.0),
                line(0x0a1820, 1.0, 0.0, (0.0, 0.0), 0.0),
                line(0x040a15, 1.0, 0.0, (0.0, 0.0), 0.0),
                line(0x1d3a5c, 0.75, 3.0, (1.0, 1.6), 0.25),
                line(0x3a516f, 0.40, 4.0, (1.0, 1.2), 0.6),
                line(0x33485f, 0.45, 2.0, (0.9, 1.2), 0.6),
                line(0x3c516c, 0.55, 5.0, (1.0, 2.5), 0.6),
                line(0x33465f, 0.50, 2.5, (0.8, 3.0), 1.0),
                line(0x46566c, 0.75, 5.0, (0.9, 6.0), 0.80),
                line(0x66788f, 0.85, 7.0, (1.0, 7.0), 0.60),
                line(0x8d9bad, 0.90, 9.0, (1.1, 8.0), 0.40),
                line(0xb9c2cc, 0.92, 11.0, (1.4, 9.0), 0.20),
                line(0x7fa0c4, 0.55, 10.0, (1.4, 2.0), 0.0),
                line(0xe9f0f8, 0.95, 1.0, (2.6, 2.6), 0.0),
                line(0xe9f0f8, 0.14, 0.0, (0.0, 0.0), 0.0),
                line(0x4e7f86, 0.80, 4.0, (1.3, 4.0), 0.4),
            ],
            levels: [rgb(0xc3cfdd), rgb(0xff4d45), rgb(0xff962e), rgb(0xf7d23e), rgb(0x3f8cff)],
            things: rgb(0x9fb6c9),
            moving: rgb(0xe9f0f8),
            series: [rgb(0x5fb3a1), rgb(0xa99bd6), rgb(0xdfe7ef), rgb(0x6f8296), rgb(0xc79cb8), rgb(0x8fae7a)],
            ramp: [rgb(0x2b4a54), rgb(0xd6f0e8)],
            class_roof: 0.80,
            flow: rgba(0xe4f1f6, 0.90),
            heat: rgb(0xd9cfe8),
            ink: rgb(0xe9f0f8),
            ink_soft: rgb(0xa9bacd),
            ink_faint: rgb(0x7186a0),
            plate: rgba(0x070c16, 0.95),
            rule: rgba(0x8fb0d6, 0.16),
            label: rgba(0xbcd0e6, 0.86),
            label_shadow: rgba(0x03060c, 0.85),
        }
    }

    fn day() -> Self {
        Self {
            ground: rgb(0xdfe4e9),
            haze: rgb(0xeef2f6),
            zenith: rgb(0xd3e0ee),
            wall_low: rgb(0xb9c1cb),
            wall_high: rgb(0xd6dbe2),
            roof: rgb(0xfafbfd),
            roof_height: 0.26,
            has_sun: true,
            edge: rgba(0x8d98a6, 0.55),
            foot_glow: -0.10,
            facing: 0.30,
            relief_shadow: rgba(0x64778f, 0.62),
            relief_light: rgba(0xffffff, 0.55),
            styles: [
                line(0xe9edf1, 1.0, 0.0, (0.0, 0.0), 0.0),
                line(0xd7e4d6, 1.0, 0.0, (0.0, 0.0), 0.0),
                line(0xb9cfe2, 1.0, 0.0, (0.0, 0.0), 0.0),
                line(0x93b0c9, 0.80, 3.0, (1.0, 1.6), 0.25),
                line(0x98a4b2, 0.55, 4.0, (1.0, 1.2), 0.6),
                line(0xa3aebb, 0.55, 2.0, (0.9, 1.2), 0.6),
                line(0x9aa4b0, 0.70, 5.0, (1.0, 2.5), 0.6),
                line(0xc8ced6, 0.80, 3.0, (0.8, 4.0), 1.0),
                line(0xffffff, 0.85, 7.0, (0.9, 9.0), 0.85),
                line(0xffffff, 0.95, 11.0, (1.1, 13.0), 0.5),
                line(0xffffff, 1.0, 16.0, (1.5, 18.0), 0.3),
                line(0xf7f3e8, 1.0, 24.0, (2.0, 24.0), 0.1),
                line(0x5f7590, 0.80, 10.0, (1.5, 2.4), 0.0),
                line(0x142033, 0.95, 1.0, (2.6, 2.6), 0.0),
                line(0x142033, 0.12, 0.0, (0.0, 0.0), 0.0),
                line(0x5b8d92, 0.90, 4.0, (1.5, 4.0), 0.4),
            ],
            levels: [rgb(0x5b6878), rgb(0xd4261f), rgb(0xe06a00), rgb(0xd9a800), rgb(0x1c62d6)],
            things: rgb(0x44566c),
            moving: rgb(0x142033),
            series: [rgb(0x2a8573), rgb(0x6a57a5), rgb(0x2b3c52), rgb(0x8a98a8), rgb(0x94567f), rgb(0x5f7f45)],
            ramp: [rgb(0xcadbd6), rgb(0x1d5a50)],
            class_roof: 1.05,
            flow: rgba(0x1f4757, 0.85),
            heat: rgb(0x5b4a78),
            ink: rgb(0x142033),
            ink_soft: rgb(0x41526a),
            ink_faint: rgb(0x6b7a8e),
            plate: rgba(0xf8fafc, 0.95),
            rule: rgba(0x24405f, 0.16),
            label: rgba(0x22364f, 0.88),
            label_shadow: rgba(0xf4f7fa, 0.9),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// WCAG 2.2 relative luminance.
    fn luminance(c: [f32; 3]) -> f32 {
        let l = c.map(|v| if v <= 0.04045 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) });
        0.2126 * l[0] + 0.7152 * l[1] + 0.0722 * l[2]
    }

    fn contrast(a: [f32; 3], b: [f32; 3]) -> f32 {
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    const NAMES: [SchemeName; 2] = [SchemeName::Night, SchemeName::Day];
    const MODES: [Mode; 3] = [Mode::Ordinary, Mode::Emergency, Mode::Drill];

    fn every() -> impl Iterator<Item = Scheme> {
        NAMES.into_iter().flat_map(|name| MODES.map(|mode| Scheme::of(name, mode)))
    }

    #[test]
    fn a_mode_is_told_by_the_ground_alone_and_levels_stay_what_they_are() {
        for name in NAMES {
            let [ordinary, emergency, drill] = MODES.map(|mode| Scheme::of(name, mode));
            let tint = |scheme: &Scheme| {
                let land = scheme.style(0).colour;
                land[0] - land[1]
            };
            let light = |scheme: &Scheme| luma(scheme.roof) + luma(scheme.ground);
            assert!(light(&emergency) < 0.7 * light(&ordinary), "an emergency is darker");
            assert!(tint(&drill) > tint(&ordinary) + 0.04 && tint(&drill) > tint(&emergency) + 0.04, "a drill has another hue");
            assert!(emergency.levels == ordinary.levels && drill.levels == ordinary.levels);
        }
    }

    #[test]
    fn text_stands_out_from_its_plate_by_day_and_by_night() {
        for scheme in every() {
            let plate = [scheme.plate[0], scheme.plate[1], scheme.plate[2]];
            assert!(contrast(scheme.ink, plate) > 10.0);
            assert!(contrast(scheme.ink_soft, plate) > 7.0);
            assert!(contrast(scheme.ink_faint, plate) > 4.0);
        }
    }

    #[test]
    fn only_alarms_are_saturated() {
        let saturation = |c: [f32; 3]| {
            let (max, min) = (c[0].max(c[1]).max(c[2]), c[0].min(c[1]).min(c[2]));
            max - min
        };
        for scheme in every() {
            assert!(scheme.levels[1..].iter().all(|c| saturation(*c) > 0.6));
            assert!(scheme.series.iter().all(|c| saturation(*c) < 0.40));
            assert!(scheme.styles.iter().all(|s| saturation([s.colour[0], s.colour[1], s.colour[2]]) < 0.32));
        }
    }

    #[test]
    fn water_is_darker_than_land_by_night() {
        let scheme = Scheme::of(SchemeName::Night, Mode::Ordinary);
        let style = |id| {
            let c = scheme.style(id).colour;
            luminance([c[0], c[1], c[2]])
        };
        assert!(style(2) < style(0));
    }
}
