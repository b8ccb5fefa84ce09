//! The rules against brute force: what they find while items come and go in any order, and after
//! restarts at any instant, is what the definition says of the whole story.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use common::{Story, inside, metres};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

/// Squares on a raster, so that places fall on borders too.
const FENCES: [[f64; 4]; 3] = [[117.0, 39.0, 117.04, 39.04], [117.02, 39.02, 117.06, 39.05], [117.05, 39.0, 117.07, 39.02]];

#[derive(Clone, Debug)]
enum Step {
    /// An item is somewhere, at a height, and the filter holds of it or not.
    Report { item: usize, x: u8, y: u8, altitude: Option<u8>, counts: bool, wait: u8 },
    /// It is cleared.
    Clear { item: usize, wait: u8 },
    /// A person closes an alarm.
    Close(usize),
    /// The server starts anew.
    Restart { wait: u8 },
}

fn step() -> impl Strategy<Value = Step> {
    let altitude = prop_oneof![4 => (0u8..4).prop_map(Some), 1 => Just(None)];
    prop_oneof![
        20 => (0usize..4, 0u8..9, 0u8..7, altitude, prop::bool::weighted(0.9), 0u8..20)
            .prop_map(|(item, x, y, altitude, counts, wait)| Step::Report { item, x, y, altitude, counts, wait }),
        1 => (0usize..4, 0u8..20).prop_map(|(item, wait)| Step::Clear { item, wait }),
        2 => any::<usize>().prop_map(Step::Close),
        2 => (0u8..60).prop_map(|wait| Step::Restart { wait }),
    ]
}

/// A word of an item: when, where if anywhere, how high.
type Word = (i64, Option<(f64, f64)>, Option<f64>);

/// The story that steps tell, and the words of each item.
fn tell(story: &mut Story, steps: &[Step]) -> [Vec<Word>; 4] {
    let mut words: [Vec<Word>; 4] = Default::default();
    for step in steps {
        match step {
            Step::Report { item, x, y, altitude, counts, wait } => {
                let now = story.wait(i64::from(*wait));
                let at = (117.0 + f64::from(*x) / 100.0, 39.0 + f64::from(*y) / 100.0);
                let mut properties = json!({"grade": if *counts { 1 } else { 9 }});
                if let Some(altitude) = altitude {
                    properties["altitude"] = json!(f64::from(*altitude) * 10.0);
                }
                story.report("cars", &format!("c{item}"), Some(at), properties);
                words[*item].push((now, counts.then_some(at), altitude.map(|altitude| f64::from(altitude) * 10.0)));
            }
            Step::Clear { item, wait } => {
                let now = story.wait(i64::from(*wait));
                if !words[*item].is_empty() {
                    story.report("cars", &format!("c{item}"), None, json!({"status": "cleared"}));
                    words[*item].push((now, None, None));
                }
            }
            Step::Close(at) => story.close(*at),
            Step::Restart { wait } => {
                story.wait(i64::from(*wait));
                story.restart();
            }
        }
    }
    words
}

/// The seconds of the story at which a rule with hours is on; see [`with_hours`].
const HOURS: Range<i64> = HOURS_BEGIN..1_400;
const HOURS_BEGIN: i64 = 1_200;

fn with_hours(mut rule: Value, has_hours: bool) -> Value {
    if has_hours {
        rule["hours"] = json!({"from": "00:20:00", "to": "00:23:20"});
    }
    rule
}

/// When what begins at a second is found: then, or when the hours begin, which they do once in a story.
fn found(begin: i64, has_hours: bool) -> i64 {
    match begin {
        _ if !has_hours || HOURS.contains(&begin) => begin,
        ..HOURS_BEGIN => HOURS_BEGIN,
        _ => i64::MAX,
    }
}

