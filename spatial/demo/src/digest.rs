//! A number that changes if anything in a layer does.

use citywall_model::Value;
use citywall_store::NewFeature;
use std::fmt;

/// What was written to one layer: FNV-1a (64 bits) over every item's geometry and attributes in
/// order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerDigest {
    /// The collection's id.
    pub layer: String,
    /// How many items it has.
    pub count: u64,
    /// The digest.
    pub digest: u64,
}

impl LayerDigest {
    pub(crate) fn new(layer: &str) -> Self {
        Self { layer: layer.to_owned(), count: 0, digest: 0xCBF2_9CE4_8422_2325 }
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        for &b in bytes {
            self.digest = (self.digest ^ u64::from(b)).wrapping_mul(0x0100_0000_01B3);
        }
    }

    pub(crate) fn add(&mut self, feature: &NewFeature) {
        self.count += 1;
        if let Some(geometry) = &feature.geometry {
            self.bytes(geometry.bytes());
        }
        for (name, value) in &feature.values {
            self.bytes(name.as_bytes());
            match value {
                Value::Null => self.bytes(&[0]),
                Value::Boolean(v) => self.bytes(&[1, u8::from(*v)]),
                Value::Integer(v) => self.bytes(&v.to_le_bytes()),
                Value::Number(v) => self.bytes(&v.to_le_bytes()),
                Value::Text(v) | Value::Json(v) => {
                    self.bytes(v.as_bytes());
                    self.bytes(&[0xFF]);
                }
            }
        }
    }
}

impl fmt::Display for LayerDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {:016x}", self.layer, self.count, self.digest)
    }
}
