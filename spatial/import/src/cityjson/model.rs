//! The parts of a CityJSON text that are looked at.

use crate::ImportError;
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;
use std::{fmt, path::Path};

/// What a document or sequence says of itself.
#[derive(Debug, Deserialize)]
pub(super) struct Header {
    #[serde(rename = "type")]
    kind: String,
    version: Option<String>,
    pub(super) transform: Option<Transform>,
    pub(super) metadata: Option<Metadata>,
}

impl Header {
    /// Checks that it is of a version that is read.
    pub(super) fn check(&self, path: &Path) -> Result<(), ImportError> {
        let reason = match self.version.as_deref() {
            _ if self.kind != "CityJSON" => format!("its type is “{}”, not CityJSON", self.kind),
            Some("1.1" | "2.0") => return Ok(()),
            Some(version) => format!("it is CityJSON {version}; versions 1.1 and 2.0 are read (cjio upgrades older files)"),
            None => "it does not say its CityJSON version".to_owned(),
        };
        Err(ImportError::Foreign { path: path.to_owned(), reason })
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Metadata {
    #[serde(rename = "referenceSystem")]
    pub(super) reference_system: Option<String>,
}

/// Vertices are integers: real = vertex · scale + translate.
#[derive(Debug, Deserialize)]
pub(super) struct Transform {
    pub(super) scale: [f64; 3],
    pub(super) translate: [f64; 3],
}

/// A document or a feature.
#[derive(Debug, Deserialize)]
pub(super) struct Document<'a> {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) id: Option<String>,
    pub(super) transform: Option<Transform>,
    #[serde(rename = "CityObjects", borrow)]
    pub(super) objects: Objects<'a>,
    pub(super) vertices: Vec<[f64; 3]>,
}

/// Objects by id in the text's order, not yet looked into.
#[derive(Debug, Default)]
pub(super) struct Objects<'a>(pub(super) Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Objects<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Objects<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of city objects")
            }
            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                let mut objects = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    objects.push(entry);
                }
                Ok(Objects(objects))
            }
        }
        deserializer.deserialize_map(Read)
    }
}

/// A building, a part of one, a road, …
#[derive(Debug, Deserialize)]
pub(super) struct CityObject<'a> {
    #[serde(rename = "type")]
    pub(super) kind: String,
    #[serde(borrow)]
    pub(super) attributes: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) address: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) geometry: Vec<Geometry<'a>>,
    #[serde(default)]
    pub(super) parents: Vec<String>,
    #[serde(default)]
    pub(super) children: Vec<String>,
}

/// One geometry at one level of detail.
#[derive(Debug, Deserialize)]
pub(super) struct Geometry<'a> {
    #[serde(rename = "type")]
    pub(super) kind: String,
    #[serde(default)]
    pub(super) lod: serde_json::Value,
    #[serde(borrow)]
    pub(super) boundaries: &'a RawValue,
    pub(super) semantics: Option<Semantics>,
    #[serde(default)]
    pub(super) material: Option<serde::de::IgnoredAny>,
    #[serde(default)]
    pub(super) texture: Option<serde::de::IgnoredAny>,
}

/// What each surface is.
#[derive(Debug, Deserialize)]
pub(super) struct Semantics {
    pub(super) surfaces: Vec<serde_json::Map<String, serde_json::Value>>,
    #[serde(default)]
    pub(super) values: serde_json::Value,
}

/// A ring as positions in the vertex list.
pub(super) type Ring = Vec<usize>;
/// An outer ring and its holes.
pub(super) type Surface = Vec<Ring>;

/// The surfaces of a geometry in order.
#[derive(Debug, Default)]
pub(super) struct Boundaries {
    pub(super) surfaces: Vec<Surface>,
    /// How many surfaces make up each shell, for solids.
    pub(super) shells: Vec<u32>,
    /// The semantic type of each surface, or none at all.
    pub(super) semantics: Vec<String>,
}

impl Geometry<'_> {
    /// The level of detail as text.
    pub(super) fn lod(&self) -> String {
        match &self.lod {
            serde_json::Value::String(lod) => lod.clone(),
            serde_json::Value::Null => String::new(),
            other => other.to_string(),
        }
    }

    /// Its surfaces; `None` for points and lines.
    pub(super) fn boundaries(&self) -> Result<Option<Boundaries>, String> {
        let json = self.boundaries.get();
        let words =
            |e: serde_json::Error| format!("{} of level of detail {}: boundaries: {}", self.kind, self.lod(), crate::json::words(&e));
        let solids: Vec<Vec<Vec<Surface>>> = match self.kind.as_str() {
            "MultiSurface" | "CompositeSurface" => vec![vec![serde_json::from_str(json).map_err(words)?]],
            "Solid" => vec![serde_json::from_str(json).map_err(words)?],
            "MultiSolid" | "CompositeSolid" => serde_json::from_str(json).map_err(words)?,
            "MultiPoint" | "MultiLineString" => return Ok(None),
            "GeometryInstance" => return Err("its geometry is an instance of a template (GeometryInstance), which is not read".to_owned()),
            other => return Err(format!("“{other}” is no CityJSON geometry")),
        };
        let has_shells = self.kind.ends_with("Solid");
        let values = self.semantics.as_ref().map(|s| match self.kind.as_str() {
            // Brought to the nesting of a MultiSolid: solids, shells, surfaces.
            "MultiSurface" | "CompositeSurface" => serde_json::json!([[s.values]]),
            "Solid" => serde_json::json!([s.values]),
            _ => s.values.clone(),
        });
        let mut boundaries = Boundaries::default();
        for (i, solid) in solids.into_iter().enumerate() {
            for (j, shell) in solid.into_iter().enumerate() {
                if let (Some(semantics), Some(values)) = (&self.semantics, &values) {
                    for k in 0..shell.len() {
                        // A null stands for a surface, or for all of a shell or solid, without one.
                        let index = values.get(i).and_then(|v| v.get(j)).and_then(|v| v.get(k)).and_then(serde_json::Value::as_u64);
                        let surface = index.and_then(|i| semantics.surfaces.get(usize::try_from(i).ok()?));
                        let kind = surface.and_then(|s| s.get("type")).and_then(|t| t.as_str());
                        boundaries.semantics.push(kind.unwrap_or_default().to_owned());
                    }
                }
                if has_shells {
                    boundaries.shells.push(u32::try_from(shell.len()).unwrap_or(u32::MAX));
                }
                boundaries.surfaces.extend(shell);
            }
        }
        Ok(Some(boundaries))
    }
}
