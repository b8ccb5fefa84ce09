//! One layer of a tile: features in, bytes out.

use crate::{
    attributes::{Keys, Memo, Values},
    cluster::{self, CLUSTER_FID, COUNT_FIELD, Clusters},
    draw::{self, Pen},
    protobuf::{self, BYTES, VARINT, varint, varint_len},
    rules::{self, DETAIL_ZOOM_MIN, Importance, OVERVIEW_FIELDS, Traits},
    tile::EXTENT,
    wkb::{self, Kind},
};
use citywall_model::{FeatureRef, FeatureTable, LiveItem, RowIds, ValueRef, limits::TILE_BYTES_MAX};
use std::{cell::RefCell, sync::Arc};

/// The attribute that carries the item's id where that is not the decimal feature id.
pub const ID_FIELD: &str = "_id";

/// A layer whose features take more than this is thinned while it is built, to what might still be
/// in the tile, so that no tile takes much memory.
const BUILD_BYTES_MAX: usize = 8 * TILE_BYTES_MAX;

/// In a tile over the limit, a feature that takes more than this is left out whatever it matters,
/// since it would displace thousands.
const FEATURE_BYTES_MAX: usize = TILE_BYTES_MAX / 2;

/// A feature as it will be written: its commands and then its tags stand in the layer's bytes.
#[derive(Clone, Copy, Debug)]
struct Slot {
    fid: u64,
    start: usize,
    geometry_len: u32,
    tags_len: u32,
    kind: Kind,
    importance: Importance,
}

impl Slot {
    /// The bytes of the feature message.
    fn message_len(&self) -> usize {
        let packed = |len: u32| if len == 0 { 0 } else { protobuf::bytes_len(len as usize) };
        1 + varint_len(self.fid) + packed(self.tags_len) + 2 + packed(self.geometry_len)
    }

    /// The bytes of the feature in the layer message.
    fn encoded_len(&self) -> usize {
        protobuf::bytes_len(self.message_len())
    }
}

/// The columns of the table that the rows come from, looked up once.
#[derive(Debug, Default)]
struct Plan {
    /// The schema's names, which tell whether the plan is the table's.
    names: Vec<Arc<str>>,
    /// The columns that are written, as [`FeatureTable::present`] counts them.
    shown: Vec<u64>,
    /// The key number of each column, once a value has needed it.
    keys: Vec<Option<u32>>,
    repeats: Vec<Repeats>,
    height: Option<usize>,
    class: Option<usize>,
}

impl Plan {
    /// Names are shared by all copies of a schema, so that one pointer tells.
    fn is_of(&self, table: &FeatureTable) -> bool {
        let fields = &table.schema().fields;
        self.names.len() == fields.len()
            && self.names.first().zip(fields.first()).is_none_or(|(name, field)| Arc::ptr_eq(name, &field.name))
    }

    fn new(table: &FeatureTable, with_all: bool) -> Self {
        let schema = table.schema();
        let mut shown = vec![0; schema.fields.len().div_ceil(64)];
        for (at, field) in schema.fields.iter().enumerate() {
            if with_all || OVERVIEW_FIELDS.contains(&&*field.name) {
                shown[at / 64] |= 1 << (at % 64);
            }
        }
        Self {
            names: schema.fields.iter().map(|field| field.name.clone()).collect(),
            keys: vec![None; schema.fields.len()],
            repeats: vec![Repeats::default(); schema.fields.len()],
            shown,
            height: schema.position("height"),
            class: schema.position("fclass").or_else(|| schema.position("highway")),
        }
    }
}

/// The buffers of a layer. They go from tile to tile on a thread.
#[derive(Debug, Default)]
struct Buffers {
    keys: Keys,
    values: Values,
    memo: Memo,
    slots: Vec<Slot>,
    bytes: Vec<u8>,
}

/// Sets of buffers that a thread keeps; a tile of more layers than this allocates for the rest.
const SPARE_MAX: usize = 4;
/// Buffers that grew beyond this are not kept.
const SPARE_BYTES_MAX: usize = 2 * BUILD_BYTES_MAX;

thread_local! {
    static SPARE: RefCell<Vec<Buffers>> = const { RefCell::new(Vec::new()) };
}

/// How often the values of a column were known already. Areas and house numbers hardly repeat:
/// to write each of them is quicker than to look for it, and takes little more room.
#[derive(Clone, Copy, Debug, Default)]
struct Repeats {
    asked: u32,
    new: u32,
}

impl Repeats {
    /// True if looking for the values has turned out to be a waste: under a quarter was known.
    fn are_rare(self) -> bool {
        self.asked >= 256 && self.asked - self.new < self.asked / 4
    }
}

