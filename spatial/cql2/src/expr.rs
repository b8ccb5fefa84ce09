//! What a filter says, whichever way it was written.

use crate::{FilterError, Place, Shape};
use jiff::{Timestamp, civil::Date};

/// An expression and the place where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    /// Where it stands.
    pub place: Place,
    /// What it says.
    pub node: Node,
}

/// An expression without its place.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// `TRUE` or `FALSE`.
    Boolean(bool),
    /// A number without fraction and exponent.
    Integer(i64),
    /// Any other number.
    Number(f64),
    /// A character literal.
    Text(String),
    /// A day.
    Date(Date),
    /// An instant in UTC.
    Timestamp(Timestamp),
    /// `..`, the open end of an interval.
    Unbounded,
    /// From the first to the second, both included.
    Interval(Box<[Expr; 2]>),
    /// A geometry or a box.
    Shape(Shape),
    /// An array, which stands for a set.
    Array(Vec<Expr>),
    /// A property by its name.
    Property(String),
    /// An operator or function and what it is applied to.
    Call(Op, Vec<Expr>),
}

/// Every operator and function of the standard, and the others by name.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the standard's")]
pub enum Op {
    And,
    Or,
    Not,
    Eq,
    Ne,
    Lt,
    Gt,
    Le,
    Ge,
    Like,
    Between,
    In,
    IsNull,
    Casei,
    Accenti,
    Add,
    Sub,
    Mul,
    Div,
    IntDiv,
    Mod,
    Pow,
    Spatial(Spatial),
    Temporal(Temporal),
    Array(ArrayOp),
    /// A function that the standard does not have.
    Function(String),
}

/// The spatial comparison functions (OGC 21-065r2, clause 7.5), as DE-9IM has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the standard's")]
pub enum Spatial {
    Contains,
    Crosses,
    Disjoint,
    Equals,
    Intersects,
    Overlaps,
    Touches,
    Within,
}

/// The temporal comparison functions (OGC 21-065r2, clause 7.6), as OWL-Time has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the standard's")]
pub enum Temporal {
    After,
    Before,
    Contains,
    Disjoint,
    During,
    Equals,
    FinishedBy,
    Finishes,
    Intersects,
    Meets,
    MetBy,
    OverlappedBy,
    Overlaps,
    StartedBy,
    Starts,
}

/// The array comparison functions (OGC 21-065r2, clause 7.7): arrays are sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the standard's")]
pub enum ArrayOp {
    ContainedBy,
    Contains,
    Equals,
    Overlaps,
}

/// The operators by their names in JSON; in text the names of functions are not case-sensitive.
const OPS: &[(&str, Op)] = &[
    ("and", Op::And),
    ("or", Op::Or),
    ("not", Op::Not),
    ("=", Op::Eq),
    ("<>", Op::Ne),
    ("<", Op::Lt),
    (">", Op::Gt),
    ("<=", Op::Le),
    (">=", Op::Ge),
    ("like", Op::Like),
    ("between", Op::Between),
    ("in", Op::In),
    ("isNull", Op::IsNull),
    ("casei", Op::Casei),
    ("accenti", Op::Accenti),
    ("+", Op::Add),
    ("-", Op::Sub),
    ("*", Op::Mul),
    ("/", Op::Div),
    ("div", Op::IntDiv),
    ("%", Op::Mod),
    ("^", Op::Pow),
    ("s_contains", Op::Spatial(Spatial::Contains)),
    ("s_crosses", Op::Spatial(Spatial::Crosses)),
    ("s_disjoint", Op::Spatial(Spatial::Disjoint)),
    ("s_equals", Op::Spatial(Spatial::Equals)),
    ("s_intersects", Op::Spatial(Spatial::Intersects)),
    ("s_overlaps", Op::Spatial(Spatial::Overlaps)),
    ("s_touches", Op::Spatial(Spatial::Touches)),
    ("s_within", Op::Spatial(Spatial::Within)),
    ("t_after", Op::Temporal(Temporal::After)),
    ("t_before", Op::Temporal(Temporal::Before)),
    ("t_contains", Op::Temporal(Temporal::Contains)),
    ("t_disjoint", Op::Temporal(Temporal::Disjoint)),
    ("t_during", Op::Temporal(Temporal::During)),
    ("t_equals", Op::Temporal(Temporal::Equals)),
    ("t_finishedBy", Op::Temporal(Temporal::FinishedBy)),
    ("t_finishes", Op::Temporal(Temporal::Finishes)),
    ("t_intersects", Op::Temporal(Temporal::Intersects)),
    ("t_meets", Op::Temporal(Temporal::Meets)),
    ("t_metBy", Op::Temporal(Temporal::MetBy)),
    ("t_overlappedBy", Op::Temporal(Temporal::OverlappedBy)),
    ("t_overlaps", Op::Temporal(Temporal::Overlaps)),
    ("t_startedBy", Op::Temporal(Temporal::StartedBy)),
    ("t_starts", Op::Temporal(Temporal::Starts)),
    ("a_containedBy", Op::Array(ArrayOp::ContainedBy)),
    ("a_contains", Op::Array(ArrayOp::Contains)),
    ("a_equals", Op::Array(ArrayOp::Equals)),
    ("a_overlaps", Op::Array(ArrayOp::Overlaps)),
];

