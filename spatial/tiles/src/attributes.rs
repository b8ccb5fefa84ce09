//! The keys and values of a tile's layer, each written once (MVT 2.1, 4.4).

use crate::protobuf::{self, FIXED64, VARINT};
use citywall_model::{ValueRef, limits::FIELDS_MAX};

/// Values as encoded `Value` messages.
#[derive(Debug, Default)]
pub(crate) struct Values {
    bytes: Vec<u8>,
    ends: Vec<u32>,
    encoded_len: usize,
    /// For [`Values::number`]: open addressing; 0 is free, otherwise the value's number and 1. The
    /// length is a power of two, or 0 if no value was looked for.
    slots: Vec<u32>,
}

impl Values {
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
        self.encoded_len = 0;
        self.slots.clear();
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// A value's encoded message.
    #[inline]
    pub(crate) fn get(&self, number: u32) -> &[u8] {
        let start = if number == 0 { 0 } else { self.ends[number as usize - 1] };
        &self.bytes[start as usize..self.ends[number as usize] as usize]
    }

    /// The bytes of all values in the layer message.
    pub(crate) fn encoded_len(&self) -> usize {
        self.encoded_len
    }

    /// Appends a value, the same one or not, and returns its number.
    #[inline]
    pub(crate) fn push(&mut self, value: ValueRef<'_>) -> u32 {
        self.encode(value);
        self.end()
    }

    /// Appends a value that another layer has encoded.
    #[inline]
    pub(crate) fn copy(&mut self, message: &[u8]) -> u32 {
        self.bytes.extend_from_slice(message);
        self.end()
    }

    /// The number of a value, appended if it is not there yet; `None` for null. The value is encoded
    /// at the end of the bytes, looked for by its bytes, and taken back if it is found: no
    /// allocation, and one path for all types.
    pub(crate) fn number(&mut self, value: ValueRef<'_>) -> Option<u32> {
        if value == ValueRef::Null {
            return None;
        }
        if self.slots.len() < (self.ends.len() + 1) * 2 {
            self.grow();
        }
        let start = self.bytes.len();
        self.encode(value);
        let mask = self.slots.len() - 1;
        let mut at = hash(&self.bytes[start..]) & mask;
        while self.slots[at] != 0 {
            let number = self.slots[at] - 1;
            if self.get(number) == &self.bytes[start..] {
                self.bytes.truncate(start);
                return Some(number);
            }
            at = (at + 1) & mask;
        }
        let number = self.end();
        self.slots[at] = number + 1;
        Some(number)
    }

    #[inline]
    fn encode(&mut self, value: ValueRef<'_>) {
        let out = &mut self.bytes;
        match value {
            // A tile has no nulls; no caller gives one.
            ValueRef::Null => {}
            ValueRef::Text(text) | ValueRef::Json(text) => protobuf::bytes(out, 1, text.as_bytes()),
            ValueRef::Number(number) => {
                protobuf::key(out, 3, FIXED64);
                out.extend_from_slice(&number.to_le_bytes());
            }
            ValueRef::Integer(integer) => {
                protobuf::key(out, 6, VARINT);
                protobuf::varint(out, protobuf::zigzag(integer));
            }
            ValueRef::Boolean(boolean) => {
                protobuf::key(out, 7, VARINT);
                out.push(u8::from(boolean));
            }
        }
    }

    /// Ends the message at the end of the bytes and returns its number.
    #[inline]
    fn end(&mut self) -> u32 {
        let start = self.ends.last().map_or(0, |end| *end as usize);
        self.encoded_len += protobuf::bytes_len(self.bytes.len() - start);
        self.ends.push(self.bytes.len() as u32);
        self.ends.len() as u32 - 1
    }

    fn grow(&mut self) {
        // Values that were copied have no slots yet: there may be more of them than slots.
        let len = ((self.ends.len() + 1) * 4).next_power_of_two().max(256);
        self.slots.clear();
        self.slots.resize(len, 0);
        for number in 0..self.ends.len() as u32 {
            let mut at = hash(self.get(number)) & (len - 1);
            while self.slots[at] != 0 {
                at = (at + 1) & (len - 1);
            }
            self.slots[at] = number + 1;
        }
    }
}

/// The value numbers of a table's rows by column and token ([`citywall_model::FeatureTable::token`]):
/// most values of a tile are repeated, and what was written once need not be read again.
#[derive(Debug)]
pub(crate) struct Memo {
    /// Open addressing. The length is a power of two.
    slots: Vec<Known>,
    len: usize,
    /// Slots of another epoch are free, so that clearing costs nothing.
    epoch: u32,
}

#[derive(Clone, Copy, Debug, Default)]
struct Known {
    token: u64,
    /// The epoch and the column.
    tag: u32,
    number: u32,
}

