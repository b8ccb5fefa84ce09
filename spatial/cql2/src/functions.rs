//! The functions besides those of the standard.

use crate::value::Val;
use std::borrow::Cow;

/// A function that a filter can call, as `/functions` lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Function {
    /// Its name; case counts.
    pub name: &'static str,
    /// The types of its arguments, in the words of OGC 21-065r2, clause 7.9.
    pub arguments: &'static [&'static str],
    /// The type of its result.
    pub returns: &'static str,
    /// What it does.
    pub description: &'static str,
}

/// All of them.
pub const FUNCTIONS: &[Function] = &[
    Function { name: "abs", arguments: &["number"], returns: "number", description: "The number without its sign." },
    Function { name: "ceil", arguments: &["number"], returns: "number", description: "The next whole number upwards." },
    Function { name: "floor", arguments: &["number"], returns: "number", description: "The next whole number downwards." },
    Function { name: "round", arguments: &["number"], returns: "number", description: "The nearest whole number, halves away from zero." },
    Function { name: "sqrt", arguments: &["number"], returns: "number", description: "The square root; null for a negative number." },
    Function { name: "length", arguments: &["string"], returns: "integer", description: "The number of characters." },
    Function { name: "lower", arguments: &["string"], returns: "string", description: "The text in lower case." },
    Function { name: "upper", arguments: &["string"], returns: "string", description: "The text in upper case." },
    Function { name: "now", arguments: &[], returns: "timestamp", description: "When the filter was bound to its collection." },
    Function {
        name: "distance",
        arguments: &["geometry", "geometry"],
        returns: "number",
        description: "The shortest distance between the item’s geometry and a literal, metres on the WGS 84 ellipsoid.",
    },
];

/// A function of one value that knows nothing of the item.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Plain {
    Abs,
    Ceil,
    Floor,
    Round,
    Sqrt,
    Length,
    Lower,
    Upper,
}

impl Plain {
    pub(crate) fn of(name: &str) -> Option<Self> {
        Some(match name {
            "abs" => Self::Abs,
            "ceil" => Self::Ceil,
            "floor" => Self::Floor,
            "round" => Self::Round,
            "sqrt" => Self::Sqrt,
            "length" => Self::Length,
            "lower" => Self::Lower,
            "upper" => Self::Upper,
            _ => return None,
        })
    }

    pub(crate) fn takes_text(self) -> bool {
        matches!(self, Self::Length | Self::Lower | Self::Upper)
    }

    pub(crate) fn gives_text(self) -> bool {
        matches!(self, Self::Lower | Self::Upper)
    }

    /// The result; null for null, or for a value of another type.
    pub(crate) fn apply(self, value: &Val<'_>) -> Val<'static> {
        if let Some(text) = value.as_str() {
            return match self {
                Self::Length => i64::try_from(text.chars().count()).map_or(Val::Null, Val::Integer),
                Self::Lower => Val::Text(Cow::Owned(text.to_lowercase())),
                Self::Upper => Val::Text(Cow::Owned(text.to_uppercase())),
                _ => Val::Null,
            };
        }
        let Some(n) = value.as_f64() else { return Val::Null };
        let result = match self {
            Self::Abs => n.abs(),
            Self::Ceil => n.ceil(),
            Self::Floor => n.floor(),
            Self::Round => n.round(),
            Self::Sqrt => n.sqrt(),
            Self::Length | Self::Lower | Self::Upper => f64::NAN,
        };
        if result.is_finite() { Val::Number(result) } else { Val::Null }
    }
}
