//! The faces of a solid as the GPU draws them: triangles, and which of their edges are seen.

use super::geometry::{Record, pack};
use rustc_hash::FxHashMap;

/// Metres of a unit of a face's heights: 16 bits reach to 1,310 m.
pub const HEIGHT_UNIT_M: f64 = 0.02;
/// Two triangles on an edge are one face up to the angle with this cosine.
const FLAT: f64 = 0.985;
/// An edge so far above the foot, metres, is not on the ground.
const GROUND_M: f64 = 0.3;
/// A face that rises more steeply than this part of its normal is upright is a wall.
const WALL: f64 = 0.35;

/// A corner: 16-bit units of the tile, and units of [`HEIGHT_UNIT_M`] above the foot.
pub type Corner = ([i16; 2], u16);

/// How an edge is drawn.
#[derive(Clone, Copy)]
enum Edge {
    /// Inside a face, or on the ground.
    Unseen = 0,
    /// Between two walls.
    Faint = 1,
    /// Along a roof.
    Clear = 2,
}

/// What meets at an edge.
struct Meeting {
    normal: [f64; 3],
    triangles: u32,
    is_flat: bool,
    is_wall: bool,
}

/// Adds the triangles of a building, two records each: the corners, its number with two bits for each edge (opposite
/// the first corner, the second, the third); the corners' heights, and the building's own. Triangles without area are left
/// out. O(triangles).
pub fn add(records: &mut Vec<Record>, triangles: &[[Corner; 3]], number: u32, unit_m: f64) {
    let top = triangles.iter().flatten().map(|corner| corner.1).max().unwrap_or(0);
    let mut edges: FxHashMap<(Corner, Corner), Meeting> = FxHashMap::default();
    let normals: Vec<Option<[f64; 3]>> = triangles.iter().map(|triangle| normal(triangle, unit_m)).collect();
    for (triangle, normal) in triangles.iter().zip(&normals) {
        let Some(normal) = normal else { continue };
        for k in 0..3 {
            let meeting = edges.entry(edge(triangle, k)).or_insert(Meeting { normal: *normal, triangles: 0, is_flat: true, is_wall: true });
            meeting.triangles += 1;
            meeting.is_flat &= dot(meeting.normal, *normal) > FLAT;
            meeting.is_wall &= normal[2].abs() < WALL;
        }
    }
    let look = |key: (Corner, Corner)| match edges.get(&key) {
        Some(meeting) if meeting.triangles == 2 && meeting.is_flat => Edge::Unseen,
        _ if f64::from(key.0.1.max(key.1.1)) * HEIGHT_UNIT_M < GROUND_M => Edge::Unseen,
        Some(meeting) if meeting.is_wall => Edge::Faint,
        _ => Edge::Clear,
    };
    for (triangle, _) in triangles.iter().zip(&normals).filter(|(_, normal)| normal.is_some()) {
        let looks = (0..3).fold(0, |bits, k| bits | (look(edge(triangle, k)) as u32) << (2 * k));
        let [a, b, c] = triangle.map(|corner| pack(corner.0));
        let [x, y, z] = triangle.map(|corner| u32::from(corner.1));
        records.push([a, b, c, number | looks << 16]);
        records.push([x | y << 16, z | u32::from(top) << 16, 0, 0]);
    }
}

/// The edge opposite a corner, the same from both sides.
fn edge(triangle: &[Corner; 3], opposite: usize) -> (Corner, Corner) {
    let (a, b) = (triangle[(opposite + 1) % 3], triangle[(opposite + 2) % 3]);
    (a.min(b), a.max(b))
}

fn dot(a: [f64; 3], b: [f64; 3]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The unit normal of a triangle; `None` if it has no area.
fn normal(triangle: &[Corner; 3], unit_m: f64) -> Option<[f64; 3]> {
    let [a, b, c] = triangle.map(|([x, y], z)| [f64::from(x) * unit_m, f64::from(y) * unit_m, f64::from(z) * HEIGHT_UNIT_M]);
    let minus = |a: [f64; 3], b: [f64; 3]| [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
    let (p, q) = (minus(b, a), minus(c, a));
    let cross = [p[1] * q[2] - p[2] * q[1], p[2] * q[0] - p[0] * q[2], p[0] * q[1] - p[1] * q[0]];
    let length = dot(cross, cross).sqrt();
    (length > 1e-4).then(|| cross.map(|v| v / length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_edges_of_faces_are_seen_and_none_on_the_ground() {
        // A house 10 m wide and long, 5 m to the eaves and 8 m to a ridge along y.
        let at = |x: i16, y: i16, m: f64| ([x, y], (m / HEIGHT_UNIT_M) as u16);
        let (e, n) = (10, 10);
        let wall = [[at(0, 0, 0.0), at(0, 0, 5.0), at(0, n, 0.0)], [at(0, n, 0.0), at(0, 0, 5.0), at(0, n, 5.0)]];
        let roof = [
            [at(0, 0, 5.0), at(5, 0, 8.0), at(0, n, 5.0)],
            [at(0, n, 5.0), at(5, 0, 8.0), at(5, n, 8.0)],
            [at(5, 0, 8.0), at(e, 0, 5.0), at(5, n, 8.0)],
        ];
        let gable = [at(0, 0, 0.0), at(e, 0, 0.0), at(0, 0, 5.0)];
        let flat = [at(0, 0, 1.0), at(0, 0, 1.0), at(e, n, 2.0)];
        let mut records = Vec::new();
        add(&mut records, &[wall[0], wall[1], roof[0], roof[1], roof[2], gable, flat], 7, 1.0);
        assert_eq!(records.len(), 2 * 6, "what has no area is left out");
        let looks = |triangle: usize| [0, 2, 4].map(|shift| records[2 * triangle][3] >> (16 + shift) & 3);
        // Opposite the first corner is the diagonal; the second, the ground; the third, the corner of two walls.
        assert_eq!(looks(0), [0, 0, 1]);
        // The eaves are clear, the wall's free end is as faint as a corner of two walls.
        assert_eq!(looks(1), [2, 1, 0]);
        assert_eq!(looks(2)[0], 0, "the diagonal of the roof");
        assert_eq!(looks(3)[0], 2, "the ridge");
        assert!(records.iter().step_by(2).all(|record| record[3] & 0xffff == 7));
        assert_eq!(records[1][1] >> 16, 400);
    }
}
