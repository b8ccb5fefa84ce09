//! What CASEI and ACCENTI compare: texts with case or accents folded away.

use icu_casemap::CaseMapper;
use icu_normalizer::DecomposingNormalizer;
use icu_properties::{CodePointMapData, props::GeneralCategory};
use std::borrow::Cow;

/// Unicode full case folding (Unicode 16, section 3.13, definition D145): `Straße` is `strasse`.
pub(crate) fn case(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return if text.bytes().any(|b| b.is_ascii_uppercase()) { Cow::Owned(text.to_ascii_lowercase()) } else { Cow::Borrowed(text) };
    }
    CaseMapper::new().fold_string(text)
}

/// The text without accents: decomposed (NFD), without its non-spacing marks.
pub(crate) fn accents(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    let category = CodePointMapData::<GeneralCategory>::new();
    let decomposed = DecomposingNormalizer::new_nfd().normalize_iter(text.chars());
    Cow::Owned(decomposed.filter(|c| category.get(*c) != GeneralCategory::NonspacingMark).collect())
}
