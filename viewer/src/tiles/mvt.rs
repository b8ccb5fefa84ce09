//! Mapbox Vector Tile 2.1, read in place.
//!
//! A small reader of its own, since a tile goes from bytes to vertices without an object per
//! feature in between. Every length is checked; corrupt bytes are an error, never a panic, and
//! what a tile may hold is bounded.

use rustc_hash::FxHashMap;

/// Most vertices of one feature; a tile is at most 500 kB, so that a larger count is corrupt.
const FEATURE_VERTICES_MAX: usize = 1 << 20;
/// Most layers of one tile.
const LAYERS_MAX: usize = 64;

/// Why bytes are no vector tile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MvtError {
    /// Where the reader stopped, in bytes from the start of the message it was in.
    pub offset: usize,
    /// What is wrong there.
    pub reason: &'static str,
}

impl std::fmt::Display for MvtError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "not a vector tile: {} at byte {}", self.reason, self.offset)
    }
}

impl std::error::Error for MvtError {}

/// A protobuf message, read field by field.
#[derive(Clone)]
struct Message<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// The value of one protobuf field.
enum Wire<'a> {
    Varint(u64),
    Fixed64(u64),
    Fixed32(u32),
    Bytes(&'a [u8]),
}

impl<'a> Message<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    fn error(&self, reason: &'static str) -> MvtError {
        MvtError { offset: self.at, reason }
    }

    fn varint(&mut self) -> Result<u64, MvtError> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let &byte = self.bytes.get(self.at).ok_or_else(|| self.error("the bytes end"))?;
            self.at += 1;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(self.error("a number of more than ten bytes"))
    }

    fn take(&mut self, len: u64) -> Result<&'a [u8], MvtError> {
        let len = usize::try_from(len).map_err(|_| self.error("a length beyond the end"))?;
        let end = self.at.checked_add(len).ok_or_else(|| self.error("a length beyond the end"))?;
        let slice = self.bytes.get(self.at..end).ok_or_else(|| self.error("a length beyond the end"))?;
        self.at = end;
        Ok(slice)
    }

    fn next(&mut self) -> Result<Option<(u64, Wire<'a>)>, MvtError> {
        if self.at >= self.bytes.len() {
            return Ok(None);
        }
        let key = self.varint()?;
        let value = match key & 7 {
            0 => Wire::Varint(self.varint()?),
            1 => {
                let b = self.take(8)?;
                Wire::Fixed64(u64::from_le_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]))
            }
            2 => {
                let len = self.varint()?;
                Wire::Bytes(self.take(len)?)
            }
            5 => {
                let b = self.take(4)?;
                Wire::Fixed32(u32::from_le_bytes([b[0], b[1], b[2], b[3]]))
            }
            _ => return Err(self.error("a wire type that protobuf does not have")),
        };
        Ok(Some((key >> 3, value)))
    }
}

/// An attribute's value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Attribute<'a> {
    /// Text.
    Text(&'a str),
    /// Any number, or a boolean as 0 or 1.
    Number(f64),
}

impl Attribute<'_> {
    /// The number that it is, or that its text spells.
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Number(n) => Some(*n),
            Self::Text(t) => t.trim().parse().ok(),
        }
        .filter(|n| n.is_finite())
    }
}

/// What a feature's geometry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Points.
    Point,
    /// Lines.
    Line,
    /// Polygons.
    Polygon,
    /// Unknown: not drawn.
    Unknown,
}

/// One layer of a tile.
pub struct Layer<'a> {
    /// Its name: the collection.
    pub name: &'a str,
    /// Units along an edge of the tile.
    pub extent: u32,
    keys: FxHashMap<&'a str, u32>,
    values: Vec<Attribute<'a>>,
    features: Vec<&'a [u8]>,
}

/// One feature of a layer.
pub struct Feature<'a, 'l> {
    layer: &'l Layer<'a>,
    /// The id, if it has one.
    pub id: u64,
    /// What its geometry is.
    pub shape: Shape,
    tags: &'a [u8],
    geometry: &'a [u8],
}

/// The layers of a tile.
///
/// # Errors
/// The bytes break the format.
pub fn layers(bytes: &[u8]) -> Result<Vec<Layer<'_>>, MvtError> {
    let mut message = Message::new(bytes);
    let mut layers = Vec::new();
    while let Some((field, value)) = message.next()? {
        if let (3, Wire::Bytes(layer)) = (field, value) {
            if layers.len() == LAYERS_MAX {
                return Err(message.error("more than LAYERS_MAX (64) layers"));
            }
            layers.push(Layer::read(layer)?);
        }
    }
    Ok(layers)
}

