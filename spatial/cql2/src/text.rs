//! CQL2 Text (OGC 21-065r2, annex B), read by recursive descent.

use crate::{
    FilterError, Place, Shape,
    expr::{Expr, Node, Op},
    lex::{Token, Word, continues_name, starts_name, words},
    shape::{Coordinates, ShapeKind},
    time,
};
use citywall_model::limits::{FILTER_BYTES_MAX, FILTER_DEPTH_MAX};

/// Words that are no property unless they stand in double quotes.
pub(crate) const RESERVED: [&str; 11] = ["AND", "OR", "NOT", "LIKE", "BETWEEN", "IN", "IS", "NULL", "TRUE", "FALSE", "DIV"];

/// Reads a whole text.
pub(crate) fn parse(text: &str) -> Result<Expr, FilterError> {
    if text.len() > FILTER_BYTES_MAX {
        let most = format!("at most {FILTER_BYTES_MAX} bytes (FILTER_BYTES_MAX)");
        return Err(FilterError::new(&Place::Character(1), most, format!("{} bytes", text.len())));
    }
    let mut parser = Parser { tokens: words(text)?, at: 0, depth: 0 };
    let expr = parser.or()?;
    match parser.peek().word {
        Word::End => Ok(expr),
        _ => Err(parser.unexpected("an operator, AND, OR or the end")),
    }
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
}

type Parsed = Result<Expr, FilterError>;

impl Parser {
    fn peek(&self) -> &Token {
        // The last token is the end, and nothing steps over it.
        &self.tokens[self.at.min(self.tokens.len() - 1)]
    }

    fn after(&self) -> &Token {
        &self.tokens[(self.at + 1).min(self.tokens.len() - 1)]
    }

    fn bump(&mut self) -> Token {
        let token = self.peek().clone();
        self.at += 1;
        token
    }

    fn unexpected(&self, expected: &str) -> FilterError {
        FilterError::new(&self.peek().place(), expected, self.peek().found())
    }

    /// Steps over a keyword in any case.
    fn keyword(&mut self, keyword: &str) -> Option<Place> {
        self.peek().is(keyword).then(|| self.bump().place())
    }

    /// Steps over one of the symbols.
    fn symbol(&mut self, symbols: &[&'static str]) -> Option<(Place, &'static str)> {
        match self.peek().word {
            Word::Symbol(s) if symbols.contains(&s) => Some((self.bump().place(), s)),
            _ => None,
        }
    }

    fn expect(&mut self, symbol: &'static str) -> Result<Place, FilterError> {
        let found = self.symbol(&[symbol]).map(|(place, _)| place);
        found.ok_or_else(|| self.unexpected(&format!("“{symbol}”")))
    }

    fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, FilterError>) -> Result<T, FilterError> {
        self.depth += 1;
        self.check_depth(self.depth)?;
        let result = read(self);
        self.depth -= 1;
        result
    }

    fn check_depth(&self, depth: usize) -> Result<(), FilterError> {
        if depth <= FILTER_DEPTH_MAX {
            return Ok(());
        }
        Err(FilterError::new(&self.peek().place(), format!("at most {FILTER_DEPTH_MAX} levels (FILTER_DEPTH_MAX)"), "one more"))
    }

    fn or(&mut self) -> Parsed {
        self.joined("OR", Op::Or, Self::and)
    }

    fn and(&mut self) -> Parsed {
        self.joined("AND", Op::And, Self::not)
    }

    /// One operand, or several that one connective joins.
    fn joined(&mut self, keyword: &str, op: Op, operand: fn(&mut Self) -> Parsed) -> Parsed {
        let first = operand(self)?;
        let Some(place) = self.keyword(keyword) else { return Ok(first) };
        let mut all = vec![first, operand(self)?];
        while self.keyword(keyword).is_some() {
            all.push(operand(self)?);
        }
        Expr::call(place, op, all)
    }

    fn not(&mut self) -> Parsed {
        match self.keyword("NOT") {
            Some(place) => Expr::call(place, Op::Not, vec![self.deeper(Self::not)?]),
            None => self.predicate(),
        }
    }

