//! Watches the city's document, and reads the names of its largest areas.

use super::{HttpError, Server};
use citywall_wire::{CityDocument, Feature};
use geo::{Area, BoundingRect, Contains, InteriorPoint};
use geo_types::{Geometry, Polygon};
use serde::Deserialize;
use std::{
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread,
    time::Duration,
};

/// Between two looks at the document.
const INTERVAL: Duration = Duration::from_secs(10);
/// Between two attempts while there is no answer.
const RETRY: Duration = Duration::from_secs(1);
/// Names of areas that are read, at most.
const LABELS_MAX: usize = 400;

/// What the watch has found.
pub enum CityUpdate {
    /// The document as it now is.
    Document(Box<CityDocument>),
    /// The names of the largest areas.
    Labels(Vec<Label>),
    /// There is no answer.
    Failed(HttpError),
}

/// An area's name and where to write it.
#[derive(Clone, Debug, PartialEq)]
pub struct Label {
    /// The area's id.
    pub id: String,
    /// The name.
    pub text: String,
    /// Longitude, latitude.
    pub place: (f64, f64),
    /// The area in square degrees, by which names are ranked.
    pub size: f64,
    /// Its outline in degrees.
    pub shape: geo_types::MultiPolygon,
}

/// Starts the watch. It ends when nobody listens any more.
#[must_use]
pub fn spawn_city_watch(server: Server) -> Receiver<CityUpdate> {
    let (sender, receiver) = sync_channel(8);
    thread::Builder::new().name("city".to_owned()).spawn(move || watch(&server, &sender)).map_or_else(
        |error| {
            let (sender, failed) = sync_channel(1);
            // The channel is new and has room for one.
            let _ = sender.send(CityUpdate::Failed(HttpError::Unreachable(format!("no thread: {error}"))));
            failed
        },
        |_| receiver,
    )
}

fn watch(server: &Server, sender: &SyncSender<CityUpdate>) {
    let mut labelled: Option<(String, u64)> = None;
    loop {
        let wait = match server.get_json::<CityDocument>("/city") {
            Ok(document) => {
                let areas = document.area_levels.first().map(|level| {
                    let revision = document.collections.iter().find(|c| c.id == level.collection).map_or(0, |c| c.revision);
                    (level.collection.clone(), level.name_field.clone(), revision)
                });
                if sender.send(CityUpdate::Document(Box::new(document))).is_err() {
                    return;
                }
                if let Some((collection, name_field, revision)) = areas
                    && labelled.as_ref() != Some(&(collection.clone(), revision))
                {
                    match labels(server, &collection, &name_field) {
                        Ok(labels) => {
                            labelled = Some((collection, revision));
                            if sender.send(CityUpdate::Labels(labels)).is_err() {
                                return;
                            }
                        }
                        Err(error) => bevy::log::warn!("the names of “{collection}” could not be read: {error}"),
                    }
                }
                INTERVAL
            }
            Err(error) => {
                if sender.send(CityUpdate::Failed(error)).is_err() {
                    return;
                }
                RETRY
            }
        };
        thread::sleep(wait);
    }
}

#[derive(Deserialize)]
struct Page {
    features: Vec<Feature>,
}

fn labels(server: &Server, collection: &str, name_field: &str) -> Result<Vec<Label>, HttpError> {
    let page: Page = server.get_json(&format!("/collections/{collection}/items?limit={LABELS_MAX}"))?;
    let mut labels: Vec<Label> = page
        .features
        .iter()
        .filter_map(|feature| {
            let text = feature.properties.get(name_field)?.as_str()?.trim().to_owned();
            let shape = polygons(feature.geometry.as_ref()?)?;
            let (place, size) = middle(&shape)?;
            (!text.is_empty()).then_some(Label { id: feature.id.clone(), text, place, size, shape: geo_types::MultiPolygon(shape) })
        })
        .collect();
    labels.sort_by(|a, b| b.size.total_cmp(&a.size));
    Ok(labels)
}

/// The polygons of a GeoJSON geometry.
fn polygons(geometry: &serde_json::Value) -> Option<Vec<Polygon>> {
    let coordinates = geometry.get("coordinates")?;
    match geometry.get("type")?.as_str()? {
        "Polygon" => Some(polygon(coordinates).into_iter().collect()),
        "MultiPolygon" => Some(coordinates.as_array()?.iter().filter_map(polygon).collect()),
        _ => None,
    }
}

/// A place inside the largest polygon: its centroid if that lies inside.
fn middle(polygons: &[Polygon]) -> Option<((f64, f64), f64)> {
    let largest = polygons.iter().max_by(|a, b| a.unsigned_area().total_cmp(&b.unsigned_area()))?;
    let size = largest.unsigned_area();
    let rect = largest.bounding_rect()?;
    let centroid = geo::Centroid::centroid(largest).filter(|c| largest.contains(c));
    let point = centroid.or_else(|| Geometry::Polygon(largest.clone()).interior_point()).unwrap_or_else(|| rect.center().into());
    Some(((point.x(), point.y()), size))
}

fn polygon(rings: &serde_json::Value) -> Option<Polygon> {
    let ring = |ring: &serde_json::Value| -> Option<geo_types::LineString> {
        ring.as_array()?.iter().map(|p| Some((p.get(0)?.as_f64()?, p.get(1)?.as_f64()?))).collect::<Option<Vec<_>>>().map(Into::into)
    };
    let mut rings = rings.as_array()?.iter().map(ring);
    let exterior = rings.next()??;
    Some(Polygon::new(exterior, rings.flatten().collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_name_stands_inside_the_largest_part_even_of_a_horseshoe() {
        let horseshoe = json!([[0, 0], [10, 0], [10, 10], [9, 10], [9, 1], [1, 1], [1, 10], [0, 10], [0, 0]]);
        let speck = json!([[20, 20], [21, 20], [21, 21], [20, 20]]);
        let geometry = json!({"type": "MultiPolygon", "coordinates": [[speck], [horseshoe]]});
        let ((x, y), size) = middle(&polygons(&geometry).unwrap()).unwrap();
        assert!((0.0..=10.0).contains(&x) && (0.0..=10.0).contains(&y) && !(x > 1.0 && x < 9.0 && y > 1.0), "{x} {y}");
        assert!((size - 28.0).abs() < 1e-9);
    }

    #[test]
    fn the_real_districts_are_named_inside_their_borders() {
        let text =
            std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/city/tianjin/districts_cgcs2000.geojson")).unwrap();
        let districts: Page = serde_json::from_str::<serde_json::Value>(&text)
            .map(|v| Page {
                features: v["features"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|f| Feature {
                        kind: "Feature".into(),
                        id: String::new(),
                        geometry: Some(f["geometry"].clone()),
                        properties: serde_json::Map::new(),
                    })
                    .collect(),
            })
            .unwrap();
        assert_eq!(districts.features.len(), 16);
        for district in &districts.features {
            let geometry = district.geometry.as_ref().unwrap();
            let parts = polygons(geometry).unwrap();
            let ((x, y), _) = middle(&parts).unwrap();
            assert!(parts.iter().any(|p| p.contains(&geo_types::Point::new(x, y))));
        }
    }
}
