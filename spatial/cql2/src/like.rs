//! The patterns of LIKE (OGC 21-065r2, /req/advanced-comparison-operators/like-predicate).

/// A pattern: `%` stands for any characters, `_` for one, `\` takes the next one as it is.
#[derive(Clone, Debug)]
pub(crate) enum Pattern {
    /// No wildcards.
    Exact(String),
    /// `text%`
    Prefix(String),
    /// `%text`
    Suffix(String),
    /// `%text%`
    Within(String),
    /// Anything else.
    Pieces(Vec<Piece>),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Piece {
    Char(char),
    One,
    Many,
}

impl Pattern {
    pub(crate) fn new(text: &str) -> Self {
        let mut pieces = Vec::new();
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            match c {
                '\\' => pieces.push(Piece::Char(chars.next().unwrap_or('\\'))),
                '_' => pieces.push(Piece::One),
                '%' if pieces.last() == Some(&Piece::Many) => {}
                '%' => pieces.push(Piece::Many),
                c => pieces.push(Piece::Char(c)),
            }
        }
        let plain =
            |pieces: &[Piece]| pieces.iter().map(|p| if let Piece::Char(c) = p { Some(*c) } else { None }).collect::<Option<String>>();
        let simple = match pieces.as_slice() {
            [Piece::Many, within @ .., Piece::Many] => plain(within).map(Self::Within),
            [Piece::Many, suffix @ ..] => plain(suffix).map(Self::Suffix),
            [prefix @ .., Piece::Many] => plain(prefix).map(Self::Prefix),
            exact => plain(exact).map(Self::Exact),
        };
        simple.unwrap_or(Self::Pieces(pieces))
    }

    /// What every text that matches begins with; `None` if that may be anything.
    pub(crate) fn beginning(&self) -> Option<String> {
        let text: String = match self {
            Self::Exact(own) | Self::Prefix(own) => own.clone(),
            Self::Suffix(_) | Self::Within(_) => return None,
            Self::Pieces(pieces) => pieces.iter().map_while(|piece| if let Piece::Char(c) = piece { Some(*c) } else { None }).collect(),
        };
        (!text.is_empty()).then_some(text)
    }

    /// O(text × pattern) at worst.
    pub(crate) fn matches(&self, text: &str) -> bool {
        match self {
            Self::Exact(own) => text == own,
            Self::Prefix(own) => text.starts_with(own.as_str()),
            Self::Suffix(own) => text.ends_with(own.as_str()),
            Self::Within(own) => text.contains(own.as_str()),
            Self::Pieces(pieces) => pieces_match(pieces, text),
        }
    }
}

fn pieces_match(pieces: &[Piece], text: &str) -> bool {
    let (mut rest, mut at) = (text, 0);
    // Where the last `%` stands, and the text that it has not swallowed yet.
    let mut back: Option<(usize, &str)> = None;
    loop {
        let mut chars = rest.chars();
        let c = chars.next();
        match (pieces.get(at), c) {
            (None, None) => return true,
            (Some(Piece::Many), _) => {
                back = Some((at, rest));
                at += 1;
                continue;
            }
            (Some(Piece::One), Some(_)) => {}
            (Some(Piece::Char(own)), Some(c)) if *own == c => {}
            _ => {
                let Some((many, from)) = back else { return false };
                let mut swallowed = from.chars();
                if swallowed.next().is_none() {
                    return false;
                }
                rest = swallowed.as_str();
                back = Some((many, rest));
                at = many + 1;
                continue;
            }
        }
        rest = chars.as_str();
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_stand_for_characters_and_a_backslash_takes_them_as_they_are() {
        for (pattern, text, matches) in [
            ("天%", "天津", true),
            ("天_", "天津", true),
            ("_", "天津", false),
            ("%津", "天津", true),
            ("%b%d", "abcd", true),
            ("a%b%c", "axxbxxbxxc", true),
            ("a%b%c", "axxbxxbxx", false),
            (r"100\%", "100%", true),
            (r"100\%", "1000", false),
            (r"a\_b%", "a_bc", true),
            (r"a\_b%", "axbc", false),
            ("%", "", true),
            ("", "", true),
            ("_%", "", false),
        ] {
            assert_eq!(Pattern::new(pattern).matches(text), matches, "{text} LIKE {pattern}");
        }
    }
}
