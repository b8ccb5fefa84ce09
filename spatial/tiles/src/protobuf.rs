//! The few parts of the protocol-buffers wire format that a vector tile needs.

/// Wire type 0.
pub(crate) const VARINT: u32 = 0;
/// Wire type 1: eight bytes, little endian.
pub(crate) const FIXED64: u32 = 1;
/// Wire type 2: a length, then as many bytes.
pub(crate) const BYTES: u32 = 2;

/// Appends a base-128 number.
#[inline]
pub(crate) fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// How many bytes [`varint`] appends.
#[inline]
pub(crate) fn varint_len(value: u64) -> usize {
    (64 - (value | 1).leading_zeros() as usize).div_ceil(7)
}

/// Maps small negative numbers to small positive ones.
#[inline]
pub(crate) fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

/// Appends a field's key.
#[inline]
pub(crate) fn key(out: &mut Vec<u8>, field: u32, wire_type: u32) {
    varint(out, u64::from(field << 3 | wire_type));
}

/// Appends a field of bytes. Field numbers here are below 16, so that a key is one byte.
#[inline]
pub(crate) fn bytes(out: &mut Vec<u8>, field: u32, content: &[u8]) {
    key(out, field, BYTES);
    varint(out, content.len() as u64);
    out.extend_from_slice(content);
}

/// How many bytes [`bytes`] appends.
#[inline]
pub(crate) fn bytes_len(content: usize) -> usize {
    1 + varint_len(content as u64) + content
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_told_right() {
        for shift in 0..64 {
            for value in [(1u64 << shift) - 1, 1 << shift, u64::MAX >> shift] {
                let mut out = Vec::new();
                varint(&mut out, value);
                assert_eq!(out.len(), varint_len(value), "{value}");
            }
        }
    }

    #[test]
    fn numbers_are_written_as_the_format_says() {
        let mut out = Vec::new();
        varint(&mut out, 300);
        assert_eq!(out, [0xAC, 0x02]);
        assert_eq!([0, -1, 1, -2].map(zigzag), [0, 1, 2, 3]);
    }
}
