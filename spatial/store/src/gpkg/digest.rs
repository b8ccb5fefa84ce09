//! Digests that find rot: SQLite notices a broken page, but not a changed byte within a value.

use crate::Solid;
use citywall_model::ValueRef;

/// The digest of a row of the city's own tables: CRC-32 over its parts, each with its length.
pub(super) fn of_parts<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    // A call for each of many short parts takes longer than the sum over them.
    let (mut held, mut len) = ([0; 1024], 0);
    for part in parts {
        for bytes in [&part.len().to_le_bytes()[..], part] {
            if len + bytes.len() > held.len() {
                crc.update(&held[..len]);
                len = 0;
            }
            if bytes.len() > held.len() {
                crc.update(bytes);
            } else {
                held[len..len + bytes.len()].copy_from_slice(bytes);
                len += bytes.len();
            }
        }
    }
    crc.update(&held[..len]);
    crc.finalize()
}

/// What a layer's geometry adds to the layer's digest.
pub(super) fn of_geometry(fid: u64, blob: &[u8]) -> u64 {
    of_cell(fid, u32::MAX, 0, blob)
}

/// What a value in the field at `position` adds to the layer's digest; a null adds nothing, so
/// that a field may appear later without a change to the rows before. The digest is a sum, so
/// the order of rows and fields does not matter.
pub(super) fn of_value(fid: u64, position: usize, value: ValueRef<'_>) -> u64 {
    let position = u32::try_from(position).unwrap_or(u32::MAX);
    match value {
        ValueRef::Null => 0,
        ValueRef::Boolean(b) => of_cell(fid, position, 1, &[u8::from(b)]),
        ValueRef::Integer(i) => of_cell(fid, position, 2, &i.to_le_bytes()),
        // SQLite keeps no sign of zero.
        ValueRef::Number(n) => of_cell(fid, position, 3, &(n + 0.0).to_le_bytes()),
        ValueRef::Text(t) | ValueRef::Json(t) => of_cell(fid, position, 4, t.as_bytes()),
    }
}

/// What a solid adds to the layer's digest.
pub(super) fn of_solid(fid: u64, solid: &Solid) -> u64 {
    let Solid { object, object_type, kind, lod, surfaces, shells, semantics } = solid;
    let texts = [object, object_type, kind, lod].into_iter().chain(semantics).map(String::as_bytes);
    let shells: Vec<u8> = shells.iter().flat_map(|shell| shell.to_le_bytes()).collect();
    let fid = fid.to_le_bytes();
    u64::from(of_parts([&fid[..], surfaces.bytes(), &shells].into_iter().chain(texts)))
}

fn of_cell(fid: u64, position: u32, kind: u8, bytes: &[u8]) -> u64 {
    let mut key = [0; 13];
    key[..8].copy_from_slice(&fid.to_le_bytes());
    key[8..12].copy_from_slice(&position.to_le_bytes());
    key[12] = kind;
    let mut crc = crc32fast::Hasher::new();
    crc.update(&key);
    crc.update(bytes);
    u64::from(crc.finalize())
}