/// A layer in the making.
#[derive(Debug)]
pub(crate) struct Layer {
    name: Box<str>,
    z: u8,
    plan: Plan,
    keys: Keys,
    values: Values,
    memo: Memo,
    slots: Vec<Slot>,
    /// Points that are not yet slots: others may join them.
    clusters: Clusters<Slot>,
    /// The bytes of all features in the layer message.
    features_len: usize,
    bytes: Vec<u8>,
    /// True if every attribute is written.
    pub(crate) with_all: bool,
    pub(crate) small: usize,
    pub(crate) dropped: usize,
}

impl Drop for Layer {
    fn drop(&mut self) {
        let take = |layer: &mut Self| Buffers {
            keys: std::mem::take(&mut layer.keys),
            values: std::mem::take(&mut layer.values),
            memo: std::mem::take(&mut layer.memo),
            slots: std::mem::take(&mut layer.slots),
            bytes: std::mem::take(&mut layer.bytes),
        };
        if self.bytes.capacity() <= SPARE_BYTES_MAX {
            SPARE.with_borrow_mut(|spare| {
                if spare.len() < SPARE_MAX {
                    spare.push(take(self));
                }
            });
        }
    }
}

impl Layer {
    pub(crate) fn new(name: &str, z: u8) -> Self {
        let Buffers { mut keys, mut values, mut memo, mut slots, mut bytes } = SPARE.with_borrow_mut(Vec::pop).unwrap_or_default();
        keys.clear();
        values.clear();
        memo.clear();
        slots.clear();
        bytes.clear();
        let clusters = Clusters::default();
        Self {
            name: name.into(),
            z,
            plan: Plan::default(),
            keys,
            values,
            memo,
            slots,
            clusters,
            features_len: 0,
            bytes,
            with_all: z >= DETAIL_ZOOM_MIN,
            small: 0,
            dropped: 0,
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn features(&self) -> usize {
        self.slots.len()
    }

    /// Adds a feature, if it is to be seen in the tile.
    pub(crate) fn add(&mut self, pen: &mut Pen, feature: FeatureRef<'_>) {
        let Some(wkb) = feature.geometry() else { return };
        if let FeatureRef::Row(table, _) = feature
            && !self.plan.is_of(table)
        {
            self.plan = Plan::new(table, self.with_all);
            self.memo.clear();
        }
        // A feature of a tile has one kind of geometry; a collection becomes up to three with one id.
        let shown = match wkb::kind(wkb) {
            Some(kind) => self.add_kind(pen, feature, wkb, kind),
            None => {
                let kinds = [Kind::Polygon, Kind::Line, Kind::Point];
                kinds.into_iter().fold(Shown::Outside, |best, kind| best.max(self.add_kind(pen, feature, wkb, kind)))
            }
        };
        self.small += usize::from(shown == Shown::Small);
        if self.features_len + self.values.encoded_len() > BUILD_BYTES_MAX {
            self.settle();
            self.thin(2 * TILE_BYTES_MAX);
        }
    }

    /// Makes the points that were kept back features: single ones as they are, several as one.
    pub(crate) fn settle(&mut self) {
        for (cell, cluster) in self.clusters.take() {
            if cluster.count == 1 {
                self.push(cluster.first);
                continue;
            }
            let start = self.bytes.len();
            draw::point(&mut self.bytes, cluster.place());
            let geometry_len = (self.bytes.len() - start) as u32;
            let level = (cluster.level > 0).then_some(("level", i64::from(cluster.level)));
            let count = (COUNT_FIELD, i64::try_from(cluster.count).unwrap_or(i64::MAX));
            for (name, value) in level.into_iter().chain([count]) {
                if let Some(value) = self.values.number(ValueRef::Integer(value)) {
                    let key = self.keys.number(name);
                    self.tag(key, value);
                }
            }
            let tags_len = (self.bytes.len() - start) as u32 - geometry_len;
            let traits =
                Traits { fid: CLUSTER_FID + u64::from(cell), level: cluster.level, length: cluster.count as f64, ..Traits::default() };
            self.push(Slot { fid: traits.fid, start, geometry_len, tags_len, kind: Kind::Point, importance: Importance::of(&traits) });
        }
    }

    fn add_kind(&mut self, pen: &mut Pen, feature: FeatureRef<'_>, wkb: &[u8], kind: Kind) -> Shown {
        let mut traits = self.traits(feature, kind);
        if self.z < rules::class_zoom_min(traits.rank) {
            return Shown::Small;
        }
        let start = self.bytes.len();
        let Some(drawn) = pen.draw(wkb, kind, &mut self.bytes) else {
            // Geometry is checked when it enters the city.
            debug_assert!(false, "the geometry of {} is no WKB", feature.fid());
            self.bytes.truncate(start);
            self.dropped += 1;
            return Shown::Outside;
        };
        if self.bytes.len() == start {
            return if drawn.collapsed { Shown::Small } else { Shown::Outside };
        }
        if kind == Kind::Polygon && !rules::is_shown(self.z, drawn.area, traits.height_m) {
            self.bytes.truncate(start);
            return Shown::Small;
        }
        (traits.area, traits.length) = (drawn.area, drawn.length);
        let single = if self.z < DETAIL_ZOOM_MIN { draw::single_point(&self.bytes[start..]) } else { None };
        let cell = match single {
            Some(place) => {
                let cell = cluster::cell(place);
                if cell.is_none_or(|cell| self.clusters.join(cell, place, traits.level)) {
                    self.bytes.truncate(start);
                    return if cell.is_some() { Shown::Yes } else { Shown::Outside };
                }
                cell.zip(Some(place))
            }
            None => None,
        };
        let geometry_len = (self.bytes.len() - start) as u32;
        match feature {
            FeatureRef::Row(table, row) => self.row_tags(table, row),
            FeatureRef::Live(item) => self.live_tags(feature, item),
        }
        let tags_len = (self.bytes.len() - start) as u32 - geometry_len;
        let slot = Slot { fid: traits.fid, start, geometry_len, tags_len, kind, importance: Importance::of(&traits) };
        match cell {
            Some((cell, place)) => self.clusters.start(cell, place, traits.level, slot),
            None => self.push(slot),
        }
        Shown::Yes
    }

    fn push(&mut self, slot: Slot) {
        self.features_len += slot.encoded_len();
        self.slots.push(slot);
    }

    fn traits(&self, feature: FeatureRef<'_>, kind: Kind) -> Traits {
        let mut traits = Traits { fid: feature.fid(), ..Traits::default() };
        match feature {
            FeatureRef::Row(table, row) => match kind {
                Kind::Polygon => traits.height_m = self.plan.height.and_then(|at| table.value(row, at).as_f64()).unwrap_or(0.0),
                Kind::Line => {
                    if let Some(ValueRef::Text(class)) = self.plan.class.map(|at| table.value(row, at)) {
                        traits.rank = rules::class_rank(class);
                    }
                }
                Kind::Point => {}
            },
            FeatureRef::Live(item) => {
                traits.level = item.level();
            }
        }
        traits
    }

    #[inline]
    fn tag(&mut self, key: u32, value: u32) {
        varint(&mut self.bytes, u64::from(key));
        varint(&mut self.bytes, u64::from(value));
    }

    fn row_tags(&mut self, table: &FeatureTable, row: u32) {
        for (word, present) in table.present(row).iter().enumerate() {
            let mut bits = present & self.plan.shown[word];
            while bits != 0 {
                let column = word * 64 + bits.trailing_zeros() as usize;
                bits &= bits - 1;
                let Some(value) = self.cell(table, row, column) else { continue };
                let key = *self.plan.keys[column].get_or_insert_with(|| self.keys.number(&self.plan.names[column]));
                self.tag(key, value);
            }
        }
        if let RowIds::Field(column) = table.ids()
            && let Some(value) = self.cell(table, row, column)
        {
            let key = self.keys.number(ID_FIELD);
            self.tag(key, value);
        }
    }

    /// The number of a row's value; `None` for null.
    #[inline]
    fn cell(&mut self, table: &FeatureTable, row: u32, column: usize) -> Option<u32> {
        let repeats = &mut self.plan.repeats[column];
        if repeats.are_rare() {
            let value = table.value(row, column);
            return (value != ValueRef::Null).then(|| self.values.push(value));
        }
        let token = table.token(row, column)?;
        repeats.asked += 1;
        Some(self.memo.number(column, token, || {
            repeats.new += 1;
            self.values.push(table.value(row, column))
        }))
    }

    fn live_tags(&mut self, feature: FeatureRef<'_>, item: &LiveItem) {
        let with_all = self.with_all;
        feature.each_property(|name, value| {
            if (with_all || OVERVIEW_FIELDS.contains(&name))
                && let Some(value) = self.values.number(value)
            {
                let key = self.keys.number(name);
                self.tag(key, value);
            }
        });
        if let Some(value) = self.values.number(ValueRef::Text(item.id())) {
            let key = self.keys.number(ID_FIELD);
            self.tag(key, value);
        }
    }

    /// The bytes of the layer message before features and values.
    fn head_len(&self) -> usize {
        2 + protobuf::bytes_len(self.name.len())
            + self.keys.iter().map(|key| protobuf::bytes_len(key.len())).sum::<usize>()
            + 1
            + varint_len(u64::from(EXTENT))
    }

    fn message_len(&self) -> usize {
        self.head_len() + self.values.encoded_len() + self.features_len
    }

    /// The bytes of the layer in the tile; 0 for a layer without features, which is not written.
    pub(crate) fn encoded_len(&self) -> usize {
        if self.slots.is_empty() { 0 } else { protobuf::bytes_len(self.message_len()) }
    }

    /// Leaves out what matters least, so that the layer takes at most so many bytes.
    pub(crate) fn thin(&mut self, bytes_max: usize) {
        if self.encoded_len() <= bytes_max {
            return;
        }
        let mut order: Vec<usize> = (0..self.slots.len()).collect();
        order.sort_unstable_by(|a, b| self.slots[*b].importance.cmp(&self.slots[*a].importance));
        let mut kept = vec![false; self.slots.len()];
        let mut used = vec![false; self.values.len()];
        // The layer's own key and length take at most this.
        let mut total = self.head_len() + 6;
        for at in order {
            let slot = self.slots[at];
            let new = |value: &u32| !used[*value as usize];
            let values = self.tags(&slot).map(|(_, value)| value);
            let len = slot.encoded_len() + values.filter(new).map(|value| protobuf::bytes_len(self.values.get(value).len())).sum::<usize>();
            if len > FEATURE_BYTES_MAX {
                continue;
            }
            if total + len > bytes_max {
                break;
            }
            total += len;
            kept[at] = true;
            for (_, value) in tags(&self.bytes, &slot) {
                used[value as usize] = true;
            }
        }
        self.retain(&kept, &used);
    }

    fn tags(&self, slot: &Slot) -> impl Iterator<Item = (u32, u32)> {
        tags(&self.bytes, slot)
    }

    /// Writes the layer anew with some of its features and the values that they use. Values keep
    /// their order, so that no number grows.
    fn retain(&mut self, kept: &[bool], used: &[bool]) {
        let old_values = std::mem::take(&mut self.values);
        let old_bytes = std::mem::take(&mut self.bytes);
        let old_slots = std::mem::take(&mut self.slots);
        let renumber = |(old, used): (u32, &bool)| if *used { self.values.copy(old_values.get(old)) } else { 0 };
        let numbers: Vec<u32> = (0..).zip(used).map(renumber).collect();
        self.memo.clear();
        self.features_len = 0;
        self.dropped += kept.iter().filter(|kept| !**kept).count();
        for (mut slot, _) in old_slots.into_iter().zip(kept).filter(|(_, kept)| **kept) {
            let start = self.bytes.len();
            self.bytes.extend_from_slice(&old_bytes[slot.start..slot.start + slot.geometry_len as usize]);
            for (key, value) in tags(&old_bytes, &slot) {
                self.tag(key, numbers[value as usize]);
            }
            slot.start = start;
            slot.tags_len = (self.bytes.len() - start) as u32 - slot.geometry_len;
            self.push(slot);
        }
    }

    /// Appends the layer to a tile (MVT 2.1, `vector_tile.proto`).
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        if self.slots.is_empty() {
            return;
        }
        protobuf::key(out, 3, BYTES);
        varint(out, self.message_len() as u64);
        protobuf::key(out, 15, VARINT);
        varint(out, 2);
        protobuf::bytes(out, 1, self.name.as_bytes());
        for slot in &self.slots {
            protobuf::key(out, 2, BYTES);
            varint(out, slot.message_len() as u64);
            protobuf::key(out, 1, VARINT);
            varint(out, slot.fid);
            let (geometry, rest) = self.bytes[slot.start..].split_at(slot.geometry_len as usize);
            if slot.tags_len > 0 {
                protobuf::bytes(out, 2, &rest[..slot.tags_len as usize]);
            }
            protobuf::key(out, 3, VARINT);
            out.push(slot.kind as u8);
            protobuf::bytes(out, 4, geometry);
        }
        for key in self.keys.iter() {
            protobuf::bytes(out, 3, key.as_bytes());
        }
        for value in 0..self.values.len() as u32 {
            protobuf::bytes(out, 4, self.values.get(value));
        }
        protobuf::key(out, 5, VARINT);
        varint(out, u64::from(EXTENT));
    }
}

/// What became of a feature. In order, so that of a collection's parts the best counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Shown {
    /// It does not meet the tile.
    Outside,
    /// It is too small or too minor for the zoom level.
    Small,
    /// It is drawn.
    Yes,
}

/// A feature's tags: key and value numbers.
fn tags<'a>(bytes: &'a [u8], slot: &Slot) -> impl Iterator<Item = (u32, u32)> + use<'a> {
    let start = slot.start + slot.geometry_len as usize;
    let mut numbers = bytes[start..start + slot.tags_len as usize]
        .split_inclusive(|byte| byte & 0x80 == 0)
        .map(|digits| digits.iter().rev().fold(0, |number, digit| number << 7 | u32::from(digit & 0x7F)));
    std::iter::from_fn(move || Some((numbers.next()?, numbers.next()?)))
}
