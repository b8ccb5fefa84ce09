//! Cells of the globe: H3, geohash, 北斗 grid code and squares.

use crate::AnalysisError;
use citywall_model::{Bbox, limits};
use geo::{LineString, Point, Polygon};
use h3o::{LatLng, Resolution};
use rustc_hash::FxHashSet;
use std::{collections::VecDeque, ops::RangeInclusive};

/// Which cells.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cells {
    /// Uber's H3 at a resolution, 0 to 15.
    H3(Resolution),
    /// Geohash of so many characters, 1 to 12.
    Geohash(usize),
    /// 北斗网格位置码 (GB/T 39409-2020), two-dimensional, level 1 to 10; north and east of 0° and
    /// south of 88° N. Elsewhere there is no cell.
    Beidou(usize),
    /// Squares of so many metres: rows of equal height, each cut into columns at its own middle
    /// latitude, so that cells have one area to within a percent. A degree is taken as 111,195 m.
    Square(f64),
}

/// Metres of a degree on a sphere of 6,371 km.
const DEGREE_M: f64 = 111_195.0;
/// The smallest unit of 北斗 grid codes: 1/2048 of a second of arc.
const UNITS: f64 = 3600.0 * 2048.0;
/// Width and height of a 北斗 cell by level, in units.
const BEIDOU: [(u64, u64); 10] = {
    const SECOND: u64 = 2048;
    [
        (6 * 3600 * SECOND, 4 * 3600 * SECOND),
        (1800 * SECOND, 1800 * SECOND),
        (900 * SECOND, 600 * SECOND),
        (60 * SECOND, 60 * SECOND),
        (4 * SECOND, 4 * SECOND),
        (2 * SECOND, 2 * SECOND),
        (SECOND / 4, SECOND / 4),
        (SECOND / 32, SECOND / 32),
        (SECOND / 256, SECOND / 256),
        (1, 1),
    ]
};

/// The shortest and the longest side of a square, in metres.
const SIDE_M: (f64, f64) = (1.0, 1_000_000.0);

impl std::str::FromStr for Cells {
    type Err = AnalysisError;

    /// `h3:0`…`h3:15`, `geohash:1`…`geohash:12`, `beidou:1`…`beidou:10`, `square:METRES`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse =
            || AnalysisError::bad("by", format!("“{text}” is none of h3:0…15, geohash:1…12, beidou:1…10, square:METRES (1 to 1,000,000)"));
        let (kind, size) = text.split_once(':').ok_or_else(refuse)?;
        let whole = |most: usize| size.parse().ok().filter(|n| (1..=most).contains(n)).ok_or_else(refuse);
        Ok(match kind {
            "h3" => Self::H3(size.parse::<u8>().ok().and_then(|n| Resolution::try_from(n).ok()).ok_or_else(refuse)?),
            "geohash" => Self::Geohash(whole(12)?),
            "beidou" => Self::Beidou(whole(10)?),
            "square" => {
                let side = size.parse().ok().filter(|side| (SIDE_M.0..=SIDE_M.1).contains(side));
                Self::Square(side.ok_or_else(refuse)?)
            }
            _ => return Err(refuse()),
        })
    }
}

impl Cells {
    /// The code of the cell that a place (longitude, latitude) lies in.
    #[must_use]
    pub fn code(self, lon: f64, lat: f64) -> Option<String> {
        match self {
            Self::H3(resolution) => Some(LatLng::new(lat, lon).ok()?.to_cell(resolution).to_string()),
            Self::Geohash(length) => geohash::encode(geohash::Coord { x: lon, y: lat }, length).ok(),
            Self::Beidou(level) => beidou(lon, lat, level),
            Self::Square(side) => Some(Squares { side_m: side }.code(Squares { side_m: side }.at(lon, lat))),
        }
    }