impl<'a> Layer<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, MvtError> {
        let mut message = Message::new(bytes);
        let mut layer = Self { name: "", extent: 4096, keys: FxHashMap::default(), values: Vec::new(), features: Vec::new() };
        let mut keys = 0;
        while let Some((field, value)) = message.next()? {
            match (field, value) {
                (1, Wire::Bytes(name)) => layer.name = text(name, &message)?,
                (2, Wire::Bytes(feature)) => layer.features.push(feature),
                (3, Wire::Bytes(key)) => {
                    layer.keys.entry(text(key, &message)?).or_insert(keys);
                    keys += 1;
                }
                (4, Wire::Bytes(value)) => layer.values.push(attribute(value)?),
                (5, Wire::Varint(extent)) => {
                    layer.extent = u32::try_from(extent)
                        .ok()
                        .filter(|e| (1..=1 << 20).contains(e))
                        .ok_or_else(|| message.error("an extent that is no size"))?;
                }
                (15, Wire::Varint(version)) if version > 2 => return Err(message.error("a version above 2")),
                _ => {}
            }
        }
        Ok(layer)
    }

    /// The number of features.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.features.len()
    }

    /// The number that stands for an attribute's name in this layer, if any feature has it.
    pub fn key(&self, name: &str) -> Option<u32> {
        self.keys.get(name).copied()
    }

    /// The attributes' names with their numbers.
    pub fn keys(&self) -> impl Iterator<Item = (&'a str, usize)> + '_ {
        self.keys.iter().map(|(name, number)| (*name, *number as usize))
    }

    /// Every value of the layer.
    pub fn values(&self) -> &[Attribute<'a>] {
        &self.values
    }

    /// The features in order.
    pub fn features(&self) -> impl Iterator<Item = Result<Feature<'a, '_>, MvtError>> {
        self.features.iter().map(move |bytes| {
            let mut message = Message::new(bytes);
            let mut feature = Feature { layer: self, id: 0, shape: Shape::Unknown, tags: &[], geometry: &[] };
            while let Some((field, value)) = message.next()? {
                match (field, value) {
                    (1, Wire::Varint(id)) => feature.id = id,
                    (2, Wire::Bytes(tags)) => feature.tags = tags,
                    (3, Wire::Varint(shape)) => {
                        feature.shape = match shape {
                            1 => Shape::Point,
                            2 => Shape::Line,
                            3 => Shape::Polygon,
                            _ => Shape::Unknown,
                        }
                    }
                    (4, Wire::Bytes(geometry)) => feature.geometry = geometry,
                    _ => {}
                }
            }
            Ok(feature)
        })
    }
}

impl<'a> Feature<'a, '_> {
    /// The value of an attribute by the key that [`Layer::key`] gave; `None` too if the tags are corrupt.
    pub fn attribute(&self, key: Option<u32>) -> Option<Attribute<'a>> {
        let key = u64::from(key?);
        let mut tags = Message::new(self.tags);
        while tags.at < self.tags.len() {
            let (k, v) = (tags.varint().ok()?, tags.varint().ok()?);
            if k == key {
                return self.layer.values.get(usize::try_from(v).ok()?).copied();
            }
        }
        None
    }

    /// The numbers of its attributes and of their values; what follows a corrupt one is left out.
    pub fn tags(&self) -> impl Iterator<Item = (usize, usize)> + 'a {
        let mut tags = Message::new(self.tags);
        let end = self.tags.len();
        std::iter::from_fn(move || {
            let mut next = || if tags.at < end { usize::try_from(tags.varint().ok()?).ok() } else { None };
            Some((next()?, next()?))
        })
    }

    /// The paths of the geometry: rings without their closing vertex, lines, or points; reuses
    /// the vectors that it is given. Coordinates are in tile units, y down.
    ///
    /// # Errors
    /// The commands break the format (section 4.3 of the specification).
    pub fn paths(&self, paths: &mut Paths) -> Result<(), MvtError> {
        paths.clear();
        let mut message = Message::new(self.geometry);
        let (mut x, mut y) = (0i64, 0i64);
        while message.at < self.geometry.len() {
            let command = message.varint()?;
            let count = command >> 3;
            match command & 7 {
                step @ (1 | 2) => {
                    if count > FEATURE_VERTICES_MAX as u64 {
                        return Err(message.error("more than FEATURE_VERTICES_MAX (1,048,576) vertices"));
                    }
                    for _ in 0..count {
                        x += zigzag(message.varint()?);
                        y += zigzag(message.varint()?);
                        if step == 1 {
                            paths.start();
                        }
                        let (Ok(x), Ok(y)) = (i32::try_from(x), i32::try_from(y)) else {
                            return Err(message.error("a coordinate far outside the tile"));
                        };
                        paths.vertices.push([x, y]);
                    }
                }
                7 => paths.close(),
                _ => return Err(message.error("a command that is none")),
            }
        }
        paths.finish();
        Ok(())
    }
}

/// Vertices in paths, one after the other.
#[derive(Default)]
pub struct Paths {
    /// Every vertex.
    vertices: Vec<[i32; 2]>,
    starts: Vec<usize>,
}

impl Paths {
    fn clear(&mut self) {
        self.vertices.clear();
        self.starts.clear();
    }

    fn start(&mut self) {
        self.starts.push(self.vertices.len());
    }

    /// A ring is closed by its command; some writers repeat the first vertex all the same.
    fn close(&mut self) {
        let Some(&start) = self.starts.last() else { return };
        if self.vertices.len() > start + 1 && self.vertices.last() == self.vertices.get(start) {
            self.vertices.pop();
        }
    }

