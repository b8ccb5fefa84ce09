//! The keys and values of a tile's layer, each written once (MVT 2.1, 4.4).

use crate::protobuf::{self, FIXED64, VARINT};
use citywall_model::ValueRef;

/// Distinct values as encoded `Value` messages.
///
/// A value is encoded at the end of the bytes, looked for by its bytes, and taken back if it is
/// there already: no allocation, and one path for all types.
#[derive(Debug, Default)]
pub(crate) struct Values {
    bytes: Vec<u8>,
    ends: Vec<u32>,
    /// Open addressing; 0 is free, otherwise the value's number and 1. The length is a power of two.
    slots: Vec<u32>,
}

impl Values {
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
        (0..self.ends.len() as u32).map(|number| protobuf::bytes_len(self.get(number).len())).sum()
    }

    /// The number of a value; `None` for null, which a tile leaves out.
    #[inline]
    pub(crate) fn number(&mut self, value: ValueRef<'_>) -> Option<u32> {
        let start = self.bytes.len();
        let out = &mut self.bytes;
        match value {
            ValueRef::Null => return None,
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
        Some(self.intern(start))
    }

    /// The number of a value that another layer has encoded.
    pub(crate) fn copy(&mut self, message: &[u8]) -> u32 {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(message);
        self.intern(start)
    }

    /// The bytes of all values before they are written.
    pub(crate) fn bytes_len(&self) -> usize {
        self.bytes.len()
    }

    /// The number of the message that was just appended at `start`.
    fn intern(&mut self, start: usize) -> u32 {
        if self.slots.len() < (self.ends.len() + 1) * 2 {
            self.grow();
        }
        let mask = self.slots.len() - 1;
        let mut at = hash(&self.bytes[start..]) & mask;
        loop {
            match self.slots[at] {
                0 => break,
                slot if self.get(slot - 1) == &self.bytes[start..] => {
                    self.bytes.truncate(start);
                    return slot - 1;
                }
                _ => at = (at + 1) & mask,
            }
        }
        self.ends.push(self.bytes.len() as u32);
        self.slots[at] = self.ends.len() as u32;
        self.ends.len() as u32 - 1
    }

    fn grow(&mut self) {
        let len = (self.slots.len() * 2).max(256);
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