/// What lasts, fence by fence and item by item, from its definition: (key, begin, end).
fn lasting(words: &[Vec<Word>], band: Option<[f64; 2]>, after: i64, end: i64, has_hours: bool) -> BTreeSet<(String, i64, Option<i64>)> {
    let mut all = BTreeSet::new();
    for (item, words) in words.iter().enumerate() {
        for (fence, bounds) in FENCES.iter().enumerate() {
            let holds = |word: &Word| {
                let in_band = band.is_none_or(|[low, high]| word.2.is_some_and(|altitude| low <= altitude && altitude <= high));
                in_band && word.1.is_some_and(|at| inside(bounds, at))
            };
            let mut put = |event: &str, begin: i64, over: Option<i64>| {
                all.insert((format!("{event}|c{item}|f{fence}"), begin, over));
            };
            let mut from = 0;
            while let Some(enter) = (from..words.len()).find(|n| holds(&words[*n])) {
                let leave = (enter..words.len()).find(|n| !holds(&words[*n]));
                let over = leave.map(|n| words[n].0);
                let begin = found(words[enter].0, has_hours);
                if over.unwrap_or(end) >= begin {
                    put("inside", begin, over);
                }
                let due = found(words[enter].0 + after, has_hours);
                if over.unwrap_or(end) >= due {
                    put("dwell", due, over);
                }
                let Some(leave) = leave else { break };
                // Absent until it is in again; one that is no more is not awaited.
                if words[leave].1.is_some() {
                    let back = (leave..words.len()).find(|n| holds(&words[*n])).map(|n| words[n].0);
                    let gone = (leave..words.len()).find(|n| words[*n].1.is_none()).map(|n| words[n].0);
                    let due = found(words[leave].0 + after, has_hours);
                    if back.unwrap_or(end) >= due && gone.unwrap_or(i64::MAX) >= due && due <= end {
                        put("absent", due, back);
                    }
                }
                from = leave;
            }
        }
    }
    all
}

fn fence_rule(on: &[&str], more: &Value) -> Value {
    let mut when = json!({"kind": "fence", "fences": "fences", "on": on, "after_s": 30});
    when.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({"title": "t", "level": 2, "collection": "cars", "filter": "grade <= 2", "when": when})
}

