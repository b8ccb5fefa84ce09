//! Where readers put what they find: transforms it, mends it, checks it, and sends it on in
//! batches to the thread that writes.

use crate::{
    ImportError,
    clean::{Repairs, clean},
    progress::Control,
    report::{Example, LayerReport, Place, RAW_BYTES_MAX, REPORT_EXAMPLES_MAX, Refused},
    shape::Shape,
};
use citywall_crs::{Crs, CrsError, Transform};
use citywall_model::{Value, Wkb, limits};
use citywall_store::{NewFeature, Solid};
use crossbeam_channel::Sender;
use std::sync::Arc;

/// Batches that may wait between reader and writer.
pub(crate) const BATCHES_WAITING_MAX: usize = 4;

/// Items on their way to the writer, and what was refused among them.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) features: Vec<NewFeature>,
    pub(crate) places: Vec<Place>,
    raw: Vec<u8>,
    raw_ends: Vec<usize>,
    bytes: usize,
    pub(crate) refused: Vec<Refused>,
}

impl Batch {
    /// The source text of one of its features, if the source is text.
    pub(crate) fn raw(&self, index: usize) -> Option<String> {
        let start = if index == 0 { 0 } else { *self.raw_ends.get(index - 1)? };
        let raw = self.raw.get(start..*self.raw_ends.get(index)?)?;
        raw_text(raw)
    }
}

/// A record's text for the refused file.
pub(crate) fn raw_text(raw: &[u8]) -> Option<String> {
    (!raw.is_empty() && raw.len() <= RAW_BYTES_MAX).then(|| String::from_utf8_lossy(raw).into_owned())
}

/// See the module.
pub(crate) struct Sink<'a> {
    sender: Sender<Batch>,
    batch: Batch,
    pub(crate) control: &'a Control,
    transform: Transform,
    height_unit_m: f64,
    turn_is_repair: bool,
    tally: LayerReport,
    records: u64,
}

impl<'a> Sink<'a> {
    /// A sink for coordinates of a CRS. `turn_is_repair`: the format says which way rings run.
    pub(crate) fn new(sender: Sender<Batch>, control: &'a Control, crs: &Crs, turn_is_repair: bool) -> Result<Self, CrsError> {
        let mut tally = LayerReport::default();
        let transform = Transform::to_lon_lat(crs)?;
        if transform.is_approximate() {
            tally.note(format!("no transformation from the datum of {crs} is known; positions may be off by 100 m or more"));
        }
        Ok(Self {
            sender,
            batch: Batch::default(),
            control,
            transform,
            height_unit_m: crs.height_unit_m(),
            turn_is_repair,
            tally,
            records: 0,
        })
    }

    /// Records seen so far.
    pub(crate) fn records(&self) -> u64 {
        self.records
    }

    /// Says something about the layer, once.
    pub(crate) fn note(&mut self, note: impl Into<String>) {
        self.tally.note(note);
    }

    /// The next record's place.
    pub(crate) fn next_place(&mut self, line: Option<u64>) -> Place {
        self.records += 1;
        Place { record: self.records, line }
    }

    /// Takes a feature. The shape, in the source's CRS, is used up.
    pub(crate) fn feature(
        &mut self,
        place: Place,
        shape: Option<&mut Shape>,
        values: Vec<(Arc<str>, Value)>,
        raw: &[u8],
        mut repairs: Repairs,
    ) -> Result<(), ImportError> {
        let geometry = match shape {
            None => Ok(None),
            Some(shape) => self.place(shape).and_then(|()| self.mended(shape, &mut repairs)),
        };
        match geometry {
            Ok(geometry) => self.take(place, NewFeature { geometry, values, solids: Vec::new() }, raw, repairs),
            Err(reason) => self.refuse(place, reason, raw),
        }
    }

    /// Takes a feature whose shape is in longitude and latitude already.
    pub(crate) fn placed(
        &mut self,
        place: Place,
        shape: Option<Shape>,
        values: Vec<(Arc<str>, Value)>,
        solids: Vec<Solid>,
        raw: &[u8],
        mut repairs: Repairs,
    ) -> Result<(), ImportError> {
        match shape.map_or(Ok(None), |mut shape| self.mended(&mut shape, &mut repairs)) {
            Ok(geometry) => self.take(place, NewFeature { geometry, values, solids }, raw, repairs),
            Err(reason) => self.refuse(place, reason, raw),
        }
    }

