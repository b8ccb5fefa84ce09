//! The things that the scene marks: read once per scene and version, then markers on the GPU.

use crate::{
    city::{Chosen, City},
    geo::CityPlane,
    net::{Thing, Things, ThingsKey, ThingsReader},
    render::{Glyph, Marker, Picture, bucket},
    scene::{SceneMarkers, Scenes},
};
use bevy::prelude::*;
use rustc_hash::FxHashMap;
use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

/// Between two attempts to read things.
const RETRY: Duration = Duration::from_secs(5);

/// The things of the scene.
#[derive(Resource)]
pub struct ThingBook {
    reader: ThingsReader,
    read: FxHashMap<Kind, Read>,
    /// Goes up with every answer.
    answers: u64,
    waiting: Vec<ThingsKey>,
    /// What the scene marks, and what of it is there.
    pub shown: Vec<ShownThings>,
    seen: Option<(u32, CityPlane, u64)>,
    chosen: Option<(String, String)>,
}

/// Things of one kind: a collection, and the properties that they have.
type Kind = (String, BTreeMap<String, String>);

/// What was read of a kind.
#[derive(Default)]
struct Read {
    /// The revision for which it was asked last.
    revision: u64,
    /// When it is asked again though nothing has changed, since there was no answer.
    retry: Option<Instant>,
    /// They, as they were when an answer came last.
    list: Option<Arc<Vec<Thing>>>,
}

/// One kind of thing on the wall.
#[derive(Clone, Debug)]
pub struct ShownThings {
    /// What the scene says of it.
    pub spec: SceneMarkers,
    /// Its title.
    pub title: String,
    /// They, on the city's plane.
    pub list: Arc<Vec<Thing>>,
    /// Where they are.
    pub places: Arc<Vec<[f32; 2]>>,
}

impl ThingBook {
    /// Nothing yet.
    #[must_use]
    pub fn new(reader: ThingsReader) -> Self {
        Self { reader, read: FxHashMap::default(), answers: 0, waiting: Vec::new(), shown: Vec::new(), seen: None, chosen: None }
    }

    /// All markers are written again.
    pub(super) fn write_again(&mut self) {
        self.seen = None;
    }

    /// True while something that the scene marks is still being read.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }
}

pub(super) fn update(
    mut book: ResMut<ThingBook>,
    scenes: Res<Scenes>,
    mut city: ResMut<City>,
    chosen: Res<Chosen>,
    mut picture: ResMut<Picture>,
) {
    let book = &mut *book;
    while let Some(Things { key, list, matched }) = book.reader.finished() {
        book.waiting.retain(|k| *k != key);
        match &list {
            Ok(list) if (list.len() as u64) < matched.min(crate::net::THINGS_MAX as u64) => {
                city.complain(format!("“{}”中有 {} 项没有位置", key.collection, matched - list.len() as u64));
            }
            Ok(list) if matched > list.len() as u64 => {
                city.complain(format!("“{}”共 {matched} 项，只显示前 {} 项", key.collection, list.len()));
            }
            Err(error) => city.complain(format!("“{}”读取失败：{error}", key.collection)),
            Ok(_) => {}
        }
        book.answers += 1;
        let known = book.read.entry((key.collection, key.filter)).or_default();
        known.revision = key.revision;
        known.retry = list.is_err().then(|| Instant::now() + RETRY);
        // What was known stays until there is a better answer.
        known.list = list.ok().or_else(|| known.list.take());
    }
    let (Some(plane), Some(document)) = (city.plane, &city.document) else { return };
    let wanted: Vec<(SceneMarkers, String, Option<ThingsKey>)> = scenes
        .current()
        .markers
        .iter()
        .filter(|spec| !scenes.hidden().contains(&spec.get_ref().collection))
        .map(|spec| {
            let spec = spec.get_ref().clone();
            let found = document.collections.iter().find(|c| c.id == spec.collection);
            let title = spec
                .title
                .clone()
                .unwrap_or_else(|| found.map_or_else(|| spec.collection.clone(), |c| c.title.zh.trim_end_matches("（生成）").to_owned()));
            let key = found.map(|c| ThingsKey { collection: c.id.clone(), filter: spec.filter.clone(), revision: c.revision });
            (spec, title, key)
        })
        .collect();
    let mut missing = Vec::new();
    for (spec, _, key) in &wanted {
        match key {
            None => missing.push(format!("场景要标注的“{}”不在城市中", spec.collection)),
            Some(key) => {
                let is_answer = |read: &Read| read.revision == key.revision && read.retry.is_none_or(|at| Instant::now() < at);
                let is_known = book.read.get(&kind_of(key)).is_some_and(is_answer);
                let is_asked = book.waiting.iter().any(|w| (&w.collection, &w.filter) == (&key.collection, &key.filter));
                if !is_known && !is_asked && book.reader.ask(key) {
                    book.waiting.push(key.clone());
                }
            }
        }
    }
    let seen = Some((scenes.version, plane, book.answers));
    if book.seen != seen {
        book.seen = seen;
        book.chosen.clone_from(&chosen.0);
        book.shown = wanted.into_iter().filter_map(|(spec, title, key)| shown(&book.read, spec, title, key.as_ref()?, plane)).collect();
        write(book, &mut picture);
    } else if book.chosen != chosen.0 {
        book.chosen.clone_from(&chosen.0);
        write(book, &mut picture);
    }
    missing.into_iter().for_each(|m| city.complain(m));
}