fn with_fences(rules: &[(&str, Value)]) -> Story {
    let mut story = Story::new();
    FENCES.iter().enumerate().for_each(|(n, bounds)| story.fence(&format!("f{n}"), Some(*bounds)));
    rules.iter().for_each(|(id, rule)| story.rule(id, rule.clone()));
    story
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn what_lasts_at_fences_is_raised_once_and_ends(
        steps in prop::collection::vec(step(), 1..80), band in any::<bool>(), has_hours in any::<bool>(),
    ) {
        let band = band.then_some([10.0, 20.0]);
        let more = band.map_or(json!({}), |band| json!({"altitude_m": band}));
        // An absence that began while the rule was off is not seen in the present, which a restart shows.
        let restarts = steps.iter().any(|step| matches!(step, Step::Restart { .. }));
        let on: &[&str] = if has_hours && restarts { &["inside", "dwell"] } else { &["inside", "dwell", "absent"] };
        let mut story = with_fences(&[("r", with_hours(fence_rule(on, &more), has_hours))]);
        let words = tell(&mut story, &steps);
        let end = story.finish(100);
        let found: BTreeSet<_> = story.alarms("r").into_iter().map(|alarm| {
            assert_eq!(alarm.count, 1, "{alarm:?}");
            (alarm.key, alarm.time, alarm.ended)
        }).collect();
        prop_assert_eq!(found.len(), story.alarms("r").len(), "none twice");
        let mut expected = lasting(&words, band, 30, end, has_hours);
        expected.retain(|(key, ..)| on.iter().any(|event| key.starts_with(event)));
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn what_passes_at_fences_is_counted(steps in prop::collection::vec(step(), 1..80)) {
        let mut story = with_fences(&[("r", fence_rule(&["enter", "exit"], &json!({})))]);
        let words = tell(&mut story, &steps);
        story.finish(100);
        let mut expected: BTreeMap<String, u64> = BTreeMap::new();
        for (item, words) in words.iter().enumerate() {
            for (fence, bounds) in FENCES.iter().enumerate() {
                let mut was = false;
                for (_, at, _) in words {
                    let is = at.is_some_and(|at| inside(bounds, at));
                    match (was, is) {
                        (false, true) => *expected.entry(format!("enter|c{item}|f{fence}")).or_default() += 1,
                        (true, false) => *expected.entry(format!("exit|c{item}|f{fence}")).or_default() += 1,
                        _ => {}
                    }
                    was = is;
                }
            }
        }
        let (mut found, mut open): (BTreeMap<String, u64>, BTreeMap<String, u64>) = Default::default();
        for alarm in story.alarms("r") {
            *found.entry(alarm.key.clone()).or_default() += alarm.count;
            *open.entry(alarm.key).or_default() += u64::from(!alarm.is_closed);
        }
        prop_assert_eq!(found, expected);
        prop_assert!(open.values().all(|open| *open <= 1), "duplicates fold: {:?}", open);
    }

    #[test]
    fn what_comes_near_is_found_for_every_pair(
        steps in prop::collection::vec(step(), 1..80), within in 500.0..3_000.0f64, has_hours in any::<bool>(),
    ) {
        let rule = json!({"title": "t", "level": 2, "collection": "cars", "filter": "grade <= 2",
            "when": {"kind": "near", "to": "cars", "within_m": within}});
        let mut story = with_fences(&[("r", with_hours(rule, has_hours))]);
        let words = tell(&mut story, &steps);
        let end = story.finish(100);
        let mut expected = Vec::new();
        for first in 0..4 {
            for second in first + 1..4 {
                // At an instant at which several words fall, each counts in its turn.
                let mut turns: Vec<(usize, usize, Word)> = Vec::new();
                for item in [first, second] {
                    turns.extend(words[item].iter().enumerate().map(|(n, word)| (story.turn(item, n), item, *word)));
                }
                turns.sort_by_key(|turn| turn.0);
                let (mut places, mut begun) = ([None; 4], None);
                for (_, item, (time, at, _)) in turns {
                    places[item] = at;
                    let is_near = matches!((places[first], places[second]), (Some(a), Some(b)) if metres(a, b) <= within);
                    match begun {
                        None if is_near => begun = Some(time),
                        Some(begin) if !is_near => {
                            let begin = found(begin, has_hours);
                            if time >= begin {
                                expected.push((format!("c{first}|c{second}"), begin, Some(time)));
                            }
                            begun = None;
                        }
                        _ => {}
                    }
                }
                if let Some(begin) = begun.map(|begin| found(begin, has_hours)).filter(|begin| *begin <= end) {
                    expected.push((format!("c{first}|c{second}"), begin, None));
                }
            }
        }
        let mut found: Vec<_> = story.alarms("r").into_iter().map(|alarm| (alarm.key, alarm.time, alarm.ended)).collect();
        found.sort();
        expected.sort();
        prop_assert_eq!(found, expected);
    }
}

#[test]
fn a_fence_that_goes_ends_what_goes_on_and_one_that_changes_does_not() {
    let mut story = with_fences(&[("r", fence_rule(&["inside"], &json!({})))]);
    let report = |story: &mut Story, at| {
        story.wait(10);
        story.report("cars", "c0", Some(at), json!({"grade": 1}));
        story.alarms("r").into_iter().map(|alarm| (alarm.time, alarm.ended)).collect::<Vec<_>>()
    };
    assert_eq!(report(&mut story, (117.01, 39.01)), [(1_010, None)]);
    // It grows: whoever is in it stays in it.
    story.fence("f0", Some([116.9, 38.9, 117.04, 39.04]));
    assert_eq!(report(&mut story, (116.95, 38.95)), [(1_010, None)]);
    // It shrinks: the next word says that he is out.
    story.fence("f0", Some(FENCES[0]));
    assert_eq!(report(&mut story, (116.95, 38.95)), [(1_010, Some(1_030))]);
    assert_eq!(report(&mut story, (117.01, 39.01)), [(1_010, Some(1_030)), (1_040, None)]);
    story.wait(10);
    story.fence("f0", None);
    assert_eq!(story.alarms("r")[1].ended, Some(1_050));
    story.fence("f0", Some(FENCES[0]));
    assert_eq!(report(&mut story, (117.01, 39.01)).last(), Some(&(1_060, None)));
}

/// A reading, or none.
#[derive(Clone, Debug)]
enum Reading {
    Value { item: usize, value: Option<u8>, wait: u8 },
    Close(usize),
    Restart { wait: u8 },
}

fn reading() -> impl Strategy<Value = Reading> {
    prop_oneof![
        20 => (0usize..3, prop_oneof![9 => (0u8..10).prop_map(Some), 1 => Just(None)], 0u8..20)
            .prop_map(|(item, value, wait)| Reading::Value { item, value, wait }),
        2 => any::<usize>().prop_map(Reading::Close),
        2 => (0u8..60).prop_map(|wait| Reading::Restart { wait }),
    ]
}

type Value10 = (i64, Option<f64>);

fn read(story: &mut Story, steps: &[Reading]) -> [Vec<Value10>; 3] {
    let mut words: [Vec<Value10>; 3] = Default::default();
    for step in steps {
        match step {
            Reading::Value { item, value, wait } => {
                let now = story.wait(i64::from(*wait));
                let properties = value.map_or(json!({"note": now}), |value| json!({"result": value}));
                story.report("readings", &format!("s{item}"), None, properties);
                words[*item].push((now, value.map(f64::from)));
            }
            Reading::Close(at) => story.close(*at),
            Reading::Restart { wait } => {
                story.wait(i64::from(*wait));
                story.restart();
            }
        }
    }
    words
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_threshold_holds_and_comes_back(
        steps in prop::collection::vec(reading(), 1..80), hold in prop_oneof![Just(0i64), Just(25)],
        back in prop_oneof![Just(None), Just(Some(3.0))], has_hours in any::<bool>(),
    ) {
        // Nor is a value on its way back, below the threshold, that passed it while the rule was off.
        let back = back.filter(|_| !(has_hours && steps.iter().any(|step| matches!(step, Reading::Restart { .. }))));
        let mut when = json!({"kind": "threshold", "property": "result", "above": 6, "hold_s": hold});
        if let Some(back) = back {
            when["ends_at"] = json!(back);
        }
        let mut story = Story::new();
        story.rule("r", with_hours(json!({"title": "t", "level": 2, "collection": "readings", "when": when}), has_hours));
        let words = read(&mut story, &steps);
        let end = story.finish(100);
        let mut expected = BTreeSet::new();
        for (item, words) in words.iter().enumerate() {
            let passes = |n: &usize| words[*n].1.is_some_and(|value| value > 6.0);
            // A word without a value is the end too: nobody knows.
            let is_back = |n: &usize| words[*n].1.is_none_or(|value| if let Some(back) = back { value <= back } else { value <= 6.0 });
            let mut from = 0;
            while let Some(first) = (from..words.len()).find(passes) {
                let due = words[first].0 + hold;
                let below = (first..words.len()).find(|n| !passes(n));
                if below.map_or(end, |n| words[n].0) < due {
                    let Some(below) = below else { break };
                    from = below;
                    continue;
                }
                // Of words at the very instant the first one that is not before the beginning counts.
                let over = (first + 1..words.len()).find(|n| words[*n].0 >= due && is_back(n));
                let (due, ended) = (found(due, has_hours), over.map(|n| words[n].0));
                if ended.unwrap_or(end) >= due {
                    expected.insert((format!("s{item}"), due, ended));
                }
                let Some(over) = over else { break };
                from = over + 1;
            }
        }
        let found: BTreeSet<_> = story.alarms("r").into_iter().map(|alarm| (alarm.key, alarm.time, alarm.ended)).collect();
        prop_assert_eq!(found, expected);
        prop_assert!(story.alarms("r").iter().all(|alarm| alarm.count == 1));
    }

    #[test]
    fn silence_is_found_when_it_is_long_enough(steps in prop::collection::vec(reading(), 1..80), has_hours in any::<bool>()) {
        let mut story = Story::new();
        let rule = json!({"title": "t", "level": 2, "collection": "readings", "when": {"kind": "silence", "after_s": 40}});
        story.rule("r", with_hours(rule, has_hours));
        let words = read(&mut story, &steps);
        let end = story.finish(100);
        let mut expected = BTreeSet::new();
        for (item, words) in words.iter().enumerate() {
            for (n, (time, _)) in words.iter().enumerate() {
                let next = words.get(n + 1).map(|(next, _)| *next);
                let due = found(time + 40, has_hours);
                if next.unwrap_or(end) >= due {
                    expected.insert((format!("s{item}"), due, next));
                }
            }
        }
        let found: BTreeSet<_> = story.alarms("r").into_iter().map(|alarm| (alarm.key, alarm.time, alarm.ended)).collect();
        prop_assert_eq!(found, expected);
        prop_assert!(story.alarms("r").iter().all(|alarm| alarm.count == 1));
    }
}

/// What becomes of an event.
#[derive(Clone, Debug)]
enum Happening {
    /// It opens, reported so much later than it happened, in an area or without a place, urgent or not.
    Open {
        late: u8,
        area: Option<u8>,
        urgent: bool,
        wait: u8,
    },
    /// One of those that are there turns out to be urgent, or in an area.
    Learn {
        which: usize,
        wait: u8,
    },
    Close(usize),
    Restart {
        wait: u8,
    },
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        20 => (0u8..59, prop::option::weighted(0.8, 0u8..2), prop::bool::weighted(0.8), 0u8..25)
            .prop_map(|(late, area, urgent, wait)| Happening::Open { late, area, urgent, wait }),
        4 => (any::<usize>(), 0u8..25).prop_map(|(which, wait)| Happening::Learn { which, wait }),
        2 => any::<usize>().prop_map(Happening::Close),
        2 => (0u8..60).prop_map(|wait| Happening::Restart { wait }),
    ]
}

