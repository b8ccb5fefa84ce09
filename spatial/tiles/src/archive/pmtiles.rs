//! PMTiles version 3, by the crate of that name.

use super::{ArchiveError, Head, Sink};
use crate::TileId;
use ::pmtiles::{Compression, PmTilesStreamWriter, PmTilesWriter, TileCoord, TileType};
use serde_json::json;
use std::{fs, io::BufWriter, path::Path};

/// A PMTiles file in the making.
pub(super) struct File(PmTilesStreamWriter<BufWriter<fs::File>>);

impl File {
    pub(super) fn create(path: &Path, head: &Head) -> Result<Self, ArchiveError> {
        let (longitude, latitude) = head.bounds.center();
        let metadata = json!({
            "name": head.name, "attribution": head.attribution, "type": "baselayer", "generator": "citywall", "vector_layers": head.vector_layers
        });
        let writer = PmTilesWriter::new(TileType::Mvt)
            .precompressed(Compression::Gzip)
            .internal_compression(Compression::Gzip)
            .min_zoom(*head.zooms.start())
            .max_zoom(*head.zooms.end())
            .bounds(head.bounds.x_min, head.bounds.y_min, head.bounds.x_max, head.bounds.y_max)
            .center(longitude, latitude)
            .center_zoom((*head.zooms.start()).max(10).min(*head.zooms.end()))
            .metadata(metadata.to_string())
            .create(BufWriter::new(fs::File::create(path)?))?;
        Ok(Self(writer))
    }
}

impl Sink for File {
    fn put(&mut self, tile: TileId, gzip: &[u8]) -> Result<(), ArchiveError> {
        Ok(self.0.add_tile(TileCoord::new(tile.z(), tile.x(), tile.y())?, gzip)?)
    }

    fn finish(self: Box<Self>) -> Result<(), ArchiveError> {
        Ok(self.0.finalize()?)
    }
}

/// Where a tile stands in a PMTiles file: along the Hilbert curve of its level.
pub(super) fn position(tile: TileId) -> u64 {
    // A tile's address is checked when it is made.
    TileCoord::new(tile.z(), tile.x(), tile.y()).map_or(u64::MAX, |coord| ::pmtiles::TileId::from(coord).value())
}
