//! Everything that moves, and devices, by numbers: what reports many times a second is found without a look at
//! its name.

use super::Track;
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// An object that is known.
#[derive(Debug)]
pub struct Known {
    /// Its collection.
    pub collection: Arc<str>,
    /// Its id there.
    pub id: Arc<str>,
    /// Where it is.
    pub track: Track,
}

/// The objects of all collections. An object keeps its number as long as it is known; another one gets it only
/// after [`Tracks::settle`], so that who notes numbers can tell who has gone.
#[derive(Debug, Default)]
pub struct Tracks {
    collections: FxHashMap<Arc<str>, FxHashMap<Arc<str>, u32>>,
    list: Vec<Option<Known>>,
    free: Vec<u32>,
    left: Vec<u32>,
}

impl Tracks {
    /// One object. O(1).
    #[must_use]
    pub fn get(&self, collection: &str, id: &str) -> Option<&Track> {
        Some(&self.numbered(self.number(collection, id)?)?.track)
    }

    /// An object's number. O(1).
    #[must_use]
    pub fn number(&self, collection: &str, id: &str) -> Option<u32> {
        self.collections.get(collection)?.get(id).copied()
    }

    /// The object of a number. O(1).
    #[must_use]
    pub fn numbered(&self, number: u32) -> Option<&Known> {
        self.list.get(number as usize)?.as_ref()
    }

    /// The number of a collection's objects.
    #[must_use]
    pub fn count(&self, collection: &str) -> usize {
        self.collections.get(collection).map_or(0, FxHashMap::len)
    }

    /// The objects of a collection, in no order.
    pub fn of(&self, collection: &str) -> impl Iterator<Item = &Known> {
        self.collections.get(collection).into_iter().flat_map(|ids| ids.values()).filter_map(|number| self.numbered(*number))
    }

    /// Every object with its number.
    pub fn all(&self) -> impl Iterator<Item = (u32, &Known)> {
        self.list.iter().enumerate().filter_map(|(number, known)| Some((number as u32, known.as_ref()?)))
    }

    /// Changes every track.
    pub fn each_mut(&mut self, change: impl FnMut(&mut Track)) {
        self.list.iter_mut().flatten().map(|known| &mut known.track).for_each(change);
    }

    /// Takes a track in; returns the object's number. O(1).
    pub fn put(&mut self, collection: &str, id: &str, track: Track) -> u32 {
        if let Some(number) = self.number(collection, id) {
            if let Some(Some(known)) = self.list.get_mut(number as usize) {
                known.track = track;
            }
            return number;
        }
        let name = self.collections.get_key_value(collection).map_or_else(|| Arc::from(collection), |(name, _)| Arc::clone(name));
        let id: Arc<str> = id.into();
        let number = self.free.pop().unwrap_or(self.list.len() as u32);
        self.collections.entry(Arc::clone(&name)).or_default().insert(Arc::clone(&id), number);
        let known = Some(Known { collection: name, id, track });
        match self.list.get_mut(number as usize) {
            Some(place) => *place = known,
            None => self.list.push(known),
        }
        number
    }

    /// Takes an object out; returns the number that it had. O(1).
    pub fn remove(&mut self, collection: &str, id: &str) -> Option<u32> {
        let number = self.collections.get_mut(collection)?.remove(id)?;
        if let Some(place) = self.list.get_mut(number as usize) {
            *place = None;
        }
        self.left.push(number);
        Some(number)
    }

    /// Takes all out, with their numbers.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// From now on the numbers of what has gone may be given to others.
    pub fn settle(&mut self) {
        self.free.append(&mut self.left);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::Followed;
    use citywall_wire::Feature;
    use proptest::prelude::*;
    use serde_json::json;
    use std::{collections::BTreeMap, time::Instant};

    fn track(longitude: f64) -> Track {
        let geometry = Some(json!({"type": "Point", "coordinates": [longitude, 39.0]}));
        let feature = Feature { kind: "Feature".into(), id: String::new(), geometry, properties: serde_json::Map::new() };
        Track::read(Followed::Moving, &feature, None, Instant::now(), true, None).unwrap()
    }

    proptest! {
        /// What is known is what a map would know; who has gone leaves a number that is nobody's until all is settled.
        #[test]
        fn objects_are_found_by_name_and_by_number(steps in prop::collection::vec((0..3u8, 0..2u8, 0..6u8), 1..200)) {
            let (mut tracks, mut known, mut gone) = (Tracks::default(), BTreeMap::new(), Vec::new());
            for (at, (step, collection, id)) in steps.into_iter().enumerate() {
                let key = (format!("c{collection}"), format!("i{id}"));
                match step {
                    0 => {
                        let longitude = at as f64 * 0.01;
                        let number = tracks.put(&key.0, &key.1, track(longitude));
                        prop_assert!(!gone.contains(&number));
                        if let Some((before, _)) = known.insert(key, (number, longitude)) {
                            prop_assert_eq!(before, number);
                        }
                    }
                    1 => {
                        let number = tracks.remove(&key.0, &key.1);
                        prop_assert_eq!(number, known.remove(&key).map(|(number, _)| number));
                        gone.extend(number);
                    }
                    _ => {
                        prop_assert!(gone.drain(..).all(|number| tracks.numbered(number).is_none()));
                        tracks.settle();
                    }
                }
                for ((collection, id), (number, longitude)) in &known {
                    prop_assert_eq!(tracks.get(collection, id).map(|track| track.place.0), Some(*longitude));
                    let found = tracks.numbered(*number).unwrap();
                    prop_assert_eq!((&*found.collection, &*found.id), (collection.as_str(), id.as_str()));
                }
                prop_assert_eq!(tracks.all().count(), known.len());
                prop_assert_eq!(tracks.count("c0") + tracks.count("c1"), known.len());
                prop_assert_eq!(tracks.of("c0").count(), tracks.count("c0"));
            }
        }
    }
}