fn kind_of(key: &ThingsKey) -> Kind {
    (key.collection.clone(), key.filter.clone())
}

fn shown(read: &FxHashMap<Kind, Read>, spec: SceneMarkers, title: String, key: &ThingsKey, plane: CityPlane) -> Option<ShownThings> {
    let list = read.get(&kind_of(key))?.list.clone()?;
    let place = |t: &Thing| {
        let at = plane.forward(t.place.0, t.place.1);
        [at.x as f32, at.y as f32]
    };
    let places = Arc::new(list.iter().map(place).collect());
    Some(ShownThings { spec, title, list, places })
}

fn write(book: &ThingBook, picture: &mut Picture) {
    let changes = &mut picture.marker_changes[bucket::THINGS];
    changes.clear();
    let mut slot = 0;
    for things in &book.shown {
        for (thing, place) in things.list.iter().zip(things.places.iter()) {
            changes.push((slot, marker(thing, *place, &things.spec, book.chosen.as_ref())));
            slot += 1;
        }
    }
    picture.marker_counts[bucket::THINGS] = slot;
}

fn marker(thing: &Thing, place: [f32; 2], spec: &SceneMarkers, chosen: Option<&(String, String)>) -> Marker {
    let broken = spec.out_of_order.iter().any(|(k, v)| thing.words.iter().any(|w| w.0 == *k && w.1 == *v));
    let is_chosen = chosen.is_some_and(|c| c.1 == thing.id && c.0 == spec.collection);
    let glyph = if spec.glyph == Glyph::Level { Glyph::Dot } else { spec.glyph };
    let bits = Marker::glyph_bits(glyph, thing.heading)
        | if broken { Marker::OUT_OF_ORDER } else { 0 }
        | if is_chosen { Marker::CHOSEN } else { 0 };
    Marker::still(place, f32::MIN / 2.0, bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_work_is_hollow() {
        let thing = |status: &str| Thing {
            id: "1".into(),
            name: String::new(),
            place: (0.0, 0.0),
            heading: 90.0,
            snapshot: None,
            words: vec![("status".into(), status.into())],
        };
        let spec = SceneMarkers {
            collection: "cameras".into(),
            title: None,
            filter: Default::default(),
            glyph: Glyph::Camera,
            out_of_order: [("status".to_owned(), "OFF".to_owned())].into(),
        };
        assert_eq!(marker(&thing("OFF"), [0.0; 2], &spec, None).bits & Marker::OUT_OF_ORDER, Marker::OUT_OF_ORDER);
        let on = marker(&thing("ON"), [0.0; 2], &spec, Some(&("cameras".into(), "1".into()))).bits;
        assert_eq!((on & Marker::OUT_OF_ORDER, on & Marker::CHOSEN, on >> 8 & 255), (0, Marker::CHOSEN, 64));
    }
}