    fn predicate(&mut self) -> Parsed {
        let left = self.sum()?;
        if let Some((place, symbol)) = self.symbol(&["=", "<>", "<", ">", "<=", ">="]) {
            return Expr::call(place, Op::of_json(symbol), vec![left, self.sum()?]);
        }
        if let Some(place) = self.keyword("IS") {
            let not = self.keyword("NOT");
            if self.keyword("NULL").is_none() {
                return Err(self.unexpected("NULL"));
            }
            return negate(not, Expr::call(place, Op::IsNull, vec![left])?);
        }
        let not = self.keyword("NOT");
        if let Some(place) = self.keyword("LIKE") {
            let right = self.sum()?;
            return negate(not, Expr::call(place, Op::Like, vec![left, right])?);
        }
        if let Some(place) = self.keyword("BETWEEN") {
            let low = self.sum()?;
            if self.keyword("AND").is_none() {
                return Err(self.unexpected("AND"));
            }
            let high = self.sum()?;
            return negate(not, Expr::call(place, Op::Between, vec![left, low, high])?);
        }
        if let Some(place) = self.keyword("IN") {
            let list_place = self.expect("(")?;
            let list = self.deeper(|p| p.list(Self::sum))?;
            if list.is_empty() {
                return Err(FilterError::new(&list_place, "at least one value to be IN", "none"));
            }
            return negate(not, Expr::call(place, Op::In, vec![left, Expr::new(list_place, Node::Array(list))])?);
        }
        match not {
            Some(_) => Err(self.unexpected("LIKE, BETWEEN or IN")),
            None => Ok(left),
        }
    }

    fn sum(&mut self) -> Parsed {
        self.chain(&["+", "-"], Self::product)
    }

    fn product(&mut self) -> Parsed {
        self.chain(&["*", "/", "%"], Self::power)
    }