    /// The outline of the cell that a place lies in. A cell across the antimeridian has longitudes
    /// beyond 180°.
    #[must_use]
    pub fn outline(self, lon: f64, lat: f64) -> Option<Polygon> {
        match self {
            Self::H3(resolution) => {
                let boundary = LatLng::new(lat, lon).ok()?.to_cell(resolution).boundary();
                let near = |x: f64| {
                    if x - lon > 180.0 {
                        x - 360.0
                    } else if x - lon < -180.0 {
                        x + 360.0
                    } else {
                        x
                    }
                };
                let ring: Vec<(f64, f64)> = boundary.iter().map(|at| (near(at.lng()), at.lat())).collect();
                Some(Polygon::new(LineString::from(ring), Vec::new()))
            }
            Self::Geohash(length) => {
                let code = geohash::encode(geohash::Coord { x: lon, y: lat }, length).ok()?;
                let cell = geohash::decode_bbox(&code).ok()?;
                Some(rectangle(Bbox::new(cell.min().x, cell.min().y, cell.max().x, cell.max().y)))
            }
            Self::Beidou(level) => {
                let (x, y) = units(lon, lat)?;
                let (width, height) = BEIDOU[level - 1];
                let (x, y) = (x / width * width, y / height * height);
                let degrees = |units: u64| units as f64 / UNITS;
                Some(rectangle(Bbox::new(degrees(x), degrees(y), degrees(x + width), degrees(y + height))))
            }
            Self::Square(side) => Some(Squares { side_m: side }.outline(Squares { side_m: side }.at(lon, lat))),
        }
    }
}

fn rectangle(b: Bbox) -> Polygon {
    let ring = [(b.x_min, b.y_min), (b.x_max, b.y_min), (b.x_max, b.y_max), (b.x_min, b.y_max), (b.x_min, b.y_min)];
    Polygon::new(LineString::from(ring.to_vec()), Vec::new())
}

/// A cell.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// Its code.
    pub code: String,
    /// Its middle: longitude, latitude.
    pub centre: Point,
    /// Its outline.
    pub outline: Polygon,
}

impl Cells {
    /// All squares or H3 cells that meet a window, in the order of rows or of the search from the
    /// window's middle. O(cells).
    ///
    /// # Errors
    /// The cells are of another kind, or more than [`limits::ANALYSIS_GROUPS_MAX`].
    pub fn over(self, window: &Bbox) -> Result<Vec<Cell>, AnalysisError> {
        let room = |cells: usize| {
            let advice = "ask for larger cells or a smaller window";
            let full = cells > limits::ANALYSIS_GROUPS_MAX;
            if full { Err(AnalysisError::limit("ANALYSIS_GROUPS_MAX", limits::ANALYSIS_GROUPS_MAX, advice)) } else { Ok(()) }
        };
        let mut cells = Vec::new();
        match self {
            Self::Square(side_m) => {
                let squares = Squares { side_m };
                for row in squares.rows(window.y_min, window.y_max) {
                    for column in squares.columns(row, window.x_min, window.x_max) {
                        let at = (row, column);
                        cells.push(Cell { code: squares.code(at), centre: squares.centre(at), outline: squares.outline(at) });
                        room(cells.len())?;
                    }
                }
            }
            Self::H3(resolution) => {
                let (x, y) = window.center();
                let Ok(middle) = LatLng::new(y, x) else { return Ok(cells) };
                let mut seen = FxHashSet::from_iter([middle.to_cell(resolution)]);
                let mut next = VecDeque::from_iter([middle.to_cell(resolution)]);
                while let Some(cell) = next.pop_front() {
                    let centre = LatLng::from(cell);
                    let Some(outline) = self.outline(centre.lng(), centre.lat()) else { continue };
                    let bounds = outline.exterior().0.iter().fold(Bbox::EMPTY, |bounds, c| bounds.with(c.x, c.y));
                    if !window.intersects(&bounds) {
                        continue;
                    }
                    cells.push(Cell { code: cell.to_string(), centre: Point::new(centre.lng(), centre.lat()), outline });
                    room(cells.len())?;
                    next.extend(cell.grid_disk::<Vec<_>>(1).into_iter().filter(|cell| seen.insert(*cell)));
                }
            }
            Self::Geohash(_) | Self::Beidou(_) => {
                return Err(AnalysisError::bad("by", "expected square:METRES, h3:0…15 or a level of areas"));
            }
        }
        Ok(cells)
    }
}

