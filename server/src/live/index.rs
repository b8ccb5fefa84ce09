//! Which subscriptions a change concerns: found by place, area or collection, not by asking each.

use super::{
    hub::Pushed,
    interest::Interest,
    mailbox::{Cut, Entry, Mailbox},
    message::PushedChange,
};
use citywall_model::{Bbox, CollectionId};
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// A subscription's place in the index.
pub type Slot = u32;

struct Subscriber {
    interest: Arc<Interest>,
    mailbox: Arc<Mailbox>,
    /// The last change that it was asked about, so that it is asked once.
    asked: u64,
    /// What it gets of the commit at hand.
    gets: Vec<Entry>,
}

/// All subscriptions, each under the narrowest of its conditions.
#[derive(Default)]
pub struct Index {
    subscribers: Vec<Option<Subscriber>>,
    free: Vec<Slot>,
    everything: Vec<Slot>,
    by_collection: FxHashMap<CollectionId, Vec<Slot>>,
    by_area: FxHashMap<(usize, String), Vec<Slot>>,
    by_place: PlaceIndex,
    questions: u64,
}

impl Index {
    /// Adds a subscription. O(1).
    pub fn insert(&mut self, interest: Arc<Interest>, mailbox: Arc<Mailbox>) -> Slot {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.subscribers.push(None);
            Slot::try_from(self.subscribers.len() - 1).unwrap_or(Slot::MAX)
        });
        self.homes(&interest, |home| home.push(slot));
        self.subscribers[slot as usize] = Some(Subscriber { interest, mailbox, asked: 0, gets: Vec::new() });
        slot
    }

    /// Takes a subscription out. O(subscriptions that share its condition).
    pub fn remove(&mut self, slot: Slot) {
        if let Some(subscriber) = self.subscribers.get_mut(slot as usize).and_then(Option::take) {
            self.homes(&subscriber.interest, |home| home.retain(|other| *other != slot));
            self.by_area.retain(|_, home| !home.is_empty());
            self.by_collection.retain(|_, home| !home.is_empty());
            self.by_place.sweep();
            self.free.push(slot);
        }
    }

    /// Takes a subscription out, unless the slot has been given to another mailbox since.
    pub fn release(&mut self, slot: Slot, mailbox: &Arc<Mailbox>) {
        let holder = self.subscribers.get(slot as usize).and_then(Option::as_ref);
        if holder.is_some_and(|holder| Arc::ptr_eq(&holder.mailbox, mailbox)) {
            self.remove(slot);
        }
    }

    /// True if nobody subscribes.
    pub fn is_empty(&self) -> bool {
        self.free.len() == self.subscribers.len()
    }

    /// The lists that a subscription stands in.
    fn homes(&mut self, interest: &Interest, mut visit: impl FnMut(&mut Vec<Slot>)) {
        if interest.is_everything() {
            visit(&mut self.everything);
        } else if let Some(windows) = interest.near() {
            windows.iter().for_each(|window| self.by_place.homes(window, &mut visit));
        } else if let Some(area) = &interest.area {
            visit(self.by_area.entry(area.clone()).or_default());
        } else if interest.collections.is_empty() {
            visit(&mut self.everything);
        } else {
            interest.collections.iter().for_each(|id| visit(self.by_collection.entry(id.clone()).or_default()));
        }
    }

    /// Puts a commit into the mailboxes of those that it concerns. Returns how many changes were
    /// coalesced away.
    ///
    /// O(changes × (log levels + subscriptions near each)).
    pub fn deliver(&mut self, commit: &Arc<Pushed>) -> usize {
        let mut touched: Vec<Slot> = Vec::new();
        for slot in &self.everything {
            if let Some(subscriber) = self.subscribers[*slot as usize].as_mut()
                && subscriber.interest.is_everything()
            {
                subscriber.gets.push(Entry::Commit(commit.clone()));
                touched.push(*slot);
            }
        }
        if let Some(layer) = &commit.layer {
            for (slot, subscriber) in self.subscribers.iter_mut().enumerate() {
                if let Some(subscriber) = subscriber.as_mut().filter(|subscriber| !subscriber.interest.is_everything()) {
                    subscriber.gets.push(Entry::Layer { revision: commit.revision, collection: layer.clone() });
                    touched.push(Slot::try_from(slot).unwrap_or(Slot::MAX));
                }
            }
        }
        for change in commit.changes() {
            self.questions += 1;
            let Self { subscribers, everything, by_collection, by_area, by_place, questions, .. } = self;
            let mut ask = |slots: &[Slot]| {
                for slot in slots {
                    if let Some(subscriber) = subscribers[*slot as usize].as_mut() {
                        subscriber.ask(*slot, change, *questions, &mut touched);
                    }
                }
            };
            ask(everything);
            if let Some(slots) = by_collection.get(&change.collection) {
                ask(slots);
            }
            if !by_area.is_empty() {
                let states = [Some(&change.item), change.before.as_ref()];
                for (level, code) in states.into_iter().flatten().flat_map(|item| (0..4).filter_map(|l| Some((l, item.areas().code(l)?)))) {
                    if let Some(slots) = by_area.get(&(level, code.to_owned())) {
                        ask(slots);
                    }
                }
            }
            by_place.near(change.bounds.as_ref(), &mut ask);
            if change.bounds_before != change.bounds {
                by_place.near(change.bounds_before.as_ref(), &mut ask);
            }
        }
        self.hand_over(touched)
    }

    fn hand_over(&mut self, touched: Vec<Slot>) -> usize {
        let mut coalesced = 0;
        for slot in touched {
            let Some(subscriber) = self.subscribers[slot as usize].as_mut() else { continue };
            if subscriber.gets.is_empty() {
                continue;
            }
            match subscriber.mailbox.put(subscriber.gets.drain(..)) {
                Ok(n) => coalesced += n,
                Err(_) => self.remove(slot),
            }
        }
        coalesced
    }

    /// Closes every mailbox: commits were passed over.
    pub fn close_all(&mut self, cut: Cut) {
        for slot in 0..self.subscribers.len() {
            if let Some(subscriber) = &self.subscribers[slot] {
                subscriber.mailbox.close(cut);
                self.remove(Slot::try_from(slot).unwrap_or(Slot::MAX));
            }
        }
    }
}

