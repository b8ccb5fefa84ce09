//! Full-text search over names and addresses, in Chinese, English and pinyin.

use citywall_model::{FeatureRef, FeatureTable, FieldType, ValueRef};
use pinyin::ToPinyinMulti;

/// Words that an item's texts must have, wherever they stand.
///
/// Words are separated by spaces, and all of them must be there; between commas stand
/// alternatives. Case does not count. Latin letters find Chinese characters by their pinyin, whole
/// (`tianjin`), as initials (`tj`) or mixed (`tianj`), in any of a character's readings.
#[derive(Clone, Debug)]
pub struct Search {
    alternatives: Vec<Vec<String>>,
}

impl Search {
    /// Reads a search; `None` if it has no word.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let words = |part: &str| part.split_whitespace().map(str::to_lowercase).collect::<Vec<_>>();
        let alternatives: Vec<_> = text.split([',', '，']).map(words).filter(|words| !words.is_empty()).collect();
        (!alternatives.is_empty()).then_some(Self { alternatives })
    }

    /// True if the item's id and texts have the words. O(characters × words).
    #[must_use]
    pub fn holds(&self, item: FeatureRef<'_>) -> bool {
        self.alternatives.iter().any(|words| words.iter().all(|word| has(item, word)))
    }
}

fn has(item: FeatureRef<'_>, word: &str) -> bool {
    if finds(&item.id(), word) {
        return true;
    }
    match item {
        FeatureRef::Row(table, row) => row_has(table, row, word),
        live => {
            let mut found = false;
            live.each_property(|_, value| {
                if let ValueRef::Text(text) = value {
                    found = found || finds(text, word);
                }
            });
            found
        }
    }
}

fn row_has(table: &FeatureTable, row: u32, word: &str) -> bool {
    let mut fields = table.schema().fields.iter().enumerate().filter(|(_, field)| field.kind == FieldType::Text);
    fields.any(|(at, _)| matches!(table.value(row, at), ValueRef::Text(text) if finds(text, word)))
}

/// True if the word, in lower case, stands in the text.
fn finds(text: &str, word: &str) -> bool {
    let has_han = !text.is_ascii();
    if !word.is_ascii() || !has_han {
        return text.to_lowercase().contains(word);
    }
    text.char_indices().any(|(at, _)| starts(&text[at..], word))
}

/// True if the text starts with a word of Latin letters, in letters or in pinyin.
fn starts(text: &str, word: &str) -> bool {
    let Some(letter) = word.chars().next() else { return true };
    let mut rest = text.chars();
    let Some(c) = rest.next() else { return false };
    if c.is_ascii() {
        return c.eq_ignore_ascii_case(&letter) && starts(rest.as_str(), &word[1..]);
    }
    let Some(readings) = c.to_pinyin_multi() else { return false };
    readings.into_iter().any(|reading| {
        let syllable = reading.plain();
        // A word may end within a syllable, as it does while it is being typed.
        syllable.starts_with(word)
            || word.strip_prefix(syllable).is_some_and(|word| starts(rest.as_str(), word))
            || (syllable.starts_with(letter) && starts(rest.as_str(), &word[1..]))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pinyin_finds_chinese_whole_by_initials_and_mixed() {
        for (text, word, found) in [
            ("天津站", "tianjin", true),
            ("天津站", "tj", true),
            ("天津站", "tianj", true),
            ("天津站", "jinzhan", true),
            ("天津站", "tianjinx", false),
            ("天津站", "津", true),
            ("天津站", "北", false),
            ("重庆道", "chongqing", true),
            ("重庆道", "zhongqing", true),
            ("Main Street 12", "main", true),
            ("Main Street 12", "12", true),
            ("B12栋", "b12dong", true),
            ("Straße", "straße", true),
        ] {
            assert_eq!(finds(text, word), found, "{word} in {text}");
        }
        assert!(Search::new(" , ").is_none());
    }
}
