//! What is done with records before it is the writer's turn: the writer is one thread, and those
//! who bring records are many.
//!
//! A record that says all there is of an item that is not known yet is checked, placed in its
//! areas and packed by whoever brings it. The writer gives it its numbers. Should the item be
//! known by then, the packed one is opened again: nothing is lost on the way.

use crate::{
    Refused,
    areas::AreaIndex,
    live::{Live, hash},
    merge::{Context, Merged, merge},
};
use citywall_model::{EventDraft, LiveItem, LiveParts};
use jiff::Timestamp;

/// A record on its way to the writer.
pub(crate) enum Prepared {
    /// As it came.
    Draft(EventDraft),
    /// Packed as the new item that it makes, without its numbers.
    New(LiveItem),
    /// It can never be taken.
    Refused(Refused),
}

impl Prepared {
    /// The record's item and instant, as it names them.
    pub(crate) fn names(&self) -> Option<(&str, Timestamp)> {
        match self {
            Self::Draft(draft) => Some((&draft.id, draft.time?)),
            Self::New(item) => Some((item.id(), item.time())),
            Self::Refused(_) => None,
        }
    }
}

/// Prepares records. O(their bytes); the collection is looked at once for all of them.
pub(crate) fn prepare(drafts: Vec<EventDraft>, live: &Live, areas: &AreaIndex, actor: &str) -> Vec<Prepared> {
    let is_new: Vec<bool> = {
        let state = live.state.read();
        drafts.iter().map(|draft| is_plain(draft, areas) && state.by_hash(hash(&draft.id), &draft.id).is_none()).collect()
    };
    let context = Context { kind: live.meta.kind, areas, actor, now: Timestamp::now(), fid: 0 };
    let made = |draft| match merge(draft, None, &context) {
        Ok(Merged::Now(item)) => Prepared::New(LiveItem::from(item)),
        Ok(Merged::Late(draft, _)) => Prepared::Draft(draft),
        // A plain record says when, and so is never nothing.
        Ok(Merged::Nothing) => Prepared::Refused(Refused::Invalid { member: "time", reason: "is missing".to_owned() }),
        Err(refused) => Prepared::Refused(refused),
    };
    drafts.into_iter().zip(is_new).map(|(draft, is_new)| if is_new { made(draft) } else { Prepared::Draft(draft) }).collect()
}

/// True if the record says nothing that the item made of it would not say.
fn is_plain(draft: &EventDraft, areas: &AreaIndex) -> bool {
    let is_kept = |(name, value): (&String, &serde_json::Value)| !value.is_null() && !areas.names(name);
    draft.source.is_some() && draft.time.is_some() && draft.geometry != Some(None) && draft.properties.iter().all(is_kept)
}

/// The record that an item was made of.
pub(crate) fn opened(item: &LiveItem) -> EventDraft {
    let LiveParts { id, source, time, geometry, properties, .. } = item.parts();
    EventDraft { id: id.as_ref().to_owned(), source: Some(source.to_string()), time: Some(time), geometry: geometry.map(Some), properties }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::live::LiveState;
    use citywall_model::{CimCategory, CollectionId, CollectionKind, CollectionMeta, LocalText, Revision, Schema, Wkb};
    use parking_lot::RwLock;
    use serde_json::json;

    fn live() -> Live {
        let meta = CollectionMeta {
            id: CollectionId::new("events").unwrap(),
            kind: CollectionKind::Incidents,
            title: LocalText::new("事件", "Events"),
            category: CimCategory::PublicThemes,
            source: String::new(),
            source_crs: "EPSG:4326".to_owned(),
            storage_crs: 4326,
            generated: true,
            version: 0,
            revision: Revision(0),
            schema: Schema::default(),
            id_field: None,
            geometry_type: String::new(),
            extent: None,
            count: 0,
            solids: 0,
        };
        Live { meta, state: RwLock::new(LiveState::load(&[])) }
    }

    #[test]
    fn what_is_packed_early_opens_to_what_came() {
        let draft = |geometry, properties: serde_json::Value| EventDraft {
            id: "e".to_owned(),
            source: Some("s".to_owned()),
            time: Some("2026-03-01T08:15:00.123456789Z".parse().unwrap()),
            geometry,
            properties: properties.as_object().unwrap().clone(),
        };
        let plain = [
            draft(Some(Wkb::point(117.2, 39.1).ok()), json!({"b": 0.1, "a": [1, {"c": null}], "level": 2, "status": "removed"})),
            draft(None, json!({"title": "积水 \"3\""})),
        ];
        let whole = [
            draft(Some(None), json!({})),
            draft(None, json!({"a": null})),
            EventDraft { time: None, ..draft(None, json!({})) },
            EventDraft { source: None, ..draft(None, json!({})) },
        ];
        let drafts: Vec<EventDraft> = plain.iter().chain(&whole).cloned().collect();
        let prepared = prepare(drafts.clone(), &live(), &AreaIndex::default(), "local");
        for (at, (prepared, draft)) in prepared.iter().zip(&drafts).enumerate() {
            match prepared {
                Prepared::New(item) => assert_eq!((opened(item), at < plain.len()), (draft.clone(), true)),
                Prepared::Draft(kept) => assert_eq!((kept, at >= plain.len()), (draft, true)),
                Prepared::Refused(refused) => panic!("{refused}"),
            }
        }
        let late = draft(None, json!({"level": 9}));
        assert!(matches!(prepare(vec![late], &live(), &AreaIndex::default(), "local")[..], [Prepared::Refused(_)]));
    }
}
