//! Sums that do not depend on the order.

/// A sum that is exact until it is read: J. R. Shewchuk, “Adaptive Precision Floating-Point
/// Arithmetic and Fast Robust Geometric Predicates”, 1997, as in Python's `math.fsum`.
#[derive(Clone, Debug, Default)]
pub struct ExactSum {
    /// Parts that do not overlap, the smallest first.
    parts: Vec<f64>,
}

impl ExactSum {
    /// Adds a finite number. O(parts), which are a handful.
    pub fn add(&mut self, number: f64) {
        let mut carry = number;
        let mut kept = 0;
        for at in 0..self.parts.len() {
            let (large, small) = if carry.abs() < self.parts[at].abs() { (self.parts[at], carry) } else { (carry, self.parts[at]) };
            let sum = large + small;
            let rest = small - (sum - large);
            if rest != 0.0 {
                self.parts[kept] = rest;
                kept += 1;
            }
            carry = sum;
        }
        self.parts.truncate(kept);
        self.parts.push(carry);
    }

    /// Adds what another sum has, exactly.
    pub fn add_all(&mut self, other: &Self) {
        other.parts.iter().for_each(|part| self.add(*part));
    }

    /// The sum, rounded to the nearest number.
    #[must_use]
    pub fn total(&self) -> f64 {
        let mut parts = self.parts.iter().rev().copied();
        let Some(mut total) = parts.next() else { return 0.0 };
        while let Some(part) = parts.next() {
            let before = total;
            total = before + part;
            let rest = part - (total - before);
            if rest != 0.0 {
                // A half way between two numbers goes where the next part points.
                if let Some(next) = parts.next()
                    && (rest < 0.0) == (next < 0.0)
                {
                    let twice = rest * 2.0;
                    let rounded = total + twice;
                    if twice == rounded - total {
                        total = rounded;
                    }
                }
                break;
            }
        }
        total
    }
}
