//! WHERE, WHEREIN and MATCH: which objects count.

use super::{
    arguments::{Arguments, Fault},
    object::{Object, value_of},
};
use crate::limits;
use citywall_model::LiveItem;
use serde_json::Value;
use std::cmp::Ordering;

/// What an object must be. All conditions hold at once; one of the patterns is enough.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    fields: Vec<(String, Test)>,
    /// Patterns of ids.
    pub patterns: Vec<String>,
}

#[derive(Clone, Debug)]
enum Test {
    Compare(fn(Ordering) -> bool, Value),
    Between { min: Value, open_min: bool, max: Value, open_max: bool },
    Among(Vec<Value>),
}

impl Filter {
    /// Reads what follows WHERE.
    ///
    /// # Errors
    /// Something is missing, or it is an expression.
    pub fn take_where(&mut self, arguments: &mut Arguments<'_>) -> Result<(), Fault> {
        let name = arguments.text()?;
        let (min, max) = (arguments.text()?.to_lowercase(), arguments.text()?.to_lowercase());
        let compare = |test| Ok::<Test, Fault>(Test::Compare(test, value_of(&max)));
        let test = match min.as_str() {
            "<" => compare(Ordering::is_lt),
            "<=" => compare(Ordering::is_le),
            ">" => compare(Ordering::is_gt),
            ">=" => compare(Ordering::is_ge),
            "==" => compare(Ordering::is_eq),
            "!=" => compare(Ordering::is_ne),
            _ => Ok(Test::Between {
                open_min: min.starts_with('('),
                min: bound(min.strip_prefix('(').unwrap_or(&min)),
                open_max: max.starts_with('('),
                max: bound(max.strip_prefix('(').unwrap_or(&max)),
            }),
        }?;
        self.fields.push((name.to_owned(), test));
        Ok(())
    }

    /// Reads what follows WHEREIN.
    ///
    /// # Errors
    /// Something is missing.
    pub fn take_where_in(&mut self, arguments: &mut Arguments<'_>) -> Result<(), Fault> {
        let name = arguments.text()?.to_owned();
        let count = arguments.whole(0, limits::REDIS_ARGUMENTS_MAX as u64)?;
        let values = (0..count).map(|_| arguments.text().map(value_of)).collect::<Result<_, _>>()?;
        self.fields.push((name, Test::Among(values)));
        Ok(())
    }

    /// True if every object meets it.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty() && (self.patterns.is_empty() || self.patterns.iter().any(|pattern| pattern == "*"))
    }

    /// True if the item meets it.
    pub fn holds(&self, item: &LiveItem) -> bool {
        self.is_empty() || (self.names(item.id()) && self.describes(item))
    }

    /// True if a pattern fits the id.
    fn names(&self, id: &str) -> bool {
        self.patterns.is_empty() || self.patterns.iter().any(|pattern| matches(pattern, id))
    }

    fn describes(&self, item: &LiveItem) -> bool {
        if self.fields.is_empty() {
            return true;
        }
        let object = Object::new(item);
        self.fields.iter().all(|(name, test)| test.holds(&object.field(name)))
    }
}

/// A bound of a range; `-inf` and `+inf` are beyond every number.
fn bound(text: &str) -> Value {
    match text {
        "inf" | "+inf" => Value::from(f64::MAX),
        "-inf" => Value::from(f64::MIN),
        text => value_of(text),
    }
}

impl Test {
    fn holds(&self, value: &Value) -> bool {
        match self {
            Self::Compare(test, other) => test(compare(value, other)),
            Self::Between { min, open_min, max, open_max } => {
                let (low, high) = (compare(value, min), compare(value, max));
                (if *open_min { low.is_gt() } else { low.is_ge() }) && (if *open_max { high.is_lt() } else { high.is_le() })
            }
            Self::Among(values) => values.iter().any(|other| compare(value, other).is_eq()),
        }
    }
}

/// Tile38's order of values: null, false, numbers, texts without regard to case, true, JSON.
fn compare(a: &Value, b: &Value) -> Ordering {
    let rank = |value: &Value| match value {
        Value::Null => 0,
        Value::Bool(false) => 1,
        Value::Number(_) => 2,
        Value::String(_) => 3,
        Value::Bool(true) => 4,
        Value::Array(_) | Value::Object(_) => 5,
    };
    rank(a).cmp(&rank(b)).then_with(|| match (a, b) {
        (Value::Number(a), Value::Number(b)) => {
            a.as_f64().unwrap_or_default().partial_cmp(&b.as_f64().unwrap_or_default()).unwrap_or(Ordering::Equal)
        }
        (Value::String(a), Value::String(b)) => a.to_ascii_lowercase().cmp(&b.to_ascii_lowercase()),
        (Value::Array(_) | Value::Object(_), _) => a.to_string().cmp(&b.to_string()),
        _ => Ordering::Equal,
    })
}

/// True if a pattern with `*`, `?` and `[a-z]` fits a text. A pattern that takes more than
/// [`limits::REDIS_PATTERN_STEPS_MAX`] steps fits nothing. O(pattern × text) at worst.
pub fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    // Where the last `*` stood, and where what it takes ends.
    let mut star: Option<(usize, usize)> = None;
    for _ in 0..limits::REDIS_PATTERN_STEPS_MAX {
        if t == text.len() {
            return pattern[p..].iter().all(|c| *c == '*');
        }
        let step = match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
                continue;
            }
            Some('?') => Some(1),
            Some('[') => class(&pattern[p..], text[t]),
            Some('\\') => (pattern.get(p + 1) == Some(&text[t])).then_some(2),
            Some(c) => (*c == text[t]).then_some(1),
            None => None,
        };
        match (step, star) {
            (Some(length), _) => (p, t) = (p + length, t + 1),
            (None, Some((at, taken))) => {
                star = Some((at, taken + 1));
                (p, t) = (at + 1, taken + 1);
            }
            (None, None) => return false,
        }
    }
    false
}

/// The length of the class at the start of a pattern, if it holds the character.
fn class(pattern: &[char], c: char) -> Option<usize> {
    let end = pattern.iter().skip(2).position(|c| *c == ']')? + 2;
    let (not, members) = match pattern.get(1) {
        Some('^') => (true, &pattern[2..end]),
        _ => (false, &pattern[1..end]),
    };
    let (mut at, mut found) = (0, false);
    while at < members.len() {
        if members.get(at + 1) == Some(&'-')
            && let Some(last) = members.get(at + 2)
        {
            found |= (members[at]..=*last).contains(&c);
            at += 3;
        } else {
            found |= members[at] == c;
            at += 1;
        }
    }
    (found != not).then_some(end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit() {
        for (pattern, text, fits) in [
            ("*", "", true),
            ("truck*", "truck1", true),
            ("t*k?", "truck1", true),
            ("t*k", "truck1", false),
            ("[a-c]x", "bx", true),
            ("[^a-c]x", "bx", false),
            ("a\\*", "a*", true),
            ("a\\*", "ab", false),
            ("*:*:3", "a:b:3", true),
            ("车*", "车一", true),
            ("[", "[", false),
        ] {
            assert_eq!(matches(pattern, text), fits, "{pattern} {text}");
        }
    }

    #[test]
    fn values_have_an_order() {
        let values = [Value::Null, false.into(), (-1).into(), 2.5.into(), "A".into(), "b".into(), true.into(), serde_json::json!([1])];
        assert!(values.windows(2).all(|pair| compare(&pair[0], &pair[1]).is_lt()));
    }
}
