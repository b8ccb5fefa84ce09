//! A geometry's way onto a tile: project → snap → clean or simplify → clip → commands.

use crate::{
    protobuf::{varint, zigzag},
    rules::LINE_TOLERANCE,
    shape::{self, Extent, Frame, Point, Simplifier, snapped},
    tile::{BUFFER, EXTENT, Projection, TileId},
    wkb::{self, Kind, Parts, Vertices},
};

/// MVT 2.1, 4.3.1: a command and how often it is repeated.
const MOVE_TO: u64 = 1;
const LINE_TO: u64 = 2;
const CLOSE_PATH: u64 = 7 | 1 << 3;

/// A polygon without area on the grid is drawn as a square of one unit if it is no larger than this
/// in either direction (a pixel at 512 pixels per tile); longer, it is a sliver and left out.
const SPECK_MAX: f64 = 8.0;

/// What came of a geometry.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Drawn {
    /// Area of the exterior rings before clipping, in square units.
    pub(crate) area: f64,
    /// Length of the lines before clipping and after simplification, in units.
    pub(crate) length: f64,
    /// True if a part was left out because it has no extent on the tile's grid.
    pub(crate) collapsed: bool,
}

/// The place of a geometry that is one point; `None` of any other.
pub(crate) fn single_point(commands: &[u8]) -> Option<[i32; 2]> {
    let rest = commands.strip_prefix(&[(MOVE_TO | 1 << 3) as u8])?;
    let mut numbers = rest
        .split_inclusive(|byte| byte & 0x80 == 0)
        .map(|digits| digits.iter().rev().fold(0u32, |number, digit| number << 7 | u32::from(digit & 0x7F)));
    let mut coordinate = || numbers.next().map(|number| (number >> 1).cast_signed() ^ -(number & 1).cast_signed());
    let place = [coordinate()?, coordinate()?];
    numbers.next().is_none().then_some(place)
}

/// Appends the commands of one point.
pub(crate) fn point(out: &mut Vec<u8>, [x, y]: [i64; 2]) {
    varint(out, MOVE_TO | 1 << 3);
    varint(out, zigzag(x));
    varint(out, zigzag(y));
}

/// Draws geometries of one tile; its buffers serve them all.
#[derive(Debug)]
pub(crate) struct Pen {
    projection: Projection,
    frame: Frame,
    points: Vec<Point>,
    spare: Vec<Point>,
    simplifier: Simplifier,
}

impl Pen {
    pub(crate) fn new(tile: TileId) -> Self {
        let buffer = f64::from(BUFFER);
        Self {
            projection: Projection::new(tile),
            frame: Frame { min: -buffer, max: f64::from(EXTENT) + buffer },
            points: Vec::new(),
            spare: Vec::new(),
            simplifier: Simplifier::default(),
        }
    }

    /// Appends the commands for the parts of one kind; nothing if none of them meets the tile.
    /// `None` if the bytes are no WKB.
    pub(crate) fn draw(&mut self, wkb: &[u8], kind: Kind, out: &mut Vec<u8>) -> Option<Drawn> {
        self.points.clear();
        let mut drawing = Drawing { pen: self, out, at: [0, 0], drawn: Drawn::default(), exterior: false };
        wkb::walk(wkb, kind, &mut drawing)?;
        if kind == Kind::Point {
            drawing.points();
        }
        Some(drawing.drawn)
    }
}

/// One feature in the making.
struct Drawing<'a> {
    pen: &'a mut Pen,
    out: &'a mut Vec<u8>,
    /// The cursor, from which the next vertex is told.
    at: [i32; 2],
    drawn: Drawn,
    /// True if the exterior of the polygon at hand was drawn, so that its holes are.
    exterior: bool,
}

