//! Finds where JSON values begin and end without reading what is in them.

/// Walks a JSON text bytewise: how deep it is, and whether it is inside a text.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Walker {
    depth: u64,
    in_text: bool,
    escaped: bool,
}

impl Walker {
    /// Looks at one byte; true if it closes the object, array or text that was begun.
    pub(crate) fn closes(&mut self, byte: u8) -> bool {
        if self.in_text {
            if self.escaped {
                self.escaped = false;
            } else if byte == b'\\' {
                self.escaped = true;
            } else if byte == b'"' {
                self.in_text = false;
                return self.depth == 0;
            }
            return false;
        }
        match byte {
            b'"' => self.in_text = true,
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => {
                self.depth = self.depth.saturating_sub(1);
                return self.depth == 0;
            }
            _ => {}
        }
        false
    }
}

/// What the beginning of a JSON text tells of the whole.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Outline {
    /// The value of the outermost object's member `type`, if it stands early enough.
    pub(crate) kind: Option<String>,
    /// The names of the outermost members that were seen.
    pub(crate) members: Vec<String>,
    /// Where the outermost value ends, if it does.
    pub(crate) end: Option<usize>,
}

/// Looks at the first bytes of a JSON text that starts with `{`.
pub(crate) fn outline(head: &[u8]) -> Outline {
    let mut outline = Outline::default();
    let (mut walker, mut text_start, mut last_text, mut key) = (Walker::default(), None, None, None::<String>);
    for (at, byte) in head.iter().enumerate() {
        let was_in_text = walker.in_text;
        let at_top = walker.depth == 1;
        let closed = walker.closes(*byte);
        if closed {
            outline.end = Some(at + 1);
            break;
        }
        if at_top && !was_in_text && walker.in_text {
            text_start = Some(at + 1);
        } else if at_top && was_in_text && !walker.in_text {
            last_text = text_start.take().map(|start| String::from_utf8_lossy(&head[start..at]).into_owned());
            if key.as_deref() == Some("type") && outline.kind.is_none() {
                outline.kind.clone_from(&last_text);
            }
        } else if at_top && !was_in_text && *byte == b':' {
            key = last_text.take();
            outline.members.extend(key.clone());
        } else if at_top && !was_in_text && *byte == b',' {
            key = None;
        }
    }
    outline
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_type_is_found_wherever_it_stands() {
        let seen = outline(br#" {"a":{"type":"no"},"b":["type"], "type" : "Feature","c":1} {"#);
        assert_eq!(seen.kind.as_deref(), Some("Feature"));
        assert_eq!(seen.members, ["a", "b", "type", "c"]);
        assert_eq!(seen.end, Some(59));
        assert_eq!(outline(br#"{"name":"type","crs":{"#), Outline { kind: None, members: vec!["name".into(), "crs".into()], end: None });
    }
}
