//! What a layer is on the wall, and which style each of its features takes.
//!
//! A style is a number: the scheme has its colours and widths ([`crate::scene::Scheme`]), so that
//! day and night, or a mode, change without a tile being built again.

use super::mvt::Attribute;
use serde::Deserialize;

/// What a layer is on the wall.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The city's largest areas (districts): filled, outlined, named.
    Area,
    /// The areas of the second level (streets): outlined finely.
    SubArea,
    /// Water: filled, or a line for a stream.
    Water,
    /// Parks, woods, fields.
    Green,
    /// Streets by class.
    Road,
    /// Railways.
    Rail,
    /// Buildings, extruded.
    Building,
    /// Pipes and other lines of supply.
    Pipe,
    /// A polygon or line that has no meaning of its own: a faint outline.
    Outline,
}

/// The number of a style; an index into a scheme's table.
pub type StyleId = u8;

/// The styles in the order in which they are drawn: areas below, lines above.
pub mod id {
    use super::StyleId;
    /// The ground inside the city.
    pub const LAND: StyleId = 0;
    /// Green areas.
    pub const GREEN: StyleId = 1;
    /// Water.
    pub const WATER: StyleId = 2;
    /// A shore or a stream.
    pub const SHORE: StyleId = 3;
    /// Borders of second-level areas.
    pub const SUB_AREA: StyleId = 4;
    /// An outline without a meaning.
    pub const OUTLINE: StyleId = 5;
    /// Railways.
    pub const RAIL: StyleId = 6;
    /// Paths and drives.
    pub const ROAD_PATH: StyleId = 7;
    /// Residential streets.
    pub const ROAD_LOCAL: StyleId = 8;
    /// Collectors.
    pub const ROAD_COLLECTOR: StyleId = 9;
    /// Arterials.
    pub const ROAD_ARTERIAL: StyleId = 10;
    /// Motorways and expressways.
    pub const ROAD_MOTORWAY: StyleId = 11;
    /// Borders of the largest areas.
    pub const AREA: StyleId = 12;
    /// What is drawn from the console.
    pub const DRAWN: StyleId = 13;
    /// The inside of what is drawn.
    pub const DRAWN_AREA: StyleId = 14;
    /// Pipes.
    pub const PIPE: StyleId = 15;
    /// An area that is seen only while its layer is coloured; it has no row in a scheme.
    pub const TINT: StyleId = 16;
}

/// How many styles there are; schemes have a row for each.
pub const ROLE_STYLES: usize = 16;

impl Role {
    /// What a collection most likely is, by its id; `None` leaves it off the wall.
    #[must_use]
    pub fn of_collection(id: &str, geometry_type: &str) -> Option<Self> {
        let has = |words: &[&str]| words.iter().any(|w| id.contains(w));
        let shape = geometry_type.to_ascii_uppercase();
        if shape.contains("POINT") {
            return None;
        }
        Some(if has(&["building"]) {
            Self::Building
        } else if has(&["road", "highway", "street_line"]) {
            Self::Road
        } else if has(&["rail", "metro", "subway"]) {
            Self::Rail
        } else if has(&["water", "river", "lake", "canal", "sea"]) {
            Self::Water
        } else if has(&["pipe", "sewer", "drain"]) {
            Self::Pipe
        } else if has(&["green", "park", "wood", "forest", "landuse"]) {
            Self::Green
        } else {
            return None;
        })
    }

    /// The style that fills a polygon, if the role fills.
    #[must_use]
    pub fn fill(self) -> Option<StyleId> {
        match self {
            Self::Area => Some(id::LAND),
            Self::Water => Some(id::WATER),
            Self::Green => Some(id::GREEN),
            _ => None,
        }
    }

    /// True if the features of a layer can be coloured one by one.
    #[must_use]
    pub fn is_coloured(self) -> bool {
        matches!(self, Self::Building | Self::Area | Self::SubArea | Self::Outline)
    }

    /// The style that draws a polygon's border, if the role has one.
    #[must_use]
    pub fn border(self) -> Option<StyleId> {
        match self {
            Self::Area => Some(id::AREA),
            Self::SubArea => Some(id::SUB_AREA),
            Self::Water => Some(id::SHORE),
            Self::Outline => Some(id::OUTLINE),
            _ => None,
        }
    }

    /// The style of a line; a road's by its class.
    #[must_use]
    pub fn line(self, class: Option<Attribute<'_>>) -> StyleId {
        match self {
            Self::Road => road_class(class),
            Self::Rail => id::RAIL,
            Self::Pipe => id::PIPE,
            Self::Water => id::SHORE,
            Self::Area => id::AREA,
            Self::SubArea => id::SUB_AREA,
            _ => id::OUTLINE,
        }
    }
}

/// A road's style by its class: OpenStreetMap's words or numbers 1 (largest) to 5.
fn road_class(class: Option<Attribute<'_>>) -> StyleId {
    let word = match class {
        Some(Attribute::Text(word)) => word.trim(),
        Some(Attribute::Number(n)) => {
            return match n as i64 {
                1 => id::ROAD_MOTORWAY,
                2 => id::ROAD_ARTERIAL,
                3 => id::ROAD_COLLECTOR,
                4 => id::ROAD_LOCAL,
                _ => id::ROAD_PATH,
            };
        }
        None => return id::ROAD_LOCAL,
    };
    match word.trim_end_matches("_link") {
        "motorway" | "trunk" | "expressway" | "freeway" | "highway" | "ring" | "快速路" | "高速公路" => id::ROAD_MOTORWAY,
        "primary" | "arterial" | "主干路" => id::ROAD_ARTERIAL,
        "secondary" | "tertiary" | "collector" | "次干路" => id::ROAD_COLLECTOR,
        "footway" | "path" | "steps" | "cycleway" | "track" | "bridleway" | "service" | "pedestrian" | "lane" => id::ROAD_PATH,
        _ => id::ROAD_LOCAL,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roads_take_their_rank_from_either_vocabulary() {
        assert_eq!(road_class(Some(Attribute::Text("motorway_link"))), id::ROAD_MOTORWAY);
        assert_eq!(road_class(Some(Attribute::Text("tertiary"))), id::ROAD_COLLECTOR);
        assert_eq!(road_class(Some(Attribute::Number(2.0))), id::ROAD_ARTERIAL);
        assert_eq!(road_class(None), id::ROAD_LOCAL);
    }

    #[test]
    fn a_collection_of_points_is_not_drawn_as_ground() {
        assert_eq!(Role::of_collection("road_lamps", "POINT"), None);
        assert_eq!(Role::of_collection("buildings", "MULTIPOLYGON"), Some(Role::Building));
    }
}
