//! Live messages as JSON text. Every change is written once and shared by all subscribers.

use crate::geojson::write;
use citywall_model::{Change, CollectionId, FeatureRef, LiveItem};
use citywall_wire::LiveMessage;

/// One change, ready to be sent.
#[derive(Debug)]
pub struct PushedChange {
    /// Its collection.
    pub collection: CollectionId,
    /// The revision that made it.
    pub revision: u64,
    /// The change as the JSON of [`citywall_wire::Change`].
    json: Box<[u8]>,
}

impl PushedChange {
    pub fn new(change: &Change) -> Self {
        let revision = change.item.revision().0;
        let mut json = format!("{{\"collection\":\"{}\",\"revision\":{revision},\"feature\":", change.collection).into_bytes();
        write::feature(&mut json, FeatureRef::Live(&change.item));
        json.push(b'}');
        Self { collection: change.collection.clone(), revision, json: json.into() }
    }
}

/// A delta over these changes.
pub fn delta<'c>(after: u64, revision: u64, changes: impl Iterator<Item = &'c PushedChange>) -> String {
    let mut out = format!("{{\"type\":\"delta\",\"after\":{after},\"revision\":{revision},\"changes\":[").into_bytes();
    let mut first = true;
    for change in changes {
        if !std::mem::take(&mut first) {
            out.push(b',');
        }
        out.extend_from_slice(&change.json);
    }
    out.extend_from_slice(b"]}");
    text(out)
}

/// One part of a snapshot.
pub fn snapshot(revision: u64, collection: &CollectionId, items: &[LiveItem], last: bool) -> String {
    let mut out = format!("{{\"type\":\"snapshot\",\"revision\":{revision},\"collection\":\"{collection}\",\"features\":[").into_bytes();
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write::feature(&mut out, FeatureRef::Live(item));
    }
    out.extend_from_slice(format!("],\"last\":{last}}}").as_bytes());
    text(out)
}

/// Any other message.
pub fn other(message: &LiveMessage) -> String {
    serde_json::to_string(message).unwrap_or_default()
}

fn text(json: Vec<u8>) -> String {
    // What is written is text and ASCII around it.
    String::from_utf8(json).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use citywall_model::{Areas, LiveParts, Properties, Revision, Wkb};
    use jiff::Timestamp;

    #[test]
    fn what_is_written_by_hand_is_what_the_wire_types_read() {
        let mut properties = Properties::new();
        properties.insert("title".into(), "路灯 \"3\"".into());
        let time: Timestamp = "2026-03-01T00:15:00Z".parse().unwrap();
        let item = LiveItem::from(LiveParts {
            fid: 3,
            id: "e/1".into(),
            source: "s".into(),
            time,
            since: time,
            areas: Areas::default(),
            revision: Revision(9),
            geometry: Some(Wkb::point(117.2, 39.1).unwrap()),
            properties,
        });
        let collection = CollectionId::new("events").unwrap();
        let change = Change { collection: collection.clone(), item: item.clone(), before: None, late: false, actor: "a".into() };
        let pushed = [PushedChange::new(&change), PushedChange::new(&change)];
        let LiveMessage::Delta { after: 7, revision: 9, changes } = serde_json::from_str(&delta(7, 9, pushed.iter())).unwrap() else {
            panic!("a delta")
        };
        assert_eq!(changes.len(), 2);
        assert_eq!(changes[0].feature.properties["recorded"], 9);
        assert_eq!(changes[0].feature.properties["title"], "路灯 \"3\"");
        let LiveMessage::Snapshot { revision: 9, features, last: true, .. } =
            serde_json::from_str(&snapshot(9, &collection, &[item], true)).unwrap()
        else {
            panic!("a snapshot")
        };
        assert_eq!(features[0].id, "e/1");
        assert_eq!(features[0].geometry.as_ref().unwrap()["coordinates"][0], 117.2);
    }
}