/// The squares of [`Cells::Square`] by row, from the south pole, and column, from 180° W.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Squares {
    side_m: f64,
}

impl Squares {
    /// Squares of so many metres.
    ///
    /// # Errors
    /// The side is not between 1 and 1,000,000 metres.
    pub fn new(side_m: f64) -> Result<Self, AnalysisError> {
        let fine = (SIDE_M.0..=SIDE_M.1).contains(&side_m);
        fine.then_some(Self { side_m }).ok_or_else(|| AnalysisError::bad("cell", format!("{side_m} is not between 1 and 1,000,000 metres")))
    }

    /// The square that a place (longitude, latitude) lies in.
    #[must_use]
    pub fn at(self, lon: f64, lat: f64) -> (u64, u64) {
        let row = self.row(lat);
        (row, ((lon + 180.0) / self.width(row)).floor() as u64)
    }

    /// The rows that meet a span of latitude.
    pub fn rows(self, south: f64, north: f64) -> RangeInclusive<u64> {
        self.row(south)..=self.row(north)
    }

    /// The columns of a row that meet a span of longitude.
    pub fn columns(self, row: u64, west: f64, east: f64) -> RangeInclusive<u64> {
        let width = self.width(row);
        let last = (360.0 / width).ceil() as u64 - 1;
        let column = |lon: f64| (((lon + 180.0) / width).floor() as u64).min(last);
        column(west)..=column(east)
    }

    /// The middle of a square.
    #[must_use]
    pub fn centre(self, (row, column): (u64, u64)) -> Point {
        Point::new((column as f64 + 0.5) * self.width(row) - 180.0, (row as f64 + 0.5) * self.height() - 90.0)
    }

    /// The outline of a square.
    #[must_use]
    pub fn outline(self, (row, column): (u64, u64)) -> Polygon {
        let (width, height) = (self.width(row), self.height());
        let (west, south) = (column as f64 * width - 180.0, row as f64 * height - 90.0);
        rectangle(Bbox::new(west, south, (west + width).min(180.0), (south + height).min(90.0)))
    }

    /// The code of a square.
    #[must_use]
    pub fn code(self, (row, column): (u64, u64)) -> String {
        format!("r{row}c{column}")
    }

    fn row(self, lat: f64) -> u64 {
        ((lat + 90.0) / self.height()).floor() as u64
    }

    /// Degrees of latitude of a row.
    fn height(self) -> f64 {
        self.side_m / DEGREE_M
    }

    /// Degrees of longitude of a row's squares.
    fn width(self, row: u64) -> f64 {
        let height = self.height();
        let middle = ((row as f64 + 0.5) * height - 90.0).min(89.9);
        height / middle.to_radians().cos()
    }
}

/// A place in units from 0°, where the codes of the north-east go.
fn units(lon: f64, lat: f64) -> Option<(u64, u64)> {
    let inside = (0.0..180.0).contains(&lon) && (0.0..88.0).contains(&lat);
    inside.then(|| ((lon * UNITS).floor() as u64, (lat * UNITS).floor() as u64))
}

/// The code of GB/T 39409-2020: the zone, then of each level the column and the row in the cell
/// above, or their number in it where a level has few cells.
fn beidou(lon: f64, lat: f64, level: usize) -> Option<String> {
    let (x, y) = units(lon, lat)?;
    let (zone_width, zone_height) = BEIDOU[0];
    let letter = char::from(b'A' + u8::try_from(y / zone_height).ok()?);
    let mut code = format!("N{:02}{letter}", x / zone_width + 31);
    for deep in 1..level.min(BEIDOU.len()) {
        let ((above_width, above_height), (width, height)) = (BEIDOU[deep - 1], BEIDOU[deep]);
        let (column, row) = (x % above_width / width, y % above_height / height);
        match deep {
            2 | 5 => code.push_str(&format!("{}", row * 2 + column)),
            _ => code.push_str(&format!("{column:X}{row:X}")),
        }
    }
    Some(code)
}
