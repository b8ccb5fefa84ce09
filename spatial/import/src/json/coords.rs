//! The `coordinates` of a GeoJSON geometry: nested arrays of numbers into flat vertices.

use crate::shape::Shape;

/// The deepest nesting that a geometry has: MultiPolygon.
const DEPTH_MAX: usize = 4;
/// Powers of ten that a double holds exactly.
const TENS: [f64; 23] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22];

/// What was found besides vertices.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// How deep the positions lie: 1 for a point, 4 for a multipolygon; `None` if there are none.
    pub(crate) depth: Option<usize>,
    /// True if positions had more than three numbers.
    pub(crate) had_more: bool,
}

/// Appends the positions of well-formed JSON to a shape; arrays of positions become its rings,
/// arrays of those its parts. Empty arrays leave nothing.
pub(crate) fn read(json: &str, shape: &mut Shape) -> Result<Found, String> {
    let bytes = json.as_bytes();
    let (mut at, mut depth) = (0, 0);
    let mut leaf: Option<usize> = None;
    let mut position = [0.0; 3];
    let mut ordinates = 0;
    let mut had_more = false;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'[' => {
                depth += 1;
                if depth > DEPTH_MAX || leaf.is_some_and(|l| depth > l) {
                    return Err("its coordinates are nested too deeply".to_owned());
                }
                at += 1;
            }
            b']' => {
                if leaf == Some(depth) {
                    if ordinates < 2 {
                        return Err(format!("position {} has fewer than two numbers", shape.x.len()));
                    }
                    shape.push(position[0], position[1], (ordinates > 2).then_some(position[2]));
                    had_more |= ordinates > 3;
                    ordinates = 0;
                } else if leaf == Some(depth + 1) {
                    shape.end_ring();
                } else if leaf == Some(depth + 2) {
                    shape.end_part();
                }
                depth = depth.saturating_sub(1);
                at += 1;
            }
            b',' | b' ' | b'\n' | b'\r' | b'\t' => at += 1,
            b'-' | b'0'..=b'9' => {
                if depth == 0 || *leaf.get_or_insert(depth) != depth {
                    return Err("its coordinates mix numbers and arrays".to_owned());
                }
                let (number, next) =
                    number(json, at).ok_or_else(|| format!("position {} has a number beyond double precision", shape.x.len()))?;
                if let Some(slot) = position.get_mut(ordinates) {
                    *slot = number;
                }
                ordinates += 1;
                at = next;
            }
            _ => return Err(format!("position {} has something else than numbers", shape.x.len())),
        }
    }
    Ok(Found { depth: leaf, had_more })
}

/// Reads the number at `at`, correctly rounded; `None` if it is too large for a double.
///
/// Up to 15 digits with few decimals are exact as integer over power of ten (Clinger's fast
/// path); everything else goes to the standard library.
fn number(json: &str, at: usize) -> Option<(f64, usize)> {
    let bytes = json.as_bytes();
    let negative = bytes[at] == b'-';
    let (mut i, mut mantissa, mut digits, mut decimals) = (at + usize::from(negative), 0u64, 0, 0);
    let mut in_fraction = false;
    loop {
        match bytes.get(i) {
            Some(d @ b'0'..=b'9') => {
                digits += usize::from(mantissa > 0 || *d != b'0');
                if digits < 19 {
                    mantissa = mantissa * 10 + u64::from(d - b'0');
                }
                decimals += usize::from(in_fraction);
            }
            Some(b'.') if !in_fraction => in_fraction = true,
            Some(b'e' | b'E' | b'+' | b'-') => digits = usize::MAX / 2,
            _ => break,
        }
        i += 1;
    }
    if digits <= 15 && decimals < TENS.len() {
        #[expect(clippy::cast_precision_loss, reason = "15 digits are below 2^53")]
        let value = mantissa as f64 / TENS[decimals];
        return Some((if negative { -value } else { value }, i));
    }
    let value: f64 = json[at..i].parse().ok()?;
    value.is_finite().then_some((value, i))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::shape::Kind;
    use proptest::prelude::*;

    fn parsed(json: &str) -> Result<(Shape, Found), String> {
        let mut shape = Shape::new(Kind::MultiPolygon);
        let found = read(json, &mut shape)?;
        Ok((shape, found))
    }

    #[test]
    fn nesting_becomes_rings_and_parts() {
        let (shape, found) = parsed("[[[[1,2],[3,4,5.5]],[[6,7]]],[[[8,9,10,11]]],[],[[]]]").unwrap();
        assert_eq!((shape.x, shape.rings, shape.parts), (vec![1.0, 3.0, 6.0, 8.0], vec![2, 3, 4], vec![2, 3]));
        assert_eq!(found, Found { depth: Some(4), had_more: true });
        assert_eq!(parsed("[ ]").unwrap().1.depth, None);
        assert_eq!(parsed("[1e2, -0.5]").unwrap().0.x, [100.0]);
    }

    #[test]
    fn what_is_no_position_is_refused() {
        for (json, says) in [
            ("[1]", "fewer than two"),
            ("[1,[2,3]]", "too deeply"),
            ("[[1,2],3]", "mix"),
            ("7", "mix"),
            ("[null,2]", "something else"),
            ("[\"1\",2]", "something else"),
            ("[[[[[1,2]]]]]", "too deeply"),
            ("[1e999,2]", "beyond double"),
        ] {
            assert!(parsed(json).unwrap_err().contains(says), "{json}");
        }
    }

    proptest! {
        #[test]
        fn numbers_are_correctly_rounded(value in -1e6..1e6f64, digits in 0..20usize) {
            let text = format!("[{value:.digits$},{value:e}]");
            let mut numbers = text[1..text.len() - 1].split(',').map(|t| t.parse::<f64>().unwrap());
            let (shape, _) = parsed(&text).unwrap();
            prop_assert_eq!(shape.x[0], numbers.next().unwrap());
            prop_assert_eq!(shape.y[0], numbers.next().unwrap());
        }

        #[test]
        fn no_text_panics(text in "[\\[\\]0-9eE.,+\\- \"a]{0,60}") {
            let _ = parsed(&text);
        }
    }
}