impl Op {
    /// The operator of this name in JSON; any other name is a function's.
    pub(crate) fn of_json(name: &str) -> Self {
        OPS.iter().find(|(own, _)| *own == name).map_or_else(|| Self::Function(name.to_owned()), |(_, op)| op.clone())
    }

    /// The function of this name in text; a name that is no function of the standard is another's.
    pub(crate) fn of_call(name: &str) -> Self {
        let known = OPS.iter().find(|(own, op)| own.eq_ignore_ascii_case(name) && op.is_called());
        known.map_or_else(|| Self::Function(name.to_owned()), |(_, op)| op.clone())
    }

    /// The name in JSON.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Function(name) => name,
            op => OPS.iter().find(|(_, known)| known == op).map_or("", |(name, _)| name),
        }
    }

    /// True if text writes it as a function, `NAME(…)`.
    pub(crate) fn is_called(&self) -> bool {
        matches!(self, Self::Casei | Self::Accenti | Self::Spatial(_) | Self::Temporal(_) | Self::Array(_) | Self::Function(_))
    }

    /// The fewest and most arguments.
    fn arity(&self) -> (usize, usize) {
        match self {
            Self::And | Self::Or => (2, usize::MAX),
            Self::Not | Self::IsNull | Self::Casei | Self::Accenti => (1, 1),
            Self::Between => (3, 3),
            Self::Function(_) => (0, usize::MAX),
            _ => (2, 2),
        }
    }
}

impl Expr {
    pub(crate) fn new(place: Place, node: Node) -> Self {
        Self { place, node }
    }

    /// An operator with its arguments, if they are as many as it takes.
    pub(crate) fn call(place: Place, op: Op, args: Vec<Self>) -> Result<Self, FilterError> {
        let (least, most) = op.arity();
        if !(least..=most).contains(&args.len()) {
            let count = if least == most { least.to_string() } else { format!("at least {least}") };
            let plural = if least == 1 { "" } else { "s" };
            return Err(FilterError::new(&place, format!("{count} argument{plural} of “{}”", op.name()), args.len().to_string()));
        }
        Ok(Self::new(place, Node::Call(op, args)))
    }

    /// Visits every geometry of the expression.
    pub(crate) fn each_shape(&mut self, visit: &mut dyn FnMut(&Place, &mut Shape) -> Result<(), FilterError>) -> Result<(), FilterError> {
        let place = &self.place;
        match &mut self.node {
            Node::Shape(shape) => visit(place, shape),
            Node::Interval(ends) => ends.iter_mut().try_for_each(|end| end.each_shape(visit)),
            Node::Array(args) | Node::Call(_, args) => args.iter_mut().try_for_each(|arg| arg.each_shape(visit)),
            _ => Ok(()),
        }
    }
}