    fn take(&mut self, place: Place, feature: NewFeature, raw: &[u8], repairs: Repairs) -> Result<(), ImportError> {
        for (kind, detail) in repairs.0 {
            let repaired = self.tally.repaired.entry(kind).or_default();
            repaired.records += 1;
            if repaired.examples.len() < REPORT_EXAMPLES_MAX {
                repaired.examples.push(Example { place, detail });
            }
        }
        self.batch.bytes += raw.len().max(feature.geometry.as_ref().map_or(0, |g| g.bytes().len()));
        self.batch.bytes += feature.solids.iter().map(|s| s.surfaces.bytes().len()).sum::<usize>();
        self.batch.features.push(feature);
        self.batch.places.push(place);
        if raw.len() <= RAW_BYTES_MAX {
            self.batch.raw.extend_from_slice(raw);
        }
        self.batch.raw_ends.push(self.batch.raw.len());
        self.flush_if_full()
    }

    /// Takes a record that cannot be stored.
    pub(crate) fn refuse(&mut self, place: Place, reason: impl Into<String>, raw: &[u8]) -> Result<(), ImportError> {
        let raw = raw_text(raw);
        self.batch.bytes += raw.as_ref().map_or(0, String::len);
        self.batch.refused.push(Refused { place, reason: reason.into(), raw });
        self.flush_if_full()
    }

    /// Refuses a line that was too long to be read.
    pub(crate) fn refuse_long_line(&mut self, line: u64, length: u64) -> Result<(), ImportError> {
        let place = self.next_place(Some(line));
        self.refuse(place, format!("{length} bytes pass the limit LINE_BYTES_MAX ({})", limits::LINE_BYTES_MAX), &[])
    }

    /// Longitude, latitude and stored height of a vertex list, in place.
    pub(crate) fn to_lon_lat(&self, x: &mut [f64], y: &mut [f64], z: &mut [f64]) -> Result<(), String> {
        if self.height_unit_m != 1.0 {
            z.iter_mut().for_each(|z| *z *= self.height_unit_m);
        }
        self.transform.apply(x, y, z).map_err(|e| e.to_string())
    }

    fn mended(&self, shape: &mut Shape, repairs: &mut Repairs) -> Result<Option<Wkb>, String> {
        clean(shape, self.turn_is_repair, repairs);
        if shape.is_empty() {
            return Ok(None);
        }
        Wkb::new(shape.to_wkb()).map(Some).map_err(|e| e.to_string())
    }

    fn place(&self, shape: &mut Shape) -> Result<(), String> {
        for member in &mut shape.members {
            self.place(member)?;
        }
        if shape.x.len() > limits::GEOMETRY_VERTICES_MAX {
            return Err(format!("the geometry passes the limit GEOMETRY_VERTICES_MAX ({})", limits::GEOMETRY_VERTICES_MAX));
        }
        if let Some(index) = shape.z.iter().position(|z| !z.is_finite()) {
            return Err(format!("the height of coordinate {index} is not a finite number"));
        }
        if !self.transform.is_identity() || self.height_unit_m != 1.0 {
            let (x, y) = (&mut shape.x, &mut shape.y);
            self.to_lon_lat(x, y, &mut shape.z)?;
        } else if let Some(index) = (0..shape.x.len()).find(|i| !on_globe(shape.x[*i], shape.y[*i])) {
            // Before anything is mended, so that the index is the source's own.
            return Err(off_globe(index, shape.x[index], shape.y[index]));
        }
        Ok(())
    }

    fn flush_if_full(&mut self) -> Result<(), ImportError> {
        let rows = self.batch.features.len() + self.batch.refused.len();
        if rows >= limits::IMPORT_BATCH_ROWS_MAX / 2 || self.batch.bytes >= limits::IMPORT_BATCH_BYTES_MAX / 2 {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), ImportError> {
        if self.control.stopped() {
            return Err(ImportError::Cancelled);
        }
        let batch = std::mem::take(&mut self.batch);
        // The writer hangs up when it has failed; its error is the one that is told.
        self.sender.send(batch).map_err(|_| ImportError::Cancelled)
    }

    /// Sends the rest and returns what was learned about the layer.
    pub(crate) fn finish(mut self) -> Result<LayerReport, ImportError> {
        if !self.batch.features.is_empty() || !self.batch.refused.is_empty() {
            self.flush()?;
        }
        self.tally.read = self.records;
        Ok(self.tally)
    }
}

fn on_globe(x: f64, y: f64) -> bool {
    (-180.0..=180.0).contains(&x) && (-90.0..=90.0).contains(&y)
}

fn off_globe(index: usize, x: f64, y: f64) -> String {
    if !(x.is_finite() && y.is_finite()) {
        format!("coordinate {index} is not a finite number")
    } else if on_globe(y, x) {
        format!("coordinate {index} ({x}, {y}) has its latitude beyond 90 degrees: longitude comes first")
    } else {
        format!("coordinate {index} ({x}, {y}) is not a longitude and latitude in degrees; if it is in metres, say --crs")
    }
}