impl Drawing<'_> {
    #[inline]
    fn vertex(&mut self, point: Point) {
        // Clipped to the frame, so that it fits.
        let [x, y] = [point[0] as i32, point[1] as i32];
        varint(self.out, zigzag(i64::from(x - self.at[0])));
        varint(self.out, zigzag(i64::from(y - self.at[1])));
        self.at = [x, y];
    }

    fn points(&mut self) {
        let points = std::mem::take(&mut self.pen.points);
        if !points.is_empty() {
            varint(self.out, MOVE_TO | (points.len() as u64) << 3);
            points.iter().for_each(|point| self.vertex(*point));
        }
        self.pen.points = points;
    }

    fn path(&mut self, path: &[Point]) {
        let [first, rest @ ..] = path else { return };
        varint(self.out, MOVE_TO | 1 << 3);
        self.vertex(*first);
        varint(self.out, LINE_TO | (rest.len() as u64) << 3);
        rest.iter().for_each(|point| self.vertex(*point));
    }

    /// The pieces of the line that lie in the frame.
    fn clipped_line(&mut self, line: &[Point]) {
        let mut piece = std::mem::take(&mut self.pen.spare);
        piece.clear();
        for pair in line.windows(2) {
            let Some((a, b)) = shape::clip_segment(pair[0], pair[1], &self.pen.frame) else { continue };
            if piece.last() != Some(&a) {
                self.piece(&mut piece);
                piece.push(a);
            }
            if a != b {
                piece.push(b);
            }
            if b != pair[1] {
                self.piece(&mut piece);
            }
        }
        self.piece(&mut piece);
        self.pen.spare = piece;
    }

    fn piece(&mut self, piece: &mut Vec<Point>) {
        if piece.len() > 1 {
            self.path(piece);
        }
        piece.clear();
    }
}

impl Parts for Drawing<'_> {
    fn point(&mut self, vertices: Vertices<'_>) {
        let Pen { projection, frame, points, .. } = &mut *self.pen;
        vertices.each(|longitude, latitude| {
            // An empty point is NaN, which is in no frame.
            let point = snapped(projection.project(longitude, latitude));
            if frame.holds(point) {
                points.push(point);
            }
        });
    }

    fn line(&mut self, vertices: Vertices<'_>) {
        let Pen { projection, frame, points, simplifier, .. } = &mut *self.pen;
        points.clear();
        points.reserve(vertices.len());
        let mut extent = Extent::EMPTY;
        vertices.each(|longitude, latitude| {
            let point = snapped(projection.project(longitude, latitude));
            if points.last() != Some(&point) {
                points.push(point);
                extent.add(point);
            }
        });
        let (within, misses) = (extent.within(frame), extent.misses(frame));
        if points.len() < 2 {
            self.drawn.collapsed |= within;
            return;
        }
        if misses {
            return;
        }
        simplifier.simplify(points, LINE_TOLERANCE);
        let line = std::mem::take(points);
        self.drawn.length += line.windows(2).map(|w| (w[1][0] - w[0][0]).hypot(w[1][1] - w[0][1])).sum::<f64>();
        if within {
            self.path(&line)
        } else {
            self.clipped_line(&line)
        }
        self.pen.points = line;
    }

    fn ring(&mut self, vertices: Vertices<'_>, exterior: bool) {
        if !exterior && !self.exterior {
            return;
        }
        self.exterior = false;
        let Pen { projection, frame, points, spare, .. } = &mut *self.pen;
        points.clear();
        points.reserve(vertices.len());
        let projection = *projection;
        let (mut extent, mut area2) = (Extent::EMPTY, 0.0);
        let (mut origin, mut last) = (None, [0.0; 2]);
        vertices.each(|longitude, latitude| {
            let exact = projection.project(longitude, latitude);
            let [x0, y0] = *origin.get_or_insert(exact);
            let [x, y] = [exact[0] - x0, exact[1] - y0];
            area2 += last[0] * y - x * last[1];
            last = [x, y];
            let point = snapped(exact);
            extent.add(point);
            points.push(point);
        });
        if exterior {
            self.drawn.area += area2.abs() / 2.0;
        } else {
            self.exterior = true;
        }
        if extent.misses(frame) {
            return;
        }
        shape::clean(points);
        if points.is_empty() {
            if !exterior {
                return;
            }
            let [x, y] = extent.min;
            let speck = extent.max[0] - x <= SPECK_MAX && extent.max[1] - y <= SPECK_MAX;
            if !speck || !frame.holds([x, y]) || !frame.holds([x + 1.0, y + 1.0]) {
                self.drawn.collapsed = true;
                return;
            }
            points.extend([[x, y], [x + 1.0, y], [x + 1.0, y + 1.0], [x, y + 1.0]]);
        } else if !extent.within(frame) {
            shape::clip_ring(points, spare, &extent, frame);
            shape::clean(points);
        }
        let area2 = shape::area2(points);
        if area2 == 0.0 {
            return;
        }
        // An exterior ring has a positive area, a hole a negative one (MVT 2.1, 4.3.4.4).
        if (area2 > 0.0) != exterior {
            points.reverse();
        }
        self.exterior = true;
        let ring = std::mem::take(points);
        self.path(&ring);
        self.out.push(CLOSE_PATH as u8);
        self.pen.points = ring;
    }
}