impl Subscriber {
    fn ask(&mut self, slot: Slot, change: &Arc<PushedChange>, question: u64, touched: &mut Vec<Slot>) {
        if self.asked == question || self.interest.is_everything() {
            return;
        }
        self.asked = question;
        if let Some(told) = self.interest.told(change) {
            if self.gets.is_empty() {
                touched.push(slot);
            }
            self.gets.push(Entry::Change(change.clone(), told));
        }
    }
}

/// Deepest level of the grids: cells of 360/2²⁴ degrees, about two metres.
const LEVEL_MAX: u32 = 24;
/// A change that fills more cells of a level than this is taken to every window of the level.
const CELLS_MAX: i64 = 64;

/// Windows in grids of halving cells: each stands on the level whose cells are a quarter of it or
/// more, so in at most 25 of them, and a point lies in one cell of each level.
#[derive(Default)]
struct PlaceIndex {
    levels: FxHashMap<u32, FxHashMap<(i32, i32), Vec<Slot>>>,
}

impl PlaceIndex {
    fn homes(&mut self, window: &Bbox, visit: &mut impl FnMut(&mut Vec<Slot>)) {
        let size = (window.x_max - window.x_min).max(window.y_max - window.y_min);
        let level = (0..=LEVEL_MAX).rev().find(|level| cell_degrees(*level) * 4.0 >= size).unwrap_or(0);
        let cells = self.levels.entry(level).or_default();
        let (xs, ys) = range(window, level);
        for x in xs {
            for y in ys.clone() {
                visit(cells.entry((x, y)).or_default());
            }
        }
    }

    fn sweep(&mut self) {
        for cells in self.levels.values_mut() {
            cells.retain(|_, slots| !slots.is_empty());
        }
        self.levels.retain(|_, cells| !cells.is_empty());
    }

    /// Visits the windows that may meet the rectangle, some more than once.
    fn near(&self, bounds: Option<&Bbox>, visit: &mut impl FnMut(&[Slot])) {
        let Some(bounds) = bounds else { return };
        for (level, cells) in &self.levels {
            let (xs, ys) = range(bounds, *level);
            let count = (i64::from(*xs.end()) - i64::from(*xs.start()) + 1) * (i64::from(*ys.end()) - i64::from(*ys.start()) + 1);
            if count > CELLS_MAX {
                cells.values().for_each(|slots| visit(slots));
                continue;
            }
            for x in xs {
                for y in ys.clone() {
                    if let Some(slots) = cells.get(&(x, y)) {
                        visit(slots);
                    }
                }
            }
        }
    }
}

fn cell_degrees(level: u32) -> f64 {
    360.0 / f64::from(1_u32 << level)
}

/// The cells of a level that a rectangle meets.
fn range(bounds: &Bbox, level: u32) -> (std::ops::RangeInclusive<i32>, std::ops::RangeInclusive<i32>) {
    // Rounding may put a border into either cell, but the same border always into the same one.
    #[expect(clippy::cast_possible_truncation, reason = "at most 2^24 cells; what is beyond the globe saturates")]
    let cell = |degrees: f64| (degrees / cell_degrees(level)).floor() as i32;
    (cell(bounds.x_min)..=cell(bounds.x_max), cell(bounds.y_min)..=cell(bounds.y_max))
}
