//! One libFuzzer binary; the variable `CITYWALL_FUZZ_TARGET` says which reader it feeds.
//!
//! `run` beside it compiles it and feeds every reader for some time. The readers of the server are
//! listed in `server/src/fuzz.rs`; those of the wall are compiled in from their own files.
#![no_main]

mod render;
mod scene;
mod tiles;

use citywall_server::fuzz;
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

static FEED: LazyLock<fn(&[u8])> = LazyLock::new(|| {
    let wanted = std::env::var("CITYWALL_FUZZ_TARGET").unwrap_or_default();
    let mut targets = fuzz::TARGETS.iter().chain(&[("scene", scene::feed as fn(&[u8])), ("vector_tile", tiles::feed)]);
    let found = targets.find(|(name, _)| *name == wanted);
    found.unwrap_or_else(|| panic!("CITYWALL_FUZZ_TARGET: there is no target “{wanted}”; a target has a folder in corpus")).1
});

fuzz_target!(|data: &[u8]| FEED(data));
