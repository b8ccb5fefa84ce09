//! CQL2 Text, written.

use crate::{
    Shape,
    expr::{Expr, Node, Op},
    lex::{ESCAPES, continues_name, starts_name},
    shape::{Coordinates, ShapeKind},
    text::RESERVED,
};
use std::fmt::{self, Write};

/// How tightly an expression binds; a looser one inside a tighter one needs parentheses.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Binding {
    Or,
    And,
    Not,
    Predicate,
    Sum,
    Product,
    Power,
    Atom,
}

fn binding(node: &Node) -> Binding {
    match node {
        Node::Call(op, args) => match op {
            Op::Or => Binding::Or,
            Op::And => Binding::And,
            Op::Not => Binding::Not,
            Op::Eq | Op::Ne | Op::Lt | Op::Gt | Op::Le | Op::Ge | Op::Like | Op::Between | Op::In | Op::IsNull => Binding::Predicate,
            // In JSON any number of connectives may hold a single argument's place.
            _ if args.len() < 2 => Binding::Atom,
            Op::Add | Op::Sub => Binding::Sum,
            Op::Mul | Op::Div | Op::IntDiv | Op::Mod => Binding::Product,
            Op::Pow => Binding::Power,
            _ => Binding::Atom,
        },
        _ => Binding::Atom,
    }
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.node {
            Node::Boolean(b) => f.write_str(if *b { "TRUE" } else { "FALSE" }),
            Node::Integer(n) => write!(f, "{n}"),
            // Debug keeps the point: 1.0 stays a number with a fraction.
            Node::Number(n) => write!(f, "{n:?}"),
            Node::Text(text) => quote(f, text),
            Node::Date(date) => write!(f, "DATE('{date}')"),
            Node::Timestamp(at) => write!(f, "TIMESTAMP('{at}')"),
            Node::Unbounded => f.write_str("'..'"),
            Node::Interval(ends) => {
                f.write_str("INTERVAL(")?;
                show_end(f, &ends[0])?;
                f.write_str(", ")?;
                show_end(f, &ends[1])?;
                f.write_char(')')
            }
            Node::Shape(shape) => show_shape(f, shape),
            Node::Array(items) => show_list(f, items),
            Node::Property(name) => show_name(f, name),
            Node::Call(op, args) => show_call(f, op, args),
        }
    }
}

fn show_call(f: &mut fmt::Formatter<'_>, op: &Op, args: &[Expr]) -> fmt::Result {
    match (op, args) {
        (Op::Not, [only]) => {
            f.write_str("NOT ")?;
            show_in(f, only, Binding::Not)
        }
        (Op::IsNull, [only]) => {
            show_in(f, only, Binding::Sum)?;
            f.write_str(" IS NULL")
        }
        (Op::Between, [value, low, high]) => {
            show_in(f, value, Binding::Sum)?;
            f.write_str(" BETWEEN ")?;
            show_in(f, low, Binding::Sum)?;
            f.write_str(" AND ")?;
            show_in(f, high, Binding::Sum)
        }
        (Op::And | Op::Or, args) => {
            let (word, within) = if *op == Op::And { (" AND ", Binding::Not) } else { (" OR ", Binding::And) };
            for (at, arg) in args.iter().enumerate() {
                if at > 0 {
                    f.write_str(word)?;
                }
                show_in(f, arg, within)?;
            }
            Ok(())
        }
        (op, [left, right]) if !op.is_called() => {
            let (on_left, on_right) = match op {
                Op::Add | Op::Sub => (Binding::Sum, Binding::Product),
                Op::Mul | Op::Div | Op::IntDiv | Op::Mod => (Binding::Product, Binding::Power),
                Op::Pow => (Binding::Atom, Binding::Atom),
                _ => (Binding::Sum, Binding::Sum),
            };
            show_in(f, left, on_left)?;
            write!(f, " {} ", op.name().to_ascii_uppercase())?;
            show_in(f, right, on_right)
        }
        (op, args) => {
            match op {
                Op::Function(name) => f.write_str(name)?,
                op => f.write_str(&op.name().to_ascii_uppercase())?,
            }
            show_list(f, args)
        }
    }
}

