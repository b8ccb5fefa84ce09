//! Which collection a key stands for.
//!
//! A key that may be a collection's id is that collection. Any other key, such as `fleet:vans`,
//! is the collection whose id is the nearest allowed name with the start of the key's SHA-256,
//! and whose title is the key itself.

use super::arguments::Fault;
use crate::ingest::make;
use citywall_model::{CimCategory, CollectionId, CollectionKind, CollectionMeta, LocalText, limits};
use citywall_query::{City, CollectionView};
use sha2::{Digest, Sha256};

/// The id of a key's collection.
pub fn collection(key: &str) -> CollectionId {
    CollectionId::new(key).unwrap_or_else(|_| {
        let digest = Sha256::digest(key.as_bytes());
        let end: String = digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
        let mut start = CollectionId::slug(key).as_str().to_owned();
        start.truncate(limits::COLLECTION_ID_BYTES_MAX - end.len() - 1);
        CollectionId::slug(&format!("{start}-{end}"))
    })
}

/// The key of a collection.
pub fn key(meta: &CollectionMeta) -> String {
    let title = &meta.title.en;
    if collection(title) == meta.id { title.clone() } else { meta.id.as_str().to_owned() }
}

/// The collection of a key, unless it has no objects: to Tile38 there is none then.
pub fn view(city: &City, key: &str) -> Option<CollectionView> {
    city.view(&collection(key)).ok().filter(|view| view.is_live() && view.counts().total > 0)
}

/// The collection of a key to write to, made if there is none.
///
/// # Errors
/// The collection is there and holds no moving objects, or the store cannot be written.
pub fn to_write(city: &City, key: &str) -> Result<CollectionId, Fault> {
    let id = collection(key);
    match city.view(&id).map(|view| view.kind()) {
        Ok(CollectionKind::MovingObjects) => return Ok(id),
        Ok(_) => return Err(Fault::new(format!("the collection “{id}” holds no moving objects: it cannot be written to by this door"))),
        Err(_) => {}
    }
    let title = LocalText::new(key, key);
    make(city, &id, CollectionKind::MovingObjects, &title, CimCategory::IotSensing, false)
        .map_err(|error| Fault::new(format!("{error:#}")))?;
    Ok(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn different_keys_are_different_collections() {
        assert_eq!(collection("fleet").as_str(), "fleet");
        let ids = ["key:bench", "key_bench", "Key_bench", "key;bench", "", "9"].map(collection);
        for (at, id) in ids.iter().enumerate() {
            assert!(!ids[..at].contains(id), "{id}");
        }
    }
}
