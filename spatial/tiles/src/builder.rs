//! A whole tile.

use crate::{draw::Pen, layer::Layer, tile::TileId};
use citywall_model::{FeatureRef, limits::TILE_BYTES_MAX};

/// A finished tile.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tile {
    /// The tile as Mapbox Vector Tile 2.1, not compressed; empty if no feature meets the tile.
    pub bytes: Vec<u8>,
    /// Features written; points that would lie on each other are one, with their count in
    /// [`COUNT_FIELD`](crate::COUNT_FIELD).
    pub features: usize,
    /// Features that meet the tile but are too small or too minor for its zoom level.
    pub small: usize,
    /// Features left out, the least important ones, because the tile would have passed
    /// [`TILE_BYTES_MAX`].
    pub dropped: usize,
    /// True if any were dropped.
    pub thinned: bool,
    /// The same counts by layer, in the order in which the layers were added.
    pub layers: Vec<LayerCounts>,
}

/// What became of one layer's features.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerCounts {
    /// The layer's name.
    pub name: String,
    /// See [`Tile::features`].
    pub features: usize,
    /// See [`Tile::small`].
    pub small: usize,
    /// See [`Tile::dropped`].
    pub dropped: usize,
}

/// Builds a tile from the features that meet its [`TileId::window`].
///
/// ```
/// use citywall_model::{FeatureRef, FeatureTableBuilder, RowIds, Schema, Wkb};
/// use citywall_tiles::{TileBuilder, TileId};
///
/// let mut table = FeatureTableBuilder::new(Schema::default(), RowIds::Generated);
/// table.push(1, Some(Wkb::point(117.2, 39.13)?.bytes()), []);
/// let table = table.finish();
///
/// let mut tile = TileBuilder::new(TileId::at(12, 117.2, 39.13)?);
/// let mut layer = tile.layer("cameras");
/// layer.add(FeatureRef::Row(&table, 0));
/// assert_eq!(tile.finish().features, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct TileBuilder {
    tile: TileId,
    pen: Pen,
    layers: Vec<Layer>,
}

/// Takes the features of one layer.
#[derive(Debug)]
pub struct LayerBuilder<'a> {
    pen: &'a mut Pen,
    layer: &'a mut Layer,
}

impl LayerBuilder<'_> {
    /// Writes every attribute at every zoom level, for a layer that has few and was asked for them.
    #[must_use]
    pub fn with_all_attributes(self) -> Self {
        self.layer.with_all = true;
        self
    }

    /// Adds a feature; without a geometry, or with one that does not meet the tile, it is passed
    /// over. The rows of one layer come from one table. O(vertices) but for lines, which are
    /// simplified.
    pub fn add(&mut self, feature: FeatureRef<'_>) {
        self.layer.add(self.pen, feature);
    }
}

impl TileBuilder {
    /// An empty tile.
    #[must_use]
    pub fn new(tile: TileId) -> Self {
        Self { tile, pen: Pen::new(tile), layers: Vec::new() }
    }

    /// Starts a layer. Its name is the collection's id. A tile has one layer of a name (MVT 2.1, 4.1):
    /// one that is there already gives way.
    pub fn layer(&mut self, name: &str) -> LayerBuilder<'_> {
        self.layers.retain(|layer| layer.name() != name);
        self.layers.push(Layer::new(name, self.tile.detail()));
        let at = self.layers.len() - 1;
        LayerBuilder { pen: &mut self.pen, layer: &mut self.layers[at] }
    }

    /// The finished tile, at most [`TILE_BYTES_MAX`] long.
    #[must_use]
    pub fn finish(mut self) -> Tile {
        self.layers.iter_mut().for_each(Layer::settle);
        self.share_out(TILE_BYTES_MAX);
        let mut bytes = Vec::with_capacity(self.layers.iter().map(Layer::encoded_len).sum());
        self.layers.iter().for_each(|layer| layer.write(&mut bytes));
        let counts = |layer: &Layer| LayerCounts {
            name: layer.name().to_owned(),
            features: layer.features(),
            small: layer.small,
            dropped: layer.dropped,
        };
        let layers: Vec<LayerCounts> = self.layers.iter().map(counts).collect();
        let sum = |count: fn(&LayerCounts) -> usize| layers.iter().map(count).sum::<usize>();
        let (features, small, dropped) = (sum(|l| l.features), sum(|l| l.small), sum(|l| l.dropped));
        Tile { bytes, features, small, dropped, thinned: dropped > 0, layers }
    }

    /// Gives every layer the same share of the bytes; what small layers leave goes to the large ones.
    fn share_out(&mut self, bytes_max: usize) {
        let mut lens: Vec<(usize, usize)> = self.layers.iter().map(Layer::encoded_len).enumerate().map(|(at, len)| (len, at)).collect();
        lens.sort_unstable();
        let mut rest = bytes_max;
        for (done, (len, at)) in lens.iter().enumerate() {
            let share = rest / (lens.len() - done);
            if *len > share {
                self.layers[*at].thin(share);
            }
            rest -= self.layers[*at].encoded_len().min(rest);
        }
    }
}
