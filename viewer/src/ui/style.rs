//! Type and colour of the interface.

use crate::city::PictureSize;
use bevy::{prelude::*, text::FontSmoothing};

/// The two weights that the wall uses.
#[derive(Resource, Clone)]
pub struct FontFaces {
    /// For text.
    pub regular: Handle<Font>,
    /// For titles and figures.
    pub bold: Handle<Font>,
}

/// Noto Sans SC, see `assets/fonts/OFL.txt`. All figures of the face have one width.
const REGULAR: &[u8] = include_bytes!("../../assets/fonts/NotoSansSC-Regular.otf");
const BOLD: &[u8] = include_bytes!("../../assets/fonts/NotoSansSC-Bold.otf");

pub(super) fn load_fonts(mut commands: Commands, mut fonts: ResMut<Assets<Font>>) {
    let faces = FontFaces { regular: fonts.add(Font::from_bytes(REGULAR.to_vec())), bold: fonts.add(Font::from_bytes(BOLD.to_vec())) };
    commands.insert_resource(faces);
}

/// The interface is laid out for 1080 lines and grows with the picture.
pub(super) fn scale(size: Res<PictureSize>, windows: Query<&Window>, mut scale: ResMut<UiScale>) {
    let window = windows.iter().next().map_or(1.0, Window::scale_factor);
    let wanted = fit(size.0) / window;
    if (scale.0 - wanted).abs() > 1e-4 {
        scale.0 = wanted;
    }
}

/// Pixels of the wall in a pixel at 1080 lines. A narrow wall has less room for the panels at its sides.
#[must_use]
pub fn fit(size: UVec2) -> f32 {
    (size.y as f32 / 1080.0).min(size.x as f32 / 1560.0)
}

/// A colour of the scheme as the interface wants it. The wall composites in sRGB (see
/// [`crate::render::camera`]) and the interface's shader passes colours on as they are, so that
/// sRGB values go where Bevy expects linear ones.
pub fn ink(c: [f32; 3]) -> Color {
    Color::linear_rgb(c[0], c[1], c[2])
}

/// The same with opacity.
pub fn ink_alpha(c: [f32; 4]) -> Color {
    Color::linear_rgba(c[0], c[1], c[2], c[3])
}

/// Text of a size in pixels at 1080 lines.
pub fn text(faces: &FontFaces, content: &str, size: f32, bold: bool, colour: Color) -> impl Bundle + use<> {
    (
        Text::new(content.to_owned()),
        TextFont {
            font: if bold { faces.bold.clone() } else { faces.regular.clone() }.into(),
            font_size: size.into(),
            font_smoothing: FontSmoothing::AntiAliased,
            ..Default::default()
        },
        TextColor(colour),
        TextLayout::no_wrap(),
        bevy::text::LineHeight::RelativeToFont(1.3),
    )
}
