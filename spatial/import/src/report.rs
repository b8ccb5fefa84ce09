//! What became of a source's records: nothing is dropped in silence.

use citywall_model::Bbox;
use serde::Serialize;
use std::{
    collections::BTreeMap,
    fmt,
    fs::File,
    io::{BufWriter, Write},
    path::{Path, PathBuf},
};

/// Refusals and examples of repairs that a report lists; all refusals are in the refused file.
pub const REPORT_EXAMPLES_MAX: usize = 20;
/// Most bytes of a raw record that the refused file keeps.
pub const RAW_BYTES_MAX: usize = 1 << 20;

/// What was mended in a geometry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Repair {
    /// A ring did not end where it began; the first vertex was added at its end.
    UnclosedRing,
    /// A vertex stood twice in a row; one was taken out.
    DuplicateVertex,
    /// A ring ran against RFC 7946 (outer rings counterclockwise); it was turned.
    Winding,
    /// A ring of fewer than four positions or a line of fewer than two was taken out.
    TooFewPoints,
    /// A polygon crossed or overlapped itself; it was split into the areas that it encloses.
    Invalid,
    /// A polygon enclosed nothing; the item was kept without a geometry.
    NoArea,
    /// Some positions had heights and some did not; the missing ones became 0.
    MissingHeight,
    /// Curves became lines of steps of at most 4 degrees of arc.
    Curve,
    /// Measures (M) or further ordinates were left out.
    Measure,
}

impl Repair {
    /// What was done, in words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::UnclosedRing => "ring closed",
            Self::DuplicateVertex => "repeated vertex taken out",
            Self::Winding => "ring turned (RFC 7946: outer rings counterclockwise)",
            Self::TooFewPoints => "ring or line with too few points taken out",
            Self::Invalid => "self-crossing polygon made valid",
            Self::NoArea => "polygon without area kept as an item without geometry",
            Self::MissingHeight => "missing heights set to 0",
            Self::Curve => "curve turned into short lines",
            Self::Measure => "ordinates beyond x, y, z left out",
        }
    }
}

/// The place of a record in its source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Place {
    /// The record, counted from 1 in its layer.
    pub record: u64,
    /// The line on which it starts, counted from 1, where the format has lines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "record {}", self.record)?;
        self.line.map_or(Ok(()), |line| write!(f, ", line {line}"))
    }
}

/// One mended record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Example {
    /// Where.
    #[serde(flatten)]
    pub place: Place,
    /// What was wrong, if more is known than its kind.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

/// How often something was mended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Repaired {
    /// Records with it.
    pub records: u64,
    /// The first of them.
    pub examples: Vec<Example>,
}

/// One record that was not stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refused {
    /// Where.
    #[serde(flatten)]
    pub place: Place,
    /// Why.
    pub reason: String,
    /// The record as the source has it, where it is text of at most [`RAW_BYTES_MAX`] bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub raw: Option<String>,
}

/// What became of one layer.
#[derive(Clone, Debug, Default, Serialize)]
pub struct LayerReport {
    /// The collection that it became.
    pub collection: String,
    /// What the source calls it, if it has names for its layers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_layer: Option<String>,
    /// The format, in words.
    pub format: String,
    /// The CRS that its coordinates were read in.
    pub source_crs: String,
    /// Records read: stored and refused.
    pub read: u64,
    /// Items stored.
    pub stored: u64,
    /// Of those, items without a geometry.
    pub no_geometry: u64,
    /// CityJSON geometries kept beside the items.
    pub solids: u64,
    /// What was mended, by kind.
    pub repaired: BTreeMap<Repair, Repaired>,
    /// Records that were not stored.
    pub refused: u64,
    /// The first of them.
    pub refusals: Vec<Refused>,
    /// The extent of what was stored: west, south, east, north in degrees.
    pub bbox: Option<Bbox>,
    /// What else there is to know: a CRS that was assumed, columns that were chosen.
    pub notes: Vec<String>,
    /// How long it took.
    pub seconds: f64,
}

impl LayerReport {
    pub(crate) fn note(&mut self, note: impl Into<String>) {
        let note = note.into();
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }
}

/// What became of a source.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ImportReport {
    /// The source's file name.
    pub source: String,
    /// One report per layer, in the source's order.
    pub layers: Vec<LayerReport>,
    /// The file with every refused record, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused_file: Option<PathBuf>,
    /// How long it took in all.
    pub seconds: f64,
}

impl ImportReport {
    /// Items stored over all layers.
    #[must_use]
    pub fn stored(&self) -> u64 {
        self.layers.iter().map(|l| l.stored).sum()
    }

    /// Records refused over all layers.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.layers.iter().map(|l| l.refused).sum()
    }
}

impl fmt::Display for ImportReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for layer in &self.layers {
            let of = layer.source_layer.as_ref().map(|l| format!(", layer {l}")).unwrap_or_default();
            writeln!(f, "{}: {} from {}{of} ({}), {:.1} s", layer.collection, layer.format, self.source, layer.source_crs, layer.seconds)?;
            writeln!(f, "  read {}, stored {}, refused {}", layer.read, layer.stored, layer.refused)?;
            if layer.no_geometry > 0 {
                writeln!(f, "  without a geometry: {}", layer.no_geometry)?;
            }
            if layer.solids > 0 {
                writeln!(f, "  solids and surfaces in 3D: {}", layer.solids)?;
            }
            for (kind, repaired) in &layer.repaired {
                writeln!(f, "  repaired: {} in {} records", kind.words(), repaired.records)?;
                for example in repaired.examples.iter().take(3) {
                    let colon = if example.detail.is_empty() { "" } else { ": " };
                    writeln!(f, "    {}{colon}{}", example.place, example.detail)?;
                }
            }
            for refused in layer.refusals.iter().take(10) {
                writeln!(f, "  refused: {}: {}", refused.place, refused.reason)?;
            }
            if layer.refused > 10 {
                writeln!(f, "  … and {} more", layer.refused - 10)?;
            }
            if let Some(b) = layer.bbox {
                writeln!(f, "  extent: {:.5}, {:.5} to {:.5}, {:.5}", b.x_min, b.y_min, b.x_max, b.y_max)?;
            }
            for note in &layer.notes {
                writeln!(f, "  note: {note}")?;
            }
        }
        if let Some(path) = &self.refused_file {
            writeln!(f, "refused records: {}", path.display())?;
        }
        Ok(())
    }
}

/// The file of refused records, newline-delimited JSON; made at the first refusal.
#[derive(Debug)]
pub(crate) struct RefusedFile {
    path: Option<PathBuf>,
    file: Option<BufWriter<File>>,
}

impl RefusedFile {
    pub(crate) fn new(path: Option<&Path>) -> Self {
        Self { path: path.map(Path::to_owned), file: None }
    }

    pub(crate) fn add(&mut self, collection: &str, refused: &Refused) -> std::io::Result<()> {
        #[derive(Serialize)]
        struct Row<'a> {
            collection: &'a str,
            #[serde(flatten)]
            refused: &'a Refused,
        }
        let Some(path) = &self.path else { return Ok(()) };
        if self.file.is_none() {
            self.file = Some(BufWriter::new(File::create(path)?));
        }
        if let Some(file) = &mut self.file {
            serde_json::to_writer(&mut *file, &Row { collection, refused })?;
            file.write_all(b"\n")?;
        }
        Ok(())
    }

    /// The path, if anything was refused.
    pub(crate) fn finish(self) -> std::io::Result<Option<PathBuf>> {
        match self.file {
            None => Ok(None),
            Some(mut file) => file.flush().map(|()| self.path),
        }
    }
}
