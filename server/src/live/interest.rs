//! What a subscriber wants to hear of.

use super::message::PushedChange;
use citywall_cql2::{Bound, Filter, Queryables};
use citywall_model::{AREA_PROPERTIES, Bbox, CollectionId, FeatureRef, LiveItem};
use citywall_query::{City, CollectionView, meets_window};
use citywall_wire::{AreaOf, Subscribe};
use jiff::tz::TimeZone;
use serde_json::Value;

/// What a subscriber wants to hear of. All conditions hold at once.
#[derive(Debug, Default)]
pub struct Interest {
    /// The live collections; empty means all.
    pub collections: Vec<CollectionId>,
    /// Windows of which the geometry meets one: none, one, or the halves of one across the antimeridian.
    pub windows: Vec<Bbox>,
    /// A level, counted from the largest, and the code of an area on it.
    pub area: Option<(usize, String)>,
    /// A filter that is true of the item.
    pub filter: Option<Bound>,
}

/// How a change concerns a subscriber.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// The item matches: it is told as it now is.
    Change,
    /// The item matched before, or may have, and does no longer.
    Gone,
}

impl Interest {
    /// Reads and checks what a client asks for.
    ///
    /// # Errors
    /// A member does not make sense; in words for the client, with the member's name first.
    pub fn read(request: &Subscribe, city: &City) -> Result<Self, (&'static str, String)> {
        let mut collections = Vec::new();
        for name in &request.collections {
            let unknown = |reason: String| ("collections", reason);
            let id = CollectionId::new(name).map_err(|error| unknown(error.to_string()))?;
            let view = city.view(&id).map_err(|error| unknown(error.to_string()))?;
            if !view.is_live() {
                return Err(unknown(format!("“{id}” is a layer; its new versions are told to every subscriber")));
            }
            collections.push(id);
        }
        let windows = request.bbox.map_or(Ok(Vec::new()), windows).map_err(|reason| ("bbox", reason))?;
        let area = request.area.as_ref().map(area).transpose().map_err(|reason| ("area", reason))?;
        let mut interest = Self { collections, windows, area, filter: None };
        if let Some(filter) = &request.filter {
            interest.filter = interest.bind(filter, city).map_err(|reason| ("filter", reason))?;
        }
        Ok(interest)
    }

    /// Binds a filter; `None` if there is nothing that it could be true of.
    fn bind(&self, filter: &Value, city: &City) -> Result<Option<Bound>, String> {
        let filter = match filter {
            Value::String(text) => Filter::from_text(text),
            json => Filter::from_json_value(json),
        };
        let filter = filter.map_err(|error| error.to_string())?;
        let zone = TimeZone::get(&city.profile().time_zone).unwrap_or(TimeZone::UTC);
        // The items of all live collections have the same members, and free properties.
        let Some(view) = self.views(city).into_iter().next() else { return Ok(None) };
        filter.bind(&Queryables::of(&view.meta()).in_zone(zone)).map(Some).map_err(|error| error.to_string())
    }

    /// The windows outside of which no item matches; `None` if it may be anywhere, or nowhere.
    pub fn near(&self) -> Option<&[Bbox]> {
        if self.windows.is_empty() { self.filter.as_ref()?.windows() } else { Some(&self.windows) }
    }

    /// True if every change of every collection is wanted.
    pub fn is_everything(&self) -> bool {
        self.collections.is_empty() && self.has_all_items()
    }

    fn has_all_items(&self) -> bool {
        self.windows.is_empty() && self.area.is_none() && self.filter.is_none()
    }

    /// True if changes of a collection may concern it.
    pub fn has_collection(&self, id: &CollectionId) -> bool {
        self.collections.is_empty() || self.collections.contains(id)
    }

    /// True if an item, open or cleared, matches but for its collection.
    fn matches(&self, item: &LiveItem, bounds: Option<&Bbox>) -> bool {
        let in_window =
            || bounds.zip(item.geometry()).is_some_and(|(bounds, wkb)| self.windows.iter().any(|w| meets_window(wkb, bounds, w)));
        (self.windows.is_empty() || in_window()) && self.holds(item)
    }

    /// True if an item, open or cleared, matches but for its collection and place.
    pub fn holds(&self, item: &LiveItem) -> bool {
        self.area.as_ref().is_none_or(|(level, code)| item.areas().code(*level) == Some(code))
            && self.filter.as_ref().is_none_or(|filter| filter.holds(FeatureRef::Live(item)))
    }

    /// How a change concerns the subscriber; `None` if it does not. What is late is part of the
    /// past, of which the present state says nothing.
    pub fn told(&self, change: &PushedChange) -> Option<Told> {
        if change.late || !self.has_collection(&change.collection) {
            return None;
        }
        if !change.removed && self.matches(&change.item, change.bounds.as_ref()) {
            return Some(Told::Change);
        }
        let matched_before = match &change.before {
            Some(before) => !before.is_cleared() && self.matches(before, change.bounds_before.as_ref()),
            None => !change.is_new,
        };
        matched_before.then_some(Told::Gone)
    }

    /// The wanted live collections.
    pub fn views(&self, city: &City) -> Vec<CollectionView> {
        city.collections().into_iter().filter(|view| view.is_live() && self.has_collection(view.id())).collect()
    }

    /// The open items of a collection that match, but for [`Interest::holds`].
    pub fn open_items(&self, view: &CollectionView) -> Vec<LiveItem> {
        self.near().map_or_else(|| view.open_items(), |windows| view.open_items_in(windows))
    }
}

/// One window, or its halves on both sides of the antimeridian.
fn windows([west, south, east, north]: [f64; 4]) -> Result<Vec<Bbox>, String> {
    let on_globe = |x: f64, max: f64| x.is_finite() && x.abs() <= max;
    if !(on_globe(west, 180.0) && on_globe(east, 180.0) && on_globe(south, 90.0) && on_globe(north, 90.0)) {
        return Err("must be west, south, east, north in degrees: longitudes from -180 to 180, latitudes from -90 to 90".to_owned());
    }
    if south > north {
        return Err(format!("south ({south}) is north of north ({north})"));
    }
    Ok(if west <= east {
        vec![Bbox::new(west, south, east, north)]
    } else {
        vec![Bbox::new(west, south, 180.0, north), Bbox::new(-180.0, south, east, north)]
    })
}

fn area(area: &AreaOf) -> Result<(usize, String), String> {
    let level = AREA_PROPERTIES.iter().position(|name| *name == area.level);
    let level = level.ok_or_else(|| format!("“{}” is no level; known are {}", area.level, AREA_PROPERTIES.join(", ")))?;
    if area.code.is_empty() {
        return Err("the code is empty".to_owned());
    }
    Ok((level, area.code.clone()))
}