/// How often there was a crowd in each area, as a rule found it and from its definition.
fn crowds(steps: &[Happening], count: u32) -> [BTreeMap<String, u64>; 2] {
    let mut story = Story::new();
    let rule = json!({"title": "t", "level": 2, "collection": "events", "filter": "grade <= 2",
        "when": {"kind": "rate", "count": count, "within_s": 60, "per": "district"}});
    story.rule("r", rule);
    // Of each event when it happened, its area and whether it is urgent.
    let mut events: Vec<(i64, Option<u8>, bool)> = Vec::new();
    // When those happened that counted, by area; how often there were enough.
    let mut counted: BTreeMap<u8, Vec<i64>> = BTreeMap::new();
    let (mut latest, mut expected): (i64, BTreeMap<String, u64>) = (i64::MIN, BTreeMap::new());
    for step in steps {
        let (n, is_new) = match step {
            Happening::Open { late, area, urgent, wait } => {
                let now = story.wait(i64::from(*wait));
                events.push((now - i64::from(*late), *area, *urgent));
                (events.len() - 1, true)
            }
            Happening::Learn { which, wait } if !events.is_empty() => {
                story.wait(i64::from(*wait));
                let n = which % events.len();
                if events[n].1.is_some() && events[n].2 {
                    continue;
                }
                (events[n].1, events[n].2) = (events[n].1.or(Some(0)), true);
                (n, false)
            }
            Happening::Learn { .. } => continue,
            Happening::Close(at) => {
                story.close(*at);
                continue;
            }
            Happening::Restart { wait } => {
                story.wait(i64::from(*wait));
                story.restart();
                continue;
            }
        };
        let (time, area, urgent) = events[n];
        let code = area.map(|area| format!("a{area}"));
        story.event(&format!("e{n}"), time, code.as_deref(), json!({"grade": if urgent { 1 } else { 9 }}), is_new);
        let Some(area) = area.filter(|_| urgent) else { continue };
        latest = latest.max(time);
        let in_area = counted.entry(area).or_default();
        in_area.push(time);
        // Any window of 60 s that holds it; enough to try those that end with one of them.
        let is_crowd = in_area
            .iter()
            .filter(|end| **end >= time && **end < time + 60)
            .any(|end| in_area.iter().filter(|other| **other > end - 60 && *other <= end).count() >= count as usize);
        if is_crowd && time + 60 > latest {
            *expected.entry(format!("a{area}")).or_default() += 1;
        }
    }
    story.finish(100);
    let mut found: BTreeMap<String, u64> = BTreeMap::new();
    for alarm in story.alarms("r") {
        *found.entry(alarm.key).or_default() += alarm.count;
    }
    [found, expected]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_crowd_is_found_whatever_comes_late(steps in prop::collection::vec(happening(), 1..90), count in 1u32..5) {
        let [found, expected] = crowds(&steps, count);
        prop_assert_eq!(found, expected);
    }
}

/// One that was learnt of late counts after a restart too, which reads changes by when they happened.
#[test]
fn what_counted_before_a_restart_counts_after_it() {
    let open = |late, area: Option<u8>, wait| Happening::Open { late, area, urgent: area.is_some(), wait };
    let learn = |which, wait| Happening::Learn { which, wait };
    let steps = [
        open(0, None, 0),
        open(0, None, 38),
        learn(0, 38),
        open(31, Some(0), 14),
        open(42, Some(1), 12),
        Happening::Restart { wait: 0 },
        learn(1, 0),
    ];
    let [found, expected] = crowds(&steps, 3);
    assert_eq!(expected, BTreeMap::from([("a0".to_owned(), 1)]));
    assert_eq!(found, expected);
}
