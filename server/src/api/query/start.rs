//! Where a way begins: at a place, or at an item.

use super::{Desk, Input};
use crate::http::Problem;
use citywall_analysis::points::place_of;
use citywall_query::CollectionView;
use geo_types::Point;

/// Where a way begins.
pub enum Start {
    /// At a place.
    Place(Point),
    /// At an item of a collection.
    Item(CollectionView, String),
}

impl Start {
    /// Reads `place`, or `from-item` with `from-collection` or the collection that stands for it.
    ///
    /// # Errors
    /// Neither or both are given, or there is no such collection.
    pub fn read(desk: &Desk<'_>, input: &Input, without: Option<&CollectionView>) -> Result<Self, Problem> {
        match (input.place("place"), input.text("from-item"), input.text("from-collection")) {
            (Some(place), None, None) => Ok(Self::Place(place)),
            (None, Some(item), Some(collection)) => Ok(Self::Item(desk.selection(collection, None)?.0, item.to_owned())),
            (None, Some(item), None) if without.is_some() => without
                .map(|view| Self::Item(view.clone(), item.to_owned()))
                .ok_or_else(|| Problem::parameter("from-collection", "is needed")),
            _ => Err(Problem::parameter("place", "give either place, or from-item with from-collection")),
        }
    }

    /// The collection that it depends on.
    pub fn view(&self) -> Option<&CollectionView> {
        match self {
            Self::Place(_) => None,
            Self::Item(view, _) => Some(view),
        }
    }

    /// The place, or that of the item.
    ///
    /// # Errors
    /// There is no such item, or it has no geometry.
    pub fn place(&self) -> Result<Point, Problem> {
        match self {
            Self::Place(place) => Ok(*place),
            Self::Item(view, id) => {
                let place = view.item(id, |item| item.geometry().and_then(place_of)).ok_or_else(|| no_item(view, id))?;
                place.ok_or_else(|| Problem::parameter("from-item", "the item has no geometry"))
            }
        }
    }
}

/// A refusal: there is no such item.
pub fn no_item(view: &CollectionView, id: &str) -> Problem {
    Problem::parameter("from-item", format!("“{}” has no item “{}”", view.id(), id.chars().take(80).collect::<String>()))
}
