use super::*;
use proptest::prelude::*;
use serde::Deserialize;
use std::{collections::BTreeSet, convert::Infallible};

/// A tileset of generated buildings, one of its tiles, and the items in that tile as `/items` has them.
const TILESET: &[u8] = include_bytes!("../../tests/data/generated_tileset.json");
const SUBTREE: &[u8] = include_bytes!("../../tests/data/generated_0_0_0.subtree");
const CONTENT: &[u8] = include_bytes!("../../tests/data/generated_content.glb");
const ITEMS: &[u8] = include_bytes!("../../tests/data/generated_items.json");
const NODE: Node = Node { level: 4, x: 7, y: 2 };
const LEVELS: u32 = 5;

#[derive(Deserialize)]
struct Item {
    id: String,
    bounds: [f64; 4],
    height: f64,
}

#[test]
fn every_building_has_the_outline_and_the_height_of_its_item() {
    let items: Vec<Item> = serde_json::from_slice(ITEMS).unwrap();
    let solids = Solids::read(CONTENT).unwrap();
    let ids: BTreeSet<&str> = items.iter().map(|item| &*item.id).collect();
    assert_eq!((solids.ids().collect::<BTreeSet<_>>(), items.len()), (ids, 35));
    for item in &items {
        let places: Vec<[f64; 3]> = solids.of(&item.id).unwrap().triangles().flatten().collect();
        let least = |k: usize| places.iter().map(|p| p[k]).fold(f64::INFINITY, f64::min);
        let most = |k: usize| places.iter().map(|p| p[k]).fold(f64::NEG_INFINITY, f64::max);
        // Coordinates are steps of a few centimetres.
        let [west, south, east, north] = item.bounds;
        for (found, expected) in [(least(0), west), (least(1), south), (most(0), east), (most(1), north)] {
            assert!((found - expected).abs() < 1e-6, "{}: {found} instead of {expected} degrees", item.id);
        }
        assert!((most(2) - least(2) - item.height).abs() < 0.1, "{}: {} m", item.id, most(2) - least(2));
    }
    assert!(solids.of("no such building").is_none());
}

#[test]
fn the_tiles_that_meet_a_rectangle_are_those_that_brute_force_finds() {
    let quadtree = Quadtree::read(TILESET).unwrap();
    assert_eq!(quadtree.content(NODE), "content/4/7/2.glb?v=12");
    let whole = Subtree::read(SUBTREE, LEVELS).unwrap();
    // Below the first file nothing is there.
    let nothing = Subtree::read(&subtree(r#"{"constant":0}"#), LEVELS).unwrap();
    let meeting = |bounds: [f64; 4]| {
        let mut asked = Vec::new();
        let found = quadtree.meeting(bounds, |node, address, levels| {
            asked.push((node, address.to_owned()));
            assert_eq!(levels, LEVELS);
            Ok::<_, Infallible>(if node.level == 0 { &whole } else { &nothing })
        });
        let Ok(found) = found;
        (found.into_iter().collect::<BTreeSet<_>>(), asked)
    };
    let (all, asked) = meeting([-180.0, -90.0, 180.0, 90.0]);
    // As many as the file counts, and as many files below it.
    assert_eq!((all.len(), asked.len()), (44, 1 + 29));
    assert_eq!(asked[0].1, "subtrees/0/0/0.subtree?v=12");
    assert!(all.contains(&NODE));
    // The tile's own buildings are found where they stand, with it and with all that contain it.
    let items: Vec<Item> = serde_json::from_slice(ITEMS).unwrap();
    for item in items {
        let (found, _) = meeting(item.bounds);
        assert!(found.contains(&NODE) && found.len() < 12, "{}: {found:?}", item.id);
        let above = (0..4).map(|level| Node { level, x: NODE.x >> (4 - level), y: NODE.y >> (4 - level) });
        assert!(above.filter(|node| all.contains(node)).all(|node| found.contains(&node)));
    }
    assert!(meeting([0.0, 0.0, 1.0, 1.0]).0.is_empty());
}

fn subtree(availability: &str) -> Vec<u8> {
    let text = format!(
        r#"{{"tileAvailability":{availability},"contentAvailability":[{availability}],"childSubtreeAvailability":{availability}}}"#
    );
    let mut bytes = b"subt\x01\0\0\0".to_vec();
    bytes.extend_from_slice(&(text.len() as u64).to_le_bytes());
    bytes.extend_from_slice(&0u64.to_le_bytes());
    bytes.extend_from_slice(text.as_bytes());
    bytes
}

#[test]
fn what_is_no_tileset_is_refused_with_the_reason() {
    let reason = |error: SolidsError| error.to_string();
    assert!(reason(Quadtree::read(b"{}").unwrap_err()).contains("root"));
    let explicit = br#"{"root":{"boundingVolume":{"region":[0,0,1,1,0,1]},"children":[]}}"#;
    assert!(reason(Quadtree::read(explicit).unwrap_err()).contains("implicit"));
    assert!(reason(Subtree::read(b"nothing", LEVELS).unwrap_err()).contains("subtree"));
    assert!(reason(Subtree::read(&subtree(r#"{"bitstream":3}"#), LEVELS).unwrap_err()).contains("too soon"));
    assert!(reason(Solids::read(b"<html>").unwrap_err()).contains("glTF"));
    assert!(Solids::read(&CONTENT[..CONTENT.len() / 2]).is_err());
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12), cut in any::<prop::sample::Index>()) {
        let spoil = |bytes: &[u8]| {
            let mut spoilt = bytes.to_vec();
            for (at, byte) in &changes {
                spoilt[at.index(bytes.len())] = *byte;
            }
            [spoilt.clone(), spoilt[..cut.index(bytes.len())].to_vec()]
        };
        for bytes in spoil(CONTENT) {
            if let Ok(solids) = Solids::read(&bytes) {
                solids.ids().for_each(|id| assert!(solids.of(id).unwrap().triangles().count() > 0));
            }
        }
        for bytes in spoil(SUBTREE) {
            if let (Ok(subtree), Ok(quadtree)) = (Subtree::read(&bytes, LEVELS), Quadtree::read(TILESET)) {
                let Ok(_) = quadtree.meeting([-180.0, -90.0, 180.0, 90.0], |_, _, _| Ok::<_, Infallible>(&subtree));
            }
        }
        for bytes in spoil(TILESET) {
            let _ = Quadtree::read(&bytes);
        }
    }
}