/// Bits of a [`Known::tag`] that are the column.
const COLUMN_BITS: u32 = FIELDS_MAX.ilog2() + 1;

impl Default for Memo {
    fn default() -> Self {
        Self { slots: vec![Known::default(); 1024], len: 0, epoch: 1 }
    }
}

impl Memo {
    pub(crate) fn clear(&mut self) {
        self.len = 0;
        self.epoch += 1;
        if self.epoch >> (u32::BITS - COLUMN_BITS) > 0 {
            *self = Self::default();
        }
    }

    /// The number of a column's value, asked for if it is not known.
    #[inline]
    pub(crate) fn number(&mut self, column: usize, token: u64, ask: impl FnOnce() -> u32) -> u32 {
        let tag = self.epoch << COLUMN_BITS | column as u32;
        let at = self.place(tag, token);
        if self.slots[at].tag != tag {
            self.slots[at] = Known { token, tag, number: ask() };
            self.len += 1;
            if self.slots.len() < self.len * 2 {
                let number = self.slots[at].number;
                self.grow();
                return number;
            }
        }
        self.slots[at].number
    }

    /// The slot of a column's value, or a free one for it.
    #[inline]
    fn place(&self, tag: u32, token: u64) -> usize {
        let mask = self.slots.len() - 1;
        let mixed = (token ^ u64::from(tag).rotate_right(12)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mut at = (mixed ^ mixed >> 32) as usize & mask;
        loop {
            let known = &self.slots[at];
            if known.tag >> COLUMN_BITS != self.epoch || known.tag == tag && known.token == token {
                return at;
            }
            at = (at + 1) & mask;
        }
    }

    #[cold]
    fn grow(&mut self) {
        let len = self.slots.len() * 2;
        let old = std::mem::replace(&mut self.slots, vec![Known::default(); len]);
        for known in old.into_iter().filter(|known| known.tag >> COLUMN_BITS == self.epoch) {
            let at = self.place(known.tag, known.token);
            self.slots[at] = known;
        }
    }
}

/// Eight bytes at a time through a multiplication; all bits of the product count in the end.
#[inline]
fn hash(bytes: &[u8]) -> usize {
    const K: u64 = 0x9E37_79B9_7F4A_7C15;
    let mut state = bytes.len() as u64;
    let (words, rest) = bytes.as_chunks::<8>();
    for word in words {
        state = (state.rotate_left(5) ^ u64::from_le_bytes(*word)).wrapping_mul(K);
    }
    let mut last = 0;
    for byte in rest {
        last = last << 8 | u64::from(*byte);
    }
    state = (state.rotate_left(5) ^ last).wrapping_mul(K);
    (state ^ state >> 32) as usize
}

/// Distinct attribute names. A layer has some tens of them: looking one after the other is quickest.
#[derive(Debug, Default)]
pub(crate) struct Keys(Vec<Box<str>>);

impl Keys {
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(AsRef::as_ref)
    }

    /// The number of a name.
    pub(crate) fn number(&mut self, name: &str) -> u32 {
        let found = self.0.iter().position(|known| **known == *name);
        found.unwrap_or_else(|| {
            self.0.push(name.into());
            self.0.len() - 1
        }) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use citywall_model::Value;
    use proptest::prelude::*;
    use std::collections::HashMap;

    #[test]
    fn a_value_is_kept_once_and_types_are_told_apart() {
        let mut values = Values::default();
        let mut seen: HashMap<String, u32> = HashMap::new();
        for i in 0..5000i64 {
            let i = i % 1700;
            for value in [Value::Integer(i), Value::Text(i.to_string()), Value::Number(i as f64), Value::Boolean(i % 2 == 0)] {
                let number = values.number(value.as_ref()).expect("not null");
                assert_eq!(*seen.entry(format!("{value:?}")).or_insert(number), number);
            }
        }
        assert_eq!(values.len(), seen.len());
        assert_eq!(values.number(ValueRef::Null), None);
    }

    #[test]
    fn a_memo_forgets_what_it_is_told_to() {
        let mut memo = Memo::default();
        for epoch in 0..50 {
            for (column, token) in (0..30_000u64).map(|i| (i as usize % 13, i / 7 % 500)) {
                let expected = epoch * 1_000_000 + column as u32 * 1000 + token as u32;
                assert_eq!(memo.number(column, token, || expected), expected);
            }
            memo.clear();
        }
    }

    proptest! {
        #[test]
        fn equal_texts_and_only_those_share_a_number(texts in proptest::collection::vec("[ab]{0,18}", 1..200)) {
            let mut values = Values::default();
            let mut seen: HashMap<&str, u32> = HashMap::new();
            for text in &texts {
                let number = values.number(ValueRef::Text(text)).expect("not null");
                prop_assert_eq!(*seen.entry(text).or_insert(number), number);
            }
            prop_assert_eq!(values.len(), seen.len());
        }
    }
}
