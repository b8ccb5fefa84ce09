//! Where nothing may be built: the axes' carriageways and water, and the lakes.

use crate::{
    plan::{AxisKind, Plan},
    plane::{P, to_segment},
};
use citywall_model::Bbox;
use rustc_hash::FxHashMap;

/// Side of an index cell, metres.
const CELL: f64 = 400.0;

/// A stretch of an axis or of a shore.
#[derive(Clone, Copy)]
pub(crate) struct Obstacle {
    pub a: P,
    pub b: P,
    /// Metres on either side that it takes.
    pub half: f64,
    /// True for a river or canal; a lake's shore is known by [`Obstacles::is_wet`].
    pub water: bool,
    /// The axis, or `None` for a shore.
    pub axis: Option<u16>,
    /// What the axis is.
    pub kind: AxisKind,
}

/// A lookup by place.
pub(crate) struct Obstacles<'p> {
    plan: &'p Plan,
    all: Vec<Obstacle>,
    cells: FxHashMap<(i32, i32), Vec<u32>>,
}

#[expect(clippy::cast_possible_truncation, reason = "cells of a city")]
fn cell(v: f64) -> i32 {
    (v / CELL).floor() as i32
}

impl<'p> Obstacles<'p> {
    pub fn new(plan: &'p Plan) -> Self {
        let mut all = Vec::new();
        for (n, axis) in plan.axes.iter().enumerate() {
            for (i, pair) in axis.line.windows(2).enumerate() {
                let half = axis.half[i].max(axis.half[i + 1]);
                all.push(Obstacle {
                    a: pair[0],
                    b: pair[1],
                    half,
                    water: axis.kind.is_water(),
                    axis: u16::try_from(n).ok(),
                    kind: axis.kind,
                });
            }
        }
        for lake in &plan.lakes {
            all.extend(crate::plane::edges(&lake.ring).map(|(a, b)| Obstacle {
                a,
                b,
                half: 0.0,
                water: false,
                axis: None,
                kind: AxisKind::River,
            }));
        }
        let mut cells: FxHashMap<_, Vec<u32>> = FxHashMap::default();
        for (n, o) in all.iter().enumerate() {
            let reach = o.half + 60.0;
            for x in cell(o.a.x.min(o.b.x) - reach)..=cell(o.a.x.max(o.b.x) + reach) {
                for y in cell(o.a.y.min(o.b.y) - reach)..=cell(o.a.y.max(o.b.y) + reach) {
                    cells.entry((x, y)).or_default().push(u32::try_from(n).unwrap_or(u32::MAX));
                }
            }
        }
        Self { plan, all, cells }
    }

    /// What may reach (with 60 m to spare) into a rectangle in metres, each once.
    pub fn near(&self, bounds: &Bbox) -> Vec<Obstacle> {
        let mut found = Vec::new();
        for x in cell(bounds.x_min)..=cell(bounds.x_max) {
            for y in cell(bounds.y_min)..=cell(bounds.y_max) {
                found.extend(self.cells.get(&(x, y)).into_iter().flatten().copied());
            }
        }
        found.sort_unstable();
        found.dedup();
        found.into_iter().map(|n| self.all[n as usize]).collect()
    }

    /// True if a point lies in a river, a canal or a lake, or on its bank: `bank` 0 means the
    /// water itself, 1 everything up to the road along the bank.
    pub fn is_wet(&self, p: P, bank: f64) -> bool {
        let close = self.cells.get(&(cell(p.x), cell(p.y)));
        close.is_some_and(|c| {
            c.iter()
                .map(|&n| &self.all[n as usize])
                .any(|o| (o.water || o.axis.is_none()) && to_segment(p, o.a, o.b).0 < o.half + bank * bank_width(o.axis.map(|_| o.kind)))
        }) || self.plan.lake_at(p).is_some()
    }

    /// True if there may be water within 60 m of a rectangle.
    pub fn may_be_wet(&self, bounds: &Bbox) -> bool {
        self.near(bounds).iter().any(|o| o.water || o.axis.is_none()) || self.plan.lakes.iter().any(|l| l.extent.intersects(bounds))
    }

    /// True if a point lies on the carriageway of an axis, or within `margin` metres of it.
    pub fn is_on_axis_road(&self, p: P, margin: f64) -> bool {
        self.cells.get(&(cell(p.x), cell(p.y))).is_some_and(|c| {
            c.iter().map(|&n| &self.all[n as usize]).any(|o| !o.water && o.axis.is_some() && to_segment(p, o.a, o.b).0 < o.half + margin)
        })
    }
}

/// How far from the water the road along a bank runs, metres; `None` is a lake.
pub(crate) fn bank_width(kind: Option<AxisKind>) -> f64 {
    match kind {
        Some(AxisKind::Canal) => 9.0,
        Some(_) => 18.0,
        None => 20.0,
    }
}