/// An operand, in parentheses where it binds more loosely than its place.
fn show_in(f: &mut fmt::Formatter<'_>, expr: &Expr, within: Binding) -> fmt::Result {
    if binding(&expr.node) < within { write!(f, "({expr})") } else { write!(f, "{expr}") }
}

fn show_list(f: &mut fmt::Formatter<'_>, items: &[Expr]) -> fmt::Result {
    f.write_char('(')?;
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            f.write_str(", ")?;
        }
        write!(f, "{item}")?;
    }
    f.write_char(')')
}

fn show_end(f: &mut fmt::Formatter<'_>, end: &Expr) -> fmt::Result {
    match &end.node {
        Node::Date(date) => write!(f, "'{date}'"),
        Node::Timestamp(at) => write!(f, "'{at}'"),
        _ => write!(f, "{end}"),
    }
}

/// A property, in double quotes where a bare name would mean something else.
fn show_name(f: &mut fmt::Formatter<'_>, name: &str) -> fmt::Result {
    let bare = name.chars().next().is_some_and(starts_name)
        && name.chars().all(continues_name)
        && !RESERVED.iter().any(|word| word.eq_ignore_ascii_case(name))
        && ShapeKind::of_wkt(name).is_none()
        && !name.eq_ignore_ascii_case("GEOMETRYCOLLECTION");
    if bare { f.write_str(name) } else { write!(f, "\"{}\"", name.replace('"', "\"\"")) }
}

fn quote(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_char('\'')?;
    for c in text.chars() {
        match ESCAPES.iter().find(|(_, control)| *control == c) {
            Some((letter, _)) => write!(f, "\\{letter}")?,
            None if c == '\'' => f.write_str("''")?,
            None => f.write_char(c)?,
        }
    }
    f.write_char('\'')
}

fn show_shape(f: &mut fmt::Formatter<'_>, shape: &Shape) -> fmt::Result {
    match shape {
        Shape::Box(edges) => {
            f.write_str("BBOX(")?;
            for (at, edge) in edges.iter().enumerate() {
                write!(f, "{}{edge}", if at > 0 { ", " } else { "" })?;
            }
            f.write_char(')')
        }
        Shape::Collection(all) if all.is_empty() => f.write_str("GEOMETRYCOLLECTION EMPTY"),
        Shape::Collection(all) => {
            f.write_str("GEOMETRYCOLLECTION(")?;
            for (at, member) in all.iter().enumerate() {
                f.write_str(if at > 0 { ", " } else { "" })?;
                show_shape(f, member)?;
            }
            f.write_char(')')
        }
        Shape::Simple(kind, coordinates) => {
            f.write_str(&kind.name().to_ascii_uppercase())?;
            match coordinates {
                Coordinates::Position(numbers) if numbers.is_empty() => f.write_str(" EMPTY"),
                Coordinates::List(items) if items.is_empty() => f.write_str(" EMPTY"),
                Coordinates::Position(_) => {
                    f.write_char('(')?;
                    show_coordinates(f, coordinates)?;
                    f.write_char(')')
                }
                Coordinates::List(_) => show_coordinates(f, coordinates),
            }
        }
    }
}

fn show_coordinates(f: &mut fmt::Formatter<'_>, coordinates: &Coordinates) -> fmt::Result {
    match coordinates {
        Coordinates::Position(numbers) => {
            for (at, number) in numbers.iter().enumerate() {
                write!(f, "{}{number}", if at > 0 { " " } else { "" })?;
            }
            Ok(())
        }
        Coordinates::List(items) => {
            f.write_char('(')?;
            for (at, item) in items.iter().enumerate() {
                f.write_str(if at > 0 { ", " } else { "" })?;
                show_coordinates(f, item)?;
            }
            f.write_char(')')
        }
    }
}
