//! Binds a filter to a collection: names become places, types are checked, constants worked out.

use crate::{
    FilterError, Place, Queryables, Shape,
    array::Element,
    eval::{Elements, Scalar, Test, When, as_instant, fold_accents, fold_case},
    expr::{ArrayOp, Expr, Node, Op, Spatial, Temporal},
    functions::{FUNCTIONS, Plain},
    like::Pattern,
    queryables::{Queryable, QueryableKind, Reads},
    space::Region,
    time::{Instant, Interval},
    value::Val,
};
use jiff::Timestamp;

/// The type of a scalar, as far as it is known before an item is seen.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Boolean,
    Number,
    Text,
    Instant,
    Any,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Boolean => "a boolean",
            Self::Number => "a number",
            Self::Text => "a text",
            Self::Instant => "a date or timestamp",
            Self::Any => "any value",
        }
    }

    fn fits(self, other: Self) -> bool {
        self == other || self == Self::Any || other == Self::Any
    }
}

pub(crate) struct Binder<'q> {
    pub(crate) queryables: &'q Queryables,
    pub(crate) now: Timestamp,
}

type Typed = (Scalar, Kind);
/// Texts in a list from which on they are looked up rather than gone through.
const LOOKUP_FROM: usize = 8;

impl Binder<'_> {
    /// An expression that is true, false or unknown.
    pub(crate) fn test(&self, expr: &Expr) -> Result<Test, FilterError> {
        let Node::Call(op, args) = &expr.node else {
            return match self.scalar(expr)? {
                (Scalar::Known(Val::Boolean(b)), _) => Ok(Test::Known(Some(b))),
                (scalar, Kind::Boolean | Kind::Any) => Ok(Test::Value(scalar)),
                (_, kind) => Err(error(expr, "something that is true or false", kind.name())),
            };
        };
        match (op, args.as_slice()) {
            (Op::And, all) => Ok(Test::And(self.tests(all)?)),
            (Op::Or, all) => Ok(Test::Or(self.tests(all)?)),
            (Op::Not, [one]) => Ok(match self.test(one)? {
                Test::Known(known) => Test::Known(known.map(|b| !b)),
                one => Test::Not(Box::new(one)),
            }),
            (Op::Eq | Op::Ne | Op::Lt | Op::Gt | Op::Le | Op::Ge, [left, right]) => {
                let [left, right] = self.comparable([left, right])?;
                Ok(Test::Compare(op.clone(), left, right))
            }
            (Op::Between, [value, low, high]) => Ok(Test::Between(Box::new(self.comparable([value, low, high])?))),
            (Op::In, [value, list]) => self.in_list(value, list),
            (Op::Like, [text, pattern]) => self.like(text, pattern),
            (Op::IsNull, [one]) => self.is_null(one),
            (Op::Spatial(op), [left, right]) => self.spatial(*op, left, right),
            (Op::Temporal(op), [left, right]) => self.temporal(*op, left, right),
            (Op::Array(op), [left, right]) => self.array(*op, left, right),
            _ => match self.scalar(expr)? {
                (scalar, Kind::Boolean | Kind::Any) => Ok(Test::Value(scalar)),
                (_, kind) => Err(error(expr, "something that is true or false", kind.name())),
            },
        }
    }

    fn tests(&self, all: &[Expr]) -> Result<Vec<Test>, FilterError> {
        all.iter().map(|one| self.test(one)).collect()
    }

    /// The property of a name.
    fn property(&self, place: &Place, name: &str) -> Result<Queryable, FilterError> {
        self.queryables.get(name).ok_or_else(|| {
            let known: Vec<&str> = self.queryables.iter().map(|own| &*own.name).take(30).collect();
            FilterError::new(place, format!("a property of the collection ({})", known.join(", ")), format!("“{name}”"))
        })
    }

    /// An expression that has one value.
    fn scalar(&self, expr: &Expr) -> Result<Typed, FilterError> {
        let known = |value: Val<'static>, kind| Ok((Scalar::Known(value), kind));
        match &expr.node {
            Node::Boolean(b) => known(Val::Boolean(*b), Kind::Boolean),
            Node::Integer(n) => known(Val::Integer(*n), Kind::Number),
            Node::Number(n) => known(Val::Number(*n), Kind::Number),
            Node::Text(text) => known(Val::Text(text.clone().into()), Kind::Text),
            Node::Date(_) | Node::Timestamp(_) => known(Val::Instant(self.instant(expr)?), Kind::Instant),
            Node::Property(name) => {
                let own = self.property(&expr.place, name)?;
                let kind = match own.kind {
                    QueryableKind::Boolean => Kind::Boolean,
                    QueryableKind::Integer | QueryableKind::Number => Kind::Number,
                    QueryableKind::Text => Kind::Text,
                    QueryableKind::Instant => Kind::Instant,
                    QueryableKind::Any => Kind::Any,
                    QueryableKind::Geometry => return Err(error(expr, "a single value", "the geometry")),
                    QueryableKind::Array => return Err(error(expr, "a single value", "an array")),
                };
                Ok((Scalar::Property(own.reads), kind))
            }
            Node::Unbounded | Node::Interval(_) => Err(error(expr, "a single value", "an interval")),
            Node::Shape(_) => Err(error(expr, "a single value", "a geometry")),
            Node::Array(_) => Err(error(expr, "a single value", "an array")),
            Node::Call(op, args) => match (op, args.as_slice()) {
                (Op::Add | Op::Sub | Op::Mul | Op::Div | Op::IntDiv | Op::Mod | Op::Pow, [left, right]) => {
                    let both = [self.of_kind(left, Kind::Number)?, self.of_kind(right, Kind::Number)?];
                    Ok(match both {
                        [Scalar::Known(a), Scalar::Known(b)] => (Scalar::Known(Val::calculate(op, &a, &b)), Kind::Number),
                        both => (Scalar::Calculate(op.clone(), Box::new(both)), Kind::Number),
                    })
                }
                (Op::Casei, [text]) => Ok(match self.of_kind(text, Kind::Text)? {
                    Scalar::Known(text) => (Scalar::Known(fold_case(text)), Kind::Text),
                    text => (Scalar::Case(Box::new(text)), Kind::Text),
                }),
                (Op::Accenti, [text]) => Ok(match self.of_kind(text, Kind::Text)? {
                    Scalar::Known(text) => (Scalar::Known(fold_accents(text)), Kind::Text),
                    text => (Scalar::Accents(Box::new(text)), Kind::Text),
                }),
                (Op::Function(name), args) => self.function(expr, name, args),
                _ => Ok((Scalar::Test(Box::new(self.test(expr)?)), Kind::Boolean)),
            },
        }
    }

    fn function(&self, expr: &Expr, name: &str, args: &[Expr]) -> Result<Typed, FilterError> {
        let Some(own) = FUNCTIONS.iter().find(|own| own.name == name) else {
            let known: Vec<&str> = FUNCTIONS.iter().map(|own| own.name).collect();
            return Err(error(expr, &format!("a function ({})", known.join(", ")), &format!("“{name}”")));
        };
        if args.len() != own.arguments.len() {
            let expected = format!("{name}({})", own.arguments.join(", "));
            return Err(error(expr, &expected, &format!("{} arguments", args.len())));
        }
        if let (Some(plain), [arg]) = (Plain::of(name), args) {
            let arg = self.of_kind(arg, if plain.takes_text() { Kind::Text } else { Kind::Number })?;
            let kind = if plain.gives_text() { Kind::Text } else { Kind::Number };
            return Ok(match arg {
                Scalar::Known(value) => (Scalar::Known(plain.apply(&value)), kind),
                arg => (Scalar::Plain(plain, Box::new(arg)), kind),
            });
        }
        match args {
            [] => Ok((Scalar::Known(Val::Instant(Instant::at(self.now))), Kind::Instant)),
            [left, right] => match (self.place(left)?, self.place(right)?) {
                (None, Some(shape)) | (Some(shape), None) => Ok((Scalar::Distance(Box::new(Region::new(shape))), Kind::Number)),
                _ => Err(error(expr, "the geometry and a literal", "two of one kind")),
            },
            _ => Err(error(expr, "a known function", name)),
        }
    }

    /// A scalar of a type that must be known to fit.
    fn of_kind(&self, expr: &Expr, expected: Kind) -> Result<Scalar, FilterError> {
        match self.scalar(expr)? {
            (scalar, kind) if kind.fits(expected) => Ok(scalar),
            (_, kind) => Err(error(expr, expected.name(), kind.name())),
        }
    }

    /// Scalars that can be compared: of one type, or of unknown type. Beside a date or timestamp a
    /// text is read as one.
    fn comparable<const N: usize>(&self, all: [&Expr; N]) -> Result<[Scalar; N], FilterError> {
        self.comparables(&all)?.try_into().map_err(|_| error(all[0], "as many values", "others"))
    }

    fn comparables(&self, all: &[&Expr]) -> Result<Vec<Scalar>, FilterError> {
        let typed = all.iter().map(|expr| self.scalar(expr)).collect::<Result<Vec<Typed>, _>>()?;
        if typed.iter().any(|(_, kind)| *kind == Kind::Instant) {
            return typed.into_iter().zip(all).map(|(typed, expr)| self.as_instant(expr, typed)).collect();
        }
        let kind = typed.iter().map(|(_, kind)| *kind).find(|kind| *kind != Kind::Any).unwrap_or(Kind::Any);
        for ((_, own), expr) in typed.iter().zip(all) {
            if !own.fits(kind) {
                return Err(error(expr, kind.name(), own.name()));
            }
        }
        Ok(typed.into_iter().map(|(scalar, _)| scalar).collect())
    }

    fn as_instant(&self, expr: &Expr, (scalar, kind): Typed) -> Result<Scalar, FilterError> {
        match (scalar, kind) {
            (scalar, Kind::Instant) => Ok(scalar),
            (Scalar::Known(value), Kind::Text) => match as_instant(value, self.queryables.zone()) {
                Val::Null => Err(error(expr, Kind::Instant.name(), "another text")),
                instant => Ok(Scalar::Known(instant)),
            },
            (scalar, Kind::Text | Kind::Any) => Ok(Scalar::Instant(Box::new(scalar), self.queryables.zone().clone())),
            (_, kind) => Err(error(expr, Kind::Instant.name(), kind.name())),
        }
    }

    fn in_list(&self, value: &Expr, list: &Expr) -> Result<Test, FilterError> {
        let Node::Array(list) = &list.node else { return Err(error(list, "a list of values", "another value")) };
        let all: Vec<&Expr> = std::iter::once(value).chain(list).collect();
        let mut all = self.comparables(&all)?;
        let list = all.split_off(1);
        let Some(value) = all.pop() else { return Ok(Test::Known(Some(false))) };
        let texts = list.iter().map(|one| if let Scalar::Known(Val::Text(text)) = one { Some(text.to_string()) } else { None });
        Ok(match texts.collect::<Option<_>>() {
            Some(texts) if list.len() >= LOOKUP_FROM => Test::InTexts(value, texts),
            _ => Test::In(value, list),
        })
    }

    fn like(&self, text: &Expr, pattern: &Expr) -> Result<Test, FilterError> {
        let text = self.of_kind(text, Kind::Text)?;
        match self.of_kind(pattern, Kind::Text)? {
            Scalar::Known(Val::Text(pattern)) => Ok(Test::Like(text, Pattern::new(&pattern))),
            _ => Err(error(pattern, "a pattern in single quotes", "another text")),
        }
    }

    fn is_null(&self, expr: &Expr) -> Result<Test, FilterError> {
        match &expr.node {
            Node::Property(name) => match self.property(&expr.place, name)? {
                Queryable { kind: QueryableKind::Geometry, .. } => Ok(Test::HasNoGeometry),
                own => Ok(Test::IsNull(Scalar::Property(own.reads))),
            },
            Node::Shape(_) | Node::Interval(_) | Node::Array(_) => Ok(Test::Known(Some(false))),
            _ => Ok(Test::IsNull(self.scalar(expr)?.0)),
        }
    }

    /// A geometry: `None` stands for the item's own.
    fn place<'e>(&self, expr: &'e Expr) -> Result<Option<&'e Shape>, FilterError> {
        match &expr.node {
            Node::Shape(shape) => {
                let mut outside = None;
                shape.clone().each(false, &mut |x, y| {
                    if !((-180.0..=180.0).contains(x) && (-90.0..=90.0).contains(y)) {
                        outside.get_or_insert_with(|| format!("({x}, {y})"));
                    }
                });
                match outside {
                    None => Ok(Some(shape)),
                    Some(found) => Err(error(expr, "longitudes from -180 to 180 and latitudes from -90 to 90", &found)),
                }
            }
            Node::Property(name) => match self.property(&expr.place, name)? {
                Queryable { reads: Reads::Geometry, .. } => Ok(None),
                _ => Err(error(expr, "a geometry, such as the property “geometry”", &format!("“{name}”"))),
            },
            Node::Call(Op::Function(name), args) => {
                self.function(expr, name, args)?;
                Err(error(expr, "a geometry", &format!("the result of “{name}”")))
            }
            _ => Err(error(expr, "a geometry", "another value")),
        }
    }

    fn spatial(&self, op: Spatial, left: &Expr, right: &Expr) -> Result<Test, FilterError> {
        Ok(match (self.place(left)?, self.place(right)?) {
            (None, Some(shape)) => Test::Space(op, Region::new(shape)),
            (Some(shape), None) => Test::Space(op.exchanged(), Region::new(shape)),
            (Some(left), Some(right)) => Test::Known(Some(op.holds(&left.to_geo(), &right.to_geo()))),
            (None, None) => Test::Itself(op),
        })
    }

    fn instant(&self, expr: &Expr) -> Result<Instant, FilterError> {
        match &expr.node {
            Node::Timestamp(at) => Ok(Instant::at(*at)),
            Node::Date(day) => {
                Instant::day(*day, self.queryables.zone()).ok_or_else(|| error(expr, "a day that the calendar has", &day.to_string()))
            }
            _ => Err(error(expr, Kind::Instant.name(), "another value")),
        }
    }

    fn temporal(&self, op: Temporal, left: &Expr, right: &Expr) -> Result<Test, FilterError> {
        let (left, right) = (self.when(op, left)?, self.when(op, right)?);
        Ok(match (left, right) {
            (When::Known(a), When::Known(b)) => Test::Known(Some(op.holds(a, b))),
            (left, right) => Test::Time(op, left, right),
        })
    }

    fn when(&self, op: Temporal, expr: &Expr) -> Result<When, FilterError> {
        if let Node::Interval(ends) = &expr.node {
            let [start, end] = &**ends;
            let open = |expr: &Expr, at: Timestamp| match expr.node {
                Node::Unbounded => Ok(Scalar::Known(Val::Instant(Instant::at(at)))),
                _ => self.scalar(expr).and_then(|typed| self.as_instant(expr, typed)),
            };
            return match (open(start, Timestamp::MIN)?, open(end, Timestamp::MAX)?) {
                (Scalar::Known(Val::Instant(first)), Scalar::Known(Val::Instant(last))) => {
                    if first.compare(last).is_gt() {
                        return Err(error(expr, "an interval that ends after it starts", "one that ends before"));
                    }
                    Ok(When::Known(Interval { start: first, end: last }))
                }
                (start, end) => Ok(When::Between(start, end)),
            };
        }
        if !op.takes_instants() {
            return Err(error(
                expr,
                "an INTERVAL (instants work with T_AFTER, T_BEFORE, T_DISJOINT, T_EQUALS, T_INTERSECTS)",
                "an instant",
            ));
        }
        let typed = self.scalar(expr)?;
        Ok(match self.as_instant(expr, typed)? {
            Scalar::Known(Val::Instant(at)) => When::Known(Interval { start: at, end: at }),
            scalar => When::Instant(scalar),
        })
    }

    fn array(&self, op: ArrayOp, left: &Expr, right: &Expr) -> Result<Test, FilterError> {
        let zone = self.queryables.zone();
        Ok(match (self.elements(left)?, self.elements(right)?) {
            (Elements::Known(a), Elements::Known(b)) => Test::Known(Some(op.holds(&a, &b, zone))),
            (left, right) => Test::Array(op, left, right, zone.clone()),
        })
    }

    fn elements(&self, expr: &Expr) -> Result<Elements, FilterError> {
        match &expr.node {
            Node::Array(items) => {
                let items = items.iter().map(|item| self.element(item)).collect::<Result<Vec<_>, _>>()?;
                let known = items.iter().map(|item| match item {
                    Elements::Known(one) => one.first().cloned(),
                    _ => None,
                });
                Ok(known.collect::<Option<_>>().map_or(Elements::List(items), Elements::Known))
            }
            Node::Property(name) => match self.property(&expr.place, name)? {
                Queryable { kind: QueryableKind::Array | QueryableKind::Any, reads, .. } => Ok(Elements::Property(Scalar::Property(reads))),
                _ => Err(error(expr, "an array", &format!("“{name}”, which is none"))),
            },
            _ => Err(error(expr, "an array or a property that is one", "another value")),
        }
    }

    /// One element; what is known before an item is seen stands alone in [`Elements::Known`].
    fn element(&self, expr: &Expr) -> Result<Elements, FilterError> {
        match &expr.node {
            Node::Array(_) => Ok(match self.elements(expr)? {
                Elements::Known(items) => Elements::Known(vec![Element::Array(items)]),
                other => other,
            }),
            Node::Shape(shape) => Ok(Elements::Known(vec![Element::Shape(shape.clone())])),
            Node::Interval(_) => match self.when(Temporal::Equals, expr)? {
                When::Known(interval) => Ok(Elements::Known(vec![Element::Interval(interval)])),
                _ => Err(error(expr, "an interval of literals", "one of properties")),
            },
            _ => Ok(match self.scalar(expr)?.0 {
                Scalar::Known(value) => Elements::Known(vec![Element::of(&value)]),
                scalar => Elements::One(scalar),
            }),
        }
    }
}

fn error(expr: &Expr, expected: &str, found: &str) -> FilterError {
    FilterError::new(&expr.place, expected, found)
}