    fn finish(&mut self) {
        // A path that begins without a MoveTo belongs to none.
        self.starts.push(self.vertices.len());
    }

    /// Leaves out corners whose triangle with their neighbours has less than this area; of a ring,
    /// three corners always stay.
    pub fn simplify(&mut self, area_min: i64) {
        let mut kept = Vec::with_capacity(self.vertices.len());
        for path in 0..self.starts.len().saturating_sub(1) {
            let (from, to) = (self.starts[path], self.starts[path + 1]);
            let start = kept.len();
            for i in from..to {
                let b = self.vertices[i];
                let c = self.vertices[if i + 1 < to { i + 1 } else { from }];
                let Some(&a) = kept[start..].last() else {
                    kept.push(b);
                    continue;
                };
                let d = |p: [i32; 2], k: usize| i64::from(p[k]) - i64::from(a[k]);
                let twice = d(b, 0).saturating_mul(d(c, 1)).saturating_sub(d(c, 0).saturating_mul(d(b, 1)));
                let left = to - i;
                if twice.saturating_abs() >= area_min * 2 || kept.len() - start + left <= 3 {
                    kept.push(b);
                }
            }
            self.starts[path] = start;
        }
        if let Some(end) = self.starts.last_mut() {
            *end = kept.len();
        }
        self.vertices = kept;
    }

    /// Each path's vertices.
    pub fn iter(&self) -> impl Iterator<Item = &[[i32; 2]]> {
        self.starts.windows(2).map(|w| &self.vertices[w[0]..w[1]])
    }
}

fn zigzag(n: u64) -> i64 {
    // Deltas are 32-bit in the format; a larger one is cut and fails the range check of its sum.
    ((n >> 1) as i64 ^ -((n & 1) as i64)).clamp(-(1 << 40), 1 << 40)
}

fn text<'a>(bytes: &'a [u8], message: &Message<'_>) -> Result<&'a str, MvtError> {
    std::str::from_utf8(bytes).map_err(|_| message.error("text that is not UTF-8"))
}

fn attribute(bytes: &[u8]) -> Result<Attribute<'_>, MvtError> {
    let mut message = Message::new(bytes);
    let mut found = Attribute::Text("");
    while let Some((field, value)) = message.next()? {
        found = match (field, value) {
            (1, Wire::Bytes(t)) => Attribute::Text(text(t, &message)?),
            (2, Wire::Fixed32(bits)) => Attribute::Number(f64::from(f32::from_bits(bits))),
            (3, Wire::Fixed64(bits)) => Attribute::Number(f64::from_bits(bits)),
            (4, Wire::Varint(n)) => Attribute::Number(n as i64 as f64),
            (5 | 7, Wire::Varint(n)) => Attribute::Number(n as f64),
            (6, Wire::Varint(n)) => Attribute::Number(((n >> 1) as i64 ^ -((n & 1) as i64)) as f64),
            _ => continue,
        };
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Cut from the demo city's generated buildings by mapbox-vector-tile for Python: 15/27050/12510.
    /// The counts are what its generated protobuf classes read.
    const TILE: &[u8] = include_bytes!("../../tests/data/generated_buildings_15_27050_12510.mvt");

    fn walk(bytes: &[u8]) -> Result<(usize, usize, f64), MvtError> {
        let (mut features, mut vertices, mut heights) = (0, 0, 0.0);
        let mut paths = Paths::default();
        for layer in layers(bytes)? {
            let height = layer.key("height");
            for feature in layer.features() {
                let feature = feature?;
                feature.paths(&mut paths)?;
                features += 1;
                vertices += paths.iter().map(<[_]>::len).sum::<usize>();
                heights += feature.attribute(height).and_then(|h| h.number()).unwrap_or(0.0);
            }
        }
        Ok((features, vertices, heights))
    }

    #[test]
    fn a_tile_of_another_program_reads_as_another_decoder_reads_it() {
        let (features, vertices, heights) = walk(TILE).unwrap();
        assert_eq!((features, vertices), (1010, 4490));
        assert!((heights - 12_193.4).abs() < 1.0, "{heights}");
        let layers = layers(TILE).unwrap();
        assert_eq!((layers[0].name, layers[0].extent, layers[0].len()), ("buildings", 4096, 1010));
    }

    #[test]
    fn every_truncation_is_an_error_or_a_smaller_tile() {
        let whole = walk(TILE).unwrap().0;
        for cut in (0..TILE.len()).step_by(61) {
            if let Ok((features, ..)) = walk(&TILE[..cut]) {
                assert!(features < whole);
            }
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
            let _ = walk(&bytes);
        }

        #[test]
        fn no_damage_makes_it_panic(at in 0..TILE.len(), len in 1usize..64, byte in any::<u8>()) {
            let mut tile = TILE.to_vec();
            let end = (at + len).min(tile.len());
            tile[at..end].fill(byte);
            let _ = walk(&tile);
        }
    }
}
