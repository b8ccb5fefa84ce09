//! How the lines of a network may be passed, as their properties say.

use super::{Network, Passage};
use crate::{AnalysisError, Budget};
use citywall_model::FeatureRef;
use citywall_query::{CollectionView, ItemsQuery};

/// In which direction lines are passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// As they are drawn.
    Forward,
    /// Against it.
    Backward,
    /// Either way.
    Both,
}

/// What the properties of lines mean.
#[derive(Clone, Debug, PartialEq)]
pub struct Rules {
    /// The property with the direction, as OpenStreetMap's `oneway` has it: see [`direction`].
    pub direction: Option<String>,
    /// What holds without it.
    pub without: Direction,
    /// What a metre costs.
    pub cost: Cost,
    /// True asks for the ways to the start rather than from it.
    pub towards: bool,
}

/// What a metre costs.
#[derive(Clone, Debug, PartialEq)]
pub enum Cost {
    /// One.
    Metres,
    /// Seconds.
    Seconds {
        /// The property with the speed in km/h, or as text with `mph` behind it.
        speed: Option<String>,
        /// km/h where there is no speed greater than 0.
        without_kmh: f64,
    },
}

/// What a text says of a direction: `yes`, `true`, `1`, `F` as drawn; `-1`, `reverse`, `T` against it;
/// `no`, `false`, `0`, `B` either way; `None` for anything else.
#[must_use]
pub fn direction(text: &str) -> Option<Direction> {
    match text.trim() {
        "yes" | "true" | "1" | "F" => Some(Direction::Forward),
        "-1" | "reverse" | "T" => Some(Direction::Backward),
        "no" | "false" | "0" | "B" => Some(Direction::Both),
        _ => None,
    }
}

/// A speed in km/h: a number, or a number with `km/h` or `mph` behind it; `None` for anything else.
#[must_use]
pub fn speed_kmh(text: &str) -> Option<f64> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let number: f64 = text[..end].parse().ok()?;
    let per_unit = match text[end..].trim() {
        "" | "km/h" | "kmh" => 1.0,
        "mph" => 1.609_344,
        _ => return None,
    };
    Some(number * per_unit).filter(|speed| speed.is_finite() && *speed > 0.0)
}

impl Rules {
    fn passage(&self, item: FeatureRef<'_>) -> Passage {
        let own = self.direction.as_ref().and_then(|name| direction(&item.text(name)?));
        let per_m = match &self.cost {
            Cost::Metres => 1.0,
            Cost::Seconds { speed, without_kmh } => {
                3.6 / speed.as_ref().and_then(|name| speed_kmh(&item.text(name)?)).unwrap_or(*without_kmh)
            }
        };
        let direction = own.unwrap_or(self.without);
        let passage = Passage { forward: direction != Direction::Backward, backward: direction != Direction::Forward, per_m };
        if self.towards { passage.turned() } else { passage }
    }
}

impl Network {
    /// How each line may be passed, in the order of [`Network::lines`]; `None` for those that the query
    /// leaves out. O(n).
    ///
    /// # Errors
    /// The budget's limits are passed.
    pub fn passages(
        &self,
        view: &CollectionView,
        query: &ItemsQuery,
        rules: &Rules,
        budget: &mut Budget,
    ) -> Result<Vec<Option<Passage>>, AnalysisError> {
        let mut passages = vec![None; self.lines.len()];
        let (mut next, mut stopped) = (0, None);
        view.each(query, |item| {
            stopped = budget.rows(1).err();
            // Both come in the order of the fid.
            while self.lines.get(next).is_some_and(|line| line.fid < item.fid()) {
                next += 1;
            }
            if self.lines.get(next).is_some_and(|line| line.fid == item.fid()) {
                passages[next] = Some(rules.passage(item));
            }
            stopped.is_none()
        });
        stopped.map_or(Ok(passages), Err)
    }
}