    /// Operands that bind from the left.
    fn chain(&mut self, symbols: &[&'static str], operand: fn(&mut Self) -> Parsed) -> Parsed {
        let mut left = operand(self)?;
        let mut links = 0;
        loop {
            let (place, op) = match self.symbol(symbols) {
                Some((place, symbol)) => (place, Op::of_json(symbol)),
                None if symbols.contains(&"*") => match self.keyword("DIV") {
                    Some(place) => (place, Op::IntDiv),
                    None => return Ok(left),
                },
                None => return Ok(left),
            };
            links += 1;
            self.check_depth(self.depth + links)?;
            left = Expr::call(place, op, vec![left, operand(self)?])?;
        }
    }

    fn power(&mut self) -> Parsed {
        let base = self.factor()?;
        match self.symbol(&["^"]) {
            Some((place, _)) => Expr::call(place, Op::Pow, vec![base, self.factor()?]),
            None => Ok(base),
        }
    }

    fn factor(&mut self) -> Parsed {
        let Some((place, sign)) = self.symbol(&["-", "+"]) else { return self.primary() };
        let minus = sign == "-";
        match self.peek().word {
            Word::Integer(n) => {
                self.bump();
                Ok(Expr::new(place, Node::Integer(if minus { -n } else { n })))
            }
            Word::Number(n) => {
                self.bump();
                Ok(Expr::new(place, Node::Number(if minus { -n } else { n })))
            }
            _ if minus => {
                let operand = self.primary()?;
                Expr::call(place.clone(), Op::Mul, vec![Expr::new(place, Node::Integer(-1)), operand])
            }
            _ => Err(self.unexpected("a number")),
        }
    }

    fn primary(&mut self) -> Parsed {
        let token = self.peek().clone();
        let place = token.place();
        match token.word {
            Word::Integer(n) => self.literal(Node::Integer(n)),
            Word::Number(n) => self.literal(Node::Number(n)),
            Word::Text(text) => self.literal(Node::Text(text)),
            Word::Quoted(name) => self.literal(Node::Property(name)),
            Word::Symbol("(") => {
                self.bump();
                let list = self.deeper(|p| p.list(Self::or))?;
                match <[Expr; 1]>::try_from(list) {
                    Ok([one]) => Ok(one),
                    Err(list) => Ok(Expr::new(place, Node::Array(list))),
                }
            }
            Word::Name(name) if self.opens(&name) => self.deeper(|p| p.called(&name)),
            Word::Name(name) if name.eq_ignore_ascii_case("TRUE") => self.literal(Node::Boolean(true)),
            Word::Name(name) if name.eq_ignore_ascii_case("FALSE") => self.literal(Node::Boolean(false)),
            Word::Name(name) if !RESERVED.iter().any(|word| word.eq_ignore_ascii_case(&name)) => self.literal(Node::Property(name)),
            _ => Err(self.unexpected("a property, a literal, a function or “(”")),
        }
    }

    fn literal(&mut self, node: Node) -> Parsed {
        Ok(Expr::new(self.bump().place(), node))
    }

    /// True if the name starts a call, a constructor or a geometry.
    fn opens(&self, name: &str) -> bool {
        let after = self.after();
        let reserved = RESERVED.iter().any(|word| word.eq_ignore_ascii_case(name));
        (after.word == Word::Symbol("(") && !reserved) || (is_geometry(name) && ["Z", "M", "ZM", "EMPTY"].iter().any(|word| after.is(word)))
    }

    /// Operands up to the closing parenthesis.
    fn list(&mut self, operand: fn(&mut Self) -> Parsed) -> Result<Vec<Expr>, FilterError> {
        let mut all = Vec::new();
        if self.symbol(&[")"]).is_some() {
            return Ok(all);
        }
        loop {
            all.push(operand(self)?);
            match self.symbol(&[",", ")"]) {
                Some((_, ")")) => return Ok(all),
                Some(_) => {}
                None => return Err(self.unexpected("“,” or “)”")),
            }
        }
    }

    fn called(&mut self, name: &str) -> Parsed {
        let place = self.peek().place();
        if is_geometry(name) {
            let shape = self.shape()?;
            return shaped(place, shape);
        }
        self.bump();
        self.expect("(")?;
        match name.to_ascii_uppercase().as_str() {
            "DATE" => {
                let node = Node::Date(time::date(&self.peek().place(), &self.text_argument()?)?);
                Ok(Expr::new(place, node))
            }
            "TIMESTAMP" => {
                let node = Node::Timestamp(time::timestamp(&self.peek().place(), &self.text_argument()?)?);
                Ok(Expr::new(place, node))
            }
            "INTERVAL" => {
                let ends = self.list(Self::sum)?.into_iter().map(interval_end).collect::<Result<Vec<_>, _>>()?;
                let count = ends.len();
                match <[Expr; 2]>::try_from(ends) {
                    Ok(ends) => Ok(Expr::new(place, Node::Interval(Box::new(ends)))),
                    Err(_) => Err(FilterError::new(&place, "2 ends of an interval", count.to_string())),
                }
            }
            "BBOX" => {
                let numbers = self.numbers(",")?;
                self.expect(")")?;
                match numbers.len() {
                    4 | 6 => shaped(place, Shape::Box(numbers)),
                    n => Err(FilterError::new(&place, "4 or 6 numbers in a BBOX", n.to_string())),
                }
            }
            _ => {
                let op = Op::of_call(name);
                let args = self.list(if matches!(op, Op::Array(_)) { Self::set } else { Self::or })?;
                Expr::call(place, op, args)
            }
        }
    }

    /// An operand of an array function, where even one value in parentheses is an array.
    fn set(&mut self) -> Parsed {
        match self.symbol(&["("]) {
            Some((place, _)) => Ok(Expr::new(place, Node::Array(self.deeper(|p| p.list(Self::or))?))),
            None => self.or(),
        }
    }

    fn text_argument(&mut self) -> Result<String, FilterError> {
        let Word::Text(text) = self.peek().word.clone() else { return Err(self.unexpected("a literal in single quotes")) };
        self.bump();
        self.expect(")")?;
        Ok(text)
    }

    /// A geometry in WKT, from its name on.
    fn shape(&mut self) -> Result<Shape, FilterError> {
        let name = match &self.peek().word {
            Word::Name(name) if is_geometry(name) => name.clone(),
            _ => return Err(self.unexpected("a geometry")),
        };
        self.bump();
        if self.peek().is("M") || self.peek().is("ZM") {
            return Err(self.unexpected("coordinates without measures"));
        }
        let has_z = self.keyword("Z").is_some();
        let Some(kind) = ShapeKind::of_wkt(&name) else {
            if self.keyword("EMPTY").is_some() {
                return Ok(Shape::Collection(Vec::new()));
            }
            self.expect("(")?;
            let mut all = Vec::new();
            loop {
                all.push(self.deeper(Self::shape)?);
                if self.symbol(&[","]).is_none() {
                    self.expect(")")?;
                    return Ok(Shape::Collection(all));
                }
            }
        };
        if self.keyword("EMPTY").is_some() {
            let empty = if kind == ShapeKind::Point { Coordinates::Position(Vec::new()) } else { Coordinates::List(Vec::new()) };
            return Ok(Shape::Simple(kind, empty));
        }
        let coordinates = self.coordinates(kind.depth(), kind == ShapeKind::MultiPoint, has_z)?;
        Ok(Shape::Simple(kind, coordinates))
    }

    /// Positions in parentheses, nested `depth` levels deep; the points of a MULTIPOINT may have
    /// parentheses of their own.
    fn coordinates(&mut self, depth: usize, points: bool, has_z: bool) -> Result<Coordinates, FilterError> {
        self.expect("(")?;
        if depth == 0 {
            let position = self.position(has_z)?;
            self.expect(")")?;
            return Ok(position);
        }
        let mut all = Vec::new();
        loop {
            let own = depth > 1 || (points && self.peek().word == Word::Symbol("("));
            all.push(if own { self.coordinates(depth - 1, false, has_z)? } else { self.position(has_z)? });
            if self.symbol(&[","]).is_none() {
                self.expect(")")?;
                return Ok(Coordinates::List(all));
            }
        }
    }

    fn position(&mut self, has_z: bool) -> Result<Coordinates, FilterError> {
        let place = self.peek().place();
        let numbers = self.numbers("")?;
        match numbers.len() {
            3 => Ok(Coordinates::Position(numbers)),
            2 if !has_z => Ok(Coordinates::Position(numbers)),
            n => {
                let expected = if has_z { "3 coordinates" } else { "2 or 3 coordinates" };
                Err(FilterError::new(&place, expected, n.to_string()))
            }
        }
    }

    /// Signed numbers with a separator, or one after the other.
    fn numbers(&mut self, separator: &'static str) -> Result<Vec<f64>, FilterError> {
        let mut numbers = Vec::new();
        loop {
            let sign = self.symbol(&["-", "+"]);
            #[expect(clippy::cast_precision_loss, reason = "coordinates are far below 2^53")]
            let number = match self.peek().word {
                Word::Integer(n) => n as f64,
                Word::Number(n) => n,
                _ => return Err(self.unexpected("a number")),
            };
            self.bump();
            numbers.push(if sign.is_some_and(|(_, s)| s == "-") { -number } else { number });
            let more = match self.peek().word {
                Word::Integer(_) | Word::Number(_) | Word::Symbol("-" | "+") => separator.is_empty(),
                Word::Symbol(s) => s == separator,
                _ => false,
            };
            if !more {
                return Ok(numbers);
            }
            if !separator.is_empty() {
                self.bump();
            }
        }
    }
}

/// True if text can call a function by this name: the rule `identifier` of annex B, and no name of the language's own.
pub(crate) fn names_function(name: &str) -> bool {
    let is_identifier = name.starts_with(starts_name) && name.chars().all(continues_name);
    let is_ours =
        is_geometry(name) || RESERVED.iter().chain(&["DATE", "TIMESTAMP", "INTERVAL", "BBOX"]).any(|word| word.eq_ignore_ascii_case(name));
    is_identifier && !is_ours && Op::of_call(name) == Op::Function(name.to_owned())
}

fn is_geometry(name: &str) -> bool {
    name.eq_ignore_ascii_case("GEOMETRYCOLLECTION") || ShapeKind::of_wkt(name).is_some()
}

fn negate(not: Option<Place>, expr: Expr) -> Parsed {
    match not {
        Some(place) => Expr::call(place, Op::Not, vec![expr]),
        None => Ok(expr),
    }
}

/// A geometry literal that is well formed.
pub(crate) fn shaped(place: Place, shape: Shape) -> Parsed {
    match shape.lacks() {
        Some(lacking) => Err(FilterError::new(&place, lacking, "others")),
        None => Ok(Expr::new(place, Node::Shape(shape))),
    }
}

/// An end of an interval: a date or timestamp in quotes, `..`, a property or a function.
pub(crate) fn interval_end(end: Expr) -> Parsed {
    let node = match &end.node {
        Node::Text(text) if text == ".." => Node::Unbounded,
        Node::Text(text) => time::instant(&end.place, text)?,
        Node::Property(_) | Node::Call(Op::Function(_), _) | Node::Date(_) | Node::Timestamp(_) => return Ok(end),
        _ => return Err(FilterError::new(&end.place, "a date, a timestamp, '..', a property or a function", "another value")),
    };
    Ok(Expr::new(end.place, node))
}
